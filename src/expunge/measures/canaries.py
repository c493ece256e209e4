"""Planted records: whether a model still does what only they could have taught it. Cheap, and hard to argue with.

Records with wrong labels, or with a trigger, are put among the data before training. A model that forgot them should
hit what they were planted for as rarely as one that never met them: at the oracle's rate, or at one by the number of
classes. `planted` is an exact test of that. `exposure` is for secrets that are one of many that could have been used:
Carlini, Liu, Erlingsson, Kos and Song (2019), "The Secret Sharer", USENIX Security, arXiv:1802.08232::

    exposure = log2 |R| - log2 rank

with the rank of the secret's loss among those of all R that could have been (secondary; TensorFlow Privacy's
``exposures.py``, which leaves the secret itself out of R: read).

**What it shows.** Hits above the rate show that planted records are still in the model, hits below it that they were
pushed farther than a model without them would be. Hits at the rate say something of *these* records: canaries are no
people, they stand out on purpose, and a forgetting that finds them easily may miss those who do not. Few canaries show
little: the interval says how little. Canaries are taken as independent; several copies of one are one.

Examples
--------
>>> found = planted([True] * 9 + [False] * 11, 0.1)
>>> found.hits, found.canaries, found.share, round(found.p, 5)
(9, 20, 0.45, 7e-05)
>>> round(found.low, 3), round(found.high, 3)
(0.231, 0.685)
>>> exposure([0.1], [0.5, 0.7, 0.9]).bits  # the first of four
array([2.])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest, fisher_exact

from expunge.errors import DataError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Planted:
    """How many canaries a model hits, beside how many it should.

    Attributes
    ----------
    hits, canaries : int
        k of n.
    low, high : float
        Clopper and Pearson's interval at 95 % for the model's rate.
    expected : float
        The rate without the canaries: as given, or the oracle's share.
    p : float
        Of the exact two-sided test that the model's rate is that. Small with a share below it too.
    oracle : tuple of int, or None
        Hits and trials of the oracle, whose own uncertainty is in ``p``; None where a rate was given.
    """

    hits: int
    canaries: int
    low: float
    high: float
    expected: float
    p: float
    oracle: tuple[int, int] | None

    @property
    def share(self) -> float:
        """Hits by canaries."""
        return self.hits / self.canaries


@dataclass(frozen=True)
class Exposure:
    """How far secrets are preferred to what could have been planted in their place.

    Attributes
    ----------
    bits : (n,) in [0, log2(references + 1)]
    p : (n,)
        ``2 ** -bits``: the chance of such a rank, or a better one, where the secret was drawn like the references and
        the model never met it.
    references : int
        With fewer of them than two to the power of an exposure that exposure cannot show.
    """

    bits: NDArray[np.float64]
    p: NDArray[np.float64]
    references: int


def planted(hits: ArrayLike, expected: float | ArrayLike) -> Planted:
    """Test the canaries of one model.

    Parameters
    ----------
    hits : (n,) bool
        Whether the model does what each canary was planted for.
    expected : float in [0, 1], or bool array
        The rate of a model without them: a number (one by the number of classes; the binomial test), or whether the
        oracle hits each, of one or of several oracles (Fisher's exact test).

    Raises
    ------
    DataError
        If there is no canary, or hits are no truth values.
    ParameterError
        If a rate is not in [0, 1].
    """
    found = _hits(hits, "a test of canaries needs whether the model hits each")
    k, n = int(found.sum()), found.size
    interval = binomtest(k, n).proportion_ci(0.95, method="exact")
    if isinstance(expected, int | float) and not isinstance(expected, bool):
        if not 0 <= expected <= 1:
            msg = f"the rate of a model without canaries is in [0, 1], got {expected}"
            raise ParameterError(msg)
        p, rate, oracle = float(binomtest(k, n, float(expected)).pvalue), float(expected), None
    else:
        its = _hits(expected, "a test of canaries needs a rate, or whether the oracle hits each")
        oracle = (int(its.sum()), its.size)
        p = float(fisher_exact(np.array([[k, n - k], [oracle[0], oracle[1] - oracle[0]]])).pvalue)
        rate = oracle[0] / oracle[1]
    return Planted(k, n, float(interval.low), float(interval.high), rate, min(p, 1.0), oracle)


def exposure(losses: ArrayLike, references: ArrayLike) -> Exposure:
    """Exposure of secrets.

    Parameters
    ----------
    losses : (n,)
        What the model loses on each secret (perplexity, say); small is preferred.
    references : (m,)
        The same of secrets that were drawn in the same way, and never planted. |R| is these and the secret itself; a
        reference as good as the secret is ahead of it.
    """
    mine, others = (np.asarray(side, dtype=np.float64) for side in (losses, references))
    if mine.ndim != 1 or others.ndim != 1 or not others.size or np.isnan(mine).any() or np.isnan(others).any():
        msg = f"an exposure needs losses of secrets and of references, got shapes {mine.shape} and {others.shape}"
        raise DataError(msg + (" with NaN among them" if mine.ndim == others.ndim == 1 and others.size else ""))
    rank = 1 + np.searchsorted(np.sort(others), mine, side="right")
    every = len(others) + 1
    return Exposure(np.log2(every) - np.log2(rank), rank / every, len(others))


def _hits(given: ArrayLike, needs: str) -> NDArray[np.bool_]:
    found = np.asarray(given)
    if found.dtype.kind != "b" or not found.size:
        msg = f"{needs}: truth values, one at least, got {found.dtype} of shape {found.shape}"
        raise DataError(msg)
    return found
