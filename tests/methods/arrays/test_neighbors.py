"""The nearest are the nearest, by one formula; of equals the first."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.methods.arrays._neighbors import nearest


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
@settings(max_examples=30, deadline=None)
def test_they_are_what_looking_at_all_finds(seed: int, k: int) -> None:
    random = np.random.default_rng(seed)
    X = random.integers(-2, 3, (12, 2)) * random.choice([1.0, 0.1, 1e-9])
    asked = X[:3] + random.choice([0.0, 0.05])
    places, distances = nearest(X, asked, k)
    for row, at in enumerate(asked):
        squares = ((X - at) ** 2).sum(axis=1)
        expected = np.argsort(squares, kind="stable")[:k]
        assert places[row].tolist() == expected.tolist()
        assert distances[row].tolist() == np.sqrt(squares[expected]).tolist()


def test_without_columns_all_are_as_near() -> None:
    assert nearest(np.zeros((3, 0)), np.zeros((2, 0)), 2)[0].tolist() == [[0, 1], [0, 1]]
