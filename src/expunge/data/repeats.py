"""`Repeats`: whether a name came before, over ten million names, in 8 bytes an integer and 16 bytes a text.

Names met are kept as sorted runs, each at least twice as long as the next, so that a batch is looked up in a few of
them and every name is merged a few times. Integers are kept themselves. Of texts a keyed digest of 128 bits is kept:
two of them that differ are taken for the same with a chance below 1 in 2**80 among ten million.

Examples
--------
>>> import numpy as np
>>> met = Repeats()
>>> met.meet(np.array([7, 9]))
>>> met.meet(np.array([8, 9, 7]))
1
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Run: TypeAlias = tuple[NDArray[Any], NDArray[Any] | None]
"""Marks in order, and the second half of each where they have one."""


class Repeats:
    """Names met so far."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def meet(self, marks: NDArray[Any]) -> int | None:
        """Take (n,) integers or (n, 2) digests; the first place of one that came before, there or earlier, or None."""
        first = marks if marks.ndim == 1 else marks[:, 0]
        order = np.argsort(first, kind="stable")
        run = first[order], None if marks.ndim == 1 else marks[order, 1]
        again = [order[1:][_same(run, slice(1, None), run, slice(None, -1))]]
        again += [order[found] for found in self._found(run)]
        places = np.concatenate(again)
        self._keep(run)
        return int(places.min()) if len(places) else None

    def _found(self, run: Run) -> Iterator[NDArray[np.bool_]]:
        for held in self._runs:
            at = np.minimum(np.searchsorted(held[0], run[0]), len(held[0]) - 1)
            yield _same(run, slice(None), held, at)

    def _keep(self, run: Run) -> None:
        if not len(run[0]):
            return
        while self._runs and len(self._runs[-1][0]) < 2 * len(run[0]):
            run = _merged(self._runs.pop(), run)
        self._runs.append(run)


def _same(run: Run, at: Any, other: Run, there: Any) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = run[0][at] == other[0][there]
    if run[1] is not None and other[1] is not None and same.any():
        same &= run[1][at] == other[1][there]
    return same


def _merged(first: Run, then: Run) -> Run:
    joined = np.concatenate([first[0], then[0]])
    if first[1] is None or then[1] is None:
        joined.sort(kind="stable")  # two runs in order: one pass
        return joined, None
    order = np.argsort(joined, kind="stable")
    return joined[order], np.concatenate([first[1], then[1]])[order]
