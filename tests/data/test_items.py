"""Records read when they are asked for: the same as an array of them, whatever is done, and never all at once."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.data import items
from expunge.data.items import ArraySource, DatasetSource, Items, is_mapped, of_array, of_dataset
from expunge.data.table import Table
from expunge.errors import DataError
from expunge.values import Addition, Batch, Column, Correction, Label, Owners, Records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from expunge.values import Target

N, SHAPE = 12, (2, 3, 2)
RECORDS = np.random.default_rng(5).integers(-9, 9, (N, *SHAPE)).astype(np.float32)
RECORDS[7] = RECORDS[2]
LABELS = [f"class {k % 3}" for k in range(N)]
LABELS[7] = LABELS[2]
OWNERS = [f"owner {k // 2}" for k in range(N)]


class Listed:
    """A map-style dataset that counts how often each item is read."""

    def __init__(self, records: Any, labels: Any = None) -> None:
        self.records, self.labels = records, labels
        self.reads: list[int] = []

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, place: int) -> Any:
        assert type(place) is int
        self.reads.append(place)
        return self.records[place] if self.labels is None else (self.records[place], self.labels[place])


def mapped(array: np.ndarray[Any, Any], folder: Path, name: str = "records.npy") -> Any:
    np.save(folder / name, array)
    return np.load(folder / name, mmap_mode="r")


def every_form(folder: Path) -> dict[str, Table]:
    """The same records as an array, as a file that is mapped, and as two datasets."""
    more: dict[str, Any] = {"ids": range(100, 100 + N), "owners": OWNERS}
    return {
        "array": Table.from_arrays(RECORDS, LABELS, **more),
        "mapped": Table.from_arrays(mapped(RECORDS, folder), LABELS, **more),
        "pairs": Table.from_dataset(Listed(RECORDS, LABELS), **more),
        "records": Table.from_dataset(Listed(RECORDS), y=LABELS, **more),
    }


def content(table: Table) -> list[Any]:
    names = [None if held is None else held.tolist() for held in (table.ids, table.units, table.label)]
    return [*names, table.names, np.asarray(table.stored).tolist(), np.asarray(table.features).tolist()]


# -- items against an array --------------------------------------------------------------------------------------------

STEPS = st.lists(st.sampled_from(["take", "slice", "mask", "join", "again", "pickle"]), max_size=5)


@given(STEPS, st.data())
def test_items_are_what_an_array_of_them_would_be(tmp_path_factory: Any, steps: list[str], drawn: Any) -> None:
    pool = [RECORDS[:4], RECORDS[4:9], RECORDS[9:]]
    held = [
        of_dataset(Listed(pool[0]), labelled=False)[0],
        of_array(pool[1], columned=False),
        of_array(mapped(pool[2], tmp_path_factory.getbasetemp()), columned=False),
    ]
    first = drawn.draw(st.integers(0, 2))
    made, oracle = held[first], pool[first]
    if drawn.draw(st.booleans()):
        made.digests(b"k")
    for step in steps:
        rows: Any = None
        if step == "take" and len(oracle):
            rows = np.array(drawn.draw(st.lists(st.integers(0, len(oracle) - 1), max_size=9)), np.intp)
        elif step == "slice":
            rows = drawn.draw(st.slices(len(oracle)))
        elif step == "mask":
            rows = np.array(drawn.draw(st.lists(st.booleans(), min_size=len(oracle), max_size=len(oracle))), bool)
        elif step in ("join", "again"):
            other = drawn.draw(st.integers(0, 2))
            made, oracle = (
                (made.joined(held[other]), np.concatenate([oracle, pool[other]]))
                if step == "join"
                else (made.joined(made), np.concatenate([oracle, oracle]))
            )
        else:
            made = pickle.loads(pickle.dumps(made))  # noqa: S301  (our own bytes)
        if rows is not None:
            made, oracle = made.take(rows), oracle[rows]
    assert (made.shape, made.ndim, made.dtype, len(made)) == (oracle.shape, oracle.ndim, oracle.dtype, len(oracle))
    assert np.asarray(made).tobytes() == oracle.tobytes()
    assert made.read().flags.c_contiguous
    assert (made.digests(b"k") == items.digest_records(oracle, b"k")).all()
    assert len(made.sources) <= 3 or "pickle" in steps


def test_what_is_read_has_one_layout_and_is_ones_own() -> None:
    wide = np.asfortranarray(np.arange(48.0).reshape(6, 4, 2))
    matrix = of_array(np.asfortranarray(wide[:, :, 0]), columned=True)
    for held in (of_array(wide, columned=False), matrix, matrix.select([3, 0])):
        for rows in (slice(1, 4), np.array([4, 0]), slice(None), slice(0, 0)):
            read = held.read(rows)
            assert read.flags.c_contiguous
            assert read.flags.writeable
            assert not np.shares_memory(read, wide)
    for turned in (wide, wide.transpose(0, 2, 1)):
        for rows in (slice(1, 4), np.array([4, 0])):
            assert Table.from_arrays(turned).take(rows).features.flags.c_contiguous


def test_columns_of_a_mapped_matrix_are_selected_and_not_read(tmp_path: Path) -> None:
    X = np.arange(24.0).reshape(6, 4)
    here, there = Table.from_arrays(X), Table.from_arrays(mapped(X, tmp_path))
    for names in (["x3", "x1"], ["x2"], []):
        a, b = here.select(names), there.select(names)
        stored: Any = b.stored
        assert isinstance(stored, Items)
        assert content(a) == content(b)
        assert (a.digests(b"k") == b.digests(b"k")).all()
        assert a.schema() == b.schema()
        for name in names:
            assert a.column(name).tolist() == b.column(name).tolist()
            assert a.take(np.array([4, 1])).column(name).tolist() == b.take(np.array([4, 1])).column(name).tolist()
    twice = there.select(["x3", "x1", "x0"]).select(["x0", "x3"])
    assert twice.features.tolist() == X[:, [0, 3]].tolist()
    more = Addition(Table.from_arrays(np.full((1, 2), 7.0), ids=[9], columns=["x0", "x3"]))
    assert twice.after(more).features.tolist() == [*X[:, [0, 3]].tolist(), [7.0, 7.0]]
    again = pickle.loads(pickle.dumps(twice))  # noqa: S301  (our own bytes)
    assert again.features.tolist() == X[:, [0, 3]].tolist()
    assert again.column("x3").tolist() == X[:, 3].tolist()
    assert (again.digests(b"k") == twice.digests(b"k")).all()


def test_a_mapped_array_is_told_from_one_in_memory(tmp_path: Path) -> None:
    there = mapped(RECORDS, tmp_path)
    views = (there, np.asarray(there), there[2:], there.T, np.asarray(there)[::2].view(np.int32))
    assert all(map(is_mapped, views))
    assert not any(map(is_mapped, (RECORDS, there.copy(), there[[1, 0]], np.array(there), [1], None)))


def test_all_features_of_a_mapped_array_are_the_map_and_not_a_copy(tmp_path: Path) -> None:
    for array in (RECORDS, RECORDS.reshape(N, -1)):
        there = mapped(array, tmp_path)
        table = Table.from_arrays(there)
        assert np.shares_memory(table.features, there)
        assert not np.shares_memory(table.take(slice(1, 3)).features, there)
    with pytest.raises(ValueError, match="without a copy"):
        np.asarray(table.stored, copy=False)
    assert np.asarray(table.stored, np.float64).dtype == np.float64


# -- tables of them ----------------------------------------------------------------------------------------------------


def rows_under(ids: list[int], seed: int, **more: Any) -> Table:
    fresh = np.random.default_rng(seed).normal(size=(len(ids), *SHAPE)).astype(np.float32)
    return Table.from_arrays(fresh, ["class 0"] * len(ids), ids, **({"owners": ["eve"] * len(ids)} | more))


TARGETS: list[Target] = [
    Records([103, 111]),
    Owners(["owner 2"]),
    Label("class 1"),
    Column("x0"),
    Column("x1"),
    Correction(rows_under([105, 102, 777], 1)),
    Addition(rows_under([1, 2], 2)),
    Batch([Records([102]), Addition(rows_under([3], 3)), Correction(rows_under([100, 3], 4)), Owners(["owner 5"])]),
    Batch([Addition(rows_under([3], 3)), Column("x0")]),
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: type(target).__name__)
def test_every_target_means_the_same_in_every_form(target: Target, tmp_path: Path) -> None:
    forms = every_form(tmp_path)
    expected = forms["array"].after(target)
    for form, table in forms.items():
        for viewed in (table, table.take(slice(None)), pickle.loads(pickle.dumps(table))):  # noqa: S301  (our own)
            after = viewed.after(target)
            assert content(after) == content(expected), form
            for named in (True, False):
                assert (after.digests(b"k", named=named) == expected.digests(b"k", named=named)).all()
            assert after.gathered().schema() == after.schema()
            assert viewed.twins(target).tolist() == forms["array"].twins(target).tolist()
            assert after.remarks(Records([102])) == expected.remarks(Records([102]))


def test_a_mapped_array_is_the_same_table_as_an_array(tmp_path: Path) -> None:
    forms = every_form(tmp_path)
    assert forms["array"].schema() == forms["mapped"].schema()
    assert forms["pairs"].schema() == forms["records"].schema() != forms["array"].schema()
    assert "<f4 x 2 x 3 x 2" in forms["array"].schema()
    matrix = RECORDS.reshape(N, -1)
    tables = [Table.from_arrays(matrix), Table.from_arrays(mapped(matrix, tmp_path)),
              Table.from_arrays(mapped(np.asfortranarray(matrix), tmp_path, "f.npy"))]  # fmt: skip
    assert len({table.schema() for table in tables}) == 1
    assert len({table.digests(b"k").tobytes() for table in tables}) == 1
    for table in tables:
        assert table.twins(Records([2])).tolist() == [7]
        assert table.after(Column("x3")).digests(b"k").tobytes() == tables[0].drop("x3").digests(b"k").tobytes()
        after = table.after(Correction(Table.from_arrays(np.zeros((1, 12), "f4"), ids=[3])))
        assert after.features.tolist() == [*np.delete(matrix, 3, 0).tolist(), [0.0] * 12]
        assert after.names == tables[0].names


@given(st.integers(0, N - 1), st.integers(0, 11))
def test_any_changed_number_changes_the_digest_of_its_record_alone(row: int, at: int) -> None:
    changed = RECORDS.copy()
    changed[row].ravel()[at] = np.nextafter(changed[row].ravel()[at], 99)
    before = Table.from_arrays(RECORDS).digests(b"k")
    for table in (Table.from_arrays(changed), Table.from_dataset(Listed(changed))):
        assert np.flatnonzero((table.digests(b"k") != before).any(axis=1)).tolist() == [row]
        assert (table.digests(b"other") != table.digests(b"k")).any(axis=1).all()


@pytest.mark.parametrize("width", [1, 50, 100])
def test_chunks_do_not_show(width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forms = every_form(tmp_path)
    before = forms["array"].digests(b"k")
    matrix = Table.from_arrays(RECORDS.reshape(N, -1)).digests(b"k")
    monkeypatch.setattr(items, "CHUNK", width)
    assert all((table.digests(b"k") == before).all() for table in every_form(tmp_path).values())
    assert (Table.from_arrays(RECORDS.reshape(N, -1)).digests(b"k") == matrix).all()


def test_a_record_is_read_once_for_digests_and_twins() -> None:
    dataset = Listed(RECORDS)
    table = Table.from_dataset(dataset, y=LABELS)
    assert len(dataset.reads) == 1 + 2 * items.PROBES
    dataset.reads.clear()
    view = table.take(np.arange(1, N))
    view.digests(b"run")
    assert dataset.reads == list(range(N))
    dataset.reads.clear()
    assert view.twins(Records([2])).tolist() == [6]
    after = view.after(Batch([Records([3]), Addition(Table.from_arrays(RECORDS[:1], LABELS[:1], [99]))]))
    after.digests(b"run")
    assert after.take(np.array([0, 1, 2])).gathered().digests(b"run", named=False).shape == (3, 16)
    assert dataset.reads == []
    assert after.twins(Records([99])).tolist() == []
    assert view.take(np.array([4, 2])).features.tolist() == RECORDS[[5, 3]].tolist()
    assert dataset.reads == [5, 3]


# -- handed to another process -----------------------------------------------------------------------------------------


def test_a_pickled_view_of_an_array_or_a_map_holds_only_its_rows(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(50, 4, 5))
    for held in (X, mapped(X, tmp_path)):
        view = Table.from_arrays(held).take(np.array([3, 40]))
        for table in (view, view.gathered(), view.after(Records([40]))):
            sent = pickle.dumps(table)
            assert X[3].tobytes() in sent
            assert (X[40].tobytes() in sent) == (len(table) == 2)
            assert not any(X[k].tobytes() in sent for k in range(50) if k not in (3, 40))
            assert b"records.npy" not in sent
            assert content(pickle.loads(sent)) == content(table)  # noqa: S301  (our own bytes)


def test_a_pickled_view_of_a_dataset_hands_the_dataset_on_and_no_row_that_was_added_and_forgotten() -> None:
    table = Table.from_dataset(Listed(RECORDS, LABELS))
    added = Table.from_arrays(np.stack([RECORDS[0] + 77, RECORDS[0] + 78]), ["class 0"] * 2, [500, 501])
    after = table.after(Addition(added)).after(Records([500]))
    held = pickle.dumps(after)
    assert (RECORDS[0] + 77).tobytes() not in held
    assert (RECORDS[0] + 78).tobytes() in held
    assert b"Listed" in held
    only = pickle.dumps(after.take(np.array([N])))
    assert b"Listed" not in only
    assert content(pickle.loads(held)) == content(after)  # noqa: S301  (our own bytes)


def test_a_mapped_table_in_a_fresh_process_has_the_same_digests(tmp_path: Path) -> None:
    there = mapped(RECORDS, tmp_path)
    (tmp_path / "table").write_bytes(pickle.dumps(Table.from_arrays(there, LABELS).take(slice(2, 9))))
    code = """
        import pickle, sys
        table = pickle.loads(open(sys.argv[1], "rb").read())
        print(table.digests(b"k").tobytes().hex())
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "table")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == Table.from_arrays(RECORDS, LABELS).digests(b"k")[2:9].tobytes().hex()


# -- datasets ----------------------------------------------------------------------------------------------------------


def test_labels_of_pairs_are_read_in_one_pass_and_others_come_before_them() -> None:
    dataset = Listed(RECORDS, LABELS)
    assert Table.from_dataset(dataset).label.tolist() == LABELS  # type: ignore[union-attr]
    assert len(dataset.reads) == 1 + 2 * items.PROBES + N
    dataset.reads.clear()
    other = Table.from_dataset(dataset, y=np.arange(N) % 2 == 0, classes=[True, False])
    assert other.label is not None
    assert other.label.tolist() == [k % 2 == 0 for k in range(N)]
    assert other.classes == (False, True)
    assert len(dataset.reads) == 1 + 2 * items.PROBES
    assert Table.from_dataset(Listed(RECORDS)).label is None
    assert other.names == ("x0",)
    assert repr(other).startswith(f"Table({N} records, 1 features")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.arange(N, dtype=np.int8), list(range(N))),
        ([np.array(k) for k in range(N)], list(range(N))),
        ([np.float32(k / 2) for k in range(N)], [k / 2 for k in range(N)]),
        ([k > 3 for k in range(N)], [k > 3 for k in range(N)]),
        ([[k > 3, k > 5] for k in range(N)], [[k > 3, k > 5] for k in range(N)]),
    ],
    ids=["integers", "arrays", "floats", "truth values", "several"],
)
def test_labels_are_what_an_array_of_them_would_be(labels: Any, expected: list[Any]) -> None:
    label = Table.from_dataset(Listed(RECORDS, labels)).label
    assert label is not None
    assert label.tolist() == expected


@pytest.mark.parametrize(
    ("records", "shape"),
    [
        ([(np.ones(3),), (np.zeros(3),)], (2, 3)),
        ([[1, 2], [3, 4]], (2, 2)),
        ([1.0, 2.0], (2,)),
        (np.ones((3, 2), bool), (3, 2)),
    ],
    ids=["tuples of one", "lists", "numbers", "a matrix"],
)
def test_items_may_be_any_numbers(records: Any, shape: tuple[int, ...]) -> None:
    table = Table.from_dataset(records)
    assert table.features.shape == shape
    assert table.digests(b"k").shape == (shape[0], 16)
    assert table.column("x0").shape == shape
    assert table.after(Column("x0")).names == ()
    assert len(np.unique(table.after(Column("x0")).digests(b"k"), axis=0)) == shape[0]


GOOD = np.ones((2, 2))


@pytest.mark.parametrize(
    ("dataset", "sentence"),
    [
        ([], "the dataset has no item"),
        (iter([1]), "map-style dataset, which has a length and gives an item for a position; got a list_iterator"),
        ({0: GOOD}, "got a dict"),
        (None, "got a NoneType"),
        (pd.DataFrame({"a": [1]}), r"item 0 of the dataset cannot be read \(KeyError: 0\)"),
        ([GOOD, np.ones((2, 3))], r"item 1 is float64 of shape \(2, 3\), item 0 is float64 of shape \(2, 2\)"),
        ([GOOD, GOOD.astype("f4")], "item 1 is float32 of shape"),
        ([GOOD, (GOOD, 1)], r"item 1 of the dataset is a pair \(x, y\), item 0 is x alone"),
        ([(GOOD, 1), GOOD], r"item 1 of the dataset is x alone, item 0 is a pair"),
        ([(GOOD, 1), (GOOD, None)], "label: row 1 has none"),
        ([(GOOD, 1), (GOOD, "a")], "label must be of one type"),
        ([(GOOD, 1, 2)], "item 0 is a tuple of 3"),
        ([{"image": GOOD}], "an array of numbers, or a pair of one and a label; item 0 holds a dict"),
        (["text"], "item 0 holds a str of type <U4"),
        ([GOOD, [[1], [1, 2]]], "item 1 of the dataset is a list that is no array of numbers"),
    ],
    ids=lambda given: type(given).__name__ if not isinstance(given, str) else given[:30],
)
def test_what_is_no_dataset_of_records_is_refused_by_its_first_bad_item(dataset: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Table.from_dataset(dataset)


def test_an_item_unlike_the_first_that_no_probe_meets_is_refused_when_it_is_read() -> None:
    records: list[Any] = [GOOD] * 200
    records[101] = np.ones(5)
    table = Table.from_dataset(Listed(records))
    with pytest.raises(DataError, match=r"item 101 is float64 of shape \(5,\)"):
        table.digests(b"k")
    assert table.take(slice(0, 100)).features.shape == (100, 2, 2)


class Flipped(Listed):
    """Random augmentation: each reading is flipped or not."""

    def __init__(self, records: Any, labels: Any = None) -> None:
        super().__init__(records, labels)
        self.random = np.random.default_rng(0)

    def __getitem__(self, place: int) -> Any:
        record = self.records[place][..., :: self.random.choice([-1, 1])]
        return record if self.labels is None else (record, self.labels[place])


class Noisy(Listed):
    """Labels that are mixed at each reading."""

    def __getitem__(self, place: int) -> Any:
        self.reads.append(place)
        return self.records[place], self.labels[place] + len(self.reads)


class Buffered(Listed):
    """Each item is given in the same piece of memory."""

    def __init__(self, records: Any, labels: Any = None) -> None:
        super().__init__(records, labels)
        self.buffer = np.empty_like(records[0])

    def __getitem__(self, place: int) -> Any:
        self.buffer[...] = self.records[place]
        return self.buffer


class Aging(Buffered):
    """One buffer, in which nothing stays what it was."""

    def __getitem__(self, place: int) -> Any:
        self.reads.append(place)
        self.buffer[...] = len(self.reads)
        return self.buffer


def test_a_dataset_that_changes_from_reading_to_reading_is_refused() -> None:
    for dataset in (Flipped(RECORDS), Flipped(RECORDS, LABELS), Noisy(RECORDS, np.arange(N)), Aging(RECORDS)):
        with pytest.raises(DataError, match=r"changed from one reading to the next.*learner as `augment`"):
            Table.from_dataset(dataset)


def test_a_dataset_may_give_all_its_items_in_one_buffer() -> None:
    table = Table.from_dataset(Buffered(RECORDS))
    assert table.features.tolist() == RECORDS.tolist()
    assert (table.digests(b"k") == Table.from_arrays(RECORDS).digests(b"k")).all()


def test_rows_that_join_take_the_type_of_those_there_are_or_are_refused() -> None:
    table = Table.from_dataset(Listed(RECORDS, LABELS))
    double = Table.from_arrays(np.ones((1, *SHAPE)), ["class 1"], [99])
    assert table.after(Addition(double)).features.dtype == np.float32
    assert table.after(Addition(Table.from_dataset([(RECORDS[0], "class 1")], [99]))).features.shape == (N + 1, *SHAPE)
    here = Table.from_arrays(RECORDS, LABELS)
    joined = here.after(Addition(Table.from_dataset([(RECORDS[0], "class 1")], [99]))).features
    assert isinstance(joined, np.ndarray)
    assert joined[-1].tolist() == RECORDS[0].tolist()
    far = Table.from_dataset([(np.full(SHAPE, 1e300), "class 1")], [99])
    with pytest.raises(DataError, match=r"row 0 holds a number that does not fit into float32"):
        table.after(Addition(far))
    refused: list[tuple[Any, str]] = [
        (np.full((1, *SHAPE), 1e300), r"row 0 holds a number that does not fit into float32"),
        (np.ones((1, 2, 2)), r"a record has the shape \(2, 3, 2\), got \(2, 2\)"),
        (np.ones((1, 1)), r"a record has the shape \(2, 3, 2\), got \(1,\)"),
        (pd.DataFrame({"x0": [1.0]}), r"a record has the shape \(2, 3, 2\), got \(1,\)"),
    ]
    for rows, sentence in refused:
        for held in (table, here):
            with pytest.raises(DataError, match=sentence):
                held.after(Addition(Table.from_arrays(rows, ["class 1"], [99])))


def test_the_dataset_of_a_source_is_read_by_position() -> None:
    source = DatasetSource.of(Listed(RECORDS, LABELS))
    assert source.paired
    assert source.item(3)[1] == LABELS[3]
    assert source.read(np.array([3, 1])).tolist() == RECORDS[[3, 1]].tolist()
    assert ArraySource(RECORDS).read(np.array([3, 1])).tolist() == RECORDS[[3, 1]].tolist()


# -- torch -------------------------------------------------------------------------------------------------------------


def test_a_dataset_of_tensors_is_a_table() -> None:
    torch = pytest.importorskip("torch")
    pairs = torch.utils.data.TensorDataset(torch.tensor(RECORDS), torch.arange(N) % 3)
    table = Table.from_dataset(pairs)
    assert table.label is not None
    assert table.label.tolist() == [k % 3 for k in range(N)]
    assert table.features.dtype == np.float32
    assert table.take(np.array([4, 0])).features.tolist() == RECORDS[[4, 0]].tolist()
    assert (table.digests(b"k") == Table.from_arrays(RECORDS, np.arange(N) % 3).digests(b"k")).all()
    assert content(pickle.loads(pickle.dumps(table))) == content(table)  # noqa: S301  (our own bytes)
    alone = torch.utils.data.Subset(torch.utils.data.TensorDataset(torch.tensor(RECORDS)), range(3, 6))
    assert Table.from_dataset(alone).features.tolist() == RECORDS[3:6].tolist()


def test_tensors_that_numpy_cannot_have_are_refused() -> None:
    torch = pytest.importorskip("torch")
    for tensor in (torch.ones(3, 2, requires_grad=True), torch.ones(3, 2, dtype=torch.bfloat16)):
        with pytest.raises(DataError, match="item 0 of the dataset is a Tensor that is no array of numbers"):
            Table.from_dataset(torch.utils.data.TensorDataset(tensor))
    endless = type("Endless", (torch.utils.data.IterableDataset,), {"__iter__": lambda _: iter([])})
    with pytest.raises(DataError, match="got a Endless"):
        Table.from_dataset(endless())


# -- more than there is memory for -------------------------------------------------------------------------------------

MEBIBYTE = 1 << 20
SIZE, LIMIT = 256, 64  # MiB of the file, and of what may be held at any time


def as_mapped(array: np.ndarray[Any, Any], matrix: np.ndarray[Any, Any], label: Any) -> tuple[Table, Table]:
    return Table.from_arrays(array, label), Table.from_arrays(matrix, label)


def as_items(array: np.ndarray[Any, Any], matrix: np.ndarray[Any, Any], label: Any) -> tuple[Table, Table]:
    return Table.from_dataset(Listed(array), y=label), Table.from_dataset(Listed(matrix), y=label)


@pytest.mark.slow
@pytest.mark.parametrize("made", [as_mapped, as_items])
def test_a_file_larger_than_memory_is_digested_placed_read_and_changed(
    made: Callable[..., Any], tmp_path: Path
) -> None:
    n, shape = SIZE * 16, (64, 128)  # records of 64 KiB
    whole = np.lib.format.open_memmap(tmp_path / "large.npy", mode="w+", dtype=np.float64, shape=(n, *shape))
    whole[:, 0, 0] = np.arange(n)  # else sparse
    whole.flush()
    there = np.load(tmp_path / "large.npy", mmap_mode="r")
    label = np.arange(n) % 2
    tracemalloc.start()
    try:
        for table in made(there, there.reshape(n, -1), label):
            assert len(np.unique(table.digests(b"k", named=False), axis=0)) == n
            assert table.twins(Records([5])).tolist() == []
            one = Table(replace(table.take(np.array([4])).gathered().columns, ids=np.array([n])))
            changed = table.after(Batch([Records([3]), Addition(one), Label(7)]))
            assert len(np.unique(changed.digests(b"k"), axis=0)) == n
            read = 0.0
            for shard in (changed.take(slice(start, None, 16)) for start in range(16)):
                for start in range(0, len(shard), 128):
                    read += np.asarray(shard.take(slice(start, start + 128)).stored).ravel()[:: 64 * 128].sum()
            assert read == n * (n - 1) / 2 - 3 + 4
        assert tracemalloc.get_traced_memory()[1] < LIMIT * MEBIBYTE
    finally:
        tracemalloc.stop()
