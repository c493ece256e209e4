"""Networks trained on: at the rate that is asked for, whatever the learner holds out, logs or keeps."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler

from expunge.codec import fingerprint
from expunge.learners.torch import TorchLearner
from expunge.learners.torch.further import slowed, slower
from expunge.learners.torch.schedules import cosine
from expunge.protocol import Run
from expunge.testing.cases import patients
from expunge.testing.networks import mlp

RUN, DATA = Run(key=b"key"), patients(30)
LEARNER = TorchLearner(mlp, partial(torch.optim.SGD, lr=0.5, momentum=0.9), cosine, epochs=4, batch_size=8)


def test_at_the_whole_rate_and_by_the_own_schedule_it_is_what_go_on_makes() -> None:
    net = LEARNER.learn(DATA, RUN)
    mine = slower(LEARNER, 1, own=True).go_on(net, DATA, 2, RUN, 2)
    its = LEARNER.go_on(net, DATA, 2, RUN, 2)
    assert fingerprint(mine.weights) == fingerprint(its.weights)


def test_a_rate_that_is_held_is_that_of_an_optimiser_made_for_it() -> None:
    net = LEARNER.learn(DATA, RUN)
    slow = replace(LEARNER, optimizer=partial(torch.optim.SGD, lr=0.05, momentum=0.9), schedule=None)
    mine = slower(LEARNER, 0.1, own=False).go_on(net, DATA, 2, RUN, 2)
    its = slow.go_on(net, DATA, 2, RUN, 2)
    before, after, wanted = (each.weights or {} for each in (net, mine, its))
    assert all(np.allclose(after[name], wanted[name], atol=1e-7) for name in wanted)
    assert any((after[name] != before[name]).any() for name in before)


@pytest.mark.parametrize("rate", [0.1, 0.5, 2.0])
def test_every_group_of_parameters_is_slowed(rate: float) -> None:
    first, second = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))

    def two(_: Any) -> torch.optim.Optimizer:
        groups: Any = [{"params": [first], "lr": 0.3}, {"params": [second]}]
        return torch.optim.SGD(groups, lr=0.1)

    made = slowed(two, rate, [])
    assert [group["lr"] for group in made.param_groups] == [pytest.approx(0.3 * rate), pytest.approx(0.1 * rate)]


@pytest.mark.parametrize(
    "settings",
    [{"validation": 0.2, "patience": 2}, {"shadow": 0.2}, {"rewind": 2}, {"prepare": StandardScaler()}, {"log": True}],
    ids=lambda settings: next(iter(settings)),
)
def test_what_belongs_to_learning_alone_is_no_obstacle(settings: dict[str, Any]) -> None:
    learner = replace(LEARNER, **settings)
    net = learner.learn(DATA, RUN)
    before = fingerprint(net)
    after = learner.further(0.1, own=False).go_on(net, DATA, 2, RUN, 2)
    assert fingerprint(net) == before
    assert after.prepared is net.prepared
    assert learner.predict(after, DATA).shape == (30, 3)
    assert fingerprint(after.log) == fingerprint(net.log)  # nothing more is written down
