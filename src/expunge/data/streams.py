"""`Source`: where rows come from, read in order and in small batches, so that ten million of them need no memory.

A source knows how to hand out raw rows; what they mean is said by a `Schema`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from expunge.data.kinds import TYPES
from expunge.data.schema import typed
from expunge.errors import DataError, SourceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from expunge.data.kinds import Kind
    from expunge.data.schema import NameType, Schema
    from expunge.values import Name

ROWS = 65_536  # of a batch


class Source(ABC):
    """Rows that somebody else keeps: a file, a table, a query. It is read and never changed.

    Attributes
    ----------
    said : str
        What it is, for a sentence; without a password.
    """

    said: str

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.said}>"

    @abstractmethod
    def columns(self) -> dict[str, pa.DataType]:
        """Names and types of all columns, as the source declares them; a CSV file has text only."""

    @abstractmethod
    def rows(self) -> int | None:
        """About how many rows there are; None where that cannot be said without reading them."""

    @abstractmethod
    def raw(self, names: Sequence[str], rows: int = ROWS) -> Iterator[pa.RecordBatch]:
        """These columns as they come, some ``rows`` rows at a time; a DataError where the source lacks one."""

    @abstractmethod
    def peek(self, rows: int = 10_000) -> pa.Table:
        """The first rows, all columns; in a CSV file types are guessed from them."""

    def batches(self, schema: Schema, rows: int = ROWS) -> Iterator[pa.RecordBatch]:
        """All rows in the schema's types and its order of columns; at most ``rows`` at a time.

        Raises
        ------
        SourceError
            If the source cannot be read.
        DataError
            If it lacks a column, or a value does not fit its column: the first one, with its row.
        """
        return self.converted(schema.kinds, rows)

    def converted(self, kinds: dict[str, Kind], rows: int = ROWS) -> Iterator[pa.RecordBatch]:
        """Some columns in these kinds; at most ``rows`` rows at a time."""
        start = 0
        for batch in self.raw(tuple(kinds), rows):
            for place in range(0, batch.num_rows, rows):
                part = batch.slice(place, rows)
                yield typed(part, kinds, self.said, start)
                start += part.num_rows

    def holds(self, column: str, names: Collection[Name], kind: NameType) -> set[Name]:
        """Those of these ids (or owners) that are still in the source; only that column is read."""
        wanted = askable(names, kind)
        found: set[Name] = set()
        if not len(wanted):
            return found
        for batch in self.converted({column: kind}):
            values = batch.column(0)
            found.update(values.filter(pc.is_in(values, value_set=wanted)).to_pylist())
            if len(found) == len(wanted):
                break
        return found


def askable(names: Collection[Name], kind: NameType) -> pa.Array:
    """Names that a column of this type can hold at all, each once."""
    wanted: type = int if kind == "integer" else str
    for name in names:
        if not isinstance(name, wanted) or isinstance(name, bool):
            msg = f"the column is declared as {kind}, but {name!r} is a {type(name).__name__}"
            raise DataError(msg)
    if wanted is int:
        return pa.array([name for name in set(names) if -(2**63) <= int(name) < 2**63], TYPES[kind])
    return pa.array([name for name in set(names) if str(name).encode(errors="replace").decode() == name], TYPES[kind])


def refuse_twins(names: Sequence[str], said: str) -> None:
    """Raise the sentence that names a column that a source has twice."""
    for place, name in enumerate(names):
        if name in names[:place]:
            msg = f"{said} has two columns called {name!r}; give each a name of its own"
            raise SourceError(msg)
