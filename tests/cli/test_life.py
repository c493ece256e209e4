"""The whole life of a project from the command line, on a file and on a table of a database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

MINE = ["--id", "row", "--label", "late", "--owner", "who", "--set", "shards=2"]


def lives(expunge: Callable[..., Any], source: list[str], erase: Callable[[int], None]) -> None:
    """Init, learn, ask, forget, verify, reconcile, back up, look: nothing fails and nothing is left."""

    def done(*arguments: str | Path) -> Any:
        said = expunge(*arguments, "--json")
        assert said.code == 0, said.out + said.err
        return said.document

    done("init", *source, *MINE)
    learned = done("learn")
    assert learned["rows"] == 60
    assert done("where", "--owners", "person 7")["rows"] == 2
    assert done("quote", "--owners", "person 7")["models"][0]["claim"] == {"name": "Exact"}
    forgotten = done("forget", "--owners", "person 7", "--requester", "ann")
    assert forgotten["scan"]["verdict"] == "clean"
    assert forgotten["source"] == "holds"
    about = ["--owner", "person 7", "--salt", forgotten["salt"]]
    assert done("verify", forgotten["certificate"], *about)["certificates"][0]["names"][0]["outcome"] == "erased"
    erase(21)
    (reconciled,) = done("reconcile", "--yes")["done"]
    assert [name["name"] for name in reconciled["names"]] == [21]
    assert reconciled["source"] == "no longer"
    assert done("learn", "--update")["cause"] == "nothing"
    assert done("audit")["models"][0]["equal"]
    assert done("scan", "--owners", "person 7", "--records", "21")["problems"] == []
    assert done("status")["requests"]["certified"] == 2
    assert len(done("log")) == done("status")["events"]


def test_on_a_file(empty: Path, csv_of: Callable[..., Path], expunge: Callable[..., Any]) -> None:
    path = csv_of(empty / "orders.csv")

    def erase(row: int) -> None:
        path.write_text("".join(f"{line}\n" for line in path.read_text().split("\n") if line and f"{row}," != line[:3]))

    lives(expunge, ["--source", "orders.csv"], erase)


@pytest.mark.parametrize(
    "asked", [["--table", "orders"], ["--query", "SELECT * FROM orders WHERE row > 0"]], ids=" ".join
)
def test_on_a_database(
    asked: list[str], empty: Path, sqlite_of: Callable[..., Path], expunge: Callable[..., Any]
) -> None:
    path = sqlite_of(empty / "shop.db")

    def erase(row: int) -> None:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("DELETE FROM orders WHERE row = ?", [row])

    lives(expunge, ["--source", "sqlite:///shop.db", *asked], erase)
