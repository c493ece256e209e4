"""The Hessian of a model with too many parameters for a matrix: products, conjugate gradients, and a bound from below.

Without a free intercept the penalty bounds the smallest eigenvalue. With one, the penalty does not curve along the
intercepts; there the Schur complement of their block does, bounded from below by solutions whose residuals are known.

Examples
--------
>>> import numpy as np
>>> from expunge.linear.families import Squared
>>> from expunge.linear.objective import Objective
>>> ridge = Objective(Squared(), np.array([[1.0], [3.0]]), np.array([1.0, 2.0]), penalty=1.0)
>>> implicit = Implicit(ridge, np.zeros(2))
>>> round(float(implicit.smallest), 3), round(float(np.linalg.eigvalsh(ridge.hessian(np.zeros(2)))[0]), 3)
(0.325, 0.479)
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigvalsh

from expunge.errors import LearnError
from expunge.linear.design import UNIT, depth, gamma
from expunge.linear.inverse import conjugate_gradients

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.linear.objective import Objective

    Floats = NDArray[np.float64]

FORCED = 1e-4  # relative residual of a Newton step: each step takes off so much of the gradient at best
STEPS = 400  # most products for one solution


class Implicit:
    """A Hessian at an anchor that is never written down.

    Parameters
    ----------
    objective : Objective
    anchor : (p,)

    Raises
    ------
    LearnError
        When it is not finite.

    Attributes
    ----------
    products : int
        Passes over the records so far.
    """

    def __init__(self, objective: Objective, anchor: Floats) -> None:
        self.objective = objective
        self.anchor = anchor
        self.products = 1
        self._product = objective.hvp(anchor)
        if not math.isfinite(self._mass):
            msg = "the Hessian is not finite: the margins overflow at these parameters"
            raise LearnError(msg)

    def solve(self, b: Floats) -> Floats:
        """H^-1 b to a relative residual of `FORCED`."""
        return self._solved(b, FORCED)

    def energy(self, g: Floats) -> float:
        """A bound of sqrt(g' H^-1 g)."""
        return float(np.linalg.norm(g)) * (1 + gamma(len(g) + 2)) / float(np.sqrt(self.smallest))

    @cached_property
    def smallest(self) -> float:
        """A lower bound of the smallest eigenvalue; 0 where there is none.

        H = [[M, V], [V', s]], the intercepts last, M at least the penalty a. With any Z the Schur complement
        s - V' M^-1 V is at least S = s + Z' M Z - V' Z - Z' V - |R|^2 / a, R = V - M Z, and |H^-1| is at most
        1/a + (1 + |M^-1 V|^2) / S, where |M^-1 V| is at most |Z| + |R| / a.
        """
        objective = self.objective
        if objective.strong_convexity > 0 or objective.penalty == 0:
            return objective.strong_convexity
        if not len(objective):
            return 0.0
        a, last = objective.penalty, np.arange(objective.width - 1, objective.size, objective.width)
        unit = np.zeros((objective.size, objective.outputs))
        unit[last, np.arange(objective.outputs)] = 1.0
        V = self._times(unit)
        s = V[last].copy()
        V[last] = 0.0
        Z = np.column_stack([self._without(V[:, k], last) for k in range(objective.outputs)])
        MZ = self._times(Z)
        MZ[last] = 0.0
        R = V - MZ
        off = gamma(depth(len(objective)) + objective.width + 64) * self._mass
        S = s + Z.T @ MZ - V.T @ Z - Z.T @ V
        left = float(np.linalg.norm(R)) + off * float(np.linalg.norm(Z))
        size = float(np.linalg.norm(Z)) + left / a
        least = float(eigvalsh((S + S.T) / 2)[0]) - left**2 / a - off * (1 + size) ** 2
        return 1.0 / (1.0 / a + (1.0 + size**2) / least) if least > 0 else 0.0

    @cached_property
    def _mass(self) -> float:
        """A bound of the largest eigenvalue."""
        objective = self.objective
        slopes = objective.family.slopes(objective.margins(self.anchor), objective.y)
        bend = objective.family.bend(slopes, objective.y)
        weights = np.ones(len(objective)) if objective.weights is None else objective.weights
        with np.errstate(over="ignore", invalid="ignore"):
            mass = float(np.where(weights > 0, weights * bend, 0.0) @ objective.norms**2)
        return mass + objective.penalty + objective.pin * objective.outputs

    @cached_property
    def _diagonal(self) -> Floats:
        """A diagonal near the Hessian's: that of the Gram matrix, weighted by the curvature, and the penalty."""
        objective = self.objective
        eta, y = objective.margins(self.anchor), objective.y
        second = objective.family.roots(eta, y)
        bent = (second**2).sum(axis=2)
        if objective.weights is not None:
            bent = bent * objective.weights[:, None]
        made = np.zeros((objective.width, objective.outputs))
        for block in objective.blocks():
            made += block.squared().back(bent[block.rows])
        self.products += 2
        return made.T.ravel() + objective.diagonal + objective.pin + UNIT * self._mass

    def _times(self, v: Floats) -> Floats:
        self.products += 1 if v.ndim == 1 else v.shape[1]
        return self._product(v)

    def _solved(self, b: Floats, tol: float) -> Floats:
        return conjugate_gradients(self._times, b, tol, STEPS, self._diagonal).x

    def _without(self, b: Floats, last: NDArray[np.intp]) -> Floats:
        """M^-1 b: the intercepts are left out."""

        def product(v: Floats) -> Floats:
            made = self._times(v)
            made[last] = 0.0
            return made

        return conjugate_gradients(product, b, 1e-9, STEPS, self._diagonal).x
