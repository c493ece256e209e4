"""Features are what the last linear layer is handed, for any module, and asking for them moves nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.preprocessing import StandardScaler
from torch import nn

from expunge import Run, Table, TorchLearner, fingerprint
from expunge.errors import DataError, MismatchError
from expunge.learners.torch.features import AT_ONCE, features_of
from expunge.testing import patients
from expunge.testing.networks import Cnn, Words, dropping, mlp, pictures

RUN = Run(key=b"a key for tests")
LEARNER = TorchLearner(mlp, partial(torch.optim.SGD, lr=0.1), epochs=2)


def test_the_last_layer_of_them_is_what_is_predicted() -> None:
    data = patients(AT_ONCE + 3)
    for learner in (LEARNER, replace(LEARNER, factory=dropping), replace(LEARNER, prepare=StandardScaler())):
        net = learner.learn(data, RUN)
        assert net.weights is not None
        *_, weight, bias = (value for name, value in net.weights.items() if name.split(".")[0] in {"2", "4"})
        found = learner.features(net, data)
        assert found.shape == (len(data), 8)
        scores = softmax(found @ np.asarray(weight, np.float64).T + np.asarray(bias, np.float64), axis=1)
        assert scores == pytest.approx(learner.predict(net, data), abs=1e-5)


@pytest.mark.parametrize(
    ("factory", "data", "width"), [(Cnn, pictures(), 16), (partial(nn.Linear, 3, 3), patients(), 3)]
)
def test_of_other_modules(factory: object, data: Table, width: int) -> None:
    learner = TorchLearner(factory, epochs=1)  # type: ignore[arg-type]
    found = features_of(learner, learner.learn(data, RUN), data)
    assert found.shape == (len(data), width)
    assert np.isfinite(found).all()


def test_of_tokens() -> None:
    tokens = Table.from_arrays(np.arange(24).reshape(8, 3) % 10, ["a", "b"] * 4)
    learner = TorchLearner(Words, epochs=1)
    assert features_of(learner, learner.learn(tokens, RUN), tokens).shape == (8, 10)


def no_linear(outputs: int) -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (3, 1)), nn.Conv1d(3, outputs, 1), nn.Flatten())


def test_without_a_linear_layer_or_a_network_they_are_the_inputs() -> None:
    data = patients()
    learner = TorchLearner(no_linear, epochs=1)
    plain = np.asarray(data.features, dtype=np.float64)
    assert features_of(learner, learner.learn(data, RUN), data).tolist() == plain.tolist()
    one = data.take(np.flatnonzero(data.label == "ham"))  # a single class has no network
    assert LEARNER.features(LEARNER.learn(one, RUN), one).shape == (len(one), 3)
    assert LEARNER.features(LEARNER.learn(data, RUN), data.take(slice(0, 0))).shape == (0, 3)


def test_a_record_has_the_same_ones_in_any_order() -> None:
    data = patients()
    net = LEARNER.learn(data, RUN)
    found = LEARNER.features(net, data)
    assert LEARNER.features(net, data.take(slice(None, None, -1))) == pytest.approx(found[::-1], abs=1e-6)


def test_asking_moves_nothing() -> None:
    data = patients()
    learner = replace(LEARNER, factory=dropping)
    net = learner.learn(data, RUN)
    before, state = fingerprint(net), torch.random.get_rng_state()
    assert learner.features(net, data).tolist() == learner.features(net, data).tolist()
    assert fingerprint(net) == before
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_is_no_model_or_no_records_of_it_is_refused() -> None:
    data = patients()
    with pytest.raises(MismatchError, match="a Net"):
        LEARNER.features(object(), data)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="learned from the columns"):
        LEARNER.features(LEARNER.learn(data, RUN), data.drop("x0"))
