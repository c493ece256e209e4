"""A tree after any changes is the one built of what is there; each of nine planted bugs is caught by that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

SEED = np.uint64(0x1234567890ABCDEF)


class Grown:
    """One tree of a few records, by kernels of plain Python."""

    def __init__(self, k: Any, X: Any, y: Any, coded: Any, settings: tuple[int, ...], gone: Any = ()) -> None:
        self.k, width = k, 3 if settings[-1] else int(max(y, default=0)) + 1
        self.rule = k.Rule(
            np.array([settings[0], settings[1], width, *settings[2:]], np.int64),
            (np.arange(X.shape[1]) * 2654435761 % 2**32).astype(np.uint32),
            np.array(coded, np.uint8),
        )
        self.held = k.Held(X, np.asarray(y, np.int64), np.ones(len(X), np.int64))
        row = settings[0] * (k.HEAD + settings[1] * (1 + width))
        room, kind = 4 * len(X) + 50, np.int64 if settings[-1] else np.int32
        self.pool = k.Pool(
            np.zeros((room, k.NODE), np.int32), np.zeros(room), np.zeros((room, width), kind),
            np.zeros((room, row), kind), np.zeros((room, k.CHUNK), np.int32), np.zeros(k.COUNTERS, np.int64),
        )  # fmt: skip
        self.root, self.size = k.new_node(self.pool), 0

    def change(self, out: list[int], into: list[int]) -> None:
        """Take records out and put others in."""
        k, alive = self.k, np.ones(len(self.held.X), bool)
        alive[out] = False
        slots = np.array([*out, *into], np.int32)
        signs = np.array([-1] * len(out) + [1] * len(into), np.int64)
        roots = np.array([[self.root, 0]], np.int64)
        changes = k.Changes(np.array([0, len(slots)]), slots, signs, alive, np.array([self.size]))
        assert k.advance(self.pool, self.held, self.rule, np.array([SEED]), changes, roots, 0) == 1
        k.let_go(self.pool, self.root)
        self.root, self.size = int(roots[0, 0]), self.size - len(out) + len(into)

    def flat(self) -> list[Any]:
        """All that the tree is."""
        k, pool = self.k, self.pool
        n, s, m = k.measure(pool, self.root)
        made = [
            np.zeros((n, k.NODE), np.int32), np.zeros(n), np.zeros((n, pool.sums.shape[1]), pool.sums.dtype),
            np.zeros((s, pool.stats.shape[1]), pool.stats.dtype), np.zeros(m, np.int32),
        ]  # fmt: skip
        k.flatten(pool, self.root, *made, np.arange(len(self.held.X), dtype=np.int32))
        return [array.tolist() for array in made]

    def zeroed(self) -> bool:
        """Whether nothing lies in rows that nobody refers to."""
        free = self.pool.nodes[:, self.k.REFS] == 0
        rows = len(self.pool.stats) - self.k.measure(self.pool, self.root)[1]
        empty = ~self.pool.stats[:, 1:].any(axis=1)
        return not self.pool.nodes[free, 1:].any() and not self.pool.sums[free].any() and bool(empty.sum() >= rows)


def problem(seed: int) -> tuple[Any, Any, list[int], tuple[int, ...]]:
    """Few records with ties, gaps, outliers, codes and constants, and settings."""
    random = np.random.default_rng(seed)
    n = int(random.integers(6, 40))
    x = random.normal(size=n)
    columns = [x, x.round(0), random.integers(0, 3, n).astype(float), np.where(x > 1, np.nan, x), np.full(n, 4.0)]
    columns += [np.where(random.random(n) < 0.1, 1e6, x), (random.random(n) < 0.1).astype(float)]
    numbers = int(seed % 3 == 0)
    y = random.integers(-5, 5, n) << int(random.choice([0, 30, 40])) if numbers else random.integers(0, 3, n)
    chosen = (int(random.integers(1, 8)), int(random.choice([1, 2, 4])), 2, int(random.choice([1, 3, 20])))
    return np.column_stack(columns), y, [0, 0, 1, 0, 0, 0, 0], (*chosen, int(random.choice([1, 1, 3])), numbers)


def broken(k: Any, seed: int) -> str | None:
    """What a stream of changes to one tree does wrong; None when all is right."""
    X, y, coded, settings = problem(seed)
    random = np.random.default_rng(seed + 1)
    there, outside = set(range(len(X) // 2)), set(range(len(X) // 2, len(X)))
    tree = Grown(k, X, y, coded, settings)
    tree.change([], sorted(there))
    for _ in range(5):
        out = [int(a) for a in random.permutation(sorted(there))[: random.integers(0, 4)]]
        into = [int(a) for a in random.permutation(sorted(outside))[: random.integers(0, 3)]]
        if not out and not into:
            continue
        tree.change(out, into)
        there, outside = (there - set(out)) | set(into), (outside - set(into)) | set(out)
        afresh = Grown(k, X, y, coded, settings)
        afresh.change([], [int(a) for a in random.permutation(sorted(there))])
        if tree.flat() != afresh.flat():
            return "not the tree of the records that are there"
        if not tree.zeroed():
            return "what was there still lies in free rows"
    return None


def test_any_changes_end_in_the_tree_of_what_is_there(plain: Any) -> None:
    kernels = plain()
    assert {broken(kernels, seed) for seed in range(40)} == {None}


MUTANTS = {
    "no second look at emptied cells": {"_candidates": ("row[at + AT_BASE] == 0 or row[at + AT_TOP] == 0 or ", "")},
    "a changed cut is not noticed": {
        "_update": (
            "stays = pool.nodes[u, FEATURE] == pool.nodes[v, FEATURE] and pool.cuts[u] == pool.cuts[v]",
            "stays = pool.nodes[u, FEATURE] == pool.nodes[v, FEATURE]",
        )
    },
    "a leaf stays a leaf": {
        "_update": (
            "    if pool.nodes[v, FEATURE] < 0:\n        return BELOW\n",
            "    if pool.nodes[v, FEATURE] < 0:\n        return LEAF if pool.nodes[v, WEIGHT] > 0 else BELOW\n",
        )
    },
    "nothing is erased": {
        "_rows": ("        table[row, column] = 0\n    table[row, 0]", "        pass\n    table[row, 0]")
    },
    "seeds go by row and not by path": {
        "_update": ("of_child(seed, child))", "of_child(seed, child + (hi - lo) % 2))")
    },
    "a constant feature is kept": {
        "_following": (
            "            if not scan(z, m, seen, draw, rule, f, row, j * step):\n                return False",
            "            scan(z, m, seen, draw, rule, f, row, j * step)",
        )
    },
    "a revived feature is overlooked": {
        "_following": ("    if revived(pool, v, lo, hi, news, held, seed, rule):\n        return BELOW\n", "")
    },
    "a new outermost value is only counted": {
        "_candidates": ("    if not lost and (c < 0 or c > top or (top == 0 and w > 0)):\n        return True\n", "")
    },
    "an emptied category stays a candidate": {
        "_candidates": ("        if w == 0 or w == weight:", "        if w == weight:")
    },
    "missing numbers that are gone are not noticed": {
        "_candidates": (" or (row[at + MISSING] > 0) != (lacking > 0)", "")
    },
    "a better split is not looked for": {"_update": ("    return read if stays else BELOW", "    return read")},
}


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_planted_bugs_are_caught(name: str, plain: Any) -> None:
    kernels = plain(**MUTANTS[name])

    def caught(seed: int) -> bool:
        try:
            return broken(kernels, seed) is not None
        except (AssertionError, IndexError, ValueError, ZeroDivisionError, FloatingPointError, RecursionError):
            return True

    assert any(caught(seed) for seed in range(150)), f"{name}: nobody noticed"
