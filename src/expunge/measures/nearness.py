"""Near-duplicates: records closer to others than records of these data are to each other.

How close is close is read off the data: a quarter of the usual distance from a record to its nearest neighbour that is
not the same. Rows that repeat each other exactly are counted among the near ones, and not in the usual distance.

Examples
--------
>>> import numpy as np
>>> grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
>>> found = near(np.concatenate([grid, [[2.1, 3.0]]]), np.array([[2.0, 3.0]]))
>>> found.reach, np.flatnonzero(found.close).tolist()
(0.25, [17, 25])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLOSE = (
    0.25  # of the usual distance: in three dimensions 1 of 100 records has a stranger so close, in ten 1 of a million
)
FEWEST = 20  # records from which a usual distance is read
PROBES = 200  # records whose nearest neighbours are looked for


@dataclass(frozen=True)
class Near:
    """Which records are close, and how close that is.

    Attributes
    ----------
    close : (n,) bool
    reach : float
        The distance; 0 where the data have no usual one.
    """

    close: NDArray[np.bool_]
    reach: float


def near(stays: NDArray[np.float64], goes: NDArray[np.float64], probes: int = PROBES) -> Near:
    """Which of some records have one of the others closer than neighbours usually are.

    Parameters
    ----------
    stays : (n, d)
        In an order that means nothing: the first of them are the probes.
    goes : (m, d)
    probes : int
        Records whose distance to their nearest neighbour is looked for.

    Returns
    -------
    Near
        Rows that hold a value that is not finite are close to nothing.
    """
    usable = np.isfinite(stays).all(axis=1)
    known, asked = stays[usable], goes[np.isfinite(goes).all(axis=1)]
    close = np.zeros(len(stays), dtype=bool)
    reach = CLOSE * _usual(known, probes) if len(known) >= FEWEST else 0.0
    if reach and len(asked):
        close[usable] = squares(known, asked).min(axis=1) < reach**2
    return Near(close, reach)


def squares(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m) squared distances between the rows of both.

    Examples
    --------
    >>> squares(np.array([[0.0, 1e6]]), np.array([[0.0, 1e6], [3.0, 1e6 + 4.0]]))
    array([[ 0., 25.]])
    """
    middle = one.mean(axis=0)  # what all share would eat the digits
    one, other = one - middle, other - middle
    made = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    return np.asarray(np.maximum(made, 0.0))


def _usual(points: NDArray[np.float64], probes: int) -> float:
    """Median distance from a probe to its nearest neighbour that differs; 0 where all are the same."""
    found = squares(points[:probes], points)
    same = found <= 1e-12 * (points.var(axis=0).sum() + np.finfo(float).tiny)  # rounding of equal rows
    nearest = np.where(same, np.inf, found).min(axis=1)
    nearest = nearest[np.isfinite(nearest)]
    return float(np.sqrt(np.median(nearest))) if len(nearest) else 0.0
