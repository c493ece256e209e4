"""The store is a mapping like a dict, says what is damaged, and destroys what is not live and nothing that is."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from expunge.errors import DamagedError, StoreError
from expunge.store.directory import Directory, Live, Problem
from expunge.store.keyring import Keyring

TEXTS = st.text(max_size=12) | st.sampled_from(["a.x", "a.y", "a", "a.", ".", "", "../b", "a/b", "\ud800", "\0"])
CONTENTS = st.binary(max_size=64)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.create(tmp_path / "secrets")


@pytest.fixture
def store(tmp_path: Path, keyring: Keyring) -> Directory:
    return Directory(tmp_path / "project" / "store", keyring)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def blob(store: Directory, name: str) -> Path:
    return store.folder / name[:2] / name


# -- a mapping like a dict ---------------------------------------------------------------------------------------------


class LikeADict(RuleBasedStateMachine):
    """Whatever is done to a store and to a dict, they stay equal."""

    @initialize()
    def begin(self) -> None:
        self.place = Path(mkdtemp())
        self.keyring = Keyring.create(self.place / "secrets")
        self.store, self.dict = Directory(self.place / "store", self.keyring), dict[str, bytes]()
        self.put: dict[str, bytes] = {}

    @rule(key=TEXTS, content=CONTENTS)
    def assign(self, key: str, content: bytes) -> None:
        self.store[key] = self.dict[key] = content

    @rule(key=TEXTS, default=st.none() | CONTENTS)
    def get(self, key: str, default: bytes | None) -> None:
        assert self.store.get(key, default) == self.dict.get(key, default)
        assert (key in self.store) == (key in self.dict)

    @rule(key=TEXTS)
    def delete(self, key: str) -> None:
        if key in self.dict:
            del self.store[key], self.dict[key]
        else:
            with pytest.raises(KeyError):
                del self.store[key]

    @rule(key=TEXTS)
    def pop(self, key: str) -> None:
        assert self.store.pop(key, b"default") == self.dict.pop(key, b"default")

    @rule(more=st.dictionaries(TEXTS, CONTENTS, max_size=3))
    def update(self, more: dict[str, bytes]) -> None:
        self.store.update(more)
        self.dict.update(more)

    @rule(content=CONTENTS)
    def bring(self, content: bytes) -> None:
        self.put[self.store.put(content)] = content

    @rule()
    def rekey(self) -> None:
        assert self.store.rekey() == len(self.dict) + len(self.put)

    @rule(links=st.sets(TEXTS.map(lambda text: text.partition(".")[0]), max_size=3), data=st.data())
    def sweep(self, links: set[str], data: st.DataObject) -> None:
        some = data.draw(st.sets(st.sampled_from(sorted(self.put)))) if self.put else set()
        before = set(self.store.names())
        swept = self.store.sweep(lambda: Live(frozenset(some), frozenset(links)))
        self.put = {address: self.put[address] for address in some}
        self.dict = {key: content for key, content in self.dict.items() if key.partition(".")[0] in links}
        assert set(swept.destroyed) == before - set(self.store.names())

    @rule()
    def reopen(self) -> None:
        self.store = Directory(self.place / "store", Keyring.load(self.place / "secrets"))

    @invariant()
    def same(self) -> None:
        assert self.store == self.dict
        assert len(self.store) == len(self.dict)
        assert all(self.store.read(address) == content for address, content in self.put.items())

    @invariant()
    def sound(self) -> None:
        assert self.store.problems() == []
        assert len(list(self.store.names())) == len(self.dict) + len(self.put)

    def teardown(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)


TestLikeADict = LikeADict.TestCase
TestLikeADict.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)


@pytest.mark.parametrize("key", [7, None, b"bytes", ("a",)])
def test_what_is_no_text_is_not_there(store: Directory, key: Any) -> None:
    assert key not in store
    assert store.get(key) is None
    with pytest.raises(KeyError):
        store[key] = b""


# -- addresses and names -----------------------------------------------------------------------------------------------


@given(st.lists(CONTENTS, max_size=4))
@settings(deadline=None, max_examples=15)
def test_an_address_is_of_the_content_and_the_keyring(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]
) -> None:
    place = tmp_path_factory.mktemp("a")
    keyring = Keyring.create(place / "secrets")
    one, same = Directory(place / "one", keyring), Directory(place / "same", keyring)
    other = Directory(place / "other", Keyring.create(place / "others"))
    for content in contents:
        address = one.put(content)
        assert address == one.address(content) == same.put(content)
        assert address != other.put(content)
        assert one.read(address) == one.plaintext(address) == content
    assert len(list(one.names())) == len(set(contents))


def test_nothing_of_content_link_or_environment_shows(store: Directory, tmp_path: Path) -> None:
    for word in (b"a secret content" * 9, b"alice"):
        store.put(word)
    store["link-of-alice.environment"] = b"a secret content" * 9
    for name, content in tree(tmp_path).items():
        for said in (b"alice", b"link", b"secret content", b"environment"):
            assert said not in name.encode()
            assert said not in content


def test_what_is_there_and_opens_is_not_written_again(store: Directory, tmp_path: Path) -> None:
    address, store["a.x"] = store.put(b"content"), b"state"
    before = tree(tmp_path)
    assert store.put(b"content") == address
    store["a.x"] = b"state"
    assert tree(tmp_path) == before


def test_what_does_not_open_is_written_again(store: Directory) -> None:
    address, store["a.x"] = store.put(b"content"), b"state"
    for name in store.names():
        blob(store, name).write_bytes(b"torn")
    store.put(b"content")
    store["a.x"] = b"state"
    assert store.read(address) == b"content"
    assert store["a.x"] == b"state"
    store.sweep(lambda: Live(frozenset({address}), frozenset("a")))
    assert store.problems() == []


def test_checkpoints_of_a_link_are_found_by_it(store: Directory) -> None:
    for derivation in ("a.x", "a.y", "a", "ab.x", "b.a"):
        store[derivation] = b"state"
    address = store.put(b"state")
    assert len(store.names_of(["a"])) == 3
    assert set(store.names_of(["a", "ab", "b", "c"])) == set(store.names()) - {address}
    assert store.names_of([]) == ()


# -- damage ------------------------------------------------------------------------------------------------------------


def test_every_changed_byte_of_a_blob_or_its_key_is_told_and_put_right_by_the_method(
    store: Directory, keyring: Keyring
) -> None:
    address = store.put(b"content")
    for path in (blob(store, address), next(keyring.data_keys.glob("*/*"))):
        content = path.read_bytes()
        for place in range(len(content)):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            assert not store.opens(address)
            assert [problem.name for problem in store.problems()][-1] == address
        path.write_bytes(content)
        assert store.problems() == []


def test_each_kind_of_damage_is_named(store: Directory, keyring: Keyring, tmp_path: Path) -> None:
    names = [store.put(bytes([k]) * 9) for k in range(5)]
    truncated, altered, foreign, shredded, gone = names
    path = blob(store, truncated)
    path.write_bytes(path.read_bytes()[:-1])
    path = blob(store, altered)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    blob(store, foreign).write_bytes(b"PK\3\4 a zip")
    next(keyring.data_keys.glob(f"*/{shredded}-*")).unlink()
    blob(store, gone).unlink()
    (store.folder / "ab").mkdir(exist_ok=True)
    (store.folder / "ab" / "notes.txt").touch()
    (keyring.data_keys / "notes.txt").touch()
    found = {problem.name: problem.what.partition(":")[0] for problem in store.problems()}
    assert found == {
        truncated: "truncated",
        altered: "altered",
        foreign: "foreign",
        shredded: "its data key is not here",
        gone: "orphan",
        "ab/notes.txt": "stray",
        "notes.txt": "stray",
    }
    for name in names:
        with pytest.raises(DamagedError, match=f"blob {name} does not open: "):
            store.read(name)


def test_blobs_of_another_project_do_not_open(store: Directory, tmp_path: Path) -> None:
    address = store.put(b"content")
    other = Directory(store.folder, Keyring.create(tmp_path / "others"))
    assert other.problems() == [
        Problem(address, "its data key is not here: destroyed, or the blob was sealed by another project")
    ]


def test_blobs_that_changed_places_do_not_open(store: Directory, keyring: Keyring) -> None:
    store["a.x"], store["b.x"] = b"one", b"two"
    one, two = (blob(store, name) for name in store.names())
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    keys = sorted(keyring.data_keys.glob("*/*"))
    for key, other in (keys, reversed(keys)):  # the keys go with them, under the names that the blobs ask for
        number = other.name.partition("-")[2]
        key.with_name(f"{key.name.partition('-')[0]}-{number}").write_bytes(other.read_bytes())
    assert [problem.what.partition(":")[0] for problem in store.problems()] == ["altered", "altered"]
    assert store.get("a.x") is None
    assert store.get("b.x") is None


def test_a_damaged_checkpoint_is_as_one_that_is_not_there_and_is_noted(store: Directory) -> None:
    store["a.x"], store["b.x"] = b"one", b"two"
    (name,) = store.names_of(["a"])
    blob(store, name).write_bytes(b"torn")
    assert store.damaged == []
    assert store.get("a.x") is None
    assert "a.x" not in store
    with pytest.raises(DamagedError, match=f"{name} does not open"):
        store["a.x"]
    assert store.damaged == [name]
    assert store.get("c.x") is None
    with pytest.raises(KeyError, match=r"c\.x"):
        store["c.x"]
    assert store.damaged == [name], "one that was never there is not damaged"
    assert list(store) == ["b.x"]
    del store["a.x"]
    assert list(store.names()) == list(store.names_of(["b"]))


def test_a_blob_that_is_not_there_is_a_sentence(store: Directory) -> None:
    assert not store.opens("ab" * 32)
    assert not store.opens("../secrets/run")
    with pytest.raises(DamagedError, match="does not open: missing: there is no such file"):
        store.read("ab" * 32)


# -- who writes, who sweeps --------------------------------------------------------------------------------------------


def test_a_sweep_inside_writing_would_wait_for_itself_and_is_refused(store: Directory) -> None:
    for alone in (lambda: store.sweep(Live), store.rekey, store.problems):
        with store.writing(), store.writing(), pytest.raises(StoreError, match="sweep after `writing`, not inside it"):
            alone()
    with store.writing():
        address = store.put(b"content")
    assert store.sweep(Live).destroyed == (address,)


def test_whoever_says_what_is_live_reads_and_does_not_write(store: Directory) -> None:
    def writing() -> Live:
        assert store.read(address) == b"content"
        store.put(b"more")
        return Live()

    def sweeping() -> Live:
        store.sweep(Live)
        return Live()

    address = store.put(b"content")
    for live in (writing, sweeping):
        with pytest.raises(StoreError, match=r"is being swept|not inside it"):
            store.sweep(live)
    assert store.put(b"content") == address
    assert store.opens(address)


def test_writing_ends_with_an_error_too(store: Directory) -> None:
    with pytest.raises(ZeroDivisionError), store.writing(), store.writing():
        raise ZeroDivisionError
    assert store.sweep(Live).destroyed == ()


def test_when_nobody_knows_what_is_live_nothing_is_destroyed(store: Directory) -> None:
    def unknown() -> Live:
        msg = "the ledger is broken"
        raise StoreError(msg)

    address = store.put(b"content")
    with pytest.raises(StoreError, match="the ledger is broken"):
        store.sweep(unknown)
    assert store.read(address) == b"content"


def test_what_a_sweep_will_destroy_can_be_asked_first(store: Directory) -> None:
    address, store["a.x"], store["b.x"] = store.put(b"content"), b"one", b"two"
    live = Live(links=frozenset("a"))
    told = store.superseded(live)
    assert set(told) == {address, *store.names_of(["b"])}
    assert store.sweep(lambda: live).destroyed == told


# -- rotation ----------------------------------------------------------------------------------------------------------


def test_after_rekey_everything_opens_under_other_keys_and_old_copies_do_not(
    store: Directory, keyring: Keyring, tmp_path: Path
) -> None:
    address, store["a.x"] = store.put(b"content"), b"state"
    bad = store.put(b"damaged")
    blob(store, bad).write_bytes(b"torn")
    shutil.copytree(store.folder, tmp_path / "backup")
    keys = {path.name for path in keyring.data_keys.glob("*/*") if not path.name.startswith(bad)}
    ticks: list[tuple[str, int, int]] = []
    assert store.rekey(lambda *tick: ticks.append(tick)) == 2
    assert ticks[-1] == ("blobs", 3, 3)
    assert store.read(address) == b"content"
    assert store["a.x"] == b"state"
    assert not keys & {path.name for path in keyring.data_keys.glob("*/*")}
    old = Directory(tmp_path / "backup", keyring)
    assert not any(old.opens(name) for name in old.names())
    assert [problem.name for problem in store.problems()] == [bad]


# -- disks -------------------------------------------------------------------------------------------------------------


def test_a_real_limit_on_files_leaves_the_store_as_it_was(store: Directory, tmp_path: Path) -> None:
    store["a.x"] = b"old"
    before, limits = tree(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        for write in (lambda: store.put(bytes(5000)), lambda: store.update({"a.x": bytes(5000)})):
            with pytest.raises(StoreError, match="could not be written: the file would be larger"):
                write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert tree(tmp_path) == before


def test_a_folder_that_cannot_be_written_can_still_be_read(store: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    address, store["a.x"], real = store.put(b"content"), b"state", os.open

    def refused(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & os.O_CREAT and Path(path).name != "lock":
            raise OSError(30, "read-only")
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(StoreError, match="the file system is read-only"):
        store.put(b"another")
    assert store.read(address) == b"content"
    assert dict(store) == {"a.x": b"state"}
    assert store.problems() == []


def test_a_store_that_was_never_written_is_empty(store: Directory) -> None:
    assert list(store.names()) == list(store) == []
    assert not store.folder.exists()
    assert str(store.folder) in repr(store)
    assert store.problems() == []
