"""What forgetting from a forest is expected to cost, before anything is learned.

A split over w records is another one after a deletion with a probability of about ``C / w``: the best candidate and the
second are so near each other. So each level of a tree is expected to read C records again, whatever its size, and with
r deletions each node is left as it was with a probability of about ``exp(-C * r / w)``.
"""

from __future__ import annotations

import math

from expunge.errors import ParameterError

REREAD = 6.0
"""C: measured 4 to 9 for one to n / 10 deletions among 1,000 to 50,000 records of 20 numbers, shares .1 and .5."""


def expected_visits(n: int, each: int, share: float, requests: int = 1, *, batch: bool = False) -> float:
    """Record visits that forgetting some records is expected to take; learning takes ``n * each``.

    Parameters
    ----------
    n : int
        Records.
    each : int
        Trees of each record.
    share : float
        Of the records, those that a tree has.
    requests : int
        Records to be forgotten.
    batch : bool
        In one request, or in one request each.

    Examples
    --------
    >>> round(expected_visits(50_000, 10, 0.1)), round(expected_visits(50_000, 10, 0.1, 1000, batch=True))
    (747, 387845)
    """
    if n < 1 or each < 1 or not 0 < share <= 1 or not 0 <= requests <= n:
        msg = f"a cost is of 1 record or more and of 0 to all requests; got {n} records and {requests} requests"
        raise ParameterError(msg)
    together = requests if batch else 1
    levels = math.log2(max(n * share, 2.0))
    touched = -math.expm1(-REREAD * levels * together / n)
    one = (n - together) * each * touched + together * each
    return one if batch else requests * one
