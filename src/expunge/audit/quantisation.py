"""Quantisation: weights are rounded to few bits and back, and what was forgotten may come back.

A method that moves each weight a little moves few of them past the next step of a coarse grid: rounded to four bits,
the network is the original again. Zhang et al. (2025), "Catastrophic Failure of LLM Unlearning via Quantization", ICLR,
arXiv:2410.16454: language models keep 21 % of what they were to forget, and 83 % after four bits. "DurableUn" (2026),
arXiv:2605.02196: four bits bring it back, eight are harmless. Of both the abstract alone was read; whether it holds for
other networks is unverified. Networks are rounded before they are put to use, so nobody need mean harm.

Here: symmetric, a tensor at a time. With b bits, ``step = max |w| / (2 ** (b - 1) - 1)``, and each weight becomes the
nearest multiple of it. Tensors of two dimensions and more are rounded (matrices, kernels); vectors (biases, scales and
statistics of norms) stay as they are, as is usual. The oracles go through the same, so what rounding does to any
network is no sign of anything.

Examples
--------
>>> import numpy as np
>>> rounded(np.array([[0.7, 0.24, -0.06, 0.04]]), 4)  # steps of 0.1
array([[ 0.7,  0.2, -0.1,  0. ]])
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge.audit.arms import Missing
from expunge.audit.further import Sides, again
from expunge.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.audit.figures import Figure
    from expunge.protocol import Run

WIDEST = 16  # bits: beyond, a step is below what single precision holds
LIMITS = "Other ways of rounding (a channel at a time, other grids) may bring back what this one does not."


@dataclass(frozen=True)
class Quantisation:
    """Round the weights of a network.

    Parameters
    ----------
    bits : int
        Four or eight, as networks are rounded for use; any from 2 to 16.
    """

    name: ClassVar[str] = "quantisation"
    bits: int = 4

    def __post_init__(self) -> None:
        if isinstance(self.bits, bool) or not isinstance(self.bits, int) or not 2 <= self.bits <= WIDEST:
            msg = f"Quantisation needs bits to be a whole number from 2 to {WIDEST}, got {self.bits!r}"
            raise ParameterError(msg)

    def after(self, learner: Any, model: Any, sides: Sides, run: Run) -> Any:
        """The model with rounded weights, or `Missing`."""
        weights = getattr(model, "weights", None)
        if not isinstance(weights, dict):
            return Missing(f"a {type(model).__name__} has no weights of a network to be rounded")
        if not all(isinstance(held, np.ndarray) for held in weights.values()):
            return Missing("weights of a type that numpy lacks are not rounded here")
        return replace(model, weights={name: rounded(held, self.bits) for name, held in weights.items()})

    def figures(self, sides: Sides) -> tuple[Figure, ...]:
        """Fit and accuracy on the forgotten."""
        title = f"with weights rounded to {self.bits} bits"
        return tuple(again(figure, f"{self.bits} bits", title, LIMITS) for figure in ("fit", "accuracy"))

    def visits(self, learner: Any, retained: int, forgotten: int) -> int:
        """Nothing is trained."""
        return 0


def rounded(weights: NDArray[Any], bits: int) -> NDArray[Any]:
    """A tensor on the grid of its largest number; vectors, and what holds no fractions, as they are."""
    largest = float(np.abs(weights).max()) if weights.ndim > 1 and weights.dtype.kind == "f" and weights.size else 0.0
    if not largest:
        return weights
    step = largest / (2 ** (bits - 1) - 1)
    return np.asarray(np.round(weights.astype(np.float64) / step) * step).astype(weights.dtype)
