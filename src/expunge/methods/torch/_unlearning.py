"""What a method that changes a trained network works with: the student, its teacher, the records, a count of visits.

The student is a copy; the model that was given is left alone. Records come in keyed orders of their ids, and every
random choice belongs to a name, so that the result is a pure function of model, data, target, key and parameters.

Batch norm keeps running statistics of what it sees. Forgotten records pass through it without being counted, and
`Unlearning.renew_statistics` takes them anew from the retained ones: otherwise the statistics would keep the forgotten.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from expunge import keyed
from expunge.errors import LearnError
from expunge.learners.sklearn import as_learned
from expunge.learners.torch import inputs, outputs
from expunge.learners.torch.course import alone, names_of
from expunge.learners.torch.network import Log, Net, built, fill, weights_of
from expunge.learners.torch.surroundings import seed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.torch.learner import TorchLearner
    from expunge.protocol import Run

ASKED = 256  # records at a time where nothing is trained


@dataclass(frozen=True)
class Sides:
    """The records of a request.

    Attributes
    ----------
    retained : Table
        What the network should have learned from.
    forgotten : Table
    held_out : Table
        Records that stay and were never trained on: those that the learner's ``validation`` held out.
    """

    retained: Table
    forgotten: Table
    held_out: Table


@dataclass(frozen=True)
class Batch:
    """Some records: their positions in their table, the network's input, what they say."""

    rows: NDArray[np.intp]
    given: Tensor
    target: Tensor


class Records:
    """The retained or the forgotten records, in an order of their own for each epoch."""

    def __init__(self, data: Table, work: Unlearning, name: str) -> None:
        by_id = keyed.order(work.run.key, data.ids, name)
        self.data, self.work, self.name = data.take(by_id), work, name

    @cached_property
    def inputs(self) -> inputs.Inputs:
        """As the network takes them; made when they are asked for, for no transformer takes none."""
        data = as_learned(self.data, self.work.model.names)
        return inputs.Inputs(data, self.work.model.prepared, self.work.student, self.work.device)

    @cached_property
    def targets(self) -> Tensor:
        """(n,) places among the classes, or (n, k) truths or numbers."""
        return outputs.targets(self.data, self.work.model.task, self.work.model.classes)

    def __len__(self) -> int:
        return len(self.data)

    def batch(self, rows: NDArray[np.intp]) -> Batch:
        """Some of them."""
        target = self.targets[torch.tensor(rows)].to(self.work.device)
        return Batch(rows, self.inputs.batch(rows), target)

    def batches(self, epoch: int, size: int | None = None) -> Iterator[Batch]:
        """All of them once, in the order of this epoch."""
        order = keyed.order(self.work.run.key, self.data.ids, self.name, epoch)
        return (self.batch(order[part]) for part in inputs.batches(len(order), size or self.work.learner.batch_size))

    def cycle(self, size: int | None = None) -> Iterator[Batch]:
        """Batches without end, epoch after epoch."""
        epoch = 0
        while len(self):
            yield from self.batches(epoch, size)
            epoch += 1

    def chunks(self, size: int = ASKED) -> Iterator[Batch]:
        """All of them once in the order of their ids, many at a time: for passes that train nothing."""
        return (self.batch(np.arange(part.start, part.stop)) for part in inputs.batches(len(self), size))


class Unlearning:
    """A network on its way to having forgotten.

    Parameters
    ----------
    learner : TorchLearner
        Which made it: architecture, loss, batch size.
    model : Net
    sides : Sides
    run : Run
    device : torch.device

    Attributes
    ----------
    student : nn.Module
        The copy that changes, in training mode.
    retained, forgotten, held_out : Records
    """

    def __init__(self, learner: TorchLearner, model: Net, sides: Sides, run: Run, device: torch.device) -> None:
        self.learner, self.model, self.run, self.device = learner, model, run, device
        self.sides = sides
        seed(run, "unlearning")
        self.student = self.original().train()
        self._thirds = 0
        self.retained, self.forgotten = (
            self.records(sides.retained, "retained"),
            self.records(sides.forgotten, "forgotten"),
        )
        self.held_out = self.records(sides.held_out, "held out")

    def records(self, data: Table, name: str) -> Records:
        """Records as this network takes them; their orders belong to the name."""
        return Records(data, self, name)

    # -- networks ------------------------------------------------------------------------------------------------------

    def original(self) -> nn.Module:
        """The network as it was, in memory of its own."""
        module = built(self.learner.made, self.model.shape, self.model.outputs)
        return fill(module, self.model.weights or {}).to(self.device)

    def teacher(self) -> nn.Module:
        """The network as it was: frozen, in evaluation mode, sharing nothing with the student."""
        return self.original().eval().requires_grad_(requires_grad=False)

    def fresh(self, *names: object) -> nn.Module:
        """A network that has learned nothing; its weights belong to these names."""
        seed(self.run, "fresh", *names)
        return built(self.learner.made, self.model.shape, self.model.outputs).to(self.device)

    def copy(self) -> nn.Module:
        """The student as it is now."""
        return copy.deepcopy(self.student)

    @contextmanager
    def part(self, forgotten: Table, *names: object) -> Iterator[Unlearning]:
        """The same work for some of the forgotten records: from where the student is, which then is where that ends."""
        own = replace(self.run, key=keyed.subkey(self.run.key, "part", *names))
        begun = replace(self.model, weights=weights_of(self.student))
        work = Unlearning(self.learner, begun, replace(self.sides, forgotten=forgotten), own, self.device)
        yield work
        fill(self.student, weights_of(work.student))
        self._thirds += work._thirds

    # -- passes --------------------------------------------------------------------------------------------------------

    def mixed(self, one: Records, other: Records, epoch: int) -> Iterator[tuple[Batch | None, Batch | None]]:
        """Both kinds of records once, shuffled together: of each batch the part of either kind, None where empty."""
        drawn = [keyed.draw(self.run.key, each.data.ids, "mixed", each.name, epoch) for each in (one, other)]
        order = np.argsort(np.concatenate(drawn), kind="stable")
        for part in inputs.batches(len(order), self.learner.batch_size):
            rows = order[part]
            mine, theirs = rows[rows < len(one)], rows[rows >= len(one)] - len(one)
            yield one.batch(mine) if len(mine) else None, other.batch(theirs) if len(theirs) else None

    def outputs(self, batch: Batch, *, count: bool = True) -> Tensor:
        """(batch, outputs) of the student, for training; not ``count``: batch norm goes by what it has."""
        self._thirds += 3 * len(batch.rows)
        with self._statistics(count=count), alone(self.student, len(batch.rows)):
            return outputs.checked(self.student(batch.given), len(batch.rows), self.model.outputs, self.model.task)

    def asked(self, module: nn.Module, batch: Batch) -> Tensor:
        """(batch, outputs) of a network that is not trained: a forward pass, a third of a visit."""
        self._thirds += len(batch.rows)
        with torch.no_grad(), evaluated(module):
            return outputs.checked(module(batch.given), len(batch.rows), self.model.outputs, self.model.task)

    def count(self, records: int) -> None:
        """Count visits that were made without `outputs` and `asked`."""
        self._thirds += 3 * records

    def losses(self, made: Tensor, target: Tensor) -> Tensor:
        """The learner's own loss, one a record where it gives that."""
        return outputs.losses(made.float(), target, self.model.task, self.learner.loss)

    def fit(self, module: nn.Module, records: Records) -> Tensor:
        """(n,) how well records fit, in the order of their ids: minus the loss of the task."""
        found = [
            -outputs.losses(self.asked(module, batch).float(), batch.target, self.model.task, None)
            for batch in records.chunks()
        ]
        return torch.cat(found) if found else torch.zeros(0, device=self.device)

    def optimizer(self, make: Callable[..., torch.optim.Optimizer], **options: Any) -> torch.optim.Optimizer:
        """An optimiser of the student's parameters."""
        return make([held for held in self.student.parameters() if held.requires_grad], **options)

    @staticmethod
    def step(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """One step down a loss."""
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    def renew_statistics(self) -> None:
        """Running statistics of batch norm, taken anew from the retained records: cumulative means of their batches."""
        norms = [part for part in self.student.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
        if not norms or not len(self.retained):
            return
        paces = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # cumulative
        with torch.no_grad():
            for batch in self.retained.batches(0):
                self._thirds += len(batch.rows)
                with alone(self.student, len(batch.rows)):
                    self.student(batch.given)
        for norm, pace in zip(norms, paces, strict=True):
            norm.momentum = pace

    # -- its end -------------------------------------------------------------------------------------------------------

    @property
    def visits(self) -> int:
        """Record visits so far: a forward and backward pass is one, a forward pass alone a third."""
        return math.ceil(self._thirds / 3)

    def net(self) -> Net:
        """The student as a value; the log loses the forgotten records' columns, and early weights go.

        Raises
        ------
        LearnError
            When its weights are no longer finite.
        """
        for name, held in self.student.named_parameters():
            if not bool(torch.isfinite(held).all()):
                msg = (
                    f"forgetting diverged: {name} is no longer finite. A smaller learning rate or fewer epochs may help"
                )
                raise LearnError(msg)
        log, shadow = self.model.log, self.model.shadow
        if log is not None:
            kept = self._stays(log.ids)
            log = Log(log.ids[kept], log.fit[:, kept])
        if shadow is not None:
            shadow = shadow.take(self._stays(shadow.ids))
        early = None if len(self.forgotten) else self.model.early  # it has learned from them too
        return replace(self.model, weights=weights_of(self.student), log=log, shadow=shadow, going=None, early=early)

    def _stays(self, ids: NDArray[Any]) -> NDArray[np.bool_]:
        """(n,) whether what was written down of a record may stay: not of corrected ones, for it tells of the old."""
        return np.isin(ids, names_of(self.retained.data)) & ~np.isin(ids, names_of(self.forgotten.data))

    @contextmanager
    def _statistics(self, *, count: bool) -> Iterator[None]:
        norms = [part for part in self.student.modules() if isinstance(part, _BatchNorm) and part.training]
        for norm in [] if count else norms:
            norm.eval()
        try:
            yield
        finally:
            for norm in norms:
                norm.train()


@contextmanager
def evaluated(module: nn.Module) -> Iterator[None]:
    """A network in evaluation mode, and as it was afterwards, part by part."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
