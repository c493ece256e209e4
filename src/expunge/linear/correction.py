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
(True, 3)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import LearnError
from expunge.linear.curvature import Factor
from expunge.linear.implicit import Implicit
from expunge.linear.optimum import DENSE, Optimum, descend, most_passes
from expunge.linear.residual import distance, sharper

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.linear.objective import Objective, Point
    from expunge.linear.residual import Curvature

    Floats = NDArray[np.float64]

SPARED = 12  # passes that a correction gets less than learning anew: the bound of its cost is below the other's
SETTLING = 4  # passes that a bound may cost beside the descent: a Hessian, the way from its anchor, leverages, one over


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
    """

    weights: Floats
    gradient: Floats
    factor: Factor | None
    penalty: float
    pin: float


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
    factor = _kept(before, objective, out, into)
    gradient = before.gradient + (objective.penalty - before.penalty) * _penalised(objective) * before.weights
    for records, sign in ((out, -1.0), (into, 1.0)):
        if records is not None and len(records):
            gradient = gradient + sign * records.data_gradient(before.weights)
    start, passes = _begun(objective, before.weights, gradient, factor)

    def enough(point: Point, curvature: Curvature | None) -> bool:
        return distance(objective, point, curvature) <= goal

    half = (most_passes(objective.size) - SPARED - SETTLING) // 2
    try:
        reached = descend(objective, start, enough, factor, half - passes)
        return settle(objective, reached, goal, passes=passes, anew=False)
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
    anchored = Anchored(point.weights, point.gradient, factor, objective.penalty, objective.pin)
    return Settled(anchored, bound, passes, optimum.steps, factored, optimum.searches)


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


def _begun(objective: Objective, w: Floats, gradient: Floats, factor: Factor | None) -> tuple[Floats | Point, int]:
    """Where to go on from: a step from the gradient that is known without a pass, if it helps."""
    if factor is None:
        return w, 0
    point = objective.at(w - factor.solve(gradient))
    helps = point.length <= float(np.linalg.norm(gradient))
    return (point, 1) if helps else (w, 1)


def _penalised(objective: Objective) -> Floats:
    """(p,) ones where the penalty is."""
    ones = np.ones((objective.outputs, objective.width))
    if objective.intercept == "free":
        ones[:, -1] = 0.0
    return ones.ravel()
