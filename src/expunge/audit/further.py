"""Going on: finished models are trained some epochs more, and the usual figures are taken of them again.

A learner that can take up a finished model says so by `further` (networks) or by `go_on` (`Continuing`: learners with
``partial_fit`` or a warm start); of any other, a reason stands in place of the figure.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import SGDClassifier
>>> from sklearn.tree import DecisionTreeClassifier
>>> from expunge import Run, SklearnLearner, Table
>>> table, run = Table.from_arrays(np.eye(6), [0, 1] * 3), Run(key=b"example")
>>> learner, tree = SklearnLearner(SGDClassifier()), SklearnLearner(DecisionTreeClassifier())
>>> type(Going(epochs=2).on(learner, learner.learn(table, run), table, run)).__name__
'Fitted'
>>> print(Going().on(tree, tree.learn(table, run), table, run).reason)
DecisionTreeClassifier cannot go on training (it has no partial_fit)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from expunge.audit.arms import Missing
from expunge.audit.figures import FIGURES
from expunge.errors import ParameterError
from expunge.protocol import Continuing

if TYPE_CHECKING:
    from expunge.audit.figures import Figure
    from expunge.data.table import Table
    from expunge.protocol import Key, Run

SHARE = 10
"""One epoch more for each so many of the learner's own, and at least one, where nobody says how many."""
RATE = 0.1
"""Of the learner's first rate: at the whole of it, what a network learned by heart is gone after a few epochs."""


@dataclass(frozen=True)
class Sides:
    """What there is to stress a model with.

    Attributes
    ----------
    retained, forgotten : Table
        All of them, with the columns that the model knows.
    key : bytes
        The audit's own: what it draws is the same for every model.
    """

    retained: Table
    forgotten: Table
    key: bytes | Key


@dataclass(frozen=True)
class Going:
    """How models are trained on.

    Attributes
    ----------
    epochs : int, optional
        How many; a tenth of the learner's, at least one, unless given.
    rate : float
        Share of the first rate of the learner's optimiser. Learners that are no networks go on at their own.
    schedule : {"constant", "own"}
        Whether that rate is held, or the learner's schedule is followed from its start.
    """

    epochs: int | None = None
    rate: float = RATE
    schedule: Literal["constant", "own"] = "constant"

    def __post_init__(self) -> None:
        kind, epochs, rate = type(self).__name__, self.epochs, self.rate
        if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1):
            msg = f"{kind} needs epochs to be a whole number of at least 1, or None, got {epochs!r}"
            raise ParameterError(msg)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < math.inf:
            msg = f"{kind} needs rate to be a number above 0, a share of the learner's own, got {rate!r}"
            raise ParameterError(msg)
        if self.schedule not in ("constant", "own"):
            msg = f"{kind} needs schedule to be 'constant' or 'own', got {self.schedule!r}"
            raise ParameterError(msg)

    def many(self, learner: Any) -> int:
        """Epochs for the models of this learner."""
        return self.epochs or max(1, round(getattr(learner, "passes", 1) / SHARE))

    def on(self, learner: Any, model: Any, data: Table, run: Run) -> Any:
        """A finished model some epochs later, or `Missing`; the one given is left alone."""
        epochs = self.many(learner)
        if isinstance(learner, Resuming):
            begun = model if getattr(model, "going", None) is None else replace(model, going=None)
            return learner.further(self.rate, own=self.schedule == "own").go_on(begun, data, epochs, run, epochs)
        if not isinstance(learner, Continuing):
            return Missing(f"{type(learner).__name__} cannot go on training")
        reason = learner.cannot_go_on("cumulative")
        if reason is not None:
            return Missing(reason.split(":")[0])  # what follows is of use to slices
        known = getattr(model, "classes", None)
        return learner.go_on(model, data if known is None else replace(data, classes=known), epochs, run, epochs)

    def named(self, what: str) -> str:
        """A name for figures; all that is not the default is in it."""
        chosen = [str(getattr(self, each.name)) for each in fields(self) if getattr(self, each.name) != each.default]
        return f"{what} ({', '.join(chosen)})" if chosen else what


@runtime_checkable
class Resuming(Protocol):
    """A learner that has another for its finished models, whatever it does while it learns (hold out units, say)."""

    def further(self, rate: float, *, own: bool) -> Continuing:
        """What goes on from them: at a share of the first rate, held or by the learner's ``own`` schedule."""
        ...


def again(figure: str, stress: str, title: str, limits: str) -> Figure:
    """One of the usual figures, taken after a stress."""
    usual = next(one for one in FIGURES if one.name == figure)
    return replace(usual, name=f"{figure}, {stress}", title=f"{usual.title}, {title}", limits=limits)
