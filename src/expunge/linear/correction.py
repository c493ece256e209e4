"""From one optimum to the next: records left or came, and the parameters follow until a bound says that it is enough.

An `Anchored` optimum carries what makes the next one cheap: the gradient of its records, from which the next gradient
follows by the records that changed, and the factor of their Hessian. The first step therefore passes over nothing but
those records. Every further step, and the bound itself, rests on one whole pass.

Examples
--------
>>> import numpy as np
>>> from expunge.linear.families import Logistic
>>> from expunge.linear.objective import Objective
>>> from expunge.linear.optimum import fit
>>> random = np.random.default_rng(0)
>>> whole = Objective(Logistic(), random.normal(size=(99, 2)), random.integers(0, 2, 99), penalty=1.0)
>>> before = settle(whole, fit(whole), 1e-6)
>>> after = correct(whole.without(np.array([7])), before.anchored, 1e-6, out=whole.take(np.array([7])))
>>> after.bound < 1e-6, after.passes
(True, 2)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import LearnError
from expunge.linear.curvature import Factor
from expunge.linear.design import gamma
from expunge.linear.implicit import Implicit
from expunge.linear.optimum import DENSE, Optimum, descend, looked, most_passes
from expunge.linear.point import Point
from expunge.linear.residual import distance, sharper, stepped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.linear.objective import Objective
    from expunge.linear.optimum import Enough
    from expunge.linear.residual import Curvature

    Floats = NDArray[np.float64]

SPARED = 12  # passes that a correction gets less than learning anew: the bound of its cost is below the other's
SETTLING = 4  # passes that a bound may cost beside the descent: a Hessian, the way from its anchor, leverages, one over
RENEWAL, PER_PASS = 4, 25  # a Hessian costs about as many passes as this, and one more for so many parameters


@dataclass(frozen=True, eq=False)
class Anchored:
    """An optimum with what makes the next one cheap.

    Attributes
    ----------
    weights : (p,)
    gradient : (p,)
        Of the objective there, as computed.
    factor : Factor or None
        Of the Hessian of these records at some anchor; None where there are too many parameters for a matrix.
    penalty, pin : float
        Of the objective.
    allowance, unseen : float
        How far the true gradient can be from this one (`Point`).
    spent : int
        Passes that requests took beyond their first since the factor was made.
    """

    weights: Floats
    gradient: Floats
    factor: Factor | None
    penalty: float
    pin: float
    allowance: float = math.inf
    unseen: float = 0.0
    spent: int = 0


@dataclass(frozen=True, eq=False)
class Settled:
    """An optimum, and how far it can be from the exact one.

    Attributes
    ----------
    anchored : Anchored
    bound : float
        |w - w*| is at most this.
    passes, steps, factored, searches, refits : int
        Passes over all records, Newton steps, Hessians made, line searches, starts from nothing.
    """

    anchored: Anchored
    bound: float
    passes: int
    steps: int
    factored: int
    searches: int
    refits: int = 0


def correct(
    objective: Objective,
    before: Anchored,
    goal: float,
    out: Objective | None = None,
    into: Objective | None = None,
) -> Settled:
    """The optimum of the objective as it is now, no farther than ``goal`` from the exact one.

    Parameters
    ----------
    objective : Objective
        Of the records that are there now, with the pin of ``before``.
    before : Anchored
    goal : float
    out, into : Objective, optional
        Of the records that left and those that came, all of them.

    Raises
    ------
    LearnError
        When the goal cannot be reached in float64, or there is no optimum.
    """
    known, factor = _known(before, objective, out, into), _kept(before, objective, out, into)

    def enough(point: Point, curvature: Curvature | None) -> bool:
        return distance(objective, point, curvature) <= goal

    start, passes = _begun(objective, known, factor, enough)
    half = (most_passes(objective.size) - SPARED - SETTLING) // 2
    try:
        reached = descend(objective, start, enough, factor, half - passes, inferring=True)
        return _renewed(objective, settle(objective, reached, goal, passes=passes, anew=False), goal, before.spent)
    except LearnError:  # so far away that nothing curves: the last resort starts from nothing
        reached = descend(objective, np.zeros(objective.size), enough, limit=half)
        return replace(settle(objective, reached, goal, passes=half + SETTLING, anew=False), refits=1)


def settle(objective: Objective, optimum: Optimum, goal: float, *, passes: int = 0, anew: bool = True) -> Settled:
    """Bound the distance of what a descent reached, with whatever curvature that takes.

    Parameters
    ----------
    objective : Objective
    optimum : Optimum
    goal : float
    passes : int
        What was spent before.
    anew : bool
        Make the Hessian at the optimum itself: the nearer its anchor, the further the steps after it go.

    Raises
    ------
    LearnError
        When no bound is within the goal.
    """
    curvature, point = optimum.curvature, optimum.point
    passes, factored = passes + optimum.passes, optimum.factored
    bound = distance(objective, point, curvature)
    fresh = curvature is not None and np.array_equal(curvature.anchor, point.weights)
    if not fresh and (anew or bound > goal or curvature is None):
        curvature = (
            Implicit(objective, point.weights) if objective.size > DENSE else Factor.at(objective, point.weights)
        )
        passes, factored = passes + 1, factored + 1
        bound = distance(objective, point, curvature)
    if bound > goal and curvature is not None:
        bound, passes = min(bound, sharper(objective, point, curvature)), passes + 2
    if bound > goal:
        msg = (
            f"the optimum is known to {bound:.2g} and no closer, and {goal:.2g} is asked for: a larger distance, a"
            " larger penalty, or columns of like scale that do not say the same would do"
        )
        raise LearnError(msg)
    factor = curvature if isinstance(curvature, Factor) else None
    how = objective.penalty, objective.pin, point.allowance, point.unseen
    anchored = Anchored(point.weights, point.gradient, factor, *how)
    return Settled(anchored, bound, passes, optimum.steps, factored, optimum.searches)


def _renewed(objective: Objective, settled: Settled, goal: float, spent: int) -> Settled:
    """The same with its factor made anew, where an old one has cost as many passes as a new one would have."""
    held = settled.anchored
    if held.factor is None or settled.factored:
        return settled
    spent += max(settled.passes - 1, 0)
    if spent < RENEWAL + objective.size // PER_PASS:
        return replace(settled, anchored=replace(held, spent=spent))
    point, factor = objective.at(held.weights), Factor.at(objective, held.weights)
    bound = distance(objective, point, factor)
    if bound > goal:  # what was inferred is nearer than what rounding lets a pass tell
        return replace(settled, passes=settled.passes + 2, factored=1)
    fresh = replace(held, gradient=point.gradient, factor=factor, allowance=point.allowance, unseen=0.0)
    return replace(settled, anchored=fresh, bound=bound, passes=settled.passes + 2, factored=1)


def _kept(before: Anchored, objective: Objective, out: Objective | None, into: Objective | None) -> Factor | None:
    """The factor of the records that are there now; None where it must be made anew."""
    factor = before.factor
    if factor is None:
        return None
    try:
        for records, changed in ((into, Factor.along), (out, Factor.without)):
            if records is not None and len(records):
                factor = changed(factor, records)
        return factor.shifted((objective.penalty - before.penalty) * _penalised(objective))
    except LearnError:  # what left took nearly all the curvature of some direction
        return None


def _known(before: Anchored, objective: Objective, out: Objective | None, into: Objective | None) -> Point:
    """The objective at the old optimum, without a pass: by the records that changed."""
    more = (objective.penalty - before.penalty) * _penalised(objective) * before.weights
    gradient, terms, allowance, unseen = before.gradient + more, [before.gradient, more], before.allowance, 0.0
    if before.unseen:
        same = objective.penalty == before.penalty and before.factor is not None
        share = before.factor.share(out) if same and before.factor is not None and out is not None else float(not same)
        unseen = before.unseen / math.sqrt(1 - share) if share < 1 else math.inf
    for records, sign in ((out, -1.0), (into, 1.0)):
        if records is not None and len(records):
            slope, off = records.data_slope(before.weights)
            gradient, allowance = gradient + sign * slope, allowance + off
            terms.append(slope)
    allowance += gamma(8) * sum(float(np.linalg.norm(term)) for term in terms)
    return Point(before.weights, gradient, allowance, unseen=unseen)


def _begun(objective: Objective, known: Point, factor: Factor | None, enough: Enough) -> tuple[Floats | Point, int]:
    """Where to go on from: a step from what is known without a pass, if it helps."""
    if factor is None:
        return known.weights, 0
    direction = factor.solve(known.gradient)
    inferred = stepped(objective, known, factor, direction)
    if inferred is not None and enough(inferred, factor):
        return inferred, 0
    point = looked(objective, known.weights - direction, factor)
    return (point if point.length <= known.length else known.weights), 1


def _penalised(objective: Objective) -> Floats:
    """(p,) ones where the penalty is."""
    ones = np.ones((objective.outputs, objective.width))
    if objective.intercept == "free":
        ones[:, -1] = 0.0
    return ones.ravel()
