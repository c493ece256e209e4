"""What an audit says to people who have to decide: in plain words, with what it cannot show.

Examples
--------
>>> MARKS["not detected"]
('○', 'Not detected')
>>> print(TIERS["quick"])
Quick: nothing was learned again. The models were asked, and there was nothing to compare their answers with.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from expunge.audit.arms import Missing
from expunge.values import Bounded, Certified, Empirical, Exact, Suppressed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expunge.audit.report import Report
    from expunge.audit.standard import Finding
    from expunge.audit.verdict import Verdict

MARKS = {
    "detected": ("◆", "Detected"),
    "not detected": ("○", "Not detected"),
    "inconclusive": ("?", "Inconclusive"),
    "no evidence": ("—", "No evidence"),
}
"""A sign and a word for each kind of verdict: none is told by its colour alone."""

TIERS = {
    "quick": "Quick: nothing was learned again. The models were asked, and there was nothing to compare their answers"
    " with.",
    "replay": "Replay: the model was learned again without the records twice, once under its own key and once under"
    " another.",
    "standard": "Standard: the one model that forgot was placed among models that never met the records.",
    "full": "Full: many models that forgot were compared with many that never met the records, record by record.",
}
LIMITS = {
    "quick": "Without models to compare with, no figure means anything: a leak may be there and none was looked for in"
    " earnest.",
    "replay": "Two models are too few for a verdict by figures. This tier tries a claim of exactness; for any other"
    " claim it is a first look.",
    "standard": "The verdict holds for this one model, and for these records as a set. A single record may still stand"
    " out among them. The full tier looks at each.",
    "full": "The verdict holds for the method on these data and these records: others may be harder to forget. The"
    " model that was given is none of those that were looked at. What is said of single records is a lower bound, and"
    " few models cannot show a small one.",
}
OF_THE_METHOD = (
    "The verdict is the method's: models that it made forget under other keys were looked at. The model that was given"
    " is none of them; the standard tier places that one."
)
ARMS = {
    "original": "original: before forgetting. What doing nothing is worth.",
    "forgotten": "forgotten: the model under audit.",
    "oracle": "oracles: learned without the records. What perfect forgetting would be.",
}
MADE = "forgotten: models that the method made forget, under other keys."
CLAIMS = {
    Exact: "It is said to be, bit for bit, the model that learning without these records gives.",
    Certified: "It is said to be nearly impossible to tell from a model learned without these records, by a proof with"
    " these two numbers. Figures can not contradict such a proof; they can find a mistake.",
    Bounded: "It is said to lie no farther than this from the model learned without these records. A distance alone"
    " does not say what an attacker can see.",
    Empirical: "Nothing is proven. Only measurements such as these speak for it.",
    Suppressed: "It is said that the records no longer show. Nothing says that they are gone.",
}
THREAT = (
    (
        "Who was assumed to look: somebody who may ask the published model about these very records, sees all its"
        " scores, and knows how models answer that never met them. Not tried: reading the model's inner values, asking"
        " in many steps that build on each other, or knowing more about the records than this."
    ),
    (
        "Whoever holds the model from before can compare it with this one, and learn what was taken out. Destroy the"
        " old model and its copies."
    ),
    (
        "Only this model was looked at. Copies of the data, backups, logs, answers given before, and models made from"
        " this one are elsewhere."
    ),
    "Nothing is said of the people who stay. Whether they can be recognised is another audit.",
    "An audit can lower a claim and never raises one. What nobody found may still be there.",
)
ALARMS = (
    "With nothing to be found, an audit like this one says detected in up to 5 of 100 cases, all its figures together."
)


def said(verdict: Verdict) -> str:
    """What a verdict says beside its kind, as a sentence: its sign and word stand before it.

    Examples
    --------
    >>> from expunge.audit.verdict import screening
    >>> said(screening())
    'Too little was learned again for a stronger word.'
    """
    _, found, rest = verdict.said.partition(": ")
    return sentence(rest if found else verdict.said)


def sentence(text: str) -> str:
    """Text with a capital (of a word, not of a p-value) and a full stop, whose numbers stay in one line."""
    start = text[:1] if text.startswith("p =") else text[:1].upper()
    ended = start + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
    return ended.replace(" %", "\xa0%").replace("p = ", "p\xa0=\xa0")


def of_classes(text: str, report: Report) -> str:
    """Text about figures, without what they are of numbers where labels are classes."""
    found = [each for _, arm in report.utility.each() for _, each in arm.each() if not isinstance(each, Missing)]
    classes = any(each.accuracy is not None for each in found)
    return re.sub(r" \(of numbers: [^()]*\)", "", text) if classes else text


def meaning(report: Report) -> Iterator[str]:
    """What the verdict means for whoever has to decide, in sentences."""
    verdict = report.verdict
    if verdict.kind == "detected":
        yield "The model that forgot can be told from models that never met these records."
        if verdict.overshoot:
            yield (
                "It differs on the other side than before: it treats these records worse than a model that never met"
                " them. That is called overshoot, and gives them away as well."
            )
        if not isinstance(report.replay, Missing) and report.replay.equal:
            yield (
                "Yet learning again without the records gave the very same model, bit for bit, and that weighs more"
                " than any figure: of 100 audits of perfect forgetting, up to 5 say detected."
            )
    elif verdict.kind == "not detected":
        yield "By what was measured, this model passes for one that never met these records."
        yield "A smaller effect than the one that is named may be there. It is no proof that nothing is left."
    elif verdict.kind == "inconclusive":
        yield "What was measured could not have told a model that forgot nothing from one that never met the records."
        yield "So nothing can be said, in either direction."
    else:
        yield "There is no verdict by figures: too few models were learned to compare this one with."


def tried(report: Report) -> str:
    """What came of learning again, in one sentence."""
    found, exact = report.replay, isinstance(report.claimed, Exact)
    if isinstance(found, Missing):
        return f"Not compared with the model learned again: {found.reason}."
    if found.equal:
        return "Learning again without these records gave the same model, bit for bit."
    if exact:
        return "Learning again without these records gave another model. The claim of exactness does not hold."
    return "Learning again without these records gave another model, as is to be expected of a claim that is not exact."


def limits(report: Report) -> Iterator[str]:
    """What this audit does not show, in sentences."""
    yield LIMITS[report.tier]
    yield from (sentence(f"asked for and not measured: {reason}") for reason in report.lacking)
    if report.findings:
        yield ALARMS
    if report.twins:
        one = "1 exact copy of a forgotten record stays"
        copies = one if report.twins == 1 else f"{report.twins:,} exact copies of forgotten records stay"
        yield f"{copies}: nobody named them, the model learned from them, and they teach the same."
    else:
        yield "No exact copy of a forgotten record stays. Near copies, and what others' records tell, were not counted."
    yield from THREAT


def reading(report: Report) -> Iterator[str]:
    """How the pictures of the figures are to be read."""
    if not report.findings:
        yield "Each model's figure with its interval at 95 %. The dashed line is a coin toss."
        return
    yield "Each picture has one figure, on a scale of its own."
    if report.tier == "full":
        yield (
            "Original and forgotten stand at the mean of all models of their kind; a circle is one oracle. If"
            " forgetting was perfect, the diamond lies in the shaded band or beside it: where means of as many oracles"
            " lie, and of attacks, where the second oracles' accuracy does at 95 %."
        )
    else:
        yield (
            "If forgetting was perfect, the diamond is one more circle: it lies in the shaded band, and all diamonds do"
            " in 95 of 100 audits."
        )
    if any(_inside(one) for one in report.findings):
        yield "Once one figure is detected, the others count for more (Holm): one may be detected within its band."
    yield (
        "A diamond near the square forgot nothing. A diamond on the other side of the circles is overshoot: the records"
        " stand out by being treated too badly."
    )


def _inside(one: Finding) -> bool:
    return one.verdict.kind == "detected" and one.forgotten.low <= one.forgotten.value <= one.forgotten.high
