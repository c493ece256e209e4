"""Reconciling: what is gone from the source is forgotten, what changed is corrected, and never everybody by mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from expunge.engine import learning, line
from expunge.engine.project import Project
from expunge.engine.reconciling import MUCH, difference, reconcile
from expunge.errors import ConfirmationError, SourceError
from expunge.values import Column, Correction, Label, Owners, Records

Check = Callable[[Project], dict[str, str]]


def told(project: Project) -> dict[str, int]:
    found = difference(project)
    changed = 0 if found.changed is None else len(found.changed)
    given = len(found.given)
    return {
        "gone": len(found.gone),
        "given": given,
        "changed": changed,
        "stale": found.stale,
        "new": found.new,
        "fenced": found.fenced,
    }


NOTHING = {"gone": 0, "given": 0, "changed": 0, "stale": 0, "new": 0, "fenced": 0}


def test_a_source_that_is_as_it_was_asks_for_nothing(project: Project) -> None:
    head = project.ledger.head
    assert told(project) == NOTHING
    assert reconcile(project, difference(project)) == []
    assert project.ledger.head == head


def test_what_is_gone_is_forgotten_and_what_changed_is_corrected(
    project: Project, visits: Any, rewrite: Any, exact: Check, twin: Any
) -> None:
    rows = [row for row in visits() if row["person"] != "person-007"]
    rows[0] |= {"age": 77.0, "found": "ill"}
    rows[5] |= {"person": "person-029"}
    rewrite(project, [*rows, {**visits()[0], "row": 500}])
    assert told(project) == {**NOTHING, "gone": 3, "changed": 2, "new": 1}
    done = reconcile(project, difference(project), yes=True)
    assert len(done) == 2
    assert {outcome for each in done for *_, outcome in each.outcomes} == {"erased", "corrected"}
    assert told(project) == {**NOTHING, "new": 1}
    assert exact(project) == exact(twin(project, rows))


def test_looking_changes_nothing(project: Project, rewrite: Any, visits: Any) -> None:
    rewrite(project, visits()[3:])
    head, names = project.ledger.head, set(project.store.names())
    assert told(project)["gone"] == 3
    assert (project.ledger.head, set(project.store.names())) == (head, names)


@pytest.mark.parametrize("left", [0, 45, 88])
def test_more_than_a_little_needs_a_yes(left: int, project: Project, visits: Any, rewrite: Any, exact: Check) -> None:
    before = exact(project)
    rewrite(project, visits()[:left])
    found = difference(project)
    assert found.share == (90 - left) / 90 > MUCH
    with pytest.raises(ConfirmationError, match=r"--yes; nothing was changed"):
        reconcile(project, found)
    assert project.book.requests == {}
    assert exact(project) == before


def test_a_little_needs_none(project: Project, monkeypatch: pytest.MonkeyPatch, visits: Any, rewrite: Any) -> None:
    monkeypatch.setattr("expunge.engine.reconciling.MUCH", 1 / 90)
    rewrite(project, visits()[1:])
    assert len(reconcile(project, difference(project))) == 1


def test_an_empty_source_with_a_yes_forgets_everybody(project: Project, rewrite: Any, exact: Check) -> None:
    rewrite(project, [])
    (done,) = reconcile(project, difference(project), yes=True)
    assert len(done.outcomes) == 90
    assert len(project.table(project.published())) == 0
    exact(project)
    assert told(project) == NOTHING


def test_a_source_that_cannot_be_read_is_not_an_empty_one(project: Project) -> None:
    (project.folder / "visits.csv").unlink()
    with pytest.raises(SourceError):
        difference(project)


def test_what_was_put_right_here_and_is_wrong_there_is_left_as_it_is(
    project: Project, visits: Any, table: Any, rewrite: Any, exact: Check
) -> None:
    line.forget(project, Correction(table(project, [{**visits()[9], "age": 77.0}])))
    before = exact(project)
    assert told(project) == {**NOTHING, "stale": 1}
    assert any("mend them there" in said for said in difference(project).lines())
    assert reconcile(project, difference(project), yes=True) == []
    assert exact(project) == before
    rows = visits()
    rows[9] |= {"age": 55.0}  # neither the mistake nor what was put in its place: the source has learned something
    rewrite(project, rows)
    assert told(project) == {**NOTHING, "changed": 1}
    reconcile(project, difference(project), yes=True)
    assert exact(project) != before
    assert told(project) == NOTHING


def test_what_the_source_changes_back_is_followed(project: Project, visits: Any, rewrite: Any, exact: Check) -> None:
    before = exact(project)
    rows = visits()
    for age in (77.0, visits()[9]["age"], 77.0, visits()[9]["age"]):
        rows[9] |= {"age": age}
        rewrite(project, rows)
        assert told(project) == {**NOTHING, "changed": 1}
        reconcile(project, difference(project), yes=True)
        assert told(project) == NOTHING
    assert exact(project) == before


def test_the_forgotten_that_the_source_still_has_are_told_and_left(project: Project, exact: Check) -> None:
    line.forget(project, Owners(["person-007"]))
    before = exact(project)
    assert told(project) == {**NOTHING, "fenced": 3}
    assert reconcile(project, difference(project), yes=True) == []
    assert exact(project) == before


def test_somebody_gone_and_come_again_stays_out_until_readmitted(
    project: Project, visits: Any, rewrite: Any, exact: Check
) -> None:
    rewrite(project, visits()[:89])
    reconcile(project, difference(project), yes=True)
    rewrite(project, visits())
    assert told(project) == {**NOTHING, "fenced": 1}
    assert learning.update(project).added == 0
    line.forget(project, Records([0]))
    exact(project)


def test_reconciling_twice_asks_once(project: Project, visits: Any, rewrite: Any) -> None:
    rewrite(project, visits()[3:])
    found = difference(project)
    reconcile(project, found, yes=True)
    assert reconcile(project, found, yes=True) == []
    assert len(project.book.requests) == 1


@pytest.mark.parametrize(("target", "given"), [(Owners(["person-007"]), {"person": "person-007"}),
                                               (Label("ill"), {"found": "ill"})])  # fmt: skip
def test_a_row_that_the_source_gives_to_the_forgotten_goes_as_it_would_when_all_is_learned_again(
    target: Any, given: Any, project: Project, visits: Any, rewrite: Any, exact: Check
) -> None:
    line.forget(project, target)
    fenced = told(project)["fenced"]
    rows = visits()
    theirs = next(row for row in rows if row["found"] == "well" and row["person"] != "person-007")
    theirs.update(given)
    rewrite(project, rows)
    assert told(project) == {**NOTHING, "given": 1, "fenced": fenced}
    assert difference(project).share == 1 / len(project.table(project.published()))
    assert any(said.startswith("1 rows are now of somebody, or of a class,") for said in difference(project).lines())
    with pytest.raises(ConfirmationError):
        reconcile(project, difference(project))
    (done,) = reconcile(project, difference(project), yes=True)
    assert done.outcomes == (("record", theirs["row"], "erased"),)
    assert told(project) == {**NOTHING, "fenced": fenced + 1}
    reconciled = exact(project)
    learning.learn(project, again=True)
    assert exact(project) == reconciled


def test_what_is_gone_and_what_is_given_is_one_request(project: Project, visits: Any, rewrite: Any) -> None:
    line.forget(project, Owners(["person-007"]))
    rows = visits()
    rows[3]["person"] = "person-007"
    rewrite(project, rows[1:])
    assert told(project) == {**NOTHING, "gone": 1, "given": 1, "fenced": 3}
    (done,) = reconcile(project, difference(project), yes=True)
    assert {name for _, name, _ in done.outcomes} == {0, 3}


def test_a_mistake_stays_put_right_when_another_column_is_forgotten_or_changes(
    project: Project, visits: Any, table: Any, rewrite: Any
) -> None:
    line.forget(project, Correction(table(project, [{**visits()[9], "age": 77.0}])))
    line.forget(project, Column("size"))
    assert told(project) == {**NOTHING, "stale": 1}
    rows = visits()
    rows[9] |= {"town": "Elsewhere"}
    rewrite(project, rows)
    assert told(project) == {**NOTHING, "stale": 1}
    assert reconcile(project, difference(project), yes=True) == []
