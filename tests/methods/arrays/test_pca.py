"""Principal components keep the laws, and are scikit-learn's, signs and all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import decomposition

from expunge import Column, Records, Run, Table, fingerprint
from expunge.errors import ParameterError
from expunge.methods.arrays.pca import PCA
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")


@contract(Case(PCA(), examples=2), Case(PCA(0.5, whiten=True), patients(numbers=True), examples=2, portable=False))
def test_it_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("how", [{}, {"n_components": 2}, {"n_components": 0.8}, {"whiten": True}], ids=str)
def test_it_is_scikit_learns(how: Any) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 5)) * [5.0, 3.0, 2.0, 1.0, 0.5] + 50.0
    data, target = Table.from_arrays(X), Records(range(0, 300, 7))
    ours, theirs = PCA(**how), decomposition.PCA(svd_solver="full", **how)
    model = ours.forget(ours.learn(data, RUN), target, data, RUN).model
    theirs.fit(data.after(target).features)
    assert ours.predict(model, data) == pytest.approx(theirs.transform(X), abs=1e-9)
    assert model.solved.explained_variance == pytest.approx(theirs.explained_variance_)


def test_there_are_no_more_axes_than_records_or_columns() -> None:
    data = Table.from_arrays(np.arange(8.0).reshape(2, 4))
    assert PCA(9).learn(data, RUN).solved.components.shape == (2, 4)
    one = data.take(np.array([0]))
    assert PCA(whiten=True).predict(PCA(whiten=True).learn(one, RUN), one).tolist() == [[0.0]]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, 0.0, True, "mle"])
def test_parameters_are_checked(wrong: Any) -> None:
    with pytest.raises(ParameterError, match="n_components to be a whole number"):
        PCA(wrong)
    with pytest.raises(ParameterError, match="whiten"):
        PCA(whiten=2)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", [None, 1, 0.5])
def test_without_columns_there_are_no_axes(how: Any) -> None:
    data, method = Table.from_arrays(np.arange(4.0)[:, None]), PCA(how, whiten=True)
    done, rest = method.forget(method.learn(data, RUN), Column("x0"), data, RUN), data.after(Column("x0"))
    assert fingerprint(done.model) == fingerprint(method.learn(rest, RUN))
    assert method.predict(done.model, rest).shape == (4, 0)
