"""What a forest refuses: requests, models, keys and data that it cannot work with, each in a sentence.

Examples
--------
>>> from expunge import Column, Table
>>> counted = Table.from_arrays([[0.5, 1], [1.5, 2]], ["no", "yes"], columns=["age", "visits"])
>>> asked(counted, Column("visits"), "visits").reason
"column 'visits' says how often each record counts and was never trained on; without it all counts change"
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from expunge import keyed
from expunge.errors import DataError, ParameterError
from expunge.methods.trees._model import expect_forest
from expunge.methods.trees._settings import mismatch
from expunge.values import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.methods.trees._model import FittedForest
    from expunge.protocol import Change, Run
    from expunge.values import Target


def asked(data: Table, target: Target, weight: str | None) -> Change[Table] | Refusal:
    """What a request changes, or why it is refused."""
    change = data.change(target)
    if change is None:
        return Refusal("no record carries this target; a forest forgets what records say", "never")
    if weight is not None and weight in data.names and weight not in change.into.names:
        reason = f"column {weight!r} says how often each record counts and was never trained on; without it all counts"
        return Refusal(f"{reason} change", "instead", "learn again with weight=None")
    return change


def refuse_other_parameters(recipe: str, model: FittedForest) -> None:
    """Raise a sentence for what is no forest, or one of other parameters."""
    expect_forest(model)
    if recipe != model.recipe:
        mismatch("parameters", recipe[:16], model.recipe[:16])


def refuse_foreign(recipe: str, model: FittedForest, run: Run) -> None:
    """Raise a sentence for what is no forest, or one of another key or other parameters."""
    expect_forest(model)
    mine = keyed.key_id(run.key)
    if mine != model.key:
        mismatch("a key", mine[:16], model.key[:16])
    refuse_other_parameters(recipe, model)


def refuse_unlike(model: FittedForest, data: Table, weight: str | None) -> None:
    """Raise a sentence for data with other columns, or other declared classes, than a model was learned from."""
    names = data.names if weight is None else tuple(name for name in data.names if name != weight)
    if names != model.names:
        mismatch("columns", ", ".join(names), ", ".join(model.names))
    if model.task == "regression":  # of numbers, classes that were declared mean nothing
        return
    declared = data.classes if data.task == "classification" else None
    learned = model.classes if model.declared else None
    if declared != learned:
        mismatch("declared classes", str(declared), str(learned))


def refuse_unknown(parameter: str, names: Iterable[str], columns: Iterable[str]) -> None:
    """Raise a sentence for the first name that is no column.

    Examples
    --------
    >>> refuse_unknown("spread", ["incme"], ["age", "income"])
    Traceback (most recent call last):
    ...
    expunge.errors.DataError: spread names the column 'incme'; there are 'age', 'income'
    """
    held = tuple(columns)
    for name in names:
        if name not in held:
            msg = f"{parameter} names the column {name!r}; there are {', '.join(map(repr, held))}"
            raise DataError(msg)


def refuse_coarse(resolution: float, targets: NDArray[np.float64]) -> None:
    """Raise a sentence where targets that differ are one and the same multiple of the resolution.

    Examples
    --------
    >>> refuse_coarse(2.0**-20, np.array([1e-9, 3e-9]))
    Traceback (most recent call last):
    ...
    expunge.errors.ParameterError: a resolution of 2**-20 makes all targets equal: choose a smaller power of two
    """
    if np.ptp(targets) > 0 and np.ptp(np.rint(targets / resolution)) == 0:
        power = math.frexp(resolution)[1] - 1
        msg = f"a resolution of 2**{power} makes all targets equal: choose a smaller power of two"
        raise ParameterError(msg)
