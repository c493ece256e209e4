"""Keyed digests of whole records, and which records are the same in all that they say.

Records are digested some at a time: of a memory-mapped array or a dataset no more than a chunk is in memory. A row of
columns goes through the cipher with its label and names; a record that is one thing (an image, a sequence) is digested
by itself first, and is not read again for its other digests.

Examples
--------
>>> from expunge import Records, Table
>>> table = Table.from_arrays([[1.0], [2.0], [1.0]], ["a", "a", "a"])
>>> table.digests(b"secret").shape
(3, 16)
>>> twins(table, Records([0]))
array([2])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from expunge import keyed
from expunge.data import features as feats
from expunge.data.compressed import is_compressed
from expunge.data.items import Items, rows_at_a_time
from expunge.protocol import Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from expunge.data.features import Features
    from expunge.data.labels import Labels
    from expunge.data.table import Table
    from expunge.keyed import Secret
    from expunge.protocol import Ids
    from expunge.values import Target

COMPARED = Key(b"correction")  # what is compared says only whether two rows are the same: it is no secret
TWINS = b"twins"  # a key for comparisons within one table, which are the same under any key


def of_records(features: Features, beside: Sequence[Ids | Labels], count: int, key: Secret) -> NDArray[np.uint8]:
    """(n, 16) keyed digests of ``count`` records: of their features and what stands beside them (label, names)."""
    blocks, made = [_bytes_of(values, key) for values in beside], []
    for rows, own in _in_chunks(features, count, key):
        made.append(keyed.digest_rows(key, np.hstack([*own, *(block[rows] for block in blocks)])))
    return np.concatenate(made) if made else np.zeros((0, keyed.BLOCK), np.uint8)


def differing(first: Table, then: Table) -> NDArray[np.bool_]:
    """(n,) whether two rows that stand at one place say different things: features, label or owner."""
    sides = [
        [*feats.row_bytes(side.columns.features, COMPARED), *(_bytes_of(held, COMPARED) for held in _beside(side))]
        for side in (first, then)
    ]
    made = np.zeros(len(first), bool)
    for mine, other in zip(*sides, strict=True):
        made |= (mine != other).any(axis=1)
    return made


def _beside(gathered: Table) -> list[Ids | Labels]:
    return [held for held in (gathered.columns.label, gathered.columns.owners) if held is not None]


def twins(table: Table, target: Target) -> NDArray[np.intp]:
    """Positions of records that stay although a forgotten one is the same in all features and label."""
    change = table.change(target)
    if change is None or not len(change.out) or len(change.out) == len(table):
        return np.zeros(0, dtype=np.intp)
    staying, features = np.delete(np.arange(len(table)), change.out), table.columns.features
    if isinstance(features, Items) or is_compressed(features) or not feats.in_columns(features):
        key = next(iter(features.digested), TWINS) if isinstance(features, Items) else TWINS
        made = _as_one(table.digests(key, named=False))  # reads what was not digested yet, once
        return staying[np.isin(made[staying], made[change.out])]
    at = (lambda rows: rows) if table.rows is None else table.rows.__getitem__
    candidates = staying[np.isin(at(staying), feats.alike(features, at(change.out), at(staying)))]
    gone, left = (table.take(rows).gathered().digests(TWINS, named=False) for rows in (change.out, candidates))
    return candidates[np.isin(_as_one(left), _as_one(gone))]


def _in_chunks(features: Features, count: int, key: Secret) -> Iterator[tuple[slice, list[NDArray[np.uint8]]]]:
    """Some rows at a time, and their blocks of bytes."""
    narrow = (
        isinstance(features, pa.Table) or is_compressed(features) or not feats.in_columns(features)
    )  # each text or record is one digest
    blocks = feats.row_bytes(features, key) if narrow else []
    step = keyed.ROWS if narrow else rows_at_a_time(features)
    for start in range(0, count, step):
        rows = slice(start, start + step)
        own = [block[rows] for block in blocks] if narrow else feats.row_bytes(feats.take(features, rows), key)
        yield rows, [np.zeros((min(step, count - start), 0), np.uint8), *own]


def _bytes_of(values: Ids | Labels, key: Secret) -> NDArray[np.uint8]:
    """(n, w) bytes of one column, or of several side by side; text by keyed digest."""
    if isinstance(values, np.ndarray) and values.dtype.kind != "U":
        return feats.as_bytes(values)
    return keyed.digest_strings(
        key, values if isinstance(values, pa.Array) else pa.array(values, type=pa.large_string())
    )


def _as_one(digests: NDArray[np.uint8]) -> NDArray[np.void]:
    """Each row of 16 bytes as one value that can be compared."""
    return np.ascontiguousarray(digests).view(np.dtype((np.void, keyed.BLOCK))).ravel()
