"""DeltaGrad against its formula written anew, and against learning again where every gradient is computed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from expunge import Quote, Records, Retrain, Run, Table, fingerprint
from expunge.errors import LearnError, MismatchError, ParameterError
from expunge.learners.linear import LinearLearner
from expunge.linear.objective import Objective
from expunge.methods.arrays._removal import parameters
from expunge.methods.arrays.deltagrad import DeltaGrad, Pairs, Trajectory
from expunge.testing import Case, Law, contract, patients

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUN = Run(key=b"k")
LOGISTIC, RIDGE = LinearLearner(LogisticRegression()), LinearLearner(Ridge())
POISSON = LinearLearner(PoissonRegressor(alpha=0.1))


@contract(
    Case(DeltaGrad(LOGISTIC, batches=1), examples=4),
    Case(DeltaGrad(LOGISTIC, batches=1, epochs=40, burn_in=5, period=2, pairs=4), examples=4, portable=False),
    Case(DeltaGrad(RIDGE, batches=1), patients(numbers=True, owned=False), examples=4, portable=False),
)
def test_deltagrad_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


def visits(n: int = 300, *, counts: bool = False) -> Table:
    """Two classes that overlap, or counts."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 4))
    margin = X @ [1.0, -2.0, 0.5, 0.0]
    y = rng.poisson(np.exp(0.3 * margin)) if counts else (margin + rng.logistic(size=n) > 0).astype(int)
    return Table.from_arrays(X, y)


def replayed(method: DeltaGrad, target: Records, data: Table) -> tuple[Trajectory, Trajectory, Trajectory]:
    """The log before, after, and of learning again."""
    model = method.learn(data, RUN)
    done = method.forget(model, target, data, RUN)
    return model, done.model, method.learn(data.after(target), RUN)


def apart(a: Trajectory, b: Trajectory) -> float:
    return float(np.linalg.norm(parameters(a.model) - parameters(b.model)))


def by_the_paper(
    X: NDArray[Any], y: NDArray[Any], k: int, method: DeltaGrad, beta: NDArray[Any], *, as_copied: bool = False
) -> NDArray[Any]:
    """The update of the paper for Poisson regression by whole batches, its BFGS matrix written out; k rows go."""
    n, eta = len(X), method.rate

    def gradient(w: NDArray[Any], rows: slice) -> NDArray[Any]:
        return np.asarray(X[rows].T @ (np.exp(X[rows] @ w) - y[rows]))

    w = np.zeros(X.shape[1])
    way, slopes = [], []
    for _ in range(method.epochs):
        way.append(w)
        slopes.append(gradient(w, slice(None)) / n)
        w = w - eta * (slopes[-1] + beta * w)
    v, pairs = np.zeros(X.shape[1]), []
    for t in range(method.epochs):
        dv = v - way[t]
        if t < method.burn_in or (t - method.burn_in) % method.period == 0:
            if dv.any():
                pairs.append((dv, gradient(v, slice(None)) / n - slopes[t] + beta * dv))
            v = v - eta * (gradient(v, slice(k, None)) / (n - k) + beta * v)
            continue
        s, z = pairs[-1]
        B = (z @ s) / (s @ s) * np.eye(len(v))
        for s, z in pairs[-method.pairs :]:
            B = B - np.outer(B @ s, B @ s) / (s @ B @ s) + np.outer(z, z) / (z @ s)
        gone = gradient(v, slice(0, k)) + k * beta * (way[t] if as_copied else v)
        v = v - eta * (n * (B @ dv + slopes[t] + beta * way[t]) - gone) / (n - k)
    return np.asarray(v)


def test_it_is_the_update_of_the_paper() -> None:
    data, k = visits(counts=True), 12
    method = DeltaGrad(POISSON, batches=1, epochs=40, burn_in=6, period=4, pairs=3)
    _, done, _ = replayed(method, Records(range(k)), data)
    X = np.column_stack([data.features, np.ones(300)])
    given = X, np.asarray(data.label), k, method, np.array([0.1] * 4 + [0.0])
    assert done.model.weights == pytest.approx(by_the_paper(*given), abs=1e-9)
    assert np.linalg.norm(done.model.weights - by_the_paper(*given, as_copied=True)) > 1e-7  # beta w_t for beta v


def test_with_every_gradient_computed_it_is_learning_again_to_the_bit() -> None:
    for data, learner in ((visits(), LOGISTIC), (visits(counts=True), POISSON), (visits(), RIDGE)):
        _, done, again = replayed(DeltaGrad(learner, period=1), Records(range(40)), data)
        assert fingerprint(done) == fingerprint(again)


def test_it_nears_learning_again_and_the_more_it_computes_the_nearer() -> None:
    data, target = visits(), Records(range(6))
    found = [replayed(DeltaGrad(LOGISTIC, epochs=60, period=period), target, data) for period in (20, 5, 2)]
    moved = apart(found[0][0], found[0][2])
    left = [apart(done, again) for _, done, again in found]
    assert left[2] < left[1] < left[0] < moved / 2


def test_what_was_replayed_is_the_log_of_the_next_request() -> None:
    data, method = visits(), DeltaGrad(LOGISTIC, epochs=40)
    model, rest = method.learn(data, RUN), data
    for first in range(0, 12, 3):
        target = Records(range(first, first + 3))
        model, rest = method.forget(model, target, rest, RUN).model, rest.after(target)
    again = method.learn(rest, RUN)
    assert model.weights.shape == again.weights.shape == (161, 5)
    assert apart(model, again) < apart(method.learn(data, RUN), again) / 3


# Mini-batches


def members(method: DeltaGrad, data: Table, epoch: int, place: int) -> Records:
    """The records of one mini-batch."""
    return Records(data.ids[method._places(data, RUN)[epoch] == place].tolist())


@pytest.mark.parametrize("period", [1, 5])
def test_a_mini_batch_that_goes_as_a_whole_leaves_the_log_in_step(period: int) -> None:
    """A copy of the authors' code in a later study goes on with the log and the rows of the batch before."""
    data, method = visits(), DeltaGrad(LOGISTIC, epochs=10, batches=30, period=period)
    target = members(method, data, 3, 7)
    assert target.ids
    model, done, again = replayed(method, target, data)
    number = 3 * 30 + 7
    assert done.weights[number].tolist() == done.weights[number + 1].tolist()
    assert done.gradients[number].tolist() == [0.0] * 5
    if period == 1:
        assert fingerprint(done) == fingerprint(again)
    else:
        assert apart(done, again) < apart(model, again) / 3


def test_a_deletion_moves_nobody_and_epochs_differ() -> None:
    data, method = visits(2000), DeltaGrad(LOGISTIC, batches=4)
    places = method._places(data, RUN)
    stays = np.arange(2000) % 3 > 0
    assert method._places(data.take(stays), RUN).tolist() == places[:, stays].tolist()
    assert all(400 < size < 600 for epoch in places for size in np.bincount(epoch.astype(int)))
    same = [[np.mean(a == b) for b in places] for a in places] - np.eye(20)
    assert 0.19 < np.min(same + np.eye(20)) <= np.max(same) < 0.31


def test_an_empty_mini_batch_is_no_step() -> None:
    data, method = visits(5), DeltaGrad(RIDGE, batches=40, epochs=2)
    model = method.learn(data, RUN)
    empty = [number for number in range(80) if not len(members(method, data, number // 40, number % 40).ids)]
    assert len(empty) > 60
    assert all(model.weights[number].tolist() == model.weights[number + 1].tolist() for number in empty)
    assert np.isfinite(method.forget(model, Records([0]), data, RUN).model.weights).all()


def test_the_schedule_is_burn_in_then_every_period_th() -> None:
    method = DeltaGrad(LOGISTIC, burn_in=3, period=4)
    assert [number for number in range(16) if method.computes(number)] == [0, 1, 2, 3, 7, 11, 15]


# The verbs


@pytest.mark.parametrize("batches", [4, 60], ids=["few leave a mini-batch", "one leaves as a whole"])
def test_the_price_is_what_is_looked_at(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    data, method, seen = visits(), DeltaGrad(LOGISTIC, epochs=12, batches=batches), Counter[str]()
    model, target = method.learn(data, RUN), Records(range(9)) if batches == 4 else members(method, data, 0, 3)
    quote = method.quote(model, target, data, RUN)
    own = Objective.data_gradient
    monkeypatch.setattr(Objective, "data_gradient", lambda self, w: (seen.update(visits=len(self)), own(self, w))[1])
    done = method.forget(model, target, data, RUN)
    assert isinstance(quote, Quote)
    assert quote.examples == done.examples == seen["visits"]
    assert method.visits(data, RUN) == 12 * 300


def test_only_what_is_learned_makes_the_recipe() -> None:
    recipes = {DeltaGrad(LOGISTIC, **how).recipe() for how in ({}, {"burn_in": 3}, {"period": 2}, {"pairs": 5})}
    assert recipes == {Retrain(DeltaGrad(LOGISTIC)).recipe()}
    others = [DeltaGrad(LOGISTIC, rate=0.2), DeltaGrad(LOGISTIC, epochs=3), DeltaGrad(LOGISTIC, batches=3)]
    assert len({method.recipe() for method in (*others, DeltaGrad(POISSON), DeltaGrad(LOGISTIC))}) == 5


def test_a_rate_that_is_too_large_is_said() -> None:
    with pytest.raises(LearnError, match=r"left the finite numbers at step \d+: take a rate below 1000000000.0"):
        DeltaGrad(RIDGE, rate=1e9, epochs=200).learn(visits(), RUN)


def test_a_log_of_another_descent_is_refused() -> None:
    data = visits()
    model = DeltaGrad(LOGISTIC, epochs=3).learn(data, RUN)
    with pytest.raises(MismatchError, match="it holds 12 steps"):
        DeltaGrad(LOGISTIC).forget(model, Records([1]), data, RUN)


@pytest.mark.parametrize(
    "wrong",
    [{"rate": 0.0}, {"rate": np.inf}, {"epochs": 0}, {"batches": 0}, {"burn_in": 0}, {"period": 0}, {"pairs": 0}],
)
def test_parameters_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=f"DeltaGrad needs {next(iter(wrong))}"):
        DeltaGrad(LOGISTIC, **wrong)


def test_only_pairs_along_which_the_gradient_grows_are_kept() -> None:
    pairs = Pairs(2)
    assert pairs.times(np.ones(2)).tolist() == [0, 0]
    for step, change in (([1, 0], [1, 0]), ([0, 1], [0, -1]), ([0, 0], [0, 0]), ([0, 1], [0, 2]), ([1, 1], [3, 3])):
        pairs.keep(np.array(step, float), np.array(change, float))
    assert [step.tolist() for step in pairs.steps] == [[0, 1], [1, 1]]
    assert pairs.times(np.array([1.0, 1.0])) == pytest.approx([3, 3])
