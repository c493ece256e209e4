"""Whole numbers cut into limbs of 21 bits, whose products a float64 BLAS adds up without rounding.

A limb is at most 2**20 either way, so a sum of `ROWS` products is at most 2**50: every partial sum is a whole number
that float64 holds, in whatever order it is made and by however many threads.

Examples
--------
>>> import numpy as np
>>> parts = cut(np.array([[2.0**40 + 5.0], [-3.0]]))
>>> sum(part * 2.0 ** (WIDTH * place) for place, part in enumerate(np.split(parts, 2, axis=1))).ravel()
array([ 1.09951163e+12, -3.00000000e+00])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WIDTH = 21
ROWS = 1024  # of one product: their limbs stay in the cache


class Room:
    """Arrays in which block after block is cut: memory that is used again is quicker than new memory."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], Floats] = {}

    def array(self, name: str, rows: int, width: int) -> Floats:
        """(rows, width) of whatever was there before."""
        held = self._held.get((name, width))
        if held is None or len(held) < rows:
            held = self._held[name, width] = np.empty((rows, width))
        return held[:rows]


def cut(F: Floats, largest: float | None = None, scale: int | None = None, room: Room | None = None) -> Floats:
    """(m, limbs * d): the limbs of whole numbers below 2**62, the lowest first, side by side; as few as do.

    Parameters
    ----------
    F : (m, d)
        The numbers; or, with a scale, what they are when they are multiplied by ``2**scale`` and rounded.
    largest : float, optional
        What none of the whole numbers is above, either way, where that is known.
    scale : int, optional
    room : Room, optional
        Where the limbs are put, until the next ones are.
    """
    if largest is None:
        largest = (max(float(F.max()), -float(F.min())) if F.size else 0.0) * 2.0 ** (scale or 0) + (scale is not None)
    count = next(count for count in (1, 2, 3) if largest <= 2.0 ** (WIDTH * count - 1))
    if count == 1 and scale is None:
        return F
    rows, d = F.shape
    room = Room() if room is None else room
    made, rest, part = (room.array(*each) for each in (("made", rows, count * d), ("rest", rows, d), ("part", rows, d)))
    np.multiply(F, 2.0 ** ((scale or 0) - WIDTH * (count - 1)), out=rest)
    for place in range(count - 1, 0, -1):
        np.rint(rest, out=part)
        rest -= part
        rest *= 2.0**WIDTH
        made[:, place * d : (place + 1) * d] = part
    made[:, :d] = np.rint(rest, out=rest)
    return made
