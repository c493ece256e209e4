"""Nearest centroid: the class whose mean is nearest, from exact sums of each class.

Claim: Exact. A mean is a sum and a count, both whole numbers of any size.

References
----------
Tibshirani, Hastie, Narasimhan, Chu (2002), "Diagnosis of multiple cancer types by shrunken centroids of gene
expression", PNAS 99(10), without its shrinking. Cao, Yang (2015), "Towards Making Systems Forget with Machine
Unlearning", IEEE S&P, section III.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table
>>> table = Table.from_arrays(np.array([[0.0], [4.0], [9.0]]), ["low", "low", "high"])
>>> method, run = NearestCentroid(), Run(key=b"example")
>>> method.forget(method.learn(table, run), Records([0]), table, run).model.solved.means
array([[9.],
       [4.]])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge.methods.arrays._posterior import posterior
from expunge.methods.arrays._summed import Summed
from expunge.sums.fixed import Fixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.sums.statistics import Needs
    from expunge.sums.summaries import ByClass

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Centroids:
    """Where the classes are.

    Attributes
    ----------
    means : (classes, d)
    """

    means: Floats


@dataclass(frozen=True)
class NearestCentroid(Summed):
    """The class whose mean is nearest by Euclidean distance; of two as near, the first.

    Parameters
    ----------
    resolution : float
        Columns are rounded to multiples of it, a power of two; all must be below ``2**62`` times as much.

    Raises
    ------
    DataError
        For numbers outside of the range, columns that are no numbers, and labels that are no classes.
    MismatchError
        When `forget` or `quote` is given data or parameters other than the model's.
    """

    resolution: float = 2.0**-32

    needs: ClassVar[Needs] = "means"

    def __post_init__(self) -> None:
        Fixed(self.resolution)

    def solve(self, summary: ByClass) -> Centroids:
        """The means."""
        return Centroids(summary.means)

    def scores(self, solved: Centroids, X: Any) -> Floats:
        """(m, classes) shares that fall with half the squared distance, as of normal classes of variance one."""
        squares = [((X - mean) ** 2).sum(axis=1) for mean in solved.means]
        return posterior(-0.5 * np.column_stack(squares))
