"""One shard of SISA as a task: its records, its slices, and the chain of digests that its checkpoints rest under."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from expunge import environment, keyed
from expunge.codec import decode, encode
from expunge.protocol import Continuing, Priced, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.keyed import Secret

Schedule = Literal["cumulative", "incremental"]


def schedule_of(learner: Any, slices: int, schedule: Schedule) -> tuple[int, ...]:
    """Epochs of each slice.

    Cumulative: 2e/(R+1) on average, spread so that their sum keeps to it, and at least one each (Bourtoule et al.,
    section IV-B; rounding down, as its public code does, gives slices of no epoch at all).

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from expunge import SklearnLearner
    >>> schedule_of(SklearnLearner(SGDClassifier(), epochs=10), 4, "cumulative")  # 2 * 10 / 5 each
    (4, 4, 4, 4)
    >>> schedule_of(SklearnLearner(SGDClassifier(), epochs=3), 10, "cumulative")  # 6/11 each, yet none is left out
    (1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
    """
    if slices == 1 or not isinstance(learner, Continuing):
        return (1,) * slices
    if schedule == "incremental":
        return (learner.passes,) * slices
    ends = [2 * learner.passes * k // (slices + 1) for k in range(slices + 1)]
    return tuple(max(1, b - a) for a, b in pairwise(ends))


@dataclass(frozen=True)
class Task:
    """What a worker is handed: one shard and nothing of the others.

    Attributes
    ----------
    chain : tuple of str
        One keyed digest a slice, of recipe, schema, the shard's classes and all records up to that slice.
    start : int
        First slice to train; the state after the one before it is ``resting``.
    resting : bytes or None
        The checkpoint to go on from; None: from the start.
    """

    number: int
    learner: Any
    data: Table
    slices: NDArray[np.int64]
    epochs: tuple[int, ...]
    schedule: Schedule
    chain: tuple[str, ...]
    run: Run
    start: int = 0
    resting: bytes | None = field(default=None, repr=False)

    def ready(self) -> Task:
        """The task as a worker is handed it: with a key of its own, from the last checkpoint that the store holds."""
        own = Run(keyed.subkey(self.run.key, "shard", self.number), threads=self.run.threads)
        for done in range(len(self.epochs), 0, -1):
            found = self.run.store.get(self.derivation(done - 1))
            if found is not None:
                return replace(self, run=own, start=done, resting=found)
        return replace(self, run=own)

    @property
    def environment(self) -> str:
        """The tag of what trains here: versions, threads, processor."""
        return environment.tag(self.run.threads, getattr(self.learner, "packages", ()))

    def derivation(self, piece: int) -> str:
        """What the checkpoint after a slice is kept under: its link of the chain, and the environment that makes it."""
        return f"{self.chain[piece]}.{self.environment}"

    def rows(self, piece: int) -> NDArray[np.intp]:
        """Positions that slice ``piece`` is trained on."""
        inside = self.slices <= piece if self.schedule == "cumulative" else self.slices == piece
        return np.flatnonzero(inside)

    @property
    def visits(self) -> int:
        """Record visits from the first slice to train on; with one slice, what the learner says that a fit costs."""
        if len(self.epochs) == 1 and isinstance(self.learner, Priced):
            return 0 if self.start else self.learner.visits(self.data, self.run)
        return sum(self.epochs[piece] * len(self.rows(piece)) for piece in range(self.start, len(self.epochs)))

    def state(self, checkpoints: dict[str, bytes]) -> Any:
        """The model after the last slice: the last checkpoint made, or the one at rest when there was nothing to do."""
        blob = next(reversed(checkpoints.values()), self.resting)
        return None if blob is None else decode(blob, trusted=True)


def train(task: Task) -> dict[str, bytes]:
    """Train the slices that are not at rest; the checkpoint after each, by derivation. Runs in a worker.

    Training always goes on from the checkpoint's bytes, so that a shard that rested and one that did not are the same.
    """
    state = None if task.resting is None else decode(task.resting, trusted=True)
    made = {}
    for piece in range(task.start, len(task.epochs)):
        rows = task.rows(piece)
        if len(rows):
            state = _trained(task, state, rows, piece)
        if state is not None:
            made[task.derivation(piece)] = encode(state)
            if piece + 1 < len(task.epochs):
                state = decode(made[task.derivation(piece)], trusted=True)
    return made


def _trained(task: Task, state: Any, rows: NDArray[np.intp], piece: int) -> Any:
    if len(task.epochs) == 1:
        return task.learner.learn(task.data, task.run)
    own = replace(task.run, key=keyed.subkey(task.run.key, "slice", piece))
    return task.learner.go_on(state, task.data.take(rows), task.epochs[piece], own)


def sums(data: Table, groups: NDArray[np.int64], count: int, key: Secret) -> list[bytes]:
    """A digest of the set of records in each of ``count`` groups; (n,) ``groups`` says where each record is.

    Records enter as the sum of their keyed 128-bit digests, in two lanes modulo 2**64 (a multiset hash: Clarke et al.,
    ASIACRYPT 2003), and as their number: order means nothing, and a million records are quick.
    """
    lanes = np.ascontiguousarray(data.digests(keyed.subkey(key, "records"))).view("<u8").reshape(-1, 2)
    total = np.zeros((count, 3), dtype="<u8")
    for lane in range(2):
        np.add.at(total[:, lane], groups, lanes[:, lane])
    total[:, 2] = np.bincount(groups, minlength=count)
    return [held.tobytes() for held in total]


def chain_of(secret: bytes, slices: Sequence[bytes], *names: str) -> tuple[str, ...]:
    """A keyed digest for each slice of all that its state is made of: each link digests the one before."""
    link = keyed.digest(secret, *(name.encode() for name in names))
    chain = []
    for held in slices:
        link = keyed.digest(secret, link.encode(), held)
        chain.append(link)
    return tuple(chain)
