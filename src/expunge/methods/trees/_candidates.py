"""What one feature offers at one node: its candidate cuts, and what goes left at each, counted in integers.

`scan` makes it from the records of the node. `adjust` follows a record that goes or comes, and says whether the
candidates themselves may have changed: they follow from which outermost cells (or values, or missing ones) are
occupied, so that only the first or last record of such a one makes a new `scan` necessary.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from expunge.methods.trees._cells import GRID, cell, factors, shared_level, single_level, span, threshold
from expunge.methods.trees._compiled import kernel, lent, uncounted
from expunge.methods.trees._hashing import U32, missing_right, mix32
from expunge.methods.trees._layout import (
    AT_BASE,
    AT_TOP,
    BASE_HIGH,
    BASE_LOW,
    CANDIDATES,
    CUTS,
    HEAD,
    LEVEL,
    MISSING,
    NUMBERS,
    TOP,
    WIDTH,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONG = 24  # records for each class from which on a histogram over cells is quicker than comparing all with each cut
FAR = 4 * GRID  # cuts are drawn modulo this, which is more than there are
BINS = 2 * GRID + 4  # cells -1 to TOP + 1, and one more


class Column(NamedTuple):
    """One feature of the records of a node, and room to count them in.

    Attributes
    ----------
    x : (m,) float64
    y, weight, cells : (m,) int64
    between : (BINS * width,) int64
    """

    x: NDArray[np.float64]
    y: NDArray[np.int64]
    weight: NDArray[np.int64]
    cells: NDArray[np.int64]
    between: NDArray[np.int64]


@kernel
def column_for(m: int, settings: NDArray[np.int64]) -> Column:
    """Room for nodes of up to m records."""
    i8 = np.int64
    return Column(np.empty(m), np.empty(m, i8), np.empty(m, i8), np.empty(m, i8), np.empty(BINS * settings[WIDTH], i8))


@kernel
def lent_column(z: Column) -> Column:
    """The room, lent."""
    return Column(lent(z.x), lent(z.y), lent(z.weight), lent(z.cells), lent(z.between))


@uncounted
def tally(row: NDArray[Any], at: int, y: int, w: int, numbers: int) -> None:
    """Add a record: to its class; or to how many there are, and its target to the two limbs of their sum."""
    if numbers == 0:
        row[at + y] += w
    else:
        row[at] += w
        row[at + 1] += w * (y >> 32)
        row[at + 2] += w * (y & 0xFFFFFFFF)


@uncounted
def base_of(row: NDArray[Any], at: int) -> float:
    """The number of the lowest occupied cell, which 32 bits may not hold."""
    return float((np.int64(row[at + BASE_HIGH]) << 32) + np.int64(row[at + BASE_LOW]) + (np.int64(1) << 31))


@uncounted
def set_base(row: NDArray[Any], at: int, base: float) -> None:
    """Write the number of the lowest occupied cell in two words."""
    whole = np.int64(base)
    row[at + BASE_HIGH] = whole >> 32
    row[at + BASE_LOW] = (whole & 0xFFFFFFFF) - (np.int64(1) << 31)


@uncounted
def draw_cuts(row: NDArray[Any], at: int, most: int, draw: Any, lacking: int) -> int:
    """The first cuts in keyed order of those between the outermost cells, and the one between missing and present.

    Cuts follow an arithmetic progression with a keyed start and an odd step, modulo more than there are: no ties.
    """
    top, k = int(row[at + TOP]), 0
    if lacking > 0 and (most > 1 or top == 0 or missing_right(mix32(draw)) == 1):
        row[at + HEAD] = 0 if missing_right(draw) == 0 else top + 1
        k = 1
    first = (np.int64(row[at + BASE_LOW]) + 1) & (FAR - 1)  # only the last bits of a cut's number matter
    h = np.int64(mix32(U32(int(row[at + LEVEL]) & 0xFFFFFFFF) ^ U32(draw)))
    place, step = h >> 16, h | 1
    for _ in range(FAR):
        if k == most:
            return k
        i = 1 + ((place - first) & (FAR - 1))
        place += step
        row[at + HEAD + k] = i  # written in any case, kept if it is one: quicker than guessing
        k += int(i <= top)
    if k < most:
        row[at + HEAD + k] = 0
    return k


@uncounted
def scan_numbers(
    z: Column, m: int, seen: tuple[float, float, int], draw: Any, settings: NDArray[np.int64], row: Any, at: int
) -> bool:
    """Candidates of a numeric feature, and what goes left at each; False where it is constant.

    ``seen`` is the lowest and highest number, and how many are not missing.
    """
    lo, hi, there = seen
    if there == 0 or (lo == hi and there == m):
        return False
    level = single_level(lo) if lo == hi else shared_level(lo, hi)
    first, last = span(lo, hi, level)
    top = int(last - first)
    row[at + LEVEL], row[at + TOP] = level, top
    set_base(row, at, first)
    lost = top + 1 if missing_right(draw) == 1 else -1
    a, b = factors(-level)
    x, cells = z.x, z.cells
    for i in range(m):
        cells[i] = int(cell(x[i], a, b) - first) if x[i] == x[i] else lost
    row[at + CUTS] = draw_cuts(row, at, settings[CANDIDATES], draw, m - there)
    if m < LONG * settings[WIDTH]:
        compare_all(z, m, lost, settings, row, at)
    else:
        count_cells(z, m, lost, settings, row, at)
    return True


@uncounted
def compare_all(z: Column, m: int, lost: int, settings: NDArray[np.int64], row: Any, at: int) -> None:
    """Sums going left at each cut: every record against every cut."""
    y, weight, cells, numbers = z.y, z.weight, z.cells, settings[NUMBERS]
    k, top, sums, width = row[at + CUTS], row[at + TOP], at + HEAD + settings[CANDIDATES], settings[WIDTH]
    at_base, at_top, missing = 0, 0, 0
    for i in range(m):
        c, w = cells[i], weight[i]
        at_base += w * (c == 0)
        at_top += w * (c == top)
        missing += w * (c == lost)
        for t in range(k):  # adding nothing is quicker than guessing
            tally(row, sums + t * width, y[i], w * (c < row[at + HEAD + t]), numbers)
    row[at + AT_BASE], row[at + AT_TOP], row[at + MISSING] = at_base, at_top, missing


@uncounted
def count_cells(z: Column, m: int, lost: int, settings: NDArray[np.int64], row: Any, at: int) -> None:
    """Sums going left at each cut: one histogram over the cells, then its sums from the left."""
    y, weight, cells, between, numbers = z.y, z.weight, z.cells, z.between, settings[NUMBERS]
    top, sums, width = int(row[at + TOP]), at + HEAD + settings[CANDIDATES], settings[WIDTH]
    for c in range((top + 3) * width):
        between[c] = 0
    for i in range(m):
        tally(between, (cells[i] + 1) * width, y[i], weight[i], numbers)
    row[at + AT_BASE] = weight_of(between, width, settings)
    row[at + AT_TOP] = weight_of(between, (top + 1) * width, settings)
    row[at + MISSING] = weight_of(between, (lost + 1) * width, settings)
    for c in range(width, (top + 2) * width):
        between[c] += between[c - width]
    for t in range(row[at + CUTS]):
        below = row[at + HEAD + t] * width
        for c in range(width):
            row[sums + t * width + c] = between[below + c]


@uncounted
def scan_codes(
    z: Column, m: int, seen: tuple[float, float, int], draw: Any, settings: NDArray[np.int64], row: Any, at: int
) -> bool:
    """Candidates of a feature of categories: the codes with the smallest hash of those that are there."""
    if seen[0] == seen[1]:
        return False
    x, y, w, most, width, k = z.x, z.y, z.weight, settings[CANDIDATES], settings[WIDTH], 0
    for i in range(m):
        k = insert(row, at + HEAD, k, most, U32(int(x[i])), draw)
    row[at + CUTS] = k
    for i in range(m):
        for t in range(k):
            if x[i] == row[at + HEAD + t]:
                tally(row, at + HEAD + most + t * width, y[i], w[i], settings[NUMBERS])
    return True


@uncounted
def insert(row: NDArray[Any], at: int, k: int, most: int, code: Any, draw: Any) -> int:
    """Put a code among the k that are held, in the order of a bijection: equal hashes are equal codes."""
    h, a = mix32(code ^ U32(draw)), k
    while a > 0 and mix32(U32(int(row[at + a - 1])) ^ U32(draw)) >= h:
        a -= 1
    if (a < k and row[at + a] == code) or a == most:
        return k
    k = min(k + 1, most)
    for b in range(k - 1, a, -1):
        row[at + b] = row[at + b - 1]
    row[at + a] = code
    return k


@uncounted
def adjust_number(
    x: float,
    y: int,
    w: int,
    draw: Any,
    scale: tuple[float, float, float],
    settings: NDArray[np.int64],
    row: NDArray[Any],
    at: int,
) -> bool:
    """Follow one record (w < 0: it goes) in a numeric feature; whether it lies where no candidate was looked for."""
    top, lost = int(row[at + TOP]), np.isnan(x)
    c = (top + 1 if missing_right(draw) == 1 else -1) + 0.0 if lost else cell(x, scale[0], scale[1]) - scale[2]
    if not lost and (c < 0 or c > top or (top == 0 and w > 0)):
        return True
    row[at + MISSING] += w if lost else 0
    row[at + AT_BASE] += w if c == 0 else 0
    row[at + AT_TOP] += w if c == top else 0
    sums, width = at + HEAD + settings[CANDIDATES], settings[WIDTH]
    for t in range(row[at + CUTS]):
        if c < row[at + HEAD + t]:
            tally(row, sums + t * width, y, w, settings[NUMBERS])
    return False


@uncounted
def adjust_code(x: float, y: int, w: int, draw: Any, settings: NDArray[np.int64], row: NDArray[Any], at: int) -> bool:
    """Follow one record in a feature of categories; whether a code comes that would be a candidate."""
    most, k = settings[CANDIDATES], int(row[at + CUTS])
    for t in range(k):
        if x == row[at + HEAD + t]:
            tally(row, at + HEAD + most + t * settings[WIDTH], y, w, settings[NUMBERS])
            return False
    last = mix32(U32(int(row[at + HEAD + max(k - 1, 0)])) ^ U32(draw))
    return w > 0 and (k < most or mix32(U32(int(x)) ^ U32(draw)) < last)


@uncounted
def weight_of(sums: NDArray[Any], at: int, settings: NDArray[np.int64]) -> int:
    """How many records (by weight) a sum is of."""
    if settings[NUMBERS] == 1:
        return int(sums[at])
    total = 0
    for c in range(settings[WIDTH]):
        total += sums[at + c]
    return total


@uncounted
def outdated(row: NDArray[Any], at: int, lacking: int, weight: int, coded: int, settings: NDArray[np.int64]) -> bool:
    """Whether the candidates of a feature may be others now: an outermost cell, a value, or all missing are gone.

    ``lacking`` is what MISSING was before; ``weight`` is what the node weighs now.
    """
    if coded == 0:
        return bool(row[at + AT_BASE] == 0 or row[at + AT_TOP] == 0 or (row[at + MISSING] > 0) != (lacking > 0))
    for t in range(row[at + CUTS]):
        w = weight_of(row, at + HEAD + settings[CANDIDATES] + t * settings[WIDTH], settings)
        if w == 0 or w == weight:  # noqa: PLR1714  (what numba reads)
            return True
    return False


@uncounted
def cut_of(row: NDArray[Any], at: int, t: int, coded: int) -> float:
    """What a record's value is compared with at candidate t; infinite between missing and present numbers."""
    i = int(row[at + HEAD + t])
    if coded == 1:
        return float(i)
    if i == 0:
        return -math.inf
    if i == row[at + TOP] + 1:
        return math.inf
    return threshold(int(base_of(row, at)) + i, int(row[at + LEVEL]))
