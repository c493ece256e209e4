"""Training that keeps the epoch in which held-out units fit best, and stops when that is long past.

The held-out units are the shard's own, chosen by a keyed hash of each unit's name, so that no other record moves them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from expunge import keyed
from expunge.errors import LearnError
from expunge.learners.torch import inputs, outputs
from expunge.learners.torch.course import Course, ordered
from expunge.learners.torch.network import Net, fill, weights_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.torch.learner import TorchLearner
    from expunge.protocol import Run

C = TypeVar("C", bound=Course)


def course(kind: type[C], learner: TorchLearner, begun: Net, data: Table, run: Run, device: torch.device) -> C:
    """A course of some kind that was trained to its end: all epochs, or as many as validation asks for."""
    out = held_out(data, run, learner.validation)
    made = kind(learner, begun, data.take(~out), run, learner.epochs, device)
    if not out.any() or learner.loop is not None:
        made.trained(learner.epochs)
        return made
    judged = ordered(data.take(out), run)
    judge = inputs.Inputs(judged, begun.prepared, made.module, device)
    target = outputs.targets(judged, begun.task, begun.classes).to(device)
    best, kept, last = np.inf, weights_of(made.module), 0
    for epoch in range(learner.epochs):
        for batch in made.batches(epoch):
            made.step(batch)
        made.close(epoch, learner.epochs)
        loss = _loss(made, judge, target)
        if loss < best:
            best, kept, last = loss, weights_of(made.module), epoch
        if learner.patience is not None and epoch - last >= learner.patience:
            break
    if not np.isfinite(best):
        msg = f"the loss of the {len(judged)} held-out records was no finite number in any epoch, so none is the best"
        raise LearnError(msg + ("" if judge.finite() else ": their features hold NaN or infinite values"))
    fill(made.module, kept)
    if learner.rewind is not None and last < learner.rewind:  # no earlier than the network itself
        made.early = None
    return made


def held_out(data: Table, run: Run, share: float) -> NDArray[np.bool_]:
    """(n,) whether each record's unit is held out; none where that would leave nothing to train on."""
    drawn = keyed.draw(run.key, data.units, "validation")
    out = np.asarray(drawn < np.uint64(share * 2.0**64)) if share else np.zeros(len(data), bool)
    return np.zeros(len(data), bool) if out.all() else out


def _loss(made: Course, judge: inputs.Inputs, target: torch.Tensor) -> float:
    """Mean loss of the held-out records, in evaluation mode."""
    total, made_of = 0.0, made.begun
    made.module.eval()
    with torch.inference_mode():
        for part in inputs.batches(len(judge), made.learner.batch_size):
            rows = np.arange(part.start, part.stop)
            given = outputs.checked(made.module(judge.batch(rows)), len(rows), made_of.outputs, made_of.task)
            wanted = target[part].clone()
            total += float(outputs.losses(given.float(), wanted, made_of.task, made.learner.loss).mean()) * len(rows)
    made.module.train()
    return total / len(judge)
