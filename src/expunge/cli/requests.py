"""Requests, and what they ask about first: `where`, `quote`, `forget`, `correct`, `reconcile`, `readmit`, `work`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from expunge.cli import answer
from expunge.cli.ending import UsageError
from expunge.cli.opening import opened
from expunge.cli.options import (
    AsJson,
    Asked,
    Columns,
    In,
    Labels,
    OwnersFile,
    OwnersWords,
    Queue,
    RecordsFile,
    RecordsWords,
    Reference,
    Requester,
    Wait,
    text,
)
from expunge.cli.screen import Screen, many
from expunge.errors import BusyError, ExpungeError, RefusedError, UnknownSubjectError
from expunge.values import Correction, Refusal

if TYPE_CHECKING:
    from expunge.engine.evidence import Done
    from expunge.engine.inquiry import Offer
    from expunge.engine.intake import Receipt
    from expunge.engine.project import Project
    from expunge.engine.reconciling import Difference
    from expunge.ledger.book import Request
    from expunge.values import Target

# -- questions ---------------------------------------------------------------------------------------------------------


def where(
    records: RecordsWords = None,
    records_file: RecordsFile = None,
    owners: OwnersWords = None,
    owners_file: OwnersFile = None,
    label: Labels = None,
    column: Columns = None,
    project: In = None,
    as_json: AsJson = False,
) -> None:
    """Say where somebody is held: which records, models, sealed blocks and waiting requests. Changes nothing.

    For example: expunge where --owners alice
    """
    screen = Screen(as_json=as_json)
    asked = Asked.of(records, records_file, owners, owners_file, label, column).needed()
    with opened(project, screen) as whole:
        from expunge.engine import inquiry

        found = inquiry.where(whole, _target(whole, asked))
    screen.show(answer.where_document(found), answer.where_lines(found))


def quote(
    records: RecordsWords = None,
    records_file: RecordsFile = None,
    owners: OwnersWords = None,
    owners_file: OwnersFile = None,
    label: Labels = None,
    column: Columns = None,
    project: In = None,
    as_json: AsJson = False,
) -> None:
    """Say what forgetting would promise and cost, model by model, before anything is done.

    Ends as `expunge forget` would: with an exit code of its own when nothing of what was named is held, or when a model
    refuses.

    For example: expunge quote --records 417,418
    """
    screen = Screen(as_json=as_json)
    asked = Asked.of(records, records_file, owners, owners_file, label, column).needed()
    with opened(project, screen) as whole:
        from expunge.engine import inquiry

        presence, offers = inquiry.quote(whole, _target(whole, asked))
    named = [(kind, name, state) for (kind, name), state in presence.items()]
    screen.show(
        {"names": answer.names_document(named, "state"), "models": [answer.offer_document(offer) for offer in offers]},
        [*answer.names_lines(named), *(line for offer in offers for line in answer.offer_lines(offer))],
        _unquoted(Counter(presence.values()), offers),
    )


def _unquoted(states: Mapping[str, int], offers: list[Offer]) -> ExpungeError | None:
    """What `forget` would fail with."""
    if set(states) <= {"unknown"}:
        return UnknownSubjectError("nothing of what was named is held here, or ever was")
    refusals = [offer.answer for offer in offers if isinstance(offer.answer, Refusal)]
    return RefusedError(refusals[0]) if refusals and states.get("held") else None


# -- requests ----------------------------------------------------------------------------------------------------------


def forget(
    records: RecordsWords = None,
    records_file: RecordsFile = None,
    owners: OwnersWords = None,
    owners_file: OwnersFile = None,
    label: Labels = None,
    column: Columns = None,
    requester: Requester = None,
    reference: Reference = None,
    queue: Queue = False,
    project: In = None,
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Forget records, people, a class or a column: in every model, the snapshot and all files, with a certificate.

    It is not undone. `expunge quote` says before what it promises and costs. Your own source is not touched: delete
    there what should be gone there.

    For example: expunge forget --records 417,418
    """
    screen = Screen(as_json=as_json)
    asked = Asked.of(records, records_file, owners, owners_file, label, column).needed()
    with opened(project, screen, wait=wait) as whole:
        take_in(whole, screen, _target(whole, asked), (requester, reference), queue=queue)


def correct(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .parquet file: the rows as they should be.")],
    requester: Requester = None,
    reference: Reference = None,
    queue: Queue = False,
    project: In = None,
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Put rows right: every model becomes as if it had learned them so from the beginning. Each row has all columns.

    For example: expunge correct mended.csv
    """
    screen = Screen(as_json=as_json)
    with opened(project, screen, wait=wait) as whole:
        from expunge.data.sources import file_source, read_rows

        rows = read_rows(file_source(file), whole.published().snapshot.schema)
        if not len(rows):
            msg = f"{file} has no rows: there is nothing to correct"
            raise UsageError(msg)
        take_in(whole, screen, Correction(rows), (requester, reference), queue=queue)


def _target(whole: Project, asked: Asked) -> Target:
    return asked.target(whole.published().snapshot.schema)


def take_in(whole: Project, screen: Screen, target: Target, who: tuple[str | None, str | None], *, queue: bool) -> None:
    """Take a request in, say its salt, work it off, and say what came out."""
    from expunge.engine import intake

    requester, reference = who
    for option, word in (("--requester", requester), ("--reference", reference)):
        text(option, word or "")
    receipt = intake.receive(whole, target, requester=requester, reference=reference)
    document, waiting = answer.receipt_document(receipt), len(whole.book.pending)
    if queue or receipt.state == "already":
        told = [f"{many(waiting, 'request')} waiting: `expunge work` works them off as one batch"] if queue else []
        screen.show({**document, "pending": waiting}, [*answer.receipt_lines(receipt), *told])
        return
    screen.say(*answer.receipt_lines(receipt))
    from expunge.engine import line  # it imports scikit-learn, which taking a request in need not wait for

    try:
        done = line.work(whole)
    except BusyError as busy:
        msg = f"{busy}. Request {receipt.request} is taken in and waits: `expunge work` works it off"
        screen.show(document, [], BusyError(msg))
        return
    except (Exception, KeyboardInterrupt) as failure:  # noqa: BLE001  (it is said; the document has the salt)
        if whole.book.requests[str(receipt.request)].state == "certified":  # another one failed
            screen.say(f"another request that waits failed: {failure}")
            _told(whole, screen, receipt, [])
            return
        screen.show(document, [], failure)
        return
    _told(whole, screen, receipt, done)


def _told(whole: Project, screen: Screen, receipt: Receipt, done: list[Done]) -> None:
    """What came out of a request; of others that were finished along with it, where their certificates are."""
    mine = next((each for each in done if each.request == receipt.request), None)
    others = [each for each in done if each is not mine]
    document: dict[str, Any] = {**answer.receipt_document(receipt), "also": [each.request for each in others]}
    if mine is not None:
        lines = [*answer.done_lines(mine), *answer.brief(others)]
        screen.show({**document, **answer.done_document(mine)}, lines, answer.residue(done))
        return
    request = whole.book.requests[str(receipt.request)]
    kept = str(whole.folder / "certificates" / f"{request.id}.json")
    if request.state == "certified":
        when = "it was done before" if receipt.state == "certified" else "it is done"
        lines = [f"  {when}: {kept}", *answer.brief(others)]
        screen.show({**document, "state": "certified", "certificate": kept}, lines, answer.residue(done))
        return
    failure = _unmet(request)
    screen.show({**document, "state": request.state, "reason": request.reason}, answer.brief(others), failure)


def _unmet(request: Request) -> ExpungeError:
    """Why a request came to nothing."""
    reason = request.reason or "it is not finished: `expunge work` goes on with it"
    if request.ending == "refused":
        return RefusedError(Refusal(reason, "never"))
    return ExpungeError(reason)


# -- many at once ------------------------------------------------------------------------------------------------------


def work(project: In = None, wait: Wait = 0.0, as_json: AsJson = False) -> None:
    """Work off all requests that wait, as one batch, each with its own certificate; finish what was interrupted.

    For example: expunge work --wait 60
    """
    screen = Screen(as_json=as_json)
    with opened(project, screen, wait=wait) as whole:
        from expunge.engine import line

        done = line.work(whole)
        waiting = len(whole.book.pending)
    _worked(screen, {"pending": waiting}, ["no request waits"] if not done else [], done)


def withdraw(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The number of a request that waits.")],
    project: In = None,
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Take back a request that still waits. What was done already is not undone.

    For example: expunge withdraw 20260131-0123456789ab
    """
    screen = Screen(as_json=as_json)
    with opened(project, screen, wait=wait) as whole:
        from expunge.engine import line

        line.withdraw(whole, request)
    screen.show(
        {"request": request, "state": "ended"}, [f"request {request} was taken back; its sealed target is gone"]
    )


def reconcile(
    yes: Annotated[bool, typer.Option("--yes", help="Do it, even if more than 1 % of the rows are concerned.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    project: In = None,
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Compare with the source: forget what is gone from it, and correct what says something else there.

    What the source now gives to somebody, or to a class, that was forgotten is forgotten, too.

    So deleting a customer in the shop's database is enough. The difference is printed first.

    For example: expunge reconcile --dry-run
    """
    screen = Screen(as_json=as_json)
    with opened(project, screen, wait=wait) as whole:
        from expunge.engine import reconciling

        found = reconciling.difference(whole)
        document = _difference(found)
        screen.say(*found.lines())
        done: list[Done] = []
        try:
            if not dry_run:
                done = reconciling.reconcile(whole, found, yes=yes)
        except ExpungeError as failure:
            screen.show(document, [], failure)
    _worked(screen, document, [], done)


def _difference(found: Difference) -> dict[str, Any]:
    return {
        "rows": found.rows,
        "gone": len(found.gone),
        "given": len(found.given),
        "changed": 0 if found.changed is None else len(found.changed),
        "stale": found.stale,
        "new": found.new,
        "fenced": found.fenced,
    }


def _worked(screen: Screen, document: dict[str, Any], lines: list[str], done: list[Done]) -> None:
    told = [line for each in done for line in answer.done_lines(each)]
    screen.show(
        {**document, "done": [answer.done_document(each) for each in done]}, [*lines, *told], answer.residue(done)
    )


def readmit(
    records: RecordsWords = None,
    records_file: RecordsFile = None,
    owners: OwnersWords = None,
    owners_file: OwnersFile = None,
    label: Labels = None,
    project: In = None,
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Let somebody who was forgotten come back: `expunge learn --update` then learns what the source has of them.

    Without it, what was forgotten stays out, whatever the source says.

    For example: expunge readmit --owners alice
    """
    screen = Screen(as_json=as_json)
    possible = "--records, --owners or --label"
    asked = Asked.of(records, records_file, owners, owners_file, label).needed(possible)
    with opened(project, screen, wait=wait) as whole:
        from expunge.engine import readmitting

        count = readmitting.readmit(whole, _target(whole, asked))
    said = f"{many(count, 'name')} may come back: `expunge learn --update` learns what the source has of them"
    screen.show({"readmitted": count}, [said])
