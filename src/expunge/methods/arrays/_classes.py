"""Where ARCANE puts a record: into its class's model, its slice, or among those that calibrate; by its unit's name."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from expunge import keyed
from expunge.errors import DataError
from expunge.learners.sklearn import label_of
from expunge.methods.arrays._placement import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.keyed import Secret
    from expunge.methods.arrays._placement import Band
    from expunge.values import Scalar

    Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Drawn:
    """Which units are learned from, and which calibrate: shares that a keyed hash of each name decides.

    Attributes
    ----------
    held_out : float
        Share that is not learned from, and calibrates.
    subset : float
        Share of the others that is learned from.
    """

    held_out: float
    subset: float

    def among(self, data: Table, key: Secret) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(n,) whether each record is learned from, and (n,) whether it calibrates."""
        drawn = data.draws(keyed.subkey(key, "place"))[:, 0]  # which places nobody, where there are no shards
        out = drawn < np.uint64(self.held_out * 2.0**64)
        end = self.held_out + (1.0 - self.held_out) * self.subset
        return ~out if end >= 1 else ~out & (drawn < np.uint64(end * 2.0**64)), out


@dataclass(frozen=True)
class Members:
    """The records of one class, by their positions in the table.

    Attributes
    ----------
    name : class
    learned : (m,)
        Records that its model learns from.
    out : (k,)
        Records that calibrate and are not learned from; where there are none, all that are learned from calibrate.
    """

    name: Scalar
    learned: Rows
    out: Rows


def members(data: Table, key: Secret, drawn: Drawn, fewest: int) -> list[Members]:
    """The records of each class, declared or present, in the order of the classes' names.

    A class whose records would all be held out learns from them; one with fewer than ``fewest`` to learn from has no
    model. Neither looks at another class.

    Raises
    ------
    DataError
        For labels that are not one class for each record.
    """
    label = label_of(data)
    if data.task != "classification":
        what = "numbers, for a regression" if data.task == "regression" else "several for each record"
        msg = f"ARCANE learns a model for each class and needs one class for each record; these labels are {what}"
        raise DataError(msg)
    learned, out = drawn.among(data, key)
    made = []
    for name in data.present if data.classes is None else data.classes:
        mine = label == name
        kept, beside = np.flatnonzero(mine & learned), np.flatnonzero(mine & out)
        if not len(kept):
            kept, beside = beside, beside[:0]
        made.append(Members(name, kept, beside) if len(kept) >= fewest else Members(name, kept[:0], beside[:0]))
    return made


def slices_of(
    data: Table, key: Secret, slices: int, likelihood: str | None, bands: Sequence[Band]
) -> NDArray[np.int64]:
    """(n,) slice of each record; a unit is in the same one in every class."""
    return place(data, key, 1, slices, likelihood, bands).slices


def number_of(name: Scalar) -> int:
    """A number that belongs to a class's name, whichever other classes there are."""
    return int.from_bytes(blake2b(title_of(name).encode(), digest_size=6).digest(), "little")


def title_of(name: Scalar) -> str:
    """The class's name as text, with its type."""
    return f"{type(name).__name__} {name!r}"
