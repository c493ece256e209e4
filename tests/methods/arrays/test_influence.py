"""Influence's step against its formula, its objective noise at the optimum, and the error that it keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from expunge import Quote, Records, Retrain, Run, Table, fingerprint
from expunge.errors import ParameterError
from expunge.learners.linear import LinearLearner
from expunge.linear.families import Logistic
from expunge.linear.objective import Objective
from expunge.methods.arrays._removal import gaussian, parameters
from expunge.methods.arrays.fisher import Fisher
from expunge.methods.arrays.influence import Influence, step, tilted
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")
LOGISTIC = LinearLearner(LogisticRegression())


@contract(
    Case(Influence(LOGISTIC), examples=4),
    Case(Influence(LOGISTIC, batches=3), examples=4, portable=False),
    Case(Influence(LOGISTIC, batches=2, sigma=0.01), examples=4, portable=False),
    Case(Influence(LinearLearner(Ridge())), patients(numbers=True, owned=False), examples=4, portable=False),
)
def test_influence_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


def visits(n: int = 400, *, counts: bool = False) -> Table:
    """Two classes that overlap, or counts."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 5))
    margin = X @ [1.0, -2.0, 0.5, 0.0, 1.0]
    y = rng.poisson(np.exp(0.3 * margin)) if counts else (margin + rng.logistic(size=n) > 0).astype(int)
    return Table.from_arrays(X, y)


def distance(method: Any, target: Records, data: Table) -> float:
    done = method.forget(method.learn(data, RUN), target, data, RUN)
    return float(np.linalg.norm(parameters(done.model) - parameters(method.learn(data.after(target), RUN))))


def test_it_is_the_step_of_the_paper_with_the_penalty_that_leaves() -> None:
    """``w + (X_K' D X_K + lambda (n - k))^-1 (sum_S grad + lambda k w)``, lambda on the mean loss."""
    data, k, lam = visits(counts=True), 60, 0.1
    learner = LinearLearner(PoissonRegressor(alpha=lam))
    model = learner.learn(data, RUN)
    X, y = np.column_stack([data.features, np.ones(400)]), np.asarray(data.label)
    mean, ridge = np.exp(X @ parameters(model)), np.diag([lam] * 5 + [0.0])
    hessian = (X[k:] * mean[k:, None]).T @ X[k:] + (400 - k) * ridge
    expected = parameters(model) + np.linalg.solve(hessian, X[:k].T @ (mean - y)[:k] + k * ridge @ parameters(model))
    found = parameters(Influence(learner).forget(model, Records(range(k)), data, RUN).model)
    assert found == pytest.approx(expected, abs=1e-10)


def test_a_penalty_that_is_fixed_leaves_with_nobody() -> None:
    data = visits()
    model = LOGISTIC.learn(data, RUN)
    X, y = np.column_stack([data.features, np.ones(400)]), np.asarray(data.label)
    p, ridge = 1 / (1 + np.exp(-X @ parameters(model))), np.diag([1.0] * 5 + [0.0])
    hessian = (X[60:] * (p * (1 - p))[60:, None]).T @ X[60:] + ridge
    expected = parameters(model) + np.linalg.solve(hessian, X[:60].T @ (p - y)[:60])
    found = parameters(Influence(LOGISTIC).forget(model, Records(range(60)), data, RUN).model)
    assert found == pytest.approx(expected, abs=1e-10)


def test_more_batches_come_closer() -> None:
    data, target = visits(), Records(range(80))
    ends = [distance(Influence(LOGISTIC, batches=batches), target, data) for batches in (1, 4, 16)]
    assert ends[2] < ends[1] < ends[0]


def test_it_keeps_the_error_of_a_model_that_was_not_at_its_optimum() -> None:
    """Fisher looks at the gradient of what stays and corrects it, Influence assumes that there is none."""
    data, target = visits(), Records(range(5))
    best = LOGISTIC.learn(data, RUN)
    off = replace(best, weights=parameters(best) + 0.1)
    exact = parameters(LOGISTIC.learn(data.after(target), RUN))
    left = [
        float(np.linalg.norm(parameters(method(LOGISTIC).forget(off, target, data, RUN).model) - exact))
        for method in (Influence, Fisher)
    ]
    assert left[0] > 0.2
    assert left[1] < 0.05


# Objective noise


def test_with_noise_the_gradient_of_what_is_learned_is_the_noise() -> None:
    data, method = visits(), Influence(LOGISTIC, sigma=3.0)
    model = method.learn(data, RUN)
    objective, _ = LOGISTIC.objective(data, RUN)
    pull = objective.gradient(parameters(model))
    noise = 3.0 * gaussian(RUN.key, objective.size, "influence")
    assert pull[:5] == pytest.approx(-noise[:5], abs=1e-8)
    assert pull[5] == pytest.approx(0, abs=1e-8)  # the intercept is free: noise on it might leave no optimum
    assert np.linalg.norm(noise[:5]) > 1


def test_the_noise_is_the_same_for_every_set_of_records_and_new_for_every_key() -> None:
    data, method = visits(), Influence(LOGISTIC, sigma=3.0)
    rest = data.after(Records(range(100)))
    pulls = []
    for part, run in ((data, RUN), (rest, RUN), (data, Run(key=b"other"))):
        objective, _ = LOGISTIC.objective(part, run)
        pulls.append(objective.gradient(parameters(method.learn(part, run))))
    assert pulls[0] == pytest.approx(pulls[1], abs=1e-7)
    assert np.linalg.norm(pulls[0] - pulls[2]) > 1


def test_with_noise_it_nears_the_refit_with_the_same_noise() -> None:
    data, target, method = visits(), Records(range(20)), Influence(LOGISTIC, batches=4, sigma=3.0)
    model = method.learn(data, RUN)
    moved = np.linalg.norm(parameters(model) - parameters(method.learn(data.after(target), RUN)))
    assert distance(method, target, data) < moved / 10


def test_noise_makes_another_algorithm_and_none_makes_the_learners() -> None:
    assert Influence(LOGISTIC).recipe() == Retrain(LOGISTIC).recipe() == Fisher(LOGISTIC).recipe()
    assert len({Influence(LOGISTIC, sigma=sigma).recipe() for sigma in (0.0, 0.1, 0.2)}) == 3
    assert fingerprint(Influence(LOGISTIC).learn(visits(), RUN)) == fingerprint(LOGISTIC.learn(visits(), RUN))


@given(seed=st.integers(0, 10**6), scale=st.floats(0, 100))
def test_a_tilted_objective_is_the_sum(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    plain = Objective(Logistic(), rng.normal(size=(9, 3)), rng.integers(0, 2, 9).astype(float), penalty=1.0)
    tilt, w = scale * rng.normal(size=4), rng.normal(size=4)
    made = tilted(plain, tilt)
    assert made.value(w) == pytest.approx(plain.value(w) + tilt @ w)
    assert made.gradient(w) == pytest.approx(plain.gradient(w) + tilt)
    assert made.hessian(w).tolist() == plain.hessian(w).tolist()
    assert made.at(w).allowance >= plain.at(w).allowance


# The verbs


def test_the_price_is_a_pass_for_each_batch() -> None:
    data, method = visits(), Influence(LOGISTIC, batches=3)
    quote = method.quote(method.learn(data, RUN), Records(range(7)), data, RUN)
    assert isinstance(quote, Quote)
    assert quote.examples == 400 + (400 - 3) + (400 - 5)
    assert Influence(LOGISTIC, sigma=1.0).visits(data, RUN) == 2 * method.visits(data, RUN)


@pytest.mark.parametrize("counts", [False, True])
def test_a_batch_is_taken_from_what_is_left_and_at_the_current_parameters(*, counts: bool) -> None:
    data, learner = visits(counts=counts), LinearLearner(PoissonRegressor(alpha=0.1)) if counts else LOGISTIC
    model, method = learner.learn(data, RUN), Influence(learner, batches=2)
    ids = [data.ids[row] for row in learner.order(data, RUN)]
    gone = [int(name) for name in ids if name < 30]
    weights, rest = parameters(model), data
    for part in (gone[:15], gone[15:]):
        batch, _ = learner.objective(rest.take(np.isin(rest.ids, part)), RUN, classes=model.classes)
        after = rest.after(Records(part))
        leaves = (learner.penalty(len(rest)) - learner.penalty(len(after))) * np.array([1.0] * 5 + [0.0])
        weights, rest = step(batch, learner.objective(after, RUN)[0], weights, leaves), after
    found = method.forget(model, Records(range(30)), data, RUN).model
    assert parameters(found) == pytest.approx(weights, abs=1e-10)


def test_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match="batches"):
        Influence(LOGISTIC, batches=0)
    with pytest.raises(ParameterError, match="sigma"):
        Influence(LOGISTIC, sigma=float("nan"))
