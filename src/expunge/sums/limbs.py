"""Whole numbers cut into limbs of 21 bits, whose products a float64 BLAS adds up without rounding.

A limb is at most 2**20 either way, so a sum of `ROWS` products is at most
2**51: every partial sum is a whole number that float64 holds, in whatever order it is made and by however many threads.

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
ROWS = 2048  # of one product


def cut(F: Floats, largest: float | None = None) -> Floats:
    """(m, limbs * d): the limbs of whole numbers below 2**62, the lowest first, side by side; as few as do.

    Parameters
    ----------
    F : (m, d)
    largest : float, optional
        What none of them is above, either way, where that is known.
    """
    if largest is None:
        largest = max(float(F.max()), -float(F.min())) if F.size else 0.0
    count = next(count for count in (1, 2, 3) if largest <= 2.0 ** (WIDTH * count - 1))
    if count == 1:
        return F
    d = F.shape[1]
    made = np.empty((len(F), count * d))
    rest, lower = F, made[:, :d]
    for place in range(count - 1, 0, -1):
        part = made[:, place * d : (place + 1) * d]
        np.multiply(rest, 2.0 ** (-WIDTH * place), out=part)
        np.rint(part, out=part)
        above = np.multiply(part, 2.0 ** (WIDTH * place), out=None if rest is lower else lower)
        np.subtract(rest, above, out=lower)
        rest = lower
    return made
