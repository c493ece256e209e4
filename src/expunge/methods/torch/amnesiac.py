"""Amnesiac unlearning: every step of training is written down with whom it met, and taken back when one of them goes.

The method owns the training: it is the learner's, bit for bit, and the model is a network with its `Diary`. To forget,
the weight updates of all batches that met a forgotten record are subtracted, and leave the diary. Later steps started
from weights that those batches had made, so the result is not the network that never met them; the more batches go, the
farther it is. With all of them it is the network before its first step.

The diary takes a copy of all weights a step: epochs times records over batch size times four bytes a weight. Whoever
holds it can see what a batch did, so it is as secret as the data.

Claim: Empirical.

References
----------
Graves, Nagisetty, Ganesh (2021), "Amnesiac Machine Learning", AAAI, arXiv:2010.10981: the second of its two methods.
(The first, learning random labels, is often called by this name: here that is `RandomLabel`.)

Where we differ: all batches are kept, where the paper keeps those with records that are known to be sensitive (from
memory: unverified, like the remark there that a little training afterwards heals the rest: chain `Finetune` for that).
Batch norm's statistics are taken anew from the retained records; subtracting those of single batches gives no variance.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(8, dtype=np.float32), ["a", "b"] * 4)
>>> method = Amnesiac(TorchLearner(partial(torch.nn.Linear, 8, 2), epochs=3, batch_size=2))
>>> run = Run(key=b"example")
>>> model = method.learn(table, run)
>>> done = method.forget(model, Records([3]), table, run)
>>> len(model.steps), len(done.model.steps), done.examples
(12, 9, 0)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from expunge.codec import fingerprint
from expunge.errors import MismatchError, ParameterError, RefusedError
from expunge.learners.torch.course import Course, names_of
from expunge.learners.torch.tensors import as_array, as_tensor
from expunge.methods.torch._importance import weights
from expunge.methods.torch._post_hoc import PostHoc
from expunge.values import Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.torch import Net, TorchLearner
    from expunge.methods.torch._importance import Named
    from expunge.methods.torch._post_hoc import Need
    from expunge.protocol import Run
    from expunge.values import Scalar, Target


@dataclass(frozen=True)
class Step:
    """What one batch did.

    Attributes
    ----------
    ids : (k,) array, sorted
        Whom it met.
    update : dict
        What was added to each weight, by name.
    """

    ids: NDArray[Any]
    update: dict[str, Any]


@dataclass(frozen=True)
class Diary:
    """A network, and the steps that made it, those taken back left out."""

    net: Net
    steps: tuple[Step, ...]

    @property
    def classes(self) -> tuple[Scalar, ...] | None:
        """Names of the columns of the scores."""
        return self.net.classes


@dataclass(frozen=True)
class Amnesiac(PostHoc):
    """Subtract the updates of the batches that met the forgotten records.

    Parameters
    ----------
    learner : TorchLearner
        Without ``validation``, which goes back to an earlier epoch, without a ``loop`` of one's own, whose steps
        cannot be seen, and without a ``shadow``, a network beside this one.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained"})
    doubted: ClassVar[str | None] = (
        "with many steps taken back the network loses its accuracy, and nothing here heals it"
    )
    learns: ClassVar[bool] = False
    learner: TorchLearner

    def check(self) -> None:
        """Raise a sentence for learners whose steps cannot be written down."""
        for name in ("validation", "loop", "shadow"):
            if getattr(self.learner, name):
                msg = f"Amnesiac writes down every step that made the network, which {name} of the learner prevents"
                raise ParameterError(msg)

    def most(self, retained: int, forgotten: int) -> int:
        """A look at the retained records for statistics of batch norm."""
        return -(-retained // 3)

    def recipe(self) -> str:
        """The learner's, with a diary."""
        return fingerprint((type(self), self.learner.recipe()))

    # -- A -------------------------------------------------------------------------------------------------------------

    def learn(self, data: Table, run: Run) -> Any:
        """What the learner learns, with its diary."""
        learner, steps = self.learner, []
        begun = learner.go_on(None, data, 0, run, learner.epochs)  # a network before its first step
        if begun.weights is None:
            return Diary(begun, ())
        with learner.training(run) as device:
            course = Course(learner, begun, data, run, learner.epochs, device)
            held, ids = weights(course.module), names_of(course.data)
            for epoch in range(learner.epochs):
                for batch in course.batches(epoch):
                    before = {name: each.clone() for name, each in held.items()}
                    course.step(batch)
                    steps.append(Step(np.sort(ids[batch.rows]), _moved(before, held)))
                course.close(epoch, learner.epochs)
            return Diary(course.net(further=False), tuple(steps))

    def predict(self, model: Any, data: Table) -> NDArray[Any]:
        """What the learner predicts with the network."""
        return super().predict(_expected(model).net, data)

    # -- U -------------------------------------------------------------------------------------------------------------

    def quote(self, model: Any, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """`Empirical`; or why not."""
        return super().quote(_expected(model).net, target, data, run)

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        """The network without the steps that met the target, and the diary of the others."""
        quote, change, diary = self.quote(model, target, data, run), data.change(target), _expected(model)
        if isinstance(quote, Refusal):
            raise RefusedError(quote)
        if change is None or not len(change.out):
            return Forgotten(model, quote.claim, 0)
        gone = names_of(data)[change.out]
        taken = [bool(np.isin(step.ids, gone).any()) for step in diary.steps]
        with self.working(diary.net, self.sides(data, target, change, run), run) as work:
            for name, held in weights(work.student).items():
                held.sub_(_sum(name, [step for step, goes in zip(diary.steps, taken, strict=True) if goes], held))
            if any(isinstance(part, _BatchNorm) for part in work.student.modules()):
                work.renew_statistics()
            kept = tuple(step for step, goes in zip(diary.steps, taken, strict=True) if not goes)
            return Forgotten(Diary(work.net(), kept), quote.claim, work.visits)


def _expected(model: Any) -> Diary:
    if not isinstance(model, Diary):
        msg = f"the model must be the Diary that Amnesiac learned, got a {type(model).__name__}"
        raise MismatchError(msg)
    return model


def _moved(before: Named, after: Named) -> dict[str, Any]:
    return {name: as_array(held - before[name]) for name, held in after.items()}


def _sum(name: str, steps: list[Step], like: Tensor) -> Tensor:
    """All updates of a weight together, added up in float64."""
    total = torch.zeros_like(like, dtype=torch.float64)
    for step in steps:
        total += as_tensor(step.update[name]).to(like.device)
    return total.to(like.dtype)
