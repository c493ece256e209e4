"""The model of a forest: bulk arrays at rest, and a handle on the pools of its trees while it is used."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from expunge.errors import MismatchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from expunge.methods.trees._versions import Version
    from expunge.values import Scalar


@dataclass(frozen=True, eq=False)
class Bulk:
    """Trees, one after the other, each in the order of its paths: a function of the set of records.

    Attributes
    ----------
    starts : (trees + 1, 3) int64
        Where the nodes, statistics and members of each tree start.
    nodes : (m, NODE) int32
        Fields as in `_layout`; LEFT and RIGHT count from the tree's first node, of a leaf from its first member.
    cuts : (m,) float64
    sums : (m, width) int32 or int64
    stats : (inner nodes, ...) int32 or int64
    members : (k,) int32
        Of each leaf: ranks of its records among all, in the order of their ids.
    """

    starts: NDArray[np.int64]
    nodes: NDArray[np.int32]
    cuts: NDArray[np.float64]
    sums: NDArray[Any]
    stats: NDArray[Any]
    members: NDArray[np.int32]

    def tree(self, number: int) -> Bulk:
        """One of them alone."""
        (a, b, c), (x, y, z) = self.starts[number], self.starts[number + 1]
        starts = self.starts[number : number + 2] - self.starts[number]
        return Bulk(starts, self.nodes[a:x], self.cuts[a:x], self.sums[a:x], self.stats[b:y], self.members[c:z])


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree as people read it: nodes in preorder, the root first.

    Attributes
    ----------
    feature : (m,) int64
        Place of the feature in the model's names; -1 at a leaf.
    categorical : (m,) bool
    threshold : (m,) float64
        ``x < threshold`` goes left, in the unit of the column; of a category, the code that goes left. NaN at a leaf.
    missing_left : (m,) bool
        Where a missing number goes.
    missing_seen : (m,) bool
        Whether it was decided by records: else none of the node's lacks the number, and one goes to the larger side.
    left, right : (m,) int64
        -1 at a leaf.
    weight : (m,) int64
        Records under the node.
    value : (m, classes) int64 or (m, 1) float64
        How many of each class, or the mean of the targets.
    """

    feature: NDArray[np.int64]
    categorical: NDArray[np.bool_]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    missing_seen: NDArray[np.bool_]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weight: NDArray[np.int64]
    value: NDArray[Any]


@dataclass(frozen=True, eq=False)
class FittedForest:
    """A forest: what it predicts by, and all that forgetting goes on from.

    Attributes
    ----------
    task : {"classification", "regression"}
    classes : tuple or None
        Names of the columns of the scores; None for regression.
    declared : bool
        Whether the classes are public and stay without examples.
    names : tuple of str
        Features, in order.
    coded : (d,) bool
        Which of them are categories.
    resolution : float
    recipe, key, records : str
        Digests of the algorithm, the key's public name, and a keyed digest of the set of records.
    occupants : (trees, 2) uint64
        The same digest of the records of each tree.
    trees : Bulk
        Made when it is asked for, while the trees lie in pools that versions share.
    """

    task: str
    classes: tuple[Scalar, ...] | None
    declared: bool
    names: tuple[str, ...]
    coded: NDArray[np.bool_]
    resolution: float
    recipe: str
    key: str
    records: str
    occupants: NDArray[np.uint64]
    trees: Bulk

    @classmethod
    def standing(cls, version: Version, **said: Any) -> FittedForest:
        """A model whose trees lie in pools."""
        made = object.__new__(cls)
        made.__dict__.update(said, _version=version)
        return made

    def __getattr__(self, name: str) -> Any:
        if name == "trees" and "_version" in self.__dict__:
            return self.__dict__["_version"].bulk()
        msg = f"{type(self).__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)

    def __reduce__(self) -> tuple[Any, ...]:
        return FittedForest, tuple(getattr(self, field.name) for field in fields(self))

    def __repr__(self) -> str:
        return f"FittedForest({self.task}, {len(self.names)} features, records {self.records[:8]})"


def expect_forest(model: object) -> None:
    """Raise a sentence when a method is given something else than its model."""
    if not isinstance(model, FittedForest):
        msg = f"the model must be the FittedForest that this Forest learned, got a {type(model).__name__}"
        raise MismatchError(msg)
