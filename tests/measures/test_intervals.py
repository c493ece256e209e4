"""Limits against scipy's exact interval and by their coverage, summed over counts; what few trials could have shown."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm

from expunge.errors import ParameterError
from expunge.measures.intervals import clopper_pearson, lower, smallest_difference, smallest_rate, upper

COUNTS = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts=COUNTS, confidence=st.floats(0.5, 0.9999))
def test_it_is_the_exact_interval_of_scipy(counts: tuple[int, int], confidence: float) -> None:
    k, n = counts
    found = binomtest(k, n).proportion_ci(confidence, method="exact")
    assert clopper_pearson(k, n, confidence) == pytest.approx((found.low, found.high), abs=1e-12)


@given(counts=COUNTS, alpha=st.floats(1e-6, 0.5))
def test_one_side_is_that_of_scipy(counts: tuple[int, int], alpha: float) -> None:
    k, n = counts
    below = binomtest(k, n, alternative="less").proportion_ci(1 - alpha, method="exact")
    above = binomtest(k, n, alternative="greater").proportion_ci(1 - alpha, method="exact")
    assert float(upper(k, n, alpha)) == pytest.approx(below.high, abs=1e-9)
    assert float(lower(k, n, alpha)) == pytest.approx(above.low, abs=1e-9)


@given(n=st.integers(1, 10_000), alpha=st.floats(1e-12, 0.5))
def test_no_hit_has_the_closed_form(n: int, alpha: float) -> None:
    assert float(upper(0, n, alpha)) == pytest.approx(-math.expm1(math.log(alpha) / n), rel=1e-9)
    assert float(lower(0, n, alpha)) == 0.0
    assert float(upper(n, n, alpha)) == 1.0


def covered(n: int, truth: float, confidence: float) -> float:
    """Chance that the interval holds the truth: a sum over all counts."""
    ends = [clopper_pearson(k, n, confidence) for k in range(n + 1)]
    held = [low <= truth <= high for low, high in ends]
    return float(binom.pmf(np.arange(n + 1), n, truth) @ np.array(held, float))


@pytest.mark.parametrize("n", [1, 5, 16, 40])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_it_holds_every_truth_at_least_as_often_as_it_says(n: int, confidence: float) -> None:
    assert min(covered(n, truth, confidence) for truth in np.linspace(0, 1, 101)) >= confidence - 1e-12


def test_limits_take_arrays() -> None:
    assert upper(np.array([0, 3, 8]), 8, 0.05).tolist() == [float(upper(k, 8, 0.05)) for k in (0, 3, 8)]
    assert lower(2, np.array([4, 9]), 0.05).tolist() == [float(lower(2, n, 0.05)) for n in (4, 9)]


@given(n=st.integers(1, 40), null=st.floats(0, 0.99), power=st.floats(0.1, 0.99))
def test_the_smallest_rate_is_seen_with_its_power_and_none_below_is(n: int, null: float, power: float) -> None:
    alpha = 0.05
    rejected = [k for k in range(n + 1) if binomtest(k, n, null, alternative="greater").pvalue <= alpha]
    found = smallest_rate(n, null, alpha=alpha, power=power)
    if not rejected:
        assert found == math.inf
        return
    assert found >= null
    assert binom.sf(rejected[0] - 1, n, found) >= power - 1e-9
    assert found == null or binom.sf(rejected[0] - 1, n, found * (1 - 1e-6)) < power


def test_too_few_trials_can_show_nothing() -> None:
    assert smallest_rate(2, 0.5) == math.inf
    assert smallest_rate(5, 0.5) < 1


def test_the_smallest_difference_is_seen_with_its_power() -> None:
    found = smallest_difference(2.0, alpha=0.05, power=0.8)
    assert norm.sf(norm.isf(0.025), loc=found / 2.0) == pytest.approx(0.8)
    assert smallest_difference(0.0) == 0.0


@pytest.mark.parametrize(("k", "n", "alpha"), [(1, 0, 0.05), (-1, 5, 0.05), (6, 5, 0.05), (1.5, 5, 0.05), (1, 5, 0.0)])
def test_what_is_no_count_is_refused(k: Any, n: Any, alpha: float) -> None:
    for limit in (upper, lower):
        with pytest.raises(ParameterError, match="a limit needs whole numbers"):
            limit(k, n, alpha)


def test_what_has_no_power_is_refused() -> None:
    with pytest.raises(ParameterError, match="smallest rate needs"):
        smallest_rate(5, 1.5)
    with pytest.raises(ParameterError, match="smallest difference needs"):
        smallest_difference(-1.0)
