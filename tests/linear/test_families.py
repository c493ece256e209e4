"""Each family's derivatives, by differences; its two constants, by a search for what breaks them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.errors import DataError
from expunge.linear.families import Apart, Gamma, Logistic, Multinomial, Poisson, Squared, SquaredHinge

FAMILIES: list[Any] = [
    Logistic(),
    Multinomial(2),
    Multinomial(4),
    Poisson(),
    Gamma(),
    Squared(),
    Squared(signs=True),
    SquaredHinge(),
    Apart(SquaredHinge(), 3),
    Apart(Squared(signs=True), 3),
]
each = pytest.mark.parametrize("family", FAMILIES, ids=repr)


def drawn(family: Any, seed: int, rows: int = 20, scale: float = 3.0) -> tuple[Any, Any]:
    """Margins and responses that fit a family."""
    random = np.random.default_rng(seed)
    eta = random.normal(size=(rows, family.outputs)) * scale
    classes = family.outputs if family.outputs > 1 else 2
    return eta, random.integers(0, classes, rows).astype(float) + isinstance(family, Gamma) * 0.5


@each
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_slopes_and_roots_are_the_derivatives(family: Any, seed: int) -> None:
    eta, y = drawn(family, seed, scale=1.0)
    h = 1e-5
    second = family.roots(eta, y) @ family.roots(eta, y).transpose(0, 2, 1)
    kinks = np.abs(np.abs(eta) - 1).min(axis=1) > 2 * h  # a squared hinge has no second derivative there
    for k in range(family.outputs):
        step = np.zeros(family.outputs)
        step[k] = h
        rise = (family.losses(eta + step, y) - family.losses(eta - step, y)) / (2 * h)
        assert rise == pytest.approx(family.slopes(eta, y)[:, k], rel=1e-5, abs=1e-6)
        bent = (family.slopes(eta + step, y) - family.slopes(eta - step, y)) / (2 * h)
        assert bent[kinks] == pytest.approx(second[kinks, :, k], rel=1e-4, abs=1e-5)


@each
@given(seed=st.integers(0, 2**32 - 1), far=st.floats(-3, 1.2))
@settings(max_examples=60, deadline=None)
def test_the_third_derivative_is_at_most_skew_times_the_second(family: Any, seed: int, far: float) -> None:
    """Along u, l''(eta + u) is at most l''(eta) exp(skew |u|): the integrated form, which needs no third derivative."""
    if not np.isfinite(family.skew):
        return
    eta, y = drawn(family, seed)
    random = np.random.default_rng(seed + 1)
    u = random.normal(size=eta.shape)
    if seed % 2:  # what is worst for a softmax: two opposite margins
        u = np.zeros_like(eta)
        u[:, 0], u[:, -1] = 1.0, -1.0
    u *= 10.0**far / np.linalg.norm(u, axis=1, keepdims=True)
    for v in (u, random.normal(size=eta.shape)):  # along the way, and along any other
        root, moved = family.roots(eta, y), family.roots(eta + u, y)
        here, there = (np.einsum("nkr,nk->nr", each_root, v) ** 2 for each_root in (root, moved))
        grown = there.sum(axis=1) / here.sum(axis=1)
        assert (np.abs(np.log(grown)) <= family.skew * np.linalg.norm(u, axis=1) + 1e-6).all()


def test_the_skew_of_a_softmax_cannot_be_smaller() -> None:
    """Two classes, all weight on one: the third derivative comes near sqrt(2) |u| times the second."""
    family, eta = Multinomial(2), np.array([[9.0, 0.0]])
    u, h = np.array([1.0, -1.0]), 1e-4
    seconds = [np.einsum("nkr,k->nr", family.roots(eta + t * u, np.zeros(1)), u) ** 2 for t in (-h, 0.0, h)]
    before, here, after = (float(each.sum()) for each in seconds)
    assert abs(after - before) / (2 * h) / here > 0.99 * family.skew * np.linalg.norm(u)


@each
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_second_derivative_nearby_exceeds_the_bend(family: Any, seed: int) -> None:
    eta, y = drawn(family, seed)
    random = np.random.default_rng(seed + 1)
    u = random.normal(size=eta.shape)
    u *= 0.01 / np.linalg.norm(u, axis=1, keepdims=True)
    bend = family.bend(family.slopes(eta, y), y)
    for step in (-u, 0 * u, u):
        root = family.roots(eta + step, y)
        largest = np.linalg.eigvalsh(root @ root.transpose(0, 2, 1))[:, -1]
        assert (largest <= bend * (1 + 1e-12) + 1e-15).all()


@each
def test_scores_sum_to_one_or_are_the_mean(family: Any) -> None:
    eta, _ = drawn(family, 0)
    means = family.means(eta)
    if means.ndim == 2:
        assert means.sum(axis=1) == pytest.approx(np.ones(len(eta)))
    else:
        assert means == pytest.approx(eta[:, 0] if isinstance(family, Squared) else np.exp(eta[:, 0]))


def test_far_margins_stay_finite_where_they_can() -> None:
    eta, y = np.array([[800.0], [-800.0]]), np.array([0.0, 1.0])
    assert Logistic().losses(eta, y).tolist() == [800.0, 800.0]
    assert np.isfinite(Multinomial(2).losses(np.hstack([eta, -eta]), y)).all()
    assert Logistic().slopes(-eta, y).ravel() == pytest.approx([np.exp(-800.0), -np.exp(-800.0)])


def test_responses_that_a_family_cannot_have_are_refused() -> None:
    with pytest.raises(DataError, match="at least 0, and row 1 has -1"):
        Poisson().refuse(np.array([0.0, -1.0]))
    with pytest.raises(DataError, match="above 0, and row 0 has 0"):
        Gamma().refuse(np.array([0.0, 1.0]))
    Logistic().refuse(np.array([0.0, 1.0]))
