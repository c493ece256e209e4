"""A report as one page for a browser, to be read by whoever has to answer for a forgetting.

One file: no script, nothing fetched from anywhere, pictures drawn in it. It is read from disk, on a telephone, in the
dark and on paper. First the verdict, then the pictures, the numbers, what all that does not show, and by what it was
made. It names no record and no owner; what it is given to show (a title, names of fingerprints) is shown as text.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Records, Retrain, Run, Table
>>> from expunge.audit.report import audit
>>> X = np.random.default_rng(0).normal(size=(60, 3))
>>> table, method, run = Table.from_arrays(X, X[:, 0] > 0), Retrain(LogisticRegression()), Run(key=b"example")
>>> model, target = method.learn(table, run), Records([3, 4])
>>> report = audit(method, model, method.forget(model, target, table, run), target, table, run)
>>> made = page(report, title="Loans <2026>")
>>> "<h1>Loans &lt;2026&gt;</h1>" in made, "<script" in made
(True, False)
"""

from __future__ import annotations

import math
from importlib import resources
from typing import TYPE_CHECKING, Any

from expunge.audit import document, wording
from expunge.audit.arms import TITLES, Missing
from expunge.audit.drawing import Curve, Lane, Ticks, plot, sample, strip
from expunge.audit.layout import shown
from expunge.audit.markup import Html, element
from expunge.audit.tables import chip, numbers, table
from expunge.audit.wording import MARKS, sentence
from expunge.values import Exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from expunge.audit.drawing import Kind
    from expunge.audit.full import Full
    from expunge.audit.report import Report
    from expunge.audit.standard import Finding
    from expunge.values import Claim

TITLE = "Audit of one forgetting"
GROUPS = {"leakage": "What is left of the forgotten records", "damage": "What it did to everything else"}
UNTURNED = {"scores", "lira", "scores lira", "epsilon"}
"""Figures that grow with any difference from oracles: by these, overshoot looks like doing nothing."""
CURVES: dict[str, tuple[Kind, str]] = {
    "original": ("original", "original: before forgetting"),
    "forgotten": ("forgotten", "forgotten"),
    "second": ("second", "second oracles: what chance does"),
}


def page(
    report: Report,
    *,
    title: str = TITLE,
    fingerprints: Mapping[str, str] | None = None,
    visits: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """The whole page, as text to be written into a file in UTF-8.

    Parameters
    ----------
    report : Report
    title : str
    fingerprints, visits, environment
        As `expunge.audit.document.document` takes them; the digest on the page is that of the document made with the
        same ones.
    """
    made = document.document(report, fingerprints=fingerprints, visits=visits, environment=environment)
    main = element(
        "main",
        element("p", f"Audit of the {report.tier} tier", class_="above"),
        element("h1", title),
        *_verdict(report),
        *_pictures(report),
        _section("The numbers", numbers(report)),
        *_silent(report),
        *_made_by(report, made),
    )
    return "<!doctype html>\n" + element("html", _head(title), element("body", main), lang="en") + "\n"


def _head(title: str) -> Html:
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    style = Html(resources.files("expunge.audit").joinpath("page.css").read_text(encoding="utf-8"))
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", style),
    )


# -- the verdict -------------------------------------------------------------------------------------------------------


def _verdict(report: Report) -> Iterator[Html]:
    mark, word = MARKS[report.verdict.kind]
    measured = report.verdict.kind != "no evidence"
    yield element(
        "section",
        element("h2", f"{mark} {word}"),
        element("p", wording.said(report.verdict)) if measured else None,
        element("p", " ".join(wording.meaning(report))),
        element("p", element("b" if isinstance(report.claimed, Exact) else "span", wording.tried(report))),
        class_=f"verdict {report.verdict.kind.replace(' ', '-')}",
    )
    if report.vetoes:
        yield element(
            "section",
            element("h3", "Do not publish this model"),
            element("ul", *(element("li", sentence(wording.of_classes(veto, report))) for veto in report.vetoes)),
            class_="veto",
        )
    yield _facts(_first(report))


def _first(report: Report) -> Iterator[tuple[str, str]]:
    yield "Claimed", f"{_claim(report.claimed)}. {wording.CLAIMS[type(report.claimed)]}"
    same = report.claim == report.claimed
    lowered = f"{_claim(report.claim)}. {wording.CLAIMS[type(report.claim)]}"
    yield "After this audit", f"{_claim(report.claim)}, as claimed" if same else lowered
    count = report.records
    yield "Records", f"{count.forgotten:,} forgotten, {count.retained:,} retained, {count.test:,} held out"
    yield "Exact copies that stay", f"{report.twins:,}"
    if not report.vetoes:
        yield "Against publishing", "Nothing that this audit looked at"


def _claim(claim: Claim) -> str:
    return document.spelled(claim).capitalize()


# -- the pictures ------------------------------------------------------------------------------------------------------


def _pictures(report: Report) -> Iterator[Html]:
    drawn = list(_strips(report))
    if not drawn:
        why = next((one.reason for _, one in report.membership.each() if isinstance(one, Missing)), "nothing was asked")
        yield _section("The picture", element("p", f"There is none: {why}."))
        return
    yield _section("The picture", *(element("p", said) for said in wording.reading(report)), _legend(report), *drawn)
    if report.full is not None:
        yield _section("Record by record", *_full(report.full))


def _legend(report: Report) -> Html:
    compared = bool(report.findings) or not isinstance(report.membership.oracle, Missing)
    kinds: tuple[Kind, ...] = ("original", "forgotten", "oracle") if compared else ("original", "forgotten")
    arms = wording.ARMS | ({"forgotten": wording.MADE} if report.tier == "full" else {})
    rows = [(sample(kind), arms[kind]) for kind in kinds]
    if report.findings:
        rows.append((element("span", class_="patch"), "band: where perfect forgetting ends."))
    return element("ul", *(element("li", drawn, element("span", said)) for drawn, said in rows), class_="legend")


def _strips(report: Report) -> Iterator[Html]:
    if not report.findings:
        drawn = _recognised(report)
        if drawn is not None:
            yield element("div", drawn, class_="strips")
        return
    for about, heading in GROUPS.items():
        those = [one for one in report.findings if one.about == about]
        if those:
            yield element("h3", heading)
            yield element("div", *(_strip(one, report) for one in those), class_="strips")


def _strip(one: Finding, report: Report) -> Html:
    mine, old, title = one.forgotten, one.original, wording.of_classes(one.title, report)
    many, its = "oracles", one.oracles
    if len(its) == 1:  # a figure of a whole arm
        many = "second oracles"
        if one.name == "epsilon" and report.full is not None:
            its = (max(report.full.epsilons["second"], default=0.0),)
    lanes = [
        Lane("original", "original", (old.value,)),
        Lane("forgotten", "forgotten", (mine.value,)),
        Lane(many, "oracle", its),
    ]
    said = (
        f"{title}. Original {shown(old.value)}; forgotten {shown(mine.value)};"
        f" {many} {shown(min(its))} to {shown(max(its))}; band {shown(mine.low)} to {shown(mine.high)}."
        f" {wording.said(one.verdict)}"
    )
    drawn = strip(lanes, said, band=(mine.low, mine.high), mean=mine.mean)
    return element(
        "figure",
        element("figcaption", element("b", title[:1].upper() + title[1:]), chip(one.verdict)),
        _beside(lanes, drawn),
        _sides(one),
        element("p", wording.said(one.verdict), class_="soft"),
    )


def _sides(one: Finding) -> Html | None:
    """Which side is which: that of doing nothing, and that of overshoot; None where the figure cannot tell."""
    if one.about != "leakage" or one.verdict.rejected or not one.original.apart:
        return None
    beyond = "" if one.name.partition(",")[0] in UNTURNED else "overshoot"
    left, right = (beyond, "doing nothing") if one.original.apart > 0 else ("doing nothing", beyond)
    ends = (f"← {left}" if left else "", f"{right} →" if right else "")
    return element("div", *(element("span", end) for end in ends), class_="sides", aria_hidden="true")


def _recognised(report: Report) -> Html | None:
    """What stands in for the figures of oracles where there are none: recognising records by their loss."""
    kinds: dict[str, Kind] = {"original": "original", "forgotten": "forgotten", "oracle": "oracle", "second": "oracle"}
    titles = {"original": "original", **{name: title for name, title in TITLES.each() if name != "original"}}
    found = [(name, one) for name, one in report.membership.each() if not isinstance(one, Missing)]
    if not found:
        return None
    lanes = [Lane(titles[name], kinds[name], (one.auc,), (one.low, one.high)) for name, one in found]
    title = "Chance that a forgotten record fits better than a held-out one"
    each = "; ".join(f"{titles[name]} {shown(one.auc)}, {shown(one.low)} to {shown(one.high)}" for name, one in found)
    return element(
        "figure",
        element("figcaption", element("b", title)),
        _beside(lanes, strip(lanes, f"{title}: {each}.", mean=0.5)),
        element("p", "Screening: it can find a leak, and finding none proves nothing.", class_="soft"),
    )


def _beside(lanes: Iterable[Lane], drawn: Html) -> Html:
    names = element("div", *(element("span", lane.name) for lane in lanes), class_="names", aria_hidden="true")
    return element("div", names, drawn, class_="lanes")


def _full(full: Full) -> Iterator[Html]:
    yield element("p", "What the strongest attack finds, and what can be proved about single records.")
    yield element("div", _roc(full), _bounds(full), class_="plots")


def _roc(full: Full) -> Html:
    """The curves of the attack on two logarithmic axes: those who look for few records with few errors look left."""
    least = min((x for one in full.attacks.values() for x in (*one.fpr, *one.tpr) if x > 0), default=0.1)
    decades = min(6, max(1, math.ceil(-math.log10(least) - 1e-9)))

    def place(share: float) -> float:
        return 1 + math.log10(max(share, 10.0**-decades)) / decades

    curves = [Curve("chance", "chance", ((0.0, 0.0), (1.0, 1.0)))]
    for arm, one in full.attacks.items():
        points = ((place(x), place(y)) for x, y in zip(one.fpr, one.tpr, strict=True))
        curves.append(Curve(CURVES[arm][1], CURVES[arm][0], tuple(points)))
    marks = tuple((1 - k / decades, f"{100 / 10**k:g} %") for k in range(decades, -1, -1))
    right = "; ".join(f"{CURVES[arm][1]}: right in {100 * one.accuracy:.1f} %" for arm, one in full.attacks.items())
    said = f"How many forgotten records an attack finds, by false alarms, on logarithmic axes. {right}. Chance: 50 %."
    rows: list[tuple[Kind, str]] = [*(CURVES[arm] for arm in full.attacks), ("chance", "a coin toss")]
    return element(
        "figure",
        element("figcaption", element("b", "Forgotten or never met: what an attack finds")),
        _lines(rows),
        plot(curves, Ticks("false alarms", marks), Ticks("found", marks), said),
        element(
            "p", "U-LiRA by the margin. The further left a curve leaves the thin line, the surer it is.", class_="soft"
        ),
    )


def _bounds(full: Full) -> Html:
    """Lower bounds of epsilon of all records, sorted, below the most that so many models could prove."""
    top = max(full.largest, *(max(each, default=0.0) for each in full.epsilons.values()), 1e-9) * 1.15
    curves = [Curve("limit", "limit", ((0.0, full.largest / top), (1.0, full.largest / top)))]
    for arm, each in full.epsilons.items():
        points = [((k + end) / len(each), value / top) for k, value in enumerate(each) for end in (0, 1)]
        curves.append(Curve(CURVES[arm][1], CURVES[arm][0], tuple(points)))
    most = "; ".join(f"{CURVES[arm][1]}: at most {shown(max(each))}" for arm, each in full.epsilons.items() if each)
    limit = f"the most that {full.models} models can prove: {shown(full.largest)}"
    rows: list[tuple[Kind, str]] = [*(CURVES[arm] for arm in full.epsilons), ("limit", limit)]
    return element(
        "figure",
        element("figcaption", element("b", "Lower bound of epsilon of each record, from the least to the largest")),
        _lines(rows),
        plot(
            curves,
            Ticks("records, sorted", tuple((share, f"{100 * share:.0f} %") for share in (0.0, 0.5, 1.0))),
            Ticks(
                "epsilon", tuple((share * full.largest / top, f"{share * full.largest:.2g}") for share in (0, 0.5, 1))
            ),
            f"Lower bounds of epsilon, sorted. {most}; {limit}.",
        ),
        element("p", "0 shows nothing: few models cannot show a small epsilon.", class_="soft"),
    )


def _lines(rows: Iterable[tuple[Kind, str]]) -> Html:
    return element(
        "ul",
        *(element("li", sample(kind, curve=True), element("span", said)) for kind, said in rows),
        class_="legend",
    )


# -- what it does not show, and by what it was made --------------------------------------------------------------------


def _silent(report: Report) -> Iterator[Html]:
    listed = element("ul", *(element("li", said) for said in wording.limits(report)))
    parts = [listed]
    if report.findings:
        rows = [[one.name, sentence(wording.of_classes(one.title, report)), one.limits] for one in report.findings]
        parts.append(
            table("What each figure cannot show", ["figure", "what it is", "what it cannot show"], rows, words=2)
        )
    yield _section("What this does not show", *parts)


def _made_by(report: Report, made: Mapping[str, Any]) -> Iterator[Html]:
    visits = made["record_visits"]
    cost = f"{made['models_learned']} models learned for it"
    if visits is not None:
        cost += f"; {visits:,} record visits (one record, learned from once)"
    rows: list[tuple[str, str | Html]] = [("Tier", wording.TIERS[report.tier]), ("Cost", cost)]
    rows += [(name[:1].upper() + name[1:], element("code", said)) for name, said in made["fingerprints"].items()]
    rows.append(("Versions", element("code", "; ".join(f"{name} {said}" for name, said in made["versions"].items()))))
    rows.append(("Digest of this report", element("code", str(made["digest"]))))
    yield _section("By what it was made", _facts(rows))


def _section(heading: str, *parts: str | None) -> Html:
    return element("section", element("h2", heading), *parts)


def _facts(rows: Iterable[tuple[str, str]]) -> Html:
    return element("dl", *(part for name, said in rows for part in (element("dt", name), element("dd", said))))
