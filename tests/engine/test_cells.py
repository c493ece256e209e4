"""Cells: two values are spelled alike when some declaration reads the same of them, and exactly only when they are."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.data.schema import Schema, table_of
from expunge.data.table import Table
from expunge.engine.cells import cells_of, spelled

VALUES = st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.text(), st.dates())


@given(st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.booleans()))
def test_a_value_and_its_text_are_plainly_the_same(value: Any) -> None:
    assert spelled(value)[1] == spelled(str(value))[1]
    assert spelled(value)[0] != spelled(str(value))[0]


@given(VALUES, VALUES)
def test_exactly_they_are_the_same_only_when_they_are(one: Any, other: Any) -> None:
    assert (spelled(one)[0] == spelled(other)[0]) == (type(one) is type(other) and repr(one) == repr(other))


@pytest.mark.parametrize(("one", "other"), [(7, 7.0), ("007", 7), ("true", True), ("2026-01-02", date(2026, 1, 2))])
def test_plainly_they_are_the_same_however_they_are_declared(one: Any, other: Any) -> None:
    assert spelled(one)[-1] == spelled(other)[-1]


@pytest.mark.parametrize("other", [0, "", "nothing", "is nothing", False])
def test_nothing_is_like_no_value(other: Any) -> None:
    assert spelled(None) == spelled(float("nan"))
    assert not set(spelled(None)) & set(spelled(other))


def test_owner_and_label_are_columns_and_rows_of_a_view_are_its_own() -> None:
    table = Table.from_arrays(np.eye(3), ["a", "b", "c"], ids=[7, 8, 9], owners=["x", "y", "z"])
    (row,) = cells_of(table.take(slice(1, 2)))
    assert row == {
        b"feature x0": (b"is float 0.0", b"reads 0"), b"feature x1": (b"is float 1.0", b"reads 1"),
        b"feature x2": (b"is float 0.0", b"reads 0"),
        b"owner": (b"is str y", b"reads y"), b"label": (b"is str b", b"reads b"),
    }  # fmt: skip


def test_rows_of_a_source_are_spelled_as_those_of_arrays() -> None:
    schema = Schema("row", None, None, columns=(("age", "number"), ("town", "category")))
    rows = pa.Table.from_pylist([{"row": 1, "age": None, "town": "Bern"}], schema.arrow)
    (row,) = cells_of(table_of(rows, schema))
    assert row[b"feature age"] == (b"is nothing",)
    assert row[b"feature town"] == (b"is str Bern", b"reads Bern")
