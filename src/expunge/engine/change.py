"""What a target changes in one model: planned, forgotten, audited, and not yet published.

Pure but for the checkpoints, which rest in the store by derivation: killed here, the next try goes on from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from expunge import keyed
from expunge.audit import replay as replays
from expunge.audit.arms import Missing
from expunge.audit.document import document
from expunge.audit.facts import among
from expunge.audit.hardness import hardness
from expunge.audit.report import audit
from expunge.codec import encode, fingerprint
from expunge.engine.paper import content_of
from expunge.engine.releasing import unless_spent
from expunge.engine.root import Standing
from expunge.errors import RefusedError, VetoError
from expunge.methods.arrays.retrain import Retrain
from expunge.planner import plan
from expunge.project.settings import model_of
from expunge.protocol import Named, Parted, Priced, Resting
from expunge.values import Addition, Batch, Correction, Exact, Records, Refusal

if TYPE_CHECKING:
    from expunge.audit.hardness import Hardness
    from expunge.audit.tiers import Tier
    from expunge.data.table import Table
    from expunge.engine.project import Project
    from expunge.engine.root import Root
    from expunge.planner import Plan
    from expunge.protocol import Method, Run
    from expunge.values import Claim, Forgotten, Quote, Target

REPLAY = "audit: learning a part again"  # as a bar says it


@dataclass(frozen=True)
class Audited:
    """What an audit at forget time found, in words and figures that name nobody.

    Attributes
    ----------
    replay : {"none", "sample", "full"}
        What was done; a sample is one touched part.
    said : tuple of str
        Sentences.
    figures, controls : mapping
        What was measured, and what the same measure says where the answer is known.
    claim : Claim
        As it stands afterwards.
    """

    replay: str
    said: tuple[str, ...]
    figures: Mapping[str, Any]
    controls: Mapping[str, Any]
    claim: Claim


@dataclass(frozen=True)
class Changed:
    """One model, changed.

    Attributes
    ----------
    name : str
    before, after : Standing
    content : bytes
        Of the model afterwards: what ``after.address`` will be the address of.
    quote : Quote
    method : str
        The planned one.
    examples, retraining : int
        Record visits spent, and of learning everything again.
    seconds : float
    audited : Audited
    resumed : int
        Record visits that runs which were interrupted had spent, and that this one need not spend again.
    """

    name: str
    before: Standing
    after: Standing
    content: bytes
    quote: Quote
    method: str
    examples: int
    retraining: int
    seconds: float
    audited: Audited
    resumed: int = 0


def planned(
    project: Project, root: Root, name: str, target: Target, data: Table, *, weighed: bool = False
) -> Plan | Refusal:
    """The cheapest method for one model that promises what it must, and its quote; nothing is changed.

    ``weighed``: how much there is to forget is found out, too, where the claim is not exact.
    """
    standing, method = root.models[name], project.undoing(name, root)
    shown, _ = project.shown(data, standing.holdout)
    asked = for_shown(project, target, data, standing.holdout)
    model, run = project.model(standing), project.run(standing)

    def weigh(chosen: Any) -> Hardness | None:
        return None if shown.label is None else hardness(getattr(chosen, "learner", chosen), model, asked, shown, run)

    choices = _choices(project, method, name, standing)
    known = weigh if weighed else None
    return plan(choices, model, asked, shown, run, at_least=_promise(standing), hardness=known)


def change(project: Project, root: Root, name: str, target: Target, data: Table) -> Changed:
    """Plan, forget and audit one model.

    Raises
    ------
    RefusedError
        When no method promises enough for this target.
    VetoError
        When the audit contradicts the claim.
    """
    standing, method = root.models[name], project.undoing(name, root)
    shown, held = project.shown(data, standing.holdout)
    asked = for_shown(project, target, data, standing.holdout)
    model, run = project.model(standing), project.run(standing)
    choices = _choices(project, method, name, standing)
    chosen = plan(choices, model, asked, shown, run, at_least=_promise(standing))
    if isinstance(chosen, Refusal):
        raise RefusedError(chosen)
    undisturbed = _undisturbed(project, root, chosen, (model, asked, shown, run))
    start = perf_counter()
    forgotten = chosen.method.forget(model, asked, shown, run)
    seconds = perf_counter() - start
    after = shown.after(asked)
    audited = _audited(project, method, model, forgotten, Asked(name, asked, shown, after, held, run))
    content = encode(forgotten.model)
    like = replace(standing, lineage=project.book.number) if isinstance(chosen.method, Retrain) else standing
    return Changed(
        name=name,
        before=standing,
        after=stand(project, method, forgotten.model, content, like, run),
        content=content,
        quote=chosen.quote,
        method=chosen.name,
        examples=forgotten.examples,
        retraining=method.visits(after, run) if isinstance(method, Priced) else len(after),
        seconds=seconds,
        audited=audited,
        resumed=max(undisturbed - forgotten.examples, 0),
    )


class _Published(dict[str, bytes]):
    """Of the checkpoints at rest those that what is published needs, and none that interrupted runs left."""

    def __init__(self, store: Mapping[str, bytes], links: frozenset[str]) -> None:
        super().__init__()
        self._store, self._links = store, links

    def __missing__(self, derivation: str) -> bytes:
        if derivation.partition(".")[0] not in self._links:
            raise KeyError(derivation)
        return self._store[derivation]

    def get(self, derivation: str, default: Any = None) -> Any:
        return self._store.get(derivation, default) if derivation.partition(".")[0] in self._links else default


def _undisturbed(project: Project, root: Root, chosen: Plan, question: tuple[Any, Target, Table, Run]) -> int:
    """Record visits that a request would take had none been interrupted; 0 where none was, which is quick to see."""
    if not any("." in name for name in project.store.superseded(project.live())):
        return 0
    model, target, shown, run = question
    quote = chosen.method.quote(model, target, shown, replace(run, store=_Published(project.store, root.links)))
    return 0 if isinstance(quote, Refusal) else quote.examples


def stand(
    project: Project, method: Method[Any, Any, Any], model: Any, content: bytes, like: Standing, run: Run
) -> Standing:
    """A model as it will stand in the root; its address follows from its bytes."""
    checkpoints = tuple(sorted(model.checkpoints)) if isinstance(model, Resting) else ()
    made = project.environment(method, run)
    return replace(
        like,
        address=project.store.address(content),
        fingerprint=fingerprint(model),
        checkpoints=checkpoints,
        environment=made,
        recipe=method.recipe() if isinstance(method, Named) else "",
    )


def for_shown(project: Project, target: Target, data: Table, holdout: float) -> Target:
    """The target as the records that a model is shown have it: rows that move in or out of it come and go."""
    steps = target.targets if isinstance(target, Batch) else (target,)
    brings = any(isinstance(step, Correction | Addition) for step in steps)
    if not holdout or not brings:
        return target
    before, _ = project.shown(data, holdout)
    after, _ = project.shown(data.after(target), holdout)
    stays: list[Target] = [step for step in steps if not isinstance(step, Addition)]
    leaving, entering = before.take(~among(before.ids, after.ids)), after.take(~among(after.ids, before.ids))
    if len(leaving):
        stays.append(Records(leaving.ids))
    if len(entering):
        stays.append(Addition(entering))
    return Batch(stays)


# -- the audit ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What one model was asked to forget, and of which records."""

    name: str
    target: Target
    before: Table
    after: Table
    held: Table
    run: Run


def _audited(
    project: Project, method: Method[Any, Any, Any], model: Any, forgotten: Forgotten[Any], asked: Asked
) -> Audited:
    """As ``expunge.toml`` wants it; raises when the claim is contradicted."""
    how = project.settings.audit.replay
    if how == "none":
        said = 'nothing was learned again to check the claim: expunge.toml says replay = "none"'
        return Audited("none", (said,), {}, {}, forgotten.claim)
    if how == "sample" and isinstance(method, Parted):
        return _sampled(project, method, model, forgotten, asked)
    return _whole(method, model, forgotten, asked, project.settings.audit.tier)


def _sampled(project: Project, method: Any, model: Any, forgotten: Forgotten[Any], asked: Asked) -> Audited:
    key = project.keyring.ledger
    project.tick(REPLAY, 0, 1)
    drawn = keyed.seed(key, "replay", asked.name, content_of(key, asked.target))
    found = replays.sample(method, model, forgotten.model, asked.after, asked.run, drawn)
    project.tick(REPLAY, 1, 1)
    if found is None:
        said = "no part of the model was learned from what was named, so there was none to learn again"
        return Audited("sample", (said,), {"parts touched": 0}, {}, forgotten.claim)
    exact, equal = isinstance(forgotten.claim, Exact), found.replay.equal
    against = replays.contradiction(found.replay)
    if exact and against is not None:
        _veto(asked.name, [against])
    figures = {
        "part": found.part,
        "parts touched": found.of,
        "forgotten": found.replay.forgotten,
        "learned again": found.replay.oracle,
        "equal": found.replay.equal,
        "seconds": round(found.replay.seconds, 6),
    }
    said = (
        f"one of {found.of} touched parts, drawn by a keyed hash of the request, was learned again from nothing: "
        f"{'the same, bit for bit' if equal else 'another model, as a claim that is not exact allows'}"
    )
    controls = {"before": found.original, "doing nothing would show": found.original != found.replay.oracle}
    return Audited("sample", (said,), figures, controls, forgotten.claim)


def _whole(method: Any, model: Any, forgotten: Forgotten[Any], asked: Asked, tier: Tier) -> Audited:
    test = asked.held if len(asked.held) else None
    report = audit(method, model, forgotten, asked.target, asked.before, asked.run, test=test, tier=tier)
    if report.vetoes:
        _veto(asked.name, report.vetoes)
    made = document(report)  # whoever audits again with the same key, data and versions gets this digest
    figures: dict[str, Any] = {
        "twins": report.twins,
        "tier": tier,
        "headline": made["headline"],
        "report": made["digest"],
    }
    controls: dict[str, Any] = {"before": fingerprint(model)}
    if not isinstance(report.replay, Missing):
        figures |= {
            "forgotten": report.replay.forgotten,
            "learned again": report.replay.oracle,
            "equal": report.replay.equal,
            "seconds": round(report.replay.seconds, 6),
        }
    for arm, found in report.membership.each():
        if not isinstance(found, Missing):
            held = figures if arm == "forgotten" else controls
            held[f"membership AUC, {arm}"] = [round(v, 4) for v in (found.low, found.auc, found.high)]
    return Audited("full", tuple(line.strip() for line in report.lines() if line), figures, controls, report.claim)


def _veto(name: str, reasons: tuple[str, ...] | list[str]) -> None:
    msg = f"the audit of model {name!r} speaks against publishing it: {'; '.join(reasons)}. The published model stays"
    raise VetoError(msg)


# -- choices -----------------------------------------------------------------------------------------------------------


def _promise(standing: Standing) -> Claim:
    return model_of(standing.settings).claim


def _choices(project: Project, method: Method[Any, Any, Any], name: str, standing: Standing) -> dict[str, Any]:
    """The model's method, unless its releases are spent, and learning again."""
    title = str(standing.settings["method"])
    if isinstance(method, Retrain):
        return {title: method}
    return {title: unless_spent(project.book, method, name, standing), "retrain": Retrain(method)}
