"""What a column seems to be, from the rows that were looked at, and why: for a proposal that people read and edit.

A guess becomes a declaration once it stands in ``expunge.toml``; nothing is guessed when a model learns. Reasons hold
counts, and no value of any row.

Examples
--------
>>> import pyarrow as pa
>>> kind_of("paid", pa.array(["yes", "no", "?"] * 10))
Guess(kind='boolean', reason='yes or no, in words; 33 % missing')
>>> kind_of("size", pa.array(["1.5", "2", "NA"] * 10))
Guess(kind='number', reason='numbers; 33 % missing')
>>> kind_of("town", pa.array(["Bern", "Zug", "Bern"] * 10))
Guess(kind='category', reason='2 different values')
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from expunge.data.kinds import MISSING, WORDS, UnfitError, converted, family_of

if TYPE_CHECKING:
    from expunge.data.kinds import Kind

ENOUGH = 20  # rows; below, that all values differ says little
PLAIN = r"^\s*[+-]?(0|[1-9][0-9]*|[0-9]*\.[0-9]+|[0-9]+\.[0-9]*)([eE][+-]?[0-9]+)?\s*$"  # no 007: that is a name
NAMING = re.compile(r"(?:^|[^A-Za-z])(?i:id|uuid|guid|key|nr|index)$|[a-z](?:Id|ID|Key|Nr)$")
WORDY = 4  # words of a usual text
LONG = 40  # characters


class Guess(NamedTuple):
    """What a column seems to be, and why, in half a sentence."""

    kind: Kind
    reason: str


def kind_of(name: str, column: pa.Array | pa.ChunkedArray) -> Guess:
    """What a feature seems to be."""
    values = plain(column)
    if values.null_count == len(values):
        return Guess("ignore", "empty in all rows that were read")
    family = "number" if pa.types.is_decimal(values.type) else family_of(values.type)
    if family == "text":
        return _of_text(values)
    if family == "integer":
        return _of_integers(name, values)
    said = {"float": ("number", "numbers"), "number": ("number", "numbers")}
    said |= {"boolean": ("boolean", "true or false"), "date": ("date", "dates")}
    if family not in said:
        return Guess("ignore", f"holds {values.type}, which nothing here learns from")
    kind, reason = said[family]
    return _gapped(kind, reason, values)


def plain(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece: text in one type, categories as their values, NaN as null."""
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_string(values.type) or pa.types.is_string_view(values.type):
        values = values.cast(pa.large_string())
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def numbers_in(values: pa.Array) -> pa.Array:
    """Text that spells numbers, dates or truth throughout, as such; other text, and all else, as it is."""
    if not pa.types.is_large_string(values.type):
        return values
    words = pc.utf8_lower(pc.utf8_trim_whitespace(values))
    present = values.filter(pc.invert(pc.is_in(words, value_set=pa.array(MISSING, pa.large_string()))).fill_null(False))
    if not len(present):
        return values
    spelled = pc.all(pc.match_substring_regex(present, PLAIN)).as_py()
    for kind in ("integer", "number") if spelled else ("date",):
        try:
            return converted(values, kind)
        except UnfitError:
            continue
    return values


def different(values: pa.Array) -> int:
    """How many different values there are, missing ones aside."""
    count: int = pc.count_distinct(values, mode="only_valid").as_py()
    return count


def share(part: int, whole: int) -> str:
    """A share in per cent, for a sentence."""
    return "under 1 %" if 0 < part * 100 < whole else f"{round(100 * part / max(whole, 1))} %"


def _of_integers(name: str, values: pa.Array) -> Guess:
    count, there = different(values), len(values) - values.null_count
    ends = pc.min_max(values).as_py()
    if count == there >= ENOUGH and (NAMING.search(name) or ends["max"] - ends["min"] == there - 1):
        return Guess("ignore", "another number in each row: it names the row, and says nothing of it")
    return _gapped("integer", f"whole numbers, {count:,} different", values)


def _of_text(values: pa.Array) -> Guess:
    made = numbers_in(values)
    if made is not values:
        kind = {"integer": "integer", "float": "number"}.get(family_of(made.type), "date")
        return _gapped(kind, {"integer": "whole numbers", "number": "numbers"}.get(kind, "dates, in words"), made)
    words = set(pc.unique(pc.utf8_lower(pc.utf8_trim_whitespace(values))).to_pylist()) - {None, *MISSING}
    if words and words <= set(WORDS):
        return _gapped("boolean", "yes or no, in words", converted(values, "boolean"))
    there = values.drop_null()
    count, rows = different(there), len(there)
    length = pc.mean(pc.utf8_length(there)).as_py()
    usual = pc.mean(pc.list_value_length(pc.utf8_split_whitespace(pc.utf8_trim_whitespace(there)))).as_py()
    if usual >= WORDY and 3 * count > rows and (count > ENOUGH or length >= LONG):
        return _gapped("text", f"free text, about {round(usual)} words each", values)
    if 2 * count > rows >= ENOUGH:
        return Guess(
            "ignore", f"{count:,} different values in {rows:,} rows, as names and keys have: nothing in common"
        )
    return _gapped("category", f"{count:,} different value{'s' * (count != 1)}", values)


def _gapped(kind: Any, reason: str, values: pa.Array) -> Guess:
    gaps = values.null_count
    return Guess(kind, f"{reason}; {share(gaps, len(values))} missing" if gaps else reason)
