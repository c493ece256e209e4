"""Blobs by their names: keys come first and go first, and nobody who writes the same at the same time is hurt."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expunge.errors import DamagedError, StoreError
from expunge.store._blobs import Blobs
from expunge.store.data_keys import DataKey, DataKeys

if TYPE_CHECKING:
    from collections.abc import Callable

NAME, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "store", DataKeys(tmp_path / "data"))


def traced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Each change of a file or folder as it is made: what is done, and to what (of a key or of a blob)."""
    seen: list[tuple[str, str]] = []
    paths: dict[int, str] = {}
    real_open = os.open

    def opening(path: Any, *arguments: Any) -> int:
        file = real_open(path, *arguments)
        paths[file] = os.fspath(path)
        return file

    def room(path: Any) -> str:
        told = paths[path] if isinstance(path, int) else os.fspath(path)
        kind = "key" if "/data/" in told else "blob"
        return f"{kind} folder" if Path(told).is_dir() else kind

    def noting(call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def noted(path: Any, *arguments: Any, **options: Any) -> Any:
            seen.append((call, room(path)))
            return real(path, *arguments, **options)

        return noted

    monkeypatch.setattr(os, "open", opening)
    for call in ("fsync", "replace", "unlink"):
        monkeypatch.setattr(os, call, noting(call, getattr(os, call)))
    return seen


KEY_AT_REST = [("fsync", "key"), ("fsync", "key folder")]
BLOB_AT_REST = [("fsync", "blob"), ("replace", "blob"), ("fsync", "blob folder")]
KEY_GONE = [("unlink", "key"), ("fsync", "key folder")]
BLOB_GONE = [("unlink", "blob"), ("fsync", "blob folder")]


def test_each_step_is_on_the_disk_before_the_next_begins(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (NAME, OTHER):
        blobs.replace(name, b"", b"old")
    seen = traced(monkeypatch)
    blobs.replace(NAME, b"", b"new")
    assert seen == [*KEY_AT_REST, *BLOB_AT_REST, *KEY_GONE]
    seen.clear()
    blobs.destroy(NAME)
    assert seen == [*KEY_GONE, *BLOB_GONE]
    seen.clear()
    blobs.keep([])
    assert seen == [*KEY_GONE, *BLOB_GONE]


def test_all_keys_go_before_the_first_blob(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{k:02x}" * 32 for k in range(5)]
    for name in names:
        blobs.replace(name, b"", b"content")
    seen = traced(monkeypatch)
    blobs.keep(names[:2])
    kinds = [room.split()[0] for _, room in seen]
    assert kinds == ["key"] * 6 + ["blob"] * 6
    assert blobs.names() == names[:2]
    assert all(blobs.look(name) == (b"", b"content") for name in names[:2])


def test_another_blob_over_an_old_one_has_another_key(blobs: Blobs) -> None:
    blobs.replace(NAME, b"label", b"old")
    before = blobs.keys.numbers(NAME)
    blobs.replace(NAME, b"label", b"new")
    assert blobs.look(NAME) == (b"label", b"new")
    assert len(blobs.keys.numbers(NAME)) == 1
    assert blobs.keys.numbers(NAME) != before


def test_a_copy_of_a_blob_whose_key_was_destroyed_does_not_open(blobs: Blobs) -> None:
    blobs.replace(NAME, b"", b"content")
    copy = blobs.path(NAME).read_bytes()
    blobs.destroy(NAME)
    blobs.path(NAME).write_bytes(copy)
    with pytest.raises(DamagedError, match="its data key is not here"):
        blobs.look(NAME)
    blobs.replace(NAME, b"", b"content")
    blobs.path(NAME).write_bytes(copy)
    with pytest.raises(DamagedError, match="its data key is not here"):
        blobs.look(NAME)


def test_two_who_write_the_same_name_both_leave_it_whole(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second writes from first to last while the first is between its key and its blob."""
    fresh = DataKeys.fresh
    second: list[str] = []

    def overtaken(keys: DataKeys, name: str) -> DataKey:
        key = fresh(keys, name)
        if not second:
            second.append(name)
            blobs.replace(name, b"", b"second")
        return key

    blobs.replace(NAME, b"", b"old")
    monkeypatch.setattr(DataKeys, "fresh", overtaken)
    blobs.replace(NAME, b"", b"first")
    assert blobs.look(NAME) == (b"", b"first")
    assert len(blobs.keys.numbers(NAME)) == 2, "the second's key; a sweep takes it"
    blobs.keep([NAME])
    assert len(blobs.keys.numbers(NAME)) == 1
    assert blobs.look(NAME) == (b"", b"first")


def test_a_reader_looks_again_when_a_writer_came_between(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    get = DataKeys.get
    overtaken: list[str] = []

    def slow(keys: DataKeys, name: str, number: bytes) -> DataKey | None:
        if not overtaken:
            overtaken.append(name)
            blobs.replace(name, b"", b"new")
        return get(keys, name, number)

    blobs.replace(NAME, b"", b"old")
    monkeypatch.setattr(DataKeys, "get", slow)
    assert blobs.look(NAME) == (b"", b"new")


def test_keeping_takes_unused_keys_and_what_killed_writers_left_and_nothing_foreign(blobs: Blobs) -> None:
    blobs.replace(NAME, b"", b"content")
    used = blobs.keys.numbers(NAME)
    blobs.keys.fresh(NAME)
    blobs.keys.fresh(OTHER)
    (blobs.folder / "ab" / ".tmp-0123").touch()
    (blobs.folder / "ab" / ".tmp-folder").mkdir()
    (blobs.folder / "ab" / "notes").touch()
    blobs.keep([NAME, OTHER])
    assert blobs.keys.held() == {NAME: used}
    assert sorted(path.name for path in (blobs.folder / "ab").iterdir()) == sorted([".tmp-folder", NAME, "notes"])
    assert blobs.strays() == ["ab/notes"]


def test_a_blob_that_does_not_say_which_key_is_its_own_keeps_all(blobs: Blobs) -> None:
    blobs.replace(NAME, b"", b"content")
    blobs.keys.fresh(NAME)
    blobs.path(NAME).write_bytes(b"damaged")
    blobs.keep([NAME])
    assert len(blobs.keys.numbers(NAME)) == 2
    assert blobs.names() == [NAME]


def test_names_are_of_regular_files_in_their_places(blobs: Blobs) -> None:
    blobs.replace(NAME, b"", b"content")
    (blobs.folder / "cd").mkdir()
    (blobs.folder / "cd" / NAME).write_bytes(blobs.path(NAME).read_bytes())
    (blobs.folder / "cd" / OTHER).symlink_to(blobs.path(NAME))
    (blobs.folder / "ab" / NAME.upper()).touch()
    (blobs.folder / "lock").touch()
    assert blobs.names() == [NAME]
    assert sorted(blobs.strays()) == [f"ab/{NAME.upper()}", f"cd/{NAME}", f"cd/{OTHER}"]


@pytest.mark.parametrize("name", ["", "..", "../secrets/run", "ab", NAME.upper(), f"{NAME}.x", f"{NAME}\n", f"{NAME}/"])
def test_what_is_no_name_is_refused(blobs: Blobs, name: str) -> None:
    with pytest.raises(DamagedError, match="a blob is named by 64 hexadecimal digits"):
        blobs.look(name)


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.EIO, DamagedError, "altered: the disk cannot read it"),
        (errno.EACCES, StoreError, "could not be read: no permission"),
    ],
)
def test_a_disk_that_cannot_read_is_damage_and_a_lack_of_permission_is_not(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception], said: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(number, "refused")

    blobs.replace(NAME, b"", b"content")
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(kind, match=said) as caught:
        blobs.look(NAME)
    assert isinstance(caught.value, DamagedError) == (kind is DamagedError)


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize("for_good", [False, True])
def test_a_full_disk_leaves_what_was_there(
    blobs: Blobs,
    monkeypatch: pytest.MonkeyPatch,
    there: bool,  # noqa: FBT001
    call: str,
    for_good: bool,  # noqa: FBT001
) -> None:
    """Each call in turn is refused: once, or from then on."""
    blobs.replace(OTHER, b"", b"other")
    if there:
        blobs.replace(NAME, b"", b"old")
    for at in range(20):
        real, calls = getattr(os, call), [0]

        def refused(*arguments: Any, real: Any = real, calls: list[int] = calls, at: int = at, **options: Any) -> Any:
            reading = call == "open" and not arguments[1] & os.O_CREAT
            calls[0] += not reading
            if not reading and (calls[0] > at if for_good else calls[0] == at + 1):
                raise OSError(errno.ENOSPC, "full")
            return real(*arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(os, call, refused)
            try:
                blobs.replace(NAME, b"", b"new")
            except StoreError as error:
                assert "the disk is full" in str(error)  # noqa: PT017
            else:
                break
        assert not list(blobs.folder.glob("*/.tmp-*"))
        assert blobs.look(OTHER) == (b"", b"other")
        if there or NAME in blobs.names():
            assert blobs.look(NAME)[1] in ((b"old", b"new") if there else (b"new",))
        assert set(blobs.keys.held()) <= set(blobs.names())
    assert at > 0
    assert blobs.look(NAME) == (b"", b"new")
