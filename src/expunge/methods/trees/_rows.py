"""Taking rows from a tree's pool and giving them back; a leaf's records; what is under a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expunge.methods.trees._compiled import ask_for, kernel, uncounted
from expunge.methods.trees._layout import (
    CHUNK,
    CHUNKS,
    FEATURE,
    FRESH,
    FULL,
    LEFT,
    NODES,
    REFS,
    RIGHT,
    STAT,
    STATS,
    Pool,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@uncounted
def taken(table: NDArray[Any], counters: NDArray[np.int64], kind: int) -> int:
    """A zeroed row: one that was given back, else a fresh one; -1, and FULL is set, where there is none."""
    row = int(counters[kind]) - 1
    if row >= 0:
        counters[kind] = table[row, 0]
        table[row, 0] = 0
        return row
    row = int(counters[FRESH + kind])
    if row == len(table):
        counters[FULL] = 1
        return -1
    counters[FRESH + kind] += 1
    return row


@uncounted
def given_back(table: NDArray[Any], counters: NDArray[np.int64], kind: int, row: int) -> None:
    """Erase a row; its first field says which row was given back before it (plus one; 0: none)."""
    for column in range(table.shape[1]):
        table[row, column] = 0
    table[row, 0] = counters[kind]
    counters[kind] = row + 1


@uncounted
def new_node(pool: Pool) -> int:
    """An empty leaf with one reference; -1 where there is no room."""
    v = taken(pool.nodes, pool.counters, NODES)
    if v >= 0:
        pool.nodes[v, LEFT], pool.nodes[v, REFS], pool.nodes[v, FEATURE], pool.nodes[v, STAT] = -1, 1, -1, -1
    return v


@uncounted
def put(pool: Pool, leaf: int, slots: NDArray[np.int32], at: NDArray[np.int32], indirect: int) -> None:
    """Write the records of a leaf, in chunks that nobody shares: those at ``at`` of the slots, or ``at`` themselves."""
    for start in range(0, len(at), CHUNK - 1):
        row = taken(pool.chunks, pool.counters, CHUNKS)
        if row < 0:
            return
        pool.chunks[row, 0] = pool.nodes[leaf, LEFT]
        pool.nodes[leaf, LEFT] = row
        for i in range(start, start + CHUNK - 1):
            slot = -1 if i >= len(at) else slots[at[i]] if indirect == 1 else at[i]
            pool.chunks[row, 1 + i - start] = slot
    pool.nodes[leaf, RIGHT] = len(at)


@uncounted
def erase(pool: Pool, v: int) -> None:
    """Give a node's rows back; its children are let go by the caller."""
    if pool.nodes[v, STAT] >= 0:
        given_back(pool.stats, pool.counters, STATS, pool.nodes[v, STAT])
    if pool.nodes[v, FEATURE] < 0:
        row = pool.nodes[v, LEFT]
        while row >= 0:
            after = pool.chunks[row, 0]
            given_back(pool.chunks, pool.counters, CHUNKS, row)
            row = after
    pool.cuts[v] = 0.0
    for c in range(pool.sums.shape[1]):
        pool.sums[v, c] = 0
    given_back(pool.nodes, pool.counters, NODES, v)


@kernel
def let_go(pool: Pool, root: int) -> None:
    """One reference less; whatever nobody refers to any more is erased."""
    waiting = [root]
    while len(waiting) > 0:
        v = waiting.pop()
        if v < 0:  # a child that there was no room for
            continue
        pool.nodes[v, REFS] -= 1
        if pool.nodes[v, REFS] == 0:
            if pool.nodes[v, FEATURE] >= 0:
                waiting.append(pool.nodes[v, LEFT])
                waiting.append(pool.nodes[v, RIGHT])
            erase(pool, v)


@kernel
def gather(pool: Pool, root: int, alive: NDArray[np.bool_], slots: NDArray[np.int32], most: int) -> int:
    """Write the records under a node that are still there to ``slots``; how many, at most ``most``."""
    if pool.nodes[root, FEATURE] < 0:
        return gather_leaf(pool, root, alive, slots, 0, most)
    seen, leaves, n, m, count = [root], [root], 0, 0, 0
    while n < len(seen):  # level by level: what is asked for is there when its turn comes
        v = seen[n]
        n += 1
        left, right = pool.nodes[v, LEFT], pool.nodes[v, RIGHT]
        if pool.nodes[v, FEATURE] < 0:
            ask_for(pool.chunks, left)
            leaves.append(v)
            continue
        ask_for(pool.nodes, left)
        ask_for(pool.nodes, right)
        seen.append(left)
        seen.append(right)
    while m + 1 < len(leaves):
        m += 1
        count = gather_leaf(pool, leaves[m], alive, slots, count, most)
    return count


@uncounted
def gather_leaf(
    pool: Pool, leaf: int, alive: NDArray[np.bool_], slots: NDArray[np.int32], count: int, most: int
) -> int:
    """The same of a leaf, behind those written; how many there are now."""
    row = pool.nodes[leaf, LEFT]
    while row >= 0:
        for i in range(1, CHUNK):
            slot = pool.chunks[row, i]
            if slot >= 0 and alive[slot] and count < most:
                slots[count] = slot
                count += 1
        row = pool.chunks[row, 0]
    return count


@kernel
def anyone(pool: Pool, root: int, alive: NDArray[np.bool_]) -> int:
    """A record under a node that is still there; -1 where there is none."""
    waiting = [root]
    while len(waiting) > 0:
        v = waiting.pop()
        if pool.nodes[v, FEATURE] >= 0:
            waiting.append(pool.nodes[v, RIGHT])
            waiting.append(pool.nodes[v, LEFT])
            continue
        row = pool.nodes[v, LEFT]
        while row >= 0:
            for slot in pool.chunks[row, 1:]:
                if slot >= 0 and alive[slot]:
                    return int(slot)
            row = pool.chunks[row, 0]
    return -1
