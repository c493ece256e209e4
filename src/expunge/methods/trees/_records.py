"""The records that the versions of a forest count, each in a slot that it keeps.

Slots of the first table are ranks of its ids, later records come behind. A table that is a view of one seen before is
known by its columns; any other is matched by ids and, by a keyed digest of the whole set, by content.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa

from expunge import keyed
from expunge.errors import MismatchError
from expunge.methods.trees._coded import PUBLIC
from expunge.methods.trees._hashing import row_digests
from expunge.methods.trees._layout import Held
from expunge.methods.trees._versions import living, weak_versions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Columns, Table
    from expunge.protocol import Ids, Key


class Batch:
    """Some records, read: numbers, labels, weights, and what their names are hashed to."""

    def __init__(self, data: Table, X: Any, y: Any, weight: Any, key: bytes | Key) -> None:
        self.ids, self.X, self.y, self.weight = data.ids, np.ascontiguousarray(X), y, weight
        drawn = keyed.draws(key, data.units, "forest unit")
        self.units = np.ascontiguousarray(drawn[:, 0])
        named = drawn if data.owners is None else keyed.draws(key, data.ids, "forest record")
        beside = np.column_stack([drawn[:, 1], named[:, 1], label_words(data), weight.view(np.uint64)])
        secret = np.frombuffer(keyed.subkey(key, "forest digest")[:16], "<u8")
        self.digests = row_digests(self.X, np.ascontiguousarray(beside, dtype=np.uint64), secret)

    def __len__(self) -> int:
        return len(self.y)


def label_words(data: Table) -> NDArray[np.uint64]:
    """(n,) a word for each label: the same whatever other classes there are."""
    label = np.asarray(data.label)
    if label.dtype.kind != "U":
        wide = label.astype(np.float64 if label.dtype.kind == "f" else np.int64)
        return (wide + 0 if label.dtype.kind == "f" else wide).view(np.uint64)
    distinct, places = np.unique(label, return_inverse=True)
    return keyed.draw(PUBLIC, pa.array(distinct.tolist(), pa.large_string()))[places]


class Roster:
    """Slots of records. They are appended to by one request after the other, and zeroed when no version holds them."""

    def __init__(self, data: Table, batch: Batch) -> None:
        order = sorted_by_id(data.ids)
        self.X, self.y, self.weight = batch.X[order], batch.y[order], batch.weight[order]
        self.units, self.digests = batch.units[order], batch.digests[order]
        self.ids: Any = as_values(data.ids)[order]
        self.count = len(order)
        self.filled = np.ones(self.count, bool)
        self.versions = weak_versions()
        self.places: WeakKeyDictionary[Columns, NDArray[np.int64]] = WeakKeyDictionary()
        self.lock = threading.RLock()
        self.remember(data, np.argsort(order))

    @property
    def held(self) -> Held:
        """The records as the kernels take them."""
        return Held(self.X, self.y, self.weight)

    def remember(self, data: Table, slots: NDArray[np.int64]) -> None:
        """Note where the rows of a table are."""
        known = np.full(len(data.columns.ids), -1, np.int64)
        known[slice(None) if data.rows is None else data.rows] = slots
        self.places[data.columns] = known

    def known(
        self, data: Table, alive: NDArray[np.bool_], told: tuple[Roster, NDArray[np.int64]] | None = None
    ) -> NDArray[np.int64] | None:
        """The slot of each row of a view of a table seen before, if these are the records of a version.

        ``told`` is what a request said of the table that it made: whose slots, and which.
        """
        if told is not None and told[0] is self:
            self.remember(data, told[1])
        places = self.places.get(data.columns)
        if places is None:
            return None
        slots = places if data.rows is None else places[data.rows]
        if len(slots) != np.count_nonzero(alive) or (len(slots) and slots.min() < 0) or not alive[slots].all():
            return None
        return slots

    def matched(self, data: Table, batch: Batch, alive: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The slot of each row of another table with the records of a version.

        Raises
        ------
        MismatchError
            When it holds other records, or the same with other content.
        """
        mine = np.flatnonzero(alive)
        mine = mine[np.argsort(self.ids[mine], kind="stable")]
        order = sorted_by_id(data.ids)
        theirs = as_values(data.ids)[order]
        same = len(mine) == len(order) and bool(np.all(theirs == self.ids[mine]))
        if not same or not np.array_equal(batch.digests[order], self.digests[mine]):
            msg = "data other than the model's: it was learned from other records, labels, weights or owners"
            raise MismatchError(msg)
        slots = np.empty(len(order), np.int64)
        slots[order] = mine
        self.remember(data, slots)
        return slots

    def append(self, batch: Batch) -> NDArray[np.int64]:
        """Put records behind all others; their slots."""
        with self.lock:
            end = self.count + len(batch)
            if end > len(self.y):
                self._lengthen(max(end, len(self.y) + len(self.y) // 4 + 64))
            new = slice(self.count, end)
            self.X[new], self.y[new], self.weight[new] = batch.X, batch.y, batch.weight
            self.units[new], self.digests[new], self.filled[new] = batch.units, batch.digests, True
            self.ids[new] = as_values(batch.ids)
            slots = np.arange(self.count, end)
            self.count = end
            return slots

    def ranks(self, alive: NDArray[np.bool_]) -> NDArray[np.int32]:
        """(slots,) the place of each living record in the order of ids."""
        mine = np.flatnonzero(alive)
        made = np.full(len(alive), -1, np.int32)
        made[mine[np.argsort(self.ids[mine], kind="stable")]] = np.arange(len(mine), dtype=np.int32)
        return made

    def tidy(self) -> None:
        """Zero the records that no version holds."""
        with self.lock:
            held = living(list(self.versions), self.count)
            gone = np.flatnonzero(self.filled[: self.count] & ~held)
            if gone.size:
                self.X[gone], self.y[gone], self.weight[gone] = 0.0, 0, 0
                self.units[gone], self.digests[gone], self.filled[gone] = 0, 0, False
                self.ids[gone] = "" if self.ids.dtype.kind == "O" else 0

    def total(self, slots: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The sum of the digests of some records: of a set, in any order."""
        made: NDArray[np.uint64] = self.digests[slots].sum(axis=0, dtype=np.uint64)
        return made

    def _lengthen(self, length: int) -> None:
        for name in ("X", "y", "weight", "units", "digests", "ids", "filled"):
            old = getattr(self, name)
            longer = np.zeros((length, *old.shape[1:]), old.dtype)
            longer[: len(old)] = old
            setattr(self, name, longer)


def as_values(ids: Ids) -> NDArray[Any]:
    """Ids as an array of integers, or of Python strings."""
    return ids if isinstance(ids, np.ndarray) else np.array(ids.to_pylist(), dtype=object)


def sorted_by_id(ids: Ids) -> NDArray[np.intp]:
    """Positions in the order of ids."""
    return np.argsort(as_values(ids), kind="stable")
