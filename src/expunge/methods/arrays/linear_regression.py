"""Linear regression by least squares from exact moments; where columns depend on each other, of least norm.

Claim: Exact, as of `Ridge`, whose sums these are.

References
----------
Golub, Van Loan (2013), "Matrix Computations", section 5.5: least squares without full rank. Cao, Yang (2015), "Towards
Making Systems Forget with Machine Unlearning", IEEE S&P, section III.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table
>>> table = Table.from_arrays(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([1.0, 3.0, 9.0, 7.0]))
>>> method, run = LinearRegression(), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([2]), table, run)
>>> done.model.solved.coef, done.model.solved.intercept
(array([[2.]]), array([1.]))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge.methods.arrays._least_squares import solved
from expunge.methods.arrays._summed import Summed
from expunge.methods.arrays.ridge import Line, checked_line, line_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.sums.statistics import Needs
    from expunge.sums.summaries import Joint

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinearRegression(Summed):
    """Least squares.

    Parameters
    ----------
    fit_intercept : bool
    resolution : float
        As of `Ridge`.

    Raises
    ------
    DataError, MismatchError
        As `Ridge`.
    """

    fit_intercept: bool = True
    resolution: float = 2.0**-32

    needs: ClassVar[Needs] = "moments"

    def __post_init__(self) -> None:
        checked_line("LinearRegression", fit_intercept=self.fit_intercept, resolution=self.resolution)

    def solve(self, summary: Joint) -> Line:
        """Coefficients, of least norm where several fit as well."""
        coef = solved(summary.xx, summary.xy, 0.0).T
        return Line(np.ascontiguousarray(coef), summary.mean_x, summary.mean_y)

    def scores(self, solved: Line, X: Any) -> Floats:
        """(m,) predictions, or (m, targets)."""
        return line_scores(solved, X)
