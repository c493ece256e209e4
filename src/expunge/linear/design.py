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
"""(n, d) numbers: an array, scipy's compressed sparse rows, or some rows of these (`Picked`)."""

ROWS = 4096  # records of one block: few enough for the cache and for the rounding of a sum, enough for one call
FEW = 256  # records whose sum is made in one product: the fewer, the less rounding a gradient's sum is charged with
UNIT = 2.0**-53  # what one operation of float64 rounds by, relatively


@dataclass(frozen=True, eq=False)
class Picked:
    """Some records of a matrix in an order of their own, gathered a block at a time and never all at once.

    Attributes
    ----------
    X : (n, d) array or CSR
    rows : (m,)
        Which of its rows, in which order.
    """

    X: Matrix
    rows: NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, int]:
        """Records and columns."""
        return len(self.rows), int(self.X.shape[1])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any) -> Picked:
        """Some of these."""
        return Picked(self.X, self.rows[rows])

    def gathered(self) -> Matrix:
        """All of them, in their order; those that lie one after the other are not copied."""
        rows = self.rows
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
            return self.X[rows[0] : rows[-1] + 1]
        return self.X[rows] if is_sparse(self.X) else self.X.take(rows, axis=0, mode="clip")


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
        if V.shape[1] > 1 or is_sparse(self.X):
            return self.again(V)
        made: Floats = np.vecdot(self.X, V[: self.X.shape[1], 0])[:, None]  # row after row, as memory likes it
        return made + V[-1] if self.bias else made

    def again(self, V: Floats) -> Floats:
        """The same, the faster way where the records were just read and are in the cache."""
        made: Floats = self.X @ V[: self.X.shape[1]]
        return made + V[-1] if self.bias else made

    def back(self, S: Floats) -> Floats:
        """(width, k): X' S, S (m, k); of an array in sums of `FEW` records each."""
        made: Floats = self.X.T @ S if is_sparse(self.X) else _summed(self.X, S)
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
    return bool(sparse.issparse(X.X if isinstance(X, Picked) else X))


def as_matrix(X: Matrix) -> Matrix:
    """Numbers in a form that can be cut into blocks; anything sparse in compressed rows.

    Raises
    ------
    DataError
        When they are no finite numbers in two dimensions, with the first offending row.
    """
    if isinstance(X, Picked):
        return Picked(as_matrix(X.X), X.rows)
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


def counts(X: Matrix) -> NDArray[np.int32]:
    """(n,) numbers other than zero in each record: only so many of its products round."""
    made = np.zeros(X.shape[0], np.int32)
    for start in range(0, len(made), ROWS):
        made[start : start + ROWS] = _nonzero(X[start : start + ROWS])
    return made


def fullest(X: Matrix) -> int:
    """The most of them; once a record has no zeros, the others are not looked at."""
    most, n = 0, X.shape[0]
    for start in range(0, n, ROWS):
        most = max(most, int(_nonzero(X[start : start + ROWS]).max()))
        if most == X.shape[1]:
            break
    return most


def _nonzero(X: Matrix) -> NDArray[np.intp]:
    rows = X.gathered() if isinstance(X, Picked) else X
    made: NDArray[np.intp] = np.diff(rows.indptr) if is_sparse(rows) else np.count_nonzero(rows, axis=1)
    return made


def gamma(operations: float) -> float:
    """Relative error of so many roundings in a row (Higham 2002, lemma 3.1): k u / (1 - k u)."""
    return operations * UNIT / (1.0 - operations * UNIT)


def depth(n: int, within: int = ROWS) -> int:
    """Roundings that a sum over n records passes: within a product, within a block, and from block to block."""
    return min(n, within) + min(-(-n // within), -(-ROWS // within)) + -(-n // ROWS) + 2


def _summed(X: Floats, S: Floats) -> Floats:
    """X' S."""
    made: Floats = X[:FEW].T @ S[:FEW]
    for start in range(FEW, len(X), FEW):
        made += X[start : start + FEW].T @ S[start : start + FEW]
    return made


def _cut(X: Matrix, rows: slice) -> Matrix:
    """Some consecutive rows as float64, without searching through the others."""
    if isinstance(X, Picked):
        return X[rows].gathered().astype(np.float64, copy=False)
    if not is_sparse(X):
        return np.asarray(X[rows], dtype=np.float64)
    start, end = X.indptr[rows.start], X.indptr[rows.stop]
    data = X.data[start:end].astype(np.float64, copy=False)
    pointers = X.indptr[rows.start : rows.stop + 1] - start
    return sparse.csr_array((data, X.indices[start:end], pointers), shape=(rows.stop - rows.start, X.shape[1]))


def _refuse(row: int) -> None:
    msg = f"a linear model takes finite numbers, and row {row} holds one that is missing or infinite"
    raise DataError(msg)
