"""Pipelines keep every law, predict what scikit-learn's own do, and carry nothing of what was forgotten."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import discriminant_analysis, linear_model, naive_bayes
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

import expunge
from expunge import (
    Addition,
    BernoulliNB,
    CategoricalNB,
    Column,
    ComplementNB,
    GaussianNB,
    LinearDiscriminantAnalysis,
    MultinomialNB,
    NearestCentroid,
    Pipeline,
    QuadraticDiscriminantAnalysis,
    Records,
    Refusal,
    Ridge,
    Run,
    Table,
    fingerprint,
)
from expunge.codec import encode
from expunge.errors import DataError, LearnError, MismatchError, ParameterError, RefusedError
from expunge.stages import expanded, features, multiset, weights, words
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"a key for tests")
NUMBERS, WORDS = ["age", "size"], ["town", "plan"]
HOT = OneHotEncoder(handle_unknown="ignore", sparse_output=False)


def people(rows: int = 40, *, numbers: bool = True) -> Table:
    """Records with gaps, ties and categories, one of them of a single record; owners with several."""
    random = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 30, rows).astype(float),
            "size": random.normal(size=rows).round(3) + 1e3,
            "town": random.choice(["Bern", "Zug", "Genf"], rows).astype(object),
            "plan": random.choice(["a", "b"], rows).astype(object),
        }
    )
    frame.loc[30, "town"] = "Uri"
    for place, name in enumerate(frame.columns):
        frame.loc[[3 * place + 1, 3 * place + 2], name] = np.nan if name in NUMBERS else None
    label = frame["age"].fillna(20) + random.normal(size=rows).round(3) if numbers else None
    classes = np.array(["ham", "spam", "unsure"])[(random.random(rows) * 2.2).astype(int)]
    ids, owners = (np.arange(rows) * 389 + 5) % 1009, np.arange(rows) * 3 % (rows // 3)
    return Table.from_arrays(frame, classes if label is None else label.to_numpy(), ids, owners)


def choice(numbers: Any, words: Any) -> ColumnTransformer:
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("words", words, WORDS)])


MEDIANS = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
FLAGGED = make_pipeline(SimpleImputer(add_indicator=True), MinMaxScaler())
FILLED = SimpleImputer(strategy="most_frequent")


@contract(
    Case(Pipeline([StandardScaler(), Ridge()]), patients(numbers=True)),
    Case(Pipeline([StandardScaler(), PCA(2), Ridge()]), patients(numbers=True, owned=False), columns=False, examples=4),
    Case(Pipeline([MinMaxScaler(), Ridge(alpha=0.5)]), patients(numbers=True, several=True), examples=4),
    Case(Pipeline([choice(MEDIANS, HOT), Ridge()]), people(), examples=5),
    Case(
        Pipeline([choice(FLAGGED, OneHotEncoder()), Ridge(fit_intercept=False)]), people(), examples=3, portable=False
    ),
    Case(
        Pipeline([choice(SimpleImputer(), make_pipeline(FILLED, OrdinalEncoder())), MaxAbsScaler(), Ridge()]),
        people(),
        examples=3,
        portable=False,
    ),
)
def test_a_pipeline_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


def letters(rows: int = 30) -> Table:
    """Short texts with words that few use, of three classes (one rare), with owners and duplicates."""
    random = np.random.default_rng(8)
    words = ["call", "me", "now", "free", "prize", "later", "you", "win", "home", "tea"]
    texts = [" ".join(random.choice(words, random.integers(0, 7))) for _ in range(rows)]
    texts[3], texts[4] = "only here", texts[5]
    label = np.array(["ham", "spam", "unsure"])[(random.random(rows) * 2.2).astype(int)]
    ids, owners = (np.arange(rows) * 389 + 5) % 1009, np.arange(rows) * 3 % (rows // 3)
    return Table.from_arrays(pd.DataFrame({"text": texts}), label, ids, owners)


WEIGHED = TfidfVectorizer(sublinear_tf=True)
BRANCH = ColumnTransformer([("words", TfidfVectorizer(min_df=2), "text")])


@contract(
    Case(Pipeline([TfidfVectorizer(), MultinomialNB()]), letters(), columns=False, examples=5),
    Case(
        Pipeline([CountVectorizer(), TfidfTransformer(norm="l1"), ComplementNB()]),
        letters(),
        columns=False,
        examples=3,
        portable=False,
    ),
    Case(
        Pipeline([CountVectorizer(ngram_range=(1, 2)), BernoulliNB()]),
        letters(),
        columns=False,
        examples=3,
        portable=False,
    ),
    Case(Pipeline([BRANCH, NearestCentroid()]), letters(), columns=False, examples=3, portable=False),
    Case(Pipeline([choice(MEDIANS, HOT), GaussianNB()]), people(numbers=False), examples=3, portable=False),
    Case(Pipeline([StandardScaler(), LinearDiscriminantAnalysis()]), examples=4, portable=False),
    Case(Pipeline([MinMaxScaler(), MultinomialNB()]), examples=3, portable=False),
    Case(
        Pipeline([ColumnTransformer([("w", HOT, WORDS)]), BernoulliNB()]),
        people(numbers=False),
        examples=3,
        portable=False,
    ),
    Case(
        Pipeline([StandardScaler(), PCA(2), QuadraticDiscriminantAnalysis(reg_param=0.1)]),
        columns=False,
        examples=3,
        portable=False,
    ),
)
def test_a_pipeline_of_a_classifier_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


# -- what scikit-learn's own pipelines predict -------------------------------------------------------------------------

FRONTS: dict[str, Any] = {
    "nothing": [choice(SimpleImputer(), OneHotEncoder(drop="first", sparse_output=False, handle_unknown="ignore"))],
    "medians": [choice(MEDIANS, OneHotEncoder(drop="first", sparse_output=False, handle_unknown="ignore"))],
    "flags and ranks": [choice(FLAGGED, make_pipeline(FILLED, OrdinalEncoder())), StandardScaler()],
    "components": [choice(MEDIANS, HOT), PCA(3), StandardScaler()],
    "share of the variance": [choice(MEDIANS, HOT), PCA(0.8, whiten=True)],
}
ENDS: dict[str, tuple[Any, Any]] = {
    "gaussian": (GaussianNB(), naive_bayes.GaussianNB()),
    "lda": (LinearDiscriminantAnalysis(), discriminant_analysis.LinearDiscriminantAnalysis()),
    "qda": (
        QuadraticDiscriminantAnalysis(reg_param=0.1),
        discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1),
    ),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("front", FRONTS)
def test_classes_are_those_of_scikit_learns_pipeline(front: str, end: str) -> None:
    data, (mine, theirs) = people(300, numbers=False), ENDS[end]
    method = Pipeline([*FRONTS[front], mine])
    made = method.predict(method.learn(data, RUN), data)
    other = make_pipeline(*FRONTS[front], theirs).fit(data.features, np.asarray(data.label))
    np.testing.assert_allclose(made, other.predict_proba(data.features), atol=1e-9)


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("intercept", [True, False])
def test_numbers_are_those_of_scikit_learns_pipeline(front: str, *, intercept: bool) -> None:
    data = people(300)
    method = Pipeline([*FRONTS[front], Ridge(alpha=0.7, fit_intercept=intercept)])
    made = method.predict(method.learn(data, RUN), data)
    other = make_pipeline(*FRONTS[front], linear_model.Ridge(alpha=0.7, fit_intercept=intercept))
    np.testing.assert_allclose(made, other.fit(data.features, data.label).predict(data.features), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "front", [[TfidfVectorizer()], [WEIGHED], [CountVectorizer(), TfidfTransformer()], [CountVectorizer()]]
)
@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (MultinomialNB(0.3), naive_bayes.MultinomialNB(alpha=0.3)),
        (ComplementNB(), naive_bayes.ComplementNB()),
        (BernoulliNB(), naive_bayes.BernoulliNB()),
    ],
)
def test_texts_are_classed_as_by_scikit_learns_pipeline(front: list[Any], mine: Any, theirs: Any) -> None:
    data = letters(200)
    texts = data.column("text").tolist()
    method = Pipeline([*front, mine])
    other = make_pipeline(*front, theirs).fit(texts, np.asarray(data.label))
    np.testing.assert_allclose(method.predict(method.learn(data, RUN), data), other.predict_proba(texts), atol=1e-11)


# -- why ---------------------------------------------------------------------------------------------------------------


def test_a_scaler_that_was_fitted_with_the_deleted_record_carries_it() -> None:
    X, y = np.array([[1.0], [2.0], [3.0], [1e6]]), np.array([1.0, 2.0, 3.0, 4.0])
    usual = make_pipeline(StandardScaler(), linear_model.Ridge()).fit(X, y)
    usual.steps[1][1].fit(usual.steps[0][1].transform(X[:3]), y[:3])  # the last stage alone learns again
    assert usual.steps[0][1].mean_[0] > 1e5  # and the record is still there, in the stage before it
    data, method = Table.from_arrays(X, y), Pipeline([StandardScaler(), Ridge()])
    left = method.forget(method.learn(data, RUN), Records([3]), data, RUN).model
    assert left.solved.front.features[0].centre == 2.0
    again = make_pipeline(StandardScaler(), linear_model.Ridge()).fit(X[:3], y[:3])
    np.testing.assert_allclose(method.predict(left, data.take(slice(0, 3))), again.predict(X[:3]), atol=1e-9)
    assert abs(usual.predict(X[:3]) - again.predict(X[:3])).max() > 0.5


def test_the_phantom_of_a_scale_taken_from_the_data() -> None:
    """A fixed point whose unit is taken from the largest value rounds everybody else by whoever held it."""
    X = np.array([[0.1], [0.2], [0.3], [2.0**29]])
    unit = X.max() / 2**31
    assert (np.round(X[:3] / unit) * unit != X[:3]).any()  # what the others were, in that unit
    data, method = Table.from_arrays(X, np.array([1.0, 2.0, 3.0, 4.0])), Pipeline([MinMaxScaler(), Ridge(alpha=0.0)])
    left = method.forget(method.learn(data, RUN), Records([3]), data, RUN).model
    assert left.solved.front.features[0].scale == pytest.approx(5.0, rel=1e-8)
    assert fingerprint(left) == fingerprint(method.learn(data.take(slice(0, 3)), RUN))
    np.testing.assert_allclose(method.predict(left, data.take(slice(0, 3))), np.array([1.0, 2.0, 3.0]), atol=1e-8)


def test_a_word_that_only_the_forgotten_wrote_is_in_no_byte_of_the_model() -> None:
    data, method = letters(), Pipeline([TfidfVectorizer(), MultinomialNB()])
    model = method.learn(data, RUN)
    assert b'"here"' in encode(model)
    left = method.forget(model, Records([int(data.ids[3])]), data, RUN).model
    assert b'"here"' not in encode(left)
    assert left.solved.last.weights.shape[1] == model.solved.last.weights.shape[1] - 2  # "only" went too


def test_one_record_of_many_is_read_and_a_column_costs_none() -> None:
    data, method = people(), Pipeline([choice(MEDIANS, HOT), Ridge()])
    model = method.learn(data, RUN)
    assert method.forget(model, Records([int(data.ids[0])]), data, RUN).examples == 1
    done = method.forget(model, Column("town"), data, RUN)
    assert done.examples == 0
    assert fingerprint(done.model) == fingerprint(method.learn(data.after(Column("town")), RUN))
    assert b"Bern" not in encode(done.model)


# -- planted mistakes --------------------------------------------------------------------------------------------------


def _broken(monkeypatch: pytest.MonkeyPatch, method: Any, data: Table) -> bool:
    """Whether forgetting does not end where learning without does; the tables are fresh, and remember no sums."""
    ids = [int(data.ids[place]) for place in (3, 5)]
    model = method.learn(data, RUN)
    done = method.forget(model, Records(ids), data, RUN).model
    monkeypatch.undo()
    return bool(fingerprint(done) != fingerprint(method.learn(data.after(Records(ids)), RUN)))


def test_a_scaler_that_keeps_the_old_mean_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    sound, seen = features._Work.scaled, dict[str, Any]()

    def keeps(self: Any, stage: Any, item: Any) -> Any:
        return seen.setdefault(item.column, sound(self, stage, item))

    monkeypatch.setattr(features._Work, "scaled", keeps)
    assert _broken(monkeypatch, Pipeline([StandardScaler(), Ridge()]), patients(numbers=True))


def test_an_imputer_that_keeps_the_median_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiset, "minus", lambda held, _: held)
    assert _broken(monkeypatch, Pipeline([choice(MEDIANS, HOT), Ridge()]), people())


def test_an_encoder_that_keeps_the_category_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expanded, "_worn", lambda held: held)
    method, data = Pipeline([choice(SimpleImputer(), HOT), Ridge()]), people()
    only = np.flatnonzero(data.column("town") == "Uri")
    model = method.learn(data, RUN)
    done = method.forget(model, Records(data.ids[only]), data, RUN).model
    monkeypatch.undo()
    assert fingerprint(done) != fingerprint(method.learn(data.after(Records(data.ids[only])), RUN))


def test_a_vocabulary_that_keeps_the_word_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_worn", lambda held: held)
    assert _broken(monkeypatch, Pipeline([CountVectorizer(), MultinomialNB()]), letters())


def test_a_rarity_that_keeps_the_old_number_of_records_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    sound, seen = weights._factors, dict[str, float]()

    def keeps(weighting: Any, held: Any) -> Any:
        n = seen.setdefault("n", float(len(held)))
        return sound(weighting, held) + np.log((n + 1) / (len(held) + 1))

    monkeypatch.setattr(weights, "_factors", keeps)
    assert _broken(monkeypatch, Pipeline([TfidfVectorizer(), MultinomialNB()]), letters())


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([], "takes a sequence of stages"),
        ([StandardScaler()], "the last stage of a Pipeline is a closed form"),
        ([StandardScaler(), linear_model.Ridge()], "the last stage of a Pipeline is a closed form"),
        ([linear_model.Ridge(), Ridge()], "a stage of a Pipeline is one of scikit-learn's"),
        ([OneHotEncoder(min_frequency=2), Ridge()], "OneHotEncoder with min_frequency=2 is no stage"),
        ([PCA(2), MinMaxScaler(), Ridge()], "after PCA a Pipeline takes"),
        ([PCA(2), MultinomialNB()], "the last stage counts"),
        ([PCA(2), CategoricalNB()], "the last stage counts"),
        ([TfidfVectorizer(), CategoricalNB()], "CategoricalNB is none"),
        ([StandardScaler(), expunge.PCA(2)], "predicts from sums; this one needs features"),
        ([StandardScaler(), Pipeline([Ridge()])], "the last stage of a Pipeline is a closed form"),
        ([TfidfVectorizer(), StandardScaler(), MultinomialNB()], "words stand alone"),
        ([TfidfVectorizer(), Ridge()], "products of every two words are not kept"),
        ([TfidfTransformer(), MultinomialNB()], "put one right before it"),
        ([TfidfVectorizer(ngram_range=(2, 1)), MultinomialNB()], "ngram_range"),
    ],
)
def test_what_cannot_be_a_pipeline_is_refused_in_words(stages: list[Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Pipeline(stages)


def test_numbers_below_zero_are_not_counted() -> None:
    with pytest.raises(DataError, match="is below zero where it comes out of the stages"):
        Pipeline([StandardScaler(), MultinomialNB()]).learn(patients(), RUN)
    with pytest.raises(DataError, match="is no sum"):
        Pipeline([MinMaxScaler(), BernoulliNB()]).learn(patients(), RUN)


def test_parameters_are_read_again_when_they_are_set() -> None:
    method = Pipeline([StandardScaler(), Ridge()])
    other = Pipeline([StandardScaler(with_mean=False), Ridge()])
    assert method.recipe() != other.recipe()
    assert method.set_params(stages=[StandardScaler(with_mean=False), Ridge()]).recipe() == other.recipe()


def test_other_data_and_other_stages_are_refused() -> None:
    data, method = letters(), Pipeline([TfidfVectorizer(), MultinomialNB()])
    model = method.learn(data, RUN)
    for other, of in ((method, data.take(np.arange(1, 30))), (Pipeline([WEIGHED, MultinomialNB()]), data)):
        with pytest.raises(MismatchError, match="other than the model's"):
            other.forget(model, Records([int(data.ids[3])]), of, RUN)


# -- what was promised and not kept ------------------------------------------------------------------------------------


def test_a_column_without_a_name_is_a_column() -> None:
    def rows(towns: list[str], numbers: list[float], ids: list[int]) -> Table:
        frame = pd.DataFrame({"": numbers, "town": towns})
        return Table.from_arrays(frame, np.array(numbers) + 1.0, ids)

    data = rows(["a", "b", "a"], [0.0, 1.0, 2.0], [0, 1, 2])
    added = Addition(rows(["new"], [9.0], [9]))
    method = Pipeline([ColumnTransformer([("n", StandardScaler(), [""]), ("c", HOT, ["town"])]), Ridge()])
    left = method.forget(method.learn(data, RUN), added, data, RUN).model
    assert fingerprint(left) == fingerprint(method.learn(data.after(added), RUN))
    rest = data.after(added)
    again = method.forget(left, Records([9]), Table.from_arrays(rest.features, rest.label, rest.ids), RUN).model
    assert fingerprint(again) == fingerprint(method.learn(data, RUN))


def test_a_column_of_texts_goes_whatever_the_pattern() -> None:
    data, pattern = letters(), r"\w*"
    for last in (MultinomialNB(), NearestCentroid()):
        method = Pipeline([TfidfVectorizer(token_pattern=pattern), last])
        done = method.forget(method.learn(data, RUN), Column("text"), data, RUN)
        assert fingerprint(done.model) == fingerprint(method.learn(data.after(Column("text")), RUN))


def test_labels_of_another_type_are_other_data() -> None:
    data, method = letters(), Pipeline([TfidfVectorizer(), MultinomialNB()])
    spam = np.asarray(data.label) == "spam"
    mine, theirs = (Table.from_arrays(data.features, label, data.ids) for label in (spam, spam.astype(int)))
    with pytest.raises(MismatchError, match="it learned labels of type bool; got int"):
        method.forget(method.learn(mine, RUN), Records([int(data.ids[3])]), theirs, RUN)


GAP = Addition(Table.from_arrays(np.array([[np.nan, 1.0]]), ["a"], [99]))


@pytest.mark.parametrize(
    ("stages", "target", "said"),
    [
        ([StandardScaler(), PCA(2), NearestCentroid()], Records(range(1, 9)), "has at most 1 components"),
        ([StandardScaler(), PCA(2), NearestCentroid()], Column("x0"), "has at most 1 components"),
        ([StandardScaler(), GaussianNB()], GAP, "column 'x0' lacks 1 values"),
        ([MinMaxScaler(), GaussianNB(priors={"a": 1.0})], "new", "the records have 'new', too"),
    ],
    ids=["few records", "few columns", "a gap", "no prior"],
)
def test_what_has_no_solution_is_refused_and_not_promised(stages: list[Any], target: Any, said: str) -> None:
    data = Table.from_arrays(np.random.default_rng(1).random((9, 2)), ["a"] * 9)
    target = Addition(Table.from_arrays(np.ones((1, 2)), ["new"], [99])) if target == "new" else target
    _refused_alike(Pipeline(stages), target, data, said)


def test_words_that_too_few_would_have_are_refused() -> None:
    data = letters()
    method = Pipeline([CountVectorizer(min_df=5, max_df=0.5), MultinomialNB()])
    _refused_alike(method, Records(data.ids[:-4]), data, "a word must have at least 5")


def _refused_alike(method: Any, target: Any, data: Table, said: str) -> None:
    model = method.learn(data, RUN)
    quote = method.quote(model, target, data, RUN)
    assert isinstance(quote, Refusal)
    assert said in quote.reason
    with pytest.raises(RefusedError) as refused:
        method.forget(model, target, data, RUN)
    assert refused.value.refusal == quote
    with pytest.raises((LearnError, DataError), match=said):
        method.learn(data.after(target), RUN)
