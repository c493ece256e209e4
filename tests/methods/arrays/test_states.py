"""What Newton keeps, and where it goes on from when the data have another shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from expunge import Column, Records, Run, fingerprint
from expunge.codec import decode, encode
from expunge.errors import MismatchError
from expunge.learners.linear import as_linear
from expunge.methods.arrays._states import centred, expect_state, same_rows, started
from expunge.methods.arrays.newton import Newton
from expunge.testing import patients

RUN, DATA = Run(key=b"k"), patients()


def learned(estimator: Any) -> Any:
    """A state."""
    return Newton(estimator).learn(DATA, RUN)


def test_a_state_comes_back_from_its_bytes() -> None:
    state = learned(LogisticRegression())
    read = decode(encode(state), trusted=True)
    assert fingerprint(read) == fingerprint(state)
    gone = Records(DATA.ids[:2])
    method = Newton(LogisticRegression())
    assert fingerprint(method.forget(read, gone, DATA, RUN).model) == fingerprint(
        method.forget(state, gone, DATA, RUN).model
    )


@pytest.mark.parametrize(
    ("estimator", "same"),
    [
        (LogisticRegression(), True),
        (LogisticRegression(class_weight={"ham": 2.0}), True),
        (LogisticRegression(class_weight="balanced"), False),
        (make_pipeline(Normalizer(), LogisticRegression()), True),  # which learns nothing from the records
        (make_pipeline(StandardScaler(), LogisticRegression()), False),
    ],
    ids=repr,
)
def test_a_factor_serves_on_while_the_records_that_stay_are_what_they_were(estimator: Any, same: bool) -> None:  # noqa: FBT001
    learner, after = as_linear(estimator), DATA.after(Records(DATA.ids[:2]))
    front = learner.fitted_front(after, RUN)
    assert same_rows(learner, learned(estimator), front, after) == same
    assert not same_rows(learner, learned(estimator), front, after.after(Column("x1")))


def test_a_column_that_goes_takes_its_parameters_along() -> None:
    learner, state = as_linear(LogisticRegression()), learned(LogisticRegression())
    after = DATA.after(Column("x1"))
    objective, _ = learner.objective(after, RUN)
    assert np.array_equal(started(state, after, objective).reshape(3, 3), state.weights.reshape(3, 4)[:, [0, 2, 3]])


def test_another_shape_starts_from_nothing() -> None:
    learner, state = as_linear(LogisticRegression()), learned(make_pipeline(StandardScaler(), LogisticRegression()))
    after = DATA.after(Column("x1"))
    objective, _ = learner.objective(after, RUN)
    assert not started(state, after, objective).any()


def test_a_shift_is_no_distance() -> None:
    learner = as_linear(LogisticRegression())
    objective, _ = learner.objective(DATA, RUN)
    w = np.arange(12.0)
    assert centred(objective, w + np.tile([1.0, 2.0, 3.0, 4.0], 3)) == pytest.approx(centred(objective, w))
    two, _ = learner.objective(DATA.take(DATA.label != "unsure"), RUN)  # type: ignore[arg-type]
    assert centred(two, w[:4]).tolist() == [0.0, 1.0, 2.0, 3.0]


def test_what_is_no_state_is_refused() -> None:
    with pytest.raises(MismatchError, match="the State that this Newton learned, got a int"):
        expect_state(3)
