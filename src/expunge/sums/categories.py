"""How many records of each class have each name in each column; a name that nobody has is gone.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Table
>>> table = Table.from_arrays(np.array([["red"], ["blue"], ["red"]], object), ["a", "b", "b"])
>>> counts = Categories.of(table)
>>> counts.columns[0].names, counts.columns[0].counts.tolist()
(('blue', 'red'), [[0, 1], [1, 1]])
>>> counts.minus(Categories.of(table.take([1]))).columns[0].names
('red',)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from expunge.data import features as feats
from expunge.errors import DataError, MismatchError
from expunge.sums.blocks import numbers
from expunge.sums.statistics import classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.values import Scalar

MISSING = "(missing)"  # a name as any other: nobody knows is something that is known


@dataclass(frozen=True, eq=False)
class Names:
    """One column.

    Attributes
    ----------
    names : tuple of str
        Those that records have, sorted.
    counts : (classes, names) int64
    """

    names: tuple[str, ...]
    counts: NDArray[np.int64]

    def placed(self, names: tuple[str, ...], rows: NDArray[np.intp], classes: int) -> NDArray[np.int64]:
        """(classes, names) the counts, among other classes and names."""
        made = np.zeros((classes, len(names)), np.int64)
        where = {name: place for place, name in enumerate(names)}
        columns = np.array([where[name] for name in self.names], np.intp)
        made[rows[:, None], columns] = self.counts
        return made


@dataclass(frozen=True, eq=False)
class Categories:
    """Counts of records by class, and by class and name of each column.

    Attributes
    ----------
    classes : tuple
        Those that there are records of, sorted.
    counts : (classes,) int64
    columns : tuple of Names
    """

    classes: tuple[Scalar, ...]
    counts: NDArray[np.int64]
    columns: tuple[Names, ...]

    @classmethod
    def of(cls, table: Table) -> Categories:
        """Of the records of a table.

        Raises
        ------
        DataError
            For records that are no rows of columns.
        """
        present, codes = classes(table)
        if not feats.in_columns(table.columns.features):
            msg = "categories are counted in columns, and a record of these data is one thing"
            raise DataError(msg)
        counts = np.bincount(codes, minlength=len(present))
        stored = table.stored
        held = [as_names(stored, place) for place in range(len(table.names))]
        return cls(present, counts, tuple(_counted(names, codes, len(present)) for names in held))

    @property
    def count(self) -> int:
        """Records."""
        return int(self.counts.sum())

    def plus(self, other: Categories) -> Categories:
        """With the records of another."""
        return self._with(other, 1)

    def minus(self, other: Categories) -> Categories:
        """Without the records of another, all of which must be among these.

        Raises
        ------
        MismatchError
            Where they are not.
        """
        return self._with(other, -1)

    def at(self, places: Sequence[int]) -> Categories:
        """Other columns: those at these places of mine."""
        return Categories(self.classes, self.counts, tuple(self.columns[place] for place in places))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Categories):
            return NotImplemented
        mine, others = ([each.names for each in of.columns] for of in (self, other))
        return (
            self.classes == other.classes
            and mine == others
            and np.array_equal(self.counts, other.counts)
            and all(np.array_equal(a.counts, b.counts) for a, b in zip(self.columns, other.columns, strict=True))
        )

    def __hash__(self) -> int:
        return hash((self.classes, self.counts.tobytes()))

    def _with(self, other: Categories, sign: int) -> Categories:
        merged: list[Any] = sorted({*self.classes, *other.classes})
        where = {name: place for place, name in enumerate(merged)}
        rows, others = (np.array([where[name] for name in of.classes], np.intp) for of in (self, other))
        counts = np.zeros(len(merged), np.int64)
        counts[rows] += self.counts
        counts[others] += sign * other.counts
        tables = []
        for mine, new in zip(self.columns, other.columns, strict=True):
            names = tuple(sorted({*mine.names, *new.names}))
            held = mine.placed(names, rows, len(merged)) + sign * new.placed(names, others, len(merged))
            tables.append(Names(names, held))
        if counts.min(initial=0) < 0 or any(column.counts.min(initial=0) < 0 for column in tables):
            msg = f"{other.count} records were to be taken out of counts of {self.count} that do not hold them"
            raise MismatchError(msg)
        left: NDArray[np.bool_] = np.greater(counts, 0)
        kept = tuple(name for name, there in zip(merged, left, strict=True) if there)
        return Categories(kept, counts[left], tuple(_pruned(column, left) for column in tables))


def as_names(stored: Any, place: int) -> NDArray[np.str_]:
    """(n,) what each record has in one column, as text; numbers as they are written shortest."""
    if isinstance(stored, pa.Table):
        values = stored.column(place).combine_chunks()
        whole = [MISSING if value is None else _text(value) for value in values.to_pylist()]
        return np.array(whole, np.str_)
    column = numbers(feats.select(stored, [place]))[:, 0]
    return np.array([_text(value) for value in column.tolist()], np.str_)


def _text(value: Any) -> str:
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124  (NaN)
            return MISSING
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def _counted(names: NDArray[np.str_], codes: NDArray[np.intp], classes: int) -> Names:
    distinct, places = np.unique(names, return_inverse=True)
    width = len(distinct)
    counts = np.bincount(codes * width + places, minlength=classes * width).reshape(classes, width)
    return Names(tuple(distinct.tolist()), counts.astype(np.int64))


def _pruned(column: Names, left: NDArray[np.bool_]) -> Names:
    """Without classes and names that nobody has."""
    counts = column.counts[left]
    held: NDArray[np.bool_] = np.asarray(counts.any(axis=0))
    names = tuple(name for name, there in zip(column.names, held, strict=True) if there)
    return Names(names, np.ascontiguousarray(counts[:, held]))
