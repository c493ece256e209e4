"""The numbers of a report as tables of a page; what could not be measured says why.

Examples
--------
>>> from expunge.audit.arms import Missing
>>> print(table("Loss", ["model", "loss"], [["oracle", "0.5"]])[:76])
<h3>Loss</h3><div class="wide" tabindex="0" role="region" aria-label="Loss">
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from expunge.audit import activations, agreement, membership, subgroups, utility
from expunge.audit.arms import TITLES, Four, Missing
from expunge.audit.layout import shown
from expunge.audit.markup import Html, element, joined
from expunge.audit.subgroups import Subgroups
from expunge.audit.wording import MARKS, sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from expunge.audit.agreement import Agreement
    from expunge.audit.full import Attack, Full
    from expunge.audit.report import Report
    from expunge.audit.utility import Utility
    from expunge.audit.verdict import Verdict

MINE = "forgotten"
ARMS = {"original": "original (do nothing)", "forgotten": "forgotten", "second": "second oracles (chance)"}
RATES = (0.001, 0.01, 0.1)
"""Shares of false alarms at which a curve is read."""


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 0) -> Html:
    """Rows of cells: the first is the row's name; the last ``words`` columns are text."""
    kinds = [None] * (len(head) - words) + ["words"] * words
    top = [element("th", cell, scope="col", class_=kind) for cell, kind in zip(head, kinds, strict=True)]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", cell, class_=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True)),
            class_="mine" if row[0] == MINE else None,
        )
        for row in rows
    ]
    inside = element("table", element("thead", element("tr", *top)), element("tbody", *body), aria_label=caption)
    return joined(
        [element("h3", caption), element("div", inside, class_="wide", tabindex=0, role="region", aria_label=caption)]
    )


def chip(verdict: Verdict) -> Html:
    """A verdict as a sign and a word."""
    mark, word = MARKS[verdict.kind]
    over = " (overshoot)" if verdict.overshoot else ""
    return element("span", f"{mark} {word}{over}", class_=f"chip {verdict.kind.replace(' ', '-')}")


def numbers(report: Report) -> Html:
    """All tables of a report."""
    return joined(
        [
            *_findings(report),
            *_full(report.full),
            *_utility(report),
            *_nearness(report),
            *_membership(report),
            *_inside(report),
            *_groups(report),
        ]
    )


def _findings(report: Report) -> Iterator[Html]:
    if not report.findings:
        return
    head = ["figure", "original", "forgotten", "oracles' mean", "band", "p", "would have been seen", "verdict"]
    rows = []
    for one in report.findings:
        mine = one.forgotten
        band = f"{shown(mine.low)} to {shown(mine.high)}"
        p = "-" if one.verdict.p is None else f"{one.verdict.p:.2g}"
        values = [shown(one.original.value), shown(mine.value), shown(mine.mean), band, p, _least(mine.smallest)]
        rows.append([one.name, *values, MARKS[one.verdict.kind][1].lower()])
    yield table("Each figure of the forgotten model among the oracles'", head, rows, words=1)
    yield _note(
        "Band: where perfect forgetting ends, all figures together in 95 of 100 audits. p: the chance of a distance as"
        " large if forgetting was perfect, put right for the number of figures (Holm). Would have been seen: the"
        " smallest distance from the oracles' mean that is detected in 80 of 100 audits."
    )


def _full(full: Full | None) -> Iterator[Html]:
    if full is None:
        return
    head = ["models", "right", "95 %", *(f"found at {100 * rate:g} %" for rate in RATES), "epsilon", "KL"]
    yield table("Told from oracles, record by record", head, (_attacked(full, arm) for arm in full.attacks))
    score = full.score
    told = (
        "Right: share of right guesses of an attack (U-LiRA) that is shown a model and has to say whether it forgot a"
        " record or never met it; half is a coin toss. Found at: share of such records that it finds while it accuses"
        " that share of others. Epsilon: the largest lower bound of a record. KL: mean divergence of margins from the"
        f" oracles'. The most that {full.models} models of each kind could prove is an epsilon of"
        f" {shown(full.largest)}; of {full.leaking} records it is sure, all records counted (Holm), that they leak."
    )
    if score is not None:
        told += (
            f" Score of the competition of 2023: {shown(score.score)}, of {shown(score.ceiling)} that perfect"
            f" forgetting gets here (quotient {shown(score.value)})."
        )
    yield _note(told)


def _attacked(full: Full, arm: str) -> list[str]:
    one, epsilons = full.attacks[arm], full.epsilons.get(arm, ())
    found = [shown(_found(one, rate)) for rate in RATES]
    interval = f"{shown(one.low)} to {shown(one.high)}"
    return [ARMS[arm], shown(one.accuracy), interval, *found, shown(max(epsilons, default=None)), shown(full.klom[arm])]


def _found(one: Attack, rate: float) -> float:
    """The share found while no more than this share of the others is accused."""
    return max((tpr for fpr, tpr in zip(one.fpr, one.tpr, strict=True) if fpr <= rate), default=0.0)


def _utility(report: Report) -> Iterator[Html]:
    found = report.utility
    held: list[Utility | Missing] = [one for _, arm in found.each() for _, one in arm.each()]
    classes = any(not isinstance(one, Missing) and one.accuracy is not None for one in held)
    what = ("accuracy", "loss", "auc") if classes else ("rmse", "r2")
    parts = [part for part, _ in found.original.each()]
    rows = [
        [title, *(_cell(getattr(arm, part), name) for part in parts for name in what)]
        for title, arm in _arms(found)
        if not all(isinstance(one, Missing) for _, one in arm.each())
    ]
    yield table("How well each model does", ["model", *(f"{part}: {name}" for part in parts for name in what)], rows)
    yield _note(
        "The forgotten model should stand beside the oracles. Worse on retained or test records is damage; worse on"
        " forgotten records than an oracle is a mark of its own. Good figures do not show forgetting.",
        utility.pulled(found),
        *_reasons(held),
    )


def _nearness(report: Report) -> Iterator[Html]:
    found = report.agreement
    arms = {"original (do nothing)": found.original, "forgotten": found.forgotten, "second oracle": found.second}
    held: list[Agreement | Missing] = [one for arm in arms.values() for _, one in arm.each()]
    if all(isinstance(one, Missing) for one in held):
        return
    parts = [part for part, _ in found.second.each()]
    names = ("decisions", "distance", "js")
    rows = [
        [title, *(_cell(getattr(arm, part), name) for part in parts for name in names)] for title, arm in arms.items()
    ]
    head = ["with the oracle", *(f"{part}: {name}" for part in parts for name in ("same", "distance", "JS"))]
    yield table("How near each model's answers are to the oracle's", head, rows)
    blind = [
        part
        for part in parts
        if not isinstance(getattr(found.second, part), Missing)
        and not agreement.tells(getattr(found.original, part), getattr(found.second, part))
    ]
    none = f" It cannot tell on {', '.join(blind)}: doing nothing is as near as another oracle." if blind else ""
    yield _note(
        "Same: share of equal decisions. Distance: of the answers, 0 when equal. JS: their divergence. Nothing nearer"
        f" than the second oracle can be asked for.{none}"
    )


def _membership(report: Report) -> Iterator[Html]:
    found = report.membership
    rows = [
        [
            title,
            shown(one.auc),
            f"{shown(one.low)} to {shown(one.high)}",
            shown(one.entropy),
            shown(one.modified),
            str(one.members),
            str(one.others),
        ]
        for title, one in _arms(found)
        if not isinstance(one, Missing)
    ]
    if rows:
        head = ["model", "AUC", "95 %", "by entropy", "modified", "forgotten", "held out"]
        yield table("Recognising forgotten records by their loss (screening)", head, rows)
    seen = membership.finding(found)
    yield _note(
        "" if seen is None else sentence(f"detected: {seen}"),
        "0.5: a forgotten record cannot be told from one never seen. Above: it still fits better. Far below: it stands"
        " out too. This attack is weak: it can find a leak, and finding none proves nothing.",
        *_reasons([one for _, one in found.each()]),
    )


def _inside(report: Report) -> Iterator[Html]:
    rows = list(activations.rows(report.activations))
    if rows:
        yield table("How far the inside lies from the oracle's", activations.HEAD, rows)
        yield _note(activations.READING)


def _groups(report: Report) -> Iterator[Html]:
    found = report.subgroups
    if isinstance(found, Subgroups):
        yield table(subgroups.caption(found), subgroups.head(), subgroups.rows(found))
        yield _note(*subgroups.notes(found))


def _arms(found: Four[Any]) -> Iterator[tuple[str, Any]]:
    return ((title, arm) for (_, title), (_, arm) in zip(TITLES.each(), found.each(), strict=True))


def _reasons(held: Iterable[Any]) -> list[str]:
    return [f"Not measured: {why}." for why in dict.fromkeys(one.reason for one in held if isinstance(one, Missing))]


def _least(size: float) -> str:
    return shown(size) if math.isfinite(size) else "nothing"


def _cell(one: Any, name: str) -> str:
    return "-" if isinstance(one, Missing) else shown(getattr(one, name))


def _note(*sentences: str) -> Html:
    return element("p", " ".join(filter(None, sentences)), class_="note")
