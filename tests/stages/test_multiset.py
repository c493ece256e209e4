"""Values and how often they occur, against numpy, over streams of adding and taking away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.errors import MismatchError
from expunge.stages import multiset

VALUES = st.lists(st.integers(-4, 4) | st.sampled_from([-(2**61), 2**61]), min_size=1, max_size=30)


@settings(deadline=None, max_examples=60, database=None)
@given(VALUES, VALUES)
def test_any_order_of_adding_and_taking_away_ends_in_the_same_bytes(one: list[int], other: list[int]) -> None:
    a, b, both = (multiset.of(np.array(each)) for each in (one, other, one + other))
    assert _bytes(multiset.plus(a, b)) == _bytes(multiset.plus(b, a)) == _bytes(both)
    assert _bytes(multiset.minus(both, b)) == _bytes(a)
    assert _bytes(multiset.minus(multiset.minus(both, b), a)) == _bytes(multiset.of(np.array([], np.int64)))


@settings(deadline=None, max_examples=60, database=None)
@given(VALUES)
def test_what_is_read_off_is_what_numpy_says(values: list[int]) -> None:
    held = multiset.of(np.array(values))
    top, below = multiset.median(held)
    ranked, n = sorted(values), len(values)
    assert top * 2 == below * (ranked[(n - 1) // 2] + ranked[n // 2])
    assert multiset.extremes(held) == (min(values), max(values))
    assert multiset.most_frequent(held) == min(set(values), key=lambda value: (-values.count(value), value))
    assert len(held) == n


def test_a_value_that_nobody_has_cannot_go_nor_one_more_often_than_it_is_there() -> None:
    held = multiset.of(np.array([1, 1, 3]))
    for gone in ([2], [4], [3, 3]):
        with pytest.raises(MismatchError, match="a value that should be forgotten"):
            multiset.minus(held, multiset.of(np.array(gone)))


def _bytes(held: multiset.Multiset) -> tuple[bytes, bytes, str, str]:
    return held.values.tobytes(), held.counts.tobytes(), held.values.dtype.str, held.counts.dtype.str
