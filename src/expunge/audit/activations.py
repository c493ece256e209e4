"""Activations: how far the inside of a network lies from the oracle's, where its answers may say nothing.

Some methods change the last layer and leave what the network knows below it. So features (what enters the last linear
layer) of the same records are compared. Networks that were trained apart order their features as they like: two oracles
lie far apart too, and only the *relative* distance, by that of the second oracle, can be read. A network that was not
trained anew mostly stays nearer to its own past than to any oracle: far is not bad, and near is not forgotten.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.audit.arms import Four, Missing, Parts
>>> class Scaled:
...     def features(self, model, data):
...         return model * data.features
>>> part, none = Table.from_arrays(np.eye(2), [0, 1]), Missing("-")
>>> found = activations(Scaled(), Four(0.0, 2.0, 1.0, 1.5), Parts(none, part, none), part.names)
>>> found.forgotten
Inside(records=2, original=1.0, forgotten=1.0, second=0.5)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expunge.audit.arms import Four, Missing, Parts
from expunge.audit.hardness import Featured
from expunge.audit.layout import laid_out, said, shown
from expunge.errors import MismatchError
from expunge.measures.divergence import activation_distance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expunge.data.table import Table

READING = (
    "Mean distance of what enters the last layer from the oracle's; relative: by the second oracle's. Networks trained"
    " apart order their features as they like, so 1 is far, and nearer than 1 is no sign of anything left."
)


@dataclass(frozen=True)
class Inside:
    """Distances from the oracle's features, on some records.

    Attributes
    ----------
    records : int
    original, forgotten, second : float
        Mean Euclidean distances; the second oracle's is the yardstick.
    """

    records: int
    original: float
    forgotten: float
    second: float


def activations(
    method: Any, models: Four[Any], sets: Parts[Table | Missing], names: tuple[str, ...]
) -> Parts[Inside | Missing]:
    """Compare the features of all four models, part by part.

    Parameters
    ----------
    method : method
        Of networks, or a learner of these.
    models : Four of models
    sets : Parts of Table or Missing
        Retained records as many as are to be asked about.
    names : tuple of str
        Columns that all but the original have met.
    """
    learner = getattr(method, "learner", method)
    if not isinstance(learner, Featured) or any(hasattr(model, "shards") for _, model in models.each()):
        return sets.map(lambda _: Missing("these models have no features inside that could be compared"))
    try:
        return sets.map(lambda part: _compared(learner, models, part, names))
    except MismatchError:  # a model around the learner's own, a mask say
        return sets.map(lambda _: Missing("these models are not the learner's own: it cannot look inside"))


def _compared(learner: Featured, models: Four[Any], part: Table | Missing, names: tuple[str, ...]) -> Inside | Missing:
    absent = next((one for one in (part, *(model for _, model in models.each())) if isinstance(one, Missing)), None)
    if absent is not None or isinstance(part, Missing):
        return Missing("" if absent is None else absent.reason)
    if not len(part):
        return Missing("there is no such record")
    without = part.select(names)
    others = (learner.features(model, without) for model in (models.forgotten, models.oracle, models.second))
    seen = Four(learner.features(models.original, part), *others)
    if len({each.shape for _, each in seen.each()}) > 1:
        return Missing("the models' features are of different widths")
    near = activation_distance(seen.forgotten, seen.oracle, seen.second)
    idle = activation_distance(seen.original, seen.oracle, seen.second)
    return Inside(len(part), idle.distance, near.distance, near.yardstick)


# -- in words and figures ----------------------------------------------------------------------------------------------

HEAD = ("features from the oracle's", "original", "forgotten", "second oracle", "relative")


def rows(found: Parts[Inside | Missing]) -> Iterator[list[str]]:
    """The parts that were measured."""
    for name, one in found.each():
        if not isinstance(one, Missing):
            relative = one.forgotten / one.second if one.second else None
            yield [name, shown(one.original), shown(one.forgotten), shown(one.second), shown(relative)]


def lines(found: Parts[Inside | Missing]) -> list[str]:
    """The distances as plain text; nothing where nothing has features."""
    held = list(rows(found))
    return ["How far the inside lies from the oracle's", *laid_out([HEAD, *held]), *said(READING)] if held else []
