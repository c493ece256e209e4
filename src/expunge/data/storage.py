"""The columns that tables show rows of: shared by all views, with what is known of them, and room for more rows.

Columns are never changed. Rows are appended by writing them behind an array that is longer than what is used of it,
so that a record that comes, or is corrected, costs what it weighs and not a copy of the table. Room that somebody has
taken is nobody else's: of two tables that append to the same one, the second copies.

Examples
--------
>>> import numpy as np
>>> from expunge import Addition, Table
>>> table = Table.from_arrays(np.eye(3))
>>> one = table.after(Addition(Table.from_arrays([[1.0, 1, 1]], ids=[7])))
>>> two = one.after(Addition(Table.from_arrays([[2.0, 2, 2]], ids=[8])))
>>> two.features.base is one.features.base, len(one), len(two)
(True, 4, 5)
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from expunge import keyed
from expunge.data import columns as cols
from expunge.data import digests, labels, places
from expunge.data import features as feats

if TYPE_CHECKING:
    from expunge.data.features import Features, Kind
    from expunge.data.labels import Labels
    from expunge.keyed import Secret
    from expunge.protocol import Ids
    from expunge.values import Scalar

Arrays: TypeAlias = dict[str, NDArray[Any]]

SPARE = 0.25  # of the rows: as many are made room for when columns are copied; memory that is not written is not taken
FEWEST = 64


class Room:
    """Arrays that begin with the rows of some columns, and how many of their rows are taken.

    Parameters
    ----------
    held, new : dict of arrays
        What the columns hold, and of what types the rows are that shall be appended.
    """

    def __init__(self, held: Arrays, new: Arrays) -> None:
        self.lock, self.arrays, self.taken = threading.Lock(), {}, 0
        for name, values in held.items():
            self.taken = len(values)
            kind = np.promote_types(values.dtype, new[name].dtype)  # text may be longer
            longer = np.empty((int(self.taken * (1 + SPARE)) + len(new[name]) + FEWEST, *values.shape[1:]), kind)
            longer[: self.taken] = values
            self.arrays[name] = longer

    def claimed(self, start: int, new: Arrays) -> bool:
        """Take the rows from ``start`` on and write to them; False where they are taken, too few or do not fit."""
        end = start + len(next(iter(new.values())))
        if any(np.promote_types(new[name].dtype, held.dtype) != held.dtype for name, held in self.arrays.items()):
            return False
        with self.lock:
            if start != self.taken or end > len(next(iter(self.arrays.values()))):
                return False
            self.taken = end
        for name, held in self.arrays.items():
            held[start:end] = new[name]
        return True


@dataclass(frozen=True, eq=False)
class Columns:
    """All that some records have; a table shows rows of it.

    Rows that no table shows may hold the id of one that is shown: an earlier content of that record.
    """

    ids: Ids
    owners: Ids | None
    features: Features
    label: Labels | None
    names: tuple[str, ...]
    kind: Kind
    # What is known of the first rows, or of all: rows are only ever appended.
    digests: dict[tuple[Secret, bool], NDArray[np.uint8]] = field(default_factory=dict, repr=False, init=False)
    drawn: dict[Secret, NDArray[np.uint64]] = field(default_factory=dict, repr=False, init=False)
    made: dict[Secret, Any] = field(default_factory=dict, repr=False, init=False)  # whatever a learner can use again
    room: Room | None = field(default=None, repr=False, init=False)  # what they are the beginning of
    began: object = field(default=None, repr=False, init=False)  # the `mark` of the columns that they continue

    def take(self, rows: NDArray[np.intp] | slice) -> Columns:
        """Some rows, gathered."""
        taken = Columns(
            cols.take_names(self.ids, rows),
            None if self.owners is None else cols.take_names(self.owners, rows),
            feats.take(self.features, rows),
            None if self.label is None else labels.take(self.label, rows),
            self.names,
            self.kind,
        )
        taken.digests.update({(key, named): self.digest(key, named=named)[rows] for key, named in tuple(self.digests)})
        return taken

    def part(self, rows: slice) -> Columns:
        """Some rows, and nothing of what is known of them."""
        owners = None if self.owners is None else self.owners[rows]
        label = None if self.label is None else labels.take(self.label, rows)
        return Columns(self.ids[rows], owners, feats.take(self.features, rows), label, self.names, self.kind)

    def beside(
        self, then: Columns, classes: tuple[Scalar, ...] | None = None, others: tuple[Scalar, ...] | None = None
    ) -> Columns:
        """Copies of these rows and of those, which take the types of these, or a sentence says why they cannot."""
        return Columns(
            cols.joined_names(self.ids, then.ids, "ids"),
            cols.joined_names(self.owners, then.owners, "owners"),
            feats.joined(self.features, then.features),
            labels.joined(self.label, then.label, classes, others),
            self.names,
            self.kind,
        )

    def appended(self, new: Columns) -> Columns:
        """These rows and new ones of the same types, written into the room behind an array of features."""
        made = self._behind(new) if isinstance(self.features, np.ndarray) else self.beside(new)
        made.digests.update(self.digests)
        made.drawn.update(self.drawn)
        object.__setattr__(made, "began", self.mark)
        longer = self.index.longer(np.asarray(new.ids)) if "index" in self.__dict__ else None
        if longer is not None:
            made.__dict__["index"] = longer
        return made

    def _behind(self, new: Columns) -> Columns:
        mine, theirs, start = self._arrays(), new._arrays(), len(self.ids)
        room = self.room
        if room is None or not room.claimed(start, theirs):
            room = Room(mine, theirs)
            room.claimed(start, theirs)
        whole: dict[str, Any] = {name: held[: start + len(new.ids)] for name, held in room.arrays.items()}
        names = {
            name: cols.joined_names(getattr(self, name), getattr(new, name), name)
            for name in ("ids", "owners")
            if name not in whole
        }
        made = Columns(**{"label": None} | whole | names, names=self.names, kind=self.kind)
        object.__setattr__(made, "room", room)
        return made

    def _arrays(self) -> Arrays:
        parts = {"ids": self.ids, "owners": self.owners, "features": self.features, "label": self.label}
        return {name: held for name, held in parts.items() if isinstance(held, np.ndarray)}

    @cached_property
    def mark(self) -> object:
        """What stands for these columns where they themselves shall not be kept."""
        return object()

    def __reduce__(self) -> tuple[Any, ...]:
        return Columns, (self.ids, self.owners, self.features, self.label, self.names, self.kind)

    @cached_property
    def coded(self) -> tuple[Labels, NDArray[np.intp]]:
        """Distinct labels, sorted, and (n,) the place of each row's label among them."""
        return labels.coded(self.label)

    @cached_property
    def index(self) -> places.Index:
        """Where each integer id is."""
        return places.Index.of(np.asarray(self.ids))

    def digest(self, key: Secret, *, named: bool) -> NDArray[np.uint8]:
        """(n, 16) keyed digests of the rows: of all that they hold, or, not ``named``, of features and label alone."""
        held = self.digests.get((key, named))
        if held is None or len(held) < len(self.ids):
            rest = self if held is None else self.part(slice(len(held), None))
            beside = [rest.label, rest.ids, rest.owners] if named else [rest.label]
            made = digests.of_records(rest.features, [of for of in beside if of is not None], len(rest.ids), key)
            held = self.digests[key, named] = made if held is None else np.concatenate([held, made])
        return held

    def draws(self, key: Secret) -> NDArray[np.uint64]:
        """(n, 2) keyed random numbers of the unit of each row."""
        held = self.drawn.get(key)
        if held is None or len(held) < len(self.ids):
            rest = self if held is None else self.part(slice(len(held), None))
            made = keyed.draws(key, rest.ids if rest.owners is None else rest.owners, "unit")
            held = self.drawn[key] = made if held is None else np.concatenate([held, made])
        return held
