"""The data keys: one file for each sealed blob, outside the project. Destroying the key destroys the blob.

A blob's copies may be anywhere: in a backup, in a snapshot of the file system, on a block that a disk has put aside.
None of them opens without its key, and the key is one small file that no backup of the project holds. So a key file is
never changed: it is made, fresh and random, before the blob that names it, and removed before that blob is.

A key is known by the blob's file name and by eight random bytes that stand in the blob. So a blob that is sealed anew
has another key file, and whoever is killed in between leaves a blob and the key that opens it, old or new.

Examples
--------
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     keys = DataKeys(Path(folder))
...     key = keys.fresh("ab" * 32)
...     keys.get("ab" * 32, key.number) == key
True
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING

from expunge.store.files import make_folder, read, remove, walked, write_new

if TYPE_CHECKING:
    from collections.abc import Iterable

BLOB = r"[0-9a-f]{64}(?:\.[0-9a-f]{16})?"
NAME = re.compile(BLOB)
FILE = re.compile(rf"({BLOB})-([0-9a-f]{{16}})")
SECRET, NUMBER, CHECK = 32, 8, 16  # bytes


@dataclass(frozen=True, slots=True)
class DataKey:
    """One key of AES-256, and the number by which its blob knows it."""

    number: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DataKeys:
    """The folder of all data keys: ``<2 digits>/<blob file name>-<number>``, 0600 under 0700."""

    folder: Path

    def fresh(self, name: str) -> DataKey:
        """A new random key, at rest before it is used."""
        key = DataKey(token_bytes(NUMBER), token_bytes(SECRET))
        self.put(name, key)
        return key

    def put(self, name: str, key: DataKey) -> None:
        """Bring a key to rest; only a backup brings one that is not new."""
        path = self._path(name, key.number)
        make_folder(path.parent, mode=0o700)
        write_new(path, key.secret + _check(path.name, key.secret), mode=0o600)

    def get(self, name: str, number: bytes) -> DataKey | None:
        """A key at rest, None where there is none.

        Raises
        ------
        ValueError
            When the file is there and was truncated or altered.
        """
        path = self._path(name, number)
        content = read(path)
        if content is None:
            return None
        secret = content[:SECRET]
        if not compare_digest(content, secret + _check(path.name, secret)):
            msg = "its data key was truncated or altered"
            raise ValueError(msg)
        return DataKey(number, secret)

    def numbers(self, name: str) -> list[bytes]:
        """The numbers of all keys of one blob: one, unless somebody was killed on the way to another."""
        found = sorted((self.folder / name[:2]).glob(f"{name}-*")) if NAME.fullmatch(name) else []
        return [number for path in found for _, number in _parsed(path)]

    def sound(self, name: str, number: bytes) -> DataKey | None:
        """A key at rest; None where there is none, or none that is whole."""
        try:
            return self.get(name, number)
        except ValueError:
            return None

    def held(self) -> dict[str, list[bytes]]:
        """The numbers of all keys at rest, by the name of their blob."""
        held: dict[str, list[bytes]] = {}
        for path in walked(self.folder):
            for name, number in _parsed(path):
                held.setdefault(name, []).append(number)
        return held

    def strays(self) -> list[str]:
        """Names of files that are no key: foreign ones, and those in another key's folder."""
        return [path.name for path in walked(self.folder) if not _parsed(path)]

    def destroy(self, keys: Iterable[tuple[str, bytes]]) -> None:
        """Remove keys, durably: what they sealed opens nowhere any more. Those that are not there are fine."""
        remove(*(self._path(name, number) for name, number in keys))

    def _path(self, name: str, number: bytes) -> Path:
        return self.folder / name[:2] / f"{name}-{number.hex()}"


def _parsed(path: Path) -> list[tuple[str, bytes]]:
    """The blob's name and the key's number that a file name says, or nothing."""
    match = FILE.fullmatch(path.name)
    fits = match is not None and path.parent.name == path.name[:2]
    return [(match[1], bytes.fromhex(match[2]))] if match and fits else []


def _check(file: str, secret: bytes) -> bytes:
    """What a key file ends with: it finds accidents, and a key under another key's name."""
    return sha256(b"expunge data key\0" + file.encode() + secret).digest()[:CHECK]
