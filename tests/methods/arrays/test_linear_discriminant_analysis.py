"""LDA keeps the laws, and is scikit-learn's by either solver."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis as Theirs

from expunge import Records, Run, Table
from expunge.errors import ParameterError
from expunge.methods.arrays.linear_discriminant_analysis import LinearDiscriminantAnalysis
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")


def known(seed: int, n: int = 300, d: int = 4) -> Table:
    """Classes that overlap; numbers far from zero."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, n)
    X = random.normal(size=(n, d)) @ random.normal(size=(d, d)) + 0.8 * y[:, None] + 50.0
    return Table.from_arrays(X, np.array(["a", "b", "c"])[y])


@contract(
    Case(LinearDiscriminantAnalysis(), examples=3),
    Case(LinearDiscriminantAnalysis("lsqr", 0.2), patients(owned=False), examples=2, portable=False),
)
def test_it_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (LinearDiscriminantAnalysis(), Theirs()),
        (LinearDiscriminantAnalysis(priors={"a": 1, "b": 1, "c": 2}), Theirs(priors=[0.25, 0.25, 0.5])),
        (LinearDiscriminantAnalysis("lsqr"), Theirs("lsqr")),
        (LinearDiscriminantAnalysis("lsqr", 0.3), Theirs("lsqr", 0.3)),
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


def test_of_two_classes_and_a_constant_column_it_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 200)
    X = np.column_stack([random.normal(size=(200, 2)) + y[:, None], np.full(200, 3.0)])
    data = Table.from_arrays(X, y)
    method = LinearDiscriminantAnalysis()
    assert method.predict(method.learn(data, RUN), data) == pytest.approx(Theirs().fit(X, y).predict_proba(X), abs=1e-9)


def test_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match="shrinkage to be a number from 0 to 1, got 'auto'"):
        LinearDiscriminantAnalysis("lsqr", "auto")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="takes no shrinkage"):
        LinearDiscriminantAnalysis("svd", 0.1)
    with pytest.raises(ParameterError, match="takes no priors"):
        LinearDiscriminantAnalysis("lsqr", priors={"a": 1.0})
    with pytest.raises(ParameterError, match="'svd' or 'lsqr'"):
        LinearDiscriminantAnalysis("eigen")
