"""A rehearsal forgets in memory: the store is as it was, what was kept on the way goes, and what broke off goes on."""

from __future__ import annotations

from typing import Any

import pytest

from expunge.audit.report import Report
from expunge.engine import line
from expunge.engine.project import Project
from expunge.engine.rehearsing import Kept, offered, rehearsed
from expunge.errors import BusyError, UnknownSubjectError
from expunge.values import Exact, Owners, Records

SOMEBODY = Owners(["person-007"])


def test_it_finds_what_the_request_will_make(project: Project) -> None:
    found = rehearsed(project, "main", SOMEBODY, "standard", 5)
    assert isinstance(found.report, Report)
    assert (found.report.claim, found.report.vetoes) == (Exact(), ())
    assert found.report.records.forgotten == 3
    _, (done,) = line.forget(project, SOMEBODY)
    assert done.outcomes[0][-1] == "erased"
    assert project.published().models["main"].fingerprint == found.fingerprints["forgotten model"]


def test_the_store_and_the_ledger_are_as_they_were(project: Project) -> None:
    before, head, root = set(project.store.names()), project.ledger.head, project.published()
    found = rehearsed(project, "main", SOMEBODY, "standard", 5)
    assert isinstance(found.report, Report)
    assert set(project.store.names()) == before
    assert project.ledger.head == head
    assert project.published() == root


def test_what_broke_off_goes_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(project.store.names())
    said: list[tuple[str, int, int]] = []

    def tick(what: str, done: int, total: int) -> None:
        said.append((what, done, total))
        if (what, done) == stop:
            raise KeyboardInterrupt

    monkeypatch.setattr(project, "tick", tick)
    stop = ("audit: oracle", 2)
    with pytest.raises(KeyboardInterrupt):
        rehearsed(project, "main", SOMEBODY, "standard", 6)
    kept = set(project.store.names()) - before
    assert len(kept) == 2
    said.clear()
    stop = ("", 0)
    rehearsed(project, "main", SOMEBODY, "standard", 6)
    assert min(done for what, done, _ in said if what == "audit: oracle") == 2
    assert set(project.store.names()) == before


def test_what_nobody_went_on_from_is_swept_by_the_next_publication(project: Project) -> None:
    before = set(project.store.names())
    project.store["audit/left"] = b"what a model said of somebody"
    left = set(project.store.names()) - before
    line.forget(project, Records([5]))
    assert left
    assert not left & set(project.store.names())


def test_nobody_there_is_nothing_to_rehearse(project: Project) -> None:
    with pytest.raises(UnknownSubjectError, match="nothing to rehearse"):
        offered(project, "main", Owners(["nobody"]), "quick")


def test_the_price_is_that_of_the_oracles(project: Project) -> None:
    prices = [offered(project, "main", SOMEBODY, tier).visits for tier in ("quick", "replay", "standard")]
    assert prices == [0, 2 * 87, 8 * 87]


def test_kept_is_a_mapping_that_tidies_up() -> None:
    store: dict[str, bytes] = {"old": b"1"}
    with pytest.raises(KeyError):
        _break_off(Kept(store))
    assert store == {"old": b"1", "new": b"2"}
    with Kept(store) as kept:
        assert kept["new"] == b"2"
        assert (list(kept), len(kept)) == (["new"], 1)
        made: Any = kept.pop("new")
        assert made == b"2"
    assert store == {"old": b"1"}


def _break_off(kept: Kept) -> None:
    with kept:
        kept["new"] = b"2"
        kept["missing"]


def test_who_publishes_meanwhile_ends_it_and_nothing_is_left(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    held: set[str] = set()

    def tick(what: str, done: int, total: int) -> None:
        if (what, done) == ("audit: oracle", 2):
            other = Project.open(project.folder)
            line.forget(other, Records([5]))
            held.update(other.store.names())

    monkeypatch.setattr(project, "tick", tick)
    with pytest.raises(BusyError, match="published another model while this was rehearsed"):
        rehearsed(project, "main", SOMEBODY, "standard", 6)
    assert held
    assert set(project.store.names()) == held
