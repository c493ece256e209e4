"""Canaries against sums over all outcomes, on models that never met them, on planted ones, and a rank that is none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from expunge.errors import DataError, ParameterError
from expunge.measures.canaries import exposure, planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def some(hits: int, canaries: int) -> NDArray[np.bool_]:
    return np.arange(canaries) < hits


def chance(k: int, n: int, rate: float) -> float:
    return math.comb(n, k) * rate**k * (1 - rate) ** (n - k)


@given(st.integers(1, 25), st.data(), st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]))
def test_p_is_the_sum_over_all_outcomes_that_are_no_likelier(n: int, data: st.DataObject, rate: float) -> None:
    k = data.draw(st.integers(0, n))
    found = planted(some(k, n), rate)
    each = [chance(j, n, rate) for j in range(n + 1)]
    assert found.p == pytest.approx(sum(one for one in each if one <= each[k] * (1 + 1e-7)))
    assert (found.hits, found.canaries, found.expected, found.oracle) == (k, n, rate, None)
    assert found.share == k / n


@given(st.integers(1, 25), st.data())
def test_the_interval_is_where_either_tail_is_a_fortieth(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    found = planted(some(k, n), 0.5)
    more = sum(chance(j, n, found.low) for j in range(k, n + 1))
    fewer = sum(chance(j, n, found.high) for j in range(k + 1))
    assert more == pytest.approx(0.025, abs=1e-6) if k else found.low == 0
    assert fewer == pytest.approx(0.025, abs=1e-6) if k < n else found.high == 1


@given(st.integers(1, 15), st.integers(1, 15), st.data())
def test_with_an_oracle_p_is_that_of_all_tables_with_as_many_hits(n: int, m: int, data: st.DataObject) -> None:
    k, its = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    found = planted(some(k, n), some(its, m))
    law = hypergeom(n + m, k + its, n)
    each = [float(law.pmf(j)) for j in range(n + 1)]
    assert found.p == pytest.approx(sum(one for one in each if one <= each[k] * (1 + 1e-7)))
    assert (found.expected, found.oracle) == (its / m, (its, m))


def test_without_effect_false_alarms_are_as_rare_as_they_should_be() -> None:
    random = np.random.default_rng(0)
    by_rate = [planted(random.random(40) < 0.1, 0.1).p <= 0.05 for _ in range(250)]
    by_oracle = [planted(random.random(40) < 0.3, random.random(40) < 0.3).p <= 0.05 for _ in range(250)]
    assert np.mean(by_rate) <= 0.05 + 0.02
    assert np.mean(by_oracle) <= 0.05 + 0.02
    held = [one.low <= 0.2 <= one.high for one in (planted(random.random(30) < 0.2, 0.2) for _ in range(250))]
    assert np.mean(held) >= 0.94


def test_planted_records_are_seen_and_so_is_what_was_pushed_too_far() -> None:
    random = np.random.default_rng(1)
    assert np.mean([planted(random.random(40) < 0.5, 0.1).p < 0.01 for _ in range(200)]) > 0.95
    assert np.mean([planted(random.random(40) < 0.6, random.random((4, 40)) < 0.1).p < 0.01 for _ in range(200)]) > 0.95
    assert planted(some(0, 60), 0.3).p < 0.001


def test_a_rate_that_was_itself_counted_on_few_is_no_given_rate() -> None:
    """The bug it would be: the oracle's share as if it were known."""
    random = np.random.default_rng(2)
    pairs = [(random.random(40) < 0.2, random.random(40) < 0.2) for _ in range(250)]
    honest = np.mean([planted(mine, its).p <= 0.05 for mine, its in pairs])
    taken = np.mean([planted(mine, float(its.mean())).p <= 0.05 for mine, its in pairs])
    assert honest <= 0.05
    assert taken > 0.1


@given(st.integers(1, 30), st.integers(0, 10**6))
def test_exposure_is_the_rank_in_bits(m: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    losses, others = random.integers(0, 9, 5).astype(float), random.integers(0, 9, m).astype(float)
    found = exposure(losses, others)
    ranks = [1 + sum(other <= loss for other in others) for loss in losses]
    assert found.bits == pytest.approx([math.log2(m + 1) - math.log2(rank) for rank in ranks])
    assert found.p == pytest.approx(2.0**-found.bits)
    assert ((found.bits >= 0) & (found.bits <= math.log2(m + 1))).all()
    assert found.references == m


def test_a_secret_that_was_never_planted_is_exposed_by_t_bits_in_one_of_two_to_the_t() -> None:
    random = np.random.default_rng(3)
    found = np.concatenate([exposure(random.normal(size=1), random.normal(size=255)).bits for _ in range(4000)])
    for bits in (1, 2, 4):
        assert np.mean(found >= bits) == pytest.approx(2.0**-bits, abs=0.02)


def test_a_planted_secret_is_exposed() -> None:
    random = np.random.default_rng(4)
    assert (exposure(random.normal(size=50) - 6, random.normal(size=1000)).bits > 8).all()


def test_a_sorted_position_that_is_no_rank_is_caught() -> None:
    """As in public code: the last entry of argsort says who is last, not where the secret stands."""

    def by_argsort(loss: float, others: NDArray[np.float64]) -> float:
        return math.log2(len(others)) - math.log2(np.argsort(np.append(others, loss))[-1] + 1)

    others = np.array([0.9, 0.5, 0.7, 0.6])
    assert exposure([0.1], others).bits[0] == exposure([0.1], others[::-1]).bits[0]
    assert by_argsort(0.1, others) != by_argsort(0.1, others[::-1])


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (lambda: planted([], 0.1), DataError, "one at least"),
        (lambda: planted([1, 0], 0.1), DataError, "truth values, one at least, got int"),
        (lambda: planted([True], 1.5), ParameterError, "got 1.5"),
        (lambda: planted([True], [0.5]), DataError, "whether the oracle hits each"),
        (lambda: exposure([1.0], []), DataError, r"got shapes \(1,\) and \(0,\)"),
        (lambda: exposure([np.nan], [1.0]), DataError, "NaN among them"),
        (lambda: exposure([[1.0]], [1.0]), DataError, r"got shapes \(1, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(ask: Callable[[], object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ask()


def test_one_canary_and_one_oracle() -> None:
    assert planted([True], np.array([True])).oracle == (1, 1)
