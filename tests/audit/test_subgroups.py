"""Subgroups: fairlearn's figures of each arm, differences from the oracle, and what cannot be grouped says why."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn import metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.audit.arms import Answers, Four, Missing, Parts
from expunge.audit.report import Report
from expunge.audit.subgroups import Grouping, Subgroups, expect, lines, subgroups
from expunge.data.table import Table
from expunge.errors import DataError, ParameterError
from expunge.measures.fairness import Change, Fairness

NONE = Missing("not asked")
NAMES = ("ant", "bee")
BY = Grouping("x0", "bee")
Arm, Sets = Parts[Answers | Missing], Parts[Table | Missing]


def told(part: Table, seed: int, *, names: tuple[str, str] = NAMES) -> Parts[Answers | Missing]:
    drawn = np.random.default_rng(seed).dirichlet((1.0, 1.0), len(part))
    return Parts(NONE, NONE, Answers(drawn, names, part))


def people(seed: int, count: int = 120) -> Table:
    rng = np.random.default_rng(seed)
    return Table.from_arrays(rng.integers(0, 2, (count, 1)).astype(float), np.array(NAMES)[rng.integers(0, 2, count)])


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_figures_of_each_arm_are_fairlearns(seed: int) -> None:
    part = people(seed)
    arms = Four(*(told(part, seed + k, names=NAMES if k % 2 else ("bee", "ant")) for k in range(4)))
    found = subgroups(arms, Parts(NONE, NONE, part), BY)
    assert isinstance(found, Subgroups)
    for (_, arm), (_, one) in zip(arms.each(), found.models.each(), strict=True):
        assert isinstance(arm.test, Answers)
        assert isinstance(one, Fairness)
        said = np.array(arm.test.classes)[arm.test.predicted.argmax(axis=1)]
        given_ = {"y_true": part.label == "bee", "y_pred": said == "bee", "sensitive_features": part.column("x0")}
        assert one.gaps is not None
        assert one.gaps.parity == pytest.approx(metrics.demographic_parity_difference(**given_))
        assert one.gaps.odds == pytest.approx(metrics.equalized_odds_difference(**given_))
        by_group = [np.mean((said == part.label)[part.column("x0") == group.name]) for group in one.groups]
        assert [group.accuracy for group in one.groups] == pytest.approx(by_group)


@given(st.integers(0, 10**6))
@settings(max_examples=10)
def test_differences_are_from_the_oracle_and_from_the_original(seed: int) -> None:
    part = people(seed)
    original, forgotten, oracle = (told(part, seed + k) for k in range(3))
    found = subgroups(Four(original, forgotten, oracle, oracle), Parts(NONE, NONE, part), BY)
    assert isinstance(found, Subgroups)
    models = found.models
    for change, before in ((found.from_original, models.original), (found.from_oracle, models.oracle)):
        assert isinstance(change, Change)
        assert isinstance(before, Fairness)
        assert isinstance(models.forgotten, Fairness)
        for moved, then, now in zip(change.groups, before.groups, models.forgotten.groups, strict=True):
            assert moved.value == pytest.approx(now.accuracy - then.accuracy)
            assert moved.low <= moved.value <= moved.high
    assert isinstance(found.by_chance, Change)
    assert all(moved.value == moved.low == moved.high == 0 for moved in found.by_chance.groups)


def test_harm_to_one_group_is_seen_and_only_there() -> None:
    part = people(1, 400)
    right = np.where(np.asarray(part.label) == "bee", 0.9, 0.1)
    hurt = np.where(part.column("x0") == 1, 1 - right, right)
    oracle, forgotten = (Arm(NONE, NONE, Answers(np.column_stack([1 - p, p]), NAMES, part)) for p in (right, hurt))
    found = subgroups(Four(oracle, forgotten, oracle, oracle), Parts(NONE, NONE, part), BY)
    assert isinstance(found, Subgroups)
    assert isinstance(found.from_oracle, Change)
    assert [one.excludes(0.0) for one in found.from_oracle.groups] == [False, True]
    text = "\n".join(lines(found))
    assert "accuracy: 1.0" in text
    assert "-1.000" in text


def test_held_out_records_are_asked_first_then_the_retained() -> None:
    part, arm = people(2), told(people(2), 5)
    other = Arm(arm.test, NONE, NONE)
    found = [
        subgroups(Four(one, one, one, one), sets, BY)
        for one, sets in ((arm, Sets(NONE, NONE, part)), (other, Sets(part, NONE, NONE)))
    ]
    assert [one.part for one in found if isinstance(one, Subgroups)] == ["test", "retained"]


def test_what_has_no_groups_says_why() -> None:
    empty = subgroups(Four(*[Arm(NONE, NONE, NONE)] * 4), Parts(NONE, NONE, NONE), BY)
    numbers = Table.from_arrays(np.zeros((30, 1)), np.arange(30.0))
    arm: Parts[Answers | Missing] = Parts(NONE, NONE, Answers(np.zeros(30), None, numbers))
    of_numbers = subgroups(Four(arm, arm, arm, arm), Parts(NONE, NONE, numbers), BY)
    assert empty == Missing("no record is left to be grouped")
    assert isinstance(of_numbers, Missing)
    assert "decisions for one class" in of_numbers.reason
    assert "no record is left" in lines(empty)[0]


def test_an_arm_without_answers_leaves_the_others() -> None:
    part = people(4)
    one, nobody = told(part, 1), Arm(NONE, NONE, Missing("it has forgotten everything"))
    found = subgroups(Four(one, one, nobody, nobody), Parts(NONE, NONE, part), BY)
    assert isinstance(found, Subgroups)
    assert isinstance(found.models.original, Fairness)
    assert found.from_oracle == Missing("it has forgotten everything")
    assert "- " in lines(found)[2] + " "


def test_no_such_column_and_no_such_class_are_refused() -> None:
    expect(BY, people(1))
    with pytest.raises(DataError, match="sex"):
        expect(Grouping("sex", "bee"), people(1))
    with pytest.raises(ParameterError, match="one of the classes 'ant', 'bee'; got 'cow'"):
        expect(Grouping("x0", "cow"), people(1))


def test_a_report_has_them_where_they_were_asked_for(reports: dict[str, Report]) -> None:
    assert isinstance(reports["groups"].subgroups, Subgroups)
    assert "Groups by x1, on held-out records" in str(reports["groups"])
    assert isinstance(reports["perfect"].subgroups, Missing)
    assert "Groups" not in str(reports["perfect"])
