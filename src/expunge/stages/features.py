"""Features as affine maps of expanded rows, taken through the stages: what each is made of, never what it is in a row.

A feature is ``(x - centre) * scale + offset``, where x is a number of the row, a place for a category, the rank of one,
or whether the number is missing. A stage reads what it needs (a mean, a median, the categories that are there) from the
exact sums of all records and changes these few numbers. So after a deletion every stage is fitted again, in the time
that it takes to look at the sums.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.stages import expanded
>>> from expunge.stages.specification import Impute, Scale
>>> table = Table.from_arrays(np.array([[1.0], [np.nan], [3.0]]))
>>> held = expanded.sums(table, (expanded.Asked("x0"),), (("all",), np.zeros(3, int)), "squares", Fixed())
>>> (made,), _ = through((Impute(), Scale()), held, Fixed())
>>> made.centre, round(made.scale, 3), made.fill / 2**made.exponent
(2.0, 1.225, 2.0)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from expunge.errors import DataError, ParameterError
from expunge.stages import multiset
from expunge.stages.columns import has_encoder
from expunge.stages.expanded import Entry, Level, total
from expunge.stages.multiset import Multiset
from expunge.stages.specification import Branches, Components, Impute, OneHot, Ordinal, Scale, Stretch, Vectorise
from expunge.sums import wide
from expunge.sums.fixed import Fixed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expunge.stages.expanded import Expanded
    from expunge.stages.specification import Stage

FINER = 32  # bits that a filled value has beyond the resolution
TINY = 10 * float(np.finfo(np.float64).eps)  # a range that scikit-learn takes for none


@dataclass(frozen=True)
class Coding:
    """How the categories of a column are numbered.

    Attributes
    ----------
    column : str
    levels : tuple
        Those that are known, in order; None: a missing value is one of its own.
    filled : bool
        Whether ``fill`` stands for a missing value.
    other : {"error", "ignore"} or float
        What is made of one that is not known: a refusal, none of them, or a number.
    """

    column: str
    levels: tuple[Level, ...]
    filled: bool
    fill: Level
    other: str | float


@dataclass(frozen=True)
class Category:
    """A column of categories that no encoder has met yet."""

    column: str
    filled: bool = False
    fill: Level = None


@dataclass(frozen=True)
class Feature:
    """One number of a record: ``(x - centre) * scale + offset``.

    Attributes
    ----------
    column : str
    kind : {"number", "flag", "hot", "rank"}
        What x is: the value, 1 where it is missing, 1 where the category is the one at ``place``, or its rank.
    coding, place : int
        Which coding, and which of its categories.
    open : bool
        Whether x may be missing.
    fill, exponent : int
        What x is where it is missing, and what all x are counted in: units of ``2**-exponent``.
    """

    column: str
    kind: Literal["number", "flag", "hot", "rank"]
    coding: int = -1
    place: int = -1
    open: bool = False
    fill: int | None = None
    exponent: int = 0
    centre: float = 0.0
    scale: float = 1.0
    offset: float = 0.0


Item: TypeAlias = Feature | Category
Term: TypeAlias = tuple[int, int]
"""A place of the expanded row, and by what it is multiplied."""


def through(
    stages: Sequence[Stage], held: Expanded, fixed: Fixed, *, counts: bool = False
) -> tuple[tuple[Feature, ...], tuple[Coding, ...]]:
    """The features that come out of the stages, fitted on the records of these sums.

    Parameters
    ----------
    counts : bool
        Whether none of them may be below 0.

    Raises
    ------
    DataError
        For a column that no stage makes a number of, or whose missing values none fills; or below 0 where none may be.
    ParameterError
        For a stage that cannot stand where it stands.
    """
    if not held.count:
        return (), ()
    work = _Work(held, fixed, later=has_encoder(stages))
    items: list[Item] = [work.begun(column, encoded=has_encoder(stages)) for column in held.columns]
    for stage in stages:
        items = work.after(stage, items)
    features = tuple(work.ended(item) for item in items)
    for feature in features if counts else ():
        work.refuse_below_zero(feature)
    return features, tuple(work.codings)


def terms(feature: Feature, codings: Sequence[Coding], held: Expanded, fixed: Fixed) -> list[Term]:
    """Which places of the row x is the sum of, in units of ``2**-exponent``; of one record at most one is not 0."""
    places = {entry: place for place, entry in enumerate(held.entries)}
    missing = places.get(Entry(feature.column, "missing"))
    if feature.kind == "flag":
        return [] if missing is None else [(missing, 1)]
    made: list[Term] = []
    if feature.kind == "number":
        made.append((places[Entry(feature.column, "value")], 1 << (feature.exponent - fixed.bits)))
    else:
        coding = codings[feature.coding]
        for number, level in enumerate(coding.levels):
            worth = int(number == feature.place) if feature.kind == "hot" else number << feature.exponent
            at = missing if level is None else places.get(Entry(feature.column, "level", level))
            made += [(at, worth)] if at is not None and worth else []
            if coding.filled and level == coding.fill and missing is not None and worth:
                made.append((missing, worth))
    if missing is not None and feature.fill:
        made.append((missing, feature.fill))
    return made


class _Work:
    """Takes items through stages, over the sums of all records."""

    def __init__(self, held: Expanded, fixed: Fixed, *, later: bool) -> None:
        self.held = held
        self.fixed = fixed
        self.later = later
        self.codings: list[Coding] = []
        whole = total(held.groups, len(held.entries), "none")
        self.sums = [int(value) for value in wide.as_integers(whole.sums)]
        self.squares: list[int] | None = None
        if held.groups.parts[0].second is not None:
            kept = [part.second for part in held.groups.parts if part.second is not None]
            each = [second if second.ndim == 2 else np.diagonal(second, 0, 1, 2) for second in kept]
            self.squares = [int(value) for value in wide.as_integers(wide.plus(*each))]
        self.places = {entry: place for place, entry in enumerate(held.entries)}
        self.levels: dict[str, list[tuple[Level, int]]] = {}
        for entry in held.entries:
            if entry.kind == "level":
                self.levels.setdefault(entry.column, []).append((entry.level, self.sums[self.places[entry]]))

    def begun(self, column: str, *, encoded: bool) -> Item:
        """A column as it is before all stages; ``encoded``: an encoder comes."""
        if not encoded:
            return Feature(column, "number", open=True, exponent=self.fixed.bits)
        return Category(column)

    def ended(self, item: Item) -> Feature:
        """A feature, or the sentence that says why it is none."""
        if isinstance(item, Category):
            msg = f"column {item.column!r} holds categories, and no stage makes numbers of them: an encoder does"
            raise DataError(msg)
        if item.open and self.gaps(item.column):
            gaps = self.gaps(item.column)
            msg = f"column {item.column!r} lacks {gaps} values, and no stage fills them: an imputer does"
            raise DataError(msg)
        return item

    def after(self, stage: Stage, items: list[Item]) -> list[Item]:
        """The items after a stage."""
        match stage:
            case Impute():
                filled = [self.filled(stage, item) for item in items]
                return [item for item in filled if item is not None] + self.flags(stage, items)
            case OneHot() | Ordinal():
                return [made for item in items for made in self.encoded(stage, item)]
            case Scale():
                return [self.scaled(stage, self.number(item, "StandardScaler")) for item in items]
            case Stretch():
                return [self.stretched(stage, self.number(item, "MinMaxScaler")) for item in items]
            case Branches():
                return self.branched(stage, items)
            case Components() | Vectorise():
                msg = f"{type(stage).__name__} does not stand among the stages of single columns"
                raise ParameterError(msg)

    def number(self, item: Item, who: str) -> Feature:
        """A feature, or the sentence that says that a stage cannot take it."""
        if isinstance(item, Category):
            msg = f"column {item.column!r} holds categories, and {who} takes numbers: put an encoder before it"
            raise DataError(msg)
        return item

    def branched(self, stage: Branches, items: list[Item]) -> list[Item]:
        """The items of each branch, after its own stages; columns that are gone are left out."""
        begun = {item.column: item for item in items}
        made: list[Item] = []
        for stages, columns in stage.branches:
            encoded = has_encoder(stages) or self.later
            own: list[Item] = [self.begun(column, encoded=encoded) for column in columns if column in begun]
            for each in stages:
                own = self.after(each, own)
            made += own
        named = {column for _, columns in stage.branches for column in columns}
        return made + [item for item in items if stage.rest and item.column not in named]

    def refuse_below_zero(self, feature: Feature) -> None:
        """Raise the sentence for a feature that is below 0 in some record."""
        ends = self.ends(feature)
        lowest = 0.0 if ends is None else float(Fraction(ends[0], 1 << feature.exponent))
        if (lowest - feature.centre) * feature.scale + feature.offset < 0:
            msg = f"column {feature.column!r} is below zero where it comes out of the stages, and the last one counts"
            raise DataError(msg)

    # -- missing values ------------------------------------------------------------------------------------------------

    def gaps(self, column: str) -> int:
        """How many records lack a value."""
        place = self.places.get(Entry(column, "missing"))
        return 0 if place is None else self.sums[place]

    def flags(self, stage: Impute, items: list[Item]) -> list[Item]:
        """Whether a value was missing, of columns where some are."""
        if not stage.flags:
            return []
        gappy = [item for item in items if self.gaps(item.column) and getattr(item, "open", True)]
        if any(isinstance(item, Category) for item in gappy):
            msg = (
                "SimpleImputer with add_indicator=True takes numbers here: an encoder gives missing categories a place"
            )
            raise ParameterError(msg)
        return [Feature(item.column, "flag") for item in gappy]

    def filled(self, stage: Impute, item: Item) -> Item | None:
        """An item whose missing values have something in their place; None: nobody has a value, and it is left out."""
        if isinstance(item, Category):
            return self.filled_category(stage, item)
        if not item.open:
            return item
        values = self.values(item) if stage.strategy in ("median", "most_frequent") else None
        there, x = self.held.count - self.gaps(item.column), Fraction(0)
        if not there and not stage.empty:
            return None
        if stage.strategy == "constant":
            x = _raw(item, stage.number(item.column, self.fixed.largest))
        elif there and values is not None:
            top, below = multiset.median(values) if stage.strategy == "median" else (multiset.most_frequent(values), 1)
            x = Fraction(top, below << item.exponent)
        elif there:
            x = Fraction(self.moments(item)[1], there << item.exponent)
        finer = item.exponent + FINER
        return replace(item, open=False, exponent=finer, fill=round(x * (1 << finer)))

    def filled_category(self, stage: Impute, item: Category) -> Category | None:
        """A column of categories in which another one stands for those that are missing."""
        if item.filled:
            return item
        levels = self.levels.get(item.column, [])
        if stage.strategy == "constant" and (levels or stage.empty):
            text = not levels or isinstance(levels[0][0], str)
            fill: Level = ("missing_value" if text else 0.0) if stage.fill is None else stage.fill
            if isinstance(fill, str) != text:
                msg = f"column {item.column!r} is to be filled with {fill!r}, and its categories are of another type"
                raise DataError(msg)
            if not text and stage.fill is not None:
                stage.number(item.column)
            return replace(item, filled=True, fill=fill)
        if stage.strategy != "most_frequent":
            msg = f"column {item.column!r} holds categories: SimpleImputer fills them with most_frequent or a constant"
            raise DataError(msg)
        if not levels:
            return None
        return replace(item, filled=True, fill=max(levels, key=lambda held: held[1])[0])  # the first of equals

    # -- categories ----------------------------------------------------------------------------------------------------

    def encoded(self, stage: OneHot | Ordinal, item: Item) -> list[Item]:
        """Places for the categories of a column, or their ranks."""
        if isinstance(item, Feature):
            msg = f"column {item.column!r} holds numbers already where {type(stage).__name__} should make them"
            raise ParameterError(msg)
        known = {level for level, _ in self.levels.get(item.column, [])}
        gaps = self.gaps(item.column) > 0
        known |= {item.fill} if item.filled and gaps else set()
        levels: list[Level] = sorted(known)  # type: ignore[type-var]  # all text, or all numbers
        own = gaps and not item.filled
        if isinstance(stage, Ordinal):
            other: str | float = "error" if stage.other is None else stage.other
            self.codings.append(Coding(item.column, tuple(levels), item.filled, item.fill, other))
            return [Feature(item.column, "rank", len(self.codings) - 1, open=not item.filled)]
        levels += [None] if own else []
        self.codings.append(Coding(item.column, tuple(levels), item.filled, item.fill, stage.unknown))
        first = int(stage.drop == "first" or (stage.drop == "if_binary" and len(levels) == 2))
        return [Feature(item.column, "hot", len(self.codings) - 1, place) for place in range(first, len(levels))]

    # -- scales --------------------------------------------------------------------------------------------------------

    def scaled(self, stage: Scale, item: Feature) -> Feature:
        """Mean and spread taken out, of the values that are there."""
        count, first, second = self.moments(item)
        if not count:
            return item
        mean = float(Fraction(first, count << item.exponent))
        made = replace(item, centre=mean, offset=0.0) if stage.centred else item
        if not stage.scaled:
            return made
        spread = float(Fraction(count * second - first * first, count * count << 2 * item.exponent)) ** 0.5 * item.scale
        spread = spread or 1.0
        return replace(made, scale=made.scale / spread, offset=made.offset / spread)

    def stretched(self, stage: Stretch, item: Feature) -> Feature:
        """The smallest and the largest value moved to where they should be."""
        ends = self.ends(item)
        if ends is None:
            return item
        low, high = ends
        bottom = float(Fraction(low, 1 << item.exponent))
        if stage.low is None:
            raw = [float(Fraction(end, 1 << item.exponent)) for end in ends]
            largest = max(abs((end - item.centre) * item.scale + item.offset) for end in raw)
            largest = 1.0 if largest < TINY else largest
            return replace(item, scale=item.scale / largest, offset=item.offset / largest)
        length = float(Fraction(high - low, 1 << item.exponent)) * item.scale
        factor = (stage.high - stage.low) / (1.0 if length < TINY else length)
        return replace(item, centre=bottom, scale=item.scale * factor, offset=stage.low)

    # -- what the sums say of a feature --------------------------------------------------------------------------------

    def moments(self, item: Feature) -> tuple[int, int, int]:
        """Of the records that have x: how many, the sum of x and that of its squares, in its units."""
        made = terms(item, self.codings, self.held, self.fixed)
        squares = self.sums if self.squares is None else self.squares
        first = sum(self.sums[place] * factor for place, factor in made)
        second = sum(squares[place] * factor * factor for place, factor in made)
        return self.held.count - (self.gaps(item.column) if item.open else 0), first, second

    def values(self, item: Feature) -> Multiset:
        """All x that are there, in its units, and how many records have each; of a number, before it is filled."""
        if item.kind == "number":
            return self.held.order(item.column)
        counts: dict[int, int] = {0: self.held.count - (self.gaps(item.column) if item.open else 0)}
        for place, factor in terms(item, self.codings, self.held, self.fixed):
            counts[factor] = counts.get(factor, 0) + self.sums[place]
            counts[0] -= self.sums[place]
        there = sorted((value, count) for value, count in counts.items() if count)
        return Multiset(np.array([value for value, _ in there]), np.array([count for _, count in there]))

    def ends(self, item: Feature) -> tuple[int, int] | None:
        """The smallest and the largest x, in its units; None where nobody has one."""
        values = self.values(item)
        if item.kind != "number":
            return multiset.extremes(values) if len(values.values) else None
        finer = item.exponent - self.fixed.bits
        found = [end << finer for end in multiset.extremes(values)] if len(values.values) else []
        found += [item.fill] if item.fill is not None and self.gaps(item.column) else []
        return (min(found), max(found)) if found else None


def _raw(item: Feature, value: float) -> Fraction:
    """The x whose feature is a value."""
    return (Fraction(value) - Fraction(item.offset)) / Fraction(item.scale) + Fraction(item.centre)
