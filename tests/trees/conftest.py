"""Trees made by hand and drawn at random, so that reading them is tested without growing them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import strategies as st

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Nodes:
    """What ``Forest.tree`` gives."""

    feature: NDArray[np.int64]
    categorical: NDArray[np.bool_]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    missing_seen: NDArray[np.bool_]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weight: NDArray[np.int64]
    value: NDArray[Any]


Grown = tuple[Any, ...]
"""A leaf ``(counts,)``; or a question ``(feature, categorical, threshold, missing_left, left, right)``."""


def nodes(grown: Grown) -> Nodes:
    """A nested tree as arrays, in preorder."""
    rows: list[list[Any]] = []
    sides: dict[int, list[int]] = {}

    def add(part: Grown) -> tuple[int, NDArray[Any]]:
        place = len(rows)
        rows.append([])
        if len(part) == 1:
            rows[place] = [-1, False, np.nan, False]
            held = np.asarray(part[0])
        else:
            rows[place] = list(part[:4])
            (left, first), (right, then) = add(part[4]), add(part[5])
            sides[place], held = [left, right], first + then
        values[place] = held
        return place, held

    values: dict[int, NDArray[Any]] = {}
    add(grown)
    order = range(len(rows))
    feature, categorical, threshold, missing = (np.array([row[k] for row in rows]) for k in range(4))
    left, right = (np.array([sides.get(k, [-1, -1])[side] for k in order]) for side in (0, 1))
    value = np.array([values[k] for k in order])
    return Nodes(feature, categorical, threshold, missing, feature >= 0, left, right, value.sum(axis=1), value)


@pytest.fixture(scope="session")
def grow() -> Callable[[Grown], Nodes]:
    """Make nodes of a nested tree."""
    return nodes


@pytest.fixture(scope="session")
def trees() -> st.SearchStrategy[Nodes]:
    """Trees of any shape over three columns, the last of categories, and two classes."""
    leaf = st.tuples(st.tuples(st.integers(0, 9), st.integers(1, 9)))
    numbers = st.floats(-1e6, 1e6)

    def question(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        asked = st.tuples(st.integers(0, 1), st.just(False), numbers, st.booleans())
        named = st.tuples(st.just(2), st.just(True), st.integers(0, 3).map(float), st.just(False))
        return st.builds(lambda of, left, right: (*of, left, right), asked | named, below, below)

    return st.recursive(leaf, question, max_leaves=20).map(nodes)
