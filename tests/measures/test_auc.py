"""The AUC against counting pairs and against scikit-learn; its interval against its equation and by its coverage."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from sklearn.metrics import roc_auc_score

from expunge.errors import DataError, ParameterError
from expunge.measures.auc import newcombe, rank_auc

if TYPE_CHECKING:
    from collections.abc import Callable

    Interval = Callable[[float, int, int], tuple[float, float]]

Z = float(ndtri(0.975))
TIED = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12)  # few values: many ties
ANY = st.lists(st.floats(allow_nan=False), min_size=1, max_size=12)


@given(above=TIED | ANY, below=TIED | ANY)
def test_it_is_the_share_of_pairs_in_order(above: list[float], below: list[float]) -> None:
    pairs = [Fraction((a > b) * 2 + (a == b), 2) for a in above for b in below]
    assert rank_auc(above, below) == float(sum(pairs) / len(pairs))


@given(above=TIED, below=TIED)
def test_it_is_that_of_scikit_learn(above: list[float], below: list[float]) -> None:
    truth = [1] * len(above) + [0] * len(below)
    assert rank_auc(above, below) == pytest.approx(roc_auc_score(truth, above + below))


@given(above=TIED | ANY, below=TIED | ANY)
def test_swapping_sides_mirrors_it(above: list[float], below: list[float]) -> None:
    assert rank_auc(above, below) + rank_auc(below, above) == pytest.approx(1.0)


def test_larger_scores_of_positives_are_above_one_half() -> None:
    assert rank_auc([2.0, 3.0], [0.0, 1.0]) == 1.0
    assert rank_auc([0.0, 1.0], [2.0, 3.0]) == 0.0
    assert rank_auc([math.inf], [-math.inf, math.inf]) == 0.75


@pytest.mark.parametrize(("above", "below"), [([], [1.0]), ([1.0], []), ([math.nan], [1.0]), ([1.0], [0.0, math.nan])])
def test_empty_sides_and_nan_are_refused(above: list[float], below: list[float]) -> None:
    with pytest.raises(DataError, match="an AUC needs"):
        rank_auc(above, below)


# The interval


def gap(t: float, auc: float, m: int, n: int) -> float:
    """``(auc - t)^2 - z^2 V(t)`` with Hanley and McNeil's Q1 and Q2, of which ours is a rearrangement."""
    q1, q2, other = t / (2 - t), 2 * t * t / (1 + t), (m + n) / 2 - 1
    variance = (t * (1 - t) + other * (q1 - t * t) + other * (q2 - t * t)) / (m * n)
    return float((auc - t) ** 2 - Z * Z * variance)


@given(auc=st.floats(0.01, 0.99), m=st.integers(1, 500), n=st.integers(1, 500))
def test_its_ends_solve_the_equation(auc: float, m: int, n: int) -> None:
    low, high = newcombe(auc, m, n)
    assert low == pytest.approx(brentq(gap, 0, auc, args=(auc, m, n), xtol=1e-14), abs=1e-9)
    assert high == pytest.approx(brentq(gap, auc, 1, args=(auc, m, n), xtol=1e-14), abs=1e-9)


@given(auc=st.floats(0, 1), m=st.integers(1, 10**4), n=st.integers(1, 10**4))
def test_it_holds_the_figure_and_stays_in_bounds(auc: float, m: int, n: int) -> None:
    low, high = newcombe(auc, m, n)
    assert 0 <= low <= auc <= high + 1e-15 <= 1 + 1e-15
    assert high - low > 0
    assert newcombe(auc, n, m) == (low, high)
    assert newcombe(1 - auc, m, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_one_pair_gives_the_interval_of_one_toss() -> None:
    assert newcombe(1.0, 1, 1) == pytest.approx((1 / (1 + Z * Z), 1.0))
    assert newcombe(0.0, 1, 1) == pytest.approx((0.0, Z * Z / (1 + Z * Z)))


@given(auc=st.floats(0, 1), m=st.integers(1, 200), n=st.integers(1, 200))
def test_more_records_narrow_it_and_more_confidence_widens_it(auc: float, m: int, n: int) -> None:
    low, high = newcombe(auc, m, n)
    more = newcombe(auc, 4 * m, 4 * n)
    assert more[1] - more[0] < high - low
    sure = newcombe(auc, m, n, confidence=0.99)
    assert sure[1] - sure[0] > high - low


@pytest.mark.parametrize(
    ("auc", "m", "n", "confidence"),
    [(-0.1, 1, 1, 0.9), (1.1, 1, 1, 0.9), (0.5, 0, 1, 0.9), (0.5, 1, 0, 0.9), (1, 1, 1, 1)],
)
def test_what_has_no_interval_is_refused(auc: float, m: int, n: int, confidence: float) -> None:
    with pytest.raises(ParameterError, match="interval needs"):
        newcombe(auc, m, n, confidence)


def coverage(interval: Interval, truth: float, m: int, n: int, draws: int, spread: float = 1.0) -> float:
    """Share of draws from two normal laws with this true AUC whose interval holds it; ``spread`` is the positives'."""
    rng = np.random.default_rng(1)
    shift = float(ndtri(truth)) * math.hypot(1, spread)
    assert ndtr(shift / math.hypot(1, spread)) == pytest.approx(truth)
    held = 0
    for _ in range(draws):
        auc = rank_auc(rng.normal(shift, spread, m), rng.normal(0, 1, n))
        low, high = interval(auc, m, n)
        held += low <= truth <= high
    return held / draws


def wald(auc: float, m: int, n: int) -> tuple[float, float]:
    """The interval that everyone prints, which has no width at 1."""
    half = math.sqrt(max(-gap(auc, auc, m, n), 0.0))
    return auc - half, auc + half


@pytest.mark.parametrize(("truth", "m", "n"), [(0.5, 20, 40), (0.9, 10, 10), (0.95, 8, 200), (0.7, 1, 50)])
def test_it_holds_the_truth_about_as_often_as_it_says(truth: float, m: int, n: int) -> None:
    assert coverage(newcombe, truth, m, n, draws=400) >= 0.92


def test_less_confidence_holds_it_less_often() -> None:
    assert coverage(lambda auc, m, n: newcombe(auc, m, n, 0.8), 0.7, 20, 20, draws=400) == pytest.approx(0.8, abs=0.06)


def test_the_usual_interval_fails_the_same_check() -> None:
    assert coverage(wald, 0.95, 8, 8, draws=400) < 0.88
    assert coverage(newcombe, 0.95, 8, 8, draws=400) >= 0.92


@pytest.mark.slow
@pytest.mark.parametrize("truth", [0.5, 0.6, 0.8, 0.9, 0.98])
@pytest.mark.parametrize(
    ("m", "n"), [(1, 5), (1, 100), (2, 2), (3, 3), (3, 30), (5, 5), (20, 20), (30, 300), (100, 40)]
)
def test_it_holds_the_truth_across_sizes(truth: float, m: int, n: int) -> None:
    assert coverage(newcombe, truth, m, n, draws=3000) >= 0.89


@pytest.mark.slow
@pytest.mark.parametrize("truth", [0.5, 0.7, 0.9])
@pytest.mark.parametrize(("m", "n"), [(1, 100), (5, 500), (40, 100)])
def test_it_falls_short_where_the_few_spread_wider_and_its_docstring_says_by_how_much(
    truth: float, m: int, n: int
) -> None:
    assert coverage(newcombe, truth, m, n, draws=3000, spread=2.5) >= 0.78
