"""Whether one number is of the same law as a few others: the t-test of one new observation.

One model that forgot, some oracles, one figure of each. Where figures of oracles are near normal over keys, the new one
less their mean, over ``s sqrt(1 + 1/k)``, follows Student's law with k - 1 degrees of freedom (e.g. Hahn and Meeker,
1991, "Statistical Intervals", section 4.8; section unverified). The test is two-sided: a figure beyond the oracles' is
as telling as one short of them.

What a few oracles cannot show is said with it: `Placed.smallest`, the distance that would have been seen with the power
that is asked for.

Examples
--------
>>> found = placed(9.0, [1.0, 2.0, 3.0, 2.0, 1.0, 3.0, 2.0, 2.0])
>>> found.mean, found.p < 0.001
(2.0, True)
>>> placed(2.5, [1.0, 2.0, 3.0, 2.0, 1.0, 3.0, 2.0, 2.0]).p > 0.5
True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct, t

from expunge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

ALIKE = 1e-9
"""Relative distance at which numbers count as one: below it is rounding, and oracles that a key does not change differ
by no more."""


@dataclass(frozen=True)
class Placed:
    """One figure among those of oracles.

    Attributes
    ----------
    value, mean : float
        The figure, and the oracles' mean.
    low, high : float
        Where a further oracle's figure lies with the confidence asked for.
    p : float
        Chance of a distance as large, were it one of them.
    smallest : float
        Distance from the mean that is seen with the power asked for, at the level asked for.
    """

    value: float
    mean: float
    low: float
    high: float
    p: float
    smallest: float

    @property
    def apart(self) -> float:
        """How far above the oracles' mean."""
        return self.value - self.mean


def placed(
    value: float,
    reference: Sequence[float],
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    step: float = 0.0,
    above: bool = False,
) -> Placed:
    """Place a figure among at least three others.

    Where these are all the same, their law has no width: then p is 1 for the same figure, and 0 for any other. A figure
    that goes in steps, such as a share of few records, is often the same for all by chance; its law is taken to be as
    wide as rounding to a step makes it, at least.

    Parameters
    ----------
    value : float
    reference : sequence of float
    alpha, power : float
        Of `Placed.low`, `Placed.high` and `Placed.smallest`.
    step : float
        Of the figure; 0 where it has none.
    above : bool
        Whether only a larger figure counts against it: p is one-sided then.

    Raises
    ------
    DataError
        If there are fewer, or one is not finite.
    """
    its = np.asarray(reference, dtype=np.float64)
    if its.ndim != 1 or len(its) < 3 or not np.isfinite(its).all() or not np.isfinite(value):
        msg = f"a figure is placed among at least 3 others, all of them finite; got {value} and {list(reference)}"
        raise DataError(msg)
    count, mean = len(its), float(its.mean())
    spread, free = max(float(its.std(ddof=1)), step / 12**0.5), count - 1
    error = spread * (1 + 1 / count) ** 0.5
    if error <= ALIKE * max(float(np.abs(its).max()), abs(value)):
        same = abs(value - mean) <= ALIKE * max(abs(mean), abs(value)) or (above and value < mean)
        return Placed(value, mean, mean, mean, float(same), 0.0)
    reach, far = error * float(t.ppf(1 - alpha / 2, free)), (value - mean) / error
    p = float(t.sf(far, free)) if above else 2 * float(t.sf(abs(far), free))
    return Placed(value, mean, mean - reach, mean + reach, p, error * seen(free, alpha, power))


def compared(tested: Sequence[float], reference: Sequence[float], *, alpha: float = 0.05, power: float = 0.8) -> Placed:
    """Place the mean of one arm's figures against another's: Welch's test, which takes no equal spread for granted.

    ``low`` and ``high`` are where the tested arm's mean would lie, were both arms of one law.

    Raises
    ------
    DataError
        If an arm has fewer than three figures, or one is not finite.

    Examples
    --------
    >>> found = compared([1.0, 2.0, 3.0, 2.0], [5.0, 6.0, 7.0, 6.0])
    >>> found.apart, found.p < 0.01
    (-4.0, True)
    """
    mine, its = (np.asarray(side, dtype=np.float64) for side in (tested, reference))
    if min(len(mine), len(its)) < 3 or not (np.isfinite(mine).all() and np.isfinite(its).all()):
        msg = f"two arms are compared by at least 3 finite figures each, got {len(mine)} and {len(its)}"
        raise DataError(msg)
    value, mean = float(mine.mean()), float(its.mean())
    parts = [float(side.var(ddof=1)) / len(side) for side in (mine, its)]
    error = sum(parts) ** 0.5
    if error <= ALIKE * max(float(np.abs(mine).max()), float(np.abs(its).max())):
        same = abs(value - mean) <= ALIKE * max(abs(mean), abs(value))
        return Placed(value, mean, mean, mean, float(same), 0.0)
    free = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (mine, its), strict=True))
    reach = error * float(t.ppf(1 - alpha / 2, free))
    p = 2 * float(t.sf(abs(value - mean) / error, free))
    return Placed(value, mean, mean - reach, mean + reach, p, error * seen(free, alpha, power))


def seen(free: float, alpha: float, power: float) -> float:
    """The distance, in standard errors, at which a two-sided t-test rejects with this chance.

    Examples
    --------
    >>> round(seen(7, 0.05, 0.8), 2), round(seen(10_000, 0.05, 0.8), 2)  # the latter: 1.96 + .84
    (3.27, 2.8)
    """
    limit = float(t.ppf(1 - alpha / 2, free))

    def lacking(distance: float) -> float:
        return float(nct.sf(limit, free, distance)) - power

    return float(brentq(lacking, 0.0, limit + 60.0, xtol=1e-6))
