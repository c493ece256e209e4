"""Least squares from moments: Cholesky where the columns allow it, else the solution of least norm.

Columns are brought to one length first, so that units mean nothing for what counts as dependent; the solution of least
norm is that in the columns' own units, as scikit-learn's is.

Examples
--------
>>> import numpy as np
>>> xx = np.array([[2.0, 4.0], [4.0, 8.0]])  # the second column is twice the first
>>> solved(xx, np.array([[5.0], [10.0]]), 0.0).ravel()
array([0.5, 1. ])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import lapack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NEAR = 2.0**-50  # times the number of columns: eigenvalues of columns of length one that are taken for zero


def solved(xx: Floats, xy: Floats, alpha: float) -> Floats:
    """(d, targets): the w of least norm among those that minimise ``w' xx w - 2 w' xy + alpha w' w``."""
    A = xx.copy()
    A.reshape(-1)[:: len(A) + 1] += alpha
    lengths = np.sqrt(A.diagonal())
    there = lengths > 0  # a column without any variance decides nothing
    scale = 1.0 / lengths if there.all() else np.divide(1.0, lengths, out=np.zeros_like(lengths), where=there)
    B = A * scale[:, None]
    B *= scale
    B.reshape(-1)[:: len(B) + 1] = 1.0
    right = xy * scale[:, None]
    made = _by_cholesky(B, right, least_condition(lengths, alpha))
    if made is None:
        return _of_least_norm(A, B[np.ix_(there, there)], right[there], scale[there], there)
    return np.ascontiguousarray(made * scale[:, None])


def least_condition(lengths: Floats, alpha: float) -> float:
    """What the reciprocal condition in the 1-norm is never below, of columns of length one with a penalty.

    None of the entries is above one, and no eigenvalue below the penalty by the largest squared length.
    """
    if not alpha > 0 or not len(lengths):
        return 0.0
    return float(alpha / (lengths.max() ** 2 * len(lengths) ** 1.5))


def _by_cholesky(B: Floats, right: Floats, least: float) -> Floats | None:
    """B^-1 right; None where B is singular, or so near that its digits mean nothing.

    That is asked of its reciprocal condition, unless ``least``, which that is never below, settles it.
    """
    if not len(B):
        return right
    columns = B.T  # as LAPACK reads them; the half that it leaves alone is not cleared either
    factor, failed = lapack.dpotrf(columns, lower=1, clean=0)
    if failed:
        return None
    if least < len(B) * NEAR:
        norm: Any = lapack.dlange("1", columns)  # type: ignore[call-arg]  # the stubs lack its parameters
        share, _ = lapack.dpocon(factor, norm, uplo="L")
        if share < len(B) * NEAR:
            return None
    made: Any = lapack.dpotrs(factor, right, lower=1)[0]
    return np.asarray(made, np.float64)


def _of_least_norm(A: Floats, B: Floats, right: Floats, scale: Floats, there: NDArray[np.bool_]) -> Floats:
    """What the columns that are independent say, without the part along the directions that change nothing."""
    values, vectors = np.linalg.eigh(B)
    kept = values > len(B) * NEAR
    inner = vectors[:, kept].T @ right / values[kept, None]
    made = vectors[:, kept] @ inner * scale[:, None]
    idle = vectors[:, ~kept] * scale[:, None]
    if idle.shape[1]:
        basis, _ = np.linalg.qr(idle)
        made = made - basis @ (basis.T @ made)
    whole = np.zeros((len(A), right.shape[1]))
    whole[there] = made
    return whole
