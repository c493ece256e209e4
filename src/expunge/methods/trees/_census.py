"""What is known of a set of records without looking at them: counted on, when some go and others come.

Examples
--------
>>> Census.empty(("no", "yes"), declared=False).present
()
>>> Census.empty(("no", "yes"), declared=True).present
('no', 'yes')
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.methods.trees._coded import refuse_heavy
from expunge.methods.trees._compiled import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.methods.trees._records import Roster
    from expunge.values import Scalar


@dataclass(frozen=True, eq=False)
class Census:
    """What is known of a set of records without looking at them.

    Attributes
    ----------
    classes : tuple or None
        All classes that the pools have columns for; None for regression.
    counts : (width,) int64
        Records of each class that count for anything.
    declared : bool
        Whether classes stay without examples.
    weight : int
        Of all records.
    total : (2,) uint64
        The sum of their digests.
    """

    classes: tuple[Scalar, ...] | None
    counts: NDArray[np.int64]
    declared: bool
    weight: int
    total: NDArray[np.uint64]

    @classmethod
    def empty(cls, classes: tuple[Scalar, ...] | None, *, declared: bool) -> Census:
        """Of no records."""
        width = 3 if classes is None else len(classes)
        return cls(classes, np.zeros(width, np.int64), declared, 0, np.zeros(2, np.uint64))

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """Columns that are there for whoever looks: a class that lost its last record leaves no trace."""
        return np.ones(len(self.counts), bool) if self.classes is None or self.declared else self.counts > 0

    @cached_property
    def whole(self) -> bool:
        """Whether all columns are."""
        return self.classes is None or self.declared or min(self.counts.tolist(), default=1) > 0

    @property
    def present(self) -> tuple[Scalar, ...] | None:
        """The classes that there are."""
        if self.classes is None or self.whole:
            return self.classes
        return tuple(name for name, there in zip(self.classes, self.kept, strict=True) if there)

    @property
    def records(self) -> str:
        """The digest of the set, as text."""
        return f"{int(self.total[0]):016x}{int(self.total[1]):016x}"

    def of(self, roster: Roster) -> Census:
        """The same of all records of a roster."""
        every = np.arange(roster.count)
        return Census.empty(self.classes, declared=self.declared).after(roster, every, np.ones_like(every))

    def after(self, roster: Roster, slots: NDArray[np.int64], signs: NDArray[np.int64]) -> Census:
        """The same after records went (-1) and came (1).

        Raises
        ------
        LearnError
            When together they are more than a node can count.
        """
        counts, total = self.counts.copy(), self.total.copy()
        weight = self.weight + int(followed(slots, signs, roster.y, roster.weight, roster.digests, counts, total))
        refuse_heavy(weight)
        return Census(self.classes, self.counts if self.classes is None else counts, self.declared, weight, total)


@kernel
def followed(slots: Any, signs: Any, y: Any, weight: Any, digests: Any, counts: Any, total: Any) -> int:
    """Count records of each class, where ``y`` says classes, and add digests up; the weight of what came."""
    made = 0
    for i in range(len(slots)):
        slot = slots[i]
        made += signs[i] * weight[slot]
        if weight[slot] > 0 and 0 <= y[slot] < len(counts):
            counts[y[slot]] += signs[i]
        for word in range(2):
            total[word] += digests[slot, word] if signs[i] > 0 else -digests[slot, word]
    return made
