"""How many records of each class have each category where it comes out of the stages, from the sums alone.

An encoder numbers the categories that somebody has. When one of them has gone, the others have other numbers, and their
counts are read off the same sums anew.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.stages import expanded
>>> from expunge.stages.features import through
>>> from expunge.stages.specification import Ordinal
>>> table = Table.from_arrays(np.array([["Bern"], ["Zug"], ["Zug"]], object), columns=["town"])
>>> towns, of = expanded.Asked("town", value=False, levels=True), (("a", "b"), np.array([0, 0, 1]))
>>> held = expanded.sums(table, (towns,), of, "none", Fixed())
>>> counted(held, *through((Ordinal(),), held, Fixed()), Fixed()).columns[0].counts
array([[1, 1],
       [0, 1]])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import DataError
from expunge.stages.features import terms
from expunge.sums import wide
from expunge.sums.categories import Categories, Names
from expunge.sums.fixed import Fixed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.stages.expanded import Expanded
    from expunge.stages.features import Coding, Feature, Term

MOST = 2**16  # numbers of categories; a constant that fills may be any


def counted(held: Expanded, features: Sequence[Feature], codings: Sequence[Coding], fixed: Fixed) -> Categories:
    """The counts of each feature's categories, which are called by their numbers, from 0 to the largest.

    Raises
    ------
    DataError
        For a feature that is no number of a category.
    """
    groups, width = held.groups, len(held.entries)
    sums = np.array([wide.as_float(part.sums) for part in groups.parts]).reshape(len(groups.parts), width)
    columns = [_names(each, terms(each, codings, held, fixed), sums, groups.counts) for each in features]
    return Categories(groups.classes, groups.counts, tuple(columns))


def _names(feature: Feature, own: Sequence[Term], sums: NDArray[np.float64], counts: NDArray[np.int64]) -> Names:
    whole = 1 << feature.exponent
    if feature.kind == "number" or (feature.centre, feature.scale, feature.offset) != (0.0, 1.0, 0.0):
        raise _refusal(feature)
    held = {0: counts.copy()}
    for place, worth in own:
        number, between = divmod(worth, whole)
        if between or not 0 <= number < MOST:
            raise _refusal(feature)
        there = sums[:, place].astype(np.int64)
        held[number] = held.get(number, 0) + there
        held[0] = held[0] - there
    ranks = range(1 + max((number for number, of_class in held.items() if of_class.any()), default=0))
    names = tuple(sorted(map(str, ranks)))
    nobody = np.zeros(len(counts), np.int64)
    return Names(names, np.column_stack([held.get(int(name), nobody) for name in names]))


def _refusal(feature: Feature) -> DataError:
    msg = (
        f"column {feature.column!r} comes out of the stages as a number that is no category, and the last stage counts"
        f" categories from 0 to {MOST - 1}: end its stages with an OrdinalEncoder"
    )
    return DataError(msg)
