"""What deletions are expected to cost under SISA, before anything is learned: the advice on whether to shard at all."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

from expunge.errors import ParameterError


def expected_cost(n: int, shards: int, slices: int = 1, requests: int = 1, *, batch: bool = False) -> float:
    """Record visits per epoch that ``requests`` deletions of one record each are expected to cost.

    One after the other (Bourtoule et al., section V-A, algebra re-derived): each relearns a shard of what is left,
    ``(n/S + 1/(2S) - 1) K - K^2/(2S)`` in all. As one batch: each shard that is hit learns once,
    ``n (1 - (1 - 1/S)^K) - K``. Both are for shards of equal size, hit alike; placement by hash makes them differ in
    size and hits large ones more often, which costs up to one visit a request more. Slices, with the cumulative
    schedule, multiply the cost of a shard that k deletions hit by ``1 - E[m (m-1)] / (R (R+1))``, m the first slice
    hit: 2/3 + 1/(3R) for one (while R < 2e, so that no slice is rounded up to an epoch).

    **Where sharding stops paying**: a full retraining costs n. K requests one by one cost about K/S retrainings, so
    past K = S they cost more than one retraining of everything, and a batch of K > 3 S hits 95 % of the shards:
    retrain instead, and queue requests into batches.

    Parameters
    ----------
    n : int
        Records.
    shards, slices, requests : int
        S, R and K.
    batch : bool
        All requests at once.

    Examples
    --------
    >>> expected_cost(10_000, shards=20, requests=8)
    3990.6
    >>> round(expected_cost(10_000, shards=20, requests=8, batch=True))
    3358
    >>> expected_cost(10_000, shards=20, slices=50) / expected_cost(10_000, shards=20)  # 2/3 + 1/150
    0.673...
    """
    if min(n, shards, slices) < 1 or not 0 <= requests <= n:
        got = f"got {n}, {shards}, {slices} and {requests}"
        msg = f"expected_cost needs n, shards and slices of at least 1 and requests between 0 and n; {got}"
        raise ParameterError(msg)
    if not batch:
        whole = (n / shards + 1 / (2 * shards) - 1) * requests - requests**2 / (2 * shards)
        return max(whole, 0.0) * share(1, slices)
    hits = np.arange(1, requests + 1)
    ways = gammaln(requests + 1) - gammaln(hits + 1) - gammaln(requests - hits + 1)
    chance = np.exp(ways + xlogy(hits, 1 / shards) + xlog1py(requests - hits, -1 / shards))
    left = np.maximum(n / shards - hits, 0.0)
    return float(shards * np.sum(chance * left * np.array([share(int(k), slices) for k in hits])))


def closed_form_cost(n: int, requests: int = 1, *, batch: bool = False) -> int:
    """Records that ``requests`` deletions of one record each read under a closed form (`expunge.Ridge`, say).

    One after the other each reads its own; as one batch they read those that go or those that stay, whichever are
    fewer. Learning reads n. **Where refitting is as cheap**: besides reading, each request solves again, which takes
    from a tenth of a millisecond to a few, whatever n is. A table that an estimator fits in that time is as well fitted
    again, and requests that come together are best worked off as one batch, which solves once.

    Parameters
    ----------
    n : int
        Records.
    requests : int
    batch : bool
        All requests at once.

    Examples
    --------
    >>> closed_form_cost(1_000_000, 3), closed_form_cost(1_000, 900, batch=True)
    (3, 100)
    """
    if n < 1 or not 0 <= requests <= n:
        msg = f"closed_form_cost needs n of at least 1 and requests between 0 and n; got {n} and {requests}"
        raise ParameterError(msg)
    return min(requests, n - requests) if batch else requests


def share(hits: int, slices: int) -> float:
    """Share of a shard's cost that is spent again when ``hits`` deletions fall on its slices independently."""
    later = np.arange(1, slices + 1)
    reached = ((slices - later + 1) / slices) ** hits  # chance that the first slice hit is this one or a later one
    return float(1 - 2 * np.sum((later - 1) * reached) / (slices * (slices + 1)))
