"""What comes out of the stages is what scikit-learn's make of the same rows, and the sums are the sums of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from expunge import Table
from expunge.errors import DataError, ParameterError
from expunge.stages import expanded, pulled
from expunge.stages.columns import asked
from expunge.stages.features import terms, through
from expunge.stages.front import matrix
from expunge.stages.specification import stages_of
from expunge.sums.fixed import Fixed

FIXED = Fixed()
NUMBERS, WORDS = ["age", "size", "offset"], ["town", "plan"]


def people(rows: int = 60, *, gaps: bool = True, seed: int = 3) -> pd.DataFrame:
    """Numbers with gaps, ties, a constant and an offset; categories, one of them rare, with gaps."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 30, rows).astype(float),
            "size": random.normal(size=rows).round(3),
            "offset": 1e6 + random.normal(size=rows).round(2),
            "town": random.choice(["Bern", "Zug", "Genf"], rows).astype(object),
            "plan": random.choice(["a", "b"], rows).astype(object),
        }
    )
    frame.loc[rows // 2, "town"] = "Uri"
    if gaps:
        for name in frame.columns:
            frame.loc[random.choice(rows, 7, replace=False), name] = np.nan if name in NUMBERS else None
    return frame


def choice(numbers: Any, words: Any) -> Any:
    return ColumnTransformer([("n", numbers, NUMBERS), ("w", words, WORDS)])


HOT = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
FULL = {
    "mean": SimpleImputer(),
    "median": make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
    "most frequent": make_pipeline(SimpleImputer(strategy="most_frequent"), MinMaxScaler()),
    "constant": make_pipeline(SimpleImputer(strategy="constant", fill_value=-2.5), MaxAbsScaler()),
    "scaled, then filled": make_pipeline(StandardScaler(), SimpleImputer(), MinMaxScaler((-1, 2))),
    "stretched, filled, scaled": make_pipeline(MinMaxScaler(), SimpleImputer(strategy="median"), StandardScaler()),
    "scaled, filled by a constant": make_pipeline(StandardScaler(), SimpleImputer(strategy="constant"), MaxAbsScaler()),
    "flagged": make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
    "spread alone": make_pipeline(SimpleImputer(), StandardScaler(with_mean=False)),
    "mean alone": make_pipeline(SimpleImputer(), StandardScaler(with_std=False)),
}
TEXT = {
    "hot": HOT,
    "hot but the first": OneHotEncoder(drop="first", sparse_output=False),
    "hot if not binary": make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(drop="if_binary", sparse_output=False)
    ),
    "filled": make_pipeline(SimpleImputer(strategy="constant"), HOT),
    "filled with another": make_pipeline(SimpleImputer(strategy="constant", fill_value="Zug"), HOT),
    "ranked": make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()),
    "ranked, then filled": make_pipeline(OrdinalEncoder(), SimpleImputer(strategy="median"), StandardScaler()),
    "ranked, then stretched": make_pipeline(OrdinalEncoder(), SimpleImputer(), MinMaxScaler()),
}


def held_of(table: Table, stages: Any, second: Any = "products") -> expanded.Expanded:
    wanted = asked(stages, table.names)
    return expanded.sums(table, wanted, (("all",), np.zeros(len(table), int)), second, FIXED)


@pytest.mark.parametrize("numbers", FULL)
@pytest.mark.parametrize("gaps", [True, False])
def test_numbers_come_out_as_of_scikit_learn(numbers: str, *, gaps: bool) -> None:
    _compare(choice(FULL[numbers], HOT), people(gaps=gaps))


@pytest.mark.parametrize("words", TEXT)
@pytest.mark.parametrize("gaps", [True, False])
def test_categories_come_out_as_of_scikit_learn(words: str, *, gaps: bool) -> None:
    _compare(choice(FULL["mean"], TEXT[words]), people(gaps=gaps))


def test_a_stage_after_the_choice_sees_all_columns() -> None:
    both = make_pipeline(choice(SimpleImputer(), HOT), StandardScaler(), MinMaxScaler())
    _compare(both, people())


def test_columns_that_nobody_names_pass_or_are_dropped() -> None:
    frame = people(gaps=False)[["age", "size", "offset"]]
    for rest in ("passthrough", "drop"):
        _compare(ColumnTransformer([("n", StandardScaler(), ["size"])], remainder=rest), frame)


def test_numbers_can_be_categories_and_one_column_both() -> None:
    frame = people()[["age", "size"]]
    _compare(
        ColumnTransformer(
            [("a", HOT, ["age"]), ("b", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "size"])]
        ),
        frame,
    )
    _compare(make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()), frame)


def _compare(transformer: Any, frame: pd.DataFrame) -> None:
    """The matrix of given rows, and exact sums of the rows that were learned, against scikit-learn's own."""
    table, stages = Table.from_frame(frame), stages_of([transformer])
    held = held_of(table, stages)
    features, codings = through(stages, held, FIXED)
    theirs = np.asarray(transformer.fit_transform(frame), dtype=float)
    mine = matrix(table, features, codings)
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-8 * max(1.0, abs(theirs).max()))
    exact = pulled.groups(held.groups, [terms(each, codings, held, FIXED) for each in features], "products").parts[0]
    units = np.array([-each.exponent for each in features])
    scale, centre, offset = (np.array([getattr(f, a) for f in features]) for a in ("scale", "centre", "offset"))
    mean = (np.ldexp(exact.mean(), units) - centre) * scale + offset
    np.testing.assert_allclose(mean, theirs.mean(axis=0), atol=1e-8 * max(1.0, abs(theirs).max()))
    spread = np.ldexp(exact.centred(), units[:, None] + units) * scale * scale[:, None]
    about = theirs - theirs.mean(axis=0)
    np.testing.assert_allclose(spread, about.T @ about, atol=1e-7 * max(1.0, abs(spread).max()))


@settings(deadline=None, max_examples=25, database=None)
@given(st.data())
def test_sums_without_some_rows_are_the_sums_of_the_others(draw: st.DataObject) -> None:
    numbers, words = draw.draw(st.sampled_from(sorted(FULL))), draw.draw(st.sampled_from(sorted(TEXT)))
    frame = people(25, seed=draw.draw(st.integers(0, 5)))
    table, stages = Table.from_frame(frame), stages_of([choice(FULL[numbers], TEXT[words])])
    stays = np.array(draw.draw(st.lists(st.booleans(), min_size=25, max_size=25)))
    whole, rest, gone = (held_of(part, stages) for part in (table, table.take(stays), table.take(~stays)))
    assert whole.minus(gone) == rest
    assert rest.plus(gone) == whole
    assert gone.plus(rest) == whole
    assert through(stages, whole.minus(gone), FIXED) == through(stages, rest, FIXED)


def test_a_category_that_only_the_forgotten_had_leaves() -> None:
    table, stages = Table.from_frame(people(gaps=False)), stages_of([choice(SimpleImputer(), HOT)])
    held, only = held_of(table, stages), np.flatnonzero(people(gaps=False)["town"] == "Uri")
    assert any(entry.level == "Uri" for entry in held.entries)
    left = held.minus(held_of(table.take(only), stages))
    assert not any(entry.level == "Uri" for entry in left.entries)
    assert "Uri" not in repr(through(stages, left, FIXED))


def test_what_no_stage_makes_a_number_of_is_refused() -> None:
    table = Table.from_frame(people())
    for transformers, said in (
        ([choice(StandardScaler(), HOT)], "column 'age' lacks 7 values, and no stage fills them"),
        ([choice(SimpleImputer(), SimpleImputer(strategy="most_frequent"))], "column 'town' holds text"),
        ([choice(SimpleImputer(strategy="constant", fill_value="x"), HOT)], "is to be filled with text"),
    ):
        stages = stages_of(transformers)
        with pytest.raises(DataError, match=said):
            through(stages, held_of(table, stages), FIXED)
    stages = stages_of([choice(SimpleImputer(), make_pipeline(HOT, HOT))])
    with pytest.raises(ParameterError, match="holds numbers already"):
        through(stages, held_of(table, stages), FIXED)


def test_an_unknown_category_and_a_missing_value_are_refused_when_predicting() -> None:
    frame, stages = people(gaps=False), stages_of([choice("passthrough", OneHotEncoder())])
    table = Table.from_frame(frame)
    features, codings = through(stages, held_of(table, stages), FIXED)
    other = frame.assign(town="Basel")
    with pytest.raises(DataError, match="row 0 is of a category that was not learned"):
        matrix(Table.from_frame(other), features, codings)
    gappy = frame.copy()
    gappy.loc[4, "size"] = np.nan
    with pytest.raises(DataError, match="column 'size': row 4 lacks a value"):
        matrix(Table.from_frame(gappy), features, codings)


def test_a_constant_that_is_no_number_of_the_range_is_refused_by_column() -> None:
    table = Table.from_frame(people())
    for fill in (float("nan"), 2.0**30, -1e300):
        stages = stages_of([choice(SimpleImputer(strategy="constant", fill_value=fill), HOT)])
        with pytest.raises(DataError, match="column 'age' is to be filled with"):
            through(stages, held_of(table, stages), FIXED)
    coded = make_pipeline(SimpleImputer(strategy="constant", fill_value=float("nan")), HOT)
    stages = stages_of([ColumnTransformer([("n", coded, ["age"])])])
    with pytest.raises(DataError, match="column 'age' is to be filled with nan"):
        through(stages, held_of(table, stages), FIXED)
