"""The last linear layer: with the features it gives the answers, and a network without one is refused."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.special import softmax
from torch import nn

from expunge import Run, TorchLearner
from expunge.errors import ParameterError
from expunge.learners.torch.last_layer import last_layer_of
from expunge.testing import patients
from expunge.testing.networks import dropping, mlp

RUN = Run(key=b"a key for tests")


def unbiased(outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, outputs, bias=False))


def no_linear(outputs: int) -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (3, 1)), nn.Conv1d(3, outputs, 1), nn.Flatten())


@pytest.mark.parametrize("factory", [mlp, dropping, unbiased, partial(nn.Linear, 3, 3)])
def test_with_the_features_it_gives_the_answers(factory: object) -> None:
    data = patients()
    learner = TorchLearner(factory, epochs=2)  # type: ignore[arg-type]
    net = learner.learn(data, RUN)
    weight, bias = last_layer_of(learner, net)
    assert weight.dtype == bias.dtype == np.float64
    scores = softmax(learner.features(net, data) @ weight.T + bias, axis=1)
    assert scores == pytest.approx(learner.predict(net, data), abs=1e-5)


def test_a_network_without_one_is_refused() -> None:
    data = patients()
    learner = TorchLearner(no_linear, epochs=1)
    with pytest.raises(ParameterError, match="no last linear layer of 3 outputs"):
        last_layer_of(learner, learner.learn(data, RUN))
    one = data.take(np.flatnonzero(data.label == "ham"))
    single = TorchLearner(mlp, epochs=1)
    with pytest.raises(ParameterError, match="no last linear layer"):
        last_layer_of(single, single.learn(one, RUN))
