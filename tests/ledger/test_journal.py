"""The journal: what was finished and is not in the ledger is owed, until it was replayed."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.errors import LedgerError
from expunge.ledger.anchor import Head, Journaled, read_whole, write_anchor
from expunge.ledger.book import Book
from expunge.ledger.chain import Entry, Ledger
from expunge.ledger.journal import gap, note, owed, read, refuse, settle, state, write
from expunge.protocol import Key

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
        refuse(path, path.with_name("anchor.json"), read(path), book())
    assert settle(path, book()) == ["r1"]
    refuse(path, path.with_name("anchor.json"), read(path), book())
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


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger whose anchor lies beside the journal."""
    return Ledger.create(tmp_path / "ledger.sqlite", Key(bytes(32)), tmp_path / "anchor.json", project="p")


def told(tmp_path: Path, held: Book | None = None) -> str | None:
    """Why it is not known what was erased."""
    path = tmp_path / "erased.jsonl"
    return gap(path, tmp_path / "anchor.json", read(path), held or book())


def journal(tmp_path: Path, ledger: Ledger, lines: int) -> Path:
    """So many lines, and an anchor that knows them."""
    path = tmp_path / "erased.jsonl"
    write(path, [(f"r{number}", "erase", {"records": "aa"}) for number in range(lines)])
    ledger.journaled(path)
    return path


def test_a_project_without_a_journal_has_lost_none(tmp_path: Path, ledger: Ledger) -> None:
    assert told(tmp_path) is None
    ledger.journaled(tmp_path / "erased.jsonl")
    assert told(tmp_path) is None


@given(lines=st.integers(1, 5), data=st.data())
def test_every_line_that_is_missing_or_altered_is_noticed_and_what_comes_after_is_not(
    lines: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here = tmp_path_factory.mktemp("journal")
    ledger = Ledger.create(here / "ledger.sqlite", Key(bytes(32)), here / "anchor.json", project="p")
    path = journal(here, ledger, lines)
    whole = path.read_bytes().splitlines(keepends=True)
    write(path, [("later", "erase", {})])  # by one who was killed before the anchor knew
    assert told(here) is None
    path.write_bytes(b"".join(whole) + b'{"torn')
    assert told(here) is None
    at = data.draw(st.integers(0, lines - 1))
    for cut in (
        whole[:at],
        whole[:at] + whole[at + 1 :],
        [*whole[:at], whole[at].replace(b"aa", b"ab"), *whole[at + 1 :]],
    ):
        path.write_bytes(b"".join(cut))
        assert "journal of erasures" in str(told(here))
        with pytest.raises(LedgerError, match=r"--without-journal"):
            refuse(path, here / "anchor.json", read(path), book())
        with pytest.raises(LedgerError, match="was lost while this process worked"):
            ledger.journaled(path)
        assert "journal of erasures" in str(told(here))  # whoever was refused has not hidden it
    path.unlink()
    assert "erased.jsonl is missing" in str(told(here))


def test_an_event_after_the_loss_does_not_hide_it(tmp_path: Path, ledger: Ledger) -> None:
    journal(tmp_path, ledger, 2).unlink()
    ledger.append(lambda _: [Entry("noted", {})])
    assert "is missing" in str(told(tmp_path))


def test_what_was_published_must_be_in_the_journal_whatever_the_anchor_knows(tmp_path: Path, ledger: Ledger) -> None:
    path = journal(tmp_path, ledger, 1)
    known = book(
        ("received", "r1", ASKED), ("received", "r2", ASKED), ("published", None, {**PUBLISHED, "requests": ["r1"]})
    )
    assert "lacks 1 requests that this ledger has" in str(told(tmp_path, known))
    before: list[dict[str, Any]] = []  # read before another process wrote and published it
    write(path, [("r1", "erase", {})])
    assert gap(path, tmp_path / "anchor.json", before, known) is None
    (tmp_path / "anchor.json").unlink()
    assert told(tmp_path, known) is None
    path.unlink()
    assert "neither the journal of erasures nor" in str(told(tmp_path, book(("trusted", None, {}))))


def test_an_anchor_of_an_older_version_knows_of_no_journal(tmp_path: Path, ledger: Ledger) -> None:
    path = tmp_path / "erased.jsonl"
    write(path, [("r1", "erase", {}), ("r2", "erase", {})])
    assert read_whole(tmp_path / "anchor.json") == (ledger.head, None)
    assert told(tmp_path) is None
    path.unlink()
    assert told(tmp_path) is None  # the ledger alone can tell, where it has published something
    write(path, [("r1", "erase", {})])
    ledger.journaled(path)
    assert read_whole(tmp_path / "anchor.json") == (ledger.head, state(path))


def test_one_says_so_and_goes_on_with_what_there_is(tmp_path: Path, ledger: Ledger) -> None:
    path = journal(tmp_path, ledger, 3)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    note(path, "lost")
    assert "altered or taken out" not in str(told(tmp_path))
    ledger.journaled(path, whatever=True)
    assert "without the journal" in str(told(tmp_path))  # until it is settled
    settle(path, book())
    ledger.journaled(path)
    assert told(tmp_path) is None


def test_the_state_is_of_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "erased.jsonl"
    assert state(path) == Journaled(0, sha256(b"").hexdigest())
    path.write_bytes(b"one\ntwo\nthr")
    assert state(path) == state(path, 5) == Journaled(2, sha256(b"one\ntwo\n").hexdigest())
    assert state(path, 1) == Journaled(1, sha256(b"one\n").hexdigest())
    write_anchor(tmp_path / "anchor.json", Head(7, "ab" * 32), state(path))
    assert read_whole(tmp_path / "anchor.json") == (Head(7, "ab" * 32), state(path))


def test_keys_without_their_journal_owe_what_nobody_knows(tmp_path: Path) -> None:
    path = tmp_path / "erased.jsonl"
    note(path, "lost")
    note(path, "backup")
    with pytest.raises(LedgerError, match=r"without the journal.*--without-journal"):
        refuse(path, path.with_name("anchor.json"), read(path), book())
    settle(path, book())
    refuse(path, path.with_name("anchor.json"), read(path), book())


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
