"""Ids and owners from whatever people have, or the sentence that names the first bad row."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.data import columns
from expunge.errors import DataError

NAN = float("nan")
INTEGERS: list[Any] = [
    [3, -1, 7],
    (3, -1, 7),
    [np.int64(3), -1, np.int8(7)],
    np.array([3, -1, 7]),
    np.array([3, -1, 7], dtype="i2"),
    np.array([3, -1, 7], dtype=">i8"),
    np.array([3, -1, 7], dtype=object),
    np.array([3, 0, -1, 0, 7])[::2],
    pd.Series([3, -1, 7], index=[9, 9, 9]),
    pd.Series([3, -1, 7], dtype="Int64"),
    pd.Series([3, -1, 7], dtype=object),
    pd.Series([3, -1, 7], dtype="category"),
    pd.Index([3, -1, 7]),
    pl.Series([3, -1, 7]),
    pl.Series([3, -1, 7], dtype=pl.Int8),
    pa.array([3, -1, 7]),
    pa.chunked_array([[3], [-1, 7]]),
    pa.array([3, -1, 7]).dictionary_encode(),
    pa.array([0, 3, -1, 7, 0])[1:4],
]
TEXTS: list[Any] = [
    ["b", "a", "é"],
    [np.str_("b"), "a", "é"],
    np.array(["b", "a", "é"]),
    np.array(["b", "a", "é"], dtype=">U9"),
    np.array(["b", "a", "é"], dtype=object),
    np.array(["b", "a", "é"], dtype=np.dtypes.StringDType()),
    pd.Series(["b", "a", "é"]),
    pd.Series(["b", "a", "é"], dtype=object),
    pd.Series(["b", "a", "é"], dtype="category"),
    pd.Series(["b", "a", "é"], dtype="string"),
    pl.Series(["b", "a", "é"]),
    pl.Series(["b", "a", "é"], dtype=pl.Categorical),
    pl.Series(["b", "a", "é"], dtype=pl.Enum(["a", "b", "é", "z"])),
    pa.array(["b", "a", "é"]),
    pa.array(["b", "a", "é"], pa.string_view()),
    pa.chunked_array([["b"], [], ["a", "é"]]),
    pa.array(["b", "a", "é"]).dictionary_encode(),
    pa.array(["z", "b", "a", "é"])[1:],
]


def kind(given: Any) -> str:
    return f"{type(given).__module__.split('.')[0]} {type(given).__name__} {getattr(given, 'dtype', '')}"


@pytest.mark.parametrize("given", INTEGERS, ids=kind)
def test_integers_of_every_maker_become_int64(given: Any) -> None:
    made = columns.as_names(given, "ids", 3)
    assert isinstance(made, np.ndarray)
    assert made.dtype == np.int64
    assert made.dtype.isnative
    assert made.tolist() == [3, -1, 7]


@pytest.mark.parametrize("given", TEXTS, ids=kind)
def test_text_of_every_maker_becomes_one_arrow_array(given: Any) -> None:
    made = columns.as_names(given, "ids", 3)
    assert isinstance(made, pa.Array)
    assert pa.types.is_large_string(made.type)
    assert made.to_pylist() == ["b", "a", "é"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([1, None], "ids: row 1 has none"),
        ([None, 1], "ids: row 0 has none"),
        ([1, 2, NAN, 3, NAN], "ids: row 2 has none"),
        (["a", "b", None], "ids: row 2 has none"),
        (np.array([1.0, np.nan]), "ids: row 1 has none"),
        (np.array(["a", None], object), "ids: row 1 has none"),
        (np.ma.array([1, 2, 3], mask=[False, True, True]), "ids: row 1 has none"),
        (pd.Series([1, 2, None]), "ids: row 2 has none"),
        (pd.Series(["a", None]), "ids: row 1 has none"),
        (pd.Series([1, None], dtype="Int64"), "ids: row 1 has none"),
        (pd.Series(["a", None], dtype="category"), "ids: row 1 has none"),
        (pl.Series([None, 1]), "ids: row 0 has none"),
        (pl.Series([1.0, NAN]), "ids: row 1 has none"),
        (pa.array(["a", None]), "ids: row 1 has none"),
        ([None, None], "ids: row 0 has none"),
        ([1, 2, "a", "b"], r"row 0 holds 1 \(int\), row 2 holds 'a' \(str\)"),
        (["a", 1], r"row 0 holds 'a' \(str\), row 1 holds 1 \(int\)"),
        ([1, np.int64(2), "a"], r"row 0 holds 1 \(int\), row 2 holds 'a' \(str\)"),
        ([1, True], r"row 1 holds True \(bool\)"),
        ([1, b"a"], r"row 1 holds b'a' \(bytes\)"),
        (np.array([1, "a"], object), "row 1 holds 'a'"),
        (pd.Series([1, 2, "a"], dtype=object), "row 2 holds 'a'"),
        ([True, False], r"got bool \(row 0 holds True\)"),
        (np.array([True]), r"got bool \(row 0 holds True\)"),
        ([1.0, 2.0], r"got double \(row 0 holds 1.0\)"),
        ([1, 2, 2.5], r"got double \(row 2 holds 2.5\)"),
        (np.array([0.5]), r"got double \(row 0 holds 0.5\)"),
        ([dt.date(2020, 1, 1)], "got date32"),
        ([Decimal(1)], "got decimal"),
        ([b"a"], r"got binary \(row 0 holds b'a'\)"),
        ([[1], [2]], "got list"),
        ([(1,)], "got list"),
        ([{"a": 1}], "got struct"),
        ([1, 2**63], f"row 1 holds {2**63}"),
        ([1, 2**64], f"row 1 holds {2**64}"),
        (np.array([1, 2**63, 2**63], np.uint64), f"ids: row 1 holds {2**63}; integers must fit into 64 bits"),
        (pl.Series([1, 2**63], dtype=pl.UInt64), f"ids: row 1 holds {2**63}"),
        (["ok", "\ud800"], r"row 1 holds '\\ud800', which cannot be held"),
        (["ok", "a" * 1025], "ids: row 1 holds 1025 bytes; a name may have 1024"),
        (["ok", "é" * 513, "a" * 2000], "ids: row 1 holds 1026 bytes"),
        (np.array([[1], [2]]), r"one value for each row, got an array of shape \(2, 1\)"),
        ({1, 2}, r"shape \(\)"),
        ("ab", r"shape \(\)"),
        (5, r"shape \(\)"),
        ((k for k in [1]), r"shape \(\)"),
        (pd.DataFrame({"a": [1]}), r"shape \(1, 1\)"),
    ],
)  # fmt: skip
def test_what_is_no_column_of_ids_is_refused_by_its_first_bad_row(given: Any, sentence: str) -> None:
    rows = len(given) if hasattr(given, "__len__") else 1
    with pytest.raises(DataError, match=sentence) as caught:
        columns.as_names(given, "ids", rows)
    assert str(caught.value).startswith("ids")


@pytest.mark.parametrize("given", [[1, 2], ["a", "b"], np.arange(2), pd.Series([1, 2])])
def test_the_number_of_ids_is_that_of_the_rows(given: Any) -> None:
    for rows in (0, 1, 3):
        with pytest.raises(DataError, match=f"owners: {rows} rows need {rows} of them, got 2"):
            columns.as_names(given, "owners", rows)


@pytest.mark.parametrize("given", [[], np.array([]), np.array([], object), pd.Series([]), pl.Series([]), pa.array([])])
def test_no_ids_are_integers(given: Any) -> None:
    made = columns.as_names(given, "ids", 0)
    assert isinstance(made, np.ndarray)
    assert (made.dtype, made.shape) == (np.int64, (0,))


def test_the_longest_ids_are_taken() -> None:
    assert len(columns.as_names(["a" * 1024, "é" * 512, ""], "ids", 3)) == 3
    assert columns.as_names([2**63 - 1, -(2**63)], "ids", 2).tolist() == [2**63 - 1, -(2**63)]
    assert columns.as_names(["a", "a\0"], "ids", 2).tolist() == ["a", "a\0"]


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        ([5, 6, 7, 6, 5], "row 3 repeats the id 6 of row 1"),
        ([1, 1], "row 1 repeats the id 1 of row 0"),
        (["b", "a", "a", "b"], "row 2 repeats the id 'a' of row 1"),
        (["a", "x", "y", "a", "a"], "row 3 repeats the id 'a' of row 0"),
    ],
)
def test_a_repeated_id_is_refused_by_the_first_row_that_repeats_it(ids: list[Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        columns.refuse_repeated(columns.as_names(ids, "ids", len(ids)), "ids")


@settings(deadline=None)
@given(st.lists(st.integers(-5, 5), max_size=12) | st.lists(st.sampled_from("abcdé"), max_size=12))
def test_ids_are_refused_exactly_when_they_repeat(ids: list[Any]) -> None:
    held = columns.as_names(ids, "ids", len(ids))
    first = next((row for row, name in enumerate(ids) if name in ids[:row]), None)
    if first is None:
        columns.refuse_repeated(held, "ids")
    else:
        with pytest.raises(
            DataError, match=f"row {first} repeats the id {ids[first]!r} of row {ids.index(ids[first])}"
        ):
            columns.refuse_repeated(held, "ids")


# -- names -------------------------------------------------------------------------------------------------------------

SOME_INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
SOME_TEXTS = st.text("ab\0é", max_size=3)


@settings(deadline=None)
@given(st.lists(SOME_INTEGERS, unique=True), st.frozensets(SOME_INTEGERS | st.just(2**70) | st.just(-(2**63) - 1)))
def test_integers_are_found_among_any_names(ids: list[int], names: frozenset[int]) -> None:
    held = columns.as_names(np.array(ids, np.int64), "ids", len(ids))
    made = columns.is_among(held, names, "ids")
    assert made.dtype == np.bool_
    assert made.tolist() == [name in names for name in ids]


@settings(deadline=None)
@given(st.lists(SOME_TEXTS, unique=True), st.frozensets(SOME_TEXTS | st.just("\ud800")))
def test_text_is_found_among_any_names(ids: list[str], names: frozenset[str]) -> None:
    held = columns.as_names(pa.array(ids, pa.large_string()), "ids", len(ids))
    assert columns.is_among(held, names, "ids").tolist() == [name in names for name in ids]


@pytest.mark.parametrize(
    ("ids", "names", "sentence"),
    [
        ([1, 2], {"1"}, "the target names '1', a str, but the owners of this table are integers"),
        (["1"], {1}, "the target names 1, a int, but the owners of this table are strings"),
        (["1"], {"1", 1}, "names 1, a int"),
    ],
)
def test_names_of_another_type_are_refused(ids: Any, names: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        columns.is_among(columns.as_names(ids, "ids", len(ids)), names, "owners")


def test_a_name_is_a_plain_value_and_names_are_taken_by_position() -> None:
    for ids in ([5, 6, 7], ["e", "f", "g"]):
        held = columns.as_names(ids, "ids", 3)
        assert columns.name_at(held, 1) == ids[1]
        assert type(columns.name_at(held, 1)) is type(ids[1])
        assert columns.take_names(held, np.array([2, 0])).tolist() == [ids[2], ids[0]]
        assert columns.take_names(held, slice(None, None, -1)).tolist() == ids[::-1]
        assert columns.take_names(held, np.array([], np.intp)).tolist() == []


def test_names_of_one_kind_join() -> None:
    assert columns.joined_names(None, None, "ids") is None
    ids = columns.as_names(["a"], "ids", 1)
    names = columns.joined_names(ids, ids, "ids")
    assert names is not None
    assert names.tolist() == ["a", "a"]
