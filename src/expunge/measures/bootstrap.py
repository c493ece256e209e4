"""Resampling whole models: intervals by the bootstrap, p-values by permutation, of any statistic of two arms.

What one model says of its records hangs together, so a model is drawn with all its records or not at all: the cluster
bootstrap (Davison and Hinkley, 1997, "Bootstrap methods and their application", section 3.8: unverified). Drawing
records instead treats a hundred answers of one model as a hundred witnesses, and its interval is too narrow.

**The bootstrap interval is approximate.** Percentiles of few models are too narrow by about half a model in n, and a
statistic that splits its models (fits on some, judges others) must not be drawn as a whole: a copy of a model would sit
on both sides. **The permutation p-value is exact**: where the arms differ in nothing but their name, it is at most
alpha with chance alpha at most, whatever the statistic, as (reached + 1) / (draws + 1) (Phipson and Smyth, 2010,
"Permutation P-values should never be zero", arXiv:1603.05766).

Examples
--------
>>> import numpy as np
>>> random = np.random.default_rng(0)
>>> tested, reference = random.normal(1, 1, (32, 10)), random.normal(0, 1, (32, 10))
>>> gap = lambda one, other: float(one.mean() - other.mean())
>>> found = cluster_bootstrap(gap, tested, reference)
>>> found.low < 1 < found.high
True
>>> permutation_p(gap, tested, reference, draws=99)
0.01
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge import keyed
from expunge.errors import DataError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Statistic = Callable[[NDArray[np.float64], NDArray[np.float64]], float]

DRAWS = 1000
ROUNDING = 1e-12  # the same two arms in another order may sum to a little less, and are a tie all the same


@dataclass(frozen=True, eq=False)
class Resampled:
    """A statistic, and what it came to on resampled models.

    Attributes
    ----------
    value : float
        On the models as they are.
    low, high : float
        Percentiles: they hold the truth with about the confidence asked for.
    drawn : (draws,) float64
        The statistic of each draw.
    """

    value: float
    low: float
    high: float
    drawn: NDArray[np.float64]

    @property
    def error(self) -> float:
        """Standard error: what `expunge.measures.intervals.smallest_difference` takes."""
        return float(self.drawn.std(ddof=1))


def cluster_bootstrap(
    statistic: Statistic,
    tested: ArrayLike,
    reference: ArrayLike,
    *,
    draws: int = DRAWS,
    confidence: float = 0.95,
    key: bytes = b"bootstrap",
) -> Resampled:
    """Percentile interval of a statistic of two arms, models drawn with replacement within each.

    Parameters
    ----------
    statistic : callable of two arrays
        Given both arms as drawn: (models, ...) each, as many as there were.
    tested, reference : (models, ...)
        Arms, or a summary of each model (its mean over records, say), which is faster.
    draws : int
    confidence : float in (0, 1)
    key : bytes
        What models are drawn by.

    Raises
    ------
    DataError
        If an arm has fewer than two models, or the statistic is not finite.
    """
    arms = [_arm(side) for side in (tested, reference)]
    random = np.random.default_rng(keyed.seed(key, "bootstrap"))
    chosen = [drawn_models(len(arm), draws, random) for arm in arms]
    drawn = [statistic(arms[0][one], arms[1][other]) for one, other in zip(*chosen, strict=True)]
    return resampled(statistic(*arms), np.array(drawn), confidence)


def resampled(value: float, drawn: NDArray[np.float64], confidence: float = 0.95) -> Resampled:
    """The percentile interval of draws that were made elsewhere, on summaries of models say."""
    if not 0 < confidence < 1:
        raise ParameterError(f"the confidence of an interval lies in (0, 1), got {confidence}")
    if not (np.isfinite(drawn).all() and np.isfinite(value)):
        raise DataError("a bootstrap needs a statistic that is finite on every draw of models")
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Resampled(float(value), float(low), float(high), drawn)


def drawn_models(models: int, draws: int, random: np.random.Generator) -> NDArray[np.intp]:
    """(draws, models) places of models, with replacement."""
    if draws < 1:
        raise ParameterError(f"resampling needs at least one draw, got {draws}")
    return random.integers(0, models, (draws, models))


def mean_draws(summaries: NDArray[np.float64], draws: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(draws,) means of a summary of each model, (models,), over models drawn with replacement: the fast path."""
    return np.asarray(summaries[drawn_models(len(summaries), draws, random)].mean(axis=1))


def permutation_p(
    statistic: Statistic, tested: ArrayLike, reference: ArrayLike, *, draws: int = 199, key: bytes = b"permutation"
) -> float:
    """Chance of a statistic as large, had the arms been named by lot: an exact one-sided p-value.

    Parameters
    ----------
    statistic : callable of two arrays
        Larger means further apart. It may fit and split as it likes: each draw does so anew.
    tested, reference : (models, ...)
        The models of both arms must be independent, and exchangeable where nothing was left behind.
    draws : int
        The smallest p-value is 1 / (draws + 1), and not below the number of ways to name the arms.
    key : bytes
        What names are drawn by.
    """
    drawn = permuted(statistic, tested, reference, draws=draws, key=key)
    value = statistic(_arm(tested), _arm(reference))
    value -= ROUNDING * max(1.0, abs(value))
    return (int((drawn >= value).sum()) + 1) / (draws + 1)


def permuted(
    statistic: Statistic, tested: ArrayLike, reference: ArrayLike, *, draws: int = 199, key: bytes = b"permutation"
) -> NDArray[np.float64]:
    """(draws,) values of a statistic with the arms named by lot; parameters are those of `permutation_p`.

    Of two arms of one law it is what the statistic says where there is nothing to be found.
    """
    one, other = _arm(tested), _arm(reference)
    if one.shape[1:] != other.shape[1:]:
        msg = f"both arms must be asked about the same records, got {one.shape[1:]} and {other.shape[1:]}"
        raise DataError(msg)
    if draws < 1:
        raise ParameterError(f"resampling needs at least one draw, got {draws}")
    both, random = np.concatenate([one, other]), np.random.default_rng(keyed.seed(key, "permutation"))
    named = (random.permutation(len(both)) for _ in range(draws))
    return np.array([statistic(both[each[: len(one)]], both[each[len(one) :]]) for each in named])


def _arm(side: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(side, dtype=np.float64)
    if found.ndim < 1 or len(found) < 2:
        msg = f"resampling models needs at least two of them in each arm, got shape {found.shape}"
        raise DataError(msg)
    return found
