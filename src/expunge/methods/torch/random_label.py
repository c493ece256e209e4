"""Random labels: the forgotten records are learned once more, each under a wrong label, among the retained ones.

Simple, and often met; many call it "amnesiac". It overshoots: a network that learned wrong labels is less sure of
a forgotten record than one that never met it, and an attack which looks at all scores sees that.

Claim: Empirical.

References
----------
Graves, Nagisetty, Ganesh (2021), "Amnesiac Machine Learning", AAAI, arXiv:2010.10981: the first of its two methods (the
second is `Amnesiac`). One wrong label a record, drawn once; both sides shuffled together; Adam at 1e-4, three epochs:
the code of Foster, Schoepf, Brintrup (2023), commit ae68723, which compares with it.

Where we differ: of each batch the forgotten part passes batch norm uncounted, and its statistics are taken anew from
the retained records. The batch size is the learner's; there it is 128.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(8, dtype=np.float32), ["a", "b"] * 4)
>>> method, run = RandomLabel(TorchLearner(partial(torch.nn.Linear, 8, 2))), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([3]), table, run)
>>> done.claim, done.examples
(Empirical(), 24)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor

from expunge import keyed
from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_count, check_positive

if TYPE_CHECKING:
    from expunge.learners.torch import TorchLearner
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Unlearning


@dataclass(frozen=True)
class RandomLabel(PostHoc):
    """Learn wrong labels for the forgotten records, and their own for the retained ones.

    Parameters
    ----------
    learner : TorchLearner
    epochs : int
        Passes over both sides.
    lr : float
        Of Adam.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained", "forgotten", "classification"})
    doubted: ClassVar[str | None] = (
        "as published it does next to nothing on a few records, and with more training it overshoots"
    )
    learner: TorchLearner
    epochs: int = 3
    lr: float = 1e-4

    def check(self) -> None:
        """Raise a sentence for settings that are not possible."""
        check_count(self, "epochs")
        check_positive(self, "lr")

    def most(self, retained: int, forgotten: int) -> int:
        """Everyone in each epoch, and statistics of batch norm."""
        return self.epochs * (retained + forgotten) + -(-retained // 3)

    def unlearn(self, work: Unlearning) -> None:
        """Train on both sides together."""
        labels = wrong_labels(work)
        optimizer = work.optimizer(torch.optim.Adam, lr=self.lr)
        for epoch in range(self.epochs):
            for stays, goes in work.mixed(work.retained, work.forgotten, epoch):
                losses = []
                if stays is not None:
                    losses.append(work.losses(work.outputs(stays), stays.target).mean() * len(stays.rows))
                if goes is not None:
                    drawn = labels[torch.tensor(goes.rows)].to(work.device)
                    losses.append(work.losses(work.outputs(goes, count=False), drawn).mean() * len(goes.rows))
                met = sum(len(part.rows) for part in (stays, goes) if part is not None)
                work.step(torch.stack(losses).sum() / met, optimizer)
        work.renew_statistics()


def wrong_labels(work: Unlearning) -> Tensor:
    """(n,) a class for each forgotten record that is not its own; it belongs to the record's id."""
    drawn = keyed.draw(work.run.key, work.forgotten.data.ids, "wrong label")
    others = max(work.model.outputs - 1, 1)
    step = torch.tensor((drawn % np.uint64(others)).astype(np.int64)) + 1
    return (work.forgotten.targets + step) % work.model.outputs
