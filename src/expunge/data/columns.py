"""Columns as people have them, made canonical: ids and owners, or a sentence that names the first bad row.

Integers become int64, text becomes an Arrow ``large_string``; nothing is guessed, and nothing missing is let through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expunge.errors import DataError
from expunge.values import Name

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from expunge.protocol import Ids

LONGEST = 1024  # bytes of an id
REFUSED = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, UnicodeEncodeError)


def as_names(given: Any, what: str, rows: int) -> Ids:
    """Ids or owners, one for each of ``rows`` rows.

    Raises
    ------
    DataError
        If a name is missing, mixed in type, neither integer nor string, too long, or the number of them is wrong.
    """
    column = as_arrow(given, what)
    if len(column) != rows:
        msg = f"{what}: {rows} rows need {rows} of them, got {len(column)}"
        raise DataError(msg)
    refuse_missing(column, what)
    if pa.types.is_integer(column.type):
        return as_int64(column, what)
    if pa.types.is_large_string(column.type):
        return _short(column, what)
    if rows == 0:
        return np.zeros(0, dtype=np.int64)
    row = _first_of_another_type(given) if isinstance(given, list | tuple) else 0
    held = given[row] if isinstance(given, list | tuple) else column[0].as_py()
    msg = f"{what} must be integers or strings, got {column.type} (row {row} holds {held!r})"
    raise DataError(msg)


def refuse_repeated(ids: Ids, what: str) -> None:
    """Raise the sentence that names the first row whose id an earlier row has already."""
    codes = ids if isinstance(ids, np.ndarray) else ids.dictionary_encode().indices.to_numpy()
    ranked = np.argsort(codes, kind="stable")
    again = np.flatnonzero(codes[ranked][1:] == codes[ranked][:-1])
    if again.size:
        row = int(ranked[again + 1].min())
        first = int(np.flatnonzero(codes == codes[row])[0])
        msg = f"{what} must be unique: row {row} repeats the id {name_at(ids, row)!r} of row {first}"
        raise DataError(msg)


def refuse_missing(column: pa.Array, what: str) -> None:
    """Raise the sentence that names the first row without a value (null or NaN)."""
    missing = pc.is_null(column, nan_is_null=True)
    row = pc.index(missing, value=True).as_py()
    if row >= 0:
        msg = f"{what}: row {row} has none (null or NaN); each row needs one"
        raise DataError(msg)


def as_arrow(given: Any, what: str) -> pa.Array:
    """Anything one-dimensional as one Arrow array; text as ``large_string``, categories as their values."""
    try:
        column = _from_frame(given)
    except REFUSED:  # a pandas column of objects, or a polars type that Arrow lacks
        column = None
    if column is None:
        values = np.asarray(given) if not isinstance(given, np.ndarray | list | tuple) else given
        column = _from_values(values, what)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.large_string())
    return column


def as_numpy(column: pa.Array) -> NDArray[Any]:
    """An Arrow array as one of numpy."""
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values


def as_int64(column: pa.Array, what: str) -> NDArray[np.int64]:
    """Integers of any width in 64 bits, or the sentence that names the first that does not fit."""
    try:
        return as_numpy(column.cast(pa.int64()))
    except pa.ArrowInvalid as too_large:
        row = pc.index(pc.greater(column, pa.scalar(2**63 - 1, pa.uint64())), value=True).as_py()
        msg = f"{what}: row {row} holds {column[row].as_py()}; integers must fit into 64 bits with a sign"
        raise DataError(msg) from too_large


def is_among(ids: Ids, names: Collection[Name], what: str) -> NDArray[np.bool_]:
    """(n,) whether each id is one of ``names``; searched in the sorted names, so that millions of ids are quick."""
    wanted: type = int if isinstance(ids, np.ndarray) else str
    for name in names:
        if not isinstance(name, wanted):
            held = "integers" if wanted is int else "strings"
            msg = f"the target names {name!r}, a {type(name).__name__}, but the {what} of this table are {held}"
            raise DataError(msg)
    if not names or not len(ids):
        return np.zeros(len(ids), dtype=bool)
    if not isinstance(ids, np.ndarray):
        text = [name for name in names if str(name).encode(errors="replace").decode() == name]  # no lone surrogates
        return as_numpy(pc.is_in(ids, value_set=pa.array(text, type=ids.type)))
    known = [name for name in names if -(2**63) <= int(name) < 2**63]
    targets = np.sort(np.array(known, dtype=np.int64))
    if not targets.size:
        return np.zeros(len(ids), dtype=bool)
    if (
        targets.size == 1
    ):  # most requests: one comparison each, where a search takes fifty times as long (measured, 50,000 ids)
        return np.asarray(ids == targets[0])
    places = np.minimum(np.searchsorted(targets, ids), targets.size - 1)
    among: NDArray[np.bool_] = targets[places] == ids
    return among


def name_at(ids: Ids, row: int) -> Name:
    """One id as a Python value."""
    return int(ids[row]) if isinstance(ids, np.ndarray) else str(ids[row].as_py())


def take_names(ids: Ids, rows: NDArray[np.intp] | slice) -> Ids:
    """Some of the ids."""
    if isinstance(ids, np.ndarray):
        return ids[rows]
    return ids.take(pa.array(np.arange(len(ids))[rows] if isinstance(rows, slice) else rows))


def joined_names(first: Ids | None, then: Ids | None, what: str) -> Ids | None:
    """Names of both, which must be of one type."""
    if first is None and then is None:
        return None
    if isinstance(first, np.ndarray) and isinstance(then, np.ndarray):
        return np.concatenate([first, then])
    if isinstance(first, pa.Array) and isinstance(then, pa.Array):
        return pa.concat_arrays([first, then])
    kinds = [
        "none" if names is None else "integers" if isinstance(names, np.ndarray) else "strings"
        for names in (first, then)
    ]
    msg = f"the {what} of the new rows must be like those of the table: {kinds[0]}, got {kinds[1]}"
    raise DataError(msg)


def _from_frame(given: Any) -> pa.Array | None:
    """A pandas, polars or Arrow column; None for anything else."""
    if isinstance(given, pa.Array):
        return given
    if isinstance(given, pa.ChunkedArray):
        return given.combine_chunks()
    series = nw.from_native(given, series_only=True, pass_through=True)
    if not isinstance(series, nw.Series):
        return None
    column = series.to_arrow()
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _from_values(values: Any, what: str) -> pa.Array:
    if isinstance(values, np.ndarray) and values.ndim != 1:
        msg = f"{what} must be one value for each row, got an array of shape {values.shape}"
        raise DataError(msg)
    if isinstance(values, np.ndarray):
        native = np.dtype(object) if values.dtype.kind == "T" else values.dtype.newbyteorder("=")
        values = values.astype(native, copy=False)
    try:
        return pa.array(
            values, type=pa.large_string() if isinstance(values, np.ndarray) and values.dtype.kind == "U" else None
        )
    except REFUSED as refusal:
        row = _first_of_another_type(values)
        if row:
            first, other = (f"{value!r} ({type(value).__name__})" for value in (values[0], values[row]))
            msg = f"{what} must be of one type: row 0 holds {first}, row {row} holds {other}"
        else:
            row = next((row for row, value in enumerate(values) if not _is_held(value)), 0)
            msg = f"{what}: row {row} holds {values[row]!r}, which cannot be held ({refusal})"
        raise DataError(msg) from refusal


def _first_of_another_type(values: Any) -> int:
    """The first row whose value is of another type than the first one's; numpy's scalars count as Python's."""
    kinds = (type(value.item() if isinstance(value, np.generic) else value) for value in values)
    kind = next(kinds)
    return next((row for row, other in enumerate(kinds, 1) if other is not kind), 0)


def _is_held(value: Any) -> bool:
    """Whether Arrow holds this value."""
    try:
        pa.array([value])
    except REFUSED:
        return False
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _short(column: pa.Array, what: str) -> pa.Array:
    lengths = pc.binary_length(column)
    if len(column) and pc.max(lengths).as_py() > LONGEST:
        row = pc.index(pc.greater(lengths, LONGEST), value=True).as_py()
        msg = f"{what}: row {row} holds {lengths[row].as_py()} bytes; a name may have {LONGEST}"
        raise DataError(msg)
    return column
