"""What every source does with the rows that it hands out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from expunge.data.schema import Schema
from expunge.data.streams import Source, askable, refuse_twins
from expunge.errors import DataError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Listed(Source):
    """Rows in memory, that notes how many of them were asked for."""

    said = "the list"

    def __init__(self, **columns: list[object]) -> None:
        self.table, self.asked = pa.table(columns), list[tuple[str, ...]]()

    def columns(self) -> dict[str, pa.DataType]:
        return dict(zip(self.table.column_names, self.table.schema.types, strict=True))

    def rows(self) -> int | None:
        return None

    def raw(self, names: Sequence[str], rows: int = 0) -> Iterator[pa.RecordBatch]:
        for batch in self.table.select(list(names)).to_batches(max_chunksize=3):
            self.asked.append(tuple(names))
            yield batch

    def peek(self, rows: int = 10) -> pa.Table:
        return self.table.slice(0, rows)


def test_batches_are_converted_and_counted() -> None:
    source = Listed(size=["1", "2", "3", "4", "x"], id=[1, 2, 3, 4, 5])
    schema = Schema("id", None, None, (("size", "number"),))
    batches = source.batches(schema, 2)
    assert [next(batches).num_rows for _ in range(2)] == [2, 1]
    with pytest.raises(DataError, match="the list: row 5, column 'size': 'x'"):
        next(batches)
    assert repr(source) == "<Listed: the list>"


def test_a_source_says_which_names_it_holds() -> None:
    source = Listed(id=["1", "2", "3", "4", "5", "6", "7"], who=["ann", "bob", "x", "x", "x", "x", "x"])
    assert source.holds("id", {2, 9, 7, 10**30}, "integer") == {2, 7}
    assert source.holds("id", {"2", "02"}, "text") == {"2"}
    assert source.holds("who", ["ann", "\ud800"], "text") == {"ann"}
    assert set(source.asked) == {("id",), ("who",)}
    with pytest.raises(DataError, match="the column is declared as integer, but '2' is a str"):
        source.holds("id", ["2"], "integer")


def test_reading_stops_when_all_names_are_found() -> None:
    source = Listed(id=list(range(100)))
    assert source.holds("id", [0, 1], "integer") == {0, 1}
    assert len(source.asked) == 1
    assert source.holds("id", [], "integer") == set()
    assert len(source.asked) == 1
    assert len(askable([1, 1, True + 1], "integer")) == 2


def test_two_columns_of_one_name_are_refused() -> None:
    refuse_twins(["a", "b"], "the list")
    with pytest.raises(SourceError, match="the list has two columns called 'b'"):
        refuse_twins(["a", "b", "c", "b"], "the list")
