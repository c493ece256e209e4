"""Resurfacing: some epochs more on retained records alone, and what was forgotten may come back by itself.

Siddiqui et al. (2025), "From Dormant to Deleted", arXiv:2505.22310 (abstract read alone): fine-tuning on retained
records took the accuracy on forgotten ones from about a half back to nearly all, for many methods; that of a retrained
model stayed where it was. No forgotten record is needed, so anybody who has the model and data like the rest can do it.

The figure is where the forgotten model stands among oracles *after* the same epochs. The rise alone is none: an
original, which forgot nothing, falls meanwhile.

**What it shows.** What comes back was still there. What does not may come back at other rates, or by other data.
Unless asked otherwise: a tenth of the learner's epochs, by its own optimiser, at a tenth of its first rate, held. At
the whole rate a network loses in a few epochs what it learned by heart, and so does the original: then nothing shows.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import SGDClassifier
>>> from expunge import Run, SklearnLearner, Table
>>> from expunge.audit.further import Sides
>>> table, run = Table.from_arrays(np.eye(6), [0, 1] * 3), Run(key=b"example")
>>> learner, sides = SklearnLearner(SGDClassifier()), Sides(table.take(slice(4)), table.take(slice(4, 6)), b"example")
>>> Resurfacing(epochs=2).after(learner, learner.learn(table, run), sides, run).classes
(0, 1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from expunge.audit.further import Going, Sides, again

if TYPE_CHECKING:
    from expunge.audit.figures import Figure
    from expunge.protocol import Run

LIMITS = "What does not come back in these epochs, at this rate, may come back in others."


@dataclass(frozen=True)
class Resurfacing(Going):
    """Train on, on retained records alone; parameters are those of `Going`."""

    name: ClassVar[str] = "resurfacing"

    def after(self, learner: Any, model: Any, sides: Sides, run: Run) -> Any:
        """The model some epochs later, or `Missing`."""
        return self.on(learner, model, sides.retained, run)

    def figures(self, sides: Sides) -> tuple[Figure, ...]:
        """Fit and accuracy on the forgotten."""
        name, title = self.named("resurfaced"), "after more training on retained records alone"
        return tuple(again(figure, name, title, LIMITS) for figure in ("fit", "accuracy"))

    def visits(self, learner: Any, retained: int, forgotten: int) -> int:
        """Record visits of one model."""
        return self.many(learner) * retained
