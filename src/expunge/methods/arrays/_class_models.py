"""What ARCANE learns: a model for each class, and what there is to do for one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from expunge.codec import BESIDE
from expunge.errors import MismatchError
from expunge.methods.arrays._refusals import said_of_moved

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from expunge.data.table import Table
    from expunge.methods.arrays._calibration import Calibration, Kind
    from expunge.methods.arrays._shards import Task
    from expunge.values import Scalar


@dataclass(frozen=True)
class ClassModel:
    """The model of one class.

    Attributes
    ----------
    name : class
    state : model of the learner, or None
        None: the class has too few records to learn from, and is never predicted.
    calibration : Calibration or None
    chain : tuple of str
        One keyed digest a slice, of the parameters and all records up to it, and one more of those that calibrate.
    environment : str
        Tag of the environment that trained it; recorded beside the fingerprint, not in it.
    """

    name: Scalar
    state: Any
    calibration: Calibration | None
    chain: tuple[str, ...]
    environment: str = field(default="", metadata=BESIDE)


@dataclass(frozen=True)
class ClassModels:
    """The models of all classes, and digests that say which algorithm, key and records they are of.

    Attributes
    ----------
    parts : tuple of ClassModel
        In the order of the classes' names.
    recipe, key : str
        Digest of the algorithm and its parameters; the key's public name.
    """

    parts: tuple[ClassModel, ...]
    recipe: str
    key: str

    @property
    def task(self) -> str:
        """What the scores are for."""
        return "classification"

    @property
    def classes(self) -> tuple[Scalar, ...]:
        """Names of the columns of the scores."""
        return tuple(part.name for part in self.parts)

    @property
    def checkpoints(self) -> frozenset[str]:
        """What the store must keep for this model."""
        return frozenset(link for part in self.parts for link in part.chain[:-1])


@dataclass(frozen=True)
class Work:
    """One class to learn: its task, the chain of all its records, and the records that calibrate."""

    name: Scalar
    task: Task
    chain: tuple[str, ...]
    judged: Table

    def visits(self, kind: Kind) -> int:
        """Record visits from the last checkpoint at rest on, and one for each record that is scored."""
        return self.task.visits + (0 if kind == "none" or not len(self.task.data) else len(self.judged))

    def ready(self) -> Work:
        """As it is handed on: with a key of its own, from the last checkpoint that the store holds."""
        return replace(self, task=self.task.ready())


def expect_models(model: object) -> None:
    if not isinstance(model, ClassModels):
        msg = f"the model must be the ClassModels that this Arcane learned, got a {type(model).__name__}"
        raise MismatchError(msg)


def departures(model: ClassModels, works: Sequence[Work], touched: Sequence[Work]) -> Iterator[str]:
    """A sentence for classes that go, come or lose their model, and for moved models."""
    old, new = {part.name: part for part in model.parts}, {work.name for work in works}
    moved = sum(work.name in old and work.task.environment != old[work.name].environment for work in touched)
    yield from said_of_moved(moved, ("class", "classes"))
    for part in model.parts:
        if part.name not in new:
            yield f"class {part.name!r} goes with its model, and nothing is learned again for that"
    for work in touched:
        if work.name not in old:
            yield f"class {work.name!r} is new, and a model of its own is learned"
        elif old[work.name].state is not None and not len(work.task.data):
            yield f"class {work.name!r} keeps too few records for a model, and is not predicted any more"
