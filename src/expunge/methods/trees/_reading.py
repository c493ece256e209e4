"""What a fitted forest says: of records, of its features, and of one of its trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.errors import EmptyModelError
from expunge.methods.trees._coded import gathered
from expunge.methods.trees._layout import FEATURE, LEFT, NODE, RIGHT, SIDE, TO_LARGER, TO_LEFT, WEIGHT
from expunge.methods.trees._model import FittedForest, Tree
from expunge.methods.trees._walk import flatten, measure, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.methods.trees._versions import Version

LIMB = 2.0**32


def scores(
    version: Version, X: NDArray[np.float64], model: FittedForest, inside: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """(n, classes) or (n,) the mean over the trees; with ``inside``, over those that a record is not in.

    Raises
    ------
    EmptyModelError
        When no tree has a record.
    """
    if not version.sizes.any():
        msg = "this forest holds no record to predict from: it learned none, or has forgotten all"
        raise EmptyModelError(msg)
    numbers, width = int(model.task == "regression"), len(version.kept)
    said = np.zeros((len(X), width + 1))
    nowhere, codes = np.zeros(len(X), bool), model.coded.astype(np.uint8)
    for t in range(version.trees):
        pool, root = version.tree(t)
        skip = nowhere if inside is None else np.ascontiguousarray(inside[:, t])
        say(pool, root, X, codes, numbers, skip, said)
    with np.errstate(invalid="ignore"):
        made = said[:, :-1] / said[:, -1:]
    return np.asarray(made[:, 0] * model.resolution if numbers else made[:, version.kept])


def flat(version: Version, number: int) -> tuple[Any, Any, Any]:
    """Nodes, cuts and sums of one tree, in preorder."""
    pool, root = version.tree(number)
    n, s, m = measure(pool, root)
    nodes, cuts = np.zeros((n, NODE), np.int32), np.zeros(n)
    sums = np.zeros((n, pool.sums.shape[1]), pool.sums.dtype)
    stats, members = np.zeros((s, pool.stats.shape[1]), pool.stats.dtype), np.zeros(m, np.int32)
    flatten(pool, root, nodes, cuts, sums, stats, members, version.ranks())
    return nodes, cuts, sums[:, version.kept]


def means(sums: Any, task: str) -> NDArray[np.float64]:
    """(m, classes) shares, or (m, 1) means in units of the resolution; zeros of no record."""
    if task == "classification":
        return np.asarray(sums / np.maximum(sums.sum(axis=1, keepdims=True), 1))
    high, low = sums[:, 1].astype(np.float64), sums[:, 2].astype(np.float64)
    return np.asarray(((high * LIMB + low) / np.maximum(sums[:, 0], 1))[:, None])


def importances_of(version: Version, model: FittedForest) -> NDArray[np.float64]:
    """(d,) mean over the trees of the decrease of impurity by each feature, as a share of the tree's."""
    total = np.zeros(len(model.names))
    for t in range(version.trees):
        nodes, _, sums = flat(version, t)
        inner = np.flatnonzero(nodes[:, FEATURE] >= 0)
        if not len(inner):
            continue
        mean, weight = means(sums, model.task), nodes[:, WEIGHT].astype(np.float64)
        gain = np.zeros(len(inner))
        for side in (LEFT, RIGHT):
            child = nodes[inner, side]
            gain += weight[child] * ((mean[child] - mean[inner]) ** 2).sum(axis=1)
        own = np.bincount(nodes[inner, FEATURE], weights=gain, minlength=len(total))
        total += own / own.sum() if own.sum() > 0 else 0
    return total / total.sum() if total.sum() > 0 else total


def read_tree(version: Version, model: FittedForest, number: int, spread: Sequence[str]) -> Tree:
    """One tree, as people read it: thresholds of columns that are cut on a logarithmic scale in their own unit."""
    nodes, cuts, sums = flat(version, number)
    feature = nodes[:, FEATURE].astype(np.int64)
    inner = feature >= 0
    left, right = (np.where(inner, nodes[:, side], -1).astype(np.int64) for side in (LEFT, RIGHT))
    weight = nodes[:, WEIGHT].astype(np.int64)
    larger = (nodes[:, SIDE] == TO_LARGER) & (weight[left] >= weight[right])
    scaled = np.array([name in spread for name in model.names], bool) & ~model.coded
    cuts = np.where(inner & scaled[feature], gathered(cuts), cuts) if scaled.any() else cuts
    value = means(sums, model.task) * model.resolution if model.task == "regression" else sums.astype(np.int64)
    return Tree(
        feature,
        inner & model.coded[feature],
        np.where(inner, cuts, np.nan),
        inner & ((nodes[:, SIDE] == TO_LEFT) | larger),
        inner & (nodes[:, SIDE] != TO_LARGER),
        left,
        right,
        weight,
        value,
    )
