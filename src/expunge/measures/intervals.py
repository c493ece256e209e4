"""What n trials say of a share: exact limits, and the smallest share or effect that they could have shown.

The interval of Clopper and Pearson (1934, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26:404-413): all shares that an exact binomial test does not reject. It holds the truth at least
as often as it says, for every share and every n, and usually more often. Trials are independent: records of one model
are none, models are.

**None of n is not never.** A statistic that shows nothing is reported with what it could have shown: `upper` of no hit,
`smallest_rate` and `smallest_difference` say it.

Examples
--------
>>> low, high = clopper_pearson(0, 20)
>>> f"{low:.3f} to {high:.3f}"
'0.000 to 0.168'
>>> f"{upper(0, 20, 0.05):.3f}"  # a share of 14 % would have been hit once in 20, nineteen times of twenty
'0.139'
>>> f"{smallest_rate(20, null=0.1):.3f}"  # what a test against 10 % sees with power 0.8
'0.313'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainccinv, betaincinv, ndtri
from scipy.stats import binom

from expunge.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

POWER = 0.8
"""Of the effects that are said to be seen: four of five times. The custom of trials."""


def clopper_pearson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact two-sided interval for the share of which ``hits`` of ``trials`` were seen.

    Parameters
    ----------
    hits : int
        0 to ``trials``.
    trials : int
        At least 1.
    confidence : float in (0, 1)

    Returns
    -------
    (low, high)
    """
    alpha = (1 - confidence) / 2
    return float(lower(hits, trials, alpha)), float(upper(hits, trials, alpha))


def upper(hits: ArrayLike, trials: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """The one-sided limit that the share exceeds with chance ``alpha`` at most; 1 where every trial hit.

    Parameters
    ----------
    hits, trials : integers, or arrays of them that fit each other
    alpha : float in (0, 1)

    Raises
    ------
    ParameterError
        If there is no trial, there are more hits than trials, or alpha is no chance.
    """
    k, n = _counted(hits, trials, alpha)
    return np.where(k == n, 1.0, betainccinv(k + 1, np.maximum(n - k, 1), alpha))


def lower(hits: ArrayLike, trials: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """The one-sided limit that the share falls below with chance ``alpha`` at most; 0 where no trial hit.

    Parameters are those of `upper`.
    """
    k, n = _counted(hits, trials, alpha)
    return np.where(k == 0, 0.0, betaincinv(np.maximum(k, 1), n - k + 1, alpha))


def smallest_rate(trials: int, null: float, *, alpha: float = 0.05, power: float = POWER) -> float:
    """The smallest share above ``null`` that an exact one-sided binomial test of this many trials sees.

    Parameters
    ----------
    trials : int
    null : float in [0, 1]
        The share without effect: chance, or the oracle's.
    alpha : float in (0, 1)
        Level of the test.
    power : float in (0, 1)
        Chance that the test rejects at the share that is returned.

    Returns
    -------
    float
        Infinity where even n hits of n would not be rejected: so few trials can show nothing.
    """
    n = int(_counted(0, trials, alpha)[1])
    if not (0 <= null <= 1 and 0 < power < 1):
        msg = f"the smallest rate needs a null in [0, 1] and a power in (0, 1), got {null} and {power}"
        raise ParameterError(msg)
    hits = np.arange(1, n + 1)
    enough = hits[binom.sf(hits - 1, n, null) <= alpha]
    if not len(enough):
        return float("inf")
    k = int(enough[0])
    return max(float(betaincinv(k, n - k + 1, power)), null)  # the chance of k hits or more rises with the share


def smallest_difference(error: float, *, alpha: float = 0.05, power: float = POWER) -> float:
    """The smallest effect that a near normal statistic of this standard error sees, two-sided.

    Parameters
    ----------
    error : float
        Standard error of the statistic, not negative.
    alpha : float in (0, 1)
    power : float in (0, 1)

    Examples
    --------
    >>> f"{smallest_difference(0.01):.3f}"
    '0.028'
    """
    if not (error >= 0 and 0 < alpha < 1 and 0 < power < 1):
        msg = "the smallest difference needs a standard error of at least 0, and alpha and power in (0, 1)"
        raise ParameterError(f"{msg}, got {error}, {alpha} and {power}")
    return float((ndtri(1 - alpha / 2) + ndtri(power)) * error)


def _counted(hits: ArrayLike, trials: ArrayLike, alpha: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    k, n = np.broadcast_arrays(np.asarray(hits), np.asarray(trials))
    whole = k.dtype.kind in "iu" and n.dtype.kind in "iu"
    if not whole or not ((n >= 1) & (k >= 0) & (k <= n)).all() or not 0 < alpha < 1:
        msg = "a limit needs whole numbers, 0 <= hits <= trials, at least one trial, and alpha in (0, 1)"
        raise ParameterError(f"{msg}, got {k.tolist()} of {n.tolist()} at {alpha}")
    return k.astype(np.int64), n.astype(np.int64)
