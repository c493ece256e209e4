"""The first rows of a source, and what its named columns are: the id, the owner, and what is to be predicted.

Examples
--------
>>> import pyarrow as pa
>>> rows = pa.table({"id": [1, 2, 3], "who": ["ann", "bob", "ann"], "late": ["yes", "no", "no"]})
>>> survey = Survey(rows, 3, "the file shop.csv")
>>> survey.named("who", "owner"), survey.label("late").reason
('text', '2 classes, the rarest in 33 % of rows.')
>>> survey.named("who", "id")
Traceback (most recent call last):
...
expunge.errors.ProjectError: column 'who' cannot be the id: rows 1 and 3 of the file shop.csv hold the same one
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pyarrow.compute as pc

from expunge.data.kinds import UnfitError, converted, family_of
from expunge.data.schema import refuse_absent
from expunge.errors import DataError, ProjectError
from expunge.project.guesses import ENOUGH, different, numbers_in, plain, share

if TYPE_CHECKING:
    import pyarrow as pa

    from expunge.data.schema import LabelType, NameType
    from expunge.data.streams import Source

LOOKED = 100_000  # rows that are looked at
PREDICTED = ("text", "boolean", "integer", "float")
CLASSES = 20  # the most that numbers are taken for, unless the task is said to be classification

Task = Literal["classification", "regression"]


class Label(NamedTuple):
    """What is to be predicted: task and type; of classes how many, and of the rows seen how many the rarest has."""

    task: Task
    type: LabelType
    classes: int
    rarest: int
    reason: str


@dataclass(frozen=True)
class Survey:
    """The rows that were looked at, about how many there are in all, and what of.

    Raises
    ------
    ProjectError
        From its methods, when a column is not there or cannot be what it should be; rows are counted from 1.
    """

    seen: pa.Table
    rows: int
    said: str

    @classmethod
    def of(cls, source: Source) -> Survey:
        """Look at a source."""
        seen = source.peek(LOOKED)
        whole = len(seen) < LOOKED
        return cls(seen, len(seen) if whole else max(source.rows() or 0, len(seen)), source.said)

    def column(self, name: str) -> pa.Array:
        """A column that the user named."""
        try:
            refuse_absent([name], self.seen.column_names, self.said)
        except DataError as absent:
            raise ProjectError(str(absent)) from None
        return plain(self.seen.column(name))

    def named(self, name: str, role: Literal["id", "owner"]) -> NameType:
        """The type of the names in a column."""
        values = self.column(name)
        family = family_of(values.type)
        if not len(values):
            return "text"
        if values.null_count:
            self._refuse(name, role, f"row {pc.index(pc.is_null(values), value=True).as_py() + 1} has none")
        if family not in ("integer", "text"):
            self._refuse(name, role, f"it holds {values.type}, and names are whole numbers or text")
        if role == "id" and different(values) < len(values):
            first, again = _first_repeated(values)
            msg = f"column {name!r} cannot be the id: rows {first + 1} and {again + 1} of {self.said} hold the same one"
            raise ProjectError(msg)
        return "integer" if family == "integer" else "text"

    def label(self, name: str, task: str | None = None) -> Label:
        """What is to be predicted; ``task`` is what the user says that it is."""
        given = self.column(name)
        values = numbers_in(given)
        family, there = family_of(values.type), len(values) - values.null_count
        count = different(values) if family in PREDICTED else 0
        whole = family == "integer" or (family == "float" and _fits(values, "integer"))
        few = count <= 2 or (count <= CLASSES and 5 * count <= there)
        asked = task or ("classification" if family in ("text", "boolean") or (whole and few) else "regression")
        self._refuse_label(name, family, asked, count, there)
        gaps = f" {share(len(values) - there, len(values))} of rows have none: learning refuses them."
        said = gaps if there < len(values) else ""
        if asked == "regression":
            return Label("regression", "number", 0, 0, f"{count:,} different numbers.{said}")
        rarest = pc.min(pc.value_counts(values.drop_null()).field("counts")).as_py()
        kind: Any = family if family in ("text", "boolean") else "integer" if whole else "number"
        classes = f"{count:,} class{'es' * (count != 1)}, the rarest in {share(rarest, there)} of rows."
        return Label("classification", kind, count, rarest, classes + said)

    def _refuse_label(self, name: str, family: str, task: str, count: int, there: int) -> None:
        reasons = (
            (not there, "it is empty in all rows that were read"),
            (family not in PREDICTED, "it holds neither classes nor numbers"),
            (task == "regression" and family in ("text", "boolean"), "the task is regression, and it holds no numbers"),
            (
                task == "classification" and 2 * count > there >= ENOUGH,
                f"it has {count:,} different values in {there:,} rows, and a class needs several",
            ),
        )
        for holds, reason in reasons:
            if holds:
                self._refuse(name, "label", reason)

    def _refuse(self, name: str, role: str, reason: str) -> None:
        msg = f"column {name!r} of {self.said} cannot be the {role}: {reason}"
        raise ProjectError(msg)


def _fits(values: pa.Array, kind: Any) -> bool:
    try:
        converted(values, kind)
    except UnfitError:
        return False
    return True


def _first_repeated(values: pa.Array) -> tuple[int, int]:
    """The first row whose value an earlier row has, after that earlier one."""
    first: dict[Any, int] = {}
    return next(
        (first[value], row) for row, value in enumerate(values.to_pylist()) if first.setdefault(value, row) != row
    )
