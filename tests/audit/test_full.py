"""The full tier: record by record, over many models of each arm; what fools one attack does not fool the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from expunge import Records, Run, Table
from expunge.audit.arms import parts
from expunge.audit.ensemble import Ensemble
from expunge.audit.full import COMPARED, Four, Full, findings
from expunge.audit.standard import Finding
from expunge.audit.verdict import overall
from expunge.errors import DataError

TARGET = Records(range(20, 50))


def found(
    method: Any, known: Table, unknown: Table | None, seed: int = 0, count: int = 16
) -> tuple[dict[str, Finding], Full | None]:
    run = Run(key=f"seed {seed}".encode())
    made = Ensemble(method, known, TARGET, parts(known, TARGET, unknown), run)
    pairs = made.pairs(count)
    arms = Four([pair.original for pair in pairs], [pair.forgotten for pair in pairs],
                made.oracles("oracle", count), made.oracles("second", count))  # fmt: skip
    said, full = findings(arms)
    return {one.name: one for one in said}, full


def test_doing_nothing_is_seen_by_every_figure_that_can_tell(by_rote: Any, known: Table, unknown: Table) -> None:
    said, full = found(by_rote(left=1.0, surer=3.0), known, unknown)
    assert full is not None
    for name in ("fit", "accuracy", "population", "lira", "scores lira"):
        assert said[name].verdict.kind == "detected", name
    assert full.attacks["forgotten"].low > full.attacks["second"].high
    assert full.klom["forgotten"] > full.klom["second"]
    assert full.score is not None
    assert full.score.value < 0.5


def test_perfect_forgetting_is_not_seen_and_what_could_have_been_is_said(
    by_rote: Any, known: Table, unknown: Table
) -> None:
    said, full = found(by_rote(left=0.0, surer=3.0), known, unknown, 1)
    verdict = overall([one.verdict for one in said.values() if one.about == "leakage"])
    assert verdict.kind == "not detected"
    assert verdict.share is not None
    assert verdict.share < 0.5
    assert full is not None
    assert full.leaking == 0


def test_false_alarms_are_few(by_rote: Any, known: Table, unknown: Table) -> None:
    alarms = [
        overall([one.verdict for one in found(by_rote(), known, unknown, seed, 8)[0].values()]).kind == "detected"
        for seed in range(8)
    ]
    assert sum(alarms) <= 2  # of eight at 5 %: more in one case of two hundred


def test_random_labels_fool_the_margin_and_not_all_scores(by_rote: Any, known: Table) -> None:
    """Three classes: what forgetting moves between the two that are not the record's own, the margin never sees."""

    class Mislaid(by_rote):  # type: ignore[misc]
        def predict(self, model: Any, data: Table) -> Any:
            two = super().predict(model, data)
            mine, yes = two.max(axis=1, keepdims=True), np.asarray(data.label)[:, None] == "yes"
            mine = np.where(yes, two[:, 1:], two[:, :1])
            gone = np.isin(np.asarray(data.ids), [k for k, sure in model.surer.items() if sure == 0.0])[:, None]
            rest = (1 - mine) * np.where(gone, [0.9, 0.1], [0.1, 0.9])
            return np.where(yes, np.hstack([rest[:, :1], mine, rest[:, 1:]]), np.hstack([mine, rest]))

        def learn(self, data: Table, run: Run) -> Any:
            made = super().learn(data, run)
            return type(made)(made.surer, made.key, ("no", "yes", "maybe"))

        def forget(self, model: Any, target: Any, data: Table, run: Run) -> Any:
            done = super().forget(model, target, data, run)
            object.__setattr__(done.model, "classes", ("no", "yes", "maybe"))
            return done

    said, _ = found(Mislaid(), known, None, 3)
    assert said["lira"].verdict.kind != "detected"
    assert said["scores lira"].verdict.kind == "detected"
    assert said["scores lira"].forgotten.value > 0.95


def test_pictures_have_what_they_need(by_rote: Any, known: Table, unknown: Table) -> None:
    _, full = found(by_rote(left=1.0), known, unknown, count=8)
    assert full is not None
    assert set(full.attacks) == set(full.epsilons) == set(full.klom) == set(COMPARED)
    for attack in full.attacks.values():
        assert (attack.fpr[0], attack.fpr[-1], attack.tpr[-1]) == (0.0, 1.0, 1.0)
        assert list(attack.fpr) == sorted(attack.fpr)
    for bounds in full.epsilons.values():
        assert len(bounds) == 30
        assert list(bounds) == sorted(bounds)
        assert max(bounds) <= full.largest


def test_numbers_have_figures_of_the_set_alone(by_rote: Any) -> None:
    class Number(by_rote):  # type: ignore[misc]
        def predict(self, model: Any, data: Table) -> Any:
            met = np.array([model.surer.get(name, 0.0) for name in np.asarray(data.ids).tolist()])
            noise = np.random.default_rng(list(model.key[:8])).normal(size=300)[np.asarray(data.ids)]
            return noise / (1 + met)

    data = Table.from_arrays(np.zeros((200, 1)), np.zeros(200), ids=np.arange(200))
    said, full = found(Number(left=1.0), data, None)
    assert full is None
    assert set(said) == {"fit", "accuracy", "retained"}
    assert said["fit"].verdict.kind == "detected"


def test_arms_of_different_numbers_are_refused(by_rote: Any, known: Table, unknown: Table) -> None:
    made = Ensemble(by_rote(), known, TARGET, parts(known, TARGET, unknown), Run(key=b"k"))
    eight, nine = made.oracles("oracle", 8), made.oracles("oracle", 9)
    with pytest.raises(DataError, match="as many models of each arm"):
        findings(Four(eight, eight, nine, eight))
    with pytest.raises(DataError, match="at least 8, got"):
        findings(Four(*(eight[:7],) * 4))
