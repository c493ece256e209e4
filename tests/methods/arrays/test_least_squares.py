"""Least squares from moments, whatever the columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.methods.arrays._least_squares import least_condition, solved


@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.sampled_from([1.0, 1e-6, 1e9]))
def test_it_is_the_solution_of_least_norm(seed: int, twins: int, unit: float) -> None:
    random = np.random.default_rng(seed)
    X = random.normal(size=(30, 3))
    X = np.hstack([X, X[:, :twins] * 3.0, np.zeros((30, 1))])
    y = random.normal(size=(30, 2)) * unit
    made = solved(X.T @ X, X.T @ y, 0.0)
    assert made / unit == pytest.approx(np.linalg.pinv(X) @ y / unit, abs=1e-8)


def test_a_penalty_makes_any_columns_fit() -> None:
    assert solved(np.ones((2, 2)), np.ones((2, 1)), 1.0) == pytest.approx(np.full((2, 1), 1 / 3))
    assert solved(np.zeros((0, 0)), np.zeros((0, 1)), 1.0).shape == (0, 1)
    assert solved(np.zeros((2, 2)), np.zeros((2, 1)), 0.0).tolist() == [[0.0], [0.0]]


def test_units_decide_nothing_about_what_is_dependent() -> None:
    X = np.random.default_rng(0).normal(size=(50, 2)) * [1e-7, 1e7]
    y = X @ [[2e7], [3e-7]]
    assert solved(X.T @ X, X.T @ y, 0.0) == pytest.approx(np.array([[2e7], [3e-7]]), rel=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(0, 12), st.integers(-30, 10))
def test_a_penalty_bounds_the_condition(seed: int, d: int, twins: int, exponent: int) -> None:
    random, alpha = np.random.default_rng(seed), 2.0**exponent
    X = random.normal(size=(30, d)) * 10.0 ** random.integers(-3, 3, d)
    X = np.hstack([X, X[:, :twins]])
    A = X.T @ X + alpha * np.eye(X.shape[1])
    lengths = np.sqrt(A.diagonal())
    least = least_condition(lengths, alpha)
    assert 0 < least <= (1 + 1e-3) / np.linalg.cond(A / lengths[:, None] / lengths, 1)
