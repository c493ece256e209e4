"""Features in compressed sparse rows: words of a text, ids of things bought. They stay compressed all the way.

They are kept in one form: columns in order, each once, and no zeros. So two matrices that say the same are the same,
and a record's digest is of what it has, not of all that it might have.

Examples
--------
>>> from scipy import sparse
>>> rows = as_rows(sparse.coo_array(([2.0, 1.0, 0.0], ([1, 0, 0], [2, 3, 1])), shape=(2, 4)))
>>> rows.indices.tolist(), digests(rows, b"secret").shape
([3, 2], (2, 16))
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from expunge import keyed
from expunge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.keyed import Secret


def is_compressed(features: object) -> bool:
    """Whether these are a sparse matrix of scipy."""
    return bool(sparse.issparse(features))


def as_rows(given: Any) -> Any:
    """A sparse matrix or array of scipy as (n, d) compressed rows in the one form; what is in it already is not copied.

    Raises
    ------
    DataError
        When it does not have rows and columns of numbers.
    """
    if given.ndim != 2 or given.dtype.kind not in "biuf":
        msg = f"sparse features are numbers in rows and columns, got {given.dtype} in shape {given.shape}"
        raise DataError(msg)
    rows = sparse.csr_array(given)
    if not (rows.has_canonical_format and rows.data.all()):
        rows = rows.copy()
        rows.sum_duplicates()
        rows.eliminate_zeros()
    return rows


def joined(first: Any, then: Any) -> Any:
    """The rows of both, in the type of the first; those of an array are compressed."""
    added = as_rows(then if is_compressed(then) else sparse.csr_array(then))
    if added.dtype != first.dtype:
        with np.errstate(over="ignore"):
            fitted = added.astype(first.dtype, casting="same_kind")
        rounded = first.dtype.kind == "f"  # to the nearest, but never to another number
        wrong = np.isfinite(fitted.data) != np.isfinite(added.data) if rounded else fitted.data != added.data
        if wrong.any():
            msg = f"they hold a number that does not fit into {first.dtype}"
            raise TypeError(msg)
        added = fitted
    return as_rows(sparse.vstack([first, added], format="csr"))


def digests(rows: Any, key: Secret) -> NDArray[np.uint8]:
    """(n, 16) keyed digests of the records: of the columns that they have, and their numbers there."""
    secret = keyed.subkey(key, "compressed", rows.dtype.str)
    columns = np.ascontiguousarray(rows.indices, dtype="<i8").data
    numbers = np.ascontiguousarray(rows.data, dtype=rows.dtype.newbyteorder("<")).data
    made = bytearray()
    for start, end in pairwise(rows.indptr.tolist()):
        held = blake2b(columns[start:end], digest_size=keyed.BLOCK, key=secret)
        held.update(numbers[start:end])
        made += held.digest()
    return np.frombuffer(bytes(made), np.uint8).reshape(-1, keyed.BLOCK)
