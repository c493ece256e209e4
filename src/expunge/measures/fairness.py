"""Accuracy and decisions group by group, the gaps between groups, and what a forgetting did to them.

Forgetting can cost one group more than another: the model stays good in the mean, and some people pay. Definitions are
those of fairlearn (``fairlearn.metrics`` 0.15: read, and compared in the tests), for one decision that is positive:

- demographic parity: the largest share of positive decisions in a group less the smallest; as ratio, smallest by
  largest;
- equal opportunity: the difference of the share of positive decisions among records that are positive;
- equalised odds: the larger of that and of the same among records that are not.

Where a group has no record of a kind, fairlearn takes its share for 0; here there is no figure then.

A gap is the largest of several differences, so that noise widens it: groups that a model treats alike have one too.
`change` therefore compares two models on the same records, where most of that noise is the same, and draws whole units
(owners, else records) for its intervals. They are over the records, for these two models: another key is another model.

**Small groups are named and not scored.** With fewer than twenty units the 95 % interval of a share of one half reaches
0.2 to either side, and that such a group shows nothing is no evidence that nothing happened to it.

Examples
--------
>>> import numpy as np
>>> label = np.arange(83) % 2 == 0
>>> groups = Groups(np.repeat(["a", "b", "c"], [40, 40, 3]), label, positive=True)
>>> before, after = label, label & ((groups.names == "a") | (np.arange(83) % 4 > 0))
>>> found = fairness(after, groups)
>>> found.small, [f"{one.name} {one.accuracy:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in found.groups]
((('c', 3),), ['a 1.00 [0.91, 1.00]', 'b 0.75 [0.60, 0.86]'])
>>> found.gaps
Gaps(parity=0.25, parity_ratio=0.5, opportunity=0.5, odds=0.5)
>>> [(one.name, one.value, one.excludes(0.0)) for one in change(before, after, groups).groups]
[('a', 0.0, False), ('b', -0.25, True)]
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.special import ndtri

from expunge import keyed
from expunge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.values import Scalar

SMALLEST = 20
"""Units below which a group is named and not scored."""

COUNTED = 6  # of each group: records, right, selected, positive, positive and selected, selected though not positive
AT_ONCE = 64  # draws of the bootstrap whose weights are in memory together


@dataclass(frozen=True, eq=False)
class Groups:
    """Who is of which group, and what is so.

    Attributes
    ----------
    names : (n,)
        The group of each record.
    label : (n,)
        What a right decision would be.
    positive : bool, int, float or str
        The decision that counts as positive.
    units : (n,), optional
        What hangs together, the owner say; each record by itself unless given.

    Raises
    ------
    DataError
        If there is no record, or shapes differ.
    """

    names: NDArray[Any]
    label: NDArray[Any]
    positive: Scalar
    units: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        shapes = [side.shape for side in (self.names, self.label, *([] if self.units is None else [self.units]))]
        if len(set(shapes)) > 1 or len(shapes[0]) != 1 or not shapes[0][0]:
            msg = f"groups need a name and a label for each record, one at least, got shapes {shapes}"
            raise DataError(msg)

    @cached_property
    def named(self) -> tuple[list[Any], NDArray[np.intp]]:
        """Names of the groups, sorted, and (n,) the place of each record's among them."""
        names, places = np.unique(self.names, return_inverse=True)
        return names.tolist(), places

    @cached_property
    def owned(self) -> NDArray[np.intp]:
        """(n,) place of each record's unit among the units."""
        return np.arange(len(self.label)) if self.units is None else np.unique(self.units, return_inverse=True)[1]

    @cached_property
    def sizes(self) -> list[int]:
        """How many units each group has."""
        names, places = self.named
        pairs = np.unique(np.stack([places, self.owned]), axis=1)
        return [int((pairs[0] == k).sum()) for k in range(len(names))]

    @property
    def scored(self) -> list[int]:
        """Places of the groups that are large enough."""
        return [k for k, size in enumerate(self.sizes) if size >= SMALLEST]

    @property
    def small(self) -> tuple[tuple[Scalar, int], ...]:
        """Name and units of those that are not."""
        return tuple((name, size) for name, size in zip(self.named[0], self.sizes, strict=True) if size < SMALLEST)


@dataclass(frozen=True)
class Group:
    """How a model does in one group.

    Attributes
    ----------
    name : bool, int, float or str
    records, units : int
    accuracy : float
    low, high : float
        Wilson's interval at 95 % for as many draws as there are units: an owner's records count as one.
    selected : float
        Share of positive decisions.
    hits, alarms : float or None
        Share of positive decisions among records that are positive, and among those that are not; None without any.
    """

    name: Scalar
    records: int
    units: int
    accuracy: float
    low: float
    high: float
    selected: float
    hits: float | None
    alarms: float | None


@dataclass(frozen=True)
class Gaps:
    """How far groups lie apart.

    Attributes
    ----------
    parity : float
        Demographic parity, as difference.
    parity_ratio : float or None
        As ratio; None where no group has a positive decision.
    opportunity, odds : float or None
        Equal opportunity and equalised odds, as differences; None where a group has no record of a kind.
    """

    parity: float
    parity_ratio: float | None
    opportunity: float | None
    odds: float | None


@dataclass(frozen=True)
class Fairness:
    """The groups of one model.

    Attributes
    ----------
    groups : tuple of Group
        By name; those that are large enough.
    small : tuple of (name, units)
        Those that are not.
    gaps : Gaps or None
        Between the groups that are scored; None where there are fewer than two.
    """

    groups: tuple[Group, ...]
    small: tuple[tuple[Scalar, int], ...]
    gaps: Gaps | None


@dataclass(frozen=True)
class Difference:
    """A figure of the second model less that of the first, on the same records.

    Attributes
    ----------
    name : bool, int, float or str
        The group, or the gap.
    value : float
    low, high : float
        Bounds that hold 95 % of the bootstrap over units; all are 0 where both models decide each record alike.
    """

    name: Scalar
    value: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether the interval does not hold a value."""
        return not self.low <= value <= self.high


@dataclass(frozen=True)
class Change:
    """What the step from one model to another does to groups.

    Attributes
    ----------
    groups : tuple of Difference
        Of accuracy; groups that are large enough, by name.
    gaps : tuple of Difference
        Of those of `Gaps` that both models have, by name.
    small : tuple of (name, units)
        Groups that are too small to be scored.
    """

    groups: tuple[Difference, ...]
    gaps: tuple[Difference, ...]
    small: tuple[tuple[Scalar, int], ...]


def fairness(decided: NDArray[Any], groups: Groups) -> Fairness:
    """The groups of one model, and the gaps between them.

    Parameters
    ----------
    decided : (n,)
        What the model decides (`expunge.measures.loss.decisions`).
    groups : Groups

    Raises
    ------
    DataError
        If decisions are of another number or type than labels.
    """
    rates = _rates(_counts(decided, groups).sum(axis=0).reshape(-1, COUNTED))
    found = tuple(_group(groups, k, rates[k]) for k in groups.scored)
    gaps = _gaps(rates[groups.scored]) if len(found) > 1 else None
    return Fairness(found, groups.small, gaps)


def change(
    before: NDArray[Any], after: NDArray[Any], groups: Groups, *, draws: int = 1000, key: bytes = b"fairness"
) -> Change:
    """What the second of two models does to groups: the forgotten one after the original, or after the oracle.

    Parameters
    ----------
    before, after : (n,)
        Decisions of both about the same records.
    groups : Groups
    draws : int
        Of the bootstrap; both models have the same units drawn.
    key : bytes
        What it draws by.
    """
    one, other = _drawn([_counts(side, groups) for side in (before, after)], groups, draws, key)
    names = [groups.named[0][k] for k in groups.scored]
    by_group = tuple(_difference(name, other[:, k, 0] - one[:, k, 0]) for k, name in enumerate(names))
    if len(names) < 2:
        return Change(by_group, (), groups.small)
    gaps = {field.name: _gap(other, field.name) - _gap(one, field.name) for field in fields(Gaps)}
    told = tuple(_difference(name, moved) for name, moved in gaps.items() if math.isfinite(moved[0]))
    return Change(by_group, told, groups.small)


def _drawn(counts: list[Any], groups: Groups, draws: int, key: bytes) -> list[NDArray[np.float64]]:
    """Of each model (1 + draws, groups, rates): as it is, and with units drawn with replacement."""
    units, random = int(groups.owned.max()) + 1, np.random.default_rng(keyed.seed(key, "units"))
    made = [[np.asarray(count.sum(axis=0)).reshape(1, -1)] for count in counts]
    for start in range(0, draws, AT_ONCE):
        many = range(min(AT_ONCE, draws - start))
        weights = np.stack([np.bincount(random.integers(0, units, units), minlength=units) for _ in many])
        for held, count in zip(made, counts, strict=True):
            held.append(np.asarray(count.T @ weights.T.astype(np.float64)).T)
    return [_rates(np.concatenate(held).reshape(draws + 1, -1, COUNTED))[:, groups.scored] for held in made]


def _counts(decided: NDArray[Any], groups: Groups) -> Any:
    """(units, groups * COUNTED) of what is counted, sparse: a unit is of one group, mostly."""
    label = groups.label
    if decided.shape != label.shape or decided.dtype.kind != label.dtype.kind:
        msg = f"groups need decisions of the type of the labels, one for each, got {decided.dtype} of {decided.shape}"
        raise DataError(f"{msg} for {label.dtype} of {label.shape}")
    selected, truly = decided == groups.positive, label == groups.positive
    held = np.stack([np.ones(len(label), bool), decided == label, selected, truly, selected & truly, selected & ~truly])
    names, places = groups.named
    columns = places[:, None] * COUNTED + np.arange(COUNTED)
    rows = np.repeat(groups.owned, COUNTED)
    shape = (int(groups.owned.max()) + 1, len(names) * COUNTED)
    return sparse.coo_array((held.T.ravel().astype(np.float64), (rows, columns.ravel())), shape=shape).tocsr()


def _rates(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., groups, 4) accuracy, selected, hits and alarms, with records in the end; NaN where there is no record."""
    many, right, selected, truly, hits, alarms = np.moveaxis(counts, -1, 0)
    with np.errstate(invalid="ignore"):
        return np.stack([right / many, selected / many, hits / truly, alarms / (many - truly), many], axis=-1)


def _gap(rates: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """(...) one of the gaps; NaN where there is none."""
    least, most = rates.min(axis=-2), rates.max(axis=-2)
    apart = most - least
    with np.errstate(invalid="ignore"):
        found = {"parity": apart[..., 1], "parity_ratio": least[..., 1] / most[..., 1], "opportunity": apart[..., 2]}
    return np.asarray(found[name] if name in found else np.maximum(apart[..., 2], apart[..., 3]))


def _gaps(rates: NDArray[np.float64]) -> Gaps:
    parity, *others = (float(_gap(rates, field.name)) for field in fields(Gaps))
    return Gaps(parity, *(None if math.isnan(gap) else gap for gap in others))


def _group(groups: Groups, place: int, rates: NDArray[np.float64]) -> Group:
    accuracy, selected, hits, alarms, records = (float(rate) for rate in rates)
    units = groups.sizes[place]
    given = (None if math.isnan(rate) else rate for rate in (hits, alarms))
    return Group(groups.named[0][place], int(records), units, accuracy, *_wilson(accuracy, units), selected, *given)


def _wilson(share: float, draws: int) -> tuple[float, float]:
    """Wilson (1927): the shares that lie within their own 1.96 standard errors of the one that was seen."""
    z = float(ndtri(0.975))
    middle = (share + z * z / (2 * draws)) / (1 + z * z / draws)
    half = z / (1 + z * z / draws) * math.sqrt(share * (1 - share) / draws + (z / (2 * draws)) ** 2)
    return max(0.0, middle - half), min(1.0, middle + half)


def _difference(name: Any, moved: NDArray[np.float64]) -> Difference:
    """From the figure and its draws; those in which a group was empty say nothing."""
    held = moved[1:][np.isfinite(moved[1:])]
    low, high = np.quantile(held, [0.025, 0.975]) if len(held) else (-math.inf, math.inf)
    return Difference(name, float(moved[0]), float(low), float(high))
