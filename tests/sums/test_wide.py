"""Wide numbers are Python's integers, in one form only, whatever was done to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.sums import wide

if TYPE_CHECKING:
    import pytest

large = st.integers(-(2**185), 2**185)
lists = st.lists(large, min_size=1, max_size=4)


def of(values: list[int]) -> Any:
    """Some integers in one array."""
    held = [wide.as_wide(value) for value in values]
    made = np.zeros((max(map(len, held)), len(held)), np.int64)
    for place, one in enumerate(held):
        made[: len(one), place] = one
    return wide.carried(made)


def ints(number: Any) -> list[int]:
    """What an array holds."""
    return [int(value) for value in wide.as_integers(number)]


@given(lists)
def test_integers_come_back(values: list[int]) -> None:
    assert ints(of(values)) == values


@given(st.lists(st.tuples(large, large), min_size=1, max_size=4))
def test_sums_differences_and_products_are_those_of_integers(pairs: list[tuple[int, int]]) -> None:
    a, b = (of([pair[side] for pair in pairs]) for side in (0, 1))
    assert ints(wide.plus(a, b)) == [x + y for x, y in pairs]
    assert ints(wide.minus(a, b)) == [x - y for x, y in pairs]
    assert ints(wide.times(a, b)) == [x * y for x, y in pairs]
    assert ints(wide.difference(a, 7, wide.product(b, b))) == [7 * x - y * y for x, y in pairs]
    assert ints(wide.carried(wide.squared(a))) == [x * x for x, _ in pairs]
    outer = wide.carried(wide.squared(a, outer=True)).reshape(-1, len(pairs) ** 2)
    assert ints(outer) == [x * z for x, _ in pairs for z, _ in pairs]


@given(lists, lists)
def test_the_form_does_not_tell_what_was_there_before(values: list[int], others: list[int]) -> None:
    count = min(len(values), len(others))
    a, b = of(values[:count]), of(others[:count])
    back = wide.minus(wide.plus(a, b), b)
    assert back.shape == a.shape
    assert np.array_equal(back, a)
    assert wide.minus(a, a).shape == (1, count)


@given(lists, st.integers(1, 2**31 - 1))
def test_division_rounds_down_and_says_what_is_left(values: list[int], by: int) -> None:
    quotient, rest = wide.divided(of(values), np.array(by))
    assert [ints(quotient), rest.tolist()] == [[value // by for value in values], [value % by for value in values]]


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 130))
def test_any_64_bits_are_placed_anywhere(value: int, shift: int) -> None:
    assert ints(wide.placed(np.array([value]), shift)) == [value << shift]


@given(large, st.integers(-1060, 60))
def test_a_float_is_within_one_unit_in_the_last_place(value: int, exponent: int) -> None:
    made = float(wide.as_float(of([value]), exponent)[0])
    exact = float(np.ldexp(float(value), exponent))  # Python rounds integers of any size to the nearest
    assert abs(made - exact) <= np.spacing(abs(exact))


def test_numbers_lie_in_one_order_whatever_they_were_made_of() -> None:
    turned = np.arange(24).reshape(2, 3, 4).swapaxes(1, 2)
    assert wide.carried(turned).flags.c_contiguous
    assert wide.minus(turned, turned[:1]).flags.c_contiguous
    assert wide.as_float(turned).flags.c_contiguous


def test_what_floats_cancel_is_kept() -> None:
    large = wide.as_wide(2**120)
    assert float(wide.as_float(wide.minus(wide.plus(large, wide.as_wide(1)), large))) == 1.0


@given(st.lists(st.integers(-(2**62), 2**62), min_size=3, max_size=3))
@settings(max_examples=30)
def test_planes_of_62_bits_are_carried(planes: list[int]) -> None:
    made = wide.carried(np.array(planes)[:, None])
    assert ints(made) == [sum(plane << (30 * place) for place, plane in enumerate(planes))]
    assert np.abs(made).max() <= wide.HALF


def test_a_carry_that_is_dropped_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert np.array_equal(wide.carried(np.array([2**30])), wide.as_wide(2**30))
    monkeypatch.setattr(np, "count_nonzero", lambda _: 0)
    assert not np.array_equal(wide.carried(np.array([2**30])), wide.as_wide(2**30))
