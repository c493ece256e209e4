"""Subgroups: whom a forgetting cost how much, and what it did to the gaps between groups.

A model may stay good in the mean while one group pays. So accuracy is taken group by group, of all four models on the
same records, and so are the gaps of `expunge.measures.fairness`; differences are drawn over units (owners, else
records). What matters is the difference from the *oracle*: a group that the oracle does worse by, too, lost with the
records and not by the method. And two oracles differ as well: that is what chance does.

It is measured on held-out records where there are some, else on the retained. It gives no verdict.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.audit.arms import Answers, Four, Missing, Parts
>>> X = np.arange(60)[:, None] % 2
>>> part = Table.from_arrays(X, np.arange(60) % 4 < 2)
>>> def model(wrong):
...     right = np.where(part.label & ~((X[:, 0] == 1) & wrong), 0.75, 0.25)
...     return Parts(Missing("-"), Missing("-"), Answers(np.column_stack([1 - right, right]), (False, True), part))
>>> sets = Parts(Missing("-"), Missing("-"), part)
>>> arms = Four(model(wrong=False), model(wrong=True), model(wrong=False), model(wrong=False))
>>> found = subgroups(arms, sets, Grouping("x0", positive=True))
>>> [(one.name, one.value) for one in found.from_oracle.groups]
[(0, 0.0), (1, -0.5)]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from expunge.audit.arms import TITLES, Answers, Four, Missing, Parts
from expunge.audit.layout import laid_out, said, shown
from expunge.errors import ParameterError
from expunge.measures.fairness import SMALLEST, Change, Fairness, Groups, change, fairness
from expunge.measures.loss import decisions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.measures.fairness import Difference
    from expunge.values import Scalar

GAPS = {
    "parity": "demographic parity",
    "parity_ratio": "the same as ratio",
    "opportunity": "equal opportunity",
    "odds": "equalised odds",
}
READING = (
    "Differences are the forgotten model's less the oracle's, with 95 % over units. A second oracle differs too: that"
    " is chance. A gap may be in the world or in the labels, and is not the method's where the oracle has it."
)


@dataclass(frozen=True)
class Grouping:
    """Who is of which group, and which decision is the good one.

    Parameters
    ----------
    column : str
        Of the data; each of its values is a group.
    positive : bool, int, float or str
        The class that counts as a positive decision.
    """

    column: str
    positive: Scalar


@dataclass(frozen=True)
class Subgroups:
    """What four models are worth to each group.

    Attributes
    ----------
    grouping : Grouping
    part : {"test", "retained"}
        The records it was measured on.
    models : Four of Fairness or Missing
    from_original, from_oracle, by_chance : Change or Missing
        Of the forgotten model from the original and from the oracle; of the second oracle from the first.
    """

    grouping: Grouping
    part: Literal["test", "retained"]
    models: Four[Fairness | Missing]
    from_original: Change | Missing
    from_oracle: Change | Missing
    by_chance: Change | Missing


def expect(grouping: Grouping, data: Table) -> None:
    """Raise a sentence where data have no such column, or no such class, before anything is learned.

    Raises
    ------
    DataError
        If there is no such column.
    ParameterError
        If no record is of the class.
    """
    data.take(slice(0, 0)).column(grouping.column)
    if data.task == "classification" and grouping.positive not in data.present:
        known = ", ".join(map(repr, data.present))
        msg = f"a group's decisions are positive for one of the classes {known}; got {grouping.positive!r}"
        raise ParameterError(msg)


def subgroups(
    asked: Four[Parts[Answers | Missing]], sets: Parts[Table | Missing], grouping: Grouping
) -> Subgroups | Missing:
    """Compare all models group by group.

    Parameters
    ----------
    asked : Four of Parts of Answers or Missing
    sets : Parts of Table or Missing
        The same records with all columns: a model may not have met the one that says who is of which group.
    grouping : Grouping
    """
    part: Literal["test", "retained"] = "retained" if isinstance(sets.test, Missing) or not len(sets.test) else "test"
    records: Table | Missing = getattr(sets, part)
    if isinstance(records, Missing) or not len(records):
        return Missing("no record is left to be grouped")
    label = records.label
    if label is None or label.ndim > 1 or records.task == "regression":
        return Missing("groups are compared by decisions for one class, and these labels are none")
    units = records.units
    named = units if isinstance(units, np.ndarray) else np.array(units.to_pylist())
    groups = Groups(_column(records, grouping.column), np.asarray(label), grouping.positive, named)
    decided = asked.map(lambda arm: _decided(getattr(arm, part)))
    return Subgroups(
        grouping,
        part,
        decided.map(lambda one: one if isinstance(one, Missing) else fairness(one, groups)),
        *(
            _change(one, other, groups)
            for one, other in (
                (decided.original, decided.forgotten),
                (decided.oracle, decided.forgotten),
                (decided.oracle, decided.second),
            )
        ),
    )


def _column(records: Table, name: str) -> NDArray[Any]:
    """(n,) the groups; what is missing is one of its own."""
    held = records.column(name)
    return np.array([str(value) for value in held.tolist()]) if held.dtype.kind == "O" else held


def _decided(given: Answers | Missing) -> NDArray[Any] | Missing:
    if isinstance(given, Missing):
        return given
    return Missing("it scores no classes") if given.classes is None else decisions(given.predicted, given.classes)


def _change(one: NDArray[Any] | Missing, other: NDArray[Any] | Missing, groups: Groups) -> Change | Missing:
    if isinstance(one, Missing):
        return one
    return other if isinstance(other, Missing) else change(one, other, groups)


# -- in words and figures ----------------------------------------------------------------------------------------------


def caption(found: Subgroups) -> str:
    """What the tables are of."""
    on = "held-out" if found.part == "test" else "retained"
    return f"Groups by {found.grouping.column}, on {on} records"


def head() -> list[str]:
    """Of the rows."""
    return ["", *(title for _, title in TITLES.each()), "from the oracle", "95 %", "by chance"]


def rows(found: Subgroups) -> Iterator[list[str]]:
    """Accuracy of each group, and each gap, of four models; how far the forgotten one is from the oracle."""
    for name in _names(found):
        values = [_accuracy(one, name) for _, one in found.models.each()]
        yield [f"accuracy: {name}", *map(shown, values), *_apart(found, "groups", name)]
    for name, title in GAPS.items():
        values = [_gap(one, name) for _, one in found.models.each()]
        if any(value is not None for value in values):
            yield [title, *map(shown, values), *_apart(found, "gaps", name)]


def notes(found: Subgroups) -> list[str]:
    """What the rows are, and which groups are too small for one."""
    made = [f"Positive is {found.grouping.positive}. {READING}"]
    small = next((one.small for _, one in found.models.each() if isinstance(one, Fairness)), ())
    if small:
        each = ", ".join(f"{name} ({count})" for name, count in small)
        made.append(f"Too few owners or records for a figure, fewer than {SMALLEST}: {each}.")
    return made


def lines(found: Subgroups | Missing) -> list[str]:
    """The groups as plain text."""
    if isinstance(found, Missing):
        return said(f"Groups were not compared: {found.reason}.")
    return [caption(found), *laid_out([head(), *rows(found)]), *(line for note in notes(found) for line in said(note))]


def _names(found: Subgroups) -> list[Any]:
    known = next((one for _, one in found.models.each() if isinstance(one, Fairness)), None)
    return [] if known is None else [group.name for group in known.groups]


def _accuracy(one: Fairness | Missing, name: Any) -> float | None:
    if isinstance(one, Missing):
        return None
    return next(group.accuracy for group in one.groups if group.name == name)


def _gap(one: Fairness | Missing, name: str) -> float | None:
    return None if isinstance(one, Missing) or one.gaps is None else getattr(one.gaps, name)


def _apart(found: Subgroups, what: Literal["groups", "gaps"], name: Any) -> tuple[str, str, str]:
    mine, chance = (_difference(one, what, name) for one in (found.from_oracle, found.by_chance))
    if mine is None:
        return "-", "-", "-"
    by_chance = "-" if chance is None else f"{shown(chance.low)} to {shown(chance.high)}"
    return shown(mine.value), f"{shown(mine.low)} to {shown(mine.high)}", by_chance


def _difference(one: Change | Missing, what: Literal["groups", "gaps"], name: Any) -> Difference | None:
    if isinstance(one, Missing):
        return None
    held: tuple[Difference, ...] = getattr(one, what)
    return next((each for each in held if each.name == name), None)
