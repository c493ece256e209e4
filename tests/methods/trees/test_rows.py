"""Rows are taken, erased and taken again; a leaf's records are all found."""

from __future__ import annotations

from typing import Any

import numpy as np


def pool_of(k: Any, room: int) -> Any:
    return k.Pool(
        np.zeros((room, k.NODE), np.int32), np.zeros(room), np.zeros((room, 2), np.int32),
        np.zeros((room, 5), np.int32), np.zeros((room, k.CHUNK), np.int32), np.zeros(k.COUNTERS, np.int64),
    )  # fmt: skip


def test_a_row_given_back_is_zeroed_and_taken_first(plain: Any) -> None:
    k = plain()
    pool = pool_of(k, 3)
    assert [k.taken(pool.stats, pool.counters, k.STATS) for _ in range(3)] == [0, 1, 2]
    assert k.taken(pool.stats, pool.counters, k.STATS) == -1
    assert pool.counters[k.FULL] == 1
    pool.stats[1:] = 7
    k.given_back(pool.stats, pool.counters, k.STATS, 1)
    k.given_back(pool.stats, pool.counters, k.STATS, 2)
    assert not pool.stats[:, 1:].any()
    assert [k.taken(pool.stats, pool.counters, k.STATS) for _ in range(2)] == [2, 1]
    assert not pool.stats.any()


def test_the_records_of_a_leaf_are_found_and_erased_with_it(plain: Any) -> None:
    k = plain()
    pool, slots = pool_of(k, 8), np.arange(20, dtype=np.int32)
    leaf = k.new_node(pool)
    k.put(pool, leaf, slots, slots, 0)
    alive, found = np.ones(20, bool), np.empty(20, np.int32)
    alive[[3, 19]] = False
    count = k.gather(pool, leaf, alive, found, 20)
    assert sorted(found[:count].tolist()) == [a for a in range(20) if a not in (3, 19)]
    assert k.gather(pool, leaf, alive, found, 5) == 5
    assert k.anyone(pool, leaf, alive) in found[:count]
    assert k.anyone(pool, leaf, np.arange(20) == 11) == 11
    assert k.anyone(pool, leaf, np.zeros(20, bool)) == -1
    k.let_go(pool, leaf)
    assert not pool.chunks[:, 1:].any()
    assert not pool.nodes[:, 1:].any()


def test_a_leaf_without_room_says_so(plain: Any) -> None:
    k = plain()
    pool, slots = pool_of(k, 1), np.arange(20, dtype=np.int32)
    leaf = k.new_node(pool)
    k.put(pool, leaf, slots, slots, 0)
    assert pool.counters[k.FULL] == 1
    assert k.new_node(pool) == -1
    k.let_go(pool, leaf)
    assert k.new_node(pool) == leaf
