"""DELETE: the forgotten records learn what the network said of all classes but theirs. Needs no retained record.

The teacher is the network as it was. On the forgotten records the student is trained towards the teacher's softmax with
the record's own class taken out: the right class loses all probability, the ratios among the others stay, and these are
what holds the rest of the network in place. That fits a class that goes as a whole. For single records it overshoots: a
network that never saw them would often get them right.

Claim: Empirical.

References
----------
Zhou, Zheng, Mo, Lu, Lin, Zheng (2025), "Decoupled Distillation to Erase: A General Unlearning Method for Any
Class-centric Tasks", CVPR, arXiv:2503.23751. Loss, momentum and the logit of -1e10 for the own class: the authors'
code, commit 1dfe8cc. Learning rate and epochs are set for each task there; ours are our choice.

Where we differ: the forgotten records always pass batch norm uncounted, an option there. Batch norm's statistics stay
as they were, and hold the forgotten records' share: without retained records they cannot be taken anew.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Label, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(9, dtype=np.float32), ["a", "b", "c"] * 3)
>>> method, run = Delete(TorchLearner(partial(torch.nn.Linear, 9, 3))), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Label("c"), table, run)
>>> done.claim, done.examples
(Empirical(), 40)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_count, check_positive

if TYPE_CHECKING:
    from expunge.learners.torch import TorchLearner
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Unlearning

NEVER = -1e10  # the logit of a record's own class


@dataclass(frozen=True)
class Delete(PostHoc):
    """Distil the network's outputs without the right class, on the forgotten records alone.

    Parameters
    ----------
    learner : TorchLearner
    epochs : int
        Passes over the forgotten records.
    lr, momentum : float
        Of stochastic gradient descent.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"forgotten", "classification"})
    doubted: ClassVar[str | None] = (
        "on single records it overshoots, and its settings have to be chosen for the network"
    )
    learns: ClassVar[bool] = False
    learner: TorchLearner
    epochs: int = 10
    lr: float = 0.01
    momentum: float = 0.9

    def check(self) -> None:
        """Raise a sentence for settings that are not possible."""
        check_count(self, "epochs")
        check_positive(self, "lr")

    def most(self, retained: int, forgotten: int) -> int:
        """Student and teacher on the forgotten records in each epoch."""
        return -(-4 * self.epochs * forgotten // 3)

    def unlearn(self, work: Unlearning) -> None:
        """Train towards the teacher without the right class."""
        teacher = work.teacher()
        optimizer = work.optimizer(torch.optim.SGD, lr=self.lr, momentum=self.momentum)
        for epoch in range(self.epochs):
            for batch in work.forgotten.batches(epoch):
                wanted = without(work.asked(teacher, batch).float(), batch.target)
                said = functional.log_softmax(work.outputs(batch, count=False).float(), 1)
                work.step(functional.kl_div(said, wanted, reduction="batchmean"), optimizer)


def without(logits: Tensor, own: Tensor) -> Tensor:
    """Probabilities of the other classes, in the ratios that they have; (n, classes).

    Examples
    --------
    >>> without(torch.log(torch.tensor([[0.5, 0.4, 0.1]])), torch.tensor([0]))
    tensor([[0.0000, 0.8000, 0.2000]])
    """
    return functional.softmax(logits.scatter(1, own[:, None], NEVER), 1)
