"""Objectives: derivatives by differences, dense as sparse, masks as views, and a rounding bound that holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from expunge.errors import DataError, ParameterError
from expunge.linear.families import Logistic, Multinomial, Poisson, Squared
from expunge.linear.objective import Objective

NAMES = ["logistic", "multinomial", "poisson", "gamma", "ridge", "hinge", "hinges", "ridges"]
Hard = Callable[..., Objective]
seeds = st.integers(0, 2**32 - 1)


def near(objective: Objective, seed: int) -> Any:
    """Parameters whose margins stay within reach."""
    random = np.random.default_rng(seed)
    return random.normal(size=objective.size) / max(objective.radius, 1.0)


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_gradient_and_hessian_are_the_derivatives(name: str, seed: int, hard: Hard) -> None:
    objective = hard(seed, name, mild=True)
    w = near(objective, seed)
    h = 1e-6
    steps = np.eye(objective.size) * h
    slopes = [(objective.value(w + step) - objective.value(w - step)) / (2 * h) for step in steps]
    assert objective.gradient(w) == pytest.approx(np.array(slopes), rel=1e-4, abs=1e-4)
    if not name.startswith("hinge"):  # which has kinks
        bent = np.array([(objective.gradient(w + step) - objective.gradient(w - step)) / (2 * h) for step in steps])
        assert objective.hessian(w) == pytest.approx(bent, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_every_form_of_a_derivative_agrees(name: str, seed: int, hard: Hard) -> None:
    objective = hard(seed, name)
    w, held = near(objective, seed), objective.X
    other = Objective(
        objective.family,
        sparse.csc_matrix(held) if isinstance(held, np.ndarray) else held.toarray(),
        objective.y,
        objective.penalty,
        objective.intercept,
        objective.weights,
    )
    H, scale = objective.hessian(w), 1e-12 * (1 + np.abs(objective.hessian(w)).max())
    data, v = objective.data_hessian(w), np.random.default_rng(seed).normal(size=(objective.size, 2))
    assert objective.roots(w) @ objective.roots(w).T == pytest.approx(data, abs=scale)
    assert objective.hvp(w)(v) == pytest.approx(H @ v, abs=30 * scale)
    assert objective.hvp(w)(v[:, 0]) == pytest.approx(H @ v[:, 0], abs=30 * scale)
    assert objective.gradients(w).sum(axis=0) == pytest.approx(objective.data_gradient(w), abs=10 * scale)
    assert other.gradient(w) == pytest.approx(objective.gradient(w), abs=10 * scale)
    assert other.hessian(w) == pytest.approx(H, abs=scale)
    assert other.losses(w) == pytest.approx(objective.losses(w))


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds)
@settings(max_examples=40, deadline=None)
def test_no_rounding_goes_beyond_the_allowance(name: str, seed: int, hard: Hard, slope: Any) -> None:
    objective = hard(seed, name)
    w = near(objective, seed) * 10.0 ** np.random.default_rng(seed).uniform(-3, 1)
    point = objective.at(w)
    off = float(np.linalg.norm((point.gradient - slope(objective, w)).astype(float)))
    assert off <= point.allowance or not np.isfinite(point.allowance)
    assert float(np.linalg.norm(slope(objective, w).astype(float))) <= point.residual


@pytest.mark.parametrize(
    ("objective", "w"),
    [
        # Margins that cancel: what is left of 1e9 - 1e9 is rounding.
        (Objective(Squared(), np.array([[1e9 / 3, -1e9 / 7]]), np.ones(1), 0.0, "none"), np.array([3.3, 7.7])),
        # A sum that loses what is small, record after record.
        (
            Objective(Squared(), np.ones((4096, 1)), np.where(np.arange(4096) == 0, 1.0, 0.99 * 2.0**-53), 0.0, "none"),
            np.zeros(1),
        ),
        # An exponential near the response that it is subtracted from.
        (Objective(Poisson(), np.ones((1, 1)), np.ones(1), 0.0, "none"), np.array([np.pi * 1e-10])),
        # A penalty on parameters that cancel over the classes.
        (
            Objective(Multinomial(3), np.zeros((1, 1)), np.zeros(1), 0.0, "none", pinned=1e9),
            np.array([0.1, 0.2, -0.3]),
        ),
    ],
    ids=["margins", "sum", "exponential", "pin"],
)
def test_each_part_of_the_allowance_is_needed(objective: Objective, w: Any, slope: Any) -> None:
    """Each case was made so that one source of rounding is all there is."""
    point = objective.at(w)
    off = float(np.linalg.norm((point.gradient - slope(objective, w)).astype(float)))
    assert 0 < off <= point.allowance


def test_the_allowance_is_no_larger_than_need_be() -> None:
    """A bound that grew would still hold, and certify nothing: 20,000 records, eleven digits."""
    random = np.random.default_rng(0)
    objective = Objective(Logistic(), random.normal(size=(20_000, 10)), random.integers(0, 2, 20_000), 1.0)
    assert objective.at(np.zeros(11)).allowance < 1e-7


def test_a_response_that_overflows_is_no_error_and_certifies_nothing() -> None:
    objective = Objective(Poisson(), np.array([[1e3], [1.0]]), np.array([1.0, 1.0]), 1.0)
    point = objective.at(np.array([10.0, 0.0]))
    assert point.allowance == np.inf
    assert objective.value(np.array([10.0, 0.0])) == np.inf


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_records_without_weight_are_not_there(name: str, seed: int, hard: Hard) -> None:
    objective = hard(seed, name)
    gone = np.arange(0, len(objective), 3)
    kept = np.setdiff1d(np.arange(len(objective)), gone)
    masked, taken = objective.without(gone, penalty=2.0), objective.take(kept, penalty=2.0)
    w = near(objective, seed)
    scale = 1e-10 * (1 + np.abs(taken.hessian(w)).max())
    assert masked.gradient(w) == pytest.approx(taken.gradient(w), abs=scale)
    assert masked.hessian(w) == pytest.approx(taken.hessian(w), abs=scale)
    assert masked.value(w) == pytest.approx(taken.value(w))
    assert masked.radius == taken.radius
    assert masked.X is objective.X


def test_what_overflows_without_weight_is_not_there_either() -> None:
    objective = Objective(Poisson(), np.array([[1e6], [1.0]]), np.array([1.0, 1.0]), 1.0, "none")
    left = objective.without(np.array([0]))
    assert np.isfinite(left.gradient(np.ones(1))).all()
    assert np.isfinite(left.hessian(np.ones(1))).all()
    assert left.radius == pytest.approx(1.0)


def test_the_pin_moves_no_optimum_and_no_prediction() -> None:
    random = np.random.default_rng(1)
    X, y = random.normal(size=(50, 2)), random.integers(0, 3, 50)
    plain, pinned = (Objective(Multinomial(3), X, y, 1.0, "free", pinned=pin) for pin in (0.0, 7.0))
    w = random.normal(size=(3, 3))
    w -= w.mean(axis=0)
    assert plain.gradient(w.ravel()) == pytest.approx(pinned.gradient(w.ravel()), abs=1e-12)
    assert pinned.value((w + 1).ravel()) > plain.value((w + 1).ravel())


def test_constants() -> None:
    X = np.array([[3.0, 4.0], [0.0, 0.0]])
    for intercept, convexity, radius in (("free", 0.0, 26**0.5), ("penalised", 2.0, 26**0.5), ("none", 2.0, 5.0)):
        objective = Objective(Logistic(), X, np.zeros(2), 2.0, intercept)  # type: ignore[arg-type]
        assert objective.strong_convexity == convexity
        assert objective.radius == pytest.approx(radius)
        assert objective.self_concordance == pytest.approx(radius)
    assert Objective(Squared(), X, np.zeros(2), 2.0).self_concordance == 0.0
    assert Objective(Multinomial(3), X, np.zeros(2), 2.0, "none").self_concordance == pytest.approx(50**0.5)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="a response for each record, got 1 for 2"):
        Objective(Logistic(), np.zeros((2, 1)), np.zeros(1), 1.0)
    for penalty in (-1.0, np.nan, np.inf):
        with pytest.raises(ParameterError, match="a penalty is a finite number"):
            Objective(Logistic(), np.zeros((1, 1)), np.zeros(1), penalty)
    with pytest.raises(DataError, match="a Poisson response"):
        Objective(Poisson(), np.zeros((1, 1)), -np.ones(1), 1.0)


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_no_margin_is_farther_than_is_said(name: str, seed: int, hard: Hard) -> None:
    objective = hard(seed, name)
    w, origin = near(objective, seed), near(objective, seed + 1)
    way = objective.margins(w - origin)
    there = np.ones(len(objective), bool) if objective.weights is None else objective.weights > 0
    most = float(np.sqrt((way**2).sum(axis=1))[there].max(initial=0.0))
    point = objective.at(w, origin)
    assert most <= point.apart <= most * (1 + 1e-6) + 1e-9 * (1 + objective.radius)
    assert point.origin is origin
    assert objective.at(w).apart == np.inf


def test_a_margin_rounds_as_often_as_its_record_has_numbers() -> None:
    """One in a hundred columns: the allowance is a tenth of what as many full columns would have."""
    random = np.random.default_rng(0)
    X, y = np.zeros((500, 400)), random.integers(0, 2, 500)
    X[np.arange(500), random.integers(0, 400, 500)] = 5.0
    w = random.normal(size=401) * 20
    sparse_one = Objective(Logistic(), X, y, 1.0)
    full = Objective(Logistic(), np.where(X > 0, X, 1e-9), y, 1.0)
    assert sparse_one.fullest == 2
    assert full.fullest == 401
    assert sparse_one.at(w).allowance < 0.3 * full.at(w).allowance
    assert sparse_one.take(slice(0, 9)).held_at(0.0).fullest == 2
