"""A project that is open: whatever was changed behind its back is detected and named, and what can be mended is."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from expunge.engine import inquiry, learning, line, reconciling
from expunge.engine.intake import receive
from expunge.engine.project import TRIES, Project
from expunge.engine.root import Root
from expunge.engine.scan import scan_names
from expunge.errors import DamagedError, ExpungeError, LedgerError, ProjectError, SecretError
from expunge.store.directory import Directory
from expunge.store.keyring import Keyring
from expunge.values import Owners

Exact = Callable[[Project], dict[str, str]]
SEVEN = Owners(["person-007"])


def flip(path: Path, at: int = -1) -> None:
    """One bit of one byte."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


def blob(project: Project, name: str) -> Path:
    return project.store.folder / name[:2] / name


@pytest.fixture
def busy(project: Project) -> Project:
    """One request finished, one pending: every kind of blob is at rest."""
    line.forget(project, Owners(["person-001"]))
    receive(project, Owners(["person-002"]))
    return project


# -- every file --------------------------------------------------------------------------------------------------------


def places(content: bytes, *, every: bool) -> list[int]:
    return [*range(len(content))] if every else sorted({0, 5, 20, len(content) // 2, len(content) - 1})


def altered_blobs(project: Project, *, every: bool) -> None:
    assert project.store.problems() == []
    names = [*project.store.names()]
    assert len(names) > 8
    for name in names:
        whole = blob(project, name).read_bytes()
        for at in places(whole, every=every):
            flip(blob(project, name), at)
            assert [problem.name for problem in project.store.problems()] == [name], at
            with pytest.raises(DamagedError, match=name):
                project.store.plaintext(name)
            blob(project, name).write_bytes(whole)
    assert project.store.problems() == []


def test_every_blob_that_is_altered_is_named(busy: Project) -> None:
    altered_blobs(busy, every=False)


def altered_keys(project: Project, *, every: bool) -> None:
    keys = [path for path in project.keyring.data_keys.rglob("*") if path.is_file()]
    assert len(keys) == len([*project.store.names()])
    for key in keys:
        whole = key.read_bytes()
        for at in places(whole, every=every):
            flip(key, at)
            found = project.store.problems()
            assert found, key
            assert any(problem.name[:64] in key.name or key.name[:64] in problem.name for problem in found)
            key.write_bytes(whole)
        key.unlink()
        assert project.store.problems()
        key.write_bytes(whole)
        key.chmod(0o600)
    assert project.store.problems() == []


def test_every_data_key_that_is_altered_or_lost_is_named(busy: Project) -> None:
    altered_keys(busy, every=False)


@pytest.mark.slow
def test_every_byte_of_some_blobs_and_keys_counts(busy: Project) -> None:
    kept = {busy.published().models["main"].address, str(busy.published().fence)}
    for name in [*busy.store.names()]:
        if name not in kept:
            blob(busy, name).unlink()
    busy.store.sweep(busy.live)
    for name in kept:
        whole = blob(busy, name).read_bytes()
        for at in range(0, len(whole), 7):
            flip(blob(busy, name), at)
            assert not busy.store.opens(name), at
            blob(busy, name).write_bytes(whole)


# -- every row of the ledger -------------------------------------------------------------------------------------------


def rewritten(path: Path, statement: str, *values: Any) -> None:
    """Change the ledger as somebody would who has the file: without its triggers."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute(statement, values)
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


def test_every_row_and_column_of_the_ledger_that_is_changed_is_named(busy: Project) -> None:
    path = busy.folder / ".expunge" / "ledger.sqlite"
    whole = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        (title,) = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchone()
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{title}")')]
        rows = connection.execute(f'SELECT rowid, * FROM "{title}"').fetchall()  # noqa: S608
    assert len(rows) >= 8
    for number, *held in rows:
        for column, value in zip(columns, held, strict=True):
            other = value + 1000 if isinstance(value, int) else f"{value or ''}0"
            statement = f'UPDATE "{title}" SET "{column}" = ? WHERE rowid = ?'  # noqa: S608
            rewritten(path, statement, other, number)
            with pytest.raises(LedgerError):
                Project.open(busy.folder)
            path.write_bytes(whole)
        rewritten(path, f'DELETE FROM "{title}" WHERE rowid = ?', number)  # noqa: S608
        with pytest.raises(LedgerError):
            Project.open(busy.folder)
        path.write_bytes(whole)
    Project.open(busy.folder)


def test_a_missing_ledger_is_no_new_project(busy: Project) -> None:
    (busy.folder / ".expunge" / "ledger.sqlite").unlink()
    with pytest.raises(LedgerError):
        Project.open(busy.folder)
    shutil.rmtree(busy.folder / ".expunge")
    with pytest.raises(LedgerError):
        Project.open(busy.folder)


# -- what can be mended ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [99, 1], ids=["all", "one"])
def test_damaged_checkpoints_are_made_again_and_the_request_finishes(
    project: Project,
    most: int,
    exact: Exact,
    elsewhere: Any,
) -> None:
    with elsewhere() as whole:
        line.forget(whole, SEVEN)
        expected = exact(whole)
    names = project.store.names_of(project.published().links)
    for name in names[:most]:
        flip(blob(project, name))
    _, (done,) = line.forget(project, SEVEN)
    assert done.verdict == "clean"
    project.ledger.refresh()
    assert {name: model.fingerprint for name, model in project.published().models.items()} == expected
    exact(project)


def test_a_damaged_published_model_is_named_and_learned_again(project: Project, exact: Exact) -> None:
    before = exact(project)
    address = project.published().models["main"].address
    flip(blob(project, address))
    project = Project.open(project.folder)
    with pytest.raises(DamagedError, match=address):
        line.forget(project, SEVEN)
    assert learning.learn(project).cause == "learn"
    assert exact(project) == before
    assert project.store.problems() == []
    (done,) = line.work(project)  # what was asked meanwhile was not lost
    assert done.outcomes == (("owner", "person-007", "erased"),)


@pytest.mark.parametrize("which", ["root", "fence", "block"])
def test_what_only_the_source_can_mend_is_learned_again_from_it(project: Project, which: str, exact: Exact) -> None:
    line.forget(project, SEVEN)
    before, root = exact(project), project.published()
    names = {"root": str(project.book.root), "fence": str(root.fence), "block": min(root.snapshot.addresses)}
    flip(blob(project, names[which]))
    fresh = Project.open(project.folder)
    with pytest.raises(DamagedError, match=names[which]):
        line.forget(fresh, Owners(["person-008"]))
    learned = learning.learn(Project.open(project.folder), again=True)
    assert learned.fenced == 3  # the journal beside the secrets knows who must stay out
    again = Project.open(project.folder)
    assert exact(again) == before
    assert "person-007" not in again.table(again.published()).units.tolist()
    assert again.store.problems() == []


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_without_its_secrets_a_project_says_where_they_should_be(place: Path) -> None:
    shutil.move(place / "secrets", place / "elsewhere")
    with pytest.raises(SecretError, match="expunge keys restore FILE"):
        Project.open(place / "project")


def test_secrets_from_elsewhere_rebuild_no_model_before_they_are_trusted(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(place / "secrets", place / "elsewhere")
    monkeypatch.setenv("EXPUNGE_SECRETS", str(place / "elsewhere"))
    project = Project.open(place / "project")
    with pytest.raises(SecretError, match="run `expunge trust` once"):
        line.forget(project, SEVEN)
    Keyring.load(project.keyring.folder).trust()
    line.work(Project.open(place / "project"))


def test_a_folder_that_is_no_project_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"no expunge\.toml"):
        Project.open(tmp_path)


def test_a_project_that_has_learned_nothing_says_so(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").mkdir()
    shutil.copy(place / "project" / "expunge.toml", tmp_path / "new")
    monkeypatch.setenv("EXPUNGE_SECRETS", str(tmp_path / "secrets"))
    project = Project.open(tmp_path / "new")
    assert project.root is None
    for ask in (project.published, lambda: line.forget(project, SEVEN), lambda: learning.update(project)):
        with pytest.raises(ProjectError, match="has learned nothing yet: run `expunge learn`"):
            ask()


# -- looking while somebody else sweeps --------------------------------------------------------------------------------


def test_who_looks_while_it_is_swept_looks_again(project: Project) -> None:
    other = Project.open(project.folder)
    seen: list[Root] = []

    def look(root: Root) -> int:
        seen.append(root)
        if len(seen) == 1:
            line.forget(other, SEVEN)  # publishes, and destroys what was just looked up
        return len(project.table(root))

    assert project.look(look) == 87
    assert len(seen) == 2


QUESTIONS: dict[str, Callable[[Project, Any], object]] = {
    "receive": lambda project, _: receive(project, Owners(["person-008"])),
    "where": lambda project, _: inquiry.where(project, Owners(["person-008"])),
    "quote": lambda project, _: inquiry.quote(project, Owners(["person-008"])),
    "predict": lambda project, rows: inquiry.predict(project, None, rows),
    "replay": lambda project, _: inquiry.replay(project),
    "difference": lambda project, _: reconciling.difference(project),
    "scan": lambda project, _: scan_names(project, Owners(["person-008"])),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_asked_while_another_works_is_answered(
    name: str, project: Project, monkeypatch: pytest.MonkeyPatch, table: Any, visits: Any
) -> None:
    rows, busy, real = table(project, visits()[:2]), Project.open(project.folder), Directory.read
    project.__dict__.pop("_table", None)

    def read(self: Directory, address: str) -> bytes:
        if self is project.store and address != project.book.root:
            monkeypatch.setattr(Directory, "read", real)
            line.forget(busy, SEVEN)
        return real(self, address)

    monkeypatch.setattr(Directory, "read", read)
    QUESTIONS[name](project, rows)
    assert len([*project.ledger.events(kinds=["published"])]) == 2


def test_who_looks_at_what_is_damaged_is_told(project: Project) -> None:
    tries: list[Root] = []

    def look(root: Root) -> None:
        tries.append(root)
        raise DamagedError("a blob")

    with pytest.raises(ExpungeError, match="a blob"):
        project.look(look)
    assert len(tries) == 1
    assert TRIES > 1
