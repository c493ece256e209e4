"""The audit: all measures of one forgetting, and whether the claim stands.

A claim of `Exact` is tried by learning again; an approximate one is measured, always beside the original (what doing
nothing is worth), the oracle (what perfect is) and a second oracle (how far two perfect models lie apart). An audit can
lower a claim and never raises one: what nobody found may still be there.

How much is learned again is the tier: nothing (`quick`: screening alone), two oracles (`replay`), eight (`standard`:
the first tier that may say *not detected*), or 64 models of each arm (`full`: record by record). What each can show is
in docs/audit.md.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Records, Run, Sisa, Table
>>> X = np.random.default_rng(0).normal(size=(60, 3))
>>> table, test = (Table.from_arrays(X[at], X[at, 0] > 0, ids=np.arange(60)[at]) for at in (slice(40), slice(40, 60)))
>>> method, run, target = Sisa(LogisticRegression(), shards=2), Run(key=b"example"), Records([3, 4])
>>> model = method.learn(table, run)
>>> report = audit(method, model, method.forget(model, target, table, run), target, table, run, test=test)
>>> report.claim, report.vetoes
(Exact(), ())
>>> print(report)
Audit of one forgetting
  no evidence (screening): too little was learned again for a stronger word.
  claimed: Exact(); after this audit: Exact()
  2 records forgotten, 38 retained, 20 held out; 0 exact copies of forgotten records stay
...
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expunge import keyed
from expunge.audit import activations, agreement, full, membership, replay, standard, utility, wording
from expunge.audit import subgroups as groupwise
from expunge.audit.arms import Four, Missing, Parts, answers, parts
from expunge.audit.ensemble import Ensemble
from expunge.audit.layout import laid_out, said, shown
from expunge.audit.stress import chosen, compared
from expunge.audit.tiers import models_of
from expunge.audit.verdict import Verdict, overall, screening
from expunge.errors import ParameterError
from expunge.protocol import Key
from expunge.values import Empirical, Exact, Suppressed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expunge.audit.activations import Inside
    from expunge.audit.agreement import Agreements
    from expunge.audit.arms import Answers
    from expunge.audit.full import Full
    from expunge.audit.membership import Membership
    from expunge.audit.replay import Replay
    from expunge.audit.standard import Finding
    from expunge.audit.stress import Stress
    from expunge.audit.subgroups import Grouping, Subgroups
    from expunge.audit.tiers import Tier
    from expunge.audit.utility import Utility
    from expunge.data.table import Table
    from expunge.protocol import Learner, Run, Store
    from expunge.values import Claim, Forgotten, Target

NOTHING = "the quick tier learns nothing again"
UNASKED = Missing("no column was named that says who is of which group")


@dataclass(frozen=True)
class Report:
    """What an audit found. It names no record and no owner.

    Attributes
    ----------
    claimed, claim : Claim
        As the method made it, and as it stands after this audit: the same, or weaker.
    tier : {"quick", "replay", "standard", "full"}
    models : int
        Oracles that were learned; in the full tier, models of each arm.
    verdict : Verdict
        On what is left of the forgotten records, all figures together.
    vetoes : tuple of str
        Why this model should not be published, in sentences; empty when nothing speaks against it.
    records : Parts of int
        How many are retained, forgotten and held out.
    twins : int
        Records that stay although a forgotten one is the same in all features and label.
    replay : Replay or Missing
    utility : Four of Parts of Utility or Missing
    agreement : Agreements
    membership : Four of Membership or Missing
    activations : Parts of Inside or Missing
    subgroups : Subgroups or Missing
    findings : tuple of Finding
        Of the standard and the full tier: each figure with its own verdict.
    full : Full or None
    lacking : tuple of str
        Stresses that were asked for and could not be done, each with the reason.
    """

    claimed: Claim
    claim: Claim
    tier: Tier
    models: int
    verdict: Verdict
    vetoes: tuple[str, ...]
    records: Parts[int]
    twins: int
    replay: Replay | Missing
    utility: Four[Parts[Utility | Missing]]
    agreement: Agreements
    membership: Four[Membership | Missing]
    activations: Parts[Inside | Missing]
    subgroups: Subgroups | Missing
    findings: tuple[Finding, ...] = ()
    full: Full | None = None
    lacking: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The report as plain text, with what each figure can show and cannot."""
        count = self.records
        counts = f"{count.forgotten} records forgotten, {count.retained} retained, {count.test} held out"
        return [
            "Audit of one forgetting",
            *said(f"{self.verdict.said}."),
            *(said(wording.OF_THE_METHOD) if self.tier == "full" else []),
            f"  claimed: {self.claimed}; after this audit: {self.claim}",
            f"  {counts}; {self.twins} exact copies of forgotten records stay",
            *(line for veto in self.vetoes for line in said(f"VETO: {veto}.")),
            "",
            *(_found(self.findings, self.tier) if self.findings else []),
            *(line for reason in self.lacking for line in said(f"Not measured: {reason}.")),
            *replay.lines(self.replay),
            "",
            *utility.lines(self.utility),
            "",
            *agreement.lines(self.agreement),
            "",
            *membership.lines(self.membership),
            *_further(activations.lines(self.activations)),
            *_further([] if self.subgroups == UNASKED else groupwise.lines(self.subgroups)),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def audit(  # noqa: PLR0913  (a forgetting is six things, and an audit needs them all)
    method: Learner[Table, Any, Any],
    original: Any,
    forgotten: Forgotten[Any],
    target: Target,
    data: Table,
    run: Run,
    *,
    test: Table | None = None,
    second_key: bytes | None = None,
    tier: Tier = "replay",
    models: int | None = None,
    kept: Store | None = None,
    stress: Sequence[str | Stress] = (),
    groups: Grouping | None = None,
) -> Report:
    """Measure a forgetting. Nothing given is changed, ``run.store`` included; `tiers.visits` says what it costs.

    Parameters
    ----------
    method : method
        The one that learned and forgot.
    original : model
        Before forgetting.
    forgotten : Forgotten
        What `forget` gave.
    target : Target
    data : Table
        The data before forgetting.
    run : Run
        The key and threads that learned; ``run.map`` learns several models at once, ``run.tick`` hears of progress.
    test : Table, optional
        Held-out records with labels, under ids that the data do not hold.
    second_key : bytes, optional
        The second oracle's; derived from ``run.key`` when there is none.
    tier : {"quick", "replay", "standard", "full"}
    models : int, optional
        Oracles of the standard tier (eight), models of each arm of the full one (64).
    kept : mapping of str to bytes, optional
        Where what finished models say is kept: an audit that was interrupted goes on from there.
    stress : sequence of str or Stress
        In the standard tier: "resurfacing", "relearning", "quantisation", or one made by its class
        (`expunge.audit.stress`). All models go through each before they are asked again, which costs training.
    groups : Grouping, optional
        The column that says who is of which group, to compare the models group by group.

    Raises
    ------
    DataError
        If the test is not held out, tables and models do not fit each other, or there is no such column of groups.
    ParameterError
        If the second key is the first, or there is no such tier, or it cannot do with so few models; if there is no
        such stress, or the tier has none; if no record is of the class that is positive for groups.
    """
    other = keyed.subkey(run.key, "second oracle") if second_key is None else second_key
    if Key(other) == run.key:
        msg = "the second oracle needs a key of its own: under the first it is the first"
        raise ParameterError(msg)
    count, sets = models_of(tier, models), parts(data, target, test)
    if groups is not None:
        groupwise.expect(groups, data)
    ensemble = Ensemble(method, data, target, sets, run, {} if kept is None else kept, chosen(stress, tier))
    four, replayed = _learned(ensemble, original, forgotten.model, other, tier)
    asked = _asked(method, four, sets, ensemble.after.names)
    recognised = asked.map(lambda arm: membership.membership(arm.forgotten, arm.test))
    findings, beside, lacking = _findings(ensemble, four, tier, count)
    claim, vetoes = _judged(forgotten.claim, replayed, recognised, findings)
    return Report(
        claimed=forgotten.claim,
        claim=claim,
        tier=tier,
        models=count,
        verdict=_verdict(findings, recognised),
        vetoes=vetoes,
        records=sets.map(lambda part: 0 if isinstance(part, Missing) else len(part)),
        twins=len(data.twins(target)),
        replay=replayed,
        utility=asked.map(lambda arm: arm.map(utility.utility)),
        agreement=agreement.agreements(asked),
        membership=recognised,
        activations=activations.activations(method, four, ensemble.asked, ensemble.after.names),
        subgroups=UNASKED if groups is None else groupwise.subgroups(asked, sets, groups),
        findings=findings,
        full=beside,
        lacking=lacking,
    )


def _learned(
    ensemble: Ensemble, original: Any, forgotten: Any, other: bytes, tier: Tier
) -> tuple[Four[Any], Replay | Missing]:
    """The models of the replay, and what came of it; the quick tier has no oracle."""
    if tier == "quick":
        none = Missing(NOTHING)
        return Four(original, forgotten, none, none), none
    method, target, data, run = ensemble.method, ensemble.target, ensemble.data, ensemble.run
    oracle, seconds = replay.relearn(method, target, data, run)
    second, _ = replay.relearn(method, target, data, run, key=other)
    return Four(original, forgotten, oracle, second), replay.compared(forgotten, oracle, seconds)


def _findings(
    ensemble: Ensemble, four: Four[Any], tier: Tier, count: int
) -> tuple[tuple[Finding, ...], Full | None, tuple[str, ...]]:
    """The figures of the standard and the full tier, and what could not be had.

    The oracle under the run's own key is none of the references: where forgetting is exact, it is the forgotten model.
    """
    if tier == "standard":
        second = ensemble.under_stress(four.second, "second oracle", knew=False)
        others = [second, *ensemble.tried("oracle", count - 2)]
        old, new = (
            ensemble.under_stress(model, "under audit", knew=knew)
            for model, knew in ((four.original, True), (four.forgotten, False))
        )
        further, lacking = compared(ensemble.stresses, ensemble.sides(ensemble.after.names), old, new, others)
        return standard.findings(old[0], new[0], [one for one, *_ in others], further), None, lacking
    if tier == "full":
        pairs = ensemble.pairs(count)
        before, after = [pair.original for pair in pairs], [pair.forgotten for pair in pairs]
        oracles, seconds = (ensemble.oracles(arm, count) for arm in ("oracle", "second oracle"))
        found, beside = full.findings(full.Four(before, after, oracles, seconds))
        return found, beside, () if beside is not None else ("record by record: that takes one class for each record",)
    return (), None, ()


def _verdict(findings: tuple[Finding, ...], recognised: Four[Membership | Missing]) -> Verdict:
    """On leakage alone: damage is judged beside it, and is no sign of what is left."""
    leaks = [one.verdict for one in findings if one.about == "leakage"]
    if leaks:
        return overall(leaks)
    if findings:
        said = "inconclusive: there is no forgotten record that all models could be asked about"
        return Verdict("inconclusive", said)
    seen = membership.finding(recognised)
    return screening() if seen is None else Verdict("detected", f"detected: {seen}")


def _asked(
    method: Learner[Table, Any, Any], models: Four[Any], sets: Parts[Table | Missing], names: tuple[str, ...]
) -> Four[Parts[Answers | Missing]]:
    """What each model says of each part; those that never met an erased column are asked without it."""
    without = sets.map(lambda part: part if isinstance(part, Missing) else part.select(names))
    original = _answered(method, models.original, sets)
    others = (_answered(method, model, without) for model in (models.forgotten, models.oracle, models.second))
    return Four(original, *others)


def _answered(method: Learner[Table, Any, Any], model: Any, sets: Parts[Table | Missing]) -> Parts[Answers | Missing]:
    if isinstance(model, Missing):
        return Parts(model, model, model)
    return sets.map(lambda part: answers(method, model, part))


def _judged(
    claimed: Claim,
    replayed: Replay | Missing,
    recognised: Four[Membership | Missing],
    findings: tuple[Finding, ...],
) -> tuple[Claim, tuple[str, ...]]:
    """The claim as it stands, and what speaks against publishing the model.

    A figure does not contradict a bound that allows some difference, so only claims that rest on nothing but
    measurement fall by it. An exact claim that replayed stands, whatever a figure says: one in twenty errs.
    """
    vetoes, claim = [], claimed
    if isinstance(claimed, Exact):
        contradiction = replay.contradiction(replayed) if _tried(replayed) else None
        if contradiction is not None:
            claim = Empirical()
            vetoes.append(contradiction)
    if isinstance(claim, Empirical | Suppressed):
        seen = membership.finding(recognised)
        vetoes += [] if seen is None else [seen]
        vetoes += [f"{one.title}: {one.verdict.said}" for one in findings if one.verdict.kind == "detected"]
    return claim, tuple(vetoes)


def _tried(replayed: Replay | Missing) -> bool:
    """Whether anything was learned again."""
    return not isinstance(replayed, Missing) or replayed.reason != NOTHING


def _found(findings: tuple[Finding, ...], tier: Tier) -> list[str]:
    """The figures of the standard and the full tier, each with its verdict."""
    looked_at = "models that forgot" if tier == "full" else "the forgotten model"
    rows = [["figure", "original", "forgotten", "an oracle's", ""]]
    for one in findings:
        mine = one.forgotten
        between = f"{shown(mine.low)} to {shown(mine.high)}"
        rows.append([one.name, shown(one.original.value), shown(mine.value), between, one.verdict.kind])
    return [
        f"Each figure of {looked_at}, placed among the oracles'",
        *laid_out(rows),
        *(line for one in findings for line in said(f"{one.name}: {one.title}. {one.verdict.said}. {one.limits}")),
        "",
    ]


def _further(made: list[str]) -> list[str]:
    """A section that is not always there."""
    return ["", *made] if made else []
