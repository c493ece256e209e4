"""A project that was learned once, and copies of it: each test gets folder and secrets of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from expunge import cli

ROWS = 60
MINE = ["--id", "row", "--label", "late", "--owner", "who"]
SET = ["--set", "shards=2", "--learner", "sklearn.linear_model.LogisticRegression"]


class Screen(io.TextIOWrapper):
    """A stream in UTF-8 that remembers all."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def said(self) -> str:
        """All that was written."""
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


def run(*arguments: str | Path) -> Said:
    """The command line in this process, as a user meets it."""
    screens = Screen(), Screen()
    with redirect_stdout(screens[0]), redirect_stderr(screens[1]), pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    code = ended.value.code
    assert isinstance(code, int)
    return Said(code, screens[0].said(), screens[1].said())


def write_csv(path: Path, rows: int = ROWS, first: int = 1) -> Path:
    """A table of orders: numbers, a category, who, and whether they came late."""
    lines = ["row,who,size,colour,late"]
    lines += [
        f"{n},person {n // 2},{n * 37 % 101}.5,{'red' if n % 3 else 'blue'},{'yes' if n % 4 else 'no'}"
        for n in range(first, first + rows)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_sqlite(path: Path, rows: int = ROWS) -> Path:
    """The same table in SQLite."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE orders (row INTEGER, who TEXT, size REAL, colour TEXT, late TEXT)")
        database.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?)",
            [
                (n, f"person {n // 2}", n * 37 % 101 + 0.5, "red" if n % 3 else "blue", "yes" if n % 4 else "no")
                for n in range(1, rows + 1)
            ],
        )
    database.close()
    return path


@dataclass
class Shop:
    """A project of a test's own."""

    folder: Path
    secrets: Path

    def __call__(self, *arguments: str | Path) -> Said:
        """Run a command in the project."""
        return run(*arguments)

    def done(self, *arguments: str | Path) -> Any:
        """Run a command with ``--json`` that succeeds; its document."""
        said = run(*arguments, "--json")
        assert said.code == 0, said.out + said.err
        return said.document

    def certificates(self) -> list[Path]:
        """The files of certificates."""
        return sorted((self.folder / "certificates").glob("*.json"))

    def state(self) -> dict[str, bytes]:
        """Every file of folder and secrets, with what is in it; the lock aside, which says who held it last."""
        both = [path for place in (self.folder, self.secrets) for path in sorted(place.rglob("*")) if path.is_file()]
        return {str(path): path.read_bytes() for path in both if path.name != "lock"}


@pytest.fixture
def expunge() -> Callable[..., Said]:
    """The command line, in this process."""
    return run


@pytest.fixture
def csv_of() -> Callable[..., Path]:
    """Writes the table of orders."""
    return write_csv


@pytest.fixture
def sqlite_of() -> Callable[..., Path]:
    """Writes the same table into SQLite."""
    return write_sqlite


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder and secrets of a project that was learned: made once, copied by tests, changed by none."""
    place = tmp_path_factory.mktemp("learned")
    folder = place / "shop"
    folder.mkdir()
    write_csv(folder / "orders.csv")
    before = os.environ.get("EXPUNGE_SECRETS")
    os.environ["EXPUNGE_SECRETS"] = str(place / "secrets")
    try:
        made = run("init", "--source", folder / "orders.csv", *MINE, *SET, "--project", folder)
        assert made.code == 0, made.err
        text = (folder / "expunge.toml").read_text(encoding="utf-8")
        (folder / "expunge.toml").write_text(text.replace(f"{folder}/", ""), encoding="utf-8")
        done = run("learn", "--project", folder)
        assert done.code == 0, done.err
    finally:
        if before is None:
            del os.environ["EXPUNGE_SECRETS"]
        else:
            os.environ["EXPUNGE_SECRETS"] = before
    return place


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a project, and a place for secrets; commands run in it."""
    monkeypatch.setenv("EXPUNGE_SECRETS", str(tmp_path / "secrets"))
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def shop(learned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A learned project, one's own; commands run in its folder."""
    for part in ("shop", "secrets"):
        shutil.copytree(learned / part, tmp_path / part)
    monkeypatch.setenv("EXPUNGE_SECRETS", str(tmp_path / "secrets"))
    monkeypatch.chdir(tmp_path / "shop")
    made = Shop(tmp_path / "shop", tmp_path / "secrets")
    assert run("trust").code == 0  # a copy of secrets is not trusted
    return made
