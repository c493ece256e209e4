"""A lower bound of epsilon: how well models that forgot can be told from models that never met the records, at least.

If forgetting were (epsilon, delta)-indistinguishable from retraining, no test could have both error rates small:
FPR + e^epsilon FNR >= 1 - delta, and the same with the rates changed (Kairouz, Oh, Viswanath, 2015, "The composition
theorem for differential privacy", arXiv:1311.0776: section unverified). So error rates that are surely small disprove a
small epsilon. Sure means: on one half of the models a threshold and a direction are chosen, on the other half its
errors are counted, and each rate is put at its exact one-sided limit (Clopper and Pearson) at alpha / 2. As Jagielski,
Ullman and Oprea (2020, arXiv:2006.07709) audit training; the split is what keeps the limits honest.

**Zero is no proof.** `smallest_epsilon` is what so few models would have seen, `largest_bound` the most that they can
prove: of 16 judged models an arm, bounds above 1.35 cannot come. A bound is of the one attack on this score; it is
evidence against a claim and certifies nothing.

Records of one model hang together. For "some record leaks" use `Bounds.some` (Holm over records), for the whole set
`set_bound`: the mean score of each model is one figure a model, and sees what single records are too noisy to show.

`Bounds.credible` is the Bayesian interval of Zanella-Beguelin et al. (2023, "Bayesian estimation of differential
privacy", arXiv:2206.05199; definition as in the authors' code, microsoft/responsible-ai-toolbox-privacy,
`joint_density.py`: read): the rates have independent Jeffreys posteriors Beta(errors + 1/2, rights + 1/2), and epsilon
is the smallest whose region holds the pair. It is narrower, and holds the truth on average over rates and not for each.

Examples
--------
>>> import numpy as np
>>> random = np.random.default_rng(0)
>>> never = random.normal(size=(64, 3))
>>> tested = random.normal(size=(64, 3)) + [0, 0, 4]
>>> found = epsilon_bounds(tested, never)
>>> found.low.round(2), round(found.largest, 2)
(array([0. , 0. , 2.1]), 2.1)
>>> found.some < 0.05
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainc, betainccinv, betaincinv
from scipy.stats import binom

from expunge import keyed
from expunge.errors import DataError, ParameterError
from expunge.measures.intervals import POWER, upper
from expunge.measures.multiple import holm

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

ALPHA, DELTA = 0.05, 1e-5
MODELS = 4  # of either side: two to choose on, two to judge
FAR = 50.0  # no epsilon that models can show lies beyond it
SMALLEST = 1e-300  # of a p-value
HALVINGS = 60  # of a bracket: to the last bit but a few
NODES = 256  # of the integral over the posterior of one rate


@dataclass(frozen=True, eq=False)
class Bounds:
    """Bounds of epsilon, record by record, from the models that thresholds were not chosen on.

    Attributes
    ----------
    low : (records,) float64
        Epsilon is at least this, for each record alone with confidence 1 - alpha. 0: nothing was shown.
    p : (records,) float64
        The smallest alpha whose bound would be above 0: a p-value of "this record does not leak at all".
    missed, alarms : (records,) int64
        Tested models taken for reference, and reference models taken for tested.
    models : (int, int)
        Judged: tested, reference.
    alpha, delta : float
    """

    low: NDArray[np.float64]
    p: NDArray[np.float64]
    missed: NDArray[np.int64]
    alarms: NDArray[np.int64]
    models: tuple[int, int]
    alpha: float
    delta: float

    @property
    def largest(self) -> float:
        """The bound that these numbers of models would have given without an error: none can be above it."""
        return largest_bound(*self.models, alpha=self.alpha, delta=self.delta)

    @property
    def adjusted(self) -> NDArray[np.float64]:
        """P-values after Holm: the records that leak, with one false name or more at chance alpha."""
        return holm(self.p)

    @property
    def some(self) -> float:
        """The p-value of "no record leaks", after Holm."""
        return float(self.adjusted.min())

    def credible(self, confidence: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(low, high) of the Bayesian interval of each record, equal tails."""
        pairs, back = np.unique(np.stack([self.missed, self.alarms]), axis=1, return_inverse=True)
        ends = np.array([credible(one, other, self.models, confidence, self.delta) for one, other in pairs.T.tolist()])
        low, high = ends[back.ravel()].T
        return low, high


def epsilon_bounds(
    tested: ArrayLike, reference: ArrayLike, *, alpha: float = ALPHA, delta: float = DELTA, key: bytes = b"epsilon"
) -> Bounds:
    """Lower bounds of epsilon for each record.

    Parameters
    ----------
    tested, reference : (models, records)
        A score of each record under each model, the margin say; at least four models each, drawn independently.
    alpha : float in (0, 1)
        Chance of a bound that is too high, for each record.
    delta : float in [0, 1)
    key : bytes
        What models are drawn into halves by.

    Raises
    ------
    DataError
        If there are fewer models, shapes do not fit, or a score is not finite.
    """
    _refuse(alpha, delta)
    mine, its = _scores(tested), _scores(reference)
    if mine.shape[1] != its.shape[1]:
        msg = f"both sides must be asked about the same records, got {mine.shape[1]} and {its.shape[1]}"
        raise DataError(msg)
    (mine, judged_mine), (its, judged_its) = (_halves(side, key, name) for side, name in ((mine, "mine"), (its, "its")))
    threshold, above = chosen(mine, its)
    missed = ((judged_mine > threshold) != above).sum(axis=0)
    alarms = ((judged_its > threshold) == above).sum(axis=0)
    models = len(judged_mine), len(judged_its)
    low = _bound(missed, alarms, models, alpha, delta)
    return Bounds(low, _p_values(missed, alarms, models, delta), missed, alarms, models, alpha, delta)


def set_bound(
    tested: ArrayLike, reference: ArrayLike, *, alpha: float = ALPHA, delta: float = DELTA, key: bytes = b"epsilon"
) -> Bounds:
    """The bound for the set as a whole, from the mean score of each model: a `Bounds` of one entry.

    Effects of opposite sign cancel in the mean. Parameters are those of `epsilon_bounds`.
    """
    mine, its = (_scores(side).mean(axis=1, keepdims=True) for side in (tested, reference))
    return epsilon_bounds(mine, its, alpha=alpha, delta=delta, key=key)


def largest_bound(tested: int, reference: int, *, alpha: float = ALPHA, delta: float = DELTA) -> float:
    """The largest bound that this many judged models can prove: what no error at all would give.

    Examples
    --------
    >>> [round(largest_bound(n, n), 2) for n in (16, 64, 256)]
    [1.35, 2.82, 4.23]
    """
    _refuse(alpha, delta)
    none = np.zeros(1, dtype=np.int64)
    return float(_bound(none, none, (tested, reference), alpha, delta)[0])


def smallest_epsilon(
    models: tuple[int, int], *, alpha: float = ALPHA, delta: float = DELTA, power: float = POWER
) -> float:
    """The smallest epsilon of which the bound would have been above 0 with this power.

    For models that answer by randomised response, the easiest to tell of all with this epsilon, and the right
    threshold: both error rates are (1 - delta) / (1 + e^epsilon). A normal shift of the same epsilon is harder to see.

    Parameters
    ----------
    models : (int, int)
        Judged: tested, reference.
    alpha, delta, power : float

    Returns
    -------
    float
        Infinity where so few models cannot show anything.

    Examples
    --------
    >>> [round(smallest_epsilon((n, n)), 2) for n in (16, 64, 256)]
    [1.53, 0.68, 0.33]
    """
    _refuse(alpha, delta)
    if not 0 < power < 1:
        raise ParameterError(f"a power lies in (0, 1), got {power}")
    limits = [upper(np.arange(count + 1), count, alpha / 2) for count in models]
    # For each number of missed ones, the numbers of alarms that still leave a bound above 0.
    allowed = np.searchsorted(limits[1], 1 - delta - limits[0], side="left")

    def seen(epsilon: float) -> float:
        rate = (1 - delta) / (1 + math.exp(epsilon))
        chance = binom.pmf(np.arange(models[0] + 1), models[0], rate)
        return float(chance @ binom.cdf(allowed - 1, models[1], rate))

    return _crossed(seen, power) if seen(FAR) >= power else math.inf


def credible(
    missed: int, alarms: int, models: tuple[int, int], confidence: float = 0.95, delta: float = DELTA
) -> tuple[float, float]:
    """(low, high) between which epsilon lies with this posterior probability, equal tails.

    Parameters
    ----------
    missed, alarms : int
        Errors on either side.
    models : (int, int)
        Judged: tested, reference.
    confidence, delta : float
    """
    if not 0 < confidence < 1:
        raise ParameterError(f"the confidence of an interval lies in (0, 1), got {confidence}")
    _refuse(ALPHA, delta)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    missing = betaincinv(missed + 0.5, models[0] - missed + 0.5, (nodes + 1) / 2)  # quantiles of the miss rate

    def below(epsilon: float) -> float:
        """Posterior probability that epsilon is not larger."""
        low = _least_alarms(missing, epsilon, delta)
        high = 1 - _least_alarms(1 - missing, epsilon, delta)
        inside = [betainc(alarms + 0.5, models[1] - alarms + 0.5, end) for end in (low, np.maximum(low, high))]
        return float(weights @ (inside[1] - inside[0]) / 2)

    return _crossed(below, (1 - confidence) / 2), _crossed(below, (1 + confidence) / 2)


def _least_alarms(missing: NDArray[np.float64], epsilon: float, delta: float) -> NDArray[np.float64]:
    """The smallest rate of alarms that this epsilon allows beside a miss rate."""
    steep, flat = 1 - delta - missing * math.exp(epsilon), (1 - delta - missing) * math.exp(-epsilon)
    return np.asarray(np.maximum(np.maximum(steep, flat), 0.0))


def _crossed(rising: Callable[[float], float], level: float) -> float:
    """The smallest epsilon in [0, FAR] at which a function that rises with it reaches the level."""
    low, high = 0.0, FAR
    if rising(low) >= level:
        return low
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < level else (low, middle)
    return high


def chosen(
    tested: NDArray[np.float64], reference: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(records,) thresholds that set these models apart best, and whether it is the tested ones that score above."""
    pooled = np.concatenate([tested, reference])
    ranked = np.argsort(pooled, axis=0, kind="stable")
    ordered = np.take_along_axis(pooled, ranked, axis=0)
    steps = np.where(ranked < len(tested), -1 / len(tested), 1 / len(reference))
    apart = np.cumsum(steps, axis=0)[:-1]  # of a cut above this score: share of tested beyond, less that of reference
    apart[ordered[:-1] == ordered[1:]] = 0.0  # no cut goes between equal scores
    best = np.abs(apart).argmax(axis=0)[None]
    below, above = (np.take_along_axis(ordered, best + k, axis=0)[0] for k in (0, 1))
    middle = below / 2 + above / 2
    threshold = np.where(middle < above, middle, below)
    return threshold, np.take_along_axis(apart, best, axis=0)[0] >= 0


def _bound(
    missed: NDArray[np.int64], alarms: NDArray[np.int64], models: tuple[int, int], alpha: float, delta: float
) -> NDArray[np.float64]:
    misses, false = upper(missed, models[0], alpha / 2), upper(alarms, models[1], alpha / 2)
    with np.errstate(divide="ignore"):
        found = [np.log(np.maximum(1 - delta - one, 0.0)) - np.log(other) for one, other in _both(misses, false)]
    return np.asarray(np.maximum(np.maximum(*found), 0.0))


def _both(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[tuple[NDArray[np.float64], ...], ...]:
    return (one, other), (other, one)


def _p_values(
    missed: NDArray[np.int64], alarms: NDArray[np.int64], models: tuple[int, int], delta: float
) -> NDArray[np.float64]:
    """The alpha from which on both limits leave room for an epsilon above 0; 1 where none does."""
    pairs, back = np.unique(np.stack([missed, alarms]), axis=1, return_inverse=True)
    low, high = np.full(pairs.shape[1], SMALLEST), np.ones(pairs.shape[1])
    for _ in range(HALVINGS):
        middle = np.sqrt(low) * np.sqrt(high)  # halves the exponent
        shown = _limits(pairs, models, middle) < 1 - delta
        low, high = np.where(shown, low, middle), np.where(shown, middle, high)
    return high[back.ravel()]


def _limits(pairs: NDArray[np.int64], models: tuple[int, int], alpha: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of both upper limits."""
    ends = [
        np.where(k == n, 1.0, betainccinv(k + 1, np.maximum(n - k, 1), alpha / 2))
        for k, n in zip(pairs, models, strict=True)
    ]
    return np.asarray(ends[0] + ends[1])


def _halves(side: NDArray[np.float64], key: bytes, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Models to choose on and models to judge, drawn by lot: the order they came in may mean something."""
    drawn = np.random.default_rng(keyed.seed(key, name)).permutation(len(side))
    return side[drawn[: len(side) // 2]], side[drawn[len(side) // 2 :]]


def _scores(side: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(side, dtype=np.float64)
    if found.ndim != 2 or len(found) < MODELS or not found.shape[1]:
        msg = f"a bound of epsilon needs scores (models, records) of at least {MODELS} models, got shape {found.shape}"
        raise DataError(msg)
    if not np.isfinite(found).all():
        raise DataError("a bound of epsilon needs finite scores: take margins")
    return found


def _refuse(alpha: float, delta: float) -> None:
    if not (0 < alpha < 1 and 0 <= delta < 1):
        raise ParameterError(f"a bound of epsilon needs alpha in (0, 1) and delta in [0, 1), got {alpha} and {delta}")
