"""Where SISA puts a unit: shard and slice by keyed hash, within the bands that its likelihood of deletion allows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from expunge import keyed
from expunge.errors import DataError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.keyed import Secret


@dataclass(frozen=True)
class Band:
    """Units of a likelihood of deletion of at least ``at_least`` (and below the next band's), and where they go.

    Parameters
    ----------
    at_least : float
        In [0, 1]; the first band starts at 0.
    shards, slices : (first, end)
        Half-open ranges. Likely units in few shards of their own, or in late slices, cost less. All shards unless
        given; ARCANE has none.

    Examples
    --------
    >>> likely_in_two_shards = (Band(0.0, shards=(0, 6), slices=(0, 4)), Band(0.3, shards=(6, 8), slices=(0, 4)))
    >>> likely_in_the_last_slice = (Band(0.0, shards=(0, 8), slices=(0, 3)), Band(0.3, shards=(0, 8), slices=(3, 4)))
    """

    at_least: float
    shards: tuple[int, int] | None = None
    slices: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        for what, span in (("shards", self.shards), ("slices", self.slices)):
            if what == "shards" and span is None:
                continue
            if not (isinstance(span, tuple) and len(span) == 2 and all(type(end) is int for end in span)):
                msg = f"a Band's {what} are a pair of whole numbers, (first, end); got {span!r}"
                raise ParameterError(msg)
        if isinstance(self.at_least, bool) or not isinstance(self.at_least, int | float):
            msg = f"a Band begins at a number in [0, 1]; got {self.at_least!r}"
            raise ParameterError(msg)

    def among(self, shards: int) -> tuple[int, int]:
        """The shards of this band, of so many in all."""
        return (0, shards) if self.shards is None else self.shards


@dataclass(frozen=True)
class Placed:
    """(n,) shard and slice of each record."""

    shards: NDArray[np.int64]
    slices: NDArray[np.int64]
    count: int

    def members(self) -> Iterator[NDArray[np.intp]]:
        """Positions of each shard's records."""
        small = self.shards.astype(np.uint16) if self.count <= 2**16 else self.shards  # which numpy sorts by radix
        ranked = np.argsort(small, kind="stable")
        ends = np.searchsorted(self.shards[ranked], np.arange(self.count + 1))
        return (ranked[ends[shard] : ends[shard + 1]] for shard in range(self.count))


def place(data: Table, key: Secret, shards: int, slices: int, likelihood: str | None, bands: Sequence[Band]) -> Placed:
    """Shard and slice of each record: functions of its unit's name, the key and declared bands alone."""
    drawn = data.draws(keyed.subkey(key, "place"))
    first, width = np.zeros(len(data), np.uint64), np.full(len(data), shards, np.uint64)
    early, depth = np.zeros(len(data), np.uint64), np.full(len(data), slices, np.uint64)
    if likelihood is not None:
        at = np.searchsorted([band.at_least for band in bands], _constant(data, likelihood), side="right") - 1
        first, end = np.array([band.among(shards) for band in bands], np.uint64)[at].T
        early, late = np.array([band.slices for band in bands], np.uint64)[at].T
        width, depth = end - first, late - early
    shard, piece = first + drawn[:, 0] % width, early + drawn[:, 1] % depth  # (bias < shards / 2**64)
    return Placed(shard.astype(np.int64), piece.astype(np.int64), shards)


def checked_bands(likelihood: str | None, bands: Sequence[Band], shards: int, slices: int) -> None:
    """Raise a sentence unless bands start at 0, rise, and stay within the shards and slices there are."""
    if (likelihood is None) != (not bands):
        msg = f"likelihood (a column) and bands go together, got likelihood={likelihood!r} and {len(bands)} bands"
        raise ParameterError(msg)
    for band in bands:
        if not isinstance(band, Band):
            msg = f"bands are Band(at_least, shards=(first, end), slices=(first, end)); got {band!r}"
            raise ParameterError(msg)
    starts = [band.at_least for band in bands]
    if bands and (starts[0] != 0 or any(a >= b for a, b in pairwise(starts)) or starts[-1] > 1):
        msg = f"bands must start at a likelihood of 0 and rise within [0, 1], got {starts}"
        raise ParameterError(msg)
    for band in bands:
        for what, (first, end), limit in (("shards", band.among(shards), shards), ("slices", band.slices, slices)):
            if not 0 <= first < end <= limit:
                msg = f"a band's {what} must be a range within (0, {limit}), got {(first, end)}"
                raise ParameterError(msg)


def _constant(data: Table, name: str) -> NDArray[np.float64]:
    """The likelihoods, after checking that each is a probability and the same for all records of an owner."""
    held = np.asarray(data.column(name))
    if held.dtype.kind not in "biuf":
        msg = f"likelihood column {name!r} must hold probabilities in [0, 1]: it holds {held.dtype}"
        raise DataError(msg)
    values = held.astype(np.float64)
    wrong = ~((values >= 0) & (values <= 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        msg = f"likelihood column {name!r} must hold probabilities in [0, 1]: row {row} holds {values[row]}"
        raise DataError(msg)
    owners = data.owners
    if owners is not None and len(values):
        codes = owners if isinstance(owners, np.ndarray) else owners.dictionary_encode().indices.to_numpy()
        ranked = np.argsort(codes, kind="stable")
        moved = (codes[ranked][1:] == codes[ranked][:-1]) & (values[ranked][1:] != values[ranked][:-1])
        if moved.any():
            row = int(ranked[1:][moved].min())
            msg = (
                f"likelihood column {name!r} must be constant for each owner: row {row} differs from its owner's others"
            )
            raise DataError(msg)
    return values
