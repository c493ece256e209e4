"""Secrets, lists of signers and backups as text: what is written is read, and a changed byte is told."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from expunge.errors import SecretError
from expunge.protocol import Key
from expunge.store._texts import Archive, archive, line, read_archive, secret, signers, signers_text, sound

VALUE, KEY = bytes(range(32)), Key(b"a key for tests")
HELD = Archive(
    {name: bytes([k]) * 32 for k, name in enumerate(("run", "names", "ledger", "fence", "signing"))},
    ["aa" * 32],
    ["bb" * 32],
    {"ab" * 32 + "-" + "01" * 8: "cc" * 32},
)


def changes(content: bytes) -> list[bytes]:
    """A file with each byte changed, each truncation, and something after it."""
    flipped = [
        content[:k] + bytes([content[k] ^ bit]) + content[k + 1 :] for k in range(len(content)) for bit in (1, 32)
    ]
    return [*flipped, *(content[:k] for k in range(len(content))), content + b"\n", content + b"x"]


def test_a_secret_comes_back_and_every_change_is_told(tmp_path: Path) -> None:
    path = tmp_path / "run"
    assert secret(path, "run") is None
    path.write_bytes(line("run", VALUE))
    assert secret(path, "run") == sound(path, "run") == VALUE
    assert sound(path, "fence") is None
    for changed in changes(line("run", VALUE)):
        path.write_bytes(changed)
        with pytest.raises(SecretError, match=r"run was truncated or altered; `expunge keys restore FILE`"):
            secret(path, "run")


def test_a_list_of_signers_comes_back_and_every_change_is_told(tmp_path: Path) -> None:
    path = tmp_path / "signers"
    with pytest.raises(SecretError, match="is missing"):
        signers(path, KEY)
    content = signers_text(["aa"], ["bb", "cc"], KEY)
    path.write_bytes(content)
    assert signers(path, KEY) == (["aa"], ["bb", "cc"])
    with pytest.raises(SecretError, match="altered"):
        signers(path, Key(b"another"))
    for changed in changes(content):
        path.write_bytes(changed)
        with pytest.raises(SecretError, match="altered"):
            signers(path, KEY)


def test_a_backup_comes_back_and_every_change_is_told(tmp_path: Path) -> None:
    path = tmp_path / "backup.json"
    with pytest.raises(SecretError, match="there is no backup"):
        read_archive(path)
    path.write_bytes(archive(HELD))
    assert read_archive(path) == HELD
    assert json.loads(path.read_bytes())["format"] == "expunge/secrets/1"
    for changed in changes(archive(HELD)):
        path.write_bytes(changed)
        with pytest.raises(SecretError):
            read_archive(path)


def forged(**parts: Any) -> bytes:
    """A backup with some parts changed by somebody who can count a digest."""
    said = {name: part for name, part in json.loads(archive(HELD)).items() if name != "check"} | parts
    text = json.dumps(said, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    said["check"] = sha256(text).hexdigest()
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize(
    "parts",
    [
        {"data": {"../../escape": "cc" * 32}},
        {"data": {"ab" * 32 + "-" + "01" * 8: "no digits"}},
        {"data": {"ab" * 32 + "-" + "01" * 8: "cc"}},
        {"data": []},
        {"secrets": {"run": "00" * 32}},
        {"secrets": dict.fromkeys(HELD.secrets, "00" * 31)},
        {"signers": {"own": ["not a key"], "others": []}},
        {"signers": {"own": [7], "others": []}},
        {"signers": 7},
        {"format": 7},
        {"more": 1},
    ],
)
def test_a_backup_that_somebody_wrote_by_hand_is_refused(tmp_path: Path, parts: dict[str, Any]) -> None:
    path = tmp_path / "backup.json"
    path.write_bytes(forged())
    assert read_archive(path) == HELD
    path.write_bytes(forged(**parts))
    with pytest.raises(SecretError, match="is no whole backup of secrets"):
        read_archive(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff", b'{"format": 1}'])
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(SecretError, match="is no whole backup"):
        read_archive(tmp_path / "file")


def test_a_backup_of_a_later_version_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(forged(format="expunge/secrets/2"))
    with pytest.raises(SecretError, match=r"of the form 'expunge/secrets/2'; this version of expunge reads"):
        read_archive(tmp_path / "file")


def test_no_secret_prints() -> None:
    assert "cc" * 32 not in repr(HELD)
    assert "secrets" not in repr(HELD)
