"""NegGrad+: down the loss of the retained records and up that of the forgotten, which stop counting once unseen.

Each step takes a batch of retained records and one of forgotten ones, these over and over: alpha CE(R) - (1 - alpha)
CE(F). ``alpha=0`` is NegGrad, plain ascent on the forgotten, for which no retained record is looked at; ``alpha=1`` is
fine-tuning. Nothing bounds the second term from below: as published it goes on until a record is wrong with certainty,
which no stranger is. So here a record stops counting once its loss reaches what unseen records of its class have
(``cap``); ``cap=None`` is the published form.

Claim: Empirical.

References
----------
Kurmanji, Triantafillou, Hayes, Triantafillou (2023), arXiv:2302.09880, compare with it as NegGrad+.
alpha=0.95, SGD at 0.01, momentum 0.9, ten epochs: xcadet/deepunlearn, commit d3dacb6, after the authors' notebook for
small networks. A pull towards the old weights, off there, is left out. Ascent alone: Golatkar, Achille, Soatto (2020),
arXiv:1911.04933, compare with it. The cap is ours; momentum carries a record on past it for a while.

Where we differ: forgotten records pass batch norm uncounted, retained ones are counted; there the network is in
evaluation mode throughout. Statistics are taken anew from the retained records.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(8, dtype=np.float32), ["a", "b"] * 4)
>>> unseen = Table.from_arrays(np.ones((2, 8), dtype=np.float32), ["a", "b"])
>>> method = NegGrad(TorchLearner(partial(torch.nn.Linear, 8, 2)), epochs=2, held_out=unseen)
>>> run = Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([3]), table, run)
>>> done.claim, done.examples
(Empirical(), 17)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_count, check_held_out, check_number, check_positive, check_share
from expunge.values import Refusal

if TYPE_CHECKING:
    from expunge.data.table import Table
    from expunge.learners.torch import Net, TorchLearner
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Batch, Records, Sides, Unlearning


@dataclass(frozen=True)
class NegGrad(PostHoc):
    """Train on the retained records and away from the forgotten ones.

    Parameters
    ----------
    learner : TorchLearner
    alpha : float
        Weight of the retained records' loss; the rest is the forgotten ones'. 0: ascent alone; 1: fine-tuning.
    epochs : int
        Passes over the retained records; with ``alpha=0`` over the forgotten ones.
    lr, momentum, weight_decay : float
        Of stochastic gradient descent.
    cap : float, optional
        Where a forgotten record stops counting, as a multiple of the original network's mean loss on unseen records of
        its class (of all, where its class has none). None: nowhere, as published.
    held_out : Table, optional
        Labelled records that the network never saw. Unless given: the units that the learner's ``validation`` held out.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained", "forgotten"})
    learner: TorchLearner
    alpha: float = 0.95
    epochs: int = 10
    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    cap: float | None = 1.0
    held_out: Table | None = field(default=None, repr=False)

    def check(self) -> None:
        """Raise a sentence for settings that are not possible."""
        check_share(self, "alpha")
        check_count(self, "epochs")
        check_positive(self, "lr", *([] if self.cap is None else ["cap"]))
        check_number(self, "momentum", "weight_decay")
        check_held_out(self)

    @property
    def doubt(self) -> str | None:
        """As published, without a cap, it is known to miss."""
        return None if self.cap is not None else "without a cap it does next to nothing, or goes on without bound"

    @property
    def learns(self) -> bool:  # type: ignore[override]  # ascent alone looks at no retained record
        """Whether it trains on what a correction or addition brings."""
        return self.alpha > 0

    def most(self, retained: int, forgotten: int) -> int:
        """Both sides in each step, a look at the unseen, statistics of batch norm."""
        if not self.alpha:
            passes = self.epochs * forgotten
        else:
            steps, size = -(-retained // self.learner.batch_size), self.learner.batch_size + 1
            passes = self.epochs * (retained + (self.alpha < 1) * steps * min(forgotten, size))
        unseen = retained if self.held_out is None else len(self.held_out)
        return passes + -(-((self.cap is not None) * unseen + retained) // 3)

    def refusal(self, model: Net, sides: Sides) -> Refusal | None:
        """A cap is read off unseen records."""
        held = sides.held_out if self.held_out is None else self.held_out
        if self.cap is None or self.alpha == 1 or not len(sides.forgotten) or len(held):
            return None
        return Refusal(
            "where a forgotten record stops counting is read off labelled records that were never trained on: give"
            " held_out=Table, or validation=0.1 to the learner before it learns; cap=None, as published, has no bound",
            "misconfigured",
        )

    def unlearn(self, work: Unlearning) -> None:
        """Descend and ascend."""
        optimizer = work.optimizer(torch.optim.SGD, lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        away = self.alpha < 1 and len(work.forgotten) > 0
        caps = self.cap * self._usual(work) if away and self.cap is not None else None
        others = work.forgotten.cycle()
        for epoch in range(self.epochs):
            for batch in work.retained.batches(epoch) if self.alpha else ():
                loss = self.alpha * work.losses(work.outputs(batch), batch.target).mean()
                if away:
                    loss = loss - (1 - self.alpha) * _capped(work, next(others), caps)
                work.step(loss, optimizer)
            for batch in () if self.alpha else work.forgotten.batches(epoch):
                work.step(-_capped(work, batch, caps), optimizer)
        if self.alpha:
            work.renew_statistics()

    def _usual(self, work: Unlearning) -> Tensor:
        held = work.held_out if self.held_out is None else work.records(self.held_out, "given")
        return usual(_losses(work, held), held.targets, work.forgotten.targets).to(work.device)


def usual(losses: Tensor, classes: Tensor, forgotten: Tensor) -> Tensor:
    """(n,) mean loss of the unseen records of each forgotten record's class; of all of them where there is none.

    Parameters
    ----------
    losses, classes : (h,) tensors
        Of the unseen records. Where targets are no classes, (h, k), the mean is that of all.
    forgotten : (n,) tensor

    Examples
    --------
    >>> usual(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2]))
    tensor([2., 5., 3.])
    """
    found = losses.mean().repeat(len(forgotten))
    if classes.ndim == 1:
        for name in torch.unique(classes):
            found[forgotten == name] = losses[classes == name].mean()
    return found


def _losses(work: Unlearning, records: Records) -> Tensor:
    """(n,) losses of the student as it is, in the order of the ids; the mean of many where the loss gives only that."""
    found = [(work.losses(work.asked(work.student, batch), batch.target), batch) for batch in records.chunks()]
    return torch.cat([lost.expand(len(batch.rows)).cpu() for lost, batch in found])


def _capped(work: Unlearning, batch: Batch, caps: Tensor | None) -> Tensor:
    """Mean loss of forgotten records, of which those above their cap have no gradient."""
    losses = work.losses(work.outputs(batch, count=False), batch.target)
    if caps is None:
        return losses.mean()
    bound = caps[torch.tensor(batch.rows, device=caps.device)]
    bound = bound if losses.ndim else bound.mean()
    return torch.where(losses < bound, losses, bound).mean()
