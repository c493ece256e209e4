"""Lifting the fence for somebody who may come back, on the record.

Nothing is learned by it: the next `expunge learn --update` finds what the source holds of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expunge.engine import line
from expunge.engine.intake import canonical
from expunge.engine.paper import subjects
from expunge.errors import ParameterError, UnknownSubjectError
from expunge.ledger import journal
from expunge.ledger.chain import Entry
from expunge.values import Batch, Column, Label, Owners, Records

if TYPE_CHECKING:
    from expunge.engine.fence import Fence
    from expunge.engine.project import Project
    from expunge.keyed import Secret
    from expunge.values import Target


def readmit(project: Project, target: Target) -> int:
    """Let what a target names come back; how many names were fenced.

    Raises
    ------
    UnknownSubjectError
        When none of the names was ever forgotten; nothing has changed.
    ParameterError
        For a correction, an addition or a column: a column comes back by learning again under another declaration.
    """
    with project.working("readmit"):
        line.finish(project)
        root = project.published()
        target, key = canonical(target, project.table(root)), project.keyring.fence
        fence = project.fence(root)
        known = [subject for subject in subjects(target) if fence.knows(key, subject)]
        if not known:
            msg = f"none of what was named was forgotten in project {project.settings.name!r}: nothing was changed"
            raise UnknownSubjectError(msg)
        new = lowered(fence, key, target)
        line.republish(project, root, new, "readmit")
        number = f"readmit-{project.ledger.head.number}"
        journal.write(project.keyring.erased, [(number, "readmit", fence.less(new).spelled())])
        project.ledger.append(lambda _: [Entry("readmitted", {"tokens": len(known)})])
        return len(known)


def lowered(fence: Fence, key: Secret, target: Target) -> Fence:
    """The fence without the names of a target. The records of an owner who comes back come back too."""
    match target:
        case Batch(steps):
            for step in steps:
                fence = lowered(fence, key, step)
            return fence
        case Records() | Owners() | Label():
            return fence.lowered(key, target)
    what = "a forgotten column stays out" if isinstance(target, Column) else "only names can be readmitted"
    msg = f"{what}: readmit takes records, owners or a class"
    raise ParameterError(msg)
