"""Group figures against fairlearn and scipy, their intervals on no effect and planted ones, and small groups."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fairlearn import metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from expunge.errors import DataError
from expunge.measures.fairness import SMALLEST, Fairness, Groups, change, fairness

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def people(seed: int, rows: int = 300, groups: int = 3) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """The group of each record and what is so."""
    random = np.random.default_rng(seed)
    names = np.array(["ant", "bee", "cow", "doe"])[:groups]
    return names[random.integers(0, groups, rows)], np.array(["no", "yes"])[random.integers(0, 2, rows)]


def guessed(seed: int, label: NDArray[np.str_], right: Any) -> NDArray[np.str_]:
    """Decisions that are right with a chance of each record's own."""
    hit = np.random.default_rng(seed).random(len(label)) < right
    return np.where(hit, label, np.where(label == "yes", "no", "yes"))


@settings(max_examples=15)  # fairlearn takes its time
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_gaps_are_those_of_fairlearn(seed: int, groups: int) -> None:
    names, label = people(seed, 60 * groups, groups)
    decided = guessed(seed + 1, label, 0.7)
    found = fairness(decided, Groups(names, label, "yes"))
    asked = {"y_true": label == "yes", "y_pred": decided == "yes", "sensitive_features": names}
    assert found.gaps is not None
    assert len(found.groups) == groups
    assert found.gaps.parity == pytest.approx(metrics.demographic_parity_difference(**asked))
    assert found.gaps.parity_ratio == pytest.approx(metrics.demographic_parity_ratio(**asked))
    assert found.gaps.opportunity == pytest.approx(metrics.equal_opportunity_difference(**asked))
    assert found.gaps.odds == pytest.approx(metrics.equalized_odds_difference(**asked))
    frame = metrics.MetricFrame(metrics=metrics.selection_rate, **asked).by_group
    assert [one.selected for one in found.groups] == pytest.approx(
        frame.loc[[one.name for one in found.groups]].tolist()
    )


def test_a_group_is_found_by_hand_with_the_interval_of_scipy() -> None:
    names, label = people(0)
    decided = guessed(1, label, 0.8)
    for one in fairness(decided, Groups(names, label, "yes")).groups:
        mine = names == one.name
        hit = (decided == label)[mine]
        assert (one.records, one.units) == (mine.sum(), mine.sum())
        assert one.accuracy == pytest.approx(hit.mean())
        expected = binomtest(int(hit.sum()), int(mine.sum())).proportion_ci(method="wilson")
        assert (one.low, one.high) == pytest.approx((expected.low, expected.high))
        assert one.hits == pytest.approx((decided == "yes")[mine & (label == "yes")].mean())
        assert one.alarms == pytest.approx((decided == "yes")[mine & (label == "no")].mean())


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_the_order_of_records_means_nothing(seed: int) -> None:
    names, label = people(seed, 120)
    before, after, owner = guessed(1, label, 0.8), guessed(2, label, 0.7), np.arange(120) // 2
    order = np.random.default_rng(seed).permutation(120)
    plain, mixed = (
        (fairness(after[rows], held), change(before[rows], after[rows], held, draws=20))
        for rows in (np.arange(120), order)
        for held in [Groups(names[rows], label[rows], "yes", owner[rows])]
    )
    assert plain == mixed


def test_without_effect_intervals_hold_0_as_often_as_they_should() -> None:
    names, label = people(3, 240, 2)
    held: dict[Any, list[bool]] = {}
    for seed in range(150):
        one, other = guessed(2 * seed, label, 0.8), guessed(2 * seed + 1, label, 0.8)
        found = change(one, other, Groups(names, label, "yes"), draws=200)
        for difference in (*found.groups, *found.gaps):
            held.setdefault(difference.name, []).append(not difference.excludes(0.0))
    assert {name: float(np.mean(each)) > 0.89 for name, each in held.items()} == dict.fromkeys(held, True)


def test_a_group_that_loses_is_named_and_its_gap_grows() -> None:
    names, label = people(4, 900)
    before = guessed(1, label, 0.9)
    after = np.where((names == "bee") & (label == "yes"), guessed(2, label, 0.5), before)
    found = change(before, after, Groups(names, label, "yes"))
    assert [one.name for one in found.groups if one.excludes(0.0)] == ["bee"]
    assert {one.name: one.low > 0 for one in found.gaps} == {
        "parity": True, "parity_ratio": False, "opportunity": True, "odds": True,
    }  # fmt: skip
    (lost,) = (one for one in found.groups if one.name == "bee")
    assert lost.value == pytest.approx(-0.2, abs=0.06)
    assert lost.low < lost.value < lost.high < 0


def test_models_that_decide_alike_differ_in_nothing() -> None:
    names, label = people(5)
    same = guessed(1, label, 0.8)
    found = change(same, same, Groups(names, label, "yes"), draws=50)
    assert {(one.value, one.low, one.high) for one in (*found.groups, *found.gaps)} == {(0.0, 0.0, 0.0)}


def test_the_bootstrap_takes_owners_for_units() -> None:
    names, label, owner = np.repeat(["ant"], 400), np.repeat(["no", "yes"], 200), np.arange(400) // 10
    lost = np.random.default_rng(0).random(40)[owner] < 0.3  # whole owners
    after = np.where(lost, np.where(label == "yes", "no", "yes"), label)
    apart, together = (change(label, after, Groups(names, label, "yes", units)).groups[0] for units in (None, owner))
    assert together.high - together.low > 2 * (apart.high - apart.low)
    one, few = (fairness(after, Groups(names, label, "yes", units)).groups[0] for units in (None, owner))
    assert (one.units, few.units, one.accuracy) == (400, 40, few.accuracy)
    assert few.high - few.low > 2 * (one.high - one.low)


def test_small_groups_are_named_and_not_scored() -> None:
    names = np.repeat(["ant", "bee", "cow"], [SMALLEST, SMALLEST - 1, 60])
    label = np.array(["no", "yes"])[np.arange(len(names)) % 2]
    after = np.where(names == "bee", "no", label)
    groups = Groups(names, label, "yes")
    found, moved = fairness(after, groups), change(label, after, groups, draws=20)
    assert [one.name for one in found.groups] == [one.name for one in moved.groups] == ["ant", "cow"]
    assert found.small == moved.small == (("bee", SMALLEST - 1),)
    assert found.gaps is not None
    assert found.gaps.odds == 0.0  # nothing of the small one
    owned = Groups(names, label, "yes", np.where(names == "cow", 0, np.arange(len(names))))
    assert fairness(after, owned).small == (("bee", SMALLEST - 1), ("cow", 1))  # one owner of sixty records


def test_their_size_is_where_an_interval_of_a_half_reaches_a_fifth() -> None:
    def half(size: int) -> float:
        names, label = np.repeat(["ant"], size), np.array(["no", "yes"])[np.arange(size) % 2]
        (one,) = fairness(np.repeat(["no"], size), Groups(names, label, "yes")).groups
        return (one.high - one.low) / 2

    assert half(SMALLEST) == pytest.approx(0.2, abs=0.01)


def test_one_group_has_no_gap_and_a_kind_that_is_missing_none_of_its_own() -> None:
    names, label = np.repeat(["ant", "bee"], 30), np.repeat(["no", "yes"], 30)
    alone = fairness(label[:30], Groups(names[:30], label[:30], "yes"))
    assert alone.gaps is None
    assert (alone.groups[0].hits, alone.groups[0].alarms) == (None, 0.0)
    assert change(label[:30], label[:30], Groups(names[:30], label[:30], "yes"), draws=5).gaps == ()
    both = fairness(label, Groups(names, label, "yes"))
    assert both.gaps is not None
    assert (both.gaps.parity, both.gaps.opportunity, both.gaps.odds) == (1.0, None, None)
    none = fairness(np.repeat(["no"], 60), Groups(names, label, "yes"))
    assert none.gaps is not None
    assert none.gaps.parity_ratio is None


def with_small(decided: NDArray[Any], groups: Groups) -> float:
    """The gap over all groups, as fairlearn has it."""
    return float(
        metrics.demographic_parity_difference(
            groups.label == "yes", decided == "yes", sensitive_features=groups.names
        )
    )  # fmt: skip


def test_a_gap_of_three_records_is_what_scoring_small_groups_would_tell() -> None:
    names = np.repeat(["ant", "bee", "cow"], [60, 60, 2])
    label = np.array(["no", "yes"])[np.arange(122) % 2]
    decided = np.where(names == "cow", "no", label)
    found: Fairness = fairness(decided, Groups(names, label, "yes"))
    assert found.gaps is not None
    assert with_small(decided, Groups(names, label, "yes")) == 0.5 > found.gaps.parity == 0.0


@pytest.mark.parametrize("kind", [bool, int, str])
def test_labels_of_any_type(kind: type) -> None:
    label = np.array([kind(k % 2) for k in range(60)])
    names = np.arange(60) // 30
    found = fairness(label, Groups(names, label, kind(1)))
    assert [(one.name, one.accuracy, one.selected) for one in found.groups] == [(0, 1.0, 0.5), (1, 1.0, 0.5)]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: Groups(np.zeros(2), np.zeros(3), 1), r"got shapes \[\(2,\), \(3,\)\]"),
        (lambda: Groups(np.zeros(0), np.zeros(0), 1), "one at least"),
        (lambda: Groups(np.zeros((2, 1)), np.zeros((2, 1)), 1), "a name and a label for each record"),
        (lambda: Groups(np.zeros(2), np.zeros(2), 1, np.zeros(3)), r"\(3,\)"),
        (lambda: fairness(np.array(["0"]), Groups(np.zeros(1), np.zeros(1), 1)), "of the type of the labels"),
        (lambda: fairness(np.zeros(2), Groups(np.zeros(1), np.zeros(1), 1)), r"got float64 of \(2,\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ask()


def test_an_empty_draw_says_nothing() -> None:
    names = np.repeat(["ant", "bee"], [30, 30])
    label = np.repeat(["no", "yes"], 30)
    found = change(label, label, Groups(names, label, "yes", np.arange(60)), draws=3)
    assert all(math.isfinite(one.low) for one in found.groups)
