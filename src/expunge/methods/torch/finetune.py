"""Fine-tuning: go on training on what is retained, and hope that the rest fades. The baseline, not an answer.

With a small learning rate it forgets next to nothing (docs/papers.md has what we measured); it is here because every
other method has to beat it, and because what it costs is what healing costs. Statistics of batch norm are taken anew
from the retained records in the end.

Claim: Empirical.

References
----------
Warnecke, Pirch, Wressnegger, Rieck (2023), arXiv:2108.11577, and Triantafillou et al. (2024), arXiv:2406.09073 (the
NeurIPS 2023 competition), use it as baseline; its starting kit takes SGD, learning rate 0.1, momentum 0.9, weight decay
5e-4, five epochs under a cosine.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(8, dtype=np.float32), ["a", "b"] * 4)
>>> method, run = Finetune(TorchLearner(partial(torch.nn.Linear, 8, 2)), epochs=2), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([3]), table, run)
>>> done.claim, done.examples
(Empirical(), 14)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from expunge.learners.torch.schedules import cosine
from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_count, check_number, check_positive

if TYPE_CHECKING:
    from expunge.learners.torch import TorchLearner
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Unlearning


@dataclass(frozen=True)
class Finetune(PostHoc):
    """Go on training on the retained records.

    Parameters
    ----------
    learner : TorchLearner
    epochs : int
        Passes over the retained records. Five in the starting kit of the competition.
    lr : float
        Learning rate, falling along a cosine.
    momentum, weight_decay : float
        Of stochastic gradient descent.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained"})
    doubted: ClassVar[str | None] = (
        "with a small learning rate it does next to nothing: its settings have to be chosen for the network"
    )
    learner: TorchLearner
    epochs: int = 5
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4

    def check(self) -> None:
        """Raise a sentence for settings that are not possible."""
        check_count(self, "epochs")
        check_positive(self, "lr")
        check_number(self, "momentum", "weight_decay")

    def most(self, retained: int, forgotten: int) -> int:
        """All retained records once an epoch, and statistics of batch norm."""
        return self.epochs * retained + -(-retained // 3)

    def unlearn(self, work: Unlearning) -> None:
        """Train on the retained records."""
        optimizer = work.optimizer(torch.optim.SGD, lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        schedule = cosine(optimizer, self.epochs)
        for epoch in range(self.epochs):
            for batch in work.retained.batches(epoch):
                work.step(work.losses(work.outputs(batch), batch.target).mean(), optimizer)
            schedule.step()
        work.renew_statistics()
