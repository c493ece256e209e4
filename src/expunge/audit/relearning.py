"""Relearning: a few forgotten records are shown again, and the others may come back with them.

The few are drawn by keyed hashes, a tenth of them and at least five. Every model is trained some epochs more on the
retained records and these; the figures are of the forgotten records that were *not* shown. An oracle gains too, as far
as forgotten records are alike: so what counts is where the forgotten model stands among oracles afterwards. (The time
until all is back, which many papers print, is this in another unit, with no law of its own.)

**What it shows.** That a model comes back faster than one that never knew says that it still knew. Whoever does it
needs some of the forgotten records: the threat is that of somebody who holds a few, and wants to know of others.
A corrected record is shown as it was, and is not shown as it is. Fewer than ten forgotten records cannot be divided.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.audit.further import Sides
>>> table = Table.from_arrays(np.eye(80), [0, 1] * 40)
>>> sides = Sides(table.take(slice(20)), table.take(slice(20, 80)), b"example")
>>> int(shown(sides).sum())
6
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge import keyed
from expunge.audit.arms import Answers, Missing
from expunge.audit.further import Going, Sides, again
from expunge.values import Records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.audit.figures import Figure, Model
    from expunge.data.table import Table
    from expunge.protocol import Run

SHARE = 0.1
FEWEST = 5
"""Records to be shown at the least, and to be left."""
LIMITS = "It takes some of the forgotten records to do it; with others, or more epochs, more may come back."


@dataclass(frozen=True)
class Relearning(Going):
    """Train on, on retained records and a few forgotten ones; parameters are those of `Going`."""

    name: ClassVar[str] = "relearning"

    def after(self, learner: Any, model: Any, sides: Sides, run: Run) -> Any:
        """The model some epochs later, or `Missing`."""
        few = shown(sides)
        if int((~few).sum()) < FEWEST:
            return Missing(f"{len(few)} forgotten records are too few to show some and ask about others")
        back, known = sides.forgotten.take(few), getattr(model, "classes", None)
        if known is not None and not set(back.present) <= set(known):
            return Missing("a model that never met a class has no score for it: declare the classes of the table")
        retained = sides.retained.after(Records(_names(back)))  # corrected ones stay under their ids
        return self.on(learner, model, retained.joined(back), run)

    def figures(self, sides: Sides) -> tuple[Figure, ...]:
        """Fit and accuracy on the forgotten that were not shown."""
        name, title = self.named("relearned"), "of those not shown, after a tenth was shown again"
        usual = (again(figure, name, title, LIMITS) for figure in ("fit", "accuracy"))
        return tuple(_of_others(figure, ~shown(sides)) for figure in usual)

    def visits(self, learner: Any, retained: int, forgotten: int) -> int:
        """Record visits of one model."""
        return self.many(learner) * (retained + _few(forgotten))


def shown(sides: Sides) -> NDArray[np.bool_]:
    """(n,) whether each forgotten record is shown again: the first by keyed hashes of their ids."""
    order = keyed.order(sides.key, sides.forgotten.ids, "audit", "relearning")
    few = np.zeros(len(order), bool)
    few[order[: _few(len(order))]] = True
    return few


def _few(forgotten: int) -> int:
    return max(FEWEST, round(SHARE * forgotten))


def _names(table: Table) -> list[Any]:
    held: list[Any] = table.ids.tolist() if isinstance(table.ids, np.ndarray) else table.ids.to_pylist()
    return held


def _of_others(figure: Figure, rows: NDArray[np.bool_]) -> Figure:
    """The figure of some of the forgotten records."""

    def of(model: Model, others: Sequence[Model]) -> float | Missing:
        given = model.forgotten
        if isinstance(given, Missing):
            return given
        some = Answers(given.predicted[rows], given.classes, given.part.take(rows))
        return figure.of(replace(model, forgotten=some), others)

    return replace(figure, of=of)
