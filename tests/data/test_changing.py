"""A table answers the same target once, and hands on what is known of the data after it."""

from __future__ import annotations

import numpy as np

from expunge import Addition, Records, Table


def table(start: int = 0) -> Table:
    """Three records."""
    return Table.from_arrays(np.eye(3), ids=np.arange(start, start + 3))


def test_what_is_known_of_the_data_after_a_target_goes_with_them() -> None:
    data, target = table(), Records([1])
    before = data.after(target)  # asked for before it is known, and after
    data.tallies_after(target)["sum"] = 7
    assert before.tallies == data.after(target).tallies == {"sum": 7}
    assert data.tallies == {}


def test_it_is_known_of_that_target_alone() -> None:
    data = table()
    data.tallies_after(Records([1]))["sum"] = 7
    assert data.after(Records([2])).tallies == {}
    assert data.after(Records([1])).tallies == {}  # equal, and asked for anew
    assert data.take(slice(0, 2)).tallies == data.drop("x0").tallies == {}


def test_nothing_that_changes_nothing_is_the_table_itself() -> None:
    data, nobody = table(), Records([99])
    data.tallies["sum"] = 3
    data.tallies_after(nobody)["sum"] = 4
    assert data.after(nobody) is data
    assert data.tallies == {"sum": 3}


def test_rows_that_come_are_known_too() -> None:
    data, target = table(), Addition(table(10))
    data.tallies_after(target)["sum"] = 7
    assert (data.after(target).tallies, len(data.after(target))) == ({"sum": 7}, 6)
