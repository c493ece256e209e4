"""What every measure is taken of: four models, and what each says of three parts of the data.

The original shows what doing nothing is worth; the oracle, learned without the target, what a perfect forgetting would
be; the second oracle, learned likewise under another key, how far two perfect ones lie apart.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expunge.data.columns import name_at
from expunge.data.labels import arranged, said
from expunge.errors import DataError, EmptyModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from expunge.data.labels import Labels
    from expunge.data.table import Table
    from expunge.protocol import Ids, Learner
    from expunge.values import Scalar, Target

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Missing:
    """A figure that could not be had, and why: in its place, so that nobody takes a made-up number for it."""

    reason: str


@dataclass(frozen=True)
class _Named(Generic[T]):
    """Fields that can be gone through by name."""

    def each(self) -> Iterator[tuple[str, T]]:
        """Name and value of each field."""
        return ((field.name, getattr(self, field.name)) for field in fields(self))


@dataclass(frozen=True)
class Four(_Named[T]):
    """One of each for the original, the forgotten model, the oracle and the second oracle."""

    original: T
    forgotten: T
    oracle: T
    second: T

    def map(self, fn: Callable[[T], S]) -> Four[S]:
        """The same of each."""
        return Four(fn(self.original), fn(self.forgotten), fn(self.oracle), fn(self.second))


@dataclass(frozen=True)
class Parts(_Named[T]):
    """One of each for the records retained, the records forgotten and the held-out test."""

    retained: T
    forgotten: T
    test: T

    def map(self, fn: Callable[[T], S]) -> Parts[S]:
        """The same of each."""
        return Parts(fn(self.retained), fn(self.forgotten), fn(self.test))


TITLES = Four("original (do nothing)", "forgotten", "oracle", "second oracle")


@dataclass(frozen=True, eq=False)
class Answers:
    """What one model says of one part.

    Attributes
    ----------
    predicted : (n, classes) scores, or (n,) or (n, targets) for regression
    classes : names of the columns, or None for regression
    part : Table
        The records asked about, in the order of ``predicted``.
    """

    predicted: NDArray[np.float64]
    classes: tuple[Scalar, ...] | None
    part: Table

    @property
    def label(self) -> Labels:
        """(n,) what would have been right; of multi-label data (n, classes), with the columns of the model."""
        label = self.part.label
        if label is None:
            msg = "an audit compares answers with labels, and this table has none"
            raise DataError(msg)
        if self.part.task != "multilabel" or self.classes is None:
            return label
        return arranged(label, self.part.classes or (), self.classes)


def answers(learner: Learner[Table, Any, Any], model: Any, part: Table | Missing) -> Answers | Missing:
    """What a model says of some records; `Missing` where there is no record, or no model is left.

    Raises
    ------
    DataError
        If scores have columns and the model does not name them (``model.classes``): position proves nothing.
    """
    if isinstance(part, Missing):
        return part
    if not len(part):
        return Missing("there is no such record")
    try:
        predicted = np.asarray(learner.predict(model, part), dtype=np.float64)
    except EmptyModelError:
        return Missing("this model has forgotten everything, and answers nothing")
    scored = predicted.ndim > 1 and not (part.task == "regression" and _is_several(part))
    classes = getattr(model, "classes", None) if scored else None
    if scored and classes is None:
        kind = type(model).__name__
        msg = f"a model must name the columns of its scores in `classes`, and this {kind} does not"
        raise DataError(msg)
    return Answers(predicted, None if classes is None else tuple(classes), part)


def parts(data: Table, target: Target, test: Table | None) -> Parts[Table | Missing]:
    """Records retained, forgotten and held out, with the columns of ``data``.

    A corrected record is forgotten as it was and retained as it should have been. Where a column is erased, records
    that stay are retained as they were, so that a model that knew the column can be asked about them too.

    Raises
    ------
    DataError
        If the test shares records with the data, lacks a column, or labels are missing or not like those of the data.
    """
    if data.label is None:
        msg = "an audit compares answers with labels, and these data have none"
        raise DataError(msg)
    change, after = data.change(target), data.after(target)
    gone, kept = data.take(np.zeros(0, np.intp) if change is None else change.out), after
    if after.names != data.names:
        stays = _among(data.ids, after.ids)
        gone, kept = data.take(np.flatnonzero(~stays)), data.take(np.flatnonzero(stays))
    if test is None:
        return Parts(kept, gone, Missing("no test records were given"))
    return Parts(kept, gone, _held_out(test, data, after))


def _held_out(test: Table, data: Table, after: Table) -> Table:
    """The test with the columns of the data, or the sentence that says why it is none."""
    if test.label is None:
        msg = "test records need labels, and this table has none: give y, or name the label column"
        raise DataError(msg)
    lacking = [name for name in data.names if name not in test.names]
    if lacking:
        msg = f"test records need the columns of the data, and lack {', '.join(map(repr, lacking))}"
        raise DataError(msg)
    if _sort(test) != _sort(data):
        msg = f"test records need labels like those of the data: {_sort(data)} for each, got {_sort(test)}"
        raise DataError(msg)
    known = _among(test.ids, data.ids) | _among(test.ids, after.ids)
    if known.any():
        first = name_at(test.ids, int(np.argmax(known)))
        msg = (
            f"{int(known.sum())} test records are records of the data too (the first: {first!r}), and a model says"
            " nothing of the unseen by what it has seen; tables without ids count theirs from 0: give the test its own"
        )
        raise DataError(msg)
    return test.select(data.names)


def _sort(table: Table) -> str:
    """How many labels each record has; types of single ones are compared by the measures."""
    return said(table.label) if _is_several(table) else "one label"


def _is_several(table: Table) -> bool:
    """Whether each record has several labels."""
    return table.label is not None and table.label.ndim > 1


def _among(ids: Ids, held: Ids) -> NDArray[np.bool_]:
    """(n,) whether each of ``ids`` is one of ``held``; names of different types are different."""
    if isinstance(ids, pa.Array) and isinstance(held, pa.Array):
        return np.asarray(pc.is_in(ids, value_set=held.cast(ids.type)).to_numpy(zero_copy_only=False))
    if isinstance(ids, np.ndarray) and isinstance(held, np.ndarray):
        return np.isin(ids, held)
    return np.zeros(len(ids), dtype=bool)
