"""A subtree is a function of the set of its records; where there is no room it says so and can be let go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

SEED = np.uint64(77)


def setting(k: Any, n: int, d: int, room: int) -> Any:
    random = np.random.default_rng(n)
    X, y = random.normal(size=(n, d)).round(1), random.integers(0, 2, n)
    rule = k.Rule(np.array([3, 2, 2, 2, 20, 1, 0], np.int64), np.arange(d).astype(np.uint32), np.zeros(d, np.uint8))
    pool = k.Pool(
        np.zeros((room, k.NODE), np.int32), np.zeros(room), np.zeros((room, 2), np.int32),
        np.zeros((room, 3 * (k.HEAD + 2 * 3)), np.int32), np.zeros((room, k.CHUNK), np.int32),
        np.zeros(k.COUNTERS, np.int64),
    )  # fmt: skip
    return pool, k.Held(X, y, np.ones(n, np.int64)), rule


def built(k: Any, pool: Any, held: Any, rule: Any, slots: Any) -> int:
    jobs = np.array([[-1, 0, 0, len(slots), 0]])
    return int(k.build(pool, held, slots, jobs, np.array([SEED]), rule))


def flat(k: Any, pool: Any, root: int, n: int) -> list[Any]:
    m, s, r = k.measure(pool, root)
    made = [
        np.zeros((m, k.NODE), np.int32), np.zeros(m), np.zeros((m, 2), np.int32),
        np.zeros((s, pool.stats.shape[1]), np.int32), np.zeros(r, np.int32),
    ]  # fmt: skip
    k.flatten(pool, root, *made, np.arange(n, dtype=np.int32))
    return [array.tolist() for array in made]


@pytest.mark.parametrize("d", [3, 70])  # laid out column by column, and read where they lie
def test_the_order_of_records_does_not_matter(d: int, plain: Any) -> None:
    k = plain()
    pool, held, rule = setting(k, 40, d, 500)
    one = built(k, pool, held, rule, np.arange(40, dtype=np.int32))
    other = built(k, pool, held, rule, np.arange(40, dtype=np.int32)[::-1].copy())
    assert flat(k, pool, one, 40) == flat(k, pool, other, 40)


@pytest.mark.parametrize("room", [1, 2, 5, 12, 20])
def test_without_room_everything_is_given_back(room: int, plain: Any) -> None:
    k = plain()
    pool, held, rule = setting(k, 60, 3, room)
    root = built(k, pool, held, rule, np.arange(60, dtype=np.int32))
    assert pool.counters[k.FULL] == 1
    k.let_go(pool, root)
    assert not pool.nodes[:, 1:].any()
    assert not pool.stats[:, 1:].any()
    assert not pool.chunks[:, 1:].any()


def test_features_come_in_the_order_of_their_hashes_without_constants(plain: Any) -> None:
    k = plain()
    _, held, rule = setting(k, 30, 5, 10)
    held.X[:, 2] = 1.0
    rows = np.arange(30, dtype=np.int32)
    pool = setting(k, 30, 5, 100)[0]
    of, z = k.source(held, rows), k.space(30, 5, pool, rule.settings)
    used, skipped = k.fill(of, of.at, SEED, rule, z)
    order = sorted(range(5), key=lambda f: (int(k.of_feature(SEED, rule.names[f])), f))
    step = k.stride(rule.settings)
    assert [int(z.row[j * step]) for j in range(used)] == [f for f in order if f != 2][:3]
    assert skipped == (order.index(2) < order.index(int(z.row[(used - 1) * step])))
