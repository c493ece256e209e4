"""Sums over expanded rows: exact, in one order, and of nobody who is not there."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from expunge import Table
from expunge.codec import encode
from expunge.errors import DataError, MismatchError
from expunge.stages.expanded import Asked, Expanded, sums
from expunge.sums.fixed import Fixed

ASKED = (Asked("town", value=False, levels=True), Asked("age", order=True), Asked("rank", levels=True))


def of(rows: list[tuple[str | None, float | None, float]], labels: str = "") -> Expanded:
    columns = {name: [row[place] for row in rows] for place, name in enumerate(("town", "age", "rank"))}
    kinds = pa.schema({"town": pa.string(), "age": pa.float64(), "rank": pa.float64()})
    names = tuple(sorted(set(labels)))
    codes = np.array([names.index(label) for label in labels], np.intp)
    return sums(Table.from_arrays(pa.table(columns, schema=kinds)), ASKED, (names, codes), "products", Fixed())


def test_places_come_in_one_order_whatever_came_first() -> None:
    one, other = of([("Zug", 1.0, -0.0)], "b"), of([("Bern", None, 2.0), (None, 3.0, 0.0)], "ab")
    both = of([("Zug", 1.0, 0.0), ("Bern", None, 2.0), (None, 3.0, 0.0)], "bab")
    assert encode(one.plus(other)) == encode(other.plus(one)) == encode(both)
    assert encode(both.minus(other)) == encode(one)
    assert encode(both.minus(one).minus(other).plus(both)) == encode(both)  # through nobody at all
    spelled = [(entry.column, entry.kind, entry.level) for entry in both.entries]
    assert spelled[:4] == [
        ("town", "missing", None),
        ("town", "level", "Bern"),
        ("town", "level", "Zug"),
        ("age", "value", None),
    ]
    assert spelled[-2:] == [("rank", "level", 0.0), ("rank", "level", 2.0)]


def test_nobody_leaves_nothing_behind() -> None:
    held = of([("Zug", 1.0, 5.0), (None, None, 7.0)], "ab")
    assert encode(held.minus(held)) == encode(of([]))
    assert held.minus(held).count == 0


def test_a_column_goes_with_its_places() -> None:
    held = of([("Zug", 1.0, 5.0), (None, None, 7.0)], "ab")
    left = held.without(("town", "age"))
    assert [(entry.column, entry.kind) for entry in left.entries] == [
        ("rank", "value"),
        ("rank", "level"),
        ("rank", "level"),
    ]
    assert left.orders == ()
    assert left.columns == ("rank",)


def test_what_was_not_learned_cannot_go() -> None:
    held = of([("Zug", 1.0, 5.0)], "a")
    for gone in (of([("Bern", 1.0, 5.0)], "a"), of([("Zug", 2.0, 5.0)], "a"), of([("Zug", 1.0, 5.0)], "b")):
        with pytest.raises(MismatchError):
            held.minus(gone)


def test_numbers_at_the_edge_are_held_and_beyond_it_refused() -> None:
    edge = np.nextafter(2.0**30, 0.0)
    held = of([("Zug", edge, 0.0), ("Zug", -edge, 0.0), ("Zug", 1.0, 0.0)], "aaa")
    assert held.minus(of([("Zug", edge, 0.0)], "a")) == of([("Zug", -edge, 0.0), ("Zug", 1.0, 0.0)], "aa")
    for beyond in (2.0**30, np.inf):
        with pytest.raises(DataError, match="column 'age': row 0 is"):
            of([("Zug", beyond, 0.0)], "a")


def test_text_is_no_number_and_dates_are_said() -> None:
    table = Table.from_arrays(pa.table({"town": ["Zug"], "day": pa.array([0], pa.timestamp("us"))}))
    for name, said in (("town", "holds text, which is no number"), ("day", "holds timestamp")):
        with pytest.raises(DataError, match=said):
            sums(table, (Asked(name),), (("",), np.zeros(1, np.intp)), "none", Fixed())


def test_a_column_without_a_name_is_not_taken_for_the_targets() -> None:
    def summed(numbers: list[float], towns: list[str]) -> Expanded:
        table = Table.from_arrays(pa.table({"": numbers, "town": towns}))
        asked = (Asked(""), Asked("town", value=False, levels=True))
        of_all = (("",), np.zeros(len(towns), np.intp))
        return sums(table, asked, of_all, "products", Fixed(), np.array(numbers)[:, None])

    both = summed([1.0, 2.0], ["Bern", "Zug"])
    assert encode(summed([1.0], ["Bern"]).plus(summed([2.0], ["Zug"]))) == encode(both)
    assert [(entry.column, entry.kind) for entry in both.entries][-1] == ("", "target")
