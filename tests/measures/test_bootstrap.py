"""Intervals against the closed form of a mean and by coverage; p-values exact where every naming can be tried."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from expunge.errors import DataError, ParameterError
from expunge.measures.bootstrap import cluster_bootstrap, mean_draws, permutation_p, resampled

if TYPE_CHECKING:
    from numpy.typing import NDArray


def gap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(one.mean() - other.mean())


def arm(random: np.random.Generator, models: int, records: int = 20, together: float = 0.0) -> NDArray[np.float64]:
    """Scores of which this share of the variance is the model's own."""
    own = random.normal(size=(models, 1)) * np.sqrt(together)
    return np.asarray(own + random.normal(size=(models, records)) * np.sqrt(1 - together))


def test_the_error_of_a_mean_is_its_closed_form() -> None:
    random = np.random.default_rng(1)
    one, other = arm(random, 30), arm(random, 50)
    found = cluster_bootstrap(gap, one, other, draws=4000)
    known = np.sqrt(sum(side.mean(axis=1).var() / len(side) for side in (one, other)))
    assert found.value == gap(one, other)
    assert found.error == pytest.approx(known, rel=0.05)
    assert (found.high - found.low) / 3.92 == pytest.approx(known, rel=0.07)


@pytest.mark.parametrize("together", [0.0, 0.5])
def test_it_holds_the_truth_about_as_often_as_it_says(together: float) -> None:
    random, held = np.random.default_rng(2), []
    for k in range(200):
        one, other = (arm(random, 30, together=together).mean(axis=1) for _ in range(2))
        found = cluster_bootstrap(gap, one, other, draws=200, key=k.to_bytes(2, "big"))
        held.append(found.low <= 0 <= found.high)
    assert np.mean(held) >= 0.9


def test_over_models_it_is_wider_than_over_records_where_they_hang_together() -> None:
    random = np.random.default_rng(3)
    one, other = (arm(random, 16, 100, together=0.5) for _ in range(2))
    models = cluster_bootstrap(gap, one, other)
    rows = cluster_bootstrap(gap, one.reshape(-1), other.reshape(-1))
    assert models.high - models.low > 3 * (rows.high - rows.low)


def test_rows_drawn_alone_raise_false_alarms_that_models_do_not() -> None:
    random, alarms = np.random.default_rng(4), []
    for k in range(100):
        one, other = (arm(random, 16, 50, together=0.5) for _ in range(2))
        both = [
            cluster_bootstrap(gap, *pair, draws=200, key=k.to_bytes(2, "big"))
            for pair in ((one.mean(axis=1), other.mean(axis=1)), (one.reshape(-1), other.reshape(-1)))
        ]
        alarms.append([not found.low <= 0 <= found.high for found in both])
    models, rows = np.mean(alarms, axis=0)
    assert models <= 0.12
    assert rows >= 0.5


def test_summaries_of_models_give_what_the_models_give() -> None:
    random = np.random.default_rng(5)
    one, other = arm(random, 12), arm(random, 9)
    whole, short = cluster_bootstrap(gap, one, other), cluster_bootstrap(gap, one.mean(axis=1), other.mean(axis=1))
    assert (whole.low, whole.high) == pytest.approx((short.low, short.high))


def test_the_fast_path_draws_means() -> None:
    values = np.array([0.0, 1.0, 5.0])
    drawn = mean_draws(values, 20_000, np.random.default_rng(6))
    assert drawn.mean() == pytest.approx(2.0, abs=0.05)
    assert drawn.std() == pytest.approx(values.std() / np.sqrt(3), rel=0.03)
    assert set((drawn * 3).round(9)) <= {a + b + c for a in values for b in values for c in values}


def test_a_planted_effect_is_excluded_from_no_effect() -> None:
    random = np.random.default_rng(7)
    found = cluster_bootstrap(gap, arm(random, 32) + 0.5, arm(random, 32))
    assert 0.2 < found.low < 0.5 < found.high < 0.8


def test_the_same_key_draws_the_same() -> None:
    random = np.random.default_rng(8)
    one, other = arm(random, 8), arm(random, 8)
    first, again, another = (cluster_bootstrap(gap, one, other, draws=50, key=key) for key in (b"a", b"a", b"b"))
    assert np.array_equal(first.drawn, again.drawn)
    assert not np.array_equal(first.drawn, another.drawn)


# Permutation


def test_the_p_value_is_the_share_of_namings() -> None:
    random = np.random.default_rng(9)
    one, other = random.normal(size=4) + 1, random.normal(size=4)
    both = np.concatenate([one, other])
    namings = [
        gap(both[list(chosen)], np.delete(both, chosen)) >= gap(one, other) - 1e-12
        for chosen in combinations(range(8), 4)
    ]
    assert permutation_p(gap, one, other, draws=4000) == pytest.approx(np.mean(namings), abs=0.02)


def test_without_effect_it_is_uniform_and_an_effect_is_seen() -> None:
    random = np.random.default_rng(10)
    found = [
        permutation_p(gap, random.normal(size=8), random.normal(size=8), draws=39, key=k.to_bytes(2, "big"))
        for k in range(400)
    ]
    for level in (0.05, 0.25, 0.5):
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=0.07)
    assert permutation_p(gap, random.normal(size=8) + 4, random.normal(size=8), draws=99) <= 0.02


def test_the_same_arms_in_another_order_are_a_tie() -> None:
    def total(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        return float(one[0] + one[1] + one[2]) - float(other.sum())

    assert 0.2 + 0.3 + 0.1 < 0.1 + 0.2 + 0.3
    assert permutation_p(total, [0.1, 0.2, 0.3], [0.0] * 3, draws=4000) == pytest.approx(1 / 20, abs=0.01)


def test_it_is_never_zero() -> None:
    assert permutation_p(gap, np.ones(30), np.zeros(30), draws=9) == 0.1


@pytest.mark.parametrize("bad", [np.zeros((1, 3)), 3.0])
def test_one_model_is_no_arm(bad: Any) -> None:
    with pytest.raises(DataError, match="at least two of them"):
        cluster_bootstrap(gap, bad, np.zeros((4, 3)))
    with pytest.raises(DataError, match="at least two of them"):
        permutation_p(gap, np.zeros((4, 3)), bad)


def test_what_cannot_be_resampled_is_refused() -> None:
    arms = np.zeros((4, 3)), np.zeros((4, 3))
    with pytest.raises(DataError, match="finite on every draw"):
        cluster_bootstrap(lambda one, other: gap(one, other) * np.nan, *arms)
    with pytest.raises(ParameterError, match="at least one draw"):
        cluster_bootstrap(gap, *arms, draws=0)
    with pytest.raises(ParameterError, match="at least one draw"):
        permutation_p(gap, *arms, draws=0)
    with pytest.raises(ParameterError, match="confidence"):
        resampled(0.0, np.zeros(3), 1.0)
    with pytest.raises(DataError, match="the same records"):
        permutation_p(gap, arms[0], arms[1][:, :2])
