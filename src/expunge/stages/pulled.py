"""Sums over features from sums over expanded rows: exact, because what a feature is made of is whole numbers too.

Examples
--------
>>> import numpy as np
>>> from expunge.sums.moments import Moments
>>> rows = np.array([[2.0, 0.0], [0.0, 1.0], [5.0, 0.0]])  # a number, 0 where it is missing, and whether it is
>>> filled = pulled(Moments.of(rows), [[(0, 1), (1, 7)]], "products")  # 7 stands for a missing one
>>> filled == Moments.of(np.array([[2.0], [7.0], [5.0]]))
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.sums import wide
from expunge.sums.groups import Groups
from expunge.sums.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.stages.features import Term
    from expunge.sums.moments import Second
    from expunge.sums.wide import Wide

    Step = tuple[NDArray[np.intp], NDArray[np.intp], Wide]


def pulled(held: Moments, terms: Sequence[Sequence[Term]], second: Second) -> Moments:
    """The sums of ``sum(factor * row[place])`` for the terms of each feature; terms exclude each other in a row."""
    if second == _kept(held) and all(len(own) == 1 and own[0][1] == 1 for own in terms):
        return held.at([own[0][0] for own in terms])
    d, steps = len(terms), _steps(terms)
    sums = _combined(held.sums, steps, d)
    if second == "none" or held.second is None:
        return Moments(held.count, sums, None)
    if second == "squares":
        squares = held.second if held.second.ndim == 2 else wide.carried(np.diagonal(held.second, 0, 1, 2))
        return Moments(held.count, sums, _combined(squares, [(to, at, wide.times(by, by)) for to, at, by in steps], d))
    half = _combined(held.second, steps, d)
    return Moments(held.count, sums, _combined(_turned(half), steps, d))


def groups(held: Groups, terms: Sequence[Sequence[Term]], second: Second) -> Groups:
    """`pulled` for each class."""
    return Groups(held.classes, tuple(pulled(part, terms, second) for part in held.parts))


def _kept(held: Moments) -> Second:
    return "none" if held.second is None else "squares" if held.second.ndim == 2 else "products"


def _steps(terms: Sequence[Sequence[Term]]) -> list[Step]:
    """The first term of all features that have one, the second, and so on: features, places, factors."""
    made = []
    for number in range(max(map(len, terms), default=0)):
        held = [(to, *own[number]) for to, own in enumerate(terms) if len(own) > number]
        to, at = (np.array([each[k] for each in held], np.intp) for k in (0, 1))
        made.append((to, at, _wide([each[2] for each in held])))
    return made


def _combined(rows: Wide, steps: Sequence[Step], d: int) -> Wide:
    """(planes, ..., d) sums of some of the last axis, each times its factor."""
    total = wide.zeros(*rows.shape[1:-1], d)
    for to, at, by in steps:
        part = wide.times(rows[..., at], by.reshape(len(by), *[1] * (rows.ndim - 2), -1))
        placed: Any = np.zeros((len(part), *rows.shape[1:-1], d), np.int64)
        placed[..., to] = part
        total = wide.plus(total, placed)
    return total


def _turned(number: Wide) -> Wide:
    return np.ascontiguousarray(np.swapaxes(number, 1, 2))


def _wide(values: Sequence[int]) -> Wide:
    """(planes, k) Python integers of any size."""
    each = [wide.as_wide(value) for value in values]
    made = np.zeros((max(map(len, each), default=1), len(each)), np.int64)
    for place, planes in enumerate(each):
        made[: len(planes), place] = planes
    return made
