"""Nothing that was appended can be altered, moved, removed or cut off unseen."""

# ruff: noqa: S608  (statements that tamper are put together here, from numbers)

from __future__ import annotations

import hmac
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from expunge.errors import LedgerError
from expunge.ledger.anchor import Head, read_anchor
from expunge.ledger.chain import Entry, Event, Ledger
from expunge.protocol import Key

KEY = Key(b"k" * 32)
MODELS = {"main": {"before": None, "after": "ff"}}


def received(name: str, token: str = "t") -> Entry:  # noqa: S107  (of a request)
    return Entry(
        "received",
        {"token": token, "content": "c", "kind": "erase", "target": "aa", "named": 1, "requester": None},
        name,
    )


def published(*names: str) -> Entry:
    requests = list(names)
    return Entry("published", {"root": "aa", "cause": "work", "requests": requests, "outcome": None, "models": MODELS})


def opened(folder: Path, **options: Any) -> Ledger:
    return Ledger.open(folder / "ledger.sqlite", KEY, folder / "anchor.json", **options)


def made(folder: Path) -> Ledger:
    folder.mkdir(exist_ok=True)
    clock = iter(range(10**9, 10**9 + 10_000)).__next__
    return Ledger.create(folder / "ledger.sqlite", KEY, folder / "anchor.json", project="c0ffee", clock=clock)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger of eight events."""
    ledger = made(tmp_path / "project")
    ledger.append(lambda _: [received("r1"), received("r2", "u")])
    ledger.append(lambda _: [published("r1"), Entry("purged", {"destroyed": 1, "digest": "ee"})])
    ledger.append(
        lambda _: [
            Entry("scanned", {"verdict": "clean"}),
            Entry("noted", {"text": "na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve\n"}),
        ]
    )
    ledger.append(lambda _: [Entry("certified", {"certificate": "cc", "signer": "dd"}, "r1")])
    return tmp_path / "project"


def tampered(folder: Path, *statements: str) -> None:
    """Do to the file what somebody does who has it and not the key."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        triggers = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
        for name in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for statement in triggers.values():
            connection.execute(statement)
        connection.commit()


def copied(folder: Path, name: str) -> Path:
    return Path(shutil.copytree(folder, folder.with_name(name)))


# -- what is appended is there -----------------------------------------------------------------------------------------


def test_events_come_back_as_they_were_appended(folder: Path) -> None:
    ledger = opened(folder)
    events = list(ledger.events())
    assert [event.number for event in events] == list(range(1, 9))
    assert events[0] == Event(
        1, "2001-09-09T01:46:40Z", "created", None, {"project": "c0ffee", "version": 1}, events[0].mac
    )
    assert [event.at for event in events[1:4]] == ["2001-09-09T01:46:41Z"] * 2 + ["2001-09-09T01:46:42Z"]
    assert events[6].body == {"text": "na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve\n"}
    assert ledger.head == Head(8, events[7].mac) == read_anchor(folder / "anchor.json")
    assert ledger.shortened == 0
    assert [event.number for event in ledger.events(request="r1")] == [2, 8]
    assert [event.number for event in ledger.events(kinds=["published", "noted"])] == [4, 7]
    assert list(ledger.events(request="r1", kinds=["noted"])) == []
    assert ledger.book.requests["r1"].state == "certified"
    assert str(KEY) not in repr(ledger)


def test_the_chain_is_the_one_that_is_written_down(folder: Path) -> None:
    previous = "0" * 64
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        for number, at, kind, request, body, mac in connection.execute("SELECT * FROM events ORDER BY number"):
            about = "-" if request is None else f"={request}"
            content = "\n".join([previous, str(number), at, kind, about, body])
            assert mac == hmac.new(b"k" * 32, content.encode(), "sha256").hexdigest()
            assert body == json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            previous = mac


def test_pages_of_events_join(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(opened(folder).events())
    monkeypatch.setattr("expunge.ledger.chain.PAGE", 3)
    ledger = opened(folder)
    seen = []
    for event in ledger.events():
        seen.append(event)
        if len(seen) == 2:  # nobody waits for a reader, and a reader sees what there was when it began
            ledger.append(lambda _: [Entry("noted", {})])
    assert seen == whole


def test_make_that_wants_nothing_or_raises_writes_nothing(folder: Path) -> None:
    ledger = opened(folder)
    before = (folder / "ledger.sqlite").read_bytes(), (folder / "anchor.json").read_bytes()
    assert ledger.append(lambda _: []) == []
    with pytest.raises(ZeroDivisionError):
        ledger.append(lambda _: [Entry("noted", {"share": 1 / 0})])
    assert ((folder / "ledger.sqlite").read_bytes(), (folder / "anchor.json").read_bytes()) == before
    assert ledger.head == opened(folder).head


@pytest.mark.parametrize(
    "entry",
    [
        received("r1"),
        published("r1"),
        Entry("unheard", {}),
        Entry("noted", {"x": float("nan")}),
        Entry("noted", {"x": "\ud800"}),
    ],
    ids=["received twice", "published twice", "unknown kind", "not a number", "lone surrogate"],
)
def test_an_entry_that_cannot_be_takes_the_others_with_it(folder: Path, entry: Entry) -> None:
    ledger = opened(folder)
    with pytest.raises(LedgerError, match="event 10"):
        ledger.append(lambda _: [received("r3", "v"), entry, received("r4", "w")])
    assert ledger.book.by_token("v") is None
    assert ledger.head == opened(folder).head == read_anchor(folder / "anchor.json")
    assert [event.number for event in ledger.append(lambda _: [received("r3", "v")])] == [9]


def test_two_ledgers_see_each_others_events(folder: Path) -> None:
    one, two = opened(folder), opened(folder)
    one.append(lambda _: [received("r3", "v")])
    assert two.append(lambda book: [] if book.by_token("v") else [received("r4", "v")]) == []
    two.append(lambda _: [received("r5", "w")])
    assert list(one.book.requests) == ["r1", "r2", "r3", "r5"]
    assert one.head == two.head


def test_the_anchor_does_not_go_back(folder: Path) -> None:
    slow, quick = opened(folder), opened(folder)
    slow._head, held = slow.head, slow._write_anchor
    slow._write_anchor = lambda: (quick.append(lambda _: [Entry("noted", {})]), held())  # type: ignore[assignment, method-assign]
    slow.append(lambda _: [Entry("noted", {})])
    assert read_anchor(folder / "anchor.json") == quick.head == Head(10, quick.head.mac)


# -- what was altered is found -----------------------------------------------------------------------------------------

COLUMNS = ["number", "at", "kind", "request", "body", "mac"]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("number", range(1, 9))
def test_every_row_and_column_that_is_altered_is_found(folder: Path, number: int, column: str) -> None:
    altered = {
        "number": "number + 100",
        "request": "coalesce(request, '') || 'x'",
        "kind": "CASE kind WHEN 'noted' THEN 'trusted' ELSE 'noted' END",
        "mac": "replace(mac, substr(mac, 1, 1), CASE substr(mac, 1, 1) WHEN 'a' THEN 'b' ELSE 'a' END)",
    }.get(column, f"replace({column}, substr({column}, 4, 1), '~')")
    ledger = opened(folder)
    tampered(folder, f"UPDATE events SET {column} = {altered} WHERE number = {number}")
    with pytest.raises(LedgerError, match=f"event {number}"):
        opened(folder)
    with pytest.raises(LedgerError, match="event"):
        list(ledger.events())


@pytest.mark.parametrize("number", range(1, 9))
def test_text_that_is_no_text_any_more_is_found(folder: Path, number: int) -> None:
    tampered(folder, f"UPDATE events SET body = CAST(x'ff' || body AS TEXT) WHERE number = {number}")
    with pytest.raises(LedgerError, match=f"event {number}"):
        opened(folder)


@pytest.mark.parametrize("number", range(1, 9))
def test_a_row_that_was_removed_is_found(folder: Path, number: int) -> None:
    tampered(folder, f"DELETE FROM events WHERE number = {number}")
    with pytest.raises(
        LedgerError, match=f"event {number}" if number < 8 else "ends at event 7, and its anchor says 8"
    ):
        opened(folder)
    closed_up = f"UPDATE events SET number = number - 1 WHERE number > {number}"
    tampered(folder, closed_up)
    with pytest.raises(LedgerError, match=f"event {number}" if number < 8 else "shortened"):
        opened(folder)


@pytest.mark.parametrize("number", range(1, 9))
def test_a_row_that_was_put_in_is_found(folder: Path, number: int) -> None:
    move = [f"UPDATE events SET number = {at + 1} WHERE number = {at}" for at in range(8, number - 1, -1)]
    twin = f"INSERT INTO events SELECT {number}, at, kind, request, body, mac FROM events WHERE number = {number + 1}"
    tampered(folder, *move, twin)
    with pytest.raises(LedgerError, match=f"event {number + 1}|event {number}"):
        opened(folder)


def test_a_row_that_was_put_at_the_end_is_found(folder: Path) -> None:
    tampered(folder, "INSERT INTO events SELECT 9, at, kind, request, body, mac FROM events WHERE number = 7")
    with pytest.raises(LedgerError, match=r"event 9 \(noted\)"):
        opened(folder)


@pytest.mark.parametrize("number", range(1, 8))
def test_rows_that_changed_places_are_found(folder: Path, number: int) -> None:
    steps = [(number, 100), (number + 1, number), (100, number + 1)]
    tampered(folder, *(f"UPDATE events SET number = {to} WHERE number = {at}" for at, to in steps))
    with pytest.raises(LedgerError, match=f"event {number}"):
        opened(folder)


@pytest.mark.parametrize(
    "statement",
    ["DROP TRIGGER no_delete", "CREATE TABLE more (x)", "CREATE INDEX i ON events (kind)", "DROP TABLE events"],
)
def test_another_schema_is_found(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        connection.execute(statement)
    with pytest.raises(LedgerError, match="is no ledger, or its table and triggers were altered"):
        opened(folder)


def test_every_flipped_byte_of_the_file_is_found_or_changes_nothing(folder: Path) -> None:
    path = folder / "ledger.sqlite"
    content, events = path.read_bytes(), list(opened(folder).events())
    found = 0
    used = [at for at in range(len(content)) if content[at]] + [at for at in range(len(content)) if not content[at]][
        ::97
    ]
    for at in used[::2]:
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        try:
            assert list(opened(folder).events()) == events
        except LedgerError:
            found += 1
    assert found > len(used) / 4  # most of what is used carries events


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9])
def test_a_file_that_was_cut_is_found(folder: Path, share: float) -> None:
    path = folder / "ledger.sqlite"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(LedgerError):
        opened(folder)


def test_what_is_altered_while_it_is_open_is_found_before_anything_is_added(folder: Path) -> None:
    ledger = opened(folder)
    tampered(folder, "UPDATE events SET mac = 'x' WHERE number = 8")
    with pytest.raises(LedgerError, match="event 8"):
        ledger.append(lambda _: [Entry("noted", {})])
    with pytest.raises(LedgerError, match="event 8"):
        _ = ledger.book


# -- the wrong ledger --------------------------------------------------------------------------------------------------


def test_a_missing_ledger_is_not_made_again(folder: Path) -> None:
    ledger = opened(folder)
    (folder / "ledger.sqlite").unlink()
    with pytest.raises(LedgerError, match=r"there is no ledger at .* its anchor says that there was one; .*restore"):
        opened(folder)
    with pytest.raises(LedgerError, match="its anchor says that there was one"):
        made(folder)
    with pytest.raises(LedgerError):
        ledger.append(lambda _: [Entry("noted", {})])
    (folder / "anchor.json").unlink()
    with pytest.raises(LedgerError, match=r"there is no ledger at \S+$"):
        opened(folder)


def test_another_key_and_another_project_are_refused(folder: Path) -> None:
    with pytest.raises(LedgerError, match=r"event 1 \(created\).*not the key"):
        Ledger.open(folder / "ledger.sqlite", Key(b"other"), folder / "anchor.json")
    assert opened(folder, project="c0ffee").book.project == "c0ffee"
    with pytest.raises(LedgerError, match="is of project c0ffee, not of dead"):
        opened(folder, project="dead")


def test_a_backup_is_refused_unless_it_is_expected(folder: Path) -> None:
    backup = copied(folder, "backup")
    opened(folder).append(lambda _: [Entry("noted", {}), Entry("noted", {})])
    shutil.copy(folder / "anchor.json", backup)
    with pytest.raises(LedgerError, match=r"ends at event 8, and its anchor says 10: it was shortened; .*restore"):
        opened(backup)
    restored = opened(backup, shortened_ok=True)
    assert (restored.head.number, restored.shortened) == (8, 2)
    restored.append(lambda _: [Entry("restored", {"from": 8, "replayed": 2})])
    assert restored.shortened == 0
    assert read_anchor(backup / "anchor.json") == opened(backup).head == restored.head


def test_a_ledger_with_another_end_is_refused_even_then(folder: Path) -> None:
    fork = copied(folder, "fork")
    for place, text in ((folder, "one"), (fork, "two")):
        opened(place).append(lambda _, text=text: [Entry("noted", {"text": text})])  # type: ignore[misc]
    shutil.copy(folder / "anchor.json", fork)
    for options in ({}, {"shortened_ok": True}):
        with pytest.raises(LedgerError, match=r"event 9 .* is not the one that its anchor knows"):
            opened(fork, **options)


def test_a_ledger_a_little_longer_than_its_anchor_is_fine(folder: Path) -> None:
    anchor = (folder / "anchor.json").read_bytes()
    head = opened(folder).append(lambda _: [Entry("noted", {})])[-1]
    (folder / "anchor.json").write_bytes(anchor)
    assert opened(folder).head == Head(head.number, head.mac)
    (folder / "anchor.json").unlink()
    opened(folder).append(lambda _: [Entry("noted", {})])
    assert read_anchor(folder / "anchor.json") == opened(folder).head


def test_creating_again_takes_the_same_beginning_and_nothing_else(tmp_path: Path) -> None:
    first = made(tmp_path)
    (tmp_path / "anchor.json").unlink()  # killed before the anchor
    assert made(tmp_path).head == first.head == read_anchor(tmp_path / "anchor.json")
    with pytest.raises(LedgerError, match=r"there is a ledger at .* already"):
        Ledger.create(tmp_path / "ledger.sqlite", KEY, tmp_path / "anchor.json", project="other")
    first.append(lambda _: [Entry("noted", {})])
    with pytest.raises(LedgerError, match=r"there is a ledger at .* already, with 2 events"):
        made(tmp_path)


def test_it_loads_nothing_heavy() -> None:
    heavy = ("numpy", "scipy", "sklearn", "pyarrow", "sqlalchemy", "cryptography")
    code = f"import sys, expunge.ledger.chain; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
