"""One shard of SISA as a task: its records, its slices, and the chain of digests that its checkpoints rest under."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from expunge import environment, keyed
from expunge.codec import decode, encode
from expunge.protocol import Continuing, Priced, Run, Together

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
    names : tuple
        What its own key is derived from; its number, where there is nothing.
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
    names: tuple[str, ...] = ()

    def ready(self) -> Task:
        """The task as a worker is handed it: with a key of its own, from the last checkpoint that the store holds."""
        names = self.names or ("shard", self.number)
        own = Run(keyed.subkey(self.run.key, *names), threads=self.run.threads, tick=self.run.tick)
        for done in range(len(self.epochs), 0, -1):
            found = self.run.store.get(self.derivation(done - 1))
            if found is not None:
                return replace(self, run=own, start=done, resting=found)
        return replace(self, run=own)

    @property
    def environment(self) -> str:
        """The tag of what trains here: versions, threads, processor."""
        return environment.tag_of(self.learner, self.run.threads)

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

    @property
    def trained(self) -> bool:
        """Whether no slice is left to train."""
        return self.start == len(self.epochs)

    def after(self, checkpoint: bytes | None) -> Task:
        """The task with its next slice done; None: there was nothing to learn from yet."""
        return replace(self, start=self.start + 1, resting=self.resting if checkpoint is None else checkpoint)

    def handed(self) -> Task:
        """The task with the records that its next slice is trained on, and no others."""
        rows = self.rows(self.start)
        return replace(self, data=self.data.take(rows), slices=self.slices[rows])

    def __getstate__(self) -> dict[str, Any]:
        """Without what reports progress: it belongs to the process that asked."""
        return self.__dict__ | {"run": Run(self.run.key, threads=self.run.threads)}


def train(task: Task) -> dict[str, bytes]:
    """Train all slices that are not at rest; the checkpoint after each, by derivation."""
    made = {}
    while not task.trained:
        ((name, blob),) = advance((task.handed(),))
        task = task.after(blob)
        if blob is not None:
            made[name] = blob
    return made


def advance(tasks: tuple[Task, ...]) -> list[tuple[str, bytes | None]]:
    """Train the next slice of each shard, as one program where the learner can; its derivation and its checkpoint.

    All begin with the same slice. It runs in a worker. Training always goes on from the checkpoint's bytes, so that a
    shard that rested and one that did not are the same. No checkpoint: no record of the shard has been met yet.
    """
    piece = tasks[0].start
    states = [None if task.resting is None else decode(task.resting, trusted=True) for task in tasks]
    met = [place for place, task in enumerate(tasks) if len(task.data)]
    if met:
        news = _trained([tasks[place] for place in met], [states[place] for place in met], piece)
        for place, state in zip(met, news, strict=True):
            states[place] = state
    blobs = [None if state is None else encode(state) for state in states]
    return [(task.derivation(piece), blob) for task, blob in zip(tasks, blobs, strict=True)]


def groups(tasks: Sequence[Task]) -> list[tuple[Task, ...]]:
    """Tasks that begin with the same slice, as many to a group as their learner trains together, evenly."""
    made = []
    for begin in sorted({task.start for task in tasks}):
        same = [task for task in tasks if task.start == begin]
        most = same[0].learner.together if isinstance(same[0].learner, Together) else 1
        parts = -(-len(same) // most)
        made += [tuple(same[k * len(same) // parts : (k + 1) * len(same) // parts]) for k in range(parts)]
    return made


def _trained(tasks: Sequence[Task], states: Sequence[Any], piece: int) -> list[Any]:
    learner, epochs, of = tasks[0].learner, tasks[0].epochs[piece], sum(tasks[0].epochs)
    data, runs = [task.data for task in tasks], [task.run for task in tasks]
    together = len(tasks) > 1 and isinstance(learner, Together)
    if len(tasks[0].epochs) == 1:
        return learner.learn_together(data, runs) if together else list(map(learner.learn, data, runs))
    own = [replace(run, key=keyed.subkey(run.key, "slice", piece)) for run in runs]
    if together:
        return list(learner.go_on_together(states, data, epochs, own, of))
    return [learner.go_on(*each, epochs, run, of) for *each, run in zip(states, data, own, strict=True)]


def trained(tasks: Sequence[Task], run: Run, what: str = "shards") -> dict[int, Any]:
    """State of each task after its last slice; checkpoints come to rest as soon as they arrive, slice by slice."""
    held, done = {task.number: task for task in tasks}, 0
    what = what if all(len(task.epochs) == 1 for task in tasks) else "slices"
    total = sum(len(task.epochs) - task.start for task in tasks)
    if total:
        run.tick(what, 0, total)  # a first slice may take long
    while waiting := groups([task for task in held.values() if not task.trained]):
        handed = (tuple(task.handed() for task in group) for group in waiting)
        for group, made in zip(waiting, run.map(advance, handed), strict=True):
            for task, (name, blob) in zip(group, made, strict=True):
                if blob is not None:
                    run.store[name] = blob
                held[task.number] = task.after(blob)
            done += len(group)
            run.tick(what, done, total)
    return {number: task.state({}) for number, task in held.items()}


def asked(learner: Any, models: Sequence[Any], data: Table) -> list[NDArray[Any]]:
    """What each model says of the same records, all of them at once where the learner can."""
    if isinstance(learner, Together) and len(models) > 1:
        return [np.asarray(scores) for scores in learner.predict_together(models, data)]
    return [np.asarray(learner.predict(model, data)) for model in models]


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
