"""Products with an inverse Hessian: four ways, one answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.errors import LearnError, ParameterError
from expunge.linear.families import Logistic
from expunge.linear.inverse import arnoldi, cholesky, conjugate_gradients, lissa
from expunge.linear.objective import Objective


def positive(seed: int, size: int = 6, spread: float = 2.0) -> Any:
    """A positive definite matrix with eigenvalues from 1 to 10^spread."""
    random = np.random.default_rng(seed)
    Q = np.linalg.qr(random.normal(size=(size, size)))[0]
    return (Q * np.logspace(0, spread, size)) @ Q.T


@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0, 4))
@settings(max_examples=40, deadline=None)
def test_conjugate_gradients_solve_what_cholesky_solves(seed: int, spread: float) -> None:
    H, b = positive(seed, spread=spread), np.random.default_rng(seed).normal(size=6)
    found = conjugate_gradients(lambda v: H @ v, b, diagonal=np.diag(H))
    assert found.x == pytest.approx(cholesky(H, b), rel=1e-5, abs=1e-7)
    assert found.residual == pytest.approx(np.linalg.norm(H @ found.x - b))
    assert np.linalg.norm(found.x - cholesky(H, b)) <= found.residual / np.linalg.eigvalsh(H)[0] * (1 + 1e-6) + 1e-12


def test_conjugate_gradients_stop_when_told_to_and_where_nothing_curves() -> None:
    H, b = positive(0), np.ones(6)
    assert conjugate_gradients(lambda v: H @ v, b, limit=2).steps == 2
    assert conjugate_gradients(lambda v: H @ v, b, tol=0.5).steps < 6
    assert conjugate_gradients(lambda v: 0 * v, b).residual == pytest.approx(np.linalg.norm(b))
    assert conjugate_gradients(lambda v: H @ v, 0 * b).x.tolist() == [0.0] * 6


def test_lissa_converges_with_the_whole_hessian_and_on_average_with_batches() -> None:
    random = np.random.default_rng(0)
    objective = Objective(Logistic(), random.normal(size=(400, 3)), random.integers(0, 2, 400), 40.0, "penalised")
    w, b = np.full(4, 0.2), np.ones(4)
    exact = cholesky(objective.hessian(w), b)
    scale = 1.1 * np.linalg.eigvalsh(objective.hessian(w))[-1]
    assert lissa([objective.hvp(w)] * 200, b, scale) == pytest.approx(exact, rel=1e-6)

    def batch(seed: int) -> Any:
        rows = np.random.default_rng(seed).integers(0, 400, 200)
        data = objective.take(rows).data_hessian(w) * 2
        return lambda v: data @ v + 40.0 * v

    runs = [lissa([batch(1000 * run + step) for step in range(60)], b, 1.5 * scale) for run in range(20)]
    assert np.mean(runs, axis=0) == pytest.approx(exact, rel=0.02)
    damped = lissa([objective.hvp(w)] * 200, b, scale, damping=0.1)
    assert damped == pytest.approx(np.linalg.solve(objective.hessian(w) + 0.1 * scale * np.eye(4), b), rel=1e-6)


def test_lissa_says_that_it_diverges() -> None:
    with pytest.raises(LearnError, match="the scale, 1"):
        lissa([lambda v: 10.0 * v] * 100, np.ones(2), 1.0)
    with pytest.raises(ParameterError, match="a positive scale"):
        lissa([], np.ones(2), 0.0)


def test_arnoldi_finds_the_largest_pairs_and_solves_within_them() -> None:
    H, b = positive(3, size=20, spread=3.0), np.random.default_rng(0).normal(size=20)
    values, vectors = np.linalg.eigh(H)
    found = arnoldi(lambda v: H @ v, 20, rank=4)
    assert found.values == pytest.approx(values[::-1][:4], rel=1e-6)
    top = vectors[:, ::-1][:, :4]
    assert found.solve(b) == pytest.approx(top @ ((top.T @ b) / values[::-1][:4]), rel=1e-4, abs=1e-6)
    assert arnoldi(lambda v: H @ v, 20, rank=20).solve(b) == pytest.approx(cholesky(H, b), rel=1e-6)
    assert found.solve(np.eye(20)).shape == (20, 20)


def test_arnoldi_keeps_no_pair_of_a_direction_without_curvature() -> None:
    found = arnoldi(lambda v: np.diag([4.0, 1.0, 0.0]) @ v, 3, rank=3)
    assert found.values == pytest.approx([4.0, 1.0])
    with pytest.raises(ParameterError, match="between 1 and 3"):
        arnoldi(lambda v: v, 3, rank=4)


def test_what_is_not_positive_definite_has_no_inverse() -> None:
    with pytest.raises(LearnError, match="not positive definite"):
        cholesky(-np.eye(2), np.ones(2))
