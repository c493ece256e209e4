"""Which source a project names, and rows that are handed in beside it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expunge.data.schema import Schema
from expunge.data.sources import CsvSource, ParquetSource, expanded, open_source, read_rows
from expunge.errors import DataError, ExpungeError, SourceError

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = Schema("id", "spam", "who", (("words", "number"), ("x", "ignore")), label_type="boolean")


def test_a_path_is_relative_to_the_project(tmp_path: Path) -> None:
    (tmp_path / "rows.CSV").write_text("a\n1\n")
    (tmp_path / "rows.tsv").write_text("a,b\tc\n1\t2\n")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "rows.parquet")
    assert isinstance(open_source({"path": "rows.CSV"}, tmp_path), CsvSource)
    assert list(open_source({"path": "rows.tsv"}, tmp_path).columns()) == ["a,b", "c"]
    assert isinstance(open_source({"path": "rows.parquet", "id": "a"}, tmp_path), ParquetSource)
    assert open_source({"path": str(tmp_path / "rows.CSV")}, tmp_path / "elsewhere").rows() == 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "a source is named by path .* or by url .*, by exactly one of them"),
        ({"path": "a.csv", "url": "sqlite:///x"}, "by exactly one of them"),
        ({"path": 7}, "path of the source must be text, got 7"),
        ({"path": " "}, "path of the source must be text"),
        ({"path": "a.csv", "table": "t"}, "table belongs to a database"),
        ({"path": "a.csv", "query": "SELECT 1"}, "query belongs to a database"),
        ({"path": "rows.xlsx"}, "the file rows.xlsx is none that can be read; these can: .csv, .tsv"),
        ({"path": "nothing.csv"}, "the file nothing.csv does not exist"),
        ({"path": "${NOT_SET_AT_ALL}.csv"}, "needs the environment variable NOT_SET_AT_ALL, which is not set"),
        ({"url": "sqlite:///shop.db"}, "a table or a query: give exactly one of them"),
        ({"url": "sqlite:///shop.db", "table": "t"}, "there is no file .*shop.db; it is not created"),
    ],
)
def test_what_names_no_source_is_said(tmp_path: Path, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        open_source(settings, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_variables_of_the_environment_are_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "p@ss/word:1")
    monkeypatch.setenv("SHOP_HOST", "db.example")
    monkeypatch.setenv("SHOP_URL", "postgresql://a:b@c/d")
    assert (
        expanded("postgresql://me:${SHOP_PASSWORD}@${SHOP_HOST}/x") == "postgresql://me:p%40ss%2Fword%3A1@db.example/x"
    )
    assert expanded("${SHOP_URL}") == "postgresql://a:b@c/d"
    assert expanded("plain $HOME {x}") == "plain $HOME {x}"
    monkeypatch.setenv("ROWS", str(tmp_path / "rows"))
    (tmp_path / "rows.csv").write_text("a\n1\n")
    assert open_source({"path": "${ROWS}.csv"}, tmp_path).rows() == 1


def rows(folder: Path, text: str) -> CsvSource:
    (folder / "rows.csv").write_text(text)
    return CsvSource(folder / "rows.csv")


def test_corrections_are_read_in_the_declared_types(tmp_path: Path) -> None:
    table = read_rows(rows(tmp_path, "who,words,spam,id,more\nann,1.5,yes,7,x\nbob,,no,8,y\n"), SCHEMA)
    assert table.ids.tolist() == [7, 8]
    assert table.owners is not None
    assert table.owners.tolist() == ["ann", "bob"]
    assert table.label is not None
    assert table.label.tolist() == [True, False]
    assert table.features.to_pydict() == {"words": [1.5, None]}
    without = read_rows(rows(tmp_path, "words,spam,id\n1.5,yes,7\n"), SCHEMA)
    assert without.owners is None
    assert len(read_rows(rows(tmp_path, "words,spam,id\n"), SCHEMA)) == 0


def test_rows_to_predict_for_need_neither_ids_nor_labels(tmp_path: Path) -> None:
    table = read_rows(rows(tmp_path, "words,spam\n1.5,perhaps\n2,\n"), SCHEMA, need_label=False)
    assert table.ids.tolist() == [0, 1]
    assert table.label is None
    assert table.owners is None
    text_ids = Schema("id", None, None, (("words", "number"),), id_type="text")
    assert read_rows(rows(tmp_path, "words\n1\n2\n"), text_ids, need_label=False).ids.tolist() == ["0", "1"]
    assert read_rows(rows(tmp_path, "words,id\n1,b\n2,a\n"), text_ids, need_label=False).ids.tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("who,spam,id\nann,yes,7\n", "the file rows.csv has no column 'words'"),
        ("word,spam,id\n1,yes,7\n", "the file rows.csv has no column 'words'; did you mean 'word'"),
        ("words,id\n1,7\n", "the file rows.csv has no column 'spam'"),
        ("words,spam\n1,yes\n", "the file rows.csv has no column 'id'"),
        ("words,spam,id\n1,,7\n", "the file rows.csv: row 1, column 'spam': there is no label"),
        ("words,spam,id\n1,yes,7\n2,no,\n", "the file rows.csv: row 2, column 'id': there is no id"),
        ("words,spam,id\n1,yes,7\n2,no,7\n", "the file rows.csv: ids must be unique: row 1 repeats the id 7 of row 0"),
        ("words,spam,id\nx,yes,7\n", "the file rows.csv: row 1, column 'words': 'x' is not a finite number"),
    ],
)
def test_rows_that_do_not_fit_are_said(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ExpungeError, match=sentence) as caught:
        read_rows(rows(tmp_path, text), SCHEMA)
    assert isinstance(caught.value, DataError | SourceError)


def test_files_need_no_database_package() -> None:
    code = (
        "import sys, expunge.data.sources; print([name for name in ('sqlalchemy', 'psycopg') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
