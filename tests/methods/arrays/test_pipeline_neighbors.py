"""Neighbours behind stages keep every law, answer as scikit-learn's own pipelines, and forget in the scale as well."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import neighbors
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from expunge import (
    Addition,
    Column,
    KNeighborsClassifier,
    KNeighborsRegressor,
    Pipeline,
    Quote,
    Records,
    Refusal,
    Run,
    Table,
    fingerprint,
)
from expunge.codec import decode, encode
from expunge.errors import DataError, MismatchError, ParameterError
from expunge.stages import features, multiset
from expunge.stages.instances import Kept
from expunge.sums.rows import Rows
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"a key for tests")
NUMBERS, WORDS = ["age", "size"], ["town", "plan"]
HOT = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
RANKS = make_pipeline(
    SimpleImputer(strategy="most_frequent"), OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
)
MEDIANS = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
FLAGGED = make_pipeline(SimpleImputer(add_indicator=True), MinMaxScaler())


def people(rows: int = 40, *, numbers: bool = True) -> Table:
    """Records with gaps and categories, one of them of a single record, none as near as another; owners of several."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "age": random.normal(30, 9, rows),
            "size": random.normal(size=rows) + 1e3,
            "town": random.choice(["Bern", "Zug", "Genf"], rows).astype(object),
            "plan": random.choice(["a", "b"], rows).astype(object),
        }
    )
    frame.loc[30, "town"] = "Uri"
    for place, name in enumerate(frame.columns):
        frame.loc[[3 * place + 1, 3 * place + 2], name] = np.nan if name in NUMBERS else None
    label = random.normal(size=rows) if numbers else random.choice(["ham", "spam", "unsure"], rows, p=[0.5, 0.4, 0.1])
    ids, owners = (np.arange(rows) * 389 + 5) % 1009, np.arange(rows) * 3 % (rows // 3)
    return Table.from_arrays(frame, label, ids, owners)


def choice(numbers: Any, words: Any) -> ColumnTransformer:
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("words", words, WORDS)])


@contract(
    Case(Pipeline([StandardScaler(), KNeighborsClassifier(3)]), examples=4),
    Case(Pipeline([choice(MEDIANS, HOT), KNeighborsRegressor(3, "distance")]), people(), examples=4),
    Case(
        Pipeline([choice(FLAGGED, RANKS), StandardScaler(), KNeighborsClassifier()]),
        people(numbers=False),
        examples=2,
        portable=False,
    ),
    Case(
        Pipeline([StandardScaler(), PCA(2), KNeighborsRegressor(2)]),
        patients(numbers=True, several=True, owned=False),
        columns=False,
        examples=2,
        portable=False,
    ),
)
def test_neighbours_behind_stages_keep_the_law(case: Case, law: Law) -> None:
    law(case)


# -- what scikit-learn's own pipelines predict -------------------------------------------------------------------------

FRONTS: dict[str, Any] = {
    "nothing": [choice(SimpleImputer(), HOT)],
    "medians": [choice(MEDIANS, HOT)],
    "flags and ranks": [choice(FLAGGED, RANKS), StandardScaler()],
    "components": [choice(MEDIANS, HOT), PCA(3), StandardScaler()],
}


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("numbers", [True, False])
def test_answers_after_a_deletion_are_those_of_scikit_learns_pipeline(
    front: str,
    weights: str,
    *,
    numbers: bool,
) -> None:
    data = people(200, numbers=numbers)
    kind, theirs = (
        (KNeighborsRegressor, neighbors.KNeighborsRegressor)
        if numbers
        else (KNeighborsClassifier, neighbors.KNeighborsClassifier)
    )
    method, target = Pipeline([*FRONTS[front], kind(4, weights)]), Records(data.ids[::7])
    model = method.forget(method.learn(data, RUN), target, data, RUN).model
    rest = data.after(target)
    other = make_pipeline(*FRONTS[front], theirs(4, weights=weights)).fit(rest.features, np.asarray(rest.label))
    answer = other.predict if numbers else other.predict_proba
    np.testing.assert_allclose(method.predict(model, data), answer(data.features), rtol=0, atol=1e-9)


@pytest.mark.parametrize("front", FRONTS)
def test_a_record_is_its_own_nearest_however_many_are_asked_about(front: str) -> None:
    data = people(60)
    method = Pipeline([*FRONTS[front], KNeighborsRegressor(3, "distance")])
    model = method.learn(data, RUN)
    labels = np.asarray(data.label).tolist()
    assert method.predict(model, data).tolist() == labels  # its distance is 0, to the bit
    assert [method.predict(model, data.take(slice(row, row + 1))).item() for row in range(60)] == labels


# -- why ---------------------------------------------------------------------------------------------------------------


def test_a_scale_that_was_fitted_with_the_deleted_record_decides_who_is_near() -> None:
    X, y = np.array([[0.0, 0.0], [1.0, 4.0], [3.0, 1.0], [1e6, 2.0]]), ["a", "b", "c", "gone"]
    usual = make_pipeline(MinMaxScaler(), neighbors.KNeighborsClassifier(1)).fit(X, y)
    usual[1].fit(usual[0].transform(X[:3]), y[:3])  # the record is out of the last stage alone
    data, method = Table.from_arrays(X, y), Pipeline([MinMaxScaler(), KNeighborsClassifier(1)])
    left = method.forget(method.learn(data, RUN), Records([3]), data, RUN).model
    asked = np.array([[0.0, 0.6]])
    assert usual.predict(asked) == ["c"]  # its scale has made the first column nothing
    assert method.predict(left, Table.from_arrays(asked)).tolist() == [[1.0, 0.0, 0.0]]
    assert make_pipeline(MinMaxScaler(), neighbors.KNeighborsClassifier(1)).fit(X[:3], y[:3]).predict(asked) == ["a"]


def test_a_category_that_only_the_forgotten_had_is_in_no_byte_of_the_model() -> None:
    data, method = people(), Pipeline([choice(MEDIANS, HOT), KNeighborsRegressor()])
    model = method.learn(data, RUN)
    only = data.ids[np.flatnonzero(data.column("town") == "Uri")]
    method.predict(model, data)  # what is made when it is asked is no part of it
    left = method.forget(model, Records(only), data, RUN).model
    assert b"Uri" in encode(model)
    assert b"Uri" not in encode(left)
    assert fingerprint(left) == fingerprint(method.learn(data.after(Records(only)), RUN))
    again = decode(encode(left), trusted=True)
    assert method.predict(again, data).tolist() == method.predict(left, data).tolist()


def test_one_record_of_many_is_read_and_a_column_costs_none() -> None:
    data, method = people(), Pipeline([choice(MEDIANS, HOT), KNeighborsRegressor()])
    model = method.learn(data, RUN)
    for target, read in ((Records([int(data.ids[0])]), 1), (Column("town"), 0), (Column("age"), 0)):
        quote, done = method.quote(model, target, data, RUN), method.forget(model, target, data, RUN)
        assert isinstance(quote, Quote)
        assert quote.examples == done.examples == read
        assert any("kept as they came" in each for each in quote.assumptions)
        assert fingerprint(done.model) == fingerprint(method.learn(data.after(target), RUN))
        assert np.isfinite(method.predict(done.model, data.after(target))).all()


def test_columns_that_no_stage_takes_are_not_kept() -> None:
    method = Pipeline([ColumnTransformer([("age", MEDIANS, ["age"])]), KNeighborsRegressor()])
    assert method.learn(people(), RUN).statistic.rows.X.shape == (40, 1)


# -- planted mistakes --------------------------------------------------------------------------------------------------


def _broken(monkeypatch: pytest.MonkeyPatch, method: Any, data: Table, places: list[int]) -> bool:
    """Whether forgetting does not end where learning without does; the tables are fresh, and remember no sums."""
    target = Records(data.ids[places])
    model = method.learn(data, RUN)
    done = method.forget(model, target, data, RUN).model
    monkeypatch.undo()
    return bool(fingerprint(done) != fingerprint(method.learn(data.after(target), RUN)))


def test_a_scaler_that_remembers_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    sound, seen = features._Work.scaled, dict[str, Any]()

    def keeps(self: Any, stage: Any, item: Any) -> Any:
        return seen.setdefault(item.column, sound(self, stage, item))

    monkeypatch.setattr(features._Work, "scaled", keeps)
    assert _broken(monkeypatch, Pipeline([StandardScaler(), KNeighborsClassifier()]), patients(), [3, 5])


def test_an_imputer_that_keeps_the_median_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiset, "minus", lambda held, _: held)
    assert _broken(monkeypatch, Pipeline([choice(MEDIANS, HOT), KNeighborsRegressor()]), people(), [3, 5])


def test_a_neighbour_that_stays_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rows, "minus", lambda held, _: held)
    assert _broken(monkeypatch, Pipeline([choice(MEDIANS, HOT), KNeighborsRegressor()]), people(), [3, 5])


def test_categories_that_keep_their_numbers_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kept, "numbered", lambda held, _: held.rows)  # "Zug" is after "Uri", which goes
    method, data = Pipeline([choice(MEDIANS, HOT), KNeighborsRegressor()]), people()
    only = np.flatnonzero(data.column("town") == "Uri").tolist()
    with pytest.raises(MismatchError, match="do not hold them"):  # its number among itself is another
        _broken(monkeypatch, method, data, only)
    monkeypatch.undo()
    monkeypatch.setattr(Kept, "minus", _unnumbered)
    assert _broken(monkeypatch, method, people(), only)


def _unnumbered(held: Kept, other: Kept) -> Kept:
    return Kept(held.asked, held.sums.minus(other.sums), held.rows.minus(other.numbered(held.sums)))


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_what_cannot_be_is_refused_in_words() -> None:
    with pytest.raises(ParameterError, match="such as MultinomialNB; KNeighborsClassifier is none"):
        Pipeline([CountVectorizer(), KNeighborsClassifier()])
    with pytest.raises(ParameterError, match="after PCA a Pipeline takes"):
        Pipeline([PCA(2), MinMaxScaler(), KNeighborsRegressor()])
    with pytest.raises(DataError, match="column 'age' lacks 2 values"):
        Pipeline([ColumnTransformer([("n", StandardScaler(), NUMBERS)]), KNeighborsRegressor()]).learn(people(), RUN)
    with pytest.raises(DataError, match="a regression learns numbers"):
        Pipeline([StandardScaler(), KNeighborsRegressor()]).learn(patients(), RUN)


def test_a_gap_that_comes_and_that_nothing_fills_is_refused() -> None:
    data, method = Table.from_arrays(np.eye(3), ["a", "b", "a"]), Pipeline([StandardScaler(), KNeighborsClassifier(1)])
    model, gap = method.learn(data, RUN), Addition(Table.from_arrays(np.array([[np.nan, 1.0, 2.0]]), ["a"], [99]))
    quote = method.quote(model, gap, data, RUN)
    assert isinstance(quote, Refusal)
    assert "column 'x0' lacks 1 values" in quote.reason


def test_other_data_and_other_neighbours_are_refused() -> None:
    data, method = people(), Pipeline([choice(MEDIANS, HOT), KNeighborsRegressor()])
    model = method.learn(data, RUN)
    moved = Table.from_arrays(data.features, data.label, data.ids + 1)  # the same sums, other records
    for other, of in ((method, moved), (Pipeline([choice(MEDIANS, HOT), KNeighborsRegressor(3)]), data)):
        with pytest.raises(MismatchError, match="other than the model's"):
            other.forget(model, Records([int(of.ids[3])]), of, RUN)
