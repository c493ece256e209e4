"""The book: what follows from the events, and which event may come next. A fold, and nothing else.

Where a request stands, which root is published and whether its purge was done are nowhere written down: they are what
the events say, read in order. An event that cannot follow raises, and the book stays as it was.

Examples
--------
>>> book = Book()
>>> book.fold(1, "2026-01-01T00:00:00Z", "created", None, {"project": "c0ffee", "version": 1})
>>> asked = {"token": "t", "content": "c", "kind": "erase", "target": "aa", "named": 2, "requester": None}
>>> book.fold(2, "2026-01-01T00:00:01Z", "received", "r1", asked)
>>> [request.id for request in book.pending], book.by_token("t").state
(['r1'], 'received')
>>> book.fold(3, "2026-01-01T00:00:02Z", "certified", "r1", {"certificate": "bb", "signer": "cc"})
Traceback (most recent call last):
expunge.errors.LedgerError: event 3 (certified) cannot follow: request r1 is received, and only what is published ...
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar, Literal, NamedTuple, NoReturn, TypeAlias, TypeVar

from expunge.ledger.kinds import KINDS, Body, check, illegal

K = TypeVar("K")
V = TypeVar("V")

State: TypeAlias = Literal["received", "published", "certified", "ended"]


class Request(NamedTuple):
    """One request, as the events left it.

    Attributes
    ----------
    id : str
    number : int
        Of the event that received it.
    at : str
        When it was received.
    kind : {"erase", "correct", "update", "readmit"}
    token : str
        What makes it the same request when it is sent again.
    content : str
        A keyed digest of what is asked: one reference cannot stand for two requests.
    target : str
        Address of the sealed target.
    named : int
        How many ids or owners it names.
    requester : str or None
        A commitment.
    state : {"received", "published", "certified", "ended"}
    certificate : str or None
        Digest of the certificate's file.
    publication : int or None
        Number of the event that published it.
    reason : str or None
        Why it ended.
    vetoes : int
        How often an audit stopped it.
    ending : {"refused", "unknown", "already", "withdrawn", "failed"} or None
    """

    id: str
    number: int
    at: str
    kind: str
    token: str
    content: str
    target: str
    named: int
    requester: str | None
    state: State = "received"
    certificate: str | None = None
    publication: int | None = None
    reason: str | None = None
    vetoes: int = 0
    ending: str | None = None


class Publication(NamedTuple):
    """One turn of the pointer. ``scanned`` is the verdict of the last scan after it; ``models`` as the event has it."""

    number: int
    at: str
    root: str
    cause: str
    requests: tuple[str, ...]
    outcome: str | None
    models: Mapping[str, Any]
    purged: bool = False
    scanned: str | None = None


class Book:
    """Everything that the events say, up to event ``number``.

    Requests and publications are put together when they are looked at: a hundred thousand are folded in the time in
    which a tenth could be built, and most are never asked for.

    Attributes
    ----------
    number : int
        Of the last event folded; 0 before the first.
    project : str or None
    requests : mapping of str to Request
        By id, in order of receipt.
    publications : mapping of int to Publication
        By number of event, in order.
    counts : Counter of str
        How many events of each kind.
    """

    def __init__(self) -> None:
        self.number = 0
        self.project: str | None = None
        self.counts: Counter[str] = Counter()
        self._received_as: dict[str, tuple[int, str, Body]] = {}
        self._published_by: dict[str, int] = {}
        self._certificates: dict[str, Body | str] = {}
        self._endings: dict[str, Body] = {}
        self._vetoes: Counter[str] = Counter()
        self._tokens: dict[str, str] = {}
        self._pending: dict[str, None] = {}
        self._unfinished: dict[str, None] = {}
        self._publications: dict[int, tuple[str, Body]] = {}
        self._purged_to = 0  # a sweep leaves what the last root reaches: it purges for all publications before it, too
        self._scans: dict[int, Body | str] = {}
        self.requests: Mapping[str, Request] = _Built(self._received_as, self._request)
        self.publications: Mapping[int, Publication] = _Built(self._publications, self._publication)

    @property
    def publication(self) -> Publication | None:
        """The last one."""
        return self._publication(next(reversed(self._publications))) if self._publications else None

    @property
    def root(self) -> str | None:
        """Address of what is published now."""
        last = self.publication
        return None if last is None else last.root

    @property
    def pending(self) -> list[Request]:
        """Received, and neither published nor ended; in order of receipt."""
        return [self._request(name) for name in self._pending]

    @property
    def unfinished(self) -> list[Request]:
        """Published and not certified; in order of publication."""
        return [self._request(name) for name in self._unfinished]

    @property
    def carried_out(self) -> Collection[str]:
        """Requests that were published, whatever became of their certificates; in order of publication."""
        return self._published_by.keys()

    @property
    def states(self) -> Counter[str]:
        """How many requests are in each state."""
        pending, unfinished = len(self._pending), len(self._unfinished)
        certified, ended = len(self._certificates), len(self._endings)
        return +Counter(received=pending, published=unfinished, certified=certified, ended=ended)

    def by_token(self, token: str) -> Request | None:
        """The latest request with this token."""
        name = self._tokens.get(token)
        return None if name is None else self._request(name)

    def _request(self, name: str) -> Request:
        number, at, body = self._received_as[name]
        ending = self._endings.get(name, {})
        return Request(
            id=name,
            number=number,
            at=at,
            kind=body["kind"],
            token=body["token"],
            content=body["content"],
            target=body["target"],
            named=body["named"],
            requester=body["requester"],
            state=self._state(name),
            certificate=_field(self._certificates.get(name), "certificate"),
            publication=self._published_by.get(name),
            reason=ending.get("reason"),
            vetoes=self._vetoes[name],
            ending=ending.get("state"),
        )

    def _state(self, name: str) -> State:
        if name in self._pending:
            return "received"
        if name in self._unfinished:
            return "published"
        return "certified" if name in self._certificates else "ended"

    def _publication(self, number: int) -> Publication:
        at, body = self._publications[number]
        return Publication(
            number=number,
            at=at,
            root=body["root"],
            cause=body["cause"],
            requests=tuple(body["requests"]),
            outcome=body["outcome"],
            models=body["models"],
            purged=number <= self._purged_to,
            scanned=_field(self._scans.get(number), "verdict"),
        )

    def fold(self, number: int, at: str, kind: str, request: str | None, body: Body) -> None:
        """Take one more event.

        Parameters
        ----------
        number : int
            One more than the last.
        at : str
            When it happened.
        kind : str
            One of `KINDS`.
        request : str or None
            The id, where the kind is about one request.
        body : mapping
            What `KINDS` says of this kind.

        Raises
        ------
        LedgerError
            If this event cannot come next. Nothing has changed then.
        """
        if number != self.number + 1:
            illegal(number, kind, f"the next event is number {self.number + 1}")
        check(number, kind, request, body)
        self.refold(number, at, kind, request, body)

    def refold(self, number: int, at: str, kind: str, request: str | None, body: Any) -> None:
        """`fold` for an event that was folded when it was written: its fields are believed, its place is not.

        Of kinds outside `PARSED` the body may be text: it is read when somebody asks, or never.
        """
        step = self.steps.get(kind)
        if number == 1 and kind != "created":
            illegal(number, kind, "a ledger begins with `created`")
        if step is not None:
            step(self, number, at, request or "", body)
        elif kind not in KINDS:
            illegal(number, kind, f"possible are {', '.join(KINDS)}")
        self.counts[kind] += 1
        self.number = number

    # Each step looks first and writes after: what raises has changed nothing.

    def _created(self, number: int, _at: str, _request: str, body: Body) -> None:
        if number != 1:
            illegal(number, "created", "a ledger begins with it, and has it once")
        self.project = body["project"]

    def _received(self, number: int, at: str, request: str, body: Body) -> None:
        if request in self._received_as:
            illegal(number, "received", f"request {request} was received by event {self._received_as[request][0]}")
        self._received_as[request] = (number, at, body)
        self._tokens[body["token"]] = request
        self._pending[request] = None

    def _published(self, number: int, at: str, _request: str, body: Body) -> None:
        names = body["requests"]
        self._all_pending(number, "published", names)
        for name in names:
            del self._pending[name]
            self._unfinished[name] = None
            self._published_by[name] = number
        self._publications[number] = (at, body)

    def _purged(self, number: int, _at: str, _request: str, _body: Body) -> None:
        self._purged_to = self._last_publication(number, "purged")

    def _scanned(self, number: int, _at: str, _request: str, body: Body) -> None:
        self._scans[self._last_publication(number, "scanned")] = body

    def _certified(self, number: int, _at: str, request: str, body: Body) -> None:
        if request not in self._unfinished:
            self._elsewhere(number, "certified", request, "published")
        if self._published_by[request] > self._purged_to:
            illegal(number, "certified", f"request {request} was published and not purged: a certificate comes last")
        del self._unfinished[request]
        self._certificates[request] = body

    def _ended(self, number: int, _at: str, request: str, body: Body) -> None:
        # What was published can only fail to be certified: what was carried out is not taken back.
        held = self._unfinished if body["state"] == "failed" and request in self._unfinished else self._pending
        if request not in held:
            self._elsewhere(number, "ended", request, "received")
        del held[request]
        self._endings[request] = body

    def _vetoed(self, number: int, _at: str, _request: str, body: Body) -> None:
        self._all_pending(number, "vetoed", body["requests"])
        self._vetoes.update(body["requests"])

    steps: ClassVar[dict[str, Callable[[Book, int, str, str, Body], None]]] = {
        "created": _created,
        "received": _received,
        "published": _published,
        "purged": _purged,
        "scanned": _scanned,
        "certified": _certified,
        "ended": _ended,
        "vetoed": _vetoed,
    }

    def _all_pending(self, number: int, kind: str, names: list[str]) -> None:
        if len(set(names)) < len(names):
            illegal(number, kind, "it names a request twice")
        for name in names:
            if name not in self._pending:
                self._elsewhere(number, kind, name, "received")

    def _elsewhere(self, number: int, kind: str, name: str, state: State) -> NoReturn:
        if name not in self._received_as:
            illegal(number, kind, f"request {name} was never received")
        illegal(number, kind, f"request {name} is {self._state(name)}, and only what is {state} can be {kind}")

    def _last_publication(self, number: int, kind: str) -> int:
        if not self._publications:
            illegal(number, kind, "nothing was published yet")
        return next(reversed(self._publications))


class _Built(Mapping[K, V]):
    """A mapping whose values are built when they are looked at."""

    def __init__(self, keys: Mapping[K, object], build: Callable[[K], V]) -> None:
        self._keys, self._build = keys, build

    def __getitem__(self, key: K) -> V:
        return self._build(key)

    def __iter__(self) -> Iterator[K]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys


def _field(body: Body | str | None, name: str) -> Any:
    """A field of a body, which may still be text."""
    return None if body is None else (json.loads(body) if isinstance(body, str) else body)[name]


PARSED = frozenset(Book.steps) - {"scanned", "certified", "purged"}
"""The kinds whose bodies the book needs at once."""
