"""QDA keeps the laws, and is scikit-learn's; a class that is flat is refused as there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis as Theirs

from expunge import Records, Run, Table
from expunge.errors import LearnError, ParameterError
from expunge.methods.arrays.quadratic_discriminant_analysis import QuadraticDiscriminantAnalysis
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")


def known(seed: int, n: int = 300, d: int = 4) -> Table:
    """Classes that overlap; numbers far from zero."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, n)
    X = random.normal(size=(n, d)) @ random.normal(size=(d, d)) + 0.8 * y[:, None] + 50.0
    return Table.from_arrays(X, np.array(["a", "b", "c"])[y])


def wide() -> Table:
    """The cases' records, the rare class a few more."""
    data = patients(60)
    label = np.where(np.arange(60) % 4 == 0, "unsure", np.asarray(data.label))
    return Table.from_arrays(np.asarray(data.features), label, data.ids, data.owners)


@contract(
    Case(QuadraticDiscriminantAnalysis(reg_param=0.1), examples=3),
    Case(QuadraticDiscriminantAnalysis(), wide(), examples=2, portable=False),
)
def test_it_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (QuadraticDiscriminantAnalysis(), Theirs()),
        (QuadraticDiscriminantAnalysis({"a": 1, "b": 1, "c": 2}, 0.2), Theirs(priors=[0.25, 0.25, 0.5], reg_param=0.2)),
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


def test_a_flat_class_is_refused() -> None:
    data = Table.from_arrays(np.array([[0.0], [1.0], [2.0], [2.0]]), ["a", "a", "b", "b"])
    with pytest.raises(LearnError, match="class 'b' with 2 records does not vary"):
        QuadraticDiscriminantAnalysis().learn(data, RUN)


def test_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match="reg_param to be a number from 0 to 1"):
        QuadraticDiscriminantAnalysis(reg_param=2.0)
