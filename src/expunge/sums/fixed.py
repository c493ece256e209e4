"""Fixed point with a declared resolution: what a number is rounded to depends on nothing but that number.

A scale that is taken from the data (its largest value, its spread) belongs to whoever holds that value: when they are
forgotten every other record would have been rounded another way. So the resolution is declared, the range follows from
it, and a number outside is refused.

Examples
--------
>>> import numpy as np
>>> Fixed().integers(np.array([[0.5], [-3.0]]), ("x0",))[0].ravel() / 2**32
array([ 0.5, -3. ])
>>> Fixed().integers(np.array([[1.0], [2.0**30]]), ("income",))
Traceback (most recent call last):
expunge.errors.DataError: column 'income': row 1 is outside of the range of exact sums, from -1.07374e+09 to 1.07374e+09
with a resolution of 2.32831e-10: declare a coarser one (resolution=...), or another unit
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.errors import DataError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RANGE = 62  # bits of a number in units of the resolution, and a sign beside them
FINEST, COARSEST = 2.0**-300, 2.0**300


@dataclass(frozen=True)
class Fixed:
    """A resolution, and the range that goes with it.

    Attributes
    ----------
    resolution : float
        A power of two: what numbers are rounded to a multiple of (to the nearest; halves to the even one). All must be
        below ``2**62`` times as much, which is a billion for the default.
    """

    resolution: float = 2.0**-32

    def __post_init__(self) -> None:
        given = self.resolution
        fits = isinstance(given, int | float) and not isinstance(given, bool) and FINEST <= given <= COARSEST
        if not fits or math.frexp(given)[0] != 0.5:
            msg = f"resolution must be a power of two, e.g. 2.0**-32, from 2**-300 to 2**300; got {given!r}"
            raise ParameterError(msg)

    @cached_property
    def bits(self) -> int:
        """``resolution == 2**-bits``."""
        return 1 - math.frexp(self.resolution)[1]

    @cached_property
    def largest(self) -> float:
        """Numbers must be below this, either way."""
        return self.resolution * 2.0**RANGE

    def integers(self, X: NDArray[Any], names: Sequence[str], start: int = 0) -> tuple[Floats, int]:
        """Whole numbers in float64, and a shift: ``X`` is ``number * 2**shift * resolution``, rounded.

        The shift is 0, or that of the number one where all are whole already: they need fewer limbs.

        Parameters
        ----------
        X : (m, d) numbers
        names : d names of the columns, for the sentence
        start : int
            Where the first row stands, for the sentence.

        Raises
        ------
        DataError
            For a number that is missing, infinite or outside of the range.
        """
        held, shift, _, scale = self.bounded(X, names, start)
        if scale is None:
            return held, shift
        scaled = held * 2.0**scale
        return np.rint(scaled, out=scaled), shift

    def bounded(self, X: NDArray[Any], names: Sequence[str], start: int = 0) -> tuple[Floats, int, float, int | None]:
        """Numbers, their shift, what none of them is above when they are whole, and the scale that makes them whole.

        Whole are ``rint(number * 2**scale)``, or the numbers themselves where there is no scale.
        """
        held = np.asarray(X, dtype=np.float64)
        largest = float(max(held.max(), -held.min())) if held.size else 0.0
        if not largest < self.largest:
            self._refuse(held, names, start)
        if self.bits >= 0 and (X.dtype.kind in "biu" or (_whole(held[:1]) and _whole(held))):
            return held, self.bits, largest, None
        return held, 0, largest * 2.0**self.bits + 1.0, self.bits

    def whole(self, X: NDArray[Any], names: Sequence[str], start: int = 0) -> NDArray[np.int64]:
        """``X`` in units of the resolution, rounded, in 64 bits: what `integers` says, for a few rows."""
        scaled = self.checked(X, names, start) * 2.0**self.bits
        return np.rint(scaled, out=scaled).astype(np.int64)

    def checked(self, X: NDArray[Any], names: Sequence[str], start: int = 0) -> Floats:
        """(m, d) the numbers as float64, or the sentence that says which one cannot be held."""
        held = np.asarray(X, dtype=np.float64)
        if held.size and not max(held.max(), -held.min()) < self.largest:
            self._refuse(held, names, start)
        return held

    def _refuse(self, X: Floats, names: Sequence[str], start: int) -> None:
        """Say which number cannot be held; not what it is, which is the record's own."""
        row, place = np.argwhere(~(np.abs(X) < self.largest))[0]
        if not np.isfinite(X[row, place]):
            msg = (
                f"column {names[place]!r}: row {start + row} is missing or infinite, and only finite numbers are taken"
            )
            raise DataError(msg)
        msg = (
            f"column {names[place]!r}: row {start + row} is outside of the range of exact sums, from -{self.largest:g}"
            f" to {self.largest:g} with a resolution of {self.resolution:g}: declare a coarser one (resolution=...), or"
            " another unit"
        )
        raise DataError(msg)


def _whole(X: Floats) -> bool:
    return bool((np.rint(X) == X).all())
