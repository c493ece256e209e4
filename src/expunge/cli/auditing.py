"""Is it what it says it is? `audit`: published models learned again, or a forgetting rehearsed and measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from expunge.cli.ending import UsageError
from expunge.cli.opening import opened
from expunge.cli.options import (
    AsJson,
    Asked,
    Columns,
    In,
    Labels,
    Model,
    OwnersFile,
    OwnersWords,
    RecordsFile,
    RecordsWords,
)
from expunge.cli.screen import Screen, many, pairs
from expunge.errors import RefusedError, VetoError
from expunge.store.files import in_words, write_atomically
from expunge.values import Refusal

if TYPE_CHECKING:
    from expunge.audit.report import Report
    from expunge.audit.subgroups import Grouping
    from expunge.audit.tiers import Tier
    from expunge.data.schema import Schema
    from expunge.engine.inquiry import Replayed
    from expunge.engine.rehearsing import Offer, Rehearsal

TIERS: dict[str, Tier] = {"quick": "quick", "replay": "replay", "standard": "standard", "full": "full"}
Tiers = Annotated[
    str | None,
    typer.Option("--tier", metavar="TIER", help=f"How much is learned again: {', '.join(TIERS)}; else standard."),
]
Models = Annotated[
    int | None,
    typer.Option("--models", metavar="N", help="Oracles of the standard tier (8); models an arm of the full one (64)."),
]
Group = Annotated[
    str | None,
    typer.Option("--group", metavar="COLUMN", help="Compare the models group by group; needs --positive, too."),
]
Positive = Annotated[
    str | None, typer.Option("--positive", metavar="CLASS", help="The decision that counts as positive for a group.")
]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page, too.")]


def audit(
    records: RecordsWords = None,
    records_file: RecordsFile = None,
    owners: OwnersWords = None,
    owners_file: OwnersFile = None,
    label: Labels = None,
    column: Columns = None,
    tier: Tiers = None,
    models: Models = None,
    group: Group = None,
    positive: Positive = None,
    html: Html = None,
    model: Model = None,
    project: In = None,
    as_json: AsJson = False,
) -> None:
    """Learn the published models again from the sealed snapshot, from nothing, and compare them bit for bit.

    With names: rehearse forgetting them, and measure what would be left, beside models that never met them. Nothing is
    published, and nothing changed; `expunge forget` does it.

    For example: expunge audit
    For example: expunge audit --owners anna --tier standard --html report.html
    For example: expunge audit --owners anna --group sex --positive granted
    """
    screen = Screen(as_json=as_json)
    asked = Asked.of(records, records_file, owners, owners_file, label, column)
    if asked:
        _rehearse(screen, _Order(asked, tier or "standard", models, group, positive, html), model, project)
        return
    if any(given is not None for given in (tier, models, group, positive, html)):
        msg = (
            "--tier, --models, --group, --positive and --html are of a forgetting that is rehearsed: say which, with"
            " --records or --owners"
        )
        raise UsageError(msg)
    with opened(project, screen) as whole:
        from expunge.engine import inquiry

        names = [inquiry.chosen(whole, model)] if model is not None else list(whole.published().models)
        found = [inquiry.replay(whole, name) for name in names]
    screen.show(
        {"models": [replayed_document(each) for each in found]},
        [line for each in found for line in _replayed(each)],
        contradiction(found),
    )


# -- learned again -----------------------------------------------------------------------------------------------------


def replayed_document(found: Replayed) -> dict[str, Any]:
    """A replay for programs."""
    held = found.utility
    measured = asdict(held) if is_dataclass(held) and not isinstance(held, type) else None
    return {**{name: value for name, value in vars(found).items() if name != "utility"}, "utility": measured}


def contradiction(found: Iterable[Replayed]) -> VetoError | None:
    """The failure that a replay makes: another model, though everything is as it was."""
    wrong = [each.model for each in found if each.exact and not each.equal and each.environment == "same"]
    if not wrong:
        return None
    msg = (
        f"learned again in the same environment, model {wrong[0]!r} is another one than what is published: it is not"
        " what the snapshot makes of it"
    )
    return VetoError(msg)


def _replayed(found: Replayed) -> Iterator[str]:
    said = "the same, bit for bit" if found.equal else "ANOTHER MODEL"
    yield f"model {found.model}: {said} ({found.seconds:.2f} s)"
    yield from pairs([("published", found.published), ("again", found.again)], indent="  ")
    if not found.equal and found.environment == "other":
        yield "  it was learned in another environment (versions, threads, processor), which may round otherwise"
    if not found.equal and not found.exact:
        yield "  its learner, or the method that forgot in it, does not promise the same bits"
    if found.utility is not None:
        yield f"  on the records held out: {found.utility}"


# -- rehearsed ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Order:
    """What is to be rehearsed, and how."""

    asked: Asked
    tier: str
    models: int | None
    group: str | None
    positive: str | None
    html: Path | None

    def grouping(self, schema: Schema) -> Grouping | None:
        """The groups that are to be compared; None where none are."""
        if self.group is None or self.positive is None:
            return None
        from expunge.audit.subgroups import Grouping

        return Grouping(self.group, schema.labelled(self.positive))


def _rehearse(screen: Screen, order: _Order, model: str | None, place: Path | None) -> None:
    if order.tier not in TIERS:
        msg = f"--tier is one of {', '.join(TIERS)}; got {order.tier}"
        raise UsageError(msg)
    if (order.group is None) != (order.positive is None):
        msg = "groups need both --group COLUMN and --positive CLASS"
        raise UsageError(msg)
    with opened(place, screen) as project:
        from expunge.engine import inquiry, rehearsing

        name, schema = inquiry.chosen(project, model), project.published().snapshot.schema
        target, groups = order.asked.target(schema), order.grouping(schema)
        offer = rehearsing.offered(project, name, target, TIERS[order.tier], order.models)
        screen.say(*_offered(offer, order.tier))
        found = rehearsing.rehearsed(project, name, target, TIERS[order.tier], order.models, groups)
    if isinstance(found.report, Refusal):
        raise RefusedError(found.report)
    _shown(screen, found, found.report, order.html)


def _shown(screen: Screen, found: Rehearsal, report: Report, html: Path | None) -> None:
    from expunge.audit.document import document
    from expunge.audit.page import page

    given: dict[str, Any] = {"fingerprints": found.fingerprints, "visits": found.visits}
    if html is not None:
        with in_words(html, "written"):
            write_atomically(html, page(report, title=f"Audit of model {found.model}", **given).encode())
    against = f"the audit speaks against it: {'; '.join(report.vetoes)}"
    screen.show(
        {"model": found.model, "method": found.method, "audit": document(report, **given)},
        [*report.lines(), *([] if html is None else ["", f"the page is {html}"])],
        VetoError(against) if report.vetoes else None,
    )


def _offered(offer: Offer, tier: str) -> Iterator[str]:
    """What it will take, before it begins."""
    if isinstance(offer.answer, Refusal):
        return
    seconds = "" if offer.seconds is None else f", about {offer.seconds:.2g} s of learning"
    cost = f"{many(offer.visits, 'record visit')}{seconds}"
    yield f"model {offer.model}: rehearsed with {offer.answer.name}; the {tier} tier costs {cost}"
    yield ""
