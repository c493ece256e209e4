"""Linear regression keeps the laws, and is scikit-learn's, also where columns depend on each other."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import linear_model

from expunge import Run, Table
from expunge.errors import ParameterError
from expunge.methods.arrays.linear_regression import LinearRegression
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")


@contract(
    Case(LinearRegression(), patients(numbers=True), examples=4, portable=False),
    Case(LinearRegression(fit_intercept=False), patients(numbers=True, owned=False), examples=2, portable=False),
)
def test_linear_regression_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("twin", [1.0, -0.25, 1000.0])
def test_of_dependent_columns_it_is_the_solution_of_least_norm(intercept: bool, twin: float) -> None:  # noqa: FBT001
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 3))
    X = np.column_stack([X, twin * X[:, 0], np.full(60, 2.0)])
    y = X @ [1.0, 2.0, 3.0, 0.5, 1.0] + random.normal(size=60)
    data = Table.from_arrays(X, y)
    method = LinearRegression(fit_intercept=intercept)
    model = method.learn(data, RUN)
    theirs = linear_model.LinearRegression(fit_intercept=intercept).fit(X, y)
    assert method.predict(model, data) == pytest.approx(theirs.predict(X), abs=1e-7)
    assert model.solved.coef[0] == pytest.approx(theirs.coef_, abs=1e-7)


def test_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match="fit_intercept to be True or False"):
        LinearRegression(fit_intercept=1)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="power of two"):
        LinearRegression(resolution=0.3)
