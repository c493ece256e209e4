"""A node's candidates after some records went and others came: followed in place, or looked for anew where need be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.methods.trees._build import read, scan
from expunge.methods.trees._candidates import (
    Column,
    adjust_code,
    adjust_number,
    base_of,
    column_for,
    lent_column,
    outdated,
)
from expunge.methods.trees._cells import factors
from expunge.methods.trees._changes import Desk, News
from expunge.methods.trees._choice import stride
from expunge.methods.trees._compiled import kernel, uncounted
from expunge.methods.trees._hashing import of_cuts, of_feature
from expunge.methods.trees._layout import (
    FEATURES,
    LEVEL,
    MISSING,
    NAME,
    SKIPPED,
    STAT,
    USED,
    Held,
    Pool,
    Rule,
)
from expunge.methods.trees._rows import anyone, gather

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAF, BELOW = -1, -2  # what a node is to be, where it keeps no split: a leaf; or built from its records


@uncounted
def remaining(pool: Pool, v: int, lo: int, hi: int, news: News, start: int) -> int:
    """Write the records under a node of the old tree, as they are now, from ``start`` on; where they end."""
    end = start + gather(pool, v, news.alive, news.found[start:], len(news.found) - start)
    for i in range(lo, hi):
        if news.signs[i] > 0:
            news.found[end] = news.slots[i]
            end += 1
    return end


@uncounted
def same(a: float, b: float) -> bool:
    """Whether two values are equal, or both are missing."""
    return a == b or (np.isnan(a) and np.isnan(b))


@uncounted
def uses(row: NDArray[Any], used: int, step: int, f: int) -> bool:
    """Whether a feature is among those that a node has chosen its candidates from."""
    for j in range(used):  # noqa: SIM110  (numba has no any of a generator)
        if row[j * step + NAME] == f:
            return True
    return False


@uncounted
def revived(pool: Pool, v: int, lo: int, hi: int, news: News, held: Held, seed: Any, rule: Rule) -> bool:
    """Whether a record that comes differs in a feature that was passed over as constant at this node."""
    if pool.nodes[v, SKIPPED] == 0 or not brings(news, lo, hi):
        return False
    old, row = anyone(pool, v, news.alive), pool.stats[pool.nodes[v, STAT]]
    if old < 0:
        return True
    used, step = int(pool.nodes[v, USED]), stride(rule.settings)
    last = row[(used - 1) * step + NAME]
    end = np.int64(of_feature(seed, rule.names[last])) << 24 | last
    for f in range(held.X.shape[1]):
        before = used < rule.settings[FEATURES] or (np.int64(of_feature(seed, rule.names[f])) << 24 | f) < end
        if before and not uses(row, used, step, f):
            for i in range(lo, hi):
                if news.signs[i] > 0 and not same(held.X[news.slots[i], f], held.X[old, f]):
                    return True
    return False


@uncounted
def brings(news: News, lo: int, hi: int) -> bool:
    """Whether one of these changes is a record that comes."""
    for i in range(lo, hi):  # noqa: SIM110  (numba has no any of a generator)
        if news.signs[i] > 0:
            return True
    return False


@uncounted
def follow(row: Any, at: int, lo: int, hi: int, news: News, held: Held, seed: Any, rule: Rule, weight: int) -> bool:
    """Follow all changes in one feature; whether it has to be looked at again."""
    f, lacking, again = row[at + NAME], row[at + MISSING], False
    draw = of_cuts(seed, of_feature(seed, rule.names[f]))
    coded = rule.categories[f]
    a, b = factors(-int(row[at + LEVEL]))
    scale = (a, b, base_of(row, at))
    for i in range(lo, hi):
        slot = news.slots[i]
        x, y, w = held.X[slot, f], held.y[slot], news.signs[i] * held.weight[slot]
        if coded == 1:
            again |= adjust_code(x, y, w, draw, rule.settings, row, at)
        else:
            again |= adjust_number(x, y, w, draw, scale, rule.settings, row, at)
    return again or outdated(row, at, lacking, weight, coded, rule.settings)


@kernel
def look_again(row: Any, again: Any, used: int, found: NDArray[np.int32], held: Held, seed: Any, rule: Rule) -> bool:
    """Scan the marked features anew over the records of the node; False where one of them is constant now."""
    return look_again_in(column_for(len(found), rule.settings), row, again, used, found, held, seed, rule)


@uncounted
def look_again_in(
    room: Column, row: Any, again: Any, used: int, found: NDArray[np.int32], held: Held, seed: Any, rule: Rule
) -> bool:
    """`look_again`, with room for a column."""
    m, step, z = len(found), stride(rule.settings), lent_column(room)
    for i in range(m):
        z.y[i], z.weight[i] = held.y[found[i]], held.weight[found[i]]
    for j in range(used):
        if again[j]:
            f = row[j * step + NAME]
            seen = read(held.X, 0, found, f, z.x)
            draw = of_cuts(seed, of_feature(seed, rule.names[f]))
            if not scan(z, m, seen, draw, rule, f, row, j * step):
                return False
    return True


@uncounted
def followed(
    pool: Pool,
    v: int,
    row: NDArray[Any],
    lo: int,
    hi: int,
    news: News,
    held: Held,
    seed: Any,
    rule: Rule,
    weight: int,
    desk: Desk,
    start: int,
) -> int:
    """Bring a copy of a node's candidates up to date; how many were read, BELOW: its features are others now."""
    if revived(pool, v, lo, hi, news, held, seed, rule):
        return BELOW
    step, used, some = stride(rule.settings), int(pool.nodes[v, USED]), False
    for j in range(used):
        desk.again[j] = follow(row, j * step, lo, hi, news, held, seed, rule, weight)
        some |= desk.again[j]
    if not some:
        return 0
    end = remaining(pool, v, lo, hi, news, start)
    return end - start if look_again(row, desk.again, used, news.found[start:end], held, seed, rule) else BELOW
