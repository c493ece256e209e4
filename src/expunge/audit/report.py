"""The audit: all measures of one forgetting, and whether the claim stands.

A claim of `Exact` is tried by learning again; an approximate one is measured, always beside the original (what doing
nothing is worth), the oracle (what perfect is) and a second oracle (how far two perfect models lie apart). An audit can
lower a claim and never raises one: what nobody found may still be there.

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
  claimed: Exact(); after this audit: Exact()
  2 records forgotten, 38 retained, 20 held out; 0 exact copies of forgotten records stay
...
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expunge import keyed
from expunge.audit import agreement, membership, replay, utility
from expunge.audit.arms import Four, Missing, Parts, answers, parts
from expunge.audit.layout import said
from expunge.errors import ParameterError
from expunge.protocol import Key
from expunge.values import Empirical, Exact, Suppressed

if TYPE_CHECKING:
    from expunge.audit.agreement import Agreements
    from expunge.audit.arms import Answers
    from expunge.audit.membership import Membership
    from expunge.audit.replay import Replay
    from expunge.audit.utility import Utility
    from expunge.data.table import Table
    from expunge.protocol import Learner, Run
    from expunge.values import Claim, Forgotten, Target


@dataclass(frozen=True)
class Report:
    """What an audit found. It names no record and no owner.

    Attributes
    ----------
    claimed, claim : Claim
        As the method made it, and as it stands after this audit: the same, or weaker.
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
    """

    claimed: Claim
    claim: Claim
    vetoes: tuple[str, ...]
    records: Parts[int]
    twins: int
    replay: Replay | Missing
    utility: Four[Parts[Utility | Missing]]
    agreement: Agreements
    membership: Four[Membership | Missing]

    def lines(self) -> list[str]:
        """The report as plain text, with what each figure can show and cannot."""
        count = self.records
        counts = f"{count.forgotten} records forgotten, {count.retained} retained, {count.test} held out"
        return [
            "Audit of one forgetting",
            f"  claimed: {self.claimed}; after this audit: {self.claim}",
            f"  {counts}; {self.twins} exact copies of forgotten records stay",
            *(line for veto in self.vetoes for line in said(f"VETO: {veto}.")),
            "",
            *replay.lines(self.replay),
            "",
            *utility.lines(self.utility),
            "",
            *agreement.lines(self.agreement),
            "",
            *membership.lines(self.membership),
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
) -> Report:
    """Measure a forgetting. Nothing given is changed, ``run.store`` included; it costs learning twice.

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
        The key and threads that learned.
    test : Table, optional
        Held-out records with labels, under ids that the data do not hold.
    second_key : bytes, optional
        The second oracle's; derived from ``run.key`` when there is none.

    Raises
    ------
    DataError
        If the test is not held out, or tables and models do not fit each other.
    ParameterError
        If the second key is the first.
    """
    other = keyed.subkey(run.key, "second oracle") if second_key is None else second_key
    if Key(other) == run.key:
        msg = "the second oracle needs a key of its own: under the first it is the first"
        raise ParameterError(msg)
    sets = parts(data, target, test)
    oracle, seconds = replay.relearn(method, target, data, run)
    second, _ = replay.relearn(method, target, data, run, key=other)
    replayed = replay.compared(forgotten.model, oracle, seconds)
    asked = _asked(method, Four(original, forgotten.model, oracle, second), sets, data.after(target).names)
    recognised = asked.map(lambda arm: membership.membership(arm.forgotten, arm.test))
    claim, vetoes = _judged(forgotten.claim, replayed, recognised)
    return Report(
        claimed=forgotten.claim,
        claim=claim,
        vetoes=vetoes,
        records=sets.map(lambda part: 0 if isinstance(part, Missing) else len(part)),
        twins=len(data.twins(target)),
        replay=replayed,
        utility=asked.map(lambda arm: arm.map(utility.utility)),
        agreement=agreement.agreements(asked),
        membership=recognised,
    )


def _asked(
    method: Learner[Table, Any, Any], models: Four[Any], sets: Parts[Table | Missing], names: tuple[str, ...]
) -> Four[Parts[Answers | Missing]]:
    """What each model says of each part; those that never met an erased column are asked without it."""
    without = sets.map(lambda part: part if isinstance(part, Missing) else part.select(names))
    original = _answered(method, models.original, sets)
    others = (_answered(method, model, without) for model in (models.forgotten, models.oracle, models.second))
    return Four(original, *others)


def _answered(method: Learner[Table, Any, Any], model: Any, sets: Parts[Table | Missing]) -> Parts[Answers | Missing]:
    return sets.map(lambda part: answers(method, model, part))


def _judged(
    claimed: Claim, replayed: Replay | Missing, recognised: Four[Membership | Missing]
) -> tuple[Claim, tuple[str, ...]]:
    """The claim as it stands, and what speaks against publishing the model.

    A screening figure does not contradict a bound that allows some difference, so only claims that rest on nothing
    but measurement fall by it.
    """
    vetoes, claim = [], claimed
    contradiction = replay.contradiction(replayed)
    if isinstance(claimed, Exact) and contradiction is not None:
        claim = Empirical()
        vetoes.append(contradiction)
    seen = membership.finding(recognised)
    if isinstance(claim, Empirical | Suppressed) and seen is not None:
        vetoes.append(seen)
    return claim, tuple(vetoes)
