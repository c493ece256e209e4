"""What is lost when a module is made again from its arrays is found, when it is trained and when it is adopted."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from expunge import Refusal, Run, TorchLearner, fingerprint
from expunge.errors import LearnError
from expunge.learners.torch.rebuilt import evaluating
from expunge.testing import patients
from expunge.testing.networks import mlp

RUN = Run(key=b"a key for tests")
DATA = patients(24)


class Waves(nn.Module):
    """Random features, kept as a buffer where they are to be kept at all."""

    waves: Tensor

    def __init__(self, *, kept: bool) -> None:
        super().__init__()
        self.said = nn.Linear(10, 3)
        if kept:
            self.register_buffer("waves", torch.randn(3, 10), persistent=False)
        else:
            self.waves = torch.randn(3, 10)

    def forward(self, given: Tensor) -> Tensor:
        made: Tensor = self.said(torch.cos(given @ self.waves))
        return made


class Counting(nn.Linear):
    """Grows with each batch that it was trained on."""

    seen = 0

    def forward(self, given: Tensor) -> Tensor:
        self.seen += self.training
        return super().forward(given) * (1 + self.seen / 10)


class Looked(nn.Linear):
    """Keeps what it said last, and how often it was asked, and goes by neither."""

    asked = 0
    last: Any = None

    def forward(self, given: Tensor) -> Tensor:
        self.asked += 1
        made = super().forward(given)
        self.last = made
        return made


class Guessing(nn.Linear):
    """Draws when it is asked, too."""

    def forward(self, given: Tensor) -> Tensor:
        return super().forward(nn.functional.dropout(given, 0.5, training=True)) + float(np.random.rand())  # noqa: NPY002


class Tied(nn.Module):
    """Two layers with the same weights; the first of them does not learn its bias."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.first.bias.requires_grad = False

    def forward(self, given: Tensor) -> Tensor:
        made: Tensor = self.second(torch.tanh(self.first(given)))
        return made


def spectral() -> nn.Module:
    return nn.Sequential(parametrizations.spectral_norm(nn.Linear(3, 8)), nn.ReLU(), nn.Linear(8, 3))


def normed() -> nn.Module:
    return nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 8)), nn.ReLU(), nn.Linear(8, 3))


def old_normed() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 8)), nn.ReLU(), nn.Linear(8, 3))


def exchanging(module: nn.Module, batches: Any, epochs: int) -> None:
    """A loop that exchanges a layer."""
    module.register_module("0", nn.Identity())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"factory": partial(Waves, kept=False)}, "parameters and buffers, Waves gives other outputs"),
        ({"factory": partial(Counting, 3, 3)}, "parameters and buffers, Counting gives other outputs"),
        ({"factory": normed, "loop": exchanging}, "0.bias is .* there, and absent here in the trained module"),
    ],
)
def test_what_would_be_lost_is_refused_when_it_was_trained(options: dict[str, Any], said: str) -> None:
    with pytest.raises(LearnError, match=f"cannot be kept as arrays: .*{said}.*register_buffer"):
        TorchLearner(**options, epochs=1, batch_size=8).learn(DATA, RUN)


@pytest.mark.parametrize(
    "factory",
    [partial(Waves, kept=True), partial(Looked, 3, 3), partial(Guessing, 3, 3), Tied, spectral, normed, old_normed],
)
def test_what_is_kept_is_kept_and_answers_twice_the_same(factory: Any) -> None:
    learner = TorchLearner(factory, epochs=2, batch_size=8)
    model = learner.learn(DATA, RUN)
    assert fingerprint(model) == fingerprint(learner.learn(DATA.take(slice(None, None, -1)), RUN))
    torch.manual_seed(1)
    before = learner.predict(model, DATA)
    torch.manual_seed(2)
    drawn, numpys = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    assert np.array_equal(learner.predict(model, DATA), before)
    assert all(np.array_equal(scores, before) for scores in learner.predict_together([model] * 3, DATA))
    assert torch.equal(torch.get_rng_state(), drawn)
    assert np.random.get_state()[1].tolist() == numpys  # type: ignore[index]  # noqa: NPY002


def bent(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """`mlp` with another activation: the same parameters."""
    return nn.Sequential(nn.Linear(shape[0], 8), nn.Tanh(), nn.Linear(8, outputs))


def test_a_module_that_answers_otherwise_than_the_factory_s_is_not_adopted() -> None:
    learner, foreign = TorchLearner(mlp), bent((3,), 3)
    refused = learner.adopt(foreign, DATA, RUN)
    assert isinstance(refused, Refusal)
    assert "with the same parameters and buffers it gives other outputs" in refused.reason
    assert foreign.training
    assert not isinstance(TorchLearner(bent).adopt(foreign, DATA, RUN), Refusal)


def test_each_part_is_put_back_into_its_own_mode() -> None:
    module = nn.Sequential(nn.Dropout(), nn.Dropout().eval())
    with evaluating(module):
        assert not module[0].training
    assert [part.training for part in module.modules()] == [True, True, False]
