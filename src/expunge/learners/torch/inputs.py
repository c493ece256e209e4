"""Records as tensors, batch by batch: nothing is in memory twice, and what does not fit is read as it is needed.

Every batch is in memory that torch took for it: a view into a larger tensor may begin anywhere, and the bits of a
matrix product depend on where its operands begin (measured: 23 columns of float32, torch 2.13).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from expunge import keyed
from expunge.codec import decode, encode
from expunge.errors import DataError, LearnError, ParameterError
from expunge.learners.failures import reason
from expunge.learners.sklearn import seeded
from expunge.learners.surroundings import global_randomness, limited_pools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Run

    Augment = Callable[[Tensor, torch.Generator], Tensor]

WHOLE = (
    256 << 20
)  # bytes of features that are kept as one tensor; larger data are read batch by batch, to the same bits


class Inputs:
    """The features of a table as a module takes them.

    Parameters
    ----------
    data : Table
    prepared : transformer or None
        Fitted preprocessing that the features go through.
    module : nn.Module
        Its type of numbers is theirs. Whole numbers stay whole where it has an embedding.
    device : torch.device
    """

    def __init__(self, data: Table, prepared: Any, module: nn.Module, device: torch.device) -> None:
        self.data, self.device = data, device
        self.dtype = next((held.dtype for held in module.parameters() if held.is_floating_point()), torch.float32)
        self.embeds = any(isinstance(part, nn.Embedding | nn.EmbeddingBag) for part in module.modules())
        self.whole: Tensor | None = None
        if prepared is not None:
            self.whole = self._tensor(dense(prepared.transform(data.features))).to(device)
        elif _bytes(data.columns.features, len(data)) <= WHOLE:
            self.whole = self._tensor(as_matrix(data.stored)).to(device)

    def __len__(self) -> int:
        return len(self.data)

    def batch(self, rows: NDArray[np.intp]) -> Tensor:
        """Some of the records, in memory of their own."""
        if self.whole is not None:
            return self.whole.index_select(0, torch.tensor(rows, device=self.device))
        return self._tensor(as_matrix(self.data.take(rows).stored)).to(self.device)

    def finite(self) -> bool:
        """Whether every feature is a number."""
        size = 4096
        parts = (np.arange(start, min(start + size, len(self))) for start in range(0, len(self), size))
        return all(bool(torch.isfinite(self.batch(rows)).all()) for rows in parts)

    def _tensor(self, values: NDArray[Any]) -> Tensor:
        if values.dtype.kind == "u" and values.dtype.itemsize == 1 and not self.embeds:
            return torch.tensor(values).to(self.dtype) / 255  # as images are read
        made = torch.tensor(values.astype(values.dtype.newbyteorder("="), copy=False))
        return made.to(torch.int64 if self.embeds and values.dtype.kind in "biu" else self.dtype)


def as_matrix(stored: Any) -> NDArray[Any]:
    """Features as one array of numbers.

    Raises
    ------
    DataError
        When a column holds none.
    """
    if not isinstance(stored, pa.Table):
        return np.asarray(stored)
    for field in stored.schema:
        if not (pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_boolean(field.type)):
            msg = (
                f"a network takes numbers, and column {field.name!r} holds {field.type}: give prepare=Tabular(...), say"
            )
            raise DataError(msg)
    columns = [column.to_numpy() for column in stored.columns]
    whole = all(column.dtype.kind in "iu" for column in columns)  # as an embedding takes them
    columns = [np.asarray(column, dtype=np.int64 if whole else np.float64) for column in columns]
    return np.column_stack(columns) if columns else np.zeros((len(stored), 0))


def fitted(prepare: Any, data: Table, run: Run) -> Any:
    """A transformer fitted on these records, as it comes back from its bytes; its random states belong to the key."""
    ordered = data.take(keyed.order(run.key, data.ids, "prepare"))
    made = seeded(prepare, keyed.subkey(run.key, "prepare"))
    try:
        with limited_pools(run.threads), global_randomness(run.key):
            made.fit(ordered.features, ordered.label)
    except Warning:  # made an error by the user's own filters
        raise
    except Exception as failure:  # whatever a transformer raises
        msg = f"{type(made).__name__} failed on {len(data)} records: {reason(failure, made, data.names)}"
        raise LearnError(msg) from failure
    return decode(encode(made), trusted=True)


def dense(transformed: Any) -> NDArray[Any]:
    """What a transformer gives, as one dense array."""
    return np.asarray(transformed.toarray() if hasattr(transformed, "toarray") else transformed)


def batches(count: int, size: int) -> Iterator[slice]:
    """Consecutive batches; a last record that would be alone goes with the batch before, for batch norm needs two.

    Examples
    --------
    >>> [(part.start, part.stop) for part in batches(9, 4)]
    [(0, 4), (4, 9)]
    """
    starts = list(range(0, max(count, 1), size))
    if count > 1 and count - starts[-1] == 1 and size > 1:
        starts.pop()
    ends = [*starts[1:], count]
    return (slice(start, end) for start, end in zip(starts, ends, strict=True) if end > start)


def augmented(batch: Tensor, rows: NDArray[np.intp], own: Augment, seeds: NDArray[np.uint64]) -> Tensor:
    """Each record changed by a generator that belongs to its id and epoch: no other record moves it."""
    changed = []
    for record, row in zip(batch, rows, strict=True):
        generator = torch.Generator().manual_seed(int(seeds[row] >> np.uint64(1)))
        made = own(record.cpu().clone(), generator)  # where the generator is
        if not isinstance(made, Tensor) or made.shape != record.shape:
            got = tuple(made.shape) if isinstance(made, Tensor) else f"a {type(made).__name__}"
            msg = f"augment must keep the shape of a record, {tuple(record.shape)}, and gave {got}"
            raise ParameterError(msg)
        changed.append(made)
    return torch.stack(changed).to(batch.device, batch.dtype)


def augment_seeds(data: Table, run: Run, epoch: int) -> NDArray[np.uint64]:
    """(n,) one seed a record for an epoch."""
    return keyed.draw(run.key, data.ids, "augment", epoch)


def _bytes(features: Any, rows: int) -> int:
    """Bytes of that many records as numbers of a network."""
    if isinstance(features, pa.Table):
        return rows * int(features.num_columns) * 8
    return rows * int(math.prod(features.shape[1:])) * max(4, int(features.dtype.itemsize))
