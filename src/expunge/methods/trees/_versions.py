"""Trees while they are used: pools that grow, versions that share them, and the records that the trees count.

A `Version` is never changed. The next one shares the rows of all nodes that are the same; when a version is garbage,
its own rows are zeroed, and so are the records that no version holds any more.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.methods.trees._census import Census
from expunge.methods.trees._hashing import changes_by_tree, count_by_tree
from expunge.methods.trees._layout import (
    CANDIDATES,
    CHUNK,
    COUNTERS,
    FEATURES,
    FRESH,
    HEAD,
    NODE,
    NUMBERS,
    WIDTH,
    Held,
    Pool,
    Rule,
)
from expunge.methods.trees._model import Bulk
from expunge.methods.trees._rows import new_node
from expunge.methods.trees._update import Changes, advance, let_all_go
from expunge.methods.trees._walk import flatten, measure, unflatten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


NOBODY = np.zeros(0, np.int64)
MANY = 256  # changes from which on threads are worth their start
MOST_GROUPS = 16


class Grove:
    """A pool for some of the trees. Who makes new rows or lets go of old ones holds the lock; who reads does not."""

    def __init__(self, rule: Rule, seeds: NDArray[np.uint64], room: int) -> None:
        self.rule, self.seeds, width = rule, np.ascontiguousarray(seeds), int(rule.settings[WIDTH])
        self.lock = threading.Lock()
        self.waiting: deque[NDArray[np.int64]] = deque()
        numbers = bool(rule.settings[NUMBERS])
        kind = np.int64 if numbers else np.int32
        columns = int(rule.settings[FEATURES] * (HEAD + rule.settings[CANDIDATES] * (1 + width)))
        self.pool = Pool(
            np.zeros((room, NODE), np.int32),
            np.zeros(room),
            np.zeros((room, width), kind),
            np.zeros((room // 2 + 1, columns), kind),
            np.zeros((room, CHUNK), np.int32),
            np.zeros(COUNTERS, np.int64),
        )

    def grow(self, share: float) -> None:
        """Make room: for what is to come when ``share`` of the work is done, and for more than half as much again.

        Rows that nobody has written take no memory, but for a moment all others are held twice and are copied.
        """
        used = self.pool.counters[FRESH : FRESH + 3]
        tables: list[Any] = []
        table: Any
        for place, table in zip((0, 0, 0, 1, 2), self.pool[:5], strict=True):
            wanted = int(used[place] * max(1.05 / max(share, 0.05), 1.6)) + 64
            longer = np.zeros((max(wanted, len(table)), *table.shape[1:]), table.dtype)
            longer[: len(table)] = table
            tables.append(longer)
        self.pool = Pool(tables[0], tables[1], tables[2], tables[3], tables[4], self.pool.counters)

    def planted(self) -> NDArray[np.int64]:
        """Roots of trees without records."""
        with self.lock:
            while len(self.pool.nodes) <= len(self.seeds):
                self.grow(0.5)
            return np.array([new_node(self.pool) for _ in self.seeds], np.int64)

    def advanced(self, roots: Any, held: Held, changes: Changes) -> tuple[Any, int]:
        """New roots, and how many records were read."""
        made = np.zeros((len(roots), 2), np.int64)
        made[:, 0] = roots
        with self.lock:
            done = 0
            while (done := advance(self.pool, held, self.rule, self.seeds, changes, made, done)) < len(roots):
                self.grow(done / len(roots))
        self.tidy()
        return made[:, 0].copy(), int(made[:, 1].sum())

    def let_go(self, roots: NDArray[np.int64]) -> None:
        """Let go of trees, now or, where somebody else makes some, a moment later."""
        self.waiting.append(roots)
        self.tidy()

    def tidy(self) -> None:
        """Let go of whatever waits for it, unless somebody is at work, who will."""
        while self.waiting and self.lock.acquire(blocking=False):
            try:
                while self.waiting:
                    let_all_go(self.pool, self.waiting.popleft())
            finally:
                self.lock.release()


class Standing:
    """One version of the trees of a grove; lets go of them when nobody has it any more."""

    def __init__(self, grove: Grove, roots: NDArray[np.int64]) -> None:
        self.grove, self.roots = grove, roots

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if not ending():
            self.grove.let_go(self.roots)


class Version:
    """All trees of one model, and the records in them.

    Attributes
    ----------
    parts : tuple of Standing
        Tree t is of the part ``t % len(parts)``, at ``t // len(parts)``.
    sizes : (trees,) int64
        Records of each tree.
    occupants : (trees, 2) uint64
        The sum of their digests.
    alive : (slots,) bool
    roster : Roster or None
        The records; None where nobody has shown them.
    census : Census
    into : (k,) int64
        Slots that came with it; those that the version before had and this one has not, ``out``, the roster is told.
    """

    def __init__(
        self,
        parts: tuple[Standing, ...],
        sizes: Any,
        occupants: Any,
        alive: Any,
        roster: Any,
        census: Census,
        out: NDArray[np.int64] = NOBODY,
        into: NDArray[np.int64] = NOBODY,
    ) -> None:
        self.parts, self.sizes, self.occupants, self.alive = parts, sizes, occupants, alive
        self.roster, self.census, self.into = roster, census, into
        if roster is not None:
            roster.entered(self, out)

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if self.roster is not None and not ending():
            self.roster.left(self, self.into)

    def holds(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each of these records is one of this version."""
        if len(slots) == 1:  # as most requests have it
            return np.array([slots[0] < len(self.alive) and self.alive[slots[0]]])
        made, there = np.zeros(len(slots), bool), slots < len(self.alive)
        made[there] = self.alive[slots[there]]
        return made

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(width,) columns of the sums that are there for whoever looks."""
        return self.census.kept

    @property
    def trees(self) -> int:
        """How many trees there are."""
        return len(self.sizes)

    def tree(self, number: int) -> tuple[Pool, int]:
        """The pool of a tree, and its root."""
        part = self.parts[number % len(self.parts)]
        return part.grove.pool, int(part.roots[number // len(self.parts)])

    def ranks(self) -> NDArray[np.int32]:
        """(slots,) the place of each record among all, in the order of their ids."""
        if self.roster is None:
            return np.arange(len(self.alive), dtype=np.int32)
        made: NDArray[np.int32] = self.roster.ranks(self.alive)
        return made

    def bulk(self, numbers: Sequence[int] | None = None) -> Bulk:
        """The trees, or some of them, as arrays that say nothing of how they came about."""
        ranks, rule = self.ranks(), self.parts[0].grove.rule
        trees = [self.tree(t) for t in (range(self.trees) if numbers is None else numbers)]
        starts = np.zeros((len(trees) + 1, 3), np.int64)
        for t, tree in enumerate(trees):
            starts[t + 1] = starts[t] + measure(*tree)
        n, s, m = (int(end) for end in starts[-1])
        pool, _ = trees[0]
        nodes, cuts = np.zeros((n, NODE), np.int32), np.zeros(n)
        sums, stats = (
            np.zeros((n, pool.sums.shape[1]), pool.sums.dtype),
            np.zeros((s, pool.stats.shape[1]), pool.stats.dtype),
        )
        members = np.zeros(m, np.int32)
        for t, tree in enumerate(trees):
            (a, b, c), (x, y, z) = starts[t], starts[t + 1]
            flatten(*tree, nodes[a:x], cuts[a:x], sums[a:x], stats[b:y], members[c:z], ranks)
        if not self.census.whole:
            sums, stats = np.ascontiguousarray(sums[:, self.kept]), without(stats, self.kept, rule)
        return Bulk(starts, nodes, cuts, sums, stats, members)

    def advanced(self, out: Any, into: Any, k: int, threads: int) -> tuple[Version, int]:
        """The next version, without the slots ``out`` and with ``into``, and how many records were read."""
        roster = self.roster
        moved, signs = np.concatenate([out, into]), np.ones(len(out) + len(into), np.int64)
        signs[: len(out)] = -1
        start, slots, each = changes_by_tree(moved, signs, roster.units, roster.weight, self.trees, k)
        alive = np.zeros(roster.count, bool)
        alive[: len(self.alive)] = self.alive
        alive[out], alive[into] = False, True
        made = self._made(Changes(start, slots, each, alive, self.sizes), roster.held, threads)
        sizes, occupants = self.sizes.copy(), self.occupants.copy()
        count_by_tree(start, slots, each, roster.digests, sizes, occupants)
        parts = tuple(Standing(old.grove, roots) for old, (roots, _) in zip(self.parts, made, strict=True))
        census = self.census.after(roster, moved, signs)
        version = Version(parts, sizes, occupants, alive, roster, census, out, into)
        return version, sum(read for _, read in made)

    def _made(self, changes: Changes, held: Held, threads: int) -> list[tuple[Any, int]]:
        groups = len(self.parts)

        def work(g: int) -> tuple[Any, int]:
            part = self.parts[g]
            own = changes if groups == 1 else of_group(changes, g, groups)
            return part.grove.advanced(part.roots, held, own)

        if min(threads, groups) == 1 or len(changes.slots) < MANY:
            return [work(g) for g in range(groups)]
        with ThreadPoolExecutor(min(threads, groups)) as pool:
            return list(pool.map(work, range(groups)))


def of_group(changes: Changes, g: int, groups: int) -> Changes:
    """The changes of the trees of one part."""
    trees = np.arange(len(changes.sizes))[g::groups]
    counts = np.diff(changes.start)[trees]
    rows = np.concatenate([np.arange(changes.start[t], changes.start[t + 1]) for t in trees]).astype(np.intp)
    start = np.concatenate([[0], np.cumsum(counts)])
    return Changes(start, changes.slots[rows], changes.signs[rows], changes.alive, changes.sizes[trees])


def without(stats: NDArray[Any], kept: NDArray[np.bool_], rule: Rule) -> NDArray[Any]:
    """Statistics without the columns of classes that no record has."""
    p, s, width = int(rule.settings[FEATURES]), int(rule.settings[CANDIDATES]), len(kept)
    parts = stats.reshape(len(stats), p, HEAD + s * (1 + width))
    head, sums = parts[:, :, : HEAD + s], parts[:, :, HEAD + s :].reshape(len(stats), p, s, width)[..., kept]
    left = s * int(kept.sum())
    made = np.concatenate([head, sums.reshape(len(stats), p, left)], axis=2)
    return np.ascontiguousarray(made.reshape(len(stats), p * (HEAD + s + left)))


def empty(groups: int, rule: Rule, seeds: NDArray[np.uint64], room: int) -> tuple[Standing, ...]:
    """Trees without records, in as many pools as may be worked on at a time."""
    groves = [Grove(rule, seeds[g::groups], room // groups + 64) for g in range(groups)]
    return tuple(Standing(grove, grove.planted()) for grove in groves)


def loaded(bulk: Bulk, groups: int, rule: Rule, seeds: NDArray[np.uint64]) -> tuple[Standing, ...]:
    """Trees from their arrays, with ranks for slots."""
    trees, parts = len(bulk.starts) - 1, []
    for g in range(groups):
        numbers = range(g, trees, groups)
        grove = Grove(rule, seeds[g::groups], int(len(bulk.nodes) * 1.6 / groups) + 64)
        parts.append(Standing(grove, np.array([_placed(grove, bulk, t) for t in numbers], np.int64)))
    return tuple(parts)


def _placed(grove: Grove, bulk: Bulk, t: int) -> int:
    (a, b, c), (x, y, z) = bulk.starts[t], bulk.starts[t + 1]
    given = bulk.nodes[a:x], bulk.cuts[a:x], bulk.sums[a:x], bulk.stats[b:y], bulk.members[c:z]
    while (root := unflatten(grove.pool, *given)) < 0:
        grove.pool.counters[-1] = 0
        grove.grow(0.5)
    return int(root)
