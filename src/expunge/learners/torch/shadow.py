"""A second network that never saw some of the units: what such a network says of a record that it never met.

From that, and from what the first network said of the same records in the course of its training, follows how sure a
network would be of any record that it never saw, which is what forgetting has to know (`ConfidenceMatching`). The
second network itself is thrown away: it has learned the very records that may have to go. Its answers are kept by
record, and go with the record.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from expunge import keyed
from expunge.errors import ParameterError
from expunge.learners.torch import early, inputs, outputs
from expunge.learners.torch.course import Course, names_of
from expunge.learners.torch.network import Net, Shadow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.torch.learner import TorchLearner
    from expunge.protocol import Run

PARTS = (4, 2)
"""After which parts of its training the network is asked: a quarter, a half."""

ASKED = 256  # records at a time


def hidden(data: Table, run: Run, share: float) -> NDArray[np.bool_]:
    """(n,) whether a record's unit is hidden from the second network: a keyed hash of its name, whoever is there."""
    return np.asarray(keyed.draw(run.key, data.units, "shadow") < np.uint64(share * 2.0**64))


def visits(epochs: int, records: int, out: int) -> int:
    """Record visits besides those of the network itself; a forward pass is a third of one."""
    return epochs * (records - out) + math.ceil((len(PARTS) * records + out) / 3) if 0 < out < records else 0


class Watched(Course):
    """A course whose network is asked about all its records after a quarter and after a half of its epochs."""

    def __init__(self, learner: TorchLearner, begun: Net, data: Table, run: Run, of: int, device: torch.device) -> None:
        super().__init__(learner, begun, data, run, of, device)
        self.said: list[NDArray[np.float32]] = []

    def close(self, epoch: int, epochs: int) -> None:
        """End an epoch, and ask where it is time."""
        super().close(epoch, epochs)
        times = [-(-self.of // part) for part in PARTS].count(self.epochs)
        self.said += [asked(self, self.data)] * times if times else []

    def traces(self) -> NDArray[np.float32]:
        """(parts, n, outputs); where training stopped before, what it says at its end."""
        late = len(PARTS) - len(self.said)
        return np.stack([*self.said, *([asked(self, self.data)] * late if late else [])])


def learned(learner: TorchLearner, begun: Net, data: Table, run: Run, device: torch.device) -> Net:
    """The network that the learner makes without, to the bit, and what its shadow says.

    Raises
    ------
    ParameterError
        When the task is not to tell classes apart.
    """
    if begun.task != "classification":
        msg = f"a shadow tells how sure a network is of a class, and this one is for {begun.task}: use shadow=0"
        raise ParameterError(msg)
    course = early.course(Watched, learner, begun, data, run, device)
    net = course.net(further=False)
    out = hidden(course.data, run, learner.shadow)
    if out.all() or not out.any():
        return net
    own = replace(run, key=keyed.subkey(run.key, "shadow"))
    second = early.course(Course, learner, begun, course.data.take(~out), own, device)
    names = names_of(course.data)
    by_name, unseen = np.argsort(names), course.data.take(out)
    scores = asked(second, unseen)[np.argsort(names[out])]
    return replace(net, shadow=Shadow(names[by_name], course.traces()[:, by_name], out[by_name], scores))


def asked(course: Course, data: Table) -> NDArray[np.float32]:
    """(n, outputs) logarithms of the scores, in evaluation mode."""
    module, begun = course.module, course.begun
    given, found = inputs.Inputs(data, begun.prepared, module, course.device), []
    module.eval()
    with torch.inference_mode():
        for part in inputs.batches(len(data), ASKED):
            rows = np.arange(part.start, part.stop)
            made = outputs.checked(module(given.batch(rows)), len(rows), begun.outputs, begun.task)
            found.append(torch.log_softmax(made.float(), 1).cpu())
    module.train()
    return torch.cat(found).numpy().copy()
