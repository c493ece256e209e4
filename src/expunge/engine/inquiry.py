"""Questions that change nothing: who is held where, what forgetting would cost, what a model says, does it replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from expunge.codec import fingerprint
from expunge.data import snapshot as blocks
from expunge.engine.intake import canonical, presence
from expunge.engine.paper import subjects
from expunge.engine.releasing import released, releases
from expunge.errors import DamagedError, DataError, ProjectError
from expunge.learners.promises import promised
from expunge.ledger.chain import Entry
from expunge.protocol import Parted
from expunge.values import Exact

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.engine.paper import Subject
    from expunge.engine.project import Project
    from expunge.engine.root import Root, Standing
    from expunge.engine.roster import Presence
    from expunge.planner import Plan
    from expunge.values import Refusal, Target


MORSEL = 1 << 15  # rows that are predicted at a time


@dataclass(frozen=True)
class Whereabouts:
    """Where what a target names is held.

    Attributes
    ----------
    presence : mapping of subject to presence
    rows : int
        Records of the snapshot that it covers.
    blocks : int
        Sealed blocks that they rest in.
    models : mapping of str to int
        Records of it that each model learned from.
    pending : tuple of str
        Requests that name some of it and wait.
    """

    presence: Mapping[Subject, Presence]
    rows: int
    blocks: int
    models: Mapping[str, int]
    pending: tuple[str, ...]


def where(project: Project, target: Target) -> Whereabouts:
    """Which models, snapshots and pending requests hold what a target names; unknown names are no error."""
    return project.look(lambda root: _where(project, root, target))


def _where(project: Project, root: Root, target: Target) -> Whereabouts:
    data = project.table(root)
    target = canonical(target, data)
    change = data.change(target)
    rows = data.take(slice(0, 0) if change is None else change.out)
    models = {name: len(project.shown(rows, standing.holdout)[0]) for name, standing in root.models.items()}
    touched = len(blocks.locate(root.snapshot, project.keyring.run, rows.units))
    return Whereabouts(presence(project, root, target), len(rows), touched, models, _pending(project, target))


def _pending(project: Project, target: Target) -> tuple[str, ...]:
    """Requests that wait and name one of the subjects."""
    sought, found = set(subjects(target)), []
    for request in (*project.book.pending, *project.book.unfinished):
        try:
            named = subjects(project.paper(request.target).target)
        except DamagedError:  # worked off meanwhile, or damaged: `work` says which
            continue
        if sought.intersection(named):
            found.append(request.id)
    return tuple(found)


@dataclass(frozen=True)
class Offer:
    """What forgetting would promise and cost in one model, and what is known of the names."""

    model: str
    answer: Plan | Refusal
    retraining: int


def quote(project: Project, target: Target) -> tuple[Mapping[Subject, Presence], list[Offer]]:
    """The plan for each model, before any work."""
    return project.look(lambda root: _quoted(project, root, target))


def _quoted(project: Project, root: Root, target: Target) -> tuple[Mapping[Subject, Presence], list[Offer]]:
    from expunge.engine.change import for_shown, planned  # they import scikit-learn, which `where` need not wait for

    data = project.table(root)
    target = canonical(target, data)
    offers = []
    for name, standing in root.models.items():
        method = project.method(standing, root)
        shown, _ = project.shown(data, standing.holdout)
        after = shown.after(for_shown(project, target, data, standing.holdout))
        visits = method.visits(after, project.run()) if hasattr(method, "visits") else len(after)
        offers.append(Offer(name, planned(project, root, name, target, data, weighed=True), visits))
    return presence(project, root, target), offers


def predict(project: Project, name: str | None, rows: Table) -> tuple[NDArray[Any], tuple[Any, ...] | None]:
    """Scores of rows under a published model, and the classes that name their columns (None: regression)."""
    return project.look(lambda root: _predicted(project, root, chosen(project, name), rows))


def _predicted(project: Project, root: Root, name: str, rows: Table) -> tuple[NDArray[Any], tuple[Any, ...] | None]:
    standing = root.models[name]
    gone = [held for held in rows.names if held not in dict(root.snapshot.schema.columns)]
    for held in gone:
        rows = rows.drop(held)
    method, parts = project.method(standing, root), []
    model = released(project, name, standing, method)
    for start in range(0, max(len(rows), 1), MORSEL):  # so that a million rows need not be prepared at once
        parts.append(np.asarray(method.predict(model, rows.take(slice(start, start + MORSEL)))))
        project.tick("rows", min(start + MORSEL, len(rows)), len(rows))
    return np.concatenate(parts), getattr(model, "classes", None)


def chosen(project: Project, name: str | None) -> str:
    """The model that is named; the only one where none is."""
    models = list(project.published().models)
    if name is None and len(models) == 1:
        return models[0]
    if name not in models:
        got = "none was named" if name is None else f"there is no model {name!r}"
        msg = f"{got}: project {project.settings.name!r} has {', '.join(map(repr, models))}; name one with --model"
        raise ProjectError(msg)
    return name


@dataclass(frozen=True)
class Replayed:
    """A published model against the one learned again from the snapshot, from nothing.

    Attributes
    ----------
    model : str
    equal : bool
    published, again : str
        Fingerprints.
    environment : {"same", "other"}
        Whether this machine is what the model was learned on; another one may round otherwise.
    seconds : float
    utility : object or None
        On the records held out.
    exact : bool
        Whether learning again must give the same bits: its learner may be one that does not promise so, or its method
        one whose forgetting ends near what is learned again (`Bounded`, say) and not at its bits.
    """

    model: str
    equal: bool
    published: str
    again: str
    environment: Literal["same", "other"]
    seconds: float
    utility: object
    exact: bool = True


def replay(project: Project, name: str | None = None) -> Replayed:
    """Learn a published model again from the snapshot with an empty store, and compare the bits."""
    name = chosen(project, name)
    root, data = project.look(lambda root: (root, project.table(root)))
    standing = root.models[name]
    method = project.undoing(name, root)
    shown, held = project.shown(data, standing.holdout)
    from expunge.audit.arms import answers
    from expunge.audit.utility import utility

    run = project.run().afresh()
    start = perf_counter()
    again = method.learn(shown, run)
    seconds = perf_counter() - start
    measured = utility(answers(method, again, held)) if len(held) else None
    same = project.environment(method, run) == dict(standing.environment)
    made = fingerprint(again)
    found = Replayed(
        name,
        made == standing.fingerprint,
        standing.fingerprint,
        made,
        "same" if same else "other",
        seconds,
        measured,
        exact=_must_repeat(project, name, standing, method),
    )
    verdict = "equal" if found.equal else "different"
    project.ledger.append(lambda _: [Entry("audited", {"model": name, "verdict": verdict})])
    return found


def _must_repeat(project: Project, name: str, standing: Standing, method: Any) -> bool:
    """Whether a published model is what its learner gives bit for bit, or was changed since by a method that is not."""
    if not isinstance(promised(getattr(method, "learner", None))[0], Exact):
        return False
    made = releases(project.book, name, standing)
    return isinstance(method, Parted) or (made is not None and made <= 1)


def counted(found: Mapping[Subject, Presence]) -> Counter[str]:
    """How many names are held, erased before, or unknown."""
    if not found:
        msg = "nothing was named"
        raise DataError(msg)
    return Counter(found.values())
