"""What is known of a set of records follows each change as if it had been counted anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.errors import LearnError
from expunge.methods.trees._census import Census
from expunge.methods.trees._coded import HEAVIEST


class Held:
    """What a roster has of its records."""

    def __init__(self, seed: int, *, numbers: bool) -> None:
        random, self.count = np.random.default_rng(seed), 20
        self.y = random.integers(-(2**40), 2**40, 20) if numbers else random.integers(0, 3, 20)
        self.weight = random.integers(0, 3, 20)
        self.digests = random.integers(0, 2**64, (20, 2), dtype=np.uint64)


@given(st.integers(0, 99), st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19)), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_census_is_that_of_the_records_that_are_there(
    seed: int,
    first: set[int],
    then: set[int],
    numbers: bool,  # noqa: FBT001
) -> None:
    held: Any = Held(seed, numbers=numbers)
    none = Census.empty(None if numbers else ("a", "b", "c"), declared=False)
    out, into = np.array(sorted(first - then), int), np.array(sorted(then - first), int)
    made = none.after(held, np.array(sorted(first), int), np.ones(len(first), int))
    made = made.after(held, np.concatenate([out, into]), np.repeat([-1, 1], [len(out), len(into)]))
    there = np.array(sorted(then), int)
    counted = there[held.weight[there] > 0]
    assert made.weight == held.weight[there].sum()
    assert made.total.tolist() == held.digests[there].sum(axis=0, dtype=np.uint64).tolist()
    if not numbers:
        assert made.counts.tolist() == np.bincount(held.y[counted], minlength=3).tolist()
        assert made.present == tuple(name for name, y in zip("abc", range(3), strict=True) if y in held.y[counted])
        assert made.whole == (made.present == ("a", "b", "c"))
    else:
        assert made.counts.tolist() == [0, 0, 0]
        assert made.whole


def test_declared_classes_stay_and_no_forest_counts_beyond_what_a_node_can() -> None:
    assert Census.empty(("a", "b"), declared=True).whole
    assert not Census.empty(("a", "b"), declared=False).whole
    held: Any = Held(0, numbers=False)
    held.weight[:] = HEAVIEST // 2
    with pytest.raises(LearnError, match="counts up to"):
        Census.empty(("a", "b", "c"), declared=False).after(held, np.arange(2), np.ones(2, int))
