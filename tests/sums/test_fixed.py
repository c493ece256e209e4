"""A number is rounded by what it is and by what was declared; what cannot be held is refused."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.errors import DataError, ParameterError
from expunge.sums.fixed import Fixed

values = st.floats(-(2.0**30), 2.0**30, exclude_min=True, exclude_max=True)


def rounded(X: Any, fixed: Fixed) -> list[Fraction]:
    """What numbers are taken for."""
    F, shift = fixed.integers(np.asarray(X, float).reshape(-1, 1), ("a",))
    return [Fraction(int(value) << shift) * Fraction(fixed.resolution) for value in F.ravel()]


@given(st.lists(values, min_size=1, max_size=5), st.integers(0, 32))
def test_each_number_is_rounded_to_the_nearest_multiple(X: list[float], bits: int) -> None:
    fixed = Fixed(2.0**-bits)
    for value, made in zip(X, rounded(X, fixed), strict=True):
        assert abs(made - Fraction(value)) <= Fraction(fixed.resolution) / 2


@given(st.lists(values, min_size=2, max_size=6))
def test_what_a_number_is_taken_for_does_not_depend_on_the_others(X: list[float]) -> None:
    fixed = Fixed()
    assert rounded(X, fixed) == [rounded([value], fixed)[0] for value in X]


def test_a_scale_taken_from_the_data_would_depend_on_them() -> None:
    def scaled(X: list[float]) -> list[float]:
        largest = max(map(abs, X))  # the phantom: who leaves has decided how the others were rounded
        return [round(value / largest * 2**10) * largest / 2**10 for value in X]

    assert scaled([0.3, 0.7]) != scaled([0.3, 0.7, 1000.0])[:2]
    assert rounded([0.3, 0.7], Fixed()) == rounded([0.3, 0.7, 1000.0], Fixed())[:2]


@pytest.mark.parametrize("value", [2.0**30, -(2.0**30), 1e300])
def test_a_number_outside_is_refused_by_column_and_row_and_not_told(value: float) -> None:
    X = np.zeros((4, 2))
    X[2, 1] = value
    with pytest.raises(DataError, match=r"column 'income': row 12 is outside of the range.*declare a coarser") as said:
        Fixed().integers(X, ("age", "income"), 10)
    assert repr(value) not in str(said.value)
    assert Fixed(2.0**-32 if abs(value) < 1e9 else 2.0**300).largest > 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_missing_is_refused(value: float) -> None:
    with pytest.raises(DataError, match="column 'a': row 1 is missing or infinite"):
        Fixed().integers(np.array([[1.5], [value]]), ("a",))


def test_the_edge_of_the_range_is_held() -> None:
    edge = float(np.nextafter(2.0**30, 0))
    assert rounded([edge, -edge], Fixed()) == [Fraction(edge), -Fraction(edge)]


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int64, np.bool_, np.float32])
def test_whole_numbers_are_held_as_they_are(kind: type) -> None:
    F, shift = Fixed().integers(np.array([[0, 1, 1]]).astype(kind), tuple("abc"))
    assert (F.ravel().tolist(), shift) == ([0, 1, 1], 32)


@pytest.mark.parametrize("wrong", [0.3, 0, -0.5, 2.0**400, "fine", True, None])
def test_a_resolution_is_a_power_of_two(wrong: Any) -> None:
    with pytest.raises(ParameterError, match="resolution must be a power of two"):
        Fixed(wrong)
