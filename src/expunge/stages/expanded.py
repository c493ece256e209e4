"""Exact sums over expanded rows: what every later number of a pipeline is made of, and what a deletion changes.

A record's expanded row has, of each column that a stage looks at, its value (0 where it is missing), whether it is
missing, and one place for each category that some record has. Scales, fills, encodings and components are all affine
maps of such rows, so none of them is applied to a record: they are made from the sums when the sums have changed. A
category that only the forgotten had leaves every array; so does the place for missing values when none is missing.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Table
>>> table = Table.from_arrays(np.array([[1.0, "Bern"], [None, "Zug"]], dtype=object), columns=["age", "town"])
>>> asked = (Asked("age"), Asked("town", value=False, levels=True))
>>> held = sums(table, asked, (("all",), np.array([0, 0])), "products", Fixed())
>>> [(entry.column, entry.kind, entry.level) for entry in held.entries]
[('age', 'value', None), ('age', 'missing', None), ('town', 'level', 'Bern'), ('town', 'level', 'Zug')]
>>> gone = sums(table.take([1]), asked, (("all",), np.array([0])), "products", Fixed())
>>> [(entry.column, entry.kind, entry.level) for entry in held.minus(gone).entries]
[('age', 'value', None), ('town', 'level', 'Bern')]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expunge.errors import DataError, MismatchError
from expunge.stages import multiset
from expunge.stages.multiset import Multiset
from expunge.sums import wide
from expunge.sums.fixed import Fixed
from expunge.sums.groups import Groups, GroupTally
from expunge.sums.limbs import ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.sums.moments import Moments, Second
    from expunge.values import Scalar

    Floats = NDArray[np.float64]

Level: TypeAlias = str | float | None
"""A category: text, a number, or None for a missing one."""


@dataclass(frozen=True)
class Asked:
    """What is asked of one column: its values as numbers, its categories, its values in order."""

    column: str
    value: bool = True
    levels: bool = False
    order: bool = False


@dataclass(frozen=True)
class Entry:
    """One place of an expanded row."""

    column: str
    kind: Literal["value", "missing", "level", "target"]
    level: Level = None


@dataclass(frozen=True, eq=False)
class Expanded:
    """Exact sums over the expanded rows of some records.

    Attributes
    ----------
    columns : tuple of str
        What is looked at, in the order of the table.
    entries : tuple of Entry
        Places of the row, in the order of the columns; within one by kind and category.
    groups : Groups
        Sums for each class; of numbers to predict, for all together.
    orders : tuple of (column, Multiset)
        Values of columns whose order matters, in units of the resolution.
    """

    columns: tuple[str, ...]
    entries: tuple[Entry, ...]
    groups: Groups
    orders: tuple[tuple[str, Multiset], ...]

    def plus(self, other: Expanded) -> Expanded:
        """With the records of another."""
        entries = _united(self, other)
        groups = self.among(entries).plus(other.among(entries))
        return Expanded(self.columns, entries, groups, self._ordered(other, multiset.plus))

    def minus(self, other: Expanded) -> Expanded:
        """Without the records of another, all of which must be among these."""
        if set(other.entries) - set(self.entries):
            msg = "data other than the model's: a category that should be forgotten is not among those that it learned"
            raise MismatchError(msg)
        groups = self.groups.minus(other.among(self.entries))
        return _worn(Expanded(self.columns, self.entries, groups, self._ordered(other, multiset.minus)))

    def without(self, columns: Sequence[str]) -> Expanded:
        """The sums over the same records without some columns."""
        kept = tuple(entry for entry in self.entries if entry.column not in columns or entry.kind == "target")
        orders = tuple((column, held) for column, held in self.orders if column not in columns)
        left = tuple(column for column in self.columns if column not in columns)
        return Expanded(left, kept, self.among(kept), orders)

    def order(self, column: str) -> Multiset:
        """The values of a column."""
        return dict(self.orders)[column]

    @property
    def count(self) -> int:
        """How many records."""
        return self.groups.count

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expanded):
            return NotImplemented
        same = self.columns == other.columns and self.entries == other.entries and self.groups == other.groups
        return same and len(self.orders) == len(other.orders) and all(map(_same, self.orders, other.orders))

    def __hash__(self) -> int:
        return hash((self.entries, self.groups))

    def among(self, entries: tuple[Entry, ...]) -> Groups:
        """The sums with these places, zeros where there are none."""
        if entries == self.entries:
            return self.groups
        places = {entry: place for place, entry in enumerate(self.entries)}
        return self.groups.at([places.get(entry) for entry in entries])

    def _ordered(self, other: Expanded, joined: Any) -> tuple[tuple[str, Multiset], ...]:
        pairs = zip(self.orders, other.orders, strict=True)
        return tuple((column, joined(mine, theirs)) for (column, mine), (_, theirs) in pairs)


@dataclass(frozen=True)
class Read:
    """One column as it was read: numbers, which are missing, and categories by number (sorted, a missing one last)."""

    asked: Asked
    numbers: Floats | None
    missing: NDArray[np.bool_]
    levels: tuple[Level, ...] = ()
    codes: NDArray[np.intp] | None = None


def sums(
    table: Table,
    asked: Sequence[Asked],
    of: tuple[Sequence[Scalar], NDArray[np.intp]],
    second: Second,
    fixed: Fixed,
    targets: Floats | None = None,
) -> Expanded:
    """The sums over the records of a table.

    Parameters
    ----------
    asked : sequence of Asked
        Of columns that the table has.
    of : names and (n,) codes
        The classes, sorted, and which of them each record is of.
    second : {"none", "squares", "products"}
    fixed : Fixed
    targets : (n, t), optional
        Numbers to predict.

    Raises
    ------
    DataError
        For a column that does not hold what is asked of it, and numbers outside of the range.
    """
    return over([read(table, each) for each in asked], of, second, fixed, targets)


def over(
    held: Sequence[Read],
    of: tuple[Sequence[Scalar], NDArray[np.intp]],
    second: Second,
    fixed: Fixed,
    targets: Floats | None = None,
) -> Expanded:
    """`sums` of columns that have been read."""
    names, codes = of
    wholes = [None if each.numbers is None or not each.asked.value else _whole(each, fixed) for each in held]
    entries = _entries(held)
    aimed = np.zeros((len(codes), 0)) if targets is None else _aimed(targets, fixed)
    entries += tuple(Entry("", "target", float(place)) for place in range(aimed.shape[1]))
    tally = GroupTally(len(entries), len(names), second)
    for start in range(0, len(codes), ROWS):
        part = slice(start, start + ROWS)
        blocks = [_block(each, whole, part) for each, whole in zip(held, wholes, strict=True)]
        tally.add(np.column_stack([np.zeros((len(codes[part]), 0)), *blocks, aimed[part]]), codes[part])
    orders = [
        (each.asked.column, multiset.of(whole[~each.missing].astype(np.int64)))
        for each, whole in zip(held, wholes, strict=True)
        if each.asked.order and whole is not None
    ]
    return Expanded(tuple(each.asked.column for each in held), entries, tally.groups(names), tuple(orders))


def read(table: Table, asked: Asked) -> Read:
    """One column of a table.

    Raises
    ------
    DataError
        For one that does not hold what is asked of it.
    """
    values = _column(table, asked.column)
    if isinstance(values, pa.Array):
        missing = pc.is_null(values).to_numpy(zero_copy_only=False)
        if asked.value:
            msg = f"column {asked.column!r} holds text, which is no number: an encoder makes categories of it"
            raise DataError(msg)
        coded = values.dictionary_encode()
        words = np.array(coded.dictionary.to_pylist(), object)
        codes = coded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
        return _leveled(asked, None, missing, words, codes)
    missing = np.isnan(values)
    if not asked.levels:
        return Read(asked, values, missing)
    words, codes = np.unique(values[~missing] + 0.0, return_inverse=True)  # -0.0 is 0
    spread = np.full(len(values), len(words))
    spread[~missing] = codes
    return _leveled(asked, values, missing, words, spread)


def total(held: Groups, width: int, second: Second) -> Moments:
    """The sums over all classes."""
    return held.parts[0] if len(held.parts) == 1 else held.together(width, second)


def _column(table: Table, name: str) -> Floats | pa.Array:
    """Numbers, NaN where missing, or text."""
    stored: Any = table.columns.features
    if not isinstance(stored, pa.Table):
        return np.asarray(table.column(name), dtype=np.float64)
    place = table.names.index(name)
    column = stored.column(place).combine_chunks()
    column = column if table.rows is None else column.take(pa.array(table.rows))
    if pa.types.is_large_string(column.type):
        return column
    if pa.types.is_temporal(column.type):
        msg = f"column {name!r} holds {column.type}, which no stage takes: make numbers of it first, days say"
        raise DataError(msg)
    return np.array(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def _leveled(
    asked: Asked, numbers: Floats | None, missing: NDArray[np.bool_], words: NDArray[Any], codes: NDArray[Any]
) -> Read:
    """With its categories in order; that of missing values, where there are some, is None and comes last."""
    order = sorted(range(len(words)), key=words.__getitem__)
    rank = np.empty(len(words) + 1, np.intp)
    rank[[*order, len(words)]] = np.arange(len(words) + 1)
    levels: list[Level] = [words[place] if isinstance(words[place], str) else float(words[place]) for place in order]
    return Read(asked, numbers, missing, tuple(levels), rank[codes])


def _entries(held: Sequence[Read]) -> tuple[Entry, ...]:
    made: list[Entry] = []
    for each in held:
        name = each.asked.column
        made += [Entry(name, "value")] if each.asked.value else []
        made += [Entry(name, "missing")] if each.missing.any() else []
        made += [Entry(name, "level", level) for level in each.levels]
    return tuple(made)


def _block(each: Read, whole: Floats | None, part: slice) -> Floats:
    """(m, k) places of one column in the expanded rows of some records."""
    blocks: list[Any] = [] if whole is None else [whole[part, None]]
    if each.missing.any():
        blocks.append(each.missing[part, None])
    if each.codes is not None:
        blocks.append(each.codes[part, None] == np.arange(len(each.levels)))
    return np.hstack([np.zeros((len(each.missing[part]), 0)), *blocks])


def _whole(each: Read, fixed: Fixed) -> Floats:
    """(n,) whole numbers in units of the resolution; 0 where missing."""
    assert each.numbers is not None, "a column that is asked for its values has numbers"  # noqa: S101
    made, shift = fixed.integers(np.where(each.missing, 0.0, each.numbers)[:, None], (each.asked.column,))
    return np.ldexp(made[:, 0], shift) + 0.0


def _aimed(targets: Floats, fixed: Fixed) -> Floats:
    names = [f"label {place}" for place in range(targets.shape[1])]
    made, shift = fixed.integers(targets, names)
    return np.ldexp(made, shift) + 0.0


def _united(one: Expanded, other: Expanded) -> tuple[Entry, ...]:
    """The places of both, in order."""
    if one.entries == other.entries:
        return one.entries
    columns = {name: place for place, name in enumerate(one.columns)}
    kinds = ("value", "missing", "level", "target")

    def place(entry: Entry) -> tuple[Any, ...]:
        at = len(columns) if entry.kind == "target" else columns[entry.column]  # a column may have no name
        return (at, kinds.index(entry.kind), *(() if entry.level is None else (entry.level,)))

    return tuple(sorted({*one.entries, *other.entries}, key=place))


def _worn(held: Expanded) -> Expanded:
    """The same without places that nobody is in; values and targets stay."""
    width = len(held.entries)
    everybody = total(held.groups, width, "none").sums if held.groups.parts else wide.zeros(width)
    used: NDArray[np.bool_] = np.asarray(everybody.any(axis=0))
    kept = tuple(
        entry
        for entry, there in zip(held.entries, used.tolist(), strict=True)
        if there or entry.kind in ("value", "target")
    )
    return held if len(kept) == width else replace(held, entries=kept, groups=held.among(kept))


def _same(one: tuple[str, Multiset], other: tuple[str, Multiset]) -> bool:
    (column, mine), (another, theirs) = one, other
    return column == another and all(
        np.array_equal(a, b) for a, b in ((mine.values, theirs.values), (mine.counts, theirs.counts))
    )
