"""Scores against exact fractions, at any offset of the targets."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

slow = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@slow
@given(counts=st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 9000)), min_size=2, max_size=5))
def test_gini_is_the_sum_of_squares(counts: Any, plain: Any) -> None:
    left, right = np.array(counts).T
    if not left.sum() or not right.sum():
        return
    said = plain().gini(left.astype(np.int32), 0, (left + right).astype(np.int32), int(left.sum()), int(right.sum()))
    exact = sum(Fraction(int((side**2).sum()), int(side.sum())) for side in (left, right))
    assert said == pytest.approx(float(exact), rel=1e-14)
    if len(counts) == 2:
        sides = int(left.sum()), int(right.sum())
        assert said == plain().gini_of_two(left.astype(np.int32), 0, (left + right).astype(np.int32), *sides)


@slow
@given(
    y=st.lists(st.integers(-1000, 1000), min_size=2, max_size=30),
    offset=st.sampled_from([0, 1 << 40, -(1 << 61) + 5000]),
    cut=st.integers(1, 29),
)
def test_variance_loses_no_digits_to_an_offset(y: list[int], offset: int, cut: int, plain: Any) -> None:
    k, held = plain(), [value + offset for value in y]
    cut = min(cut, len(y) - 1)
    sums, row = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for place, value in enumerate(held):
        k.tally(sums, 0, value, 1, 1)
        k.tally(row, 0, value, 1 if place < cut else 0, 1)
    high, low = k.mean_limbs(sums)
    mean = (int(high) << 32) + int(low)
    assert mean == sum(held) // len(held)
    parts = [sum(value - mean for value in part) for part in (held[:cut], held[cut:])]
    exact = Fraction(parts[0] ** 2, cut) + Fraction(parts[1] ** 2, len(held) - cut)
    assert k.variance(row, 0, sums, cut, len(held) - cut) == pytest.approx(float(exact), rel=1e-12)


def test_the_first_of_equals_is_chosen_and_min_leaf_holds(plain: Any) -> None:
    k = plain()
    row = np.zeros(2 * (k.HEAD + 2 * 3), np.int32)
    settings_of = np.array([2, 2, 2, 2, 9, 1, 0], np.int64)
    step = k.stride(settings_of)
    for j in range(2):
        row[j * step + k.CUTS] = 2
        row[j * step + k.HEAD + 2 : j * step + k.HEAD + 6] = [1, 0, 2, 0]
    sums = np.array([3, 3], np.int32)
    assert k.choose(row, 2, sums, 6, settings_of) == 1
    settings_of[k.MIN_LEAF] = 3
    assert k.choose(row, 2, sums, 6, settings_of) == -1


@slow
@given(
    y=st.lists(st.integers(-2, 2), min_size=2, max_size=40),
    scale=st.sampled_from([1, 3, 1 << 30]),
    offset=st.sampled_from([0, 1 << 40, -(1 << 61) + 5000]),
)
def test_a_cut_of_numbers_is_chosen_if_it_explains_anything(y: list[int], scale: int, offset: int, plain: Any) -> None:
    k, held = plain(), [value * scale + offset for value in y]
    most = len(held) - 1
    settings_of = np.array([1, most, 3, 2, 9, 1, 1], np.int64)
    row, sums = np.zeros(k.stride(settings_of), np.int64), np.zeros(3, np.int64)
    row[k.CUTS] = most
    for place, value in enumerate(held):
        k.tally(sums, 0, value, 1, 1)
        for t in range(most):
            k.tally(row, k.HEAD + most + 3 * t, value, int(place <= t), 1)
    best = k.choose(row, 1, sums, len(held), settings_of)
    gains = [Fraction(sum(y[:cut]), cut) - Fraction(sum(y[cut:]), len(y) - cut) for cut in range(1, len(y))]
    assert (best >= 0) == any(gains)
    assert best < 0 or gains[best] != 0
