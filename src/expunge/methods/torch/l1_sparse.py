"""l1-sparse: fine-tuning on what is retained under a penalty that pulls every weight towards zero, and then lets go.

What is memorised of single records tends to sit in many small weights; the penalty takes these away while the retained
records hold on to what they need. Its weight falls from ``alpha`` linearly to zero over the epochs, so that the last
ones heal.

Claim: Empirical.

References
----------
Jia, Liu, Ram, Yao, Liu, Liu, Sharma, Liu (2023), "Model Sparsity Can Simplify Machine Unlearning", NeurIPS,
arXiv:2304.04934. SGD, momentum 0.9, weight decay 5e-4, ten epochs, and the linear fall: the authors' code, commit
16a2dbc; learning rate 0.01: kairanzhao/RUM.

Where we differ: the penalty is ``alpha`` times the *mean* of the absolute weights. The authors take the sum, with a
weight whose default (0.2) other methods share and which is far too large for a sum: it would have to be chosen anew for
each size of network. Theirs is ours divided by the number of weights: 1e-4 on a ResNet-18, as others take it, would be
1,100 here. The default is our choice for small networks. Statistics of batch norm are taken anew from the retained
records.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(8, dtype=np.float32), ["a", "b"] * 4)
>>> method, run = L1Sparse(TorchLearner(partial(torch.nn.Linear, 8, 2)), epochs=2), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([3]), table, run)
>>> done.claim, done.examples
(Empirical(), 14)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from expunge.methods.torch._importance import weights
from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_count, check_number, check_positive

if TYPE_CHECKING:
    from expunge.learners.torch import TorchLearner
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Unlearning


@dataclass(frozen=True)
class L1Sparse(PostHoc):
    """Train on the retained records under a fading l1 penalty.

    Parameters
    ----------
    learner : TorchLearner
    alpha : float
        Weight of the mean absolute weight in the first epoch's loss; it falls linearly. 0: fine-tuning.
    epochs : int
        Passes over the retained records.
    lr, momentum, weight_decay : float
        Of stochastic gradient descent.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained"})
    doubted: ClassVar[str | None] = (
        "at its published settings it puts wrong labels right, and leaves records, people and triggers "
        "nearly as they were"
    )
    learner: TorchLearner
    alpha: float = 10.0
    epochs: int = 10
    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4

    def check(self) -> None:
        """Raise a sentence for settings that are not possible."""
        check_number(self, "alpha", "momentum", "weight_decay")
        check_count(self, "epochs")
        check_positive(self, "lr")

    def most(self, retained: int, forgotten: int) -> int:
        """All retained records once an epoch, and statistics of batch norm."""
        return self.epochs * retained + -(-retained // 3)

    def unlearn(self, work: Unlearning) -> None:
        """Train on the retained records, smaller weights preferred."""
        optimizer = work.optimizer(torch.optim.SGD, lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        for epoch in range(self.epochs):
            pull = self.alpha * (1 - epoch / self.epochs)
            for batch in work.retained.batches(epoch):
                loss = work.losses(work.outputs(batch), batch.target).mean()
                work.step(loss + pull * mean_size(work.student), optimizer)
        work.renew_statistics()


def mean_size(module: nn.Module) -> Tensor:
    """Mean of the absolute values of all weights that are trained.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> _ = nn.init.constant_(layer.weight, -2.0), nn.init.constant_(layer.bias, 5.0)
    >>> mean_size(layer).item()
    3.0
    """
    held = weights(module, detached=False).values()
    return torch.stack([each.abs().sum() for each in held]).sum() / sum(each.numel() for each in held)
