"""The regularised objective of a linear model: value, gradient and curvature, over dense or sparse records.

``f(w) = sum_i s_i l(W x_i, y_i) + sum_j a_j w_j^2 / 2``, in **sum scale**: the penalty ``a_j`` is not multiplied by the
number of records. Parameters are flat, ``w.reshape(outputs, width)``; with an intercept the last column is the
intercepts, and the radius of the records counts its constant feature.

A multinomial model does not change when one vector is added to all classes, and its penalised optimum has classes that
sum to zero. There the objective adds ``pin / 2 |sum_k W_k|^2``, which moves no optimum (it is zero there) and takes
away the directions in which only the penalty curves, where a bound of the distance would be one by the penalty alone.

Examples
--------
>>> import numpy as np
>>> from expunge.linear.families import Squared
>>> ridge = Objective(Squared(), np.array([[1.0], [2.0]]), np.array([1.0, 2.0]), penalty=1.0, intercept="none")
>>> ridge.gradient(np.array([5 / 6]))
array([0.])
>>> ridge.hessian(np.zeros(1))
array([[6.]])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from expunge.errors import DataError, ParameterError
from expunge.linear.design import (
    FEW,
    ROWS,
    UNIT,
    Block,
    Matrix,
    as_matrix,
    blocks,
    depth,
    fullest,
    gamma,
    is_sparse,
    norms,
)
from expunge.linear.point import Point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.linear.families import Family

    Floats = NDArray[np.float64]

Intercept: TypeAlias = Literal["none", "free", "penalised"]
_overflowing = np.errstate(over="ignore", invalid="ignore")  # what comes of it is not finite, and looked for
ROUNDED = 32.0  # units of rounding that a slope's exponentials, sums and products cost, in all: a generous count


@dataclass(frozen=True, eq=False)
class Objective:
    """A family over records, with a penalty.

    Parameters
    ----------
    family : Family
    X : (n, d) numbers, an array or scipy sparse
    y : (n,) codes of classes, or numbers
    penalty : float
        a_j of all penalised parameters.
    intercept : {"free", "penalised", "none"}
    weights : (n,), optional
        s_i, at least 0; ones without.
    pinned : float, optional
        The pin of a multinomial model; what suits the records without.
    checked : bool
        Whether X is known to be finite numbers, in an array or canonical CSR.
    """

    family: Family
    X: Matrix
    y: NDArray[Any]
    penalty: float
    intercept: Intercept = "free"
    weights: Floats | None = None
    pinned: float | None = None
    checked: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "X", self.X if self.checked else as_matrix(self.X))
        object.__setattr__(self, "y", np.asarray(self.y, dtype=np.float64))
        if len(self.y) != self.X.shape[0]:
            msg = f"an objective needs a response for each record, got {len(self.y)} for {self.X.shape[0]}"
            raise DataError(msg)
        if not (self.penalty >= 0 and math.isfinite(self.penalty)):
            msg = f"a penalty is a finite number of at least 0, got {self.penalty}"
            raise ParameterError(msg)
        self.family.refuse(self.y)

    def __len__(self) -> int:
        return len(self.y)

    # -- shape ---------------------------------------------------------------------------------------------------------

    @property
    def outputs(self) -> int:
        """Margins that a record has."""
        return self.family.outputs

    @property
    def bias(self) -> bool:
        """Whether there is an intercept."""
        return self.intercept != "none"

    @property
    def width(self) -> int:
        """Parameters of one output."""
        return int(self.X.shape[1]) + self.bias

    @property
    def size(self) -> int:
        """Parameters in all."""
        return self.outputs * self.width

    @cached_property
    def diagonal(self) -> Floats:
        """(p,) a_j."""
        one = np.full(self.width, float(self.penalty))
        if self.intercept == "free":
            one[-1] = 0.0
        return np.tile(one, self.outputs)

    @cached_property
    def norms(self) -> Floats:
        """(n,) lengths of the records, the constant feature included, rounded up."""
        return norms(self.X, bias=self.bias)

    @cached_property
    def fullest(self) -> int:
        """Most products that a margin is a sum of, those with zeros not counted."""
        return fullest(self.X) + self.bias

    @cached_property
    def radius(self) -> float:
        """The longest record that has a weight; 0 without records."""
        lengths = self.norms if self.weights is None else self.norms[self.weights > 0]
        return float(lengths.max(initial=0.0))

    @cached_property
    def pin(self) -> float:
        """About half the curvature that the records give a parameter; 0 unless the family knows shifts.

        By the median of the lengths: one long record would make it so large that its own rounding counts.
        """
        if not self.family.shifted:
            return 0.0
        if self.pinned is not None:
            return self.pinned
        lengths = self.norms if self.weights is None else self.norms[self.weights > 0]
        mass = float(len(lengths)) if self.weights is None else float(self.weights.sum())
        usual = float(np.median(lengths)) if len(lengths) else 0.0
        return mass * usual**2 / (2 * self.size) + self.penalty + 1.0

    @property
    def strong_convexity(self) -> float:
        """What every curvature is at least: the smallest penalty."""
        return float(self.diagonal.min(initial=math.inf))

    @property
    def self_concordance(self) -> float:
        """|D^3 f[u, u, u]| is at most this times |u| times D^2 f[u, u]."""
        return self.family.skew * self.radius if self.family.skew else 0.0

    def held_at(self, pin: float) -> Objective:
        """The same with this pin."""
        held = replace(self, pinned=pin, checked=True)
        held.__dict__.update(norms=self.norms, fullest=self.fullest)
        return held

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice, penalty: float | None = None) -> Objective:
        """Some of the records, in the order of ``rows``, with the same pin."""
        weights = None if self.weights is None else self.weights[rows]
        wanted = self.penalty if penalty is None else penalty
        taken = replace(
            self, X=self.X[rows], y=self.y[rows], weights=weights, penalty=wanted, pinned=self.pin, checked=True
        )
        taken.__dict__.update(norms=self.norms[rows], fullest=self.fullest)
        return taken

    def without(self, rows: NDArray[np.intp], penalty: float | None = None) -> Objective:
        """The same records with a weight of zero for some: nothing is copied, and nothing of those enters a sum."""
        weights = np.ones(len(self)) if self.weights is None else self.weights.copy()
        weights[rows] = 0.0
        wanted = self.penalty if penalty is None else penalty
        left = replace(self, weights=weights, penalty=wanted, pinned=self.pin, checked=True)
        left.__dict__.update(norms=self.norms, fullest=self.fullest)
        return left

    # -- values --------------------------------------------------------------------------------------------------------

    def margins(self, w: Floats) -> Floats:
        """(n, outputs)."""
        W, eta = self._columns(w), np.empty((len(self), self.outputs))
        for block in self.blocks():
            eta[block.rows] = block.forward(W)
        return eta

    def losses(self, w: Floats) -> Floats:
        """(n,) weighted losses, without the penalty."""
        return self._weighted(self.family.losses(self.margins(w), self.y), slice(None))

    @_overflowing
    def value(self, w: Floats) -> float:
        """f(w); infinite where an exponential overflows."""
        spread = self.pin * float((self._columns(w).sum(axis=1) ** 2).sum())
        return float(self.losses(w).sum() + (self.diagonal * w**2).sum() / 2.0 + spread / 2.0)

    # -- slopes --------------------------------------------------------------------------------------------------------

    def gradient(self, w: Floats) -> Floats:
        """(p,) of f."""
        return self.at(w).gradient

    @_overflowing
    def data_gradient(self, w: Floats) -> Floats:
        """(p,) of the losses alone, without penalty and pin."""
        return self.data_slope(w)[0]

    @_overflowing
    def gradients(self, w: Floats) -> Floats:
        """(n, p) of each record's weighted loss; take the records of interest first."""
        made = np.empty((len(self), self.size))
        for block, slopes in self._slopes(w):
            weighted = self._weighted(slopes, block.rows)
            made[block.rows] = (weighted[:, :, None] * block.dense()[:, None, :]).reshape(len(slopes), self.size)
        return made

    @_overflowing
    def at(self, w: Floats, origin: Floats | None = None) -> Point:
        """Gradient of f and a bound of its rounding, in one pass over the records; and how far an origin is.

        The bound follows the computation: a margin is off by the rounding of a product of ``width`` terms, a slope by
        that times the curvature and by its own exponentials, the sum over records by the depth of the blocks; each
        times the length of the record (docs/linear.md).
        """
        gradient, allowance, apart = self._passed(w, None if origin is None else w - origin)
        W = self._columns(w)
        sums = np.repeat(W.sum(axis=1)[None, :], self.outputs, axis=0).ravel()
        sizes = np.repeat(np.abs(W).sum(axis=1)[None, :], self.outputs, axis=0).ravel()
        penalties = self.diagonal * w
        whole = gradient + penalties + self.pin * sums
        terms = np.abs(gradient) + np.abs(penalties) + self.pin * sizes
        allowance += gamma(self.outputs + 4) * float(np.linalg.norm(terms))
        return Point(w, whole, allowance * (1 + 1e-6) if np.isfinite(whole).all() else math.inf, origin, apart)

    def data_slope(self, w: Floats) -> tuple[Floats, float]:
        """(p,) gradient of the losses alone, and a bound of what rounding can have done to it."""
        return self._passed(w)[:2]

    @_overflowing
    def _passed(self, w: Floats, way: Floats | None = None) -> tuple[Floats, float, float]:
        """Gradient of the losses, what rounding can have done to it, and the largest margins of a way."""
        total, off, mass, most = np.zeros((self.width, self.outputs)), 0.0, 0.0, 0.0
        reach = gamma(self.fullest + 2) * float(np.linalg.norm(w))
        V = None if way is None else self._columns(way)
        for block, plain in self._slopes(w):
            if V is not None:
                moved = block.again(V)
                moved = moved if self.weights is None else moved[self.weights[block.rows] > 0]
                most = max(most, float(_lengths(moved).max(initial=0.0)))
            slopes, lengths, y = self._weighted(plain, block.rows), self.norms[block.rows], self.y[block.rows]
            total += block.back(slopes)
            wrong = self.family.bend(plain, y) * reach * lengths + ROUNDED * UNIT * self.family.terms(plain, y)
            off += float(lengths @ self._weighted(wrong, block.rows))
            mass += float(lengths @ _lengths(slopes))
            if reach * float(lengths.max(initial=0.0)) > 0.01:  # `bend` speaks of margins within 0.01
                off = math.inf
        off += gamma(depth(len(self), ROWS if is_sparse(self.X) else FEW) + 2) * (mass + off)
        if way is None:
            return total.T.ravel(), off, math.inf
        blurred = gamma(self.fullest + 2) * self.radius * float(np.linalg.norm(way))
        return total.T.ravel(), off, most * (1 + 64 * UNIT) + blurred

    # -- curvature -----------------------------------------------------------------------------------------------------

    def hessian(self, w: Floats) -> Floats:
        """(p, p) of f."""
        H = self.data_hessian(w)
        H[np.diag_indices(self.size)] += self.diagonal
        if self.pin:
            H += np.kron(np.ones((self.outputs, self.outputs)), self.pin * np.eye(self.width))
        return H

    @_overflowing
    def data_hessian(self, w: Floats) -> Floats:
        """(p, p) of the losses alone; over p of some thousands use `hvp`."""
        K, m = self.outputs, self.width
        H = np.zeros((K, m, K, m))
        for block, second in self._seconds(w):
            for k in range(K):
                for other in range(k + 1):
                    if second[:, k, other].any():
                        H[k, :, other, :] += block.gram(np.ascontiguousarray(second[:, k, other]))
        for k in range(K):
            for other in range(k):
                H[other, :, k, :] = H[k, :, other, :]
        return H.reshape(self.size, self.size)

    def hvp(self, w: Floats) -> Callable[[Floats], Floats]:
        """A function from v, (p,) or (p, k), to H v; the margins are computed once."""
        kept = [second for _, second in self._seconds(w)]

        @_overflowing
        def product(v: Floats) -> Floats:
            V = v.reshape(self.outputs, self.width, -1)
            made = self.diagonal[:, None] * v.reshape(self.size, -1)
            made += np.tile(self.pin * V.sum(axis=0), (self.outputs, 1))
            for block, second in zip(self.blocks(), kept, strict=True):
                moved = np.stack([block.forward(each) for each in V], axis=1)  # (m, outputs, k)
                bent = np.einsum("mab,mbk->mak", second, moved)
                made += np.vstack([block.back(bent[:, k]) for k in range(self.outputs)])
            return made.reshape(v.shape)

        return product

    @_overflowing
    def blur(self, w: Floats) -> float:
        """How far the computed Hessian of the losses can be from the true one: what rounding can have done."""
        share, reach = self.blurred(w)
        off = 0.0
        for block, second in self._seconds(w):
            lengths = self.norms[block.rows]
            off += float((np.trace(second, axis1=1, axis2=2) * lengths**2) @ (share + reach * lengths))
        return off if math.isfinite(off) and reach * self.radius <= 1 else math.inf

    def blurred(self, w: Floats) -> tuple[float, float]:
        """Shares of a record's curvature that rounding can have added or taken: one for all, one a unit of length.

        A margin that is off by d has a curvature that is off by the share exp(skew d) - 1, at most 2 skew d for d <= 1.
        """
        skew = self.family.skew if math.isfinite(self.family.skew) else 0.0
        reach = 2.0 * skew * gamma(self.fullest + 2) * float(np.linalg.norm(w))
        return ROUNDED * UNIT * 2 + gamma(depth(len(self)) + 4), reach

    @_overflowing
    def roots(self, w: Floats) -> Floats:
        """(p, r): U, whose U U' is the data's Hessian at w; for few records."""
        parts = [np.zeros((0, self.size))]
        eta = self.margins(w)
        for block in self.blocks():
            root = self.family.roots(eta[block.rows], self.y[block.rows])
            if self.weights is not None:
                root = root * np.sqrt(self.weights[block.rows])[:, None, None]
            parts.append(np.einsum("nkr,nj->nrkj", root, block.dense()).reshape(-1, self.size))
        return np.vstack(parts).T

    # -- passes --------------------------------------------------------------------------------------------------------

    def blocks(self) -> Iterator[Block]:
        """The records, some thousand at a time."""
        return blocks(self.X, bias=self.bias)

    def _columns(self, w: Floats) -> Floats:
        """(width, outputs)."""
        return w.reshape(self.outputs, self.width).T

    def _weighted(self, values: Floats, rows: slice) -> Floats:
        """Values times their records' weights; zero where the weight is, even of what overflowed."""
        if self.weights is None:
            return values
        weights = self.weights[rows].reshape(-1, *[1] * (values.ndim - 1))
        return np.multiply(values, weights, out=np.zeros_like(values), where=weights > 0)

    def _slopes(self, w: Floats) -> Iterator[tuple[Block, Floats]]:
        """Each block with its slopes, not weighted."""
        W = self._columns(w)
        for block in self.blocks():
            yield block, self.family.slopes(block.forward(W), self.y[block.rows])

    def _seconds(self, w: Floats) -> Iterator[tuple[Block, Floats]]:
        """Each block with its weighted second derivatives, (m, outputs, outputs)."""
        W = self._columns(w)
        for block in self.blocks():
            root = self.family.roots(block.forward(W), self.y[block.rows])
            second = root @ root.transpose(0, 2, 1) if self.outputs > 1 else root * root
            yield block, self._weighted(second, block.rows)


def _lengths(rows: Floats) -> Floats:
    """(n,) Euclidean."""
    return np.abs(rows[:, 0]) if rows.shape[1] == 1 else np.sqrt((rows**2).sum(axis=1))
