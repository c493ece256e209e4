"""The curve of an attack: true against false positives over all thresholds, and its corner of few false positives.

An attack that names a few members and is always right harms them, and has an AUC near one half: so the rate of true
positives at a low rate of false ones is reported beside the area (Carlini et al., 2022, arXiv:2112.03570, section II:
unverified).

**Limits are for independent trials.** They are exact (`expunge.measures.intervals`) where each score is a trial of its
own: one score a model. Scores of many records under a few models hang together, and then limits come from
`expunge.measures.bootstrap`, over models. The limits of the true positives take the threshold as given. It was read off
the negatives, so those of the false positives are given too: with n negatives no rate below 3/n can be shown.

Examples
--------
>>> curve = roc([3.0, 2.0, 1.0], [2.0, 0.0])
>>> curve.fpr.tolist(), curve.tpr.round(2).tolist()
([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.33, 0.67, 1.0, 1.0])
>>> round(curve.area, 3)
0.75
>>> curve.at(0.1)
Rate(tpr=0.333..., low=0.008..., high=0.905..., fpr=0.0, fpr_low=0.0, fpr_high=0.841..., threshold=3.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import DataError, ParameterError
from expunge.measures.intervals import clopper_pearson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Rate:
    """True positives at a rate of false positives.

    Attributes
    ----------
    tpr : float
        Share of the positives that reach the threshold.
    low, high : float
        Exact limits of it, the threshold taken as given.
    fpr : float
        Share of the negatives that reach it: the largest there is that is not above the rate asked for.
    fpr_low, fpr_high : float
        Exact limits of it, as if the threshold had not been read off them.
    threshold : float
        Infinity where even the highest score would let too many negatives through.
    """

    tpr: float
    low: float
    high: float
    fpr: float
    fpr_low: float
    fpr_high: float
    threshold: float


@dataclass(frozen=True, eq=False)
class Roc:
    """Points of the curve, from (0, 0) to (1, 1), one for each different score.

    Attributes
    ----------
    fpr, tpr : (k,) float64
        Shares of negatives and positives that score ``threshold`` or more.
    threshold : (k,) float64
        From infinity down.
    positives, negatives : int
    """

    fpr: NDArray[np.float64]
    tpr: NDArray[np.float64]
    threshold: NDArray[np.float64]
    positives: int
    negatives: int

    @property
    def area(self) -> float:
        """The AUC: trapezoids, so that ties count half (`expunge.measures.auc.rank_auc` counts the pairs)."""
        return float(np.trapezoid(self.tpr, self.fpr))

    def at(self, fpr: float, confidence: float = 0.95) -> Rate:
        """True positives at the lowest threshold whose rate of false ones is not above ``fpr``; no interpolation."""
        if not 0 <= fpr <= 1:
            raise ParameterError(f"a rate of false positives lies in [0, 1], got {fpr}")
        place = int(np.searchsorted(self.fpr, fpr, side="right")) - 1
        true, false = float(self.tpr[place]), float(self.fpr[place])
        low, high = clopper_pearson(round(true * self.positives), self.positives, confidence)
        ends = clopper_pearson(round(false * self.negatives), self.negatives, confidence)
        return Rate(true, low, high, false, *ends, float(self.threshold[place]))


def roc(positives: ArrayLike, negatives: ArrayLike) -> Roc:
    """The curve of two samples of scores, larger meaning positive.

    Parameters
    ----------
    positives : (m,) scores, m at least 1
        Arrays of more axes are taken apart: see above what that does to limits.
    negatives : (n,) scores, n at least 1

    Raises
    ------
    DataError
        If a side is empty, or holds NaN or positive infinity, which no threshold is above.
    """
    above, below = (np.sort(np.asarray(side, dtype=np.float64).ravel()) for side in (positives, negatives))
    if not len(above) or not len(below):
        msg = f"a curve needs scores on both sides, got {len(above)} and {len(below)}"
        raise DataError(msg)
    if not (above[-1] < np.inf and below[-1] < np.inf):  # NaN sorts last
        raise DataError("a curve needs scores below infinity, got infinity or NaN")
    threshold = np.unique(np.concatenate([above, below]))[::-1]
    false, true = ((len(side) - np.searchsorted(side, threshold, side="left")) / len(side) for side in (below, above))
    start = np.zeros(1)
    return Roc(
        np.concatenate([start, false]),
        np.concatenate([start, true]),
        np.concatenate([start + np.inf, threshold]),
        len(above),
        len(below),
    )
