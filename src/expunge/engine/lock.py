"""One works, the others wait or are told who works: a lock that the system takes back from whoever dies.

Examples
--------
>>> import tempfile, pathlib
>>> folder = pathlib.Path(tempfile.mkdtemp())
>>> with working(folder / "lock", "learn"):
...     holder(folder / "lock")["doing"]
'learn'
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from expunge.errors import BusyError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAUSE = 0.1  # seconds between two looks at a lock that somebody holds


@contextmanager
def working(path: Path, doing: str, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock while working.

    Parameters
    ----------
    path : Path
        The lock's file; it is made when it is missing and never removed.
    doing : str
        What others are told.
    wait : float
        Seconds to wait for whoever holds it.

    Raises
    ------
    BusyError
        When another process still works after ``wait`` seconds; with its number, what it does and since when.
    """
    descriptor = _opened(path)
    try:
        _acquired(descriptor, path, wait)
        said = {"process": os.getpid(), "doing": doing, "since": datetime.now(UTC).isoformat(timespec="seconds")}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(said).encode(), 0)
        yield
    finally:
        os.close(descriptor)  # which lets the lock go, as the system does for a process that was killed


def holder(path: Path) -> dict[str, object]:
    """Who holds, or last held, the lock; empty when nobody ever did."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as refused:
        msg = f"the lock {path} cannot be opened: {refused.strerror}"
        raise StoreError(msg) from refused


def _acquired(descriptor: int, path: Path, wait: float) -> None:
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise BusyError(_busy(path)) from None
            time.sleep(PAUSE)
        else:
            return


def _busy(path: Path) -> str:
    who = holder(path)
    what = f"process {who['process']} ({who['doing']}, since {who['since']})" if who else "another process"
    return f"{what} works on this project: try again when it has finished, or wait for it with --wait SECONDS"
