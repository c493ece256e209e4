"""What a target means for a table: asked once, however many ask, and with it what is known of the data after it.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Table
>>> table, target = Table.from_arrays(np.eye(3)), Records([1])
>>> table.change(target) is table.change(target)
True
>>> table.tallies_after(target)["rows"] = 2
>>> table.after(target).tallies
{'rows': 2}
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from expunge.data import places, targets

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Change
    from expunge.values import Name, Target


class Changing:
    """The part of a table that answers targets."""

    def change(self, target: Target) -> Change[Table] | None:
        """Which positions go and which rows come; None when no record carries the target (a fact)."""
        return self._asked(target)[1]

    def after(self, target: Target) -> Table:
        """The data as they should have been."""
        _, change, tallies = self._asked(target)
        made = self._own if change is None else targets.apply(self._own, change)
        if made is not self:
            made.__dict__["tallies"] = tallies
        return made

    @cached_property
    def tallies(self) -> dict[str, Any]:
        """Sums over exactly these records, by who made them; whoever needs them again need not read the records."""
        return {}

    def tallies_after(self, target: Target) -> dict[str, Any]:
        """Those of the data after a target, for who knows them already; `after` hands them on."""
        return self._asked(target)[2]

    def places(self, ids: Collection[Name]) -> NDArray[np.intp] | None:
        """Positions of a few records among many, without a look at the others; None where all must be looked at."""
        columns, rows = self._own.columns, self._own.rows
        if len(ids) > places.FEW or len(self._own) < places.MANY or not isinstance(columns.ids, np.ndarray):
            return None
        found = columns.index.rows(ids)
        return found if rows is None else places.among(rows, found) if self._ascending else None

    @cached_property
    def _ascending(self) -> bool:
        rows = self._own.rows
        return rows is None or bool((rows[1:] > rows[:-1]).all())

    @property
    def _own(self) -> Table:
        return cast("Table", self)

    def _asked(self, target: Target) -> tuple[Target, Change[Table] | None, dict[str, Any]]:
        """The target last asked for, what it changes, and what is known of the data after it."""
        asked: tuple[Target, Change[Table] | None, dict[str, Any]] | None = self.__dict__.get("_last")
        if asked is None or asked[0] is not target:
            asked = target, targets.change(self._own, target), {}
            self.__dict__["_last"] = asked  # quote, forget and remarks ask the same in a row
        return asked
