"""A pipeline before neighbours: exact sums that its stages are solved from, and the records that answer, as they came.

What a record is to its neighbours rests on the stages, and these on all records: were it kept as the stages made it,
the scale would carry who is gone. So it is kept as it came, beside the sums. A deletion takes it out of both, the
stages are solved from what is left, and those that stay are mapped anew when the model is first asked.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.stages.specification import Stretch
>>> table = Table.from_arrays(np.array([[1.0], [3.0], [9.0]]), ["a", "b", "b"])
>>> kind = Instances((Stretch(),))
>>> left = kind.of(table).minus(kind.of(table.take([2])))
>>> left == kind.of(table.take([0, 1]))
True
>>> kind.solved(left)[1].X.ravel().tolist()
[0.0, 1.0]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.codec import fingerprint
from expunge.stages.columns import asked
from expunge.stages.expanded import Asked, Expanded, Read, over, read
from expunge.stages.front import matrix, of_columns
from expunge.stages.summary import Front, How, refuse_order, second_of, solved
from expunge.sums.fixed import Fixed
from expunge.sums.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.stages.expanded import Level
    from expunge.stages.front import Turn
    from expunge.stages.specification import Stage

    Floats = NDArray[np.float64]
    Levels = Mapping[str, tuple[Level, ...]]

NEEDS = "means"  # stages alone are made of the sums, and nothing behind them
LACKING = np.inf  # a value that is missing: no record has it, and unlike NaN it is itself
NONE = -1  # the category of a record that has none


@dataclass(frozen=True)
class Kept:
    """Some records, and the exact sums over them.

    Attributes
    ----------
    asked : tuple of Asked
        What is kept of which column.
    sums : Expanded
        Over all records together, whatever their class.
    rows : Rows
        In the order of ids: of each column its value, the number of its category among those of the sums, or both.
    """

    asked: tuple[Asked, ...]
    sums: Expanded
    rows: Rows

    @property
    def count(self) -> int:
        """How many records."""
        return self.rows.count

    def plus(self, other: Kept) -> Kept:
        """With the records of another."""
        sums = self.sums.plus(other.sums)
        return Kept(self.asked, sums, self.numbered(sums).plus(other.numbered(sums)))

    def minus(self, other: Kept) -> Kept:
        """Without the records of another, all of which must be among these."""
        sums = self.sums.minus(other.sums)
        rows = self.rows.minus(other.numbered(self.sums))
        return Kept(self.asked, sums, Kept(self.asked, self.sums, rows).numbered(sums))

    def without(self, column: str) -> Kept:
        """The same records without a column."""
        places = [place for place, (each, _) in enumerate(_places(self.asked)) if each.column != column]
        left = tuple(each for each in self.asked if each.column != column)
        return Kept(left, self.sums.without((column,)), self.rows.at(places))

    def numbered(self, sums: Expanded) -> Rows:
        """The records, with categories numbered as in other sums."""
        mine, others = _levels(self.sums), _levels(sums)
        if mine == others:
            return self.rows
        X = self.rows.X.copy()
        for place, (each, coded) in enumerate(_places(self.asked)):
            if coded:
                known = {level: number for number, level in enumerate(others.get(each.column, ()))}
                moved = [known.get(level, NONE) for level in mine.get(each.column, ())]
                X[:, place] = np.array([*moved, NONE], np.float64)[X[:, place].astype(np.intp)]
        return Rows(self.rows.ids, X, self.rows.y, self.rows.classes)

    def columns(self) -> dict[str, Read]:
        """Each column, as it was read."""
        levels = _levels(self.sums)
        held: dict[str, dict[bool, Floats]] = {}
        for place, (each, coded) in enumerate(_places(self.asked)):
            held.setdefault(each.column, {})[coded] = self.rows.X[:, place]
        return {each.column: _column(each, held[each.column], levels.get(each.column, ())) for each in self.asked}


@dataclass(frozen=True)
class Mapped:
    """Records as the stages make them now.

    Attributes
    ----------
    front : Front
        Solved from the sums over these records.
    kept : Kept
    """

    front: Front
    kept: Kept

    @cached_property
    def X(self) -> Floats:  # noqa: N802  (as of Rows)
        """(n, d) what comes out of the stages, made when it is first asked; it is no part of the model."""
        made = of_columns(self.kept.columns(), self.kept.count, self.front.features, self.front.codings)
        return turned(made, self.front.turns)

    @property
    def y(self) -> NDArray[Any]:
        """(n, targets) numbers, or (n,) places among the classes."""
        return self.kept.rows.y

    @property
    def classes(self) -> tuple[Any, ...] | None:
        """Those that there are records of; None: responses."""
        return self.kept.rows.classes

    @property
    def count(self) -> int:
        """How many records."""
        return self.kept.count


@dataclass(frozen=True)
class Instances:
    """Which sums are kept beside the records.

    Attributes
    ----------
    stages : tuple of Stage
    fixed : Fixed
    responding : bool
        Whether labels are numbers.
    """

    stages: tuple[Stage, ...]
    fixed: Fixed = field(default_factory=Fixed)
    responding: bool = False

    def __post_init__(self) -> None:
        refuse_order(self.stages, NEEDS)

    @cached_property
    def name(self) -> str:
        """By which a table remembers them."""
        return f"records behind {fingerprint((self.stages, self.fixed, self.responding))}"

    def of(self, table: Table) -> Kept:
        """These records, and the sums over them; raises like `expunge.stages.expanded.sums`."""
        wanted = asked(self.stages, table.names)
        held = [read(table, each) for each in wanted]
        everybody = ("",), np.zeros(len(table), np.intp)
        sums = over(held, everybody, second_of(self.stages, NEEDS), self.fixed)
        return Kept(wanted, sums, Rows.holding(table, _stored(held, len(table)), responding=self.responding))

    def without(self, held: Kept, column: str) -> Kept:
        """The same records without a column."""
        return held.without(column)

    def classes(self, held: Kept) -> tuple[Any, ...] | None:
        """Those that there are records of; None for a regression."""
        return held.rows.classes

    def solved(self, held: Kept) -> tuple[Front, Mapped]:
        """The stages fitted on these records, and the records as these make them."""
        front, _ = solved(self.stages, held.sums, How(NEEDS), self.fixed)
        return front, Mapped(front, held)

    def matrix(self, front: Front, table: Table) -> Floats:
        """(n, d) what the records of a table are to their neighbours."""
        return turned(matrix(table, front.features, front.codings), front.turns)


def turned(X: Floats, turns: Sequence[Turn]) -> Floats:
    """Rows after some turns, each by itself: the same bits, whatever rows are beside it.

    A product of matrices sums in an order that depends on how many rows there are, and then a record is not as far from
    another as its double is.
    """
    for turn in turns:
        about, X = X - turn.shift, np.zeros((len(X), turn.matrix.shape[1]))
        for place, along in enumerate(turn.matrix):
            X += about[:, place, None] * along
    return X


def _places(wanted: Sequence[Asked]) -> list[tuple[Asked, bool]]:
    """What stands where in a row: of which column, and whether it is the number of a category."""
    return [(each, coded) for each in wanted for coded in (False, True) if (each.levels if coded else each.value)]


def _levels(sums: Expanded) -> dict[str, tuple[Level, ...]]:
    """The categories of each column that somebody has."""
    made: dict[str, list[Level]] = {}
    for entry in sums.entries:
        if entry.kind == "level":
            made.setdefault(entry.column, []).append(entry.level)
    return {column: tuple(levels) for column, levels in made.items()}


def _stored(held: Sequence[Read], count: int) -> Floats:
    """(n, places) rows of columns that were read."""
    blocks = [np.zeros((count, 0))]
    for each in held:
        if each.asked.value and each.numbers is not None:
            blocks.append(np.where(each.missing, LACKING, each.numbers)[:, None] + 0.0)  # -0.0 is 0
        if each.asked.levels and each.codes is not None:
            blocks.append(np.where(each.missing, NONE, each.codes)[:, None].astype(np.float64))
    return np.hstack(blocks)


def _column(wanted: Asked, stored: Mapping[bool, Floats], levels: tuple[Level, ...]) -> Read:
    """A column as it was read, from what is stored of it."""
    numbers = stored.get(False)
    if True not in stored:
        assert numbers is not None, "something is asked of each column"  # noqa: S101
        return Read(wanted, numbers, numbers == LACKING)
    missing = stored[True] == NONE
    return Read(wanted, numbers, missing, levels, np.where(missing, len(levels), stored[True]).astype(np.intp))
