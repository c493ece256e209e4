"""After a restore from a backup: what was forgotten since is forgotten again.

A backup brings back records, models and checkpoints that were erased after it was made. The journal of finished
erasures lies with the secrets, outside the project folder and its backups, and names nobody: it holds the fence's keyed
tokens. What the restored ledger does not know of it is matched with the restored snapshot and worked off again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.engine import line
from expunge.engine.fence import Fence, class_token, tokens, tokens_among
from expunge.engine.intake import receive
from expunge.engine.learning import learn
from expunge.engine.paper import class_name
from expunge.errors import DamagedError, LedgerError
from expunge.ledger import journal
from expunge.ledger.chain import Entry
from expunge.values import Batch, Column, Label, Owners, Records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from expunge.data.table import Table
    from expunge.engine.evidence import Done
    from expunge.engine.learning import Learned
    from expunge.engine.project import Project
    from expunge.engine.root import Root
    from expunge.keyed import Secret
    from expunge.values import Target


@dataclass(frozen=True)
class Restored:
    """What was replayed.

    Attributes
    ----------
    missing : int
        Finished requests that the ledger did not know.
    replayed : int
        Of these, requests of which the backup still held something.
    lost : tuple of str
        Corrections: their rows are not in the journal, so whoever asked must ask again.
    done : list of Done
    learned : Learned or None
        What was learned from the source again, where the backup did not open.
    unknown : bool
        Whether the journal was lost, now or before: what it said is not all that was ever forgotten.
    """

    missing: int
    replayed: int
    lost: tuple[str, ...]
    done: list[Done]
    learned: Learned | None = None
    unknown: bool = False


def restore(project: Project, *, again: bool = False, without_journal: bool = False) -> Restored:
    """Forget again what the journal knows and the ledger does not. The project must be open with ``shortened_ok``.

    The fence is raised first, for all that was ever erased and not readmitted: whatever happens next, nothing of it can
    be learned from the source again. Killed anywhere, the project owes what it did not replay, and says so until then.

    Parameters
    ----------
    again : bool
        Where what the backup published does not open: learn from the source again, behind the journal's fence.
    without_journal : bool
        Go on, on the record, although the journal is not whole. What of it the fence of this folder still knows is
        written into it again.

    Raises
    ------
    LedgerError
        When the journal is not whole, unless ``without_journal`` says to go on.
    """
    _accept(project, without_journal=without_journal)
    before, lines = project.ledger.head.number, project.journal()
    missing = set(journal.owed(lines, project.book))
    unknown = [entry for entry in lines if entry["request"] in missing and entry["kind"] not in journal.SILENT]
    learned, replayed = _learned_again(project) if again else None, 0
    if learned is None:
        replayed = _replayed(project, unknown)
    done = line.work(project) if project.book.pending else []
    lost = tuple(str(entry["request"]) for entry in unknown if entry["kind"] == "correct")
    with project.working("restore"):
        _told_again(project)
        journal.settle(project.keyring.erased, project.book)
        project.ledger.journaled(project.keyring.erased)
        project.ledger.append(lambda _: [Entry("restored", {"from": before, "replayed": replayed})])
    ever_lost = any(entry["request"].startswith("lost-") for entry in project.journal())
    return Restored(len(unknown), replayed, lost, done, learned, ever_lost)


def _accept(project: Project, *, without_journal: bool) -> None:
    """Go on with a journal that is whole, or with what there is of it where somebody said so.

    That it was lost stands in it from then on, until all is done: whoever is killed on the way has to say so again.
    """
    path, lines = project.keyring.erased, project.journal()
    why = journal.gap(path, project.keyring.anchor, lines, project.book)
    if why is not None and not without_journal:
        raise LedgerError(why)
    project.trusted()  # before anything is written: without it nothing could be forgotten
    if why is not None:
        if not any(entry["kind"] == "lost" for entry in lines):
            journal.note(path, "lost")
        project.ledger.journaled(path, whatever=True)


def _told_again(project: Project) -> None:
    """Write the requests that the ledger has and the journal has not into it again, with all that the fence keeps out.

    Which of them kept out whom nobody knows any more; an older backup that lacks the last of them forgets them all.
    """
    book = project.book
    missing = journal.lacking({entry["request"] for entry in project.journal()}, book)
    if missing:
        last, tokens = missing[-1], project.fence(project.root).spelled()
        project.record([(each, book.requests[each].kind, tokens if each == last else {}) for each in missing])


def _learned_again(project: Project) -> Learned | None:
    """What the source gives in the place of a publication that does not open; None where it does."""
    try:
        _opened(project)
    except DamagedError:
        return learn(project, again=True)
    return None


def _replayed(project: Project, unknown: list[dict[str, Any]]) -> int:
    """Raise the fence, and ask again for what the backup still holds; how many requests that are."""
    with project.working("restore"):
        kept_out, root = project.kept_out(), _opened(project)
        line.finish(project)
        fence = project.fence(root).less(readmitted(project.journal())).joined(kept_out)
        line.republish(project, root, fence, "restore")
    data, key, replayed = project.table(project.published()), project.keyring.fence, 0
    for entry in unknown:
        mine = Fence.from_spelled(entry)
        target = held(mine.less(mine.less(kept_out)), key, data)
        if target is not None:
            receive(project, target, requester="restore", reference=str(entry["request"]))
            replayed += 1
    return replayed


def readmitted(lines: Iterable[Mapping[str, Any]]) -> Fence:
    """Whose readmission the journal knows, and who was not forgotten again since: an older fence must let them back."""
    back = Fence()
    for entry in lines:
        if entry["kind"] not in journal.SILENT:
            mine = Fence.from_spelled(entry)
            back = back.joined(mine) if entry["kind"] == "readmit" else back.less(mine)
    return back


def _opened(project: Project) -> Root:
    """What the backup published, or what to do when its keys are gone."""
    try:
        root = project.published()
        project.fence(root)
        project.table(root)
    except DamagedError as gone:
        msg = (
            f"what this backup published does not open: {gone}. Erasures since then destroyed its keys: give"
            " --keys FILE, a backup of the keys that was made with it, or `expunge restore --again`, which learns from"
            " the source again"
        )
        raise DamagedError(msg) from gone
    return root


def held(fence: Fence, key: Secret, data: Table) -> Target | None:
    """What of a fence these data hold, by name; None where they hold nothing of it.

    Records that go with their owner or class are not named themselves: they come back when those are readmitted.
    """
    steps: list[Target] = []
    theirs = tokens_among(tokens(key, "owner", data.units), fence.owners)
    alone = tokens_among(tokens(key, "record", data.ids), fence.every_record)
    records = data.take(alone & ~theirs & ~fence.erased_classes(key, data)).ids
    if len(records):
        steps.append(Records(records))
    owners = data.take(theirs).units
    if len(owners):
        steps.append(Owners(owners) if data.owners is not None else Records(owners))
    present = data.present if data.label is not None else ()
    steps += [Label(name) for name in present if np.isin(class_token(key, class_name(name)), fence.classes).any()]
    steps += [Column(name) for name in fence.columns if name in data.names]
    return Batch(steps) if steps else None
