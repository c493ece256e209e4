"""A Hessian that is never written down solves as the matrix does, and its bound is below its smallest eigenvalue."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from expunge.linear import optimum
from expunge.linear.families import Logistic, Multinomial
from expunge.linear.implicit import FORCED, Implicit
from expunge.linear.objective import Objective
from expunge.linear.optimum import fit
from expunge.linear.residual import distance

Hard = Callable[..., Objective]


@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(["logistic", "multinomial", "poisson", "gamma", "ridge"]))
@settings(max_examples=80, deadline=None)
def test_its_bound_is_below_the_smallest_eigenvalue(seed: int, name: str, hard: Hard) -> None:
    objective = hard(seed, name)
    w = np.random.default_rng(seed).normal(size=objective.size) / max(objective.radius, 1.0)
    H = objective.hessian(w)
    implicit = Implicit(objective, w)
    assert implicit.smallest <= np.linalg.eigvalsh(H)[0] + 1e-12 * np.trace(H)


@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(["logistic", "multinomial", "hinges"]))
@settings(max_examples=30, deadline=None)
def test_it_solves_as_the_matrix_does(seed: int, name: str, hard: Hard) -> None:
    objective = hard(seed, name, mild=True)
    w = np.random.default_rng(seed).normal(size=objective.size) * 0.1
    b = np.random.default_rng(seed).normal(size=objective.size)
    H = objective.hessian(w)
    assert np.linalg.norm(H @ Implicit(objective, w).solve(b) - b) <= 2 * FORCED * np.linalg.norm(b)


def test_a_free_intercept_is_bounded_by_its_schur_complement() -> None:
    random = np.random.default_rng(0)
    objective = Objective(Logistic(), random.normal(size=(500, 4)), random.integers(0, 2, 500), 1e-2)
    implicit = Implicit(objective, np.zeros(5))
    assert objective.strong_convexity == 0.0
    assert 0.5e-2 < implicit.smallest <= 1e-2 * 1.01 or implicit.smallest > 1e-2 * 0.5
    assert implicit.energy(np.ones(5)) >= np.sqrt(
        np.ones(5) @ np.linalg.solve(objective.hessian(np.zeros(5)), np.ones(5))
    )


def test_no_record_and_no_penalty_bound_nothing() -> None:
    none = Objective(Logistic(), np.zeros((0, 2)), np.zeros(0), 1.0)
    assert Implicit(none, np.zeros(3)).smallest == 0.0
    bare = Objective(Logistic(), np.eye(2), np.array([0.0, 1.0]), 0.0, "none")
    assert Implicit(bare, np.zeros(2)).smallest == 0.0


@pytest.mark.parametrize("family", [Logistic(), Multinomial(3)], ids=repr)
def test_a_wide_model_ends_where_the_matrix_would(
    family: Logistic | Multinomial, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    X = sparse.random(200, 40, density=0.1, format="csr", rng=random)
    y = np.arange(200) % (3 if family.outputs > 1 else 2)
    objective = Objective(family, X, y.astype(float), 1.0)
    dense = fit(objective)
    monkeypatch.setattr(optimum, "DENSE", 10)
    wide = fit(objective)
    assert wide.weights == pytest.approx(dense.weights, abs=1e-10)
    assert distance(objective, wide.point, Implicit(objective, wide.weights)) < 1e-9
    assert wide.passes > dense.passes  # every product is counted
