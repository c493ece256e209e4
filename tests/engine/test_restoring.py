"""After a backup came back: it is noticed, what was forgotten since is forgotten again, and stays out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expunge import certificate
from expunge.engine import evidence, learning, line
from expunge.engine.intake import receive
from expunge.engine.project import Project
from expunge.engine.readmitting import readmit
from expunge.engine.restoring import held, restore
from expunge.engine.scan import needles_of
from expunge.errors import DamagedError, LedgerError
from expunge.ledger import journal
from expunge.ledger.chain import Ledger
from expunge.store.keyring import Keyring
from expunge.values import Batch, Column, Correction, Label, Owners, Records

Check = Callable[[Project], dict[str, str]]
SEVEN = Owners(["person-007"])


class Backup:
    """A copy of the project's folder, and a backup of its keys."""

    def __init__(self, project: Project, place: Path) -> None:
        self.folder, self.copy, self.keys = project.folder, place / "copy", place / "keys.json"
        shutil.copytree(self.folder, self.copy)
        project.keyring.backup(self.keys, project.store.names())
        self.secrets = project.keyring.folder

    def back(self, *, keys: bool = True) -> None:
        """Put the folder back, and the keys that were destroyed since."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.copy, self.folder)
        if keys:
            Keyring.restore(self.secrets, self.keys)

    def opened(self) -> Project:
        """Noticed at first, then open as `expunge restore` opens it."""
        with pytest.raises(LedgerError, match="expunge restore"):
            Project.open(self.folder)
        return Project.open(self.folder, shortened_ok=True)


@pytest.fixture
def backup(project: Project, tmp_path: Path) -> Backup:
    return Backup(project, tmp_path)


@pytest.mark.parametrize(
    "target",
    [
        SEVEN,
        Records([21, 30]),
        Label("ill"),
        Column("size"),
        Batch([SEVEN, Records([0])]),
        Owners(["person-001", "nobody"]),
    ],
)
def test_what_was_forgotten_since_is_forgotten_again(
    target: Any, project: Project, backup: Backup, exact: Check
) -> None:
    line.forget(project, target)
    expected, held_then = exact(project), sorted(project.table(project.published()).ids.tolist())
    backup.back()
    again = backup.opened()
    found = restore(again)
    assert (found.missing, found.replayed, found.lost) == (1, 1, ())
    assert exact(again) == expected
    assert sorted(again.table(again.published()).ids.tolist()) == held_then
    (done,) = found.done
    assert done.verdict in ("clean", "not distinguishable")
    body = certificate.verify(done.certificate.read_bytes(), [again.keyring.public]).body
    assert {subject["outcome"] for subject in body["subjects"]} <= {"erased", "already erased"}
    assert again.store.problems() == []
    assert again.store.superseded(again.live()) == ()
    assert {event.kind for event in again.ledger.events()} >= {"restored"}
    Project.open(backup.folder)  # no longer shortened


def test_they_stay_out_of_all_that_the_source_still_has(project: Project, backup: Backup, exact: Check) -> None:
    line.forget(project, SEVEN)
    backup.back()
    again = backup.opened()
    restore(again)
    before = exact(again)
    assert learning.update(again).fenced == 3
    assert learning.learn(again, again=True).fenced == 3
    assert exact(again) == before
    assert "person-007" not in again.table(again.published()).units.tolist()


def test_before_it_is_restored_nothing_can_be_done(project: Project, backup: Backup) -> None:
    line.forget(project, SEVEN)
    backup.back()
    for _ in range(2):
        with pytest.raises(LedgerError, match="expunge restore"):
            Project.open(backup.folder)


def test_restoring_twice_forgets_once(project: Project, backup: Backup, exact: Check) -> None:
    line.forget(project, SEVEN)
    backup.back()
    restore(backup.opened())
    again = Project.open(backup.folder)
    before, requests = exact(again), len(again.book.requests)
    second = restore(again)
    assert (second.replayed, second.done) == (0, [])
    assert exact(again) == before
    assert len(again.book.requests) == requests


def test_who_was_readmitted_since_is_not_forgotten_again(project: Project, backup: Backup, exact: Check) -> None:
    before = exact(project)
    line.forget(project, Owners(["person-007", "person-008"]))
    readmit(project, Owners(["person-008"]))
    backup.back()
    again = backup.opened()
    restore(again)
    assert exact(again) != before
    people = set(again.table(again.published()).units.tolist())
    assert "person-008" in people
    assert "person-007" not in people


def test_a_request_that_waited_in_the_backup_and_was_finished_since_is_finished(
    project: Project, tmp_path: Path, exact: Check
) -> None:
    receive(project, SEVEN)
    backup = Backup(project, tmp_path)
    line.work(project)
    expected = exact(project)
    backup.back()
    again = backup.opened()
    restore(again)
    assert exact(again) == expected
    assert again.book.pending == []
    assert "person-007" not in again.table(again.published()).units.tolist()


def test_a_request_that_waited_and_whose_paper_is_lost_is_finished_too(
    project: Project, tmp_path: Path, exact: Check
) -> None:
    receipt = receive(project, SEVEN)
    backup = Backup(project, tmp_path)
    paper = project.book.requests[str(receipt.request)].target
    line.work(project)
    expected = exact(project)
    backup.back()
    (backup.folder / ".expunge" / "store" / paper[:2] / paper).unlink()
    again = backup.opened()
    restore(again)
    assert exact(again) == expected


def test_the_fence_is_up_before_anything_else_is_done(
    project: Project, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.forget(project, SEVEN)
    backup.back()
    with monkeypatch.context() as patch:
        patch.setattr(line, "work", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            restore(backup.opened())
    with pytest.raises(LedgerError, match=r"1 finished erasure that this ledger does not know.*`expunge restore`"):
        Project.open(backup.folder)  # although its ledger is as long as its anchor says
    again = backup.opened()
    assert again.fence(again.published()).knows(again.keyring.fence, ("owner", "person-007"))
    assert len(restore(again).done) == 1
    assert Project.open(backup.folder).book.states == {"certified": 1}


def test_corrections_are_reported_as_lost(
    project: Project, backup: Backup, table: Any, visits: Any, exact: Check
) -> None:
    receipt, _ = line.forget(project, Correction(table(project, [{**visits()[9], "age": 77.0}])))
    line.forget(project, SEVEN)
    backup.back()
    found = restore(backup.opened())
    assert found.lost == (str(receipt.request),)
    assert (found.missing, found.replayed) == (2, 1)
    exact(Project.open(backup.folder))


def test_with_the_keys_destroyed_the_sentence_says_what_to_do(project: Project, backup: Backup, exact: Check) -> None:
    line.forget(project, SEVEN)
    expected = exact(project)
    backup.back(keys=False)
    with pytest.raises(DamagedError, match=r"--keys FILE.*or `expunge restore --again`"):
        restore(backup.opened())
    found = restore(backup.opened(), again=True)
    assert found.learned is not None
    assert (found.missing, found.replayed, found.learned.fenced) == (1, 0, 3)
    again = Project.open(backup.folder)
    assert again.book.counts["restored"] == 1
    assert exact(again) == expected
    assert "person-007" not in again.table(again.published()).units.tolist()
    line.forget(again, Owners(["person-008"]))
    exact(again)


def test_the_journal_is_told_again_by_the_fence_of_the_folder_that_is_there(
    project: Project, backup: Backup, exact: Check
) -> None:
    for target in (SEVEN, Records([0]), Column("size")):
        line.forget(project, target)
    readmit(project, Records([0]))
    expected, kept_out = exact(project), project.fence(project.root)
    project.keyring.erased.unlink()
    with pytest.raises(LedgerError, match=r"is missing.*--without-journal"):
        restore(Project.open(backup.folder, shortened_ok=True))
    assert not project.keyring.erased.exists()
    found = restore(Project.open(backup.folder, shortened_ok=True), without_journal=True)
    assert (found.missing, found.replayed, found.unknown) == (0, 0, True)
    again = Project.open(backup.folder)
    assert exact(again) == expected
    assert len(again.journal()) == 4  # three requests, and that it was lost
    for name in ("records", "owners", "owned", "columns"):
        assert list(getattr(again.kept_out(), name)) == list(getattr(kept_out, name))
    backup.back()
    found = restore(backup.opened())
    assert (found.missing, found.replayed, found.unknown) == (3, 1, True)
    again = Project.open(backup.folder)
    assert 0 in again.table(again.published()).ids.tolist()  # who was readmitted is not forgotten again
    assert "person-007" not in again.table(again.published()).units.tolist()


@pytest.mark.parametrize("at", ["note", "journaled", "write", "work", "settle", "append"])
def test_going_on_without_a_journal_is_owed_until_it_is_done(
    at: str, project: Project, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.forget(project, SEVEN)
    receive(project, Owners(["person-008"]))
    project.keyring.erased.unlink()
    place: Any = {"journaled": Ledger, "append": Ledger, "work": line}.get(at, journal)
    with monkeypatch.context() as patch:
        patch.setattr(place, at, lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            restore(Project.open(backup.folder, shortened_ok=True), without_journal=True)
    with pytest.raises(LedgerError, match="--without-journal"):
        Project.open(backup.folder)
    restore(Project.open(backup.folder, shortened_ok=True), without_journal=True)
    assert Project.open(backup.folder).book.states == {"certified": 2}


def test_a_journal_that_is_lost_while_somebody_works_is_noticed_before_the_publication(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.forget(project, SEVEN)
    published = project.book.root

    def losing(*given: Any) -> Any:
        project.keyring.erased.unlink()
        return needles_of(*given)

    monkeypatch.setattr(line, "needles_of", losing)
    with pytest.raises(LedgerError, match="lost while this process worked"):
        line.forget(project, Owners(["person-008"]))
    assert project.book.root == published
    with pytest.raises(LedgerError, match="--without-journal"):
        Project.open(project.folder)


def test_several_since_are_each_forgotten_again(project: Project, backup: Backup, exact: Check) -> None:
    for name in ("person-001", "person-002"):
        line.forget(project, Owners([name]))
    for name in ("person-003", "person-004"):
        receive(project, Owners([name]))
    line.work(project)
    expected = exact(project)
    backup.back()
    again = backup.opened()
    found = restore(again)
    assert (found.missing, found.replayed, len(found.done)) == (4, 4, 4)
    assert exact(again) == expected


def test_what_a_fence_holds_of_some_data_is_named(project: Project) -> None:
    root, key = project.published(), project.keyring.fence
    data = project.table(root)
    assert held(project.fence(root), key, data) is None
    line.forget(project, Batch([Owners(["person-001"]), Records([0]), Column("size")]))
    found = held(project.fence(project.published()), key, data)
    assert found == Batch([Records([0]), Owners(["person-001"]), Column("size")])
    assert held(project.fence(project.published()), b"another key", data) == Batch([Column("size")])


def test_again_learns_nothing_again_where_the_backup_opens(project: Project, backup: Backup) -> None:
    line.forget(project, SEVEN)
    backup.back()
    (project.folder / "visits.csv").unlink()
    found = restore(backup.opened(), again=True)
    assert (found.missing, found.replayed, found.learned) == (1, 1, None)


def test_a_request_that_waits_in_a_backup_that_does_not_open_waits_on(project: Project, tmp_path: Path) -> None:
    receive(project, Owners(["person-008"]))
    receive(project, SEVEN)
    backup = Backup(project, tmp_path)
    line.work(project)
    backup.back(keys=False)
    found = restore(backup.opened(), again=True)
    assert found.learned is not None
    again = Project.open(backup.folder)
    assert again.book.pending == []
    assert not {"person-007", "person-008"} & set(again.table(again.published()).units.tolist())


def test_who_was_readmitted_since_is_not_kept_out_by_an_older_fence(project: Project, tmp_path: Path) -> None:
    line.forget(project, Owners(["person-007", "person-008"]))
    backup = Backup(project, tmp_path)
    readmit(project, SEVEN)
    line.forget(project, Records([0]))
    backup.back()
    again = backup.opened()
    restore(again)
    fence, key = again.fence(again.published()), again.keyring.fence
    assert not fence.knows(key, ("owner", "person-007"))
    assert not fence.knows(key, ("record", 21))
    assert fence.knows(key, ("owner", "person-008"))
    assert learning.update(again).added == 3


def test_who_was_readmitted_and_forgotten_again_stays_out(project: Project, tmp_path: Path) -> None:
    line.forget(project, SEVEN)
    backup = Backup(project, tmp_path)
    readmit(project, SEVEN)
    learning.update(project)
    line.forget(project, SEVEN, reference="again")
    backup.back()
    again = backup.opened()
    restore(again)
    assert again.fence(again.published()).knows(again.keyring.fence, ("owner", "person-007"))
    assert learning.update(again).added == 0


def test_an_owner_who_was_forgotten_again_can_be_readmitted_with_all_records(project: Project, backup: Backup) -> None:
    line.forget(project, SEVEN)
    backup.back()
    again = backup.opened()
    restore(again)
    readmit(again, SEVEN)
    assert learning.update(again).added == 3


def test_what_was_published_and_not_yet_certified_is_forgotten_again_too(
    project: Project, backup: Backup, monkeypatch: pytest.MonkeyPatch, exact: Check
) -> None:
    with monkeypatch.context() as patch:  # killed, as it were, between publication and certificate
        patch.setattr(evidence, "certify", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            line.forget(project, SEVEN)
    assert [request.state for request in project.book.requests.values()] == ["published"]
    backup.back()
    found = restore(backup.opened())
    assert (found.missing, found.replayed) == (1, 1)
    again = Project.open(backup.folder)
    exact(again)
    assert "person-007" not in set(again.table(again.published()).owners.to_pylist())  # type: ignore[union-attr]
