"""What is on record, and whether it holds: `status`, `log`, `audit`, `scan`, `restore`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from expunge.cli import answer
from expunge.cli.ending import UsageError
from expunge.cli.keys import put_back
from expunge.cli.opening import Light, folder_of, look, opened
from expunge.cli.options import AsJson, Asked, In, OwnersFile, OwnersWords, RecordsFile, RecordsWords, Wait
from expunge.cli.screen import Screen, many, pairs, short, some
from expunge.cli.verifying import Checked, checked
from expunge.errors import CertificateError, DamagedError, ExpungeError, ResidueError
from expunge.store.files import in_words

if TYPE_CHECKING:
    from expunge.engine.project import Project
    from expunge.engine.restoring import Restored
    from expunge.engine.scan import Scanned
    from expunge.ledger.book import Book, Request
    from expunge.ledger.chain import Event
    from expunge.store.directory import Problem

RECENT = 5  # requests that `status` shows
STATES = {"received": "pending", "published": "unfinished", "certified": "certified", "ended": "ended"}

# -- status and log ----------------------------------------------------------------------------------------------------


def status(project: In = None, as_json: AsJson = False) -> None:
    """Show how the project stands: what is published, which requests wait, and what became of the last ones.

    For example: expunge status
    """
    home = look(project)
    book = home.ledger.book
    recent = [book.requests[name] for name in list(book.requests)[-RECENT:]]
    Screen(as_json=as_json).show(_standing(home, book, recent), _stands(home, book, recent))


def _standing(home: Light, book: Book, recent: list[Request]) -> dict[str, Any]:
    last = book.publication
    return {
        "project": {"name": home.settings.name, "id": home.settings.id, "folder": str(home.folder)},
        "models": models_of(book),
        "requests": {said: book.states[state] for state, said in STATES.items()},
        "published": None if last is None else {"at": last.at, "cause": last.cause, "scan": last.scanned},
        "trusted": home.keyring.trusted,
        "events": book.number,
        "recent": [
            {"request": each.id, "at": each.at, "kind": each.kind, "names": each.named, "state": STATES[each.state]}
            for each in recent
        ],
    }


def _stands(home: Light, book: Book, recent: list[Request]) -> Iterator[str]:
    states, last = book.states, book.publication
    models = ", ".join(f"{name} {short(fingerprint)}" for name, fingerprint in models_of(book).items())
    yield f"project {home.settings.name!r} in {home.folder}"
    rows = [
        ("models", models or "none yet: `expunge learn`"),
        ("requests", ", ".join(f"{states[state]:,} {said}" for state, said in STATES.items())),
        ("ledger", f"{many(book.number, 'event')}, an unbroken chain"),
    ]
    if last is not None:
        rows.insert(1, ("published", f"{last.at}, by {last.cause}"))
    yield from pairs(rows, indent="  ")
    if states["received"] or states["published"]:
        yield "  `expunge work` works off what waits, and finishes what was interrupted"
    if not home.keyring.trusted:
        yield "  not trusted here yet: `expunge trust`"
    if recent:
        yield "  the last requests:"
    for each in recent:
        why = f": {each.reason}" if each.reason else ""
        yield f"    {each.at}  {each.id}  {each.kind}, {many(each.named, 'name')}: {STATES[each.state]}{why}"


def models_of(book: Book) -> dict[str, str | None]:
    """Fingerprints of the published models: every publication that changes a model names them all."""
    for number in reversed(list(book.publications)):
        models = book.publications[number].models
        if models:
            return {name: held["after"] for name, held in models.items()}
    return {}


def log(
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="Only the events of this request.")
    ] = None,
    last: Annotated[int | None, typer.Option("--last", metavar="N", min=1, help="Only the last N events.")] = None,
    project: In = None,
    as_json: AsJson = False,
) -> None:
    """Print the ledger: every event since the project began, in order. It names nobody.

    For example: expunge log --last 20
    """
    screen, home = Screen(as_json=as_json), look(project)
    if request is not None and request not in home.ledger.book.requests:
        msg = f"the ledger knows no request {request}"
        raise UsageError(msg)
    events: Iterable[Event] = home.ledger.events(request)
    if last is not None:
        events = deque(events, last)
    if as_json:
        screen.show([asdict(event) for event in events], [])
    else:
        for event in events:
            screen.say(event_line(event))


def event_line(event: Event) -> str:
    """An event on one line."""
    about = f" {event.request}" if event.request else ""
    words = " ".join(f"{name}={_word(held)}" for name, held in event.body.items())
    return f"{event.number:>6}  {event.at}  {event.kind}{about}  {words}".rstrip()


def _word(held: Any) -> str:
    """A field of an event, short enough for a line; `--json` has all of it."""
    if isinstance(held, Mapping):
        return ",".join(f"{name}:{_word(value)}" for name, value in held.items()) or "-"
    if isinstance(held, list):
        return f"[{len(held)}]"
    digest = isinstance(held, str) and len(held) in (32, 64) and not held.strip("0123456789abcdef")
    return short(held) if digest else "-" if held is None else str(held)


# -- scan --------------------------------------------------------------------------------------------------------------


def scan(
    records: RecordsWords = None,
    records_file: RecordsFile = None,
    owners: OwnersWords = None,
    owners_file: OwnersFile = None,
    project: In = None,
    as_json: AsJson = False,
) -> None:
    """Open every stored file and verify every certificate; with names, search the whole project for them as well.

    For example: expunge scan --records 417
    """
    screen, asked = Screen(as_json=as_json), Asked.of(records, records_file, owners, owners_file)
    with opened(project, screen) as whole:
        problems = whole.store.problems(whole.tick)
        certificates = certificates_of(whole)
        found = _searched(whole, asked) if asked else []
    bad = [each for each in certificates if each.failure is not None]
    screen.show(
        {
            "problems": [asdict(each) for each in problems],
            "events": whole.ledger.head.number,
            "certificates": [each.document() for each in certificates],
            "scans": [each.body() | {"where": list(each.where)} for each in found],
        },
        [*_whole(whole, problems, certificates), *(line for each in found for line in _scanned(each))],
        _wrong(found, problems, bad),
    )


def _searched(whole: Project, asked: Asked) -> list[Scanned]:
    from expunge.engine.scan import scan_names
    from expunge.values import Owners, Records

    steps = asked.steps(whole.published().snapshot.schema)
    return [scan_names(whole, step) for step in steps if isinstance(step, Records | Owners)]


def certificates_of(whole: Project) -> list[Checked]:
    """Every certificate of the folder, and every one that the ledger knows and the folder lacks."""
    home = Light(whole.folder, whole.settings, whole.keyring, whole.ledger)
    folder, signers = whole.folder / "certificates", whole.keyring.signers()
    with in_words(folder, "read"):
        files = sorted(folder.glob("*.json"))
    there = {file.stem for file in files}
    lost = [
        Checked(folder / f"{request.id}.json", failure=CertificateError("the ledger knows it, and it is not there"))
        for request in whole.book.requests.values()
        if request.certificate is not None and request.id not in there
    ]
    return [*(checked(file, signers, home) for file in files), *lost]


def _whole(whole: Project, problems: list[Problem], certificates: list[Checked]) -> Iterator[str]:
    yield f"ledger: {many(whole.ledger.head.number, 'event')}, an unbroken chain"
    yield f"stored files: {many(len(problems), 'problem')}" if problems else "stored files: all open"
    yield from some([f"  {each.name}: {each.what}" for each in problems])
    yield f"certificates: {many(len(certificates), 'file')}"
    yield from (f"  {each.file.name}: {each.failure}" for each in certificates if each.failure is not None)


def _scanned(found: Scanned) -> Iterator[str]:
    yield f"search: {NAMED[found.verdict]}"
    if found.opaque:
        yield f"  {many(found.opaque, 'file')} of the folder could not be searched: compressed, sealed or linked"
    for part in found.parts:
        seen = "its control was found" if part.control == "found" else "BLIND: its control was not found"
        yield f"  {part.name}: {part.searched:,} {part.unit} searched, {part.found} found; {seen}"
    yield from (f"  found in {path}" for path in some(found.where))
    yield f"  source: {answer.SOURCES[found.source]}"


NAMED = answer.SCANS | {
    "clean": "clean: the names are nowhere in what was searched; values of forgotten rows are not known any more and"
    " were not searched for",
    "not distinguishable": "not distinguishable: the names are too short, or too common, to be told from other bytes",
}


def _wrong(found: list[Scanned], problems: list[Problem], bad: list[Checked]) -> ExpungeError | None:
    """The failure that a scan ends in: traces before damage, damage before certificates."""
    for each in found:
        if each.verdict in ("found", "blind"):
            return ResidueError(f"the search is {each.verdict}: {answer.SCANS[each.verdict].partition(': ')[2]}")
    if problems:
        return DamagedError(f"{many(len(problems), 'problem')} in the store, the first: {problems[0].what}")
    return None if not bad else CertificateError(f"{bad[0].file.name}: {bad[0].failure}")


# -- restore -----------------------------------------------------------------------------------------------------------


def restore(
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="A backup of the secrets, where they are lost too.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Where the backup does not open any more: learn again from the source.")
    ] = False,
    without_journal: Annotated[
        bool, typer.Option("--without-journal", help="Go on although nobody knows what was forgotten since.")
    ] = False,
    project: In = None,
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """After the folder came back from a backup: forget again what was forgotten since the backup was made.

    What was erased is known from a journal that lies with the secrets and names nobody. Where it was lost, or the
    secrets came from a backup too, nobody knows: then forget again, yourself, whoever was forgotten since.

    For example: expunge restore
    """
    screen = Screen(as_json=as_json)
    if keys is not None:
        put_back(folder_of(project), keys)
    with opened(project, screen, wait=wait, shortened_ok=True) as whole:
        from expunge.engine import restoring

        done = restoring.restore(whole, again=again, without_journal=without_journal)
    said = {"journal": "lost" if done.unknown else "whole"}
    document = {"missing": done.missing, "replayed": done.replayed, "lost": list(done.lost), **said}
    screen.show(
        {**document, "done": [answer.done_document(each) for each in done.done]},
        _restored(done),
        answer.residue(done.done),
    )


def _restored(done: Restored) -> Iterator[str]:
    known = " of which the journal knows" if done.unknown else ""
    yield (
        f"{many(done.missing, 'finished request')}{known} that this backup did not know;"
        f" {done.replayed:,} forgotten again"
    )
    if done.unknown:
        yield (
            "NOTE: the journal of erasures was lost, so there may be others, and whom they named is held and learned"
            f" again: forget again whoever was forgotten {'before' if done.learned else 'since this backup was made'}"
        )
    for each in done.done:
        yield from answer.done_lines(each)
    for number in done.lost:
        yield f"request {number} was a correction: its rows are in no journal, so whoever asked has to ask again"
