"""Limbs say the same number, are small, and their products add up without rounding."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.sums.limbs import ROWS, WIDTH, Room, cut

whole = st.integers(-(2**53), 2**53).map(float) | st.integers(-(2**52), 2**52).map(lambda value: value * 2.0**9)


@given(st.lists(whole, min_size=1, max_size=6))
def test_limbs_add_up_and_are_small(values: list[float]) -> None:
    F = np.array(values)[:, None]
    parts = cut(F)
    assert np.abs(parts).max() <= 2.0 ** (WIDTH - 1)
    made = [sum(int(limb) << (WIDTH * place) for place, limb in enumerate(row)) for row in parts]
    assert made == [int(value) for value in values]


@pytest.mark.parametrize(
    ("largest", "count"), [(1, 1), (2**20, 1), (2**20 + 1, 2), (2**41, 2), (2**41 + 1, 3), (2**62, 3)]
)
def test_there_are_as_few_as_do(largest: int, count: int) -> None:
    assert cut(np.array([[-float(largest), 0.0]])).shape == (1, 2 * count)


def test_sums_of_products_stay_below_what_floats_hold() -> None:
    assert ROWS * 2 ** (2 * (WIDTH - 1)) * 2 <= 2**53  # twice, for a product and its mirror


@given(st.lists(st.floats(-(2.0**29), 2.0**29), min_size=1, max_size=6), st.integers(-20, 32))
def test_numbers_that_are_rounded_while_they_are_cut_are_those_rounded_before(values: list[float], scale: int) -> None:
    X, room = np.array(values)[:, None], Room()
    whole = [round(Fraction(value) * Fraction(2) ** scale) for value in values]  # Python, too, takes halves to the even
    cut(X + 1.0, None, scale, room)  # what was there before does not show
    parts = cut(X, None, scale, room)
    assert np.abs(parts).max() <= 2.0 ** (WIDTH - 1)
    assert [sum(int(limb) << (WIDTH * place) for place, limb in enumerate(row)) for row in parts] == whole
