"""The columns that a user names: what they are, and why one cannot be what it should."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from expunge.errors import ProjectError
from expunge.project.survey import LOOKED, Survey


def survey(**columns: Any) -> Survey:
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    return Survey(table, len(table), "the file x.csv")


def test_names_are_integers_or_text() -> None:
    seen = survey(a=[1, 2], b=["1", "x"], c=["p", "p"])
    assert [seen.named("a", "id"), seen.named("b", "id"), seen.named("c", "owner")] == ["integer", "text", "text"]
    assert Survey(pa.table({"a": pa.array([], pa.large_string())}), 0, "x").named("a", "id") == "text"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, 1], "column 'x' cannot be the id: rows 1 and 2 of the file x.csv hold the same one"),
        (["b", "a", "b"], "rows 1 and 3"),
        ([1, None], "column 'x' of the file x.csv cannot be the id: row 2 has none"),
        ([1.5, 2.5], "it holds double, and names are whole numbers or text"),
        ([True, False], "it holds bool"),
        ([date(2020, 1, 1)], "it holds date32"),
    ],
    ids=str,
)
def test_what_cannot_be_an_id(values: Any, said: str) -> None:
    with pytest.raises(ProjectError) as refused:
        survey(x=values).named("x", "id")
    assert said in str(refused.value)


def test_an_absent_column_gets_the_nearest() -> None:
    with pytest.raises(ProjectError, match=r"the file x.csv has no column 'clas'; did you mean 'class'\?"):
        survey(**{"class": [1, 2]}).label("clas")


@pytest.mark.parametrize(
    ("values", "task", "kind", "classes"),
    [
        (["a", "b"] * 30, "classification", "text", 2),
        (["a"] * 30, "classification", "text", 1),
        (["yes", "no"] * 30, "classification", "text", 2),
        ([True, False] * 30, "classification", "boolean", 2),
        ([0, 1] * 30, "classification", "integer", 2),
        ([0.0, 1.0] * 30, "classification", "integer", 2),
        (["0", "1"] * 30, "classification", "integer", 2),
        (list(range(10)) * 6, "classification", "integer", 10),
        (list(range(30)) * 2, "regression", "number", 0),
        (["1.5", "2.5", "3.5"] * 20, "regression", "number", 0),
        ([0.5, 1.5] * 30, "regression", "number", 0),
        ([0, 1, 2], "regression", "number", 0),  # three rows do not make three classes
        ([0, 1], "classification", "integer", 2),
    ],
    ids=str,
)
def test_the_task_follows_the_label(values: Any, task: str, kind: str, classes: int) -> None:
    found = survey(y=values).label("y")
    assert (found.task, found.type, found.classes) == (task, kind, classes)


def test_the_user_may_say_the_task() -> None:
    seen = survey(y=list(range(30)) * 2)
    assert seen.label("y", "classification")[:4] == ("classification", "integer", 30, 2)
    assert survey(y=[0, 1] * 30).label("y", "regression")[:2] == ("regression", "number")


@pytest.mark.parametrize(
    ("values", "task", "said"),
    [
        ([None, None], None, "empty in all rows"),
        ([date(2020, 1, 1)], None, "neither classes nor numbers"),
        ([[1]], None, "neither classes nor numbers"),
        ([f"n{n}" for n in range(50)], None, "50 different values in 50 rows, and a class needs several"),
        (["a", "b"], "regression", "holds no numbers"),
    ],
    ids=str,
)
def test_what_cannot_be_a_label(values: Any, task: str | None, said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        survey(y=values).label("y", task)


def test_missing_labels_and_rare_classes_are_said() -> None:
    found = survey(y=["a"] * 90 + ["b"] * 5 + [None] * 5).label("y")
    assert found.rarest == 5
    assert found.reason == "2 classes, the rarest in 5 % of rows. 5 % of rows have none: learning refuses them."


class Counted:
    """A source of so many rows."""

    said = "the table t"

    def __init__(self, held: int, claimed: int | None) -> None:
        self.held, self.claimed = held, claimed

    def rows(self) -> int | None:
        return self.claimed

    def peek(self, rows: int) -> pa.Table:
        return pa.table({"a": range(min(self.held, rows))})


@pytest.mark.parametrize(
    ("held", "claimed", "rows"),
    [(10, None, 10), (10, 999, 10), (LOOKED, 10**7, 10**7), (LOOKED, None, LOOKED), (LOOKED, 7, LOOKED)],
)
def test_rows_are_counted_where_all_were_seen_and_estimated_elsewhere(
    held: int, claimed: int | None, rows: int
) -> None:
    source: Any = Counted(held, claimed)
    assert Survey.of(source).rows == rows
