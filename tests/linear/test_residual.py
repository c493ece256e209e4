"""The distance to the optimum, bounded: a search for data on which a bound fails, and cases in exact arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, getcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.errors import LearnError
from expunge.linear.curvature import Factor
from expunge.linear.families import Logistic, Multinomial, Poisson, Squared, SquaredHinge
from expunge.linear.implicit import Implicit
from expunge.linear.objective import Objective
from expunge.linear.optimum import fit
from expunge.linear.residual import by_self_concordance, by_strong_convexity, distance, sharper, stepped

Hard = Callable[..., Objective]
Refined = Callable[[Objective, Any], Any]
NAMES = ["logistic", "multinomial", "poisson", "gamma", "ridge", "hinge", "hinges", "ridges"]
seeds = st.integers(0, 2**32 - 1)


def optimum(objective: Objective, refined: Refined) -> Any:
    """In extended precision; None where float64 does not come near one."""
    try:
        reached = fit(objective)
    except LearnError:
        return None
    if reached.point.allowance == np.inf:
        return None
    return refined(objective, reached.weights)


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds, near=st.floats(-9, 0.5), elsewhere=st.sampled_from([0.0, 1.0]))
@settings(max_examples=60, deadline=None)
def test_no_bound_is_below_the_distance(
    name: str, seed: int, near: float, elsewhere: float, hard: Hard, refined: Refined
) -> None:
    objective = hard(seed, name)
    best = optimum(objective, refined)
    if best is None:
        return
    random = np.random.default_rng(seed + 1)
    way = random.normal(size=objective.size) * 10.0**near
    if objective.family.shifted and seed % 2:
        way -= np.tile(way.reshape(objective.outputs, -1).mean(axis=0), objective.outputs)
    w = best.astype(float) + way
    anchor = w + random.normal(size=objective.size) * 10.0**near * elsewhere
    true, point = float(np.linalg.norm((w - best).astype(float))), objective.at(w)
    bounds = [by_strong_convexity(point.residual, objective.strong_convexity)]
    try:
        factor = Factor.at(objective, anchor)
        bounds += [distance(objective, point, factor), sharper(objective, point, factor)]
        if seed % 5 == 0 and objective.penalty > 1e-3:
            bounds.append(distance(objective, point, Implicit(objective, anchor)))
    except LearnError:  # margins that overflow
        pass
    assert all(bound >= true * (1 - 1e-12) for bound in bounds), (bounds, true)


@pytest.mark.parametrize("name", ["logistic", "multinomial", "poisson", "gamma", "ridge"])
@given(seed=seeds, near=st.floats(-9, 0))
@settings(max_examples=60, deadline=None)
def test_no_step_leads_farther_than_is_inferred(
    name: str, seed: int, near: float, hard: Hard, refined: Refined, slope: Any
) -> None:
    """Two steps without a pass, from an anchor that is elsewhere: the gradient, and the distance."""
    objective = hard(seed, name)
    best = optimum(objective, refined)
    if best is None:
        return
    random = np.random.default_rng(seed + 1)
    anchor, w = (best.astype(float) + random.normal(size=objective.size) * 10.0**near for _ in range(2))
    try:
        factor = Factor.at(objective, anchor)
    except LearnError:
        return
    point = objective.at(w, anchor if seed % 2 else None)
    for _ in range(2):
        there = stepped(objective, point, factor, factor.solve(point.gradient) * random.uniform(0.3, 1.0))
        if there is None:
            return
        point = there
        wrong = (slope(objective, point.weights) - point.gradient).astype(float)
        if factor.smallest > 1e-9 * factor.mass:  # else the norm below is rounding
            off = math.sqrt(wrong @ factor.solve(wrong)) * (1 - 1e-6)
            assert off <= point.unseen + point.allowance / math.sqrt(factor.smallest)
        true = float(np.linalg.norm((point.weights - best).astype(float)))
        assert distance(objective, point, factor) >= true * (1 - 1e-12)


def test_a_step_from_far_away_or_without_a_constant_infers_nothing() -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(50, 2)), random.integers(0, 2, 50)
    model = Objective(Logistic(), X, y, 1.0, "penalised")
    factor, far = Factor.at(model, np.zeros(3)), np.full(3, 9.0)
    assert stepped(model, model.at(far), factor, np.zeros(3)) is None
    hinge = Objective(SquaredHinge(), X, y, 1.0, "penalised")
    assert stepped(hinge, hinge.at(np.zeros(3)), Factor.at(hinge, np.zeros(3)), np.zeros(3)) is None


def test_a_gradient_that_overflowed_infers_nothing() -> None:
    counts = Objective(Poisson(), np.array([[900.0], [1.0]]), np.array([1.0, 2.0]), 1.0, "none")
    lost = counts.at(np.array([1.0]))
    assert lost.length == np.inf
    factor = Factor.at(counts, np.array([-1.0]))
    assert stepped(counts, lost, factor, factor.solve(lost.gradient)) is None


def test_an_inference_without_the_third_derivative_is_found_out(monkeypatch: pytest.MonkeyPatch, slope: Any) -> None:
    random = np.random.default_rng(0)
    model = Objective(Logistic(), random.normal(size=(50, 2)), random.integers(0, 2, 50), 1.0)
    w = np.array([0.3, -0.3, 0.2])
    factor, point = Factor.at(model, w), model.at(w)

    def wrong() -> float:
        there = stepped(model, point, factor, factor.solve(point.gradient))
        assert there is not None
        off = (slope(model, there.weights) - there.gradient).astype(float)
        return math.sqrt(off @ factor.solve(off)) / (there.unseen + there.allowance / math.sqrt(factor.smallest))

    assert 0.01 < wrong() < 1
    monkeypatch.setattr(Logistic, "skew", 0.01)
    assert wrong() > 1


def test_what_was_measured_on_the_way_counts_for_its_origin_alone() -> None:
    """The margins' way is shorter than the longest record says; from another anchor it says nothing."""
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 8))
    X[0] *= 30.0
    model = Objective(Logistic(), X, random.integers(0, 2, 60), 1.0)
    w = fit(model).weights
    anchor = w + 1e-2 * np.append(np.linalg.svd(X[:1])[2][-1], 0.0)  # where the longest record does not look
    factor = Factor.at(model, anchor)
    plain, measured = model.at(w), model.at(w, anchor)
    assert measured.apart < 0.1 * model.radius * 1e-2
    assert distance(model, measured, factor) < distance(model, plain, factor)
    assert distance(model, model.at(w, w), factor) == distance(model, plain, factor)


@pytest.mark.parametrize("name", ["logistic", "multinomial", "poisson", "gamma", "ridge"])
def test_the_bounds_are_of_use(name: str, hard: Hard, refined: Refined) -> None:
    """Within three times the distance in half of all mild cases near the optimum, and finite in nearly all."""
    ratios = []
    for seed in range(60):
        objective = hard(seed, name, mild=True)
        best = optimum(objective, refined)
        if best is None:
            continue
        w = best.astype(float) + 1e-4 * np.random.default_rng(seed).normal(size=objective.size)
        bound = distance(objective, objective.at(w), Factor.at(objective, w))
        ratios.append(bound / float(np.linalg.norm((w - best).astype(float))))
    assert len(ratios) > 40
    assert np.median(ratios) < 3
    assert np.mean(np.isfinite(ratios)) > 0.95


def test_a_free_intercept_has_a_bound_although_the_penalty_says_nothing() -> None:
    random = np.random.default_rng(0)
    objective = Objective(Logistic(), random.normal(size=(300, 3)), random.integers(0, 2, 300), 1e-6)
    point = objective.at(fit(objective).weights + 1e-5)
    assert distance(objective, point, None) == math.inf
    assert distance(objective, point, Factor.at(objective, point.weights)) < 1e-4


def test_a_hessian_from_where_the_loss_is_steeper_is_taken_for_less(refined: Refined) -> None:
    """At the anchor a logistic curves five times as much as at the optimum: taken as it is, it would bound falsely."""
    X = np.ones((1000, 1))
    objective = Objective(Logistic(), X, (np.arange(1000) < 953).astype(float), 1e-9, "none")
    best = float(refined(objective, fit(objective).weights)[0])
    point = objective.at(np.array([best + 0.01]))
    anchor = Factor.at(objective, np.zeros(1))
    assert by_self_concordance(anchor.energy(point.gradient), anchor.smallest, 1e-6) < 0.005
    for bound in (distance(objective, point, anchor), sharper(objective, point, anchor)):
        assert 0.01 <= bound < 0.1


def test_neither_scale_nor_anchor_of_the_columns_matters_to_the_sharper_bound() -> None:
    """One column in units of a thousand: the longest record says nothing, the records do."""
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 3)) * [1.0, 1.0, 1e3]
    objective = Objective(Logistic(), X, random.integers(0, 2, 300), 1e-3)
    best = fit(objective).weights
    point = objective.at(best + 1e-3 * np.array([1.0, -1.0, 1e-3, 1.0]))
    factor = Factor.at(objective, best)
    assert distance(objective, point, factor) == math.inf
    assert sharper(objective, point, factor) < 1e-2


def test_the_formula_in_exact_arithmetic() -> None:
    """-log(1 - x) / x by its series in fractions: 1 + x/2 + x^2/3 + ..., with the rest bounded."""
    for nu, smallest, kappa in ((0.25, 4.0, 1.0), (0.5, 0.25, 1.5), (1e-9, 1.0, 2.0), (0.125, 1.0, 7.5)):
        x = Fraction(kappa) * Fraction(nu)
        terms = 400
        series = sum((x**k / (k + 1) for k in range(terms)), Fraction(0)) + x**terms / (1 - x)
        exact = series * Fraction(nu) / Fraction(math.isqrt(int(smallest * 4**4))) * 16
        bound = by_self_concordance(nu, smallest, kappa)
        assert float(exact) * (1 - 1e-9) <= bound <= float(exact) * (1 + 1e-7)
        assert (
            Fraction(bound)
            >= sum((x**k / (k + 1) for k in range(terms)), Fraction(0))
            * Fraction(nu)
            / Fraction(math.isqrt(int(smallest * 4**4)))
            * 16
        )
    assert by_self_concordance(1.0, 1.0, 1.0) == math.inf
    assert by_self_concordance(0.5, 0.0, 1.0) == math.inf
    assert by_self_concordance(0.5, 4.0, 0.0) == pytest.approx(0.25)
    assert by_strong_convexity(1.0, 0.0) == math.inf


@given(numbers=st.lists(st.integers(-8, 8), min_size=6, max_size=6), penalty=st.integers(1, 64), off=st.integers(-9, 9))
@settings(max_examples=100, deadline=None)
def test_ridge_in_fractions(numbers: list[int], penalty: int, off: int) -> None:
    """One column, three records: optimum, gradient and distance are fractions."""
    X, y, a = [Fraction(x) for x in numbers[:3]], [Fraction(v) for v in numbers[3:]], Fraction(penalty, 8)
    curvature = sum((x * x for x in X), Fraction(0)) + a
    best = sum((x * v for x, v in zip(X, y, strict=True)), Fraction(0)) / curvature
    w = Fraction(float(best)) + Fraction(off, 64)
    objective = Objective(
        Squared(), np.array([[float(x)] for x in X]), np.array([float(v) for v in y]), float(a), "none"
    )
    point = objective.at(np.array([float(w)]))
    bound = distance(objective, point, Factor.at(objective, np.array([1.0])))
    exact = sum((x * (x * Fraction(float(w)) - v) for x, v in zip(X, y, strict=True)), Fraction(0)) + a * Fraction(
        float(w)
    )
    assert abs(Fraction(float(point.gradient[0])) - exact) <= Fraction(point.allowance)
    assert Fraction(bound) >= abs(Fraction(float(w)) - best)


@given(
    numbers=st.lists(st.integers(-6, 6), min_size=4, max_size=4), penalty=st.integers(1, 40), off=st.floats(-0.4, 0.4)
)
@settings(max_examples=60, deadline=None)
def test_logistic_in_sixty_digits(numbers: list[int], penalty: int, off: float) -> None:
    """One column, four records: the optimum by bisection of the exact derivative."""
    getcontext().prec = 60
    signs = [1, -1, 1, -1]

    def slope(w: Decimal) -> Decimal:
        terms = (-t * x / (1 + (t * x * w).exp()) for t, x in zip(signs, map(Decimal, numbers), strict=True))
        return sum(terms, Decimal(0)) + Decimal(penalty) / 16 * w

    low, high = Decimal(-400), Decimal(400)
    for _ in range(190):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    X, y = np.array(numbers, float)[:, None], np.array([1.0, 0.0, 1.0, 0.0])
    objective = Objective(Logistic(), X, y, penalty / 16, "none")
    w = np.array([float(low) + off])
    point = objective.at(w)
    true = abs(Decimal(float(w[0])) - low)
    assert abs(Decimal(float(point.gradient[0])) - slope(Decimal(float(w[0])))) <= Decimal(point.allowance)
    for anchor in (w, w + 0.01):
        assert Decimal(distance(objective, point, Factor.at(objective, anchor))) >= true
        assert Decimal(sharper(objective, point, Factor.at(objective, anchor))) >= true


def test_a_bound_with_the_wrong_constant_is_found_out(monkeypatch: pytest.MonkeyPatch, refined: Refined) -> None:
    """The search can fail: with a hundredth of the skew, the bound falls below the distance on separable classes."""
    X, y = np.array([[30.0], [-30.0]]), np.array([1.0, 0.0])
    objective = Objective(Logistic(), X, y, 1e-3, "none")
    best = float(refined(objective, fit(objective).weights)[0])
    w = np.array([0.1])

    def bound() -> float:
        return distance(objective, objective.at(w), Factor.at(objective, w))

    assert bound() == pytest.approx(by_strong_convexity(objective.at(w).residual, 1e-3))  # the other one says nothing
    monkeypatch.setattr(Logistic, "skew", 0.01)
    assert bound() < abs(best - 0.1)


def test_the_multinomial_needs_its_root_of_two(monkeypatch: pytest.MonkeyPatch, refined: Refined) -> None:
    random, broken = np.random.default_rng(3), False
    monkeypatch.setattr(Multinomial, "skew", 0.05)
    for seed in range(40):
        objective = Objective(Multinomial(3), random.normal(size=(6, 1)) * 8, np.arange(6) % 3, 1e-3, "none")
        best = refined(objective, fit(objective).weights)
        way = np.random.default_rng(seed).normal(size=(3, 1))
        w = best.astype(float) + 0.2 * (way - way.mean(axis=0)).ravel()
        point = objective.at(w)
        true = float(np.linalg.norm((w - best).astype(float)))
        broken |= distance(objective, point, Factor.at(objective, w)) < true
    assert broken
