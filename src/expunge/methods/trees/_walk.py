"""What a tree says of a record, and a whole tree as arrays in the order of its paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.methods.trees._build import goes_left
from expunge.methods.trees._choice import LIMB, mean_limbs
from expunge.methods.trees._compiled import kernel, uncounted
from expunge.methods.trees._layout import (
    FEATURE,
    FULL,
    LEFT,
    REFS,
    RIGHT,
    SIDE,
    STAT,
    STATS,
    TO_LARGER,
    WEIGHT,
    Pool,
)
from expunge.methods.trees._rows import let_go, new_node, put, taken

if TYPE_CHECKING:
    from numpy.typing import NDArray


@uncounted
def leaf_of(pool: Pool, root: int, x: NDArray[np.float64], categories: NDArray[np.uint8]) -> int:
    """The leaf that a record ends in."""
    v = root
    f = pool.nodes[v, FEATURE]
    while f >= 0:
        node = pool.nodes[v]
        side = int(node[SIDE])
        if side == TO_LARGER:
            side = 0 if pool.nodes[node[LEFT], WEIGHT] >= pool.nodes[node[RIGHT], WEIGHT] else 1
        v = node[LEFT] if goes_left(x[f], pool.cuts[v], categories[f], side) else node[RIGHT]
        f = pool.nodes[v, FEATURE]
    return v


@uncounted
def mean_of(sums: NDArray[Any]) -> float:
    """The mean of the targets of a node, in units of the resolution."""
    high, low = mean_limbs(sums)
    n = sums[0]
    rest = float((sums[1] - n * high) * 4294967296 + (sums[2] - n * low))
    return float(high) * LIMB + float(low) + rest / float(n)


@uncounted
def say(pool: Pool, root: int, X: NDArray[np.float64], categories: Any, numbers: int, skip: Any, said: Any) -> None:
    """Add what one tree says of each record that is not skipped: shares of classes, or a mean; and that it spoke."""
    for i in range(len(X)):
        if skip[i] or pool.nodes[root, WEIGHT] == 0:
            continue
        v = leaf_of(pool, root, X[i], categories)
        if numbers == 1:
            said[i, 0] += mean_of(pool.sums[v])
        else:
            for c in range(pool.sums.shape[1]):
                said[i, c] += pool.sums[v, c] / pool.nodes[v, WEIGHT]
        said[i, -1] += 1.0


@kernel
def measure(pool: Pool, root: int) -> tuple[int, int, int]:
    """How many nodes, statistics and records a tree has."""
    waiting, nodes, stats, records = [root], 0, 0, 0
    while len(waiting) > 0:
        v = waiting.pop()
        nodes += 1
        stats += pool.nodes[v, STAT] >= 0
        if pool.nodes[v, FEATURE] < 0:
            records += pool.nodes[v, RIGHT]
        else:
            waiting.append(pool.nodes[v, RIGHT])
            waiting.append(pool.nodes[v, LEFT])
    return nodes, stats, records


@kernel
def flatten(pool: Pool, root: int, nodes: Any, cuts: Any, sums: Any, stats: Any, members: Any, rank: Any) -> None:
    """Write a tree in preorder: LEFT and RIGHT become places, REFS nothing, slots ranks, in order within a leaf."""
    waiting, parents, n, s, m = [root], [-1], 0, 0, 0
    while len(waiting) > 0:
        v, parent = waiting.pop(), parents.pop()
        nodes[n], cuts[n], sums[n] = pool.nodes[v], pool.cuts[v], pool.sums[v]
        nodes[n, REFS] = 0
        if parent >= 0 and nodes[parent, LEFT] < 0:
            nodes[parent, LEFT] = n
        elif parent >= 0:
            nodes[parent, RIGHT] = n
        if pool.nodes[v, STAT] >= 0:
            stats[s] = pool.stats[pool.nodes[v, STAT]]
            nodes[n, STAT] = s
            s += 1
        if pool.nodes[v, FEATURE] >= 0:
            nodes[n, LEFT] = -1
            waiting.append(pool.nodes[v, RIGHT])
            parents.append(n)
            waiting.append(pool.nodes[v, LEFT])
            parents.append(n)
        else:
            nodes[n, LEFT] = m
            m = list_leaf(pool, v, members, m, rank)
        n += 1


@kernel
def list_leaf(pool: Pool, v: int, members: Any, m: int, rank: Any) -> int:
    """Write the ranks of a leaf's records, ascending, from place m on; where they end."""
    row, start = pool.nodes[v, LEFT], m
    while row >= 0:
        for slot in pool.chunks[row, 1:]:
            if slot >= 0:
                members[m] = rank[slot]
                m += 1
        row = pool.chunks[row, 0]
    for i in range(start + 1, m):  # few, and nearly in order
        a, k = members[i], i
        while k > start and members[k - 1] > a:
            members[k] = members[k - 1]
            k -= 1
        members[k] = a
    return m


@kernel
def unflatten(pool: Pool, nodes: Any, cuts: Any, sums: Any, stats: Any, members: Any) -> int:
    """The root of a tree from what `flatten` wrote; -1 where there is no room, and nothing is taken."""
    places = np.full(len(nodes), -1, np.int64)
    for n in range(len(nodes)):
        v = new_node(pool)
        if v < 0:
            break
        places[n] = v
        pool.cuts[v] = cuts[n]
        for c in range(sums.shape[1]):
            pool.sums[v, c] = sums[n, c]
        if nodes[n, FEATURE] < 0:
            pool.nodes[v, WEIGHT] = nodes[n, WEIGHT]
            put(pool, v, members, members[nodes[n, LEFT] : nodes[n, LEFT] + nodes[n, RIGHT]], 0)
        else:
            place_inner(pool, v, nodes[n], stats)
        if pool.counters[FULL] == 1:
            break
    return wired(pool, places, nodes)


@kernel
def place_inner(pool: Pool, v: int, node: Any, stats: Any) -> None:
    """Write what an inner node says, without its children."""
    row = taken(pool.stats, pool.counters, STATS)
    for k in range(len(node)):
        if k != REFS:
            pool.nodes[v, k] = node[k]
    pool.nodes[v, LEFT], pool.nodes[v, RIGHT], pool.nodes[v, STAT] = -1, -1, row
    if row >= 0:
        pool.stats[row] = stats[node[STAT]]


@kernel
def wired(pool: Pool, places: Any, nodes: Any) -> int:
    """Give inner nodes their children, which stand after them; or let go of all where some found no room."""
    full = pool.counters[FULL] == 1
    for n in range(len(nodes)):
        if full and places[n] >= 0:
            let_go(pool, places[n])
        elif not full and nodes[n, FEATURE] >= 0:
            pool.nodes[places[n], LEFT] = places[nodes[n, LEFT]]
            pool.nodes[places[n], RIGHT] = places[nodes[n, RIGHT]]
    return -1 if full else places[0]
