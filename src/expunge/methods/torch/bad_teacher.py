"""Bad Teacher: on the forgotten records the student follows a network that learned nothing, else the one it was.

Two teachers, both frozen: the network as it was, and one with fresh weights. The student is trained towards the former
on some of the retained records and towards the latter on the forgotten ones. These end near what an untrained network
says, about the same of every class. One that never met them would be surer than that, so a membership attack finds
them, while the score that the paper proposes (ZRF: likeness to an untrained network) is best just there.

Claim: Empirical.

References
----------
Chundawat, Tarun, Mandal, Kankanhalli (2023), "Can Bad Teaching Induce Forgetting? Unlearning in Deep Networks Using an
Incompetent Teacher", AAAI, arXiv:2205.08096. Loss: the authors' code. One epoch of Adam
at 1e-4 over 30 % of the retained records, temperature 1: the code of Foster, Schoepf, Brintrup (2023), commit ae68723.

Where we differ: the divergence is averaged over records, there over records and classes (with Adam that changes next to
nothing). Of each batch the forgotten part passes batch norm uncounted, and its statistics are taken anew from all
retained records. The batch size is the learner's; there it is 256.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(8, dtype=np.float32), ["a", "b"] * 4)
>>> method, run = BadTeacher(TorchLearner(partial(torch.nn.Linear, 8, 2))), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([3]), table, run)
>>> done.claim, done.examples
(Empirical(), 6)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_count, check_positive, check_share

if TYPE_CHECKING:
    from expunge.learners.torch import TorchLearner
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Unlearning


@dataclass(frozen=True)
class BadTeacher(PostHoc):
    """Follow an untrained network on the forgotten records, and the original on retained ones.

    Parameters
    ----------
    learner : TorchLearner
    share : float
        Of the retained records, how many are trained on, drawn by keyed hash.
    epochs : int
        Passes over these and the forgotten records.
    lr : float
        Of Adam.
    temperature : float
        Of the softmax in the divergences.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained", "forgotten", "classification"})
    doubted: ClassVar[str | None] = (
        "as published it does next to nothing on a few records, and with more training it overshoots"
    )
    learner: TorchLearner
    share: float = 0.3
    epochs: int = 1
    lr: float = 1e-4
    temperature: float = 1.0

    def check(self) -> None:
        """Raise a sentence for settings that are not possible."""
        check_share(self, "share")
        check_count(self, "epochs")
        check_positive(self, "lr", "temperature")

    def most(self, retained: int, forgotten: int) -> int:
        """Student and one of the teachers for each record, and statistics of batch norm."""
        return -(-(4 * self.epochs * (self._few(retained) + forgotten) + retained) // 3)

    def unlearn(self, work: Unlearning) -> None:
        """Train towards either teacher."""
        good, bad = work.teacher(), work.fresh("bad teacher").requires_grad_(requires_grad=False)
        few = work.records(work.retained.data.take(np.arange(self._few(len(work.retained)))), "few retained")
        optimizer = work.optimizer(torch.optim.Adam, lr=self.lr)
        for epoch in range(self.epochs):
            for batches in work.mixed(few, work.forgotten, epoch):
                found = [
                    self._divergences(work.outputs(batch, count=teacher is good), work.asked(teacher, batch))
                    for batch, teacher in zip(batches, (good, bad), strict=True)
                    if batch is not None
                ]
                work.step(torch.cat(found).mean(), optimizer)
        work.renew_statistics()

    def _few(self, retained: int) -> int:
        return math.ceil(self.share * retained)

    def _divergences(self, student: Tensor, teacher: Tensor) -> Tensor:
        """(batch,) KL(teacher || student) of softened outputs."""
        soft = functional.log_softmax(student.float() / self.temperature, 1)
        known = functional.softmax(teacher.float() / self.temperature, 1)
        return functional.kl_div(soft, known, reduction="none").sum(1)
