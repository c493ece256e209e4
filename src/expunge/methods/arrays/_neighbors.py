"""Who is nearest: distances by one formula for each pair, ties by the order of ids, whatever index finds candidates.

An index (a k-d tree) is laid out by the data, and what it returns among equals is not a function of the set. So it is
asked for a radius only: all records within it are candidates, and are compared by their own distances.

Examples
--------
>>> import numpy as np
>>> nearest(np.array([[0.0], [2.0], [2.0], [9.0]]), np.array([[1.0]]), 2)
(array([[0, 1]]), array([[1., 1.]]))
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.spatial import KDTree

from expunge.errors import ParameterError
from expunge.methods.arrays._closed import ClosedForm
from expunge.methods.arrays._summed import in_blocks
from expunge.sums.rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.stages.instances import Mapped
    from expunge.sums.statistics import Needs

    Floats = NDArray[np.float64]

WIDE = 1e-9  # relatively: how much farther candidates are looked for, since the index rounds in its own way


@dataclass(frozen=True)
class Known:
    """The records that answer.

    Attributes
    ----------
    rows : Rows or Mapped
    """

    rows: Rows | Mapped

    @cached_property
    def tree(self) -> KDTree:
        """An index, made when it is first asked; it is no part of the model."""
        return KDTree(self.rows.X)


@dataclass(frozen=True)
class Keeping:
    """The records themselves, as `expunge.sums.statistics.Kind` is sums of them."""

    responding: bool

    @property
    def name(self) -> str:
        """By which a table remembers them."""
        return f"rows, responding {self.responding}"

    def of(self, table: Table) -> Rows:
        """The records in the order of their ids."""
        return Rows.of(table, responding=self.responding)


@dataclass(frozen=True)
class Neighbors(ClosedForm):
    """What nearest neighbours of classes and of numbers share.

    Parameters
    ----------
    n_neighbors : int
    weights : {"uniform", "distance"}
    """

    n_neighbors: int = 5
    weights: str = "uniform"

    needs: ClassVar[Needs] = "features"
    responding: ClassVar[bool] = False

    def __post_init__(self) -> None:
        title, k = type(self).__name__, self.n_neighbors
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            msg = f"{title} needs n_neighbors to be a whole number of at least 1, got {k!r}"
            raise ParameterError(msg)
        if self.weights not in ("uniform", "distance"):
            msg = f"{title} needs weights to be 'uniform' or 'distance', got {self.weights!r}"
            raise ParameterError(msg)

    @property
    def kind(self) -> Any:
        """The records themselves."""
        return Keeping(self.responding)

    @abstractmethod
    def scores(self, solved: Known, X: Any) -> Floats:
        """(m, classes) shares of the neighbours, or (m,) or (m, targets) numbers."""

    def solve(self, rows: Rows | Mapped) -> Known:
        """There is nothing to solve."""
        return Known(rows)

    def solution(self, statistic: Rows, width: int) -> Known:
        """The records themselves."""
        return self.solve(statistic)

    def answers(self, solved: Known, data: Table) -> Floats:
        """What the neighbours of all rows say."""
        return in_blocks(self.scores, solved, data)

    def asked(self, solved: Known, X: Floats) -> tuple[NDArray[np.intp], Floats]:
        """(m, k) places of the nearest records, and (m, k) weights that sum to one; all, where there are fewer."""
        k = min(self.n_neighbors, solved.rows.count)
        tree = solved.tree if solved.rows.X.shape[1] else None  # no index is made of no columns
        places, distances = nearest(solved.rows.X, X, k, tree)
        if self.weights == "uniform":
            return places, np.full(distances.shape, 1.0 / k)
        zero = distances == 0
        inverse = np.divide(1.0, distances, out=np.zeros_like(distances), where=~zero)
        weights = np.where(zero.any(axis=1)[:, None], zero.astype(np.float64), inverse)
        return places, weights / weights.sum(axis=1, keepdims=True)

    def _assumptions(self) -> tuple[str, ...]:
        return (
            "the model is the records that stay, and their neighbours are looked for when it is asked",
            "parameters and columns were not chosen by looking at what is forgotten",
        )


def nearest(X: Floats, asked: Floats, k: int, tree: KDTree | None = None) -> tuple[NDArray[np.intp], Floats]:
    """(m, k) places of the k nearest rows, the first of equals first, and (m, k) Euclidean distances."""
    if not X.shape[1] or not len(asked):  # nothing tells one record from another
        return np.tile(np.arange(k), (len(asked), 1)), np.zeros((len(asked), k))
    index = KDTree(X) if tree is None else tree
    reach = np.asarray(index.query(asked, k=[k])[0])[:, 0]
    found = index.query_ball_point(asked, reach * (1 + WIDE) + np.finfo(np.float64).tiny, return_sorted=True)
    places, distances = np.empty((len(asked), k), np.intp), np.empty((len(asked), k))
    for row, candidates in enumerate(found):
        held = np.array(candidates, np.intp)
        squares = ((X[held] - asked[row]) ** 2).sum(axis=1)
        order = np.argsort(squares, kind="stable")[:k]
        places[row], distances[row] = held[order], np.sqrt(squares[order])
    return places, distances
