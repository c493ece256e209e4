"""Randomness that belongs to names, inside the kernels: 32 and 64 bit mixers of seeds that come from the run's key.

A node is named by its path: its seed is a mix of its parent's and its side. So all that is drawn for a node is a
function of key, tree and path, and of nothing that was counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.methods.trees._compiled import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

U32, U64 = np.uint32, np.uint64
LOW = U64(0xFFFFFFFF)


@kernel
def mix32(h: Any) -> Any:
    """A bijection of 32-bit words: different words stay different, so that orders by it have no ties."""
    h = U32(h ^ (h >> U32(16)))
    h = U32(h * U32(0x7FEB352D))
    h = U32(h ^ (h >> U32(15)))
    h = U32(h * U32(0x846CA68B))
    return U32(h ^ (h >> U32(16)))


@kernel
def mix64(z: Any) -> Any:
    """A bijection of 64-bit words."""
    z = U64(z + U64(0x9E3779B97F4A7C15))
    z = (z ^ (z >> U64(30))) * U64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> U64(27))) * U64(0x94D049BB133111EB)
    return z ^ (z >> U64(31))


@kernel
def of_child(seed: Any, side: int) -> Any:
    """The seed of a node's left (0) or right (1) child."""
    return mix64(seed ^ U64(side + 1))


@kernel
def of_feature(seed: Any, name: Any) -> Any:
    """Where a feature, known by a hash of its name, stands in the order of a node's features."""
    return mix32(U32(name) ^ U32(seed & LOW))


@kernel
def of_cuts(seed: Any, place: Any) -> Any:
    """What the cuts of a feature at a node are drawn by."""
    return mix32(U32(place) ^ U32(seed >> U64(32)))


@kernel
def missing_right(draw: Any) -> int:
    """The side that records go to which miss the feature, 0 or 1: a coin of the feature at the node."""
    return int(mix32(U32(draw) ^ U32(0x5BD1E995)) & U32(1))


@kernel
def occupied(units: NDArray[np.uint64], trees: int, k: int) -> NDArray[np.int32]:
    """(n, k) the trees of each record: the first k of a shuffle that its unit's number alone decides."""
    made = np.empty((len(units), k), np.int32)
    order, swapped = np.arange(trees).astype(np.int32), np.empty(k, np.int64)
    for i in range(len(units)):
        state = units[i]
        for a in range(k):
            state = mix64(state)
            j = a + np.int64(((state >> U64(32)) * U64(trees - a)) >> U64(32))
            order[a], order[j], swapped[a] = order[j], order[a], j
            made[i, a] = order[a]
        for a in range(k - 1, -1, -1):
            order[a], order[swapped[a]] = order[swapped[a]], order[a]
    return made


@kernel
def by_tree(occupancy: NDArray[np.int32], trees: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Records of each tree, side by side: where those of a tree start, and their rows, ascending in each."""
    start = np.zeros(trees + 1, np.int64)
    for t in occupancy.flat:
        start[t + 1] += 1
    start = np.cumsum(start)
    rows, at = np.empty(occupancy.size, np.int32), start[:-1].copy()
    for i in range(occupancy.shape[0]):
        for a in range(occupancy.shape[1]):
            t = occupancy[i, a]
            rows[at[t]] = i
            at[t] += 1
    return start, rows


@kernel
def changes_by_tree(slots: Any, signs: Any, units: Any, weight: Any, trees: int, k: int) -> tuple[Any, Any, Any]:
    """Of each tree, side by side: where it starts, records that go (-1) or come (1); those of no weight are in none."""
    counted, n = np.empty(len(slots), np.int64), 0
    for i in range(len(slots)):
        if weight[slots[i]] > 0:
            counted[n] = i
            n += 1
    names = np.empty(n, np.uint64)
    for i in range(n):
        names[i] = units[slots[counted[i]]]
    start, rows = by_tree(occupied(names, trees, k), trees)
    own, each = np.empty(len(rows), np.int32), np.empty(len(rows), np.int64)
    for i in range(len(rows)):
        own[i], each[i] = slots[counted[rows[i]]], signs[counted[rows[i]]]
    return start, own, each


@kernel
def count_by_tree(start: Any, slots: Any, signs: Any, digests: Any, sizes: Any, occupants: Any) -> None:
    """Follow, for each tree, how many records it has, and the sum of their digests."""
    for t in range(len(sizes)):
        for i in range(start[t], start[t + 1]):
            sizes[t] += signs[i]
            for word in range(2):
                if signs[i] > 0:
                    occupants[t, word] += digests[slots[i], word]
                else:
                    occupants[t, word] -= digests[slots[i], word]


@kernel
def row_digests(X: NDArray[np.float64], beside: NDArray[np.uint64], secret: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """(n, 2) keyed digests of rows of numbers (-0.0 is 0.0, NaN is NaN) and of the words beside them."""
    made = np.empty((len(X), 2), np.uint64)
    bits = np.empty(1, np.float64)
    word = bits.view(np.uint64)
    for i in range(len(X)):
        a, b = secret[0], secret[1]
        for f in range(X.shape[1]):
            bits[0] = X[i, f] + 0.0 if X[i, f] == X[i, f] else np.nan
            a, b = mix64(a ^ word[0]), mix64(b + word[0])
        for k in range(beside.shape[1]):
            a, b = mix64(a ^ beside[i, k]), mix64(b + beside[i, k])
        made[i, 0], made[i, 1] = a, b
    return made
