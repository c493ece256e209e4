"""The ledger: events in a keyed hash chain in one SQLite file. It grows and does nothing else.

Each event carries ``HMAC-SHA256(ledger key, MAC of the event before + number, time, kind, request, body)``. Whoever
alters, inserts, swaps or removes an event without the key breaks the chain at that event. What a chain alone cannot
show is that its end was cut off; so the number and MAC of the last event are also kept in the **anchor**, a file that
lies with the secrets, outside the project. The anchor is written after the commit: a crash in between leaves a ledger
that is a little longer than its anchor, which is fine, and never one that is shorter.

No connection is kept open between calls, so a `Ledger` may be used from several threads.

Examples
--------
>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     place = Path(folder, "ledger.sqlite"), Key(bytes(32)), Path(folder, "anchor.json")
...     ledger = Ledger.create(*place, project="c0ffee")
...     events = ledger.append(lambda book: [Entry("noted", {"events before": book.number})])
...     ledger.head == Ledger.open(*place).head == Head(events[0].number, events[0].mac)
True
"""

from __future__ import annotations

import hmac
import itertools
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any, TypeAlias

from expunge.certificate.canonical import written
from expunge.collector import paused
from expunge.errors import CodecError, LedgerError
from expunge.ledger import journal
from expunge.ledger.anchor import Head, read_anchor, read_whole, write_anchor
from expunge.ledger.book import PARSED, Book
from expunge.ledger.database import SCHEMA, transaction
from expunge.ledger.kinds import KINDS, Body
from expunge.protocol import Key

FORMAT = 1
PAGE = 1_000  # events that `events` reads at a time: nobody waits while they are looked at
NOTHING = "0" * 64

Clock = Callable[[], float]
"""Seconds since 1970, as `time.time`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event that is to be: all but its number, time and MAC."""

    kind: str
    body: Body
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it stands in the ledger; ``at`` is UTC, to the second."""

    number: int
    at: str
    kind: str
    request: str | None
    body: dict[str, Any]
    mac: str


_Row: TypeAlias = tuple[int, str, str, str | None, str, str]

_EMPTY = Head(0, NOTHING)

_FROM = "SELECT number, at, kind, request, body, mac FROM events WHERE number >= ? ORDER BY number"
_INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"
_BETWEEN = """SELECT e.number, e.at, e.kind, e.request, e.body, e.mac, coalesce(p.mac, ?)
    FROM events e LEFT JOIN events p ON p.number = e.number - 1
    WHERE e.number > ? AND e.number <= ? ORDER BY e.number LIMIT ?"""


class Ledger:
    """A project's events. Make one with `create` or `open`."""

    def __init__(self, path: Path, key: Key, anchor: Path, clock: Clock = time.time) -> None:
        self.path = path
        self.shortened = 0  # events that the anchor knows beyond the end: after `open(..., shortened_ok=True)`
        self._key = bytes(key)
        self._anchor = anchor
        self._clock = clock
        self._lock = RLock()
        self._superseded: Head | None = None
        self._reset()

    def __repr__(self) -> str:
        return f"Ledger({str(self.path)!r}, events={self._head.number})"

    @classmethod
    def create(cls, path: Path, key: Key, anchor: Path, *, project: str, clock: Clock = time.time) -> Ledger:
        """Begin a ledger; its first event names the project.

        A creation that was killed can be repeated: a ledger of this project that holds its first event alone is taken
        for the one that is wanted.

        Raises
        ------
        LedgerError
            If there is another ledger, or an anchor that knows of one.
        """
        ledger = cls(path, key, anchor, clock)
        if not path.exists():
            _refuse_lost(path, read_anchor(anchor))
        with ledger._writing(create=True) as connection:
            fresh = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if fresh:
                _refuse_lost(path, read_anchor(anchor))
                for statement in SCHEMA.values():
                    connection.execute(statement)
                ledger._insert(connection, [Entry("created", {"project": project, "version": FORMAT})])
            ledger._check_schema(connection)
            ledger._catch_up(connection)
            if (ledger._book.number, ledger._book.project) != (1, project):
                raise LedgerError(f"there is a ledger at {path} already, with {ledger._book.number} events")
        ledger._write_anchor()
        return ledger

    @classmethod
    def open(
        cls,
        path: Path,
        key: Key,
        anchor: Path,
        *,
        project: str | None = None,
        shortened_ok: bool = False,
        clock: Clock = time.time,
    ) -> Ledger:
        """Open a ledger and verify all of it.

        Parameters
        ----------
        path : Path
            The SQLite file.
        key : Key
            The ledger key.
        anchor : Path
            The file that knows the ledger's end. Where there is none, any end is believed.
        project : str, optional
            The id that the first event must name.
        shortened_ok : bool
            Accept a ledger that ends before its anchor, as one from a backup does; ``shortened`` says by how many
            events. The next append puts the anchor where the ledger ends.
        clock : callable
            Gives seconds since 1970.

        Raises
        ------
        LedgerError
            If it is missing, altered, shortened or another project's; the first event that does not hold is named.
        """
        ledger = cls(path, key, anchor, clock)
        end = read_anchor(anchor)  # before the ledger: it may grow in between, and the other way round would seem short
        if not path.is_file():
            _refuse_lost(path, end)
            raise LedgerError(f"there is no ledger at {path}")
        with ledger._reading() as connection:
            ledger._check_schema(connection)
            ledger._catch_up(connection)
            ledger._check_end(connection, end, shortened_ok=shortened_ok)
        if project is not None and ledger._book.project != project:
            raise LedgerError(f"the ledger at {path} is of project {ledger._book.project}, not of {project}")
        return ledger

    @property
    def book(self) -> Book:
        """What the events say, caught up with other processes. It goes on changing as the ledger grows."""
        self.refresh()
        return self._book

    @property
    def seen(self) -> Book:
        """What the events say as far as they were read last: by opening, `refresh` or `append`."""
        return self._book

    @property
    def head(self) -> Head:
        """The last event, caught up with other processes."""
        self.refresh()
        return self._head

    def refresh(self) -> None:
        """Read and verify what other processes appended."""
        with self._lock, self._reading() as connection:
            self._catch_up(connection)

    def append(self, make: Callable[[Book], Iterable[Entry]]) -> list[Event]:
        """Append what ``make`` wants, given the book as it is in that moment: all of it, or none.

        Nobody else appends between the look at the book and the commit. When ``make`` wants nothing, or raises,
        nothing is written.

        Raises
        ------
        LedgerError
            If an entry cannot follow, if the ledger was altered, or if it cannot be written.
        BusyError
            If another process held the ledger for longer than `WAIT` seconds.
        """
        with self._lock:
            with self._writing() as connection:
                self._catch_up(connection)
                events = self._insert(connection, list(make(self._book)))
            if events:
                self._write_anchor()
        return events

    def journaled(self, path: Path, *, whatever: bool = False) -> None:
        """Let the anchor know the journal of erasures as it is now; ``whatever`` it knew of it before.

        Raises
        ------
        LedgerError
            When the journal does not begin with the lines that the anchor knows; it goes on knowing those.
        """
        with self._lock, self._writing() as connection:
            self._catch_up(connection)
            known = read_whole(self._anchor)
            why = None if known is None or whatever else journal.shortened(path, known.journal)
            if why is not None:
                raise LedgerError(f"{why}: it was lost while this process worked; see `expunge status`")
            now = journal.state(path)
            write_anchor(self._anchor, self._head if known is None else known.head, now if now.lines else None)

    def events(self, request: str | None = None, kinds: Iterable[str] | None = None) -> Iterator[Event]:
        """Events up to now, in order: of one request, of some kinds, or all. Each is verified again as it is read."""
        end, number = self.head.number, 0
        wanted = None if kinds is None else frozenset(kinds)
        while number < end:
            with self._reading() as connection:
                rows = connection.execute(_BETWEEN, (NOTHING, number, end, PAGE)).fetchall()
            for *row, previous in rows:
                (event,) = self._verified(number, previous, [tuple(row)])
                number += 1
                if request in (None, event[3]) and (wanted is None or event[2] in wanted):
                    yield Event(number, event[1], event[2], event[3], json.loads(event[4]), event[5])
            if not rows:
                raise self._broken(number + 1, None)

    # -- what follows runs inside a transaction

    def _reset(self) -> None:
        """Know nothing: the next look reads everything again."""
        self._head = _EMPTY
        self._book = Book()
        self._uncommitted = False

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        if dict(connection.execute("SELECT name, sql FROM sqlite_master")) != SCHEMA:
            raise LedgerError(f"{self.path} is no ledger, or its table and triggers were altered; {_RESTORE}")

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        """Verify and fold what came after the head; the head itself must still be there."""
        try:
            self._fold_from(connection.execute(_FROM, (self._head.number,)))
        except BaseException:
            self._reset()
            raise

    @paused()
    def _fold_from(self, rows: sqlite3.Cursor) -> None:
        held, mac = self._head
        if held and [row[5] for row in rows.fetchmany(1) if row[0] == held] != [mac]:
            raise self._broken(held, None)
        number, fold = held, self._book.refold
        while page := self._verified(number, mac, itertools.islice(rows, PAGE)):
            # Parsed as one text, which is twice as quick as each by itself; what is seldom asked for stays text.
            bodies = iter(json.loads(f"[{','.join([row[4] for row in page if row[2] in PARSED])}]"))
            for number, at, kind, request, body, mac in page:  # noqa: B007  (where it ends, the next page begins)
                fold(number, at, kind, request, next(bodies) if kind in PARSED else body)
        if not number:
            raise self._broken(1, None)
        self._head = Head(number, mac)

    def _verified(self, number: int, mac: str, rows: Iterable[_Row]) -> list[_Row]:
        """Rows that follow the event of this number and MAC, each after the other; the first that does not raises."""
        page: list[_Row] = []
        key, digest, add = self._key, hmac.digest, page.append
        try:
            for row in rows:
                found, at, kind, request, body, said = row
                number += 1
                content = _content(mac, found, at, kind, request, body)
                if found != number or digest(key, content, "sha256").hex() != said:
                    raise self._broken(number, kind if found == number else None)
                mac = said
                add(row)
        except sqlite3.OperationalError as unreadable:  # one by one: it is the row after the last that could be read
            if "decode" not in str(unreadable):
                raise
            raise self._broken(number + 1, None) from unreadable
        return page

    def _check_end(self, connection: sqlite3.Connection, end: Head | None, *, shortened_ok: bool) -> None:
        if end is None:
            return
        if end.number > self._head.number:
            if not shortened_ok:
                raise LedgerError(
                    f"the ledger at {self.path} ends at event {self._head.number}, and its anchor says {end.number}:"
                    f" it was shortened; {_RESTORE}"
                )
            self.shortened, self._superseded = end.number - self._head.number, end
            return
        found = connection.execute("SELECT mac FROM events WHERE number = ?", (end.number,)).fetchone()
        if found is None or found[0] != end.mac:
            raise LedgerError(
                f"event {end.number} of the ledger at {self.path} is not the one that its anchor knows:"
                f" this is another ledger, or another end of it; {_RESTORE}"
            )

    def _insert(self, connection: sqlite3.Connection, entries: list[Entry]) -> list[Event]:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        number, mac = self._head
        events: list[Event] = []
        self._uncommitted = bool(entries)
        for entry in entries:
            number += 1
            body = _written(number, entry)
            held = json.loads(body)
            self._book.fold(number, at, entry.kind, entry.request, held)
            content = _content(mac, number, at, entry.kind, entry.request, body)
            mac = hmac.digest(self._key, content, "sha256").hex()
            connection.execute(_INSERT, (number, at, entry.kind, entry.request, body, mac))
            events.append(Event(number, at, entry.kind, entry.request, held, mac))
        self._head = Head(number, mac)
        return events

    def _write_anchor(self) -> None:
        """Let the anchor know the head, unless another process has let it know a later one.

        A second transaction, which writes nothing, keeps others from appending meanwhile: the anchor names a committed
        event, and never goes back.
        """
        with self._writing():
            known = read_whole(self._anchor)
            if known is None or known.head.number < self._head.number or known.head == self._superseded:
                write_anchor(self._anchor, self._head, None if known is None else known.journal)
                self.shortened, self._superseded = 0, None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with transaction(self.path, write=False) as connection:
            yield connection

    @contextmanager
    def _writing(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            with transaction(self.path, create=create) as connection:
                yield connection
            self._uncommitted = False
        finally:
            if self._uncommitted:
                self._reset()

    def _broken(self, number: int, kind: object) -> LedgerError:
        known = f" ({kind})" if kind in KINDS else ""
        return LedgerError(
            f"event {number}{known} of the ledger at {self.path} is missing or was altered, or this is not the key it"
            f" was written with; {_RESTORE}"
        )


_RESTORE = "if this folder comes from a backup, run `expunge restore`"


def _refuse_lost(path: Path, end: Head | None) -> None:
    if end is not None:
        raise LedgerError(f"there is no ledger at {path}, but its anchor says that there was one; {_RESTORE}")


def _content(previous: str, number: int, at: str, kind: str, request: str | None, body: str) -> bytes:
    """What the MAC is over. No field that we write holds a line feed, so no other fields make the same bytes."""
    return f"{previous}\n{number}\n{at}\n{kind}\n{'-' if request is None else f'={request}'}\n{body}".encode()


def _written(number: int, entry: Entry) -> str:
    try:
        return written(entry.body)
    except CodecError as refusal:
        raise LedgerError(f"event {number} cannot be written: {refusal}") from refusal
