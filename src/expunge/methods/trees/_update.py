"""A tree after some records went and others came: new rows for the nodes that change, and all others shared.

The tree that comes out is the one that `build` makes of the records that are there now. At each node that a change
reaches: follow the sums, look again for candidates only where an outermost cell, a value or all missing numbers came
or went, choose anew; where the split is the same, divide the changes and go down, else what lies below is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from expunge.methods.trees._build import build, describe, goes_left, note, push, stops
from expunge.methods.trees._candidates import tally
from expunge.methods.trees._changes import Desk, News, lent_desk, lent_news
from expunge.methods.trees._choice import choose
from expunge.methods.trees._compiled import ask_for, kernel, uncounted
from expunge.methods.trees._following import BELOW, LEAF, followed, remaining
from expunge.methods.trees._hashing import missing_right, of_child, of_cuts, of_feature
from expunge.methods.trees._layout import (
    FEATURE,
    FEATURES,
    FULL,
    JOB,
    LEFT,
    MAX_DEPTH,
    NUMBERS,
    REFS,
    RIGHT,
    SIDE,
    SKIPPED,
    STAT,
    TO_RIGHT,
    USED,
    WEIGHT,
    Held,
    Pool,
    Rule,
    lent_held,
    lent_pool,
    lent_rule,
)
from expunge.methods.trees._rows import let_go, new_node, put

if TYPE_CHECKING:
    from numpy.typing import NDArray


@uncounted
def part(pool: Pool, v: int, lo: int, hi: int, news: News, held: Held, seed: Any, rule: Rule, desk: Desk) -> int:
    """Bring the changes that go left before those that go right; where these start."""
    f, cut = pool.nodes[v, FEATURE], pool.cuts[v]
    coded, side = rule.categories[f], missing_right(of_cuts(seed, of_feature(seed, rule.names[f])))
    left, right = lo, 0
    for i in range(lo, hi):
        slot, sign = news.slots[i], news.signs[i]
        if goes_left(held.X[slot, f], cut, coded, side):
            news.slots[left], news.signs[left] = slot, sign
            left += 1
        else:
            desk.later[right], desk.signs[right] = slot, sign
            right += 1
    for i in range(right):
        news.slots[left + i], news.signs[left + i] = desk.later[i], desk.signs[i]
    return left


@uncounted
def copied(pool: Pool, v: int, lo: int, hi: int, news: News, held: Held, numbers: int) -> int:
    """A leaf without records that has the sums of a node after the changes; -1 where there is no room."""
    u = new_node(pool)
    if u < 0:
        return -1
    sums, weight = pool.sums[u], pool.nodes[v, WEIGHT]
    for c in range(pool.sums.shape[1]):
        pool.sums[u, c] = pool.sums[v, c]
    for i in range(lo, hi):
        slot = news.slots[i]
        w = news.signs[i] * held.weight[slot]
        tally(sums, 0, held.y[slot], w, numbers)
        weight += w
    pool.nodes[u, WEIGHT] = weight
    return u


@uncounted
def settled(
    pool: Pool,
    v: int,
    u: int,
    lo: int,
    hi: int,
    news: News,
    held: Held,
    depth: int,
    seed: Any,
    rule: Rule,
    desk: Desk,
    start: int,
) -> int:
    """Describe a copied node whose split stays; how many records were read, or LEAF, or BELOW: it has to be built.

    A leaf that may be split is built too: it may lack an allowed candidate no more.
    """
    weight = int(pool.nodes[u, WEIGHT])
    if stops(pool.sums[u], weight, depth, rule.settings):
        return LEAF
    if pool.nodes[v, FEATURE] < 0:
        return BELOW
    if not note(pool, u, pool.stats[pool.nodes[v, STAT]]):
        return BELOW
    row = pool.stats[pool.nodes[u, STAT]]
    read = followed(pool, v, row, lo, hi, news, held, seed, rule, weight, desk, start)
    if read == BELOW:
        return BELOW
    used = int(pool.nodes[v, USED])
    best = choose(row, used, pool.sums[u], weight, rule.settings)
    if best < 0:
        return BELOW
    describe(pool, u, best, used, int(pool.nodes[v, SKIPPED]), seed, rule, row)
    stays = pool.nodes[u, FEATURE] == pool.nodes[v, FEATURE] and pool.cuts[u] == pool.cuts[v]
    return read if stays else BELOW


@uncounted
def share(pool: Pool, u: int, v: int, child: int) -> None:
    """Give a new node a child of the old one."""
    pool.nodes[u, LEFT + child] = pool.nodes[v, LEFT + child]
    pool.nodes[pool.nodes[v, LEFT + child], REFS] += 1


@kernel
def desk_for(m: int, rule: Rule) -> Desk:
    """Room for one node after the other, of up to m changes."""
    return Desk(np.empty(rule.settings[FEATURES], np.bool_), np.empty(m, np.int32), np.empty(m, np.int64))


@kernel
def update(pool: Pool, root: int, held: Held, news: News, seed: Any, rule: Rule) -> tuple[int, int, int]:
    """The root of a tree after the changes (-1: a job), the jobs that there are for `build`, the records read.

    Each record is counted once, by the topmost node that read it. Where there is no room FULL is set.
    """
    m, most = len(news.slots), len(news.slots) + rule.settings[MAX_DEPTH] + 2
    todo, seeds, olds = np.empty((most, JOB), np.int64), np.empty(most, np.uint64), np.empty((most, 2), np.int64)
    olds[0, 0], olds[0, 1] = root, 0
    push(todo, seeds, 0, (-1, LEFT, 0, m, 0), seed)
    return update_of(pool, held, news, rule, desk_for(m, rule), todo, seeds, olds)


@uncounted
def update_of(
    own_pool: Pool, own_held: Held, own: News, own_rule: Rule, own_desk: Desk, todo: Any, seeds: Any, olds: Any
) -> tuple[int, int, int]:
    """`update`, with room for its stack: beside each entry the old node, and whether its records are counted."""
    pool, held, rule = lent_pool(own_pool), lent_held(own_held), lent_rule(own_rule)
    news, desk = lent_news(own), lent_desk(own_desk)
    zero: Any = np.int64(0)  # typed, so that nothing is compiled for a literal
    n, made, jobs, start, total = zero + 1, zero - 1, zero, zero, zero
    while n > 0 and pool.counters[FULL] == 0:
        n -= 1
        parent, side, lo, hi, depth, seed = todo[n, 0], todo[n, 1], todo[n, 2], todo[n, 3], todo[n, 4], seeds[n]
        v, counted = olds[n, 0], olds[n, 1]
        u = copied(pool, v, lo, hi, news, held, rule.settings[NUMBERS])
        if u < 0:
            break
        read = settled(pool, v, u, lo, hi, news, held, depth, seed, rule, desk, start)
        if read == BELOW:
            let_go(pool, u)
            end = remaining(pool, v, lo, hi, news, start)
            jobs = push(news.jobs, news.seeds, jobs, (parent, side, start, end, depth), seed)
            total += 0 if counted == 1 else end - start
            start = end
            continue
        total += 0 if counted == 1 else max(read, 0)
        if parent < 0:
            made = u
        else:
            pool.nodes[parent, side] = u
        if read == LEAF:
            end = remaining(pool, v, lo, hi, news, start)
            put(pool, u, news.found, news.found[start:end], 0)
            continue
        mid = part(pool, v, lo, hi, news, held, seed, rule, desk)
        for child in range(2):
            a, b = (lo, mid) if child == 0 else (mid, hi)
            if a < b:
                olds[n, 0], olds[n, 1] = pool.nodes[v, LEFT + child], 1 if counted == 1 or read > 0 else 0
                n = push(todo, seeds, n, (u, LEFT + child, a, b, depth + 1), of_child(seed, child))
            else:
                share(pool, u, v, child)
    return made, jobs, total


@kernel
def renew(pool: Pool, root: int, held: Held, news: News, seed: Any, rule: Rule) -> tuple[int, int]:
    """A tree after the changes, and how many records were read for it; -1 where there is no room."""
    made, jobs, read = update(pool, root, held, news, seed, rule)
    if pool.counters[FULL] == 0 and jobs > 0:
        end = news.jobs[jobs - 1, 3]
        top = build(pool, held, news.found[:end], news.jobs[:jobs], news.seeds[:jobs], rule)
        made = top if made < 0 else made
    if pool.counters[FULL] == 1:
        let_go(pool, made)
        pool.counters[FULL] = 0
        return -1, 0
    return made, read


FEW = 64  # changes up to which what they need is asked for ahead: more would drive it out of the caches again


class Changes(NamedTuple):
    """What changed for some trees, side by side.

    Attributes
    ----------
    start : (trees + 1,) int64
        Where the changes of each tree start.
    slots, signs : (m,) int32, (m,) int64
    alive : (all slots,) bool
        Afterwards.
    sizes : (trees,) int64
        Records of each tree before.
    """

    start: NDArray[np.int64]
    slots: NDArray[np.int32]
    signs: NDArray[np.int64]
    alive: NDArray[np.bool_]
    sizes: NDArray[np.int64]


@kernel
def rooms(changes: Changes) -> tuple[int, int]:
    """The most changes of a tree, and the most records that one has with those that come."""
    m, most = 0, 0
    for t in range(len(changes.sizes)):  # numba compiles a loop in a tenth of the time of numpy's max
        here = changes.start[t + 1] - changes.start[t]
        m, most = max(m, here), max(most, here + changes.sizes[t])
    return m, most


@kernel
def look_ahead(own_pool: Pool, own_held: Held, rule: Rule, changes: Changes, roots: Any) -> None:
    """Ask for what lies on the way of each change, all trees a level at a time, so that no line is waited for alone."""
    pool, held, v = lent_pool(own_pool), lent_held(own_held), np.empty(len(changes.slots), np.int64)
    for t in range(len(changes.sizes)):
        for i in range(changes.start[t], changes.start[t + 1]):
            v[i] = roots[t, 0]
            ask_for(pool.nodes, v[i])
            ask_for(held.X, changes.slots[i])
    going = True
    while going:
        going = False
        for i in range(len(v)):
            if v[i] < 0:
                continue
            node = pool.nodes[v[i]]
            ask_for(pool.sums, v[i])
            f = node[FEATURE]
            if f < 0:
                v[i] = -1
                continue
            going = True
            ask_for(pool.stats, node[STAT])
            left = goes_left(held.X[changes.slots[i], f], pool.cuts[v[i]], rule.categories[f], node[SIDE] == TO_RIGHT)
            v[i] = node[LEFT] if left else node[RIGHT]
            ask_for(pool.nodes, v[i])


@kernel
def advance(pool: Pool, held: Held, rule: Rule, seeds: Any, changes: Changes, roots: Any, first: int) -> int:
    """Trees after the changes, from the first one on: their roots in place of the old ones, which are kept.

    Parameters
    ----------
    roots : (trees, 2) int64
        The old root of each tree in, the new one and the records read out.

    Returns
    -------
    int
        The tree for which there was no room, or how many there are.
    """
    m, most = rooms(changes)
    if len(changes.slots) <= FEW:
        look_ahead(pool, held, rule, changes, roots)
    found, jobs, names = np.empty(most, np.int32), np.empty((m, JOB), np.int64), np.empty(m, np.uint64)
    for t in range(first, len(seeds)):
        lo, hi, root = changes.start[t], changes.start[t + 1], roots[t, 0]
        if lo == hi:
            pool.nodes[root, REFS] += 1
            continue
        room = found[: changes.sizes[t] + hi - lo]
        news = News(changes.slots[lo:hi], changes.signs[lo:hi], changes.alive, room, jobs, names)
        made, read = renew(pool, root, held, news, seeds[t], rule)
        if made < 0:
            return t
        roots[t, 0], roots[t, 1] = made, read
    return len(seeds)


@kernel
def let_all_go(pool: Pool, roots: NDArray[np.int64]) -> None:
    """One reference less to each of these trees."""
    for root in roots:
        let_go(pool, root)
