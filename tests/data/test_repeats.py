"""Names that come again are found, however far apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.data.repeats import Repeats


@given(batches=st.lists(st.lists(st.integers(-3, 40), max_size=8), max_size=8), digests=st.booleans())
def test_the_first_name_that_came_before_is_found(batches: list[list[int]], *, digests: bool) -> None:
    met, seen = Repeats(), set()
    for batch in batches:
        expected = None
        for place, name in enumerate(batch):
            if name in seen and expected is None:
                expected = place
            seen.add(name)
        names = np.array(batch, dtype=np.int64) + 3
        assert met.meet(np.stack([names, names * 7919], axis=1).astype(np.uint64) if digests else names) == expected
        if expected is not None:
            return


def test_digests_that_agree_in_one_half_are_different() -> None:
    met = Repeats()
    assert met.meet(np.array([[1, 1], [1, 2], [2, 1]], dtype=np.uint64)) is None
    assert met.meet(np.array([[3, 1], [2, 2]], dtype=np.uint64)) is None
    assert met.meet(np.array([[5, 5], [3, 1]], dtype=np.uint64)) == 1


@pytest.mark.parametrize("wide", [False, True])
def test_a_repeat_is_found_a_million_names_later(*, wide: bool) -> None:
    met = Repeats()
    names = np.random.default_rng(0).permutation(1_000_000).astype(np.uint64)
    marks = np.stack([names, names], axis=1) if wide else names
    for start in range(0, len(marks), 50_000):
        assert met.meet(marks[start : start + 50_000]) is None
    assert met.meet(marks[17:18]) == 0
