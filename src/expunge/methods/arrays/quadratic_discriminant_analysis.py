"""Quadratic discriminant analysis from exact sums and products of each class.

Claim: Exact. Each class has its own count, sums and products, whole numbers of any size; a deletion touches those of
one class.

References
----------
Hastie, Tibshirani, Friedman (2009), "The Elements of Statistical Learning", section 4.3. Friedman (1989), "Regularized
Discriminant Analysis", JASA 84(405): the regularisation. Cao, Yang (2015), IEEE S&P, section III.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table
>>> table = Table.from_arrays(np.array([[0.0], [1.0], [5.0], [9.0], [50.0]]), ["low", "low", "high", "high", "high"])
>>> method, run = QuadraticDiscriminantAnalysis(), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([4]), table, run)
>>> done.model.solved.means.ravel(), done.model.solved.variances.ravel()
(array([7. , 0.5]), array([4.  , 0.25]))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge.errors import LearnError
from expunge.methods.arrays._closed import checked
from expunge.methods.arrays._posterior import checked_priors, log_priors, posterior
from expunge.methods.arrays._summed import Summed
from expunge.methods.arrays.linear_discriminant_analysis import checked_share
from expunge.sums.fixed import Fixed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from expunge.sums.statistics import Needs
    from expunge.sums.summaries import ByClass

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ellipsoids:
    """A normal distribution for each class.

    Attributes
    ----------
    means : (classes, d)
    axes : (classes, d, d)
        Directions of each class in columns.
    variances : (classes, d)
        Along them.
    priors : (classes,)
        Logarithms.
    """

    means: Floats
    axes: Floats
    variances: Floats
    priors: Floats


@dataclass(frozen=True)
class QuadraticDiscriminantAnalysis(Summed):
    """Classes that are normal, each with a covariance of its own.

    Parameters
    ----------
    priors : mapping of class to float, optional
        Declared shares of the classes, by name; those of the records without.
    reg_param : float
        From 0 to 1: how far variances are brought towards one. With 0 a class needs more records than columns.
    tol : float
        Variances that are taken for zero, which is refused.
    resolution : float
        Columns are rounded to multiples of it, a power of two; all must be below ``2**62`` times as much.

    Raises
    ------
    DataError
        For numbers outside of the range, columns that are no numbers, and labels that are no classes.
    LearnError
        When a class does not vary in some direction, as with scikit-learn, or has no declared prior.
    MismatchError
        When `forget` or `quote` is given data or parameters other than the model's.
    """

    priors: Mapping[Any, float] | None = None
    reg_param: float = 0.0
    tol: float = 1e-4
    resolution: float = 2.0**-32

    needs: ClassVar[Needs] = "each"

    def __post_init__(self) -> None:
        title = type(self).__name__
        checked_priors(title, "priors", self.priors)
        checked_share(title, "reg_param", self.reg_param)
        checked(title, "tol", self.tol)
        Fixed(self.resolution)

    def solve(self, summary: ByClass) -> Ellipsoids:
        """Axes of each class, and the variances along them."""
        assert summary.second is not None  # noqa: S101  (products of each class are what it needs)
        logs = log_priors(type(self).__name__, summary.classes, summary.counts, self.priors)
        values, axes = np.linalg.eigh(summary.second / summary.counts[:, None, None])
        variances = (1 - float(self.reg_param)) * np.maximum(values, 0.0) + float(self.reg_param)
        flat = np.flatnonzero((variances <= float(self.tol)).any(axis=1))
        if len(flat):
            msg = (
                f"class {summary.classes[flat[0]]!r} with {summary.counts[flat[0]]} records does not vary in some"
                " direction: raise reg_param"
            )
            raise LearnError(msg)
        return Ellipsoids(summary.means, np.ascontiguousarray(axes), variances, logs)

    def scores(self, solved: Ellipsoids, X: Any) -> Floats:
        """(m, classes) posterior probabilities."""
        logs = np.empty((len(X), len(solved.priors)))
        for code, (mean, axes, variances) in enumerate(zip(solved.means, solved.axes, solved.variances, strict=True)):
            squares = ((X - mean) @ axes) ** 2 / variances
            logs[:, code] = -0.5 * (squares.sum(axis=1) + np.log(variances).sum())
        return posterior(logs + solved.priors)
