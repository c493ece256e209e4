"""`Items`: records that are read when they are asked for, of memory-mapped arrays and of map-style datasets.

Positions are kept, not records: a view of ten million of them copies nothing. Rows that come by a correction or an
addition are a second source beside the first.

To another process a memory-mapped array goes as the rows that the view has, like any array. A dataset is handed on
whole, with the positions: nobody but the dataset knows how to read one item of it. So it has to be picklable where
workers are used, and a worker could read all of it.

Examples
--------
>>> squares = [(np.full((2, 2), side), "odd" if side % 2 else "even") for side in range(5)]
>>> items, label = of_dataset(squares, labelled=True)
>>> items.shape, label
((5, 2, 2), ['even', 'odd', 'even', 'odd', 'even'])
>>> items.read(np.array([3, 1])).sum(axis=(1, 2))
array([12,  4])
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from expunge import keyed
from expunge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.keyed import Secret

CHUNK = 1 << 24  # bytes of records that are read at a time
PROBES = 8  # items of a dataset that are read twice, to see whether they stay what they are
UNREADABLE = (KeyError, IndexError, TypeError, NotImplementedError)  # what is no map-style dataset raises one of these


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Rows of an array, memory-mapped or not; ``columns``: those of a matrix that are left, in their order."""

    array: NDArray[Any]
    columns: NDArray[np.intp] | None = None

    def read(self, places: NDArray[np.intp]) -> NDArray[Any]:
        """Some rows, in an array of their own."""
        run = len(places) > 0 and places[-1] - places[0] == len(places) - 1 and (np.diff(places) == 1).all()
        rows = self.array[places[0] : places[-1] + 1] if run else self.array[places]
        if self.columns is not None:
            rows = rows[:, self.columns]
        return np.array(rows, order="C", copy=True if run else None)  # one layout, however the rows were found

    def select(self, columns: NDArray[np.intp]) -> ArraySource:
        """Some columns of those that are left."""
        return replace(self, columns=columns if self.columns is None else self.columns[columns])


@dataclass(frozen=True, eq=False)
class DatasetSource:
    """Items of a map-style dataset, all like the first.

    Attributes
    ----------
    paired : bool
        Whether an item is ``(x, y)``.
    """

    dataset: Any
    paired: bool
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, dataset: Any) -> DatasetSource:
        """A source whose items are like the first item."""
        try:
            given = dataset[0]
        except UNREADABLE as refusal:
            msg = f"item 0 of the dataset cannot be read ({type(refusal).__name__}: {refusal}); items go by position"
            raise DataError(msg) from refusal
        x = _as_array(_parts(given, 0)[0], 0)
        return cls(dataset, isinstance(given, tuple) and len(given) == 2, x.dtype, x.shape)

    def item(self, place: int) -> tuple[NDArray[Any], Any]:
        """The numbers of one item, and its label.

        Raises
        ------
        DataError
            If the item is unlike the first.
        """
        x, *label = _parts(self.dataset[place], place)
        if bool(label) != self.paired:
            said = ["x alone", "a pair (x, y)"]
            msg = f"item {place} of the dataset is {said[bool(label)]}, item 0 is {said[self.paired]}"
            raise DataError(msg)
        made = _as_array(x, place)
        if (made.dtype, made.shape) != (self.dtype, self.shape):
            msg = (
                f"items of a dataset are all of one type and shape: item {place} is {made.dtype} of shape {made.shape},"
                f" item 0 is {self.dtype} of shape {self.shape}"
            )
            raise DataError(msg)
        return made, _as_label(label[0]) if label else None

    def read(self, places: NDArray[np.intp]) -> NDArray[Any]:
        """Some items, in an array of their own."""
        made = np.empty((len(places), *self.shape), self.dtype)
        for row, place in enumerate(places.tolist()):
            made[row] = self.item(place)[0]
        return made


Source: TypeAlias = ArraySource | DatasetSource


@dataclass(frozen=True, eq=False)
class Items:
    """(n, ...) numbers of n records, read when they are asked for; ``np.asarray`` reads all of them.

    Attributes
    ----------
    sources : tuple
        Where records are read.
    source, place : (n,) int
        Of which source each record is, and at which position.
    dtype : numpy.dtype
    record : tuple of int
        The shape of one record.
    columned : bool
        Whether a record is a row of columns with a name each, like the row of a matrix; else it is one thing.
    digested : dict
        Digests by key, (n, 16) each, that cost no reading any more.
    """

    sources: tuple[Source, ...]
    source: NDArray[np.intp] = field(repr=False)
    place: NDArray[np.intp] = field(repr=False)
    dtype: np.dtype[Any]
    record: tuple[int, ...]
    columned: bool = False
    digested: dict[Secret, NDArray[np.uint8]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.place)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, ...)."""
        return len(self), *self.record

    @property
    def ndim(self) -> int:
        """Dimensions, that of the records included."""
        return 1 + len(self.record)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001  (numpy's)
        if copy is False:
            msg = "records that are read when they are asked for cannot be had without a copy"
            raise ValueError(msg)
        return np.asarray(self.read(), dtype)

    def read(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice | None = None) -> NDArray[Any]:
        """(m, ...) some records, or all, in an array of their own."""
        part = self if rows is None else self.take(rows)
        if len(self.sources) == 1:
            return self.sources[0].read(part.place)
        made = np.empty(part.shape, self.dtype)
        for number in np.unique(part.source):
            here = part.source == number
            made[here] = self.sources[number].read(part.place[here])
        return made

    def whole(self) -> NDArray[Any]:
        """(n, ...) all records: the memory-mapped array itself where they are all of its rows, else read."""
        match self.sources:
            case (ArraySource(array, None),) if np.array_equal(self.place, np.arange(len(array))):
                return array
        return self.read()

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Items:
        """Some records: a view."""
        known = {key: made[rows] for key, made in self.digested.items()}
        return replace(self, source=self.source[rows], place=self.place[rows], digested=known)

    def select(self, columns: Sequence[int]) -> Items:
        """Some columns of records that have columns, in this order."""
        places = np.asarray(columns, np.intp)
        sources = tuple(source.select(places) for source in self.sources if isinstance(source, ArraySource))
        return replace(self, sources=sources, record=(len(places),), digested={})

    def joined(self, then: Items) -> Items:
        """These records and those, which must be of the same type and shape."""
        first, then = self._used(), then._used()
        known = {id(source): number for number, source in enumerate(first.sources)}
        added = [source for source in then.sources if id(source) not in known]
        known |= {id(source): len(first.sources) + number for number, source in enumerate(added)}
        numbers = np.array([known[id(source)] for source in then.sources], np.intp)
        return replace(
            first,
            sources=(*first.sources, *added),
            source=np.concatenate([first.source, numbers[then.source]]),
            place=np.concatenate([first.place, then.place]),
            digested={key: np.concatenate([made, then.digests(key)]) for key, made in first.digested.items()},
        )

    def digests(self, key: Secret) -> NDArray[np.uint8]:
        """(n, 16) keyed digests of the records, read some at a time; made once."""
        if key not in self.digested:
            step = rows_at_a_time(self)
            parts = [slice(start, start + step) for start in range(0, len(self), step)]
            made = [digest_records(self.take(part).read(), key) for part in parts]
            self.digested[key] = np.concatenate(made) if made else np.zeros((0, keyed.BLOCK), np.uint8)
        return self.digested[key]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle only these rows of arrays; of a dataset, the dataset and these positions."""
        held = self._used()
        sources, place = list(held.sources), held.place.copy()
        for number, source in enumerate(held.sources):
            if isinstance(source, ArraySource):
                here = held.source == number
                sources[number] = ArraySource(source.read(held.place[here]))
                place[here] = np.arange(here.sum())
        return Items, (tuple(sources), held.source, place, held.dtype, held.record, held.columned)

    def _used(self) -> Items:
        """The same records without the sources of which none is left."""
        used, numbers = np.unique(self.source, return_inverse=True)
        if len(used) == len(self.sources):
            return self
        return replace(self, sources=tuple(self.sources[number] for number in used), source=numbers.reshape(-1))


# -- making them -------------------------------------------------------------------------------------------------------


def is_mapped(given: Any) -> bool:
    """Whether an array lies in a file that is mapped into memory."""
    while isinstance(given, np.ndarray):
        given = given.base
    return isinstance(given, mmap.mmap)


def of_array(array: NDArray[Any], *, columned: bool) -> Items:
    """The rows of an array, each with its columns or as one thing."""
    count = len(array)
    return Items(
        (ArraySource(array),), np.zeros(count, np.intp), np.arange(count), array.dtype, array.shape[1:], columned
    )


def of_dataset(dataset: Any, *, labelled: bool) -> tuple[Items, list[Any] | None]:
    """The items of a map-style dataset and, where they are pairs and ``labelled``, their labels, read in one pass.

    Raises
    ------
    DataError
        If it is no such dataset, if an item is no array of numbers or unlike item 0, or if an item changes from one
        reading to the next.
    """
    if isinstance(dataset, Mapping) or not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        msg = (
            "from_dataset takes a map-style dataset, which has a length and gives an item for a position;"
            f" got a {type(dataset).__name__}"
        )
        raise DataError(msg)
    count = len(dataset)
    if not count:
        msg = "the dataset has no item: nothing says what a record is; from_arrays takes an empty array"
        raise DataError(msg)
    source = DatasetSource.of(dataset)
    _refuse_changing(source, count)
    label = [source.item(place)[1] for place in range(count)] if labelled and source.paired else None
    return Items((source,), np.zeros(count, np.intp), np.arange(count), source.dtype, source.shape), label


def digest_records(records: NDArray[Any], key: Secret) -> NDArray[np.uint8]:
    """(n, 16) keyed digests of records of any shape: of their numbers in order, little-endian."""
    secret = keyed.subkey(key, "records")
    kind = records.dtype.newbyteorder("<")
    made = (keyed.digest(secret, np.ascontiguousarray(record, dtype=kind).tobytes()) for record in records)
    return np.frombuffer(bytes.fromhex("".join(made)), np.uint8).reshape(-1, keyed.BLOCK)


def rows_at_a_time(features: Any) -> int:
    """How many records of some features are read at a time, at least one."""
    width: int = math.prod(features.shape[1:]) * features.dtype.itemsize
    return max(1, min(keyed.ROWS, CHUNK // max(width, 1)))


def _refuse_changing(source: DatasetSource, count: int) -> None:
    """Raise a sentence when an item is not the same when it is read again: a record must be one thing."""
    probes = np.unique(np.linspace(0, count - 1, PROBES).astype(np.intp)).tolist()
    first, again = ([_seen(source.item(place)) for place in probes] for _ in range(2))
    changed = next((place for place, a, b in zip(probes, first, again, strict=True) if a != b), None)
    if changed is not None:
        msg = (
            f"item {changed} of the dataset changed from one reading to the next; a record must stay what it is."
            " Take random augmentation out of the dataset and give it to the learner as `augment`"
        )
        raise DataError(msg)


def _seen(item: tuple[NDArray[Any], Any]) -> tuple[bytes, str]:
    return item[0].tobytes(), repr(item[1])


def _parts(given: Any, place: int) -> tuple[Any, ...]:
    """(x,) or (x, y)."""
    if not isinstance(given, tuple):
        return (given,)
    if len(given) not in (1, 2):
        msg = f"an item of a dataset is x or a pair (x, y); item {place} is a tuple of {len(given)}"
        raise DataError(msg)
    return given


def _as_array(x: Any, place: int) -> NDArray[Any]:
    try:
        made = np.asarray(x)
    except (TypeError, ValueError, RuntimeError) as refusal:  # ragged lists, and tensors that numpy cannot have
        msg = f"item {place} of the dataset is a {type(x).__name__} that is no array of numbers: {refusal}"
        raise DataError(msg) from refusal
    if made.dtype.kind not in "biuf":
        msg = (
            f"an item of a dataset is an array of numbers, or a pair of one and a label;"
            f" item {place} holds a {type(x).__name__} of type {made.dtype}"
        )
        raise DataError(msg)
    return made


def _as_label(given: Any) -> Any:
    """A label as a Python value, several as an array; a tensor of no dimension is the number in it."""
    if given is None or isinstance(given, str | bytes):
        return given
    held = np.asarray(given)
    return held.item() if held.ndim == 0 else np.array(held)
