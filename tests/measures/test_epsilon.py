"""The bound on no effect and on planted ones, its parts against closed forms, and the same with the split undone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binomtest

from expunge.errors import DataError, ParameterError
from expunge.measures import epsilon as module
from expunge.measures.epsilon import (
    chosen,
    credible,
    epsilon_bounds,
    largest_bound,
    set_bound,
    smallest_epsilon,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

POWERS = {  # share of bounds above 0, by 150 repeats: of N models an arm before the split, a shift in deviations
    (32, 0.5): 0.01, (64, 0.5): 0.04, (128, 0.5): 0.21, (512, 0.5): 0.95,
    (32, 1.0): 0.12, (64, 1.0): 0.47, (128, 1.0): 0.95, (512, 1.0): 1.00,
    (32, 2.0): 0.81, (64, 2.0): 0.99, (128, 2.0): 1.00, (512, 2.0): 1.00,
    (32, 4.0): 1.00, (64, 4.0): 1.00, (128, 4.0): 1.00, (512, 4.0): 1.00,
}  # fmt: skip


def drawn(seed: int, models: int, records: int, shift: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(shift, 1.0, (models, records))


def by_hand(missed: int, alarms: int, models: tuple[int, int], alpha: float = 0.05, delta: float = 1e-5) -> float:
    """The bound from scipy's exact one-sided limits."""
    fn, fp = (
        binomtest(k, n, alternative="less").proportion_ci(1 - alpha / 2, method="exact").high
        for k, n in zip((missed, alarms), models, strict=True)
    )
    ways = [math.log((1 - delta - a) / b) for a, b in ((fp, fn), (fn, fp)) if 1 - delta - a > 0]
    return max([0.0, *ways])


@given(models=st.tuples(st.integers(2, 60), st.integers(2, 60)), seed=st.integers(0, 99), alpha=st.floats(0.01, 0.3))
@settings(max_examples=40, deadline=None)
def test_the_bound_is_that_of_its_errors(models: tuple[int, int], seed: int, alpha: float) -> None:
    random = np.random.default_rng(seed)
    missed, alarms = (int(random.integers(0, n + 1)) for n in models)
    found = module._bound(np.array([missed]), np.array([alarms]), models, alpha, 1e-5)
    assert found[0] == pytest.approx(by_hand(missed, alarms, models, alpha))


@given(models=st.tuples(st.integers(2, 60), st.integers(2, 60)), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_the_p_value_is_the_alpha_from_which_on_the_bound_is_above_zero(models: tuple[int, int], seed: int) -> None:
    random = np.random.default_rng(seed)
    missed, alarms = (int(random.integers(0, n // 2 + 1)) for n in models)
    p = float(module._p_values(np.array([missed]), np.array([alarms]), models, 1e-5)[0])
    if p < 0.99:
        assert by_hand(missed, alarms, models, p * 1.001) > 0
    if p < 1:
        assert by_hand(missed, alarms, models, p * 0.999) == 0


def test_the_threshold_is_the_best_of_all_cuts() -> None:
    random = np.random.default_rng(1)
    one, other = random.integers(0, 6, (9, 40)).astype(float), random.integers(1, 7, (7, 40)).astype(float)
    threshold, above = chosen(one, other)
    for k in range(40):
        gaps = [abs(np.mean(one[:, k] > t) - np.mean(other[:, k] > t)) for t in np.arange(-0.5, 8)]
        found = np.mean(one[:, k] > threshold[k]) - np.mean(other[:, k] > threshold[k])
        assert abs(found) == pytest.approx(max(gaps))
        assert (found >= 0) == above[k] or found == 0


def test_the_largest_bounds_are_those_of_the_closed_form() -> None:
    table = {16: 1.35, 32: 2.10, 64: 2.82, 128: 3.53, 256: 4.23, 512: 4.93, 1000: 5.60, 10000: 7.90}
    for n, known in table.items():
        limit = 1 - 0.025 ** (1 / n)
        assert largest_bound(n, n) == pytest.approx(math.log((1 - 1e-5 - limit) / limit))
        assert largest_bound(n, n) == pytest.approx(known, abs=0.006)
        assert largest_bound(n, n) < math.log(n - 1)
    assert epsilon_bounds(drawn(1, 64, 2, 100.0), drawn(2, 64, 2)).low == pytest.approx([largest_bound(32, 32)] * 2)


@pytest.mark.parametrize("models", [16, 32, 64, 256])
def test_without_effect_the_bound_is_zero(models: int) -> None:
    found = epsilon_bounds(drawn(3, models, 1000), drawn(4, models, 1000))
    assert np.mean(found.low > 0) <= 0.01
    assert np.array_equal(found.low > 0, found.p < 0.05)
    for level in (0.05, 0.2, 0.5):
        assert np.mean(found.p <= level) <= level
    assert found.some > 0.05


def test_choosing_and_judging_on_the_same_models_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_halves", lambda side, *_: (side, side))
    found = [epsilon_bounds(drawn(5, n, 1000), drawn(6, n, 1000)) for n in (32, 64, 256)]
    assert min(np.mean(one.low > 0) for one in found) > 0.02  # where the honest split stays at 0.01 or below


def test_choosing_the_direction_on_the_judged_models_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = drawn(7, 64, 2000), drawn(8, 64, 2000)
    honest = np.mean(epsilon_bounds(one, other).p <= 0.5)
    kept: dict[str, Any] = {}

    def remembered(side: NDArray[np.float64], key: bytes, name: str) -> Any:
        kept[name] = side[32:]
        return side[:32], side[32:]

    def leaking(tested: NDArray[np.float64], reference: NDArray[np.float64]) -> Any:
        threshold, _ = chosen(tested, reference)
        return threshold, (kept["mine"] > threshold).mean(axis=0) >= (kept["its"] > threshold).mean(axis=0)

    monkeypatch.setattr(module, "_halves", remembered)
    monkeypatch.setattr(module, "chosen", leaking)
    assert np.mean(epsilon_bounds(one, other).p <= 0.5) > 1.5 * honest


def power(models: int, shift: float, repeats: int) -> float:
    found = epsilon_bounds(drawn(9, models, repeats, shift), drawn(10, models, repeats))
    return float(np.mean(found.low > 0))


def close(one: float, other: float, repeats: int) -> bool:
    """Within three standard errors of both samples, and one count."""
    middle = (one + other) / 2
    error = math.sqrt(max(middle * (1 - middle), 0.01) * (1 / repeats + 1 / 150))
    return abs(one - other) <= 3 * error


@pytest.mark.parametrize(("models", "shift"), [(64, 1.0), (32, 2.0), (128, 0.5)])
def test_a_planted_effect_is_seen_with_the_power_that_is_known(models: int, shift: float) -> None:
    assert close(power(models, shift, 400), POWERS[models, shift], 400)


@pytest.mark.slow
@pytest.mark.parametrize(("models", "shift"), sorted(POWERS))
def test_the_table_of_powers(models: int, shift: float) -> None:
    assert close(power(models, shift, 3000), POWERS[models, shift], 3000)


def test_medians_of_bounds_are_those_that_are_known() -> None:
    for models, shift, known in ((512, 1.0, 0.61), (128, 2.0, 1.13), (64, 4.0, 1.98)):
        found = epsilon_bounds(drawn(11, models, 300, shift), drawn(12, models, 300)).low
        assert np.median(found) == pytest.approx(known, abs=0.15)


@pytest.mark.parametrize("shift", [1.0, 2.0])
def test_a_bound_does_not_exceed_the_truth_more_often_than_it_says(shift: float) -> None:
    """Randomised response of known epsilon: scores of two values, the worst case of the bound."""
    rate = 1 / (1 + math.exp(shift))
    random = np.random.default_rng(13)
    one, other = (random.random((200, 2000)) < chance for chance in (1 - rate, rate))
    assert np.mean(epsilon_bounds(one.astype(float), other.astype(float)).low > shift) <= 0.05


def test_it_sees_either_direction() -> None:
    both = epsilon_bounds(drawn(14, 64, 2) + np.array([-4, 4]), drawn(15, 64, 2))
    assert (both.low > 1).all()


def test_swapping_the_arms_swaps_the_errors() -> None:
    one, other = drawn(16, 40, 50, 1.0), drawn(17, 40, 50)
    found = epsilon_bounds(one, other)
    assert found.models == (20, 20)
    assert (found.low > 0).any()
    swapped = epsilon_bounds(-other, -one)
    assert np.mean(swapped.low) == pytest.approx(np.mean(found.low), abs=0.15)


def test_some_record_leaks_is_said_after_correction_only() -> None:
    alarms = [epsilon_bounds(drawn(100 + k, 64, 50), drawn(200 + k, 64, 50)).some <= 0.05 for k in range(60)]
    assert np.mean(alarms) <= 0.05
    shift = np.zeros(50)
    shift[7] = 5.0
    found = epsilon_bounds(drawn(18, 64, 50) + shift, drawn(19, 64, 50))
    assert found.some <= 0.05
    assert np.flatnonzero(found.adjusted <= 0.05).tolist() == [7]


def test_the_set_shows_what_its_records_cannot() -> None:
    one, other = drawn(20, 32, 100, 0.4), drawn(21, 32, 100)
    assert epsilon_bounds(one, other).some > 0.05
    assert set_bound(one, other).low[0] > 1
    null = [set_bound(drawn(300 + k, 32, 30), drawn(400 + k, 32, 30)).low[0] > 0 for k in range(150)]
    assert np.mean(null) <= 0.02


def test_the_smallest_epsilon_is_seen_with_its_power() -> None:
    for n in (16, 64):
        known = smallest_epsilon((n, n))
        rate = (1 - 1e-5) / (1 + math.exp(known))
        random = np.random.default_rng(22)
        missed, alarms = random.binomial(n, rate, (2, 4000))
        assert np.mean(module._bound(missed, alarms, (n, n), 0.05, 1e-5) > 0) == pytest.approx(0.8, abs=0.03)
    assert smallest_epsilon((2, 2)) == math.inf
    assert smallest_epsilon((32, 32), power=0.95) > smallest_epsilon((32, 32))


# The Bayesian interval


@pytest.mark.parametrize(("missed", "alarms", "models"), [(0, 0, (16, 16)), (3, 5, (32, 20)), (10, 9, (20, 20))])
def test_the_credible_interval_is_that_of_draws_from_the_posterior(
    missed: int, alarms: int, models: tuple[int, int]
) -> None:
    random, delta = np.random.default_rng(23), 1e-5
    fn, fp = (
        beta.rvs(k + 0.5, n - k + 0.5, size=200_000, random_state=random)
        for k, n in zip((missed, alarms), models, strict=True)
    )
    flipped = fn + fp > 1
    fn, fp = np.where(flipped, 1 - fp, fn), np.where(flipped, 1 - fn, fp)
    epsilons = np.log(np.maximum(1 - delta - np.maximum(fn, fp), 1e-300) / np.minimum(fn, fp))
    low, high = credible(missed, alarms, models)
    assert low == pytest.approx(max(np.quantile(epsilons, 0.025), 0.0), abs=0.03)
    assert high == pytest.approx(np.quantile(epsilons, 0.975), rel=0.03)


@pytest.mark.slow
def test_it_holds_the_truth_on_average_over_rates() -> None:
    random, held = np.random.default_rng(24), []
    for _ in range(200):
        rate = beta.rvs(0.5, 0.5, size=2, random_state=random)
        missed, alarms = random.binomial(30, rate)
        fn, fp = (1 - rate[::-1]) if rate.sum() > 1 else rate
        truth = max(math.log(max(1 - 1e-5 - max(fn, fp), 1e-300) / min(fn, fp)), 0.0)
        low, high = credible(int(missed), int(alarms), (30, 30))
        held.append(low <= min(truth, 50.0) <= high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.05)


def test_bounds_have_it_record_by_record_and_it_is_the_narrower() -> None:
    found = epsilon_bounds(drawn(25, 64, 5, 2.0), drawn(26, 64, 5))
    low, high = found.credible()
    assert (low >= found.low).all()
    assert (low < high).all()
    assert low[0] == credible(int(found.missed[0]), int(found.alarms[0]), found.models)[0]


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (drawn(1, 3, 5), drawn(2, 8, 5), "at least 4 models"),
        (drawn(1, 8, 5), drawn(2, 8, 6), "about the same records"),
        (np.full((8, 5), np.nan), drawn(2, 8, 5), "finite scores"),
        (np.zeros(8), np.zeros(8), "at least 4 models"),
    ],
)
def test_what_cannot_be_judged_is_refused(one: Any, other: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        epsilon_bounds(one, other)


def test_parameters_that_are_no_chances_are_refused() -> None:
    with pytest.raises(ParameterError, match="alpha in"):
        epsilon_bounds(drawn(1, 8, 2), drawn(2, 8, 2), alpha=1.0)
    with pytest.raises(ParameterError, match="a power lies"):
        smallest_epsilon((8, 8), power=0.0)
    with pytest.raises(ParameterError, match="confidence of an interval"):
        credible(0, 0, (8, 8), confidence=1.0)
