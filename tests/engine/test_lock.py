"""The lock: one works, the others are told who; a killed process lets it go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from expunge.engine.lock import holder, working
from expunge.errors import BusyError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

HOLD = "import sys, time, pathlib; from expunge.engine.lock import working\nwith working(pathlib.Path(sys.argv[1]), 'learn'): print('held', flush=True); time.sleep(float(sys.argv[2]))"  # noqa: E501


def held_by_another(path: Path, seconds: float) -> subprocess.Popen[str]:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(path), str(seconds)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    return other


def test_another_process_is_told_who_works_and_since_when(tmp_path: Path) -> None:
    with held_by_another(tmp_path / "lock", 30) as other:
        busy = rf"process {other.pid} \(learn, since 20.*\) works on this project"
        with pytest.raises(BusyError, match=busy), working(tmp_path / "lock", "forget"):
            pass
        assert holder(tmp_path / "lock")["process"] == other.pid
        other.kill()


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    with held_by_another(tmp_path / "lock", 30) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        with working(tmp_path / "lock", "forget"):
            assert holder(tmp_path / "lock")["process"] == os.getpid()


def test_who_waits_gets_it(tmp_path: Path) -> None:
    start = time.monotonic()
    with held_by_another(tmp_path / "lock", 0.5), working(tmp_path / "lock", "forget", wait=30):
        assert time.monotonic() - start < 30


def test_it_can_be_held_again_and_after_a_failure(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), working(tmp_path / "lock", "learn"):
            raise ZeroDivisionError


def test_a_lock_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"), working(tmp_path / "no" / "lock", "learn"):
        pass


@pytest.mark.parametrize("content", ["", "{", "[1]", "\0"])
def test_a_lock_with_odd_content_names_nobody(content: str, tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(content, encoding="utf-8")
    assert holder(tmp_path / "lock") == {}
    assert holder(tmp_path / "none") == {}
