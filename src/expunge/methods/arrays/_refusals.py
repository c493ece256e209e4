"""What methods of isolated parts (SISA's shards, ARCANE's classes) refuse alike, each in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from expunge import keyed
from expunge.errors import MismatchError, ParameterError
from expunge.protocol import Continuing
from expunge.values import Batch, Column, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expunge.data.table import Table
    from expunge.methods.arrays._shards import Schedule
    from expunge.protocol import Run
    from expunge.values import Target


def refuse_options(method: str, counts: Mapping[str, Any], choices: Mapping[str, tuple[Any, tuple[str, ...]]]) -> None:
    """Raise a sentence for counts that are none, and for choices that there are not.

    Examples
    --------
    >>> refuse_options("Sisa", {"shards": 0}, {})
    Traceback (most recent call last):
    ...
    expunge.errors.ParameterError: Sisa needs shards to be a whole number of at least 1, got 0
    """
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            msg = f"{method} needs {name} to be a whole number of at least 1, got {value!r}"
            raise ParameterError(msg)
    for name, (value, allowed) in choices.items():
        if not isinstance(value, str) or value not in allowed:
            msg = f"{method} needs {name} to be one of {allowed}, got {value!r}"
            raise ParameterError(msg)


def refuse_slices(method: str, learner: Any, slices: int, schedule: Schedule) -> None:
    """Raise a sentence where there are slices and the learner cannot go on from one to the next."""
    if slices > 1:
        reason = learner.cannot_go_on(schedule) if isinstance(learner, Continuing) else "the learner cannot go on"
        if reason is not None:
            msg = f"{method} with {slices} slices cannot be learned: {reason}"
            raise ParameterError(msg)


def refuse_another(run: Run, recipe: str, *, key: str, learned: str) -> None:
    """Raise a sentence for another key, or other parameters, than a model was learned with."""
    for what, mine, others in (("a key", keyed.key_id(run.key), key), ("parameters", recipe, learned)):
        if mine != others:
            msg = f"{what} other than the model's: it was learned with {others[:16]}, this is {mine[:16]}"
            raise MismatchError(msg)


def refusal_of(method: str, target: Target, data: Table, likelihood: str | None) -> Refusal | None:
    """Why a target is refused; None where it is not."""
    steps = target.targets if isinstance(target, Batch) else (target,)
    if any(isinstance(step, Column) and step.name == likelihood for step in steps):
        reason = f"column {likelihood!r} places the records and was never trained on; without it all places change"
        return Refusal(reason, "instead", "learn again with likelihood=None")
    if data.change(target) is None:
        return Refusal(f"no record carries this target; {method} forgets what records say", "never")
    return None


def said_of_moved(count: int, what: tuple[str, str]) -> list[str]:
    """A sentence for parts that were learned in another environment, where there are some.

    Examples
    --------
    >>> said_of_moved(1, ("shard", "shards"))
    ['1 shard was learned in another environment (versions, threads, processor) and must be learned again here']
    """
    if not count:
        return []
    parts = f"1 {what[0]} was" if count == 1 else f"{count} {what[1]} were"
    return [f"{parts} learned in another environment (versions, threads, processor) and must be learned again here"]
