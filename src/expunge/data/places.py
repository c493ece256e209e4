"""Where records stand: one of a million is found among sorted ids, without a look at the others.

Examples
--------
>>> import numpy as np
>>> index = Index.of(np.array([30, 10, 20]))
>>> index.rows([20, 99, 30]).tolist()
[0, 2]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from expunge.values import Name

MANY = 1 << 14  # records from which on sorting their ids once pays
LATER = 1024  # ids that came behind sorted ones, until all are sorted anew
FEW = 64  # of them are looked for one by one; of more, a pass over all ids is as quick


@dataclass(frozen=True, eq=False)
class Index:
    """Integer ids in order; one may be there more than once.

    Attributes
    ----------
    ids : (n,)
        Sorted.
    order : (n,) or None
        Row of each; None where the ids came sorted.
    later : (m,)
        Ids of rows behind those, which are looked through.
    """

    ids: NDArray[np.int64]
    order: NDArray[np.intp] | None
    later: NDArray[np.int64]

    @classmethod
    def of(cls, ids: NDArray[np.int64]) -> Index:
        """Sort them, once."""
        if (ids[1:] >= ids[:-1]).all():
            return cls(ids, None, ids[:0])
        order = np.argsort(ids, kind="stable")
        return cls(ids[order], order, ids[:0])

    def longer(self, then: NDArray[np.int64]) -> Index | None:
        """The same with rows behind; None where sorting all anew is better."""
        later = np.concatenate([self.later, then])
        return replace(self, later=later) if len(later) <= LATER else None

    def rows(self, names: Collection[Name]) -> NDArray[np.intp]:
        """Rows of those that are there, ascending."""
        known = np.array([name for name in names if -(2**63) <= int(name) < 2**63], np.int64)
        found = between(self.ids, known)
        found = found if self.order is None else self.order[found]
        if len(self.later):
            behind = self.later == known[0] if len(known) == 1 else np.isin(self.later, known)
            found = np.concatenate([found, len(self.ids) + np.flatnonzero(behind)])
        return found if len(found) < 2 else np.sort(found)


def between(sorted_values: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.intp]:
    """All places of the wanted values that are there."""
    first, last = sorted_values.searchsorted(wanted), sorted_values.searchsorted(wanted, "right")
    if len(wanted) == 1:
        return np.arange(first[0], last[0])
    if (last - first).max(initial=0) > 1:
        return np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    found: NDArray[np.intp] = first[last > first]
    return found


def among(sorted_values: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.intp]:
    """Places of the wanted values that are there, in the order wanted; each is there once."""
    if not len(sorted_values):
        return np.zeros(0, np.intp)
    places = sorted_values.searchsorted(wanted)
    found: NDArray[np.intp] = places[sorted_values.take(places, mode="clip") == wanted]
    return found


def wrapped(rows: NDArray[Any], count: int) -> NDArray[np.intp]:
    """Rows counted from the start, of rows that may be counted from the end, as numpy takes them.

    Raises
    ------
    IndexError
        For a row that is not there.
    """
    if len(rows) and not (-count <= rows.min() and rows.max() < count):
        msg = f"there are {count} rows, and rows from {rows.min()} to {rows.max()} were asked for"
        raise IndexError(msg)
    made: NDArray[np.intp] = np.where(rows < 0, rows + count, rows).astype(np.intp)
    return made
