"""Labels and classes from whatever people have: one for each record, or several side by side, or a sentence."""

from __future__ import annotations

import datetime as dt
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from expunge.data import labels
from expunge.data.table import Table
from expunge.errors import DataError
from expunge.values import Addition, Batch, Column, Correction, Label, Records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.values import Target

NAN = float("nan")

# -- one for each record -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "dtype", "values"),
    [
        ([1, 0], "int64", [1, 0]),
        (np.array([1, 0], "i1"), "int64", [1, 0]),
        (np.array([1, 0], ">i4"), "int64", [1, 0]),
        ([True, False], "bool", [True, False]),
        (pd.Series([True, False], dtype="boolean"), "bool", [True, False]),
        ([1, 2.5], "float64", [1.0, 2.5]),
        (np.array([0.5, 1], "f4"), "float64", [0.5, 1.0]),
        (np.array([0.5, 1], "f2"), "float64", [0.5, 1.0]),
        (["no", "yes!"], "<U4", ["no", "yes!"]),
        (np.array(["no", "yes!"], "U30"), "<U4", ["no", "yes!"]),
        (pd.Series(["no", "yes!"], dtype="category"), "<U4", ["no", "yes!"]),
        (pl.Series(["no", "yes!"], dtype=pl.Categorical), "<U4", ["no", "yes!"]),
        (pa.chunked_array([["no"], ["yes!"]]), "<U4", ["no", "yes!"]),
    ],
)
def test_labels_have_one_of_four_types(given: Any, dtype: str, values: list[Any]) -> None:
    made = labels.as_labels(given, 2)
    assert made.dtype == np.dtype(dtype)
    assert made.tolist() == values


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([1, None], "label: row 1 has none"),
        ([0.5, NAN, NAN], "label: row 1 has none"),
        (["a", None], "label: row 1 has none"),
        ([True, None], "label: row 1 has none"),
        (pd.Series([True, None]), "label: row 1 has none"),
        (np.array([np.nan, 1]), "label: row 0 has none"),
        ([1, "a"], "row 1 holds 'a'"),
        ([True, 1], "row 1 holds 1"),
        (["a", "b\0"], "row 1 holds 'b.x00'; a class must not end in a NUL"),
        ([b"a"], "got binary"),
        ([dt.date(2020, 1, 1)], "got date32"),
        ([2**64], "row 0 holds"),
        (np.array([2**63], np.uint64), "row 0 holds"),
        (np.zeros((2, 1, 1)), "one value for each row"),
        (np.array(1), "one value for each row"),
        ([1j], "cannot be held"),
    ],
)
def test_what_is_no_column_of_labels_is_refused_by_its_first_bad_row(given: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        labels.as_labels(given, np.size(given))


def test_the_number_of_labels_is_that_of_the_rows() -> None:
    with pytest.raises(DataError, match="label: 3 rows need 3 of them, got 1"):
        labels.as_labels(["a"], 3)


def test_there_may_be_no_labels_of_no_rows() -> None:
    assert labels.as_labels([], 0).shape == (0,)
    assert labels.as_labels(np.array([], "U4"), 0).dtype.kind == "U"


def test_some_labels_are_no_wider_than_they_need() -> None:
    held = labels.as_labels(["a", "a very long one", "bb"], 3)
    assert labels.take(held, np.array([2, 0])).dtype == np.dtype("<U2")
    assert labels.take(held, slice(0, 0)).dtype == labels.as_labels(np.array([], str), 0).dtype
    assert labels.take(held, slice(1, 2)).tolist() == ["a very long one"]


@pytest.mark.parametrize(
    ("declared", "label", "kept"),
    [
        (None, ["a"], None),
        (["b", "a", "b"], ["a"], ("a", "b")),
        (("b", "a"), None, ("a", "b")),
        (np.array([2, 1, 0]), [1, 2], (0, 1, 2)),
        (pd.Series(["b", "a"]), ["b"], ("a", "b")),
        ([True, False], [True], (False, True)),
        ([2.5, 0.5], [0.5], (0.5, 2.5)),
        ([3, 1], [], (1, 3)),
    ],
)
def test_declared_classes_are_sorted_plain_values(declared: Any, label: Any, kept: Any) -> None:
    made = labels.as_classes(declared, None if label is None else labels.as_labels(label, len(label)))
    assert made == kept
    assert made is None or not any(isinstance(value, np.generic) for value in made)


@pytest.mark.parametrize(
    ("declared", "label", "sentence"),
    [
        ([1, 3], [1, 2, 4], r"row 1 holds 2, which is not one of the declared classes \[1, 3\]"),
        (["a"], ["b"], "row 0 holds 'b', which is not one of"),
        (["1", "2"], [1, 2], "row 0 holds 1, of another type than the declared classes"),
        ([1, 2], ["1"], "of another type"),
        ([0, 1], [True], "of another type"),
        ([1.0, 2.0], [1], "of another type"),
        ([], ["a"], "of another type"),
        (["a", 1], ["a"], "must be of one type"),
        (["a", None], ["a"], "row 1 has none"),
        ("ab", ["a"], "declared as a collection"),
        (2, ["a"], "declared as a collection"),
    ],
)
def test_labels_outside_the_declared_classes_are_refused(declared: Any, label: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        labels.as_classes(declared, labels.as_labels(label, len(label)))


def test_labels_of_one_kind_join_whatever_their_width() -> None:
    joined = labels.joined(np.array(["a"]), np.array(["bcd"]))
    assert joined is not None
    assert joined.tolist() == ["a", "bcd"]
    assert labels.joined(None, None) is None


# -- several side by side ----------------------------------------------------------------------------------------------

FLAGS: list[Any] = [
    [[1, 0], [0, 0], [1, 1]],
    [(True, False), (False, False), (True, True)],
    ((1, 0), (0, 0), (1, 1)),
    [np.array([1, 0]), np.array([0, 0]), np.array([1, 1])],
    np.array([[1, 0], [0, 0], [1, 1]], bool),
    np.array([[1, 0], [0, 0], [1, 1]], "i1"),
    np.array([[1, 0], [0, 0], [1, 1]], ">u8"),
    np.array([[1, 0], [0, 0], [1, 1]], object),
    np.asfortranarray(np.array([[1, 0], [0, 0], [1, 1]])),
    np.ma.array([[1, 0], [0, 0], [1, 1]]),
    pd.DataFrame([[1, 0], [0, 0], [1, 1]], index=[7, 7, 7]),
    pd.DataFrame({"a": [True, False, True], "b": [0, 0, 1]}),
    pd.DataFrame({"a": [1, 0, 1], "b": [0, 0, 1]}, dtype="Int8"),
    pl.DataFrame({"a": [1, 0, 1], "b": [False, False, True]}),
    pa.table({"a": pa.chunked_array([[1], [0, 1]]), "b": [0, 0, 1]}),
]


def maker(given: Any) -> str:
    return f"{type(given).__module__.split('.')[0]} {type(given).__name__} {getattr(given, 'dtype', '')}"


@pytest.mark.parametrize("given", FLAGS, ids=maker)
def test_truth_values_of_every_maker_become_bool(given: Any) -> None:
    made = labels.as_labels(given, 3)
    assert made.dtype == np.bool_
    assert type(made) is np.ndarray
    assert made.tolist() == [[True, False], [False, False], [True, True]]


@pytest.mark.parametrize("kind", ["f2", "f4", ">f8"])
def test_numbers_of_every_width_become_float64(kind: str) -> None:
    given = np.array([[0.5, 1.0], [0.0, -2.0]], kind)
    for each in (given, given.tolist(), pd.DataFrame(given.astype("f8")), pl.DataFrame(given.astype("f8"))):
        made = labels.as_labels(each, 2)
        assert made.dtype == np.dtype("f8")
        assert made.tolist() == [[0.5, 1.0], [0.0, -2.0]]


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=5)))
def test_a_frame_is_read_as_its_array_is(held: NDArray[np.bool_]) -> None:
    named = {f"c{place}": held[:, place] for place in range(held.shape[1])}
    for frame in (pd.DataFrame(named), pl.DataFrame(named), pa.table(named)):
        table = Table.from_arrays(np.zeros((len(held), 1)), frame)
        assert np.array_equal(np.asarray(table.label), held)
        assert table.classes == table.present == tuple(named)
    table = Table.from_arrays(np.zeros((len(held), 1)), held.astype(int))
    assert np.array_equal(np.asarray(table.label), held)
    assert table.classes == tuple(range(held.shape[1]))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([[1, 0], [0, None]], "label, column 1: row 1 has none"),
        (np.array([[1.0, 2.0], [0.5, np.nan]]), "label, column 1: row 1 has none"),
        (np.ma.array([[1, 0], [1, 1]], mask=[[False, False], [True, False]]), "label, column 0: row 1 has none"),
        (pl.DataFrame({"sick": [1, 0], "tired": [None, True]}), "label, column 'tired': row 0 has none"),
        ([[1, 0], [0, 2]], "label, column 1: row 1 holds 2; several labels for each record are truth values"),
        (np.array([[1, 0], [-1, 1]]), "label, column 0: row 1 holds -1"),
        (np.array([["a", "b"], ["c", "d"]]), "label, column 0: row 0 holds 'a'"),
        (pd.DataFrame({"a": [1, 0], "b": [0.5, 0.0]}), "'a' holds truth values, column 'b' holds numbers"),
        (pd.DataFrame({"b": [0.5, 0.0], "a": [1, 0]}), "'b' holds numbers, column 'a' holds truth values"),
        (np.array([[1, 0], [0, 1j]]), "cannot be held"),
        ([[1, 0], [1]], "rows of one length"),
        ([[[1]], [[0]]], r"got an array of shape \(2, 1, 1\)"),
        ([[], []], "there is no column"),
        (np.zeros((2, 0)), "there is no column"),
        (pd.DataFrame(index=[0, 1]), "there is no column"),
        (np.zeros((3, 2)), "label: 2 rows need 2 of them, got 3"),
        (pl.DataFrame({"a": [1]}), "label: 2 rows need 2 of them, got 1"),
    ],
)
def test_what_are_no_labels_side_by_side_is_refused_by_row_and_column(given: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        labels.as_labels(given, 2)


def test_a_sparse_matrix_of_labels_is_refused_in_words() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(DataError, match=r"got a sparse csr_matrix: give \.toarray"):
        labels.as_labels(sparse.csr_matrix(np.eye(2)), 2)


TRUTHS = np.array([[True, False, True], [False, False, False]])


@pytest.mark.parametrize(
    ("declared", "named", "kept"),
    [
        (None, None, (0, 1, 2)),
        (None, ("z", "a", "m"), ("z", "a", "m")),
        (["red", "blue", "green"], None, ("red", "blue", "green")),
        (["red", "blue", "green"], ("z", "a", "m"), ("red", "blue", "green")),
        (np.array([5, 3, 4]), None, (5, 3, 4)),
        (pd.Series(["b", "c", "a"]), None, ("b", "c", "a")),
    ],
)
def test_columns_of_truth_values_keep_their_order_and_have_names(declared: Any, named: Any, kept: Any) -> None:
    made = labels.as_classes(declared, TRUTHS, named)
    assert made == kept
    assert made is not None
    assert not any(isinstance(name, np.generic) for name in made)


@pytest.mark.parametrize(
    ("declared", "label", "sentence"),
    [
        (["a", "b"], TRUTHS, "3 columns of labels need 3 names, got 2"),
        (["a", "b", "a"], TRUTHS, "different names, 'a' appears twice"),
        (["a", "b", 1], TRUTHS, "classes must be of one type"),
        (["a", "b", None], TRUTHS, "classes: row 2 has none"),
        (["a", "b", "c\0"], TRUTHS, "must not end in a NUL"),
        ("abc", TRUTHS, "declared as a collection"),
        (["a", "b", "c"], TRUTHS.astype(float), "these labels are 3 numbers for each record"),
    ],
)
def test_names_that_do_not_fit_the_columns_are_refused(declared: Any, label: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        labels.as_classes(declared, label)


def test_several_numbers_have_no_classes() -> None:
    assert labels.as_classes(None, np.zeros((2, 3)), ("a", "b", "c")) is None
    table = Table.from_arrays(np.zeros((2, 1)), pd.DataFrame({"a": [0.5, 1], "b": [0.5, 1]}))
    assert (table.task, table.classes, table.present) == ("regression", None, ())
    assert table.after(Label(0.5)).ids.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("y", "classes", "task"),
    [
        (None, None, None),
        ([1, 2], None, "classification"),
        (["a", "b"], None, "classification"),
        ([True, False], None, "classification"),
        ([1.0, 2.0], None, "regression"),
        ([1.0, 2.0], [1.0, 2.0], "classification"),
        ([[True], [False]], None, "multilabel"),
        ([[1.0], [0.0]], None, "regression"),
    ],
)
def test_a_table_says_what_its_labels_ask_for(y: Any, classes: Any, task: str | None) -> None:
    table = Table.from_arrays(np.zeros((2, 1)), y, classes=classes)
    assert table.task == table.take(slice(0, 1)).task == table.take(slice(0, 0)).gathered().task == task


@given(arrays(np.bool_, (7, 3)) | arrays(np.int64, 7, elements=st.integers(-2, 2)))
def test_codes_lead_back_to_the_labels(held: NDArray[Any]) -> None:
    names, codes = labels.coded(held)
    assert np.array_equal(names[codes], held)
    assert codes.shape == (7,)
    assert len({str(name) for name in names.tolist()}) == len(names)


# -- in a table --------------------------------------------------------------------------------------------------------

NAMES = ("red", "blue", "green")


def carrying(rows: dict[int, str], **more: Any) -> Table:
    """Records by id, each with the classes that its letters begin."""
    flags = [[name[0] in held for name in NAMES] for held in rows.values()]
    X = np.array(list(rows), float)[:, None] + [[0.0, 0.5]]
    return Table.from_arrays(X, np.array(flags, bool).reshape(-1, 3), list(rows), **({"classes": NAMES} | more))


def content(table: Table) -> dict[int, str]:
    """What `carrying` was given, by the names of the columns."""
    label, classes = np.asarray(table.label), table.classes or ()
    letters = [
        "".join(sorted(str(name)[0] for name, is_so in zip(classes, row, strict=True) if is_so)) for row in label
    ]
    return dict(zip(table.ids.tolist(), letters, strict=True))


ROWS = st.dictionaries(st.integers(0, 9), st.sets(st.sampled_from("bgr")).map(lambda held: "".join(sorted(held))))


@settings(max_examples=60)
@given(
    rows=ROWS.filter(bool), new=ROWS, gone=st.frozensets(st.integers(0, 9)), name=st.sampled_from(NAMES), data=st.data()
)
def test_targets_mean_what_they_mean_for_a_dict_of_rows(
    rows: dict[int, str], new: dict[int, str], gone: frozenset[int], name: str, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(3)))
    table, given = carrying(rows), carrying(new)
    turned = Table.from_arrays(
        given.features, np.asarray(given.label)[:, order], given.ids, classes=[NAMES[k] for k in order]
    )
    fresh = turned.take(np.flatnonzero(~np.isin(turned.ids, table.ids)))
    oracle: dict[Target, dict[int, str]] = {
        Records(gone): {key: held for key, held in rows.items() if key not in gone},
        Label(name): {key: held for key, held in rows.items() if name[0] not in held},
        Correction(turned): {key: new.get(key, held) for key, held in rows.items()},
        Addition(fresh): new | rows,
        Batch([Label(name), Correction(turned)]): {
            k: new.get(k, held) for k, held in rows.items() if name[0] not in held
        },
        Column("x1"): rows,
    }
    for target, expected in oracle.items():
        if isinstance(target, Batch) and any(name[0] in held for held in new.values()):
            continue  # erasures of a batch hold for what comes too: tests/data/test_targets.py
        after = table.after(target)
        assert content(after) == expected
        assert after.classes == after.present == NAMES
        assert after.schema() == (table.drop("x1") if isinstance(target, Column) else table).schema()


@given(rows=ROWS.filter(bool), data=st.data())
def test_views_pickles_and_digests_are_those_of_a_table_made_anew(rows: dict[int, str], data: st.DataObject) -> None:
    table = carrying(rows)
    at = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), unique=True)), np.intp)
    view, anew = table.take(at), carrying({list(rows)[k]: list(rows.values())[k] for k in at})
    for one in (view, view.gathered(), pickle.loads(pickle.dumps(view)), view.owned(None)):  # noqa: S301  (our own)
        assert content(one) == content(anew)
        assert (one.schema(), one.present, one.task) == (anew.schema(), NAMES, "multilabel")
        assert one.digests(b"k").tolist() == anew.digests(b"k").tolist()
    assert len(np.unique(table.digests(b"k", named=False), axis=0)) == len(rows)


def test_a_class_that_a_record_carries_is_in_its_digest() -> None:
    one, other = (Table.from_arrays(np.zeros((1, 1)), np.array([flags], bool)) for flags in ([1, 0], [0, 1]))
    assert one.digests(b"k").tolist() != other.digests(b"k").tolist()
    twin = Table.from_arrays(np.zeros((3, 1)), np.array([[1, 0], [0, 1], [1, 0]], bool))
    assert twin.twins(Records([0])).tolist() == [2]


def test_a_schema_tells_how_many_labels_there_are_and_what_they_are_called() -> None:
    two, three = (Table.from_arrays(np.zeros((1, 1)), np.zeros((1, k), bool)) for k in (2, 3))
    numbers, more = (Table.from_arrays(np.zeros((1, 1)), np.zeros((1, k))) for k in (2, 3))
    named = Table.from_arrays(np.zeros((1, 1)), np.zeros((1, 2), bool), classes=["a", "b"])
    single = Table.from_arrays(np.zeros((1, 1)), [True])
    assert len({table.schema() for table in (two, three, numbers, more, named, single)}) == 6
    assert "labels in 2 columns" in repr(two)


@pytest.mark.parametrize(
    ("value", "gone"),
    [("red", [1, 3]), ("blue", [3]), ("green", []), ("pink", []), (1, []), (True, []), ("red\0", []), (NAN, [])],
)
def test_a_class_goes_with_all_that_carry_it_and_stays_declared(value: Any, gone: list[int]) -> None:
    table = carrying({1: "r", 2: "", 3: "br"})
    change = table.change(Label(value))
    assert change is not None
    assert table.ids[change.out].tolist() == gone
    assert any("stays a class" in sentence for sentence in table.remarks(Label(value))) == (value in NAMES)


def test_true_is_not_one_among_names_of_columns() -> None:
    table = Table.from_arrays(np.zeros((2, 1)), [[1, 0], [0, 1]])
    assert table.after(Label(1)).ids.tolist() == [0]
    assert table.after(Label(True)).ids.tolist() == [0, 1]
    with pytest.raises(DataError, match=r"missing \[0, 1\], unknown \[False, True\]"):
        labels.arranged(TRUTHS[:, :2], (False, True), (0, 1))


BOTH = np.zeros((1, 2))


@pytest.mark.parametrize(
    ("y", "classes", "sentence"),
    [
        (TRUTHS[:1], ("red", "blue", "pink"), r"missing \['green'\], unknown \['pink'\]"),
        (TRUTHS[:1], None, r"missing \['red', 'blue', 'green'\], unknown \[0, 1, 2\]"),
        (TRUTHS[:1, :2], ("red", "blue"), r"missing \['green'\], unknown \[\]"),
        (["red"], None, "like those of the table: bool x 3, got <U3"),
        ([True], None, "like those of the table: bool x 3, got bool"),
        ([[0.5, 0.5, 0.5]], None, "like those of the table: bool x 3, got float64 x 3"),
        (None, None, "like those of the table: bool x 3, got none"),
    ],
)
def test_new_rows_bring_the_same_labels(y: Any, classes: Any, sentence: str) -> None:
    table = carrying({1: "r", 2: "b"})
    for target, name in ((Correction, 1), (Addition, 7)):
        with pytest.raises(DataError, match=sentence):
            table.after(target(Table.from_arrays(BOTH, y, [name], classes=classes)))


def test_new_rows_bring_as_many_targets() -> None:
    table = Table.from_arrays(BOTH, [[0.5, 1.0]])
    assert np.asarray(table.after(Addition(Table.from_arrays(BOTH, [[2.0, 3.0]], [9]))).label).tolist() == [
        [0.5, 1.0],
        [2.0, 3.0],
    ]
    for y, sentence in (([[0.5]], "float64 x 2, got float64 x 1"), ([0.5], "float64 x 2, got float64")):
        with pytest.raises(DataError, match=sentence):
            table.after(Addition(Table.from_arrays(BOTH, y, [9])))
    with pytest.raises(DataError, match="float64, got float64 x 2"):
        Table.from_arrays(BOTH, [0.5]).after(Correction(table))


FRAME = {
    "id": [7, 8],
    "size": [1.5, 2.5],
    "sick": [0, 1],
    "tired": [True, True],
    "cost": [0.5, 1.0],
    "time": [2.0, 3.0],
}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_columns_of_a_frame_are_labels_side_by_side(make: Any) -> None:
    frame = make(FRAME)
    table = Table.from_frame(frame, label=["tired", "sick"], id="id", ignore=["cost", "time"])
    assert (table.names, table.classes, table.task) == (("size",), ("tired", "sick"), "multilabel")
    assert np.asarray(table.label).tolist() == [[True, False], [True, True]]
    assert Table.from_frame(frame, label=("sick",)).classes == ("sick",)
    assert Table.from_frame(frame, label="sick").classes is None
    assert Table.from_frame(frame, label=["sick", "tired"], classes=["ill", "weary"]).classes == ("ill", "weary")
    numbers = Table.from_frame(frame, label=["time", "cost"])
    assert (numbers.task, numbers.classes) == ("regression", None)
    assert np.asarray(numbers.label).tolist() == [[2.0, 0.5], [3.0, 1.0]]
    for names, sentence in (
        ([], r"several different ones, got \[\]"),
        (["sick", "sick"], "several different ones"),
        (["sick", "nowhere"], "the frame has no column 'nowhere'"),
        (["sick", "cost"], "'sick' holds truth values, column 'cost' holds numbers"),
    ):
        with pytest.raises(DataError, match=sentence):
            Table.from_frame(frame, label=names)
