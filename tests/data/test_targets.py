"""What each target means for a table, against a slow reference: a dictionary of records, changed one at a time."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.data.table import Table
from expunge.errors import DataError
from expunge.values import Addition, Batch, Column, Correction, Label, Owners, Records

FORMS = ("matrix", "objects", "pandas", "polars", "arrow")
FEATURES = ("a", "b")
ERASURES = (Records, Owners, Label, Column)


@dataclass(frozen=True)
class Row:
    """One record as a person would write it down."""

    owner: str | int | None
    values: dict[str, Any]
    label: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Row) and self.said() == other.said()

    __hash__ = None  # type: ignore[assignment]

    def said(self) -> str:
        return repr((self.owner, sorted(self.values.items()), self.label))  # NaN is NaN, and -0.0 is not 0.0


Rows = dict[Any, Row]


def table_of(rows: Rows, form: str, *, owned: bool, names: tuple[str, ...] = FEATURES) -> Table:
    """The same records as a table of one of the forms."""
    held = {name: [row.values[name] for row in rows.values()] for name in names}
    if form == "matrix":
        X: Any = np.array([held[name] for name in names], dtype=float).T.reshape(len(rows), len(names))
    elif form == "objects":
        X = np.empty((len(rows), len(names)), object)
        for place, name in enumerate(names):
            X[:, place] = held[name]
    else:
        typed = {name: pa.array(held[name], pa.string() if name == "b" else pa.float64()) for name in names}
        frame = pa.table(typed)
        X = frame.to_pandas() if form == "pandas" else pl.from_arrow(frame) if form == "polars" else frame
    ids: Any = list(rows)
    owners: Any = [row.owner for row in rows.values()] if owned else None
    if not rows:  # an empty list says nothing of its type
        ids = np.array([], str) if form in {"pandas", "objects"} else np.array([], int)
        owners = None if owners is None else np.array([], str)
    labels = np.array([row.label for row in rows.values()], dtype=str)
    named = {"columns": list(names)} if isinstance(X, np.ndarray) else {}
    return Table.from_arrays(X, labels, ids, owners, **named)


def rows_of(table: Table) -> Rows:
    """The records of a table, read one at a time."""
    ids, owners, label = table.ids.tolist(), table.owners, table.label
    assert len(set(ids)) == len(ids) == len(table)
    held = {name: table.column(name).tolist() for name in table.names}
    return {
        name: Row(
            None if owners is None else owners.tolist()[k],
            {column: values[k] for column, values in held.items()},
            None if label is None else label.tolist()[k],
        )
        for k, name in enumerate(ids)
    }


def without(rows: Rows, names: set[str]) -> Rows:
    return {
        key: replace(row, values={name: value for name, value in row.values.items() if name not in names})
        for key, row in rows.items()
    }


def changed(rows: Rows, target: Any) -> Rows:  # noqa: C901, PLR0911  (one case a target)
    """The reference."""
    match target:
        case Records(ids):
            return {key: row for key, row in rows.items() if key not in ids}
        case Owners(names):
            return {key: row for key, row in rows.items() if (key if row.owner is None else row.owner) not in names}
        case Label(value):
            return {key: row for key, row in rows.items() if row.label != value}
        case Column(name):
            return without(rows, {name})
        case Correction(table):
            right = rows_of(table)
            owner = {
                key: rows[key].owner if right[key].owner is None else right[key].owner for key in right if key in rows
            }
            return {key: replace(right[key], owner=owner[key]) if key in owner else row for key, row in rows.items()}
        case Addition(table):
            return rows | rows_of(table)
        case Batch(steps):
            erased = {step.name for step in steps if isinstance(step, Column)}
            for step in (*(step for step in steps if isinstance(step, ERASURES)), *steps):
                if isinstance(step, Correction | Addition):
                    kept = [name for name in step.table.names if name not in erased]
                    rows = changed(rows, type(step)(step.table.select(kept)))
                else:
                    rows = changed(rows, step)
            return rows
    raise AssertionError(target)


@st.composite
def cases(draw: Any, *, batches: bool = True) -> tuple[Rows, Table, Any]:  # noqa: C901  (one maker a target)
    """Records, the table of them, and a target."""
    form, owned = draw(st.sampled_from(FORMS)), draw(st.booleans())
    text = form in {"pandas", "objects"}
    named = (lambda k: f"r{k}") if text else (lambda k: k)
    numbers = st.sampled_from([0.0, -0.0, 1.5, float("nan")])
    second = numbers if form == "matrix" else st.sampled_from(["u", "v", "", None])
    row = st.builds(
        lambda owner, a, b, label: Row(owner if owned else None, {"a": a, "b": b}, label),
        st.sampled_from(["ann", "bob", "eve"]),
        numbers,
        second,
        st.sampled_from(["x", "y", "zzz"]),
    )

    def some(keys: range) -> Any:
        return st.dictionaries(st.sampled_from(keys).map(named), row, max_size=6)

    rows = draw(some(range(8)))
    if form == "objects":  # what the objects are is known from them alone
        rows |= {named(90): Row("eve" if owned else None, {"a": 1.5, "b": "u"}, "x")}
    fresh = iter(range(100, 200))

    def corrected() -> Any:
        right = draw(some(range(10)).filter(bool))
        if form == "objects":
            right |= {named(91): Row("eve" if owned else None, {"a": 1.5, "b": "u"}, "x")}
        keep_owner = owned and draw(st.booleans())
        return Correction(
            table_of(right, form, owned=owned and not keep_owner, names=draw(st.permutations(FEATURES).map(tuple)))
        )

    def added() -> Any:
        new = {named(next(fresh)): each for each in draw(st.lists(row, min_size=1, max_size=2))}
        if form == "objects":
            new |= {named(next(fresh)): Row("eve" if owned else None, {"a": 1.5, "b": "u"}, "x")}
        return Addition(table_of(new, form, owned=owned))

    units = st.sampled_from(["ann", "bob", "nobody"]) if owned else st.integers(0, 9).map(named)
    makers = [
        lambda: Records(draw(st.lists(st.integers(0, 9).map(named), max_size=4))),
        lambda: Owners(draw(st.lists(units, max_size=2))),
        lambda: Label(draw(st.sampled_from(["x", "y", "zzz", "nothing"]))),
        lambda: Column(draw(st.sampled_from(["a", "b", "nothing"]))),
        corrected,
        added,
    ]
    if batches:
        makers.append(lambda: Batch([draw(st.sampled_from(makers[:6]))() for _ in range(draw(st.integers(0, 4)))]))
    target = draw(st.sampled_from(makers))()
    whole = table_of(rows, form, owned=owned)
    if draw(st.booleans()):  # as a view of a table with more records
        order = draw(st.permutations(range(len(rows))))
        whole = whole.take(np.array(order, np.intp))
    return rows, whole, target


@settings(deadline=None, max_examples=400)
@given(cases())
def test_every_target_does_what_the_reference_does(case: tuple[Rows, Table, Any]) -> None:
    rows, table, target = case
    assert rows_of(table) == rows
    after = table.after(target)
    assert rows_of(after) == changed(rows, target)
    assert rows_of(table) == rows, "the table itself is left alone"


@settings(deadline=None, max_examples=200)
@given(cases())
def test_a_change_says_which_positions_go_and_what_comes(case: tuple[Rows, Table, Any]) -> None:
    rows, table, target = case
    change = table.change(target)
    assert change is not None
    out = change.out
    assert out.dtype == np.intp
    assert (np.diff(out) > 0).all()
    assert ((out >= 0) & (out < len(table))).all()
    ids = table.ids.tolist()
    stays = {name: rows[name] for k, name in enumerate(ids) if k not in set(out.tolist())}
    comes = rows_of(change.into)
    assert not stays.keys() & comes.keys()
    assert stays | comes == changed(rows, target)
    assert change.into.names == table.after(target).names or not len(change.into)


@settings(deadline=None, max_examples=150)
@given(cases(batches=False))
def test_only_what_changes_goes(case: tuple[Rows, Table, Any]) -> None:
    rows, table, target = case
    change, right = table.change(target), changed(rows, target)
    assert change is not None
    gone = [table.ids.tolist()[k] for k in change.out]
    assert gone == [name for name in table.ids.tolist() if right.get(name) != rows[name]]


@settings(deadline=None, max_examples=150)
@given(cases())
def test_a_target_asked_twice_changes_nothing_more(case: tuple[Rows, Table, Any]) -> None:
    _, table, target = case
    steps = target.targets if isinstance(target, Batch) else (target,)
    if any(isinstance(step, Addition) for step in steps):
        return
    if len(steps) > 1 and any(isinstance(step, Correction) for step in steps):
        return  # a correction may make a record into what an erasure before it names: asked again, it covers it
    once = table.after(target)
    assert rows_of(once.after(target)) == rows_of(once)
    change = once.change(target)
    assert change is not None
    if not isinstance(target, Batch):
        assert not len(change.out)
        assert not len(change.into)


@settings(deadline=None, max_examples=100)
@given(cases(batches=False))
def test_a_batch_of_one_is_that_one(case: tuple[Rows, Table, Any]) -> None:
    _, table, target = case
    assert rows_of(table.after(Batch([target]))) == rows_of(table.after(target))


@settings(deadline=None, max_examples=100)
@given(cases())
def test_what_is_left_is_the_table_of_what_is_left(case: tuple[Rows, Table, Any]) -> None:
    """Digests, schema and labels as if the table had been made of the remaining records: nothing else shows."""
    _, table, target = case
    after = table.after(target)
    if not len(after) or len(after.names) < 2 or table.columns.kind == "objects":
        return
    fresh = table_of(rows_of(after), table.columns.kind, owned=table.owners is not None, names=after.names)
    assert (fresh.digests(b"k") == after.digests(b"k")).all()
    assert fresh.schema() == after.schema()
    assert fresh.label is not None
    assert after.label is not None
    assert fresh.label.dtype == after.label.dtype


# -- the batch, in cases that people would argue about -----------------------------------------------------------------


def owned(rows: dict[int, str]) -> Table:
    """A record for each owner; its one feature is its id."""
    return Table.from_arrays([[float(k)] for k in rows], ["x"] * len(rows), list(rows), list(rows.values()))


def test_moving_a_record_within_a_batch_saves_it_from_neither_erasure() -> None:
    table = owned({1: "ann", 2: "bob"})
    to_bob, to_ann = Correction(owned({1: "bob"})), Correction(owned({1: "ann"}))
    assert table.after(Batch([to_bob, Owners(["ann"])])).ids.tolist() == [2]
    assert table.after(Batch([Owners(["ann"]), to_bob])).ids.tolist() == [2]
    assert table.after(Batch([to_bob, Owners(["bob"])])).ids.tolist() == []
    assert table.after(Batch([Owners(["bob"]), to_bob])).owners.tolist() == ["bob"]  # type: ignore[union-attr]
    assert table.after(Batch([to_bob, Owners(["bob"]), to_ann])).ids.tolist() == []


def test_an_id_may_be_used_again_after_its_erasure() -> None:
    table = owned({1: "ann", 2: "bob"})
    again = table.after(Batch([Records([1]), Addition(owned({1: "eve"}))]))
    assert dict(zip(again.ids.tolist(), again.owners.tolist(), strict=True)) == {2: "bob", 1: "eve"}  # type: ignore[union-attr]
    assert table.after(Batch([Addition(owned({3: "eve"})), Records([3])])).ids.tolist() == [1, 2]


def test_of_two_corrections_the_later_holds() -> None:
    table = owned({1: "ann"})
    after = table.after(Batch([Correction(owned({1: "bob"})), Correction(owned({1: "eve"}))]))
    assert after.owners.tolist() == ["eve"]  # type: ignore[union-attr]


def test_an_empty_batch_and_an_empty_target_change_nothing() -> None:
    table = owned({1: "ann"})
    for target in (
        Batch([]),
        Records([]),
        Owners([]),
        Label("nothing"),
        Column("nothing"),
        Correction(owned({9: "z"})),
    ):
        assert table.after(target) is table


def test_a_column_goes_even_where_no_record_is_left() -> None:
    table = Table.from_arrays(np.eye(2), ["x", "y"], columns=["a", "b"])
    for target in (Batch([Records([0, 1]), Column("a")]), Batch([Column("a"), Records([0, 1])])):
        after = table.after(target)
        assert (len(after), after.names) == (0, ("b",))
    assert table.take(slice(0, 0)).after(Column("a")).names == ("b",)


def test_a_correction_that_still_holds_an_erased_column_fits_the_batch() -> None:
    table = Table.from_arrays(np.eye(2), ["x", "y"], columns=["a", "b"])
    right = Correction(Table.from_arrays([[5.0, 6.0]], ["x"], [0], columns=["a", "b"]))
    for batch in (Batch([Column("a"), right]), Batch([right, Column("a")])):
        after = table.after(batch)
        assert after.names == ("b",)
        assert after.column("b")[after.ids.tolist().index(0)] == 6.0


# -- labels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "value", "gone"),
    [
        (["a", "b"], "b", [1]),
        (["a", "b"], 1, []),
        (["a", "b"], True, []),
        (["a", "b"], float("nan"), []),
        (["1", "2"], 1, []),
        ([1, 2], "1", []),
        ([1, 2], 2, [1]),
        ([1, 2], 2.0, [1]),
        ([1, 2], np.int8(2), [1]),
        ([1, 2], 2**70, []),
        ([1, 2], 1.5, []),
        ([1, 2], float("nan"), []),
        ([0.5, 1.0], 1, [1]),
        ([0.5, 1.0], "0.5", []),
        ([True, False], False, [1]),
        ([True, False], "True", []),
        (None, "a", []),
        ([], "a", []),
    ],
)
def test_a_class_of_another_type_is_nobodys_and_no_reason_to_warn(labels: Any, value: Any, gone: list[int]) -> None:
    table = Table.from_arrays(np.zeros((2 if labels is None else len(labels), 1)), labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        change = table.change(Label(value))
    assert change is not None
    assert change.out.tolist() == gone


# -- refusals ----------------------------------------------------------------------------------------------------------

TABLE = Table.from_arrays(np.eye(3), ["x", "y", "x"], [5, 6, 7], ["ann", "bob", "ann"], columns=["a", "b", "c"])


def new(X: Any = ((1.0, 2.0, 3.0),), y: Any = ("x",), ids: Any = (8,), owners: Any = ("ann",), **more: Any) -> Table:
    if not more and not hasattr(X, "columns"):
        more = {"columns": ["a", "b", "c"]}
    return Table.from_arrays(X if hasattr(X, "columns") else np.asarray(X), y, ids, owners, **more)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (new(columns=["a", "b", "z"]), r"missing \['c'\], unknown \['z'\]"),
        (new(((1.0, 2.0),), columns=["a", "b"]), r"missing \['c'\], unknown \[\]"),
        (new(((1.0, 2.0, 3.0, 4.0),), columns=["a", "b", "c", "d"]), r"missing \[\], unknown \['d'\]"),
        (new(ids=["8"]), "the ids of the new rows must be like those of the table: integers, got strings"),
        (new(owners=[4]), "the owners of the new rows must be like those of the table: strings, got integers"),
        (new(y=[1]), "the labels of the new rows must be like those of the table"),
        (new(y=None), "labels of the new rows must be like those of the table: <U1, got none"),
        (new(np.array([["u", "v", "w"]])), "one side is a matrix of numbers, the other is not"),
        (new(pl.DataFrame({"a": [1.0], "b": [1.0], "c": [1.0]})), "one side is a matrix of numbers"),
    ],
    ids=lambda rows: "" if isinstance(rows, Table) else rows[:30],
)
def test_new_rows_that_do_not_fit_are_refused(rows: Table, sentence: str) -> None:
    named: dict[str, Any] = {"columns": rows.names} if rows.columns.kind in {"matrix", "objects"} else {}
    ids: list[Any] = ["5"] if rows.ids.tolist() == ["8"] else [5]
    corrected = Table.from_arrays(rows.features, rows.label, ids, rows.owners, **named)
    for act in (TABLE.change, TABLE.after, lambda target: TABLE.after(Batch([target]))):
        with pytest.raises(DataError, match=sentence):
            act(Addition(rows))
        with pytest.raises(DataError, match=sentence if "ids" not in sentence else "names '5', a str, but the ids"):
            act(Correction(corrected))


def test_new_rows_without_owners_are_refused_where_records_have_some_and_a_correction_keeps_them() -> None:
    with pytest.raises(DataError, match="owners of the new rows must be like those of the table: strings, got none"):
        TABLE.change(Addition(new(owners=None)))
    kept = TABLE.after(Correction(new(ids=[6], owners=None)))
    assert dict(zip(kept.ids.tolist(), kept.owners.tolist(), strict=True))[6] == "bob"  # type: ignore[union-attr]


def test_an_id_that_the_table_holds_is_refused_before_any_work() -> None:
    several = new(np.ones((3, 3)), ["x"] * 3, [8, 6, 5], ["ann"] * 3)
    for act in (TABLE.change, TABLE.after):
        with pytest.raises(DataError, match="row 1 has the id 6, which the table holds"):
            act(Addition(several))
    text = Table.from_arrays(np.eye(2), ids=["p", "q"])
    with pytest.raises(DataError, match="row 0 has the id 'q'"):
        text.change(Addition(Table.from_arrays([[0.0, 1.0]], ids=["q"])))
    with pytest.raises(DataError, match="row 0 has the id 8"):
        TABLE.change(Batch([Addition(new()), Addition(new())]))


def test_a_class_that_was_not_declared_is_refused() -> None:
    declared = Table.from_arrays(np.eye(2), ["x", "y"], classes=["x", "y", "z"])
    assert declared.after(Addition(Table.from_arrays([[0.0, 1.0]], ["z"], [7]))).classes == ("x", "y", "z")
    for target in (
        Addition(Table.from_arrays([[0.0, 1.0]], ["w"], [7])),
        Correction(Table.from_arrays([[0.0, 1.0]], ["w"], [1])),
    ):
        with pytest.raises(DataError, match="row 0 holds 'w', which is not one of the declared classes"):
            declared.change(target)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (Records(["5"]), "the target names '5', a str, but the ids of this table are integers"),
        (Owners([5]), "the target names 5, a int, but the owners of this table are strings"),
        (Batch([Records([5]), Owners([5])]), "the owners of this table are strings"),
    ],
)
def test_names_of_another_type_are_refused(target: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        TABLE.change(target)


def test_where_no_owners_were_declared_each_record_is_its_own() -> None:
    table = Table.from_arrays(np.eye(3), ids=[5, 6, 7])
    assert table.after(Owners([6])).ids.tolist() == [5, 7]
    with pytest.raises(DataError, match="no owners were declared, each record is its own"):
        table.change(Owners(["ann"]))


@pytest.mark.parametrize(
    ("dtype", "value", "fits"),
    [
        ("i1", 127, True), ("i1", 128, False), ("i1", -129, False), ("i4", 2**31, False), ("f4", 1e39, False),
        ("f4", 0.1, True), ("f4", np.inf, True), ("f4", np.nan, True), ("f2", 70000.0, False), ("f8", 1e300, True),
        ("i8", 0.5, False), ("?", 1, False),
    ],
)  # fmt: skip
def test_a_number_becomes_no_other_number(dtype: str, value: float, fits: bool) -> None:  # noqa: FBT001  (a parameter)
    table = Table.from_arrays(np.zeros((2, 1), dtype))
    target = Correction(Table.from_arrays(np.array([[value]]), ids=[1]))
    if fits:
        after = table.after(target)
        assert after.features.dtype == np.dtype(dtype)
        np.testing.assert_allclose(after.features[-1, 0], value, rtol=1e-3)
    else:
        with pytest.raises(DataError, match="do not fit the columns"):
            table.change(target)


def test_a_correction_takes_the_types_of_the_frame_it_corrects() -> None:
    frame = pd.DataFrame({"n": pd.Series([1, 2], dtype="int8"), "c": pd.Categorical(["u", "v"]), "id": [1, 2]})
    table = Table.from_frame(frame, id="id")
    right = Table.from_frame(pd.DataFrame({"c": ["w"], "n": [7], "id": [2]}), id="id")
    after = table.after(Correction(right))
    assert after.features.dtypes.astype(str).tolist() == ["int8", "category"]
    assert after.features["c"].cat.categories.tolist() == ["u", "w"]
    wrong = Table.from_frame(pd.DataFrame({"c": ["w"], "n": [700], "id": [2]}), id="id")
    with pytest.raises(DataError, match="do not fit the columns they should join"):
        table.change(Correction(wrong))


def test_new_rows_fit_an_empty_table() -> None:
    empty = TABLE.take(slice(0, 0))
    after = empty.after(Addition(new()))
    assert rows_of(after) == rows_of(new())
    assert len(empty.after(Correction(new()))) == 0


# -- remarks -----------------------------------------------------------------------------------------------------------


def test_a_target_that_names_nothing_is_remarked() -> None:
    assert TABLE.remarks(Records([99])) == (
        "no record of the data carries what this target names: there is nothing to change",
    )
    assert TABLE.remarks(Records([5])) == ()
    assert TABLE.remarks(Addition(new())) == ()


def test_copies_that_stay_are_counted() -> None:
    table = Table.from_arrays([[1.0], [1.0], [2.0], [1.0]], ["x", "x", "x", "y"])
    (said,) = table.remarks(Records([0]))
    assert said.startswith("1 record that stays is an exact copy of forgotten ones")
    assert table.remarks(Records([0, 1])) == ()


def test_a_declared_class_is_remarked_when_it_goes() -> None:
    table = Table.from_arrays(np.eye(2), ["x", "y"], classes=["x", "y", "z"])
    assert "the class 'x' is declared as public and stays a class" in table.remarks(Label("x"))[-1]
    assert len(table.remarks(Label("z"))) == 2
    assert len(TABLE.remarks(Label("x"))) == 0
