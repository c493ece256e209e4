"""The ledger's SQLite file: its table, which only grows, its settings, which are read back, and its errors in words.

Examples
--------
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder, transaction(Path(folder, "ledger.sqlite"), create=True) as connection:
...     for statement in SCHEMA.values():
...         connection.execute(statement).fetchall()
...     connection.execute("INSERT INTO events VALUES (1, '', 'noted', NULL, '{}', '')").fetchall()
...     connection.execute("DELETE FROM events")
Traceback (most recent call last):
expunge.errors.LedgerError: the ledger at ... cannot be read or written: the ledger only grows
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from expunge.errors import BusyError, LedgerError

WAIT = 30.0  # seconds to wait for another process's transaction, which takes milliseconds

# A ledger has these statements to the letter, or it was altered: changing one of them is another format.
SCHEMA = {
    "events": """CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    request TEXT,
    body TEXT NOT NULL,
    mac TEXT NOT NULL
)""",
    "no_update": """CREATE TRIGGER no_update BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END""",
    "no_delete": """CREATE TRIGGER no_delete BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END""",
    "no_insert": (  # REPLACE would not pass `no_delete`
        "CREATE TRIGGER no_insert BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE number >= NEW.number)"
        " BEGIN SELECT RAISE(ABORT, 'the ledger only grows'); END"
    ),
}
# What SQLite has to answer to a setting before we believe it. EXTRA is FULL, and the folder is synced as well when the
# journal goes: without that a cut of the power could take back a commit that the anchor already knows.
_SETTINGS = {
    "trusted_schema": ("OFF", 0),
    "secure_delete": ("ON", 1),
    "synchronous": ("EXTRA", 3),
    "journal_mode": ("DELETE", "delete"),
}


@contextmanager
def transaction(path: Path, *, write: bool = True, create: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection in one transaction: committed at the end, or as if it had never begun.

    Raises
    ------
    LedgerError
        If the file is missing, is no database or is damaged, or if the disk does not take it.
    BusyError
        If another process held it for longer than `WAIT` seconds.
    """
    with _speaking(path), closing(_connect(path, "rwc" if create else "rw")) as connection:
        connection.execute("BEGIN IMMEDIATE" if write or create else "BEGIN")
        yield connection
        connection.execute("COMMIT")  # closing the connection rolls back what does not come so far


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    place = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(place, uri=True, timeout=WAIT, isolation_level=None)
    try:
        _set(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _set(connection: sqlite3.Connection) -> None:
    for name, (wanted, answer) in _SETTINGS.items():
        found = (
            connection.execute(f"PRAGMA {name} = {wanted}").fetchone()
            or connection.execute(f"PRAGMA {name}").fetchone()
        )
        if found != (answer,):
            version = sqlite3.sqlite_version
            raise LedgerError(f"SQLite {version} does not keep the setting {name} = {wanted}: it answers {found}")


@contextmanager
def _speaking(path: Path) -> Iterator[None]:
    """SQLite's errors as sentences."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter where SQLite's own message quotes a damaged file
        if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
            raise BusyError(f"another process has held the ledger at {path} for {WAIT:.0f} seconds") from error
        raise LedgerError(f"the ledger at {path} cannot be read or written: {error}") from error
