"""What a closed form is solved from, behind stages: exact sums, rounded once, then scaled and turned.

What depends on the values (means, fills, categories, spreads) has been made of exact sums already. Here the moments of
the features are read off those same sums, about their means, before they are float64; a scale multiplies them and
components turn them, so an offset in the data costs no digit.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.stages import expanded
>>> from expunge.stages.specification import Scale
>>> table = Table.from_arrays(np.array([[1.0], [2.0], [6.0]]))
>>> held = expanded.sums(table, (expanded.Asked("x0"),), (("a", "b"), np.array([0, 1, 1])), "squares", Fixed())
>>> front, summary = solved((Scale(),), held, How("squares"), Fixed())
>>> summary.counts, summary.means.round(2).tolist(), summary.spread
(array([1, 2]), [[-0.93], [0.46]], array([3.]))
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import DataError, LearnError, ParameterError
from expunge.stages import pulled
from expunge.stages.categories import counted
from expunge.stages.expanded import total
from expunge.stages.features import Coding, Feature, terms, through
from expunge.stages.front import Turn, matrix
from expunge.stages.specification import Components, Scale
from expunge.sums import wide
from expunge.sums.fixed import Fixed
from expunge.sums.summaries import ByClass, Joint, Totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.stages.expanded import Expanded
    from expunge.stages.features import Term
    from expunge.stages.specification import Stage
    from expunge.sums.categories import Categories
    from expunge.sums.moments import Second
    from expunge.sums.summaries import Summary

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Front:
    """The fitted stages.

    Attributes
    ----------
    features : tuple of Feature
    codings : tuple of Coding
    turns : tuple of Turn
    """

    features: tuple[Feature, ...]
    codings: tuple[Coding, ...]
    turns: tuple[Turn, ...] = ()

    def matrix(self, table: Table) -> Floats:
        """(n, d) what the records of a table are to the closed form."""
        return matrix(table, self.features, self.codings, self.turns)


@dataclass(frozen=True)
class How:
    """What a closed form is solved from.

    Attributes
    ----------
    needs : str
        Which moments.
    targets : int
        How many numbers are predicted.
    centred : bool
        Whether moments are about the mean, for a regression with an intercept.
    above : float or None
        Where sums are of records above a bound, and not of numbers.
    """

    needs: str
    targets: int = 0
    centred: bool = True
    above: float | None = None


NEEDS = ("moments", "means", "sums", "squares", "pooled", "each", "categories")


def refuse_order(stages: Sequence[Stage], needs: str) -> None:
    """Raise a sentence for stages and a closed form that cannot stand behind each other."""
    _, turning = split(stages)
    if needs not in NEEDS:
        msg = f"a Pipeline ends in a closed form that predicts from sums; this one needs {needs}"
        raise ParameterError(msg)
    if turning and needs in ("sums", "categories"):
        msg = "components are below zero as often as above, and the last stage counts: leave PCA out"
        raise ParameterError(msg)


def second_of(stages: Sequence[Stage], needs: str) -> Second:
    """Which second moments have to be kept for these stages and this closed form."""
    if any(isinstance(stage, Components) for stage in stages) or needs in ("moments", "features", "pooled", "each"):
        return "products"
    return "squares" if needs == "squares" or any(_spreads(stage) for stage in stages) else "none"


def split(stages: Sequence[Stage]) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    """Stages of single columns, and those that stand from the first components on.

    Raises
    ------
    ParameterError
        For one that cannot stand after components.
    """
    first = next((place for place, stage in enumerate(stages) if isinstance(stage, Components)), len(stages))
    for stage in stages[first:]:
        if not isinstance(stage, Components | Scale):
            msg = f"after PCA a Pipeline takes StandardScaler and PCA alone; got what was read as {stage}"
            raise ParameterError(msg)
    return tuple(stages[:first]), tuple(stages[first:])


def solved(stages: Sequence[Stage], held: Expanded, how: How, fixed: Fixed) -> tuple[Front, Summary | Categories]:
    """The stages fitted on the records of these sums, and what the closed form is solved from.

    Raises
    ------
    LearnError
        When there are too few records for as many components.
    """
    single, turning = split(stages)
    counts = how.needs == "sums" and how.above is None
    features, codings = through(single, held, fixed, counts=counts)
    if how.needs == "categories":
        return Front(features, codings), counted(held, features, codings, fixed)
    work = _Exact(held, features, codings, fixed)
    if how.above is not None:
        return Front(features, codings), work.above(how.above)
    regression = how.needs == "moments"
    summary: Joint | ByClass = work.joint(how.targets) if regression else work.by_class(how.needs, turned=bool(turning))
    turns = []
    for stage in turning:
        turns.append(_fitted(stage, summary))
        summary = _turned(summary, turns[-1])
    front = Front(features, codings, tuple(turns))
    if isinstance(summary, Joint):
        return front, summary if how.centred else _about_zero(summary)
    return front, _reduced(summary, how.needs, turned=bool(turning))


class _Exact:
    """Sums of features, exact until they are read off."""

    def __init__(self, held: Expanded, features: Sequence[Feature], codings: Sequence[Coding], fixed: Fixed) -> None:
        self.held = held
        self.fixed = fixed
        self.features = features
        self.terms: list[Sequence[Term]] = [terms(each, codings, held, fixed) for each in features]
        self.units = np.array([-each.exponent for each in features], np.int64)
        self.centre, self.scale, self.offset = (
            np.array([getattr(each, name) for each in features]) for name in ("centre", "scale", "offset")
        )

    def joint(self, targets: int) -> Joint:
        """Moments of the features and of what is predicted, about their means."""
        aims: list[Sequence[Term]] = [
            [(place, 1)] for place, entry in enumerate(self.held.entries) if entry.kind == "target"
        ]
        whole = total(self.held.groups, len(self.held.entries), "products")
        exact = pulled.pulled(whole, [*self.terms, *aims], "products")
        d = len(self.terms)
        units = np.append(self.units, np.full(targets, -self.fixed.bits))
        scale = np.append(self.scale, np.ones(targets))
        mean = np.ldexp(exact.mean(), units)
        second = np.ldexp(exact.centred(), units[:, None] + units) * (scale * scale[:, None])
        parts = np.ascontiguousarray(second[:d, :d]), np.ascontiguousarray(second[:d, d:])
        return Joint(exact.count, self.affine(mean[:d]), mean[d:], *parts)

    def by_class(self, needs: str, *, turned: bool) -> ByClass:
        """Means of each class, and the second moments that are needed."""
        kept: Second = "none"
        if turned or needs in ("pooled", "each"):
            kept = "products"
        elif needs == "squares":
            kept = "squares"
        groups = pulled.groups(self.held.groups, self.terms, kept)
        means = self.affine(np.ldexp(groups.means(), self.units))
        made = ByClass(groups.classes, groups.counts, means)
        if kept == "none":
            return made
        if kept == "squares":
            square = self.scale * self.scale
            spread = np.ldexp(groups.together(len(self.terms), "squares").centred(), 2 * self.units) * square
            return replace(made, second=np.ldexp(groups.centred(), 2 * self.units) * square, spread=spread)
        units, scale = self.units[:, None] + self.units, self.scale * self.scale[:, None]
        if needs in ("each", "squares"):
            return replace(made, second=np.ldexp(groups.centred(), units) * scale)
        within = groups.within(groups.together(len(self.terms), "products"))
        return replace(made, second=np.ldexp(within, units) * scale)

    def above(self, bound: float) -> Totals:
        """How many records of each class have a feature above a bound."""
        for feature in self.features:
            if feature.kind == "number":
                msg = (
                    f"column {feature.column!r}: how many numbers are above {bound:g} is no sum; categories are counted"
                )
                raise DataError(msg)
        groups = self.held.groups
        made = np.zeros((len(groups.classes), len(self.terms)))
        zero = self.affine(np.zeros(len(self.terms))) > bound
        for code, part in enumerate(groups.parts):
            sums = wide.as_float(part.sums)
            for to, own in enumerate(self.terms):
                x = np.array([factor for _, factor in own]) * 2.0 ** self.units[to]
                high = (x - self.centre[to]) * self.scale[to] + self.offset[to] > bound
                there = np.array([sums[place] for place, _ in own])
                made[code, to] = (there * high).sum() + (part.count - there.sum()) * zero[to]
        return Totals(groups.classes, groups.counts, made)

    def affine(self, x: Floats) -> Floats:
        """Features of x."""
        made: Floats = (x - self.centre) * self.scale + self.offset
        return made


def _spreads(stage: Stage) -> bool:
    branches = getattr(stage, "branches", ())
    return isinstance(stage, Scale) or any(_spreads(each) for stages, _ in branches for each in stages)


def _fitted(stage: Stage, summary: Joint | ByClass) -> Turn:
    """What a stage does from the first components on."""
    count, mean, scatter = _overall(summary)
    if isinstance(stage, Components):
        return components(stage, count, mean, scatter)
    assert isinstance(stage, Scale), "split lets nothing else through"  # noqa: S101
    spread = np.sqrt(np.diagonal(scatter) / count) if stage.scaled else np.ones(len(mean))
    shift = mean if stage.centred else np.zeros(len(mean))
    return Turn(shift, np.diag(1.0 / np.where(spread > 0, spread, 1.0)))


def components(stage: Components, count: int, mean: Floats, scatter: Floats) -> Turn:
    """The directions of the largest spread; each has its largest entry, the first of equals, above 0.

    Raises
    ------
    LearnError
        Where there are fewer records or columns than components.
    """
    most, asked = min(count, len(mean)), stage.count
    if asked is not None and asked > most:
        msg = (
            f"PCA of {count} records with {len(mean)} columns has at most {most} components, and {asked} are asked for"
        )
        raise LearnError(msg)
    if not len(mean):  # without columns there are no directions
        return Turn(mean, np.zeros((0, 0)))
    sizes, vectors = np.linalg.eigh(scatter)
    sizes, vectors = np.maximum(sizes[::-1], 0.0), vectors[:, ::-1]
    number = most if asked is None else int(asked)
    if isinstance(asked, float):
        share = np.cumsum(sizes / (sizes.sum() or 1.0))
        number = min(int(np.searchsorted(share, asked, side="right")) + 1, most)
    chosen = vectors[:, :number]
    signs = np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(number)])
    chosen = chosen * np.where(signs == 0, 1.0, signs)
    if stage.whiten:
        spread = np.sqrt(sizes[:number] / max(count - 1, 1))
        chosen = chosen / np.maximum(spread, np.finfo(np.float64).eps)
    return Turn(mean, np.ascontiguousarray(chosen))


def _overall(summary: Joint | ByClass) -> tuple[int, Floats, Floats]:
    """Number of records, mean and products about it."""
    if isinstance(summary, Joint):
        return summary.count, summary.mean_x, summary.xx
    assert summary.second is not None, "products are kept where components are made"  # noqa: S101
    count = int(summary.counts.sum())
    mean = summary.counts @ summary.means / count
    about = summary.means - mean
    within = summary.second if summary.second.ndim == 2 else summary.second.sum(axis=0)
    return count, mean, within + (about.T * summary.counts) @ about


def _turned(summary: Joint | ByClass, turn: Turn) -> Joint | ByClass:
    """The same records, seen after a turn."""
    W = turn.matrix
    if isinstance(summary, Joint):
        mean = (summary.mean_x - turn.shift) @ W
        return Joint(summary.count, mean, summary.mean_y, W.T @ summary.xx @ W, W.T @ summary.xy)
    assert summary.second is not None, "as above"  # noqa: S101
    return replace(summary, means=(summary.means - turn.shift) @ W, second=W.T @ summary.second @ W)


def _reduced(summary: ByClass, needs: str, *, turned: bool) -> Summary:
    """No more than the closed form asks for."""
    if needs == "sums":
        return Totals(summary.classes, summary.counts, summary.means * summary.counts[:, None])
    if needs == "means":
        return replace(summary, second=None)
    if needs == "squares" and turned:
        assert summary.second is not None, "as above"  # noqa: S101
        spread = np.diagonal(_overall(summary)[2]).copy()
        return replace(summary, second=np.diagonal(summary.second, 0, 1, 2).copy(), spread=spread)
    return summary


def _about_zero(summary: Joint) -> Joint:
    n, x, y = summary.count, summary.mean_x, summary.mean_y
    xx, xy = summary.xx + n * np.outer(x, x), summary.xy + n * np.outer(x, y)
    return Joint(n, np.zeros_like(x), np.zeros_like(y), xx, xy)
