"""EU-k and CF-k: only the last k layers are trained on what is retained, from fresh weights (EU) or as they are (CF).

All layers before them are frozen, and keep what they hold of the forgotten records. So it is cheap, and not enough for
single records, which early layers know too. With every layer reset it is training afresh.

Claim: Empirical.

References
----------
Goel, Prabhu, Sanyal, Lim, Torr, Kumaraguru (2022), "Towards Adversarial Evaluations for Inexact Machine Unlearning",
arXiv:2201.06640. One layer, ten epochs, learning rate 0.01: xcadet/deepunlearn,
commit d3dacb6. Momentum and weight decay are those of `Finetune`.

Where we differ: a layer is a part of the module with a matrix or kernel of its own, in the order in which the module
names its parts; parts with vectors alone (batch norm, say) go with the layer before them. The learning rate falls along
a cosine, there by steps to a tenth. Statistics of batch norm are taken anew, also in frozen layers: they hold the
forgotten records.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(8, dtype=np.float32), ["a", "b"] * 4)
>>> method, run = ResetLayers(TorchLearner(partial(torch.nn.Linear, 8, 2)), epochs=2), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([3]), table, run)
>>> done.claim, done.examples
(Empirical(), 14)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from expunge.errors import ParameterError
from expunge.learners.torch.network import built
from expunge.learners.torch.schedules import cosine
from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_count, check_number, check_positive
from expunge.values import Refusal

if TYPE_CHECKING:
    from expunge.learners.torch import Net, TorchLearner
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Sides, Unlearning


@dataclass(frozen=True)
class ResetLayers(PostHoc):
    """Train the last layers on the retained records, from fresh weights or as they are.

    Parameters
    ----------
    learner : TorchLearner
    layers : int
        How many, counted from the end.
    fresh : bool
        True: EU-k, they start from fresh weights. False: CF-k, from those that they have.
    epochs : int
        Passes over the retained records. One counts as a whole visit of each, although frozen layers are only passed
        forwards.
    lr : float
        Learning rate, falling along a cosine.
    momentum, weight_decay : float
        Of stochastic gradient descent.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained"})
    doubted: ClassVar[str | None] = (
        "with its last layer alone it makes a network forget a class, and leaves most of what single records left in it"
    )
    learner: TorchLearner
    layers: int = 1
    fresh: bool = True
    epochs: int = 10
    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4

    def check(self) -> None:
        """Raise a sentence for settings that are not possible."""
        check_count(self, "layers", "epochs")
        check_positive(self, "lr")
        check_number(self, "momentum", "weight_decay")
        if not isinstance(self.fresh, bool):
            msg = f"ResetLayers needs fresh to be True or False, got {self.fresh!r}"
            raise ParameterError(msg)

    def most(self, retained: int, forgotten: int) -> int:
        """All retained records once an epoch, and statistics of batch norm."""
        return self.epochs * retained + -(-retained // 3)

    def refusal(self, model: Net, sides: Sides) -> Refusal | None:
        """There have to be that many layers."""
        found = len(layers_of(built(self.learner.made, model.shape, model.outputs)))
        if self.layers <= found:
            return None
        return Refusal(f"the network has {found} layers, and layers={self.layers} asks for more", "misconfigured")

    def unlearn(self, work: Unlearning) -> None:
        """Freeze, reset, and train."""
        last = list(chain(*layers_of(work.student)[-self.layers :]))
        if self.fresh:
            _reset(work.student, work.fresh("reset layers"), last)
        trained = {id(held) for name in last for held in work.student.get_submodule(name).parameters(recurse=False)}
        for held in work.student.parameters():
            held.requires_grad_(held.requires_grad and id(held) in trained)
        optimizer = work.optimizer(torch.optim.SGD, lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        schedule = cosine(optimizer, self.epochs)
        for epoch in range(self.epochs):
            for batch in work.retained.batches(epoch):
                work.step(work.losses(work.outputs(batch), batch.target).mean(), optimizer)
            schedule.step()
        work.renew_statistics()


def layers_of(module: nn.Module) -> list[list[str]]:
    """Names of the parts of each layer.

    Examples
    --------
    >>> layers_of(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)))
    [['0', '1'], ['3']]
    """
    found: list[list[str]] = []
    opened = True  # nothing but vectors so far
    for name, part in module.named_modules():
        own = [held.ndim for held in part.parameters(recurse=False)]
        if not own:
            continue
        if not found or (max(own) > 1 and not opened):
            found.append([])
        opened = (opened or not found[-1]) and max(own) <= 1
        found[-1].append(name)
    return found


def _reset(module: nn.Module, fresh: nn.Module, parts: list[str]) -> None:
    """Give these parts the weights and buffers of a fresh network."""
    with torch.no_grad():
        for name in parts:
            mine, news = (each.get_submodule(name) for each in (module, fresh))
            for held, new in zip(_held(mine), _held(news), strict=True):
                held.copy_(new)


def _held(part: nn.Module) -> list[torch.Tensor]:
    return [*part.parameters(recurse=False), *part.buffers(recurse=False)]
