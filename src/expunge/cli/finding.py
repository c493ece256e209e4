"""Which records, and how many: `find` ranks them for a reason, and turns the first into a request when told to."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from expunge.cli import requests
from expunge.cli.ending import UsageError
from expunge.cli.opening import folder_of, opened
from expunge.cli.options import AsJson, Asked, In, Model, Queue, Reference, Requester, Wait, text
from expunge.cli.screen import Screen, many
from expunge.errors import ConfirmationError
from expunge.store.files import write_atomically

if TYPE_CHECKING:
    from expunge.engine.project import Project
    from expunge.finding.found import Found

REASONS = ("mislabelled", "poisoned", "influential", "unfair")
OPTIONS = {"--by": "poisoned", "--at": "poisoned", "--for": "influential", "--rows": "influential"}
OPTIONS |= {"--group": "unfair", "--positive": "unfair", "--gap": "unfair", "--folds": "mislabelled"}

Reason: TypeAlias = Annotated[str, typer.Argument(metavar="REASON", help=f"One of {', '.join(REASONS)}.")]
Top: TypeAlias = Annotated[int, typer.Option("--top", metavar="K", min=1, help="How many of the first.")]
Csv: TypeAlias = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="Write the whole ranking there; outside the project's folder."),
]
Folds: TypeAlias = Annotated[
    int | None, typer.Option("--folds", min=2, help="mislabelled: how many models are learned; 5 without it.")
]
By: TypeAlias = Annotated[str | None, typer.Option("--by", help="poisoned: spectral (without it) or clusters.")]
At: TypeAlias = Annotated[
    str | None, typer.Option("--at", help="poisoned: compare by the model's features (without it), or by inputs.")
]
For: TypeAlias = Annotated[
    str | None, typer.Option("--for", metavar="IDS", help="influential: records whose predictions are in question.")
]
Rows: TypeAlias = Annotated[
    Path | None, typer.Option("--rows", metavar="FILE", help="influential: the same, as labelled rows in a file.")
]
Group: TypeAlias = Annotated[
    str | None, typer.Option("--group", metavar="COLUMN", help="unfair: the column that says who is of which group.")
]
Positive: TypeAlias = Annotated[
    str | None, typer.Option("--positive", metavar="CLASS", help="unfair: the decision that is wanted.")
]
Gaps: TypeAlias = Annotated[str | None, typer.Option("--gap", help="unfair: parity (without it) or opportunity.")]
Forget: TypeAlias = Annotated[bool, typer.Option("--forget", help="Forget the first K, after confirmation.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="With --forget: it is confirmed.")]


def find(
    reason: Reason,
    model: Model = None,
    top: Top = 50,
    to: Csv = None,
    folds: Folds = None,
    by: By = None,
    at: At = None,
    asked: For = None,
    rows: Rows = None,
    group: Group = None,
    positive: Positive = None,
    gap: Gaps = None,
    forget: Forget = False,
    yes: Yes = False,
    requester: Requester = None,
    reference: Reference = None,
    queue: Queue = False,
    project: In = None,
    wait: Wait = 0.0,
    as_json: AsJson = False,
) -> None:
    """Rank records by a reason to forget them, and say what the ranking cannot show. Changes nothing without --forget.

    mislabelled: the label is likely wrong. poisoned: the record lies apart from its class, as a backdoor's do.
    influential: predictions went wrong by it; without --for or --rows, those held out that the model gets wrong.
    unfair: a gap between groups leans on it. With --forget, the answer is that of `expunge forget`.

    For example: expunge find mislabelled --top 20
    """
    screen, said = Screen(as_json=as_json), dict[str, Any]()
    for option, value in (
        ("--folds", folds), ("--by", by), ("--at", at), ("--for", asked), ("--rows", rows),
        ("--group", group), ("--positive", positive), ("--gap", gap),
    ):  # fmt: skip
        if value is not None:
            said[option] = value
    _refuse(reason, set(said), project, to)
    with opened(project, screen, wait=wait) as whole:
        found = _found(whole, reason, model, said)
        first = min(top, len(found))
        if to is not None:
            write_atomically(to, (part.encode() for part in table(found)))
        lines = list(found_lines(found, first, to))
        if not forget:
            screen.show(found_document(found, first, to), lines)
            return
        screen.say(*lines)
        confirmed(first, yes=yes)
        requests.take_in(whole, screen, found.target(first), (requester, reference), queue=queue)


def _refuse(reason: str, given: set[str], project: Path | None, to: Path | None) -> None:
    """Raise for what does not go together, before anything is opened."""
    if reason not in REASONS:
        msg = f"there is no reason {text('REASON', reason)!r}; it is one of {', '.join(REASONS)}"
        raise UsageError(msg)
    strange = sorted(option for option in given if OPTIONS[option] != reason)
    if strange:
        msg = f"{strange[0]} is for {OPTIONS[strange[0]]}, and {reason} was asked for"
        raise UsageError(msg)
    if reason == "unfair" and not {"--group", "--positive"} <= given:
        msg = "unfair needs --group COLUMN and --positive CLASS"
        raise UsageError(msg)
    if {"--for", "--rows"} <= given:
        msg = "--for names records, --rows brings them: give one of them"
        raise UsageError(msg)
    if to is not None and to.resolve().is_relative_to(folder_of(project).resolve()):
        msg = f"{to} lies in the project's folder, where no list of ids belongs: a search would find them there"
        raise UsageError(msg)


def _found(whole: Project, reason: str, model: str | None, said: dict[str, Any]) -> Found:
    """Ask the engine."""
    from expunge.engine import suspicion
    from expunge.finding.unfair import Gap

    schema = whole.published().snapshot.schema
    if reason == "mislabelled":
        return suspicion.wrongly_labelled(whole, model, folds=said.get("--folds", 5))
    if reason == "poisoned":
        return suspicion.poisonous(whole, model, by=said.get("--by", "spectral"), at=said.get("--at", "model"))
    if reason == "unfair":
        positive = schema.labelled(text("--positive", said["--positive"]))
        return suspicion.biasing(whole, model, Gap(said["--group"], positive, said.get("--gap", "parity")))
    if "--rows" in said:
        from expunge.data.sources import file_source, read_rows

        return suspicion.misleading(whole, model, read_rows(file_source(said["--rows"]), schema))
    if "--for" in said:
        from expunge.values import Records

        return suspicion.misleading(whole, model, Records(schema.named(Asked.of([said["--for"]]).records)))
    return suspicion.misleading(whole, model, None)


def confirmed(count: int, *, yes: bool) -> None:
    """Go on when it is confirmed, by an option or at the terminal.

    Raises
    ------
    ConfirmationError
        When it is not; nothing was changed.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        msg = f"forgetting {many(count, 'record')} is not undone: look at them, then give --yes; nothing was changed"
        raise ConfirmationError(msg)
    if not typer.confirm(f"Forget {many(count, 'record')}? It is not undone", err=True):
        msg = f"{many(count, 'record')} were not confirmed to be forgotten; nothing was changed"
        raise ConfirmationError(msg)


# -- what is said ------------------------------------------------------------------------------------------------------


def found_document(found: Found, top: int, to: Path | None) -> dict[str, Any]:
    """A ranking for programs; the records are in the file where there is one."""
    first = [] if to is not None else [{"id": name, "score": score} for name, score in _first(found, top)]
    shares = [{"class": share.name, "taken": share.taken, "records": share.records} for share in found.shares(top)]
    return {
        "reason": found.reason,
        "ranked": len(found),
        "likely": found.likely,
        "top": top,
        "shares": shares,
        "found": first,
        "out": None if to is None else str(to),
        "said": list(found.said),
    }


def found_lines(found: Found, top: int, to: Path | None) -> Iterator[str]:
    """The same in words."""
    yield f"{found.reason}: {many(len(found), 'record')} ranked"
    if found.likely is not None:
        yield f"  estimated to be so: {found.likely:,}"
    if to is None:
        names = [(str(place), str(name), f"{score:.4g}") for place, (name, score) in enumerate(_first(found, top), 1)]
        wide = [max(map(len, column)) for column in zip(("rank", "record", "score"), *names, strict=True)]
        for place, name, score in (("rank", "record", "score"), *names):
            yield f"  {place:>{wide[0]}}  {name:<{wide[1]}}  {score:>{wide[2]}}"
    else:
        yield f"  all of them, in order: {to}"
    yield f"the first {top:,} are {top / len(found):.1%} of all"
    for share in found.shares(top):
        yield f"  {share.taken:,} of {share.records:,} of class {share.name} ({share.part:.0%})"
    yield "what this shows, and what not"
    yield from (f"  {sentence}" for sentence in found.said)


def table(found: Found) -> Iterator[str]:
    """The whole ranking as CSV.

    Examples
    --------
    >>> import numpy as np
    >>> from expunge.finding.found import Found
    >>> print(*table(Found("odd", np.array([7, 8]), np.array([0.5, 0.25]), ())), sep="", end="")
    rank,id,score
    1,7,0.5
    2,8,0.25
    """
    page = io.StringIO()
    write = csv.writer(page, lineterminator="\n").writerow
    write(["rank", "id", "score"])
    for place, (name, score) in enumerate(_first(found, len(found)), 1):
        write([place, name, score])
    yield page.getvalue()


def _first(found: Found, top: int) -> Iterator[tuple[Any, float]]:
    return zip(found.names(top), found.scores[:top].tolist(), strict=True)
