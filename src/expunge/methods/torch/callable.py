"""Any function ``unlearn(net, retain, forget, validation) -> net``: the shape in which researchers have their method.

The function is handed a copy of the network and torch's own `DataLoader` for the retained and for the forgotten
records, whose batches are pairs (input, target); ``validation`` is a loader of the records that the learner's
``validation`` held out, None where there are none. The network that it returns is the model, as it is: what batch norm
counted there stays counted.

It is as deterministic as the function. Loaders give each epoch an order of its own that belongs to the key, and the
global generators of torch, numpy and Python start from the key. Every record that a loader hands out counts as a visit.

Claim: Empirical.

References
----------
Triantafillou et al. (2024), arXiv:2406.09073: submissions to the NeurIPS 2023 competition had this shape.

Examples
--------
>>> import numpy as np
>>> import torch
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> def shrink(net, retain, forget, validation):
...     for x, y in forget:
...         loss = -torch.nn.functional.cross_entropy(net(x), y)
...         for held, slope in zip(net.parameters(), torch.autograd.grad(loss, list(net.parameters()))):
...             held.data -= 0.1 * slope
...     return net
>>> table = Table.from_arrays(np.eye(8, dtype=np.float32), ["a", "b"] * 4)
>>> method = Callable(TorchLearner(partial(torch.nn.Linear, 8, 2)), shrink, epochs=1)
>>> run = Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([3]), table, run)
>>> done.claim, done.examples
(Empirical(), 1)
"""

from __future__ import annotations

import collections.abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from expunge import keyed
from expunge.errors import LearnError, ParameterError
from expunge.learners.torch import inputs
from expunge.learners.torch.network import differing, weights_of
from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expunge.learners.torch import TorchLearner
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Records, Unlearning


@dataclass(frozen=True)
class Callable(PostHoc):
    """Forget with a function of your own.

    Parameters
    ----------
    learner : TorchLearner
    function : callable
        From (net, retain, forget, validation) to a network of the same parameters and buffers. Its settings are set by
        `functools.partial`.
    epochs : int
        How often it may look at each record, on average: what is quoted. A function that looks more often is stopped.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained", "forgotten"})
    learner: TorchLearner
    function: collections.abc.Callable[..., nn.Module]
    epochs: int = 10

    def check(self) -> None:
        """Raise a sentence for settings that are not possible."""
        check_count(self, "epochs")
        if not callable(self.function):
            msg = f"Callable needs function to be unlearn(net, retain, forget, validation), got {self.function!r}"
            raise ParameterError(msg)

    def most(self, retained: int, forgotten: int) -> int:
        """As many visits as are allowed."""
        return self.epochs * (retained + forgotten)

    def unlearn(self, work: Unlearning) -> None:
        """Let the function do it."""
        sides = (work.retained, work.forgotten, work.held_out)
        limit = self.most(len(work.retained) + len(work.held_out), len(work.forgotten))
        retain, forget, validation = (loader(Handed(records, limit)) for records in sides)
        found = self.function(work.student, retain, forget, validation if len(work.held_out) else None)
        if not isinstance(found, nn.Module):
            msg = f"the function must return the network, and returned a {type(found).__name__}"
            raise LearnError(msg)
        other = differing(work.original(), weights_of(found))
        if other is not None:
            msg = f"the network that the function returned is not of the same making: {other}"
            raise LearnError(msg)
        work.student = found


class Handed(Dataset[tuple[Tensor, Tensor]]):
    """Records as pairs (input, target), each look counted.

    Parameters
    ----------
    records : Records
    limit : int
        Visits of all records together, above which reading on is an error.
    """

    def __init__(self, records: Records, limit: int) -> None:
        self.records, self.limit = records, limit

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        return self.__getitems__([row])[0]

    def __getitems__(self, rows: list[int]) -> list[tuple[Tensor, Tensor]]:
        """Several at a time: what torch's loaders ask for."""
        work = self.records.work
        work.count(len(rows))
        if work.visits > self.limit:
            msg = f"the function looks at more records than its epochs allow ({self.limit} visits): give more epochs"
            raise LearnError(msg)
        batch = self.records.batch(np.array(rows, dtype=np.intp))
        return list(zip(batch.given, batch.target, strict=True))


class Orders(Sampler[list[int]]):
    """Batches of an order that belongs to key and epoch: an epoch more each time that it is gone through."""

    def __init__(self, records: Records) -> None:
        self.records, self.epoch = records, 0

    def __len__(self) -> int:
        return len(list(self._parts()))

    def __iter__(self) -> Iterator[list[int]]:
        records = self.records
        order = keyed.order(records.work.run.key, records.data.ids, records.name, self.epoch)
        self.epoch += 1
        return (order[part].tolist() for part in self._parts())

    def _parts(self) -> Iterator[slice]:
        return inputs.batches(len(self.records), self.records.work.learner.batch_size)


def loader(handed: Handed) -> DataLoader[Any]:
    """A loader of torch's over these records."""
    return DataLoader(handed, batch_sampler=Orders(handed.records))
