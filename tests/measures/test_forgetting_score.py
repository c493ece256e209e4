"""The score against trying every attack of the published grids, on its fixture, and what it must not do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from expunge.errors import DataError
from expunge.measures import forgetting_score as module
from expunge.measures.forgetting_score import against_ceiling, final_score, points, score

if TYPE_CHECKING:
    from numpy.typing import NDArray


def drawn(seed: int, models: int, records: int, spread: float = 2.0, shift: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(shift, spread, (models, records))


def tried(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, attacks) FNR and FPR of every attack of both families on one record, each tried on every model."""
    positive, negative = (other, one) if np.median(other) > np.median(one) else (one, other)
    low, high = min(positive.min(), negative.min()), max(positive.max(), negative.max())
    grid = np.linspace(low, high, math.ceil((high - low) * 100))[:, None]
    rates = [np.stack([(positive < grid).mean(axis=1), (negative >= grid).mean(axis=1)])]
    inner, outer = (negative, positive) if np.ptp(positive) >= np.ptp(negative) else (positive, negative)
    width = inner.max() - inner.min()
    start, stop = inner.min() + width - 2.0, inner.max() + 2.0
    for right in np.linspace(start, stop, math.ceil((stop - start) * 100)):
        left = np.linspace(right - width - 2.0, right - width + 2.0, 400)[:, None]
        inside = [((left <= side) & (side <= right)).mean(axis=1) for side in (inner, outer)]
        rates.append(np.stack([1 - inside[0], inside[1]]))
    return np.concatenate(rates, axis=1)


def by_trying(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Epsilon as it is published, from the rates of every attack; NaN where all are discarded."""
    fnr, fpr = tried(one, other).round(12)
    if ((fnr == 0) & (fpr == 0)).any():
        return 50.0
    kept = (fnr > 0) & (fpr > 0)
    if not kept.any():
        return math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        ways = [np.log(1 - 1e-5 - a) - np.log(b) for a, b in ((fpr[kept], fnr[kept]), (fnr[kept], fpr[kept]))]
    best = np.fmax(*ways)
    return float(np.clip(best[~np.isnan(best)].max(initial=0.0), 0, 50))


def counted(one: NDArray[np.float64], other: NDArray[np.float64]) -> set[tuple[int, int]]:
    """The different pairs of misses and false alarms that are counted for one record."""
    positive, negative = (other, one) if np.median(other) > np.median(one) else (one, other)
    inner, outer = (negative, positive) if np.ptp(positive) >= np.ptp(negative) else (positive, negative)
    families = module._Sides(positive, negative).thresholds(), module._Sides(inner, outer).intervals()
    return {(len(one) - int(hits), int(alarms)) for pairs in families for hits, alarms in zip(*pairs, strict=True)}


def test_the_fixture() -> None:
    random = np.random.default_rng(0)
    assert score(random.normal(size=(64, 2)), random.normal(size=(64, 2))).score == 0.15625


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    models=st.integers(3, 32),
    spread=st.sampled_from([0.03, 0.3, 1.0, 2.0, 5.0]),
    shift=st.sampled_from([0.0, 1.0, 4.0]),
    wider=st.sampled_from([1.0, 3.0]),
)
def test_counting_is_trying_every_attack(seed: int, models: int, spread: float, shift: float, wider: float) -> None:
    one, other = drawn(seed, models, 1, spread * wider, shift * spread), drawn(seed + 1, models, 1, spread)
    rates = tried(one[:, 0], other[:, 0])
    assert counted(one[:, 0], other[:, 0]) == set(map(tuple, (rates.T * models).round().astype(int).tolist()))
    assert score(one, other).epsilons[0] == pytest.approx(by_trying(one[:, 0], other[:, 0]), nan_ok=True)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(-8, 8).map(float), min_size=6, max_size=24))
@example([0.0, 4.0, 0.0, 4.0, 4.0, 8.0])  # on the ends of intervals to the last bit
@example([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
def test_counting_is_trying_every_attack_where_confidences_tie_and_lie_on_the_grid(values: list[float]) -> None:
    one, other = np.array(values[: len(values) // 2]), np.array(values[len(values) // 2 :][: len(values) // 2])
    if min(np.ptp(one), np.ptp(other)) == 0:
        return
    rates = tried(one, other)
    assert counted(one, other) == set(map(tuple, (rates.T * len(one)).round().astype(int).tolist()))
    found = score(one[:, None], other[:, None]).epsilons[0]
    assert found == pytest.approx(by_trying(one, other), nan_ok=True)


def test_left_ends_are_those_of_numpy_to_the_last_bit() -> None:
    right = np.random.default_rng(1).normal(0, 5, 300)
    whole = np.stack([np.linspace(end - 1.7 - 2.0, end - 1.7 + 2.0, 400) for end in right])
    rows, columns = np.indices(whole.shape).reshape(2, -1)
    assert np.array_equal(module._left_ends(right[rows], 1.7, columns), whole.ravel())


@pytest.mark.parametrize("spread", [0.3, 2.0, 200.0])
def test_ranks_of_left_ends_are_those_of_a_search(spread: float) -> None:
    sides = module._Sides(drawn(21, 300, 1, spread)[:, 0], drawn(22, 300, 1, spread)[:, 0])
    width = sides.high - sides.low
    right = np.linspace(sides.high - 2.0, sides.high + 2.0, 401)
    rows, ranks = sides._left_ranks(right, width)
    for k, end in enumerate(right):
        left = np.linspace(end - width - 2.0, end - width + 2.0, 400)
        assert ranks[rows == k].tolist() == np.unique(np.searchsorted(sides.pooled, left)).tolist()


@given(seed=st.integers(0, 10**6), shift=st.floats(-3, 3))
@settings(max_examples=20, deadline=None)
def test_swapping_the_arms_changes_nothing(seed: int, shift: float) -> None:
    one, other = drawn(seed, 20, 3, shift=shift), drawn(seed + 1, 20, 3, spread=1.0)
    assert np.array_equal(score(one, other).epsilons, score(other, one).epsilons, equal_nan=True)


def test_a_record_is_scored_alone_and_models_have_no_order() -> None:
    one, other = drawn(2, 40, 6), drawn(3, 40, 6)
    whole = score(one, other).epsilons
    assert [score(one[:, k : k + 1], other[:, k : k + 1]).epsilons[0] for k in range(6)] == whole.tolist()
    shuffled = np.random.default_rng(4).permutation(40)
    assert np.array_equal(score(one[shuffled], other).epsilons, whole)


def test_sides_that_are_apart_are_worth_fifty_and_nothing_is_earned() -> None:
    found = score(drawn(5, 30, 4, shift=100.0), drawn(6, 30, 4))
    assert found.epsilons.tolist() == [50.0] * 4
    assert found.score == 0.0


def test_answers_that_do_not_vary_are_punished() -> None:
    assert score(np.ones((30, 2)), drawn(7, 30, 2)).epsilons.tolist() == [50.0, 50.0]
    assert score(drawn(7, 30, 2, spread=1e-3), drawn(8, 30, 2)).epsilons.tolist() == [50.0, 50.0]
    assert score(np.ones((30, 1)), np.zeros((30, 1))).epsilons.tolist() == [50.0]
    assert score(np.ones((30, 1)), np.ones((30, 1))).epsilons.tolist() == [0.0]


def test_where_no_attack_is_left_it_is_said_and_not_forgiven() -> None:
    # Apart by less than the grid's step: no threshold falls between, and each attack has one rate of 0.
    one, other = np.array([[0.0003], [0.0004], [0.0008]]), np.array([[0.0018], [0.0024], [0.0025]])
    assert math.isnan(by_trying(one[:, 0], other[:, 0]))
    found = score(np.hstack([one, 1e3 * one]), np.hstack([other, 1e3 * other]))
    assert np.isnan(found.epsilons).tolist() == [True, False]
    assert found.undefined == 1
    assert found.points[0] == 0.0
    assert points([np.nan], 512).tolist() == [0.0]


def test_points_of_epsilons_are_those_of_the_published_loop() -> None:
    def published(epsilon: float, models: int) -> float:
        start, earned = 0.0, 1.0
        while start + 0.5 <= math.ceil(math.log(models - 1)):
            if epsilon < start + 0.5:
                return earned
            start, earned = start + 0.5, earned / 2
        return 0.0

    for models in (8, 64, 512, 2000):
        for epsilon in np.concatenate([np.arange(0, 9, 0.25), np.nextafter(np.arange(0.5, 9, 0.5), 0), [50.0]]):
            assert points([epsilon], models)[0] == published(float(epsilon), models)


@given(seed=st.integers(0, 10**6), shift=st.floats(-5, 5), spread=st.floats(0.01, 20))
@settings(max_examples=20, deadline=None)
def test_the_score_is_a_share(seed: int, shift: float, spread: float) -> None:
    found = score(drawn(seed, 16, 3, spread, shift), drawn(seed + 1, 16, 3))
    assert 0 <= found.score <= 1
    assert found.score == found.points.mean()


def test_perfect_forgetting_is_far_from_one_and_near_its_ceiling() -> None:
    one, other, second = (drawn(k, 64, 150) for k in (10, 11, 12))
    found = against_ceiling(one, other, second)
    assert found.score == pytest.approx(0.186, abs=0.04)
    assert found.ceiling == pytest.approx(0.186, abs=0.04)
    assert abs(found.value - 1) < 4 * found.error


def test_an_effect_lowers_the_share_and_the_more_the_larger() -> None:
    other, second = drawn(14, 64, 60), drawn(15, 64, 60)
    shares = [against_ceiling(drawn(16, 64, 60, shift=shift), other, second).value for shift in (0.0, 1.0, 2.0, 4.0)]
    assert shares == sorted(shares, reverse=True)
    assert shares[1] < 0.75
    assert shares[-1] < 0.1


def test_the_ceiling_moves_with_the_spread_and_that_is_why_it_is_measured() -> None:
    wide, narrow = (score(drawn(17, 128, 60, spread), drawn(18, 128, 60, spread)).score for spread in (2.0, 0.3))
    assert narrow < 0.7 * wide


def test_a_ceiling_of_nothing_gives_no_share() -> None:
    other = drawn(19, 8, 3)
    assert math.isnan(against_ceiling(drawn(20, 8, 3), other, other + 100).value)


def test_utility_ratios_are_not_capped() -> None:
    assert final_score(0.1, ([0.9, 0.7], [0.8, 0.8]), ([0.9], [0.6])) == pytest.approx(0.15)
    with pytest.raises(DataError, match="accuracies of retrained models above 0"):
        final_score(0.1, ([0.9], [0.0]), ([0.9], [0.6]))


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (drawn(1, 8, 3), drawn(2, 9, 3), "as many models on both sides"),
        (drawn(1, 2, 3), drawn(2, 2, 3), "at least 3"),
        (drawn(1, 8, 0), drawn(2, 8, 0), "confidences"),
        (np.full((8, 3), np.inf), drawn(2, 8, 3), "finite confidences"),
        (np.zeros(8), np.zeros(8), "confidences"),
    ],
)
def test_what_cannot_be_scored_is_refused(one: Any, other: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        score(one, other)
