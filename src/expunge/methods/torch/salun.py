"""Saliency unlearning: random labels for the forgotten records, learned by those weights alone that they touch most.

The mask is the share of all weights whose gradient of the forgotten records' loss is largest. In every epoch the
forgotten records are learned under labels drawn anew, then the retained ones under their own; after each step the
weights outside of the mask are put back, bit for bit. A mask on gradients alone is not enough: momentum and weight
decay move weights without gradient (the authors' code did so until early 2026; results from before include it).

Claim: Empirical.

References
----------
Fan, Liu, Zhang, Wong, Wei, Liu (2023), "SalUn: Empowering Machine Unlearning via Gradient-based Weight Saliency in Both
Image Classification and Generation", ICLR 2024, arXiv:2310.12508. Defaults are those of the authors' README for 10 % of
CIFAR-10 on a ResNet-18: half of the weights, ten epochs, learning rate 0.013, which decides everything. Order of an
epoch and labels (any class, the right one too): their `RL.py`, commit 3152cfe.

Where we differ: forgotten records pass batch norm uncounted. Buffers are outside of mask and putting back.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(8, dtype=np.float32), ["a", "b"] * 4)
>>> method, run = SalUn(TorchLearner(partial(torch.nn.Linear, 8, 2)), epochs=2), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([3]), table, run)
>>> done.claim, done.examples
(Empirical(), 17)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from expunge import keyed
from expunge.methods.torch._importance import summed, weights
from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_count, check_positive, check_share

if TYPE_CHECKING:
    from expunge.learners.torch import TorchLearner
    from expunge.methods.torch._importance import Named
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Unlearning


@dataclass(frozen=True)
class SalUn(PostHoc):
    """Learn random labels for the forgotten records with the weights that they touch most.

    Parameters
    ----------
    learner : TorchLearner
    share : float
        Of all weights, how many may move.
    epochs : int
        Passes over both sides.
    lr, momentum, weight_decay : float
        Of stochastic gradient descent.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained", "forgotten", "classification"})
    doubted: ClassVar[str | None] = (
        "at its published settings its random labels show: an attack on all scores knows nearly every forgotten record"
    )
    learner: TorchLearner
    share: float = 0.5
    epochs: int = 10
    lr: float = 0.013
    momentum: float = 0.9
    weight_decay: float = 5e-4

    def check(self) -> None:
        """Raise a sentence for settings that are not possible."""
        check_share(self, "share")
        check_count(self, "epochs")
        check_positive(self, "lr")

    def most(self, retained: int, forgotten: int) -> int:
        """The forgotten once for the mask, everyone in each epoch, and statistics of batch norm."""
        return forgotten + self.epochs * (retained + forgotten) + -(-retained // 3)

    def unlearn(self, work: Unlearning) -> None:
        """Make the mask, and train inside of it."""
        movable = largest(summed(work, work.forgotten), self.share)
        held = weights(work.student)
        before = {name: each.clone() for name, each in held.items()}
        optimizer = work.optimizer(torch.optim.SGD, lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        for epoch in range(self.epochs):
            labels = random_labels(work, epoch)
            for batch in work.forgotten.batches(epoch):
                drawn = labels[torch.tensor(batch.rows)].to(work.device)
                work.step(work.losses(work.outputs(batch, count=False), drawn).mean(), optimizer)
                _put_back(held, before, movable)
            for batch in work.retained.batches(epoch):
                work.step(work.losses(work.outputs(batch), batch.target).mean(), optimizer)
                _put_back(held, before, movable)
        work.renew_statistics()


def largest(found: Named, share: float) -> Named:
    """Whether each weight is among the share of all with the largest absolute numbers; of equals the first by name.

    Examples
    --------
    >>> largest({"a": torch.tensor([-3.0, 1.0]), "b": torch.tensor([2.0, 0.0])}, 0.5)
    {'a': tensor([ True, False]), 'b': tensor([ True, False])}
    """
    names = sorted(found)
    flat = torch.cat([found[name].abs().flatten() for name in names])
    mask = torch.zeros_like(flat, dtype=torch.bool)
    mask[torch.argsort(flat, descending=True, stable=True)[: round(share * len(flat))]] = True
    parts = torch.split(mask, [found[name].numel() for name in names])
    return {name: part.view(found[name].shape) for name, part in zip(names, parts, strict=True)}


def random_labels(work: Unlearning, epoch: int) -> Tensor:
    """(n,) a class for each forgotten record, any of them; it belongs to the record's id and the epoch."""
    drawn = keyed.draw(work.run.key, work.forgotten.data.ids, "random label", epoch)
    return torch.tensor((drawn % np.uint64(work.model.outputs)).astype(np.int64))


def _put_back(held: Named, before: Named, movable: Named) -> None:
    for name, each in held.items():
        each.copy_(torch.where(movable[name], each, before[name]))
