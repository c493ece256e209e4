"""The accounting, against an independent one: privacy losses added up by numerical integration."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal, stats

from expunge.errors import ParameterError
from expunge.linear.gaussian import Budget, composed, delta_of, epsilon_of, mu_of


def integrated(mus: Any, epsilon: float) -> float:
    """Delta of releases one after the other: the density of the summed privacy loss on a grid, no formula of ours.

    The loss of one release is log(p/q) at a draw of p; for p = N(mu, 1) and q = N(0, 1) at t it is mu t - mu^2 / 2.
    Distributions of losses are convolved; delta is the mean of what is lost beyond epsilon.
    """
    step, half = 4e-3, 20.0
    grid = np.arange(-half, half, step)
    total = None
    for mu in mus:
        edges = (np.append(grid, half) + mu**2 / 2) / mu  # a loss in a cell is a t in a cell
        mass = np.diff(stats.norm.cdf(edges, loc=mu))
        total = mass if total is None else signal.fftconvolve(total, mass)
    assert total is not None
    losses = np.arange(len(total)) * step - half * len(mus) + step / 2 * len(mus)
    return float(total @ np.maximum(0.0, 1.0 - np.exp(epsilon - losses)))


@pytest.mark.parametrize(("epsilon", "delta"), [(1.0, 1e-5), (0.1, 1e-6), (4.0, 1e-5), (8.0, 1e-6)])
def test_one_release_needs_the_noise_that_was_verified_elsewhere(epsilon: float, delta: float) -> None:
    known = {1.0: 3.731, 0.1: 36.30, 4.0: 1.081, 8.0: 0.653}
    assert 1 / mu_of(epsilon, delta) == pytest.approx(known[epsilon], abs=6e-3 if epsilon == 0.1 else 6e-4)


@pytest.mark.parametrize("mus", [[0.3], [1.0], [0.3] * 4, [0.1, 0.5, 0.9], [0.25] * 10])
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 3.0])
def test_the_accounting_agrees_with_integration(mus: Any, epsilon: float) -> None:
    assert delta_of(composed(mus), epsilon) == pytest.approx(integrated(mus, epsilon), rel=2e-2, abs=1e-9)


def test_delta_in_closed_form() -> None:
    assert delta_of(1.0, 1.0) == pytest.approx(stats.norm.cdf(-0.5) - math.e * stats.norm.cdf(-1.5), rel=1e-8)
    assert delta_of(1e-9, 0.0) == pytest.approx(1e-9 / math.sqrt(2 * math.pi), rel=1e-6)
    assert delta_of(60.0, 1.0) == pytest.approx(1.0)
    assert delta_of(math.inf, 1.0) == 1.0
    assert 0 <= delta_of(0.01, 5.0) < 1e-300
    assert epsilon_of(math.inf, 0.1) == math.inf
    assert epsilon_of(0.0, 0.1) == 0.0


@given(epsilon=st.floats(1e-3, 50), delta=st.floats(1e-12, 0.5))
@settings(max_examples=100, deadline=None)
def test_mu_is_the_largest_and_epsilon_the_smallest(epsilon: float, delta: float) -> None:
    mu = mu_of(epsilon, delta)
    assert delta_of(mu, epsilon) <= delta < delta_of(mu * (1 + 1e-6), epsilon)
    back = epsilon_of(mu, delta)
    assert epsilon * (1 - 1e-5) - 1e-9 <= back <= epsilon * (1 + 1e-9)
    assert delta_of(mu, back) <= delta


@given(epsilon=st.floats(1e-2, 20), delta=st.floats(1e-10, 0.1), less=st.floats(0.1, 0.99), releases=st.integers(1, 99))
@settings(max_examples=100, deadline=None)
def test_a_stricter_promise_is_never_easier(epsilon: float, delta: float, less: float, releases: int) -> None:
    plain = Budget(epsilon, delta, releases)
    for stricter in (
        Budget(epsilon * less, delta, releases),
        Budget(epsilon, delta * less, releases),
        Budget(epsilon, delta, releases + 1),
    ):
        assert stricter.sigma(1.0) > plain.sigma(1.0)


@given(epsilon=st.floats(1e-2, 20), delta=st.floats(1e-10, 0.1), releases=st.integers(1, 200))
@settings(max_examples=100, deadline=None)
def test_a_budget_lasts_exactly_as_long_as_it_says(epsilon: float, delta: float, releases: int) -> None:
    budget = Budget(epsilon, delta, releases)
    assert budget.spent(releases) <= epsilon * (1 + 1e-9)
    assert budget.spent(releases) == pytest.approx(epsilon, rel=1e-5)
    assert budget.spent(releases + 1) > epsilon
    assert (budget.spent(0), budget.left(0), budget.left(releases), budget.left(releases + 5)) == (0, releases, 0, 0)
    assert budget.sigma(2.0) * budget.mu >= 2.0


def test_ten_releases_of_one_budget_each_cost_what_was_verified_elsewhere() -> None:
    mu = mu_of(1.0, 1e-5)
    assert epsilon_of(composed([mu] * 10), 1e-5) == pytest.approx(3.62, abs=0.01)
    assert epsilon_of(composed([mu] * 100), 1e-5) == pytest.approx(14.4, abs=0.05)


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 0.1), (-1.0, 0.1), (math.inf, 0.1), (1.0, 0.0), (1.0, 1.0)])
def test_what_noise_cannot_promise_is_refused(epsilon: float, delta: float) -> None:
    with pytest.raises(ParameterError, match="noise hides up to"):
        Budget(epsilon, delta)
    with pytest.raises(ParameterError, match="a whole number of releases"):
        Budget(1.0, 0.1, 0)
    with pytest.raises(ParameterError, match="noise hides up to"):
        epsilon_of(1.0, 0.0)


@pytest.mark.parametrize("mus", [[0.3], [1.0], [0.3] * 4, [0.1, 0.5, 0.9], [0.25] * 10])
def test_the_accounting_agrees_with_that_of_others(mus: list[float]) -> None:
    """dp-accounting, to which this Gaussian is a distribution of privacy losses, composed by convolution."""
    other = pytest.importorskip("dp_accounting", exc_type=ImportError)
    pld = pytest.importorskip("dp_accounting.pld", exc_type=ImportError)
    accountant = pld.PLDAccountant(value_discretization_interval=1e-4)
    for mu in mus:
        accountant.compose(other.GaussianDpEvent(1 / mu))
    whole = composed(mus)
    for epsilon in (0.1, 1.0, 3.0):
        assert delta_of(whole, epsilon) == pytest.approx(accountant.get_delta(epsilon), rel=1e-4, abs=1e-12)
    for delta in (1e-3, 1e-5, 1e-8):
        assert epsilon_of(whole, delta) == pytest.approx(accountant.get_epsilon(delta), rel=1e-4)


@pytest.mark.parametrize(("epsilon", "delta"), [(1.0, 1e-5), (0.1, 1e-6), (4.0, 1e-5), (8.0, 1e-6)])
def test_one_release_needs_the_noise_that_others_say(epsilon: float, delta: float) -> None:
    other = pytest.importorskip("dp_accounting", exc_type=ImportError)
    assert 1 / mu_of(epsilon, delta) == pytest.approx(other.get_sigma_gaussian(epsilon, delta), rel=1e-6)
