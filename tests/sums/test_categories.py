"""Counts of names: parts add up, and nobody's name is nobody's."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge import Table
from expunge.errors import DataError, MismatchError
from expunge.sums.categories import MISSING, Categories, as_names


def table(seed: int = 0, n: int = 40) -> Table:
    """Two columns of names."""
    random = np.random.default_rng(seed)
    X = random.choice(np.array(["red", "blue", "green", None], object), (n, 2), p=[0.5, 0.3, 0.1, 0.1])
    return Table.from_arrays(X, random.choice(["a", "b", "c"], n, p=[0.6, 0.35, 0.05]))


@given(st.integers(0, 2**32 - 1), st.integers(1, 39))
@settings(max_examples=20, deadline=None)
def test_parts_add_up_and_can_be_taken_away(seed: int, cut: int) -> None:
    data = table(seed)
    first, then, whole = (
        Categories.of(data.take(rows)) for rows in (slice(0, cut), slice(cut, None), slice(None, None, -1))
    )
    assert first.plus(then) == whole
    assert whole.minus(first) == then
    assert hash(whole.minus(first)) == hash(then)
    assert whole.at([1]) == Categories.of(data.drop("x0"))


def test_what_is_not_there_cannot_go() -> None:
    data = table()
    with pytest.raises(MismatchError, match="do not hold them"):
        Categories.of(data.take(slice(0, 3))).minus(Categories.of(data))


def test_numbers_are_called_as_they_are_written_shortest() -> None:
    columns = [np.array([[1.0], [2.5]]), np.array([[1.0], [2.5]], np.float32)]
    assert [as_names(column, 0).tolist() for column in columns] == [["1", "2.5"]] * 2
    assert as_names(np.array([[np.nan]]), 0).tolist() == [MISSING]
    assert as_names(pa.table({"a": [1, None]}), 0).tolist() == ["1", MISSING]
    with pytest.raises(DataError, match="one thing"):
        Categories.of(Table.from_arrays(np.zeros((2, 2, 2)), [1, 2]))
    assert Categories.of(table()) != "counts"
