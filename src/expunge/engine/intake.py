"""Taking requests in: each is durable before anything is done, once for each requester, and its target is sealed.

What the requester gets back is the request's number and the salt of its commitments: with the salt, and only with it,
one can show that a certificate is about a certain person.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from expunge import keyed
from expunge.certificate import commitment
from expunge.engine.fence import refused_rows
from expunge.engine.paper import Paper, content_of, corrections, subjects, token
from expunge.engine.roster import Roster
from expunge.errors import ParameterError, RefusedError, UnknownSubjectError
from expunge.ledger.chain import Entry
from expunge.values import Addition, Batch, Correction, Label, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expunge.data.table import Table
    from expunge.engine.fence import Fence
    from expunge.engine.paper import Subject
    from expunge.engine.project import Project
    from expunge.engine.root import Root
    from expunge.engine.roster import Presence
    from expunge.ledger.book import Book, Request
    from expunge.values import Target

SALT = 16  # bytes


@dataclass(frozen=True)
class Receipt:
    """What a requester is told.

    Attributes
    ----------
    request : str or None
        The request's number; None where nothing had to be asked: all was erased before.
    state : {"received", "published", "certified", "ended", "already"}
    salt : str or None
        Hexadecimal; None once the request has ended and its salt is gone.
    presence : mapping of subject to presence
    """

    request: str | None
    state: Literal["received", "published", "certified", "ended", "already"]
    salt: str | None = field(repr=False)
    presence: Mapping[Subject, Presence]


def receive(project: Project, target: Target, *, requester: str | None = None, reference: str | None = None) -> Receipt:
    """Take a request in, durably; the same request of the same requester is the same request.

    Parameters
    ----------
    target : Target
        An erasure, a `Correction`, or a batch of them.
    requester : str, optional
        Who asks. Two requesters who ask the same are two requests.
    reference : str, optional
        The requester's own name for the request; without one, what is asked is its name.

    Raises
    ------
    UnknownSubjectError
        When the data hold nothing that the target names, and nothing of it was erased before. Nothing has changed.
    ParameterError
        When the requester used the reference for something else.
    RefusedError
        When a correction would bring back whom the fence keeps out.
    DataError
        When names are of another type than those of the data, or rows of a correction do not fit them.
    """
    if "update" in kinds_of(target):
        msg = "a request forgets or corrects; new rows are learned from the source by `expunge learn --update`"
        raise ParameterError(msg)
    root, target, found = project.look(lambda root: _found(project, root, target))
    mark, content = token(project.keyring.ledger, target, requester, reference), _digest(project, target)
    earlier = project.book.by_token(mark)
    left = "held" in found.values() and (earlier is None or _differs(project.table(root), target))
    if earlier is not None and _same(earlier, content, reference, left=left):
        return _receipt(project, earlier, found)
    if "held" not in found.values():
        if "erased" in found.values():
            return Receipt(None, "already", None, found)
        raise UnknownSubjectError(_unknown(target, project))
    if brings_back(project, project.fence(root), target):
        raise RefusedError(BROUGHT_BACK)
    project.table(root).take(slice(0, 0)).change(target)  # what does not fit must not keep the others waiting later
    paper = Paper(secrets.token_bytes(SALT), target, requester, reference, root.snapshot.schema)
    return _accepted(project, paper, mark, content, found)


BROUGHT_BACK = Refusal(
    "a row of this correction gives a record to an owner or a class that was forgotten, and must stay out",
    "instead",
    "`expunge readmit` lifts the fence, on the record",
)


def brings_back(project: Project, fence: Fence, target: Target) -> bool:
    """Whether a correction would bring back whom the fence keeps out."""
    return any(refused_rows(fence, project.keyring.fence, step.table) for step in corrections(target))


def _found(project: Project, root: Root, target: Target) -> tuple[Root, Target, dict[Subject, Presence]]:
    target = canonical(target, project.table(root))
    return root, target, presence(project, root, target)


def presence(project: Project, root: Root, target: Target) -> dict[Subject, Presence]:
    """For each name of a target: held, erased before, or unknown."""
    return roster(project, root).presence(subjects(target), project.fence(root))


def roster(project: Project, root: Root) -> Roster:
    """Who is in the snapshot; made once for each."""
    table = project.table(root)
    held: Roster | None = project.__dict__.get("_roster")
    if held is None or held.table is not table:
        held = project.__dict__["_roster"] = Roster(table, project.keyring.fence)
    return held


def canonical(target: Target, table: Table) -> Target:
    """A target whose classes are of the label's own type: 1.0 is 1 where classes are integers."""
    kind = "" if table.label is None else table.label.dtype.kind
    match target:
        case Batch(steps):
            return Batch([canonical(step, table) for step in steps])
        case Label(float(value)) if kind == "i" and value.is_integer():
            return Label(int(value))
        case Label(value) if kind == "f" and isinstance(value, int) and not isinstance(value, bool):
            return Label(float(value))
    return target


def _accepted(project: Project, paper: Paper, mark: str, content: str, found: Mapping[Subject, Presence]) -> Receipt:
    """Seal the paper, then write the event: the request exists from that moment on."""
    named, asked = subjects(paper.target), paper.requester
    by = None if asked is None else commitment(paper.salt, "requester", asked)
    with project.store.writing():
        address = project.store.put(paper.written())
        number = f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(6)}"
        body = {
            "token": mark,
            "content": content,
            "kind": "correct" if kinds_of(paper.target) == {"correct"} else "erase",
            "target": address,
            "named": len(named),
            "requester": by,
        }

        def make(book: Book) -> list[Entry]:
            earlier = book.by_token(mark)  # another process may have been quicker
            if earlier is not None and _same(earlier, content, paper.reference, left=True):
                return []
            return [Entry("received", body, number)]

        made = project.ledger.append(make)
    request = project.book.requests[number] if made else project.book.by_token(mark)
    assert request is not None  # noqa: S101  (either it was written now, or it had been)
    return _receipt(project, request, found)


def kinds_of(target: Target) -> frozenset[str]:
    """What a target asks for: to erase, to correct, to update."""
    steps = target.targets if isinstance(target, Batch) else (target,)
    kinds = {Correction: "correct", Addition: "update"}
    return frozenset(kinds.get(type(step), "erase") for step in steps)


def _differs(table: Table, target: Target) -> bool:
    """Whether there is something left to change: what a correction says may be what the data say."""
    if kinds_of(target) != {"correct"}:
        return True
    change = table.change(target)
    return change is None or bool(len(change.out))


def _same(earlier: Request, content: str, reference: str | None, *, left: bool) -> bool:
    """Whether a request with the same token is this one; one that has ended is not, where there is work again."""
    if reference is not None:
        if earlier.content != content:
            msg = (
                f"reference {reference!r} stands for another request of the same requester ({earlier.id}): a new"
                " request needs a new reference"
            )
            raise ParameterError(msg)
        if earlier.state == "certified" and left:
            msg = (
                f"request {earlier.id}, reference {reference!r}, is done, and the data hold what it named again: it was"
                " readmitted since; ask under a new reference"
            )
            raise ParameterError(msg)
        return earlier.state != "ended"
    return earlier.state in ("received", "published") or not left


def _receipt(project: Project, request: Request, found: Mapping[Subject, Presence]) -> Receipt:
    waiting = request.state in ("received", "published")
    salt = project.paper(request.target).salt.hex() if waiting else None
    return Receipt(request.id, request.state, salt, found)


def _digest(project: Project, target: Target) -> str:
    return keyed.digest(keyed.subkey(project.keyring.ledger, "content"), content_of(project.keyring.ledger, target))


def _unknown(target: Target, project: Project) -> str:
    plain = [(kind, str(name).partition(" ")[2] if kind == "class" else repr(name)) for kind, name in subjects(target)]
    named = [f"{kind} {name}" for kind, name in plain]
    said = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
    return f"project {project.settings.name!r} holds no {said or 'record at all'}: nothing was changed"
