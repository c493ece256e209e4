"""The dyadic grid against exact fractions: cells, levels and thresholds, at any offset and scale."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.methods.trees import _cells as compiled

numbers = st.floats(allow_nan=False, allow_infinity=False)


def exact_cell(x: float, level: int) -> int:
    return math.floor(Fraction(x) / Fraction(2) ** level)


@given(x=numbers, level=st.integers(-1090, 1000))
def test_a_cell_is_the_floor_of_the_fraction(x: float, level: int) -> None:
    expected = exact_cell(x, level)
    if abs(expected) < 2**62:
        a, b = compiled.factors(-level)
        assert compiled.cell(x, a, b) == expected


@given(x=numbers, y=numbers, near=st.booleans())
def test_the_level_is_the_coarsest_with_enough_cuts(*, x: float, y: float, near: bool) -> None:
    lo, hi = min(x, y), max(x, y)
    hi = math.nextafter(lo, math.inf) if near else hi
    if lo == hi or math.isinf(hi):
        return
    level = compiled.shared_level(lo, hi)
    assert exact_cell(hi, level) - exact_cell(lo, level) >= compiled.GRID
    assert exact_cell(hi, level + 1) - exact_cell(lo, level + 1) < compiled.GRID


@given(x=numbers, y=numbers, i=st.integers(0, 40), other=numbers)
def test_a_threshold_divides_floats_as_the_cut_does(x: float, y: float, i: int, other: float) -> None:
    lo, hi = min(x, y), max(x, y)
    if lo == hi:
        return
    level = compiled.shared_level(lo, hi)
    cut = min(exact_cell(lo, level) + 1 + i, exact_cell(hi, level))
    held = compiled.threshold(cut, level)
    for value in (lo, hi, other, held, float(np.nextafter(held, -np.inf))):
        assert (value < held) == (Fraction(value) < cut * Fraction(2) ** level if math.isfinite(value) else True)


@pytest.mark.parametrize("x", [-0.0, 5e-324, -5e-324, 1.0, -1e308])
def test_plain_python_says_the_same(x: float, plain: Any) -> None:
    kernels = plain()
    for level in (-1080, -5, 0, 900):
        a, b = compiled.factors(-level)
        assert kernels.factors(-level) == (a, b)
        with np.errstate(over="ignore"):
            assert kernels.cell(x, a, b) == compiled.cell(x, a, b)
