"""Which records of a project a reason speaks against: ranked, without changing anything.

Models that are learned for it are learned in memory: nothing of them rests anywhere, and the ledger, which names
nobody, says nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.engine.inquiry import chosen
from expunge.engine.releasing import released
from expunge.errors import ProjectError, UnknownSubjectError
from expunge.finding.found import Found
from expunge.finding.influential import influential
from expunge.finding.mislabelled import mislabelled
from expunge.finding.poisoned import poisoned
from expunge.finding.unfair import unfair
from expunge.measures.loss import correct
from expunge.values import Records

if TYPE_CHECKING:
    from expunge.data.table import Table
    from expunge.engine.project import Project
    from expunge.engine.root import Root
    from expunge.finding.poisoned import At, By
    from expunge.finding.unfair import Gap
    from expunge.protocol import Run


@dataclass(frozen=True)
class Suspect:
    """A published model, and what it learned from.

    Attributes
    ----------
    method : method
    model : model
        As it may be seen.
    shown, held_out : Table
        Records that it learned from, and those that it did not.
    run : Run
        With an empty store of its own.
    """

    method: Any
    model: Any
    shown: Table
    held_out: Table
    run: Run


def wrongly_labelled(project: Project, name: str | None, *, folds: int) -> Found:
    """All records by how likely their label is wrong; the model's learner learns once for each fold."""
    at = project.look(lambda root: _suspect(project, root, chosen(project, name)))
    learner = at.method
    while hasattr(learner, "learner"):
        learner = learner.learner
    return mislabelled(learner, project.table(project.published()), at.run, folds=folds)


def poisonous(project: Project, name: str | None, *, by: By, at: At) -> Found:
    """Records learned from by how far they lie apart from their class."""
    one = project.look(lambda root: _suspect(project, root, chosen(project, name)))
    return poisoned(one.method, one.model, one.shown, one.run, by=by, at=at)


def misleading(project: Project, name: str | None, asked: Table | Records | None) -> Found:
    """Records learned from by how much better predictions would be without each.

    Parameters
    ----------
    asked : Table, Records or None
        Labelled rows, or records of the snapshot; None: those held out that the model gets wrong.

    Raises
    ------
    UnknownSubjectError
        When no record is held of those that were named.
    ProjectError
        When nothing was named and nothing is held out, or all of it is predicted right.
    """
    at = project.look(lambda root: _suspect(project, root, chosen(project, name)))
    if isinstance(asked, Records):
        data = project.table(project.published())
        change = data.change(asked)
        asked = data.take(slice(0, 0) if change is None else change.out)
        if not len(asked):
            msg = "nothing of what was named is held here, so there is no prediction to ask about"
            raise UnknownSubjectError(msg)
    return influential(at.method, at.model, at.shown, at.run, _wrong(at) if asked is None else asked)


def biasing(project: Project, name: str | None, gap: Gap) -> Found:
    """Records learned from by how much smaller a gap between groups would be without each.

    It is measured on the records held out, where there are some.
    """
    at = project.look(lambda root: _suspect(project, root, chosen(project, name)))
    return unfair(at.method, at.model, at.shown, at.run, gap, at.held_out if len(at.held_out) else None)


def _suspect(project: Project, root: Root, name: str) -> Suspect:
    standing = root.models[name]
    method = project.method(standing, root)
    model = released(project, name, standing, method)
    return Suspect(method, model, *project.shown(project.table(root), standing.holdout), project.run(standing).afresh())


def _wrong(at: Suspect) -> Table:
    """Records held out that the model gets wrong; of numbers all, which are never quite right."""
    if not len(at.held_out):
        msg = "no record is held out to see what the model gets wrong: name records, or give rows, to ask about"
        raise ProjectError(msg)
    classes, label = getattr(at.model, "classes", None), at.held_out.label
    if classes is None or label is None:
        return at.held_out
    wrong = at.held_out.take(np.flatnonzero(~correct(at.method.predict(at.model, at.held_out), classes, label)))
    if not len(wrong):
        msg = f"the model gets all {len(at.held_out)} records right that are held out: name others to ask about"
        raise ProjectError(msg)
    return wrong
