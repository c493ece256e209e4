"""What is known of an objective at some parameters: its gradient, computed in a pass or inferred without one.

Examples
--------
>>> import numpy as np
>>> point = Point(np.zeros(2), np.array([3.0, 4.0]), allowance=0.5)
>>> point.length, round(point.residual, 9)
(5.0, 5.5)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.linear.design import gamma

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Point:
    """The objective at some parameters.

    Attributes
    ----------
    weights : (p,)
    gradient : (p,)
    allowance : float
        The true gradient is no farther from the computed one than this: a bound of what rounding can have done.
    origin : (p,) or None
        Other parameters, from which the margins' way to these was measured.
    apart : float
        No record's margins are farther than this from those at the origin.
    unseen : float
        Of a gradient that was inferred, without a pass (`stepped`): beyond the allowance the true one is no farther
        than this from it, in the norm ``sqrt(v' H^-1 v)`` of the Hessian that it was inferred with.
    """

    weights: Floats
    gradient: Floats
    allowance: float
    origin: Floats | None = None
    apart: float = math.inf
    unseen: float = 0.0

    @property
    def length(self) -> float:
        """Of the gradient as computed; infinite where it is no number."""
        with np.errstate(over="ignore", invalid="ignore"):
            length = float(np.linalg.norm(self.gradient))
        return length if math.isfinite(length) else math.inf

    @property
    def residual(self) -> float:
        """A bound of the length of the true gradient."""
        return self.length * (1 + gamma(len(self.gradient) + 2)) + self.allowance
