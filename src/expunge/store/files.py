"""Files that are whole or not there, whatever comes in between: a full disk, SIGKILL, a power cut.

A file is written under a temporary name in its own folder, brought to the disk, and only then renamed to its place;
the folder is brought to the disk too, because a name is an entry of the folder. Whoever is killed leaves what was
there before, or what came after, and at most a file that begins with `TEMPORARY`.

Examples
--------
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     anchor = Path(folder) / "anchor.json"
...     write_atomically(anchor, b"old")
...     write_atomically(anchor, b"new")
...     anchor.read_bytes()
b'new'
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from expunge.errors import BusyError, ParameterError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TEMPORARY = ".tmp-"
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EFBIG: "the file would be larger than this process may write",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
}


def write_atomically(path: Path, content: bytes | Iterable[bytes], *, mode: int = 0o644) -> None:
    """Put a file in its place, whole, over whatever was there.

    Parameters
    ----------
    path : Path
        Its folder exists (`make_folder`).
    content : bytes or iterable of bytes
        Pieces are written as they come, so that a large file need not be in memory at once.
    mode : int
        Permissions, less what the user's umask takes away.

    Raises
    ------
    StoreError
        When the disk is full or the folder cannot be written: what was there before is whole, and nothing is beside it.
    """
    temporary = path.with_name(TEMPORARY + token_hex(8))
    with in_words(path, "written"):
        try:
            _write_out(temporary, content, mode)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)


def write_new(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file where there is none, under its own name: killed half-way, it is there and torn.

    Raises
    ------
    StoreError
        As `write_atomically` does, and where there is a file of that name already.
    """
    with in_words(path, "written"):
        try:
            _write_out(path, content, mode)
        except FileExistsError:
            raise
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise
        sync_folder(path.parent)


def remove(*paths: Path) -> None:
    """Take files out of their folders, durably; those that are not there are fine."""
    folders = dict.fromkeys(path.parent for path in paths)
    for path in paths:
        with in_words(path, "removed"):
            path.unlink(missing_ok=True)
    for folder in folders:
        if folder.is_dir():
            with in_words(folder, "brought to the disk"):
                sync_folder(folder)


def read(path: Path) -> bytes | None:
    """The content of a file; None where there is none."""
    with in_words(path, "read"):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def append_lines(path: Path, texts: Iterable[str], *, mode: int = 0o644) -> None:
    """Add lines to a journal, durably. What a killed or failed append left of a line is cut off first.

    Raises
    ------
    StoreError
        When they cannot be written: the lines before them are whole.
    """
    lines = list(texts)
    torn = next((text for text in lines if "\n" in text), None)
    if torn is not None:
        msg = f"a line of {path.name} has no line break in it; got one at character {torn.index(chr(10))}"
        raise ParameterError(msg)
    with in_words(path, "appended to"), _opened(path, os.O_RDWR | os.O_CREAT, mode) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        end = _end_of_lines(file)
        os.ftruncate(file, end)
        os.lseek(file, end, os.SEEK_SET)
        try:
            _write_all(file, "".join(f"{text}\n" for text in lines).encode())
            os.fsync(file)
        except OSError:
            os.ftruncate(file, end)
            raise
        sync_folder(path.parent)


def read_lines(path: Path) -> list[str]:
    """All whole lines of a journal; a torn last line was never promised to anybody, and is left out."""
    content = read(path) or b""
    whole = content[: content.rfind(b"\n") + 1]
    try:
        return whole.decode().split("\n")[:-1]
    except UnicodeDecodeError as damage:
        msg = f"{path} was altered: line {whole.count(bytes([10]), 0, damage.start) + 1} is no text"
        raise StoreError(msg) from damage


def make_folder(path: Path, *, mode: int = 0o755) -> None:
    """Make a folder and those above it, durably; one that is there is fine."""
    if path.is_dir():
        return
    with in_words(path, "made"):
        for folder in reversed([place for place in (path, *path.parents) if not place.exists()]):
            with suppress(FileExistsError):
                folder.mkdir(mode)
            sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Bring a folder's own entries to the disk."""
    with _opened(path, os.O_RDONLY | os.O_DIRECTORY) as folder:
        os.fsync(folder)


def walked(folder: Path) -> list[Path]:
    """Every file one folder down, and whatever lies in between, in order; temporary files aside."""
    found: list[Path] = []
    with in_words(folder, "read"):
        for name, is_folder in _entries(folder) if folder.is_dir() else ():
            place = folder / name
            found += [place / inner for inner, _ in _entries(place)] if is_folder else [place]
    return [path for path in found if not path.name.startswith(TEMPORARY)]


@contextmanager
def locked(path: Path, *, exclusive: bool, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a file (made where there is none): many at once, or one alone.

    The system gives it back when the process ends, however it ends. It is per opening: two threads exclude each other.

    Raises
    ------
    BusyError
        When somebody else holds it and ``wait`` is false.
    """
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    with in_words(path, "locked"):
        file = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        try:
            with in_words(path, "locked"):
                fcntl.flock(file, kind if wait else kind | fcntl.LOCK_NB)
        except StoreError as error:
            if isinstance(error.__cause__, BlockingIOError):
                msg = f"another process works under {path}; try again when it is done"
                raise BusyError(msg) from None
            raise
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # in so many words: a worker that was forked meanwhile has the file too
    finally:
        os.close(file)


@contextmanager
def in_words(path: Path, done: str) -> Iterator[None]:
    """Whatever the system refuses is said as a sentence."""
    try:
        yield
    except OSError as error:
        reason = REASONS.get(error.errno or 0) or os.strerror(error.errno or 0).lower()
        msg = f"{path} could not be {done}: {reason}"
        raise StoreError(msg) from error


@contextmanager
def _opened(path: Path, flags: int, mode: int = 0o644) -> Iterator[int]:
    file = os.open(path, flags, mode)
    try:
        yield file
    finally:
        os.close(file)


def _write_out(path: Path, content: bytes | Iterable[bytes], mode: int) -> None:
    with _opened(path, NEW, mode) as file:
        for piece in (content,) if isinstance(content, bytes) else content:
            _write_all(file, piece)
        os.fsync(file)


def _write_all(file: int, content: bytes) -> None:
    """Every byte: the system may take fewer than it is given."""
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Names in a folder, sorted, and which of them are folders themselves; a link is none."""
    with os.scandir(folder) as entries:
        return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)


def _end_of_lines(file: int) -> int:
    """Where the last whole line of a journal ends."""
    size = os.fstat(file).st_size
    if not size or os.pread(file, 1, size - 1) == b"\n":
        return size
    return os.pread(file, size, 0).rfind(b"\n") + 1
