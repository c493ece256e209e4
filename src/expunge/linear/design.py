"""Features as numbers, dense or in compressed sparse rows, taken block by block so that no copy of the whole is made.

Sums over records run over blocks of `ROWS` and then over the blocks, which is what their rounding is bounded by.

Examples
--------
>>> import numpy as np
>>> part = next(iter(blocks(np.eye(3), bias=True)))
>>> part.forward(np.ones((4, 1))).ravel()
array([2., 2., 2.])
>>> part.back(np.ones((3, 1))).ravel()
array([1., 1., 1., 3.])
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy import sparse

from expunge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Matrix: TypeAlias = Any
"""(n, d) numbers: an array, or scipy's compressed sparse rows."""

ROWS = 4096  # records of one block: few enough for the cache and for the rounding of a sum, enough for one call
UNIT = 2.0**-53  # what one operation of float64 rounds by, relatively


@dataclass(frozen=True, eq=False)
class Block:
    """Some records.

    Attributes
    ----------
    rows : slice
        Where they stand.
    X : (m, d) float64 array or CSR
    bias : bool
        Whether a constant feature of 1 stands last.
    """

    rows: slice
    X: Matrix
    bias: bool

    def forward(self, V: Floats) -> Floats:
        """(m, k): X V, V (width, k)."""
        d = self.X.shape[1]
        made: Floats = self.X @ V[:d]
        return made + V[d] if self.bias else made

    def back(self, S: Floats) -> Floats:
        """(width, k): X' S, S (m, k)."""
        made: Floats = self.X.T @ S
        return np.vstack([made, S.sum(axis=0)]) if self.bias else made

    def gram(self, weights: Floats) -> Floats:
        """(width, width): X' diag(weights) X, dense."""
        if is_sparse(self.X):
            inner: Floats = (self.X.T @ self.X.multiply(weights[:, None]).tocsr()).toarray()
        elif (weights >= 0).all():
            half = self.X * np.sqrt(weights)[:, None]
            inner = half.T @ half  # which numpy computes as one symmetric product
        else:
            inner = self.X.T @ (self.X * weights[:, None])
        if not self.bias:
            return inner
        side: Floats = self.X.T @ weights
        return np.block([[inner, side[:, None]], [side[None, :], np.array([[weights.sum()]])]])

    def squared(self) -> Block:
        """The same records with every number squared."""
        return Block(self.rows, self.X.multiply(self.X) if is_sparse(self.X) else self.X**2, self.bias)

    def dense(self) -> Floats:
        """(m, width) as one array; for few records."""
        X = self.X.toarray() if is_sparse(self.X) else self.X
        return np.hstack([X, np.ones((len(X), 1))]) if self.bias else X


def is_sparse(X: Matrix) -> bool:
    """Whether these are compressed rows."""
    return bool(sparse.issparse(X))


def as_matrix(X: Matrix) -> Matrix:
    """Numbers in a form that can be cut into blocks; anything sparse in compressed rows.

    Raises
    ------
    DataError
        When they are no finite numbers in two dimensions, with the first offending row.
    """
    if is_sparse(X):
        return _rows(X)
    made = np.asarray(X)
    if made.ndim != 2 or made.dtype.kind not in "biuf":
        msg = f"a linear model takes numbers in rows and columns, got {made.dtype} in shape {made.shape}"
        raise DataError(msg)
    for start in range(0, len(made), ROWS):
        finite = np.isfinite(made[start : start + ROWS])
        if not finite.all():
            _refuse(start + int(np.flatnonzero(~finite.all(axis=1))[0]))
    return made


def _rows(X: Matrix) -> Matrix:
    rows = sparse.csr_array(X)
    if not rows.has_canonical_format:  # a number in two pieces has no square
        rows = rows.copy()
        rows.sum_duplicates()
    bad = np.flatnonzero(~np.isfinite(rows.data))
    if len(bad):
        _refuse(int(np.searchsorted(rows.indptr, bad[0], side="right")) - 1)
    return rows


def blocks(X: Matrix, *, bias: bool) -> Iterator[Block]:
    """The records of a matrix, `ROWS` at a time, as float64."""
    for start in range(0, X.shape[0], ROWS):
        rows = slice(start, min(start + ROWS, X.shape[0]))
        yield Block(rows, _cut(X, rows), bias)


def norms(X: Matrix, *, bias: bool) -> Floats:
    """(n,) Euclidean lengths of the records, the constant feature included, rounded up."""
    squares = np.zeros(X.shape[0])
    for block in blocks(X, bias=False):
        part = block.X
        if is_sparse(part):
            squares[block.rows] = part.multiply(part).sum(axis=1)
        else:
            np.einsum("ij,ij->i", part, part, out=squares[block.rows])
    lengths: Floats = np.sqrt(squares + float(bias)) * (1.0 + 4.0 * (X.shape[1] + 4) * UNIT)
    return lengths


def gamma(operations: float) -> float:
    """Relative error of so many roundings in a row (Higham 2002, lemma 3.1): k u / (1 - k u)."""
    return operations * UNIT / (1.0 - operations * UNIT)


def depth(n: int) -> int:
    """Roundings that a sum over n records passes: within a block, and from block to block."""
    return min(n, ROWS) + -(-n // ROWS) + 2


def _cut(X: Matrix, rows: slice) -> Matrix:
    """Some consecutive rows as float64, without searching through the others."""
    if not is_sparse(X):
        return np.asarray(X[rows], dtype=np.float64)
    start, end = X.indptr[rows.start], X.indptr[rows.stop]
    data = X.data[start:end].astype(np.float64, copy=False)
    pointers = X.indptr[rows.start : rows.stop + 1] - start
    return sparse.csr_array((data, X.indices[start:end], pointers), shape=(rows.stop - rows.start, X.shape[1]))


def _refuse(row: int) -> None:
    msg = f"a linear model takes finite numbers, and row {row} holds one that is missing or infinite"
    raise DataError(msg)
