"""Features of records: numbers of any shape, or named columns of any type, handed on as what they came as.

A matrix stays a numpy array, whose columns have names; a sparse one stays sparse (`compressed`). An array of more
dimensions (images, sequences) stays one too, and is one column: a record is one thing. Both are read when they are
asked for where they are memory-mapped, as items of a dataset are (`Items`). A frame (pandas, polars, Arrow) and an
array of objects become an Arrow table, and turn back into a frame of their kind when an estimator asks for them, so
that ``ColumnTransformer`` finds its columns. Types are those that Arrow gives back: integers with missing values
become floats, an order of categories is lost. Categories are those of the rows at hand, sorted: a category that only
a forgotten record had leaves with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.exceptions import DuplicateError
from numpy.typing import NDArray

from expunge import keyed
from expunge.data import compressed
from expunge.data.columns import as_arrow
from expunge.data.items import Items, digest_records, is_mapped, of_array
from expunge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expunge.keyed import Secret

Features: TypeAlias = NDArray[Any] | Items | pa.Table
"""(n, d) or (n, ...) numbers, here or to be read, or a table of d named columns; or compressed sparse rows."""

Kind: TypeAlias = Literal["matrix", "sparse", "array", "items", "objects", "pandas", "polars", "arrow"]
"""What the features came as, and are handed to an estimator as."""

NUMBERS = "biuf"
CATEGORY = {"expunge": "category"}
FEW = 256  # candidates that are compared whole instead of column by column


def is_frame(given: object) -> bool:
    """Whether this is a pandas, polars or Arrow table."""
    try:
        return isinstance(nw.from_native(given, eager_only=True, pass_through=True), nw.DataFrame)
    except DuplicateError as twice:
        msg = f"column names must be unique: {twice}"
        raise DataError(msg) from twice


def as_features(given: Any, columns: Sequence[str] | None) -> tuple[Features, tuple[str, ...], Kind]:
    """Features, the names of their columns, and what they came as.

    Raises
    ------
    DataError
        If they have less than two dimensions, or more and are no numbers; if a column mixes types or holds what cannot
        be a feature, or names repeat.
    """
    if isinstance(given, Items):
        return given, _name_of_one(columns, given.record), "items"
    if is_frame(given):
        frame = nw.from_native(given, eager_only=True)
        names = _unique_names(frame.columns)
        if columns is not None and tuple(columns) != names:
            msg = f"a frame names its columns itself: {list(names)}, got {list(columns)}"
            raise DataError(msg)
        parts = [as_arrow(frame[name].to_native(), f"column {name!r}") for name in names]
        marks = [CATEGORY if isinstance(kind, nw.Categorical | nw.Enum) else None for kind in frame.schema.values()]
        fields = [
            pa.field(*of, metadata=mark) for *of, mark in zip(names, (part.type for part in parts), marks, strict=True)
        ]
        table = pa.table(parts, schema=pa.schema(fields))
        kind: Kind = {"pandas": "pandas", "polars": "polars"}.get(frame.implementation.value, "arrow")  # type: ignore[assignment]
        return _refuse_nested(table), names, kind
    matrix = compressed.as_rows(given) if compressed.is_compressed(given) else _matrix(given)
    if matrix.ndim > 2:
        return _kept(matrix), _name_of_one(columns, matrix.shape[1:]), "array"
    names = _unique_names(columns if columns is not None else default_names(matrix.shape[1]))
    if len(names) != matrix.shape[1]:
        msg = f"{matrix.shape[1]} columns need {matrix.shape[1]} names, got {len(names)}"
        raise DataError(msg)
    if compressed.is_compressed(matrix):
        return matrix, names, "sparse"
    if matrix.dtype.kind in NUMBERS:
        return _kept(matrix), names, "matrix"
    parts = [as_arrow(_plain(matrix[:, k]), f"column {name!r}") for k, name in enumerate(names)]
    return _refuse_nested(pa.table(parts, names=list(names))), names, "objects"


def default_names(count: int) -> tuple[str, ...]:
    """What columns are called that nobody named."""
    return tuple(f"x{place}" for place in range(count))


def handed(features: Features, kind: Kind) -> Any:
    """Features as an estimator takes them: what they came as; those to be read are read, all of them."""
    if isinstance(features, Items):
        return features.whole()
    if not isinstance(features, pa.Table):
        return features
    if kind == "objects":
        columns = [np.array(column.to_pylist(), dtype=object) for column in features.columns]
        return np.column_stack(columns) if columns else np.empty((len(features), 0), dtype=object)
    named = pa.table(
        [_category(part, field) for part, field in zip(features.columns, features.schema, strict=True)],
        names=features.column_names,
    )
    if kind == "pandas":
        return named.to_pandas()
    return nw.from_arrow(named, backend="polars").to_native() if kind == "polars" else named


def take(features: Features, rows: NDArray[np.intp] | slice) -> Features:
    """Some rows."""
    if isinstance(features, Items):
        return features.take(rows)
    if isinstance(features, np.ndarray):
        return features[rows] if features.ndim == 2 else np.ascontiguousarray(features[rows])  # one layout for any view
    if not isinstance(features, pa.Table):
        return features[rows]
    return features.take(np.arange(len(features))[rows] if isinstance(rows, slice) else rows)


def select(features: Features, places: Sequence[int]) -> Features:
    """Some columns, in this order."""
    if not in_columns(features):
        return features if places else np.empty((len(features), 0), features.dtype)
    if isinstance(features, Items):
        return features.select(places)
    return features.select(list(places)) if isinstance(features, pa.Table) else features[:, places]


def column(features: Features, place: int, rows: NDArray[np.intp] | None = None) -> NDArray[Any]:
    """One column as an array, for reading; of all rows, or of some."""
    if isinstance(features, Items):
        return (features.select([place]).read(rows)[:, 0]) if features.columned else features.read(rows)
    rows_of: Any = features
    if compressed.is_compressed(features):
        values: NDArray[Any] = rows_of[:, [place]].toarray()[:, 0]
    elif isinstance(features, np.ndarray):
        values = features[:, place] if features.ndim == 2 else features
    else:
        values = features.column(place).to_numpy()
    return values if rows is None else values[rows]


def in_columns(features: Features) -> bool:
    """Whether a record is a row of columns; else it is one thing, which has one name."""
    return features.columned if isinstance(features, Items) else getattr(features, "ndim", 2) == 2


def joined(first: Features, then: Features) -> Features:
    """The rows of both; those of ``then`` take the types of ``first``, or a sentence says why they cannot."""
    if first.shape[1:] != then.shape[1:]:
        msg = f"the new rows do not fit: a record has the shape {first.shape[1:]}, got {then.shape[1:]}"
        raise DataError(msg)
    try:
        if isinstance(first, Items) and not isinstance(then, pa.Table):
            return first.joined(_like(first, then))
        then = then.read() if isinstance(then, Items) else then
        if compressed.is_compressed(first) and not isinstance(then, pa.Table):
            return compressed.joined(first, then)
        if isinstance(first, np.ndarray) and isinstance(then, np.ndarray):
            return np.concatenate([first, _narrowed(then, first.dtype)])
        if isinstance(first, pa.Table) and isinstance(then, pa.Table):
            return pa.concat_tables([first, _cast(then.select(first.column_names), first.schema)]).combine_chunks()
    except TypeError as unlike:
        msg = f"the new rows do not fit the columns they should join: {unlike}"
        raise DataError(msg) from unlike
    msg = "the new rows do not fit the columns they should join: one side is a matrix of numbers, the other is not"
    raise DataError(msg)


def _cast(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows in the types of a table; what does not fit is said by its column, since Arrow would quote the value."""
    parts = []
    for column, field in zip(rows.columns, schema, strict=True):
        try:
            parts.append(column.cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            msg = f"column {field.name!r} is of type {column.type}, and not all of it becomes {field.type}"
            raise TypeError(msg) from None
    return pa.table(parts, schema=schema)


def _like(first: Items, then: NDArray[Any] | Items) -> Items:
    """Rows in the type of those to be read that they join; rows of the same type are not read for it."""
    if isinstance(then, Items) and then.dtype == first.dtype:
        return then
    return of_array(_narrowed(np.asarray(then), first.dtype), columned=first.columned)


def _narrowed(matrix: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Numbers in another type of their kind; rounded where need be, but never another number."""
    if matrix.dtype == dtype:
        return matrix
    with np.errstate(over="ignore"):
        fitted = matrix.astype(dtype, casting="same_kind")
    wrong = np.isfinite(fitted) != np.isfinite(matrix) if dtype.kind == "f" else fitted != matrix
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0].tolist())
        msg = f"row {at[0]} holds a number that does not fit into {dtype}"
        raise TypeError(msg)
    return fitted


def schema(features: Features) -> str:
    """Types of the columns, as text."""
    if not isinstance(features, pa.Table):
        said = " x ".join([features.dtype.str, *map(str, features.shape[1:])])
        return f"sparse {said}" if compressed.is_compressed(features) else said
    return ", ".join(f"{field.type}{' in categories' if field.metadata else ''}" for field in features.schema)


def row_bytes(features: Features, key: Secret) -> list[NDArray[np.uint8]]:
    """Blocks of bytes of a fixed width, which laid side by side tell any two rows apart; text by keyed digest."""
    if compressed.is_compressed(features):
        return [compressed.digests(features, key)]
    if not isinstance(features, pa.Table):
        if in_columns(features):
            return [as_bytes(np.asarray(features))]
        return [features.digests(key) if isinstance(features, Items) else digest_records(features, key)]
    return [block for chunked in features.columns for block in _column_bytes(chunked.combine_chunks(), key)]


def as_bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    """(n,) or (n, d) numbers as (n, w) bytes, little-endian."""
    rows = values if values.ndim == 2 else values[:, None]
    contiguous = np.ascontiguousarray(rows, dtype=rows.dtype.newbyteorder("<"))
    return contiguous.view(np.uint8) if rows.shape[1] else np.zeros(rows.shape, np.uint8)


def alike(features: NDArray[Any] | pa.Table, wanted: NDArray[np.intp], among: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those of the rows ``among`` that might equal one of the rows ``wanted``: narrowed column by column."""
    width = features.shape[1]
    for place in range(width):
        if len(among) <= FEW:
            break
        if isinstance(features, np.ndarray):
            values, sought = features[among, place], features[wanted, place]
            same = np.isin(values, sought) | (values != values if np.isnan(sought).any() else False)  # noqa: PLR0124  (NaN)
        else:
            chunked = features.column(place)
            same = pc.is_in(chunked.take(among), value_set=chunked.take(wanted).combine_chunks()).to_numpy()
        among = among[same]
    return among


def _category(part: pa.ChunkedArray, field: pa.Field) -> pa.Array:
    """A column that came as categories, with those of these very rows, sorted."""
    values = part.combine_chunks()
    if not field.metadata:
        return values
    present = pc.drop_null(pc.unique(values))
    sorted_present = present.take(pc.sort_indices(present))
    return pa.DictionaryArray.from_arrays(pc.index_in(values, sorted_present), sorted_present)


def _column_bytes(values: pa.Array, key: Secret) -> list[NDArray[np.uint8]]:
    present = pc.is_valid(values).to_numpy(zero_copy_only=False).astype(np.uint8)[:, None]
    if pa.types.is_large_string(values.type):
        return [present, keyed.digest_strings(key, values)]
    if pa.types.is_temporal(values.type):
        values = values.cast(pa.int64()) if values.type.bit_width == 64 else values.cast(pa.int32())
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    return [present, as_bytes(pc.fill_null(values, 0).to_numpy(zero_copy_only=False))]


def _matrix(given: Any) -> NDArray[Any]:
    if np.ma.is_masked(given):
        msg = "features must not be masked: give .filled(...) with the value that stands for a missing one"
        raise DataError(msg)
    try:
        matrix = np.asarray(given)
    except ValueError as ragged:
        msg = f"features must be a table with rows of one length: {ragged}"
        raise DataError(msg) from ragged
    if matrix.ndim < 2:
        msg = f"features must have two dimensions, rows and columns, got shape {matrix.shape}"
        raise DataError(msg)
    if matrix.dtype.kind not in NUMBERS + "OUT" * (matrix.ndim == 2):
        msg = f"features must be numbers or text, got {matrix.dtype}"
        if matrix.ndim > 2:
            msg = f"features of {matrix.ndim} dimensions must be numbers, got {matrix.dtype}"
        raise DataError(msg)
    return matrix


def _kept(numbers: NDArray[Any]) -> NDArray[Any] | Items:
    """Numbers as they are, or to be read where they lie in a mapped file."""
    return of_array(numbers, columned=numbers.ndim == 2) if is_mapped(numbers) else numbers


def _name_of_one(columns: Sequence[str] | None, record: tuple[int, ...]) -> tuple[str, ...]:
    names = default_names(1) if columns is None else _unique_names(columns)
    if len(names) != 1:
        msg = f"a record of shape {record} is one column, which has one name; got {len(names)}"
        raise DataError(msg)
    return names


def _plain(values: NDArray[Any]) -> Any:
    """A column of objects as floats where all that is there are numbers (and not all of them truth values)."""
    there = [value for value in values if value is not None] if values.dtype.kind == "O" else []
    if not there or not all(isinstance(value, float | int | np.number) for value in there):
        return values
    if all(isinstance(value, bool) for value in there):
        return values
    try:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    except OverflowError as too_large:
        msg = f"features must be numbers of 64 bits: {too_large}"
        raise DataError(msg) from too_large


def _unique_names(names: Sequence[Any]) -> tuple[str, ...]:
    if isinstance(names, str) or not hasattr(names, "__len__"):
        msg = f"column names are a sequence of strings, e.g. ['age', 'size']; got {names!r}"
        raise DataError(msg)
    for name in names:
        if not isinstance(name, str):
            msg = f"column names must be strings, got {name!r} of type {type(name).__name__}"
            raise DataError(msg)
    if len(set(names)) != len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        msg = f"column names must be unique, {twice!r} appears twice"
        raise DataError(msg)
    return tuple(names)


def _refuse_nested(table: pa.Table) -> pa.Table:
    for field in table.schema:
        kind, of = field.type, pa.types
        text = of.is_large_string(kind) or of.is_boolean(kind)
        dated = of.is_temporal(kind) and not of.is_interval(kind)
        if not (text or dated or of.is_integer(kind) or of.is_floating(kind)):
            msg = f"column {field.name!r} is of type {kind}; a feature is a number, text, a truth value or a date"
            raise DataError(msg)
    return table
