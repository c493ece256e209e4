"""Which candidate splits a node: the largest decrease of Gini impurity or variance, the first of equals.

Scores are made of integers with ``+ * /`` in float64, in a fixed order, each rounded correctly: a pure function of the
sums. They are never updated, always made anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expunge.methods.trees._candidates import weight_of
from expunge.methods.trees._compiled import uncounted
from expunge.methods.trees._layout import CANDIDATES, CUTS, HEAD, MIN_LEAF, NUMBERS, WIDTH

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LIMB = 4294967296.0


@uncounted
def stride(settings: NDArray[np.int64]) -> int:
    """Fields that one candidate feature takes."""
    return int(HEAD + settings[CANDIDATES] * (1 + settings[WIDTH]))


@uncounted
def gini(row: NDArray[Any], at: int, sums: NDArray[Any], left: int, right: int) -> float:
    """``sum l_c^2 / n_l + sum r_c^2 / n_r``: the larger, the purer both sides are."""
    a, b = 0.0, 0.0
    for c in range(len(sums)):
        to_left, to_right = float(row[at + c]), float(sums[c] - row[at + c])
        a += to_left * to_left
        b += to_right * to_right
    return a / left + b / right


@uncounted
def gini_of_two(row: NDArray[Any], at: int, sums: NDArray[Any], left: int, right: int) -> float:
    """The same for two classes, which most tables have: the same operations without a loop."""
    a, b, c, d = float(row[at]), float(row[at + 1]), float(sums[0] - row[at]), float(sums[1] - row[at + 1])
    return (a * a + b * b) / left + (c * c + d * d) / right


@uncounted
def mean_limbs(sums: NDArray[Any]) -> tuple[int, int]:
    """The mean of the targets in two limbs, rounded down."""
    n = sums[0]
    high = sums[1] // n
    return high, (((sums[1] - high * n) << 32) + sums[2]) // n


@uncounted
def variance(row: NDArray[Any], at: int, sums: NDArray[Any], left: int, right: int) -> float:
    """The same for numbers, each counted from their mean, so that a large offset costs no digits."""
    high, low = mean_limbs(sums)
    lh, ll = row[at + 1] - left * high, row[at + 2] - left * low
    rh, rl = sums[1] - sums[0] * high - lh, sums[2] - sums[0] * low - ll
    a, b = float(lh) * LIMB + float(ll), float(rh) * LIMB + float(rl)
    return a * a / left + b * b / right


@uncounted
def unsplit(sums: NDArray[Any]) -> float:
    """What `variance` says of a cut that explains nothing, and a little more than rounding adds to it."""
    high, low = mean_limbs(sums)
    rest = float((sums[1] - sums[0] * high) * 4294967296 + (sums[2] - sums[0] * low))
    return rest * rest / float(sums[0]) * (1.0 + 2.0**-40)


@uncounted
def choose(row: NDArray[Any], used: int, sums: NDArray[Any], weight: int, settings: NDArray[np.int64]) -> int:
    """Feature and cut, as ``feature * candidates + cut``; -1 where none is allowed, or none of numbers explains any."""
    s, width, numbers = settings[CANDIDATES], settings[WIDTH], settings[NUMBERS]
    best, most, step, least = -1, unsplit(sums) if numbers == 1 else -1.0, stride(settings), settings[MIN_LEAF]
    two = width == 2 and numbers == 0
    for j in range(used):
        for t in range(row[j * step + CUTS]):
            at = j * step + HEAD + s + t * width
            left = int(row[at] + row[at + 1]) if two else weight_of(row, at, settings)
            right = weight - left
            if left < least or right < least:
                continue
            if two:
                score = gini_of_two(row, at, sums, left, right)
            else:
                score = gini(row, at, sums, left, right) if numbers == 0 else variance(row, at, sums, left, right)
            if score > most:
                best, most = j * s + t, score
    return best
