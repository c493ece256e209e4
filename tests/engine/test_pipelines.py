"""Pipelines in a project: quoted, forgotten, replayed, certified; the scaler and the vocabulary forget too."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from expunge.engine import inquiry, learning, line
from expunge.engine.project import Project
from expunge.planner import Plan
from expunge.project.page import written
from expunge.project.settings import AuditSettings, ModelSettings, Settings, SourceSettings, WorkSettings
from expunge.values import Column, Exact, Owners, Records

PEOPLE = ModelSettings("main", "classification", "expunge.GaussianNB", "pipeline")
TEXTS = ModelSettings("main", "classification", "expunge.MultinomialNB", "pipeline", learner_options={"alpha": 0.3})
FULL = AuditSettings(replay="full")


def test_numbers_and_categories_are_forgotten_with_the_stages_made_of_them(
    built: Callable[..., Project], exact: Callable[[Project], dict[str, str]]
) -> None:
    project = built(PEOPLE, audit=FULL)
    before = exact(project)
    _, offers = inquiry.quote(project, Owners(["person-003"]))
    assert all(isinstance(offer.answer, Plan) and isinstance(offer.answer.quote.claim, Exact) for offer in offers)
    line.forget(project, Owners(["person-003"]))
    middle = exact(project)
    line.forget(project, Column("town"))
    assert len({before["main"], middle["main"], exact(project)["main"]}) == 3


def test_words_of_the_forgotten_leave_the_project(
    built: Callable[..., Project], exact: Callable[[Project], dict[str, str]]
) -> None:
    project = built(TEXTS, audit=FULL, columns={"town": "text", "age": "ignore", "size": "ignore"})
    assert vocabulary(project) == ("mittelwil", "oberwil", "unterwil")
    line.forget(project, Records([number for number in range(90) if number % 3 == 1]))
    assert vocabulary(project) == ("mittelwil", "oberwil")
    exact(project)


def test_spam_end_to_end(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exact: Callable[[Project], dict[str, str]]
) -> None:
    if not (real_data / "sms_spam.parquet").exists():
        pytest.skip("sms_spam.parquet is not in the data folder; EXPUNGE_DATA names it")
    held = pq.read_table(real_data / "sms_spam.parquet").slice(0, 600)
    secret = pa.table({"row_id": [9000], "label": ["spam"], "text": ["call zanzibar99 now"]}, schema=held.schema)
    monkeypatch.setenv("EXPUNGE_SECRETS", str(tmp_path / "secrets"))
    monkeypatch.setattr(os, "fsync", lambda _: None)
    folder = tmp_path / "project"
    folder.mkdir()
    csv.write_csv(pa.concat_tables([held, secret]), folder / "sms.csv")
    source = SourceSettings("row_id", "label", path="sms.csv")
    settings = Settings("sms", "0" * 32, source, {"text": "text"}, {"main": TEXTS}, FULL, WorkSettings(blocks=8))
    (folder / "expunge.toml").write_text(written(settings), encoding="utf-8")
    project = Project.open(folder)
    learning.learn(project)
    assert "zanzibar99" in vocabulary(project)
    line.forget(project, Records([9000]))
    assert "zanzibar99" not in vocabulary(project)
    exact(project)
    data = project.table(project.published())
    answers, *_ = inquiry.predict(project, "main", data)
    classes = project.model(project.published().models["main"]).classes
    assert (np.array(classes)[answers.argmax(axis=1)] == data.label).mean() > 0.95


def vocabulary(project: Project) -> tuple[str, ...]:
    """The words that the published model looks at."""
    words: tuple[str, ...] = project.model(project.published().models["main"]).solved.front.vocabulary
    return words
