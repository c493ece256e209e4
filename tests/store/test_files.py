"""Files are whole or not there: full disks, forbidden folders, torn lines and locks."""

from __future__ import annotations

import errno
import os
import resource
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.errors import BusyError, ParameterError, StoreError
from expunge.store.files import (
    TEMPORARY,
    append_lines,
    locked,
    make_folder,
    read,
    read_lines,
    remove,
    walked,
    write_atomically,
    write_new,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REFUSED = [
    (errno.ENOSPC, "the disk is full"),
    (errno.EDQUOT, "the quota of the disk is used up"),
    (errno.EROFS, "the file system is read-only"),
    (errno.EACCES, "no permission"),
    (errno.EIO, "input/output error"),
]


def refusing(monkeypatch: pytest.MonkeyPatch, call: str, number: int) -> None:
    """Let one call of the system fail, whatever it is asked."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refused)


def inside(folder: Path) -> list[str]:
    """Names of all that lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def traced(monkeypatch: pytest.MonkeyPatch, *calls: str) -> list[str]:
    """Note calls of the system as they are made."""
    seen: list[str] = []

    def noting(call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            seen.append(call)
            return real(*arguments, **options)

        return noted

    for call in calls:
        monkeypatch.setattr(os, call, noting(call, getattr(os, call)))
    return seen


@given(st.binary(max_size=99), st.lists(st.binary(max_size=9), max_size=9))
@settings(deadline=None, max_examples=30)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, whole: bytes, pieces: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("a") / "file"
    write_atomically(path, whole)
    assert path.read_bytes() == whole
    write_atomically(path, iter(pieces))
    assert read(path) == b"".join(pieces)
    assert inside(path.parent) == ["file"]


def test_the_content_is_on_the_disk_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = traced(monkeypatch, "write", "fsync", "replace")
    write_atomically(tmp_path / "file", b"content")
    assert seen == ["write", "fsync", "replace", "fsync"]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_permissions_are_those_asked_for(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "a", b"", mode=mode)
        write_new(tmp_path / "b", b"", mode=mode)
        append_lines(tmp_path / "c", [""], mode=mode)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {mode}


@pytest.mark.parametrize(("number", "said"), REFUSED)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_what_the_system_refuses_is_a_sentence_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, said: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with monkeypatch.context() as patched:
        refusing(patched, call, number)
        with pytest.raises(StoreError, match=rf"file could not be written: {said}$"):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert inside(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_new_file_that_cannot_be_written_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with monkeypatch.context() as patched:
        refusing(patched, call, errno.ENOSPC)
        with pytest.raises(StoreError, match="the disk is full"):
            write_new(tmp_path / "file", b"new")
    assert inside(tmp_path) == []


def test_a_new_file_is_not_written_over_another(tmp_path: Path) -> None:
    write_new(tmp_path / "file", b"old")
    with pytest.raises(StoreError, match="could not be written: file exists"):
        write_new(tmp_path / "file", b"new")
    assert read(tmp_path / "file") == b"old"


def test_pieces_that_fail_half_way_leave_what_was_there(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise KeyboardInterrupt

    write_atomically(tmp_path / "file", b"old")
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", pieces())
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_real_limit_on_files_is_a_sentence(tmp_path: Path) -> None:
    path, limits = tmp_path / "file", resource.getrlimit(resource.RLIMIT_FSIZE)
    path.write_bytes(b"old")
    append_lines(tmp_path / "journal", ["first"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(StoreError, match="larger than this process may write"):
            write_atomically(path, bytes(5000))
        with pytest.raises(StoreError, match="larger than this process may write"):
            append_lines(tmp_path / "journal", ["x" * 5000])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert (tmp_path / "journal").read_bytes() == b"first\n"
    assert len(inside(tmp_path)) == 2


def test_a_system_that_writes_a_byte_at_a_time_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, content: real(file, bytes(content)[:1]))
    write_atomically(tmp_path / "file", b"content")
    append_lines(tmp_path / "journal", ["a line"])
    assert read(tmp_path / "file") == b"content"
    assert read_lines(tmp_path / "journal") == ["a line"]


def test_removing_is_durable_and_what_is_not_there_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / name for name in "abc"]
    for path in paths[:2]:
        path.touch()
    seen = traced(monkeypatch, "unlink", "fsync")
    remove(*paths, tmp_path / "no folder" / "d")
    assert seen == ["unlink"] * 4 + ["fsync"]
    assert inside(tmp_path) == []
    remove()


def test_a_file_that_cannot_be_removed_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, "unlink", errno.EROFS)
    with pytest.raises(StoreError, match="file could not be removed: the file system is read-only"):
        remove(tmp_path / "file")


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="could not be read: is a directory"):
        read(tmp_path)
    assert read(tmp_path / "nothing") is None


# -- journals ----------------------------------------------------------------------------------------------------------


@given(lines=st.lists(st.text(max_size=5).filter(lambda text: "\n" not in text), max_size=6), cut=st.integers(0, 60))
@settings(deadline=None, max_examples=40)
def test_a_torn_journal_keeps_its_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], cut: int
) -> None:
    path = tmp_path_factory.mktemp("a") / "journal"
    assert read_lines(path) == []
    for line in lines:
        append_lines(path, [line])
    assert read_lines(path) == lines
    content = read(path) or b""
    path.write_bytes(content[:cut])
    whole = lines[: content[:cut].count(b"\n")]
    assert read_lines(path) == whole
    append_lines(path, [""])  # shorter than what is cut off
    assert read_lines(path) == [*whole, ""]
    assert (read(path) or b"").count(b"\n") == len(whole) + 1


def test_what_is_torn_is_cut_off_even_when_the_next_line_is_shorter(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"first\nsecond, long and torn")
    append_lines(tmp_path / "journal", ["2"])
    assert (tmp_path / "journal").read_bytes() == b"first\n2\n"


def test_a_line_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no line break in it; got one at character 1"):
        append_lines(tmp_path / "journal", ["a\nb"])


def test_lines_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"one\ntwo\n\xff\nfour\n")
    with pytest.raises(StoreError, match="journal was altered: line 3 is no text"):
        read_lines(tmp_path / "journal")


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_line_that_cannot_be_written_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    append_lines(tmp_path / "journal", ["first"])
    with monkeypatch.context() as patched:
        refusing(patched, call, errno.ENOSPC)
        with pytest.raises(StoreError, match="could not be appended to: the disk is full"):
            append_lines(tmp_path / "journal", ["second"])
    assert read_lines(tmp_path / "journal") == ["first"]


def test_many_threads_append_whole_lines(tmp_path: Path) -> None:
    def appending(name: str) -> None:
        for number in range(10):
            append_lines(tmp_path / "journal", [f"{name}{number}" * 50])

    threads = [threading.Thread(target=appending, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_lines(tmp_path / "journal")) == sorted(f"{a}{n}" * 50 for a in "abcd" for n in range(10))


# -- folders and locks -------------------------------------------------------------------------------------------------


def test_folders_are_made_durably_down_to_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = traced(monkeypatch, "mkdir", "fsync")
    make_folder(tmp_path / "a" / "b", mode=0o700)
    make_folder(tmp_path / "a" / "b", mode=0o700)
    assert seen == ["mkdir", "fsync"] * 2
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="could not be"):
        make_folder(tmp_path / "file" / "a")


def test_walking_lists_one_folder_down_and_leaves_out_what_is_being_written(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a/3", "top", f"a/{TEMPORARY}x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert [str(path.relative_to(tmp_path)) for path in walked(tmp_path)] == ["a/3", "b/1", "b/2", "link", "top"]
    assert walked(tmp_path / "nothing") == []


@pytest.mark.parametrize(
    ("mine", "others", "busy"), [(True, True, True), (True, False, True), (False, True, True), (False, False, False)]
)
def test_one_alone_or_many_at_once(tmp_path: Path, mine: bool, others: bool, busy: bool) -> None:  # noqa: FBT001
    path = tmp_path / "lock"
    with locked(path, exclusive=mine):
        if busy:
            with (
                pytest.raises(BusyError, match="another process works under"),
                locked(path, exclusive=others, wait=False),
            ):
                pass
        else:
            with locked(path, exclusive=others, wait=False):
                pass
    with locked(path, exclusive=True, wait=False):
        pass


def test_a_lock_goes_with_an_error_and_with_the_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(KeyError), locked(path, exclusive=True):
        raise KeyError
    with locked(path, exclusive=True, wait=False):
        pass


def test_a_lock_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match="could not be locked: no such file"),
        locked(tmp_path / "no folder" / "lock", exclusive=True),
    ):
        pass
