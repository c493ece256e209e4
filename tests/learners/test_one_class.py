"""One-class estimators learn as a pure function of the set of records, take no label, and keep to the run's threads."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression, SGDOneClassSVM
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from threadpoolctl import threadpool_info

from expunge import Run, SklearnLearner, Table, fingerprint
from expunge.codec import decode, encode
from expunge.errors import DataError, EmptyModelError, LearnError, ParameterError
from expunge.learners.one_class import OneClass, OneClassLearner, as_one_class
from expunge.testing import patients

DATA, RUN = patients(30), Run(key=b"k")
KINDS: list[Any] = [
    OneClassSVM(),
    SGDOneClassSVM(),
    IsolationForest(n_estimators=3),
    EllipticEnvelope(),
    LocalOutlierFactor(novelty=True),
    KernelDensity(),
    GaussianMixture(2),
    PCA(2),
    make_pipeline(StandardScaler(), IsolationForest(n_estimators=2)),
]


@pytest.mark.parametrize("estimator", KINDS, ids=lambda each: type(each).__name__)
def test_learning_is_a_function_of_the_set_and_the_model_rests(estimator: Any) -> None:
    learner = OneClassLearner(estimator)
    model = learner.learn(DATA, RUN)
    np.random.seed(7)  # noqa: NPY002  (for what draws from it unasked)
    assert fingerprint(learner.learn(DATA.take(slice(None, None, -1)), RUN)) == fingerprint(model)
    expected = model.estimator.score_samples(DATA.features)
    assert np.array_equal(learner.predict(decode(encode(model), trusted=True), DATA), expected)
    assert np.array_equal(learner.scores(model, DATA, RUN), expected)
    far = Table.from_arrays(np.full((1, 3), 50.0))
    assert learner.predict(model, far)[0] < np.median(expected)


def test_labels_are_not_looked_at_and_not_needed() -> None:
    learner = OneClassLearner(KernelDensity())
    bare = Table.from_arrays(DATA.features, None, DATA.ids, DATA.owners)
    assert fingerprint(learner.learn(bare, RUN)) == fingerprint(learner.learn(DATA, RUN))


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(30)), st.integers(1, 3))
def test_going_on_is_a_function_of_state_and_set(order: list[int], epochs: int) -> None:
    learner, whole = OneClassLearner(SGDOneClassSVM(), epochs=3), DATA.take(np.array(order))
    begun = learner.go_on(None, DATA.take(slice(0, 10)), 1, RUN, 4)
    before = fingerprint(begun)
    made = [fingerprint(learner.go_on(begun, each, epochs, RUN, 4)) for each in (DATA, whole)]
    assert made[0] == made[1] != before == fingerprint(begun)
    assert learner.passes == 3


def test_only_what_learns_in_parts_goes_on() -> None:
    assert OneClassLearner(SGDOneClassSVM()).cannot_go_on("cumulative") is None
    said = OneClassLearner(OneClassSVM()).cannot_go_on("incremental")
    assert said == "OneClassSVM cannot go on training (it has no partial_fit): use slices=1"


class Counted(KernelDensity):
    """Writes down how many threads it may use while it scores."""

    seen: list[int] = []  # noqa: RUF012  (of all copies)

    def score_samples(self, X: Any) -> Any:
        self.seen.append(max(pool["num_threads"] for pool in threadpool_info()))
        scores: Any = super().score_samples(X)  # type: ignore[no-untyped-call]
        return scores


def test_scores_that_become_part_of_a_model_keep_to_the_threads_of_the_run() -> None:
    learner = OneClassLearner(Counted())  # type: ignore[no-untyped-call]
    model = learner.learn(DATA, RUN)
    Counted.seen.clear()
    learner.scores(model, DATA, RUN)
    assert Counted.seen == [1]


def test_a_model_of_nobody_says_so_and_no_record_has_no_score() -> None:
    learner = OneClassLearner(KernelDensity())
    with pytest.raises(EmptyModelError, match="holds no record"):
        learner.predict(learner.learn(DATA.take(slice(0, 0)), RUN), DATA)
    assert learner.predict(learner.learn(DATA, RUN), DATA.take(slice(0, 0))).shape == (0,)
    with pytest.raises(DataError, match="learned from the columns"):
        learner.predict(learner.learn(DATA, RUN), DATA.drop("x1"))


def test_what_an_estimator_cannot_do_is_a_sentence() -> None:
    with pytest.raises(LearnError, match="GaussianMixture failed on 1 records"):
        OneClassLearner(GaussianMixture()).learn(DATA.take(slice(0, 1)), RUN)
    learner = OneClassLearner(KernelDensity())
    holes = Table.from_arrays(np.full((2, 3), np.nan))
    with pytest.raises(LearnError, match="KernelDensity cannot score 2 records"):
        learner.scores(learner.learn(DATA, RUN), holes, RUN)


class Warned(KernelDensity):
    """Warns while it scores."""

    def score_samples(self, X: Any) -> Any:
        warnings.warn("mind", UserWarning, stacklevel=2)
        scores: Any = super().score_samples(X)  # type: ignore[no-untyped-call]
        return scores


def test_a_warning_that_is_an_error_stays_one() -> None:
    learner = OneClassLearner(Warned())  # type: ignore[no-untyped-call]
    model = learner.learn(DATA, RUN)
    with pytest.raises(UserWarning, match="mind"):
        learner.scores(model, DATA, RUN)


def test_the_recipe_says_what_it_is_and_not_what_is_drawn() -> None:
    assert OneClassLearner(PCA(2)).recipe() == OneClassLearner(PCA(2, random_state=3)).recipe()
    others = [OneClassLearner(PCA(1)), OneClassLearner(PCA(2), epochs=3), OneClassLearner(KernelDensity())]
    assert len({learner.recipe() for learner in (OneClassLearner(PCA(2)), *others)}) == 4
    assert OneClassLearner(PCA(2)).packages == ()
    assert OneClassLearner(PCA(2)).visits(DATA, RUN) == 30


def test_a_learner_stays_and_an_estimator_becomes_one() -> None:
    learner = OneClassLearner(KernelDensity())
    assert as_one_class(learner) is learner
    assert isinstance(learner, OneClass)
    assert not isinstance(SklearnLearner(LogisticRegression()), OneClass)
    assert isinstance(as_one_class(KernelDensity()), OneClassLearner)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (LogisticRegression(), "with score_samples, got LogisticRegression"),
        (LocalOutlierFactor(), "with novelty=True it has them"),
        (KernelDensity, r"write KernelDensity\(\)"),
        (SklearnLearner(LogisticRegression()), "a one-class learner has learn, predict and scores"),
        (3, "got 3"),
    ],
    ids=repr,
)
def test_what_is_no_one_class_learner_is_refused(wrong: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        as_one_class(wrong)


def test_epochs_are_a_whole_number() -> None:
    with pytest.raises(ParameterError, match="epochs must be a whole number"):
        OneClassLearner(SGDOneClassSVM(), epochs=0)


def test_records_without_spread_that_cannot_be_scored_get_a_sentence() -> None:
    learner, run = OneClassLearner(PCA(1)), Run(key=b"flat")
    flat = Table.from_arrays(np.ones((4, 2)), ["ant"] * 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn divides by the variance, which is nothing
        model = learner.learn(flat, run)
        with pytest.raises(LearnError, match="PCA cannot score 4 records: "):
            learner.predict(model, flat)
