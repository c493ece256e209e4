"""A few records among many are found as a pass over all of them finds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge import Records, Table
from expunge.data import places
from expunge.data.places import Index, wrapped


@given(st.sets(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=40), st.data())
def test_rows_are_where_the_ids_are(ids: set[int], draw: st.DataObject) -> None:
    held = draw.draw(st.permutations(sorted(ids)))
    wanted = draw.draw(st.sets(st.sampled_from(held) | st.integers(-(2**70), 2**70), max_size=5))
    assert Index.of(np.array(held)).rows(wanted).tolist() == [row for row, name in enumerate(held) if name in wanted]


@given(st.lists(st.integers(0, 20), max_size=30), st.lists(st.integers(0, 20), max_size=5), st.sets(st.integers(0, 25)))
def test_an_id_that_is_there_twice_is_found_twice(ids: list[int], later: list[int], wanted: set[int]) -> None:
    expected = [row for row, name in enumerate([*ids, *later]) if name in wanted]
    made = Index.of(np.array(ids, np.int64))
    for name in later:
        longer = made.longer(np.array([name]))
        assert longer is not None
        made = longer
    assert made.rows(wanted).tolist() == expected
    assert Index.of(np.array([*ids, *later], np.int64)).rows(wanted).tolist() == expected


def test_ids_that_came_later_are_sorted_when_they_are_many() -> None:
    assert Index.of(np.arange(3)).longer(np.arange(places.LATER)) is not None
    assert Index.of(np.arange(3)).longer(np.arange(places.LATER + 1)) is None


@pytest.mark.parametrize("shuffled", [True, False])
@given(seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_a_change_is_the_same_with_an_index_and_without(shuffled: bool, seed: int) -> None:  # noqa: FBT001
    random = np.random.default_rng(seed)
    n = places.MANY + 5
    ids = random.permutation(n) * 3 if shuffled else np.arange(n) * 3
    view = random.choice(n, n - 3, replace=False)
    whole = Table.from_arrays(np.zeros((n, 1)), ids=ids)
    wanted = Records([*ids[:4].tolist(), 1, -7, 2**80])
    for table in (whole, whole.take(np.sort(view)), whole.take(view), whole.after(Records(ids[:2]))):
        expected = np.flatnonzero(np.isin(np.asarray(table.ids), ids[:4]))
        assert table.change(wanted).out.tolist() == expected.tolist()  # type: ignore[union-attr]


def test_only_a_few_of_many_are_looked_for_one_by_one() -> None:
    many = Table.from_arrays(np.zeros((places.MANY, 1)))
    assert many.places([3, 5]).tolist() == [3, 5]  # type: ignore[union-attr]
    assert many.places(range(places.FEW + 1)) is None
    assert many.take(slice(0, 9)).places([3]) is None


@pytest.mark.parametrize("rows", [[0, -1], [9], [-10], [10], [-11], [], np.array([2, 2])], ids=str)
def test_rows_are_taken_as_numpy_takes_them(rows: Any) -> None:
    held = np.arange(10)
    picked = np.asarray(rows, dtype=np.intp)
    try:
        expected = held[picked].tolist()
    except IndexError:
        with pytest.raises(IndexError, match="there are 10 rows"):
            wrapped(picked, 10)
    else:
        assert wrapped(picked, 10).tolist() == expected
