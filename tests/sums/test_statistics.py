"""Statistics of tables: what they are over, and that they may be put together from any parts."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from expunge import Table
from expunge.errors import DataError
from expunge.sums.fixed import Fixed
from expunge.sums.statistics import Kind, Needs, classes, exceeding, responses

KINDS = [Kind(needs) for needs in get_args(Needs)]


def table(needs: str, seed: int = 0, n: int = 60) -> Table:
    """Numbers with classes or responses."""
    random = np.random.default_rng(seed)
    y: Any = random.normal(size=(n, 2)) if needs == "moments" else random.integers(0, 3, n)
    return Table.from_arrays(random.normal(size=(n, 3)), y)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.needs)
@given(cut=st.integers(0, 60))
@settings(max_examples=8, deadline=None)
def test_parts_add_up_and_can_be_taken_away(kind: Kind, cut: int) -> None:
    data = table(kind.needs)
    first, then, whole = (kind.of(data.take(rows)) for rows in (slice(0, cut), slice(cut, None), slice(None, None, -1)))
    assert first.plus(then) == whole
    assert whole.minus(first) == then
    assert whole.count == 60


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.needs)
def test_a_column_that_goes_is_as_if_it_had_never_been(kind: Kind) -> None:
    data = table(kind.needs)
    behind = [3, 4] if kind.needs == "moments" else []
    assert kind.of(data).at([0, 2, *behind]) == kind.of(data.drop("x1"))


def test_the_name_says_what_the_sums_are_over() -> None:
    kinds = [*KINDS, Kind("sums", Fixed(0.5)), Kind("sums", above=0.5), Kind("sums", counted=True)]
    assert len({kind.name for kind in kinds}) == len(kinds)


def test_labels_and_classes_are_read_in_their_own_order() -> None:
    data = Table.from_arrays(np.zeros((4, 1)), ["b", "a", "c", "b"]).take(np.array([3, 2, 0]))
    names, codes = classes(data)
    assert (names, codes.tolist()) == (("b", "c"), [0, 1, 0])
    assert responses(Table.from_arrays(np.zeros((2, 1)), [1, 2])).tolist() == [[1.0], [2.0]]
    with pytest.raises(DataError, match="ask for multilabel"):
        classes(Table.from_arrays(np.zeros((2, 1)), [[True, False], [True, True]]))


def test_a_label_outside_of_the_range_is_named() -> None:
    with pytest.raises(DataError, match="column 'label': row 1 is outside"):
        Kind("moments").of(Table.from_arrays(np.zeros((2, 1)), [1.0, 2.0**31]))


def test_a_threshold_is_passed_or_not() -> None:
    assert exceeding(np.array([[0.5, 0.6]]), 0.5).tolist() == [[False, True]]


@pytest.mark.parametrize("made", [np.asarray, sparse.csr_array])
def test_what_is_missing_is_neither_above_a_bound_nor_below(made: Any) -> None:
    table = Table.from_arrays(made(np.array([[1.0, 2.0], [np.nan, 0.0]])), ["a", "b"])
    with pytest.raises(DataError, match="column 'x0': row 1 is missing or infinite"):
        Kind("sums", above=0.0).of(table)
