"""Keyrings: made whole or not at all, closed to others, not trusted elsewhere, put back from a backup."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from expunge.errors import SecretError, StoreError
from expunge.store._texts import SECRETS
from expunge.store.data_keys import DataKeys
from expunge.store.keyring import Keyring, secrets_folder

NAME, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.create(tmp_path / "secrets")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- where -------------------------------------------------------------------------------------------------------------


def test_the_folder_is_the_users_choice_then_the_systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for unset in (None, ""):
        if unset is None:
            monkeypatch.delenv("EXPUNGE_SECRETS", raising=False)
        else:
            monkeypatch.setenv("EXPUNGE_SECRETS", unset)
        assert secrets_folder("a1") == tmp_path / ".local" / "share" / "expunge" / "a1"
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    assert secrets_folder("a1") == tmp_path / ".local" / "share" / "expunge" / "a1"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert secrets_folder("a1") == tmp_path / "data" / "expunge" / "a1"
    monkeypatch.setenv("EXPUNGE_SECRETS", "~/kept")
    assert secrets_folder("a1") == tmp_path / "kept" / "a1"


@pytest.mark.parametrize("project", ["", "../other", "a/b", "a b", "x" * 65, "."])
def test_an_id_that_is_no_name_of_a_folder_is_refused(project: str) -> None:
    with pytest.raises(SecretError, match="a project's id is up to 64 letters"):
        secrets_folder(project)


def test_a_relative_choice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPUNGE_SECRETS", "here")
    with pytest.raises(SecretError, match="EXPUNGE_SECRETS is the whole path of a folder"):
        secrets_folder("a1")


# -- made and found ----------------------------------------------------------------------------------------------------


def test_what_is_made_is_found(keyring: Keyring) -> None:
    assert Keyring.load(keyring.folder) == keyring
    assert len({bytes(getattr(keyring, name)) for name in SECRETS}) == len(SECRETS)
    public = Ed25519PrivateKey.from_private_bytes(keyring.signing).public_key().public_bytes_raw().hex()
    assert keyring.public == public == (keyring.folder / "signing.pub").read_text(encoding="utf-8").strip()
    assert keyring.signers() == (public,)


def test_no_secret_prints_and_none_is_open_to_others(keyring: Keyring) -> None:
    assert all(bytes(getattr(keyring, name)).hex() not in repr(keyring) for name in SECRETS)
    assert repr(keyring).count("Key(***)") == 4
    assert "signing" not in repr(keyring)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in keyring.folder.iterdir() if path.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE(keyring.folder.stat().st_mode) == stat.S_IMODE(keyring.data_keys.stat().st_mode) == 0o700


def test_two_keyrings_share_nothing(tmp_path: Path) -> None:
    one, two = Keyring.create(tmp_path / "one"), Keyring.create(tmp_path / "two")
    assert all(getattr(one, name) != getattr(two, name) for name in SECRETS)


def test_secrets_are_never_written_over(keyring: Keyring) -> None:
    before = tree(keyring.folder)
    with pytest.raises(SecretError, match="is there already and not empty"):
        Keyring.create(keyring.folder)
    assert tree(keyring.folder) == before


def test_an_empty_folder_is_taken_and_left_closed(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o755)
    assert not Keyring.exists(tmp_path / "secrets")
    assert Keyring.create(tmp_path / "secrets").trusted
    assert Keyring.exists(tmp_path / "secrets")
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


@pytest.mark.parametrize("call", ["mkdir", "write", "fsync", "replace"])
def test_a_keyring_that_cannot_be_written_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, refused)
        with pytest.raises(StoreError, match="the disk is full"):
            Keyring.create(tmp_path / "secrets")
    assert list(tmp_path.iterdir()) == []
    Keyring.create(tmp_path / "secrets")


def test_a_missing_keyring_says_what_to_do(tmp_path: Path) -> None:
    assert not Keyring.exists(tmp_path / "none")
    with pytest.raises(SecretError, match=r"not in .*none; `expunge keys restore FILE` puts them back"):
        Keyring.load(tmp_path / "none")


@pytest.mark.parametrize("name", SECRETS)
def test_one_that_is_missing_open_or_altered_is_named(keyring: Keyring, name: str) -> None:
    path = keyring.folder / name
    path.chmod(0o640)
    with pytest.raises(SecretError, match=f"{name} is open to other users of this machine; `chmod 600` closes it"):
        Keyring.load(keyring.folder)
    path.chmod(0o600)
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    with pytest.raises(SecretError, match=f"{name} was truncated or altered"):
        Keyring.load(keyring.folder)
    path.unlink()
    with pytest.raises(SecretError, match=f"lacks {name}; `expunge keys restore FILE`"):
        Keyring.load(keyring.folder)
    assert Keyring.exists(keyring.folder)


def test_secrets_under_each_others_names_are_refused(keyring: Keyring) -> None:
    shutil.copy(keyring.folder / "run", keyring.folder / "fence")
    with pytest.raises(SecretError, match="fence was truncated or altered"):
        Keyring.load(keyring.folder)


def test_an_open_folder_is_refused(keyring: Keyring) -> None:
    keyring.folder.chmod(0o755)
    with pytest.raises(SecretError, match="`chmod 700` closes it"):
        Keyring.load(keyring.folder)


# -- trust -------------------------------------------------------------------------------------------------------------


def test_a_keyring_that_was_copied_is_not_trusted_before_somebody_says_so(keyring: Keyring, tmp_path: Path) -> None:
    assert keyring.trusted
    shutil.copytree(keyring.folder, tmp_path / "copy")
    copied = Keyring.load(tmp_path / "copy")
    assert not copied.trusted
    copied.trust()
    assert copied.trusted
    assert Keyring.load(tmp_path / "copy").trusted
    assert keyring.trusted


def test_another_machine_or_user_is_not_trusted(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(socket, "gethostname", lambda: "elsewhere")
        assert not keyring.trusted
    with monkeypatch.context() as patched:
        patched.setattr(os, "getuid", lambda: 4242)
        assert not keyring.trusted
    assert keyring.trusted


@pytest.mark.parametrize("content", [None, b"", b"yes\n"])
def test_trust_cannot_be_written_by_hand(keyring: Keyring, content: bytes | None) -> None:
    path = keyring.folder / "trusted"
    path.unlink() if content is None else path.write_bytes(content)
    assert not keyring.trusted


# -- who signs ---------------------------------------------------------------------------------------------------------


def test_a_rotated_key_still_verifies(keyring: Keyring) -> None:
    rotated = keyring.rotate_signing()
    again = rotated.rotate_signing()
    assert Keyring.load(keyring.folder) == again
    assert again.signers() == (again.public, keyring.public, rotated.public)
    assert len({keyring.signing, rotated.signing, again.signing}) == 3
    assert (again.run, again.names, again.ledger, again.fence) == (
        keyring.run,
        keyring.names,
        keyring.ledger,
        keyring.fence,
    )
    assert again.trusted
    assert (keyring.folder / "signing.pub").read_text(encoding="utf-8") == f"{again.public}\n"


def test_a_public_key_that_is_not_the_secrets_is_put_right(keyring: Keyring) -> None:
    (keyring.folder / "signing.pub").write_text("00", encoding="utf-8")
    Keyring.load(keyring.folder)
    assert (keyring.folder / "signing.pub").read_text(encoding="utf-8") == f"{keyring.public}\n"


def test_others_can_be_trusted_and_no_longer(keyring: Keyring) -> None:
    keyring.add_signer("AB" * 32 + "\n")
    keyring.add_signer("ab" * 32)
    assert keyring.signers() == (keyring.public, "ab" * 32)
    rotated = keyring.rotate_signing()
    assert rotated.signers() == (rotated.public, keyring.public, "ab" * 32)
    rotated.remove_signer("ab" * 32)
    assert rotated.signers() == (rotated.public, keyring.public)
    with pytest.raises(SecretError, match="was not trusted"):
        rotated.remove_signer("ab" * 32)
    with pytest.raises(SecretError, match="rotate it first"):
        rotated.remove_signer(rotated.public)
    rotated.remove_signer(keyring.public)  # it was stolen, say
    assert rotated.signers() == (rotated.public,)


@pytest.mark.parametrize("text", ["", "ab", "zz" * 32, "ab" * 33])
def test_what_is_no_public_key_is_refused(keyring: Keyring, text: str) -> None:
    with pytest.raises(SecretError, match="64 hexadecimal digits; got"):
        keyring.add_signer(text)


# -- backup ------------------------------------------------------------------------------------------------------------


def test_a_backup_brings_everything_back_but_trust(keyring: Keyring, tmp_path: Path) -> None:
    keys, file = DataKeys(keyring.data_keys), tmp_path / "backup.json"
    one, other = keys.fresh(NAME), keys.fresh(OTHER)
    keyring.add_signer("ab" * 32)
    assert keyring.backup(file, [NAME, NAME, "ef" * 32, "../x"]) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert other.secret.hex() not in file.read_text(encoding="utf-8")
    shutil.rmtree(keyring.folder)
    done = Keyring.restore(keyring.folder, file)
    assert (done.secrets, done.keys, done.kept) == (SECRETS, 1, ())
    back = Keyring.load(keyring.folder)
    assert back == keyring
    assert back.signers() == (keyring.public, "ab" * 32)
    assert DataKeys(back.data_keys).get(NAME, one.number) == one
    assert not back.trusted
    assert stat.S_IMODE(keyring.folder.stat().st_mode) == 0o700
    again = Keyring.restore(keyring.folder, file)
    assert (again.secrets, again.keys, again.kept) == ((), 0, ())


def test_a_backup_is_not_written_over(keyring: Keyring, tmp_path: Path) -> None:
    (tmp_path / "backup.json").write_text("mine", encoding="utf-8")
    with pytest.raises(StoreError, match="file exists"):
        keyring.backup(tmp_path / "backup.json", [])
    assert (tmp_path / "backup.json").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", SECRETS)
def test_what_is_missing_or_damaged_is_put_back_and_trust_is_asked_for_again(
    keyring: Keyring, tmp_path: Path, name: str
) -> None:
    keyring.backup(tmp_path / "backup", [])
    for torn in (None, b"torn"):
        (keyring.folder / name).unlink() if torn is None else (keyring.folder / name).write_bytes(torn)
        done = Keyring.restore(keyring.folder, tmp_path / "backup")
        assert done.secrets == (name,)
        back = Keyring.load(keyring.folder)
        assert back == keyring
        assert not back.trusted
        back.trust()


def test_a_damaged_data_key_and_a_damaged_list_of_signers_are_put_back(keyring: Keyring, tmp_path: Path) -> None:
    keys = DataKeys(keyring.data_keys)
    key = keys.fresh(NAME)
    keyring.backup(tmp_path / "backup", [NAME])
    next((keyring.data_keys / "ab").iterdir()).write_bytes(b"torn")
    (keyring.folder / "signers").write_bytes(b"torn")
    assert Keyring.restore(keyring.folder, tmp_path / "backup").keys == 1
    assert keys.get(NAME, key.number) == key
    assert keyring.signers() == (keyring.public,)
    assert keyring.trusted, "no secret was put back"


def test_a_backup_of_other_secrets_changes_nothing(keyring: Keyring, tmp_path: Path) -> None:
    Keyring.create(tmp_path / "other").backup(tmp_path / "backup", [])
    (keyring.folder / "fence").unlink()
    before = tree(keyring.folder)
    with pytest.raises(SecretError, match=r"a backup of other secrets: run, names, ledger, signing in .* differ"):
        Keyring.restore(keyring.folder, tmp_path / "backup")
    assert tree(keyring.folder) == before


def test_a_signing_key_that_was_rotated_since_stays_and_both_verify(keyring: Keyring, tmp_path: Path) -> None:
    keyring.backup(tmp_path / "backup", [])
    rotated = keyring.rotate_signing()
    (keyring.folder / "signers").unlink()
    assert Keyring.restore(keyring.folder, tmp_path / "backup").kept == ("signing",)
    assert Keyring.load(keyring.folder) == rotated
    assert set(rotated.signers()) == {rotated.public, keyring.public}


def test_the_anchor_and_the_erasures_are_in_no_backup(keyring: Keyring, tmp_path: Path) -> None:
    keyring.anchor.write_text("anchor", encoding="utf-8")
    keyring.erased.write_text("erased", encoding="utf-8")
    keyring.backup(tmp_path / "backup", [])
    keyring.anchor.write_text("later", encoding="utf-8")
    keyring.erased.unlink()
    (keyring.folder / "run").unlink()
    Keyring.restore(keyring.folder, tmp_path / "backup")
    assert keyring.anchor.read_text(encoding="utf-8") == "later"
    assert not keyring.erased.exists()
