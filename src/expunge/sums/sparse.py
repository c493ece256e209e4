"""Exact sums over compressed sparse rows, class by class, without writing a zero.

Examples
--------
>>> import numpy as np
>>> from scipy import sparse
>>> from expunge.sums.fixed import Fixed
>>> rows = sparse.csr_array(np.array([[0.0, 2.0], [1.0, 0.0], [0.5, 0.0]]))
>>> [part.mean(-32).tolist() for part in sparse_sums(rows, np.array([0, 1, 1]), 2, ("a", "b"), Fixed())]
[[0.0, 2.0], [0.75, 0.0]]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from expunge.sums import wide
from expunge.sums.limbs import WIDTH, cut
from expunge.sums.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.sums.fixed import Fixed


def sparse_sums(X: Any, codes: NDArray[np.intp], classes: int, names: Sequence[str], fixed: Fixed) -> list[Moments]:
    """Sums of each class, of (n, d) compressed rows whose classes ``codes`` number; at most 2**31 - 1 rows."""
    count, d = X.shape
    F, shift = fixed.integers(checked_rows(X, names, fixed), names)
    parts = cut(F)
    limbs = [np.ascontiguousarray(part) for part in np.split(parts, max(parts.shape[1], 1), axis=1)]
    of = sparse.csr_array((np.ones(count), codes, np.arange(count + 1)), shape=(count, classes)).T.tocsr()
    sums = [of @ sparse.csr_array((limb.ravel(), X.indices, X.indptr), shape=(count, d)) for limb in limbs]
    counts = np.bincount(codes, minlength=classes)
    made = []
    for code in range(classes):
        rows = [np.rint(each[[code]].toarray()[0]).astype(np.int64) for each in sums]
        held = [wide.placed(row, shift + WIDTH * place) for place, row in enumerate(rows)]
        made.append(Moments(int(counts[code]), wide.plus(*held), None))
    return made


def checked_rows(X: Any, names: Sequence[str], fixed: Fixed) -> NDArray[Any]:
    """(nnz, 1) the numbers of compressed rows; a sentence that names row and column where one cannot be held."""
    held: NDArray[Any] = X.data.reshape(-1, 1)
    wrong = np.flatnonzero(~(np.abs(held[:, 0].astype(np.float64)) < fixed.largest))
    if len(wrong):
        row = int(np.searchsorted(X.indptr, wrong[0], side="right")) - 1
        fixed.integers(held[wrong[:1]], [names[X.indices[wrong[0]]]], row)
    return held
