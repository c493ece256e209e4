"""Secrets: shown without showing any, rotated, backed up, put back, trusted; each on record."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from expunge.cli.ending import UsageError
from expunge.cli.keys import public_key
from expunge.errors import LedgerError
from expunge.ledger.chain import Ledger

PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=
-----END PUBLIC KEY-----
"""
HEX = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"


def kinds(shop: Any) -> list[str]:
    """What the ledger has on record."""
    return [event["kind"] for event in shop.done("log")]


def secrets_of(shop: Any) -> list[str]:
    """Every secret, as it lies in its file."""
    (folder,) = shop.secrets.iterdir()
    held = [(folder / name).read_text().split() for name in ("run", "names", "ledger", "fence", "signing")]
    return [word for words in held for word in words if len(word) >= 64]


def test_no_secret_is_ever_shown(shop: Any) -> None:
    said = shop("keys", "show").out + shop("keys", "show", "--json").out + shop("status").out + shop("log").out
    found = secrets_of(shop)
    assert len(found) >= 5
    for secret in found:
        assert secret not in said
    assert shop.done("keys", "show")["public"] in said


def test_the_old_signing_key_still_counts_after_a_new_one(shop: Any) -> None:
    old = shop.done("forget", "--records", "3")["certificate"]
    before = shop.done("keys", "show")["public"]
    after = shop.done("keys", "rotate", "signing")["public"]
    assert before != after == shop.done("keys", "show")["public"]
    new = shop.done("forget", "--records", "4")["certificate"]
    signers = [each["signer"] for each in shop.done("verify", old, new)["certificates"]]
    assert signers == [before, after]
    assert "rotated" in kinds(shop)


def test_after_the_stores_keys_were_replaced_all_works_and_an_old_backup_of_keys_opens_nothing(
    shop: Any, tmp_path: Path
) -> None:
    shutil.copytree(shop.secrets, tmp_path / "old")
    models = shop.done("status")["models"]
    assert shop.done("keys", "rotate", "store")["blobs"] > 0
    assert shop.done("scan")["problems"] == []
    assert shop.done("audit")["models"][0]["equal"]
    assert shop.done("status")["models"] == models
    (now,), (then,) = shop.secrets.iterdir(), (tmp_path / "old").iterdir()
    shutil.rmtree(now / "data")
    shutil.copytree(then / "data", now / "data")
    assert shop("scan").code == 8


def test_a_backup_is_for_the_user_alone_and_lies_elsewhere(shop: Any, tmp_path: Path) -> None:
    for inside in ("keys.json", "certificates/keys.json", str(shop.folder / ".expunge" / "keys.json")):
        assert shop("keys", "backup", inside).code == 2
    path = tmp_path / "keys.json"
    assert shop.done("keys", "backup", path)["keys"] > 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert shop("keys", "backup", path).code == 8
    assert kinds(shop).count("backed_up") == 1


def test_lost_secrets_come_back_and_are_not_trusted_at_once(shop: Any, tmp_path: Path) -> None:
    shop.done("keys", "backup", tmp_path / "keys.json")
    shutil.rmtree(shop.secrets)
    assert shop("status").code == 9
    said = shop("keys", "restore", tmp_path / "keys.json")
    assert said.code == 0
    assert "expunge trust" in said.out
    assert shop("keys", "restore", tmp_path / "keys.json", "--json").document["secrets"] == []
    for command in (["status"], ["forget", "--records", "3"], ["learn", "--again"], ["restore"]):
        refused = shop(*command)
        assert refused.code == 7
        assert "`expunge restore --without-journal` goes on all the same" in refused.err
    refused = shop("restore", "--without-journal")
    assert refused.code == 9
    assert "expunge trust" in refused.err
    assert shop.done("trust") == {"trusted": True, "before": False}
    assert shop.done("trust") == {"trusted": True, "before": True}
    assert shop("status").code == 7  # trust is no word about who was forgotten
    assert shop.done("restore", "--without-journal")["replayed"] == 0
    assert shop.done("work")["pending"] == 0
    assert shop.done("keys", "show")["trusted"]


def test_certificates_tell_of_backups_of_the_keys_also_after_a_restore(shop: Any, tmp_path: Path) -> None:
    shutil.copytree(shop.folder, tmp_path / "kept")
    shop.done("keys", "backup", tmp_path / "keys.json")
    shutil.rmtree(shop.folder / ".expunge")
    shutil.copytree(tmp_path / "kept", shop.folder, dirs_exist_ok=True)
    shop.done("restore")
    done = shop.done("forget", "--records", "3")
    said = json.loads(Path(done["certificate"]).read_text(encoding="utf-8"))["certificate"]
    assert any(line.startswith("1 backups of the project's keys") for line in said["not_covered"])


def test_what_is_no_backup_puts_nothing_back(shop: Any, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{}")
    before = shop.state()
    assert shop("keys", "restore", tmp_path / "keys.json").code == 9
    assert shop("keys", "restore", tmp_path / "none.json").code in (8, 9)
    assert shop.state() == before


def test_others_are_believed_when_one_says_so(shop: Any, tmp_path: Path) -> None:
    (tmp_path / "partner.pem").write_text(PEM)
    assert HEX in shop.done("keys", "add-signer", tmp_path / "partner.pem")["signers"]
    assert f"also believed  {HEX}" in shop("keys", "show").out
    assert HEX not in shop.done("keys", "remove-signer", HEX)["signers"]
    assert shop("keys", "remove-signer", HEX).code == 9
    assert shop("keys", "remove-signer", shop.done("keys", "show")["public"]).code == 9


def test_trust_is_put_on_record_once(shop: Any) -> None:
    before = kinds(shop).count("trusted")
    assert before == 1  # the fixture's copy was trusted
    assert "already" in shop("trust").out
    assert kinds(shop).count("trusted") == before


def test_what_cannot_be_put_on_record_is_not_trusted(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets,) = shop.secrets.iterdir()
    (secrets / "trusted").unlink()

    def readonly(*_: object) -> None:
        raise LedgerError("the ledger cannot be written: attempt to write a readonly database")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", readonly)
        assert shop("trust").code == 7
    assert shop.done("trust") == {"trusted": True, "before": False}
    assert kinds(shop).count("trusted") == 2  # the fixture's, and this


@pytest.mark.parametrize("word", [HEX, HEX.upper(), f" {HEX}\n", PEM])
def test_a_public_key_is_taken_as_people_hand_it_on(word: str, tmp_path: Path) -> None:
    assert public_key(word) == HEX
    (tmp_path / "key").write_text(word)
    assert public_key(str(tmp_path / "key")) == HEX


def test_what_is_no_public_key_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "private").write_text(PEM.replace("PUBLIC", "PRIVATE"))
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    for word in ("", "7", "x" * 5000, HEX[:-1], str(tmp_path), str(tmp_path / "none"), str(tmp_path / "odd"), "a\0b"):
        with pytest.raises(UsageError):
            public_key(word)
    with pytest.raises(UsageError, match="private key"):
        public_key(str(tmp_path / "private"))
