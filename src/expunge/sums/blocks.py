"""The numbers of a table's records in blocks of rows, as float64, whatever they came as.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> table = Table.from_arrays(np.arange(6).reshape(3, 2)).take(np.array([2, 0]))
>>> [(rows, block.tolist()) for rows, block in blocks(table)]
[(slice(0, 2, None), [[4, 5], [0, 1]])]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from expunge.data import features as feats
from expunge.data.compressed import is_compressed
from expunge.data.items import Items
from expunge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from expunge.data.table import Table

ROWS = 2048  # of one block: what is made of it stays in the cache


def blocks(table: Table, size: int = ROWS) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Which rows, and their (m, d) numbers in whatever type they have; sparse rows are made dense, block by block.

    Raises
    ------
    DataError
        For features that are no rows of numbers.
    """
    refuse_other(table)
    features, rows = table.columns.features, table.rows
    for start in range(0, len(table), size):
        part = slice(start, min(start + size, len(table)))
        yield part, numbers(feats.take(features, part if rows is None else rows[part]))


def refuse_other(table: Table) -> None:
    """Raise a sentence unless a record is a row of numbers."""
    features: Any = table.columns.features
    if not feats.in_columns(features):
        msg = f"sums are over rows of numbers, and a record of these data has shape {features.shape[1:]}"
        raise DataError(msg)
    if isinstance(features, pa.Table):
        for field in features.schema:
            kind = field.type
            if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
                msg = f"column {field.name!r} holds {kind}, and sums are over numbers: put an encoder before it"
                raise DataError(msg)


def numbers(stored: Any) -> NDArray[Any]:
    """(m, d) one array of what a table stores of some rows."""
    if is_compressed(stored):
        return np.asarray(stored.toarray())
    if isinstance(stored, pa.Table):
        parts = [column.to_numpy().astype(np.float64) for column in stored.columns]
        return np.column_stack(parts) if parts else np.zeros((len(stored), 0))
    return stored.read() if isinstance(stored, Items) else np.asarray(stored)
