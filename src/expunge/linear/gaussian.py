"""What Gaussian noise hides: the analytic mechanism for one release, Gaussian differential privacy for many.

A release whose noise has standard deviation sigma, of something that moves by at most Delta, is mu-GDP with
mu = Delta / sigma: telling the two apart is as hard as telling N(0, 1) from N(mu, 1). Releases one after the other,
each free to depend on those before, are together GDP with the square root of the sum of squares, and mu-GDP is
(epsilon, delta) for every epsilon with ``delta = Phi(-epsilon/mu + mu/2) - e^epsilon Phi(-epsilon/mu - mu/2)``.

References
----------
Balle, Wang (2018), arXiv:1805.06530, theorem 8 (the analytic Gaussian mechanism). Dong, Roth, Su (2022),
arXiv:1905.02383, corollaries 2.13 and 3.3 (GDP as (epsilon, delta), composition).

Examples
--------
>>> round(1 / mu_of(1.0, 1e-5), 3)  # sigma for a sensitivity of 1; the classic sqrt(2 ln(1.25 / delta)) is 4.845
3.731
>>> round(epsilon_of(composed([mu_of(1.0, 1e-5)] * 10), 1e-5), 2)
3.62
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from scipy.special import log_ndtr

from expunge.errors import ParameterError

TIGHT = 200  # halvings of an interval of floats: past the last bit


def delta_of(mu: float, epsilon: float) -> float:
    """The smallest delta with which mu-GDP is (epsilon, delta), rounded up in its last digits.

    >>> delta_of(0.0, 1.0)
    0.0
    """
    if mu <= 0:
        return 0.0
    if math.isinf(mu):
        return 1.0
    above = float(log_ndtr(mu / 2 - epsilon / mu))
    below = epsilon + float(log_ndtr(-mu / 2 - epsilon / mu))
    if below >= above:  # only by rounding
        return 0.0
    return min(1.0, math.exp(above) * -math.expm1(below - above) * (1 + 1e-9))


def mu_of(epsilon: float, delta: float) -> float:
    """The largest mu that is (epsilon, delta), rounded down.

    Raises
    ------
    ParameterError
        When epsilon is not above 0, or delta not in (0, 1).
    """
    _refuse(epsilon, delta)
    return _last(lambda mu: delta_of(mu, epsilon) <= delta, high=2 * math.sqrt(epsilon) + 40.0)


def epsilon_of(mu: float, delta: float) -> float:
    """The smallest epsilon with which mu-GDP is (epsilon, delta), rounded up; infinite where mu is."""
    if not 0 < delta < 1:
        _refuse(1.0, delta)
    if math.isinf(mu):
        return math.inf
    if delta_of(mu, 0.0) <= delta:
        return 0.0
    high = mu * mu / 2 + mu * 40.0 + 1.0
    return high - _last(lambda less: delta_of(mu, high - less) <= delta, high=high)


def composed(mus: Iterable[float]) -> float:
    """The mu of releases one after the other."""
    return math.hypot(*mus)


@dataclass(frozen=True)
class Budget:
    """So many releases, which together are (epsilon, delta).

    Parameters
    ----------
    epsilon, delta : float
        Of all releases of one lineage together: who saw every one of them is no better off than this.
    releases : int
        How many there may be; the noise of each is chosen for all.

    Examples
    --------
    >>> budget = Budget(epsilon=1.0, delta=1e-5, releases=10)
    >>> round(budget.sigma(2e-6), 8)
    2.36e-05
    >>> budget.left(made=7), round(budget.spent(made=7), 2)
    (3, 0.82)
    """

    epsilon: float
    delta: float
    releases: int = 1

    def __post_init__(self) -> None:
        _refuse(self.epsilon, self.delta)
        if isinstance(self.releases, bool) or not isinstance(self.releases, int) or self.releases < 1:
            msg = f"a budget is of a whole number of releases, at least 1; got {self.releases!r}"
            raise ParameterError(msg)

    @property
    def mu(self) -> float:
        """Of one release."""
        return mu_of(self.epsilon, self.delta) / math.sqrt(self.releases) * (1 - 1e-15)

    def sigma(self, sensitivity: float) -> float:
        """Standard deviation of each coordinate's noise."""
        return sensitivity / self.mu * (1 + 1e-15)

    def left(self, made: int) -> int:
        """Releases that may still be made."""
        return max(self.releases - made, 0)

    def spent(self, made: int) -> float:
        """The epsilon, at the budget's delta, of so many releases; above the budget's where there were too many."""
        return epsilon_of(math.sqrt(made) * self.mu, self.delta) if made else 0.0


def _last(holds: Callable[[float], bool], high: float) -> float:
    """The largest number in [0, high] at which something holds that holds up to some number and not beyond."""
    low = 0.0
    for _ in range(TIGHT):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _refuse(epsilon: float, delta: float) -> None:
    if not (epsilon > 0 and math.isfinite(epsilon) and 0 < delta < 1):
        msg = f"noise hides up to an epsilon above 0 and a delta in (0, 1), got epsilon={epsilon}, delta={delta}"
        raise ParameterError(msg)
