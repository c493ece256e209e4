"""Newton's method with a factor that is kept while it serves, down to whatever is enough.

The same descent learns, polishes what another library stopped at, and corrects after records left: a gradient pass, a
step with the factor at hand, and the next pass says whether it served. A stale factor that takes off less than three
quarters of the gradient is made anew; a fresh one that does not help is searched along.

Examples
--------
>>> import numpy as np
>>> from expunge.linear.families import Logistic
>>> from expunge.linear.objective import Objective
>>> model = Objective(Logistic(), np.array([[1.0], [-1.0]]), np.array([1.0, 0.0]), penalty=1.0, intercept="none")
>>> fit(model).weights.round(12)
array([0.674832...])
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from expunge.errors import LearnError
from expunge.linear.curvature import Factor
from expunge.linear.implicit import Implicit
from expunge.linear.residual import stepped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.linear.objective import Objective
    from expunge.linear.point import Point
    from expunge.linear.residual import Curvature

    Floats = NDArray[np.float64]

    Enough: TypeAlias = Callable[[Point, Curvature | None], bool]

DENSE = 3000  # parameters up to which a Hessian is a matrix
PASSES = 200  # most passes over the records of one descent with a matrix
WIDE_PASSES = 10_000  # and without one, where each product is a pass
HALVINGS = 50  # of a step, in a line search
SHORT = 1e-3  # of a way, in logarithms of curvature: too short to be measured by the records' margins
HELPS = 0.5  # share of the gradient that a step may leave with a factor that is kept, and without a line search


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where a descent ended.

    Attributes
    ----------
    point : Point
        Parameters, gradient and rounding allowance.
    curvature : Factor, Implicit or None
        The last one; None where the start was enough.
    steps, passes, factored, searches : int
        Newton steps taken; passes over the records, those for Hessians included; Hessians made; line searches.
    """

    point: Point
    curvature: Curvature | None
    steps: int
    passes: int
    factored: int
    searches: int

    @property
    def weights(self) -> Floats:
        """(p,)."""
        return self.point.weights

    @property
    def residual(self) -> float:
        """A bound of the length of the true gradient."""
        return self.point.residual


def most_passes(size: int) -> int:
    """Passes that a descent over so many parameters makes at most."""
    return PASSES if size <= DENSE else WIDE_PASSES


def fit(objective: Objective, start: Floats | None = None, tol: float = 0.0, limit: int | None = None) -> Optimum:
    """The optimum: |g| at most ``tol``, or as small as float64 can tell.

    Raises
    ------
    LearnError
        When there is no optimum, or it is not reached within ``limit`` passes.
    """
    w = np.zeros(objective.size) if start is None else start
    return descend(objective, w, lambda point, _: point.length <= tol, limit=limit)


def descend(
    objective: Objective,
    start: Floats | Point,
    enough: Enough,
    curvature: Curvature | None = None,
    limit: int | None = None,
    *,
    inferring: bool = False,
) -> Optimum:
    """Newton steps until ``enough`` says so, or the gradient is as small as float64 can tell.

    Parameters
    ----------
    objective : Objective
    start : (p,) or Point
        With a point, its pass is saved.
    enough : callable
        From a point and the curvature at hand to whether the point will do.
    curvature : Factor or Implicit, optional
        Of this objective, at some anchor.
    limit : int, optional
        Most passes over the records; `most_passes` without.
    inferring : bool
        End, where that is enough, with a point whose gradient is inferred (`stepped`) and not computed.

    Raises
    ------
    LearnError
        When the Hessian is singular, no step helps, or the limit is reached.
    """
    made = _Descent(objective, start, curvature, limit or most_passes(objective.size))
    return made.run(enough, inferring=inferring)


def looked(objective: Objective, w: Floats, curvature: Curvature | None) -> Point:
    """The objective there, with the margins' way from the curvature's anchor where it is not plainly short."""
    skew = objective.self_concordance
    if not isinstance(curvature, Factor) or not math.isfinite(skew):
        return objective.at(w)
    short = skew * float(np.linalg.norm(w - curvature.anchor)) <= SHORT
    return objective.at(w, None if short else curvature.anchor)


class _Descent:
    def __init__(self, objective: Objective, start: Floats | Point, curvature: Curvature | None, limit: int) -> None:
        self.objective, self.curvature, self.limit = objective, curvature, limit
        self.passes = self.steps = self.factored = self.searches = 0
        self.stale = False
        self.secants: list[tuple[Floats, Floats, float]] = []
        self.point = self._at(start) if isinstance(start, np.ndarray) else start

    def run(self, enough: Enough, *, inferring: bool) -> Optimum:
        infer = enough if inferring else None
        while not enough(self.point, self.curvature) and not self._stuck(infer):
            self._spend(0)
        return Optimum(self.point, self.curvature, self.steps, self.passes, self.factored, self.searches)

    def _stuck(self, infer: Enough | None) -> bool:
        """Take a step; true where no pass has to follow, or rounding hides whether any step would help."""
        fresh = self._ready()
        gradient = self.point.gradient
        direction = self._solved(gradient)
        if infer is not None and self._inferred(direction, infer):
            return True
        trial = self._at(self.point.weights - direction)
        before, after = self.point.length, trial.length
        hidden = before <= self.point.allowance < math.inf
        if after <= HELPS * before:
            self._take(trial, keep=True)
            return False
        if hidden:
            self.point = trial if after < before else self.point
            return True
        if not fresh:
            self.stale = True
            return False
        return self._search(direction)

    def _inferred(self, direction: Floats, enough: Enough) -> bool:
        """Take a step that is known to be enough without looking."""
        if not isinstance(self.curvature, Factor):
            return False
        there = stepped(self.objective, self.point, self.curvature, direction)
        if there is None or not enough(there, self.curvature):
            return False
        self.point = there
        self.steps += 1
        return True

    def _ready(self) -> bool:
        """Have a curvature; true when it is of this very point."""
        if self.curvature is None or self.stale:
            self.curvature, self.stale = self._curve(), False
            self.secants = []
        return bool(np.array_equal(self.curvature.anchor, self.point.weights))

    def _take(self, point: Point, *, keep: bool) -> None:
        step, change = point.weights - self.point.weights, point.gradient - self.point.gradient
        along = float(step @ change)
        if along > 0 and isinstance(self.curvature, Factor):
            self.secants.append((step, change, along))
        self.point = point
        self.steps += 1
        self.stale = not keep  # it still bounds a distance

    def _search(self, direction: Floats) -> bool:
        """Go back along the direction until the objective falls; true where rounding hides whether it does."""
        self.searches += 1
        w, slope = self.point.weights, float(self.point.gradient @ direction)
        here = self._value(w)
        share = 1.0
        for _ in range(HALVINGS):
            there = self._value(w - share * direction)
            if there <= here - 1e-4 * share * slope and there < here:
                self._take(self._at(w - share * direction), keep=False)
                return False
            share /= 2
        if self.point.length <= 1e4 * self.point.allowance < math.inf:
            return True
        msg = (
            "no step makes the objective smaller: its optimum lies at infinity (classes that can be told apart"
            " without a penalty, a response that is all zeros), or beyond what float64 can tell"
        )
        raise LearnError(msg)

    # -- what costs a pass ---------------------------------------------------------------------------------------------

    def _spend(self, passes: int) -> None:
        self.passes += passes
        if self.passes > self.limit:
            left = self.point.length
            over = f"{self.limit} passes over {len(self.objective)} records"
            msg = f"no optimum within {over}: a gradient of {left:.2g} is left"
            raise LearnError(msg)

    def _at(self, w: Floats) -> Point:
        self.passes += 1
        return looked(self.objective, w, self.curvature)

    def _value(self, w: Floats) -> float:
        self._spend(1)
        with np.errstate(over="ignore", invalid="ignore"):
            value = self.objective.value(w)
        return value if not math.isnan(value) else math.inf

    def _curve(self) -> Curvature:
        self.factored += 1
        if self.objective.size > DENSE:
            return Implicit(self.objective, self.point.weights)
        self._spend(1)
        return Factor.at(self.objective, self.point.weights)

    def _solved(self, b: Floats) -> Floats:
        """H^-1 b, where H is the curvature at hand, corrected by what the steps since have shown (BFGS)."""
        assert self.curvature is not None  # noqa: S101  (`_ready` made it)
        before, shares = getattr(self.curvature, "products", 0), []
        for step, change, along in reversed(self.secants):
            shares.append(float(step @ b) / along)
            b = b - shares[-1] * change
        x = self.curvature.solve(b)
        for (step, change, along), share in zip(self.secants, reversed(shares), strict=True):
            x = x + (share - float(change @ x) / along) * step
        self._spend(getattr(self.curvature, "products", 0) - before)
        return x
