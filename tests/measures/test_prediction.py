"""One figure among a few, and one arm against another: against scipy, by simulation, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from expunge.errors import DataError
from expunge.measures.prediction import Placed, compared, placed, seen

NUMBERS = st.floats(-1e3, 1e3).map(lambda value: round(value, 3))
random = np.random.default_rng


# -- against an independent implementation -----------------------------------------------------------------------------


@given(value=NUMBERS, its=st.lists(NUMBERS, min_size=3, max_size=20))
def test_one_figure_is_the_pooled_t_test_of_a_sample_of_one(value: float, its: list[float]) -> None:
    if np.std(its) < 1e-2:
        return
    mine, theirs = placed(value, its), stats.ttest_ind([value], its)
    assert mine.p == pytest.approx(float(theirs.pvalue), abs=1e-9)
    assert mine.apart == pytest.approx(value - np.mean(its))


@given(mine=st.lists(NUMBERS, min_size=3, max_size=20), its=st.lists(NUMBERS, min_size=3, max_size=20))
def test_two_arms_are_compared_as_scipy_does(mine: list[float], its: list[float]) -> None:
    if min(np.std(mine), np.std(its)) < 1e-2:  # scipy warns of arms without spread
        return
    found, other = compared(mine, its), stats.ttest_ind(mine, its, equal_var=False)
    assert found.p == pytest.approx(float(other.pvalue), abs=1e-9)


@given(shift=NUMBERS, scale=st.sampled_from([0.5, 2.0, 1024.0]))
def test_units_and_origin_change_no_verdict(shift: float, scale: float) -> None:
    its = random(3).normal(size=8)
    one, other = placed(1.5, its.tolist()), placed(1.5 * scale + shift, (its * scale + shift).tolist())
    assert other.p == pytest.approx(one.p, rel=1e-6)
    assert other.smallest == pytest.approx(one.smallest * scale, rel=1e-6)


# -- calibration and power ---------------------------------------------------------------------------------------------


def test_with_nothing_to_be_found_p_is_uniform() -> None:
    drawn = random(0).normal(size=(2000, 8))
    p = [placed(float(row[0]), row[1:].tolist()).p for row in drawn]
    assert stats.kstest(p, "uniform").pvalue > 0.01
    inside = [found.low <= row[0] <= found.high for row in drawn for found in [placed(row[0], row[1:].tolist())]]
    assert stats.binomtest(sum(inside), len(inside), 0.95).pvalue > 0.01


def test_the_smallest_effect_is_seen_as_often_as_is_said() -> None:
    drawn, free = random(1).normal(size=(2000, 8)), 6
    shift = seen(free, 0.05, 0.8) * (1 + 1 / 7) ** 0.5  # in standard deviations, which are 1
    hits = sum(placed(float(row[0]) + shift, row[1:].tolist()).p <= 0.05 for row in drawn)
    assert stats.binomtest(hits, len(drawn), 0.8).pvalue > 0.01


def test_both_sides_are_told() -> None:
    its = random(2).normal(size=10).tolist()
    assert placed(20.0, its).p == pytest.approx(placed(2 * np.mean(its) - 20.0, its).p)


# -- edges -------------------------------------------------------------------------------------------------------------


def test_figures_that_no_key_changes() -> None:
    assert placed(0.5, [0.5] * 7) == Placed(0.5, 0.5, 0.5, 0.5, 1.0, 0.0)
    assert placed(0.5 + 1e-12, [0.5] * 7).p == 1.0  # rounding
    assert placed(0.6, [0.5] * 7).p == 0.0
    assert (compared([1.0] * 3, [1.0] * 4).p, compared([1.0] * 3, [2.0] * 4).p) == (1.0, 0.0)


@pytest.mark.parametrize("count", [1, 3, 10])
def test_a_share_of_few_records_raises_no_more_alarms_than_it_may(count: int) -> None:
    """Right with a chance of .9: oracles often agree by chance, and one that does not is no finding."""
    drawn = random(4).binomial(count, 0.9, size=(3000, 8)) / count
    alarms = sum(placed(row[0], row[1:].tolist(), step=1 / count).p <= 0.05 / 9 for row in drawn)
    assert alarms <= 0.02 * len(drawn)  # shares of few are no normal law; one level of nine is .0056
    unaware = sum(placed(row[0], row[1:].tolist()).p <= 0.05 / 9 for row in drawn)
    assert unaware > 2 * alarms or count == 10


@pytest.mark.parametrize("its", [[1.0, 2.0], [1.0, 2.0, np.nan], []])
def test_too_little_to_compare_with_is_said(its: list[float]) -> None:
    with pytest.raises(DataError, match="at least 3"):
        placed(1.0, its)
    with pytest.raises(DataError, match="at least 3"):
        compared([1.0, 2.0, 3.0], its)
