"""Fisher's step against its formula and exact optima; its noise is new in each batch, its reference a plain refit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from expunge import Quote, Records, Retrain, Run, Table, fingerprint
from expunge.errors import ParameterError, RefusedError
from expunge.learners.linear import LinearLearner, as_linear
from expunge.methods.arrays import fisher
from expunge.methods.arrays._removal import gaussian, parameters
from expunge.methods.arrays.fisher import Fisher, step
from expunge.methods.arrays.influence import Influence
from expunge.testing import Case, Law, contract, patients

RUN = Run(key=b"k")
LOGISTIC = LinearLearner(LogisticRegression())


@contract(
    Case(Fisher(LOGISTIC), examples=4),
    Case(Fisher(LOGISTIC, batches=3), examples=4, portable=False),
    Case(Fisher(LOGISTIC, batches=2, sigma=0.01), examples=4, portable=False),
    Case(Fisher(LinearLearner(Ridge())), patients(numbers=True, owned=False), examples=4, portable=False),
)
def test_fisher_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


def visits(n: int = 400, *, counts: bool = False) -> Table:
    """Two classes that overlap, or counts."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 5))
    margin = X @ [1.0, -2.0, 0.5, 0.0, 1.0]
    y = rng.poisson(np.exp(0.3 * margin)) if counts else (margin + rng.logistic(size=n) > 0).astype(int)
    return Table.from_arrays(X, y)


def targeted(data: Table, share: float) -> Records:
    """The longest records of one class."""
    lengths = np.where(np.asarray(data.label) == 1, np.linalg.norm(data.features, axis=1), 0)
    return Records(np.argsort(-lengths)[: int(share * len(data))])


def distance(method: Any, target: Records, data: Table) -> float:
    done = method.forget(method.learn(data, RUN), target, data, RUN)
    return float(np.linalg.norm(parameters(done.model) - parameters(method.learn(data.after(target), RUN))))


def test_one_step_is_the_optimum_where_the_objective_is_a_square() -> None:
    data = patients(60, numbers=True)
    for batches in (1, 4):
        assert distance(Fisher(Ridge(), batches=batches), Records(data.ids[:20]), data) < 1e-11


def test_it_is_newton_in_the_words_of_the_paper() -> None:
    data, target = visits(), Records(range(80))
    model = LOGISTIC.learn(data, RUN)
    X, y = np.column_stack([data.features[80:], np.ones(320)]), np.asarray(data.label)[80:]
    p, ridge = 1 / (1 + np.exp(-X @ parameters(model))), np.diag([1.0] * 5 + [0.0])
    hessian = (X * (p * (1 - p))[:, None]).T @ X + ridge
    expected = parameters(model) - np.linalg.solve(hessian, X.T @ (p - y) + ridge @ parameters(model))
    assert parameters(Fisher(LOGISTIC).forget(model, target, data, RUN).model) == pytest.approx(expected, abs=1e-10)


def test_at_an_optimum_it_is_influence() -> None:
    for data, learner in ((visits(), LOGISTIC), (visits(counts=True), LinearLearner(PoissonRegressor(alpha=0.1)))):
        model, target = learner.learn(data, RUN), Records(range(50))
        ends = [parameters(method(learner).forget(model, target, data, RUN).model) for method in (Fisher, Influence)]
        assert ends[0] == pytest.approx(ends[1], abs=1e-9)
        assert np.linalg.norm(ends[0] - parameters(model)) > 1e-3


def test_more_batches_come_closer() -> None:
    data = visits()
    target = targeted(data, 0.2)
    ends = [distance(Fisher(LOGISTIC, batches=batches), target, data) for batches in (1, 2, 8)]
    model, rest = LOGISTIC.learn(data, RUN), LOGISTIC.learn(data.after(target), RUN)
    assert ends[2] < ends[1] < ends[0] < float(np.linalg.norm(parameters(model) - parameters(rest))) / 4


# Noise


def test_the_noise_has_the_shape_of_the_formula() -> None:
    """The map from z to the noise is F^(-1/4): its fourth power undoes F."""
    objective, _ = LOGISTIC.objective(visits(), RUN)
    weights = parameters(LOGISTIC.learn(visits(), RUN))
    plain = step(objective, weights)
    shape = np.column_stack([step(objective, weights, 0.5, each) - plain for each in np.eye(len(weights))]) / 0.5
    assert shape == pytest.approx(shape.T, abs=1e-12)
    assert np.linalg.matrix_power(shape, 4) @ objective.hessian(weights) == pytest.approx(
        np.eye(len(weights)), abs=1e-8
    )


def drawn(monkeypatch: pytest.MonkeyPatch, method: Fisher, data: Table, targets: list[Records]) -> list[Any]:
    """The normal numbers that a stream of requests draws, for a vector long enough to compare them."""
    made: list[Any] = []

    def watched(key: Any, size: int, *names: object) -> Any:
        made.append(gaussian(key, 4000, *names))
        return made[-1][:size]

    monkeypatch.setattr(fisher, "gaussian", watched)
    model = method.learn(data, RUN)
    for target in targets:
        model, data = method.forget(model, target, data, RUN).model, data.after(target)
    return made


def test_no_batch_and_no_request_draws_the_noise_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The study seeds every batch, class and pipeline step alike."""
    data = visits()
    made = drawn(monkeypatch, Fisher(LOGISTIC, batches=4, sigma=0.1), data, [Records(range(8)), Records(range(8, 16))])
    assert len(made) == 8
    alike = np.abs(np.corrcoef(made)) - np.eye(8)
    assert alike.max() < 0.08


def test_another_request_of_the_same_model_draws_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    data, method = visits(), Fisher(LOGISTIC, sigma=0.1)
    first = drawn(monkeypatch, method, data, [Records([1])])
    assert np.abs(np.corrcoef(first + drawn(monkeypatch, method, data, [Records([2])]))[0, 1]) < 0.08


def test_the_same_request_ends_the_same_and_a_key_changes_it() -> None:
    data, method, target = visits(), Fisher(LOGISTIC, sigma=0.1), Records([1, 2])
    model = method.learn(data, RUN)
    ends = [fingerprint(method.forget(model, target, data, run).model) for run in (RUN, RUN, Run(key=b"other"))]
    assert ends[0] == ends[1] != ends[2]


def test_the_reference_is_learning_without_and_passes_through_no_step_and_no_noise() -> None:
    """The study's refit takes the same Newton steps under the same seed: AccDis tends to 0 by construction."""
    data, target = visits(), Records(range(20))
    for method in (Fisher(LOGISTIC, batches=8, sigma=10.0), Fisher(LogisticRegression())):
        assert fingerprint(method.learn(data, RUN)) == fingerprint(LOGISTIC.learn(data, RUN))
        assert method.recipe() == Retrain(LOGISTIC).recipe()
        refit = Retrain(LOGISTIC).forget(method.learn(data, RUN), target, data, RUN).model
        assert fingerprint(refit) == fingerprint(method.learn(data.after(target), RUN))


# The verbs


def test_the_price_is_a_pass_for_each_batch() -> None:
    data, method = visits(), Fisher(LOGISTIC, batches=3)
    model = method.learn(data, RUN)
    quote = method.quote(model, Records(range(7)), data, RUN)
    assert isinstance(quote, Quote)
    assert quote.examples == (400 - 3) + (400 - 5) + (400 - 7)
    assert method.visits(data, RUN) == as_linear(LOGISTIC).visits(data, RUN)


def test_what_it_cannot_follow_is_refused_and_parameters_are_checked() -> None:
    data, method = visits(), Fisher(LOGISTIC)
    model = method.learn(data, RUN)
    with pytest.raises(RefusedError, match="before or after this target has none"):
        method.forget(model, Records(range(400)), data, RUN)
    with pytest.raises(ParameterError, match="batches"):
        Fisher(LOGISTIC, batches=0)
    with pytest.raises(ParameterError, match="sigma"):
        Fisher(LOGISTIC, sigma=-1)
