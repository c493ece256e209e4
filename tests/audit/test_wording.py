"""Words: every verdict, tier and claim has its own, none says more than was shown, and percentages stay in one line."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from expunge.audit import wording
from expunge.audit.arms import Missing
from expunge.audit.replay import Replay
from expunge.audit.report import Report
from expunge.audit.tiers import MODELS
from expunge.audit.verdict import Kind, Verdict
from expunge.values import Claim, Empirical, Exact

TOO_MUCH = ("verified", "guarantee", "proves that", "was deleted", "is gone.", "completely", "safe")


def everything(report: Report) -> str:
    said = [*wording.meaning(report), wording.tried(report), *wording.limits(report), *wording.reading(report)]
    return " ".join(said)


def test_every_kind_tier_and_claim_has_words() -> None:
    assert set(wording.MARKS) == set(get_args(Kind))
    assert set(wording.TIERS) == set(wording.LIMITS) == set(MODELS)
    assert set(wording.CLAIMS) == set(get_args(Claim))
    assert len({mark for mark, _ in wording.MARKS.values()}) == len(wording.MARKS)


def test_nothing_says_more_than_was_shown(reports: dict[str, Report]) -> None:
    for report in reports.values():
        text = everything(report)
        assert not [word for word in TOO_MUCH if word in text.replace("Nothing says that they are gone.", "")]
        assert "never raises one" in text
        assert "Whoever holds the model from before" in text


def test_each_verdict_is_told_in_its_own_words(reports: dict[str, Report]) -> None:
    kinds = {"nothing": "can be told from", "perfect": "no proof that nothing is left", "blind": "in either direction"}
    for name, words in kinds.items():
        assert words in " ".join(wording.meaning(reports[name]))
    assert "overshoot" in " ".join(wording.meaning(reports["overshoot"]))
    assert "overshoot" not in " ".join(wording.meaning(reports["nothing"]))
    assert "no verdict by figures" in " ".join(wording.meaning(reports["quick"]))


def test_a_replay_that_is_equal_weighs_more_than_a_figure(reports: dict[str, Report]) -> None:
    detected, same = Verdict("detected", "detected: p = 0.01", 0.01), Replay(equal=True, forgotten="a", oracle="a")
    alarm = replace(reports["replay"], verdict=detected, replay=same)
    assert "up to 5 say detected" in " ".join(wording.meaning(alarm))
    assert "5 say detected" not in " ".join(wording.meaning(replace(alarm, replay=Missing("none"))))


@pytest.mark.parametrize(
    ("claim", "equal", "words"),
    [
        (Exact(), True, "same model, bit for bit"),
        (Exact(), False, "does not hold"),
        (Empirical(), False, "to be expected"),
    ],
)
def test_learning_again_is_told_by_what_was_claimed(
    reports: dict[str, Report],
    claim: Claim,
    equal: bool,  # noqa: FBT001  (a parameter)
    words: str,
) -> None:
    report = replace(reports["replay"], claimed=claim, replay=Replay(equal=equal, forgotten="a", oracle="b"))
    assert words in wording.tried(report)
    assert "nothing again" in wording.tried(reports["quick"])


def test_copies_that_stay_and_what_could_not_be_measured_are_said(reports: dict[str, Report]) -> None:
    report = replace(reports["perfect"], twins=1, lacking=("resurfacing: a forest cannot go on training",))
    text = " ".join(wording.limits(report))
    assert "1 exact copy of a forgotten record stays" in text
    assert "2 exact copies of forgotten records stay" in " ".join(wording.limits(replace(report, twins=2)))
    assert "Asked for and not measured: resurfacing: a forest cannot go on training." in text
    assert "No exact copy" in " ".join(wording.limits(replace(report, twins=0)))


def test_a_figure_detected_within_its_band_is_explained(reports: dict[str, Report]) -> None:
    one = reports["nothing"].findings[0]
    inside = replace(one, forgotten=replace(one.forgotten, low=one.forgotten.value - 1, high=one.forgotten.value + 1))
    assert one.verdict.kind == "detected"
    for findings, told in (((one,), False), ((inside,), True)):
        report = replace(reports["nothing"], findings=findings)
        assert any("(Holm)" in said for said in wording.reading(report)) == told


def test_sentences() -> None:
    assert wording.sentence("an effect of 5 % would be seen") == "An effect of 5\xa0% would be seen."
    assert wording.sentence("p = 0.01!") == "p\xa0=\xa00.01!"
    assert wording.said(Verdict("inconclusive", "inconclusive")) == "Inconclusive."


def test_what_a_figure_is_of_numbers_is_said_where_labels_are_numbers(reports: dict[str, Report]) -> None:
    title = "accuracy on the forgotten (of numbers: root mean squared error)"
    assert wording.of_classes(title, reports["perfect"]) == "accuracy on the forgotten"
    assert wording.of_classes(title, reports["several"]) == "accuracy on the forgotten"
    assert wording.of_classes(title, reports["numbers"]) == title
