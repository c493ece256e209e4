"""Records as the kernels take them: numbers of 64 bits, codes of categories, targets in fixed point, weights.

What a value becomes depends on that value alone: a category's code is a hash of its name, never its rank among those
that are there, and a target is rounded to a declared resolution, never to one that was read off the data.

Examples
--------
>>> import numpy as np
>>> fixed(np.array([0.5, 1.25]), 0.25).tolist()
[2, 5]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expunge import keyed
from expunge.data.compressed import is_compressed
from expunge.data.features import CATEGORY, in_columns
from expunge.data.kinds import converted, one_array
from expunge.errors import DataError, LearnError
from expunge.protocol import Key

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.values import Scalar

PUBLIC = Key(b"expunge: names of categories")  # codes are no secret: a model predicts without the key
HEAVIEST = 1 << 29
WIDEST = 62
FINEST = 2.0**42  # steps between powers of two of a spread column: 11 bits for exponents up to 1024 leave so many


@dataclass(frozen=True)
class Schema:
    """What columns are read as.

    Attributes
    ----------
    names : tuple of str
        Features, in the order of the table, without the weight.
    coded : (d,) bool
        Which are categories.
    categorical, spread : tuple of str
    weight : str or None
    """

    names: tuple[str, ...]
    coded: NDArray[np.bool_]
    categorical: tuple[str, ...]
    spread: tuple[str, ...]
    weight: str | None


def schema_of(data: Table, categorical: Sequence[str], spread: Sequence[str], weight: str | None) -> Schema:
    """How the columns of a table are read; names that it does not have (any more) are left aside."""
    features: Any = data.columns.features
    if is_compressed(features) or not in_columns(features):
        msg = "a forest takes rows of columns; got a sparse matrix or records of more dimensions: give .toarray()"
        raise DataError(msg)
    names = tuple(name for name in data.names if name != weight)
    marked = set(categorical)
    if isinstance(features, pa.Table):
        marked |= {f.name for f in features.schema if f.metadata == CATEGORY or pa.types.is_large_string(f.type)}
    return Schema(names, np.array([name in marked for name in names], bool), tuple(categorical), tuple(spread), weight)


def values(data: Table, schema: Schema) -> NDArray[np.float64]:
    """(n, d) numbers and codes; NaN is a missing number, code 0 a missing category.

    Raises
    ------
    DataError
        With the first number that is infinite, or a column of text where numbers were learned.
    """
    X = np.empty((len(data), len(schema.names)))
    stored: Any = data.stored
    if not isinstance(stored, pa.Table):
        places = [data.names.index(name) for name in schema.names]
        whole = np.asarray(stored)
        X[:] = whole if places == list(range(whole.shape[1])) else whole[:, places]
        for f in np.flatnonzero(schema.coded).tolist():
            X[:, f] = codes_of(pa.array(X[:, f]))
    else:
        for f, name in enumerate(schema.names):
            column = one_array(stored.column(name))
            X[:, f] = codes_of(column) if schema.coded[f] else numbers(column, name)
    _refuse_infinite(X, schema.names)
    for name in set(schema.spread) & set(schema.names):
        f = schema.names.index(name)
        X[:, f] = X[:, f] if schema.coded[f] else spread_out(X[:, f])
    return X


def numbers(column: pa.Array, name: str) -> NDArray[np.float64]:
    """A column of numbers, truth values or dates, or of text that says numbers; NaN where there is none."""
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.int64() if column.type.bit_width == 64 else pa.int32())
    try:
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        msg = f"column {name!r} holds text, and a forest learned numbers from it: name it in categorical to learn words"
        raise DataError(msg) from None  # Arrow quotes the text


def codes_of(column: pa.Array) -> NDArray[np.float64]:
    """A code of 30 bits for each category, by a hash of its name as text; 0 where it is missing."""
    encoded = converted(column, "category").dictionary_encode()
    codes = np.append(_drawn(encoded.dictionary), 0.0)
    places = pc.fill_null(encoded.indices, len(codes) - 1).to_numpy(zero_copy_only=False)
    return np.asarray(codes[places])


def words_of(data: Table, name: str) -> dict[float, str]:
    """What the codes of one column of categories stand for in these data.

    >>> from expunge import Table
    >>> sorted(words_of(Table.from_arrays([["Bern", 1], ["Chur", 2]], columns=["town", "size"]), "town").values())
    ['Bern', 'Chur', 'missing']
    """
    stored: Any = data.select([name]).stored
    table = isinstance(stored, pa.Table)
    column = one_array(stored.column(name)) if table else pa.array(np.asarray(stored)[:, 0].astype(np.float64))
    words = pc.drop_null(pc.unique(converted(column, "category")))
    return dict(zip(_drawn(words).tolist(), words.to_pylist(), strict=True)) | {0.0: "missing"}


def _drawn(words: pa.Array) -> NDArray[np.float64]:
    drawn = keyed.draws(PUBLIC, words.cast(pa.large_string()))[:, 0]
    return np.asarray((drawn >> np.uint64(34)).astype(np.float64) + 1)


def spread_out(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """``x`` below 1 in size, else ``1 + log2 |x|`` with its sign, linear between powers of two: for heavy tails.

    It is rounded down to what is exact for any size, so that each step on this scale is one number of the other.

    >>> spread_out(np.array([0.5, -2.0, 3.0])).tolist()
    [0.5, -2.0, 2.5]
    """
    mantissa, exponent = np.frexp(np.abs(x))
    beyond = np.floor(np.copysign(2 * mantissa - 1, x) * FINEST) / FINEST
    return np.where(np.abs(x) < 1, x, np.copysign(exponent, x) + beyond)


def gathered(cut: NDArray[np.float64]) -> NDArray[np.float64]:
    """The number t for which ``x < t`` is ``spread_out(x) < cut``, for all x.

    >>> gathered(np.array([0.5, -2.0, 2.5, np.inf])).tolist()
    [0.5, -2.0, 3.0, inf]
    """
    at = np.abs(np.ceil(cut * FINEST) / FINEST)
    exponent = np.floor(np.where(np.isfinite(at), at, 1.0))
    with np.errstate(over="ignore"):  # below all numbers
        far = np.copysign(np.ldexp((1 + at - exponent) / 2, exponent.astype(np.int64)), cut)
    return np.where(np.isfinite(cut) & (np.abs(cut) >= 1), far, cut)


def fixed(targets: NDArray[np.float64], resolution: float) -> NDArray[np.int64]:
    """Targets as multiples of the resolution, a power of two.

    Raises
    ------
    DataError
        With the first one that 62 bits do not hold.
    """
    with np.errstate(over="ignore"):
        scaled = np.rint(np.asarray(targets, dtype=np.float64) / resolution)
    wide = ~(np.abs(scaled) < 2.0**WIDEST)
    if wide.any():
        row = int(np.argmax(wide))
        most = resolution * 2.0**WIDEST
        msg = f"label: row {row} is too far from zero; with a resolution of {resolution} targets stay below {most:g}"
        raise DataError(msg)
    return scaled.astype(np.int64)


def coded_labels(data: Table, classes: tuple[Scalar, ...], weight: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The place of each record's class among these; None where one that counts has another class."""
    held, label = np.array(classes), np.asarray(data.label)
    if not len(label):
        return np.zeros(0, np.int64)
    if not len(held):
        return None if weight.any() else np.zeros(len(label), np.int64)
    if held.dtype.kind != label.dtype.kind:
        return None
    places = np.minimum(np.searchsorted(held, label), len(held) - 1)
    known = held[places] == label
    return np.where(known, places, 0).astype(np.int64) if (known | (weight == 0)).all() else None


def weights(data: Table, weight: str | None) -> NDArray[np.int64]:
    """(n,) how many records each stands for; 1 without such a column.

    Raises
    ------
    DataError
        With the first one that is no whole number of at least 0.
    LearnError
        When together they are more than a node can count.
    """
    if weight is None or weight not in data.names:
        return np.ones(len(data), np.int64)
    features = data.columns.features
    kind = features.schema.field(weight).type if isinstance(features, pa.Table) else None
    if kind is not None and not any(
        fits(kind) for fits in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    ):
        msg = f"column {weight!r} is of type {kind}; a weight is a whole number"
        raise DataError(msg)
    held = np.asarray(data.column(weight)).astype(np.float64)
    wrong = ~((held >= 0) & (held == np.floor(held)) & (held < HEAVIEST))
    if wrong.any():
        row = int(np.argmax(wrong))
        msg = f"column {weight!r}: row {row} holds no weight, which is a whole number from 0 to {HEAVIEST - 1}"
        raise DataError(msg)
    return held.astype(np.int64)


def refuse_heavy(total: int) -> None:
    """Raise a sentence when there are more records, by weight, than 32 bits count with room to spare."""
    if total >= HEAVIEST:
        msg = f"a forest counts up to {HEAVIEST - 1} records by weight, these are {total}"
        raise LearnError(msg)


def _refuse_infinite(X: NDArray[np.float64], names: Collection[str]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        total = X.sum()  # a sum is quick, and tells NaN and infinity from numbers that do not overflow
    if not np.isfinite(total):
        wrong = np.isinf(X)
        if wrong.any():
            row, f = (int(place) for place in np.argwhere(wrong)[0])
            name = tuple(names)[f]
            msg = f"column {name!r}: row {row} holds {X[row, f]}; numbers are finite, or missing (NaN)"
            raise DataError(msg)
