"""The project's folder as a scan sees it: files that lie there, their names, and what our own files say anyway.

Each file has a control of its own: its last bytes, read by themselves, and as many bytes as it has. What hides its
bytes is counted; a link to what lies elsewhere is not followed, and is counted too.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from expunge.audit.residue import HEAD, Part, Stream, in_bytes, packed
from expunge.codec import encode
from expunge.project.rules import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from expunge.audit.needles import Needles
    from expunge.engine.project import Project

CHUNK = 1 << 22  # bytes of a file at a time
CONTROL = 16  # bytes of a file that are known to be in it: its last, read by themselves
LEAST = 8  # bytes of a control
TRIES = 3  # at a file that somebody writes meanwhile
UNSAID = {"cli", "demo", "testing"}  # packages that write nothing into a project


class Files:
    """Files of the folder that no other part covers: not the sealed blobs, not the user's source.

    Attributes
    ----------
    names : list of (Path, bytes)
        What the paths say, and what is in files that are too small for a control.
    hidden : list of Path
        Those that hide their bytes; with links to what lies elsewhere they are counted as opaque.
    """

    def __init__(self, project: Project) -> None:
        self.project, self.opaque = project, 0
        self.where: list[str] = []
        self.names: list[tuple[Path, bytes]] = []
        self.hidden: list[Path] = []
        self.listed = sorted(self._all())
        self._readable: list[Path] | None = None

    def readable(self) -> list[Path]:
        """Those whose bytes lie open."""
        if self._readable is None:
            self._readable = [path for path in self.listed if self._opens(path)]
        return self._readable

    def _opens(self, path: Path) -> bool:
        folder = self.project.folder
        self.names.append((path, os.fsencode(path.relative_to(folder))))
        if path.is_symlink():
            self.opaque += path.exists() and not path.resolve().is_relative_to(folder.resolve())
        elif path.is_file():
            head = _head(path)
            if packed(head) is not None:
                self.opaque += 1
                self.hidden.append(path)
            elif len(head) >= LEAST:
                return True
            else:
                self.names.append((path, head))
        return False

    def _all(self) -> Iterator[Path]:
        source, blobs = own_source(self.project), frozenset(self.project.store.names())
        for path in self.project.folder.rglob("*"):
            mine = path.parent.parent == self.project.store.folder and path.name in blobs
            if not mine and path.resolve() not in source:
                yield path


def own_source(project: Project) -> frozenset[Path]:
    """Files of the user's own source, where it is one: a file, or a database of SQLite."""
    settings = project.settings.source
    place = settings.path
    if place is None and settings.url is not None and settings.url.startswith("sqlite"):
        place = settings.url.partition(":///")[2]
    if not place:
        return frozenset()
    whole = (project.folder / place).resolve()
    return frozenset({whole, *(whole.with_name(whole.name + end) for end in ("-wal", "-shm", "-journal"))})


def _chunks(path: Path, size: int = CHUNK) -> Iterator[bytes]:
    """A file, a chunk at a time."""
    with path.open("rb") as file:
        while chunk := file.read(size):
            yield chunk


def _head(path: Path) -> bytes:
    """The first bytes of a file; none of one that somebody took away."""
    try:
        return next(_chunks(path, HEAD), b"")
    except FileNotFoundError:
        return b""


def in_files(held: Files, sought: Needles) -> Part | None:
    """All files, each with its control, and the names of all; where something was found is noted."""
    title, found, parts = "all other files of the project, and their names", [], []
    for path in held.readable():
        part = _in_file(title, path, sought)
        parts += [part] if part is not None else []
        found += [path] if part is not None and part.found else []
    for path in held.hidden:  # what it shows is no less found because more of it may not show
        part = _in_file(title, path, sought)
        parts += [part] if part is not None and part.found else []
        found += [path] if part is not None and part.found else []
    lines = b"\n".join(said for _, said in held.names)
    named = in_bytes(title, [Stream([lines], FILE.encode())], sought)
    if named.found:
        found += [path for path, said in held.names if sought.search.through([said]).patterns]
    held.where = list(dict.fromkeys([*held.where, *map(str, found)]))
    return summed([*parts, named])


def _in_file(title: str, path: Path, sought: Needles) -> Part | None:
    """One file, of which all has to be read; None of one that somebody took away, as who writes does."""
    part = None
    for _ in range(TRIES):  # somebody may write meanwhile
        try:
            control, size = _last(path)
            part = in_bytes(title, [Stream(_chunks(path), control)], sought)
        except FileNotFoundError:
            return None
        part = replace(part, control="blind") if part.searched < size else part
        if part.control == "found":
            break
    return part


def _last(path: Path) -> tuple[bytes, int]:
    """The last bytes of a file, and how many it has: not read as the rest is, which may end too early."""
    number = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(number).st_size
        return os.pread(number, CONTROL, max(size - CONTROL, 0)), size
    finally:
        os.close(number)


def summed(parts: Sequence[Part]) -> Part | None:
    """Several of one kind as one: blind when one of them is."""
    if not parts:
        return None
    kinds = Counter[str]()
    for part in parts:
        kinds.update(part.kinds or {})
    return replace(
        parts[0],
        searched=sum(part.searched for part in parts),
        found=sum(part.found for part in parts),
        control="blind" if any(part.control == "blind" for part in parts) else "found",
        kinds=dict(sorted(kinds.items())),
    )


def public(project: Project) -> list[bytes]:
    """What no record said: the settings, the methods before they learned, and what our own files say anyway."""
    root = project.published()
    standing = list(root.models.values())
    methods = [encode(project.method(each, root)) for each in standing]
    environments = [f'"{key}" "{value}" ' for each in standing for key, value in sorted(each.environment.items())]
    return [
        (project.folder / FILE).read_bytes(),
        *methods,
        "".join(environments).encode(),
        " ".join(_dates(project)).encode(),
        *_vocabulary(),
    ]


def _dates(project: Project) -> list[str]:
    """Days that ledger and certificates name; the scan may end tomorrow."""
    book, today = project.book, datetime.now(UTC)
    said = {f"{today + timedelta(days):%Y-%m-%d}" for days in (0, 1)}
    said |= {each.at[:10] for held in (book.requests, book.publications) for each in held.values()}
    return sorted(said)


@cache
def _vocabulary() -> tuple[bytes, ...]:
    """Whatever our own code may write into ledger, certificates, settings and blobs: it is in our own code."""
    return tuple(_sources(resources.files("expunge")))


def _sources(folder: Traversable) -> Iterator[bytes]:
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        if each.is_dir() and each.name not in UNSAID:
            yield from _sources(each)
        elif each.name.endswith(".py"):
            yield each.read_bytes()
