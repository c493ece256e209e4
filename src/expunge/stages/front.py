"""Features of given records as numbers: what the fitted stages make of a table that is to be predicted for.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.stages.features import Coding, Feature
>>> town = Coding("town", ("Bern", "Zug"), filled=False, fill=None, other="ignore")
>>> made = (Feature("age", "number", centre=20.0, scale=0.1, fill=40), Feature("town", "hot", 0, 1))
>>> table = Table.from_arrays(np.array([[30.0, "Zug"], [None, "Genf"]], dtype=object), columns=["age", "town"])
>>> matrix(table, made, (town,))
array([[1., 1.],
       [2., 0.]])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import DataError
from expunge.stages.expanded import Asked, read
from expunge.sums.statistics import FINITE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.stages.expanded import Read
    from expunge.stages.features import Coding, Feature

    Floats = NDArray[np.float64]

UNKNOWN, LACKING = -1, -2  # numbers of categories that are none


@dataclass(frozen=True)
class Turn:
    """``(X - shift) @ matrix``: components, and what comes after them.

    Attributes
    ----------
    shift : (d,)
    matrix : (d, k)
    """

    shift: Floats
    matrix: Floats


def matrix(table: Table, features: Sequence[Feature], codings: Sequence[Coding], turns: Sequence[Turn] = ()) -> Floats:
    """(n, d) what the features are in each record of a table.

    Raises
    ------
    DataError
        For a category that was not learned where none may be, and a missing value that nothing fills.
    """
    named = {feature.column: (feature.kind in ("hot", "rank")) for feature in features}
    numbers = {feature.column for feature in features if feature.kind == "number"}
    coded = {feature.column for feature in features if feature.kind in ("hot", "rank")}
    held = {name: read(table, Asked(name, name in numbers, name in coded)) for name in named}
    X = of_columns(held, len(table), features, codings)
    for turn in turns:
        X = (X - turn.shift) @ turn.matrix
    return X


def of_columns(held: Mapping[str, Read], count: int, features: Sequence[Feature], codings: Sequence[Coding]) -> Floats:
    """(n, d) what the features are in so many records, of which the columns have been read; raises like `matrix`."""
    places = [_numbered(held[coding.column], coding) if coding.column in held else None for coding in codings]
    X = np.empty((count, len(features)))
    for to, feature in enumerate(features):
        x = _values(feature, held[feature.column], None if feature.coding < 0 else places[feature.coding], codings)
        X[:, to] = (x - feature.centre) * feature.scale + feature.offset
    return X


def _values(feature: Feature, column: Read, places: NDArray[np.intp] | None, codings: Sequence[Coding]) -> Floats:
    """(n,) x of each record."""
    if feature.kind == "flag":
        return np.asarray(column.missing, np.float64)
    if places is not None and feature.kind == "hot":
        if codings[feature.coding].other == "error":
            _refuse(feature.column, places == LACKING)
        return np.asarray(places == feature.place, np.float64)
    if places is not None:
        x = places.astype(np.float64)
        other = codings[feature.coding].other
        x[places == UNKNOWN] = 0.0 if isinstance(other, str) else other
    else:
        assert column.numbers is not None, "a number is read as one"  # noqa: S101
        there = np.where(column.missing, 0.0, column.numbers)
        x = FINITE.checked(there[:, None], (feature.column,))[:, 0]
    lacking = column.missing if places is None else places == LACKING
    if lacking.any():
        _refuse(feature.column, lacking & (feature.fill is None))
        x[lacking] = float(feature.fill or 0) * 2.0**-feature.exponent
    return x


def _refuse(column: str, lacking: NDArray[np.bool_]) -> None:
    if lacking.any():
        msg = f"column {column!r}: row {int(np.argmax(lacking))} lacks a value, and no stage fills it"
        raise DataError(msg)


def _numbered(column: Read, coding: Coding) -> NDArray[np.intp]:
    """(n,) the number of each record's category; those that are not known, and missing ones, are below 0."""
    numbers = {level: place for place, level in enumerate(coding.levels)}
    missing = numbers.get(coding.fill, UNKNOWN) if coding.filled else numbers.get(None, LACKING)
    of_levels = np.array([*(numbers.get(level, UNKNOWN) for level in column.levels), missing], np.intp)
    assert column.codes is not None, "a column of categories is read as one"  # noqa: S101
    made = of_levels[column.codes]
    if coding.other == "error" and (made == UNKNOWN).any():
        msg = f"column {coding.column!r}: row {int(np.argmax(made == UNKNOWN))} is of a category that was not learned"
        raise DataError(msg)
    return made
