"""The dyadic grid: cells of width ``2**level`` of the real line, their numbers, and the cuts between them.

A cut is a point ``i * 2**level``, never a value of a record. Which cuts a node may choose from follows from the lowest
and the highest *occupied cell* alone, so a record matters to it only while it is the last one in such a cell. All of
this is exact in float64, for any offset and scale: multiplying by a power of two does not round.
"""

from __future__ import annotations

import math

import numpy as np

from expunge.methods.trees._compiled import uncounted

GRID = 16
"""A node's range has at least so many cuts, and at most twice as many; a power of two."""

SMALLEST, LARGEST = -1022, 1023
POWERS = np.ldexp(1.0, np.arange(SMALLEST, LARGEST + 1))


@uncounted
def factors(exponent: int) -> tuple[float, float]:
    """``2.0**exponent`` as a product of two floats, since one may be out of range."""
    first = min(max(exponent, SMALLEST), LARGEST)
    return POWERS[first - SMALLEST], POWERS[min(max(exponent - first, SMALLEST), LARGEST) - SMALLEST]


@uncounted
def cell(x: float, a: float, b: float) -> float:
    """``floor(x * a * b)``, the number of the cell of x; it is whole and exact, -1 for tiny negative numbers."""
    v = np.floor(x * a * b)
    return -1.0 if v == 0.0 and x < 0.0 else v


@uncounted
def span(lo: float, hi: float, level: int) -> tuple[float, float]:
    """The cells of the lowest and of the highest value."""
    a, b = factors(-level)
    return cell(lo, a, b), cell(hi, a, b)


@uncounted
def shared_level(lo: float, hi: float) -> int:
    """The coarsest level with at least GRID cuts between the cells of lo < hi: any finer one has as many."""
    wide = hi - lo
    level = math.frexp(wide)[1] - 5 if wide < math.inf else math.frexp(hi * 0.5 - lo * 0.5)[1] - 4
    first, last = span(lo, hi, level)
    while last - first < GRID:
        level -= 1
        first, last = span(lo, hi, level)
    while np.floor(last * 0.5) - np.floor(first * 0.5) >= GRID:
        level += 1
        first, last = np.floor(first * 0.5), np.floor(last * 0.5)
    return level


@uncounted
def single_level(x: float) -> int:
    """A level for a feature of which a node holds one value only."""
    return math.frexp(x)[1] - 5


@uncounted
def threshold(i: int, level: int) -> float:
    """The smallest float that is not below ``i * 2**level``: for floats x, ``x < threshold`` is ``cell(x) < i``."""
    while level < -1074 or abs(i) > 1 << 53:
        i, level = -((-i) >> 1), level + 1
    a, b = factors(level)
    return float(i) * a * b
