"""Where records stand: one of a million is found among sorted ids, without a look at the others.

Examples
--------
>>> import numpy as np
>>> index = Index.of(np.array([30, 10, 20]))
>>> index.rows([20, 99, 30]).tolist()
[0, 2]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from expunge.values import Name

MANY = 1 << 14  # records from which on sorting their ids once pays
FEW = 64  # of them are looked for one by one; of more, a pass over all ids is as quick


@dataclass(frozen=True, eq=False)
class Index:
    """Integer ids in order.

    Attributes
    ----------
    ids : (n,)
        Sorted.
    order : (n,) or None
        Row of each; None where the ids came sorted.
    """

    ids: NDArray[np.int64]
    order: NDArray[np.intp] | None

    @classmethod
    def of(cls, ids: NDArray[np.int64]) -> Index:
        """Sort them, once."""
        if (ids[1:] > ids[:-1]).all():
            return cls(ids, None)
        order = np.argsort(ids, kind="stable")
        return cls(ids[order], order)

    def rows(self, names: Collection[Name]) -> NDArray[np.intp]:
        """Rows of those that are there, ascending."""
        known = np.array([name for name in names if -(2**63) <= int(name) < 2**63], np.int64)
        found = among(self.ids, known)
        found = found if self.order is None else self.order[found]
        return found if len(found) < 2 else np.sort(found)


def among(sorted_values: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.intp]:
    """Places of the wanted values that are there, in the order wanted."""
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
