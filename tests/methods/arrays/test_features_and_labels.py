"""Edits against closed forms and exact optima: with the Hessian of the new data, and only downhill."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from expunge import Addition, Batch, Column, Correction, Label, Quote, Records, Refusal, Retrain, Run, Table
from expunge.errors import MismatchError, ParameterError
from expunge.learners.linear import LinearLearner, LinearModel
from expunge.linear.families import Logistic
from expunge.linear.objective import Objective
from expunge.linear.optimum import fit
from expunge.methods.arrays._removal import parameters
from expunge.methods.arrays.features_and_labels import TRIES, FeaturesAndLabels, update
from expunge.testing import Case, Law, contract, patients

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.values import Target

RUN = Run(key=b"k")
LOGISTIC, RIDGE = LinearLearner(LogisticRegression()), LinearLearner(Ridge())


@contract(
    Case(FeaturesAndLabels(LOGISTIC), examples=4),
    Case(FeaturesAndLabels(LOGISTIC, 2, 3), examples=4, portable=False),
    Case(FeaturesAndLabels(LOGISTIC, 1), examples=4, portable=False),
    Case(FeaturesAndLabels(RIDGE), patients(numbers=True, owned=False), examples=4, portable=False),
)
def test_edits_keep_the_law(case: Case, law: Law) -> None:
    law(case)


def words(n: int = 2000, d: int = 12) -> Table:
    """Rare and common words, and a class that follows them; the first word is in one of fifty texts and says much."""
    rng = np.random.default_rng(0)
    X = (rng.random((n, d)) < 0.15).astype(float)
    X[:, 0] = rng.random(n) < 0.02
    weights = rng.normal(size=d) * 1.5
    weights[0] = 3.0
    return Table.from_arrays(X, (X @ weights - 0.5 + rng.logistic(size=n) > 0).astype(int))


def numbers(n: int = 80, d: int = 5) -> Table:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(n, d))
    return Table.from_arrays(X, X @ rng.normal(size=d) + rng.normal(size=n))


def relabelled(data: Table, rows: NDArray[Any]) -> Correction:
    """The rows with the other of two labels."""
    part = data.take(rows)
    return Correction(Table.from_arrays(part.features, 1 - np.asarray(part.label), part.ids))


def blanked(data: Table, rows: NDArray[Any]) -> Correction:
    part = data.take(rows)
    return Correction(Table.from_arrays(np.zeros((len(rows), len(data.names))), np.asarray(part.label), part.ids))


def distances(data: Table, target: Target, learner: LinearLearner, *methods: FeaturesAndLabels) -> list[float]:
    """From the optimum of the new data: of each method, and of doing nothing."""
    model, exact = learner.learn(data, RUN), parameters(learner.learn(data.after(target), RUN))
    ends = [method.forget(model, target, data, RUN).model for method in methods]
    kept = [name in data.after(target).names for name in data.names] + [True]
    return [
        *(float(np.linalg.norm(parameters(end) - exact)) for end in ends),
        float(np.linalg.norm(parameters(model)[kept] - exact)),
    ]


# Where the objective is a square one step is the answer


@pytest.mark.parametrize(
    "target",
    [
        Column("x2"),
        Records(range(9)),
        Correction(Table.from_arrays(np.ones((2, 5)), [9.0, -9.0], [3, 4])),
        Addition(Table.from_arrays(np.ones((2, 5)), [9.0, -9.0], [300, 400])),
        Batch([Column("x0"), Records([7]), Correction(Table.from_arrays(np.ones((1, 5)), [5.0], [8]))]),
    ],
    ids=["column", "records", "correction", "addition", "batch"],
)
def test_one_step_is_the_optimum_where_the_objective_is_a_square(target: Target) -> None:
    assert distances(numbers(), target, RIDGE, FeaturesAndLabels(RIDGE))[0] < 1e-10


def test_a_column_of_ridge_leaves_as_in_the_closed_form() -> None:
    """``w - w_j P[:, j] / P[j, j]``, P the inverse Hessian."""
    data, j = numbers(), 3
    model = RIDGE.learn(data, RUN)
    objective, _ = RIDGE.objective(data, RUN)
    w, P = parameters(model), np.linalg.inv(objective.hessian(parameters(model)))
    expected = np.delete(w - w[j] * P[:, j] / P[j, j], j)
    done = FeaturesAndLabels(RIDGE).forget(model, Column(f"x{j}"), data, RUN)
    assert parameters(done.model) == pytest.approx(expected, abs=1e-10)
    assert done.model.names == ("x0", "x1", "x2", "x4")


def test_a_penalty_on_the_mean_follows_the_records() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 4))
    data = Table.from_arrays(X, rng.poisson(np.exp(0.4 * X[:, 0])))
    learner = LinearLearner(PoissonRegressor(alpha=0.5))
    one, three, nothing = distances(
        data, Records(range(60)), learner, FeaturesAndLabels(learner), FeaturesAndLabels(learner, 2, 3)
    )
    assert three < 1e-6 < one < nothing / 5


# The Hessian of the new data


def with_old_hessian(data: Table, target: Column) -> tuple[float, float]:
    """The authors' step (the column blanked, the Hessian of the old data): its distance, and the column's weight."""
    w = parameters(LOGISTIC.learn(data, RUN))
    old, _ = LOGISTIC.objective(data, RUN)
    place = data.names.index(target.name)
    X = np.array(old.X.gathered())
    X[:, place] = 0.0
    new = replace(old, X=X)
    moved = w - np.linalg.solve(old.hessian(w), new.gradient(w))
    exact = parameters(LOGISTIC.learn(data.after(target), RUN))
    return float(np.linalg.norm(np.delete(moved, place) - exact)), float(moved[place])


def test_a_rare_column_leaves_with_the_hessian_of_the_new_data_and_stays_with_that_of_the_old() -> None:
    data, target = words(), Column("x0")
    second, nothing = distances(data, target, LOGISTIC, FeaturesAndLabels(LOGISTIC))
    old, weight = with_old_hessian(data, target)
    before = parameters(LOGISTIC.learn(data, RUN))[0]
    assert weight > before / 2  # it should be 0
    assert second < min(old, nothing) / 2
    assert "x0" not in FeaturesAndLabels(LOGISTIC).forget(LOGISTIC.learn(data, RUN), target, data, RUN).model.names


def test_orders_and_steps_come_closer_in_turn() -> None:
    data = words()
    for target in (Column("x5"), blanked(data, np.arange(30)), relabelled(data, np.arange(20))):
        first, second, further, nothing = distances(
            data, target, LOGISTIC, *(FeaturesAndLabels(LOGISTIC, *how) for how in ((1,), (2,), (2, 4)))
        )
        assert further < second < first < nothing
        assert further < 1e-4


# The line search


def flip(share: float) -> tuple[Table, Correction]:
    data = words()
    rows = np.flatnonzero(np.asarray(data.label) == 1)
    return data, relabelled(data, rows[: int(share * len(data))])


def test_many_labels_of_one_class_do_not_throw_it_off() -> None:
    """One step may end farther in parameters although the objective fell: further ones arrive all the same."""
    data, target = flip(0.3)
    one, many, nothing = distances(
        data, target, LOGISTIC, FeaturesAndLabels(LOGISTIC), FeaturesAndLabels(LOGISTIC, 2, 8)
    )
    assert one > nothing
    assert many < 1e-3


def test_nor_does_it_overshoot_where_the_same_steps_without_a_search_go_to_infinity() -> None:
    """Of 100 equal records 95 are of one class, then 5."""
    corrected = Objective(
        Logistic(), np.ones((100, 1)), (np.arange(100) < 5).astype(float), penalty=0.01, intercept="none"
    )
    w = start = np.array([np.log(95 / 5)])
    for _ in range(3):
        w = w - np.linalg.solve(corrected.hessian(w), corrected.gradient(w))
    assert abs(w[0]) > 100
    found, _ = update(corrected, start, corrected.gradient(start), 2, steps=8)
    assert found == pytest.approx(fit(corrected).weights, abs=1e-6)


@given(order=st.sampled_from([1, 2]), steps=st.integers(1, 4), seed=st.integers(0, 10**6), share=st.floats(0.01, 0.9))
def test_the_new_objective_never_rises(order: int, steps: int, seed: int, share: float) -> None:
    data = words(200, 5)
    rows = np.random.default_rng(seed).permutation(200)[: int(1 + share * 150)]
    target = relabelled(data, rows)
    model, method = LOGISTIC.learn(data, RUN), FeaturesAndLabels(LOGISTIC, order, steps)  # type: ignore[arg-type]
    objective, _ = LOGISTIC.objective(data.after(target), RUN)
    done = method.forget(model, target, data, RUN)
    before, after = (objective.value(parameters(each)) for each in (model, done.model))
    assert after <= before * (1 + 1e-12)
    quote = method.quote(model, target, data, RUN)
    assert isinstance(quote, Quote)
    assert len(rows) * 2 < done.examples <= quote.examples == 2 * len(rows) + steps * (2 + TRIES) * 200


def test_where_nothing_falls_nothing_moves() -> None:
    """What the update would move along rises: the model was not at its optimum."""
    objective, _ = LOGISTIC.objective(words(), RUN)
    weights = np.ones(objective.size)
    moved, passes = update(objective, weights, -objective.gradient(weights), 2)
    assert moved.tolist() == weights.tolist()
    assert passes == 1


class Walled(Objective):
    """An objective that falls nowhere but at the weights."""

    def value(self, w: NDArray[np.float64]) -> float:
        return float(np.abs(w - 1).sum())


def test_a_search_in_vain_ends() -> None:
    objective, _ = LOGISTIC.objective(words(), RUN)
    walled = Walled(objective.family, objective.X, objective.y, objective.penalty)
    weights = np.ones(objective.size)
    moved, passes = update(walled, weights, objective.gradient(weights), 2)
    assert moved.tolist() == weights.tolist()
    assert passes == 1 + TRIES


# The verbs


def test_what_changes_the_shape_otherwise_is_refused() -> None:
    data = patients()
    method = FeaturesAndLabels(LOGISTIC)
    model = method.learn(data, RUN)
    new_class = Correction(Table.from_arrays(np.zeros((1, 3)), ["bacon"], [5], [1]))
    for target in (Label("unsure"), new_class, Records(data.ids.tolist())):
        said = method.quote(model, target, data, RUN)
        assert isinstance(said, Refusal)
        assert (said.kind, said.what) == ("instead", "Retrain")
    piped = FeaturesAndLabels(make_pipeline(StandardScaler(), LogisticRegression()))
    said = piped.quote(piped.learn(data, RUN), Column("x0"), data, RUN)
    assert isinstance(said, Refusal)
    assert "standardscaler" in said.reason


def test_it_undoes_the_learners_algorithm() -> None:
    assert FeaturesAndLabels(LOGISTIC, 1).recipe() == Retrain(LOGISTIC).recipe()
    assert FeaturesAndLabels(LOGISTIC).visits(words(), RUN) == LOGISTIC.visits(words(), RUN)


def test_what_does_not_fit_is_refused_in_words() -> None:
    model = LOGISTIC.learn(words(), RUN)
    with pytest.raises(MismatchError, match="it learned from"):
        FeaturesAndLabels(LOGISTIC).quote(model, Records([1]), words().drop("x1"), RUN)
    with pytest.raises(ParameterError, match="in order 1 or 2, got 3"):
        FeaturesAndLabels(LOGISTIC, 3)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="steps"):
        FeaturesAndLabels(LOGISTIC, 2, 0)
    with pytest.raises(MismatchError, match="has none to update"):
        parameters(LinearModel(None, ("ham",), ("x0",)))
