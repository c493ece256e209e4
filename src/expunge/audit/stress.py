"""Stress: what a model says of the forgotten records after something that anybody who has its weights can do to it.

A network may answer as if it had forgotten, and hold all that it knew an inch below: a score that is hidden, a bias
that was moved. So the forgotten model is trained on, or rounded; the original and each oracle go through the very same,
under keys of their own; then all are asked again. What counts is where the forgotten model stands among the oracles
*afterwards*, and not how much it moved: an original falls under stress where others rise.

The network is asked without whatever was put around it: of a model that holds another as ``net`` (a mask) that one is
taken, as whoever has the weights can do. A model of several parts (SISA) is left out, and says so.

Examples
--------
>>> chosen(["quantisation", Resurfacing(epochs=3)])
(Quantisation(bits=4), Resurfacing(epochs=3, rate=0.1, schedule='constant'))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from expunge.audit.arms import Answers, Missing, Parts, answers
from expunge.audit.quantisation import Quantisation
from expunge.audit.relearning import Relearning
from expunge.audit.resurfacing import Resurfacing
from expunge.errors import ExpungeError, ParameterError
from expunge.learners.sklearn import as_learner
from expunge.protocol import Parted

if TYPE_CHECKING:
    from expunge.audit.figures import Figure, Model
    from expunge.audit.further import Sides
    from expunge.protocol import Run


@runtime_checkable
class Stress(Protocol):
    """Something that is done to every model before it is asked again: a frozen dataclass with these verbs."""

    @property
    def name(self) -> str:
        """What it is asked for by."""
        ...

    def after(self, learner: Any, model: Any, sides: Sides, run: Run) -> Any:
        """The model afterwards, or `Missing`; the one given is left alone."""
        ...

    def figures(self, sides: Sides) -> tuple[Figure, ...]:
        """What is taken of every model afterwards; of its answers about the forgotten alone."""
        ...

    def visits(self, learner: Any, retained: int, forgotten: int) -> int:
        """Record visits that it costs for one model."""
        ...


STRESSES: dict[str, type[Any]] = {kind.name: kind for kind in (Resurfacing, Relearning, Quantisation)}
Arm: TypeAlias = tuple["Model", ...]
"""What one model says as it is, and what it says after each stress."""
Compared: TypeAlias = tuple["Figure", "Model", "Model", list["Model"]]
"""A figure, and what it is taken of: the original, the forgotten model and the oracles, after one stress."""


def chosen(wanted: Sequence[str | Stress], tier: str = "standard") -> tuple[Stress, ...]:
    """Stresses by name, with their defaults, or as they were made.

    Raises
    ------
    ParameterError
        If there is none of that name, or one comes twice; if the tier has none.
    """
    if isinstance(wanted, str):
        msg = f"stress takes several names, in a list or tuple: stress=({wanted!r},)"
        raise ParameterError(msg)
    unknown = [each for each in wanted if (each not in STRESSES if isinstance(each, str) else not _is_stress(each))]
    if unknown:
        msg = f"a stress is one of {', '.join(STRESSES)}, or made by one of their classes; got {unknown[0]!r}"
        raise ParameterError(msg)
    made = tuple(STRESSES[each]() if isinstance(each, str) else each for each in wanted)
    if any(made.count(each) > 1 for each in made):
        msg = f"each stress is done once, got {', '.join(map(repr, made))}"
        raise ParameterError(msg)
    if made and tier != "standard":
        msg = f"a stress is for the standard tier, where oracles go through the same; the {tier} tier has none"
        raise ParameterError(msg)
    return made


def told_after(stress: Stress, method: Any, model: Any, sides: Sides, run: Run) -> Model:
    """What a model says of the forgotten records after a stress; nothing else is asked."""
    none = Missing("after a stress the forgotten records alone are asked about")
    return Parts(none, _answered(stress, method, model, sides, run), none)


def _answered(stress: Stress, method: Any, model: Any, sides: Sides, run: Run) -> Answers | Missing:
    if isinstance(model, Missing):
        return model
    if isinstance(method, Parted):
        return Missing(f"a model of {type(method).__name__} is made of parts, and no part is the model")
    if not len(sides.forgotten) or not len(sides.retained):
        return Missing(f"no record was {'retained' if len(sides.forgotten) else 'forgotten'}")
    learner = learner_of(method)
    try:
        after = stress.after(learner, getattr(model, "net", model), sides, run)
    except ExpungeError as failure:
        return Missing(f"it failed: {failure}")
    said = after if isinstance(after, Missing) else answers(learner, after, sides.forgotten)
    if isinstance(said, Answers) and not np.isfinite(said.predicted).all():
        return Missing("it failed: a model answers with what is no number")
    return said


def learner_of(method: Any) -> Any:
    """The learner that made a method's models; the method itself where it wraps none."""
    return as_learner(getattr(method, "learner", method))


def compared(
    stresses: Sequence[Stress], sides: Sides | None, original: Arm, forgotten: Arm, oracles: Sequence[Arm]
) -> tuple[list[Compared], tuple[str, ...]]:
    """The figures after each stress with what they are taken of, and what could not be had, in sentences."""
    rows: list[Compared] = []
    lacking: list[str] = []
    if sides is None:
        return rows, ()
    for k, stress in enumerate(stresses, 1):
        models = [arm[k] for arm in (original, forgotten, *oracles)]
        reason = next((one.forgotten.reason for one in models if isinstance(one.forgotten, Missing)), None)
        if reason is None:
            rows += [(figure, models[0], models[1], models[2:]) for figure in stress.figures(sides)]
        else:
            lacking.append(f"{stress.name}: {reason}")
    return rows, tuple(lacking)


def price(stresses: Sequence[Stress], method: Any, retained: int, forgotten: int) -> int:
    """Record visits of all stresses, for one model."""
    learner = learner_of(method)
    return sum(each.visits(learner, retained, forgotten) for each in stresses)


def _is_stress(given: Any) -> bool:
    return isinstance(given, Stress) and not isinstance(given, type)
