"""What is found in a project is what the same reason finds in the same records, and nothing is changed by asking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from expunge.engine.project import Project
from expunge.engine.suspicion import biasing, misleading, poisonous, wrongly_labelled
from expunge.errors import DataError, ParameterError, ProjectError, UnknownSubjectError
from expunge.finding.influential import influential
from expunge.finding.mislabelled import mislabelled
from expunge.finding.poisoned import poisoned
from expunge.finding.unfair import Gap, unfair
from expunge.project.settings import AuditSettings, ModelSettings
from expunge.store import keyring
from expunge.values import Records

LINEAR = ModelSettings("main", "classification", "sklearn.linear_model.LogisticRegression", options={"shards": 2})
TOWN = Gap("town", "ill")
KEY = 1  # of all secrets: some people are held out, fewer than twenty, and some of them the model gets wrong


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets that are no secret: who is held out, and how many of them are wrong, is the same at each run."""
    monkeypatch.setattr(keyring, "token_bytes", lambda count: bytes([KEY]) * count)


def untouched(project: Project) -> tuple[Any, ...]:
    return project.ledger.head, sorted(project.store.names()), sorted(project.folder.rglob("*"))


def parts(project: Project) -> tuple[Any, Any, Any, Any]:
    root = project.published()
    standing = root.models["main"]
    shown, held = project.shown(project.table(root), standing.holdout)
    return project.method(standing, root), project.model(standing), shown, held


def test_each_reason_is_asked_of_what_the_model_learned_from(built: Callable[..., Project]) -> None:
    project = built(LINEAR, audit=AuditSettings("sample", 0.3))
    before = untouched(project)
    method, model, shown, held = parts(project)
    run = project.run().afresh()
    assert 0 < len(held) < len(shown)
    for found, expected in (
        (poisonous(project, None, by="spectral", at="model"), poisoned(method, model, shown, run)),
        (poisonous(project, "main", by="clusters", at="inputs"), poisoned(method, model, shown, run, by="clusters")),
        (misleading(project, None, held), influential(method, model, shown, run, held)),
    ):
        assert (found.ids.tolist(), found.scores.tolist()) == (expected.ids.tolist(), expected.scores.tolist())
        assert len(found) == len(shown)
    named = misleading(project, None, Records(np.asarray(held.ids)[:2].tolist()))
    assert named.scores.tolist() == influential(method, model, shown, run, held.take(slice(2))).scores.tolist()
    assert untouched(project) == before


def test_without_a_name_it_is_asked_about_what_is_held_out_and_wrong(built: Callable[..., Project]) -> None:
    project = built(LINEAR, audit=AuditSettings("sample", 0.3))
    method, model, shown, held = parts(project)
    said = np.array(model.classes)[method.predict(model, held).argmax(axis=1)]
    wrong = held.take(np.flatnonzero(said != held.label))
    assert 0 < len(wrong) < len(held)
    expected = influential(method, model, shown, project.run().afresh(), wrong)
    assert misleading(project, None, None).scores.tolist() == expected.scores.tolist()


def test_a_gap_is_measured_on_what_is_held_out_where_there_is_some(built: Callable[..., Project]) -> None:
    project = built(LINEAR, audit=AuditSettings("sample", 0.3))
    method, model, shown, held = parts(project)
    assert 0 < len(set(held.units.tolist())) < 20 <= len(set(shown.units.tolist()))
    with pytest.raises(DataError, match="at least 20 owners"):
        biasing(project, None, TOWN)
    assert len(unfair(method, model, shown, project.run().afresh(), TOWN)) == len(shown)


def test_a_gap_is_measured_on_what_was_learned_from_where_nothing_is_held_out(built: Callable[..., Project]) -> None:
    project = built(LINEAR)
    method, model, shown, _ = parts(project)
    expected = unfair(method, model, shown, project.run().afresh(), TOWN)
    assert biasing(project, None, TOWN).scores.tolist() == expected.scores.tolist()


def test_what_cannot_be_asked_is_said(project: Project, built: Callable[..., Project]) -> None:
    with pytest.raises(ParameterError, match="a linear learner takes"):
        misleading(project, None, Records([3]))  # naive Bayes
    with pytest.raises(UnknownSubjectError, match="nothing of what was named"):
        misleading(project, None, Records([4711]))
    with pytest.raises(ProjectError, match="no record is held out"):
        misleading(project, None, None)
    with pytest.raises(ProjectError, match="no model 'other'"):
        poisonous(project, "other", by="spectral", at="model")


def test_wrong_labels_are_looked_for_in_all_records(built: Callable[..., Project]) -> None:
    pytest.importorskip("cleanlab", reason="pip install 'expunge[find]'")
    project = built(LINEAR, audit=AuditSettings("sample", 0.3))
    before = untouched(project)
    found = wrongly_labelled(project, None, folds=3)
    table = project.table(project.published())
    method, *_ = parts(project)
    expected = mislabelled(method.learner, table, project.run().afresh(), folds=3)
    assert (len(found), found.scores.tolist()) == (len(table), expected.scores.tolist())
    assert untouched(project) == before
