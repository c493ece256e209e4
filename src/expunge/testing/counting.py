"""Visits are counted where they are made, because a method's own report is what is to be checked."""

from __future__ import annotations

from dataclasses import is_dataclass, replace
from typing import Any

from expunge.data.table import Table
from expunge.errors import ParameterError
from expunge.learners.sklearn import as_learner
from expunge.protocol import Priced, Run

DELEGATED = (
    "predict",
    "recipe",
    "visits",
    "classes",
    "packages",
    "passes",
    "cannot_go_on",
    "runs_on",
    "wavers",
    "scores",
)


class Counting:
    """A learner that does what another one does, and writes down how many record visits each call was handed."""

    def __init__(self, learner: Any, seen: list[int]) -> None:
        self.learner = learner
        self.seen = seen
        can = {name: getattr(learner, name) for name in DELEGATED if hasattr(learner, name)}
        vars(self).update(can | ({"go_on": self._gone_on} if hasattr(learner, "go_on") else {}))

    def learn(self, data: Table, run: Run) -> Any:
        """Count what the learner says that learning costs; one visit of each record where it cannot tell."""
        self.seen.append(self.learner.visits(data, run) if isinstance(self.learner, Priced) else len(data))
        return self.learner.learn(data, run)

    def _gone_on(self, state: Any, data: Table, epochs: int, run: Run, of: int) -> Any:
        self.seen.append(epochs * len(data))
        return self.learner.go_on(state, data, epochs, run, of)


def counted(method: Any) -> tuple[Any, list[int]]:
    """The method over a counting learner, and its counts; a method that owns its training, as it is."""
    seen: list[int] = []
    if not (is_dataclass(method) and hasattr(method, "learner")):
        return method, seen
    try:
        return replace(method, learner=Counting(as_learner(method.learner), seen)), seen  # type: ignore[type-var]
    except ParameterError:  # it looks into its learner, and trains on its own
        return method, seen
