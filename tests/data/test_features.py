"""Features: kept as they came, handed back as what they were, with no trace of rows that are gone."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.data import features as feats
from expunge.data.table import Table
from expunge.errors import DataError

NAN = float("nan")
DATE, TIME = dt.date(2020, 2, 29), dt.datetime(2020, 2, 29, 12, 30, 1, 250)  # noqa: DTZ001  (frames hold naive times)
CONTENT: dict[str, list[Any]] = {
    "n": [1, 2, 3],
    "f": [0.5, -0.0, 2.5],
    "s": ["b", "a", "é"],
    "t": [True, False, True],
    "d": [DATE, DATE, dt.date(1960, 1, 1)],
    "w": [TIME, TIME, TIME],
}


def every_frame() -> dict[str, Any]:
    """The same content as three makers hold it."""
    table = pa.table(CONTENT)
    return {"pandas": pd.DataFrame(CONTENT), "polars": pl.DataFrame(CONTENT), "arrow": table}


def gapped() -> dict[str, Any]:
    """Columns with gaps."""
    content = {name: [*values[:1], None, *values[2:]] for name, values in CONTENT.items()}
    typed = {"n": "Int64", "t": "boolean"}
    return {"pandas": pd.DataFrame(content).astype(typed), "polars": pl.DataFrame(content), "arrow": pa.table(content)}


@pytest.mark.parametrize("maker", ["pandas", "polars", "arrow"])
def test_a_frame_is_handed_back_as_what_it_was(maker: str) -> None:
    given = every_frame()[maker]
    table = Table.from_arrays(given)
    handed = table.features
    assert type(handed) is type(given)
    assert table.names == tuple(CONTENT)
    assert pa.table(handed).to_pydict() == pa.table(given).to_pydict() == CONTENT
    some = table.take(np.array([2, 0])).features
    assert type(some) is type(given)
    assert pa.table(some).select(list(CONTENT)).to_pydict() == {k: [v[2], v[0]] for k, v in CONTENT.items()}


@pytest.mark.parametrize("maker", ["pandas", "polars", "arrow"])
def test_gaps_stay_gaps(maker: str) -> None:
    table = Table.from_arrays(gapped()[maker])
    stored: Any = table.stored
    assert stored.column("s").to_pylist() == ["b", None, "é"]
    assert stored.column("n").to_pylist() == [1, None, 3]
    handed = table.features
    held = handed.isna() if maker == "pandas" else pl.DataFrame(pa.table(handed)).select(pl.all().is_null())
    assert (
        held["s"].to_list() == held["n"].to_list() == held["t"].to_list() == held["w"].to_list() == [False, True, False]
    )


def test_types_of_numbers_are_kept() -> None:
    for dtype in ("int8", "uint16", "int64", "float32", "float64", "bool"):
        frame = pd.DataFrame({"x": np.array([1, 0], dtype)})
        assert Table.from_arrays(frame).features["x"].dtype == np.dtype(dtype)
        assert Table.from_arrays(np.array([[1], [0]], dtype)).features.dtype == np.dtype(dtype)


def test_equal_content_has_equal_digests_whoever_held_it() -> None:
    for frames in (every_frame(), gapped()):
        digests = [Table.from_arrays(frame, ids=["p", "q", "r"]).digests(b"k") for frame in frames.values()]
        assert (digests[0] == digests[1]).all()
        assert (digests[1] == digests[2]).all()
        chunked = pa.concat_tables([frames["arrow"].slice(0, 1), frames["arrow"].slice(1)])
        assert (Table.from_arrays(chunked, ids=["p", "q", "r"]).digests(b"k") == digests[0]).all()


# -- categories --------------------------------------------------------------------------------------------------------

CATEGORIES: list[Any] = [
    pd.DataFrame({"c": pd.Categorical(["v", "u", "gone", "v"], categories=["z", "gone", "v", "u"])}),
    pl.DataFrame({"c": pl.Series(["v", "u", "gone", "v"], dtype=pl.Categorical)}),
    pl.DataFrame({"c": pl.Series(["v", "u", "gone", "v"], dtype=pl.Enum(["z", "gone", "v", "u"]))}),
    pa.table({"c": pa.array(["v", "u", "gone", "v"]).dictionary_encode()}),
]


@pytest.mark.parametrize("frame", CATEGORIES, ids=lambda frame: type(frame).__module__.split(".")[0])
def test_a_category_that_only_a_forgotten_record_had_leaves_with_it(frame: Any) -> None:
    handed = Table.from_arrays(frame).take(np.array([0, 1, 3])).features
    if isinstance(handed, pd.DataFrame):
        assert handed["c"].cat.categories.tolist() == ["u", "v"]
        assert handed["c"].tolist() == ["v", "u", "v"]
    else:
        column = pa.table(handed).column("c").combine_chunks()
        assert pa.types.is_dictionary(column.type)
        assert column.to_pylist() == ["v", "u", "v"]
        assert "gone" not in column.dictionary.to_pylist()


def test_the_categories_of_a_view_are_those_of_a_table_of_its_rows() -> None:
    whole = pd.DataFrame({"c": pd.Categorical(["v", None, "gone", "u"]), "k": pd.Categorical([3, 1, 2, 3])})
    view = Table.from_arrays(whole).take(np.array([0, 1, 3])).features
    fresh = Table.from_arrays(whole.iloc[[0, 1, 3]].reset_index(drop=True)).features
    pd.testing.assert_frame_equal(view, fresh)
    assert view["k"].cat.categories.tolist() == [1, 3]
    assert view["c"].isna().tolist() == [False, True, False]


def test_text_stays_text_and_categories_stay_categories() -> None:
    frame = pd.DataFrame({"s": ["a", "b"], "c": pd.Categorical(["a", "b"])})
    handed = Table.from_arrays(frame).take(slice(0, 1)).features
    assert isinstance(handed["c"].dtype, pd.CategoricalDtype)
    assert not isinstance(handed["s"].dtype, pd.CategoricalDtype)
    assert handed.shape == (1, 2)


@pytest.mark.parametrize("frame", CATEGORIES[:2] + list(every_frame().values()), ids=lambda frame: type(frame).__name__)
def test_no_rows_are_handed_as_an_empty_frame(frame: Any) -> None:
    table = Table.from_arrays(frame).take(slice(0, 0))
    assert table.features.shape == (0, len(table.names))
    assert table.digests(b"k").shape == (0, 16)


# -- matrices ----------------------------------------------------------------------------------------------------------


def test_a_matrix_is_neither_copied_nor_changed() -> None:
    X = np.arange(6.0).reshape(3, 2)
    assert np.shares_memory(Table.from_arrays(X).features, X)
    assert Table.from_arrays(X).features.base is X.base or Table.from_arrays(X).features is X
    assert np.shares_memory(Table.from_arrays(X).column("x1"), X)


@pytest.mark.parametrize(
    "given", [[[1, 2], [3, 4]], ((1.0, 2.0),), np.eye(2, dtype="f4"), np.eye(2, dtype=bool), np.eye(2)[::-1]]
)
def test_rows_of_numbers_are_a_matrix_with_numbered_names(given: Any) -> None:
    stored, names, kind = feats.as_features(given, None)
    assert kind == "matrix"
    assert names == ("x0", "x1")
    assert (np.asarray(stored) == np.asarray(given)).all()


def objects(*values: Any) -> np.ndarray[Any, Any]:
    made = np.empty((len(values), 1), object)
    for row, value in enumerate(values):
        made[row, 0] = value
    return made


@pytest.mark.parametrize(
    ("values", "handed"),
    [
        (["b", "a"], ["b", "a"]),
        (["b", None], ["b", None]),
        ([1, 2.5], [1.0, 2.5]),
        ([1, 2], [1.0, 2.0]),
        ([1, None], [1.0, None]),
        ([np.int64(1), np.float32(0.5)], [1.0, 0.5]),
        ([True, False], [True, False]),
        ([True, None], [True, None]),
        ([True, 2], [1.0, 2.0]),
        ([DATE, DATE], [DATE, DATE]),
    ],
)
def test_a_column_of_objects_is_handed_as_objects(values: list[Any], handed: list[Any]) -> None:
    table = Table.from_arrays(objects(*values))
    assert table.columns.kind == "objects"
    assert table.features.dtype == object
    assert table.features.ravel().tolist() == handed
    assert [type(value) for value in table.features.ravel()] == [type(value) for value in handed]
    assert table.take(slice(0, 0)).features.shape == (0, 1)


def test_the_type_of_a_column_of_objects_does_not_follow_from_one_gap() -> None:
    whole, fresh = Table.from_arrays(objects(1, 2, None)), Table.from_arrays(objects(1, 2))
    view = whole.take(slice(0, 2))
    assert view.schema() == fresh.schema()
    assert view.features.tolist() == fresh.features.tolist()
    assert [type(value) for value in view.features.ravel()] == [type(value) for value in fresh.features.ravel()]


@pytest.mark.parametrize(
    "given", [np.array([["a", "b"]]), np.array([["a", "b"]], np.dtypes.StringDType()), [["a", "b"]]]
)
def test_text_is_kept_as_columns(given: Any) -> None:
    table = Table.from_arrays(given)
    assert table.features.tolist() == [["a", "b"]]
    assert table.column("x1").tolist() == ["b"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([1, 2], r"two dimensions, rows and columns, got shape \(2,\)"),
        (np.zeros((2, 2, 2), complex), "features of 3 dimensions must be numbers, got complex128"),
        (np.full((1, 1, 1, 1), "a"), "features of 4 dimensions must be numbers, got <U1"),
        (5, "two dimensions"),
        ([[1], [1, 2]], "rows of one length"),
        (scipy.sparse.csr_array(np.eye(2) * 1j), "sparse features are numbers in rows and columns, got complex128"),
        (np.ma.array([[1.0, 2.0]], mask=[[False, True]]), "must not be masked"),
        (np.array([[1j]]), "must be numbers or text, got complex128"),
        (np.array([["2020"]], "M8[D]"), "must be numbers or text, got datetime64"),
        (np.array([[b"a"]]), "must be numbers or text"),
        (objects(1, "a"), r"column 'x0' must be of one type: row 0 holds 1 \(int\), row 1 holds 'a'"),
        (objects("a", "b", NAN), "row 2 holds nan"),
        (objects("a", "\ud800"), "row 1 holds"),
        (objects(None, None), "column 'x0' is of type null"),
        (objects([1], [2]), "column 'x0' is of type list"),
        (objects(b"a"), "column 'x0' is of type binary"),
        (objects(10**400, 1), "numbers of 64 bits"),
        (objects(Decimal(1)), "column 'x0' is of type decimal"),
        (objects(1j), "column 'x0': row 0 holds 1j, which cannot be held"),
        (pd.DataFrame({0: [1]}), "column names must be strings, got 0 of type int"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "column names must be unique"),
        (pd.DataFrame({"a": pd.Series([1, 2, "x"], dtype=object)}), r"column 'a' must be of one type.*row 2 holds 'x'"),
        (pl.DataFrame({"a": [[1]]}), "column 'a' is of type large_list"),
        (pl.DataFrame({"a": [{"b": 1}]}), "column 'a' is of type struct"),
        (pl.DataFrame({"a": [None]}), "column 'a' is of type null"),
        (pl.DataFrame({"a": [b"x"]}), "column 'a' is of type large_binary"),
        (pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)}), "column 'a' is of type fixed_size_binary"),
        (pa.table({"a": pa.array([b"x"])}), "column 'a' is of type binary"),
        (pa.table({"a": pa.array([1]).cast(pa.decimal128(20))}), "column 'a' is of type decimal"),
        (pa.table({"a": pa.array([(1, 2, 3)], pa.month_day_nano_interval())}), "column 'a' is of type month_day_nano"),
        (pl.DataFrame({"a": [1]}).lazy(), "two dimensions"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_no_table_of_features_is_refused(given: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Table.from_arrays(given)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (["a"], "2 columns need 2 names, got 1"),
        (["a", "a"], "column names must be unique, 'a' appears twice"),
        (["a", 5], "column names must be strings, got 5"),
    ],
)
def test_names_fit_the_matrix(columns: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Table.from_arrays(np.eye(2), columns=columns)


def test_a_frame_names_its_columns_itself() -> None:
    frame = pl.DataFrame({"a": [1], "b": [2]})
    assert Table.from_arrays(frame, columns=["a", "b"]).names == ("a", "b")
    with pytest.raises(DataError, match=r"a frame names its columns itself: \['a', 'b'\], got \['b', 'a'\]"):
        Table.from_arrays(frame, columns=["b", "a"])


# -- bytes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("maker", ["pandas", "polars", "arrow"])
def test_any_changed_cell_changes_the_bytes_of_its_row_alone(maker: str) -> None:
    other: dict[str, Any] = {
        "n": 9,
        "f": 0.0,
        "s": "c",
        "t": True,
        "d": dt.date(2020, 3, 1),
        "w": TIME + dt.timedelta(microseconds=1),
    }
    before = Table.from_arrays(every_frame()[maker]).digests(b"k", named=False)
    for name, value in other.items():
        content = CONTENT | {name: [CONTENT[name][0], value, CONTENT[name][2]]}
        frame: Any = pa.table(content)
        frame = frame.to_pandas() if maker == "pandas" else pl.from_arrow(frame) if maker == "polars" else frame
        made = Table.from_arrays(frame)
        assert made.schema() == Table.from_arrays(every_frame()[maker]).schema()
        assert (made.digests(b"k", named=False) != before).any(axis=1).tolist() == [False, True, False], name


@pytest.mark.parametrize("name", list(CONTENT))
def test_a_gap_is_not_the_value_that_stands_for_it(name: str) -> None:
    zero = {"n": 0, "f": 0.0, "s": "", "t": False, "d": dt.date(1970, 1, 1), "w": dt.datetime(1970, 1, 1)}[name]  # noqa: DTZ001
    kind = pa.table(CONTENT).schema.field(name).type
    digests = Table.from_arrays(pa.table({"a": pa.array([None, zero], kind)}), ids=[1, 2]).digests(b"k", named=False)
    assert (digests[0] != digests[1]).any()


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.date64(), pa.time32("s"), pa.time64("ns"),
             pa.duration("ms"), pa.timestamp("ns", "UTC"), pa.bool_(), pa.string_view(), pa.large_string()],
    ids=str,
)  # fmt: skip
def test_every_type_that_is_taken_has_digests_and_comes_back(kind: Any) -> None:
    if "string" in str(kind):
        values = pa.array(["a", None, "b"], kind)
    elif kind == pa.float16():
        values = pa.array(np.array([0, 1, 2], "f2"))
    else:
        whole = pa.int32() if kind == pa.time32("s") else pa.int64()
        values = pa.array([0, None, 1], whole).cast(kind, safe=False)
    table = Table.from_arrays(pa.table({"a": values}), ids=[1, 2, 3])
    digests = table.digests(b"k", named=False)
    assert len(np.unique(digests, axis=0)) == 3
    assert table.features.column("a").to_pylist() == values.to_pylist()


MATRICES = st.lists(st.lists(st.sampled_from([0.0, -0.0, 1.0, NAN]), min_size=2, max_size=2), max_size=8)


@settings(deadline=None)
@given(MATRICES)
def test_rows_of_a_matrix_have_equal_bytes_only_when_they_are_equal(rows: list[list[float]]) -> None:
    X = np.array(rows, dtype=float).reshape(-1, 2)
    blocks = feats.row_bytes(X, b"k")
    laid = [b"".join(block[k].tobytes() for block in blocks) for k in range(len(X))]
    for a in range(len(X)):
        for b in range(len(X)):
            assert (laid[a] == laid[b]) == (X[a].tobytes() == X[b].tobytes())
    swapped = feats.row_bytes(np.asfortranarray(X.astype(">f8")), b"k")
    assert all((one == other).all() for one, other in zip(blocks, swapped, strict=True))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 1.0, NAN, None]), st.sampled_from(["a", "b", None])), min_size=1, max_size=10
    ),
    st.data(),
)
def test_rows_that_might_be_alike_include_all_that_are(rows: list[tuple[Any, Any]], data: Any) -> None:
    places = st.lists(st.integers(0, len(rows) - 1), unique=True).map(lambda held: np.array(sorted(held), np.intp))
    wanted, among = data.draw(places), data.draw(places)
    table = pa.table(
        {
            "x": pa.array([row[0] for row in rows], pa.float64()),
            "s": pa.array([row[1] for row in rows], pa.large_string()),
        }
    )
    matrix = np.array([[NAN if row[0] is None else row[0], "ab".find(row[1] or "c")] for row in rows])
    for features, content in ((table, list(map(repr, rows))), (matrix, [row.tobytes() for row in matrix])):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(feats, "FEW", 0)
            found = feats.alike(features, wanted, among)
        assert set(found.tolist()) <= set(among.tolist())
        assert {k for k in among.tolist() if content[k] in {content[w] for w in wanted.tolist()}} <= set(found.tolist())
