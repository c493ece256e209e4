"""Killed at every change that it makes to the disk, whatever was at work: what was there opens, and again finishes.

A child of this process is killed with SIGKILL before its first change, its second, and so on until it gets through; a
write is killed half-way. Where the points are is found by counting the calls of the system, not by hand.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expunge.store.directory import Directory, Live
from expunge.store.files import append_lines, read_lines
from expunge.store.keyring import Keyring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# From Python 3.12 on, forking beside the threads of pytest-xdist is warned of; the child touches none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

CHANGES = ("open", "write", "fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "ftruncate", "chmod")
OLD, NEW = b"old" * 40, b"new" * 50


def child(work: Callable[[], object]) -> int:
    """Do some work in another process; its number."""
    number = os.fork()
    if number:
        return number
    try:
        work()
    except BaseException:  # noqa: BLE001  (a child must never return into the test)
        os._exit(1)
    os._exit(0)


def ended(number: int) -> bool:
    """Wait for a child: whether it got through, or else was killed."""
    status = os.waitpid(number, 0)[1]
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "the child failed, and was not killed"
    assert os.WIFEXITED(status) or os.WTERMSIG(status) == signal.SIGKILL
    return os.WIFEXITED(status)


def doomed(work: Callable[[], object], at: int) -> None:
    """Do some work, to be killed just before the change of this number."""
    left = [at]

    def mortal(call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            changing = call != "open" or arguments[1] & os.O_CREAT
            left[0] -= bool(changing)
            if changing and left[0] < 0:
                if call == "write":
                    real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return called

    for call in CHANGES:
        setattr(os, call, mortal(call, getattr(os, call)))
    work()


def deaths(before: Path, work: Callable[[Path], object]) -> Iterator[Path]:
    """The folder ``before`` as each death leaves it, the last one whole; always at the same place."""
    here = before.with_name("here")
    for at in range(1000):
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(before, here)
        through = ended(child(lambda at=at: doomed(lambda: work(here), at)))  # type: ignore[misc]
        yield here
        if through:
            assert at > 3, "nothing was killed"
            return


def store_in(place: Path) -> Directory:
    return Directory(place / "store", Keyring.load(place / "secrets"))


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A store with something of everything."""
    place = tmp_path / "before"
    Keyring.create(place / "secrets")
    store = store_in(place)
    for content in (b"kept", b"superseded", b"superseded too"):
        store.put(content)
    store.update({"kept.x": OLD, "kept.y": b"other", "gone.x": b"gone"})
    return place


def live(store: Directory, *contents: bytes) -> Live:
    return Live(frozenset(map(store.address, (b"kept", *contents))), frozenset({"kept"}))


def spotless(place: Path, blobs: int) -> bool:
    """No problem, nothing left by the killed, one key for each blob."""
    store = store_in(place)
    files = [path for path in place.rglob("*") if path.is_file()]
    keys = [path for path in files if path.parent.parent.name == "data"]
    left = [path for path in files if path.name.startswith(".tmp-")]
    return (store.problems(), left, len(keys), len(list(store.names()))) == ([], [], blobs, blobs)


def damaged(store: Directory) -> list[str]:
    """Blobs that do not open; keys that wait for their blobs aside."""
    return [problem.name for problem in store.problems() if not problem.what.startswith("orphan")]


def test_put(before: Path) -> None:
    for place in deaths(before, lambda place: store_in(place).put(NEW)):
        store = store_in(place)
        assert damaged(store) == []
        assert store.read(store.address(b"kept")) == b"kept"
        assert store.read(store.put(NEW)) == NEW
        store.sweep(lambda store=store: live(store, NEW))  # type: ignore[misc]
        assert spotless(place, 4)


def test_setting_a_checkpoint_over_another(before: Path) -> None:
    for place in deaths(before, lambda place: store_in(place).update({"kept.x": NEW})):
        store = store_in(place)
        assert damaged(store) == []
        assert store["kept.x"] in (OLD, NEW)
        store["kept.x"] = NEW
        assert store["kept.x"] == NEW
        store.sweep(lambda store=store: live(store))  # type: ignore[misc]
        assert spotless(place, 3)


def test_deleting_a_checkpoint(before: Path) -> None:
    def delete(place: Path) -> None:
        store_in(place).pop("kept.x", None)

    for place in deaths(before, delete):
        assert store_in(place).get("kept.x") in (OLD, None)
        assert store_in(place)["kept.y"] == b"other"
        store = store_in(place)
        if store.names_of(["kept"])[1:]:
            del store["kept.x"]
        assert set(store) == {"kept.y", "gone.x"}


def test_sweep(before: Path) -> None:
    superseded = store_in(before).superseded(live(store_in(before)))
    assert len(superseded) == 3
    for place in deaths(before, lambda place: store_in(place).sweep(lambda: live(store_in(place)))):
        store = store_in(place)
        assert store.read(store.address(b"kept")) == b"kept"
        assert (store["kept.x"], store["kept.y"]) == (OLD, b"other")
        keys = [path.name for path in store_in(place).folder.parent.glob("secrets/data/*/*")]
        for name in superseded:
            there = (store.folder / name[:2] / name).exists()
            assert there or not any(key.startswith(name) for key in keys), "a blob went before its key"
        store.sweep(lambda store=store: live(store))  # type: ignore[misc]
        assert not set(superseded) & set(store.names())
        assert spotless(place, 3)


def test_rekey(before: Path) -> None:
    old = {path.name for path in before.glob("secrets/data/*/*")}
    for place in deaths(before, lambda place: store_in(place).rekey()):
        store = store_in(place)
        assert damaged(store) == []
        assert store.read(store.address(b"superseded")) == b"superseded"
        assert dict(store) == {"kept.x": OLD, "kept.y": b"other", "gone.x": b"gone"}
        assert store.rekey() == 6
        assert not old & {path.name for path in place.glob("secrets/data/*/*")}
        assert spotless(place, 6)


def test_a_keyring_being_made(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    for place in deaths(tmp_path / "before", lambda place: Keyring.create(place / "secrets")):
        if not Keyring.exists(place / "secrets"):
            Keyring.create(place / "secrets")
        assert Keyring.load(place / "secrets").trusted
        assert [path.name for path in place.iterdir()] == ["secrets"]


def test_a_signing_key_being_rotated(before: Path) -> None:
    old = Keyring.load(before / "secrets")
    for place in deaths(before, lambda place: Keyring.load(place / "secrets").rotate_signing()):
        keyring = Keyring.load(place / "secrets")
        assert {keyring.public, old.public} <= set(keyring.signers())
        assert (place / "secrets" / "signing.pub").read_text(encoding="utf-8") == f"{keyring.public}\n"
        assert keyring.rotate_signing().public not in (keyring.public, old.public)


def test_secrets_being_restored(before: Path) -> None:
    keyring, store = Keyring.load(before / "secrets"), store_in(before)
    keyring.backup(before / "backup", store.names())
    shutil.rmtree(before / "secrets")
    for place in deaths(before, lambda place: Keyring.restore(place / "secrets", place / "backup")):
        Keyring.restore(place / "secrets", place / "backup")
        back = Keyring.load(place / "secrets")
        assert (back.run, back.signing, back.trusted) == (keyring.run, keyring.signing, False)
        assert store_in(place).problems() == []


def test_a_line_being_appended(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    append_lines(tmp_path / "before" / "journal", ["first"])
    for place in deaths(tmp_path / "before", lambda place: append_lines(place / "journal", ["second"])):
        lines = read_lines(place / "journal")
        assert lines in (["first"], ["first", "second"])
        append_lines(place / "journal", ["third"])
        assert read_lines(place / "journal") == [*lines, "third"]


# -- two at once -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("holding", [True, False])
def test_what_is_written_in_flight_is_not_swept(before: Path, holding: bool) -> None:  # noqa: FBT001
    """The sweep begins between the put and its being on record; without `writing` it would destroy what was put."""
    record, store = before / "record", store_in(before)
    with store.writing() if holding else nullcontext():
        address = store.put(b"in flight")
        sweeper = child(lambda: store_in(before).sweep(lambda: Live(frozenset(read_lines(record)))))
        if holding:
            time.sleep(0.05)  # a sweep that does not wait has time to do harm
            assert os.waitpid(sweeper, os.WNOHANG)[0] == 0
        else:
            assert ended(sweeper)
        append_lines(record, [address])
    if holding:
        assert ended(sweeper)
    assert store.opens(address) == holding
    assert list(store.names()) == [address] * holding


def test_a_worker_that_outlives_writing_keeps_nobody_waiting(before: Path) -> None:
    """It was forked while the lock was held, and has the lock's file open too."""
    store = store_in(before)
    go, wait = os.pipe()
    with store.writing():
        worker = child(lambda: os.read(go, 1))
    sweeper = child(lambda: store.sweep(lambda: live(store)))
    for _ in range(2000):
        done = bool(os.waitpid(sweeper, os.WNOHANG)[0])
        if done:
            break
        time.sleep(0.01)
    os.write(wait, b".")
    assert ended(worker)
    os.close(go)
    os.close(wait)
    assert done, "the sweep waited for the worker"


def test_a_writer_and_a_sweeper_side_by_side(before: Path) -> None:
    record = before / "record"

    def write() -> None:
        store = store_in(before)
        for number in range(60):
            with store.writing():
                address = store.put(b"%d" % (number // 2))  # every other one is there already, or was just swept
                append_lines(record, [address])

    writer, sweeps = child(write), 0
    while not os.waitpid(writer, os.WNOHANG)[0]:
        store_in(before).sweep(lambda: Live(frozenset(read_lines(record))))
        sweeps += 1
    store, addresses = store_in(before), read_lines(record)
    assert sweeps
    assert len(addresses) == 60
    assert {store.read(address) for address in addresses} == {b"%d" % number for number in range(30)}
    assert store.problems() == []


def test_writers_of_the_same_do_not_hurt_each_other(before: Path) -> None:
    def write() -> None:
        store = store_in(before)
        for number in range(20):
            store.put(b"%d" % number)
            store["shared.x"] = b"%d" % (number % 2) * 9

    writers = [child(write) for _ in range(3)]
    assert all(ended(writer) for writer in writers)
    store = store_in(before)
    assert damaged(store) == []
    assert all(store.read(store.address(b"%d" % number)) for number in range(20))
    assert store["shared.x"] in (b"0" * 9, b"1" * 9)
