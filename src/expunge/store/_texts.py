r"""How secrets, the list of signers and a backup are written down: text with a check; a changed byte is told.

What is read is written again and compared byte for byte: nothing has two spellings.

Examples
--------
>>> line("fence", bytes(32))
b'expunge fence 0000000000000000000000000000000000000000000000000000000000000000 7469a7151f959634\n'
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest, digest
from pathlib import Path
from typing import Any

from expunge.errors import SecretError
from expunge.protocol import Key
from expunge.store.data_keys import FILE
from expunge.store.files import read

ARCHIVE = "expunge/secrets/1"
PUBLIC = re.compile(r"[0-9a-f]{64}")
SECRETS = ("run", "names", "ledger", "fence", "signing")


def line(name: str, secret: bytes) -> bytes:
    """One secret as a line of text that says which it is."""
    said = f"expunge {name} {secret.hex()}"
    return f"{said} {sha256(said.encode()).hexdigest()[:16]}\n".encode()


def secret(path: Path, name: str) -> bytes | None:
    """The secret in a file; None where there is none.

    Raises
    ------
    SecretError
        If it was truncated or altered, or is another one.
    """
    content = read(path)
    if content is None:
        return None
    prefix = f"expunge {name} ".encode()
    held = _bytes(content[len(prefix) : len(prefix) + 64])
    if len(held) != 32 or not compare_digest(content, line(name, held)):
        msg = f"{path} was truncated or altered; `expunge keys restore FILE` puts it back once it is moved away"
        raise SecretError(msg)
    return held


def sound(path: Path, name: str) -> bytes | None:
    """The secret in a file; None where there is none, or none that is whole."""
    try:
        return secret(path, name)
    except SecretError:
        return None


def signers_text(own: list[str], others: list[str], key: Key) -> bytes:
    """The list of public keys whose certificates count, authenticated."""
    said = _canonical({"own": own, "others": others})
    return said + _mac(said, key)


def signers(path: Path, key: Key) -> tuple[list[str], list[str]]:
    """Our own public keys and those added.

    Raises
    ------
    SecretError
        If the list is missing, truncated or altered.
    """
    content = read(path)
    if content is None:
        msg = f"{path}, the list of trusted signers, is missing; `expunge keys restore FILE` puts it back"
        raise SecretError(msg)
    said = content[: content.find(b"\n") + 1]
    if not compare_digest(
        content[len(said) :], digest(bytes(key), b"signers\0" + said, "sha256").hex().encode() + b"\n"
    ):
        msg = f"{path}, the list of trusted signers, was altered; `expunge keys restore FILE` puts it back"
        raise SecretError(msg)
    lists = json.loads(said)
    return lists["own"], lists["others"]


@dataclass(frozen=True, slots=True)
class Archive:
    """What a backup of the secrets holds.

    Attributes
    ----------
    secrets : dict of str to bytes
    own, others : list of str
        Public keys.
    data : dict of str to str
        Hexadecimal data keys, by the name of their file.
    """

    secrets: dict[str, bytes] = field(repr=False)
    own: list[str]
    others: list[str]
    data: dict[str, str] = field(repr=False)


def archive(held: Archive) -> bytes:
    """A backup as JSON with its digest."""
    said = {
        "format": ARCHIVE,
        "secrets": {name: value.hex() for name, value in held.secrets.items()},
        "signers": {"own": held.own, "others": held.others},
        "data": held.data,
    }
    return _canonical(said | {"check": sha256(_canonical(said)).hexdigest()})


def read_archive(path: Path) -> Archive:
    """A whole backup.

    Raises
    ------
    SecretError
        If there is none, or it was truncated or altered, or a later version of expunge wrote it.
    """
    content = read(path)
    if content is None:
        msg = f"there is no backup of secrets at {path}"
        raise SecretError(msg)
    try:
        said: dict[str, Any] = json.loads(content)
        form = said["format"]
        if isinstance(form, str) and form.startswith("expunge/secrets/") and form != ARCHIVE:
            msg = f"{path} is a backup of the form {form!r}; this version of expunge reads {ARCHIVE!r}"
            raise SecretError(msg)
        lists = said["signers"]
        held = {name: bytes.fromhex(said["secrets"][name]) for name in SECRETS}
        found = Archive(held, lists["own"], lists["others"], said["data"])
        lengths = {*map(len, held.values()), *(len(bytes.fromhex(key)) for key in found.data.values())}
        named = all(map(PUBLIC.fullmatch, (*found.own, *found.others))) and all(map(FILE.fullmatch, found.data))
        whole = archive(found) == content and lengths == {32} and named
    except (ValueError, LookupError, TypeError, AttributeError):
        whole = False
    if not whole:
        msg = f"{path} is no whole backup of secrets: truncated, altered, or something else"
        raise SecretError(msg)
    return found


def _mac(said: bytes, key: Key) -> bytes:
    return digest(bytes(key), b"signers\0" + said, "sha256").hex().encode() + b"\n"


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _bytes(digits: bytes) -> bytes:
    try:
        return bytes.fromhex(digits.decode())
    except ValueError:
        return b""
