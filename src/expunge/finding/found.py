"""`Found`: records ranked by a reason, what the ranking can and cannot show, and the target that its first records are.

A ranking is not a finding. It always has first records, also where nothing is wrong with any: how many of them to take
is a decision, which `Found.target` asks for and `Found.shares` shows the price of.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> data = Table.from_arrays(np.eye(4), ["ham", "spam", "ham", "ham"], ids=[7, 8, 9, 10])
>>> found = ranked("odd", data, np.array([0.1, 0.9, 0.2, 0.9]), ("by an example",))
>>> found.names(3), found.target(2) == Records([8, 10])
([8, 10, 9], True)
>>> [f"{share.taken} of {share.records} {share.name}" for share in found.shares(2)]
['1 of 3 ham', '1 of 1 spam']
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.errors import DataError, ParameterError
from expunge.values import Records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.values import Name, Scalar


@dataclass(frozen=True)
class Share:
    """How much of a class is among the first.

    Attributes
    ----------
    name : bool, int, float or str
    taken, records : int
    """

    name: Scalar
    taken: int
    records: int

    @property
    def part(self) -> float:
        """Taken by records."""
        return self.taken / self.records


@dataclass(frozen=True, eq=False)
class Found:
    """Records ranked by a reason, those that it speaks most against first.

    Attributes
    ----------
    reason : str
    ids : (n,) int64, or text as objects
        Records with the same score stand in the order of their ids.
    scores : (n,)
        Falling; what they measure is in ``said``.
    said : tuple of str
        What the scores are, what they can show and what not, in sentences.
    likely : int or None
        How many the reason itself takes for real; None where it cannot say.
    classes : (n,) or None
        The class of each; None where labels are no single classes.
    """

    reason: str
    ids: NDArray[Any]
    scores: NDArray[np.float64]
    said: tuple[str, ...]
    likely: int | None = None
    classes: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def names(self, top: int) -> list[Name]:
        """Ids of the first."""
        names: list[Name] = self.ids[: self._checked(top)].tolist()
        return names

    def target(self, top: int) -> Records:
        """The first records as what is to be forgotten; how many is for people to decide.

        Raises
        ------
        ParameterError
            If it is not a number of records that there are.
        """
        return Records(self.names(top))

    def shares(self, top: int) -> tuple[Share, ...]:
        """What part of each class the first are; of classes that they touch, the largest part first."""
        taken = self._checked(top)
        if self.classes is None:
            return ()
        names, codes = np.unique(self.classes, return_inverse=True)
        every, first = (np.bincount(held, minlength=len(names)) for held in (codes, codes[:taken]))
        shares = [Share(names[k].item(), int(first[k]), int(every[k])) for k in np.flatnonzero(first)]
        return tuple(sorted(shares, key=lambda share: -share.taken))

    def _checked(self, top: int) -> int:
        if isinstance(top, bool) or not isinstance(top, int | np.integer) or not 0 < top <= len(self):
            msg = f"the first of {len(self)} ranked records are a whole number between 1 and so many, got {top!r}"
            raise ParameterError(msg)
        return int(top)


def ranked(
    reason: str, data: Table, scores: NDArray[np.float64], said: tuple[str, ...], likely: int | None = None
) -> Found:
    """Rank the records of a table by (n,) scores, the highest first.

    Raises
    ------
    DataError
        If a score is not a finite number.
    """
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores))[0])
        msg = f"records are ranked by finite scores, and the score of a record by {reason!r} is {scores[row]}"
        raise DataError(msg)
    names = names_of(data)
    order = np.lexsort((np.unique(names, return_inverse=True)[1], -scores))
    single = data.task == "classification" and data.label is not None
    classes = data.label[order] if single and data.label is not None else None
    return Found(reason, names[order], scores[order], said, likely, classes)


def names_of(data: Table) -> NDArray[Any]:
    """(n,) ids as an array: int64, or text as objects."""
    ids = data.ids
    return ids if isinstance(ids, np.ndarray) else np.array(ids.to_pylist(), dtype=object)
