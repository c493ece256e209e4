"""Noise of a release: normal, on a grid, never twice for two states, and the same for the same release."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from expunge.errors import ParameterError
from expunge.linear.noise import BITS, FINE, Stream, grid, released


def stream(number: int = 1, lineage: str = "a", state: str = "s", key: bytes = b"key") -> Stream:
    """A stream for a release."""
    return Stream(key, lineage, number, state)


def test_deviates_are_normal() -> None:
    draws = np.array([stream_.deviate() for stream_ in [stream()] for _ in range(20_000)], float) / 2.0**BITS
    assert stats.kstest(draws, "norm").pvalue > 1e-3
    assert (
        stats.kstest(np.abs(draws[np.abs(draws) > 2]), lambda x: 1 - stats.norm.sf(x) / stats.norm.sf(2)).pvalue > 1e-3
    )
    assert draws.mean() == pytest.approx(0.0, abs=0.03)
    assert draws.std() == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(("numerator", "denominator"), [(0, 1), (1, 3), (1, 1), (7, 2)])
def test_it_lives_with_probability_of_an_exponential(numerator: int, denominator: int) -> None:
    source, count = stream(), 20_000
    lived = sum(not source.dies(numerator, denominator) for _ in range(count))
    chance = math.exp(-numerator / denominator)
    assert stats.binomtest(lived, count, min(chance, 1.0)).pvalue > 1e-3


def test_integers_are_uniform() -> None:
    source = stream()
    counts = np.bincount([source.below(7) for _ in range(7000)], minlength=7)
    assert stats.chisquare(counts).pvalue > 1e-3
    assert source.below(1) == 0
    assert 0 <= source.bits(100_000) < 1 << 100_000


def test_a_release_has_the_standard_deviation_that_was_asked_for_and_lies_on_the_grid() -> None:
    weights = np.linspace(-3, 3, 4000)
    for sigma in (1e-6, 0.7e-3, 5.0):
        made = released(weights, sigma, stream())
        assert stats.kstest((made - weights) / sigma, "norm").pvalue > 1e-3
        steps = made / grid(sigma)
        assert (steps == np.round(steps)).all()
        assert sigma * 2.0 ** -(FINE + 1) < grid(sigma) <= sigma * 2.0**-FINE


def test_rounding_to_the_grid_moves_less_than_a_step() -> None:
    weights = np.random.default_rng(0).normal(size=500)
    one, other = (released(weights + off, 1.0, stream()) for off in (0.0, grid(1.0) / 3))
    moved = (other - one) / grid(1.0)
    assert set(moved.tolist()) <= {0.0, 1.0}


def test_the_same_release_is_the_same_and_any_other_is_another() -> None:
    weights = np.zeros(8)
    first = released(weights, 1.0, stream())
    assert np.array_equal(first, released(weights, 1.0, stream()))
    for other in (stream(2), stream(lineage="b"), stream(state="t"), stream(key=b"other")):
        assert not (released(weights, 1.0, other) == first).any()


def test_the_noise_of_two_releases_is_not_correlated() -> None:
    """The public code of a study drew the noise of every step from one seed: the steps' noise added up."""
    draws: Any = [released(np.zeros(3000), 1.0, stream(number)) for number in (1, 2)]
    assert abs(np.corrcoef(draws)[0, 1]) < 0.08


def test_names_cannot_run_into_one_another() -> None:
    assert not (released(np.zeros(4), 1.0, stream(1, "a1")) == released(np.zeros(4), 1.0, stream(11, "a"))).any()


def test_what_float64_cannot_carry_is_refused() -> None:
    with pytest.raises(ParameterError, match="cannot carry noise of 1e-12"):
        released(np.array([1e3]), 1e-12, stream())
    with pytest.raises(ParameterError, match="cannot carry"):
        released(np.array([np.inf]), 1.0, stream())
    for sigma in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ParameterError, match="a standard deviation above 0"):
            grid(sigma)
