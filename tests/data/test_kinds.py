"""One value in many dresses becomes one value, whatever stands beside it."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.data.kinds import MISSING, TYPES, Kind, UnfitError, converted, decimal_text, family_of, one_array, shown
from expunge.errors import DataError

DAY = dt.datetime(2024, 1, 31)  # noqa: DTZ001  (dates are naive, in UTC)
WORD = st.text("0123456789+-.eExX aInfNntrueysoT:/_\u0661\u00a0", max_size=8)
KINDS: list[Kind] = ["number", "integer", "boolean", "date", "category"]


def text(*values: str | None) -> pa.Array:
    return pa.array(values, pa.large_string())


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (text("1", "-2.5", "1e308", ".5", "+3"), "number", [1.0, -2.5, 1e308, 0.5, 3.0]),
        (text(" 1", "2 ", "\t3\t"), "number", [1.0, 2.0, 3.0]),
        (text("1", "", "NA", "NaN", "nan", "null", "None", "?", "-", None), "number", [1.0, *[None] * 9]),
        (pa.array([2**60, -1, None]), "number", [float(2**60), -1.0, None]),
        (pa.array([1.5, math.nan, None]), "number", [1.5, None, None]),
        (pa.array([1.5, math.nan], pa.float32()), "number", [1.5, None]),
        (pa.array([Decimal("0.1"), Decimal("12345678901234567890.1")]), "number", [0.1, 12345678901234567890.1]),
        (pa.array([True, None]), "number", [1.0, None]),
        (pa.array([None, None]), "number", [None, None]),
        (text("7", "-0", "007", "+5", "3.0", "1e3", " 8", ""), "integer", [7, 0, 7, 5, 3, 1000, 8, None]),
        (pa.array([1.0, math.nan, -3.0]), "integer", [1, None, -3]),
        (pa.array([Decimal("12.00"), None]), "integer", [12, None]),
        (pa.array([1, 2], pa.uint64()), "integer", [1, 2]),
        (pa.array([True, False]), "integer", [1, 0]),
        (text("NA", "", " a", "\0", None), "category", ["NA", "", " a", "\0", None]),
        (pa.array([1, None]), "category", ["1", None]),
        (pa.array([1.0, 2.5, -0.0, math.nan]), "category", ["1", "2.5", "0", None]),
        (pa.array([Decimal("2.50"), Decimal("3.00")]), "category", ["2.5", "3"]),
        (pa.array([True, False]), "category", ["true", "false"]),
        (pa.array([DAY.date(), None]), "category", ["2024-01-31", None]),
        (pa.array([DAY]), "text", ["2024-01-31 00:00:00"]),
        (pa.array([dt.time(10, 30)]), "text", ["10:30:00"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), "category", ["a", "b", "a"]),
        (pa.array(["a"], pa.string_view()), "text", ["a"]),
        (text("yes", " NO ", "TRUE", "f", "", "?", None), "boolean", [True, False, True, False, None, None, None]),
        (pa.array([1, 0, None]), "boolean", [True, False, None]),
        (pa.array([1.0, 0.0, math.nan]), "boolean", [True, False, None]),
        (
            text("2024-01-31", "2024-01-31 00:00", "2024-01-31T02:00:00+02:00", "20240131", " "),
            "date",
            [DAY] * 4 + [None],
        ),
        (pa.array([DAY.date()]), "date", [DAY]),
        (pa.array([DAY], pa.timestamp("ns")), "date", [DAY]),
        (pa.array([DAY.replace(hour=3)], pa.timestamp("us", "+05:00")), "date", [DAY.replace(hour=3)]),
        (pa.array([DAY], pa.date64()), "date", [DAY]),
        (pa.chunked_array([text("1"), text("x")]), "text", ["1", "x"]),
        (pa.chunked_array([], pa.large_string()), "number", []),
    ],
)
def test_values_become_what_is_declared(values: pa.Array, kind: Kind, expected: list[Any]) -> None:
    made = converted(values, kind)
    assert made.type == TYPES[kind]
    assert made.to_pylist() == expected


def test_an_uuid_is_its_text() -> None:
    name = uuid.UUID(int=7)
    assert converted(pa.array([name, None]), "text").to_pylist() == [str(name), None]


@pytest.mark.parametrize(
    ("values", "kind", "row", "reason"),
    [
        (text("1", "abc"), "number", 1, "'abc' is not a finite number"),
        (text("1", "1,5"), "number", 1, "'1,5' is not a finite number"),
        (text("1", "inf"), "number", 1, "inf is not a finite number"),
        (text("NA", "1e999"), "number", 1, "inf is not"),
        (pa.array([0.0, -math.inf]), "number", 1, "-inf is not"),
        (text("7", "3.5"), "integer", 1, "'3.5' is not a whole number of 64 bits"),
        (text(str(2**63)), "integer", 0, "is not a whole number of 64 bits"),
        (pa.array([0, 2**63], pa.uint64()), "integer", 1, "9223372036854775808 is not a whole number"),
        (pa.array([2.0**60]), "integer", 0, "is not a whole number"),
        (pa.array([1.0, 0.5]), "integer", 1, "0.5 is not a whole number"),
        (text("yes", "perhaps"), "boolean", 1, "'perhaps' is not one of true, false"),
        (pa.array([1, 0, 2]), "boolean", 2, "2 is not one of true, false"),
        (text("2024-02-30"), "date", 0, "'2024-02-30' is not a date such as"),
        (text("31/12/2024"), "date", 0, "is not a date"),
        (pa.array([1, 2]), "date", None, "a column of type int64 holds none; date means a date such as"),
        (pa.array([b"x"]), "text", None, "a column of type binary holds none"),
        (pa.array([[1.0]]), "number", None, "holds none; number means a finite number"),
        (pa.array([DAY]), "number", None, "holds none"),
        (pa.array([3], pa.timestamp("s")), "number", None, "timestamp"),
        (pa.array([2**62], pa.timestamp("s")), "date", None, "outside the years 1 to 9999"),
        (pa.array([DAY.date()]), "boolean", None, "date32"),
        (pa.array([0, 10**7], pa.date32()), "date", 1, "outside the years 1 to 9999"),
        (pa.array([-(10**6)], pa.date32()), "date", 0, "outside the years 1 to 9999"),
        (text("x" * 10_000), "number", 0, "xxx... is not"),
    ],
)
def test_what_does_not_fit_is_named_with_its_row(values: pa.Array, kind: Kind, row: int | None, reason: str) -> None:
    with pytest.raises(UnfitError) as caught:
        converted(values, kind)
    assert caught.value.row == row
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 200
    assert isinstance(caught.value, DataError)


def outcome(values: pa.Array, kind: Kind) -> list[Any] | None:
    """What the values become; None where they are refused."""
    try:
        return [repr(value) for value in converted(values, kind).to_pylist()]
    except UnfitError:
        return None


@given(st.lists(WORD, min_size=1, max_size=6), st.sampled_from(KINDS))
def test_what_a_word_becomes_does_not_depend_on_its_neighbours(words: list[str], kind: Kind) -> None:
    alone = [outcome(text(word), kind) for word in words]
    together = outcome(text(*words), kind)
    assert together == (None if None in alone else [made for one in alone for made in one or ()])


@given(
    st.lists(st.none() | st.integers(-(2**53), 2**53) | st.floats(allow_infinity=False), max_size=6),
    st.sampled_from(KINDS),
)
def test_numbers_and_their_text_mean_the_same(values: list[Any], kind: Kind) -> None:
    values = [float(value) if value is not None else None for value in values]
    column = pa.array(values, pa.float64())
    if kind != "date":
        assert outcome(converted(column, "text"), kind) == outcome(column, kind)


@given(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=6), st.sampled_from(["integer", "number", "text"])
)
def test_integers_and_their_text_mean_the_same(values: list[Any], kind: Kind) -> None:
    column = pa.array(values, pa.int64())
    assert outcome(converted(column, "text"), kind) == outcome(column, kind)


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=3), min_size=1, max_size=5))
def test_a_decimal_is_the_nearest_float(values: list[Decimal]) -> None:
    made = converted(pa.array(values, pa.decimal128(38, 3)) if max(map(abs, values)) < 10**30 else text("1"), "number")
    if max(map(abs, values)) < 10**30:
        assert made.to_pylist() == [float(value) for value in values]


@given(st.datetimes())
def test_a_date_survives_its_own_text(moment: dt.datetime) -> None:
    for written in (moment.isoformat(), str(moment), moment.isoformat(timespec="microseconds")):
        assert converted(text(written), "date").to_pylist() == [moment]
    assert converted(text("NA", moment.isoformat() + "Z"), "date").to_pylist() == [None, moment]


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_text_of_a_decimal_is_one_for_equal_decimals(value: Decimal) -> None:
    assert Decimal(decimal_text(value)) == value
    if abs(value) < 10**9 and value == round(value, 6):
        assert decimal_text(value) == decimal_text(value.quantize(Decimal("0.0000000")))
    assert not decimal_text(value).endswith(".")


def test_words_for_missing_values_are_written_in_lower_case() -> None:
    assert all(word == word.lower().strip() for word in MISSING)


def test_one_piece_is_not_copied() -> None:
    values = pa.array(np.arange(10.0))
    for given_values in (values, pa.chunked_array([values])):
        assert one_array(given_values).buffers()[1].address == values.buffers()[1].address
    assert one_array(pa.chunked_array([values, values])).to_pylist() == [*range(10)] * 2


def test_families_and_shown_values() -> None:
    assert family_of(pa.binary()) == "other"
    assert family_of(pa.date32()) == "date"
    assert shown("ab") == "'ab'"
    assert shown("a" * 100) == "'" + "a" * 36 + "..."
