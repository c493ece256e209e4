"""What makes the scores of one-class models comparable: each model's scores against those of its class's own records.

One-class scores have no common unit: a margin, a path length or an error of one model says nothing beside another's.
So a class's scores are placed among those that the model gives to records of that class, none of another.

Examples
--------
>>> own = np.array([-4.0, -2.0, 0.0, 2.0, 4.0])
>>> calibrated("standard", own).of(np.array([0.0, -2.0 * 2**0.5])).round(3)
array([ 0., -1.])
>>> np.exp(calibrated("ranks", own).of(np.array([-9.0, 0.0, 9.0]))).round(2)  # far off, usual, and far in
array([0.01, 0.58, 0.99])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from scipy.special import log_expit, softmax

from expunge import keyed
from expunge.protocol import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table

Kind: TypeAlias = Literal["ranks", "standard", "none"]
KINDS: tuple[str, ...] = ("ranks", "standard", "none")
FARTHEST = 1e100  # scores beyond are cut (a density may be 0): their squares still sum without an overflow
LEAST = 1e-12  # a spread below this share of the scores is rounding


@dataclass(frozen=True)
class Calibration:
    """Where the scores of a class's own records lie.

    Attributes
    ----------
    kind : {"ranks", "standard", "none"}
    mean, spread : float
        Of those scores; a spread of 1 where they are all the same.
    scores : (m,)
        The scores, sorted; none unless they are ranked.
    """

    kind: Kind
    mean: float
    spread: float
    scores: NDArray[np.float64]

    def of(self, scores: NDArray[Any]) -> NDArray[np.float64]:
        """(n,) scores of this model as those that can be compared with another's.

        ``standard``: in spreads from the mean. ``ranks``: the logarithm of the share of the class's own records that
        score no higher; between the same two of these, and below the last, the standard score decides (through a
        logistic function, which as a logarithm stays a number however far off a record is).
        """
        held = finite(scores)
        if self.kind == "none":
            return held
        standard = (held - self.mean) / self.spread
        if self.kind == "standard":
            return standard
        below = np.searchsorted(self.scores, held, side="right")
        known = np.log(np.maximum(below, 1))
        counted = np.where(below > 0, np.logaddexp(known, log_expit(standard)), log_expit(standard))
        return np.asarray(counted - np.log(len(self.scores) + 1))


@dataclass(frozen=True)
class Reference:
    """What a worker is handed to calibrate: one class's model, and records of that class."""

    learner: Any
    state: Any
    data: Table
    run: Run
    kind: Kind

    def __getstate__(self) -> dict[str, Any]:
        """Without what reports progress, or maps: these belong to the process that asked."""
        return self.__dict__ | {"run": Run(self.run.key, threads=self.run.threads)}


def referred(reference: Reference) -> Calibration:
    """Score the records in an order that belongs to their ids, and calibrate by them."""
    if reference.kind == "none":
        return Calibration("none", 0.0, 1.0, np.zeros(0))
    data, run = reference.data, reference.run
    ordered = data.take(keyed.order(run.key, data.ids, "calibration"))
    return calibrated(reference.kind, reference.learner.scores(reference.state, ordered, run))


def calibrated(kind: Kind, own: NDArray[Any]) -> Calibration:
    """The calibration by (m,) scores of a class's own records, m at least 1."""
    scores = np.sort(finite(own))
    mean, spread = float(scores.mean()), float(scores.std())
    spread = spread if spread > LEAST * max(1.0, abs(mean)) else 1.0
    return Calibration(kind, mean, spread, scores if kind == "ranks" else np.zeros(0))


def compared(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, classes) comparable scores as scores that sum to one; the highest stays the highest."""
    return np.asarray(softmax(values, axis=1))


def finite(scores: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) scores as finite numbers; what is no number is as low as can be."""
    held = np.asarray(scores, dtype=np.float64)
    return np.clip(np.nan_to_num(held, nan=-FARTHEST), -FARTHEST, FARTHEST) + 0.0  # of the two zeros, one
