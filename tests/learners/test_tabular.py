"""A table as people have it: every kind of column, everything missing, and the ten laws over it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from expunge import Column, Label, Records, Retrain, Run, Sisa, Table, fingerprint
from expunge.codec import decode, encode
from expunge.errors import DataError, LearnError, ParameterError
from expunge.learners.tabular import FARTHEST, KINDS, Tabular
from expunge.methods.arrays._placement import place
from expunge.testing import Case, Law, contract

KEY = b"a key for tests"
COLUMNS = (
    ("age", "integer"),
    ("income", "number"),
    ("member", "boolean"),
    ("joined", "date"),
    ("town", "category"),
    ("note", "text"),
    ("void", "number"),
    ("same", "category"),
    ("secret", "ignore"),
)
WORDS = ["late", "paid", "angry", "refund", "thanks", "parcel", "broken", "again", "never", "soon"]


def messy(rows: int = 36, *, numbers: bool = False) -> Table:
    """Every kind of column, gaps in each, one column empty and one constant; a rare class, owners, duplicates."""
    random = np.random.default_rng(5)
    age = random.integers(18, 90, rows)
    income = np.where(random.random(rows) < 0.1, np.inf, random.lognormal(10, 2, rows))
    label = np.where(age + random.normal(0, 9, rows) > 50, "good", "bad").astype(object)
    label[[1, rows - 1]] = "unsure"
    owners = np.arange(rows) * 3 % (rows // 3)
    label[owners == 1] = "unsure"
    parts: dict[str, Any] = {
        "age": age.tolist(),
        "income": income.tolist(),
        "member": (random.random(rows) < 0.5).tolist(),
        "joined": [date(2000 + int(n) % 25, 1 + int(n) % 12, 1 + int(n) % 28) for n in random.integers(0, 999, rows)],
        "town": random.choice(["Bern", "Basel", "Zug", "a rare one", ""], rows).tolist(),
        "note": [" ".join(random.choice(WORDS, 4)) for _ in range(rows)],
    }
    for place_, part in enumerate(parts.values()):
        for row in range(place_, rows, 7):
            part[row] = None
    nothing = {"void": pa.nulls(rows, pa.float64()), "same": ["x"] * rows, "secret": [f"s{n}" for n in range(rows)]}
    frame = pa.table({**parts, **nothing})
    target = pa.array(age + np.where(label == "good", 30.0, 0.0)) if numbers else pa.array(label.tolist())
    frame = frame.append_column("label", target).append_column("owner", pa.array(owners))
    frame = frame.append_column("id", pa.array((np.arange(rows) * 389 + 5) % 1009))
    return Table.from_frame(frame, label="label", id="id", owner="owner")


def learned(estimator: Any, **options: Any) -> Any:
    return make_pipeline(Tabular(COLUMNS, text_features=32, rare=2, **options), estimator)


def groups(method: Sisa) -> Any:
    return lambda data, key: (
        data.take(rows).ids.tolist() for rows in place(data, key, method.shards, 1, None, ()).members()
    )


def case(method: Sisa, **options: Any) -> Case:
    return Case(method, groups=groups(method), examples=3, **{"data": messy(), **options})


@contract(
    case(Sisa(learned(LogisticRegression(max_iter=1000)), shards=2)),  # also in a fresh process
    case(
        Sisa(learned(HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=4), dense=True), shards=2),
        portable=False,
    ),
    case(Sisa(learned(Ridge()), shards=2), data=messy(numbers=True), portable=False),
)
def test_a_messy_table_keeps_the_laws(case: Case, law: Law) -> None:
    law(case)


# -- oracles for each kind ---------------------------------------------------------------------------------------------


def fitted(values: Any, kind: str, type_: Any = None, **options: Any) -> tuple[Tabular, Any]:
    table = pa.table({"x": pa.array(values, type_)})
    made = Tabular((("x", kind),), **options)
    return made, made.fit_transform(table)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([None, np.inf, -np.inf]) | st.integers(-(10**6), 10**6).map(lambda n: n / 8), min_size=1)
)
def test_numbers_are_filled_with_the_median_scaled_and_flagged(values: list[float | None]) -> None:
    made, matrix = fitted(values, "number", pa.float64())
    there = np.array([np.nan if value is None or np.isinf(value) else value for value in values])
    whole = np.where(np.isnan(there), 0.0 if np.isnan(there).all() else np.nanmedian(there), there)
    assert np.allclose(matrix[:, 0], (whole - whole.mean()) / (whole.std() or 1.0))
    flags = np.isnan(there)
    assert matrix.shape == (len(values), 1 + (flags.any()))
    assert not flags.any() or (matrix[:, 1] == flags).all()
    assert np.isfinite(made.transform(pa.table({"x": pa.array([1e308, None, -1e308, np.inf])}))).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([None, "", "a", "b", "c"]), min_size=1, max_size=30),
    st.lists(st.sampled_from([None, "a", "b", "new"]), min_size=1, max_size=5),
    st.integers(1, 4),
)
def test_categories_are_one_column_a_level_and_rare_ones_share_one(
    held: list[Any], asked: list[Any], rare: int
) -> None:
    made, matrix = fitted(held, "category", pa.string(), rare=rare)
    counts = {level: held.count(level) for level in held}
    usual = [level for level in counts if counts[level] >= rare]
    group = [level for level in counts if counts[level] < rare]
    assert matrix.shape[1] == len(usual) + bool(group)
    assert (matrix.sum(axis=1) == 1).all(), "each record has one level, a missing one its own"
    for level in usual:
        rows = np.array([value == level for value in held])
        assert any((column == rows).all() for column in matrix.T), f"{level!r} has no column of its own"
    then = made.transform(pa.table({"x": pa.array(asked, pa.string())}))
    for value, row in zip(asked, then, strict=True):
        known = value in counts or bool(group)  # an unknown level counts as rare where there are rare ones
        assert row.sum() == known


def test_levels_are_at_most_so_many() -> None:
    _, matrix = fitted([f"level {n % 40}" for n in range(400)], "category", levels=10)
    assert matrix.shape == (400, 10)


def test_truth_values_are_zero_and_one_scaled() -> None:
    _, matrix = fitted([True, False, True, None], "boolean")
    assert np.allclose(np.sign(matrix[:3, 0]), [1, -1, 1])
    assert matrix[:, 1].tolist() == [0, 0, 0, 1]


def test_dates_are_days_and_points_on_the_circles_of_the_year_the_week_and_the_day() -> None:
    made, _ = fitted([date(1970, 1, 1), date(1970, 12, 31)], "date")
    assert made.scale_ is not None
    raw = made.scale_.inverse_transform(
        made.transform(pa.table({"x": pa.array([datetime(1970, 1, 2, 6), datetime(1971, 1, 1, 18)])}))  # noqa: DTZ001
    )
    assert np.allclose(raw[:, 0], [1.25, 365.75])
    assert np.allclose(raw[0, 1:3], raw[1, 1:3]), "January is January"
    assert np.allclose(raw[0, 3:5], raw[1, 3:5]), "both are Fridays"
    assert np.allclose(np.hypot(raw[:, 1], raw[:, 2]), 1)


def test_a_date_with_a_time_zone_is_its_moment_and_one_out_of_bounds_is_taken() -> None:
    zoned = pa.array([datetime(2020, 1, 1, tzinfo=UTC), None], pa.timestamp("us", tz="America/New_York"))
    plain = pa.array([datetime(2020, 1, 1), None], pa.timestamp("us"))  # noqa: DTZ001
    matrices = [Tabular().fit_transform(pa.table({"x": values})) for values in (zoned, plain)]
    assert (matrices[0] == matrices[1]).all()
    last = pa.array([date(9999, 12, 31), date(1, 1, 1)])
    assert np.isfinite(Tabular().fit_transform(pa.table({"x": last}))).all()


def test_text_is_hashed_whatever_is_fitted() -> None:
    texts = ["a parcel is late", None, "", "LATE parcel!"]
    made, matrix = fitted(texts, "text", text_features=64)
    assert isinstance(matrix, sparse.csr_array)
    assert matrix[[1, 2]].nnz == 0
    other, _ = fitted(["something else"], "text", text_features=64)
    again = other.transform(pa.table({"x": pa.array(texts)}))
    assert (again != matrix).nnz == 0, "hashing learns nothing"
    assert made.columns_ == (("x", "text"),)


def test_wide_or_text_is_sparse_and_dense_where_asked() -> None:
    levels = [f"level {n}" for n in range(1200)]
    assert sparse.issparse(fitted(levels, "category", rare=1, levels=2000)[1])
    assert isinstance(fitted(levels, "category", rare=1, levels=2000, dense=True)[1], np.ndarray)
    assert isinstance(fitted(["a b"], "text", text_features=8, dense=True)[1], np.ndarray)
    assert sparse.issparse(fitted([1.0], "number", dense=False)[1])


# -- what tables do ----------------------------------------------------------------------------------------------------


def test_arrow_pandas_and_polars_give_the_same_numbers() -> None:
    frame = messy().features
    made = Tabular(COLUMNS, text_features=16).fit(frame)
    expected = made.transform(frame).toarray()
    for other in (frame.to_pandas(), pl.from_arrow(frame)):
        assert np.array_equal(made.transform(other).toarray(), expected)
        assert np.array_equal(Tabular(COLUMNS, text_features=16).fit_transform(other).toarray(), expected)
    assert isinstance(frame.to_pandas(), pd.DataFrame)


def test_a_matrix_is_numbers() -> None:
    matrix = np.array([[1.0, np.nan], [3.0, 4.0]])
    assert Tabular().fit_transform(matrix).tolist() == [[-1, 0, 1], [1, 0, 0]]


def test_a_mapped_matrix_is_numbers_too_and_images_are_no_rows_of_columns(tmp_path: Path) -> None:
    X = np.arange(8.0).reshape(4, 2)
    np.save(tmp_path / "x.npy", X)
    there = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.array_equal(Tabular(dense=True).fit_transform(there), Tabular(dense=True).fit_transform(X))
    with pytest.raises(DataError, match=r"Tabular takes rows of columns, got records of the shape \(2, 1\)"):
        Tabular().fit(X[:, :, None])


def test_undeclared_columns_are_taken_by_their_type() -> None:
    frame = messy().features.drop_columns(["note", "secret"])
    declared = Tabular([column for column in COLUMNS if column[0] in frame.column_names])
    assert np.array_equal(Tabular().fit_transform(frame), declared.fit_transform(frame))


def test_columns_are_found_by_name_and_may_be_gone() -> None:
    frame = messy().features
    made = Tabular(COLUMNS, text_features=16).fit(frame)
    turned = frame.select(frame.column_names[::-1])
    assert np.array_equal(made.transform(turned).toarray(), made.transform(frame).toarray())
    less = Tabular(COLUMNS, text_features=16).fit(frame.drop_columns(["town", "age"]))
    assert [name for name, _ in less.columns_] == [n for n, _ in COLUMNS if n not in {"town", "age"}]
    alone = Tabular(COLUMNS).fit_transform(frame.select(["secret"]))
    assert alone.shape == (len(frame), 0)


@pytest.mark.parametrize("name", [name for name, _ in COLUMNS])
def test_any_column_can_be_erased_and_the_rest_predicts(name: str) -> None:
    method, run, data = Sisa(learned(LogisticRegression(max_iter=1000)), shards=2), Run(key=KEY), messy()
    model = method.learn(data, run)
    done = method.forget(model, Column(name), data, run)
    left = data.after(Column(name))
    assert fingerprint(done.model) == fingerprint(method.learn(left, Run(key=KEY)))
    assert np.isfinite(method.predict(done.model, left)).all()


def test_shards_of_one_class_and_of_few_records_learn() -> None:
    data = messy()
    lone = data.after(Label("good")).after(Label("unsure"))
    method, run = Sisa(learned(LogisticRegression(max_iter=1000)), shards=20), Run(key=KEY)
    assert method.predict(method.learn(lone, run), data).tolist() == [[1.0]] * len(data)
    model = method.learn(data, run)
    assert np.allclose(method.predict(model, data).sum(axis=1), 1)
    few = method.forget(model, Records(data.ids[2:]), data, run).model
    assert np.isfinite(method.predict(few, data)).all()


def test_what_was_missing_nowhere_in_the_shard_may_be_missing_later() -> None:
    made, _ = fitted([1.0, 2.0, 3.0], "number")
    assert made.transform(pa.table({"x": pa.array([None], pa.float64())})).tolist() == [[0.0]]


def test_it_is_a_transformer_that_is_cloned_and_comes_back_from_its_bytes() -> None:
    made = Tabular(COLUMNS, text_features=16, rare=3)
    assert repr(clone(made)) == repr(made)
    frame = messy().features
    made.fit(frame)
    rested = decode(encode(made), trusted=True)
    assert np.array_equal(rested.transform(frame).toarray(), made.transform(frame).toarray())
    assert fingerprint(rested) == fingerprint(made)


def test_a_kind_that_there_is_not_and_a_column_that_is_no_number_are_sentences() -> None:
    frame = pa.table({"x": ["a"]})
    with pytest.raises(
        ParameterError, match=f"column 'x' is declared as 'colour'; a column is one of {', '.join(KINDS)}"
    ):
        Tabular((("x", "colour"),)).fit(frame)
    with pytest.raises(DataError, match="column 'x' is declared as a number and holds large_string"):
        Tabular((("x", "number"),)).fit(frame)
    table = Table.from_frame(pa.table({"x": ["a", "b"], "y": [0, 1]}), label="y")
    with pytest.raises(LearnError, match="declared as a number"):
        Retrain(make_pipeline(Tabular((("x", "number"),)), Ridge())).learn(table, Run(key=KEY))


def test_numbers_far_out_stay_within_float32() -> None:
    made, _ = fitted([0.0, 0.0], "number")
    assert made.transform(pa.table({"x": [1e300, -1e300]})).ravel().tolist() == [FARTHEST, -FARTHEST]


def test_what_is_fitted_is_a_function_of_the_records_at_hand_and_of_nothing_before() -> None:
    """The laws run in one process, where a level kept between two fits would show in model and oracle alike."""
    whole, rng = messy().features, np.random.default_rng(3)
    part = whole.take(np.flatnonzero(np.array(whole["town"].to_pylist()) != "Bern"))
    first, then = (fingerprint(Tabular(COLUMNS, rare=1).fit(frame)) for frame in (whole, part))
    assert first != then
    made = Tabular(COLUMNS, rare=1).fit(whole)
    assert (fingerprint(made.fit(part)), fingerprint(made.fit(whole))) == (then, first)
    assert b"Bern" not in encode(made.fit(part))
    shuffled = whole.take(rng.permutation(len(whole)))
    levels = [fitted.encode_.categories_ for fitted in (made.fit(whole), Tabular(COLUMNS, rare=1).fit(shuffled))]  # type: ignore[union-attr]
    assert all(list(one) == list(other) for one, other in zip(*levels, strict=True)), "whatever the order of rows"
