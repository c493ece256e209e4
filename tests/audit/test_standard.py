"""The standard tier: nothing is rarely found where nothing is, doing nothing always; figures say what they see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from expunge import Records, Run, Table, keyed
from expunge.audit.arms import parts
from expunge.audit.ensemble import Ensemble
from expunge.audit.figures import Model
from expunge.audit.standard import Finding, findings
from expunge.audit.verdict import overall
from expunge.errors import DataError

TARGET = Records(range(20, 60))


def placed(method: Any, known: Table, unknown: Table, seed: int, count: int = 7) -> tuple[Finding, ...]:
    """What the standard tier finds of a forgetting by rote, under the keys of a seed."""
    run = Run(key=f"seed {seed}".encode())
    ensemble = Ensemble(method, known, TARGET, parts(known, TARGET, unknown), run)
    original = method.learn(known, run)
    forgotten = method.forget(original, TARGET, known, run).model
    models = [ensemble.told(model, knew=knew) for model, knew in ((original, True), (forgotten, False))]
    return findings(models[0], models[1], ensemble.oracles("oracle", count))


def leak(found: tuple[Finding, ...]) -> str:
    return overall([one.verdict for one in found if one.about == "leakage"]).kind


def test_doing_nothing_is_detected_and_perfect_forgetting_is_not(by_rote: Any, known: Table, unknown: Table) -> None:
    nothing = [leak(placed(by_rote(left=1.0), known, unknown, seed)) for seed in range(20)]
    perfect = [leak(placed(by_rote(left=0.0), known, unknown, seed)) for seed in range(20)]
    assert nothing == ["detected"] * 20
    assert perfect.count("detected") <= 3  # of 20 at 5 %: more than three in one case of sixty
    assert perfect.count("not detected") >= 15


@pytest.mark.slow
def test_false_alarms_keep_to_their_rate(by_rote: Any, known: Table, unknown: Table) -> None:
    alarms = sum(
        any(one.verdict.kind == "detected" for one in placed(by_rote(), known, unknown, seed)) for seed in range(200)
    )
    assert binomtest(alarms, 200, 0.05, alternative="greater").pvalue > 0.01


def test_what_goes_beyond_the_oracles_is_detected_as_overshoot(by_rote: Any, known: Table, unknown: Table) -> None:
    found = {one.name: one.verdict for one in placed(by_rote(left=-1.0), known, unknown, 0)}
    assert (found["fit"].kind, found["fit"].overshoot) == ("detected", True)
    assert overall(list(found.values())).overshoot


def test_half_of_it_left_is_seen_where_the_figure_says_that_it_would_be(
    by_rote: Any, known: Table, unknown: Table
) -> None:
    method = by_rote(left=0.5, shared=0.05)
    seen = [{one.name: one for one in placed(method, known, unknown, seed, 16)}["fit"] for seed in range(12)]
    powerful = [one for one in seen if one.forgotten.smallest < 1.0]  # half of two
    assert len(powerful) > 8
    assert sum(one.verdict.kind == "detected" for one in powerful) >= 0.6 * len(powerful)


def test_where_nothing_is_learned_by_heart_no_figure_says_not_detected(
    by_rote: Any, known: Table, unknown: Table
) -> None:
    for seed in range(3):
        kinds = [one.verdict for one in placed(by_rote(surer=0.0), known, unknown, seed) if one.about == "leakage"]
        assert all(one.kind == "inconclusive" for one in kinds)
        assert sum(one.rejected for one in kinds) >= len(kinds) // 2


def test_damage_is_told_from_leakage(by_rote: Any, known: Table, unknown: Table) -> None:
    class Ruin(by_rote):  # type: ignore[misc]
        def predict(self, model: Any, data: Table) -> Any:
            said = super().predict(model, data)
            ruined = getattr(model, "key", b"") == b"ruined"
            return said[:, ::-1] if ruined else said

        def forget(self, model: Any, target: Any, data: Table, run: Run) -> Any:
            done = super().forget(model, target, data, run)
            return replace(done, model=replace(done.model, key=b"ruined"))

    found = {one.name: one for one in placed(Ruin(), known, unknown, 2)}
    assert found["retained"].verdict.kind == "detected"
    assert found["retained"].about == "damage"
    assert "from the oracles' mean" in found["retained"].verdict.said


def test_oracles_are_each_placed_beside_as_many_others(by_rote: Any, known: Table, unknown: Table) -> None:
    """A forgotten model that is a further oracle has figures of the same law, those that look at others too."""
    run = Run(key=b"exchangeable")
    ensemble = Ensemble(by_rote(), known, TARGET, parts(known, TARGET, unknown), run)
    models: list[Model] = ensemble.oracles("oracle", 60)
    gaps = []
    for at in range(0, 60, 6):
        some = models[at : at + 6]
        one = {each.name: each for each in findings(some[0], some[1], some[2:])}["scores"]
        gaps.append(one.forgotten.value - one.forgotten.mean)
    spread = np.std(gaps, ddof=1) / len(gaps) ** 0.5
    assert abs(np.mean(gaps)) < 3.5 * spread


def test_too_few_oracles_are_refused(by_rote: Any, known: Table, unknown: Table) -> None:
    with pytest.raises(DataError, match="at least 4 oracles, got 3"):
        placed(by_rote(), known, unknown, 0, count=3)


def test_keys_of_the_arms_are_their_own(by_rote: Any, known: Table, unknown: Table) -> None:
    assert len({keyed.subkey(b"k", "audit", arm, k) for arm in ("oracle", "second oracle") for k in range(8)}) == 16
