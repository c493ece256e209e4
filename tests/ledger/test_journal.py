"""The journal: what was finished and is not in the ledger is owed, until it was replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.errors import LedgerError
from expunge.ledger.book import Book
from expunge.ledger.journal import note, owed, read, refuse_owed, settle, write

if TYPE_CHECKING:
    from pathlib import Path

ASKED = {"token": "t", "content": "c", "kind": "erase", "target": "aa", "named": 1, "requester": None}
PUBLISHED: dict[str, Any] = {"root": "aa", "cause": "work", "outcome": None, "models": {}}


def book(*steps: tuple[str, str | None, dict[str, Any]]) -> Book:
    made = Book()
    created = ("created", None, {"project": "p", "version": 1})
    for number, (kind, request, body) in enumerate((created, *steps), start=1):
        made.fold(number, "2026-01-01T00:00:00Z", kind, request, body)
    return made


def test_what_comes_back_is_what_was_written_and_the_last_line_of_a_request_counts(tmp_path: Path) -> None:
    path = tmp_path / "erased.jsonl"
    assert read(path) == []
    write(path, [("r1", "erase", {"records": "aa"}), ("r2", "correct", {})])
    write(path, [("r1", "replayed", {"records": "aa"})])
    assert read(path) == [
        {"request": "r1", "kind": "replayed", "records": "aa", "state": "done"},
        {"request": "r2", "kind": "correct", "state": "done"},
    ]
    assert path.stat().st_mode & 0o777 == 0o600


def test_only_what_the_ledger_has_done_is_not_owed() -> None:
    lines = [{"request": f"r{n}", "kind": "erase"} for n in (1, 2, 3)]
    known = book(
        ("received", "r1", ASKED), ("received", "r2", ASKED), ("published", None, {**PUBLISHED, "requests": ["r1"]})
    )
    assert owed(lines, known) == ["r2", "r3"]
    assert owed([{"request": "r9", "kind": kind} for kind in ("readmit", "replayed")], known) == []


def test_a_ledger_from_before_is_refused_until_it_was_replayed(tmp_path: Path) -> None:
    path = tmp_path / "erased.jsonl"
    write(path, [("r1", "erase", {"records": "aa"})])
    with pytest.raises(LedgerError, match=r"1 finished erasure that this ledger does not know.*expunge restore"):
        refuse_owed(read(path), book())
    assert settle(path, book()) == ["r1"]
    refuse_owed(read(path), book())
    assert settle(path, book()) == []
    kept = {"request": "r1", "kind": "replayed", "records": "aa", "state": "done"}  # the fence still needs its tokens
    assert read(path) == [kept]


def test_an_erasure_that_was_begun_and_waits_was_killed_and_is_not_owed(tmp_path: Path) -> None:
    path = tmp_path / "erased.jsonl"
    waits = book(("received", "r1", ASKED))
    write(path, [("r1", "erase", {})], state="begun")
    assert owed(read(path), waits) == []
    assert owed(read(path), book()) == ["r1"]  # the folder is from before it was asked
    write(path, [("r1", "erase", {})])
    assert owed(read(path), waits) == ["r1"]  # the folder is from before it was done


def test_keys_without_their_journal_owe_what_nobody_knows(tmp_path: Path) -> None:
    path = tmp_path / "erased.jsonl"
    note(path, "lost")
    note(path, "backup")
    with pytest.raises(LedgerError, match=r"without the journal.*--without-journal"):
        refuse_owed(read(path), book())
    settle(path, book())
    refuse_owed(read(path), book())


@given(st.text(max_size=30).filter(lambda line: "\n" not in line and line.strip() != ""))
def test_a_line_that_we_did_not_write_is_named(line: str) -> None:
    import tempfile
    from pathlib import Path as Place

    with tempfile.TemporaryDirectory() as folder:
        path = Place(folder) / "erased.jsonl"
        write(path, [("r1", "erase", {})])
        with path.open("ab") as file:
            file.write(line.encode("utf-8", "replace") + b"\n")
        with pytest.raises(LedgerError, match=r"line 2 of the journal"):
            read(path)
