"""Streams of changes: the parameters stay within the goal of the exact optimum, and the bound says so."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.errors import LearnError
from expunge.linear import correction, optimum
from expunge.linear.correction import Anchored, correct, settle
from expunge.linear.families import Apart, Gamma, Logistic, Multinomial, Poisson, Squared, SquaredHinge
from expunge.linear.objective import Objective
from expunge.linear.optimum import fit

FAMILIES: list[Any] = [
    Logistic(),
    Multinomial(3),
    Poisson(),
    Gamma(),
    Squared(),
    SquaredHinge(),
    Apart(Squared(signs=True), 3),
]
GOAL = 1e-6


def records(family: Any, n: int = 400, d: int = 5, seed: int = 0) -> Objective:
    """An objective that a family fits."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d))
    score = X @ random.normal(size=d) * 0.5
    if isinstance(family, Poisson | Gamma):
        y: Any = random.poisson(np.exp(score)) + 0.5 * isinstance(family, Gamma)
    elif isinstance(family, Squared):
        y = score + random.normal(size=n)
    else:
        classes = max(family.outputs, 2)
        y = np.searchsorted(np.linspace(-1, 1, classes + 1)[1:-1], score + random.normal(size=n))
    return Objective(family, X, y, 1.0, "penalised" if isinstance(family, SquaredHinge) else "free")


def begun(objective: Objective) -> Anchored:
    """The optimum to go on from."""
    return settle(objective, fit(objective), GOAL).anchored


def unseen(objective: Objective, anchored: Anchored, slope: Any) -> float:
    """How far the true gradient is from the one that is carried along, by what is said of it."""
    off = (slope(objective, anchored.weights) - anchored.gradient).astype(float)
    if not anchored.unseen or anchored.factor is None:
        return float(np.linalg.norm(off)) / anchored.allowance
    root = math.sqrt(anchored.factor.smallest)
    return math.sqrt(off @ anchored.factor.solve(off)) / (anchored.unseen + anchored.allowance / root)


@pytest.mark.parametrize("family", FAMILIES, ids=repr)
@given(seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.0025, 0.05, 0.3, 0.8]), targeted=st.booleans())
@settings(max_examples=12, deadline=None)
def test_after_any_removal_the_bound_holds(
    family: Any, seed: int, share: float, targeted: Any, refined: Any, slope: Any
) -> None:
    whole = records(family)
    count = max(1, int(share * 400))
    order = np.argsort(-whole.norms) if targeted else np.random.default_rng(seed).permutation(400)
    gone = order[:count]
    left = whole.without(gone)
    done = correct(left, begun(whole), GOAL, out=whole.take(gone))
    true = float(np.linalg.norm((done.anchored.weights - refined(left, done.anchored.weights)).astype(float)))
    assert true <= done.bound <= GOAL
    assert unseen(left, done.anchored, slope) <= 1


@pytest.mark.parametrize("family", FAMILIES, ids=repr)
def test_records_that_come_and_a_penalty_that_moves(family: Any, refined: Any) -> None:
    whole, new = records(family), records(family, n=30, seed=7)
    both = Objective(
        family,
        np.vstack([whole.X, new.X]),
        np.concatenate([whole.y, new.y]),
        1.075,
        whole.intercept,
        pinned=whole.pin,
    )
    done = correct(both, begun(whole), GOAL, into=new)
    true = float(np.linalg.norm((done.anchored.weights - refined(both, done.anchored.weights)).astype(float)))
    assert true <= done.bound <= GOAL


def test_a_removal_among_many_takes_no_pass_and_one_of_some_takes_one(slope: Any) -> None:
    whole, few = records(Logistic(), n=20_000), records(Logistic(), n=2000)
    done = correct(whole.without(np.array([7])), begun(whole), GOAL, out=whole.take(np.array([7])))
    assert (done.passes, done.factored, done.searches) == (0, 0, 0)
    assert 0 < unseen(whole.without(np.array([7])), done.anchored, slope) <= 1
    done = correct(few.without(np.array([7])), begun(few), GOAL, out=few.take(np.array([7])))
    assert (done.passes, done.factored, done.searches) == (1, 0, 0)


@pytest.mark.parametrize("family", [Logistic(), Poisson(), Multinomial(3), Squared()], ids=repr)
def test_a_stream_of_singles_stays_within_the_bound(family: Any, refined: Any, slope: Any) -> None:
    """Most without a pass: what is not known of the gradient adds up, and is never less than what is wrong with it."""
    whole = records(family, n=20_000)
    held, passes = begun(whole), 0
    for place in range(200):
        left = whole.without(np.arange(place + 1))
        done = correct(left, held, GOAL, out=whole.take(np.array([place])))
        held, passes = done.anchored, passes + done.passes
        assert done.bound <= GOAL
        if place % 20 == 0:
            true = float(np.linalg.norm((held.weights - refined(left, held.weights)).astype(float)))
            assert true <= done.bound
            assert unseen(left, held, slope) <= 1
    assert passes < 200


def test_what_is_not_seen_of_a_gradient_grows_with_the_curvature_that_leaves(slope: Any, refined: Any) -> None:
    """Coming records, a penalty that moves and many that leave at once, right after a step without a pass."""
    whole = records(Logistic(), n=20_000)
    rest, many = whole.without(np.arange(1)), whole.without(np.arange(2000))
    held = correct(rest, begun(whole), GOAL, out=whole.take(slice(0, 1))).anchored
    assert held.unseen > 0
    for now, change in (
        (whole, {"into": whole.take(slice(0, 1))}),
        (many, {"out": whole.take(slice(1, 2000))}),
        (replace(rest, penalty=2.0), {}),
    ):
        done = correct(now, held, GOAL, **change)
        true = float(np.linalg.norm((done.anchored.weights - refined(now, done.anchored.weights)).astype(float)))
        assert true <= done.bound <= GOAL
        assert unseen(now, done.anchored, slope) <= 1


def test_half_a_class_of_relabelled_records_does_not_diverge(refined: Any) -> None:
    """Where a full Newton step with the old Hessian goes the wrong way: 10 % of the labels, all of one class."""
    whole = records(Logistic(), n=2000)
    flipped = np.flatnonzero(whole.y == 1)[:200]
    y = whole.y.copy()
    y[flipped] = 0.0
    now = Objective(Logistic(), whole.X, y, 1.0)
    done = correct(now, begun(whole), GOAL, out=whole.take(flipped), into=now.take(flipped))
    true = float(np.linalg.norm((done.anchored.weights - refined(now, done.anchored.weights)).astype(float)))
    assert true <= done.bound <= GOAL


def test_a_goal_that_float64_cannot_tell_is_said() -> None:
    whole = records(Logistic())
    with pytest.raises(LearnError, match="1e-18 is asked for: a larger distance"):
        settle(whole, fit(whole), 1e-18)


def test_without_a_matrix_it_settles_too(monkeypatch: pytest.MonkeyPatch, refined: Any) -> None:
    whole = records(Logistic())
    for module in (optimum, correction):
        monkeypatch.setattr(module, "DENSE", 3)
    held = begun(whole)
    assert held.factor is None
    left = whole.without(np.arange(40))
    done = correct(left, held, GOAL, out=whole.take(slice(0, 40)))
    true = float(np.linalg.norm((done.anchored.weights - refined(left, done.anchored.weights)).astype(float)))
    assert true <= done.bound <= GOAL


def test_what_leaves_nothing_to_go_on_from_is_made_anew(refined: Any) -> None:
    """All records of a direction leave: the factor without them is singular but for the penalty."""
    random = np.random.default_rng(0)
    X = np.hstack([random.normal(size=(300, 2)), np.zeros((300, 1))])
    X[:5, 2] = 1e3
    whole = Objective(Logistic(), X, random.integers(0, 2, 300), 1e-8)
    left = whole.without(np.arange(5))
    done = correct(left, begun(whole), 1e-3, out=whole.take(slice(0, 5)))
    true = float(np.linalg.norm((done.anchored.weights - refined(left, done.anchored.weights)).astype(float)))
    assert true <= done.bound <= 1e-3
    assert done.anchored.weights[2] == pytest.approx(0.0, abs=1e-3)


def test_from_too_far_away_it_starts_from_nothing(refined: Any) -> None:
    """Where all margins are so large that nothing curves, no step helps: the last resort does, and is told."""
    whole = records(Logistic())
    held = begun(whole)
    lost = Anchored(np.full(whole.size, 1e4), held.gradient, None, held.penalty, held.pin)
    done = correct(whole, lost, GOAL)
    true = float(np.linalg.norm((done.anchored.weights - refined(whole, done.anchored.weights)).astype(float)))
    assert true <= done.bound <= GOAL
    assert done.refits == 1
    assert done.passes <= optimum.PASSES


def test_a_factor_that_has_cost_as_much_as_a_new_one_is_made_anew(refined: Any) -> None:
    """The longest records leave one by one, so that the optimum moves away from the anchor."""
    whole = records(Logistic(), n=1000)
    order = np.argsort(-whole.norms)
    held, made, most = begun(whole), 0, 0
    for place in range(200):
        left = whole.without(order[: place + 1])
        done = correct(left, held, GOAL, out=whole.take(order[[place]]))
        held, made, most = done.anchored, made + done.factored, max(most, done.passes)
        assert held.spent < correction.RENEWAL + 1
        assert held.spent == 0 or not done.factored
        true = float(np.linalg.norm((held.weights - refined(left, held.weights)).astype(float)))
        assert true <= done.bound <= GOAL
    assert 2 <= made <= 60
    assert most <= 8
