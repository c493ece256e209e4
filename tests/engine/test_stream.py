"""Whatever is asked, in whatever order: the published model is the one that learned a source cleaned by hand.

The oracle is a dictionary of rows. What a request does to it is said here a second time, in a few lines of Python; the
engine's snapshot must hold the same rows, its model must be what learning them from nothing gives, and at the end a new
project with the same key that only ever saw those rows must publish the same fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from expunge import certificate
from expunge.data.table import Table
from expunge.engine import learning, line, reconciling
from expunge.engine.intake import receive
from expunge.engine.project import Project
from expunge.engine.readmitting import readmit
from expunge.errors import ProjectError, RefusedError, UnknownSubjectError
from expunge.values import Column, Correction, Label, Owners, Records

Row: TypeAlias = dict[str, Any]
Step: TypeAlias = tuple[str, Any]

PERSON = st.integers(0, 33).map("person-{:03d}".format)  # the last four have no rows at first
ROW = st.integers(0, 99)  # nor have the last ten
WORDS = st.sampled_from(["ill", "well", "odd"])
CHANGE = st.fixed_dictionaries(
    {"row": ROW}, optional={"age": st.integers(1, 99).map(float), "found": WORDS, "person": PERSON}
)
ERASURE = st.one_of(
    st.tuples(st.just("records"), st.sets(ROW, min_size=1, max_size=6)),
    st.tuples(st.just("owners"), st.sets(PERSON, min_size=1, max_size=3)),
    st.tuples(st.just("class"), st.just("odd")),
    st.tuples(st.just("column"), st.sampled_from(["size", "town"])),
)
ASKED = st.one_of(ERASURE, st.tuples(st.just("correct"), st.lists(CHANGE, min_size=1, max_size=3)))
STEP = st.one_of(
    ASKED.map(lambda asked: ("forget", asked)),
    st.lists(ASKED, min_size=1, max_size=3).map(lambda asked: ("queue", asked)),
    st.just(("work", None)),
    st.just(("update", None)),
    st.just(("again", None)),
    st.just(("reconcile", None)),
    st.tuples(st.just("readmit"), ERASURE.filter(lambda asked: asked[0] != "column")),
    st.tuples(st.just("gone"), ROW),
    st.tuples(st.just("changed"), CHANGE),
    st.tuples(st.just("new"), st.tuples(st.integers(90, 99), PERSON, WORDS)),
)


@dataclass
class World:
    """What should be: the source, the records held, and what must stay out."""

    source: dict[int, Row]
    held: dict[int, Row]
    records: set[int] = field(default_factory=set)
    owned: dict[int, str] = field(default_factory=dict)
    owners: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)
    columns: set[str] = field(default_factory=set)
    classed: dict[int, str] = field(default_factory=dict)
    wrong: set[tuple[int, str, Any]] = field(default_factory=set)
    pending: list[Step] = field(default_factory=list)

    def without(self, row: Row) -> Row:
        return {name: value for name, value in row.items() if name not in self.columns}

    def fenced(self, row: Row) -> bool:
        return (
            row["row"] in self.records
            or row["row"] in self.owned
            or row["person"] in self.owners
            or row["found"] in self.classes
            or row["row"] in self.classed
            or self.stale(row)
        )

    def stale(self, row: Row) -> bool:
        """Whether some cell of it was put right here."""
        return any((row["row"], name, value) in self.wrong for name, value in self.without(row).items())

    def erase(self, kind: str, names: Any, before: dict[int, Row]) -> None:
        if kind == "column":
            self.columns.add(names)
            self.held = {number: self.without(row) for number, row in self.held.items()}
            return
        out = {number: row for number, row in before.items() if covers(kind, names, row)}
        if kind == "records":
            self.records |= set(out) | (set(names) & (set(self.owned) | set(self.classed)))
        elif kind == "owners":
            self.owners |= {row["person"] for row in out.values()}
            self.owned |= {number: row["person"] for number, row in out.items()}
        elif out:
            self.classes.add(names)
            self.classed |= dict.fromkeys(out, names)
        self.held = {number: row for number, row in self.held.items() if number not in out}

    def correct(self, rows: Iterable[Row], before: dict[int, Row], *, wrong: bool = True) -> None:
        for row in rows:
            if row["row"] in self.held:
                self.held[row["row"]] = self.without(row)
            mistake = before.get(row["row"])
            if wrong and mistake is not None:
                cells = {name: value for name, value in row.items() if mistake.get(name) != value}
                self.wrong |= {(row["row"], name, mistake[name]) for name in cells}
                self.wrong -= {(row["row"], name, value) for name, value in row.items()}

    def work(self, *more: Step, wrong: bool = True) -> None:
        """Erasures first, then corrections in order of receipt."""
        asked, self.pending = [*self.pending, *more], []
        before = dict(self.held)
        for kind, names in asked:
            if kind != "correct":
                self.erase(kind, names, before)
        for kind, names in asked:
            if kind == "correct":
                self.correct(map(self.without, names), before, wrong=wrong)

    def update(self) -> None:
        for number, row in self.source.items():
            if number not in self.held and not self.fenced(row):
                self.held[number] = self.without(row)

    def again(self) -> None:
        before, self.held = self.held, {}
        for number, row in self.source.items():
            if self.stale(row):
                self.held |= {number: before[number]} if number in before else {}
            elif not self.fenced(row):
                self.held[number] = self.without(row)

    def reconcile(self) -> None:
        gone = set(self.held) - set(self.source)
        changed = [
            row
            for number, row in self.source.items()
            if number in self.held and self.without(row) != self.held[number] and not self.fenced(row)
        ]
        given = {  # to somebody, or to a class, that was forgotten
            number
            for number, row in self.source.items()
            if number in self.held and self.fenced(row) and not self.stale(row)
        }
        self.work(("records", gone | given), ("correct", changed), wrong=False)

    def readmit(self, kind: str, names: Any) -> None:
        if kind == "records":
            kept = {number for number, owner in self.owned.items() if owner in self.owners}
            kept |= {number for number, found in self.classed.items() if found in self.classes}
            back = set(names) - kept
            self.records -= back
            self.owned = {number: owner for number, owner in self.owned.items() if number not in back}
            self.classed = {number: found for number, found in self.classed.items() if number not in back}
        elif kind == "owners":
            self.owners -= names
            self.owned = {number: owner for number, owner in self.owned.items() if owner not in names}
        else:
            self.classes.discard(names)
            self.classed = {number: found for number, found in self.classed.items() if found != names}


def covers(kind: str, names: Any, row: Row) -> bool:
    said = {"records": row["row"], "owners": row["person"], "class": row["found"]}[kind]
    return said == names if kind == "class" else said in names


@dataclass
class Play:
    """A stream, played to the engine and to the oracle."""

    project: Project
    world: World
    table: Callable[[Project, Iterable[Row]], Table]
    rewrite: Callable[[Project, Iterable[Row]], None]

    def target(self, asked: Step) -> Any:
        kind, names = asked
        if kind == "correct":
            return Correction(self.table(self.project, names))
        made: Any = {"records": Records, "owners": Owners, "class": Label, "column": Column}[kind](names)
        return made

    def whole(self, asked: Step) -> Step:
        """Corrections as whole rows, on top of what is held; of a class that is not fenced."""
        if asked[0] != "correct":
            return asked
        rows = {change["row"]: {**self.world.held[change["row"]], **change} for change in asked[1] if self.may(change)}
        return "correct", list(rows.values())

    def may(self, change: Row) -> bool:
        held = self.world.held.get(change["row"])
        erased = {name for kind, names in self.world.pending if kind == "owners" for name in names}
        free = change.get("found") not in self.world.classes | {"odd"} - self.odd
        return held is not None and free and change.get("person") not in erased

    @property
    def odd(self) -> set[str]:
        """Classes that corrections may bring: none that a pending request erases."""
        return {"odd"} if not any(kind == "class" for kind, _ in self.world.pending) else set()

    def ask(self, asked: Step) -> bool:
        """Receive, if there is anything to receive."""
        asked = self.whole(asked)
        if not asked[1]:
            return False
        try:
            receipt = receive(self.project, self.target(asked))
        except UnknownSubjectError:
            return False
        except RefusedError:  # it would give a row to somebody who was forgotten
            assert asked[0] == "correct"
            return False
        if receipt.state == "already":
            return False
        if receipt.state == "received" and asked not in self.world.pending:
            self.world.pending.append(asked)
        return True

    def do_forget(self, asked: Step) -> None:
        if self.ask(asked):
            self.do_work(None)

    def do_queue(self, asked: Sequence[Step]) -> None:
        for each in asked:
            self.ask(each)

    def do_work(self, _: None) -> None:
        line.work(self.project)
        self.world.work()

    def do_update(self, _: None) -> None:
        learning.update(self.project)
        self.world.update()

    def do_again(self, _: None) -> None:
        if self.world.pending:
            with pytest.raises(ProjectError, match="pending"):
                learning.learn(self.project, again=True)
            return
        learning.learn(self.project, again=True)
        self.world.again()

    def do_reconcile(self, _: None) -> None:
        if self.world.pending:
            self.do_work(None)
        reconciling.reconcile(self.project, reconciling.difference(self.project), yes=True)
        self.world.reconcile()

    def do_readmit(self, asked: Step) -> None:
        try:
            readmit(self.project, self.target(asked))
        except UnknownSubjectError:
            return
        self.world.readmit(*asked)

    def do_gone(self, number: int) -> None:
        self.world.source.pop(number, None)
        self.rewrite(self.project, self.world.source.values())

    def do_changed(self, change: Row) -> None:
        if change["row"] in self.world.source:
            self.world.source[change["row"]] = {**self.world.source[change["row"]], **change}
        self.rewrite(self.project, self.world.source.values())

    def do_new(self, said: tuple[int, str, str]) -> None:
        number, person, found = said
        new = {"row": number, "person": person, "age": 50.0 + number, "size": 180.0, "town": "Oberwil", "found": found}
        self.world.source.setdefault(number, new)
        self.rewrite(self.project, self.world.source.values())

    def check(self) -> None:
        """The snapshot holds what it should, and each finished request has its certificate."""
        root = self.project.published()
        data = self.project.table(root)
        names = root.snapshot.schema.arrow.names
        assert data.label is not None
        assert data.owners is not None
        held = zip(data.ids.tolist(), data.owners.to_pylist(), data.label.tolist(), strict=True)  # type: ignore[union-attr]
        rows = {
            number: {"row": number, "person": owner, "found": found}
            | {n: v[at] for n, v in self.features(data).items()}
            for at, (number, owner, found) in enumerate(held)
        }
        assert rows == self.world.held
        assert set(names) == {"row", "person", "age", "size", "town", "found"} - self.world.columns
        assert len(self.project.book.pending) == len(self.world.pending)

    def features(self, data: Table) -> dict[str, list[Any]]:
        return {name: data.column(name).tolist() for name in data.names}

    def certificates(self) -> None:
        """One for each request that is finished, whole, and ours."""
        states = {request.id: request.state for request in self.project.book.requests.values()}
        found = {path.stem: path for path in self.project.certificates.glob("*.json")}
        assert set(found) == {number for number, state in states.items() if state == "certified"}
        for path in found.values():
            body = certificate.verify(path.read_bytes(), [self.project.keyring.public]).body
            assert body["scan"]["verdict"] in ("clean", "none", "not distinguishable")


def played(
    steps: Sequence[Step],
    project: Project,
    visits: list[Row],
    table: Callable[..., Table],
    rewrite: Callable[..., None],
) -> Play:
    rows = {row["row"]: dict(row) for row in visits}
    play = Play(project, World(dict(rows), dict(rows)), table, rewrite)
    for step in steps:
        getattr(play, f"do_{step[0]}")(step[1])
        play.check()
    return play


@pytest.fixture(scope="session")
def tried(
    elsewhere: Callable[[], AbstractContextManager[Project]],
    visits: Callable[[], list[Row]],
    table: Callable[..., Table],
    rewrite: Callable[..., None],
    exact: Callable[[Project], dict[str, str]],
    twin: Callable[[Project, Iterable[Row]], Project],
) -> Callable[[Sequence[Step]], None]:
    def attempt(steps: Sequence[Step]) -> None:
        with elsewhere() as project:
            play = played(steps, project, visits(), table, rewrite)
            play.certificates()
            published = exact(project)
            if play.world.columns:  # what was declared is part of the algorithm: only learning anew forgets that, too
                play.do_work(None)
                play.do_again(None)
                published = exact(project)
            assert project.store.problems() == []
            assert project.store.superseded(project.live()) == ()
            assert exact(twin(project, play.world.held.values())) == published

    return attempt


STREAMS = st.lists(STEP, min_size=1, max_size=6)
CORRECTED: Step = ("forget", ("correct", [{"row": 4, "age": 50.0}]))


@settings(max_examples=6)
@given(steps=STREAMS)
@example(steps=[CORRECTED, ("again", None), ("reconcile", None), ("forget", ("records", {4})), ("update", None)])
@example(
    steps=[
        ("changed", {"row": 4, "age": 50.0}),
        ("reconcile", None),
        ("changed", {"row": 4, "age": 60.0}),
        ("reconcile", None),
        ("changed", {"row": 4, "age": 50.0}),
        ("reconcile", None),
    ]
)
@example(
    steps=[
        ("forget", ("owners", {"person-001"})),
        ("changed", {"row": 9, "person": "person-001"}),
        ("reconcile", None),
        ("again", None),
    ]
)
@example(steps=[("forget", ("records", {4, 99})), ("new", (99, "person-001", "ill")), ("update", None)])
@example(steps=[("queue", [("owners", {"person-001"}), ("correct", [{"row": 4, "age": 50.0}])]), ("work", None)])
def test_any_stream_ends_in_the_model_of_a_source_cleaned_by_hand(
    steps: list[Step], tried: Callable[[Sequence[Step]], None]
) -> None:
    tried(steps)


@pytest.mark.slow
@settings(max_examples=100)
@given(steps=STREAMS)
def test_many_streams_do(steps: list[Step], tried: Callable[[Sequence[Step]], None]) -> None:
    tried(steps)
