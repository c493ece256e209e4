"""Killed at every step of a request: the published model is whole, and the second run finishes it, once.

The steps are found by tracing: every change to the disk that a request makes, those of the ledger included, is counted,
with the stack that made it. A process is then killed with SIGKILL just before the first of each distinct
stack (``make check-all``: before each), and run again.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expunge import certificate
from expunge.codec import fingerprint
from expunge.engine import line
from expunge.engine.project import Project
from expunge.store.keyring import Keyring
from expunge.values import Owners

if TYPE_CHECKING:
    from collections.abc import Callable

# From Python 3.12 on, forking beside the threads of pytest-xdist is warned of; the child touches none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

# An fsync is no step here: it changes nothing that a process killed before it, or the next one, could see.
CHANGES = ("open", "write", "replace", "rename", "unlink", "mkdir", "rmdir", "ftruncate", "pwrite", "chmod")
TARGET = Owners(["person-007"])


def child(work: Callable[[], object]) -> int:
    """Do some work in another process; its exit status, or minus the signal that ended it."""
    number = os.fork()
    if not number:
        try:
            work()
        except BaseException:  # noqa: BLE001  (a child must never return into the test)
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def watched(step: Callable[[str], None]) -> None:
    """Call ``step`` before each change to the disk, those of SQLite included; in a child only."""

    def wrapped(call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            if call != "open" or arguments[1] & os.O_CREAT:
                step(call)
            return real(*arguments, **options)

        return called

    for call in CHANGES:
        setattr(os, call, wrapped(call, getattr(os, call)))

    class Watched(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            verb = arguments[0].split()[0]
            if verb == "INSERT" or (verb == "COMMIT" and self.total_changes):
                step(f"sqlite {verb}")
            return super().execute(*arguments)

    connect = sqlite3.connect
    sqlite3.connect = lambda *arguments, **options: connect(*arguments, factory=Watched, **options)  # type: ignore[assignment]


def request(place: Path) -> None:
    """What a user does, and does again after a crash."""
    line.forget(Project.open(place / "project"), TARGET)


def traced(place: Path, said: Path) -> list[str]:
    """The stack of every step of a request, in order."""
    steps: list[str] = []

    def note(call: str) -> None:
        frames = [frame for frame in traceback.extract_stack() if "/expunge/" in frame.filename]
        steps.append(" > ".join([f"{Path(frame.filename).stem}.{frame.name}" for frame in frames] + [call]))

    def work() -> None:
        watched(note)
        request(place)
        said.write_text(json.dumps(steps), encoding="utf-8")

    assert child(work) == 0
    found: list[str] = json.loads(said.read_text(encoding="utf-8"))
    return found


def killed(place: Path, at: int) -> None:
    """A request that is killed just before step ``at``."""
    left = [at]

    def die(call: str) -> None:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    def work() -> None:
        watched(die)
        request(place)

    assert child(work) == -signal.SIGKILL, f"step {at} was not reached"


def fresh(learned: Path, here: Path) -> Path:
    """The learned project, always at the same place: there it is trusted."""
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(learned, here)
    secrets = next((here / "secrets").iterdir())
    Keyring.load(secrets).trust()
    return here


def published(place: Path) -> str:
    """Fingerprint of the published model, taken of the model itself."""
    project = Project.open(place / "project")
    standing = project.published().models["main"]
    assert fingerprint(project.model(standing)) == standing.fingerprint
    return standing.fingerprint


def oracle(place: Path) -> str:
    """Fingerprint of the model learned without the target, from nothing."""
    project = Project.open(place / "project")
    root = project.published()
    method = project.method(root.models["main"], root)
    return fingerprint(method.learn(project.table(root).after(TARGET), project.run().afresh()))


def finished_once(place: Path) -> None:
    """One request, one certificate, nothing left over; and what was asked is gone."""
    project = Project.open(place / "project")
    (number,) = project.book.requests
    (path,) = (place / "project" / "certificates").iterdir()
    assert path.stem == number
    assert project.book.requests[number].state == "certified"
    body = certificate.verify(path.read_bytes(), [project.keyring.public]).body
    assert [subject["outcome"] for subject in body["subjects"]] == ["erased"]
    assert body["scan"]["verdict"] == "clean"
    assert len([*project.ledger.events(kinds=["published"])]) == 2  # the learn, and this
    assert len([*project.ledger.events(kinds=["certified"])]) == 1
    assert project.store.problems() == []
    assert project.store.superseded(project.live()) == ()
    left = [path for path in (place / "project").rglob("*") if path.is_file() and b"person-007" in path.read_bytes()]
    assert [path.name for path in left] == ["visits.csv"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPUNGE_SECRETS", str(tmp_path / "here" / "secrets"))
    return tmp_path / "here"


def survived(learned: Path, here: Path, steps: list[tuple[int, str]]) -> None:
    before, after = published(fresh(learned, here)), oracle(here)
    assert before != after
    for at, step in steps:
        killed(fresh(learned, here), at)
        assert published(here) in (before, after), step
        assert child(lambda: request(here)) == 0, step
        assert published(here) == after, step
        finished_once(here)


def test_killed_at_each_distinct_step_it_finishes_once(learned: Path, here: Path, tmp_path: Path) -> None:
    steps = traced(fresh(learned, here), tmp_path / "steps")
    finished_once(here)
    first = {step: at for at, step in reversed(list(enumerate(steps)))}
    assert len(first) >= 20
    survived(learned, here, sorted((at, step) for step, at in first.items()))


@pytest.mark.slow
def test_killed_at_every_step_it_finishes_once(learned: Path, here: Path, tmp_path: Path) -> None:
    steps = traced(fresh(learned, here), tmp_path / "steps")
    survived(learned, here, list(enumerate(steps)))
