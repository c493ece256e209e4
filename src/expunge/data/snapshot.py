"""`Snapshot`: what the models were trained on, in blocks of bytes that somebody else seals and keeps.

A source is read once, in a stream. Each record goes to the block that a keyed hash of its unit (the owner, else the
id) names: so a person is in one block, never moves, and is found without a list of who is where. A block is a few
parts, each an Arrow stream of the records as they came; forgetting a person rewrites only the parts that hold a record
of theirs. A snapshot itself is public but for the addresses: it holds the schema and how many rows there are.

Examples
--------
>>> from expunge.data.schema import Schema
>>> from expunge.protocol import Key
>>> from expunge.values import Owners
>>> import pyarrow as pa
>>> kept: dict[str, bytes] = {}
>>> def put(content: bytes) -> str:
...     return kept.setdefault(f"blob {len(kept)}", content) and f"blob {len(kept) - 1}"
>>> schema = Schema("id", None, "owner", (("size", "number"),))
>>> rows = pa.record_batch([pa.array([1, 2, 3]), ["ann", "bob", "ann"], [0.5, 1.5, 2.5]], ["id", "owner", "size"])
>>> snapshot = take([typed(rows, schema.kinds, "an example")], schema, Key(b"secret"), put, blocks=8)
>>> table = load(snapshot, kept.get)
>>> sorted(table.ids.tolist())
[1, 2, 3]
>>> after = revised(snapshot, Key(b"secret"), kept.get, put, table, table.change(Owners(["ann"])))
>>> load(after, kept.get).ids, after.addresses <= snapshot.addresses
(array([2]), True)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expunge import keyed
from expunge.data.kinds import shown
from expunge.data.repeats import Repeats
from expunge.data.schema import Schema, arrow_of, complete, table_of, typed
from expunge.errors import DamagedError, DataError, MismatchError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.keyed import Secret
    from expunge.protocol import Change, Ids

    Get: TypeAlias = Callable[[str], bytes]
    Put: TypeAlias = Callable[[bytes], str]
    Skip: TypeAlias = Callable[[pa.RecordBatch], Any]

PENDING = 64 << 20  # bytes that wait before they are put, over all blocks
SMALL = 256 << 10  # bytes of a part that new rows join
GROUP = 16 << 20  # bytes of parts that are gathered at a time
MOST = 1 << 15  # blocks
__all__ = ["Snapshot", "bare", "block_of", "bytes_of", "load", "locate", "revised", "take", "typed"]


@dataclass(frozen=True)
class Snapshot:
    """Where the records rest.

    Attributes
    ----------
    schema : Schema
    blocks : tuple of tuple of str
        For each block the addresses of its parts.
    rows : int
    """

    schema: Schema
    blocks: tuple[tuple[str, ...], ...]
    rows: int

    @property
    def addresses(self) -> frozenset[str]:
        """All parts: what the store must keep for this snapshot."""
        return frozenset(address for block in self.blocks for address in block)

    def written(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"schema": self.schema.written(), "blocks": [list(block) for block in self.blocks], "rows": self.rows}

    @classmethod
    def from_written(cls, written: Mapping[str, Any]) -> Self:
        """What `written` wrote."""
        blocks = tuple(tuple(map(str, block)) for block in written["blocks"])
        return cls(Schema.from_written(written["schema"]), blocks, int(written["rows"]))


# -- taking one --------------------------------------------------------------------------------------------------------


def take(
    batches: Iterable[pa.RecordBatch], schema: Schema, key: Secret, put: Put, *, blocks: int, skip: Skip | None = None
) -> Snapshot:
    """Read everything once, into blocks; memory stays bounded however many rows there are.

    Parameters
    ----------
    batches : iterable of pa.RecordBatch
        In the schema's types, as ``source.batches(schema)`` gives them.
    key : bytes or Key
        Which block a unit is in follows from it: the same key finds it again.
    put : function of bytes, giving an address
    blocks : int
        More of them make a deletion cheaper to write and a snapshot dearer.
    skip : function of a batch, giving (n,) bool, optional
        Rows to leave out: those of the forgotten, that the source still holds.

    Raises
    ------
    DataError
        If a row has no id, owner or label, or the id of an earlier row.
    """
    if isinstance(blocks, bool) or not isinstance(blocks, int) or not 1 <= blocks <= MOST:
        msg = f"a snapshot has 1 to {MOST} blocks, got {blocks!r}"
        raise ParameterError(msg)
    shelf, met, row, rows = _Shelf(schema, put, blocks), Repeats(), 0, 0
    for batch in batches:
        complete(batch, schema, row)
        left = batch if skip is None else batch.filter(~np.asarray(skip(batch), dtype=bool))
        ids = _names(left.column(schema.id))
        drawn = keyed.draws(key, ids, "block")
        again = met.meet(ids if isinstance(ids, np.ndarray) else drawn)
        if again is not None:
            name = left.column(schema.id)[again].as_py()
            at = "" if len(left) < len(batch) else f"row {row + again + 1}: "
            msg = f"{at}the id {shown(name)} came before; column {schema.id!r} must name each record differently"
            raise DataError(msg)
        shelf.add(left, drawn[:, 0] if schema.owner is None else _drawn(key, _names(left.column(schema.owner)))[:, 0])
        row, rows = row + batch.num_rows, rows + left.num_rows
    return Snapshot(schema, shelf.closed(), rows)


def block_of(key: Secret, units: Ids, blocks: int) -> NDArray[np.int64]:
    """(n,) the block of each unit."""
    return (_drawn(key, units)[:, 0] % np.uint64(blocks)).astype(np.int64)


def locate(snapshot: Snapshot, key: Secret, units: Ids) -> set[int]:
    """Blocks that hold these units, if the snapshot has them at all."""
    return set(np.unique(block_of(key, units, len(snapshot.blocks))).tolist())


class _Shelf:
    """Rows on their way into blocks; they are put when they weigh enough."""

    def __init__(self, schema: Schema, put: Put, blocks: int) -> None:
        self._schema, self._put = schema.arrow, put
        self._parts: list[list[str]] = [[] for _ in range(blocks)]
        self._waiting: list[list[pa.RecordBatch]] = [[] for _ in range(blocks)]
        self._weight = 0

    def add(self, batch: pa.RecordBatch, drawn: NDArray[np.uint64]) -> None:
        numbers = (drawn % np.uint64(len(self._parts))).astype(np.uint16)
        sorted_rows = batch.take(pa.array(np.argsort(numbers, kind="stable")))
        ends = np.cumsum(np.bincount(numbers, minlength=len(self._parts)))
        start = 0
        for number in np.unique(numbers).tolist():
            self._waiting[number].append(sorted_rows.slice(start, ends[number] - start))
            start = ends[number]
        self._weight += sorted_rows.nbytes
        if self._weight >= PENDING:
            self._flush()

    def closed(self) -> tuple[tuple[str, ...], ...]:
        self._flush()
        return tuple(map(tuple, self._parts))

    def _flush(self) -> None:
        for parts, waiting in zip(self._parts, self._waiting, strict=True):
            if waiting:
                parts.append(self._put(bytes_of(pa.Table.from_batches(waiting, self._schema))))
                waiting.clear()
        self._weight = 0


# -- reading one -------------------------------------------------------------------------------------------------------


def load(
    snapshot: Snapshot, get: Get, *, blocks: Iterable[int] | None = None, features: Collection[str] | None = None
) -> Table:
    """The records of a snapshot, or of some of its blocks, with all features or some; in the order of the blocks.

    At most the table itself and one more column are in memory.

    Raises
    ------
    DamagedError
        If a part holds no such records.
    """
    schema = snapshot.schema
    if features is not None:
        schema = schema.without(*(name for name in schema.features if name not in features))
    numbers = range(len(snapshot.blocks)) if blocks is None else sorted(set(blocks))
    addresses = [address for number in numbers for address in snapshot.blocks[number]]
    names = schema.arrow.names
    chunks: dict[str, list[pa.Array]] = {name: [] for name in names}
    for group in _groups(snapshot.schema, get, addresses):
        for name in names:
            parts = [part for table in group for part in table.column(name).chunks]
            chunks[name].append(pa.concat_arrays(parts))  # a copy, also of a single one: the part can go
        group.clear()
    columns = []
    for field in schema.arrow:
        columns.append(pa.concat_arrays(chunks.pop(field.name) or [pa.array([], field.type)]))
        pa.default_memory_pool().release_unused()  # the pool would keep what it has for later
    return table_of(pa.table(columns, schema=schema.arrow), schema)


def bare(snapshot: Snapshot, get: Get, *, blocks: Iterable[int] | None = None) -> Table:
    """Ids, owners and labels of the records, without features."""
    return load(snapshot, get, blocks=blocks, features=())


def _groups(schema: Schema, get: Get, addresses: Iterable[str]) -> Iterator[list[pa.Table]]:
    """Parts, some at a time; whoever gets a list may empty it."""
    group: list[pa.Table] = []
    weight = 0
    for address in addresses:
        group.append(_rows_of(get(address), schema, address))
        weight += group[-1].nbytes
        if weight >= GROUP:
            yield group
            group, weight = [], 0
    if group:
        yield group


# -- changing one ------------------------------------------------------------------------------------------------------


def revised(snapshot: Snapshot, key: Secret, get: Get, put: Put, before: Table, change: Change[Table]) -> Snapshot:
    """The snapshot after a change of the table that it holds; parts without a changed row keep their addresses.

    Parameters
    ----------
    before : Table
        What `load` gave.
    change : Change
        ``before.change(target)``; a feature that is erased rewrites everything.

    Raises
    ------
    MismatchError
        If the snapshot does not hold the records that go.
    """
    if change.into.names != before.names:
        gone = [name for name in before.names if name not in change.into.names]
        schema = snapshot.schema.without(*gone)
        batches = arrow_of(change.into, schema).to_batches(max_chunksize=1 << 16)
        return take(batches, schema, key, put, blocks=len(snapshot.blocks))
    out, schema = before.take(change.out), snapshot.schema
    blocks = [list(block) for block in snapshot.blocks]
    left = len(out)
    for number in sorted(locate(snapshot, key, out.units)) if left else ():
        blocks[number], removed = _without(blocks[number], out.ids, schema, get, put)
        left -= removed
    if left:
        msg = f"data other than the snapshot's: {left} of the {len(out)} records that go are not in it"
        raise MismatchError(msg)
    coming = arrow_of(change.into, schema)
    numbers = block_of(key, change.into.units, len(blocks))
    for number in np.unique(numbers).tolist():
        rows = coming.take(pa.array(np.flatnonzero(numbers == number)))
        blocks[number] = _with(blocks[number], rows, schema, get, put)
    rows_after = snapshot.rows - len(out) + len(change.into)
    return replace(snapshot, blocks=tuple(map(tuple, blocks)), rows=rows_after)


def _without(parts: Sequence[str], gone: Ids, schema: Schema, get: Get, put: Put) -> tuple[list[str], int]:
    """The parts of a block less some records, and how many went."""
    names, left, removed = pa.array(gone), [], 0
    for address in parts:
        rows = _rows_of(get(address), schema, address)
        stays = pc.invert(pc.is_in(rows.column(schema.id), value_set=names))
        kept = pc.sum(stays).as_py() or 0
        removed += rows.num_rows - kept
        if kept == rows.num_rows:
            left.append(address)
        elif kept:
            left.append(put(bytes_of(rows.filter(stays))))
    return left, removed


def _with(parts: Sequence[str], rows: pa.Table, schema: Schema, get: Get, put: Put) -> list[str]:
    """The parts of a block and some new records; they join the last part where that is small."""
    if parts:
        content = get(parts[-1])
        if len(content) < SMALL:
            joined = pa.concat_tables([_rows_of(content, schema, parts[-1]), rows])
            return [*parts[:-1], put(bytes_of(joined))]
    return [*parts, put(bytes_of(rows))]


# -- rows and bytes ----------------------------------------------------------------------------------------------------


def bytes_of(rows: pa.Table) -> bytes:
    """An Arrow stream of one batch, uncompressed, that holds these rows and no byte of others.

    Arrow writes a slice with the bytes that stand behind it, up to its alignment, and whatever stands under a null; so
    every column is copied first, and gathered anew where it has nulls.
    """
    columns = [pa.concat_arrays(column.chunks) for column in rows.columns]
    order = pa.array(np.arange(rows.num_rows))
    columns = [column.take(order) if column.null_count else column for column in columns]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(pa.record_batch(columns, schema=rows.schema))
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _rows_of(content: bytes, schema: Schema, address: str) -> pa.Table:
    try:
        rows = pa.ipc.open_stream(pa.py_buffer(content)).read_all()
    except (pa.ArrowInvalid, OSError) as refusal:
        msg = f"the part {address} of the snapshot holds no records: {refusal}"
        raise DamagedError(msg) from None
    if rows.schema != schema.arrow:
        msg = f"the part {address} of the snapshot holds records of another schema"
        raise DamagedError(msg)
    return rows


def _names(column: pa.Array) -> Ids:
    if pa.types.is_large_string(column.type):
        return column
    values: NDArray[np.int64] = column.to_numpy()
    return values


def _drawn(key: Secret, units: Ids) -> NDArray[np.uint64]:
    """(n, 2) keyed random numbers of each unit; each distinct text is hashed once."""
    if isinstance(units, np.ndarray):
        return keyed.draws(key, units, "block")
    coded = units.dictionary_encode()
    drawn: NDArray[np.uint64] = keyed.draws(key, coded.dictionary, "block")[coded.indices.to_numpy()]
    return drawn
