"""One course of training: a module, its optimiser and schedule, over some epochs of some records, step by step.

Nothing in it depends on anything but the records as a set, the run's key, the parameters and what `deterministic`
holds still: the order of an epoch is that of keyed hashes of the ids, dropout and initial weights draw from seeds that
belong to names, each record's augmentation from one that belongs to its id.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.lr_scheduler import ReduceLROnPlateau

from expunge import keyed
from expunge.errors import LearnError, ParameterError
from expunge.learners.torch import inputs, outputs
from expunge.learners.torch.layers import is_torchs
from expunge.learners.torch.network import Going, Log, Net, built, fill, required, weights_of
from expunge.learners.torch.rebuilt import lost
from expunge.learners.torch.surroundings import seed
from expunge.learners.torch.tensors import arrays, tensors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.torch.learner import TorchLearner
    from expunge.protocol import Run

AUTOCAST = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Batch:
    """Some records of an epoch: their positions, the module's input and what should come out."""

    rows: NDArray[np.intp]
    given: Tensor
    target: Tensor


class Course:
    """A module in training.

    Parameters
    ----------
    learner : TorchLearner
        All that is chosen.
    begun : Net
        Where it starts: without weights, a new module is made.
    data : Table
        The records to train on.
    run : Run
    of : int
        Epochs in all, for the schedule.
    device : torch.device
    """

    def __init__(self, learner: TorchLearner, begun: Net, data: Table, run: Run, of: int, device: torch.device) -> None:
        self.learner, self.begun, self.run, self.of, self.device = learner, begun, run, of, device
        self.data = data = ordered(data, run)
        seed(run, "module")
        self.module = built(learner.made, begun.shape, begun.outputs)
        if begun.weights is not None:
            fill(self.module, begun.weights)
        self.module.to(device).train()
        self.inputs = inputs.Inputs(data, begun.prepared, self.module, device)
        self.targets = outputs.targets(data, begun.task, begun.classes)
        self.epochs = 0 if begun.going is None else begun.going.epochs
        self.fits: list[Tensor] = []
        self.early = begun.early
        self._begin()

    def _begin(self) -> None:
        """Optimiser, schedule and loss scale, from where they were left."""
        held, going = [held for held in self.module.parameters() if held.requires_grad], self.begun.going
        try:
            self.optimizer = self.learner.optimizer(held)
            schedule = self.learner.schedule
            self.schedule: Any = None if schedule is None else schedule(self.optimizer, self.of)
        except Exception as failure:  # whatever the constructors of a user's choice raise
            msg = f"the optimizer or schedule could not be made: {type(failure).__name__}: {failure}"
            raise ParameterError(msg) from failure
        if "closure" in _needed(self.optimizer.step) and self.learner.loop is None:
            msg = f"{type(self.optimizer).__name__} evaluates the loss several times a step, by a closure that it is"
            raise ParameterError(f"{msg} handed: give another optimizer, or a loop of your own")
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.learner.precision == "float16")
        if going is not None:
            if self.schedule is not None:
                self.schedule.load_state_dict(tensors(going.schedule))
            self.optimizer.load_state_dict(tensors(going.optimizer))
            self.scaler.load_state_dict(tensors(going.scale))

    # -- an epoch ------------------------------------------------------------------------------------------------------

    def order(self, epoch: int) -> NDArray[np.intp]:
        """The order of the records in an epoch; all generators start from the epoch's seed."""
        seed(self.run, "epoch", epoch)
        return keyed.order(self.run.key, self.data.ids, "epoch", epoch)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        order = self.order(epoch)
        self.fits.append(torch.full((len(self.data),), torch.nan))
        seeds = inputs.augment_seeds(self.data, self.run, epoch) if self.learner.augment is not None else None
        for part in inputs.batches(len(order), self.learner.batch_size):
            rows = order[part]
            given = self.inputs.batch(rows)
            if self.learner.augment is not None and seeds is not None:
                given = inputs.augmented(given, rows, self.learner.augment, seeds)
            yield Batch(rows, given, self.targets[torch.from_numpy(rows)].to(self.device))

    def step(self, batch: Batch) -> None:
        """One step of the optimiser, its gradient summed over the parts of the batch."""
        size = -(-len(batch.rows) // self.learner.accumulate)
        for part in inputs.batches(len(batch.rows), size):
            given, target = batch.given, batch.target
            if size < len(batch.rows):  # a view would begin anywhere
                given, target = given[part].clone(), target[part].clone()
            with self.cast(), alone(self.module, len(given)):
                made = outputs.checked(self.module(given), len(given), self.begun.outputs, self.begun.task)
                loss = self.loss(batch.rows[part], made, target)
            share = len(given) / len(batch.rows)
            self.scaler.scale(loss if share == 1 else loss * share).backward()  # type: ignore[no-untyped-call]
        self.update()

    def loss(self, rows: NDArray[np.intp], made: Tensor, target: Tensor) -> Tensor:
        """Mean loss of some records; how well each fits is written down."""
        own, task = self.learner.loss, self.begun.task
        losses = outputs.losses(made.float(), target, task, own)
        fit = losses if own is None else outputs.losses(made.detach().float(), target, task, None)
        self.fits[-1][torch.from_numpy(rows)] = -fit.detach().cpu()
        return losses.mean()

    def update(self) -> None:
        """Move the weights, and clear the gradients."""
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def cast(self) -> AbstractContextManager[Any]:
        """The precision that is wanted."""
        wanted = AUTOCAST.get(self.learner.precision)
        return nullcontext() if wanted is None else torch.autocast(self.device.type, wanted)

    def close(self, epoch: int, epochs: int) -> None:
        """End an epoch: the schedule steps, and a loss that is no number is the end of it; early weights are kept."""
        self.epochs += 1
        self.refuse_divergence(f"epoch {epoch + 1} of {epochs}")
        if self.epochs == self.learner.rewind:
            self.early = weights_of(self.module)
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(float(-torch.nan_to_num(self.fits[-1]).mean()))  # in the order of `ordered`
        elif self.schedule is not None:
            self.schedule.step()
        self.run.tick("epochs", epoch + 1, epochs)

    def refuse_divergence(self, when: str) -> None:
        """Raise a sentence when a weight is no longer a number."""
        for name, held in self.module.named_parameters():
            if not bool(torch.isfinite(held).all()):
                msg = f"training diverged in {when}: {name} is no longer finite"
                if not self.inputs.finite():
                    raise LearnError(f"{msg}, for the features hold NaN or infinite values: fill or drop them")
                raise LearnError(f"{msg}. A smaller learning rate, scaled features or another precision may help")

    def trained(self, epochs: int, done: int = 0) -> None:
        """Train for some epochs, of which some may be done, or let the user's loop do it."""
        if self.learner.loop is not None:
            seed(self.run, "loop")
            self.learner.loop(self.module, self._pairs, epochs)
            self.module.to(self.device)
            self.epochs += epochs
            self.refuse_divergence("the loop that was given")
            return
        for epoch in range(done, epochs):
            for batch in self.batches(epoch):
                self.step(batch)
            self.close(epoch, epochs)

    def _pairs(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """What a user's loop is handed: the batches of an epoch."""
        return ((batch.given, batch.target) for batch in self.batches(epoch))

    # -- its end -------------------------------------------------------------------------------------------------------

    def net(self, *, further: bool) -> Net:
        """The network as a value; ``further``: with all that a next slice goes on from."""
        going = None
        if further and self.learner.loop is None:
            schedule = {} if self.schedule is None else self.schedule.state_dict()
            states = (self.optimizer.state_dict(), schedule, self.scaler.state_dict())
            optimizer, schedule, scale = map(arrays, states)
            going = Going(optimizer, schedule, scale, self.epochs)
        old, log = self.begun, self._logged()
        weights = weights_of(self.module)
        self._refuse_what_is_lost(weights)
        made = Net(weights, old.task, old.classes, old.names, old.shape, old.outputs, old.prepared, log, going)
        return replace(made, early=self.early)

    def _refuse_what_is_lost(self, weights: dict[str, Any]) -> None:
        """Raise a sentence for a module that is another one when it is made again from its weights."""
        if self.learner.loop is None and is_torchs(self.module):
            return
        given = self.inputs.batch(np.arange(min(len(self.data), self.learner.batch_size)))
        said = lost(self.module, weights, self.learner.made, given, self.begun.outputs, self.run)
        if said:
            msg = f"what was trained cannot be kept as arrays: {said}. Whatever it goes by has to be a parameter or a"
            raise LearnError(f"{msg} buffer (register_buffer), made by the factory")

    def _logged(self) -> Log | None:
        """The log so far and that of these epochs, by id."""
        if not self.learner.log or self.learner.loop is not None or not self.fits:
            return self.begun.log
        ids, places = np.unique(names_of(self.data), return_index=True)
        fit = torch.stack(self.fits).numpy()[:, places].astype(np.float32)
        return Log(ids, fit) if self.begun.log is None else joined(self.begun.log, Log(ids, fit))


def ordered(data: Table, run: Run) -> Table:
    """The records in an order that belongs to their ids: from here on, a position is as good as a name."""
    return data.take(keyed.order(run.key, data.ids, "course"))


def names_of(data: Table) -> NDArray[Any]:
    """(n,) ids of records, as an array."""
    held = data.ids
    return held if isinstance(held, np.ndarray) else np.array(held.to_pylist(), dtype=object)


def joined(old: Log, new: Log) -> Log:
    """Epochs of both, one after the other; NaN where a record was not there."""
    ids = np.union1d(old.ids, new.ids)
    rows = []
    for log in (old, new):
        wide = np.full((len(log.fit), len(ids)), np.nan, np.float32)
        wide[:, np.searchsorted(ids, log.ids)] = log.fit
        rows.append(wide)
    return Log(ids, np.concatenate(rows))


def _needed(function: Any) -> list[str]:
    """Parameters that a function must be given."""
    return [name for name, held in inspect.signature(function).parameters.items() if required(held)]


@contextmanager
def alone(module: nn.Module, records: int) -> Iterator[None]:
    """For a batch of one record, batch norm goes by its running statistics: one record has no variance."""
    norms = (
        [part for part in module.modules() if isinstance(part, _BatchNorm) and part.training] if records == 1 else []
    )
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()
