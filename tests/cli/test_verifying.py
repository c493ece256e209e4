"""Certificates on another machine, and at home: whole, signed by whom, about whom, and on record."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from expunge.cli.verifying import SAID, _compared, _replay_line
from expunge.engine import inquiry
from expunge.engine.inquiry import Replayed


@pytest.fixture
def issued(shop: Any) -> dict[str, Any]:
    """What `forget` said of two records and a person."""
    document: dict[str, Any] = shop.done("forget", "--records", "3,999", "--owners", "person 9")
    return document


@pytest.fixture
def away(shop: Any, issued: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Another machine: the certificate and the public key, no project and no secrets."""
    place = tmp_path / "away"
    place.mkdir()
    shutil.copy(issued["certificate"], place / "c.json")
    (place / "key").write_text(shop.done("keys", "show")["public"])
    monkeypatch.chdir(place)
    monkeypatch.setenv("EXPUNGE_SECRETS", str(tmp_path / "nowhere"))
    return shop


def test_with_the_key_it_verifies_anywhere_and_is_printed_in_full(away: Any) -> None:
    said = away("verify", "c.json", "--key", "key")
    assert said.code == 0
    for words in ("What this shows", "What this does not show", "Residue scan", "verified: no byte was changed"):
        assert words in said.out
    assert "ledger of this project" not in said.out
    (found,) = away.done("verify", "c.json", "--key", Path("key").read_text())["certificates"]
    assert (found["verified"], found["problem"], found["ledger"]) == (True, None, None)


def test_without_the_key_it_says_nothing_yet(away: Any) -> None:
    said = away("verify", "c.json")
    assert said.code == 11
    assert "NOT VERIFIED" in said.out
    assert "What this shows" not in said.out
    assert away("verify", "c.json", "--key", "0a" * 32, "--json").document["kind"] == "UnknownSignerError"


def test_one_changed_byte_fails(away: Any) -> None:
    content = Path("c.json").read_bytes()
    rng = random.Random(7)
    for place in [0, len(content) - 1, *(rng.randrange(len(content)) for _ in range(40))]:
        changed = bytearray(content)
        changed[place] ^= 1 << rng.randrange(7)
        Path("d.json").write_bytes(changed)
        said = away("verify", "d.json", "--key", "key", "--json")
        assert said.code == 10, place
        assert not said.document["certificates"][0]["verified"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"certificate": 7}', b"[" * 100_000])
def test_what_is_no_certificate_is_said_to_be_none(content: bytes, away: Any) -> None:
    Path("d.json").write_bytes(content)
    assert away("verify", "d.json", "--key", "key").code == 10


def test_a_file_that_is_not_there_is_said_and_the_others_are_verified(away: Any) -> None:
    said = away("verify", "none.json", "c.json", "--key", "key")
    assert said.code == 15
    assert "none.json: NOT VERIFIED" in said.out
    assert "c.json: verified" in said.out
    Path("d.json").write_text("{}")
    assert away("verify", "none.json", "c.json", "d.json", "--key", "key").code == 10
    assert away("verify", ".", "--key", "key").code == 15


def test_with_the_salt_it_shows_whom_it_is_about(away: Any, issued: dict[str, Any]) -> None:
    asked = ["verify", "c.json", "--key", "key", "--salt", issued["salt"]]
    said = away(*asked, "--record", "3", "--record", "999", "--owner", "person 9")
    assert said.code == 0
    for words in ("record 3: erased", "record 999: unknown", "owner person 9: erased"):
        assert words in said.out
    other = away(*asked, "--record", "3", "--record", "4", "--json")
    assert (other.code, other.document["kind"]) == (3, "UnknownSubjectError")
    assert [name["outcome"] for name in other.document["certificates"][0]["names"]] == ["erased", None]


def test_with_another_salt_it_shows_nothing(away: Any) -> None:
    assert away("verify", "c.json", "--key", "key", "--salt", "00" * 16, "--record", "3").code == 3


def test_no_name_stands_in_it(away: Any, issued: dict[str, Any]) -> None:
    text = Path("c.json").read_text()
    assert "person 9" not in text
    assert issued["salt"] not in text


# At home


def test_at_home_its_own_signers_count_and_the_ledger_is_asked(shop: Any, issued: dict[str, Any]) -> None:
    said = shop("verify", issued["certificate"])
    assert said.code == 0
    assert SAID["recorded"] in said.out


def test_a_certificate_that_the_ledger_does_not_have_is_said(shop: Any, issued: dict[str, Any], tmp_path: Path) -> None:
    from expunge import certificate
    from expunge.store.keyring import Keyring

    (folder,) = shop.secrets.iterdir()
    body = json.loads(Path(issued["certificate"]).read_text())["certificate"]
    body["request"]["completed"] = "2030-01-01T00:00:00Z"
    again = tmp_path / "again.json"
    again.write_bytes(certificate.sign(body, Keyring.load(folder).signing))
    said = shop("verify", again)
    assert said.code == 0
    assert SAID["superseded"] in said.out
    body["request"]["id"] = "20300101-000000000000"
    again.write_bytes(certificate.sign(body, Keyring.load(folder).signing))
    assert shop.done("verify", again)["certificates"][0]["ledger"] == "unknown"


def test_a_signer_who_was_added_counts_at_home(shop: Any, issued: dict[str, Any], tmp_path: Path) -> None:
    from expunge import certificate

    body = json.loads(Path(issued["certificate"]).read_text())["certificate"]
    body["issuer"] = {**body["issuer"], "project": "ab" * 16}
    foreign = tmp_path / "foreign.json"
    foreign.write_bytes(certificate.sign(body, bytes(32)))
    assert shop("verify", foreign).code == 11
    shop.done("keys", "add-signer", certificate.public_key(bytes(32)))
    found = shop.done("verify", foreign)["certificates"][0]
    assert (found["verified"], found["ledger"]) == (True, None)


def test_a_project_that_does_not_open_is_no_obstacle_where_a_key_is_given(shop: Any, issued: dict[str, Any]) -> None:
    public = shop.done("keys", "show")["public"]
    (shop.folder / "expunge.toml").write_text("[project")
    said = shop("verify", issued["certificate"], "--key", public)
    assert said.code == 0
    assert "NOTE: the project here was not asked" in said.out
    assert shop("verify", issued["certificate"]).code == 14
    assert shop("verify", issued["certificate"], "--key", public, "--project", shop.folder).code == 14


# Replay


def test_replay_learns_what_is_published_again(shop: Any, issued: dict[str, Any]) -> None:
    said = shop("verify", issued["certificate"], "--replay")
    assert said.code == 0
    assert "learned again from nothing: the same, bit for bit" in said.out
    assert shop.done("verify", issued["certificate"], "--replay")["replayed"] == 1
    last = shop.done("forget", "--records", "5")["certificate"]
    said = shop("verify", issued["certificate"], "--replay", "--json")
    assert (said.code, said.document["code"], said.document["replayed"]) == (1, 1, 0)
    assert "nothing was learned again" in said.document["error"]
    (found,) = said.document["certificates"]
    assert found["verified"]
    assert [each["verdict"] for each in found["replay"]] == ["superseded"]
    said = shop("verify", issued["certificate"], "--replay")
    assert said.code == 1
    assert "no longer what is published, so it cannot be learned again" in said.out
    assert "nothing was learned again" in said.err
    document = shop.done("verify", issued["certificate"], last, "--replay")  # what could be, was
    assert document["replayed"] == 1
    assert "replayed" not in shop.done("verify", issued["certificate"])


def test_a_replay_that_contradicts_has_its_code(
    shop: Any, issued: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    true = inquiry.replay

    def replay(project: Any, name: str) -> Replayed:
        found = true(project, name)
        return Replayed(name, False, found.published, "bb" * 32, "same", 1.0, None)

    monkeypatch.setattr(inquiry, "replay", replay)
    said = shop("verify", issued["certificate"], "--replay")
    assert said.code == 5
    assert "ANOTHER MODEL" in said.out


def test_replay_needs_the_project_that_issued_it(away: Any) -> None:
    assert away("verify", "c.json", "--key", "key", "--replay").code == 14
    assert away("verify", "c.json", "--replay").code == 11


@pytest.mark.parametrize(
    ("equal", "environment", "verdict"),
    [(True, "same", "reproduced"), (False, "same", "contradicted"), (False, "other", "other environment")],
)
def test_a_replay_speaks_of_what_is_published(equal: bool, environment: Any, verdict: str) -> None:  # noqa: FBT001
    again = Replayed("main", equal, "aa", "aa" if equal else "bb", environment, 1.0, None)
    assert _compared("main", "aa", again)["verdict"] == verdict
    assert _compared("main", "cc", again)["verdict"] == "superseded"
    assert _compared("main", "aa", None)["verdict"] == "superseded"
    assert "main" in _replay_line(_compared("main", "aa", again))
