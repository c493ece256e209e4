"""Linear discriminant analysis from exact class sums and the products of all records.

Claim: Exact. The products within the classes are those of all records less those of the class sums, an exact
difference that is rounded once; classes far apart cost no digit.

References
----------
Fisher (1936), "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7(2). Hastie, Tibshirani,
Friedman (2009), "The Elements of Statistical Learning", section 4.3. Cao, Yang (2015), IEEE S&P, section III.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table
>>> X = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [5.0, 6.0], [6.0, 5.0], [50.0, 0.0]])
>>> table = Table.from_arrays(X, ["low", "low", "low", "high", "high", "high"])
>>> method, run = LinearDiscriminantAnalysis(), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([5]), table, run)
>>> method.predict(done.model, table)[1:4].round(3).tolist()
[[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge.errors import ParameterError
from expunge.methods.arrays._closed import checked
from expunge.methods.arrays._least_squares import solved as least_squares
from expunge.methods.arrays._posterior import checked_priors, log_priors, posterior
from expunge.methods.arrays._summed import Summed
from expunge.sums.fixed import Fixed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from expunge.sums.statistics import Needs
    from expunge.sums.summaries import ByClass

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Planes:
    """A plane for each class.

    Attributes
    ----------
    coef : (classes, d)
    center : (d,)
        Taken off first, so that an offset of the data costs no digit.
    intercept : (classes,)
    """

    coef: Floats
    center: Floats
    intercept: Floats


@dataclass(frozen=True)
class LinearDiscriminantAnalysis(Summed):
    """Classes that are normal with one covariance.

    Parameters
    ----------
    solver : {"svd", "lsqr"}
        As scikit-learn's: directions in which the classes hardly vary (``tol``) are left out, or the covariance is
        solved with as it is, of least norm where it is singular.
    shrinkage : float, optional
        With "lsqr": from 0 to 1, towards the mean variance. "auto" looks at fourth moments, and is refused.
    priors : mapping of class to float, optional
        With "svd": declared shares of the classes, by name; those of the records without.
    tol : float
        With "svd": standard deviations, of columns of variance one, that are taken for zero.
    resolution : float
        Columns are rounded to multiples of it, a power of two; all must be below ``2**62`` times as much.

    Raises
    ------
    DataError
        For numbers outside of the range, columns that are no numbers, and labels that are no classes.
    LearnError
        When the records have a class that no prior was declared for.
    MismatchError
        When `forget` or `quote` is given data or parameters other than the model's.
    """

    solver: str = "svd"
    shrinkage: float | None = None
    priors: Mapping[Any, float] | None = None
    tol: float = 1e-4
    resolution: float = 2.0**-32

    needs: ClassVar[Needs] = "pooled"

    def __post_init__(self) -> None:
        title = type(self).__name__
        if self.solver not in ("svd", "lsqr"):
            msg = f"{title} needs solver to be 'svd' or 'lsqr', got {self.solver!r}"
            raise ParameterError(msg)
        given = self.shrinkage if self.solver == "svd" else self.priors
        if given is not None:
            what = "shrinkage" if self.solver == "svd" else "priors"
            msg = f"{title} with solver={self.solver!r} takes no {what}: it would have no effect"
            raise ParameterError(msg)
        if self.shrinkage is not None:
            checked_share(title, "shrinkage", self.shrinkage)
        checked_priors(title, "priors", self.priors)
        checked(title, "tol", self.tol)
        Fixed(self.resolution)

    def solve(self, summary: ByClass) -> Planes:
        """Coefficients about the mean of the class means."""
        logs = log_priors(type(self).__name__, summary.classes, summary.counts, self.priors)
        center = np.exp(logs) @ summary.means
        means = summary.means - center
        if len(summary.classes) == 1:
            return Planes(np.zeros_like(means), center, logs)
        made = self._by_svd(summary, means, logs) if self.solver == "svd" else self._by_lsqr(summary, means, logs)
        return Planes(made[0], center, made[1])

    def scores(self, solved: Planes, X: Any) -> Floats:
        """(m, classes) posterior probabilities."""
        return posterior((X - solved.center) @ solved.coef.T + solved.intercept)

    def _by_svd(self, summary: ByClass, means: Floats, logs: Floats) -> tuple[Floats, Floats]:
        """In the directions that vary within the classes, and of those where the means differ."""
        within, n = _within(summary), int(summary.counts.sum())
        deviations = np.sqrt(np.diagonal(within) / n)
        deviations[deviations == 0] = 1.0
        values, vectors = np.linalg.eigh(within / n / deviations[:, None] / deviations)
        lengths = np.sqrt(np.maximum(values, 0.0))
        kept = lengths > float(self.tol)
        scalings = vectors[:, kept] / deviations[:, None] / lengths[kept]
        between = np.sqrt(n * np.exp(logs) / (len(means) - 1))[:, None] * (means @ scalings)
        _, sizes, turns = np.linalg.svd(between, full_matrices=False)
        scalings = scalings @ turns[sizes > float(self.tol) * sizes.max(initial=0.0)].T
        inner = means @ scalings
        return inner @ scalings.T, logs - 0.5 * (inner**2).sum(axis=1)

    def _by_lsqr(self, summary: ByClass, means: Floats, logs: Floats) -> tuple[Floats, Floats]:
        """With the inverse of the covariance, shrunk."""
        covariance = _within(summary) / int(summary.counts.sum())
        if self.shrinkage is not None:
            share, d = float(self.shrinkage), len(covariance)
            covariance = (1 - share) * covariance + share * np.trace(covariance) / max(d, 1) * np.eye(d)
        coef = np.ascontiguousarray(least_squares(covariance, means.T, 0.0).T)
        return coef, logs - 0.5 * (means * coef).sum(axis=1)


def checked_share(title: str, name: str, value: object) -> None:
    """Raise a sentence unless a parameter is a fixed number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        msg = f"{title} needs {name} to be a number from 0 to 1, got {value!r}"
        raise ParameterError(msg)


def _within(summary: ByClass) -> Floats:
    assert summary.second is not None  # noqa: S101  (products within the classes are what it needs)
    return summary.second
