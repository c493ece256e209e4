"""The optimum, to the last digits: against scikit-learn's tightest, and in extended precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.errors import LearnError
from expunge.linear.curvature import Factor
from expunge.linear.families import Gamma, Logistic, Poisson, SquaredHinge
from expunge.linear.objective import Objective
from expunge.linear.optimum import PASSES, descend, fit

Hard = Callable[..., Objective]


@pytest.mark.parametrize("name", ["logistic", "multinomial", "poisson", "gamma", "ridge", "hinge", "hinges", "ridges"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_the_optimum_is_one(name: str, seed: int, hard: Hard, refined: Any) -> None:
    objective = hard(seed, name, mild=True)
    try:
        found = fit(objective)
    except LearnError:  # a free intercept and all responses alike: there is none
        assert objective.intercept == "free"
        return
    assert found.residual <= 4 * found.point.allowance
    assert found.passes <= PASSES
    if objective.intercept != "free" or name in {"ridge", "ridges"}:
        assert found.weights == pytest.approx(refined(objective, found.weights).astype(float), abs=1e-7)


def test_a_good_start_saves_passes() -> None:
    random = np.random.default_rng(0)
    objective = Objective(Logistic(), random.normal(size=(500, 4)), random.integers(0, 2, 500), 1.0)
    cold = fit(objective)
    warm = fit(objective, cold.weights)
    assert warm.passes < cold.passes
    factor = Factor.at(objective, cold.weights)
    again = descend(objective, cold.weights + 1e-3, lambda point, _: point.length < 1e-6, factor)
    assert (again.factored, again.searches) == (0, 0)
    assert again.passes == again.steps + 1


def test_a_tolerance_is_kept_and_nothing_more() -> None:
    random = np.random.default_rng(0)
    objective = Objective(Logistic(), random.normal(size=(500, 4)), random.integers(0, 2, 500), 1.0)
    loose = fit(objective, tol=1.0)
    assert loose.point.length <= 1.0
    assert loose.passes < fit(objective).passes


def test_separable_classes_are_searched_along() -> None:
    X = np.linspace(-1, 1, 50)[:, None] * 30
    found = fit(Objective(Logistic(), X, (X[:, 0] > 0).astype(float), 1e-3))
    assert found.searches + found.factored > 3
    assert found.point.length < 1e-6


@pytest.mark.parametrize(
    ("family", "y"), [(Logistic(), np.ones(5)), (Poisson(), np.zeros(5))], ids=["one class", "no count"]
)
def test_an_optimum_at_infinity_is_said(family: Any, y: Any) -> None:
    random = np.random.default_rng(0)
    objective = Objective(family, random.normal(size=(5, 2)), y, 1.0, "free")
    with pytest.raises(LearnError, match="optimum"):
        fit(objective)


def test_too_few_passes_are_said() -> None:
    random = np.random.default_rng(0)
    objective = Objective(Gamma(), random.normal(size=(50, 3)), random.gamma(1.0, size=50), 1e-3)
    with pytest.raises(LearnError, match="no optimum within 4 passes over 50 records: a gradient of"):
        fit(objective, limit=4)


def test_a_step_too_far_is_taken_back() -> None:
    """From far on the flat side an exponential sends the whole step to where it overflows."""
    objective = Objective(Poisson(), np.ones((20, 1)), np.full(20, 50.0), 1e-6, "none")
    found = fit(objective, np.array([-30.0]))
    assert found.weights == pytest.approx([np.log(50.0)], rel=1e-6)
    assert found.searches >= 1


def test_a_hinge_ends_although_its_curvature_jumps() -> None:
    random = np.random.default_rng(0)
    objective = Objective(SquaredHinge(), random.normal(size=(200, 5)), random.integers(0, 2, 200), 1e-2, "penalised")
    assert fit(objective).point.length < 1e-9
