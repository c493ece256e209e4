"""The records themselves, in the order of their ids: what a method keeps that is no function of sums.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> rows = Rows.of(Table.from_arrays(np.array([[5.0], [6.0]]), ["a", "b"], ids=[9, 3]))
>>> rows.X.ravel(), rows.labels
(array([6., 5.]), ('b', 'a'))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from expunge.errors import DataError, MismatchError
from expunge.sums.blocks import blocks
from expunge.sums.fixed import Fixed
from expunge.sums.statistics import classes, responses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table

    Floats = NDArray[np.float64]

FINITE = Fixed(2.0**300)


@dataclass(frozen=True, eq=False)
class Rows:
    """Records in the order of their ids.

    Attributes
    ----------
    ids : (n,) int64, or text
    X : (n, d)
    y : (n, targets) float64, or (n,) places among the classes
    classes : tuple or None
        Those that there are records of, sorted; None: responses.
    """

    ids: NDArray[Any]
    X: Floats
    y: NDArray[Any]
    classes: tuple[Any, ...] | None

    @classmethod
    def of(cls, table: Table, *, responding: bool = False) -> Rows:
        """Of a table; ``responding``: its labels are numbers.

        Raises
        ------
        DataError
            For features that are no finite numbers, or labels of another kind.
        """
        parts = [FINITE.checked(X, table.names, rows.start) for rows, X in blocks(table)]
        X = np.concatenate(parts) if parts else np.zeros((0, len(table.names)))
        return cls.holding(table, X, responding=responding)

    @classmethod
    def holding(cls, table: Table, X: Floats, *, responding: bool = False) -> Rows:
        """Of a table, with (n, d) numbers of its records in place of its features; raises like `of` for labels."""
        names, y = (None, responses(table) + 0.0) if responding else classes(table)
        ids = table.ids
        held = ids if isinstance(ids, np.ndarray) else np.array(ids.to_pylist(), np.str_)
        if isinstance(ids, pa.Array) and held.tolist() != ids.to_pylist():
            msg = "an id that ends in a NUL character cannot be told from one that does not"
            raise DataError(msg)
        order = np.argsort(held, kind="stable")
        return cls(_tight(held[order]), X[order] + 0.0, y[order], names)  # -0.0 is 0

    @property
    def count(self) -> int:
        """Records."""
        return len(self.ids)

    @property
    def labels(self) -> tuple[Any, ...]:
        """The class of each, or its responses."""
        known = self.classes
        return tuple(self.y.tolist() if known is None else [known[code] for code in self.y])

    def plus(self, other: Rows) -> Rows:
        """With the records of another."""
        ids = np.concatenate([self.ids, other.ids])
        order = np.argsort(ids, kind="stable")
        if (ids[order][1:] == ids[order][:-1]).any():
            msg = "records were to be added that are there already"
            raise MismatchError(msg)
        names = None if self.classes is None else tuple(sorted({*self.classes, *(other.classes or ())}))
        y = np.concatenate([each.coded(names) for each in (self, other)])
        return Rows(_tight(ids[order]), np.concatenate([self.X, other.X])[order], y[order], names)

    def minus(self, other: Rows) -> Rows:
        """Without the records of another, all of which must be among these.

        Raises
        ------
        MismatchError
            Where they are not.
        """
        places = np.minimum(np.searchsorted(self.ids, other.ids), max(len(self.ids) - 1, 0))
        if not len(self.ids) or (self.ids[places] != other.ids).any() or (self.X[places] != other.X).any():
            msg = f"{other.count} records were to be taken out of {self.count} that do not hold them"
            raise MismatchError(msg)
        left = np.ones(len(self.ids), bool)
        left[places] = False
        y = self.y[left]
        if self.classes is None:
            return Rows(_tight(self.ids[left]), self.X[left], y, None)
        there = np.bincount(y, minlength=len(self.classes)) > 0
        names = tuple(name for name, held in zip(self.classes, there, strict=True) if held)
        return Rows(_tight(self.ids[left]), self.X[left], (np.cumsum(there) - 1)[y], names)

    def at(self, places: Sequence[int]) -> Rows:
        """Other columns: those at these places of mine."""
        return Rows(self.ids, np.ascontiguousarray(self.X[:, list(places)]), self.y, self.classes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rows):
            return NotImplemented
        parts = ((self.ids, other.ids), (self.X, other.X), (self.y, other.y))
        return self.classes == other.classes and all(np.array_equal(*pair) for pair in parts)

    def __hash__(self) -> int:
        return hash((self.classes, self.ids.tobytes()))

    def coded(self, names: tuple[Any, ...] | None) -> NDArray[Any]:
        """(n,) places among other classes, or the responses."""
        if names is None or self.classes is None:
            return self.y
        made: NDArray[np.intp] = np.array([names.index(name) for name in self.classes], np.intp)[self.y]
        return made


def _tight(ids: NDArray[Any]) -> Any:
    """Text in its shortest type: a long id that is gone leaves no trace in it."""
    if ids.dtype.kind != "U":
        return ids
    return ids.astype(f"<U{np.strings.str_len(ids).max(initial=1)}")
