"""Data keys: one fresh file for each blob, told when it is changed, gone when it is destroyed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from expunge.errors import StoreError
from expunge.store.data_keys import DataKey, DataKeys

NAME, CHECKPOINT = "ab" * 32, "ab" * 32 + "." + "0123456789abcdef"


@pytest.fixture
def keys(tmp_path: Path) -> DataKeys:
    return DataKeys(tmp_path / "data")


@pytest.mark.parametrize("name", [NAME, CHECKPOINT])
def test_a_key_comes_back(keys: DataKeys, name: str) -> None:
    key = keys.fresh(name)
    assert keys.get(name, key.number) == keys.sound(name, key.number) == key
    assert keys.numbers(name) == [key.number]
    assert keys.held() == {name: [key.number]}
    assert keys.strays() == []


def test_keys_are_fresh_secret_and_closed(keys: DataKeys) -> None:
    made = [keys.fresh(NAME) for _ in range(20)]
    assert len({key.secret for key in made}) == len({key.number for key in made}) == 20
    assert all(len(key.secret) == 32 for key in made)
    assert "secret" not in repr(made[0])
    files = list((keys.folder / "ab").iterdir())
    assert len(files) == 20
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (keys.folder, keys.folder / "ab")} == {0o700}


def test_a_name_and_a_longer_one_are_told_apart(keys: DataKeys) -> None:
    one, other = keys.fresh(NAME), keys.fresh(CHECKPOINT)
    assert keys.numbers(NAME) == [one.number]
    assert keys.numbers(CHECKPOINT) == [other.number]
    keys.destroy([(NAME, one.number)])
    assert keys.held() == {CHECKPOINT: [other.number]}


def test_what_is_destroyed_is_gone_and_may_be_destroyed_again(keys: DataKeys) -> None:
    key = keys.fresh(NAME)
    keys.destroy([(NAME, key.number), (CHECKPOINT, key.number)])
    keys.destroy([(NAME, key.number)])
    assert keys.get(NAME, key.number) is None
    assert keys.numbers(NAME) == []
    assert keys.held() == {}


def test_every_changed_byte_of_a_key_is_told(keys: DataKeys) -> None:
    key = keys.fresh(NAME)
    path = next((keys.folder / "ab").iterdir())
    content = path.read_bytes()
    assert len(content) == 48
    changed = [content[:k] + bytes([content[k] ^ bit]) + content[k + 1 :] for k in range(48) for bit in (1, 128)]
    for damaged in (*changed, content[:-1], content[:32], b"", content + b"\0"):
        path.write_bytes(damaged)
        assert keys.sound(NAME, key.number) is None
        with pytest.raises(ValueError, match="truncated or altered"):
            keys.get(NAME, key.number)


def test_a_key_under_another_name_is_told(keys: DataKeys) -> None:
    key = keys.fresh(NAME)
    path = next((keys.folder / "ab").iterdir())
    path.rename(path.with_name(f"{CHECKPOINT}-{key.number.hex()}"))
    with pytest.raises(ValueError, match="altered"):
        keys.get(CHECKPOINT, key.number)


def test_a_key_is_never_written_over(keys: DataKeys) -> None:
    key = keys.fresh(NAME)
    with pytest.raises(StoreError, match="file exists"):
        keys.put(NAME, DataKey(key.number, bytes(32)))
    assert keys.get(NAME, key.number) == key


def test_foreign_files_are_strays(keys: DataKeys) -> None:
    key = keys.fresh(NAME)
    (keys.folder / "notes").touch()
    (keys.folder / "ab" / f"{NAME}-short").touch()
    (keys.folder / "cd").mkdir()
    (keys.folder / "cd" / f"{NAME}-{key.number.hex()}").touch()
    assert keys.strays() == [f"{NAME}-short", f"{NAME}-{key.number.hex()}", "notes"]
    assert keys.held() == {NAME: [key.number]}
    assert keys.numbers("*") == keys.numbers("../" + NAME) == []
