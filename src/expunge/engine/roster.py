"""Who is in a project: held, erased, or never heard of. The question before every request.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> roster = Roster(Table.from_arrays(np.eye(3), ["a", "b", "b"], ids=[7, 8, 9], owners=["ann", "bob", "bob"]), b"key")
>>> [roster.holds(subject) for subject in [("record", 9), ("owner", "eve"), ("class", "str 'b'"), ("column", "x2")]]
[True, False, True, True]
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from expunge.engine.fence import tokens, tokens_of
from expunge.engine.paper import class_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.engine.fence import Fence
    from expunge.engine.paper import Subject
    from expunge.keyed import Secret
    from expunge.protocol import Ids

Presence = Literal["held", "erased", "unknown"]


class Roster:
    """Names of one table, ready to be looked up one by one: a thousand requests sort ten million ids once."""

    def __init__(self, table: Table, key: Secret) -> None:
        self.table, self.key = table, key

    @cached_property
    def _records(self) -> NDArray[np.uint64]:
        return _halves(tokens(self.key, "record", self.table.ids))

    @cached_property
    def _owners(self) -> NDArray[np.uint64]:
        return _halves(tokens(self.key, "owner", self.table.units))

    @cached_property
    def _classes(self) -> frozenset[str]:
        return frozenset(class_name(value) for value in (self.table.present if self.table.label is not None else ()))

    def has(self, ids: Ids) -> NDArray[np.bool_]:
        """(n,) whether the table has a record of each id; a batch of a large source is quick to compare."""
        sought = _keys(tokens(self.key, "record", ids))
        places = np.minimum(np.searchsorted(self._records, sought), max(len(self._records) - 1, 0))
        return self._records[places] == sought if len(self._records) else np.zeros(len(sought), bool)

    def holds(self, subject: Subject) -> bool:
        """Whether the table holds what a target names."""
        kind, name = subject
        match kind:
            case "record" | "owner":
                sought = _halves(tokens_of(self.key, kind, [name]))
                held = self._records if kind == "record" else self._owners
                place = np.searchsorted(held, sought)
                return bool(len(sought) and place[0] < len(held) and held[place[0]] == sought[0])
            case "class":
                return name in self._classes
        return name in self.table.names

    def presence(self, subjects: Iterable[Subject], fence: Fence) -> dict[Subject, Presence]:
        """For each subject: held, erased before (the fence knows it), or unknown."""
        found: dict[Subject, Presence] = {}
        for subject in subjects:
            known = self.holds(subject)
            found[subject] = "held" if known else "erased" if fence.knows(self.key, subject) else "unknown"
        return found


def _keys(held: NDArray[np.void]) -> NDArray[np.uint64]:
    """Half of each token: enough to tell names apart, and quick to compare."""
    return np.ascontiguousarray(held).view("<u8").reshape(-1, 2)[:, 0]


def _halves(held: NDArray[np.void]) -> NDArray[np.uint64]:
    """The same, sorted, to be looked up in."""
    return np.sort(_keys(held))
