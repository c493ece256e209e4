"""Nearest neighbours keep the laws, and are scikit-learn's where nothing is tied; a tie goes to the smaller id."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier as Theirs

from expunge import Column, Records, Run, Table, fingerprint
from expunge.errors import ParameterError
from expunge.methods.arrays.k_neighbors_classifier import KNeighborsClassifier
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")


@contract(
    Case(KNeighborsClassifier(), examples=2),
    Case(KNeighborsClassifier(3, "distance"), patients(owned=False), examples=2, portable=False),
)
def test_it_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_it_is_scikit_learns(weights: str) -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(300, 3)), random.integers(0, 3, 300)
    data, target = Table.from_arrays(X, y), Records(range(0, 300, 7))
    ours = KNeighborsClassifier(4, weights)
    model = ours.forget(ours.learn(data, RUN), target, data, RUN).model
    rest = data.after(target)
    theirs = Theirs(4, weights=weights).fit(rest.features, rest.label)
    assert ours.predict(model, data) == pytest.approx(theirs.predict_proba(X), abs=1e-9)


def test_of_many_that_are_as_near_the_smaller_ids_answer() -> None:
    ids = np.array([40, 10, 30, 20, 50])
    data = Table.from_arrays(np.zeros((5, 2)), ["d", "a", "c", "b", "e"], ids)
    method = KNeighborsClassifier(2)
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0]):
        scores = method.predict(method.learn(data.take(np.array(order)), RUN), data)
        assert scores[0].tolist() == [0.5, 0.5, 0.0, 0.0, 0.0]


def test_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match="n_neighbors to be a whole number"):
        KNeighborsClassifier(0)
    with pytest.raises(ParameterError, match="'uniform' or 'distance'"):
        KNeighborsClassifier(weights="near")


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_without_columns_the_smallest_ids_answer(weights: str) -> None:
    data, method = Table.from_arrays(np.eye(3)[:, :1], ["b", "a", "a"], [30, 10, 20]), KNeighborsClassifier(2, weights)
    done, rest = method.forget(method.learn(data, RUN), Column("x0"), data, RUN), data.after(Column("x0"))
    assert fingerprint(done.model) == fingerprint(method.learn(rest, RUN))
    assert method.predict(done.model, rest).tolist() == [[1.0, 0.0]] * 3
