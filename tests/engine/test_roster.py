"""Who is in a project: the quick look agrees with the slow one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.data.table import Table
from expunge.engine.fence import Fence
from expunge.engine.paper import subjects
from expunge.engine.roster import Roster
from expunge.values import Label, Owners, Records

KEY = b"fence key"


@given(st.sets(st.integers(0, 50), min_size=1), st.integers(0, 50))
def test_numbers(ids: set[int], asked: int) -> None:
    table = Table.from_arrays(np.zeros((len(ids), 1)), ids=sorted(ids))
    roster = Roster(table, KEY)
    assert roster.holds(("record", asked)) == (asked in ids)
    assert roster.holds(("owner", asked)) == (asked in ids)  # without owners each record is its own
    assert not roster.holds(("record", str(asked)))


@given(st.sets(st.text(max_size=3), min_size=1), st.text(max_size=3))
def test_texts(names: set[str], asked: str) -> None:
    table = Table.from_arrays(np.zeros((len(names), 1)), ids=sorted(names))
    assert Roster(table, KEY).holds(("record", asked)) == (asked in names)


def test_an_empty_table_holds_nobody() -> None:
    roster = Roster(Table.from_arrays(np.zeros((0, 1)), ids=np.zeros(0, int)), KEY)
    assert not roster.holds(("record", 1))
    assert not roster.holds(("class", "str 'a'"))
    assert roster.holds(("column", "x0"))


@pytest.mark.parametrize(
    ("label", "value", "held"), [([1, 2], 1, True), ([1.0, 2.0], 1.0, True), ([1, 2], True, False)]
)
def test_classes_are_told_apart_by_type(label: list[Any], value: Any, held: bool) -> None:  # noqa: FBT001
    roster = Roster(Table.from_arrays(np.zeros((2, 1)), label), KEY)
    assert roster.holds(subjects(Label(value))[0]) == held


def test_held_before_erased_before_unknown() -> None:
    table = Table.from_arrays(np.zeros((3, 1)), ids=[1, 2, 3], owners=["ann", "bob", "bob"])
    fence = Fence().raised(KEY, Owners(["bob"]), table.take(slice(1, 3)))
    asked = (*subjects(Records([1, 2, 9])), *subjects(Owners(["bob", "eve"])))
    found = Roster(table.take(slice(0, 1)), KEY).presence(asked, fence)
    assert list(found.values()) == ["held", "erased", "unknown", "erased", "unknown"]
