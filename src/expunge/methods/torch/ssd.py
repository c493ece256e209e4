"""Selective Synaptic Dampening: weights that matter for the forgotten more than for the rest are made smaller.

The importance of a weight for some records is the mean of their squared gradients of the loss there. Where that of the
forgotten records F exceeds ``alpha`` times that of all records D, the weight is multiplied by min(lambda I_D / I_F, 1).
Nothing is trained, so new records cannot be learned by it. ``label_free=True`` is the form without labels (LFSSD):
importances are the mean of the absolute gradients of the squared length of the outputs.

With the published alpha of 10 a small random set of records changes next to nothing, because its importances are like
those of all: measured, a no-op on 100 of 1,500 records. It is made for classes; else alpha has to be searched.

Claim: Empirical.

References
----------
Foster, Schoepf, Brintrup (2023), "Fast Machine Unlearning Without Retraining Through Selective Synaptic Dampening",
AAAI 2024, arXiv:2308.07707; alpha=10, lambda=1 in the authors' scripts. Without labels: Foster, Schoepf,
Brintrup (2024), "Loss-Free Machine Unlearning", ICLR Tiny Papers, arXiv:2402.19308.

Where we differ: squares of each record's gradient, where the authors' code squares means of batches. Importances of D
are taken when it forgets, over retained and forgotten records. The paper allows to take them once and to drop the
data, but they would hold the forgotten records' share, and be those of other weights after the first request.
Statistics of batch norm are taken anew from the retained records, for they hold the forgotten ones.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Label, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(9, dtype=np.float32), ["a", "b", "c"] * 3)
>>> method, run = Ssd(TorchLearner(partial(torch.nn.Linear, 9, 3)), alpha=1.0), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Label("c"), table, run)
>>> done.claim, done.examples
(Empirical(), 9)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from expunge.methods.torch._importance import importance, weights
from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_number

if TYPE_CHECKING:
    from expunge.learners.torch import TorchLearner
    from expunge.methods.torch._importance import Named
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Records, Unlearning


@dataclass(frozen=True)
class Ssd(PostHoc):
    """Dampen the weights that the forgotten records lean on more than all records do.

    Parameters
    ----------
    learner : TorchLearner
    alpha : float
        How many times the importance for all a weight's importance for the forgotten must be. Smaller forgets more.
    lambda_ : float
        Factor of the dampening. Smaller dampens more; 0 sets selected weights to zero.
    label_free : bool
        Importances without labels and loss.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained", "forgotten"})
    doubted: ClassVar[str | None] = (
        "with the published alpha it does next to nothing on a few records of many: alpha has to be chosen"
    )
    learns: ClassVar[bool] = False
    learner: TorchLearner
    alpha: float = 10.0
    lambda_: float = 1.0
    label_free: bool = False

    def check(self) -> None:
        """Raise a sentence for settings that are not possible."""
        check_number(self, "alpha", "lambda_")

    def most(self, retained: int, forgotten: int) -> int:
        """Each record once, and the retained ones a third more for statistics of batch norm."""
        return retained + forgotten + -(-retained // 3)

    def unlearn(self, work: Unlearning) -> None:
        """Compare importances, and dampen."""
        gone, stays = self._importance(work, work.forgotten), self._importance(work, work.retained)
        share = len(work.forgotten) / (len(work.forgotten) + len(work.retained))
        for name, held in weights(work.student).items():
            everyone = share * gone[name] + (1 - share) * stays[name]
            factor = dampening(gone[name], everyone, self.alpha, self.lambda_)
            held.mul_(factor.to(held.dtype))
        if any(isinstance(part, _BatchNorm) for part in work.student.modules()):
            work.renew_statistics()

    def _importance(self, work: Unlearning, records: Records) -> Named:
        if self.label_free:
            return importance(work, records, lambda made, _: made.square().sum(), torch.abs)
        return importance(work, records, lambda made, target: work.losses(made, target).mean(), torch.square)


def dampening(forgotten: Tensor, everyone: Tensor, alpha: float, lambda_: float) -> Tensor:
    """What each weight is multiplied by: min(lambda I_D / I_F, 1) where I_F > alpha I_D, else 1.

    Examples
    --------
    >>> dampening(torch.tensor([8.0, 1.0, 0.0]), torch.tensor([2.0, 2.0, 0.0]), 1.0, 1.0)
    tensor([0.2500, 1.0000, 1.0000])
    """
    factor = (lambda_ * everyone / forgotten).clamp(max=1)
    return torch.where(forgotten > alpha * everyone, factor, torch.ones_like(factor))
