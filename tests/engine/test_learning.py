"""Learning: from the source once, then from the snapshot; what was forgotten stays out, whatever the source holds."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from expunge.data.kinds import Kind
from expunge.engine import evidence, learning, line, reconciling
from expunge.engine.intake import receive
from expunge.engine.project import Project
from expunge.errors import DamagedError, DataError, LearnError, ProjectError, SourceError
from expunge.project.page import written
from expunge.project.settings import ModelSettings, Settings, SourceSettings
from expunge.values import Column, Correction, Label, Owners, Records

Check = Callable[[Project], dict[str, str]]
SEVEN = Owners(["person-007"])


def edited(project: Project, change: Callable[[Settings], Settings]) -> Project:
    """The project with another ``expunge.toml``, open."""
    (project.folder / "expunge.toml").write_text(written(change(project.settings)), encoding="utf-8")
    return Project.open(project.folder)


def models(*made: ModelSettings) -> Callable[[Settings], Settings]:
    return lambda settings: replace(settings, models={model.name: model for model in made})


def gauss(name: str, **options: Any) -> ModelSettings:
    return ModelSettings(name, "classification", "sklearn.naive_bayes.GaussianNB", options=options)


# -- from the snapshot -------------------------------------------------------------------------------------------------


def test_learning_the_same_again_does_nothing(project: Project) -> None:
    head = project.ledger.head
    learned = learning.learn(project)
    assert (learned.cause, learned.rows, learned.models) == ("nothing", 90, ())
    assert project.ledger.head == head


def test_other_models_are_learned_from_the_snapshot_and_not_from_the_source(project: Project, exact: Check) -> None:
    (project.folder / "visits.csv").unlink()
    before = exact(project)["main"]
    project = edited(project, models(gauss("main", shards=3), gauss("other", shards=2)))
    learned = learning.learn(project)
    assert [name for name, *_ in learned.models] == ["main", "other"]
    assert exact(project)["main"] == before
    assert exact(project)["other"] != before


def test_a_model_that_the_settings_no_longer_name_is_gone(project: Project, exact: Check) -> None:
    project = edited(project, models(gauss("main", shards=3), gauss("other", shards=2)))
    learning.learn(project)
    project = edited(project, models(gauss("other", shards=2)))
    assert learning.learn(project).cause == "learn"
    assert set(exact(project)) == {"other"}
    assert project.store.superseded(project.live()) == ()
    assert learning.learn(project).cause == "nothing"


def test_what_is_published_is_forgotten_in_by_the_settings_that_learned_it(project: Project, exact: Check) -> None:
    project = edited(project, models(gauss("main", shards=7)))  # and not learned
    line.forget(project, SEVEN)
    exact(project)
    learning.learn(project)
    assert len(project.model(project.published().models["main"]).shards) == 7
    exact(project)


def test_another_share_held_out_is_learned(project: Project, exact: Check) -> None:
    before = exact(project)
    project = edited(project, lambda settings: replace(settings, audit=replace(settings.audit, holdout=0.3)))
    assert learning.learn(project).cause == "learn"
    assert exact(project) != before


def test_other_declared_columns_take_another_snapshot_behind_the_same_fence(project: Project, exact: Check) -> None:
    line.forget(project, SEVEN)
    columns: dict[str, Kind] = {"age": "number", "town": "category"}
    project = edited(project, lambda settings: replace(settings, columns=columns))
    learned = learning.learn(project)
    assert (learned.rows, learned.fenced) == (87, 3)
    assert project.published().snapshot.schema.features == ("age", "town")
    exact(project)


# -- a column that was forgotten ---------------------------------------------------------------------------------------


def test_after_a_column_people_and_more_columns_can_be_forgotten(project: Project, exact: Check) -> None:
    for target in (Column("size"), SEVEN, Records([3]), Column("town"), Owners(["person-009"])):
        _, (done,) = line.forget(project, target)
        assert done.verdict in ("clean", "not distinguishable")
        exact(project)
    assert project.published().snapshot.schema.features == ("age",)
    learned = learning.learn(Project.open(project.folder))
    assert learned.cause == "nothing"
    learning.learn(project, again=True)
    assert project.published().snapshot.schema.features == ("age",)
    exact(project)


# -- from the source again ---------------------------------------------------------------------------------------------


def test_again_reads_the_source_as_it_is_without_what_was_forgotten(
    project: Project, visits: Any, rewrite: Any, exact: Check
) -> None:
    line.forget(project, SEVEN)
    line.forget(project, Records([0]))
    before = exact(project)
    rewrite(project, [*visits()[:60], {**visits()[0], "row": 500}])
    learned = learning.learn(project, again=True)
    assert (learned.rows, learned.fenced) == (57, 4)
    assert exact(project) != before
    assert {500, 1} <= set(project.table(project.published()).ids.tolist())


def test_again_waits_for_what_is_pending(project: Project) -> None:
    receive(project, SEVEN)
    with pytest.raises(ProjectError, match="1 requests are pending"):
        learning.learn(project, again=True)


@pytest.mark.parametrize("column", ["row", "person", "found", "age"])
@pytest.mark.parametrize(
    "reading",
    [learning.update, partial(learning.learn, again=True), reconciling.difference],
    ids=["update", "again", "reconcile"],
)
def test_a_column_that_the_source_has_lost_is_the_sources_fault(reading: Any, column: str, project: Project) -> None:
    before, root = set(project.store.names()), project.book.root
    source = project.folder / "visits.csv"
    header, rows = source.read_text(encoding="utf-8").split("\n", 1)
    source.write_text(f"{header.replace(column, 'other')}\n{rows}", encoding="utf-8")
    with pytest.raises(SourceError, match=rf"no column '{column}'.*; it had that column when it was learned from"):
        reading(project)
    assert (set(project.store.names()), project.book.root) == (before, root)


def test_a_column_that_the_source_never_had_is_that_of_the_declaration(project: Project) -> None:
    root = project.book.root
    columns: dict[str, Any] = {**project.settings.columns, "sise": "number"}
    project.settings = replace(project.settings, columns=columns)
    with pytest.raises(ProjectError, match=r"no column 'sise'; did you mean 'size'\?; \[columns\] of expunge.toml"):
        learning.learn(project)
    project.settings = replace(project.settings, source=replace(project.settings.source, label="fond"))
    with pytest.raises(ProjectError, match=r"no column 'fond'; .*; label in \[source\] of expunge.toml"):
        learning.learn(project)
    assert project.book.root == root


def test_a_source_that_fails_halfway_leaves_all_as_it_was(
    project: Project, rewrite: Any, visits: Any, exact: Check
) -> None:
    before, root = exact(project), project.book.root
    twice, unreadable = [*visits(), visits()[5]], [*visits()[:50], {**visits()[50], "age": "forty"}]
    for rows in (twice, unreadable):
        rewrite(project, rows)
        with pytest.raises((DataError, SourceError)):
            learning.learn(project, again=True)
    rewrite(project, [*visits(), {**visits()[0], "row": 500}, {**visits()[1], "row": 500}])
    with pytest.raises(DataError):
        learning.update(project)
    (project.folder / "visits.csv").unlink()
    with pytest.raises(SourceError):
        learning.learn(project, again=True)
    assert project.book.root == root
    assert exact(project) == before
    learning.learn(project)
    assert project.store.superseded(project.live()) == ()


def test_an_empty_source_learns_nothing_again(project: Project, rewrite: Any, exact: Check) -> None:
    before = exact(project)
    rewrite(project, [])
    with pytest.raises(DataError, match="no record to learn"):
        learning.learn(project, again=True)
    assert exact(project) == before


# -- what is new -------------------------------------------------------------------------------------------------------


def test_new_rows_are_learned_as_an_addition(
    project: Project, visits: Any, rewrite: Any, exact: Check, twin: Any
) -> None:
    line.forget(project, SEVEN)
    new = [{**visits()[0], "row": 500}, {**visits()[0], "row": 501, "person": "person-007"},
           {**visits()[0], "row": 502, "person": "person-100"}]  # fmt: skip
    rewrite(project, [*visits(), *new])
    learned = learning.update(project)
    assert (learned.cause, learned.added, learned.fenced, learned.rows) == ("update", 2, 4, 89)
    (_, _, visited, _) = learned.models[0]
    assert visited < 89
    cleaned = [row for row in (*visits(), *new) if row["person"] != "person-007"]
    assert exact(project) == exact(twin(project, cleaned))
    assert learning.update(project).cause == "nothing"


def test_what_was_put_right_does_not_come_back_wrong(project: Project, visits: Any, table: Any, exact: Check) -> None:
    right = {**visits()[9], "age": 77.0}
    line.forget(project, Correction(table(project, [right])))
    before = exact(project)
    learning.update(project)
    learning.learn(project, again=True)
    assert exact(project) == before
    line.forget(project, Records([9]))
    assert 9 not in project.table(project.published()).ids


def test_what_was_put_right_stays_right_when_a_column_is_forgotten(project: Project, visits: Any, table: Any) -> None:
    line.forget(project, Correction(table(project, [{**visits()[9], "age": 77.0}])))
    line.forget(project, Column("size"))
    learning.learn(project, again=True)
    data = project.table(project.published())
    assert data.take(data.ids == 9).column("age").tolist() == [77.0]


@pytest.mark.parametrize(
    "columns", [{"age": "number"}, {"age": "text", "size": "number"}, {"age": "number", "no": "number"}]
)
def test_what_was_put_right_stays_right_under_other_declarations(
    columns: Any, project: Project, visits: Any, table: Any, rewrite: Any
) -> None:
    line.forget(project, Correction(table(project, [{**visits()[9], "age": 77.5}])))
    rows = [{**row, "age": round(row["age"], 1), "no": row["row"] * 2} for row in visits()]
    rows[9]["age"] = visits()[9]["age"]
    with (project.folder / "visits.csv").open("w", encoding="utf-8") as file:
        file.writelines(",".join(map(str, row)) + "\n" for row in (list(rows[0]), *(row.values() for row in rows)))
    project = edited(project, lambda settings: replace(settings, columns=columns))
    assert learning.learn(project).fenced == 0
    data = project.table(project.published())
    (found,) = data.take(data.ids == 9).column("age").tolist()
    assert float(found) == 77.5
    if "no" in columns:  # what the snapshot never had is as the source says
        assert data.take(data.ids == 9).column("no").tolist() == [18.0]


def test_a_row_that_changed_hands_outlives_its_earlier_owner(project: Project, visits: Any, table: Any) -> None:
    line.forget(project, Correction(table(project, [{**visits()[9], "person": "person-020"}])))
    line.forget(project, Owners(["person-003"]))
    assert 9 in project.table(project.published()).ids
    assert learning.learn(project, again=True).fenced == 2
    assert 9 in project.table(project.published()).ids
    line.forget(project, Owners(["person-020"]))
    learning.learn(project, again=True)
    assert 9 not in project.table(project.published()).ids


def test_a_row_that_was_given_to_the_forgotten_is_not_put_back(project: Project, visits: Any, table: Any) -> None:
    line.forget(project, Correction(table(project, [{**visits()[9], "person": "person-020"}])))
    root = project.published()
    fence = project.fence(root).raised(project.keyring.fence, Owners(["person-020"]), project.table(root))
    with project.working("test"):
        line.republish(project, root, replace(fence, owned=fence.owned[:0]), "restore")
    learning.learn(project, again=True)
    assert 9 not in project.table(project.published()).ids


def test_records_of_a_forgotten_class_stay_out_when_they_are_relabelled(
    project: Project, visits: Any, rewrite: Any, exact: Check
) -> None:
    line.forget(project, Label("ill"))
    before, rows = exact(project), visits()
    rewrite(project, [{**row, "found": "well"} for row in rows])
    ill = sum(row["found"] == "ill" for row in rows)
    assert (learning.update(project).fenced, learning.learn(project, again=True).fenced) == (ill, ill)
    assert exact(project) == before


# -- what does not open ------------------------------------------------------------------------------------------------


def broken(project: Project, address: str) -> Project:
    """The project with one blob damaged; opened as `expunge restore` does, which takes one without its journal."""
    (project.folder / ".expunge" / "store" / address[:2] / address).write_bytes(b"damaged")
    return Project.open(project.folder, shortened_ok=True)


def test_a_fence_keeps_out_whatever_else_does_not_open(project: Project, exact: Check) -> None:
    line.forget(project, SEVEN)
    project.keyring.erased.unlink()  # the fence alone knows
    (address, *_) = (address for block in project.published().snapshot.blocks for address in block)
    project = broken(project, address)
    assert learning.learn(project, again=True).fenced == 3
    exact(project)


def test_a_fence_that_is_whole_counts_although_what_was_published_cannot_be_finished(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.forget(project, SEVEN)
    project.keyring.erased.unlink()
    finish, calls = line.finish, []

    def once(project: Project, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise DamagedError("an outcome that does not open")
        return finish(project, **options)

    monkeypatch.setattr(line, "finish", once)
    assert learning.learn(project, again=True).fenced == 3


@pytest.mark.parametrize("what", ["root", "fence"])
def test_without_a_fence_the_journal_keeps_out(what: str, project: Project, exact: Check) -> None:
    line.forget(project, SEVEN)
    project = broken(project, str(project.book.root if what == "root" else project.published().fence))
    with pytest.raises(DamagedError):
        learning.learn(project)
    assert learning.learn(project, again=True).fenced == 3
    exact(project)


def test_what_neither_fence_nor_journal_knows_is_not_learned_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "purge", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        line.forget(project, SEVEN)
    monkeypatch.undo()
    monkeypatch.setenv("EXPUNGE_SECRETS", str(project.keyring.folder.parent))
    project.keyring.erased.unlink(missing_ok=True)
    project = broken(project, str(project.book.root))
    with pytest.raises(DamagedError, match="1 requests were carried out, and neither the fence nor the journal"):
        learning.learn(project, again=True)


def test_a_learn_that_fails_leaves_no_sealed_rows(
    project: Project, rewrite: Any, visits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise LearnError("the estimator failed")

    names, sealed = set(project.store.names()), list[str]()
    rewrite(project, visits()[:80])
    put = project.store.put

    def noted(content: bytes) -> str:
        sealed.append(put(content))
        return sealed[-1]

    monkeypatch.setattr(project.store, "put", noted)
    monkeypatch.setattr(learning, "method_of", failing)
    with pytest.raises(LearnError):
        learning.learn(project, again=True)
    assert set(sealed) - names
    assert set(project.store.names()) == names


# -- other sources and tasks -------------------------------------------------------------------------------------------


def test_regression(place: Path, exact: Check) -> None:
    project = edited(
        Project.open(place / "project"),
        lambda settings: replace(
            settings,
            source=replace(settings.source, label="size", label_type="number"),
            columns={"age": "number", "town": "category"},
            models={"main": ModelSettings("main", "regression", "sklearn.linear_model.Ridge", options={"shards": 3})},
        ),
    )
    learning.learn(project)
    _, (done,) = line.forget(project, SEVEN)
    assert done.verdict == "clean"
    exact(project)


def filled(connection: Any, rows: list[dict[str, Any]], mark: str) -> None:
    connection.execute("CREATE TABLE visits (row BIGINT, person TEXT, age DOUBLE PRECISION, size DOUBLE PRECISION,"
                       " town TEXT, found TEXT)".replace("row ", '"row" '))  # fmt: skip
    for row in rows:
        connection.execute(f"INSERT INTO visits VALUES ({', '.join([mark] * 6)})", tuple(  # noqa: S608
            row[name] for name in ("row", "person", "age", "size", "town", "found")))  # fmt: skip


def shop(project: Project, url: str) -> Project:
    return edited(
        project,
        lambda settings: replace(settings, source=SourceSettings("row", "found", "person", url=url, table="visits")),
    )


def through(project: Project, execute: Callable[[str], None], exact: Check, before: dict[str, str]) -> None:
    """The whole life of a project on a table: learned, a customer deleted in the shop, a new one come."""
    learning.learn(project, again=True)
    assert exact(project) == before  # the same rows as in the file
    execute("DELETE FROM visits WHERE person = 'person-007'")
    found = reconciling.difference(project)
    assert sorted(found.gone.tolist()) == [21, 22, 23]
    (done,) = reconciling.reconcile(project, found, yes=True)
    assert (done.verdict, done.source) == ("clean", "no longer")
    execute("INSERT INTO visits VALUES (500, 'person-100', 50, 170, 'Oberwil', 'ill')")
    execute("INSERT INTO visits VALUES (22, 'person-007', 50, 170, 'Oberwil', 'ill')")
    learned = learning.update(project)
    assert (learned.added, learned.fenced) == (1, 1)
    exact(project)


def test_a_table_of_sqlite(project: Project, visits: Any, exact: Check) -> None:
    before, path = exact(project), project.folder / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        filled(connection, visits(), "?")
        connection.commit()

    def execute(statement: str) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(statement)
            connection.commit()

    (project.folder / "visits.csv").unlink()
    through(shop(project, "sqlite:///shop.db"), execute, exact, before)


def test_a_table_of_postgresql(project: Project, postgres: str, visits: Any, exact: Check) -> None:
    import psycopg

    before, url = exact(project), re.sub(r"\+psycopg", "", postgres)
    (project.folder / "visits.csv").unlink()  # the scan would rightly find this copy
    with psycopg.connect(url, autocommit=True) as connection:
        filled(connection, visits(), "%s")
        through(shop(project, postgres), lambda statement: void(connection.execute(statement.encode())), exact, before)


def void(_: object) -> None:
    """Nothing."""
