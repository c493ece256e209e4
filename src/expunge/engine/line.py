"""The line: request -> target -> plan -> forget -> audit (may veto) -> publish -> purge -> scan -> certificate.

Publishing is one event in the ledger. Before it, nothing that is published has changed; after it, the sealed outcome
says what is left to be done. So a process killed at any point leaves a whole model, and the next one goes on: `work`
finishes what was published and then works off what is pending, as one batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from expunge.audit.facts import among
from expunge.certificate import commitment
from expunge.data import snapshot as blocks
from expunge.engine import evidence
from expunge.engine.change import Changed, change, planned
from expunge.engine.intake import BROUGHT_BACK, Receipt, brings_back, receive, roster
from expunge.engine.outcome import Asking, Outcome
from expunge.engine.paper import RECONCILE, Paper, corrections, subjects
from expunge.engine.scan import needles_of
from expunge.engine.source_check import question
from expunge.errors import (
    DamagedError,
    DataError,
    ExpungeError,
    LearnError,
    RefusedError,
    StoreError,
    UnknownSubjectError,
    VetoError,
)
from expunge.ledger.chain import Entry
from expunge.values import Batch, Correction, Records, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expunge.data.table import Table
    from expunge.engine.evidence import Done
    from expunge.engine.fence import Fence
    from expunge.engine.project import Project
    from expunge.engine.root import Root
    from expunge.values import Target


def forget(
    project: Project, target: Target, *, requester: str | None = None, reference: str | None = None
) -> tuple[Receipt, list[Done]]:
    """Take a request in and work it off at once, with whatever else is pending."""
    receipt = receive(project, target, requester=requester, reference=reference)
    return receipt, ([] if receipt.state == "already" else work(project))


def work(project: Project) -> list[Done]:
    """Finish what was published, then work off all that is pending as one batch; one certificate each.

    Raises
    ------
    RefusedError
        When no request of the batch can be honoured; each has ended with its reason.
    VetoError, LearnError
        When the audit contradicts the claim, or the learner cannot learn from what would stay: nothing of such a
        request is published and it stays pending. The others of its batch are worked off one by one.
    """
    with project.working("work"):
        done = finish(project, sweep=not project.book.pending)
        papers = _papers(project)
        if not papers:
            return done
        try:
            publish(project, papers)
        except ExpungeError as failure:
            if len(papers) == 1 or isinstance(failure, RefusedError | StoreError):
                project.store.sweep(project.live)  # the papers of requests that have ended
                raise
            return done + _one_by_one(project, papers)
        return done + finish(project)


def finish(project: Project, *, sweep: bool = True) -> list[Done]:
    """Purge, scan and certify what was published and is not yet certified; then sweep what the evidence needed.

    Without ``sweep`` only where there was something to finish: for who publishes, and finishes, right afterwards, and
    may go on until then from the checkpoints of one who was killed.
    """
    publication = project.book.publication
    if publication is None:
        if sweep:  # a first learn that was killed left blobs
            project.store.sweep(project.live)
        return []
    unfinished, done = project.book.unfinished, list[evidence.Done]()
    outcome = _outcome_of(project, publication.outcome) if unfinished and publication.outcome is not None else None
    if not publication.purged:
        evidence.purge(project, outcome)
    if outcome is not None:
        done = evidence.certify(project, outcome, unfinished)
    if sweep or done:
        project.store.sweep(project.live)
    return done


def _outcome_of(project: Project, address: str) -> Outcome | None:
    """What is left to do; where it does not open any more, its requests end on the record, without a certificate."""
    try:
        return Outcome.read(project.store.read(address))
    except DamagedError:
        reason = "it was carried out and published, but the sealed notes for its certificate do not open any more"
        for request in project.book.unfinished:
            _end(project, request.id, "failed", reason)
        return None


def _one_by_one(project: Project, papers: Mapping[str, Paper]) -> list[Done]:
    """The requests of a batch that failed as a whole; what fails alone is raised when the others are done."""
    done: list[Done] = []
    failed: Exception | None = None
    waiting = {request.id for request in project.book.pending}
    for number, paper in papers.items():
        if number not in waiting:  # refused with the batch
            continue
        try:
            publish(project, {number: _fitted(project, paper)})
        except DataError as unfit:  # as the data have become since it was received
            _end(project, number, "failed", f"it does not fit the data any more: {type(unfit).__name__}")
            failed = unfit
        except (LearnError, RefusedError, VetoError) as failure:
            failed = failure
        else:
            done += finish(project)
    if failed is not None:
        project.store.sweep(project.live)
        raise failed
    return done


# -- publishing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Worked:
    """A batch, worked off and not yet published."""

    papers: Mapping[str, Paper]
    target: Target
    before: Table
    after: Table
    changes: tuple[Changed, ...]


def publish(project: Project, papers: Mapping[str, Paper]) -> None:
    """Forget what the papers ask, in every model, and publish it all with one event."""
    root = project.published()
    papers = _allowed(project, root, papers)
    try:
        try:
            worked = forgotten(project, root, papers)
        except RefusedError:
            worked = forgotten(project, root, _honourable(project, root, papers))
    except VetoError as veto:
        waiting = {request.id for request in project.book.pending}
        body = {"requests": [number for number in papers if number in waiting], "reason": str(veto)}
        project.ledger.append(lambda _: [Entry("vetoed", body)])
        raise
    commit(project, root, worked, "work")


def forgotten(project: Project, root: Root, papers: Mapping[str, Paper]) -> Worked:
    """Every model without what the papers name; nothing is published."""
    data, target = project.table(root), target_of(papers.values())
    changes = tuple(change(project, root, name, target, data) for name in root.models)
    return Worked(papers, target, data, data.after(target), changes)


def commit(project: Project, root: Root, worked: Worked, cause: str) -> None:
    """Put everything to rest, then write the one event that publishes it."""
    with project.store.writing():
        fence = project.store.put(_fenced(project, root, worked).written())
        new = replace(root, snapshot=_revised(project, root, worked), fence=fence)
        for made in worked.changes:
            project.store.put(made.content)
            new = new.with_model(made.name, made.after)
        asked = _asked(project, root, worked)
        outcome = _outcome(project, root, new, worked, asked) if worked.papers else None
        models = {
            made.name: {"before": made.before.fingerprint, "after": made.after.fingerprint} for made in worked.changes
        }
        body = {
            "root": project.store.put(new.written()),
            "cause": cause,
            "requests": list(worked.papers),
            "outcome": None if outcome is None else project.store.put(outcome.written()),
            "models": models,
        }
        lines = [(n, project.book.requests[n].kind, asking.tokens) for n, asking in asked.items()]
        if lines:  # before the publication: a backup that is restored right after it must know
            project.record(lines, state="begun")
        project.ledger.append(lambda _: [Entry("published", body)])


def republish(project: Project, root: Root, fence: Fence, cause: str) -> None:
    """Publish the same models behind another fence."""
    models = {name: {"before": model.fingerprint, "after": model.fingerprint} for name, model in root.models.items()}
    with project.store.writing():
        new = replace(root, fence=project.store.put(fence.written()))
        held: dict[str, Any] = {"requests": [], "outcome": None, "models": models}
        entry = Entry("published", {"root": project.store.put(new.written()), "cause": cause, **held})
        project.ledger.append(lambda _: [entry])
    finish(project)


def target_of(papers: Iterable[Paper]) -> Target:
    """One target of all; in order of receipt."""
    targets = [paper.target for paper in papers]
    return targets[0] if len(targets) == 1 else Batch(targets)


# -- which requests ----------------------------------------------------------------------------------------------------


def _papers(project: Project) -> dict[str, Paper]:
    """Pending requests by number; one whose sealed target does not open has to be made again."""
    papers = {}
    for request in project.book.pending:
        try:
            papers[request.id] = _fitted(project, project.paper(request.target))
        except DamagedError:
            _end(project, request.id, "failed", "its sealed target does not open any more: make the request again")
    return papers


def _fitted(project: Project, paper: Paper) -> Paper:
    """The paper with rows that lack the columns that were forgotten since."""
    if not corrections(paper.target):
        return paper
    return replace(paper, target=_narrowed(paper.target, project.fence(project.published()).columns))


def _narrowed(target: Target, columns: Iterable[str]) -> Target:
    if isinstance(target, Batch):
        return Batch([_narrowed(step, columns) for step in target.targets])
    if not isinstance(target, Correction):
        return target
    rows = target.table
    for name in columns:
        rows = rows.drop(name)
    return Correction(rows)


def _allowed(project: Project, root: Root, papers: Mapping[str, Paper]) -> Mapping[str, Paper]:
    """The requests without corrections that would bring back whom the fence, or an earlier request, keeps out.

    A correction before an erasure is another matter: the erasure covers the row as it was corrected.
    """
    none, fence = project.table(root).take(slice(0, 0)), project.fence(root)
    kept: dict[str, Paper] = {}
    for number, paper in papers.items():
        if brings_back(project, fence, paper.target):
            _end(project, number, "refused", BROUGHT_BACK.reason)
            continue
        kept[number] = paper
        fence = fence.raised(project.keyring.fence, paper.target, none)
    if not kept:
        raise RefusedError(BROUGHT_BACK)
    return kept


def _honourable(project: Project, root: Root, papers: Mapping[str, Paper]) -> Mapping[str, Paper]:
    """The requests that every model can honour; the others end with the reason, and without any left it is raised."""
    refusals = {number: _refused(project, root, paper.target) for number, paper in papers.items()}
    for number, refusal in refusals.items():
        if refusal is not None:
            _end(project, number, "refused", refusal.reason)
    kept = {number: papers[number] for number, refusal in refusals.items() if refusal is None}
    if not kept:
        raise RefusedError(next(refusal for refusal in refusals.values() if refusal is not None))
    return kept


def _refused(project: Project, root: Root, target: Target) -> Refusal | None:
    answers = (planned(project, root, name, target, project.table(root)) for name in root.models)
    return next((answer for answer in answers if isinstance(answer, Refusal)), None)


def withdraw(project: Project, number: str) -> None:
    """Take a request back that still waits: it ends on the record, and its sealed target is destroyed.

    Raises
    ------
    UnknownSubjectError
        When no request of this number waits.
    """
    with project.working("withdraw"):
        if number not in {request.id for request in project.book.pending}:
            raise UnknownSubjectError(_not_waiting(project, number))
        _end(project, number, "withdrawn", "whoever asked took it back")
        project.store.sweep(project.live)


def _not_waiting(project: Project, number: str) -> str:
    """Why a request cannot be taken back."""
    known = project.book.requests.get(number)
    if known is None:
        return f"no request {number!r} waits in project {project.settings.name!r}; `expunge status` says which do"
    if known.state == "ended":
        return f"request {number!r} waits no more, it has ended: {known.reason}"
    return f"request {number!r} was carried out, and what was carried out is not taken back; nothing was changed"


def _end(project: Project, number: str, state: str, reason: str) -> None:
    project.ledger.append(lambda _: [Entry("ended", {"state": state, "reason": reason}, number)])
    if state != "failed" and any(entry["request"] == number for entry in project.journal()):
        project.record([(number, "ended", {})])


# -- what is published -------------------------------------------------------------------------------------------------


def _fenced(project: Project, root: Root, worked: Worked) -> Fence:
    """The fence with all that goes, and with the rows that are put right."""
    change, key = worked.before.change(worked.target), project.keyring.fence
    gone = worked.before.take(slice(0, 0)) if change is None else worked.before.take(change.out)
    fence = project.fence(root).raised(key, worked.target, gone)
    for paper in worked.papers.values():
        if paper.requester != RECONCILE:  # what the source itself says otherwise today was no mistake
            fence = fence.righted(key, paper.target, worked.before)
    return fence


def _revised(project: Project, root: Root, worked: Worked) -> blocks.Snapshot:
    """The snapshot with only the touched blocks written anew; a column that goes leaves every block."""
    change = worked.before.change(worked.target)
    if change is None:
        return root.snapshot
    store = project.store
    return blocks.revised(root.snapshot, project.keyring.run, store.read, store.put, worked.before, change)


def _outcome(project: Project, root: Root, new: Root, worked: Worked, asked: Mapping[str, Asking]) -> Outcome:
    """What scan and certificates need to know when this is published."""
    gone = {str(project.book.root), *root.addresses} - new.addresses
    superseded = (*sorted(gone), *sorted(project.store.names_of(root.links - new.links)))
    needles = needles_of(project, worked.before, worked.after, worked.target)
    models = tuple(evidence.model_facts(made) for made in worked.changes)
    return Outcome(asked, models, tuple(each.written() for each in needles), superseded)


def _asked(project: Project, root: Root, worked: Worked) -> dict[str, Asking]:
    change = worked.before.change(worked.target)
    out = worked.before.take(slice(0, 0) if change is None else change.out).gathered()
    return {number: _asking(project, root, (out, worked.after), paper) for number, paper in worked.papers.items()}


def _asking(project: Project, root: Root, parts: tuple[Table, Table], paper: Paper) -> Asking:
    """One request's own part of the outcome; ``parts``: what the whole batch takes out, and what it leaves."""
    gone, after = parts
    words = {"held": "erased", "erased": "already erased", "unknown": "unknown"}
    found = roster(project, root).presence(subjects(paper.target), project.fence(root))
    rows = [step.table for step in corrections(paper.target)]
    stays = [Records(held.ids[among(held.ids, after.ids)].tolist()) for held in rows]
    right = {subject for step in stays for subject in subjects(step) if found[subject] == "held"}
    outcomes = tuple((*subject, "corrected" if subject in right else words[state]) for subject, state in found.items())
    tokens = evidence.journal_tokens(project, paper, gone)
    reference = None if paper.reference is None else commitment(paper.salt, "reference", paper.reference)
    return Asking(paper.salt, outcomes, tokens, reference, question(root.snapshot.schema, paper.target))
