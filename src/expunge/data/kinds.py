"""What a column is declared to be, and its values made so.

A declaration is public and stands before any row is read: the type of a column, and what a value becomes in it, never
depend on which other rows are there. So a forgotten row leaves no trace in how the others were read.

Numbers, text, truth values and dates come in many dresses (a decimal of a database, a float that is a whole number
because a neighbour was missing, the word ``yes``); the same value in any of them becomes the same one here.

Examples
--------
>>> import pyarrow as pa
>>> converted(pa.array(["3", " 4.5", "NA", None]), "number").to_pylist()
[3.0, 4.5, None, None]
>>> converted(pa.array([1.0, None]), "category").to_pylist()
['1', None]
>>> converted(pa.array(["2024-02-30"]), "date")
Traceback (most recent call last):
...
expunge.data.kinds.UnfitError: '2024-02-30' is not a date such as 2024-12-31 or 2024-12-31 23:59:59
"""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from expunge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

Kind: TypeAlias = Literal["number", "integer", "category", "boolean", "date", "text", "ignore"]
"""What a column is declared to be; ``ignore``: it is never read."""

TYPES: dict[str, pa.DataType] = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "category": pa.large_string(),
    "boolean": pa.bool_(),
    "date": pa.timestamp("us"),
    "text": pa.large_string(),
}
MEANING = {
    "number": "a finite number",
    "integer": "a whole number of 64 bits",
    "category": "text",
    "boolean": "one of true, false, yes, no, t, f, y, n, on, off, 1, 0",
    "date": "a date such as 2024-12-31 or 2024-12-31 23:59:59",
    "text": "text",
}
WORDS = {
    **dict.fromkeys(("true", "yes", "t", "y", "on", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "f", "n", "off", "0", "0.0"), False),
}
# Words for a missing value, where a number, truth value or date was declared. In text they are text.
MISSING = ("", "-", "?", ".", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "nil", "nat", "missing")
WHOLE = 2**53  # beyond, a float no longer says which whole number it is
FIRST, LAST = (pa.scalar(moment, TYPES["date"]) for moment in (dt.datetime.min, dt.datetime.max))  # noqa: DTZ901
SHOWN = 40  # characters of a value in a sentence
REFUSED = (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError, ValueError)


class UnfitError(DataError):
    """A value, or a whole column (``row`` None), that is not what its column is declared to be."""

    def __init__(self, reason: str, row: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.row = reason, row


def converted(column: pa.Array | pa.ChunkedArray, kind: Kind) -> pa.Array:
    """The same values in the type of a kind; missing ones and NaN are null.

    Raises
    ------
    UnfitError
        With the first row whose value does not fit.
    """
    plain = _plain(column)
    if pa.types.is_null(plain.type):
        return pa.nulls(len(plain), TYPES[kind])
    family = family_of(plain.type)
    make = _MAKERS.get(("words" if kind in ("category", "text") else kind, family))
    if make is None:
        msg = f"a column of type {column.type} holds none; {kind} means {MEANING[kind]}"
        raise UnfitError(msg)
    return make(plain)


def family_of(kind: pa.DataType) -> str:
    """Which sort of values an Arrow type holds: text, integer, float, boolean, date, time or other."""
    of = pa.types
    for family, fits in (
        ("text", of.is_large_string(kind)),
        ("integer", of.is_integer(kind)),
        ("float", of.is_floating(kind)),
        ("boolean", of.is_boolean(kind)),
        ("date", of.is_timestamp(kind) or of.is_date(kind)),
        ("time", of.is_time(kind)),
    ):
        if fits:
            return family
    return "other"


def decimal_text(value: Decimal) -> str:
    """A decimal as text, the same for 2.5 and 2.50."""
    plain = format(value, "f")
    return (plain.rstrip("0").rstrip(".") if "." in plain else plain) if value else "0"


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece; it is copied only where it is in several."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def shown(value: Any) -> str:
    """A value in a sentence, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array, without encodings: no dictionaries, views, decimals, small floats or NaN."""
    values = one_array(column)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if isinstance(values, pa.ExtensionArray):
        return _each(values, str) if "uuid" in str(values.type) else values.storage
    if pa.types.is_decimal(values.type):
        return _each(values, decimal_text)
    if pa.types.is_string(values.type) or pa.types.is_string_view(values.type):
        return values.cast(pa.large_string())
    if not pa.types.is_floating(values.type):
        return values
    values = values.cast(pa.float64())
    empty = pc.is_nan(values)
    return pc.if_else(empty, pa.scalar(None, pa.float64()), values) if pc.any(empty).as_py() else values


def _each(values: pa.Array, spelled: Callable[[Any], str]) -> pa.Array:
    """Text of each value."""
    return pa.array([None if value is None else spelled(value) for value in values.to_pylist()], pa.large_string())


def _refuse(values: pa.Array, wrong: pa.Array, kind: Kind) -> None:
    row = pc.index(wrong, value=True).as_py()
    if row >= 0:
        msg = f"{shown(values[row].as_py())} is not {MEANING[kind]}"
        raise UnfitError(msg, row)


def _finite(values: pa.Array) -> pa.Array:
    _refuse(values, pc.is_inf(values), "number")
    return values


def _whole(values: pa.Array) -> pa.Array:
    """Floats that are whole numbers, as integers."""
    far = pc.greater(pc.abs(values), float(WHOLE))
    _refuse(values, pc.or_(far, pc.not_equal(pc.floor(values), values)), "integer")
    return values.cast(pa.int64())


def _int64(values: pa.Array) -> pa.Array:
    if pa.types.is_uint64(values.type):
        _refuse(values, pc.greater(values, pa.scalar(2**63 - 1, pa.uint64())), "integer")
    return values.cast(pa.int64())


def _truth(values: pa.Array) -> pa.Array:
    """Zeros and ones."""
    _refuse(values, pc.and_(pc.not_equal(values, 0), pc.not_equal(values, 1)), "boolean")
    return pc.not_equal(values, 0)


def _moment(values: pa.Array) -> pa.Array:
    """Dates and times, those with a zone in UTC; fractions of a microsecond are cut off."""
    zone, finer = getattr(values.type, "tz", None), getattr(values.type, "unit", None) == "ns"
    try:
        made = values.cast(pa.timestamp("us", zone), safe=not finer).cast(TYPES["date"])
    except pa.ArrowInvalid:
        msg = "a value lies outside the years 1 to 9999"
        raise UnfitError(msg) from None
    row = pc.index(pc.or_(pc.less(made, FIRST), pc.greater(made, LAST)), value=True).as_py()
    if row >= 0:
        msg = "the value lies outside the years 1 to 9999"
        raise UnfitError(msg, row)
    return made


def _float_text(values: pa.Array) -> pa.Array:
    return pc.add(values, 0.0).cast(pa.large_string())  # -0.0 is 0


def _date_text(values: pa.Array) -> pa.Array:
    plain = values if pa.types.is_date(values.type) else _moment(values)
    return _each(plain, str)


def _parsed(kind: Kind) -> Callable[[pa.Array], pa.Array]:
    """How text is read: all at once where every value is plain, else value by value, with the same outcome for each."""

    def read(values: pa.Array) -> pa.Array:
        try:
            return values.cast(TYPES[kind])
        except pa.ArrowInvalid:
            pass
        trimmed = pc.utf8_trim_whitespace(values)
        words = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(MISSING, pa.large_string()))
        present = pc.if_else(words, pa.scalar(None, pa.large_string()), trimmed)
        try:
            return present.cast(TYPES[kind])
        except pa.ArrowInvalid:
            return _spelled_out(values, present, kind)

    if kind == "boolean":
        return lambda values: _spelled_out(values, pc.utf8_lower(pc.utf8_trim_whitespace(values)), kind)
    if kind == "number":
        return lambda values: _finite(_plain(read(values)))
    return read


def _spelled_out(values: pa.Array, present: pa.Array, kind: Kind) -> pa.Array:
    """Text value by value, each distinct one once."""
    coded = present.dictionary_encode()
    made = []
    for word in coded.dictionary.to_pylist():
        try:
            made.append(_READERS[kind](word))
        except REFUSED as refusal:
            row = pc.index(present, value=word).as_py()
            msg = f"{shown(values[row].as_py())} is not {MEANING[kind]}"
            raise UnfitError(msg, row) from refusal
    return pa.array(made, TYPES[kind]).take(coded.indices)


def _read_number(word: str) -> Any:
    return pa.scalar(word).cast(pa.float64()).as_py()


def _read_integer(word: str) -> Any:
    try:
        return pa.scalar(word).cast(pa.int64()).as_py()
    except pa.ArrowInvalid:
        number = _read_number(word)
    if not math.isfinite(number) or abs(number) > WHOLE or number != math.floor(number):
        raise ValueError(word)
    return int(number)


def _read_boolean(word: str) -> bool | None:
    if word in MISSING:
        return None
    if word not in WORDS:
        raise ValueError(word)
    return WORDS[word]


def _read_date(word: str) -> dt.datetime:
    try:
        return pa.scalar(word).cast(TYPES["date"]).as_py()  # type: ignore[no-any-return]
    except pa.ArrowInvalid:
        moment = dt.datetime.fromisoformat(word)
    return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)


_READERS: dict[str, Callable[[str], Any]] = {
    "number": _read_number,
    "integer": _read_integer,
    "boolean": _read_boolean,
    "date": _read_date,
}
_MAKERS: dict[tuple[str, str], Callable[[pa.Array], pa.Array]] = {
    ("number", "text"): _parsed("number"),
    ("number", "integer"): lambda values: values.cast(pa.float64(), safe=False),
    ("number", "float"): _finite,
    ("number", "boolean"): lambda values: values.cast(pa.uint8()).cast(pa.float64()),
    ("integer", "text"): _parsed("integer"),
    ("integer", "integer"): _int64,
    ("integer", "float"): _whole,
    ("integer", "boolean"): lambda values: values.cast(pa.int64()),
    ("words", "text"): lambda values: values,
    ("words", "integer"): lambda values: values.cast(pa.large_string()),
    ("words", "float"): _float_text,
    ("words", "boolean"): lambda values: values.cast(pa.large_string()),
    ("words", "date"): _date_text,
    ("words", "time"): lambda values: _each(values, str),
    ("boolean", "text"): _parsed("boolean"),
    ("boolean", "integer"): _truth,
    ("boolean", "float"): _truth,
    ("boolean", "boolean"): lambda values: values,
    ("date", "text"): _parsed("date"),
    ("date", "date"): _moment,
}
