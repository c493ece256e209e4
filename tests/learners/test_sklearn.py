"""The scikit-learn learner: pure in the set of records, seeded by the key, honest about what it cannot do."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.datasets import load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge, RidgeClassifier, SGDClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, RandomizedSearchCV, StratifiedKFold
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_info

from expunge import Label, Records, Retrain, Run, Sisa, SklearnLearner, Table, fingerprint
from expunge.codec import decode, encode
from expunge.errors import DataError, EmptyModelError, LearnError, MismatchError, ParameterError
from expunge.learners.sklearn import as_learner
from expunge.testing import patients

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # short training, on purpose

RUN = Run(key=b"k")


def learned(estimator: Any, data: Table, run: Run = RUN) -> str:
    return fingerprint(SklearnLearner(estimator).learn(data, run))


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(5),
        BaggingClassifier(SGDClassifier(), n_estimators=3),
        HistGradientBoostingClassifier(max_iter=3),
        SVC(),
        make_pipeline(StandardScaler(), GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2)),
        GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_learning_depends_on_the_set_of_records_and_the_key_alone(estimator: Any) -> None:
    data = patients().after(Label("unsure"))
    shuffled = data.take(np.random.default_rng(0).permutation(len(data)))
    assert learned(estimator, data) == learned(estimator, shuffled)


@pytest.mark.parametrize("estimator", [RandomForestClassifier(5), make_pipeline(StandardScaler(), SGDClassifier())])
def test_seeds_belong_to_the_key_however_deep_and_whatever_they_were_set_to(estimator: Any) -> None:
    data = patients()
    assert learned(estimator, data) != learned(estimator, data, Run(key=b"another"))
    seeded = estimator.set_params(**{name: 5 for name in estimator.get_params() if name.endswith("random_state")})
    assert learned(estimator, data) == learned(seeded, data)


class Looks(LogisticRegression):
    """Writes down how many threads it is given."""

    def fit(self, X: Any, y: Any) -> Any:
        self.seen_ = sorted({pool["num_threads"] for pool in threadpool_info()})
        return super().fit(X, y)


LOOKS: Any = Looks


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_held_while_learning_and_given_back(threads: int) -> None:
    before = threadpool_info()
    model = SklearnLearner(LOOKS()).learn(patients(), Run(key=b"k", threads=threads))
    assert model.estimator.seen_ == [threads]
    assert threadpool_info() == before


def test_a_shard_of_one_class_predicts_that_class() -> None:
    data = patients().after(Label("unsure")).after(Label("spam"))
    learner = SklearnLearner(LogisticRegression())
    model = learner.learn(data, RUN)
    assert (model.estimator, model.classes) == (None, ("ham",))
    assert np.array_equal(learner.predict(model, data), np.ones((len(data), 1)))


@pytest.mark.parametrize("estimator", [LogisticRegression(), Ridge()])
def test_a_model_of_nothing_says_so(estimator: Any) -> None:
    data = patients(numbers=isinstance(estimator, Ridge))
    learner = SklearnLearner(estimator)
    model = learner.learn(data.take(slice(0, 0)), RUN)
    with pytest.raises(EmptyModelError, match="holds no record to predict from"):
        learner.predict(model, data)


@pytest.mark.parametrize("estimator", [LinearSVC(), Perceptron(), SVC(), DecisionTreeClassifier(), GaussianNB()])
def test_scores_sum_to_one_and_decide_as_the_estimator_does(estimator: Any) -> None:
    data, learner = patients(), SklearnLearner(estimator)
    model = learner.learn(data, RUN)
    scores = learner.predict(model, data)
    assert scores.shape == (len(data), 3)
    assert np.allclose(scores.sum(axis=1), 1.0)
    assert np.array_equal(np.array(model.classes)[scores.argmax(axis=1)], model.estimator.predict(data.features))


@pytest.mark.parametrize("numbers", [False, True])
def test_nobody_to_predict_for_is_no_scores(*, numbers: bool) -> None:
    data = patients(numbers=numbers)
    learner = SklearnLearner(Ridge() if numbers else LogisticRegression())
    scores = learner.predict(learner.learn(data, RUN), data.take(slice(0, 0)))
    assert scores.shape == ((0,) if numbers else (0, 3))


@pytest.mark.parametrize("estimator", [LinearSVC(), SVC()])
def test_two_classes_are_scored_through_a_logistic(estimator: Any) -> None:
    data, learner = patients().after(Label("unsure")), SklearnLearner(estimator)
    model = learner.learn(data, RUN)
    margins = model.estimator.decision_function(data.features)
    scores = learner.predict(model, data)
    assert np.allclose(np.log(scores[:, 1] / scores[:, 0]), margins)


class Decides(ClassifierMixin, BaseEstimator):
    """A classifier that gives decisions and nothing else."""

    def fit(self, X: Any, y: Any) -> Decides:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return self.classes_[np.arange(len(X)) % len(self.classes_)]


def test_bare_decisions_are_scored_one() -> None:
    data, learner = patients(), SklearnLearner(Decides())
    scores = learner.predict(learner.learn(data, RUN), data)
    assert np.array_equal(scores[:3], np.eye(3))


SEARCH = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2)


@pytest.mark.parametrize(
    "estimator",
    [
        SEARCH,
        make_pipeline(StandardScaler(), SEARCH),
        VotingClassifier([("search", SEARCH), ("tree", DecisionTreeClassifier())]),
        BaggingClassifier(SEARCH, n_estimators=2),
        OneVsRestClassifier(SEARCH),
        GridSearchCV(make_pipeline(SEARCH), {"gridsearchcv__cv": [2, 3]}, cv=2),
    ],
    ids=range(6),
)
def test_a_search_keeps_no_clock_wherever_it_stands(estimator: Any) -> None:
    data = patients().after(Label("unsure"))
    assert learned(estimator, data) == learned(estimator, data)


SHUFFLED = StratifiedKFold(2, shuffle=True)


@pytest.mark.parametrize(
    "estimator",
    [
        CalibratedClassifierCV(LogisticRegression(), cv=SHUFFLED),
        GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=SHUFFLED),
        StackingClassifier([("tree", DecisionTreeClassifier())], cv=SHUFFLED),
        RandomizedSearchCV(LogisticRegression(), {"C": loguniform(0.01, 10)}, n_iter=2, cv=2),
        make_pipeline(FunctionTransformer(np.asarray), SGDClassifier(random_state=np.random.RandomState(3))),
    ],
    ids=range(5),
)
def test_no_splitter_and_no_distribution_draws_from_elsewhere(estimator: Any) -> None:
    data, run, target = patients().after(Label("unsure")), Run(key=b"k"), Records([5, 394])
    method = Sisa(estimator, shards=2)
    np.random.seed(1)  # noqa: NPY002  (what must not matter)
    model = method.learn(data, run)
    np.random.seed(2)  # noqa: NPY002
    done = method.forget(model, target, data, run)
    np.random.seed(3)  # noqa: NPY002
    assert fingerprint(done.model) == fingerprint(method.learn(data.after(target), Run(key=b"k")))


def test_the_global_generators_are_put_back() -> None:
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    before = np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[index]  # noqa: NPY002
    SklearnLearner(SGDClassifier()).learn(patients(), RUN)
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before  # type: ignore[index]  # noqa: NPY002


def test_a_splitter_of_the_users_is_not_changed() -> None:
    SklearnLearner(CalibratedClassifierCV(LogisticRegression(), cv=SHUFFLED)).learn(
        patients().after(Label("unsure")), RUN
    )
    assert SHUFFLED.random_state is None


@pytest.mark.parametrize(
    "estimator",
    [
        SVC(decision_function_shape="ovo"),
        FixedThresholdClassifier(LogisticRegression(), threshold=0.05),
        NearestCentroid(),
        KNeighborsClassifier(4),
        RidgeClassifier(),
        OneVsOneClassifier(LinearSVC()),
        LinearDiscriminantAnalysis(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_the_highest_score_is_the_estimators_own_decision(estimator: Any) -> None:
    X, y = load_wine(return_X_y=True)
    two = isinstance(estimator, FixedThresholdClassifier)
    data, learner = Table.from_arrays(X[:120] if two else X, y[:120] if two else y), SklearnLearner(estimator)
    model = learner.learn(data, RUN)
    scores = learner.predict(model, data)
    assert np.array_equal(np.array(model.classes)[scores.argmax(axis=1)], model.estimator.predict(data.features))
    assert np.allclose(scores.sum(axis=1), 1.0)


def test_a_cache_on_disk_is_switched_off(tmp_path: Path) -> None:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(), memory=str(tmp_path))
    SklearnLearner(pipeline).learn(patients(), RUN)
    assert not list(tmp_path.iterdir())
    assert pipeline.memory == str(tmp_path)


def test_a_number_of_numpys_is_the_number_it_is() -> None:
    data = patients()
    single = Table.from_arrays(data.features.astype(np.float32), data.label, data.ids)
    one, other = (Sisa(LogisticRegression(C=C), shards=2) for C in (0.3, np.float64(0.3)))
    assert one.recipe() == other.recipe()
    assert fingerprint(one.learn(single, Run(key=b"k"))) == fingerprint(other.learn(single, Run(key=b"k")))


class Half(SklearnLearner):
    """Another algorithm under the same parameters."""

    def learn(self, data: Table, run: Run) -> Any:
        return super().learn(data.take(slice(0, len(data) // 2)), run)


def test_another_class_is_another_recipe_and_meets_no_checkpoint_of_the_first() -> None:
    data, run = patients(), Run(key=b"k")
    one, other = (Sisa(kind(LogisticRegression()), shards=2) for kind in (SklearnLearner, Half))
    assert one.recipe() != other.recipe()
    assert fingerprint(one.learn(data, run).shards) != fingerprint(other.learn(data, run).shards)
    with pytest.raises(MismatchError, match="parameters other"):
        other.forget(one.learn(data, run), Records([5]), data, run)


def test_columns_are_found_by_name_when_predicting() -> None:
    data, learner = patients(), SklearnLearner(LogisticRegression())
    named = Table.from_arrays(data.features, data.label, columns=["a", "b", "c"])
    model = learner.learn(named, RUN)
    turned = Table.from_arrays(data.features[:, ::-1], columns=["c", "b", "a"])
    assert np.array_equal(learner.predict(model, turned), learner.predict(model, named))
    assert np.array_equal(learner.predict(model, Table.from_arrays(data.features)), learner.predict(model, named))
    for wrong in (["a", "b", "d"], ["a", "b"]):
        with pytest.raises(DataError, match="learned from the columns 'a', 'b', 'c'; got"):
            learner.predict(model, Table.from_arrays(data.features[:, : len(wrong)], columns=wrong))


def test_categories_and_text_are_not_the_same_data() -> None:
    names = np.array(list("abc") * 20)
    held = pd.DataFrame({"n": np.arange(60.0), "c": names})
    columns = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_include="category")), (StandardScaler(), ["n"])
    )
    method, run = Sisa(make_pipeline(columns, LogisticRegression()), shards=2), Run(key=b"k")
    text, categories = (
        Table.from_arrays(frame, names == "a") for frame in (held, held.assign(c=pd.Categorical(names)))
    )
    method.learn(categories, run)
    assert fingerprint(method.learn(text, run)) == fingerprint(method.learn(text, Run(key=b"k")))
    with pytest.raises(MismatchError, match="data other"):
        method.quote(method.learn(text, run), Records([1]), categories, run)


@pytest.mark.parametrize(
    ("given", "said"),
    [(np.eye(3), "data must be a Table"), (pd.DataFrame({"a": [1]}), "data must be a Table"), (None, "got a NoneType")],
    ids=["an array", "a frame", "nothing"],
)
def test_what_is_no_table_is_refused_with_how_to_make_one(given: Any, said: str) -> None:
    method: Any = Sisa(LogisticRegression(), shards=2)
    model = method.learn(patients(), RUN)
    for ask in (
        lambda: method.learn(given, RUN),
        lambda: method.predict(model, given),
        lambda: method.quote(model, Records([5]), given, RUN),
        lambda: SklearnLearner(LogisticRegression()).learn(given, RUN),
    ):
        with pytest.raises(DataError, match=said):
            ask()
    with pytest.raises(ParameterError, match=r"a Run, e\.g\. Run\(key=\.\.\.\); got a bytes"):
        method.learn(patients(), b"k")
    with pytest.raises(MismatchError, match="the Ensemble that this Sisa learned"):
        method.predict(None, patients())
    with pytest.raises(ParameterError, match=r"write LogisticRegression\(\)"):
        Sisa(LogisticRegression)


def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    kinds, words = ["red", "green", "blue"], ["cheap pills", "dear friend", "dear pills", "cheap friend"]
    return pd.DataFrame(
        {
            "id": [f"r{k}" for k in range(60)],
            "size": random.normal(size=60),
            "kind": pd.Categorical([kinds[k % 3] for k in range(60)]),
            "text": [words[k % 4] for k in range(60)],
            "spam": ["yes" if k % 4 in (0, 2) else "no" for k in range(60)],
        }
    )


def test_frames_reach_a_column_transformer_by_name() -> None:
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["size"]), ("k", OneHotEncoder(), ["kind"]), ("t", TfidfVectorizer(), "text")]
    )
    method = Sisa(make_pipeline(columns, LogisticRegression()), shards=3)
    table, run = Table.from_frame(frame(), id="id", label="spam"), Run(key=b"k")
    model, target = method.learn(table, run), Records(["r7", "r8"])
    assert (np.array(model.classes)[method.predict(model, table).argmax(axis=1)] == table.label).mean() > 0.9
    done = method.forget(model, target, table, run)
    assert fingerprint(done.model) == fingerprint(method.learn(table.after(target), Run(key=b"k")))


def test_a_category_that_only_the_forgotten_had_leaves_no_trace() -> None:
    held = frame()
    rare = held.assign(kind=pd.Categorical(["ultraviolet", *held["kind"].astype(str)[1:]]))
    estimator = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2, categorical_features="from_dtype")
    method, run = Sisa(estimator, shards=2), Run(key=b"k")
    table = Table.from_frame(rare.drop(columns="text"), id="id", label="spam")
    done = method.forget(method.learn(table, run), Records(["r0"]), table, run)
    never = Table.from_frame(held.drop(columns="text").iloc[1:], id="id", label="spam")
    assert fingerprint(done.model) == fingerprint(method.learn(never, Run(key=b"k")))
    assert b"ultraviolet" not in encode(done.model)


def test_a_long_label_that_only_the_forgotten_had_leaves_no_trace_in_the_type() -> None:
    X = np.random.default_rng(0).normal(size=(20, 2))
    labels = ["a", "b"] * 9 + ["a label much longer than the others", "b"]
    table, method, run = Table.from_arrays(X, labels), Sisa(DecisionTreeClassifier(), shards=1), Run(key=b"k")
    done = method.forget(method.learn(table, run), Records([18]), table, run)
    without = Table.from_arrays(np.delete(X, 18, axis=0), np.delete(labels, 18), np.delete(np.arange(20), 18))
    assert fingerprint(done.model) == fingerprint(method.learn(without, Run(key=b"k")))


@pytest.mark.parametrize("estimator", [SGDClassifier(), MLPClassifier((3,)), LogisticRegression()])
def test_going_on_from_bytes_is_going_on(estimator: Any) -> None:
    data, learner = patients(), SklearnLearner(estimator, epochs=2)
    data = replace(data, classes=("ham", "spam", "unsure"))
    first = learner.go_on(None, data, 2, RUN, of=4)
    rested = decode(encode(first), trusted=True)
    before = fingerprint(first)
    assert fingerprint(learner.go_on(first, data, 2, RUN, of=4)) == fingerprint(
        learner.go_on(rested, data, 2, RUN, of=4)
    )
    assert fingerprint(first) == before, "the state given is left alone"


@pytest.mark.parametrize("declared", [None, ("ham", "never seen", "spam", "unsure")])
@pytest.mark.parametrize("estimator", [SGDClassifier(), LogisticRegression(), MLPClassifier((3,))])
def test_first_slices_that_lack_a_class_and_declared_classes_without_records(estimator: Any, declared: Any) -> None:
    data, run = replace(patients(), classes=declared), Run(key=b"k")
    method = Sisa(SklearnLearner(estimator, epochs=2), shards=2, slices=6)
    model = method.learn(data, run)
    assert method.predict(model, data).shape[0] == len(data)
    for target in (Label("unsure"), Records(data.ids[:9])):
        done = method.forget(model, target, data, run)
        assert fingerprint(done.model) == fingerprint(method.learn(data.after(target), Run(key=b"k")))
        assert method.predict(done.model, data).sum() == pytest.approx(len(data))


def test_a_class_that_leaves_a_shard_is_said_in_the_quote() -> None:
    data, run = patients(), Run(key=b"k")
    method = Sisa(SklearnLearner(SGDClassifier(), epochs=2), shards=2, slices=3)
    quote = method.quote(method.learn(data, run), Label("unsure"), data, run)
    assert any("class 'unsure' leaves shard" in said for said in quote.assumptions)  # type: ignore[union-attr]


def test_what_is_no_learner_is_refused_with_what_is() -> None:
    with pytest.raises(ParameterError, match="takes a learner"):
        as_learner("logistic regression")
    with pytest.raises(ParameterError, match="classifier or regressor, got StandardScaler"):
        as_learner(StandardScaler())
    with pytest.raises(ParameterError, match="epochs must be a whole number"):
        SklearnLearner(SGDClassifier(), epochs=0)


def test_a_table_without_labels_cannot_be_learned() -> None:
    with pytest.raises(DataError, match="needs a label for each record"):
        SklearnLearner(SGDClassifier()).learn(Table.from_arrays(np.eye(3)), RUN)


@pytest.mark.parametrize("numbers", [False, True])
def test_several_labels_for_each_record_are_refused_with_what_takes_them(*, numbers: bool) -> None:
    data, run = patients(numbers=numbers, several=True), Run(key=b"a key for tests")
    estimator, what = (Ridge(), "targets in 2") if numbers else (GaussianNB(), "labels in 3")
    for learn in (SklearnLearner(estimator).learn, Retrain(estimator).learn, Sisa(estimator, shards=2).learn):
        with pytest.raises(DataError, match=f"one label for each record, got {what} columns; TorchLearner takes"):
            learn(data, run)


def test_an_estimator_that_fails_says_so_in_its_own_words() -> None:
    with pytest.raises(LearnError, match=r"LogisticRegression failed on 40 records.*'C'"):
        SklearnLearner(LogisticRegression(C=-1.0)).learn(patients(), RUN)


def test_the_recipe_is_of_the_parameters_and_not_of_the_seed() -> None:
    recipe = SklearnLearner(SGDClassifier(alpha=0.1)).recipe()
    assert recipe == SklearnLearner(SGDClassifier(alpha=0.1, random_state=7)).recipe()
    assert recipe != SklearnLearner(SGDClassifier(alpha=0.2)).recipe()
    assert recipe != SklearnLearner(SGDClassifier(alpha=0.1), epochs=3).recipe()


def test_packages_of_the_estimator_are_part_of_the_environment() -> None:
    assert SklearnLearner(make_pipeline(StandardScaler(), SGDClassifier())).packages == ()
