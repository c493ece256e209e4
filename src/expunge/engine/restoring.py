"""After a restore from a backup: what was forgotten since is forgotten again.

A backup brings back records, models and checkpoints that were erased after it was made. The journal of finished
erasures lies with the secrets, outside the project folder and its backups, and names nobody: it holds the fence's keyed
tokens. What the restored ledger does not know of it is matched with the restored snapshot and worked off again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.engine import line
from expunge.engine.fence import Fence, class_token, tokens, tokens_among
from expunge.engine.intake import receive
from expunge.engine.paper import class_name
from expunge.errors import DamagedError
from expunge.ledger import journal
from expunge.ledger.chain import Entry
from expunge.values import Batch, Column, Label, Owners, Records

if TYPE_CHECKING:
    from expunge.data.table import Table
    from expunge.engine.evidence import Done
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
    """

    missing: int
    replayed: int
    lost: tuple[str, ...]
    done: list[Done]


def restore(project: Project) -> Restored:
    """Forget again what the journal knows and the ledger does not. The project must be open with ``shortened_ok``.

    The fence is raised first, for all that was ever erased and not readmitted: whatever happens next, nothing of it can
    be learned from the source again. Killed anywhere, the project owes what it did not replay, and says so until then.
    """
    project.trusted()  # before anything is written: without it nothing could be forgotten
    before, lines = project.ledger.head.number, project.journal()
    missing = set(journal.owed(lines, project.book))
    unknown = [entry for entry in lines if entry["request"] in missing]
    with project.working("restore"):
        kept_out, root = project.kept_out(), _opened(project)
        line.finish(project)
        line.republish(project, root, project.fence(root).joined(kept_out), "restore")
    data, key, replayed = project.table(project.published()), project.keyring.fence, 0
    for entry in unknown:
        mine = Fence.from_spelled(entry)
        target = held(mine.less(mine.less(kept_out)), key, data)
        if target is not None:
            receive(project, target, requester="restore", reference=str(entry["request"]))
            replayed += 1
    done = line.work(project) if project.book.pending else []
    lost = tuple(str(entry["request"]) for entry in unknown if entry["kind"] == "correct")
    journal.settle(project.keyring.erased, project.book)
    project.ledger.append(lambda _: [Entry("restored", {"from": before, "replayed": replayed})])
    return Restored(len(unknown), replayed, lost, done)


def _opened(project: Project) -> Root:
    """What the backup published, or what to do when its keys are gone."""
    try:
        return project.published()
    except DamagedError as gone:
        msg = (
            f"what this backup published does not open: {gone}. Erasures since then destroyed its keys: give"
            " --keys FILE, a backup of the keys that was made with it, or `expunge learn --again` from the source"
        )
        raise DamagedError(msg) from gone


def held(fence: Fence, key: Secret, data: Table) -> Target | None:
    """What of a fence these data hold, by name; None where they hold nothing of it."""
    steps: list[Target] = []
    records = data.take(tokens_among(tokens(key, "record", data.ids), fence.every_record)).ids
    if len(records):
        steps.append(Records(records))
    owners = data.take(tokens_among(tokens(key, "owner", data.units), fence.owners)).units
    if len(owners):
        steps.append(Owners(owners) if data.owners is not None else Records(owners))
    present = data.present if data.label is not None else ()
    steps += [Label(name) for name in present if np.isin(class_token(key, class_name(name)), fence.classes).any()]
    steps += [Column(name) for name in fence.columns if name in data.names]
    return Batch(steps) if steps else None
