"""Count, sums and sums of products of records, exact: any order of adding and taking away ends in the same bits.

A `Moments` is a value. What it is a sum of goes in as whole numbers (`Fixed.integers`), in blocks of rows; products are
made by limbs through BLAS (`limbs`), and added up in whole numbers of any size (`wide`), so that nothing rounds and
nothing overflows. Only what is read off at the end is float64: means, and moments about the mean, which are exact
differences before they are rounded, so that an offset of 1e8 in the data costs no digit.

Examples
--------
>>> import numpy as np
>>> rows = np.array([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]])
>>> all_of_them, last = Moments.of(rows), Moments.of(rows[2:])
>>> rest = all_of_them.minus(last)
>>> rest.count, rest.mean(), rest.centred().tolist()
(2, array([ 1.5, 15. ]), [[0.5, 5.0], [5.0, 50.0]])
>>> rest == Moments.of(rows[1::-1])
True
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from scipy.linalg import blas

from expunge.errors import DataError, MismatchError
from expunge.sums import wide
from expunge.sums.limbs import ROWS, WIDTH, Room, cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from expunge.sums.wide import Wide

    Floats = NDArray[np.float64]

Second: TypeAlias = Literal["none", "squares", "products"]
"""Which second moments are kept: none, those of each column with itself, or of every two."""

MOST = 2**31 - 1  # records: what exact differences are divided by
FEW = 4  # rows that are multiplied plane by plane in 64 bits, which is quicker than limbs through BLAS
SMALL = 256  # columns: where the places of half a matrix are remembered
FOLDED = 512  # products of 2**51 that are added up in 64 bits


@dataclass(frozen=True, eq=False)
class Moments:
    """Exact sums over some records.

    Attributes
    ----------
    count : int
    sums : (planes, d) Wide
    second : (planes, d) or (planes, d, d) Wide, or None
        Squares, or products of every two columns.
    """

    count: int
    sums: Wide
    second: Wide | None

    # -- sums over records ---------------------------------------------------------------------------------------------

    @classmethod
    def of(cls, F: Floats, second: Second = "products", *, shift: int = 0) -> Moments:
        """Of ``F * 2**shift``, whole numbers of less than 2**62; (m, d), any number of rows."""
        if len(F) <= FEW:
            return cls.few(F.astype(np.int64) << shift, second)
        tally = Tally(F.shape[1], second)
        tally.add(F, shift)
        return tally.moments()

    @classmethod
    def few(cls, V: NDArray[np.int64], second: Second = "products", *, loose: bool = False) -> Moments:
        """Of at most `FEW` rows of whole numbers below 2**62: in 64 bits, plane by plane.

        Second moments that are ``loose`` are not carried yet. They can be taken away, which carries what is left; as
        sums of their own they are in no form.
        """
        planes = wide.carried(V[None])  # (planes, m, d), three at most
        one = len(V) == 1
        sums = planes[:, 0] if one else wide.carried(planes.sum(axis=1))
        if second == "none":
            return cls(len(V), sums, None)
        products = wide.squared(planes, outer=second == "products")
        made = np.array([each[0] if one else each.sum(axis=0) for each in products])
        return cls(len(V), sums, made if loose else wide.carried(made))

    @classmethod
    def none(cls, width: int, second: Second = "products") -> Moments:
        """Of no record."""
        return Tally(width, second).moments()

    def plus(self, other: Moments) -> Moments:
        """With the records of another."""
        self._refuse_unlike(other)
        second = None if self.second is None or other.second is None else wide.plus(self.second, other.second)
        return Moments(_counted(self.count + other.count), wide.plus(self.sums, other.sums), second)

    def minus(self, other: Moments) -> Moments:
        """Without the records of another, all of which must be among these.

        Raises
        ------
        MismatchError
            Where they plainly are not: fewer than none would be left, or squares would add up to less than nothing.
        """
        self._refuse_unlike(other)
        second = None if self.second is None or other.second is None else wide.minus(self.second, other.second)
        made = Moments(self.count - other.count, wide.minus(self.sums, other.sums), second)
        if made.count < 0 or made._impossible():
            msg = f"{other.count} records were to be taken out of sums over {self.count} that do not hold them"
            raise MismatchError(msg)
        return made

    def at(self, places: Sequence[int | None]) -> Moments:
        """Other columns: those at these places of mine, in this order; None is a column of zeros."""
        width = self.sums.shape[1]
        where = np.array([width if place is None else place for place in places], np.intp)
        sums = _with_zeros(self.sums, 1)[:, where]
        if self.second is None:
            return Moments(self.count, wide.carried(sums), None)
        second = _with_zeros(self.second, self.second.ndim - 1)
        taken = second[:, where] if second.ndim == 2 else second[:, where[:, None], where]
        return Moments(self.count, wide.carried(sums), wide.carried(taken))

    # -- what is read off ----------------------------------------------------------------------------------------------

    def mean(self, exponent: int = 0) -> Floats:
        """(d,) means, times ``2**exponent``; zeros of no record."""
        return wide.as_float(self.sums, exponent) / max(self.count, 1)

    def raw(self, exponent: int = 0) -> Floats:
        """(d,) or (d, d) second moments about zero, times ``2**exponent``."""
        return wide.as_float(self._kept(), exponent)

    def centred(self, exponent: int = 0) -> Floats:
        """(d,) or (d, d) second moments about the mean, times ``2**exponent``; zeros of no record."""
        kept = self._kept()
        return about_mean(kept, self.sums, self.count, exponent) if self.count else np.zeros(kept.shape[1:])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Moments):
            return NotImplemented
        return self.count == other.count and _same(self.sums, other.sums) and _same(self.second, other.second)

    def __hash__(self) -> int:
        return hash((self.count, self.sums.tobytes()))

    def _kept(self) -> Wide:
        if self.second is None:
            msg = "these moments are sums alone: no second moments were kept"
            raise DataError(msg)
        return self.second

    def _impossible(self) -> bool:
        """Whether these are no sums over records: a negative square, or anything left of none."""
        if not self.count:
            return bool(self.sums.any() or (self.second is not None and self.second.any()))
        if self.second is None:
            return False
        squares = self.second if self.second.ndim == 2 else np.diagonal(self.second, 0, 1, 2)
        return not (squares[-1] > 0).all() and bool((wide.as_float(squares) < 0).any())

    def _refuse_unlike(self, other: Moments) -> None:
        mine, others = (
            (each.sums.shape[1], None if each.second is None else each.second.ndim) for each in (self, other)
        )
        if mine != others:
            msg = f"sums of another kind: columns and axes of second moments are {mine}, got {others}"
            raise MismatchError(msg)


class Tally:
    """Adds up rows in blocks, and says what they come to.

    Parameters
    ----------
    width : int
        d.
    second : {"none", "squares", "products"}
    room : Room, optional
        Of several that take turns.
    """

    def __init__(self, width: int, second: Second = "products", room: Room | None = None) -> None:
        self.width = width
        self.second = second
        self._room = Room() if room is None else room
        self.count = 0
        self._shape = {"none": None, "squares": (width,), "products": (width, width)}[second]
        self._sums: list[Wide] = [wide.zeros(width)]
        self._seconds: list[Wide] = [] if self._shape is None else [wide.zeros(*self._shape)]
        self._open: dict[tuple[str, int, int], NDArray[np.int64]] = {}  # of what, at which shift, of how many columns
        self._added = 0

    def add(self, F: Floats, shift: int = 0, largest: float | None = None, scale: int | None = None) -> None:
        """Add ``F * 2**shift``, whole numbers of less than 2**62; (m, d). ``largest`` and ``scale`` as in `cut`."""
        self.count = _counted(self.count + len(F))
        for start in range(0, len(F) if self.width else 0, ROWS):
            part = cut(F[start : start + ROWS], largest, scale, self._room)
            self._put("sums", shift, np.ones(len(part)) @ part)
            if self.second == "products":
                self._put("products", 2 * shift, blas.dsyrk(1.0, part.T))  # one half of a symmetric product
            elif self.second == "squares":
                self._add_squares(part, 2 * shift)
            self._added += 1
            if self._added % FOLDED == 0:
                self._fold()

    def moments(self) -> Moments:
        """What has been added so far."""
        self._fold()
        second = self._seconds[0] if self._seconds else None
        return Moments(self.count, self._sums[0], second)

    def _add_squares(self, part: Floats, shift: int) -> None:
        d, ones = self.width, np.ones(len(part))
        for place in range(0, part.shape[1], d):
            for above in range(place, part.shape[1], d):
                made = ones @ (part[:, place : place + d] * part[:, above : above + d])
                self._put("squares", shift + WIDTH * (place + above) // d, made if place == above else 2.0 * made)

    def _put(self, what: str, shift: int, exact: Floats) -> None:
        held = self._open.get((what, shift, len(exact)))
        if held is None:
            self._open[what, shift, len(exact)] = exact.astype(np.int64)
        else:
            held += exact.astype(np.int64)

    def _fold(self) -> None:
        for (what, shift, _), held in self._open.items():
            total = self._sums if what == "sums" else self._seconds
            for place, values in self._blocks(held, square=what == "products"):
                total[0] = wide.plus(total[0], wide.placed(values, shift + WIDTH * place))
        self._open.clear()

    def _blocks(self, held: NDArray[np.int64], *, square: bool) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Limbs of each place; of products, of which there is the upper half, both halves."""
        d, count = self.width, len(held) // self.width
        for place in range(count):
            rows = slice(place * d, (place + 1) * d)
            if not square:
                yield place, held[rows]
                continue
            for above in range(place, count):
                block = held[rows, above * d : (above + 1) * d]
                yield place + above, block + (np.triu(block, 1) if place == above else block).T


def about_mean(second: Wide, sums: Wide, count: Any, exponent: int) -> Floats:
    """(..., d) or (..., d, d) second moments about the mean, times ``2**exponent``, of (planes, ..., d) sums.

    ``(n S - s s') / n``: the difference is exact, and rounded once before it is divided. Of products, which are the
    same on both sides of the diagonal, one side is worked out.
    """
    if second.ndim == sums.ndim:
        made = wide.as_float(wide.difference(second, count, wide.squared(sums)), exponent)
        made /= count
        return made
    d = sums.shape[-1]
    rows, columns, places, back = _small_half(d) if d <= SMALL else _half(d)
    half = second.reshape(*second.shape[:-2], -1).take(places, axis=-1)
    products = wide.product(sums.take(rows, axis=-1), sums.take(columns, axis=-1))
    made = wide.as_float(wide.difference(half, count, products), exponent)
    made /= count
    return np.asarray(made.take(back, axis=-1))


def _half(d: int) -> tuple[NDArray[np.intp], ...]:
    """Rows, columns and places of one half of a (d, d) matrix with its diagonal, and (d, d) what of it is where."""
    rows, columns = np.triu_indices(d)
    back = np.zeros((d, d), np.intp)
    back[rows, columns] = back[columns, rows] = np.arange(len(rows))
    return rows, columns, rows * d + columns, back


_small_half = lru_cache(maxsize=16)(_half)


def total(parts: Iterable[Moments], width: int, second: Second) -> Moments:
    """All of them together."""
    made = list(parts)
    if not made:
        return Moments.none(width, second)
    kept = [part.second for part in made if part.second is not None]
    count = _counted(sum(part.count for part in made))
    return Moments(count, wide.plus(*(part.sums for part in made)), wide.plus(*kept) if kept else None)


def _counted(count: int) -> int:
    if count > MOST:
        msg = f"exact sums are over at most {MOST:,} records, got {count:,}"
        raise DataError(msg)
    return count


def _with_zeros(number: Wide, axes: int) -> Wide:
    """With one more column of zeros at the end of each axis after the planes."""
    made: Any = np.pad(number, [(0, 0), *[(0, 1)] * axes])
    return np.asarray(made, np.int64)


def _same(one: Wide | None, other: Wide | None) -> bool:
    if one is None or other is None:
        return one is other
    return one is other or np.array_equal(one, other)
