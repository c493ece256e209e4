"""The four verdicts: what may be said follows from p, power and what doing nothing shows, and from nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.audit.verdict import ALPHA, Verdict, harm, judged, overall, screening
from expunge.measures.prediction import Placed, placed

ORACLES = [0.50, 0.52, 0.48, 0.51, 0.49, 0.50, 0.53]
IDLE = placed(0.9, ORACLES)
VALUES = st.floats(-2, 2)


@given(mine=VALUES, other=VALUES)
def test_detected_is_what_the_test_rejects_and_nothing_else(mine: float, other: float) -> None:
    found = judged(placed(mine, ORACLES), placed(other, ORACLES), placed(mine, ORACLES).p)
    assert (found.kind == "detected") == (placed(mine, ORACLES).p <= ALPHA)
    assert found.said.startswith(found.kind)


@given(mine=VALUES, other=VALUES)
def test_absence_is_only_said_where_doing_nothing_would_have_been_seen(mine: float, other: float) -> None:
    idle = placed(other, ORACLES)
    found = judged(placed(mine, ORACLES), idle, 1.0)
    if found.kind == "not detected":
        assert idle.p <= ALPHA
        assert found.share is not None
        assert found.share < 1
    else:
        assert found.kind == "inconclusive"
        assert found.rejected == (idle.p > ALPHA)


def test_beyond_the_oracles_is_overshoot() -> None:
    assert judged(placed(0.1, ORACLES), IDLE, 0.0001).overshoot
    assert not judged(placed(0.8, ORACLES), IDLE, 0.0001).overshoot
    assert not judged(placed(0.1, ORACLES), placed(0.51, ORACLES), 0.0001).overshoot  # on which side would nothing lie?


def test_a_figure_that_doing_nothing_passes_is_rejected() -> None:
    found = judged(placed(0.51, ORACLES), placed(0.5, ORACLES), 1.0)
    assert (found.kind, found.rejected) == ("inconclusive", True)
    assert "even the original passes" in found.said


def test_too_little_power_is_inconclusive() -> None:
    weak = Placed(0.5, 0.5, 0.0, 1.0, 1.0, 0.6)  # it sees .6, and doing nothing is .4
    found = judged(weak, Placed(0.9, 0.5, 0.4, 0.6, 0.01, 0.6), 1.0)
    assert (found.kind, found.rejected) == ("inconclusive", False)
    assert found.share == pytest.approx(1.5)


def test_damage_knows_no_yardstick_of_doing_nothing() -> None:
    assert harm(placed(0.7, ORACLES), 0.001).kind == "detected"
    quiet = harm(placed(0.51, ORACLES), 1.0)
    assert quiet.kind == "not detected"
    assert "would have been seen with a chance of 80 %" in quiet.said


def test_leakage_where_no_key_changes_an_oracle() -> None:
    found = judged(placed(0.5, [0.5] * 5), placed(0.9, [0.5] * 5), 1.0)
    assert (found.kind, found.share) == ("not detected", 0.0)
    assert "the same as every oracle's" in found.said


def test_damage_where_no_key_changes_an_oracle() -> None:
    assert "the same as every oracle's" in harm(placed(0.5, [0.5] * 5), 1.0).said
    assert harm(placed(0.6, [0.5] * 5), 0.0).kind == "detected"


def test_one_leak_is_a_leak_and_silence_is_as_strong_as_its_best_figure() -> None:
    leak, over = Verdict("detected", "detected", 0.01), Verdict("detected", "detected", 0.001, overshoot=True)
    quiet, quieter = (Verdict("not detected", f"not detected: {k}", 1.0, k) for k in (0.5, 0.2))
    blind = Verdict("inconclusive", "inconclusive", 1.0, rejected=True)
    assert overall([quiet, leak, blind]).kind == "detected"
    assert (overall([quiet, over]).overshoot, overall([quiet, over]).p) == (True, 0.001)
    assert overall([quiet, quieter, blind]) == quieter
    assert overall([blind]).kind == "inconclusive"
    assert overall([]).kind == "inconclusive" or overall([]) == screening()


@given(st.lists(st.sampled_from(["detected", "not detected", "inconclusive"]), max_size=6))
def test_no_verdict_says_deleted_or_proved(kinds: list[str]) -> None:
    made = overall([Verdict(kind, kind, 0.5, 0.5) for kind in kinds])  # type: ignore[arg-type]
    assert not {"deleted", "proved", "verified"} & set(made.said.split())
