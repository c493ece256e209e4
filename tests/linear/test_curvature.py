"""A factor follows the records: the same products as a Hessian made anew, and bounds below the true eigenvalues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.codec import decode, encode
from expunge.errors import LearnError
from expunge.linear.curvature import Factor
from expunge.linear.families import Logistic
from expunge.linear.objective import Objective

Hard = Callable[..., Objective]
seeds = st.integers(0, 2**32 - 1)


def logistic(n: int = 200, d: int = 12, seed: int = 0, penalty: float = 1.0) -> Objective:
    """A plain objective."""
    random = np.random.default_rng(seed)
    return Objective(Logistic(), random.normal(size=(n, d)), random.integers(0, 2, n), penalty)


@pytest.mark.parametrize("count", [0, 1, 3, 100])
def test_records_that_leave_and_come_leave_the_hessian_of_the_others(count: int) -> None:
    objective, w = logistic(), np.full(13, 0.1)
    out, into = objective.take(slice(0, count)), logistic(count or 1, seed=1).take(slice(0, count))
    factor = Factor.at(objective, w).along(into).without(out)
    now = objective.hessian(w) + into.data_hessian(w) - out.data_hessian(w)
    b = np.random.default_rng(2).normal(size=(13, 2))
    assert factor.matrix == pytest.approx(now)
    assert factor.solve(b) == pytest.approx(np.linalg.solve(now, b))
    assert factor.solve(b[:, 0]) == pytest.approx(np.linalg.solve(now, b[:, 0]))
    assert (len(factor.signs) > 0) == (0 < 2 * count <= 0.3 * 13)


def test_a_thousand_singles_end_where_all_at_once_do() -> None:
    objective, w = logistic(2000), np.full(13, 0.1)
    factor = Factor.at(objective, w)
    for place in range(1000):
        factor = factor.without(objective.take(slice(place, place + 1)))
    rest = Factor.at(objective.take(slice(1000, None)), w)
    assert factor.matrix == pytest.approx(rest.matrix, rel=1e-11)
    b = np.ones(13)
    assert factor.solve(b) == pytest.approx(rest.solve(b), rel=1e-9)
    assert 0.3 * rest.floor < factor.smallest <= np.linalg.eigvalsh(rest.matrix)[0]


@given(seed=seeds, name=st.sampled_from(["logistic", "multinomial", "poisson", "gamma", "ridge"]))
@settings(max_examples=80, deadline=None)
def test_no_bound_of_a_factor_is_broken(seed: int, name: str, hard: Hard) -> None:
    objective = hard(seed, name)
    random = np.random.default_rng(seed)
    w = random.normal(size=objective.size) / max(objective.radius, 1.0)
    try:
        factor = Factor.at(objective, w)
        count = int(random.integers(0, len(objective)))
        factor = factor.without(objective.take(slice(0, count)))
    except LearnError:
        return
    truth = objective.take(slice(count, None)).hessian(w).astype(np.longdouble).astype(float)
    smallest = float(np.linalg.eigvalsh(truth)[0])
    noise = 1e-13 * float(np.trace(truth))  # of this very eigenvalue
    assert factor.smallest <= smallest + noise
    g = random.normal(size=objective.size)
    if factor.smallest > 100 * noise:
        assert factor.energy(g) >= np.sqrt(g @ np.linalg.solve(truth, g)) * (1 - 1e-9)
        assert factor.energy(g) <= 3 * np.sqrt(g @ np.linalg.solve(truth, g)) + 1e-9


def test_what_leaves_takes_its_share_of_the_smallest_eigenvalue() -> None:
    """One direction is seen by one record alone: without it, nothing but the penalty is left there."""
    X = np.vstack([np.hstack([logistic().X, np.zeros((200, 1))]), np.eye(1, 13, 12) * 1.2])
    objective = Objective(Logistic(), X, np.arange(201) % 2, 1.0, "none")
    factor = Factor.at(objective, np.zeros(13))
    assert factor.smallest == pytest.approx(1.36)
    left = factor.without(objective.take(slice(200, 201)))
    assert len(left.signs) == 1
    assert 0.99 < left.smallest <= 1.0


def test_the_bounds_are_near_what_they_bound() -> None:
    objective, w = logistic(), np.full(13, 0.1)
    factor, H = Factor.at(objective, w), objective.hessian(w)
    assert factor.smallest == pytest.approx(np.linalg.eigvalsh(H)[0], rel=1e-8)
    assert factor.energy(np.ones(13)) == pytest.approx(np.sqrt(np.ones(13) @ np.linalg.solve(H, np.ones(13))))
    X = np.hstack([objective.X, np.ones((200, 1))])
    most = np.sqrt((X * np.linalg.solve(H, X.T).T).sum(axis=1).max())
    assert factor.leverage(objective) == pytest.approx(most)


def test_a_shift_is_a_penalty() -> None:
    objective, w = logistic(), np.zeros(13)
    factor = Factor.at(objective, w).shifted(np.full(13, 2.0))
    assert factor.matrix == pytest.approx(objective.hessian(w) + 2 * np.eye(13))
    assert factor.shifted(np.zeros(13)) is factor


def test_what_has_no_unique_optimum_is_said() -> None:
    twice = Objective(Logistic(), np.ones((5, 2)), np.zeros(5), 0.0, "none")
    with pytest.raises(LearnError, match="the optimum is not unique"):
        Factor.at(twice, np.zeros(2))
    with pytest.raises(LearnError, match="not finite"):
        Factor.of(np.full((1, 1), np.nan), np.zeros(1))
    with pytest.raises(LearnError, match="not unique"):
        Factor.of(np.eye(1), np.zeros(1)).downdated(np.array([[2.0]]))


def test_a_factor_that_nothing_is_known_of_bounds_nothing() -> None:
    factor = Factor.of(np.eye(2), np.zeros(2), slack=2.0)
    assert factor.smallest == 0.0
    assert factor.energy(np.ones(2)) == np.inf
    assert factor.leverage(logistic(d=1)) == np.inf


def test_a_factor_comes_back_from_its_bytes() -> None:
    objective = logistic()
    for rows in (0, 2):
        factor = Factor.at(objective, np.zeros(13)).without(objective.take(slice(0, rows)))
        read: Any = decode(encode(factor))
        assert read.smallest == factor.smallest
        assert np.array_equal(read.solve(np.ones(13)), factor.solve(np.ones(13)))


@given(seed=seeds, name=st.sampled_from(["logistic", "multinomial", "poisson", "gamma", "ridge"]))
@settings(max_examples=60, deadline=None)
def test_no_record_has_a_larger_share_than_is_said(seed: int, name: str, hard: Hard) -> None:
    objective = hard(seed, name)
    random = np.random.default_rng(seed)
    w = random.normal(size=objective.size) / max(objective.radius, 1.0)
    try:
        factor = Factor.at(objective, w)
    except LearnError:
        return
    part = objective.take(slice(0, 1 if seed % 2 else int(random.integers(1, len(objective)))))
    v = factor.solve(part.roots(w)[:, 0]) if seed % 2 else random.normal(size=objective.size)
    if not v.any():
        return
    assert factor.share(part) >= (v @ part.data_hessian(w) @ v) / (v @ objective.hessian(w) @ v) * (1 - 1e-9)
