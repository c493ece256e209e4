"""The records that the versions of a forest count, each in a slot that it keeps.

Slots of the first table are ranks of its ids, later records come behind. A table that is a view of one seen before is
known by its columns; any other is matched by ids and, by a keyed digest of the whole set, by content.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ReferenceType, WeakKeyDictionary, ref

import numpy as np
import pyarrow as pa

from expunge import keyed
from expunge.data.storage import Room
from expunge.errors import MismatchError
from expunge.methods.trees._coded import PUBLIC
from expunge.methods.trees._hashing import row_digests
from expunge.methods.trees._layout import Held

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.storage import Columns
    from expunge.data.table import Table
    from expunge.methods.trees._versions import Version
    from expunge.protocol import Ids, Key

MANY = 64  # slots in doubt, beyond twice those that differed last, from which on the same ones are looked for
TOLD = "whose records these are"  # in the tallies of a table


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


class Places(NamedTuple):
    """Where the rows of a table are: the slot of each row of its columns (-1: none), and the rows that it shows.

    ``mark`` stands for the columns, ``room`` is what the slots are the beginning of, where more stand behind them.
    """

    known: NDArray[np.int64]
    rows: NDArray[np.intp] | None
    mark: object
    room: Room | None = None

    @classmethod
    def of(cls, data: Table, slots: NDArray[np.int64]) -> Places:
        """Of a table whose rows are in these slots."""
        known = slots
        if data.rows is not None:
            known = np.full(len(data.columns.ids), -1, np.int64)
            known[data.rows] = slots
        return cls(known, data.rows, data.columns.mark)

    def slots(self, at: Any = slice(None)) -> NDArray[np.int64]:
        """The slots of some rows, or of all."""
        made: NDArray[np.int64] = self.known[at if self.rows is None else self.rows[at]]
        return made

    def longer(self, come: NDArray[np.int64], data: Table) -> Places:
        """The same of columns with rows behind these."""
        room, start, new = self.room, len(self.known), {"slots": come}
        if room is None or not room.claimed(start, new):
            room = Room({"slots": self.known}, new)
            room.claimed(start, new)
        return Places(room.arrays["slots"][: start + len(come)], data.rows, data.columns.mark, room)


class Moved(NamedTuple):
    """How a table came about: where the rows of the one before are, which of them went, the slots of those behind."""

    before: Places
    out: NDArray[np.intp]
    come: NDArray[np.int64]

    def places(self, data: Table) -> Places:
        """Where the rows of that table are: it shows the same columns, or has rows behind them, or others."""
        if not len(self.come) and data.columns.mark is self.before.mark:
            return self.before._replace(rows=data.rows)
        if len(self.come) and data.columns.began is self.before.mark:
            return self.before.longer(self.come, data)
        out = self.out if len(self.out) != 1 else self.out[0]
        return Places.of(data, np.concatenate([np.delete(self.before.slots(), out), self.come]))


class Told(NamedTuple):
    """What is noted beside a table: of which version these are the records, and where they are, or how to find out."""

    version: ReferenceType[Version]
    places: Places | Moved

    def of(self, data: Table) -> Places:
        """Where the rows of a table with the same records in the same order are: the one that was told, or a copy."""
        held = self.places
        if isinstance(held, Moved):
            return held.places(data)
        if held.mark is data.columns.mark:
            return held
        return Places.of(data, held.slots())


class Roster:
    """Slots of records: appended to by one request after the other, zeroed when no version holds what is in them.

    A version says which records it is without when it is made, and which it brought when it goes: so much is in doubt
    while some versions hold it and others do not. Zeroed slots are taken again when there is no other room.
    """

    def __init__(self, data: Table, batch: Batch) -> None:
        order = sorted_by_id(data.ids)
        self.X, self.y, self.weight = batch.X[order], batch.y[order], batch.weight[order]
        self.units, self.digests = batch.units[order], batch.digests[order]
        self.ids: Any = as_values(data.ids)[order]
        self.count = len(order)
        self.filled = np.ones(self.count, bool)
        self.free = np.zeros(0, np.int64)
        self.versions: dict[int, ReferenceType[Version]] = {}
        self.waiting: deque[NDArray[np.int64]] = deque()
        self.doubtful, self.distinct = np.zeros(0, np.int64), 0
        self.places: WeakKeyDictionary[Columns, Places] = WeakKeyDictionary()
        self.lock = threading.Lock()
        self.remember(data, Places.of(data, np.argsort(order)))

    @property
    def held(self) -> Held:
        """The records as the kernels take them."""
        return Held(self.X, self.y, self.weight)

    # -- whose records these are ---------------------------------------------------------------------------------------

    def remember(self, data: Table, places: Places, version: Version | None = None) -> Places:
        """Note where the rows of a table are, for its own requests and for other views of its columns."""
        self.places[data.columns] = places
        if version is not None:
            data.tallies[TOLD] = Told(ref(version), places)
        return places

    def known(self, data: Table, version: Version) -> Places | None:
        """Where the rows of a view of a table seen before are, if these are the records of a version."""
        told: Told | None = data.tallies.get(TOLD)
        if told is not None and told.version() is version:
            if isinstance(told.places, Places) and told.places.mark is data.columns.mark:
                return told.places
            return self.remember(data, told.of(data), version)
        seen = self.places.get(data.columns)
        if seen is None:
            return None
        places, alive = seen._replace(rows=data.rows), version.alive
        slots = places.slots()
        if len(slots) != np.count_nonzero(alive) or (len(slots) and slots.min() < 0) or not alive[slots].all():
            return None
        data.tallies[TOLD] = Told(ref(version), places)
        return places

    def matched(self, data: Table, batch: Batch, version: Version) -> Places:
        """Where the rows of another table with the records of a version are.

        Raises
        ------
        MismatchError
            When it holds other records, or the same with other content.
        """
        mine = np.flatnonzero(version.alive)
        mine = mine[np.argsort(self.ids[mine], kind="stable")]
        order = sorted_by_id(data.ids)
        theirs = as_values(data.ids)[order]
        same = len(mine) == len(order) and bool(np.all(theirs == self.ids[mine]))
        if not same or not np.array_equal(batch.digests[order], self.digests[mine]):
            msg = "data other than the model's: it was learned from other records, labels, weights or owners"
            raise MismatchError(msg)
        slots = np.empty(len(order), np.int64)
        slots[order] = mine
        return self.remember(data, Places.of(data, slots), version)

    def ranks(self, alive: NDArray[np.bool_]) -> NDArray[np.int32]:
        """(slots,) the place of each living record in the order of ids."""
        mine = np.flatnonzero(alive)
        made = np.full(len(alive), -1, np.int32)
        made[mine[np.argsort(self.ids[mine], kind="stable")]] = np.arange(len(mine), dtype=np.int32)
        return made

    def total(self, slots: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The sum of the digests of some records: of a set, in any order."""
        made: NDArray[np.uint64] = self.digests[slots].sum(axis=0) if len(slots) != 1 else self.digests[slots[0]]
        return made

    # -- records that come and go --------------------------------------------------------------------------------------

    def append(self, batch: Batch) -> NDArray[np.int64]:
        """Put records into slots of their own, and say which."""
        with self.lock:
            self._settle()  # whatever waits is of slots as they were before one of them is taken again
            new = self._room(len(batch))
            self.X[new], self.y[new], self.weight[new] = batch.X, batch.y, batch.weight
            self.units[new], self.digests[new], self.filled[new] = batch.units, batch.digests, True
            self.ids[new] = as_values(batch.ids)
        self.tidy()
        return new

    def entered(self, version: Version, out: NDArray[np.int64]) -> None:
        """Note a version, and the records that it is without."""
        self.versions[id(version)] = ref(version)  # first: what it is without is not held by all any more
        self.waiting.append(out)

    def left(self, version: Version, into: NDArray[np.int64]) -> None:
        """Note that a version is gone, with the records that it had brought."""
        self.waiting.append(into)
        self.versions.pop(id(version), None)
        self.tidy()

    def doubt(self, slots: NDArray[np.int64]) -> None:
        """Note slots that perhaps no version holds."""
        self.waiting.append(slots)
        self.tidy()

    def tidy(self) -> None:
        """Zero the records that no version holds, unless somebody is at work, who will."""
        while self.waiting and self.lock.acquire(blocking=False):
            try:
                self._settle()
            finally:
                self.lock.release()

    def _settle(self) -> None:
        doubt = [self.doubtful]
        while self.waiting:
            doubt.append(self.waiting.popleft())
        slots = np.concatenate(doubt)
        if len(slots) > 2 * self.distinct + MANY:  # branches name the same ones; to look each time is dear
            slots = np.unique(slots)
            self.distinct = len(slots)
        living = [version for seen in tuple(self.versions.values()) if (version := seen()) is not None]
        holders = np.zeros(len(slots), np.int64)
        for version in living if len(slots) else []:
            holders += version.holds(slots)
        # What all versions hold is in doubt no more: the first one that is without it will name it.
        self.doubtful, gone = slots[(holders > 0) & (holders < len(living))], slots[holders == 0]
        if len(gone):
            at = gone if len(gone) > 1 else gone[0]  # numpy is ten times as quick with one place as with a list of one
            self.X[at], self.y[at], self.weight[at] = 0.0, 0, 0
            self.units[at], self.digests[at], self.filled[at] = 0, 0, False
            self.ids[at] = "" if self.ids.dtype.kind == "O" else 0

    def _room(self, wanted: int) -> NDArray[np.int64]:
        """Slots that nobody holds: those given back where there are enough, else new ones behind all others."""
        if len(self.free) < wanted and self.count + wanted > len(self.y):
            self._recover(wanted)
        if len(self.free) >= wanted:
            taken, self.free = self.free[:wanted], self.free[wanted:]
            return taken
        start, self.count = self.count, self.count + wanted
        if self.count > len(self.y):
            self._lengthen(max(self.count, len(self.y) + len(self.y) // 4 + 64))
        return np.arange(start, self.count)

    def _recover(self, wanted: int) -> None:
        """Take zeroed slots for those to come, where they are many: no table seen before leads there any more."""
        free = np.flatnonzero(~self.filled[: self.count])
        if len(free) >= max(wanted, self.count // 8):
            self.free = free
            for known in [places.known for places in self.places.values()]:
                known[(known >= 0) & ~self.filled[known]] = -1

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
