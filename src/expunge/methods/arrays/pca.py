"""Principal components from exact products: axes of the records that remain, whatever was there before.

Claim: Exact. The covariance is a function of count, sums and products, which are whole numbers of any size; which way
an axis points is fixed by its largest entry. It needs no labels, and predicts where records stand along the axes.

References
----------
Hotelling (1933), "Analysis of a complex of statistical variables into principal components", Journal of Educational
Psychology 24. Cao, Yang (2015), "Towards Making Systems Forget with Machine Unlearning", IEEE S&P, section III.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table
>>> table = Table.from_arrays(np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0], [9.0, -9.0]]))
>>> method, run = PCA(n_components=1), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([3]), table, run)
>>> done.model.solved.components.round(3)
array([[0.447, 0.894]])
>>> method.predict(done.model, table)[:3].round(3).ravel()
array([-2.236,  0.   ,  2.236])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge.errors import ParameterError
from expunge.methods.arrays._summed import Summed
from expunge.sums.fixed import Fixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.sums.statistics import Needs
    from expunge.sums.summaries import Joint

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Axes:
    """Directions of most variance.

    Attributes
    ----------
    mean : (d,)
    components : (k, d)
        Of length one, the one of most variance first; the largest entry of each, the first of several, is positive.
    explained_variance : (k,)
        Along each, with n - 1 records.
    """

    mean: Floats
    components: Floats
    explained_variance: Floats


@dataclass(frozen=True)
class PCA(Summed):
    """Axes of most variance.

    Parameters
    ----------
    n_components : int or float, optional
        How many; or, between 0 and 1, as many as explain so much of the variance; or as many as there are columns, or
        records where these are fewer.
    whiten : bool
        Whether what stands along each axis is brought to variance one.
    resolution : float
        Columns are rounded to multiples of it, a power of two; all must be below ``2**62`` times as much.

    Raises
    ------
    DataError
        For numbers outside of the range, and columns that are no numbers.
    MismatchError
        When `forget` or `quote` is given data or parameters other than the model's.
    """

    n_components: float | None = None
    whiten: bool = False
    resolution: float = 2.0**-32

    needs: ClassVar[Needs] = "features"

    def __post_init__(self) -> None:
        given = self.n_components
        whole = isinstance(given, int) and not isinstance(given, bool) and given >= 1
        share = isinstance(given, float) and 0 < given < 1
        if not (given is None or whole or share):
            msg = f"PCA needs n_components to be a whole number of at least 1, or between 0 and 1, got {given!r}"
            raise ParameterError(msg)
        if not isinstance(self.whiten, bool):
            msg = f"PCA needs whiten to be True or False, got {self.whiten!r}"
            raise ParameterError(msg)
        Fixed(self.resolution)

    def solve(self, summary: Joint) -> Axes:
        """Eigenvectors of the covariance."""
        if not len(summary.mean_x):  # without columns there are no axes
            return Axes(summary.mean_x, np.zeros((0, 0)), np.zeros(0))
        values, vectors = np.linalg.eigh(summary.xx / max(summary.count - 1, 1))
        variances = np.maximum(values[::-1], 0.0)
        components = vectors.T[::-1]
        largest = np.abs(components).argmax(axis=1)
        signs = np.where(components[np.arange(len(components)), largest] < 0, -1.0, 1.0)
        kept = self._kept(variances, summary.count)
        return Axes(summary.mean_x, np.ascontiguousarray((components * signs[:, None])[:kept]), variances[:kept].copy())

    def scores(self, solved: Axes, X: Any) -> Floats:
        """(m, k) where records stand along the axes."""
        made: Floats = (X - solved.mean) @ solved.components.T
        if self.whiten:
            deviations = np.sqrt(solved.explained_variance)
            made = np.divide(made, deviations, out=np.zeros_like(made), where=deviations > 0)
        return made

    def _kept(self, variances: Floats, count: int) -> int:
        """How many axes: no more than there are columns or records."""
        most = min(len(variances), count)
        if self.n_components is None or isinstance(self.n_components, int):
            return most if self.n_components is None else min(self.n_components, most)
        total = variances.sum()
        shares = np.cumsum(variances) / total if total > 0 else np.ones(len(variances))
        return min(int(np.searchsorted(shares, self.n_components, side="right")) + 1, most)
