"""A pipeline over columns: which sums it keeps of a table, and what its closed form is solved from.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.stages.specification import Scale
>>> kind = Tabular((Scale(),), "moments")
>>> table = Table.from_arrays(np.array([[1.0], [2.0], [6.0]]), np.array([1.0, 2.0, 9.0]))
>>> rest = kind.of(table).minus(kind.of(table.take([2])))
>>> rest == kind.of(table.take([0, 1]))
True
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.codec import fingerprint
from expunge.stages.columns import asked
from expunge.stages.expanded import Expanded, sums
from expunge.stages.summary import Front, How, refuse_order, second_of, solved
from expunge.sums.fixed import Fixed
from expunge.sums.statistics import classes, responses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.stages.specification import Stage
    from expunge.sums.categories import Categories
    from expunge.sums.summaries import Summary


@dataclass(frozen=True)
class Tabular:
    """Which sums over expanded rows are kept.

    Attributes
    ----------
    stages : tuple of Stage
    needs : str
        What the closed form is solved from.
    fixed : Fixed
    centred : bool
        Whether a regression has an intercept.
    above : float or None
        Where the closed form looks only at which numbers are above a bound.
    """

    stages: tuple[Stage, ...]
    needs: str
    fixed: Fixed = field(default_factory=Fixed)
    centred: bool = True
    above: float | None = None

    def __post_init__(self) -> None:
        refuse_order(self.stages, self.needs)

    @cached_property
    def name(self) -> str:
        """By which a table remembers its sums."""
        wanted = self.needs, self.stages, self.fixed, self.above is None
        return f"sums behind {fingerprint(wanted)}"

    def of(self, table: Table) -> Expanded:
        """The sums over these records; raises like `expunge.stages.expanded.sums`."""
        wanted = asked(self.stages, table.names, ordered=self.needs == "sums" and self.above is None)
        second = second_of(self.stages, self.needs)
        if self.needs == "moments":
            codes = np.zeros(len(table), np.intp)
            return sums(table, wanted, (("",), codes), second, self.fixed, responses(table))
        return sums(table, wanted, classes(table), second, self.fixed)

    def without(self, held: Expanded, column: str) -> Expanded:
        """The sums over the same records without a column."""
        return held.without((column,))

    def classes(self, held: Expanded) -> tuple[Any, ...] | None:
        """Those that there are records of; None for a regression."""
        return None if self.needs == "moments" else held.groups.classes

    def solved(self, held: Expanded) -> tuple[Front, Summary | Categories]:
        """The stages fitted on these records, and what the closed form is solved from."""
        targets = sum(entry.kind == "target" for entry in held.entries)
        how = How(self.needs, targets, self.centred, self.above)
        return solved(self.stages, held, how, self.fixed)

    def matrix(self, front: Front, table: Table) -> NDArray[np.float64]:
        """(n, d) what the records of a table are to the closed form."""
        return front.matrix(table)
