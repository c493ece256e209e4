"""Distances against scipy and brute force, what they say of one law twice, planted shifts, and bugs of public code."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from expunge.errors import DataError
from expunge.measures import divergence
from expunge.measures.divergence import BINS, FLOOR, activation_distance, energy, js, kl, klom, ks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Arm = NDArray[np.float64]


def scores(seed: int, rows: int, classes: int) -> Arm:
    """Answers, some of which exclude a class."""
    random = np.random.default_rng(seed)
    raw = random.random((rows, classes)) ** 4 * (random.random((rows, classes)) < 0.8)
    raw[:, 0] += 1e-6
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def drawn(seed: int, models: int, records: int, shift: float = 0.0) -> Arm:
    return np.random.default_rng(seed).normal(size=(models, records)) + shift


# -- one model against another -----------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(2, 12))
def test_js_is_symmetric_bounded_and_that_of_scipy(seed: int, classes: int) -> None:
    one, other = scores(seed, 6, classes), scores(seed + 1, 6, classes)
    found = js(one, other)
    assert found.tolist() == js(other, one).tolist()
    assert ((found >= 0) & (found <= math.log(2))).all()
    assert found == pytest.approx(jensenshannon(one, other, axis=1) ** 2, abs=1e-9)
    assert [float(js(one[k], other[k])) for k in range(6)] == found.tolist()


@given(st.integers(0, 10**6), st.integers(2, 12), st.floats(1e-6, 0.5))
def test_it_is_0_where_answers_are_equal_and_nowhere_else(seed: int, classes: int, moved: float) -> None:
    one = scores(seed, 4, classes)
    assert js(one, one).tolist() == kl(one, one).tolist() == [0.0] * 4
    other = (1 - moved) * one + moved * np.eye(classes)[classes - 1]
    assert ((js(one, other) > 0) | (np.abs(one - other).max(axis=1) < 1e-9)).all()


@given(st.integers(0, 10**6), st.integers(2, 12))
def test_kl_is_that_of_scipy_and_no_class_makes_it_infinite(seed: int, classes: int) -> None:
    one, other = scores(seed, 6, classes), scores(seed + 1, 6, classes)
    inside = (other > 1e-9).all(axis=1)
    assert kl(one, other)[inside] == pytest.approx(stats.entropy(one[inside], other[inside], axis=1), abs=1e-9)
    assert np.isfinite(kl(one, other)).all()
    assert kl([[1.0, 0.0]], [[0.0, 1.0]])[0] == pytest.approx(27.63, abs=1.1)
    assert kl([[0.9, 0.1]], [[0.5, 0.5]])[0] != pytest.approx(kl([[0.5, 0.5]], [[0.9, 0.1]])[0])


def of_all(one: Arm, other: Arm) -> float:
    """As in public code (SSD, Bad Teacher): the mean over classes too, and of KL(m || p)."""
    middle = (one + other) / 2
    return float(0.5 * (middle * np.log(middle / one)).mean() + 0.5 * (middle * np.log(middle / other)).mean())


def test_a_mean_over_classes_is_caught_by_its_dependence_on_their_number() -> None:
    def per_record(measure: Callable[[Arm, Arm], float]) -> bool:
        one, other = np.array([[0.7, 0.3]]), np.array([[0.3, 0.7]])
        empty = np.full((1, 8), 1e-12)
        wide = [np.concatenate([side, empty], axis=1) for side in (one, other)]  # classes that both exclude
        return math.isclose(measure(one, other), measure(*wide), rel_tol=1e-6)

    assert per_record(lambda one, other: float(js(one, other).mean()))
    assert not per_record(of_all)


# -- a group against another -------------------------------------------------------------------------------------------


def histogram_kl(mine: Arm, its: Arm) -> float:
    """Of one record, by numpy's own histogram, whose last bin is closed."""
    mine, its = np.clip(mine, -100, 100), np.clip(its, -100, 100)
    pooled = np.concatenate([mine, its])
    top = pooled.max() if pooled.max() > pooled.min() else pooled.min() + 1
    edges = np.linspace(pooled.min(), top, BINS + 1)
    p, q = (np.histogram(side, edges)[0] / len(side) for side in (mine, its))
    assert p.sum() == pytest.approx(1)  # nobody is lost
    return float(sum(a * math.log(a / max(b, FLOOR)) for a, b in zip(p, q, strict=True) if a > 0))


@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(2, 30), st.sampled_from([1, 0, 300]))
def test_klom_is_its_formula_record_by_record(seed: int, m: int, n: int, digits: int) -> None:
    mine, its = drawn(seed, m, 5, 0.5), drawn(seed + 1, n, 5)
    if digits != 1:  # ties, values on edges; margins beyond what counts
        mine, its = np.round(mine * (digits or 1), 0), np.round(its * (digits or 1), 0)
    found = klom(mine, its)
    assert found.records == pytest.approx([histogram_kl(mine[:, k], its[:, k]) for k in range(5)])
    assert found.second is None
    assert found.yardstick is None
    assert found.models == (m, n)
    assert klom(mine[:, [3]], its[:, [3]]).records[0] == found.records[3]  # whoever else is asked about


def test_an_outlier_at_the_top_counts() -> None:
    """The bug of public code: bins open on the right, so that the largest of all is in none."""
    mine, its = np.zeros((100, 1)), np.zeros((100, 1))
    mine[0] = 1.0

    def half_open(one: Arm, other: Arm) -> float:
        edges = np.linspace(0, 1, BINS + 1)
        p, q = (np.array([(np.digitize(side, edges) == k).sum() for k in range(1, BINS + 1)]) for side in (one, other))
        p, q = p / p.sum(), q / q.sum()
        return float(sum(a * math.log(a / max(b, FLOOR)) for a, b in zip(p, q, strict=True) if a > 0))

    assert half_open(mine[:, 0], its[:, 0]) == 0
    assert klom(mine, its).mean == pytest.approx(0.01 * math.log(0.01 / FLOOR) + 0.99 * math.log(0.99))


@pytest.mark.parametrize(("models", "mean"), [(16, 3.84), (32, 1.65), (100, 0.36), (512, 0.05)])
def test_one_law_twice_has_the_bias_that_is_told_and_so_has_the_yardstick(models: int, mean: float) -> None:
    one, other, second = (drawn(seed, models, 400) for seed in (1, 2, 3))
    found = klom(one, other, second)
    assert found.mean == pytest.approx(mean, rel=0.12)
    assert found.yardstick == pytest.approx(mean, rel=0.12)


def test_a_shift_is_seen_beside_the_yardstick() -> None:
    apart = klom(drawn(1, 64, 200, 2.0), drawn(2, 64, 200), drawn(3, 64, 200))
    assert apart.yardstick is not None
    assert apart.mean > 2 * apart.yardstick


def by_pairs(mine: Arm, its: Arm) -> float:
    """Unbiased energy distance of one record, over all pairs of different models."""

    def length(x: Arm, y: Arm) -> float:
        return math.dist(np.atleast_1d(x).tolist(), np.atleast_1d(y).tolist())

    cross = np.mean([length(x, y) for x in mine for y in its])
    within = [np.mean([length(x, y) for j, x in enumerate(a) for k, y in enumerate(a) if j != k]) for a in (mine, its)]
    return float(2 * cross - sum(within))


@given(st.integers(0, 10**6), st.integers(2, 8), st.integers(2, 8))
def test_energy_is_its_formula_and_with_the_bias_that_of_scipy(seed: int, m: int, n: int) -> None:
    mine, its = drawn(seed, m, 3, 0.5), drawn(seed + 1, n, 3)
    found = energy(mine, its).records
    assert found == pytest.approx([by_pairs(mine[:, k], its[:, k]) for k in range(3)], abs=1e-9)
    within = [np.abs(side[:, None] - side[None]).mean(axis=(0, 1)) for side in (mine, its)]
    biased = found + within[0] / (m - 1) + within[1] / (n - 1)
    assert biased == pytest.approx([stats.energy_distance(mine[:, k], its[:, k]) ** 2 for k in range(3)], abs=1e-9)
    several = np.stack([mine, mine**2], axis=2), np.stack([its, its**2], axis=2)
    expected = [by_pairs(several[0][:, k], several[1][:, k]) for k in range(3)]
    assert energy(*several).records == pytest.approx(expected, abs=1e-9)
    twice = [side[:, :, None].repeat(2, axis=2) / math.sqrt(2) for side in (mine, its)]
    assert energy(*twice).records == pytest.approx(found, abs=1e-9)


def test_energy_has_no_bias_with_few_models_and_sees_a_shift_and_a_spread() -> None:
    same = energy(drawn(1, 8, 4000), drawn(2, 8, 4000), drawn(3, 8, 4000))
    assert same.mean == pytest.approx(0, abs=4 * same.records.std() / math.sqrt(4000))
    assert same.yardstick == pytest.approx(0, abs=4 * same.records.std() / math.sqrt(4000))
    assert energy(drawn(1, 8, 400, 1.0), drawn(2, 8, 400)).mean > 0.2
    assert energy(3 * drawn(1, 8, 400), drawn(2, 8, 400)).mean > 0.2


def test_several_numbers_find_what_the_first_does_not() -> None:
    mine, its = (np.random.default_rng(k).normal(size=(16, 100, 3)) for k in (1, 2))
    mine[:, :, 2] += 2
    assert abs(energy(mine[:, :, 0], its[:, :, 0]).mean) < 0.1
    assert energy(mine, its).mean > 0.4


def test_ks_is_that_of_scipy_and_holds_its_level() -> None:
    mine, its = drawn(1, 20, 300), drawn(2, 24, 300)
    found = ks(mine, its)
    one = stats.ks_2samp(mine[:, 7], its[:, 7])
    assert (found.distance[7], found.p[7], found.models) == (one.statistic, one.pvalue, (20, 24))
    assert np.mean(found.p <= 0.05) <= 0.05 + 0.02
    assert np.mean(ks(mine + 2, its).p <= 0.05) > 0.9


def test_its_p_falls_with_the_number_of_models_and_the_distance_does_not() -> None:
    few, many = (ks(drawn(1, n, 100, 0.5), drawn(2, n, 100)) for n in (20, 200))
    assert np.median(many.p) < 0.01 < np.median(few.p)
    assert np.median(many.distance) <= np.median(few.distance)


def test_activations_are_told_beside_those_of_two_oracles() -> None:
    one = np.array([[0.0, 0.0], [1.0, 1.0]])
    found = activation_distance(one + np.array([3.0, 4.0]), one, one + np.array([0.0, 2.5]))
    assert (found.distance, found.yardstick, found.relative) == (5.0, 2.5, 2.0)
    assert activation_distance(one, one, one).relative == 1.0
    assert activation_distance(one + 1, one, one).relative == math.inf
    random = np.random.default_rng(0)
    same = activation_distance(*(random.normal(size=(500, 8)) for _ in range(3)))
    assert same.relative == pytest.approx(1, abs=0.05)


def test_the_order_of_models_means_nothing() -> None:
    mine, its = drawn(1, 9, 4), drawn(2, 9, 4)
    assert klom(mine[::-1], its).records.tolist() == klom(mine, its).records.tolist()
    assert energy(mine[::-1], its).records.tolist() == energy(mine, its).records.tolist()


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: js([[0.5, 0.5]], [[1.0]]), r"got \(1, 2\) and \(1, 1\)"),
        (lambda: js([[0.5, 0.6]], [[0.5, 0.5]]), "sum to one"),
        (lambda: kl([[1.5, -0.5]], [[0.5, 0.5]]), "at least 0"),
        (lambda: js([[np.nan, 0.5]], [[0.5, 0.5]]), "at least 0"),
        (lambda: klom(np.zeros((1, 3)), np.zeros((2, 3))), r"of 2 models at least, got shape \(1, 3\)"),
        (lambda: klom(np.zeros((2, 3)), np.zeros((2, 4))), r"the same records, got \(3,\), \(4,\), \(3,\)"),
        (lambda: klom(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((3, 3))), "got 3 for 2"),
        (lambda: klom(np.full((2, 1), np.nan), np.zeros((2, 1))), "finite answers"),
        (lambda: klom(np.zeros((2, 1, 2)), np.zeros((2, 1, 2))), r"\(models, records\), of 2"),
        (lambda: energy(np.zeros((2, 1, 2)), np.zeros((2, 1, 3))), "the same records"),
        (lambda: ks(np.zeros((2, 0)), np.zeros((2, 0))), "got shape"),
        (lambda: activation_distance([[1.0]], [[1.0]], [[1.0, 2.0]]), "under three models"),
        (lambda: activation_distance([[np.inf]], [[1.0]], [[1.0]]), "finite features"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ask()


def test_a_floor_is_what_keeps_it_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divergence, "FLOOR", 0.1)
    assert klom(drawn(1, 8, 3, 9.0), drawn(2, 8, 3)).mean < math.log(10)
