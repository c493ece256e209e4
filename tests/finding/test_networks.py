"""Effects in a network: of its last layer, against that layer learned again, and planted wrong labels."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from expunge import Records, Run, Sisa, Table, TorchLearner
from expunge.errors import ParameterError
from expunge.finding.effects import DAMPING, effects_of
from expunge.finding.influential import influential
from expunge.finding.poisoned import poisoned
from expunge.learners.linear import LinearLearner
from expunge.testing import patients
from expunge.testing.networks import mlp

RUN = Run(key=b"a key for tests")
ADAM = partial(torch.optim.Adam, lr=5e-3)


def small() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))


def ending_in_squares(outputs: int) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(3, outputs), torch.nn.Tanh())


def test_scores_are_those_of_the_network_and_shards_are_looked_through() -> None:
    data = patients()
    learner = TorchLearner(mlp, ADAM, epochs=3)
    methods: list[Any] = [learner, Sisa(learner, shards=2)]
    for method in methods:
        model = method.learn(data, RUN)
        found = effects_of(method, model, data, RUN, data)
        assert found.scores() == pytest.approx(method.predict(model, data), abs=1e-4)
        assert "last layer" in found.place


def test_effects_are_those_of_a_linear_model_of_its_features() -> None:
    """A network that is one linear layer, at the optimum of what its damping adds to the loss, is that model."""
    data = patients(80)
    X, n = np.asarray(data.features, dtype=np.float64), len(data)
    damping = DAMPING * (float((X**2).sum()) + n) / (X.shape[1] + 1)
    with_bias = Table.from_arrays(np.column_stack([X, np.ones(n)]), data.label)  # whose bias is penalised too
    linear = LinearLearner(LogisticRegression(C=1 / damping, fit_intercept=False))
    optimum = linear.learn(with_bias, RUN)
    assert optimum.weights is not None
    W = optimum.weights.reshape(-1, X.shape[1] + 1)
    W = W if len(W) > 1 else np.stack([-W[0] / 2, W[0] / 2])
    learner = TorchLearner(partial(torch.nn.Linear, X.shape[1], len(W)), epochs=1)
    module = torch.nn.Linear(X.shape[1], len(W))
    with torch.no_grad():
        module.weight.copy_(torch.tensor(W[:, :-1]))
        module.bias.copy_(torch.tensor(W[:, -1]))
    net = learner.adopt(module, data, RUN)
    wanted = np.zeros((n, len(W)))
    wanted[0, 0] = 1.0
    one = effects_of(learner, net, data, RUN, data).of(wanted)
    other = effects_of(linear, optimum, with_bias, RUN, with_bias).of(wanted)
    assert spearmanr(one, other)[0] > 0.98


def test_planted_wrong_labels_are_what_wrong_predictions_come_from() -> None:
    X, y = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    order = random.permutation(len(X))
    X, label = (X[order] / 16).astype(np.float32), y[order].copy()
    label[:60] = (label[:60] + random.integers(1, 10, 60)) % 10
    data = Table.from_arrays(X[:1200], label[:1200])
    learner = TorchLearner(small, ADAM, epochs=12, batch_size=50)
    net = learner.learn(data, RUN)
    asked = Table.from_arrays(X[1200:], y[order[1200:]])
    found = influential(learner, net, data, RUN, asked)
    assert np.mean(np.array(found.names(60)) < 60) > 0.6  # measured with another network: .82, .83; .05 is chance
    assert found.target(3) == Records(found.names(3))
    assert "features of the network" in poisoned(learner, net, data, RUN).said[0]
    assert "standardised inputs" in poisoned(learner, net, data, RUN, at="inputs").said[0]


def test_of_numbers() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 3)).astype(np.float32)
    data = Table.from_arrays(X, X[:, 0] + 0.1 * random.normal(size=60))
    learner = TorchLearner(mlp, ADAM, epochs=3, task="regression")
    net = learner.learn(data, RUN)
    assert effects_of(learner, net, data, RUN, data).scores()[:, 0] == pytest.approx(
        learner.predict(net, data), abs=1e-4
    )
    assert np.isfinite(influential(learner, net, data, RUN, data).scores).all()


def test_networks_that_do_not_end_in_a_linear_layer_and_several_labels_are_refused() -> None:
    data = patients()
    learner = TorchLearner(ending_in_squares, ADAM, epochs=1)
    with pytest.raises(ParameterError, match="does not answer by its last linear layer"):
        effects_of(learner, learner.learn(data, RUN), data, RUN, data)
    several = Table.from_arrays(np.zeros((20, 3), np.float32), np.eye(20, 2, dtype=bool))
    many = TorchLearner(mlp, ADAM, epochs=1)
    with pytest.raises(ParameterError, match="this one is of multilabel"):
        effects_of(many, many.learn(several, RUN), several, RUN, several)
