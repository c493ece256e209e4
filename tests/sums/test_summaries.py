"""Summaries are numpy's moments, of any kind of sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from expunge import Table
from expunge.sums.fixed import Fixed
from expunge.sums.statistics import Kind
from expunge.sums.summaries import by_class, joint, totals

X = np.random.default_rng(0).normal(size=(90, 3)) + 10.0
Y = np.random.default_rng(1).normal(size=(90, 2))
C = np.arange(90) % 3
DATA, FIXED = Table.from_arrays(X, C), Fixed()


def spread(rows: Any) -> Any:
    """Products about the mean."""
    return np.asarray((rows - rows.mean(axis=0)).T @ (rows - rows.mean(axis=0)))


@pytest.mark.parametrize("centred", [True, False])
def test_of_columns_and_targets(centred: bool) -> None:  # noqa: FBT001
    made = joint(Kind("moments").of(Table.from_arrays(X, Y)), 2, FIXED, centred=centred)
    Z = np.hstack([X, Y])
    inner = spread(Z) if centred else Z.T @ Z
    assert made.count == 90
    assert made.xx == pytest.approx(inner[:3, :3], rel=1e-8)
    assert made.xy == pytest.approx(inner[:3, 3:], abs=1e-7)
    assert np.append(made.mean_x, made.mean_y) == pytest.approx(Z.mean(axis=0) * centred, abs=1e-9)


def test_of_classes() -> None:
    within = np.array([spread(X[code == C]) for code in range(3)])
    squares = np.array([np.diag(each) for each in within])
    for needs, second in (("means", None), ("squares", squares), ("each", within)):
        made = by_class(Kind(needs).of(DATA), FIXED)  # type: ignore[arg-type]
        assert (made.classes, made.counts.tolist()) == ((0, 1, 2), [30, 30, 30])
        assert made.means == pytest.approx(np.array([X[code == C].mean(axis=0) for code in range(3)]))
        assert made.second is None if second is None else made.second == pytest.approx(second, abs=1e-7)
        assert (made.spread is None) == (needs != "squares")
    pooled = Kind("pooled").of(DATA)
    assert by_class(pooled.groups, FIXED, pooled.whole).second == pytest.approx(within.sum(axis=0), abs=1e-7)


def test_of_totals() -> None:
    made = totals(Kind("sums").of(DATA), FIXED)
    assert made.totals == pytest.approx(np.array([X[code == C].sum(axis=0) for code in range(3)]))
