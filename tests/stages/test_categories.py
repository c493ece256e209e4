"""Counts of categories behind stages are those of the numbers that the stages make of each record."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from expunge import Table, fingerprint
from expunge.errors import DataError
from expunge.stages.specification import stages_of
from expunge.stages.tabular import Tabular
from expunge.sums.categories import Categories

FRONTS = {
    "filled before": make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()),
    "filled behind": make_pipeline(OrdinalEncoder(), SimpleImputer(strategy="constant", fill_value=6)),
    "places": OneHotEncoder(),
}


def table(seed: int, rows: int = 30) -> Table:
    """Towns that few are of, years, gaps in both."""
    random = np.random.default_rng(seed)
    towns = random.choice(np.array([*"abcdefghijklm", None], object), rows)
    years = random.choice(np.array([1990.0, 1991.0, np.nan]), rows)
    return Table.from_arrays(
        np.column_stack([towns, years.astype(object)]), random.choice(["x", "y", "z"], rows), columns=["town", "year"]
    )


def kind(front: object) -> Tabular:
    return Tabular(stages_of([ColumnTransformer([("all", front, ["town", "year"])])]), "categories")


@pytest.mark.parametrize("front", FRONTS)
@given(st.integers(0, 2**32 - 1), st.integers(1, 29))
@settings(max_examples=10, deadline=None)
def test_they_are_those_of_each_record(front: str, seed: int, cut: int) -> None:
    data, of = table(seed), kind(FRONTS[front])
    rest, gone = data.take(slice(cut, None)), data.take(slice(0, cut))
    left = of.of(data).minus(of.of(gone))
    made, counts = of.solved(left)
    assert isinstance(counts, Categories)
    X = of.matrix(made, rest)
    expected = Categories.of(Table.from_arrays(X, np.asarray(rest.label)))
    assert counts.classes == expected.classes
    for mine, theirs, x in zip(counts.columns, expected.columns, X.T, strict=True):
        assert sorted(map(int, mine.names)) == list(range(int(x.max()) + 1))  # all to the largest, as scikit-learn has
        there = mine.counts.any(axis=0)
        assert tuple(np.array(mine.names)[there]) == theirs.names
        assert mine.counts[:, there].tolist() == theirs.counts.tolist()
    assert fingerprint(counts) == fingerprint(of.solved(of.of(rest))[1])


@pytest.mark.parametrize(
    "front",
    [
        make_pipeline(OrdinalEncoder(), SimpleImputer()),
        make_pipeline(OrdinalEncoder(), SimpleImputer(strategy="constant", fill_value=-1)),
        make_pipeline(OrdinalEncoder(), SimpleImputer(strategy="constant", fill_value=2**20)),
        make_pipeline(OrdinalEncoder(), SimpleImputer(strategy="median"), StandardScaler()),
    ],
    ids=["between", "below", "above", "scaled"],
)
def test_what_is_no_category_is_refused(front: object) -> None:
    data = Table.from_arrays(np.array([["a", 1], ["b", 2], [None, 3]], object), ["x", "y", "x"], columns=["town", "n"])
    of = Tabular(stages_of([ColumnTransformer([("all", front, ["town"])])]), "categories")
    with pytest.raises(DataError, match="column 'town' comes out of the stages as a number that is no category"):
        of.solved(of.of(data))


def test_a_number_is_no_category() -> None:
    of, data = Tabular((), "categories"), Table.from_arrays(np.eye(2), ["x", "y"])
    with pytest.raises(DataError, match="column 'x0' comes out of the stages as a number"):
        of.solved(of.of(data))
