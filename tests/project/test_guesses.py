"""What a column seems to be: whatever is guessed, the column can be read as."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.data.kinds import converted
from expunge.project.guesses import different, kind_of, share

SENTENCES = [f"the parcel number {n} has not come yet" for n in range(60)]
NAMES = [f"person {n}" for n in range(60)]
COLUMNS: list[tuple[str, Any, str]] = [
    ("age", list(range(20, 50)) * 2, "integer"),
    ("flag", [0, 1] * 30, "integer"),
    ("id", [n * 7 for n in range(60)], "ignore"),
    ("customerId", [n * 7 for n in range(60)], "ignore"),
    ("paid", [n * 7 for n in range(60)], "integer"),
    ("Unnamed: 0", list(range(60)), "ignore"),
    ("id", list(range(5)), "integer"),  # too few rows to say
    ("id", [1, 2, 3] * 20, "integer"),
    ("size", [1.5, None, float("nan")] * 20, "number"),
    ("price", [Decimal("1.50"), None] * 30, "number"),
    ("ok", [True, False, None] * 20, "boolean"),
    ("ok", ["yes", "no", "?", None] * 20, "boolean"),
    ("ok", ["TRUE", "false "] * 20, "boolean"),
    ("sex", ["m", "f"] * 30, "category"),
    ("day", [date(2020, 1, 1 + n % 28) for n in range(60)], "date"),
    ("day", [datetime(2020, 1, 1, n % 24) for n in range(60)], "date"),  # noqa: DTZ001
    ("day", [f"2020-01-{1 + n % 28:02}" for n in range(60)], "date"),
    ("day", ["2020-01-01", "", "NA"] * 20, "date"),
    ("size", ["1", "2.5", "NA", " -3e2"] * 20, "number"),
    ("size", ["1", "2", "-"] * 20, "integer"),
    ("zip", ["00501", "10001"] * 30, "category"),
    ("town", ["Bern", "Zug", None] * 20, "category"),
    ("town", ["Bern"] * 60, "category"),
    ("note", SENTENCES, "text"),
    ("name", NAMES, "ignore"),
    ("name", NAMES[:10], "category"),  # too few rows to say
    ("hour", [time(n % 24) for n in range(60)], "ignore"),
    ("raw", [b"x"] * 60, "ignore"),
    ("list", [[1]] * 60, "ignore"),
    ("void", [None] * 60, "ignore"),
    ("void", ["", "NA"] * 30, "category"),
]


@pytest.mark.parametrize(("name", "values", "kind"), COLUMNS, ids=[f"{n} {k}" for n, _, k in COLUMNS])
def test_each_column_is_what_people_would_say(name: str, values: Any, kind: str) -> None:
    column = pa.array(values)
    found = kind_of(name, column)
    assert found.kind == kind, found.reason
    assert kind_of(name, pa.chunked_array([column[:5], column[5:]])) == found


def test_categories_of_a_dictionary_and_of_a_view_are_text() -> None:
    column = pa.array(["Bern", "Zug"] * 30)
    for other in (column.dictionary_encode(), column.cast(pa.string_view()), column.cast(pa.large_string())):
        assert kind_of("town", other) == kind_of("town", column)


PARTS: tuple[st.SearchStrategy[Any], ...] = (
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["yes", "no", "", "NA", "1", "2.5", "2020-01-01", "007", "a b c d e", "x"]),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
)
anything = st.one_of(*(st.lists(st.none() | part, max_size=60) for part in PARTS))


@given(anything)
def test_what_is_guessed_can_be_read_so_and_its_reason_tells_no_value(values: list[Any]) -> None:
    guess = kind_of("x", pa.array(values))
    assert guess.reason
    finite = not any(isinstance(value, float) and np.isinf(value) for value in values)
    if guess.kind != "ignore" and finite:
        assert len(converted(pa.array(values), guess.kind)) == len(values)


def test_reasons_count_and_tell_no_value() -> None:
    reason = kind_of("town", pa.array(["Secretville", "Zug", None] * 20)).reason
    assert reason == "2 different values; 33 % missing"
    assert different(pa.array(["a", None, "a"])) == 1


def test_shares_are_said_in_per_cent() -> None:
    assert [share(*parts) for parts in ((0, 10), (1, 1000), (1, 3), (3, 3), (0, 0))] == [
        "0 %",
        "under 1 %",
        "33 %",
        "100 %",
        "0 %",
    ]
