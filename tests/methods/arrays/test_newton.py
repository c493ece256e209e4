"""Newton keeps the laws, and its bound holds: against the exact optimum, on streams, on data that hurt."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler
from sklearn.svm import LinearSVC

from expunge import (
    Addition,
    Batch,
    Bounded,
    Certified,
    Column,
    Correction,
    Label,
    Owners,
    Quote,
    Records,
    Refusal,
    Retrain,
    Run,
    Table,
    fingerprint,
    plan,
)
from expunge.errors import LearnError, MismatchError, ParameterError, RefusedError
from expunge.learners.linear import LinearModel
from expunge.linear.noise import grid
from expunge.methods.arrays.newton import Newton
from expunge.protocol import Pace
from expunge.testing import Case, Law, contract, patients

RUN, OTHER = Run(key=b"k"), Run(key=b"other")
PRIVATE: dict[str, Any] = {"epsilon": 1.0, "delta": 1e-5}


@contract(
    Case(Newton(LogisticRegression()), examples=5),
    Case(Newton(LogisticRegression(class_weight="balanced"), 1e-5), patients(owned=False), examples=2, portable=False),
    Case(Newton(LinearSVC(), 1e-3), examples=2, portable=False),  # law 8 plants a record of length 150,000
    Case(Newton(RidgeClassifier()), examples=2, portable=False),
    Case(Newton(Ridge(), 1e-5), patients(numbers=True), examples=2, portable=False),
    Case(Newton(make_pipeline(StandardScaler(), LogisticRegression())), examples=2, portable=False),
    Case(Newton(make_pipeline(Normalizer(), LogisticRegression())), examples=2, portable=False),
    Case(Newton(LogisticRegression(), **PRIVATE, releases=3), examples=2, portable=False),
)
def test_newton_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


def table(kind: str, seed: int = 0, n: int = 250, d: int = 4) -> Table:
    """Records for a family, with owners; the last column is nearly the first, and three records are long."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d))
    X[:, -1] = X[:, 0] + 1e-3 * random.normal(size=n)
    X[:3] *= 30.0
    score = np.clip(X @ random.normal(size=d), -4, 4) * 0.7
    y: Any = {
        "two": np.where(random.normal(size=n) < score, "yes", "no"),
        "three": np.array(["a", "b", "c"])[np.searchsorted([-0.5, 0.5], score + random.normal(size=n))],
        "count": random.poisson(np.exp(score)),
        "positive": random.gamma(2.0, np.exp(score) / 2) + 1e-3,
        "number": score + random.normal(size=n),
    }[kind]
    return Table.from_arrays(X, y, (np.arange(n) * 389) % 100_003, np.arange(n) % 60)


def gap(one: Any, other: Any) -> float:
    """The distance between two states."""
    return float(np.linalg.norm(one.weights - other.weights))


ESTIMATORS: list[tuple[Any, str, float]] = [
    (LogisticRegression(), "two", 1e-6),
    (LogisticRegression(C=1e4), "two", 1e-5),
    (LogisticRegression(C=0.1), "three", 1e-6),
    (LogisticRegression(class_weight="balanced"), "three", 1e-6),
    (LinearSVC(C=0.1), "two", 1e-6),
    (RidgeClassifier(), "three", 1e-6),
    (PoissonRegressor(alpha=1e-2), "count", 1e-6),
    (GammaRegressor(alpha=1e-2), "positive", 1e-6),
    (Ridge(), "number", 1e-6),
    (make_pipeline(StandardScaler(), LogisticRegression()), "two", 1e-6),
    (make_pipeline(StandardScaler(), PoissonRegressor(alpha=1e-2)), "count", 1e-6),
]
each = pytest.mark.parametrize(("estimator", "kind", "far"), ESTIMATORS, ids=[repr(e) for e, _, _ in ESTIMATORS])


def targets(data: Table, seed: int) -> list[Any]:
    """A stream: random records, the longest, an owner, a correction, an addition, a batch, and a column."""
    random = np.random.default_rng(seed)
    ids = np.asarray(data.ids)
    longest = np.argsort(-np.linalg.norm(data.features, axis=1))[:2]
    other = data.take(random.integers(0, len(data), 3)).gathered().columns
    rows = Table(replace(other, ids=random.choice(ids, 3, replace=False)), None, None)
    fresh = Table(replace(other, ids=np.array([50_001, 50_002, 50_003])), None, None)
    return [
        Records(random.choice(ids, int(random.integers(1, 60)), replace=False)),
        Records(ids[longest]),
        Owners([int(random.integers(0, 60))]),
        Correction(rows),
        Addition(fresh),
        Batch([Owners([3]), Correction(rows)]),
        Column("x3"),
    ]


@each
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=2, deadline=None)
def test_it_ends_within_the_distance_of_learning_without(estimator: Any, kind: str, far: float, seed: int) -> None:
    method, data = Newton(estimator, far), table(kind)
    state = method.learn(data, RUN)
    order = np.random.default_rng(seed).permutation(7)
    for target in (targets(data, seed)[place] for place in order):
        done = method.forget(state, target, data, RUN)
        state, data = done.model, data.after(target)
        again = method.learn(data, RUN)
        assert gap(state, again) <= far
        assert done.bound <= far / 2
        assert done.claim == Bounded(far)


def test_a_stream_of_single_deletions_stays_within_the_bound() -> None:
    method, data = Newton(LogisticRegression()), table("two", n=500)
    state = method.learn(data, RUN)
    for place in range(200):
        target = Records([int(np.asarray(data.ids)[7 * place % len(data)])])
        done = method.forget(state, target, data, RUN)
        state, data = done.model, data.after(target)
        if place % 40 == 0:
            assert gap(state, method.learn(data, RUN)) <= done.bound + 5e-7


def test_a_class_that_leaves_and_one_that_comes() -> None:
    method, data = Newton(LogisticRegression()), table("three")
    state = method.learn(data, RUN)
    for target in (Label("b"), Label("c"), Addition(table("three", 1).take(slice(0, 9))), Label("a")):
        if isinstance(target, Addition):
            columns = target.table.gathered().columns
            target = Addition(Table(replace(columns, ids=np.arange(70_000, 70_009)), None, None))  # noqa: PLW2901
        state, data = method.forget(state, target, data, RUN).model, data.after(target)
        again = method.learn(data, RUN)
        assert state.classes == again.classes
        assert (state.weights is None) == (again.weights is None)
        assert state.weights is None or gap(state, again) <= 1e-6


def test_a_rare_column_leaves_nothing() -> None:
    """With the old Hessian a rare column keeps most of its weight; dropped, or blanked by correction, it has none."""
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 4))
    X[:, 3] = 0.0
    X[:8, 3] = 5.0
    y = np.where(random.normal(size=400) < X[:, 0] + X[:, 3], "yes", "no")
    data, method = Table.from_arrays(X, y), Newton(LogisticRegression(C=100.0))
    state = method.learn(data, RUN)
    assert abs(state.weights[3]) > 0.2  # type: ignore[index]
    blank = X[:8].copy()
    blank[:, 3] = 0.0
    done = method.forget(state, Correction(Table.from_arrays(blank, y[:8], np.arange(8))), data, RUN)
    assert abs(done.model.weights[3]) < 1e-6  # type: ignore[index]
    assert len(method.forget(state, Column("x3"), data, RUN).model.weights) == 4  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [18, 40, 100])
def test_a_column_that_its_twin_was_balanced_against(seed: int) -> None:
    """Two columns that say nearly the same have large weights against each other: without one, the other's is wrong."""
    method, data = Newton(LogisticRegression(C=1e4), 1e-5), table("two")
    state = method.learn(data, RUN)
    for place in np.random.default_rng(seed).permutation(7):
        target = targets(data, seed)[place]
        done = method.forget(state, target, data, RUN)
        state, data = done.model, data.after(target)
        assert gap(state, method.learn(data, RUN)) <= 1e-5


def test_relabelling_a_tenth_does_not_diverge() -> None:
    """Where full steps with the Hessian of the new labels at the old optimum overshoot: the line search holds them."""
    random = np.random.default_rng(0)
    X = random.normal(size=(2000, 10))
    y = (X @ random.normal(size=10) * 3 + 0.2 * random.normal(size=2000) > 0).astype(int)
    data, method = Table.from_arrays(X, y), Newton(LogisticRegression(C=100.0))
    rows = np.flatnonzero(y == 1)[:200]
    target = Correction(Table.from_arrays(X[rows], np.zeros(200, int), rows))
    done = method.forget(method.learn(data, RUN), target, data, RUN)
    again = method.learn(data.after(target), RUN)
    assert gap(done.model, again) <= 1e-6
    assert done.factored >= 1


def test_sparse_text_is_forgotten_without_a_matrix_of_its_size() -> None:
    texts = np.array([f"side{k % 2} word{k % 9} word{k}" for k in range(120)], dtype=object)[:, None]
    front = make_pipeline(FunctionTransformer(np.ravel), HashingVectorizer(n_features=2**12), LogisticRegression())
    data, method = Table.from_arrays(texts, np.arange(120) % 2), Newton(front)
    state = method.learn(data, RUN)
    target = Records(range(10))
    done = method.forget(state, target, data, RUN)
    again = method.learn(data.after(target), RUN)
    assert gap(done.model, again) <= 1e-6
    assert state.anchored is not None
    assert state.anchored.factor is None


# -- quotes ------------------------------------------------------------------------------------------------------------


def test_a_quote_says_what_it_rests_on_and_costs() -> None:
    method, data = Newton(LogisticRegression()), patients()
    run = Run(key=b"k", pace=Pace(0.5))
    quote = method.quote(method.learn(data, run), Records(data.ids[:3]), data, run)
    assert isinstance(quote, Quote)
    assert quote.claim == Bounded(1e-6)
    assert quote.seconds == quote.examples * 0.5
    assert quote.examples < Retrain(method).visits(data.after(Records(data.ids[:3])), run)
    private = Newton(LogisticRegression(), **PRIVATE)
    answer = private.quote(private.learn(data, run), Records([5]), data, run)
    assert isinstance(answer, Quote)
    said = " ".join(answer.assumptions)
    for word in ("1 releases together", "stays secret", "who holds a model published before as well as after"):
        assert word in said


def test_the_plan_prefers_it_to_learning_again_where_its_claim_is_enough() -> None:
    method, data = Newton(LogisticRegression()), patients()
    state = method.learn(data, RUN)
    chosen = plan([method, Retrain(method)], state, Records(data.ids[:3]), data, RUN, at_least=Bounded(1e-6))
    assert not isinstance(chosen, Refusal)
    assert chosen.name == "newton"
    exact = plan([method, Retrain(method)], state, Records(data.ids[:3]), data, RUN)
    assert not isinstance(exact, Refusal)
    assert exact.name == "retrain"


def test_what_it_took_is_told() -> None:
    seen: list[Any] = []
    run = Run(key=b"k", tick=lambda *said: seen.append(said))
    method, data = Newton(LogisticRegression()), table("two", n=2000)
    done = method.forget(method.learn(data, run), Records(data.ids[:1]), data, run)
    assert (done.factored, done.searches) == (0, 0)
    assert done.passes <= 3
    assert seen == [("passes over the records", done.passes, done.passes)]
    assert done.examples == (done.passes + 2) * 1999 + 2


def test_other_data_parameters_and_keys_are_refused() -> None:
    method, data = Newton(LogisticRegression()), patients()
    state = method.learn(data, RUN)
    for asked, other, run in (
        (method, data.take(slice(0, 30)), RUN),
        (method, data, Run(key=b"another")),
        (Newton(LogisticRegression(C=2.0)), data, RUN),
        (Newton(LogisticRegression(), 1e-7), data, RUN),
    ):
        with pytest.raises(MismatchError, match="other than the model's"):
            asked.forget(state, Records([5]), other, run)
        with pytest.raises(MismatchError, match="other than the model's"):
            asked.quote(state, Records([5]), other, run)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"distance": 0.0}, "a distance above 0"),
        ({"distance": np.inf}, "a distance above 0"),
        ({"epsilon": 1.0}, "epsilon and delta together"),
        ({"releases": 3}, "give those, too"),
        ({"epsilon": 0.0, "delta": 0.1}, "noise hides up to"),
        ({"epsilon": 1.0, "delta": 0.1, "releases": 0}, "a whole number of releases"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(parameters: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Newton(LogisticRegression(), **parameters)


def test_a_distance_that_float64_cannot_tell_is_said_when_it_learns() -> None:
    with pytest.raises(LearnError, match="is asked for"):
        Newton(LogisticRegression(), 1e-15).learn(patients(), RUN)


# -- releases ----------------------------------------------------------------------------------------------------------


def test_a_release_hides_the_distance_and_nothing_more() -> None:
    method, data = Newton(LogisticRegression(), **PRIVATE, releases=2), patients()
    state = method.learn(data, RUN)
    made = [method.release(state, RUN, lineage=f"l{k}", number=1).weights for k in range(80)]
    noise = (np.array(made) - state.weights).ravel()
    sigma = noise.std()
    assert stats.kstest(noise / sigma, "norm").pvalue > 1e-3
    assert sigma == pytest.approx(1e-6 * 3.731 * np.sqrt(2), rel=0.1)
    assert sigma <= method.sigma * 1.1
    assert np.asarray(made[0]) / grid(method.sigma) % 1 == pytest.approx(0.0)
    assert method.predict(LinearModel(made[0], state.classes, data.names), data) == pytest.approx(
        method.predict(state, data), abs=1e-4
    )


def test_a_release_is_one_and_the_same_until_the_state_is_another() -> None:
    method, data = Newton(LogisticRegression(), **PRIVATE, releases=9), patients()
    state = method.learn(data, RUN)
    first = fingerprint(method.release(state, RUN, lineage="a", number=1))
    assert fingerprint(method.release(state, RUN, lineage="a", number=1)) == first
    after, foreign = method.forget(state, Records(data.ids[:3]), data, RUN).model, method.learn(data, OTHER)
    others = [
        method.release(state, RUN, lineage="a", number=2),
        method.release(state, RUN, lineage="b", number=1),
        method.release(foreign, OTHER, lineage="a", number=1),
        method.release(after, RUN, lineage="a", number=1),
    ]
    assert len({first, *map(fingerprint, others)}) == 5
    noises = [
        np.asarray(made.weights) - np.asarray(of.weights)
        for made, of in zip(others, [state, state, foreign, after], strict=True)
    ]
    assert min(np.abs(noises[0] - other).min() for other in noises[1:]) > 0


def test_two_sizes_of_noise_on_one_state_do_not_give_it_away() -> None:
    small, large = (Newton(LogisticRegression(), epsilon=epsilon, delta=1e-5) for epsilon in (8.0, 1.0))
    data = patients()
    state = small.learn(data, RUN)
    first, second = (np.asarray(method.release(state, RUN, lineage="a", number=1).weights) for method in (small, large))
    solved = (first / small.sigma - second / large.sigma) / (1 / small.sigma - 1 / large.sigma)  # were the noise shared
    assert float(np.linalg.norm(solved - np.asarray(state.weights))) > small.sigma / 10


def test_a_state_that_is_held_to_another_distance_is_not_released() -> None:
    far, near = Newton(LogisticRegression(), 1e-3), Newton(LogisticRegression(), 1e-6, **PRIVATE)
    state = far.learn(patients(), RUN)
    with pytest.raises(MismatchError, match="parameters other than the model's"):
        near.release(state, RUN, lineage="a", number=1)
    own = near.learn(patients(), RUN)
    with pytest.raises(MismatchError, match="a key other than the model's"):
        near.release(own, Run(key=b"other"), lineage="a", number=1)


def test_the_noise_does_not_depend_on_what_is_left_of_the_gradient() -> None:
    loose, tight = (Newton(LogisticRegression(C=C), **PRIVATE) for C in (1e-3, 10.0))
    assert loose.sigma == tight.sigma
    assert Newton(LogisticRegression(), 1e-5, **PRIVATE).sigma == pytest.approx(10 * loose.sigma)


def test_a_budget_that_is_spent_says_to_learn_again() -> None:
    method, data = Newton(LogisticRegression(), **PRIVATE, releases=2), patients()
    state = method.learn(data, RUN)
    assert method.spent(1) is None
    spent = method.spent(2)
    assert spent is not None
    assert "the budget of 2 releases at epsilon 1 and delta 1e-05 is spent: 2 were made" in spent.reason
    assert (spent.kind, str(spent.what).split(":")[0]) == ("instead", "Retrain")
    method.release(state, RUN, lineage="a", number=2)
    with pytest.raises(RefusedError) as refused:
        method.release(state, RUN, lineage="a", number=3)
    assert refused.value.refusal == spent
    for number in (0, -1, True):
        with pytest.raises(ParameterError, match="numbered from 1"):
            method.release(state, RUN, lineage="a", number=number)


def test_without_an_epsilon_nothing_is_added() -> None:
    method, data = Newton(LogisticRegression()), patients()
    state = method.learn(data, RUN)
    assert method.release(state, RUN, lineage="a", number=7) is state.model
    assert method.sigma == 0.0
    assert method.spent(10**6) is None


def test_a_claim_with_noise_is_certified() -> None:
    method, data = Newton(LogisticRegression(), **PRIVATE), patients()
    done = method.forget(method.learn(data, RUN), Records(data.ids[:3]), data, RUN)
    assert done.claim == Certified(1.0, 1e-5)
    assert method.recipe() == Newton(LogisticRegression()).recipe()  # the same A: what differs is what is published


def test_a_constant_is_released_as_it_is() -> None:
    method, data = Newton(LogisticRegression(), **PRIVATE), patients()
    state = method.forget(method.learn(data, RUN), Records(data.ids), data, RUN).model
    assert method.release(state, RUN, lineage="a", number=1).weights is None


# -- what was learned elsewhere ----------------------------------------------------------------------------------------


def test_an_adopted_estimator_is_polished_and_left_alone() -> None:
    data = table("two")
    fitted = LogisticRegression(tol=1e-2).fit(data.features, data.label)
    before = deepcopy(fitted)
    method = Newton(fitted)
    adopted = method.adopt(fitted, data, RUN)
    assert adopted.moved > 1e-3
    assert adopted.bound <= 5e-7
    assert np.array_equal(fitted.coef_, before.coef_)
    done = method.forget(adopted.state, Owners([7]), data, RUN)
    without = method.written(done.model, fitted)
    tight: dict[str, Any] = {"solver": "newton-cholesky", "tol": 1e-13, "max_iter": 500}
    rest = data.after(Owners([7]))
    exact = LogisticRegression(**tight).fit(rest.features, rest.label)
    assert without.coef_ == pytest.approx(exact.coef_, abs=1e-6)
    assert without.intercept_ == pytest.approx(exact.intercept_, abs=1e-6)
    assert np.array_equal(without.predict(rest.features), exact.predict(rest.features))
    assert np.array_equal(fitted.coef_, before.coef_)


def test_an_estimator_at_its_optimum_has_not_far_to_go() -> None:
    data = table("three")
    tight: dict[str, Any] = {"solver": "newton-cholesky", "tol": 1e-13, "max_iter": 500}
    fitted = LogisticRegression(**tight).fit(data.features, data.label)
    assert Newton(fitted).adopt(fitted, data, RUN).moved < 1e-7


def test_a_secret_state_is_not_written_into_an_estimator() -> None:
    data = table("two")
    fitted = LogisticRegression().fit(data.features, data.label)
    method = Newton(fitted, **PRIVATE)
    state = method.adopt(fitted, data, RUN).state
    with pytest.raises(ParameterError, match="this state is secret"):
        method.written(state, fitted)
    public = method.written(method.release(state, RUN, lineage="a", number=1), fitted)
    assert public.coef_ == pytest.approx(np.asarray(state.weights)[None, :4], abs=1e-4)
    assert not np.array_equal(public.coef_.ravel(), np.asarray(state.weights)[:4])


def test_what_is_not_fitted_for_this_objective_is_refused() -> None:
    data = table("two")
    fitted = LogisticRegression().fit(data.features, data.label)
    for method, other, said in (
        (Newton(LogisticRegression(C=3.0)), fitted, "another penalty"),
        (Newton(LogisticRegression(fit_intercept=False)), fitted, "another intercept"),
        (Newton(LogisticRegression(class_weight="balanced")), fitted, "another class weights"),
        (Newton(LinearSVC()), fitted, "another kind"),
        (Newton(fitted), LogisticRegression().fit(np.asarray(data.features)[:, :2], data.label), "number of columns"),
        (Newton(fitted), LogisticRegression().fit(data.features, np.arange(250) % 2), "another classes"),
    ):
        with pytest.raises(MismatchError, match=said):
            method.adopt(other, data, RUN)
    with pytest.raises(MismatchError, match="the refit did nothing"):
        Newton(fitted).adopt(fitted, data, RUN, before=deepcopy(fitted))


def test_a_stage_that_was_fitted_elsewhere_is_named() -> None:
    data = table("two")
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(data.features, data.label)
    with pytest.raises(RefusedError, match="stage 'standardscaler' before the linear model") as refused:
        Newton(pipeline).adopt(pipeline, data, RUN)
    assert refused.value.refusal.kind == "instead"
