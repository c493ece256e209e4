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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import expunge
from expunge import certificate
from expunge.codec import fingerprint
from expunge.engine import line
from expunge.engine.project import Project
from expunge.store.keyring import Keyring
from expunge.values import Owners

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# From Python 3.12 on, forking beside the threads of pytest-xdist is warned of; the child touches none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

# An fsync is no step here: it changes nothing that a process killed before it, or the next one, could see.
CHANGES = ("open", "write", "replace", "rename", "unlink", "mkdir", "rmdir", "ftruncate", "pwrite", "chmod")
PACKAGE = Path(expunge.__file__).parent
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


def stack(call: str) -> str:
    """Where in expunge a step is taken, and which."""
    frames = [frame for frame in traceback.extract_stack() if Path(frame.filename).is_relative_to(PACKAGE)]
    return " > ".join([f"{Path(frame.filename).stem}.{frame.name}" for frame in frames] + [call])


def traced(place: Path, said: Path) -> list[str]:
    """The stack of every step of a request, in order."""
    steps: list[str] = []

    def work() -> None:
        watched(lambda call: steps.append(stack(call)))
        request(place)
        said.write_text(json.dumps(steps), encoding="utf-8")

    assert child(work) == 0
    found: list[str] = json.loads(said.read_text(encoding="utf-8"))
    return found


def killed(place: Path, when: Callable[[int, str], bool]) -> bool:
    """A request that is killed just before a step; False where it did not come to it (a folder was there already)."""
    taken = [0]

    def die(call: str) -> None:
        if when(taken[0], call):
            os.kill(os.getpid(), signal.SIGKILL)
        taken[0] += 1

    def work() -> None:
        watched(die)
        request(place)

    ended = child(work)
    assert ended in (0, -signal.SIGKILL)
    return ended != 0


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


def is_stack(wanted: str, _: int, call: str) -> bool:
    return stack(call) == wanted


def is_number(wanted: int, taken: int, _: str) -> bool:
    return taken == wanted


def survived(learned: Path, here: Path, whens: Sequence[Callable[[int, str], bool]]) -> int:
    """Kill a request at each of these steps, finish it, and look; how often one was killed."""
    before, after = published(fresh(learned, here)), oracle(here)
    assert before != after
    times = 0
    for when in whens:
        times += killed(fresh(learned, here), when)
        assert published(here) in (before, after)
        assert child(lambda: request(here)) == 0
        assert published(here) == after
        finished_once(here)
    return times


def test_killed_at_each_distinct_step_it_finishes_once(learned: Path, here: Path, tmp_path: Path) -> None:
    steps = dict.fromkeys(traced(fresh(learned, here), tmp_path / "steps"))
    finished_once(here)
    whens = [partial(is_stack, step) for step in steps]
    assert survived(learned, here, whens) >= 20


@pytest.mark.slow
def test_killed_at_every_step_it_finishes_once(learned: Path, here: Path, tmp_path: Path) -> None:
    steps = traced(fresh(learned, here), tmp_path / "steps")
    whens = [partial(is_number, at) for at in range(len(steps))]
    assert survived(learned, here, whens) >= len(steps) - 4
