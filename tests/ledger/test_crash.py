"""A killed append or creation is whole or not there, and two processes at once lose nothing and double nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from expunge.ledger.anchor import Head, read_anchor
from expunge.ledger.chain import Entry, Ledger
from expunge.protocol import Key

KEY = Key(b"k" * 32)


def received(name: str, token: str = "t") -> Entry:  # noqa: S107  (of a request)
    return Entry(
        "received",
        {"token": token, "content": "c", "kind": "erase", "target": "aa", "named": 1, "requester": None},
        name,
    )


def opened(folder: Path) -> Ledger:
    return Ledger.open(folder / "ledger.sqlite", KEY, folder / "anchor.json")


def made(folder: Path) -> Ledger:
    return Ledger.create(folder / "ledger.sqlite", KEY, folder / "anchor.json", project="c0ffee")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger of three events."""
    (tmp_path / "project").mkdir()
    made(tmp_path / "project").append(lambda _: [received("r1"), received("r2", "u")])
    return tmp_path / "project"


KILLED = """
import os, signal, shutil, sys
from pathlib import Path
import tests_of_crashes as t

where = Path(sys.argv[1])
step = points = 0
while True:
    folder = Path(shutil.copytree(where / sys.argv[2], where / f"step{step}"))
    child = os.fork()
    if not child:
        lines = set()
        def trace(frame, what, value):
            if "expunge" not in frame.f_code.co_filename and "sqlite" not in frame.f_code.co_filename:
                return None
            lines.add((frame.f_code.co_filename, frame.f_lineno) if what == "line" else None)
            if len(lines - {None}) > step:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace
        ledger = t.opened(folder) if sys.argv[2] == "project" else None
        sys.settrace(trace)
        if ledger:
            ledger.append(lambda book: [t.received("r3", "v"), t.received("r4", "w")])
        else:
            t.made(folder)
        sys.settrace(None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if ledger := (t.opened(folder) if sys.argv[2] == "project" else t.made(folder)):
        tokens = [token for token in "vw" if ledger.book.by_token(token)]
        assert tokens in ([], ["v", "w"]), tokens
        anchor = t.read_anchor(folder / "anchor.json")
        assert anchor.number in (1, 3, ledger.head.number), anchor
        assert status or sys.argv[2] != "project" or (tokens and anchor == ledger.head)
        points += 1
        ledger.append(lambda book: [t.Entry("noted", {})])
        assert t.read_anchor(folder / "anchor.json") == t.opened(folder).head
    shutil.rmtree(folder)
    if not status:
        break
    step += 1
print(points)
"""

TWO = """
import sys
from pathlib import Path
import tests_of_crashes as t

folder, who = Path(sys.argv[1]), sys.argv[2]
ledger = t.opened(folder)
for number in range(60):
    ledger.append(lambda book: [t.received(f"{who}{number}", f"own {who} {number}")])
    own, both = f"both-{who}{number}", f"both {number}"
    ledger.append(lambda book: [] if book.by_token(both) else [t.received(own, both)])
"""


def started(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of one thread, so that it may fork, with this file as a module."""
    load = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('tests_of_crashes', {__file__!r})\n"
        "sys.modules['tests_of_crashes'] = module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
    )
    command = [sys.executable, "-c", load + code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_an_append_that_is_killed_at_any_line_is_whole_or_not_there(folder: Path) -> None:
    assert int(finished(started(KILLED, str(folder.parent), "project"))) > 60


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_creation_that_is_killed_at_any_line_can_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert int(finished(started(KILLED, str(tmp_path), "empty"))) > 60


def test_a_process_that_is_killed_while_it_appends_leaves_a_whole_ledger(folder: Path) -> None:
    for wait in (0.0, 0.01, 0.02, 0.03):
        code = f"import os, signal, threading, time; from pathlib import Path; import tests_of_crashes as t\n\
ledger = t.opened(Path(sys.argv[1]))\n\
threading.Timer({wait}, os.kill, (os.getpid(), signal.SIGKILL)).start()\n\
while True: ledger.append(lambda b: [t.Entry('noted', {{'x': 'y' * 5000}})] * 2)"
        process = started(code, str(folder))
        process.communicate(timeout=60)
        assert process.returncode == -9
        ledger = opened(folder)
        assert ledger.head.number % 2 == 1
        anchor = read_anchor(folder / "anchor.json")
        assert anchor is not None
        assert anchor.number <= ledger.head.number  # by more than one append where kill followed kill


def test_two_processes_lose_nothing_and_double_nothing(folder: Path) -> None:
    for process in [started(TWO, str(folder), who) for who in ("a", "b")]:
        finished(process)
    ledger = opened(folder)
    requests = ledger.book.requests
    assert {f"{who}{number}" for who in "ab" for number in range(60)} <= requests.keys()
    doubles = [held.token for held in requests.values() if held.token.startswith("both")]
    assert sorted(doubles) == sorted(f"both {number}" for number in range(60))
    assert read_anchor(folder / "anchor.json") == ledger.head == Head(3 + 180, ledger.head.mac)
