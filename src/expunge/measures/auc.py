"""The chance that one kind of record scores higher than another, and how far that figure can be trusted.

Examples
--------
>>> rank_auc([3.0, 2.0], [1.0, 2.0])  # three of four pairs are in order, and one is a tie
0.875
>>> low, high = newcombe(1.0, 1, 1)  # one pair says next to nothing
>>> f"{low:.3f} to {high:.0f}"
'0.207 to 1'
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from expunge.errors import DataError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

STEPS = 64  # halvings of [0, 1]: the limits are right to the last bit but a few


def rank_auc(positives: ArrayLike, negatives: ArrayLike) -> float:
    """Share of pairs in which the positive scores higher, ties counting half; the Mann-Whitney statistic over m n.

    Pairs are counted in whole numbers, so that the only rounding is that of one division.

    Parameters
    ----------
    positives : (m,) scores, m at least 1
    negatives : (n,) scores, n at least 1

    Raises
    ------
    DataError
        If a side is empty, or holds NaN, which has no rank.
    """
    above, below = (np.sort(np.asarray(side, dtype=np.float64).ravel()) for side in (positives, negatives))
    if not len(above) or not len(below):
        msg = f"an AUC needs records on both sides, got {len(above)} and {len(below)}"
        raise DataError(msg)
    if np.isnan(above[-1]) or np.isnan(below[-1]):  # NaN sorts last
        msg = "an AUC needs scores that have a rank, got NaN"
        raise DataError(msg)
    smaller = int(np.searchsorted(below, above, side="left").sum())
    not_larger = int(np.searchsorted(below, above, side="right").sum())
    return (smaller + not_larger) / (2 * len(above) * len(below))


def newcombe(auc: float, positives: int, negatives: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for an AUC that stays sensible at 0 and 1 and with one positive.

    Newcombe (2006), "Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2",
    Statistics in Medicine 25:559-573, method 5: the values t that lie within z standard errors of the figure, with
    Hanley and McNeil's variance taken at t and made symmetric, N = (m + n)/2 - 1::

        V(t) = t (1 - t) (1 + N (1 - t)/(2 - t) + N t/(1 + t)) / (m n)

    It takes the scores of both sides as laws of about one shape. By simulation 95 % then holds the truth in 93 to 98 %
    of draws, in 90 % with three a side and in 80 % with one; where the smaller side spreads 2.5 times as wide as the
    larger, in 80 %. It takes records as independent: where they hang together (one owner's), m and n count owners.

    Parameters
    ----------
    auc : float in [0, 1]
    positives, negatives : int
        m and n, at least 1.
    confidence : float in (0, 1)

    Returns
    -------
    (low, high)
    """
    if not (0 <= auc <= 1 and positives >= 1 and negatives >= 1 and 0 < confidence < 1):
        msg = "an interval needs an AUC in [0, 1], at least one record a side and a confidence in (0, 1)"
        raise ParameterError(f"{msg}, got {auc}, {positives}, {negatives} and {confidence}")
    z = float(ndtri((1 + confidence) / 2))
    # V(t) = V(1 - t), so the upper limit is the lower one of the mirrored figure.
    return _lower(auc, positives, negatives, z), 1 - _lower(1 - auc, positives, negatives, z)


def _lower(auc: float, m: int, n: int, z: float) -> float:
    """The one t in [0, auc) with auc - t = z sqrt(V(t)): the left side less the right is convex, and positive at 0."""
    if auc == 0:
        return 0.0
    low, high = 0.0, auc
    for _ in range(STEPS):
        middle = (low + high) / 2
        if auc - middle > z * math.sqrt(_variance(middle, m, n)):
            low = middle
        else:
            high = middle
    return low


def _variance(t: float, m: int, n: int) -> float:
    half = (m + n) / 2 - 1
    return t * (1 - t) * (1 + half * (1 - t) / (2 - t) + half * t / (1 + t)) / (m * n)
