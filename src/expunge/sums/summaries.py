"""What closed forms are solved from: means and moments about them in float64, each rounded once from exact sums.

A summary is a plain value: whoever has one of their own (a pipeline, whose scaled and encoded columns are sums over
other sums) gives it to the same `solve`.

Examples
--------
>>> import numpy as np
>>> rows = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.5]])
>>> summary = joint(Moments.of(rows * 2.0**32), 1, Fixed())
>>> summary.mean_y, summary.xx, summary.xy
(array([4.16666667]), array([[2.]]), array([[4.5]]))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from expunge.sums.fixed import Fixed
from expunge.sums.moments import Moments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.sums.groups import Groups
    from expunge.values import Scalar

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Joint:
    """Of columns and targets, about their means; about zero, with means of zero, where nothing is to be centred.

    Attributes
    ----------
    count : int
        n; everything else is a sum over the records and not divided by it.
    mean_x, mean_y : (d,), (targets,)
    xx, xy : (d, d), (d, targets)
    """

    count: int
    mean_x: Floats
    mean_y: Floats
    xx: Floats
    xy: Floats


@dataclass(frozen=True, eq=False)
class ByClass:
    """Of each class.

    Attributes
    ----------
    classes : tuple
        Those that there are records of, sorted.
    counts : (classes,) int64
    means : (classes, d)
    second : None, (classes, d), (d, d) or (classes, d, d)
        Sums of squares about the class's mean; or products of all classes together, about the mean of each; or
        products of each class.
    spread : (d,) or None
        Sums of squares about the mean of all, where squares are kept.
    """

    classes: tuple[Scalar, ...]
    counts: NDArray[np.int64]
    means: Floats
    second: Floats | None = None
    spread: Floats | None = None


@dataclass(frozen=True, eq=False)
class Totals:
    """Sums of each class.

    Attributes
    ----------
    classes : tuple
    counts : (classes,) int64
    totals : (classes, d)
    """

    classes: tuple[Scalar, ...]
    counts: NDArray[np.int64]
    totals: Floats


Summary: TypeAlias = Joint | ByClass | Totals


def joint(moments: Moments, targets: int, fixed: Fixed, *, centred: bool = True) -> Joint:
    """Of moments whose last columns are the targets."""
    d = moments.sums.shape[1] - targets
    mean = moments.mean(-fixed.bits) if centred else np.zeros(d + targets)
    second = moments.centred(-2 * fixed.bits) if centred else moments.raw(-2 * fixed.bits)
    parts = second[:d, :d].copy(), second[:d, d:].copy()
    return Joint(moments.count, mean[:d].copy(), mean[d:].copy(), *parts)


def by_class(groups: Groups, fixed: Fixed, whole: Moments | None = None) -> ByClass:
    """Of the sums of each class, and the products of all records where only those are kept."""
    how = groups.classes, groups.counts, groups.means(-fixed.bits)
    if whole is not None:
        return ByClass(*how, groups.within(whole, -2 * fixed.bits))
    kept = groups.parts[0].second if groups.parts else None
    if kept is None:
        return ByClass(*how)
    second = groups.centred(-2 * fixed.bits)
    if second.ndim == 3:
        return ByClass(*how, second)
    return ByClass(*how, second, groups.together(kept.shape[1], "squares").centred(-2 * fixed.bits))


def totals(groups: Groups, fixed: Fixed) -> Totals:
    """Of the sums of each class."""
    return Totals(groups.classes, groups.counts, groups.totals(-fixed.bits))
