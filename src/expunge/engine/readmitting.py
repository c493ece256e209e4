"""Lifting the fence for somebody who may come back, on the record.

Nothing is learned by it: the next `expunge learn --update` finds what the source holds of them.
"""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

from expunge.engine import line
from expunge.engine.fence import Fence
from expunge.engine.intake import canonical, presence
from expunge.engine.paper import subjects
from expunge.errors import ParameterError, UnknownSubjectError
from expunge.ledger.chain import Entry
from expunge.values import Batch, Column, Label, Owners, Records

if TYPE_CHECKING:
    from expunge.engine.project import Project
    from expunge.engine.root import Root
    from expunge.keyed import Secret
    from expunge.values import Target


def readmit(project: Project, target: Target) -> int:
    """Let what a target names come back; how many names really may.

    The journal is told first: killed after that, the fence still keeps them out, and readmitting again finishes it.

    Raises
    ------
    UnknownSubjectError
        When none of the names was ever forgotten, or their owners or classes keep all of them out; nothing has changed.
    ParameterError
        For a correction, an addition or a column: a column comes back by learning again under another declaration.
    """
    with project.working("readmit"):
        line.finish(project)
        root = project.published()
        target, key = canonical(target, project.table(root)), project.keyring.fence
        fence = project.fence(root)
        whole = fence.joined(_journaled(project, root, target))
        new = lowered(whole, key, target)
        known = [subject for subject in subjects(target) if whole.knows(key, subject)]
        back = [subject for subject in known if not new.knows(key, subject)]
        if not back:
            raise UnknownSubjectError(_nobody(project, len(known)))
        entry = (f"readmit-{token_hex(8)}", "readmit", whole.less(new).spelled())
        project.record([entry])
        line.republish(project, root, fence.less(whole.less(new)), "readmit")
        project.ledger.append(lambda _: [Entry("readmitted", {"tokens": len(back)})])
        return len(back)


def _journaled(project: Project, root: Root, target: Target) -> Fence:
    """What the journal keeps out; nothing where the data hold some of the names: those are about to be forgotten."""
    if "held" in presence(project, root, target).values():
        return Fence()
    return project.kept_out()


def _nobody(project: Project, kept: int) -> str:
    name = project.settings.name
    if kept:
        return (
            f"project {name!r} lets none of what was named come back: their owners or classes were forgotten and keep"
            " them out; readmit those (--owners, --label), and nothing was changed"
        )
    return f"none of what was named was forgotten in project {name!r}: nothing was changed"


def lowered(fence: Fence, key: Secret, target: Target) -> Fence:
    """The fence without the names of a target. The records of an owner who comes back come back too."""
    match target:
        case Batch(steps):
            for step in sorted(steps, key=lambda step: isinstance(step, Records)):  # owners and classes first
                fence = lowered(fence, key, step)
            return fence
        case Records() | Owners() | Label():
            return fence.lowered(key, target)
    what = "a forgotten column stays out" if isinstance(target, Column) else "only names can be readmitted"
    msg = f"{what}: readmit takes records, owners or a class"
    raise ParameterError(msg)
