"""Resurfacing: retained records alone go in, for so many epochs, and the model that is given stays as it is."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from expunge.audit.further import Sides
from expunge.audit.resurfacing import Resurfacing
from expunge.codec import fingerprint
from expunge.data.table import Table
from expunge.learners.torch import TorchLearner
from expunge.protocol import Run
from expunge.testing.networks import mislabelled, mlp

RUN = Run(key=b"key")
LEARNER = TorchLearner(mlp, partial(torch.optim.SGD, lr=0.5), epochs=20, batch_size=8, log=False)
DATA = mislabelled(40, 0, 1)
STAY, GONE = DATA.take(slice(8, None)), DATA.take(slice(8))


@pytest.fixture(scope="module")
def net() -> Any:
    return LEARNER.learn(DATA, RUN)


def moved(one: Any, other: Any) -> float:
    return max(float(np.abs(one.weights[name] - other.weights[name]).max()) for name in one.weights)


def test_the_model_goes_on_by_its_key_and_is_left_alone(net: Any) -> None:
    before, sides = fingerprint(net), Sides(STAY, GONE, b"key")
    found = [Resurfacing().after(LEARNER, net, sides, Run(key=key)) for key in (b"one", b"one", b"two")]
    assert fingerprint(net) == before
    assert fingerprint(found[0]) == fingerprint(found[1]) != fingerprint(found[2])
    assert moved(net, found[0]) > 0


def test_no_forgotten_record_is_looked_at(net: Any) -> None:
    others = Table.from_arrays(np.full((8, 6), 100.0), ["ham"] * 8, range(8))
    found = [Resurfacing().after(LEARNER, net, Sides(STAY, gone, b"key"), RUN) for gone in (GONE, others)]
    assert fingerprint(found[0]) == fingerprint(found[1])


def test_epochs_rate_and_schedule_are_as_asked(net: Any) -> None:
    sides = Sides(STAY, GONE, b"key")
    usual = Resurfacing().after(LEARNER, net, sides, RUN)
    same = Resurfacing(epochs=2, rate=0.1).after(LEARNER, net, sides, RUN)
    assert fingerprint(usual) == fingerprint(same)  # a tenth of the epochs, at a tenth of the rate
    assert moved(net, Resurfacing(rate=1.0).after(LEARNER, net, sides, RUN)) > 3 * moved(net, usual)
    assert moved(net, Resurfacing(epochs=8).after(LEARNER, net, sides, RUN)) > moved(net, usual)


def test_figures_and_price() -> None:
    sides = Sides(STAY, GONE, b"key")
    assert [one.name for one in Resurfacing().figures(sides)] == ["fit, resurfaced", "accuracy, resurfaced"]
    assert Resurfacing(epochs=3, rate=0.3).figures(sides)[0].name == "fit, resurfaced (3, 0.3)"
    assert [one.about for one in Resurfacing().figures(sides)] == ["leakage", "leakage"]
    assert (Resurfacing().visits(LEARNER, 32, 8), Resurfacing(epochs=5).visits(LEARNER, 32, 8)) == (64, 160)
