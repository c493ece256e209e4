"""Parameters of a forest that fit, or sentences that say why they do not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np

from expunge.errors import LearnError, MismatchError, ParameterError

if TYPE_CHECKING:
    from expunge.data.table import Table
    from expunge.methods.trees.forest import Forest

Task = Literal["classification", "regression"]
LEAST = {"trees": 1, "cuts": 1, "max_depth": 0, "min_split": 2, "min_leaf": 1}
MOST_CUTS = 16
DEEPEST = 1 << 20  # levels that room is kept for, however many are asked for


def checked(forest: Forest) -> None:
    """Raise the sentence that says which parameter does not fit."""
    for name, least in LEAST.items():
        _whole(name, getattr(forest, name), least)
    if forest.features is not None:
        _whole("features", forest.features, 1)
    if forest.cuts > MOST_CUTS:
        _refuse("cuts", f"at most {MOST_CUTS}", forest.cuts)
    if not _is_number(forest.share) or not 0 < forest.share <= 1:
        _refuse("share", "a number above 0, up to 1", forest.share)
    if forest.task not in (None, "classification", "regression"):
        _refuse("task", "'classification', 'regression' or None", forest.task)
    _power_of_two(forest.resolution)
    _names("categorical", forest.categorical)
    _names("spread", forest.spread)
    if not isinstance(forest.weight, str | None):
        _refuse("weight", "the name of a column, or None", forest.weight)


def task_of(asked: Task | None, data: Table) -> Task:
    """What the labels mean.

    Raises
    ------
    LearnError
        When they are none, several side by side, or not what the forest is asked to learn.
    """
    found = data.task
    if found is None and not len(data) and asked is not None:
        return asked
    if found not in ("classification", "regression") or np.asarray(data.label).ndim > 1:
        msg = f"a forest learns one class or one number for each record; these have {found or 'no label'}"
        raise LearnError(msg)
    if asked == "classification" and found == "regression":
        msg = "the labels are numbers, and the task is classification: declare their classes, or give y.astype(int)"
        raise LearnError(msg)
    if asked == "regression" and np.asarray(data.label).dtype.kind not in "fi":
        msg = "the labels are classes, and the task is regression: give numbers"
        raise LearnError(msg)
    return asked or found


def plain(name: str, value: Any) -> Any:
    """A parameter as one of Python's own values, of one type for each name: 1 and 1.0 are the same share."""
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(str(each) for each in value)
    if name in ("share", "resolution"):
        return float(value)
    return int(value) if isinstance(value, np.integer) else value


def mismatch(what: str, mine: str, others: str) -> NoReturn:
    """Raise the sentence that says what is other than the model's."""
    msg = f"{what} other than the model's: it was learned with {others}, this is {mine}"
    raise MismatchError(msg)


def _names(name: str, value: Any) -> None:
    if not isinstance(value, list | tuple | np.ndarray) or not all(isinstance(each, str) for each in value):
        _refuse(name, "a sequence of names of columns", value)


def _power_of_two(resolution: Any) -> None:
    if not (
        _is_number(resolution) and resolution > 0 and math.isfinite(resolution) and math.frexp(resolution)[0] == 0.5
    ):
        _refuse("resolution", "a power of two, e.g. 2.0**-20", resolution)


def is_whole(value: Any) -> bool:
    """Whether this is a whole number, which True is not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _whole(name: str, value: Any, least: int) -> None:
    if not is_whole(value) or value < least:
        _refuse(name, f"a whole number of at least {least}", value)


def _refuse(name: str, what: str, value: Any) -> NoReturn:
    msg = f"Forest needs {name} to be {what}, got {value!r}"
    raise ParameterError(msg)
