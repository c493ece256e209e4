"""Values with how often each occurs: what medians, most frequent values and extremes are read from, exactly.

A smallest value or a median is no sum: to forget the record that holds it, the next one must be known. So all values
are kept, in order, each once, with the number of records that have it; one that nobody has is not there.

Examples
--------
>>> import numpy as np
>>> held = of(np.array([3, 1, 3, 8]))
>>> median(held), most_frequent(held), extremes(held)
((3, 1), 3, (1, 8))
>>> median(minus(held, of(np.array([3]))))
(3, 1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import MismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Multiset:
    """Distinct values, in order, and how many records have each.

    Attributes
    ----------
    values, counts : (m,)
    """

    values: Integers
    counts: Integers

    def __len__(self) -> int:
        return int(self.counts.sum())


def of(values: Integers) -> Multiset:
    """The values of some records."""
    distinct, counts = np.unique(values, return_counts=True)
    return Multiset(distinct.astype(np.int64), counts.astype(np.int64))


def plus(held: Multiset, then: Multiset) -> Multiset:
    """The values of both."""
    if not len(then.values):
        return held
    new = then.values[~_among(held, then.values)]
    at = np.searchsorted(held.values, new)
    values, counts = np.insert(held.values, at, new), np.insert(held.counts, at, 0)
    counts[np.searchsorted(values, then.values)] += then.counts
    return Multiset(values, counts)


def minus(held: Multiset, gone: Multiset) -> Multiset:
    """The values of those that stay.

    Raises
    ------
    MismatchError
        When a value should go that nobody has, or more often than it is there.
    """
    if not len(gone.values):
        return held
    counts = held.counts.copy()
    there = _among(held, gone.values)
    at = np.searchsorted(held.values, gone.values)
    if not there.all() or (counts[at] < gone.counts).any():
        msg = "data other than the model's: a value that should be forgotten is not among those that it learned"
        raise MismatchError(msg)
    counts[at] -= gone.counts
    stays = counts > 0
    return held if stays.all() and not gone.counts.any() else Multiset(held.values[stays], counts[stays])


def median(held: Multiset) -> tuple[int, int]:
    """The median as a fraction ``a / b``: of an even number of values half the sum of the two in the middle."""
    ends, n = np.cumsum(held.counts), len(held)
    low, high = (int(held.values[np.searchsorted(ends, place, side="right")]) for place in ((n - 1) // 2, n // 2))
    return (low, 1) if low == high else (low + high, 2)


def most_frequent(held: Multiset) -> int:
    """The value that most records have; of several the smallest."""
    return int(held.values[np.argmax(held.counts)])


def extremes(held: Multiset) -> tuple[int, int]:
    """The smallest and the largest value."""
    return int(held.values[0]), int(held.values[-1])


def _among(held: Multiset, values: Integers) -> NDArray[np.bool_]:
    """(k,) whether each value is there."""
    if not len(held.values):
        return np.zeros(len(values), bool)
    at = np.minimum(np.searchsorted(held.values, values), len(held.values) - 1)
    made: NDArray[np.bool_] = held.values[at] == values
    return made
