"""What is on record, and whether it holds: status, log, scan, restore."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from expunge.cli import evidence
from expunge.cli.evidence import event_line, models_of
from expunge.ledger.book import Book
from expunge.ledger.chain import Event


def blob(shop: Any) -> Path:
    """A sealed file of the store."""
    store: Path = shop.folder / ".expunge" / "store"
    return next(path for path in sorted(store.rglob("*")) if len(path.name) == 64)


# Status and log


def test_status_follows_the_life_of_a_project(shop: Any) -> None:
    first = shop.done("status")
    assert first["requests"] == {"pending": 0, "unfinished": 0, "certified": 0, "ended": 0}
    assert first["published"]["cause"] == "learn"
    shop.done("forget", "--records", "3", "--queue")
    said = shop("status").out
    assert "1 pending" in said
    assert "expunge work" in said
    shop.done("work")
    last = shop.done("status")
    assert last["requests"]["certified"] == 1
    assert last["published"] == {**last["published"], "cause": "work", "scan": "not distinguishable"}
    assert last["recent"][0]["state"] == "certified"
    assert last["models"] != first["models"]
    assert last["models"]["main"][:12] in shop("status").out
    assert last["events"] == len(shop.done("log"))


def test_looking_changes_nothing(shop: Any) -> None:
    before = shop.state()
    for command in (["status"], ["log"], ["keys", "show"]):
        assert shop(*command).code == 0
    assert shop.state() == before


def test_before_the_first_learn_there_is_no_model(shop: Any) -> None:
    book = Book()
    book.fold(1, "2026-01-01T00:00:00Z", "created", None, {"project": "c0ffee", "version": 1})
    assert models_of(book) == {}


def test_the_log_has_every_event_of_one_request_or_the_last(shop: Any) -> None:
    request = shop.done("forget", "--records", "3")["request"]
    events = shop.done("log")
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    mine = shop.done("log", "--request", request)
    assert [event["kind"] for event in mine] == ["received", "certified"]
    assert shop.done("log", "--last", "2") == events[-2:]
    assert shop.done("log", "--request", request, "--last", "1") == mine[-1:]
    lines = shop("log").out.splitlines()
    assert len(lines) == len(events)
    assert all(event["kind"] in line for event, line in zip(events, lines, strict=True))
    assert shop("log", "--request", "r7").code == 2


def test_an_event_is_one_line_whatever_is_in_it() -> None:
    body = {"a": "ab" * 32, "b": [1, 2], "c": None, "d": {"main": {"after": "cd" * 32}}, "e": {}, "f": 7}
    line = event_line(Event(3, "2026-01-01T00:00:00Z", "noted", "r1", body, "ef" * 32))
    assert line == "     3  2026-01-01T00:00:00Z  noted r1  a=abababababab b=[2] c=- d=main:after:cdcdcdcdcdcd e=- f=7"
    assert event_line(Event(3, "t", "trusted", None, {}, "")) == "     3  t  trusted"


# Scan


def test_a_whole_project_has_no_problems(shop: Any) -> None:
    shop.done("forget", "--records", "3")
    document = shop.done("scan")
    assert document["problems"] == []
    assert [each["ledger"] for each in document["certificates"]] == ["recorded"]
    assert document["scans"] == []
    said = shop("scan").out
    for words in ("an unbroken chain", "all open", "1 file"):
        assert words in said


def test_damage_is_found_and_named(shop: Any) -> None:
    path = blob(shop)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    said = shop("scan")
    assert said.code == 8
    assert path.name in said.out
    (problem,) = shop("scan", "--json").document["problems"]
    assert problem["name"] == path.name


def test_altered_lost_and_foreign_certificates_are_found(shop: Any) -> None:
    first, second = (Path(shop.done("forget", "--records", n)["certificate"]) for n in ("3", "4"))
    text = first.read_text()
    first.write_text(text.replace("erased", "Erased", 1))
    said = shop("scan")
    assert said.code == 10
    assert first.name in said.err
    first.write_text(text)
    second.unlink()
    said = shop("scan", "--json")
    assert said.code == 10
    assert [each["verified"] for each in said.document["certificates"]] == [True, False]
    assert second.name in said.document["error"]


def test_names_are_searched_for_everywhere(shop: Any) -> None:
    shop.done("forget", "--owners", "person 9")
    document = shop.done("scan", "--owners", "person 9")
    assert document["scans"][0]["verdict"] == "clean"
    assert document["scans"][0]["source"] == "holds"
    (shop.folder / "notes.txt").write_text("call person 9 back")
    said = shop("scan", "--owners", "person 9", "--records", "3")
    assert said.code == 12
    assert "notes.txt" in said.out
    assert shop("scan", "--label", "no").code == 2


def test_who_is_still_held_is_found_in_the_snapshot(shop: Any) -> None:
    said = shop("scan", "--owners", "person 9", "--json")
    assert (said.code, said.document["scans"][0]["verdict"]) == (12, "found")


def test_blind_is_not_clean() -> None:
    blind: Any = SimpleNamespace(verdict="blind")
    assert evidence._wrong([blind], [], []) is not None
    assert evidence._wrong([], [], []) is None


# Restore


@pytest.fixture
def backed_up(shop: Any, tmp_path: Path) -> Any:
    """A project of which there is a copy, and of its keys another; commands run beside it."""
    shop.done("keys", "backup", tmp_path / "keys.json")
    shutil.copytree(shop.folder, tmp_path / "copy")
    return shop


def come_back(shop: Any, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the copy in the place of the project."""
    monkeypatch.chdir(copy.parent)
    shutil.rmtree(shop.folder)
    shutil.copytree(copy, shop.folder)
    monkeypatch.chdir(shop.folder)


def test_after_a_backup_came_back_the_erased_are_erased_again(
    backed_up: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten = backed_up.done("forget", "--owners", "person 9")["models"][0]["fingerprint"]["after"]
    come_back(backed_up, tmp_path / "copy", monkeypatch)
    said = backed_up("status")
    assert said.code == 7
    assert "expunge restore" in said.err
    document = backed_up("restore", "--keys", tmp_path / "keys.json", "--json").document
    assert document["missing"] == document["replayed"] == 1
    assert document["lost"] == []
    assert backed_up.done("status")["models"]["main"] == forgotten
    assert backed_up.done("where", "--owners", "person 9")["names"][0]["state"] == "erased"


def journal_of(shop: Any) -> Path:
    """The journal of erasures, beside the secrets."""
    (secrets,) = shop.secrets.iterdir()
    return Path(secrets / "erased.jsonl")


READING = (["status"], ["log"], ["where", "--records", "3"], ["quote", "--records", "3"], ["scan"], ["audit"],
           ["keys", "show"], ["reconcile", "--dry-run"])  # fmt: skip
WRITING = (["forget", "--records", "3"], ["learn"], ["learn", "--again"], ["learn", "--update"], ["work"], ["restore"],
           ["readmit", "--owners", "person 9"], ["keys", "backup", "../b"], ["keys", "rotate", "store"])  # fmt: skip


def refused(shop: Any, *commands: list[str]) -> None:
    """Every command says that nobody knows what was erased, and changes nothing."""
    before = shop.state()
    for command in commands:
        said = shop(*command)
        assert (said.code, said.out) == (7, ""), command
        assert "`expunge restore --without-journal` goes on all the same" in said.err, command
    assert shop.state() == before


def test_a_journal_that_is_lost_is_said_by_every_command_and_going_on_keeps_out_whom_the_folder_knows(
    backed_up: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backed_up.done("forget", "--owners", "person 9")
    journal_of(backed_up).unlink()
    refused(backed_up, *READING, *WRITING)
    said = backed_up.done("restore", "--without-journal")
    assert (said["missing"], said["replayed"], said["journal"]) == (0, 0, "lost")
    assert backed_up("status").code == 0
    backed_up.done("forget", "--owners", "person 8")
    come_back(backed_up, tmp_path / "copy", monkeypatch)  # which knows of neither
    refused_again = backed_up("status")
    assert refused_again.code == 7
    said = backed_up("restore", "--keys", tmp_path / "keys.json")
    assert said.code == 0, said.err
    assert "2 finished requests of which the journal knows that this backup did not know; 2 forgotten again" in said.out
    assert "NOTE: the journal of erasures was lost, so there may be others" in said.out
    for name in ("person 8", "person 9"):
        assert backed_up.done("where", "--owners", name)["names"][0]["state"] == "erased"


@pytest.mark.parametrize("cut", ["gone", "first", "last", "empty"])
def test_an_old_folder_is_not_restored_from_a_journal_that_is_not_whole(
    cut: str, backed_up: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("person 8", "person 9"):
        backed_up.done("forget", "--owners", name)
    path = journal_of(backed_up)
    lines = path.read_bytes().splitlines(keepends=True)
    left = {"gone": [], "first": lines[1:], "last": lines[:-1], "empty": []}[cut]
    path.write_bytes(b"".join(left))
    if cut == "gone":
        path.unlink()
    come_back(backed_up, tmp_path / "copy", monkeypatch)
    assert [backed_up(*command).code for command in (["status"], ["learn", "--again"], ["work"])] == [7] * 3
    refused(backed_up, ["restore"])
    said = backed_up("restore", "--keys", tmp_path / "keys.json")
    assert said.code == 7
    assert "--without-journal" in said.err
    said = backed_up("restore", "--without-journal")
    assert said.code == 0, said.err
    known = 0 if cut in ("gone", "empty") else 2  # of a request there are two lines, and the last counts
    assert f"{known} finished requests of which the journal knows" in said.out
    assert "forget again whoever was forgotten since this backup was made" in said.out
    assert backed_up("status").code == 0


def test_a_correction_that_the_backup_lacks_has_to_be_asked_again(
    backed_up: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (backed_up.folder / "mended.csv").write_text("row,who,size,colour,late\n3,person 1,99,blue,no\n")
    request = backed_up.done("correct", "mended.csv")["request"]
    come_back(backed_up, tmp_path / "copy", monkeypatch)
    said = backed_up("restore", "--keys", tmp_path / "keys.json")
    assert said.code == 0, said.err
    assert f"request {request} was a correction" in said.out


def test_secrets_and_backup_that_came_from_elsewhere_are_trusted_and_then_restored(
    backed_up: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backed_up.done("forget", "--owners", "person 9")
    come_back(backed_up, tmp_path / "copy", monkeypatch)
    (secrets,) = backed_up.secrets.iterdir()
    (secrets / "trusted").unlink()
    backed_up.done("keys", "restore", tmp_path / "keys.json")
    assert backed_up("trust").code == 0
    assert backed_up("status").code == 7  # trusting it does not hide that it is short
    assert backed_up.done("restore")["replayed"] == 1
    assert backed_up("status").code == 0


def test_where_nothing_is_missing_nothing_is_done(shop: Any) -> None:
    shop.done("forget", "--records", "3")
    document = shop.done("restore")
    assert (document["missing"], document["replayed"], document["done"]) == (0, 0, [])
    assert "0 finished requests" in shop("restore").out
