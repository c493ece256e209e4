"""A rehearsal: what forgetting something would leave in a model, tried and audited, and nothing of it kept.

The model is planned for and changed as a request would change it, in memory; checkpoints that are needed are read from
the store, and those that are made go nowhere. Oracles of the audit are learned from the sealed snapshot. What each said
rests in the store until the rehearsal ends, sealed like all there: killed on the way, the next one goes on from it, and
the next publication sweeps what nobody went on from. Where somebody publishes meanwhile, it breaks off and leaves
nothing: what models said of people may be of people who were just forgotten.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from expunge.audit.document import fingerprints
from expunge.audit.report import audit
from expunge.audit.tiers import Tier, visits
from expunge.engine.change import for_shown, planned
from expunge.engine.intake import canonical
from expunge.errors import BusyError, UnknownSubjectError
from expunge.values import Refusal

if TYPE_CHECKING:
    from expunge.audit.report import Report
    from expunge.audit.subgroups import Grouping
    from expunge.engine.project import Project
    from expunge.engine.root import Root
    from expunge.planner import Plan
    from expunge.protocol import Store
    from expunge.values import Target


@dataclass(frozen=True)
class Rehearsal:
    """What came of one model.

    Attributes
    ----------
    model : str
    method : str
        The one a request would be forgotten by; empty where all refuse.
    report : Report or Refusal
    visits : int
        Record visits that the audit cost.
    data : str
        Root of the snapshot that was learned from: of its content, under the project's key.
    before, after : str
        Fingerprints.
    """

    model: str
    method: str
    report: Report | Refusal
    visits: int
    fingerprints: Mapping[str, str]


@dataclass(frozen=True)
class Offer:
    """What a rehearsal of one model would take, before it begins."""

    model: str
    answer: Plan | Refusal
    visits: int
    seconds: float | None


def offered(project: Project, name: str, target: Target, tier: Tier, models: int | None = None) -> Offer:
    """The plan for one model, and what an audit of it costs; nothing is changed."""
    return project.look(lambda root: _offered(project, root, name, target, tier, models))


def _offered(project: Project, root: Root, name: str, target: Target, tier: Tier, models: int | None) -> Offer:
    data = project.table(root)
    target = canonical(target, data)
    change = data.change(target)
    if change is not None and not len(change.out) + len(change.into):
        msg = "nothing of what was named is held here, so there is nothing to rehearse"
        raise UnknownSubjectError(msg)
    answer = planned(project, root, name, target, data)
    if isinstance(answer, Refusal):
        return Offer(name, answer, 0, None)
    standing = root.models[name]
    shown, _ = project.shown(data, standing.holdout)
    asked = for_shown(project, target, data, standing.holdout)
    cost = visits(answer.method, asked, shown, project.run(), tier, models=models, forgetting=answer.quote.examples)
    pace = standing.pace
    return Offer(name, answer, cost, None if pace is None else cost * pace)


def rehearsed(
    project: Project,
    name: str,
    target: Target,
    tier: Tier = "standard",
    models: int | None = None,
    groups: Grouping | None = None,
) -> Rehearsal:
    """Forget in memory, and audit what comes of it; nothing is published, and nothing changed.

    Raises
    ------
    BusyError
        If somebody publishes meanwhile: what was kept until then goes.
    """
    offer = offered(project, name, target, tier, models)
    check = _standing(project)
    root, data = project.look(lambda root: (root, project.table(root)))
    if isinstance(offer.answer, Refusal):
        return Rehearsal(name, "", offer.answer, 0, {})
    standing, method = root.models[name], offer.answer.method
    asked = for_shown(project, canonical(target, data), data, standing.holdout)
    shown, held = project.shown(data, standing.holdout)
    model = project.model(standing)
    run = replace(project.run(standing), store=ChainMap({}, project.store))
    forgotten = method.forget(model, asked, shown, run)
    with Kept(project.store, check) as kept:
        report = audit(
            method, model, forgotten, asked, shown, run, test=held if len(held) else None, tier=tier, models=models,
            kept=kept, groups=groups,
        )  # fmt: skip
    made = fingerprints(model, forgotten.model, asked, shown, run)
    return Rehearsal(name, offer.answer.name, report, offer.visits, made)


def _standing(project: Project) -> Callable[[], None]:
    """What raises a sentence once something else is published than is now."""
    began = project.book.root

    def check() -> None:
        project.ledger.refresh()
        if project.book.root != began:
            msg = "somebody published another model while this was rehearsed, so its answers are of no use: begin again"
            raise BusyError(msg)

    return check


class Kept(MutableMapping[str, bytes]):
    """What a rehearsal keeps in a store: all of it goes when the rehearsal ends, and stays when it is interrupted.

    Parameters
    ----------
    store : mapping of str to bytes
    check : function
        Asked after every write whether it may stay; where it raises, all that was kept goes.

    Examples
    --------
    >>> store = {"a model": b"..."}
    >>> with Kept(store) as kept:
    ...     kept["an answer"] = b"yes"
    ...     sorted(store)
    ['a model', 'an answer']
    >>> sorted(store)
    ['a model']
    """

    def __init__(self, store: Store, check: Callable[[], None] = lambda: None) -> None:
        self._store, self._check, self._used = store, check, set[str]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is None or issubclass(failed, BusyError):
            for name in self._used:
                self._store.pop(name, None)

    def __getitem__(self, name: str) -> bytes:
        content = self._store[name]
        self._used.add(name)
        return content

    def __setitem__(self, name: str, content: bytes) -> None:
        self._store[name] = content
        self._used.add(name)
        self._check()  # after the write: who publishes later sweeps it

    def __delitem__(self, name: str) -> None:
        del self._store[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._used)

    def __len__(self) -> int:
        return len(self._used)
