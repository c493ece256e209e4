"""Exact sums over the records of a table: of their numbers, of numbers and targets, of the numbers of each class.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Table
>>> table = Table.from_arrays(np.array([[1.0], [2.0], [6.0]]), ["ham", "spam", "ham"])
>>> kind = Kind("squares")
>>> rest = kind.of(table).minus(kind.of(table.take([1])))
>>> rest == kind.of(table.after(Records([1]))), rest.classes
(True, ('ham',))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from expunge.data.compressed import is_compressed
from expunge.errors import DataError
from expunge.sums.blocks import blocks
from expunge.sums.fixed import Fixed
from expunge.sums.groups import Groups, GroupTally
from expunge.sums.moments import FEW, Moments, Tally
from expunge.sums.sparse import checked_rows, sparse_sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.sums.moments import Second

Needs: TypeAlias = Literal["moments", "features", "means", "sums", "squares", "pooled", "each"]
"""Products of columns and targets, or of columns alone; of each class means, sums, squares or products; or means of
each class and products of all records."""

FINITE = Fixed(2.0**300)  # takes every number that anybody has, and says where one is missing
BY_CLASS: dict[str, Second] = {"means": "none", "sums": "none", "squares": "squares", "each": "products"}


@dataclass(frozen=True)
class Pooled:
    """Sums of each class, and products of all records together.

    Attributes
    ----------
    groups : Groups
    whole : Moments
    """

    groups: Groups
    whole: Moments

    @property
    def count(self) -> int:
        """Records."""
        return self.whole.count

    @property
    def classes(self) -> tuple[Any, ...]:
        """Those that there are records of."""
        return self.groups.classes

    def plus(self, other: Pooled) -> Pooled:
        """With the records of another."""
        return Pooled(self.groups.plus(other.groups), self.whole.plus(other.whole))

    def minus(self, other: Pooled) -> Pooled:
        """Without the records of another, all of which must be among these."""
        return Pooled(self.groups.minus(other.groups), self.whole.minus(other.whole))

    def at(self, places: Sequence[int | None]) -> Pooled:
        """Other columns, as `Moments.at`."""
        return Pooled(self.groups.at(places), self.whole.at(places))


Statistic: TypeAlias = Moments | Groups | Pooled
"""A value with ``count``, ``plus``, ``minus`` and ``at``."""


@dataclass(frozen=True)
class Kind:
    """Which sums, and the fixed point that they are in.

    Attributes
    ----------
    needs : {"moments", "features", "means", "sums", "squares", "pooled", "each"}
    fixed : Fixed
    above : float or None
        Sums are over 1 for each number above this, and 0 for the others.
    counted : bool
        Whether a number below zero is refused.
    """

    needs: Needs
    fixed: Fixed = field(default_factory=Fixed)
    above: float | None = None
    counted: bool = False

    def __post_init__(self) -> None:
        assert self.needs in get_args(Needs)  # noqa: S101  (a closed form's own choice)

    @cached_property
    def name(self) -> str:
        """By which a table remembers its sums."""
        return f"sums of {self.needs} in {self.fixed.resolution!r} above {self.above!r}, counted {self.counted}"

    def of(self, table: Table, *, loose: bool = False) -> Any:
        """The statistic of these records; of a few, ``loose``: to be taken away, and for nothing else (`Moments.few`).

        Raises
        ------
        DataError
            For features that are no numbers within the range, or labels of another kind than the sums are of.
        """
        if self.needs in ("moments", "features"):
            return self._moments(table, loose=loose)
        if self.needs == "pooled":
            return Pooled(self._groups(table, "none", loose=loose), self._moments(table, labels=False, loose=loose))
        return self._groups(table, BY_CLASS[self.needs], loose=loose)

    def seen(self, X: Any, names: Sequence[str], start: int = 0) -> Any:
        """What the sums are over, of (m, d) numbers, dense or in compressed rows."""
        sparse = is_compressed(X)
        held = X.data if sparse else X
        if self.counted and held.size and held.min() < 0:
            row, place = (int(each) for each in np.argwhere((X.toarray() if sparse else X) < 0)[0])
            msg = f"column {names[place]!r}: row {start + row} is below zero, and a count is 0 or more"
            raise DataError(msg)
        if self.above is None:
            return X
        if sparse:
            checked_rows(X, names, FINITE)
        else:
            FINITE.checked(X, names, start)
        return exceeding(X, self.above)

    def _sparse(self, table: Table, names: tuple[Any, ...], codes: NDArray[np.intp]) -> Groups:
        """Sums of each class over compressed rows, which stay compressed."""
        stored: Any = table.stored
        X = self.seen(stored, table.names)
        if self.needs not in ("means", "sums"):
            msg = f"sums of {self.needs} are over dense rows, and these are sparse: give them as an array"
            raise DataError(msg)
        tallies = sparse_sums(X, codes, len(names), table.names, self.fixed)
        return Groups(names, tuple(tallies))

    def _moments(self, table: Table, *, labels: bool = True, loose: bool = False) -> Moments:
        y = responses(table) if self.needs == "moments" and labels else np.zeros((len(table), 0))
        d, names = len(table.names), (*table.names, *["label"] * y.shape[1])
        tally = None
        for rows, X in blocks(table):
            Z: NDArray[Any] = X
            if y.shape[1]:
                Z = np.empty((len(X), d + y.shape[1]))
                Z[:, :d], Z[:, d:] = X, y[rows]
            if len(table) <= FEW:
                return Moments.few(self.fixed.whole(Z, names, rows.start), loose=loose)
            tally = Tally(d + y.shape[1]) if tally is None else tally
            tally.add(*self.fixed.bounded(Z, names, rows.start))
        return Moments.none(d + y.shape[1]) if tally is None else tally.moments()

    def _groups(self, table: Table, second: Second, *, loose: bool = False) -> Groups:
        names, codes = classes(table)
        if is_compressed(table.columns.features):
            return self._sparse(table, names, codes)
        if len(table) <= FEW:
            parts = [self.fixed.whole(self.seen(X, table.names), table.names) for _, X in blocks(table)]
            return Groups.few(parts[0], codes, names, second, loose=loose) if parts else Groups((), ())
        size = 2048 * min(max(len(names), 1), 16)
        tally = GroupTally(len(table.names), len(names), second)
        for rows, X in blocks(table, size):
            seen = self.seen(X, table.names, rows.start)
            F, shift, largest, scale = self.fixed.bounded(seen, table.names, rows.start)
            tally.add(F, codes[rows], shift, largest, scale)
        return tally.groups(names)


@lru_cache(maxsize=64)
def kind_of(needs: Needs, resolution: float, above: float | None = None, *, counted: bool = False) -> Kind:
    """The `Kind` of a closed form; one and the same for the same choices, so that it is made and named once.

    >>> kind_of("means", 2.0**-32) is kind_of("means", 2.0**-32)
    True
    """
    return Kind(needs, Fixed(resolution), above, counted)


def exceeding(X: Any, threshold: float) -> Any:
    """Whether each number is above a threshold, of (m, d) dense or compressed rows.

    Raises
    ------
    DataError
        For sparse rows, whose zeros are above a threshold below zero.
    """
    if not is_compressed(X):
        return np.asarray(X) > threshold
    if threshold < 0:
        msg = f"rows that are sparse hold zeros that are above {threshold:g}: declare a threshold of 0 or more"
        raise DataError(msg)
    return type(X)(threshold < X)


def responses(table: Table) -> NDArray[np.float64]:
    """(n, targets) numbers to be predicted.

    Raises
    ------
    DataError
        Where there are none, or they are no numbers.
    """
    label = table.label
    if label is None:
        msg = "learning needs a label for each record, and this table has none: give y, or name the label column"
        raise DataError(msg)
    if label.dtype.kind not in "biuf" or (label.ndim > 1 and label.dtype.kind == "b"):
        msg = f"a regression learns numbers, and the labels are {label.dtype}"
        raise DataError(msg)
    return label.astype(np.float64).reshape(len(label), -1) if label.size else np.zeros((len(label), _targets(label)))


def classes(table: Table) -> tuple[tuple[Any, ...], NDArray[np.intp]]:
    """The classes of these records, sorted, and (n,) the place of each record's among them.

    Raises
    ------
    DataError
        Where there are none, several for each record, or numbers that nobody declared to be classes.
    """
    label = table.columns.label
    if label is None:
        responses(table)  # which says what is missing
    if table.task != "classification":
        msg = f"a classifier learns one class for each record, and these labels ask for {table.task}: give classes=..."
        raise DataError(msg)
    names, codes = table.columns.coded
    own = codes if table.rows is None else codes[table.rows]
    if len(own) <= FEW:
        there = sorted(set(own.tolist()))
        return tuple(names[there].tolist()), np.searchsorted(there, own)
    held = np.bincount(own, minlength=len(names)) > 0
    return tuple(names[held].tolist()), (np.cumsum(held) - 1)[own]


def _targets(label: NDArray[Any]) -> int:
    return 1 if label.ndim == 1 else label.shape[1]
