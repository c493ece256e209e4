"""Nearest neighbours of numbers keep the laws, and are scikit-learn's where nothing is tied; ties go by id."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor as Theirs

from expunge import Records, Run, Table
from expunge.errors import ParameterError
from expunge.methods.arrays.k_neighbors_regressor import KNeighborsRegressor
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")


@contract(
    Case(KNeighborsRegressor(), patients(numbers=True), examples=2, portable=False),
    Case(KNeighborsRegressor(3, "distance"), patients(numbers=True, several=True), examples=2, portable=False),
)
def test_it_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_it_is_scikit_learns(weights: str) -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(300, 3)), random.normal(size=(300, 2))
    data, target = Table.from_arrays(X, y), Records(range(0, 300, 7))
    ours = KNeighborsRegressor(4, weights)
    model = ours.forget(ours.learn(data, RUN), target, data, RUN).model
    rest = data.after(target)
    theirs = Theirs(4, weights=weights).fit(rest.features, rest.label)
    assert ours.predict(model, data) == pytest.approx(theirs.predict(X), abs=1e-9)


def test_of_many_that_are_as_near_the_smaller_ids_answer() -> None:
    data = Table.from_arrays(np.zeros((3, 2)), np.array([3.0, 1.0, 2.0]), np.array([30, 10, 20]))
    method = KNeighborsRegressor(2)
    assert method.predict(method.learn(data, RUN), data).tolist() == [1.5, 1.5, 1.5]


def test_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match="n_neighbors to be a whole number"):
        KNeighborsRegressor(0)
    with pytest.raises(ParameterError, match="'uniform' or 'distance'"):
        KNeighborsRegressor(weights="near")
