"""A table: records with stable ids, seen through views that copy nothing, digested cell by cell."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge import keyed
from expunge.data import features as feats
from expunge.data.storage import Columns
from expunge.data.table import Table
from expunge.errors import DataError
from expunge.values import Addition, Batch, Column, Correction, Label, Owners, Records

NAN = float("nan")


def small(n: int = 6, **more: Any) -> Table:
    given: dict[str, Any] = {
        "X": np.arange(2.0 * n).reshape(n, 2),
        "y": [["no", "yes, surely"][k % 2] for k in range(n)],
        "ids": [f"id{k}" for k in range(n)],
        "owners": [f"owner{k // 2}" for k in range(n)],
    }
    return Table.from_arrays(**(given | more))


# -- making one --------------------------------------------------------------------------------------------------------


def test_without_ids_records_are_named_by_position() -> None:
    table = Table.from_arrays(np.eye(3))
    assert table.ids.tolist() == [0, 1, 2]
    assert table.owners is None
    assert table.label is None
    assert table.classes is None
    assert table.units is table.ids
    assert len(table) == 3


def test_what_was_given_is_what_is_held() -> None:
    table = small(4, classes=["yes, surely", "no", "perhaps"])
    assert table.ids.tolist() == ["id0", "id1", "id2", "id3"]
    assert table.owners is not None
    assert table.owners.tolist() == table.units.tolist() == ["owner0", "owner0", "owner1", "owner1"]
    assert table.label is not None
    assert table.label.tolist() == ["no", "yes, surely", "no", "yes, surely"]
    assert table.classes == ("no", "perhaps", "yes, surely")
    assert table.names == ("x0", "x1")
    assert table.column("x1").tolist() == [1.0, 3.0, 5.0, 7.0]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"ids": ["a", "b", "a"]}, "ids must be unique: row 2 repeats the id 'a' of row 0"),
        ({"ids": [3, 3, 3]}, "row 1 repeats the id 3 of row 0"),
        ({"ids": ["a", None, "b"]}, "ids: row 1 has none"),
        ({"ids": [1.0, NAN, 2.0]}, "ids: row 1 has none"),
        ({"ids": [1, "b", 2]}, "row 1 holds 'b'"),
        ({"ids": [1, 2]}, "ids: 3 rows need 3 of them, got 2"),
        ({"ids": [True, False, True]}, "ids must be integers or strings, got bool"),
        ({"owners": ["a", None, "b"]}, "owners: row 1 has none"),
        ({"owners": ["a", "a"]}, "owners: 3 rows need 3"),
        ({"owners": [1, 1, "a"]}, "owners must be of one type: row 0 holds 1 .int., row 2 holds 'a'"),
        ({"y": ["a", None, "b"]}, "label: row 1 has none"),
        ({"y": [0.5, 1.0, NAN]}, "label: row 2 has none"),
        ({"y": ["a", 1, "b"]}, "row 1 holds 1"),
        ({"y": ["a"]}, "label: 3 rows need 3"),
        ({"classes": ["no"]}, "row 1 holds 'yes, surely', which is not one of the declared classes"),
        ({"columns": ["a"]}, "2 columns need 2 names"),
    ],
)
def test_a_bad_table_is_refused_by_its_first_bad_row(more: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        small(3, **more)


@pytest.mark.parametrize("y", [None, [], np.array([]), np.array([], str)])
def test_a_table_may_be_empty(y: Any) -> None:
    table = Table.from_arrays(np.empty((0, 2)), y)
    assert len(table) == len(table.take(slice(None))) == len(table.after(Records([1]))) == 0
    assert table.features.shape == (0, 2)
    assert table.digests(b"k").shape == (0, 16)
    assert table.twins(Records([1])).tolist() == []
    assert table.after(Column("x0")).names == ("x1",)
    assert len(pickle.loads(pickle.dumps(table))) == 0  # noqa: S301  (our own bytes)


CONTENT = {
    "age": [30, 41],
    "town": ["Oslo", "Bonn"],
    "sick": ["no", "yes"],
    "id": [7, 8],
    "who": ["ann", "bob"],
    "junk": [1, 1],
}


@pytest.mark.parametrize(
    "frame",
    [pd.DataFrame(CONTENT, index=[5, 5]), pl.DataFrame(CONTENT), pa.table(CONTENT)],
    ids=["pandas", "polars", "arrow"],
)
def test_a_frame_gives_its_columns_their_roles(frame: Any) -> None:
    table = Table.from_frame(frame, label="sick", id="id", owner="who", ignore=["junk"], classes=["no", "yes"])
    assert table.names == ("age", "town")
    assert (table.ids.tolist(), table.units.tolist()) == ([7, 8], ["ann", "bob"])
    assert table.label is not None
    assert table.label.tolist() == ["no", "yes"]
    assert type(table.features) is type(frame)
    plain = Table.from_frame(frame)
    assert plain.names == tuple(CONTENT)
    assert plain.ids.tolist() == [0, 1]
    assert Table.from_frame(frame, id="id", owner="id").units.tolist() == [7, 8]


@pytest.mark.parametrize("role", ["label", "id", "owner"])
def test_a_frame_without_the_named_column_is_refused(role: str) -> None:
    with pytest.raises(DataError, match="the frame has no column 'x'; it has 'age', 'town', 'sick'"):
        Table.from_frame(pl.DataFrame(CONTENT), **{role: "x"})
    with pytest.raises(DataError, match="the frame has no column 'x'"):
        Table.from_frame(pl.DataFrame(CONTENT), ignore=["x"])


@pytest.mark.parametrize("given", [np.eye(2), [[1]], {"a": [1]}, None, pl.DataFrame({"a": [1]}).lazy(), pl.Series([1])])
def test_what_is_no_frame_is_sent_to_from_arrays(given: Any) -> None:
    with pytest.raises(DataError, match=f"not a {type(given).__name__}: use from_arrays"):
        Table.from_frame(given)


def test_an_unknown_column_is_named_beside_those_there_are() -> None:
    with pytest.raises(DataError, match="there is no column 'z'; there are 'x0', 'x1'"):
        small().column("z")


# -- views -------------------------------------------------------------------------------------------------------------

PLACES = st.lists(st.integers(-6, 5), max_size=8).map(lambda held: np.array(held, np.intp))
MASKS = st.lists(st.booleans(), min_size=6, max_size=6).map(np.array)
SLICES = st.slices(6)


def content(table: Table) -> list[Any]:
    return [
        table.ids.tolist(),
        table.units.tolist(),
        table.features.tolist(),
        np.asarray(table.label).tolist(),
        table.column("x1").tolist(),
    ]


@settings(deadline=None)
@given(PLACES | MASKS | SLICES, PLACES | SLICES)
def test_taking_twice_is_taking_once(first: Any, then: Any) -> None:
    table, rows = small(), np.arange(6)[first]
    view = table.take(first)
    assert content(view) == [np.array(held)[rows].tolist() for held in content(table)]
    if isinstance(then, np.ndarray):
        then = then % len(rows) if len(rows) else then[:0]
    assert content(view.take(then)) == content(table.take(rows[then]))
    assert len(view.take(then)) == len(rows[then])
    assert (view.take(then).digests(b"k") == table.digests(b"k")[rows[then]]).all()


def test_views_copy_no_column() -> None:
    X = np.arange(12.0).reshape(6, 2)
    table = small(6, X=X)
    for view in (
        table.take(slice(1, 4)),
        table.take(np.array([5, 0])),
        table.after(Records(["id3"])),
        table.after(Owners(["owner0"])),
        table.take(slice(0, 4)).take(slice(1, 2)),
    ):
        assert view.columns is table.columns
        assert np.shares_memory(view.columns.features, X)
    assert np.shares_memory(table.features, X)


def test_taking_does_not_change_the_table() -> None:
    table = small()
    before = content(table)
    table.take(np.array([3, 1])).after(Label("no")).after(Column("x0"))
    assert content(table) == before
    assert table.names == ("x0", "x1")


def test_a_view_of_text_labels_is_no_wider_than_it_needs() -> None:
    view = small().after(Label("yes, surely"))
    assert view.label is not None
    assert view.label.dtype == np.dtype("<U2")
    assert view.gathered().label is not None
    assert np.asarray(view.gathered().label).dtype == np.dtype("<U2")


def test_columns_are_dropped_and_selected_without_copying_rows() -> None:
    table = small()
    assert table.drop("nothing") is table
    assert table.select(("x0", "x1")) is table
    assert table.drop("x0").names == ("x1",)
    assert table.select(["x1", "x0"]).features.tolist() == table.features[:, ::-1].tolist()
    assert table.take(slice(2, 4)).drop("x0").features.tolist() == [[5.0], [7.0]]
    frame = Table.from_frame(pl.DataFrame(CONTENT), id="id")
    assert frame.select(["who", "age"]).features.to_dict(as_series=False) == {"who": ["ann", "bob"], "age": [30, 41]}


def test_a_table_without_its_last_column_still_has_its_records() -> None:
    for table in (Table.from_arrays(np.ones((3, 1)), columns=["a"]), Table.from_frame(pl.DataFrame({"a": [1, 1, 1]}))):
        bare = table.after(Column("a"))
        assert (len(bare), bare.names) == (3, ())
        assert len(np.unique(bare.digests(b"k"), axis=0)) == 3
        assert bare.after(Records([1])).ids.tolist() == [0, 2]
        assert bare.twins(Records([1])).tolist() == [0, 2]


def test_other_owners_leave_the_rest_as_it_was() -> None:
    table = small().take(slice(2, 6))
    other = table.owned(pa.array(["z"] * 4, pa.large_string()))
    assert other.units.tolist() == ["z"] * 4
    assert other.ids.tolist() == table.ids.tolist()
    assert table.units.tolist()[0] == "owner1"
    assert table.owned(None).units.tolist() == table.ids.tolist()


# -- handed to another process -----------------------------------------------------------------------------------------


def secret_frame(maker: str) -> Any:
    """A thousand records; each cell can be found in bytes."""
    frame = pa.table(
        {
            "s": [f"secret-{k:04d}" for k in range(1000)],
            "c": pa.array([f"kind-{k:04d}" for k in range(1000)]).dictionary_encode(),
        }
    )
    return frame.to_pandas() if maker == "pandas" else pl.from_arrow(frame) if maker == "polars" else frame


@pytest.mark.parametrize("maker", ["pandas", "polars", "arrow"])
def test_a_pickled_view_holds_only_its_rows(maker: str) -> None:
    names, owners = [f"name-{k:04d}" for k in range(1000)], [f"owner-{k:04d}" for k in range(1000)]
    labels = [f"label-{k:04d}" for k in range(1000)]
    table = Table.from_arrays(secret_frame(maker), labels, names, owners)
    table.digests(b"k")
    view = table.take(np.array([3, 999]))
    held = pickle.dumps(view)
    for word in (b"secret-", b"kind-", b"name-", b"owner-"):
        assert held.count(word + b"0003") >= 1
        assert held.count(word + b"0500") == held.count(word + b"0004") == 0
    assert "label-0500".encode("utf-32-le") not in held
    again = pickle.loads(held)  # noqa: S301  (our own bytes)
    assert again.ids.tolist() == ["name-0003", "name-0999"]
    assert (again.digests(b"k") == view.digests(b"k")).all()
    assert again.schema() == view.schema()
    assert len(held) < 10_000


@pytest.mark.parametrize("maker", ["pandas", "polars", "arrow"])
def test_a_pickled_table_of_a_sliced_frame_holds_only_its_rows(maker: str) -> None:
    frame = secret_frame(maker)
    some = frame.iloc[3:5] if maker == "pandas" else frame[3:5]
    ids = pa.array([f"name-{k:04d}" for k in range(1000)], pa.large_string())[3:5]
    held = pickle.dumps(Table.from_arrays(some, ids=ids))
    assert b"secret-0003" in held
    assert b"name-0003" in held
    for word in (b"secret-0500", b"kind-0500", b"name-0500", b"secret-0005", b"name-0002"):
        assert word not in held


def test_a_pickled_view_of_a_matrix_holds_only_its_rows() -> None:
    X = np.arange(4000.0).reshape(2000, 2)
    for view in (Table.from_arrays(X).take(slice(10, 12)), Table.from_arrays(X[10:12], ids=[10, 11])):
        held = pickle.dumps(view)
        assert X[500].tobytes() not in held
        assert X[10].tobytes() in held
        assert len(held) < 3000


# -- digests -----------------------------------------------------------------------------------------------------------


def test_digests_depend_on_key_and_content_only() -> None:
    table = small()
    digests = table.digests(b"k")
    assert digests.shape == (6, 16)
    assert (small().digests(b"k") == digests).all()
    assert (table.digests(b"other") != digests).any(axis=1).all()
    assert (small(6, X=np.asfortranarray(np.arange(12.0).reshape(6, 2))).digests(b"k") == digests).all()
    assert (small(6, X=np.arange(12.0).reshape(6, 2).astype(">f8")).digests(b"k") == digests).all()
    shuffled = np.array([3, 1, 5])
    assert (table.take(shuffled).gathered().digests(b"k") == digests[shuffled]).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 5), st.sampled_from(["x0", "x1", "y", "ids", "owners"]))
def test_any_changed_cell_changes_the_digest_of_its_row_alone(row: int, part: str) -> None:
    more: dict[str, Any] = {}
    if part.startswith("x"):
        more["X"] = np.arange(12.0).reshape(6, 2)
        more["X"][row, int(part[1])] = np.nextafter(more["X"][row, int(part[1])], 99)
    elif part == "y":
        more["y"] = [["no", "yes, surely"][(k + (k == row)) % 2] for k in range(6)]
    else:
        held = getattr(small(), part).tolist()
        more[part] = [name + "!" * (k == row) for k, name in enumerate(held)]
    before, after = small(), small(6, **more)
    assert np.flatnonzero((after.digests(b"k") != before.digests(b"k")).any(axis=1)).tolist() == [row]
    unnamed = (after.digests(b"k", named=False) != before.digests(b"k", named=False)).any(axis=1)
    assert np.flatnonzero(unnamed).tolist() == ([] if part in {"ids", "owners"} else [row])


def test_the_same_text_in_another_column_is_another_record() -> None:
    one = Table.from_arrays(np.array([["a", "b"]]), ids=["c"]).digests(b"k")
    other = Table.from_arrays(np.array([["b", "a"]]), ids=["c"]).digests(b"k")
    third = Table.from_arrays(np.array([["a", "b"]]), ["c"], ids=["c"]).digests(b"k")
    assert len({made.tobytes() for made in (one, other, third)}) == 3


def test_labels_of_any_width_have_the_same_digests() -> None:
    wide = Table.from_arrays(np.eye(3), ["a", "b", "a very long label"]).take(slice(0, 2))
    narrow = Table.from_arrays(np.eye(3)[:2], ["a", "b"])
    assert (wide.digests(b"k") == narrow.digests(b"k")).all()
    assert (wide.gathered().digests(b"k") == narrow.digests(b"k")).all()


def test_digests_are_made_once_for_all_views_and_anew_for_other_content() -> None:
    table = small()
    with patch.object(keyed, "digest_rows", wraps=keyed.digest_rows) as made:
        for view in (table, table.take(slice(1, 3)), table.after(Records(["id0"])), table):
            view.digests(b"k")
        assert made.call_count == 1
        table.drop("x0").digests(b"k")
        table.owned(None).digests(b"k")
        table.digests(b"k", named=False)
        assert made.call_count == 4


def test_chunks_of_rows_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = small(23).digests(b"k")
    monkeypatch.setattr(keyed, "ROWS", 5)
    assert (small(23).digests(b"k") == whole).all()


def test_a_schema_says_names_types_and_classes_and_nothing_of_the_records() -> None:
    table = small(classes=["no", "yes, surely"])
    schema = table.schema()
    assert schema == table.take(slice(0, 0)).schema() == table.after(Records(["id0"])).schema()
    assert "id0" not in schema
    assert "owner0" not in schema
    others = [small(), table.drop("x0"), small(classes=["no", "yes, surely", "z"]), small(owners=None), small(y=None),
              small(ids=range(6)), small(X=np.zeros((6, 2), "f4")), small(columns=["a", "b"])]  # fmt: skip
    assert len({schema, *(other.schema() for other in others)}) == len(others) + 1


# -- twins -------------------------------------------------------------------------------------------------------------

CELLS = st.tuples(
    st.sampled_from([0.0, -0.0, 1.0, NAN]), st.sampled_from(["a", "b", None]), st.sampled_from(["x", "y"])
)


def bits(row: tuple[float, str | None, str], form: str) -> Any:
    return (np.float64(row[0]).tobytes(), row[1], row[2])


@settings(deadline=None, max_examples=200)
@given(
    st.lists(CELLS, max_size=14),
    st.sets(st.integers(0, 14), max_size=6),
    st.sampled_from(["matrix", "polars", "arrow"]),
    st.booleans(),
    st.sampled_from([0, 2, 4096]),
)
def test_twins_are_what_brute_force_finds(rows: list[Any], gone: set[int], form: str, viewed: bool, few: int) -> None:  # noqa: FBT001  (drawn)
    numbers, texts, labels = ([row[k] for row in rows] for k in range(3))
    frame = pa.table({"n": pa.array(numbers, pa.float64()), "t": pa.array(texts, pa.string())})
    X: Any = np.array([numbers, [("ab" + "c").index(text or "c") for text in texts]], float).T.reshape(-1, 2)
    if form != "matrix":
        X = pl.from_arrow(frame) if form == "polars" else frame
    table = Table.from_arrays(X, np.array(labels, str), ids=range(100, 100 + len(rows)))
    places = np.arange(len(rows))
    if viewed:
        places = places[::-2].copy()
        table = table.take(places)
    held = [bits(rows[place], form) for place in places]
    out = [k for k, place in enumerate(places) if place in gone]
    expected = [k for k in range(len(held)) if k not in out and held[k] in [held[o] for o in out]]
    with patch.object(feats, "FEW", few):
        assert table.twins(Records(place + 100 for place in gone)).tolist() == expected


def test_twins_of_every_target_are_counted_by_what_goes() -> None:
    table = Table.from_arrays([[1.0], [1.0], [2.0], [1.0]], ["x", "x", "x", "y"], owners=["ann", "bob", "bob", "ann"])
    assert table.twins(Owners(["ann"])).tolist() == [1]
    assert table.twins(Label("y")).tolist() == []
    assert table.twins(Column("x0")).tolist() == []
    assert table.twins(Batch([Records([0]), Records([2])])).tolist() == [1]
    right = Table.from_arrays([[9.0]], ["x"], [0], ["ann"])
    assert table.twins(Correction(right)).tolist() == [1]
    assert table.twins(Addition(Table.from_arrays([[1.0]], ["x"], [9], ["eve"]))).tolist() == []


def test_a_unique_record_among_many_is_no_work_for_the_cipher() -> None:
    X = np.random.default_rng(0).normal(size=(20_000, 3))
    X[777] = X[5]
    table = Table.from_arrays(X)
    with patch.object(keyed, "digest_rows", wraps=keyed.digest_rows) as made:
        assert table.twins(Records([5])).tolist() == [777]
    assert sum(call.args[1].shape[0] for call in made.call_args_list) <= 2


# -- size --------------------------------------------------------------------------------------------------------------


def test_nothing_is_done_name_by_name_when_few_of_many_integers_go() -> None:
    table = Table.from_arrays(np.zeros((200_000, 1), np.int8), owners=np.arange(200_000) // 10)
    with (
        patch("expunge.data.targets.name_at", side_effect=AssertionError),
        patch.object(Table, "gathered", side_effect=AssertionError),
    ):
        after = table.after(Owners(range(100)))
    assert len(after) == 199_000
    assert after.columns is table.columns


@pytest.mark.slow
def test_ten_million_rows_are_selected_from() -> None:
    n = 10_000_000
    table = Table.from_arrays(np.zeros((n, 1), np.int8), owners=np.arange(n) // 10)
    gone = np.random.default_rng(0).choice(n // 10, 1000, replace=False)
    change = table.change(Owners(gone))
    assert change is not None
    assert len(change.out) == 10_000
    assert set((change.out // 10).tolist()) == set(gone.tolist())
    assert len(table.after(Owners(gone))) == n - 10_000


def test_a_table_is_frozen_and_shows_no_record() -> None:
    table: Any = small()
    for name in ("columns", "rows", "classes"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(table, name, None)
    assert "id0" not in repr(table)
    assert "owner0" not in repr(table)
    assert isinstance(table.columns, Columns)
    assert table != small()


def test_a_table_shows_what_it_holds_and_nobodys_data() -> None:
    table = Table.from_arrays(np.eye(3), ["a", "b", "c"], ["ann", "bob", "cy"], ["x", "x", "y"])
    assert repr(table) == "Table(3 records, 3 features, label, owners)"
    assert repr(Table.from_arrays(np.eye(2))) == "Table(2 records, 2 features, no label, no owners)"
