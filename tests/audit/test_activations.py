"""Activations: features of all four models from the oracle's, and a reason where there are none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from torch import nn

from expunge import Column, Label, Records, Retrain, Run, Sisa, Table, TorchLearner
from expunge.audit.activations import Inside, activations, lines
from expunge.audit.arms import Four, Missing, Parts
from expunge.audit.report import Report, audit
from expunge.methods.torch.logit_masking import LogitMasking

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUN = Run(key=b"inside")
X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
DATA, TEST = (Table.from_arrays(X[at], X[at, 0] > 0, np.arange(60)[at]) for at in (slice(40), slice(40, 60)))


def network(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """4-8-2."""
    return nn.Sequential(nn.Linear(shape[0], 8), nn.ReLU(), nn.Linear(8, outputs))


LEARNER = TorchLearner(partial(network), epochs=3, batch_size=20, device="cpu")


def test_distances_are_those_of_the_features(reports: dict[str, Report]) -> None:
    method, target = Retrain(LEARNER), Records([1, 2, 3])
    models = Four(*(method.learn(DATA, Run(key=bytes([k]))) for k in range(4)))
    found = activations(method, models, Parts(Missing("-"), DATA.take(np.arange(1, 4)), TEST), DATA.names)
    seen = models.map(lambda model: LEARNER.features(model, TEST))
    assert isinstance(found.test, Inside)
    for name in ("original", "forgotten", "second"):
        expected = np.linalg.norm(getattr(seen, name) - seen.oracle, axis=1).mean()
        assert getattr(found.test, name) == pytest.approx(expected)
    assert isinstance(found.forgotten, Inside)
    assert found.forgotten.records == len(target.ids)
    assert isinstance(reports["numbers"].activations.test, Inside)
    assert "How far the inside" in str(reports["numbers"])


def test_a_method_that_touches_the_last_layer_alone_stays_where_it_was() -> None:
    model, oracle, second = (LEARNER.learn(DATA, Run(key=bytes([k]))) for k in range(3))
    weights = dict(model.weights or {})
    last = max(weights)
    done = type(model)(**{**vars(model), "weights": {**weights, last: np.zeros_like(weights[last])}})
    found = activations(LEARNER, Four(model, done, oracle, second), Parts(DATA, DATA, TEST), DATA.names).test
    assert isinstance(found, Inside)
    assert found.forgotten == found.original
    assert found.original > 0


def test_exact_forgetting_is_at_no_distance_and_another_key_is() -> None:
    method, target = Retrain(LEARNER), Records([1, 2, 3])
    model = method.learn(DATA, RUN)
    report = audit(method, model, method.forget(model, target, DATA, RUN), target, DATA, RUN, test=TEST)
    found = report.activations.test
    assert isinstance(found, Inside)
    assert found.forgotten == 0 < found.second
    assert "relative" in str(report)


def test_an_erased_column_is_no_obstacle() -> None:
    method, target = Retrain(LEARNER), Column("x1")
    model = method.learn(DATA, RUN)
    report = audit(method, model, method.forget(model, target, DATA, RUN), target, DATA, RUN, test=TEST)
    assert isinstance(report.activations.test, Inside)


@dataclass(frozen=True)
class Wide:
    """Features as wide as the model says."""

    def features(self, model: int, data: Table) -> NDArray[np.float64]:
        return np.zeros((len(data), model))


@pytest.mark.parametrize(
    ("method", "models", "reason"),
    [
        (Retrain(Sisa(LEARNER)), Four(1, 1, 1, 1), "no features inside"),
        (object(), Four(1, 1, 1, 1), "no features inside"),
        (Wide(), Four(1, 1, 2, 1), "different widths"),
        (Wide(), Four[Any](1, 1, Missing("nothing was learned"), 1), "nothing was learned"),
    ],
)
def test_where_there_is_none_it_says_why(method: Any, models: Four[Any], reason: str) -> None:
    found = activations(method, models, Parts(DATA, DATA.take(slice(0, 0)), TEST), DATA.names)
    assert isinstance(found.test, Missing)
    assert reason in found.test.reason
    assert isinstance(found.forgotten, Missing)
    assert lines(found) == []


def test_a_model_around_the_learners_own_is_not_looked_into() -> None:
    method = LogitMasking(LEARNER)
    model, oracle, second = (method.learn(DATA, Run(key=bytes([k]))) for k in range(3))
    masked = method.forget(model, Label(True), DATA, Run(key=bytes([0]))).model
    found = activations(method, Four(model, masked, oracle, second), Parts(DATA, DATA, TEST), DATA.names)
    assert isinstance(found.test, Missing)
    assert "cannot look inside" in found.test.reason


def test_shards_that_are_several_have_none_in_common() -> None:
    method = Sisa(LEARNER, shards=2)
    model = method.learn(DATA, RUN)
    found = activations(method, Four(model, model, model, model), Parts(DATA, DATA, TEST), DATA.names)
    assert isinstance(found.test, Missing)
