"""Gaussian naive Bayes from exact sums and squares of each class.

Claim: Exact. Means and variances of each class are functions of counts, sums and sums of squares, which are whole
numbers of any size; so is the largest variance of all columns, which the smoothing is a share of: when the records
that made it leave, it is what the others make it. A class that nobody is left of leaves the model.

References
----------
Chan, Golub, LeVeque (1983), "Algorithms for Computing the Sample Variance", The American Statistician 37(3): what is
lost when squares are taken from squares in floating point, and is not lost here. Cao, Yang (2015), "Towards Making
Systems Forget with Machine Unlearning", IEEE S&P, section III: naive Bayes as sums.

Examples
--------
>>> import numpy as np
>>> from expunge import Label, Records, Run, Table
>>> table = Table.from_arrays(np.array([[0.0], [1.0], [9.0], [8.0]]), ["low", "low", "high", "high"])
>>> method, run = GaussianNB(), Run(key=b"example")
>>> model = method.learn(table, run)
>>> method.forget(model, Records([1]), table, run).model.solved.means
array([[8.5],
       [0. ]])
>>> method.forget(model, Label("high"), table, run).model.classes
('low',)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge.methods.arrays._closed import checked
from expunge.methods.arrays._posterior import checked_priors, log_priors, posterior
from expunge.methods.arrays._summed import Summed
from expunge.sums.fixed import Fixed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from expunge.sums.statistics import Needs
    from expunge.sums.summaries import ByClass

    Floats = NDArray[np.float64]

LEAST = 1e-200  # of a variance: records of one class that are all the same, in data that are


@dataclass(frozen=True)
class Bells:
    """A normal distribution for each class and column.

    Attributes
    ----------
    means, variances : (classes, d)
        Variances with what smooths them.
    priors : (classes,)
        Logarithms.
    """

    means: Floats
    variances: Floats
    priors: Floats


@dataclass(frozen=True)
class GaussianNB(Summed):
    """Columns that are normal and independent within each class.

    Parameters
    ----------
    priors : mapping of class to float, optional
        Declared shares of the classes, by name; those of the records without.
    var_smoothing : float
        Share of the largest variance of all columns that is added to each variance.
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

    priors: Mapping[Any, float] | None = None
    var_smoothing: float = 1e-9
    resolution: float = 2.0**-32

    needs: ClassVar[Needs] = "squares"

    def __post_init__(self) -> None:
        checked_priors("GaussianNB", "priors", self.priors)
        checked("GaussianNB", "var_smoothing", self.var_smoothing)
        Fixed(self.resolution)

    def solve(self, summary: ByClass) -> Bells:
        """Means, and variances with a share of the largest."""
        assert summary.second is not None  # noqa: S101  (squares are what it needs)
        assert summary.spread is not None  # noqa: S101
        most = float(summary.spread.max(initial=0.0)) / float(summary.counts.sum())
        variances = summary.second / summary.counts[:, None] + float(self.var_smoothing) * most
        priors = log_priors("GaussianNB", summary.classes, summary.counts, self.priors)
        return Bells(summary.means, np.maximum(variances, LEAST), priors)

    def scores(self, solved: Bells, X: Any) -> Floats:
        """(m, classes) posterior probabilities."""
        logs = np.empty((len(X), len(solved.priors)))
        for code, (mean, variance) in enumerate(zip(solved.means, solved.variances, strict=True)):
            logs[:, code] = -0.5 * (((X - mean) ** 2 / variance).sum(axis=1) + np.log(2 * np.pi * variance).sum())
        return posterior(logs + solved.priors)
