"""A source is read once into blocks: nobody moves, nothing is lost, and what is forgotten is rewritten away."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.data import snapshot as snap
from expunge.data.schema import Schema, arrow_of, table_of, typed
from expunge.data.snapshot import Snapshot, bare, block_of, load, locate, revised, take
from expunge.data.sources import ParquetSource
from expunge.data.table import Table
from expunge.errors import DamagedError, DataError, MismatchError, ParameterError
from expunge.protocol import Change, Key
from expunge.values import Addition, Batch, Column, Correction, Owners, Records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from expunge.values import Target

KEY = Key(b"a secret of the tests")
SCHEMA = Schema("id", "class", "who", (("size", "number"), ("note", "text"), ("flag", "boolean"), ("day", "date")))
PLAIN = Schema("id", None, None, (("size", "number"),))


RAW = pa.schema(
    {
        "id": pa.int64(),
        "who": pa.large_string(),
        "class": pa.large_string(),
        "size": pa.float64(),
        "note": pa.large_string(),
        "flag": pa.int64(),
        "day": pa.large_string(),
    }
)


class Shelf(dict[str, bytes]):
    """A store of blobs by their digest."""

    def put(self, content: bytes) -> str:
        address = hashlib.sha256(content).hexdigest()
        self[address] = content
        return address


def rows(names: Sequence[int], owners: int = 7) -> pa.RecordBatch:
    raw = pa.table(
        {
            "id": pa.array(names, pa.int64()),
            "who": [f"owner {name % owners}" for name in names],
            "class": [["ham", "spam", "\u00e9"][name % 3] for name in names],
            "size": [None if name % 5 == 0 else name / 2 for name in names],
            "note": [None if name % 4 == 0 else f"the note {name} " * (name % 3) for name in names],
            "flag": [None if name % 6 == 0 else name % 2 for name in names],
            "day": [None if name % 7 == 0 else f"2024-01-{name % 28 + 1:02}" for name in names],
        },
        schema=RAW,
    )
    return typed(raw, SCHEMA.kinds, "the test")


def of(names: Sequence[int], owners: int = 7) -> Table:
    return table_of(rows(names, owners), SCHEMA)


def taken(*batches: pa.RecordBatch, shelf: Shelf, blocks: int = 4, schema: Schema = SCHEMA, **more: Any) -> Snapshot:
    return take(batches, schema, KEY, shelf.put, blocks=blocks, **more)


def contents(table: Table) -> list[dict[str, Any]]:
    """Records in order of their ids."""
    schema = SCHEMA.without(*(name for name in SCHEMA.features if name not in table.names))
    listed: list[dict[str, Any]] = arrow_of(table, schema).to_pylist()
    return sorted(listed, key=lambda row: row["id"])


def check(snapshot: Snapshot, shelf: Shelf, expected: Table) -> None:
    """The snapshot holds exactly these records, each person in the block that the key names."""
    table = load(snapshot, shelf.__getitem__)
    assert contents(table) == contents(expected)
    assert snapshot.rows == len(expected)
    for number in range(len(snapshot.blocks)):
        here = load(snapshot, shelf.__getitem__, blocks=[number])
        assert set(block_of(KEY, here.units, len(snapshot.blocks)).tolist()) <= {number}
    assert Snapshot.from_written(json.loads(json.dumps(snapshot.written()))) == snapshot


# -- taking and loading ------------------------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 60)), st.integers(1, 9), st.integers(1, 40), st.integers(1, 4000))
@settings(max_examples=40)
def test_a_snapshot_holds_what_was_read(names: set[int], blocks: int, size: int, pending: int) -> None:
    shelf, batch = Shelf(), rows(sorted(names))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(snap, "PENDING", pending)
        batches = [batch.slice(start, size) for start in range(0, len(names), size)]
        snapshot = taken(*batches, shelf=shelf, blocks=blocks)
    assert snapshot.addresses == shelf.keys()
    check(snapshot, shelf, of(sorted(names)))


def test_a_loaded_table_is_as_one_made_of_a_frame() -> None:
    shelf = Shelf()
    table = load(taken(rows(range(50)), shelf=shelf), shelf.__getitem__)
    frame = pa.Table.from_batches([rows(table.ids.tolist())])
    other = Table.from_frame(frame, id="id", owner="who", label="class")
    assert table.schema() == other.schema()
    assert (table.digests(KEY) == other.digests(KEY)).all()
    assert all(column.num_chunks == 1 for column in arrow_of(table, SCHEMA).columns)


def test_the_same_rows_make_the_same_bytes_and_neighbours_leave_none() -> None:
    first, second = Shelf(), Shelf()
    assert taken(rows(range(99)), shelf=first) == taken(rows(range(99)), shelf=second)
    assert first == second
    loud = Schema("id", None, None, (("word", "text"), ("flag", "boolean")), id_type="text")
    words = ["canary"] + [f"word {k}" for k in range(200)]
    batch = pa.record_batch(
        [pa.array(words, pa.large_string())] * 2 + [pa.array([None, True, False] * 67)], loud.arrow.names
    )
    shelf = Shelf()
    snapshot = taken(typed(batch, loud.kinds, "t"), shelf=shelf, schema=loud, blocks=16)
    (block,) = locate(snapshot, KEY, pa.array(["canary"], pa.large_string()))
    for number, parts in enumerate(snapshot.blocks):
        for part in parts:
            assert (b"canary" in shelf[part]) == (number == block)


@given(st.integers(0, 40), st.integers(1, 40), st.integers(1, 20))
def test_a_part_holds_no_byte_of_other_rows(start: int, count: int, size: int) -> None:
    """Arrow's own writer fails here: it pads a slice with the bytes behind it, and keeps what stands under a null."""
    whole = pa.Table.from_batches([rows(range(100)).slice(k, size) for k in range(0, 100, size)])
    some = pa.py_buffer(b"\x05" * 13)
    garbage = pa.py_buffer(b"garbage!" * 100)
    for name, buffers in {"size": [garbage], "note": [pa.py_buffer(np.arange(0, 808, 8)), garbage]}.items():
        place, kind = whole.column_names.index(name), whole.schema.field(name).type
        whole = whole.set_column(place, name, pa.Array.from_buffers(kind, 100, [some, *buffers]))
    part = whole.slice(start, count)
    fresh = pa.Table.from_pylist(part.to_pylist(), SCHEMA.arrow)
    assert snap.bytes_of(part) == snap.bytes_of(fresh)


def test_an_empty_source_is_an_empty_table() -> None:
    shelf = Shelf()
    for snapshot in (taken(shelf=shelf), taken(rows([]), shelf=shelf)):
        table = load(snapshot, shelf.__getitem__)
        assert (len(table), table.names, snapshot.rows, snapshot.blocks) == (0, SCHEMA.features, 0, ((),) * 4)
        assert table.schema() == of([1]).take(slice(0, 0)).gathered().schema()


def test_some_blocks_and_some_features() -> None:
    shelf = Shelf()
    snapshot = taken(rows(range(99)), shelf=shelf)
    whole = load(snapshot, shelf.__getitem__)
    names = bare(snapshot, shelf.__getitem__)
    assert names.names == ()
    assert names.ids.tolist() == whole.ids.tolist()
    assert names.label is not None
    assert whole.label is not None
    assert names.label.tolist() == whole.label.tolist()
    assert len(names.take(np.array([3, 5]))) == 2
    assert names.after(Owners(["owner 1"])).names == ()
    some = load(snapshot, shelf.__getitem__, features=["flag", "size"])
    assert some.names == ("size", "flag")
    wanted = pa.array(["owner 3"], pa.large_string())
    (number,) = locate(snapshot, KEY, wanted)
    held = bare(snapshot, shelf.__getitem__, blocks=[number])
    assert held.owners is not None
    assert held.owners.tolist().count("owner 3") == sum(name % 7 == 3 for name in range(99))


def test_a_person_never_moves() -> None:
    few, many = Shelf(), Shelf()
    alone = taken(rows([3, 10, 17]), shelf=few)
    among = taken(rows(range(200)), shelf=many)
    mine = pa.array(["owner 3"], pa.large_string())
    assert locate(alone, KEY, mine) == locate(among, KEY, mine)
    assert [len(block) for block in alone.blocks].count(0) == 3
    assert (
        len({tuple(block_of(Key(bytes([k])), pa.array(["a", "b", "c"], pa.large_string()), 64)) for k in range(9)}) > 1
    )
    numbers = block_of(KEY, np.arange(6400), 64)
    assert (np.bincount(numbers, minlength=64) > 50).all()


def test_rows_to_skip_are_left_out() -> None:
    shelf = Shelf()

    def forgotten(batch: pa.RecordBatch) -> list[bool]:
        return [name % 2 == 0 for name in batch.column("id").to_pylist()]

    snapshot = taken(rows(range(10)), rows([2, 4, 11, 8]), shelf=shelf, skip=forgotten)
    check(snapshot, shelf, of([1, 3, 5, 7, 9, 11]))
    check(taken(rows([2, 4]), shelf=shelf, skip=forgotten), shelf, of([]))


@pytest.mark.parametrize("schema", [PLAIN, Schema("id", None, None, (("size", "number"),), id_type="text"), SCHEMA])
def test_an_id_that_comes_again_is_named(schema: Schema) -> None:
    def batch(names: list[int]) -> pa.RecordBatch:
        return typed(rows(names), schema.kinds, "the test")

    with pytest.raises(DataError, match=r"row 4: the id '?3'? came before; column 'id' must name each record"):
        taken(batch([1, 3, 2, 3]), shelf=Shelf(), schema=schema)
    with pytest.raises(DataError, match=r"row 302: the id '?17'? came before"):
        taken(*(batch(list(range(k, k + 100))) for k in (0, 100, 200)), batch([500, 17]), shelf=Shelf(), schema=schema)


def test_what_every_record_needs_is_asked_for() -> None:
    gap = pa.record_batch([pa.array([1, None]), pa.array([0.5, 1.0])], schema=PLAIN.arrow)
    with pytest.raises(DataError, match="row 12, column 'id': there is no id; every record needs one"):
        taken(typed(rows(range(10)), PLAIN.kinds, "t"), gap, shelf=Shelf(), schema=PLAIN)
    for blocks in (0, -1, 2**20, True, 2.0):
        with pytest.raises(ParameterError, match="a snapshot has 1 to 32768 blocks, got"):
            taken(rows([1]), shelf=Shelf(), blocks=blocks)  # type: ignore[arg-type]


def test_a_part_that_is_none_is_named() -> None:
    shelf = Shelf()
    snapshot = taken(rows(range(9)), shelf=shelf, blocks=1)
    (address,) = snapshot.addresses
    good = shelf[address]
    for damaged in (b"", b"nothing", good[:-30], good[: len(good) // 2]):
        shelf[address] = damaged
        with pytest.raises(DamagedError, match=f"the part {address} of the snapshot holds no records|another schema"):
            load(snapshot, shelf.__getitem__)
    shelf[address] = good
    other = Snapshot(PLAIN, snapshot.blocks, 9)
    with pytest.raises(DamagedError, match="holds records of another schema"):
        load(other, shelf.__getitem__)


def test_real_data_come_through(real_data: Path) -> None:
    for name, schema in {
        "adult": Schema("row_id", "income", None, (("age", "integer"), ("workclass", "category"), ("sex", "text"))),
        "credit_default": Schema("ID", "default_next_month", None, (("AGE", "number"),), label_type="integer"),
        "sms_spam": Schema("row_id", "label", None, (("text", "text"),), id_type="text"),
    }.items():
        shelf = Shelf()
        path = real_data / f"{name}.parquet"
        snapshot = take(ParquetSource(path).batches(schema, 5000), schema, KEY, shelf.put, blocks=8)
        table, raw = load(snapshot, shelf.__getitem__), pq.read_table(path)
        assert len(table) == raw.num_rows
        order = np.argsort(np.array(table.ids.tolist(), dtype=np.int64))
        expected = np.argsort(raw.column(schema.id).to_numpy())
        assert table.label is not None
        assert (table.label[order] == raw.column(schema.label).to_numpy()[expected]).all()
        feature = schema.features[-1]
        assert table.column(feature)[order].tolist() == raw.column(feature).to_numpy()[expected].tolist()


# -- changing ----------------------------------------------------------------------------------------------------------


@st.composite
def changes(draw: st.DrawFn) -> list[Target]:
    """Targets of every sort, some of which name what is not there."""
    made: list[Target] = []
    for _ in range(draw(st.integers(1, 4))):
        names = sorted(draw(st.sets(st.integers(0, 70), max_size=9)))
        choices: list[Target] = [
            Records(names),
            Owners([f"owner {name}" for name in names]),
            Correction(of(names, owners=3)),
            Addition(of([name + 100 + len(made) * 100 for name in names])),
            Batch([Records(names), Correction(of(range(5), owners=2))]),
        ]
        made.append(draw(st.sampled_from(choices)))
    last: list[Target] = [Column("note"), Batch([Records([1, 2]), Column("size")])]
    return [*made, *draw(st.lists(st.sampled_from(last), max_size=1))]


@given(changes(), st.integers(1, 9), st.sampled_from([1, 10**6]))
@settings(max_examples=60)
def test_a_changed_snapshot_holds_the_changed_table(targets: list[Target], blocks: int, small: int) -> None:
    shelf = Shelf()
    snapshot = taken(rows(range(40)), rows(range(40, 60)), shelf=shelf, blocks=blocks)
    for target in targets:
        before = load(snapshot, shelf.__getitem__)
        change = before.change(target)
        assert change is not None
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(snap, "SMALL", small)
            snapshot = revised(snapshot, KEY, shelf.__getitem__, shelf.put, before, change)
        check(snapshot, shelf, before.after(target))
        assert snapshot.schema.features == load(snapshot, shelf.__getitem__).names


def test_only_parts_with_a_changed_row_are_rewritten() -> None:
    shelf = Shelf()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(snap, "PENDING", 1)  # every batch is a part of each block
        snapshot = taken(*(rows(range(k, k + 100)) for k in range(0, 1000, 100)), shelf=shelf, blocks=8)
    before = load(snapshot, shelf.__getitem__)
    change = before.change(Records([418]))
    assert change is not None
    puts: list[bytes] = []
    after = revised(snapshot, KEY, shelf.__getitem__, lambda made: puts.append(made) or shelf.put(made), before, change)  # type: ignore[func-returns-value]
    assert len(puts) == 1
    (gone,) = snapshot.addresses - after.addresses
    assert len(after.addresses - snapshot.addresses) == 1
    assert b"the note 418" in shelf[gone]
    assert not any(b"the note 418" in shelf[address] for address in after.addresses)


def test_what_is_forgotten_is_in_no_part() -> None:
    shelf = Shelf()
    snapshot = taken(rows(range(300)), shelf=shelf)
    before = load(snapshot, shelf.__getitem__)
    change = before.change(Owners(["owner 3"]))
    assert change is not None
    after = revised(snapshot, KEY, shelf.__getitem__, shelf.put, before, change)
    for address in after.addresses:
        assert b"owner 3" not in shelf[address]
        for name in range(3, 300, 7):
            if name % 3 and name % 4:
                assert f"the note {name} ".encode() not in shelf[address]
    everybody = before.change(Records(range(300)))
    assert everybody is not None
    assert revised(snapshot, KEY, shelf.__getitem__, shelf.put, before, everybody).blocks == ((),) * 4


def test_nothing_changed_keeps_the_snapshot() -> None:
    shelf = Shelf()
    snapshot = taken(rows(range(30)), shelf=shelf)
    before = load(snapshot, shelf.__getitem__)
    change = before.change(Records([777]))
    assert change is not None
    assert revised(snapshot, KEY, shelf.__getitem__, shelf.put, before, change) == snapshot


def test_additions_join_small_parts() -> None:
    shelf = Shelf()
    snapshot = taken(rows(range(9)), shelf=shelf, blocks=1)
    for name in range(100, 120):
        before = load(snapshot, shelf.__getitem__)
        change = before.change(Addition(of([name])))
        assert change is not None
        snapshot = revised(snapshot, KEY, shelf.__getitem__, shelf.put, before, change)
    assert len(snapshot.addresses) == 1
    check(snapshot, shelf, of([*range(9), *range(100, 120)]))


def test_another_table_than_the_snapshots_is_refused() -> None:
    shelf = Shelf()
    snapshot = taken(rows(range(9)), shelf=shelf)
    other = of(range(20))
    change = Change(np.array([3, 15, 16]), other.take(slice(0, 0)))
    with pytest.raises(MismatchError, match="2 of the 3 records that go are not in it"):
        revised(snapshot, KEY, shelf.__getitem__, shelf.put, other, change)


# -- size --------------------------------------------------------------------------------------------------------------

MEMORY = """
import pathlib, sys, threading, time
import numpy as np, pyarrow as pa
from expunge.data.schema import Schema
from expunge.data.snapshot import load, take
from expunge.data.sources import CsvSource, ParquetSource
from expunge.protocol import Key

kind, folder, rows = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
schema = Schema("id", None, None, tuple((f"x{k}", "number") for k in range(9)))
peak, running = 0, True

def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096

def watch():
    global peak
    while running:
        peak = max(peak, resident())
        time.sleep(0.002)

def made():
    for start in range(0, rows, 50_000):
        rng, ids = np.random.default_rng(start), np.arange(start, start + 50_000)
        yield pa.record_batch([ids, *(rng.normal(size=50_000) for _ in range(9))], schema=schema.arrow)

def put(content):
    name = str(len(list(folder.glob("blob*"))))
    (folder / f"blob{name}").write_bytes(content)
    return name

sources = {"csv": CsvSource, "parquet": ParquetSource}
batches = made() if kind == "made" else sources[kind](folder / f"rows.{kind}").batches(schema)
threading.Thread(target=watch, daemon=True).start()
base = peak = resident()
snapshot = take(batches, schema, Key(b"k"), put, blocks=16)
taking, weight = peak - base, sum(path.stat().st_size for path in folder.glob("blob*"))
pa.default_memory_pool().release_unused()
base = peak = resident()
table = load(snapshot, lambda name: (folder / f"blob{name}").read_bytes())
running = False
assert len(table) == snapshot.rows == rows
print(taking, peak - base, weight)
"""


def measured(kind: str, folder: Path, count: int) -> tuple[int, int, int]:
    """Bytes of memory that taking and loading needed beyond what was there, and bytes of the snapshot."""
    command = [sys.executable, "-c", MEMORY, kind, str(folder), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    taking, loading, weight = map(int, done.stdout.split())
    return taking, loading, weight


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "parquet", "made"])
def test_millions_of_rows_stream(tmp_path: Path, kind: str) -> None:
    from pyarrow import csv

    count = {"csv": 1_500_000, "parquet": 3_000_000, "made": 6_000_000}[kind]
    if kind != "made":
        table = pa.table(
            {"id": np.arange(count)} | {f"x{k}": np.random.default_rng(k).normal(size=count) for k in range(9)}
        )
        (csv.write_csv if kind == "csv" else pq.write_table)(table, tmp_path / f"rows.{kind}")
        del table
    taking, loading, weight = measured(kind, tmp_path, count)
    assert weight > 75 * count
    assert taking < 400 << 20, f"{taking >> 20} MB"  # whatever the number of rows
    assert loading < 1.5 * weight + (64 << 20), f"{loading >> 20} MB for a table of {weight >> 20} MB"


def stream(count: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, count, 1000):
        ids = np.arange(start, start + 1000)
        yield pa.record_batch([ids, ids / 2.0], schema=PLAIN.arrow)


def test_rows_are_put_before_all_of_them_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snap, "PENDING", 64_000)
    shelf, seen = Shelf(), []

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in stream(50_000):
            seen.append(sum(map(len, shelf.values())))
            yield batch

    take(batches(), PLAIN, KEY, shelf.put, blocks=4)
    assert seen[-1] > 0.8 * 50_000 * 16
