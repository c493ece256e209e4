"""What a row says, cell by cell, spelled so that a value is known again when its column is declared otherwise.

Each value is spelled twice: exactly, with its type, and plainly, as any declaration of the column would read it.

Examples
--------
>>> from expunge import Table
>>> (row,) = cells_of(Table.from_arrays([[77.0]], ["a"], ids=[7], columns=["age"]))
>>> row[b"feature age"]
(b'is float 77.0', b'reads 77')
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expunge.data.table import Table

Said = tuple[bytes, ...]
Row = dict[bytes, Said]


def cells_of(table: Table) -> Iterator[Row]:
    """The values of each record by column; owner and label are columns too."""
    columns = {f"feature {name}".encode(): _listed(table, name) for name in table.names}
    if table.owners is not None:
        columns[b"owner"] = table.owners.tolist()
    if table.label is not None:
        columns[b"label"] = table.label.tolist()
    for place in range(len(table)):
        yield {name: spelled(values[place]) for name, values in columns.items()}


def spelled(value: Any) -> Said:
    """A value exactly and, unless there is none, plainly.

    Examples
    --------
    >>> spelled("007"), spelled(7), spelled(None)
    ((b'is str 007', b'reads 7'), (b'is int 7', b'reads 7'), (b'is nothing',))
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return (b"is nothing",)
    both = f"is {type(value).__name__} {value}", f"reads {_plain(str(value).strip())}"
    return tuple(said.encode(errors="surrogatepass") for said in both)


def _plain(text: str) -> str:
    for read in (int, float):
        try:
            number = read(text)
        except (ValueError, OverflowError):
            continue
        if math.isfinite(number):
            return str(int(number) if number == int(number) else number)
    return text.lower() if text.lower() in ("true", "false") else text


def _listed(table: Table, name: str) -> list[Any]:
    stored = table.stored
    if isinstance(stored, pa.Table):
        values: list[Any] = stored.column(table.names.index(name)).to_pylist()
        return values
    listed: list[Any] = table.column(name).tolist()
    return listed
