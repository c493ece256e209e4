"""Records are gathered as they are now; what was passed over as constant is noticed when it varies."""

from __future__ import annotations

from typing import Any

import numpy as np

SEED = np.uint64(5)


def test_a_feature_that_varies_now_is_noticed_and_one_that_does_not_is_not(plain: Any) -> None:
    k = plain()
    X = np.array([[0.0, 3.0], [1.0, 3.0], [2.0, 3.0], [3.0, 4.0], [1.5, 3.0]])
    held = k.Held(X, np.array([0, 1, 0, 1, 1]), np.ones(5, np.int64))
    rule = k.Rule(np.array([2, 2, 2, 2, 20, 1, 0], np.int64), np.array([1, 2], np.uint32), np.zeros(2, np.uint8))
    pool = k.Pool(
        np.zeros((50, k.NODE), np.int32), np.zeros(50), np.zeros((50, 2), np.int32),
        np.zeros((50, 2 * (k.HEAD + 2 * 3)), np.int32), np.zeros((50, k.CHUNK), np.int32),
        np.zeros(k.COUNTERS, np.int64),
    )  # fmt: skip
    slots = np.arange(3, dtype=np.int32)
    root = k.build(pool, held, slots, np.array([[-1, 0, 0, 3, 0]]), np.array([SEED]), rule)
    assert pool.nodes[root, k.SKIPPED] == 1
    for come, expected in ((3, True), (4, False)):
        news = k.News(
            np.array([come], np.int32), np.ones(1, np.int64), np.ones(5, bool), np.zeros(4, np.int32),
            np.zeros((1, k.JOB), np.int64), np.zeros(1, np.uint64),
        )  # fmt: skip
        assert k.revived(pool, root, 0, 1, news, held, SEED, rule) == expected
        end = k.remaining(pool, root, 0, 1, news, 0)
        assert sorted(news.found[:end].tolist()) == [0, 1, 2, come]


def test_values_are_the_same_when_both_are_missing(plain: Any) -> None:
    k = plain()
    assert k.same(np.nan, np.nan)
    assert k.same(0.0, -0.0)
    assert not k.same(np.nan, 0.0)
