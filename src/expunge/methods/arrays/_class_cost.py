"""What deletions are expected to cost under ARCANE, before anything is learned: as much as their classes are large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import hypergeom

from expunge.errors import ParameterError
from expunge.methods.arrays._cost import share

if TYPE_CHECKING:
    from collections.abc import Sequence


def expected_cost_of_classes(sizes: Sequence[int], slices: int = 1, requests: int = 1, *, batch: bool = False) -> float:
    """Record visits per epoch that ``requests`` deletions of one record each are expected to cost.

    A record of class c relearns what else the class holds. For n records, n_c of class c, any as likely as another, K
    deletions one after the other cost ``q (n K - K (K + 1) / 2)`` with ``q = sum n_c (n_c - 1) / (n (n - 1))``, for
    after k of them two random records that are left are as often of one class as at first. As one batch a class is hit
    by a hypergeometric number of them, and learns once. Slices multiply a class's cost as they multiply a shard's
    (`expunge.expected_cost`).

    **What it saves.** One deletion costs the sum of the squared shares: 1/C for C classes of one size, and nearly
    everything where one class holds nearly all. A batch of more than a few records for each class hits all classes.
    For people with records in several classes the formula is too low: they cost each of these.

    Parameters
    ----------
    sizes : sequence of int
        Records of each class.
    slices, requests : int
        R and K.
    batch : bool
        All requests at once.

    Examples
    --------
    >>> round(expected_cost_of_classes([1000] * 10, requests=8)), round(expected_cost_of_classes([9000, 1000]))
    (7989, 8199)
    >>> round(expected_cost_of_classes([1000] * 10, requests=8, batch=True))
    5689
    """
    held = np.array(sizes, dtype=np.int64)
    n = int(held.sum())
    if not n or held.min() < 0 or slices < 1 or not 0 <= requests <= n:
        got = f"got {list(sizes)}, {slices} and {requests}"
        msg = f"expected_cost needs the sizes of classes, slices of at least 1 and requests between 0 and n; {got}"
        raise ParameterError(msg)
    if not batch:
        pairs = float((held * (held - 1)).sum()) / max(n * (n - 1), 1)
        return pairs * (n * requests - requests * (requests + 1) / 2) * share(1, slices)
    hits = np.arange(1, requests + 1)
    shares = np.array([share(int(k), slices) for k in hits])
    each = [np.sum(hypergeom.pmf(hits, n, size, requests) * np.maximum(size - hits, 0) * shares) for size in held]
    return float(np.sum(each))
