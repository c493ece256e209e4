"""Whether the source still holds what was named: for each request its own answer, and none where none can be given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from expunge.engine import line
from expunge.engine.intake import receive
from expunge.engine.outcome import Asking
from expunge.engine.source_check import answers, question
from expunge.values import Batch, Column, Correction, Label, Owners, Records, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from expunge.engine.project import Project


def asking(project: Project, target: Target) -> Asking:
    return Asking(b"salt", (), {}, None, question(project.published().snapshot.schema, target))


def test_each_request_has_its_own_answer(project: Project, visits: Any, rewrite: Callable[..., None]) -> None:
    asked: dict[str, Target] = {
        "gone": Records([0]),
        "there": Records([1]),
        "some": Records([0, 1]),
        "person": Owners(["person-001"]),
        "nobody": Owners(["person-999"]),
        "both": Batch([Records([0]), Owners(["person-999"])]),
        "class": Label("ill"),
        "column": Column("size"),
    }
    rewrite(project, [row for row in visits() if row["row"] != 0])
    found = answers(project, {number: asking(project, target) for number, target in asked.items()})
    assert found == {
        "gone": "no longer",
        "there": "holds",
        "some": "holds",
        "person": "holds",
        "nobody": "no longer",
        "both": "no longer",
        "class": "not read",
        "column": "not read",
    }


def test_a_source_that_does_not_answer_was_not_read(project: Project) -> None:
    (project.folder / "visits.csv").unlink()
    assert answers(project, {"r": asking(project, Records([1]))}) == {"r": "not read"}


def test_in_a_batch_no_certificate_speaks_of_anothers_names(
    project: Project, visits: Any, rewrite: Callable[..., None], table: Callable[..., Any]
) -> None:
    rewrite(project, [row for row in visits() if row["row"] != 0])
    receive(project, Records([0]))
    receive(project, Records([4]))
    receive(project, Correction(table(project, [{**visits()[9], "age": 99.5}])))
    said = [json.loads(done.certificate.read_bytes())["certificate"]["scan"]["source"] for done in line.work(project)]
    assert said == ["no longer", "holds", "not read"]


@pytest.mark.parametrize("target", [Label("ill"), Column("size")], ids=["class", "column"])
def test_what_cannot_be_asked_is_not(project: Project, target: Target) -> None:
    assert question(project.published().snapshot.schema, target) == {}
