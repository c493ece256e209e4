"""The fold against a plain model of requests; what cannot follow raises and changes nothing."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.errors import LedgerError
from expunge.ledger.book import PARSED, Book
from expunge.ledger.kinds import KINDS

AT = "2026-01-01T00:00:00Z"
RECEIVED = {"token": "t", "content": "c", "kind": "erase", "target": "aa", "named": 2, "requester": None}
CREATED = {"project": "c0ffee", "version": 1}
CERTIFIED = {"certificate": "cc", "signer": "dd"}
PURGED = {"destroyed": 1, "digest": "ee"}
ENDED = {"state": "withdrawn", "reason": "asked back"}


def published(*requests: str, root: str = "bb") -> dict[str, Any]:
    models = {"main": {"before": None, "after": "ff"}}
    return {"root": root, "cause": "work", "requests": list(requests), "outcome": None, "models": models}


def begun() -> Book:
    book = Book()
    book.fold(1, AT, "created", None, CREATED)
    return book


def told(*events: tuple[str, str | None, dict[str, Any]]) -> Book:
    book = begun()
    for kind, request, body in events:
        book.fold(book.number + 1, AT, kind, request, body)
    return book


def seen(book: Book) -> Any:
    """Everything that a book shows."""
    return copy.deepcopy(
        (
            book.number,
            book.project,
            dict(book.requests),
            list(book.requests),
            dict(book.publications),
            book.publication,
            book.root,
            book.pending,
            book.unfinished,
            book.states,
            book.counts,
            [book.by_token(token) for token in ("t", "u", "v")],
        )
    )


@dataclass
class Plain:
    """The transition table, written down once more and as plainly as it can be."""

    state: dict[str, str] = field(default_factory=dict)
    by: dict[str, int] = field(default_factory=dict)
    last: int = 0
    purged: int = 0

    def takes(self, number: int, kind: str, request: str | None, body: dict[str, Any]) -> bool:
        names = body.get("requests", [])
        match kind:
            case "received":
                legal = request not in self.state
            case "published" | "vetoed":
                legal = len(names) == len(set(names)) and all(self.state.get(name) == "received" for name in names)
            case "purged" | "scanned":
                legal = self.last > 0
            case "certified":
                legal = self.state.get(str(request)) == "published" and self.by[str(request)] <= self.purged
            case "ended":
                legal = self.state.get(str(request)) == "received"
            case _:
                legal = kind == "noted"
        if legal:
            self.write(number, kind, str(request), names)
        return legal

    def write(self, number: int, kind: str, request: str, names: list[str]) -> None:
        if kind in {"received", "certified", "ended"}:
            self.state[request] = kind
        if kind == "published":
            self.state |= dict.fromkeys(names, "published")
            self.by |= dict.fromkeys(names, number)
            self.last = number
        if kind == "purged":
            self.purged = self.last


IDS = st.sampled_from(["r1", "r2", "r3"])
EVENTS = st.one_of(
    st.tuples(st.just("received"), IDS, st.builds(lambda token: {**RECEIVED, "token": token}, st.sampled_from("tuv"))),
    st.tuples(st.just("published"), st.none(), st.lists(IDS, max_size=3).map(lambda names: published(*names))),
    st.tuples(st.just("vetoed"), st.none(), st.lists(IDS, max_size=2).map(lambda n: {"requests": n, "reason": "x"})),
    st.tuples(st.just("purged"), st.none(), st.just(PURGED)),
    st.tuples(st.just("scanned"), st.none(), st.just({"verdict": "clean"})),
    st.tuples(st.just("certified"), IDS, st.just(CERTIFIED)),
    st.tuples(st.just("ended"), IDS, st.just(ENDED)),
    st.tuples(st.just("noted"), st.none(), st.just({})),
    st.tuples(st.just("created"), st.none(), st.just(CREATED)),
    st.tuples(st.just("unheard"), st.none(), st.just({})),
)


@settings(max_examples=300, deadline=None)
@given(events=st.lists(EVENTS, max_size=25))
def test_any_order_of_events_goes_as_the_plain_table_says(events: list[tuple[str, str | None, dict[str, Any]]]) -> None:
    book, plain, again = begun(), Plain(), begun()
    for kind, request, body in events:
        number, before = book.number + 1, seen(book)
        if plain.takes(number, kind, request, body):
            book.fold(number, AT, kind, request, body)
            again.refold(number, AT, kind, request, body)
        else:
            with pytest.raises(LedgerError, match=rf"event {number}"):
                book.fold(number, AT, kind, request, body)
            assert seen(book) == before
    assert {name: held.state for name, held in book.requests.items()} == plain.state
    assert {name: held.publication for name, held in book.requests.items() if held.publication} == plain.by
    assert [held.id for held in book.pending] == [name for name, state in plain.state.items() if state == "received"]
    assert {held.id for held in book.unfinished} == {n for n, state in plain.state.items() if state == "published"}
    assert {number: held.purged for number, held in book.publications.items()} == {
        number: number <= plain.purged for number in book.publications
    }
    assert sum(book.states.values()) == len(plain.state)
    assert seen(again) == seen(book)


def test_a_request_from_receipt_to_certificate() -> None:
    book = told(("received", "r1", RECEIVED))
    held = book.requests["r1"]
    assert (held.number, held.at, held.token, held.target, held.named) == (2, AT, "t", "aa", 2)
    assert book.by_token("t") == held
    assert book.by_token("other") is None
    assert (book.root, book.publication) == (None, None)
    book.fold(3, AT, "vetoed", None, {"requests": ["r1"], "reason": "another model"})
    assert (book.requests["r1"].vetoes, book.requests["r1"].state) == (1, "received")
    book.fold(4, AT, "published", None, published("r1"))
    assert book.pending == []
    assert [(one.id, one.state, one.publication) for one in book.unfinished] == [("r1", "published", 4)]
    with pytest.raises(LedgerError, match=r"event 5 \(certified\) .* published and not purged"):
        book.fold(5, AT, "certified", "r1", CERTIFIED)
    book.fold(5, AT, "purged", None, PURGED)
    book.fold(6, AT, "scanned", None, {"verdict": "blind", "parts": 3})
    last = book.publication
    assert last is not None
    assert (last.number, last.root, last.requests, last.purged, last.scanned) == (4, "bb", ("r1",), True, "blind")
    book.fold(7, AT, "certified", "r1", CERTIFIED)
    assert book.unfinished == []
    assert (book.requests["r1"].state, book.requests["r1"].certificate) == ("certified", "cc")
    assert book.states == {"certified": 1}


def test_a_purge_covers_the_publications_before_the_last_and_none_after() -> None:
    book = told(("received", "r1", RECEIVED), ("published", None, published("r1")), ("published", None, published()))
    book.fold(5, AT, "purged", None, PURGED)
    book.fold(6, AT, "published", None, published(root="zz"))
    assert [held.purged for held in book.publications.values()] == [True, True, False]
    assert book.root == "zz"
    book.fold(7, AT, "certified", "r1", CERTIFIED)


def test_an_ended_request_says_why_and_its_token_may_be_used_again() -> None:
    book = told(("received", "r1", RECEIVED), ("ended", "r1", ENDED), ("received", "r2", RECEIVED))
    assert (book.requests["r1"].ending, book.requests["r1"].reason) == ("withdrawn", "asked back")
    latest = book.by_token("t")
    assert latest is not None
    assert latest.id == "r2"
    assert [held.id for held in book.pending] == ["r2"]


@pytest.mark.parametrize(
    ("number", "kind"),
    [(1, "noted"), (2, "created"), (3, "noted"), (0, "noted")],
    ids=["first", "twice", "gap", "back"],
)
def test_a_book_begins_once_and_leaves_no_number_out(number: int, kind: str) -> None:
    book = Book() if number == 1 else begun()
    with pytest.raises(LedgerError, match=rf"event {number} \({kind}\)"):
        book.fold(number, AT, kind, None, CREATED if kind == "created" else {})


def test_what_the_book_folds_are_kinds() -> None:
    assert KINDS.keys() >= PARSED
    with pytest.raises(KeyError):
        _ = begun().requests["nobody"]


def test_an_earlier_purge_does_not_stand_for_a_later_one() -> None:
    book = told(("published", None, published()), ("purged", None, PURGED), ("received", "r1", RECEIVED))
    book.fold(5, AT, "published", None, published("r1"))
    with pytest.raises(LedgerError, match=r"event 6 \(certified\) .* published and not purged"):
        book.fold(6, AT, "certified", "r1", CERTIFIED)
