"""CSV and Parquet files as people have them, and as nobody should have them."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.data import files
from expunge.data.files import CsvSource, ParquetSource
from expunge.data.schema import Schema
from expunge.errors import DataError, ExpungeError, SourceError

if TYPE_CHECKING:
    from pathlib import Path

AB = Schema("a", None, None, (("b", "text"),), id_type="text")


def read(path: Path, schema: Schema = AB) -> list[dict[str, object]]:
    source = CsvSource(path) if ".csv" in path.name else ParquetSource(path)
    return pa.Table.from_batches(list(source.batches(schema)), schema.arrow).to_pylist()  # type: ignore[no-any-return]


def write(folder: Path, content: bytes) -> Path:
    path = folder / "rows.csv"
    path.write_bytes(content)
    return path


# -- CSV ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"a,b\n1,2\n", [("1", "2")]),
        (b"a,b\n1,2", [("1", "2")]),
        (b"a,b\r\n1,2\r\n3,4\r\n", [("1", "2"), ("3", "4")]),
        (b"a,b\r1,2\r", [("1", "2")]),
        (b"\xef\xbb\xbfa,b\n1,2\n", [("1", "2")]),
        (b"\n\na,b\n\n1,2\n\n", [("1", "2")]),
        (b"a,b\n", []),
        (b"a,b", []),
        (b'a,b\n1,""\n2,\n', [("1", ""), ("2", None)]),
        (b'a,b\n"1\n\r\n2","say ""hi"", ok"\n', [("1\n\r\n2", 'say "hi", ok')]),
        (b"a,b\n1,x\0y\n", [("1", "x\0y")]),
        (b"a,b\n1, NA \n", [("1", " NA ")]),
        (b"b,c,a\n2,3,1\n", [("1", "2")]),
        (b"a;b\n1;2,5\n", [("1", "2,5")]),
        (b"a\tb\n1\t2,5\n", [("1", "2,5")]),
        (b"a|b\n1|2\n", [("1", "2")]),
        (b'"x,y,z";a;b\n0;1;2\n', [("1", "2")]),
        ("a,b\n\u00e9\U0001f600,\u05d0\n".encode(), [("\u00e9\U0001f600", "\u05d0")]),
        (b'"a","b"\n"1","2"\n', [("1", "2")]),
        (b"a,b\n../../etc,'; DROP TABLE x; --\n", [("../../etc", "'; DROP TABLE x; --")]),
    ],
)
def test_cells_are_read_as_they_stand(tmp_path: Path, content: bytes, rows: list[tuple[str, str]]) -> None:
    path = write(tmp_path, content)
    assert [(row["a"], row["b"]) for row in read(path)] == rows
    assert CsvSource(path).peek().num_rows == len(rows)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"the file rows.csv is empty; its first line should name the columns"),
        (b"\n\n", r"is empty"),
        (b"a,b\n1,2\n3\n", r"row 2 has 1 cells, the header has 2; is a quote left open"),
        (b"a,b\n1,2\n\n3,4,5\n", r"row 2 has 3 cells, the header has 2"),
        (b'a,b\n"1,2\n3,4\n', r"row 1 has 1 cells, the header has 2; is a quote left open"),
        (b"a,b,a\n1,2,3\n", r"the file rows.csv has two columns called 'a'; give each a name of its own"),
        (b"a,b\n1,2\n3,\xff\n", r"row 2, column 'b' is not UTF-8; save the file as UTF-8"),
        (b"a,\xff\n1,2\n", r"is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), r"is written in UTF-16; save it as UTF-8"),
        (b"a,c\n1,2\n", r"the file rows.csv has no column 'b'; it has 'a', 'c'"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(ExpungeError, match=sentence) as caught:
        read(write(tmp_path, content))
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=60) | st.text(alphabet='a,b"\n\r\0;\t1\u00e9', max_size=60).map(str.encode))
def test_no_bytes_end_in_a_traceback(content: bytes) -> None:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        for body in (content, b"a,b\n" + content):
            path = write(Path(folder), body)
            try:
                read(path)
                CsvSource(path).peek()
                CsvSource(path).rows()
            except ExpungeError as sentence:
                assert str(sentence)  # noqa: PT017


@given(
    st.lists(st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)] * 2), max_size=6),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_python_writes_is_read_back(rows: list[tuple[str, str]], delimiter: str, end: str) -> None:
    import tempfile
    from pathlib import Path

    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), text.getvalue().encode())
        assert [(row["a"], row["b"]) for row in read(path)] == rows


def test_a_value_does_not_depend_on_the_rows_before_it(tmp_path: Path) -> None:
    """A reader that guesses types would read 007 as 7 here, and as text where a later row holds x."""
    first = read(write(tmp_path, b"a,b\n1,007\n"))
    second = read(write(tmp_path, b"a,b\n0,x\n1,007\n"))
    assert first == second[1:]


def test_long_cells_and_small_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", 64)
    rows = [(str(k), "x" * (k % 300)) for k in range(500)] + [("long", "y" * 5000), ("last", "z")]
    path = write(tmp_path, b"a,b\n" + b"".join(f"{a},{b}\n".encode() for a, b in rows))
    assert [(row["a"], row["b"] or "") for row in read(path)] == rows
    monkeypatch.setattr(files, "LONGEST", 1024)
    with pytest.raises(SourceError, match=r"a row is longer than 0 MB; is a quote left open\?"):
        read(path)


def test_an_open_quote_is_no_endless_row(tmp_path: Path) -> None:
    path = write(tmp_path, b'a,b\n1,"' + b"2\n3," * 3_000_000)
    with pytest.raises(SourceError, match="a quote is left open; all rows after it are one cell"):
        read(path)


@pytest.mark.parametrize("content", [b'a,b\n1,5" wide\n2,3\n', b'a,b\n"1"2,3\n', b'a,b\n1,"\n2"\n'])
def test_odd_quotes_inside_cells_are_no_open_quotes(tmp_path: Path, content: bytes) -> None:
    assert read(write(tmp_path, content))


def test_values_that_do_not_fit_are_named_with_their_row(tmp_path: Path) -> None:
    path = write(tmp_path, b"a,b\n" + b"".join(b"%d,%d\n" % (k, k) for k in range(200_000)) + b"7,1e308\n8,1e309\n")
    schema = Schema("a", None, None, (("b", "number"),))
    with pytest.raises(DataError, match=r"the file rows.csv: row 200002, column 'b': inf is not a finite number"):
        read(path, schema)
    path = write(tmp_path, b"a,b\n1,1e308\n2,NaN\n3,-1e308\n")
    assert [row["b"] for row in read(path, schema)] == [1e308, None, -1e308]


def test_batches_have_at_most_so_many_rows(tmp_path: Path) -> None:
    path = write(tmp_path, b"a,b\n" + b"1,2\n" * 1000)
    sizes = [batch.num_rows for batch in CsvSource(path).batches(AB, rows=300)]
    assert sizes == [300, 300, 300, 100]


def test_compressed_files_and_other_delimiters(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"a:b\n1:2,5\n"))
    source = CsvSource(path, delimiter=":")
    assert source.columns() == {"a": pa.large_string(), "b": pa.large_string()}
    assert source.rows() is None
    assert next(source.batches(AB)).to_pylist() == [{"a": "1", "b": "2,5"}]
    path.write_bytes(b"not compressed")
    with pytest.raises(SourceError, match=r"the file rows.csv.gz cannot be read"):
        CsvSource(path)


def test_the_number_of_rows_is_about_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, b"a,b\n" + b"".join(b"%d,%d\n" % (k, k) for k in range(10_000)))
    assert CsvSource(path).rows() == 10_000
    monkeypatch.setattr(files, "SAMPLE", 5_000)
    assert CsvSource(path).rows() == pytest.approx(10_000, rel=0.3)
    assert CsvSource(write(tmp_path, b"a,b")).rows() == 0


def test_a_peek_guesses_types_for_a_proposal(tmp_path: Path) -> None:
    columns = {
        "whole": ["1", "-2", ""],
        "number": ["1.5", "NA", "2"],
        "zip": ["01234", "9", ""],
        "day": ["2024-01-31", "", "2024-02-01 10:00"],
        "word": ["yes", "no", ""],
        "empty": ["", "", ""],
        "far": ["1e999", "1", "2"],
        "hex": ["0x1", "1", ""],
    }
    lines = [",".join(columns), *(",".join(row) for row in zip(*columns.values(), strict=True))]
    source = CsvSource(write(tmp_path, "\n".join(lines).encode()))
    types = dict(zip(columns, source.peek().schema.types, strict=True))
    text = pa.large_string()
    assert types == {
        "whole": pa.int64(),
        "number": pa.float64(),
        "zip": text,
        "day": pa.timestamp("us"),
        "word": text,
        "empty": text,
        "far": text,
        "hex": text,
    }
    assert source.peek(2).num_rows == 2
    assert source.peek()["day"].to_pylist()[2] == dt.datetime(2024, 2, 1, 10)  # noqa: DTZ001


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    for made in (CsvSource, ParquetSource):
        with pytest.raises(SourceError, match=r"the file nothing.csv does not exist: there is nothing at"):
            made(tmp_path / "nothing.csv")
        with pytest.raises(SourceError, match="is a folder"):
            made(tmp_path)
        with pytest.raises(SourceError, match="does not exist"):
            made(tmp_path / ("x" * 5000))
        with pytest.raises(SourceError, match="does not exist"):
            made(tmp_path / "a\0b")


# -- Parquet -----------------------------------------------------------------------------------------------------------


def parquet(folder: Path, **columns: object) -> Path:
    path = folder / "rows.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=400)
    return path


def test_parquet_streams_in_the_declared_types(tmp_path: Path) -> None:
    path = parquet(
        tmp_path, **{"a.b": np.arange(1000), "b": pa.array(["x", None] * 500).dictionary_encode(), "c": [1] * 1000}
    )
    source, schema = ParquetSource(path), Schema("a.b", None, None, (("b", "text"),))
    assert source.rows() == 1000
    assert source.columns()["a.b"] == pa.int64()
    batches = list(source.batches(schema, rows=300))
    assert all(batch.schema == schema.arrow and batch.num_rows <= 300 for batch in batches)
    assert pa.Table.from_batches(batches).column("a.b").to_pylist() == list(range(1000))
    assert source.peek(7).num_rows == 7
    assert source.peek(7).column_names == ["a.b", "b", "c"]
    with pytest.raises(DataError, match=r"the file rows.parquet has no column 'd'"):
        list(source.batches(Schema("a.b", None, None, (("d", "text"),))))


def test_an_empty_parquet_file_has_columns(tmp_path: Path) -> None:
    source = ParquetSource(parquet(tmp_path, a=pa.array([], pa.int64()), b=pa.array([], pa.string())))
    assert source.peek().num_rows == 0
    assert list(source.batches(AB)) == []


def test_a_damaged_parquet_file_is_said(tmp_path: Path) -> None:
    path = parquet(tmp_path, a=np.arange(5000), b=np.arange(5000))
    content = path.read_bytes()
    for damaged in (b"", b"a,b\n1,2\n", content[:-10], content[: len(content) // 2] + content[-500:]):
        path.write_bytes(damaged)
        with pytest.raises(ExpungeError, match=r"the file rows.parquet"):
            list(ParquetSource(path).batches(AB))
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(SourceError, match="two columns called 'a'"):
        ParquetSource(path)


def test_csv_and_parquet_hold_the_same(tmp_path: Path, real_data: Path) -> None:
    from pyarrow import csv as arrow_csv

    kinds = {"age": "number", "workclass": "category", "education_num": "integer", "sex": "text"}
    schema = Schema("row_id", "income", None, tuple(kinds.items()))  # type: ignore[arg-type]
    table = pq.read_table(real_data / "adult.parquet")
    arrow_csv.write_csv(table, tmp_path / "adult.csv")
    first = read(real_data / "adult.parquet", schema)
    assert first == read(tmp_path / "adult.csv", schema)
    assert len(first) == 48842
