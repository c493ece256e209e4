"""How far parameters are from the optimum, from the gradient alone: bounds that hold, rounding included.

Two bounds, and the smaller one counts (proofs in docs/linear.md):

- *strong convexity*: ``|w - w*| <= |g| / a``, a the smallest penalty. None with a free intercept.
- *self-concordance*: where the third derivative is at most c |u| times the second along u, with H the Hessian at w,
  ``nu = sqrt(g' H^-1 g)`` and ``kappa = c / sqrt(lmin(H))``, ``kappa nu < 1`` gives
  ``|w - w*|_H <= -log(1 - kappa nu) / kappa``, and ``|w - w*|`` at most that over ``sqrt(lmin(H))``. A Hessian at an
  anchor serves after it is multiplied by ``exp(-c |w - anchor|)``.

Examples
--------
>>> import numpy as np
>>> from expunge.linear.curvature import Factor
>>> from expunge.linear.families import Logistic
>>> from expunge.linear.objective import Objective
>>> model = Objective(Logistic(), np.array([[1.0], [-1.0]]), np.array([1.0, 0.0]), penalty=1.0, intercept="none")
>>> w = np.array([0.7])
>>> round(distance(model, model.at(w), Factor.at(model, w)), 3)  # the optimum is 0.6748...
0.025
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from expunge.linear.curvature import BACKWARD, Factor
from expunge.linear.design import UNIT, gamma
from expunge.linear.point import Point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.linear.objective import Objective

    Floats = NDArray[np.float64]

FARTHEST = 4.0  # how far, in logarithms of curvature, an anchor may lie and still be of use
_overflowing = np.errstate(over="ignore", invalid="ignore")  # what comes of it is infinite, or no number
INFLATED = 1 + 64 * UNIT  # the dozen operations of a bound itself


class Curvature(Protocol):
    """A Hessian at an anchor: a `Factor`, or an `Implicit` one."""

    @property
    def anchor(self) -> Floats:
        """(p,) where it was taken."""
        ...

    @property
    def smallest(self) -> float:
        """A lower bound of its smallest eigenvalue."""
        ...

    def solve(self, b: Floats) -> Floats:
        """H^-1 b."""
        ...

    def energy(self, g: Floats) -> float:
        """A bound of sqrt(g' H^-1 g)."""
        ...


@_overflowing
def distance(objective: Objective, point: Point, curvature: Curvature | None) -> float:
    """A bound of |w - w*|, infinite where neither bound holds.

    Parameters
    ----------
    objective : Objective
    point : Point
        ``objective.at(w)``.
    curvature : Factor or Implicit, optional
        Of the Hessian of this very objective at some anchor; only strong convexity bounds without.
    """
    seen = point.residual if not point.unseen else math.inf
    bounds = [by_strong_convexity(seen, objective.strong_convexity)]
    if curvature is not None and math.isfinite(objective.family.skew):
        bounds.append(_anchored(objective, point, curvature))
    return min((bound for bound in bounds if not math.isnan(bound)), default=math.inf)


def by_strong_convexity(residual: float, convexity: float) -> float:
    """|g| / a; infinite where nothing curves everywhere."""
    return residual / convexity * INFLATED if convexity > 0 else math.inf


def by_self_concordance(nu: float, smallest: float, kappa: float) -> float:
    """-log(1 - kappa nu) / (kappa sqrt(lmin)); infinite where kappa nu is not below 1.

    Parameters
    ----------
    nu : float
        At least sqrt(g' H^-1 g).
    smallest : float
        At most the smallest eigenvalue of H.
    kappa : float
        At least c / sqrt(lmin), or c times the largest sqrt(x' H^-1 x); 0 for a quadratic.
    """
    if not (smallest > 0 and math.isfinite(nu)):
        return math.inf
    root = math.sqrt(smallest)
    used = kappa * nu * INFLATED
    if used >= 1:
        return math.inf
    grown = -math.log1p(-used) / used if used > 1e-8 else 1.0 + used
    return grown * nu / root * INFLATED


@_overflowing
def sharper(objective: Objective, point: Point, curvature: Curvature) -> float:
    """The self-concordant bound with the records looked at, where `distance` takes them all as long as the longest.

    What the curvature changed on the way from the anchor follows from the largest margin of the way, and kappa from
    the largest ``sqrt(x' H^-1 x)``: neither depends on the scale of a column. It costs one pass, and for a `Factor` as
    much as making it.
    """
    skew = objective.family.skew
    if not math.isfinite(skew):
        return by_strong_convexity(point.residual, objective.strong_convexity)
    way = point.weights - curvature.anchor
    moved = np.sqrt((objective.margins(way) ** 2).sum(axis=1)).max(initial=0.0)
    off = gamma(objective.width + 2) * objective.radius * float(np.linalg.norm(way))
    apart = skew * (float(moved) * INFLATED + off)
    reach = objective.radius / math.sqrt(curvature.smallest) if curvature.smallest > 0 else math.inf
    if isinstance(curvature, Factor):
        reach = min(reach, curvature.leverage(objective))
    return _grown(apart, skew * reach, point, curvature)


@_overflowing
def stepped(objective: Objective, point: Point, factor: Factor, direction: Floats) -> Point | None:
    """Where a step leads, with what is known of the gradient there without a pass; None where nothing is.

    The gradient changes by the mean Hessian of the way, which is the anchor's but for a share that the margins' way
    from the anchor bounds (docs/linear.md).
    """
    skew, smallest = objective.family.skew, factor.smallest
    if not (math.isfinite(skew) and smallest > 0 and math.isfinite(point.unseen)):
        return None
    there = point.weights - direction
    moved = point.weights - there  # what the step is in float64
    length, bent = float(np.linalg.norm(moved)), factor.matrix @ moved
    rounding = BACKWARD * len(moved) * UNIT * (factor.mass * length + float(np.linalg.norm(point.gradient)))
    energy = math.sqrt(max(float(moved @ bent) + (rounding + factor.slack * length) * length, 0.0)) * INFLATED
    near = _apart(objective, point, factor)
    far = near + objective.radius * length * INFLATED
    if not skew * far <= FARTHEST:  # a gradient that overflowed leads nowhere: no number, which is not above either
        return None
    growth = (math.expm1(skew * near) + math.expm1(skew * far)) / 2 * INFLATED
    allowance = point.allowance + rounding + factor.slack * length
    unseen = point.unseen + growth * energy
    return Point(there, point.gradient - bent, allowance, factor.anchor, far, unseen)


def _apart(objective: Objective, point: Point, curvature: Curvature) -> float:
    """No record's margins at the point are farther than this from those at the anchor."""
    way = objective.radius * float(np.linalg.norm(point.weights - curvature.anchor)) * INFLATED
    measured = point.origin is not None and np.array_equal(point.origin, curvature.anchor)
    return min(way, point.apart) if measured else way


def _anchored(objective: Objective, point: Point, curvature: Curvature) -> float:
    """The self-concordant bound from a Hessian elsewhere."""
    if curvature.smallest <= 0:
        return math.inf
    apart = objective.family.skew * _apart(objective, point, curvature)
    return _grown(apart, objective.self_concordance / math.sqrt(curvature.smallest), point, curvature)


def _grown(apart: float, kappa: float, point: Point, curvature: Curvature) -> float:
    """The bound with the Hessian at the anchor taken ``exp(-apart)`` times; ``kappa`` is the anchor's."""
    smallest = curvature.smallest
    if apart > FARTHEST or smallest <= 0 or not math.isfinite(point.allowance):
        return math.inf
    nu = curvature.energy(point.gradient) + point.allowance / math.sqrt(smallest) + point.unseen
    if not math.isfinite(nu):
        return math.inf
    less = math.exp(apart / 2) * INFLATED
    return by_self_concordance(nu * less, smallest / less**2, kappa * less)
