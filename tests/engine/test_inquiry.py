"""Questions: they change nothing, and their answers are what then happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from expunge.engine import line
from expunge.engine.inquiry import chosen, counted, predict, quote, replay, where
from expunge.engine.intake import receive
from expunge.engine.project import Project
from expunge.errors import DataError, ProjectError
from expunge.planner import Plan
from expunge.project.settings import AuditSettings, ModelSettings
from expunge.values import Batch, Column, Label, Owners, Records

SEVEN = Owners(["person-007"])
TWO = (
    ModelSettings("main", "classification", "sklearn.naive_bayes.GaussianNB", options={"shards": 3}),
    ModelSettings("whole", "classification", "sklearn.naive_bayes.GaussianNB", method="retrain"),
)


def untouched(project: Project) -> tuple[Any, ...]:
    return project.ledger.head, sorted(project.store.names()), sorted(project.folder.rglob("*"))


def test_where_says_which_models_blocks_and_requests_hold_somebody(built: Callable[..., Project]) -> None:
    project = built(*TWO)
    before = untouched(project)
    found = where(project, SEVEN)
    assert untouched(project) == before
    assert (found.presence, found.rows, found.blocks) == ({("owner", "person-007"): "held"}, 3, 1)
    assert found.models == {"main": 3, "whole": 3}
    assert found.pending == ()
    one, other = receive(project, SEVEN), receive(project, Records([3]))
    assert where(project, SEVEN).pending == (one.request,)
    assert where(project, Records([3])).pending == (other.request,)
    assert where(project, Batch([Records([3]), SEVEN])).pending == (one.request, other.request)
    line.work(project)
    after = where(project, SEVEN)
    assert (after.presence, after.rows, after.models) == (
        {("owner", "person-007"): "erased"},
        0,
        {"main": 0, "whole": 0},
    )
    assert after.pending == ()


def test_where_nobody_is_unknown_is_no_error(project: Project) -> None:
    found = where(project, Batch([Owners(["nobody"]), Records([4711]), Label("odd"), Column("weight")]))
    assert set(found.presence.values()) == {"unknown"}
    assert (found.rows, found.blocks) == (0, 0)


def test_where_somebody_is_held_out_no_model_holds_them(built: Callable[..., Project]) -> None:
    project = built(audit=AuditSettings("sample", 0.35))
    _, out = project.shown(project.table(project.published()), 0.35)
    found = where(project, Owners([str(out.units[0])]))
    assert (found.rows, found.models) == (3, {"main": 0})


def test_a_quote_keeps_its_word_and_changes_nothing(built: Callable[..., Project]) -> None:
    project = built(*TWO)
    before = untouched(project)
    found, offers = quote(project, SEVEN)
    assert untouched(project) == before
    assert found == {("owner", "person-007"): "held"}
    answers = {offer.model: offer.answer for offer in offers}
    assert all(isinstance(answer, Plan) for answer in answers.values())
    line.forget(project, SEVEN)
    assert {offer.model: offer.retraining for offer in offers} == {"main": 87, "whole": 87}
    (published,) = [event for event in project.ledger.events(kinds=["published"]) if event.body["cause"] == "work"]
    assert set(published.body["models"]) == set(answers)


def test_predictions_are_those_of_the_published_model(project: Project, table: Any, visits: Any) -> None:
    rows = table(project, visits()[:5])
    scores, classes = predict(project, None, rows)
    assert classes == ("ill", "well")
    assert scores.shape == (5, 2)
    line.forget(project, Owners([f"person-{n:03d}" for n in range(9)]))
    again, _ = predict(project, "main", rows)
    assert not np.array_equal(scores, again)
    line.forget(project, Column("size"))
    later, _ = predict(project, "main", rows)  # rows as people have them, with the column that is gone
    assert later.shape == (5, 2)
    np.testing.assert_array_equal(later, predict(project, "main", rows.drop("size"))[0])


def test_a_model_is_chosen_by_name(built: Callable[..., Project]) -> None:
    project = built(*TWO)
    assert chosen(project, "whole") == "whole"
    with pytest.raises(ProjectError, match=r"none was named: .* has 'main', 'whole'; name one with --model"):
        chosen(project, None)
    with pytest.raises(ProjectError, match="there is no model 'third'"):
        chosen(project, "third")


def test_a_replay_learns_again_and_compares_the_bits(project: Project) -> None:
    line.forget(project, SEVEN)
    found = replay(project)
    assert (found.model, found.equal, found.environment) == ("main", True, "same")
    assert found.published == found.again == project.published().models["main"].fingerprint
    *_, event = project.ledger.events(kinds=["audited"])
    assert event.body == {"model": "main", "verdict": "equal"}


def test_a_replay_of_a_model_that_is_not_what_it_says_shows(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Project.table

    def without(self: Project, root: Any) -> Any:
        table = honest(self, root)
        return table.take(np.arange(1, len(table)))

    monkeypatch.setattr(Project, "table", without)
    assert not replay(project).equal
    *_, event = project.ledger.events(kinds=["audited"])
    assert event.body == {"model": "main", "verdict": "different"}


def test_a_replay_elsewhere_says_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Project, "environment", lambda *_: {"numpy": "1"})
    assert replay(project).environment == "other"


def test_a_replay_measures_on_those_held_out(built: Callable[..., Project]) -> None:
    project = built(audit=AuditSettings("sample", 0.35))
    assert replay(project).utility is not None
    assert replace(replay(project), seconds=0.0).equal


def test_names_are_counted_and_none_is_an_error(project: Project) -> None:
    found, _ = quote(project, Owners(["person-007", "nobody"]))
    assert counted(found) == {"held": 1, "unknown": 1}
    with pytest.raises(DataError, match="nothing was named"):
        counted({})
