"""A subtree from its records: what it is depends on their set, on the path, and on nothing else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from expunge.methods.trees._candidates import Column, column_for, cut_of, lent_column, scan_codes, scan_numbers, tally
from expunge.methods.trees._choice import choose, stride
from expunge.methods.trees._compiled import ask_for, kernel, lent, uncounted
from expunge.methods.trees._hashing import missing_right, of_child, of_cuts, of_feature
from expunge.methods.trees._layout import (
    CANDIDATES,
    FEATURE,
    FEATURES,
    FULL,
    JOB,
    LEFT,
    MAX_DEPTH,
    MIN_SPLIT,
    MISSING,
    NAME,
    NUMBERS,
    RIGHT,
    SIDE,
    SKIPPED,
    STAT,
    STATS,
    TO_LARGER,
    USED,
    WEIGHT,
    Held,
    Pool,
    Rule,
    lent_pool,
    lent_rule,
)
from expunge.methods.trees._rows import new_node, put, taken

if TYPE_CHECKING:
    from numpy.typing import NDArray

TURNED = 64  # features up to which the records of a subtree are laid out column by column
FEW = 24  # records from which on that pays
AHEAD = 8  # records between one that is copied and the one that memory is asked for


class Source(NamedTuple):
    """Records to build from: those that ``at`` counts.

    Attributes
    ----------
    values : (d, m) or (slots, d) float64
        Column by column where ``turned``, else as they are held.
    y, weight : int64
    at : (m,) int32
        In the order that splitting brings them into.
    slots : (m,) int32
        Where they are held, by what ``at`` holds; as ``at`` itself where not ``turned``.
    """

    values: NDArray[np.float64]
    y: NDArray[np.int64]
    weight: NDArray[np.int64]
    at: NDArray[np.int32]
    turned: int


class Space(NamedTuple):
    """Where one node at a time is looked at.

    Attributes
    ----------
    column : Column
        One feature of the node's records.
    order : (d,) int64
        Features in the node's order, a heap.
    row : statistics
    """

    column: Column
    order: NDArray[np.int64]
    row: NDArray[Any]


@kernel
def space(m: int, d: int, pool: Pool, settings: NDArray[np.int64]) -> Space:
    """Room for nodes of up to m records."""
    row = np.zeros(pool.stats.shape[1], pool.stats.dtype)
    return Space(column_for(m, settings), np.empty(d, np.int64), row)


@kernel
def source(held: Held, slots: NDArray[np.int32]) -> Source:
    """The records of these slots; few features are copied side by side, many are read where they lie."""
    X, labels, weights = held  # taken out once: each time costs an atomic addition
    d, m = X.shape[1], len(slots)
    if d > TURNED or m < FEW:
        return Source(X, labels, weights, slots.copy(), 0)
    values = np.empty((d, m))
    y, weight = np.empty(m, np.int64), np.empty(m, np.int64)
    for i in range(m):
        slot = slots[i]
        ask_for(X, slots[min(i + AHEAD, m - 1)])
        y[i], weight[i] = labels[slot], weights[slot]
        for f in range(d):
            values[f, i] = X[slot, f]
    return Source(values, y, weight, np.arange(m).astype(np.int32), 1)


@uncounted
def read(values: Any, turned: int, at: NDArray[np.int32], f: int, x: NDArray[np.float64]) -> tuple[float, float, int]:
    """One feature of some records, to ``x``: its lowest and highest number, and how many are not missing."""
    lo, hi, there = math.inf, -math.inf, 0
    for k in range(len(at)):
        v = values[f, at[k]] if turned == 1 else values[at[k], f]
        x[k] = v
        lo = min(lo, v)
        hi = max(hi, v)
        there += not np.isnan(v)
    return lo, hi, there


@uncounted
def sift(order: NDArray[np.int64], a: int, size: int) -> None:
    """Put an entry of a heap where it belongs; the least is at the top."""
    while 2 * a + 1 < size:
        b = 2 * a + 1
        b += b + 1 < size and order[b + 1] < order[b]
        if order[a] <= order[b]:
            return
        order[a], order[b] = order[b], order[a]
        a = b


@uncounted
def heap(order: NDArray[np.int64], names: NDArray[np.uint32], seed: Any) -> None:
    """All features by the keyed hash of their names at this node; equal ones by column."""
    d = len(order)
    for f in range(d):
        order[f] = np.int64(of_feature(seed, names[f])) << 24 | f
    for a in range(d // 2 - 1, -1, -1):
        sift(order, a, d)


@uncounted
def scan(z: Column, m: int, seen: tuple[float, float, int], draw: Any, rule: Rule, f: int, row: Any, at: int) -> bool:
    """What a feature offers, to an erased part of ``row``; False where it is constant."""
    for k in range(stride(rule.settings)):
        row[at + k] = 0
    row[at + NAME] = f
    if rule.categories[f] == 1:
        return scan_codes(z, m, seen, draw, rule.settings, row, at)
    return scan_numbers(z, m, seen, draw, rule.settings, row, at)


@uncounted
def fill(of: Source, at: NDArray[np.int32], seed: Any, rule: Rule, z: Space) -> tuple[int, int]:
    """All candidates of a node: the first features in its order that are not constant; how many, how many skipped."""
    m, size, used, skipped, step = len(at), len(z.order), 0, 0, stride(rule.settings)
    for i in range(m):
        z.column.y[i], z.column.weight[i] = of.y[at[i]], of.weight[at[i]]
    heap(z.order, rule.names, seed)
    while used < rule.settings[FEATURES] and size > 0:
        first = z.order[0]
        size -= 1
        z.order[0] = z.order[size]
        sift(z.order, 0, size)
        f = int(first & 0xFFFFFF)
        seen = read(of.values, of.turned, at, f, z.column.x)
        if scan(z.column, m, seen, of_cuts(seed, first >> 24), rule, f, z.row, used * step):
            used += 1
        else:
            skipped += 1
    for k in range(used * step, len(z.row)):
        z.row[k] = 0
    return used, skipped


@uncounted
def stops(sums: NDArray[Any], weight: int, depth: int, settings: NDArray[np.int64]) -> bool:
    """Whether a node is a leaf whatever its candidates: too small, too deep, or of one class."""
    if weight < settings[MIN_SPLIT] or depth >= settings[MAX_DEPTH]:
        return True
    if settings[NUMBERS] == 0:
        for c in range(len(sums)):
            if sums[c] == weight:
                return True
    return False


@uncounted
def goes_left(x: float, cut: float, coded: int, side: int) -> bool:
    """The one rule by which records are divided, in learning, forgetting and predicting."""
    if np.isnan(x):
        return side == 0
    return x == cut if coded == 1 else x < cut


@uncounted
def describe(pool: Pool, v: int, best: int, used: int, skipped: int, seed: Any, rule: Rule, row: NDArray[Any]) -> None:
    """Make an inner node of a new one, which lacks its children and its statistics still."""
    nodes, s, step = pool.nodes, rule.settings[CANDIDATES], stride(rule.settings)
    at = best // s * step
    f = row[at + NAME]
    pool.cuts[v] = cut_of(row, at, best % s, rule.categories[f])
    nodes[v, LEFT], nodes[v, RIGHT], nodes[v, FEATURE], nodes[v, USED], nodes[v, SKIPPED] = -1, -1, f, used, skipped
    lost = missing_right(of_cuts(seed, of_feature(seed, rule.names[f])))
    nodes[v, SIDE] = lost if row[at + MISSING] > 0 else TO_LARGER


@uncounted
def note(pool: Pool, v: int, row: NDArray[Any]) -> bool:
    """Copy what is known of the candidates of a node; whether there was room."""
    stat = taken(pool.stats, pool.counters, STATS)
    pool.nodes[v, STAT] = stat
    if stat < 0:
        return False
    for k in range(len(row)):
        pool.stats[stat, k] = row[k]
    return True


@uncounted
def divide(
    of: Source, at: NDArray[np.int32], kept: NDArray[np.int64], cut: float, f: int, coded: int, side: int
) -> int:
    """Bring the records that go left before those that go right; how many go left. ``kept`` is room."""
    left, right = 0, 0
    for i in range(len(at)):
        x = of.values[f, at[i]] if of.turned == 1 else of.values[at[i], f]
        goes = goes_left(x, cut, coded, side)
        at[left] = kept[right] = at[i]  # written to both sides, kept on one: quicker than guessing
        left += goes
        right += not goes
    for i in range(right):
        at[left + i] = kept[i]
    return left


@uncounted
def count(of: Source, at: NDArray[np.int32], sums: NDArray[Any], numbers: int) -> int:
    """The sums of some records; their weight."""
    total = 0
    for i in at:
        tally(sums, 0, of.y[i], of.weight[i], numbers)
        total += of.weight[i]
    return total


@kernel
def lent_source(s: Source) -> Source:
    """The records to build from, lent."""
    return Source(lent(s.values), lent(s.y), lent(s.weight), lent(s.at), s.turned)


@kernel
def lent_space(z: Space) -> Space:
    """The room, lent."""
    return Space(lent_column(z.column), lent(z.order), lent(z.row))


@uncounted
def push(todo: NDArray[np.int64], seeds: Any, n: int, job: tuple[int, int, int, int, int], seed: Any) -> int:
    """One entry more of a stack of n; how many there are now."""
    for k in range(JOB):
        todo[n, k] = job[k]
    seeds[n] = seed
    return n + 1


@kernel
def build(pool: Pool, held: Held, slots: NDArray[np.int32], jobs: NDArray[np.int64], seeds: Any, rule: Rule) -> int:
    """Subtrees of the records in these slots, put where the jobs say; a root, where one is asked for.

    Where there is no room FULL is set, and what was made is not whole.

    Parameters
    ----------
    jobs : (m, JOB)
        The parent (-1: none, a root) and its LEFT or RIGHT; first and last slot; depth.
    seeds : (m,) uint64
        Names of the nodes to make.
    """
    of, z = source(held, slots), space(len(slots), held.X.shape[1], pool, rule.settings)
    most = len(jobs) + rule.settings[MAX_DEPTH] + 2
    todo, names = np.empty((most, JOB), np.int64), np.empty(most, np.uint64)
    todo[: len(jobs)], names[: len(jobs)] = jobs, seeds
    return build_of(pool, of, z, slots, todo, names, len(jobs), rule)


@uncounted
def build_of(
    own_pool: Pool, own: Source, room: Space, slots: NDArray[np.int32], todo: Any, names: Any, n: int, own_rule: Rule
) -> int:
    """`build`, of records that were read."""
    pool, of, z, rule = lent_pool(own_pool), lent_source(own), lent_space(room), lent_rule(own_rule)
    root = -1
    while n > 0:
        n -= 1
        parent, side, lo, hi, depth, seed = todo[n, 0], todo[n, 1], todo[n, 2], todo[n, 3], todo[n, 4], names[n]
        at, v = of.at[lo:hi], new_node(pool)
        if parent < 0:
            root = v
        else:
            pool.nodes[parent, side] = v
        if v < 0:
            break
        weight = count(of, at, pool.sums[v], rule.settings[NUMBERS])
        pool.nodes[v, WEIGHT] = weight
        best = -1
        if not stops(pool.sums[v], weight, depth, rule.settings):
            used, skipped = fill(of, at, seed, rule, z)
            best = choose(z.row, used, pool.sums[v], weight, rule.settings)
        if best < 0:
            put(pool, v, slots, at, of.turned)
        else:
            describe(pool, v, best, used, skipped, seed, rule, z.row)
            note(pool, v, z.row)
            f = pool.nodes[v, FEATURE]
            right = missing_right(of_cuts(seed, of_feature(seed, rule.names[f])))
            mid = lo + divide(of, at, z.column.cells, pool.cuts[v], f, rule.categories[f], right)
            n = push(todo, names, n, (v, RIGHT, mid, hi, depth + 1), of_child(seed, 1))
            n = push(todo, names, n, (v, LEFT, lo, mid, depth + 1), of_child(seed, 0))
        if pool.counters[FULL] == 1:
            break
    return root
