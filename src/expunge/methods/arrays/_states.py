"""What Newton keeps between requests, what it returns, and where it goes on from when the data have another shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.codec import fingerprint
from expunge.errors import MismatchError
from expunge.values import Forgotten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.linear import LinearLearner, LinearModel
    from expunge.linear.correction import Anchored
    from expunge.linear.objective import Objective
    from expunge.values import Scalar

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class State:
    """An optimum without noise: what forgetting goes on from. Keep it secret where the claim is `Certified`.

    Attributes
    ----------
    model : LinearModel
    anchored : Anchored or None
        What makes the next step cheap; None where there are no parameters.
    recipe, key, records : str
        Digests of the algorithm, the key's public name, and a keyed digest of the set of records.
    """

    model: LinearModel
    anchored: Anchored | None
    recipe: str
    key: str
    records: str

    @property
    def weights(self) -> Floats | None:
        """(p,) of the model."""
        return self.model.weights

    @property
    def classes(self) -> tuple[Scalar, ...] | None:
        """Names of the columns of the scores; None for regression."""
        return self.model.classes


@dataclass(frozen=True, slots=True)
class Corrected(Forgotten[State]):
    """A forgotten state, and what it took.

    Attributes
    ----------
    bound : float
        Its distance to the exact optimum is at most this; at most half of what the claim says.
    passes, steps, factored, searches, refits : int
        Passes over all records, Newton steps, Hessians made anew, line searches, starts from nothing.
    """

    bound: float = 0.0
    passes: int = 0
    steps: int = 0
    factored: int = 0
    searches: int = 0
    refits: int = 0


@dataclass(frozen=True)
class Adopted:
    """A model that was learned elsewhere, at its optimum.

    Attributes
    ----------
    state : State
    moved : float
        How far the parameters were from the optimum, within ``bound``: what its solver left undone.
    bound : float
    """

    state: State
    moved: float
    bound: float


def expect_state(model: object) -> None:
    """Raise a sentence when a method is given something else than its state."""
    if not isinstance(model, State):
        msg = f"the model must be the State that this Newton learned, got a {type(model).__name__}"
        raise MismatchError(msg)


def same_rows(learner: LinearLearner, model: State, front: Any, after: Table) -> bool:
    """Whether the records that stay are, to the linear model, what they were: columns, stages and weights."""
    if after.names != model.model.names or getattr(learner.head, "class_weight", None) == "balanced":
        return False
    return not learner.stages or fingerprint(front) == fingerprint(model.model.front)


def started(model: State, after: Table, objective: Objective) -> Floats:
    """The old parameters, of the columns that are left; zeros where they are of another shape."""
    weights, names = model.weights, model.model.names
    if weights is None or model.model.front is not None or set(after.names) - set(names):
        return weights if weights is not None and len(weights) == objective.size else np.zeros(objective.size)
    W = weights.reshape(objective.outputs, -1)
    places = [names.index(name) for name in after.names] + list(range(len(names), W.shape[1]))
    return np.ascontiguousarray(W[:, places]).ravel()


def centred(objective: Objective, w: Floats) -> Floats:
    """Parameters in the representation that sums to zero over the classes, where a shift changes nothing."""
    W = w.reshape(objective.outputs, -1)
    return (W - W.mean(axis=0) if objective.family.shifted else W).ravel()
