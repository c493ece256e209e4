"""Coming back: only who was forgotten, on the record, and through the next look at the source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from expunge.engine import learning, line
from expunge.engine.fence import Fence
from expunge.engine.project import Project
from expunge.engine.readmitting import readmit
from expunge.errors import ParameterError, UnknownSubjectError
from expunge.ledger import journal
from expunge.ledger.chain import Ledger
from expunge.values import Addition, Batch, Column, Correction, Label, Owners, Records

Check = Callable[[Project], dict[str, str]]


@pytest.mark.parametrize(
    ("target", "back"),
    [(Owners(["person-007"]), 3), (Records([4, 5]), 2), (Label("ill"), None),
     (Batch([Owners(["person-001"]), Records([30])]), 4)],
)  # fmt: skip
def test_who_is_readmitted_comes_back_with_the_next_update(
    target: Any, back: int | None, project: Project, exact: Check
) -> None:
    before = exact(project)
    line.forget(project, target)
    assert learning.update(project).added == 0
    forgotten = exact(project)
    assert forgotten != before
    readmit(project, target)
    assert exact(project) == forgotten  # lifting the fence learns nothing
    added = learning.update(project).added
    assert added == back or (back is None and added > 20)
    assert exact(project) == before


def test_it_is_on_the_record(project: Project) -> None:
    line.forget(project, Owners(["person-007", "person-008"]))
    assert readmit(project, Owners(["person-007", "nobody"])) == 1
    (event,) = project.ledger.events(kinds=["readmitted"])
    assert event.body == {"tokens": 1}
    assert project.book.publication is not None
    assert project.book.publication.cause == "readmit"
    assert b"person-007" not in (project.folder / ".expunge" / "ledger.sqlite").read_bytes()
    assert learning.update(project).added == 3


def test_who_was_never_forgotten_cannot_be_readmitted(project: Project) -> None:
    head = project.ledger.head
    for target in (Owners(["person-007"]), Records([4711]), Label("ill")):
        with pytest.raises(UnknownSubjectError, match="nothing was changed"):
            readmit(project, target)
    assert project.ledger.head == head


def test_the_journal_knows_who_came_back(project: Project) -> None:
    line.forget(project, Owners(["person-007", "person-008"]))
    readmit(project, Owners(["person-007"]))
    kept, key = project.kept_out(), project.keyring.fence
    assert not kept.knows(key, ("owner", "person-007"))
    assert not kept.knows(key, ("record", 21))
    assert kept.knows(key, ("owner", "person-008"))
    line.forget(project, Owners(["person-007"])) if learning.update(project).added else None
    assert project.kept_out().knows(key, ("owner", "person-007"))


def test_a_record_of_an_owner_who_stays_out_does_not_come_back(project: Project) -> None:
    line.forget(project, Owners(["person-007"]))
    head = project.ledger.head
    with pytest.raises(UnknownSubjectError, match=r"their owners or classes were forgotten and keep them out"):
        readmit(project, Records([21]))
    assert project.ledger.head == head
    assert learning.update(project).added == 0
    line.forget(project, Records([0]))
    assert readmit(project, Records([0, 21])) == 1  # of two, the one that may come back
    assert learning.update(project).added == 1
    assert readmit(project, Batch([Records([21]), Owners(["person-007"])])) == 2
    assert learning.update(project).added == 3


@pytest.mark.parametrize("at", ["republish", "write"])
def test_a_readmission_that_was_killed_is_finished_by_another(
    at: str, project: Project, monkeypatch: pytest.MonkeyPatch, exact: Check
) -> None:
    before = exact(project)
    line.forget(project, Owners(["person-007"]))
    with monkeypatch.context() as patch:
        patch.setattr(line if at == "republish" else journal, at, lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            readmit(project, Owners(["person-007"]))
    assert learning.update(project).added == 0
    assert readmit(project, Owners(["person-007"])) == 1
    assert not project.kept_out().names_anybody
    assert not project.fence(project.root).names_anybody
    assert learning.update(project).added == 3
    assert exact(project) == before


def test_one_whose_fence_was_lowered_without_the_journal_is_finished_too(project: Project) -> None:
    line.forget(project, Owners(["person-007"]))
    with project.working("test"):
        line.republish(project, project.published(), Fence(), "readmit")
    assert project.kept_out().names_anybody
    assert readmit(project, Owners(["person-007"])) == 1
    assert not project.kept_out().names_anybody
    assert learning.learn(project, again=True).fenced == 0


def test_each_readmission_has_a_line_of_its_own_in_the_journal(project: Project, monkeypatch: Any) -> None:
    line.forget(project, Owners(["person-007", "person-008"]))
    head = project.ledger.head
    monkeypatch.setattr(Ledger, "head", property(lambda _: head))  # as after a restore: the numbers come again
    readmit(project, Owners(["person-007"]))
    readmit(project, Owners(["person-008"]))
    assert sum(entry["kind"] == "readmit" for entry in project.journal()) == 2
    assert not project.kept_out().names_anybody


def test_a_record_that_was_asked_for_itself_stays_out_when_its_owner_comes_back(project: Project) -> None:
    line.forget(project, Records([21]))
    line.forget(project, Owners(["person-007"]))
    readmit(project, Owners(["person-007"]))
    assert learning.update(project).added == 2


def test_only_names_can_be_readmitted(project: Project, table: Any, visits: Any) -> None:
    line.forget(project, Column("size"))
    with pytest.raises(ParameterError, match="a forgotten column stays out"):
        readmit(project, Column("size"))
    line.forget(project, Records([0]))
    rows = table(project, visits()[:1])
    for target in (Correction(rows), Addition(rows)):
        with pytest.raises(ParameterError, match="only names can be readmitted"):
            readmit(project, target)
