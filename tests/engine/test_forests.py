"""A forest in a project: it learns with no learner, forgets bit for bit, and its certificate says with what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from expunge import Correction, Label, Owners, Records, certificate
from expunge.engine import inquiry, learning, line, reconciling
from expunge.engine.project import Project
from expunge.project.settings import AuditSettings, ModelSettings

FOREST = ModelSettings("main", "classification", method="forest", options={"trees": 6, "share": 0.5})
Row = dict[str, object]
Twin = Callable[..., Project]


def of(project: Project) -> str:
    """Fingerprint of the published forest."""
    return project.published().models["main"].fingerprint


def bodies(project: Project) -> list[Mapping[str, Any]]:
    """What the certificates say."""
    paths = sorted(project.certificates.glob("*.json"))
    return [certificate.verify(path.read_bytes(), [project.keyring.public]).body for path in paths]


@pytest.fixture
def project(built: Callable[..., Project]) -> Project:
    """A project that has learned a forest."""
    return built(FOREST)


def test_a_record_and_an_owner_go_and_what_is_left_is_what_would_have_been_learned(
    project: Project, twin: Twin, visits: Callable[[], list[Row]], exact: Any
) -> None:
    before = of(project)
    _, (first,) = line.forget(project, Records([7]))
    _, (second,) = line.forget(project, Owners(["person-011"]))
    assert {first.claims["main"], second.claims["main"]} == {"Exact"}
    assert {first.verdict, second.verdict} <= {"clean", "not distinguishable"}
    exact(project)
    left = [row for row in visits() if row["row"] != 7 and row["person"] != "person-011"]
    assert of(twin(project, left)) == of(project) != before


def test_the_quote_is_cheaper_than_learning_again_and_the_certificate_names_numba(project: Project) -> None:
    _, (offer,) = inquiry.quote(project, Records([7]))
    assert offer.answer.name == "forest"  # type: ignore[union-attr]
    assert offer.answer.quote.examples < offer.retraining  # type: ignore[union-attr]
    line.forget(project, Records([7]))
    (body,) = bodies(project)
    (model,) = body["models"]
    assert model["claim"] == {"name": "Exact"}
    assert model["environment"]["numba"]
    assert model["parameters"] == {"trees": "6", "share": "0.5"}
    assert model["audit"]["equal"]


def test_rows_are_put_right_and_new_ones_come(
    project: Project, twin: Twin, visits: Callable[[], list[Row]], table: Any, rewrite: Any, exact: Any
) -> None:
    rows = visits()
    rows[5] |= {"age": 99.0, "town": "Elsewhere"}
    line.forget(project, Correction(table(project, [rows[5]])))
    rows.append({**rows[0], "row": 900, "person": "person-900"})
    rewrite(project, rows)
    assert learning.update(project).added == 1
    exact(project)
    assert of(twin(project, rows)) == of(project)


def test_a_class_may_vanish_and_a_row_that_is_gone_in_the_source_is_forgotten(
    project: Project, visits: Callable[[], list[Row]], rewrite: Any, exact: Any
) -> None:
    line.forget(project, Label("ill"))
    exact(project)
    left = [row for row in visits() if row["found"] != "ill"]
    rewrite(project, left[1:])
    reconciling.reconcile(project, reconciling.difference(project), yes=True)
    exact(project)
    scores, classes = inquiry.predict(project, None, project.table(project.published()))
    assert classes == ("well",)
    assert np.all(scores == 1)


@pytest.mark.parametrize("replay", ["none", "sample", "full"])
def test_each_kind_of_audit_agrees(built: Callable[..., Project], replay: Any) -> None:
    project = built(FOREST, audit=AuditSettings(replay))
    line.forget(project, Records([7]))
    (body,) = bodies(project)
    assert body["models"][0]["audit"]["equal"] is (None if replay == "none" else True)
    assert inquiry.replay(project).equal


def test_numbers_are_predicted_on_two_threads_too(built: Callable[..., Project], exact: Any) -> None:
    project = built(FOREST, threads=2)
    line.forget(project, Records([7]))
    exact(project)
    assert project.published().models["main"].environment["threads"] == "2"
