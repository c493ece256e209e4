"""Closed forms of exact sums of numbers: which sums, what is solved from them, and scores of rows, block by block.

Examples
--------
>>> import numpy as np
>>> from expunge import Run, Table
>>> from expunge.methods.arrays.nearest_centroid import NearestCentroid
>>> table = Table.from_arrays(np.array([[0.0], [4.0], [9.0]]), ["low", "low", "high"])
>>> method = NearestCentroid()
>>> method.summary(method.kind.of(table), 1).means.ravel().tolist()
[9.0, 2.0]
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge.data.compressed import is_compressed
from expunge.methods.arrays._closed import ClosedForm
from expunge.sums.blocks import blocks
from expunge.sums.sparse import checked_rows
from expunge.sums.statistics import FINITE, kind_of
from expunge.sums.summaries import by_class, joint, totals

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.sums.fixed import Fixed
    from expunge.sums.statistics import Kind
    from expunge.sums.summaries import Summary

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Summed(ClosedForm):
    """A closed form of sums; its own file says which, how to solve, and how to score."""

    sparse: ClassVar[bool] = False  # whether compressed rows are scored as they are

    @abstractmethod
    def solve(self, summary: Any) -> Any:
        """What predicts, from a summary of at least one record: a pure function in float64."""

    @abstractmethod
    def scores(self, solved: Any, X: Any) -> Floats:
        """(m, classes) scores that sum to one, or (m,) or (m, targets) numbers, for (m, d) float64 rows."""

    @property
    def kind(self) -> Kind:
        """Which sums, in which fixed point."""
        return kind_of(self.needs, float(getattr(self, "resolution", 2.0**-32)))

    def summary(self, statistic: Any, width: int) -> Summary:
        """What is solved from, for so many columns: float64, each number rounded once."""
        fixed = self.kind.fixed
        if self.needs in ("moments", "features"):
            centred = bool(getattr(self, "fit_intercept", True))
            return joint(statistic, statistic.sums.shape[1] - width, fixed, centred=centred)
        if self.needs == "sums":
            return totals(statistic, fixed)
        if self.needs == "pooled":
            return by_class(statistic.groups, fixed, statistic.whole)
        return by_class(statistic, fixed)

    def solution(self, statistic: Any, width: int) -> Any:
        """What `solve` makes of the summary."""
        return self.solve(self.summary(statistic, width))

    def answers(self, solved: Any, data: Table) -> Floats:
        """What `scores` says of all rows."""
        if self.sparse and is_compressed(data.columns.features):
            stored: Any = data.stored
            checked_rows(stored, data.names, FINITE)
            return self.scores(solved, stored)
        return in_blocks(self.scores, solved, data)

    def _gone(self, table: Table) -> Any:
        return self.kind.of(table, loose=True)

    def _without(self, statistic: Any, name: str, names: tuple[str, ...]) -> Any:
        behind = statistic.sums.shape[1] - len(names) if self.needs == "moments" else 0  # targets stay
        gone = names.index(name)
        return statistic.at([place for place in range(len(names) + behind) if place != gone])

    def _assumptions(self) -> tuple[str, ...]:
        return of_fixed_point(self.kind.fixed)


def in_blocks(scores: Callable[[Any, Floats], Floats], solved: Any, data: Table) -> Floats:
    """Scores of all rows of a table, which must be finite numbers."""
    held = (FINITE.checked(X, data.names, rows.start) for rows, X in blocks(data))
    made = [scores(solved, X) for X in held]
    return np.concatenate(made) if made else scores(solved, np.zeros((0, len(data.names))))


def of_fixed_point(fixed: Fixed) -> tuple[str, ...]:
    """What a claim that is about exact sums rests on."""
    return (
        f"numbers are rounded to multiples of {fixed.resolution:g}, which was declared without looking at the data",
        "sums are exact, and what is solved from them is a function of them: LAPACK with the run's threads",
        "parameters and columns were not chosen by looking at what is forgotten",
    )
