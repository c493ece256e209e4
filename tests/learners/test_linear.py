"""The optimum of scikit-learn's objectives: their own tightest solvers agree; another objective is refused."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import (
    GammaRegressor,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from expunge import Records, Retrain, Run, Table, fingerprint
from expunge.errors import DataError, EmptyModelError, MismatchError, ParameterError
from expunge.learners.linear import LinearLearner, as_linear, refuse_unmoved
from expunge.learners.sklearn import SklearnLearner
from expunge.linear.families import Apart, Logistic, Multinomial
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")
TIGHT: dict[str, Any] = {"solver": "newton-cholesky", "tol": 1e-13, "max_iter": 500}
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 4)) * [1.0, 2.0, 0.5, 1.0]
SCORE = X @ [1.0, -0.5, 0.3, 0.0] * 0.5
TWO = np.where(RANDOM.normal(size=300) < SCORE, "yes", "no")
THREE = np.array(["a", "b", "c"])[np.searchsorted([-0.5, 0.5], SCORE + RANDOM.normal(size=300))]
COUNT = RANDOM.poisson(np.exp(SCORE))
POSITIVE = RANDOM.gamma(2.0, np.exp(SCORE) / 2) + 1e-3
NUMBER = SCORE + RANDOM.normal(size=300)
SVC: dict[str, Any] = {"dual": False, "tol": 1e-12, "max_iter": 100_000}
FITS: list[tuple[Any, Any, float]] = [
    (LogisticRegression(C=0.7, **TIGHT), TWO, 1e-9),
    (LogisticRegression(C=0.7, fit_intercept=False, **TIGHT), TWO, 1e-9),
    (LogisticRegression(C=0.7, class_weight="balanced", **TIGHT), TWO, 1e-9),
    (LogisticRegression(C=0.7, class_weight={"yes": 3.0}, **TIGHT), TWO, 1e-9),
    (LogisticRegression(C=0.7, solver="liblinear", tol=1e-12, max_iter=10_000), TWO, 1e-5),
    (LogisticRegression(C=0.7, **TIGHT), THREE, 1e-8),
    (LogisticRegression(C=0.7, class_weight="balanced", **TIGHT), THREE, 1e-8),
    (LinearSVC(C=0.7, **SVC), TWO, 1e-5),
    (LinearSVC(C=0.7, **SVC), THREE, 1e-5),
    (RidgeClassifier(alpha=0.7), TWO, 1e-9),
    (RidgeClassifier(alpha=0.7, class_weight="balanced"), THREE, 1e-9),
    (Ridge(alpha=0.7), NUMBER, 1e-9),
    (Ridge(alpha=0.7, fit_intercept=False), NUMBER, 1e-9),
    (LinearRegression(), NUMBER, 1e-9),
    (PoissonRegressor(alpha=0.01, **TIGHT), COUNT, 1e-9),
    (GammaRegressor(alpha=0.01, **TIGHT), POSITIVE, 1e-9),
]


@contract(Case(Retrain(LinearLearner(LogisticRegression())), examples=2, portable=False))
def test_it_keeps_the_law_under_retraining(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize(("estimator", "y", "near"), FITS, ids=[repr(estimator) for estimator, _, _ in FITS])
def test_the_optimum_is_scikit_learns(estimator: Any, y: Any, near: float) -> None:
    learner = LinearLearner(estimator)
    model = learner.learn(Table.from_arrays(X, y), RUN)
    theirs = deepcopy(estimator).fit(X, y)
    flat = learner.flat(theirs)
    if learner.family(model.classes).shifted:
        W = flat.reshape(3, -1)
        flat = (W - W.mean(axis=0)).ravel()
    assert model.weights == pytest.approx(flat, abs=near * 10)
    back = learner.written(model, theirs)
    assert back is not theirs
    assert learner.flat(back) == pytest.approx(model.weights)
    assert np.array_equal(back.predict(X), theirs.predict(X)) or model.classes is None
    if model.classes is None:
        assert learner.predict(model, Table.from_arrays(X)) == pytest.approx(theirs.predict(X), abs=1e-6)
    elif hasattr(theirs, "predict_proba"):
        assert learner.predict(model, Table.from_arrays(X)) == pytest.approx(theirs.predict_proba(X), abs=1e-5)
    else:
        decided = np.array(model.classes)[learner.predict(model, Table.from_arrays(X)).argmax(axis=1)]
        assert np.array_equal(decided, theirs.predict(X))


def test_its_scores_are_those_of_the_learner_that_fits() -> None:
    data, estimator = Table.from_arrays(X, THREE), LogisticRegression(**TIGHT)
    learner, other = LinearLearner(estimator), SklearnLearner(estimator)
    mine, theirs = learner.learn(data, RUN), other.learn(data, RUN)
    assert mine.classes == theirs.classes
    assert learner.predict(mine, data) == pytest.approx(other.predict(theirs, data), abs=1e-9)


def test_solver_and_tolerance_mean_nothing() -> None:
    data = Table.from_arrays(X, TWO)
    models = [LinearLearner(LogisticRegression(tol=tol)).learn(data, RUN) for tol in (1e-1, 1e-9)]
    assert fingerprint(models[0]) == fingerprint(models[1])


def test_stages_in_front_are_fitted_on_the_same_records() -> None:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(**TIGHT))
    learner, data = LinearLearner(pipeline), Table.from_arrays(X, TWO)
    model = learner.learn(data, RUN)
    assert learner.stages == ("standardscaler",)
    assert learner.predict(model, data) == pytest.approx(deepcopy(pipeline).fit(X, TWO).predict_proba(X), abs=1e-8)
    assert LinearLearner(make_pipeline("passthrough", Ridge())).stages == ()


def test_sparse_features_stay_sparse(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        pytest.fail("the features were made dense")

    texts = [f"side{k % 2} word{k % 7} word{k}" for k in range(60)]
    flat = FunctionTransformer(np.ravel)
    learner = LinearLearner(make_pipeline(flat, HashingVectorizer(n_features=2**12), LogisticRegression()))
    data = Table.from_arrays(np.array(texts, dtype=object)[:, None], np.arange(60) % 2)
    objective, _ = learner.objective(data, RUN)
    assert sparse.issparse(objective.X)
    monkeypatch.setattr(sparse.csr_array, "toarray", refused)
    model = learner.learn(data, RUN)
    assert model.weights is not None
    assert len(model.weights) == 2**12 + 1
    assert learner.predict(model, data).argmax(axis=1).tolist() == [k % 2 for k in range(60)]


def test_records_stand_in_the_order_that_it_says() -> None:
    data = Table.from_arrays(X, THREE, ids=np.arange(300) * 7)
    learner = LinearLearner(LogisticRegression())
    objective, _ = learner.objective(data, RUN)
    order = learner.order(data, RUN)
    assert np.array_equal(objective.X.gathered(), X[order])
    assert np.array_equal(np.array(["a", "b", "c"])[objective.y.astype(int)], THREE[order])
    part, _ = learner.objective(data.take(THREE == "b"), RUN, classes=("a", "b", "c"))
    assert set(part.y.tolist()) == {1.0}
    assert part.outputs == 3
    with pytest.raises(DataError, match="is none of the classes 'a', 'b'"):
        learner.objective(data, RUN, classes=("a", "b"))


def test_penalties_of_a_mean_grow_with_the_records() -> None:
    assert LinearLearner(PoissonRegressor(alpha=0.5)).penalty(10) == 5.0
    assert LinearLearner(LogisticRegression(C=4.0)).penalty(10) == 0.25
    assert LinearLearner(Ridge(alpha=0.5)).penalty(10) == 0.5
    assert LinearLearner(LinearSVC()).intercept == "penalised"
    assert LinearLearner(Ridge(fit_intercept=False)).intercept == "none"
    assert LinearLearner(LogisticRegression()).family(("a", "b", "c")) == Multinomial(3)
    assert LinearLearner(LogisticRegression()).family(("a", "b")) == Logistic()
    assert isinstance(LinearLearner(LinearSVC()).family(("a", "b", "c")), Apart)


def test_visits_bound_what_a_descent_takes() -> None:
    data = patients()
    learner = LinearLearner(LogisticRegression())
    assert learner.visits(data, RUN) == 40 * 200
    assert LinearLearner(make_pipeline(StandardScaler(), Ridge())).visits(data, RUN) > 40 * 200


def test_too_few_classes_are_one_answer_for_everything() -> None:
    learner = LinearLearner(LogisticRegression())
    one = learner.learn(Table.from_arrays(X, np.full(300, "a")), RUN)
    assert learner.predict(one, Table.from_arrays(X)).tolist() == [[1.0]] * 300
    none = learner.learn(Table.from_arrays(X[:0], TWO[:0]), RUN)
    with pytest.raises(EmptyModelError):
        learner.predict(none, Table.from_arrays(X))
    with pytest.raises(EmptyModelError, match="a single class"):
        learner.written(one, LogisticRegression().fit(X, TWO))
    two = learner.learn(Table.from_arrays(X, TWO), RUN)
    assert learner.predict(two, Table.from_arrays(X[:0])).shape == (0, 2)


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (SGDClassifier(), "takes LogisticRegression, Ridge"),
        (LogisticRegression(l1_ratio=0.5, solver="saga"), "not the squared length"),
        (LinearSVC(penalty="l1"), "not the squared length"),
        (LinearSVC(loss="hinge"), "no derivative"),
        (LinearSVC(intercept_scaling=2.0), "its intercept is scaled"),
        (Ridge(positive=True), "bounded"),
        (Ridge(alpha=np.ones(3)), "a penalty for each output"),
        (Ridge(alpha=-1.0), "negative"),
        (Ridge(alpha=float("nan")), "no number"),
        (LinearSVC(C=0.0), "negative, or no number"),
        (LinearSVC(multi_class="crammer_singer"), "share a margin"),
        (LogisticRegressionCV(), "takes LogisticRegression, Ridge"),
        (LogisticRegression(class_weight={"yes": -1.0}), "weight is negative"),
        (make_pipeline(StandardScaler(), SGDClassifier()), "or a Pipeline that ends in one"),
    ],
    ids=repr,
)
def test_other_objectives_are_refused(estimator: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        LinearLearner(estimator)


def test_what_is_no_number_is_refused() -> None:
    frame = Table.from_arrays(np.array([["a", 1.0], ["b", 2.0]], dtype=object), [0, 1])
    with pytest.raises(DataError, match="put a stage before it"):
        LinearLearner(LogisticRegression()).learn(frame, RUN)
    with pytest.raises(DataError, match="Ridge learns numbers"):
        LinearLearner(Ridge()).learn(Table.from_arrays(X, TWO), RUN)


def test_a_learner_is_found_in_what_wraps_it() -> None:
    learner = LinearLearner(Ridge())
    assert as_linear(learner) is learner
    assert as_linear(Ridge()).recipe() == as_linear(SklearnLearner(Ridge())).recipe() == learner.recipe()
    assert as_linear(Retrain(learner)) is learner
    assert LinearLearner(Ridge(alpha=2.0)).recipe() != learner.recipe()


def test_a_warm_start_that_did_nothing_is_found_out() -> None:
    """scikit-learn's own default: one of 20,000 records goes, and the refit returns what it started from."""
    random = np.random.default_rng(0)
    many = random.normal(size=(20_000, 5))
    y = (random.random(20_000) < 1 / (1 + np.exp(-many[:, 0]))).astype(int)
    model = LogisticRegression(warm_start=True, max_iter=1000).fit(many, y)
    before = deepcopy(model)
    model.fit(many[1:], y[1:])
    assert model.n_iter_.tolist() == [0]
    with pytest.raises(MismatchError, match="the refit did nothing"):
        refuse_unmoved(before, model)
    refuse_unmoved(before, LogisticRegression().fit(many[5000:], y[5000:]))


def test_the_key_moves_no_more_than_the_last_digits() -> None:
    data, learner = patients(), LinearLearner(LogisticRegression())
    one, other = (learner.learn(data, Run(key=key)) for key in (b"1", b"2"))
    assert one.weights == pytest.approx(other.weights, abs=1e-10)
    assert fingerprint(one) == fingerprint(learner.learn(data, Run(key=b"1")))
    rest = data.after(Records([5]))
    assert fingerprint(learner.learn(rest, RUN)) == fingerprint(learner.learn(rest.take(slice(None, None, -1)), RUN))
