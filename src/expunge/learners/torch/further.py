"""Training on from a finished network, as anybody can who has its weights: what an audit puts networks to.

The learner that does it is the one that made the network, without what belongs to learning alone: a log, early weights,
the schedule of a whole training. Units that were held out are trained on too, and preprocessing stays as it was fitted
(`TorchLearner.go_on`).

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Run, Table, TorchLearner
>>> table, run = Table.from_arrays(np.eye(4, dtype=np.float32), ["a", "b", "a", "b"]), Run(key=b"example")
>>> learner = TorchLearner(partial(torch.nn.Linear, 4, 2), partial(torch.optim.SGD, lr=0.5), epochs=5)
>>> net = learner.learn(table, run)
>>> more = slower(learner, 0.1, own=False).go_on(net, table, 2, run, 2)
>>> bool(np.abs(more.weights["weight"] - net.weights["weight"]).max() < 0.1)
True
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch  # noqa: TC002  (the example's too)

if TYPE_CHECKING:
    from collections.abc import Callable

    from expunge.learners.torch.learner import TorchLearner


def slower(learner: TorchLearner, rate: float, *, own: bool) -> TorchLearner:
    """A learner that goes on from this one's networks.

    Parameters
    ----------
    learner : TorchLearner
    rate : float
        Share of the optimiser's first rate. A training loop of the user's own knows no rate but its own.
    own : bool
        Whether the learner's schedule is followed, over the epochs to come; else the rate is held.
    """
    optimizer = learner.optimizer if rate == 1 else partial(slowed, learner.optimizer, rate)
    return replace(learner, optimizer=optimizer, schedule=learner.schedule if own else None, log=False, rewind=None)


def slowed(make: Callable[..., torch.optim.Optimizer], rate: float, held: Any) -> torch.optim.Optimizer:
    """An optimiser, each of its rates multiplied."""
    made = make(held)
    for group in made.param_groups:
        group["lr"] *= rate
    return made
