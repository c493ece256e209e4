"""Gaussian naive Bayes keeps the laws, and is scikit-learn's on what remains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB as Theirs

from expunge import Records, Run, Table
from expunge.errors import LearnError, ParameterError
from expunge.methods.arrays.gaussian_nb import GaussianNB
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")


def known(seed: int, n: int = 300, d: int = 4) -> Table:
    """Classes that overlap; numbers far from zero."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, n)
    X = random.normal(size=(n, d)) @ random.normal(size=(d, d)) + 0.8 * y[:, None] + 50.0
    return Table.from_arrays(X, np.array(["a", "b", "c"])[y])


@contract(
    Case(GaussianNB(), examples=3),
    Case(GaussianNB({"ham": 0.2, "spam": 0.5, "unsure": 0.3}, 0.1), patients(owned=False), examples=2, portable=False),
)
def test_it_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (GaussianNB(), Theirs()),
        (GaussianNB({"a": 1, "b": 1, "c": 2}, 0.1), Theirs(priors=[0.25, 0.25, 0.5], var_smoothing=0.1)),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_it_is_scikit_learns(ours: Any, theirs: Any, seed: int) -> None:
    data = known(seed)
    target = Records(range(0, 300, 7))
    model = ours.forget(ours.learn(data, RUN), target, data, RUN).model
    rest = data.after(target)
    theirs.fit(rest.features, rest.label)
    assert ours.predict(model, data) == pytest.approx(theirs.predict_proba(data.features), abs=1e-9)


def test_variances_are_those_of_scikit_learn_where_they_are_not_small_beside_the_offset() -> None:
    data = known(0)
    solved = GaussianNB().learn(data, RUN).solved
    theirs = Theirs().fit(data.features, data.label)
    assert solved.means == pytest.approx(theirs.theta_, rel=1e-12)
    assert solved.variances == pytest.approx(theirs.var_, rel=1e-9)


def test_the_largest_variance_is_that_of_who_is_left() -> None:
    X = np.array([[0.0], [1.0], [0.5], [1e6]])
    data, method = Table.from_arrays(X, ["a", "a", "b", "b"]), GaussianNB(var_smoothing=0.5)
    model = method.forget(method.learn(data, RUN), Records([3]), data, RUN).model
    assert model.solved.variances.max() < 1.0


def test_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match="takes priors by class"):
        GaussianNB(priors=[0.5, 0.5])  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="var_smoothing to be a finite number of at least 0"):
        GaussianNB(var_smoothing=-1.0)
    with pytest.raises(LearnError, match="and the records have 'c', too"):
        GaussianNB({"a": 1.0, "b": 1.0}).learn(known(0), RUN)
