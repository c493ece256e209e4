"""The forgetting score of the NeurIPS 2023 unlearning competition, as published, and beside its own ceiling.

Triantafillou et al. (2024, "Are we making progress in unlearning?", arXiv:2406.09073); definition as in the authors'
code (google-deepmind/unlearning_evaluation, commit ffae0ff, `metric.py` and `main.py`: read). For each record, the
confidences of N models that forgot stand against those of N that never met it. Two families of attacks, a threshold and
an interval, each on a grid, give rates of errors FPR and FNR; each attack says

    epsilon = max(ln(1 - delta - FPR) - ln FNR, ln(1 - delta - FNR) - ln FPR, 0)

and the record's epsilon is the largest. A record earns 1 for epsilon below 0.5, half of it for each 0.5 more, and
nothing from where N models cannot tell; the score F is the mean.

The published code stops at an assertion on an array; here it is mended. It compares at thresholds in single precision,
we in double, and it stops where no attack is left (each has one error rate of 0 and not the other): here that record's
epsilon is NaN, it earns nothing, and is counted. Attacks are counted from sorted confidences and not one by one.

**It cannot be read alone.** A perfect forgetting scores about 0.18 and not 1, since the largest of 160,000 noisy
figures is far from 0, and the grids are in units of the confidence, so that the ceiling depends on its spread: divide
by the score of two retrained arms on the same task, `against_ceiling`. Nor is it a bound: thresholds are chosen on the
models that they are judged on (`expunge.measures.epsilon` has bounds). It punishes answers that do not vary, and sides
that lie apart by less than a step of the grid may get any epsilon.

Examples
--------
>>> import numpy as np
>>> random = np.random.default_rng(0)
>>> score(random.normal(size=(64, 2)), random.normal(size=(64, 2))).score
0.15625
>>> score(np.zeros((64, 2)), random.normal(size=(64, 2))).epsilons  # never varies: punished
array([50., 50.])
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

DELTA = 1e-5
CAP = 50.0  # of epsilon
PER_UNIT = 100  # thresholds to a unit of confidence
MARGIN = 2.0  # how far an interval's ends may lie from those of the narrower side
LEFT = 400  # left ends to a right end: 2 * MARGIN * PER_UNIT
NARROW = 0.01  # of the wider side's range: what is narrower is punished
WIDTH = 0.5  # of a bin of epsilon
CELLS = 1 << 16  # in which left ends and confidences are first put side by side


@dataclass(frozen=True, eq=False)
class ForgettingScore:
    """The score and what it is the mean of.

    Attributes
    ----------
    score : float
        F, in [0, 1].
    epsilons : (records,) float64
        In [0, 50], NaN where no attack is left.
    points : (records,) float64
        What each record earns: 2 ** -floor(epsilon / 0.5), or 0.
    models : int
        N, of either side. Scores of different N cannot be compared.
    """

    score: float
    epsilons: NDArray[np.float64]
    points: NDArray[np.float64]
    models: int

    @property
    def undefined(self) -> int:
        """Records of which no attack is left; the published code stops at the first."""
        return int(np.isnan(self.epsilons).sum())


@dataclass(frozen=True)
class Share:
    """A score beside the one that a perfect forgetting gets on the same task.

    Attributes
    ----------
    value : float
        score / ceiling: near 1 where forgetting is as good as retraining. NaN where the ceiling is 0.
    score, ceiling : float
        Forgotten against retrained models; retrained against other retrained models.
    error : float
        Standard error of the value, as if records were independent: hence too small.
    """

    value: float
    score: float
    ceiling: float
    error: float


def score(unlearned: ArrayLike, retrained: ArrayLike) -> ForgettingScore:
    """Score models that forgot beside models that never met the records.

    Parameters
    ----------
    unlearned, retrained : (models, records)
        Logit confidences log p - log(1 - p) of each record's own class (`expunge.measures.margin`).

    Raises
    ------
    DataError
        If shapes differ, there are fewer than 3 models, no records, or a number is not finite.
    """
    mine, its = (np.asarray(side, dtype=np.float64) for side in (unlearned, retrained))
    if mine.ndim != 2 or mine.shape != its.shape or len(mine) < 3 or not mine.shape[1]:
        msg = "the score needs confidences (models, records) of as many models on both sides, at least 3"
        raise DataError(f"{msg}, got shapes {mine.shape} and {its.shape}")
    if not (np.isfinite(mine).all() and np.isfinite(its).all()):
        raise DataError("the score needs finite confidences: take margins")
    found = np.array([_epsilon(one, other) for one, other in zip(mine.T, its.T, strict=True)])
    earned = points(found, len(mine))
    return ForgettingScore(float(earned.mean()), found, earned, len(mine))


def against_ceiling(unlearned: ArrayLike, retrained: ArrayLike, second: ArrayLike) -> Share:
    """The score divided by that of a second arm of retrained models, which is what perfect forgetting gets.

    Parameters
    ----------
    unlearned, retrained, second : (models, records)
        As many models in each, all of the same task; those of ``second`` differ from ``retrained`` by their key.
    """
    mine, top = score(unlearned, retrained), score(second, retrained)
    if top.score == 0:
        return Share(math.nan, mine.score, top.score, math.nan)
    value = mine.score / top.score
    apart = (mine.points - value * top.points) / top.score  # both are means over the same records
    error = float(apart.std(ddof=1) / math.sqrt(len(apart))) if len(apart) > 1 else math.nan
    return Share(value, mine.score, top.score, error)


def final_score(forgetting: float, retained: tuple[ArrayLike, ArrayLike], test: tuple[ArrayLike, ArrayLike]) -> float:
    """The competition's final score: F times the ratios of mean accuracy, unlearned over retrained, not capped.

    Parameters
    ----------
    forgetting : float
        F.
    retained, test : pairs of (models,)
        Accuracies of the unlearned and of the retrained models on retained and on test records.
    """
    sides = [np.asarray(side, dtype=np.float64).mean() for pair in (retained, test) for side in pair]
    if not all(np.isfinite(sides)) or not (sides[1] > 0 and sides[3] > 0):
        raise DataError(f"the final score needs accuracies of retrained models above 0, got means {sides}")
    return float(forgetting * (sides[0] / sides[1]) * (sides[2] / sides[3]))


def points(epsilons: ArrayLike, models: int) -> NDArray[np.float64]:
    """What each record earns; nothing beyond the last bin that ends by ceil(ln(models - 1)), nor where NaN."""
    found = np.asarray(epsilons, dtype=np.float64)
    bins = np.floor(np.where(np.isnan(found), CAP, found) / WIDTH)
    return np.where((bins + 1) * WIDTH <= math.ceil(math.log(models - 1)), 2.0**-bins, 0.0)


def _epsilon(unlearned: NDArray[np.float64], retrained: NDArray[np.float64]) -> float:
    """Epsilon of one record; NaN where no attack is left."""
    swapped = np.median(retrained) > np.median(unlearned)  # the positive side is the one of the larger median
    positive, negative = (retrained, unlearned) if swapped else (unlearned, retrained)
    wide, narrow = max(np.ptp(positive), np.ptp(negative)), min(np.ptp(positive), np.ptp(negative))
    if wide == 0:  # the published code divides 0 by 0 and stops
        return 0.0 if positive[0] == negative[0] else CAP
    if narrow / wide < NARROW:
        return CAP
    sides = _Sides(positive, negative)
    found = [sides.largest(*sides.thresholds())]
    # The side of the smaller range is the inner one; of equal ranges, the negative.
    inner, outer = (negative, positive) if np.ptp(positive) >= np.ptp(negative) else (positive, negative)
    sides = _Sides(inner, outer)
    found.append(sides.largest(*sides.intervals()))
    best = max(found)
    return min(max(best, 0.0), CAP) if best > -math.inf else math.nan


class _Sides:
    """Both sides of one record, sorted together, so that attacks are counted and not tried."""

    def __init__(self, positive: NDArray[np.float64], negative: NDArray[np.float64]) -> None:
        pooled = np.concatenate([positive, negative])
        ranked = np.argsort(pooled, kind="stable")
        self.models, self.pooled = len(positive), pooled[ranked]
        self.first = np.concatenate([[0], np.cumsum(ranked < len(positive))])  # positives among the k smallest
        self.low, self.high = positive.min(), positive.max()

    def thresholds(self) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """Different numbers of true and false positives of "positive from t on"."""
        low, high = self.pooled[0], self.pooled[-1]
        grid = np.linspace(low, high, max(1, math.ceil((high - low) * PER_UNIT)))
        below = np.unique(np.searchsorted(self.pooled, grid, side="left"))
        missed = self.first[below]
        return self.models - missed, self.models - (below - missed)

    def intervals(self) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """Numbers of true and false positives of "positive from l to r", both ends closed."""
        width = self.high - self.low
        start, stop = self.low + width - MARGIN, self.high + MARGIN
        right = np.linspace(start, stop, math.ceil((stop - start) * PER_UNIT))
        rows, below = self._left_ranks(right, width)
        within = np.searchsorted(self.pooled, right, side="right")[rows]
        hits = np.maximum(self.first[within] - self.first[below], 0)
        return hits, np.maximum(within - below, 0) - hits

    def _left_ranks(self, right: NDArray[np.float64], width: float) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """For each right end the different numbers of confidences below its left ends: rows and numbers.

        Left ends lie where they always do beside the positive side's lowest confidence, up to rounding. So each is
        looked up in a table of cells, and only those in a cell that has a confidence nearby are compared with it.
        """
        cells = _cells(len(right))
        table = self._table(self.low - 2 * MARGIN)
        ranks = table.take(cells)
        unsure = np.flatnonzero(ranks < 0)
        rows, columns = np.divmod(unsure, LEFT)
        ranks.ravel()[unsure] = np.searchsorted(self.pooled, _left_ends(right[rows], width, columns), side="left")
        new = np.ones(ranks.shape, dtype=bool)
        np.not_equal(ranks[:, 1:], ranks[:, :-1], out=new[:, 1:])
        at = np.flatnonzero(new)
        return at // LEFT, ranks.ravel()[at]

    def _table(self, start: float) -> NDArray[np.int32]:
        """Confidences below each cell; -1 in and beside a cell that holds one."""
        cell = np.floor((self.pooled - start) * (CELLS / (4 * MARGIN))).clip(-2, CELLS + 2).astype(np.int64)
        counts = np.bincount(cell + 3, minlength=CELLS + 6)
        table = np.cumsum(counts, dtype=np.int32)[2 : CELLS + 4]  # those of lower cells
        for beside in (-1, 0, 1):
            table[(cell + beside).clip(0, CELLS + 1)] = -1
        return table

    def largest(self, hits: NDArray[np.integer], alarms: NDArray[np.integer]) -> float:
        """Largest epsilon over attacks with these numbers of true and false positives; -inf where all are discarded."""
        missed = self.models - hits
        if ((missed == 0) & (alarms == 0)).any():
            return math.inf
        kept = (missed > 0) & (alarms > 0)
        from_rate, from_log = _logs(self.models)
        missed, alarms = missed[kept], alarms[kept]
        found = np.maximum(from_rate[alarms] - from_log[missed], from_rate[missed] - from_log[alarms])
        return float(found.max(initial=-math.inf))


@lru_cache(maxsize=4)
def _cells(rights: int) -> NDArray[np.int32]:
    """(rights, LEFT) cell of each left end, counted from two margins below the inner side's lowest confidence."""
    end, step = np.linspace(0, 2 * MARGIN, rights)[:, None], np.linspace(0, 2 * MARGIN, LEFT)
    return np.asarray(((end + step) * (CELLS / (4 * MARGIN))).astype(np.int32))


def _left_ends(right: NDArray[np.float64], width: float, column: NDArray[np.intp]) -> NDArray[np.float64]:
    """Left ends to the last bit as `numpy.linspace` from ``right - width - 2`` to ``right - width + 2`` has them."""
    start, stop = right - width - MARGIN, right - width + MARGIN
    made = column * ((stop - start) / (LEFT - 1)) + start
    return np.where(column == LEFT - 1, stop, made)


@lru_cache(maxsize=4)
def _logs(models: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``ln(1 - delta - k/n)`` (-inf where that is negative) and ``ln(k/n)`` for k of 0 to n."""
    share = np.arange(models + 1) / models
    with np.errstate(divide="ignore", invalid="ignore"):
        rest, own = np.log(1 - DELTA - share), np.log(share)
    return np.where(np.isnan(rest), -np.inf, rest), own
