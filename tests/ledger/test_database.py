"""The table only grows, a transaction is all or nothing, settings are read back, errors are sentences."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from expunge.errors import BusyError, LedgerError
from expunge.ledger import database
from expunge.ledger.database import SCHEMA, transaction

if TYPE_CHECKING:
    from pathlib import Path

ROW = "VALUES ({}, 'at', 'noted', NULL, '{{}}', 'mac')"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "odd ?#%name.sqlite"
    with transaction(path, create=True) as connection:
        for statement in SCHEMA.values():
            connection.execute(statement)
        for number in (1, 2, 3):
            connection.execute("INSERT INTO events " + ROW.format(number))
    return path


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM events WHERE number = 3",
        "UPDATE events SET at = 'x' WHERE number = 2",
        "REPLACE INTO events " + ROW.format(2),
        "INSERT OR REPLACE INTO events " + ROW.format(3),
        "INSERT INTO events " + ROW.format(0),
    ],
)
def test_the_table_only_grows_for_anybody(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, pytest.raises(sqlite3.IntegrityError, match="only grows"):
        connection.execute(statement)
    with pytest.raises(LedgerError, match="only grows"), transaction(file) as connection:
        connection.execute(statement)
    assert count(file) == 3


def test_what_raises_inside_is_undone(file: Path) -> None:
    with pytest.raises(ZeroDivisionError), transaction(file) as connection:
        connection.execute("INSERT INTO events " + ROW.format(4)).fetchone()[1 // 0]
    assert count(file) == 3
    assert list(file.parent.iterdir()) == [file]


def test_the_settings_hold_in_every_connection(file: Path) -> None:
    with transaction(file, write=False) as connection:
        found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in database._SETTINGS}
    assert found == {"trusted_schema": 0, "secure_delete": 1, "synchronous": 3, "journal_mode": "delete"}


def test_a_setting_that_is_not_kept_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(database._SETTINGS, "secure_delete", ("OFF", 1))
    with pytest.raises(LedgerError, match="does not keep the setting secure_delete"), transaction(file):
        pass


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be read or written"), transaction(tmp_path / "none.sqlite"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"dear diary, " * 1000)
    with pytest.raises(LedgerError, match="not a database"), transaction(tmp_path / "text"):
        pass


def test_whoever_waits_in_vain_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAIT", 0.01)
    with transaction(file), pytest.raises(BusyError, match="another process"), transaction(file):
        pass
