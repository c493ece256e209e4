"""Declaring otherwise: refused where the fence would no longer know whom it keeps out, and only there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from expunge.data.kinds import Kind
from expunge.engine import learning, line
from expunge.engine.fence import Fence
from expunge.engine.intake import receive
from expunge.engine.project import Project
from expunge.errors import ProjectError
from expunge.project.page import written
from expunge.project.settings import Settings
from expunge.values import Correction, Label, Owners, Records

Check = Callable[[Project], dict[str, str]]
SEVEN = Owners(["person-007"])


def edited(project: Project, change: Callable[[Settings], Settings]) -> Project:
    """The project with another ``expunge.toml``, open."""
    (project.folder / "expunge.toml").write_text(written(change(project.settings)), encoding="utf-8")
    return Project.open(project.folder)


def declared(**said: Any) -> Callable[[Settings], Settings]:
    return lambda settings: replace(settings, source=replace(settings.source, **said))


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Records([9]), {"id_type": "text"}),
        (Records([9]), {"id": "code"}),
        (SEVEN, {"owner": None}),
        (SEVEN, {"owner": "town"}),
        (SEVEN, {"owner_type": "integer"}),
        (SEVEN, {"id_type": "text"}),
        (Label("ill"), {"label": "town"}),
        (Label("ill"), {"label_type": "boolean"}),
    ],
)
def test_what_the_fence_is_made_by_cannot_be_declared_otherwise(
    target: Any,
    said: dict[str, Any],
    again: bool,  # noqa: FBT001
    project: Project,
    exact: Check,
) -> None:
    line.forget(project, target)
    before, head = exact(project), project.ledger.head
    columns: dict[str, Kind] = {"age": "number", "size": "number"}
    project = edited(project, lambda settings: replace(declared(**said)(settings), columns=columns))
    with pytest.raises(ProjectError, match=r"the fence knows it by that.*declare it as it was"):
        learning.learn(project, again=again)
    assert (exact(project), project.ledger.head) == (before, head)


def test_what_only_the_journal_knows_is_enough(project: Project) -> None:
    line.forget(project, SEVEN)
    with project.working("test"):
        line.republish(project, project.published(), Fence(), "readmit")
    with pytest.raises(ProjectError, match="the fence knows it"):
        learning.learn(edited(project, declared(id_type="text")))


def test_without_anybody_forgotten_all_can_be_declared_otherwise(project: Project, exact: Check) -> None:
    learning.learn(edited(project, declared(id_type="text", owner=None)))
    exact(Project.open(project.folder))


def test_owners_can_be_declared_where_there_were_none_and_records_stay_out(project: Project) -> None:
    project = edited(project, declared(owner=None))
    learning.learn(project)
    line.forget(project, Records([9]))
    line.forget(project, Owners([12]))  # each record is its own
    project = edited(project, declared(owner="person"))
    assert learning.learn(project).fenced == 2
    assert not {9, 12} & set(project.table(project.published()).ids.tolist())


def test_other_declarations_wait_for_what_is_pending(project: Project) -> None:
    receive(project, SEVEN)
    project = edited(project, lambda settings: replace(settings, columns={"age": "number"}))
    with pytest.raises(ProjectError, match="1 requests are pending"):
        learning.learn(project)


@pytest.mark.parametrize("said", [{"owner": None}, {"label": "town"}])
def test_what_was_put_right_is_known_by_its_label_and_owner(
    said: dict[str, Any], project: Project, visits: Any, table: Any
) -> None:
    line.forget(project, Correction(table(project, [{**visits()[9], "found": "unclear", "person": "person-020"}])))
    columns: dict[str, Kind] = {"age": "number", "size": "number"}
    project = edited(project, lambda settings: replace(declared(**said)(settings), columns=columns))
    with pytest.raises(ProjectError, match="the fence knows it"):
        learning.learn(project)


def test_another_label_is_learned_where_no_class_was_forgotten(project: Project, exact: Check) -> None:
    line.forget(project, SEVEN)
    columns: dict[str, Kind] = {"age": "number", "size": "number"}
    project = edited(project, lambda settings: replace(declared(label="town")(settings), columns=columns))
    assert learning.learn(project).fenced == 3
    exact(project)
