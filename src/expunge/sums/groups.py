"""Exact sums for each class; a class that nobody is left of is gone.

Examples
--------
>>> import numpy as np
>>> rows = np.array([[1.0], [2.0], [6.0]])
>>> groups = Groups.of(rows, np.array([0, 1, 0]), ("ham", "spam"), "none")
>>> groups.classes, groups.counts.tolist(), groups.means().tolist()
(('ham', 'spam'), [2, 1], [[3.5], [2.0]])
>>> groups.minus(Groups.of(rows[1:2], np.array([0]), ("spam",), "none")).classes
('ham',)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.errors import MismatchError
from expunge.sums import wide
from expunge.sums.limbs import Room
from expunge.sums.moments import FEW, Moments, Tally, about_mean, total

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.sums.moments import Second
    from expunge.values import Scalar

    Floats = NDArray[np.float64]


AT_ONCE = 1 << 17  # numbers of all classes together that are divided in one go


@dataclass(frozen=True)
class Groups:
    """Sums over the records of each class.

    Attributes
    ----------
    classes : tuple
        Those of which there are records, sorted.
    parts : tuple of Moments
        One for each.
    """

    classes: tuple[Scalar, ...]
    parts: tuple[Moments, ...]

    @classmethod
    def of(
        cls, F: Floats, codes: NDArray[np.intp], names: Sequence[Scalar], second: Second = "products", *, shift: int = 0
    ) -> Groups:
        """Of ``F * 2**shift`` (m, d), whose row i is of class ``names[codes[i]]``; names are sorted."""
        if len(F) <= FEW:
            return cls.few(F.astype(np.int64) << shift, codes, names, second)
        tally = GroupTally(F.shape[1], len(names), second)
        tally.add(F, codes, shift)
        return tally.groups(names)

    @classmethod
    def few(
        cls,
        V: NDArray[np.int64],
        codes: NDArray[np.intp],
        names: Sequence[Scalar],
        second: Second = "products",
        *,
        loose: bool = False,
    ) -> Groups:
        """Of at most `FEW` rows of whole numbers below 2**62, as `Moments.few`."""
        there = sorted(set(codes.tolist()))
        parts = [Moments.few(V if len(there) == 1 else V[codes == code], second, loose=loose) for code in there]
        return cls(tuple(names[code] for code in there), tuple(parts))

    def plus(self, other: Groups) -> Groups:
        """With the records of another."""
        held = dict(zip(self.classes, self.parts, strict=True))
        for name, part in zip(other.classes, other.parts, strict=True):
            held[name] = held[name].plus(part) if name in held else part
        return _sorted(held)

    def minus(self, other: Groups) -> Groups:
        """Without the records of another, all of which must be among these."""
        held = dict(zip(self.classes, self.parts, strict=True))
        for name, part in zip(other.classes, other.parts, strict=True):
            if name not in held:
                msg = f"{part.count} records of a class were to be taken out of sums that hold none of it"
                raise MismatchError(msg)
            held[name] = held[name].minus(part)
            if not held[name].count:
                del held[name]
        return Groups(tuple(held), tuple(held.values()))

    def at(self, places: Sequence[int | None]) -> Groups:
        """Other columns, as `Moments.at`."""
        return Groups(self.classes, tuple(part.at(places) for part in self.parts))

    @property
    def count(self) -> int:
        """Records of all classes."""
        return sum(part.count for part in self.parts)

    @property
    def counts(self) -> NDArray[np.int64]:
        """(classes,) records of each."""
        return np.array([part.count for part in self.parts], np.int64)

    def means(self, exponent: int = 0) -> Floats:
        """(classes, d), times ``2**exponent``."""
        if not self.parts:
            return np.zeros((0, 0))
        made = self.totals(exponent)
        made /= self.counts[:, None]
        return made

    def totals(self, exponent: int = 0) -> Floats:
        """(classes, d) sums, times ``2**exponent``."""
        return wide.as_float(wide.stacked([part.sums for part in self.parts]), exponent)

    def centred(self, exponent: int = 0) -> Floats:
        """(classes, d) or (classes, d, d) second moments of each class about its own mean, times ``2**exponent``."""
        second = wide.stacked([part.second for part in self.parts if part.second is not None])
        sums = wide.stacked([part.sums for part in self.parts])
        return about_mean(second, sums, self.counts[:, None], exponent)

    def together(self, width: int, second: Second) -> Moments:
        """The sums over all classes."""
        return total(self.parts, width, second)

    def within(self, whole: Moments, exponent: int = 0) -> Floats:
        """(d, d) products about the own class's mean, of sums over all records whose products ``whole`` holds.

        ``S - sum of s s' / n`` over the classes: each quotient is whole with a remainder, so the difference is exact
        but for the remainders, which are less than one each.
        """
        if whole.second is None or not whole.count:
            return whole.centred(exponent)
        quotients, rest = [], np.zeros(whole.second.shape[1:])
        step = max(1, AT_ONCE // max(rest.size, 1))
        for start in range(0, len(self.parts), step):
            parts = self.parts[start : start + step]
            sums = wide.stacked([part.sums for part in parts])
            counts = np.array([part.count for part in parts], np.int64)[:, None, None]
            quotient, left = wide.divided(wide.times(sums[..., :, None], sums[..., None, :]), counts)
            quotients.append(wide.carried(quotient.sum(axis=1)))
            rest += (left / counts).sum(axis=0)
        difference = wide.minus(whole.second, wide.plus(*quotients))
        return wide.as_float(difference, exponent) - np.ldexp(rest, exponent)


class GroupTally:
    """Adds up rows in blocks for each class.

    Parameters
    ----------
    width, classes : int
        d, and how many classes there may be.
    second : {"none", "squares", "products"}
    """

    def __init__(self, width: int, classes: int, second: Second = "products") -> None:
        room = Room()
        self._tallies = [Tally(width, second, room) for _ in range(classes)]

    def add(
        self,
        F: Floats,
        codes: NDArray[np.intp],
        shift: int = 0,
        largest: float | None = None,
        scale: int | None = None,
    ) -> None:
        """Add rows ``F * 2**shift`` of the classes that ``codes`` number; the others as in `Tally.add`."""
        order = np.argsort(codes, kind="stable")
        ends = np.searchsorted(codes[order], np.arange(len(self._tallies) + 1))
        arranged = F[order]
        for tally, start, end in zip(self._tallies, ends[:-1], ends[1:], strict=True):
            if end > start:
                tally.add(arranged[start:end], shift, largest, scale)

    def groups(self, names: Sequence[Scalar]) -> Groups:
        """What has been added so far, for the classes that have records."""
        made = {name: tally.moments() for name, tally in zip(names, self._tallies, strict=True) if tally.count}
        return _sorted(made)


def _sorted(held: dict[Any, Moments]) -> Groups:
    names = sorted(held)
    return Groups(tuple(names), tuple(held[name] for name in names))
