"""L-BFGS products against the matrix built by the textbook's recursion, against the compact form, and by the secant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.methods.arrays._lbfgs import curved, product

if TYPE_CHECKING:
    from numpy.typing import NDArray


def pairs(seed: int, count: int, size: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Steps and changes of gradient under a positive definite matrix, and that matrix."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    matrix = root @ root.T + np.eye(size)
    steps = rng.normal(size=(count, size))
    return steps, steps @ matrix, matrix


def dense(steps: NDArray[Any], changes: NDArray[Any]) -> NDArray[Any]:
    """B by the BFGS update, pair by pair."""
    scale = (changes[-1] @ steps[-1]) / (steps[-1] @ steps[-1])
    matrix = scale * np.eye(steps.shape[1])
    for s, y in zip(steps, changes, strict=True):
        matrix = matrix - np.outer(matrix @ s, matrix @ s) / (s @ matrix @ s) + np.outer(y, y) / (y @ s)
    return np.asarray(matrix)


def compact(steps: NDArray[Any], changes: NDArray[Any], vector: NDArray[Any]) -> NDArray[Any]:
    """The form that DeltaGrad's authors use: ``sigma v - [Y, sigma S] M^-1 [Y'v; sigma S'v]``."""
    scale = (changes[-1] @ steps[-1]) / (steps[-1] @ steps[-1])
    cross = steps @ changes.T
    lower, diagonal = np.tril(cross, -1), np.diag(np.diag(cross))
    middle = np.block([[-diagonal, lower.T], [lower, scale * steps @ steps.T]])
    found = np.linalg.solve(middle, np.concatenate([changes @ vector, scale * steps @ vector]))
    return np.asarray(scale * vector - changes.T @ found[: len(steps)] - scale * steps.T @ found[len(steps) :])


@given(seed=st.integers(0, 10**6), count=st.integers(1, 4), size=st.integers(4, 8))
def test_it_is_the_bfgs_matrix_in_both_forms(seed: int, count: int, size: int) -> None:
    steps, changes, _ = pairs(seed, count, size)
    vector = np.random.default_rng(seed + 1).normal(size=size)
    expected = dense(steps, changes) @ vector
    largest = np.abs(expected).max()
    assert product(steps, changes, vector) == pytest.approx(expected, abs=1e-8 * largest)
    assert product(steps, changes, vector) == pytest.approx(compact(steps, changes, vector), abs=1e-6 * largest)


@given(seed=st.integers(0, 10**6), count=st.integers(1, 4))
def test_it_satisfies_the_secant_equation_of_the_last_pair_and_is_positive(seed: int, count: int) -> None:
    steps, changes, _ = pairs(seed, count, 6)
    assert product(steps, changes, steps[-1]) == pytest.approx(changes[-1], rel=1e-6, abs=1e-6)
    vector = np.random.default_rng(seed + 1).normal(size=6)
    assert vector @ product(steps, changes, vector) > 0


def test_parallel_steps_do_not_break_it() -> None:
    """Steps that follow each other are nearly parallel, as those of a replay are."""
    steps = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0]])
    changes = np.array([[1.0, 1.0, 0.0], [3.0, 4.0, 1.0]])
    assert product(steps, changes, steps[-1]) == pytest.approx(changes[-1])
    assert product(steps, changes, np.ones(3)) == pytest.approx(dense(steps, changes) @ np.ones(3))


def test_without_pairs_there_is_no_curvature() -> None:
    assert product(np.zeros((0, 3)), np.zeros((0, 3)), np.ones(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("step", "change", "fits"),
    [
        ([1.0, 0.0], [2.0, 5.0], True),
        ([1.0, 0.0], [0.0, 5.0], False),
        ([1.0, 0.0], [-1.0, 0.0], False),
        ([0.0, 0.0], [0.0, 0.0], False),
        ([1e-180, 0.0], [1e-180, 0.0], False),  # their product is rounded away
    ],
)
def test_a_pair_needs_curvature(step: list[float], change: list[float], *, fits: bool) -> None:
    assert curved(np.array(step), np.array(change)) is fits
