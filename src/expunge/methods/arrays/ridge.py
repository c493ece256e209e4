"""Ridge regression from exact moments: forgetting a record takes its products out of a sum and solves again.

Claim: Exact. The moments of columns and targets are whole numbers of any size, so taking away undoes adding to the
bit; coefficients are a function of them. A deletion, correction or addition costs O(d^2) a record and one solution of
d equations, however many records there are.

References
----------
Hoerl, Kennard (1970), "Ridge Regression", Technometrics 12(1), equation 2.1. Cao, Yang (2015), "Towards Making Systems
Forget with Machine Unlearning", IEEE S&P, section III: models that are functions of sums.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table, fingerprint
>>> table = Table.from_arrays(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0.0, 1.0, 5.0, 3.0]))
>>> method, run = Ridge(alpha=0.5), Run(key=b"example")
>>> model = method.learn(table, run)
>>> done = method.forget(model, Records([2]), table, run)
>>> done.claim, done.examples, done.model.solved.coef
(Exact(), 1, array([[0.90322581]]))
>>> fingerprint(done.model) == fingerprint(method.learn(table.after(Records([2])), run))
True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge.errors import ParameterError
from expunge.methods.arrays._closed import checked
from expunge.methods.arrays._least_squares import solved
from expunge.methods.arrays._summed import Summed
from expunge.sums.fixed import Fixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.sums.statistics import Needs
    from expunge.sums.summaries import Joint

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """``center_y + coef (x - center_x)``.

    Attributes
    ----------
    coef : (targets, d)
    center_x, center_y : (d,), (targets,)
        Means; zeros without an intercept. The difference is taken first, so that an offset of the data costs no digit.
    """

    coef: Floats
    center_x: Floats
    center_y: Floats

    @property
    def intercept(self) -> Floats:
        """(targets,) what is predicted where all columns are zero."""
        made: Floats = self.center_y - self.coef @ self.center_x
        return made


@dataclass(frozen=True)
class Ridge(Summed):
    """Least squares with a penalty of the squared length of the coefficients.

    Parameters
    ----------
    alpha : float
        The penalty, as scikit-learn's; 0 is least squares (`LinearRegression`).
    fit_intercept : bool
    resolution : float
        Columns and targets are rounded to multiples of it, a power of two; all must be below ``2**62`` times as much.

    Raises
    ------
    DataError
        For numbers outside of the range, and for columns or labels that are no numbers.
    MismatchError
        When `forget` or `quote` is given data or parameters other than the model's.
    """

    alpha: float = 1.0
    fit_intercept: bool = True
    resolution: float = 2.0**-32

    needs: ClassVar[Needs] = "moments"

    def __post_init__(self) -> None:
        checked("Ridge", "alpha", self.alpha)
        checked_line("Ridge", fit_intercept=self.fit_intercept, resolution=self.resolution)

    def solve(self, summary: Joint) -> Line:
        """Coefficients."""
        coef = solved(summary.xx, summary.xy, float(self.alpha)).T
        return Line(np.ascontiguousarray(coef), summary.mean_x, summary.mean_y)

    def scores(self, solved: Line, X: Any) -> Floats:
        """(m,) predictions, or (m, targets)."""
        return line_scores(solved, X)


def checked_line(title: str, *, fit_intercept: bool, resolution: float) -> None:
    """Raise a sentence for parameters that do not fit."""
    if not isinstance(fit_intercept, bool):
        msg = f"{title} needs fit_intercept to be True or False, got {fit_intercept!r}"
        raise ParameterError(msg)
    Fixed(resolution)


def line_scores(line: Line, X: Any) -> Floats:
    """(m,) predictions, or (m, targets)."""
    made: Floats = (X - line.center_x) @ line.coef.T + line.center_y
    return made[:, 0] if made.shape[1] == 1 else made
