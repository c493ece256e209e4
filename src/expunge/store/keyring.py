"""The secrets of one project, outside its folder: who copies the project has not got them.

Each secret is a file of its own that only the user may read, hexadecimal with a checksum; a keyring is made whole or
not at all. The signing key can be rotated, and what it signed before still verifies. A keyring that came from elsewhere
is not *trusted*: code rests in sealed blobs, and none is loaded before the user says so (`Keyring.trust`).

Examples
--------
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     keyring = Keyring.create(Path(folder) / "secrets")
...     keyring == Keyring.load(Path(folder) / "secrets"), keyring.trusted, keyring.run
(True, True, Key(***))
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass, field, replace
from glob import escape
from hmac import compare_digest, digest
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from expunge.errors import SecretError, StoreError
from expunge.protocol import Key
from expunge.store import _texts as texts
from expunge.store._texts import PUBLIC, SECRETS
from expunge.store.data_keys import DataKey, DataKeys
from expunge.store.files import TEMPORARY, in_words, make_folder, read, remove, sync_folder, write_atomically, write_new

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROJECT = re.compile(r"[0-9A-Za-z_-]{1,64}")


def secrets_folder(project: str) -> Path:
    """Where a project's secrets are: under ``EXPUNGE_SECRETS``, else under the user's own data.

    Parameters
    ----------
    project : str
        The project's id, from ``expunge.toml``.
    """
    if not PROJECT.fullmatch(project):
        msg = f"a project's id is up to 64 letters, digits, '-' and '_', e.g. a UUID; got {project!r}"
        raise SecretError(msg)
    chosen = os.environ.get("EXPUNGE_SECRETS")
    if chosen:
        folder = Path(chosen).expanduser()
        if not folder.is_absolute():
            msg = f"EXPUNGE_SECRETS is the whole path of a folder, e.g. ~/secrets; got {chosen!r}"
            raise SecretError(msg)
        return folder / project
    data = Path(os.environ.get("XDG_DATA_HOME") or "")
    if not data.is_absolute():  # the specification says to ignore it then
        data = Path("~/.local/share").expanduser()
    if not data.is_absolute():
        msg = "no home folder is known for the secrets; set EXPUNGE_SECRETS to a folder"
        raise SecretError(msg)
    return data / "expunge" / project


@dataclass(frozen=True, slots=True)
class Restored:
    """What a backup of the secrets put back: names of secrets, number of data keys, and what was left as it is."""

    secrets: tuple[str, ...]
    keys: int
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keyring:
    """The secrets of one project.

    Attributes
    ----------
    folder : Path
        Where they are, 0700.
    run, names, ledger, fence : Key
        What placement and randomness, file names, the ledger's chain and the fence are derived from.
    signing : bytes
        Seed of the Ed25519 key that certificates are signed with.
    public : str
        Its public key, 64 hexadecimal digits.
    """

    folder: Path
    run: Key
    names: Key
    ledger: Key
    fence: Key
    signing: bytes = field(repr=False)
    public: str

    # -- made and found ------------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, folder: Path) -> Keyring:
        """Make all secrets, at random, in a folder that is not there yet, or empty. Whole, or not at all.

        Raises
        ------
        SecretError
            Where there is something already.
        StoreError
            When it cannot be written; nothing is left.
        """
        if cls.exists(folder):
            msg = f"{folder} is there already and not empty; secrets are never written over"
            raise SecretError(msg)
        make_folder(folder.parent, mode=0o700)
        for unfinished in folder.parent.glob(f"{TEMPORARY}{escape(folder.name)}-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        staged = folder.parent / f"{TEMPORARY}{folder.name}-{token_hex(8)}"
        try:
            make_folder(staged / "data", mode=0o700)
            staged.chmod(0o700)
            keyring = _keyring(folder, {name: token_bytes(32) for name in SECRETS})
            _write_all(keyring, staged)
            with in_words(folder, "made"):
                staged.replace(folder)
                sync_folder(folder.parent)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        return keyring

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Whether there are secrets in a folder, whole or not."""
        with in_words(folder, "read"):
            return folder.is_dir() and any(folder.iterdir())

    @classmethod
    def load(cls, folder: Path) -> Keyring:
        """The secrets of a project.

        Raises
        ------
        SecretError
            When they are missing, open to others, truncated or altered.
        """
        if not folder.is_dir():
            msg = f"the secrets of this project are not in {folder}; `expunge keys restore FILE` puts them back"
            raise SecretError(msg)
        _refuse_open(folder, "700")
        found = {name: texts.secret(folder / name, name) for name in SECRETS}
        missing = [name for name, secret in found.items() if secret is None]
        if missing:
            msg = f"{folder} lacks {', '.join(missing)}; `expunge keys restore FILE` puts back what is missing"
            raise SecretError(msg)
        for name in SECRETS:
            _refuse_open(folder / name, "600")
        keyring = _keyring(folder, {name: secret for name, secret in found.items() if secret is not None})
        _publish(keyring)
        return keyring

    # -- places --------------------------------------------------------------------------------------------------------

    @property
    def data_keys(self) -> Path:
        """The folder of the blobs' own keys."""
        return self.folder / "data"

    @property
    def anchor(self) -> Path:
        """The file that says where the ledger ends."""
        return self.folder / "anchor.json"

    @property
    def erased(self) -> Path:
        """The journal of finished erasures."""
        return self.folder / "erased.jsonl"

    # -- trust ---------------------------------------------------------------------------------------------------------

    @property
    def trusted(self) -> bool:
        """Whether this user said, on this machine and of this folder, that what it sealed may be loaded."""
        return compare_digest(read(self.folder / "trusted") or b"", self._trust())

    def trust(self) -> None:
        """Say so."""
        write_atomically(self.folder / "trusted", self._trust(), mode=0o600)

    # -- who signs -----------------------------------------------------------------------------------------------------

    def signers(self) -> tuple[str, ...]:
        """Public keys whose certificates count: our own, those we had before, and those added."""
        own, others = self._signers()
        return tuple(dict.fromkeys((self.public, *own, *others)))

    def add_signer(self, public: str) -> None:
        """Trust the certificates of somebody else."""
        own, others = self._signers()
        _list(self, own, [*others, _public(public)])

    def remove_signer(self, public: str) -> None:
        """Trust certificates signed with a key no longer: somebody else's, or one of our own that was rotated out.

        For an old key that was stolen: what it signed before does not verify here any more either.
        """
        (own, others), gone = self._signers(), _public(public)
        if gone == self.public or gone not in {*own, *others}:
            why = "signs for this project: rotate it first" if gone == self.public else "was not trusted"
            msg = f"only a signer that is trusted, and signs here no more, can be removed; {gone} {why}"
            raise SecretError(msg)
        _list(self, [key for key in own if key != gone], [other for other in others if other != gone])

    def rotate_signing(self) -> Keyring:
        """Sign with a new key from now on; what the old one signed still verifies. Load the keyring again, or use this.

        The new key is on the list before it signs anything, and the old one stays on it.
        """
        (own, others), seed = self._signers(), token_bytes(32)
        rotated = replace(self, signing=seed, public=_public_of(seed))
        _list(self, [*own, self.public, rotated.public], others)
        write_atomically(self.folder / "signing", texts.line("signing", seed), mode=0o600)
        _publish(rotated)
        return rotated

    # -- backup --------------------------------------------------------------------------------------------------------

    def backup(self, file: Path, addresses: Iterable[str]) -> int:
        """Write the long-lived secrets, and the data keys of these blobs, into one file that only the user may read.

        Whoever has it and a copy of the project's folder opens those blobs, later erased ones too: keep it apart from
        backups of the project, and make a new one (and end the old one) after an erasure.

        Returns
        -------
        int
            How many data keys it holds; a blob whose key is gone has none.

        Raises
        ------
        StoreError
            When there is such a file already, or it cannot be written.
        """
        keys, (own, others) = DataKeys(self.data_keys), self._signers()
        found = [(name, keys.sound(name, number)) for name in sorted(set(addresses)) for number in keys.numbers(name)]
        data = {f"{name}-{key.number.hex()}": key.secret.hex() for name, key in found if key is not None}
        write_new(file, texts.archive(texts.Archive(self._secrets(), own, others, data)), mode=0o600)
        return len(data)

    @classmethod
    def restore(cls, folder: Path, file: Path) -> Restored:
        """Put back what is missing or damaged; what is there and sound stays. Nothing is trusted before `trust`.

        The ledger's anchor and the journal of erasures are in no backup and are left alone. A signing key that was
        rotated since stays, and the one of the backup is listed as our own.

        Raises
        ------
        SecretError
            When the file is no whole backup, or belongs to other secrets than those that are there: nothing is changed.
        """
        backed = texts.read_archive(file)
        there = {name: texts.sound(folder / name, name) for name in SECRETS}
        kept = tuple(name for name in SECRETS if there[name] not in (None, backed.secrets[name]))
        if set(kept) - {"signing"}:
            msg = (
                f"{file} is a backup of other secrets: {', '.join(kept)} in {folder} differ, and nothing was put back; "
                "if it is the right one, move that folder away first"
            )
            raise SecretError(msg)
        missing = tuple(name for name in SECRETS if there[name] is None)
        make_folder(folder / "data", mode=0o700)
        folder.chmod(0o700)
        if missing:
            remove(folder / "trusted")
        for name in missing:
            write_atomically(folder / name, texts.line(name, backed.secrets[name]), mode=0o600)
        keyring = cls.load(folder)
        with suppress(SecretError):  # a list that is missing or altered is made anew
            own, others = texts.signers(keyring.folder / "signers", keyring.ledger)
            backed.own.extend(own)
            backed.others.extend(others)
        _list(keyring, [*backed.own, _public_of(backed.secrets["signing"]), keyring.public], backed.others)
        return Restored(missing, _put_keys(DataKeys(keyring.data_keys), backed.data), kept)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _secrets(self) -> dict[str, bytes]:
        return {name: bytes(getattr(self, name)) for name in SECRETS}

    def _trust(self) -> bytes:
        """What only this keyring can say of this folder, user and machine."""
        said = json.dumps(["trusted", str(self.folder.resolve()), os.getuid(), socket.gethostname()])
        return digest(bytes(self.ledger), said.encode(), "sha256").hex().encode() + b"\n"

    def _signers(self) -> tuple[list[str], list[str]]:
        return texts.signers(self.folder / "signers", self.ledger)


def _keyring(folder: Path, secrets: Mapping[str, bytes]) -> Keyring:
    keys = {name: Key(secrets[name]) for name in ("run", "names", "ledger", "fence")}
    return Keyring(folder, **keys, signing=secrets["signing"], public=_public_of(secrets["signing"]))


def _write_all(keyring: Keyring, folder: Path) -> None:
    """Everything a new keyring consists of, in a folder that becomes its own by one renaming."""
    for name, secret in keyring._secrets().items():  # noqa: SLF001  (of this module)
        write_atomically(folder / name, texts.line(name, secret), mode=0o600)
    write_atomically(folder / "signing.pub", f"{keyring.public}\n".encode(), mode=0o600)
    write_atomically(folder / "signers", texts.signers_text([keyring.public], [], keyring.ledger), mode=0o600)
    write_atomically(folder / "trusted", keyring._trust(), mode=0o600)  # noqa: SLF001


def _publish(keyring: Keyring) -> None:
    """Keep the file with the public key true, where it can be written: a rotation may have been killed half-way."""
    path, said = keyring.folder / "signing.pub", f"{keyring.public}\n".encode()
    if read(path) != said:
        with suppress(StoreError):
            write_atomically(path, said, mode=0o600)


def _list(keyring: Keyring, own: Iterable[str], others: Iterable[str]) -> None:
    """Write the list of signers, each once."""
    text = texts.signers_text(list(dict.fromkeys(own)), list(dict.fromkeys(others)), keyring.ledger)
    write_atomically(keyring.folder / "signers", text, mode=0o600)


def _public_of(seed: bytes) -> str:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw().hex()


def _public(text: str) -> str:
    public = text.strip().lower()
    if not PUBLIC.fullmatch(public):
        msg = f"a signer's public key is 64 hexadecimal digits; got {text!r}"
        raise SecretError(msg)
    return public


def _refuse_open(path: Path, mode: str) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        msg = f"{path} is open to other users of this machine; `chmod {mode}` closes it, and consider rotating the keys"
        raise SecretError(msg)


def _put_keys(keys: DataKeys, backed: Mapping[str, str]) -> int:
    """Put back data keys that are missing or damaged; how many."""
    put = 0
    for file, secret in backed.items():
        name, _, number = file.partition("-")
        key = DataKey(bytes.fromhex(number), bytes.fromhex(secret))
        if keys.sound(name, key.number) is None:
            keys.destroy([(name, key.number)])
            keys.put(name, key)
            put += 1
    return put
