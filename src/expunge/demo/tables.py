"""What the requests came to: their costs, how well the forgotten can be told, and a certificate made short."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table as Grid

from expunge.audit.arms import Missing
from expunge.audit.replay import Replay

if TYPE_CHECKING:
    from expunge.audit.report import Report

DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


@dataclass(frozen=True)
class Request:
    """One request, or one batch of them, worked off.

    Attributes
    ----------
    name : str
        As the tables call it.
    body : mapping
        What its certificate says; of a batch, the first.
    seconds : float
        From the request to the certificate.
    published : str
        The fingerprint of what is published afterwards.
    report : Report
        The audit, beside models learned again without the target.
    """

    name: str
    body: Mapping[str, Any]
    seconds: float
    published: str
    report: Report

    @property
    def model(self) -> Mapping[str, Any]:
        """The model, as the certificate has it."""
        model: Mapping[str, Any] = self.body["models"][0]
        return model

    @property
    def forgetting(self) -> float:
        """Seconds of forgetting alone."""
        return float(self.model["seconds"]["spent"])

    @property
    def again(self) -> float:
        """Seconds of learning again without the target."""
        replay = self.report.replay
        return replay.seconds if isinstance(replay, Replay) else 0.0

    @property
    def same(self) -> bool:
        """Whether what is certified, what is published and what was learned again are one model, bit for bit."""
        replay = self.report.replay
        if self.report.vetoes or not isinstance(replay, Replay):
            return False
        return replay.equal and {self.model["fingerprint"]["after"], self.published} == {replay.oracle}


def costs(requests: Iterable[Request]) -> Grid:
    """Visits against visits, seconds against seconds, bits against bits."""
    grid = Grid(title="Forgetting: visits and seconds, of those of learning again", title_justify="left")
    for head in ("request", "visits", "of", "seconds", "of", "speed-up", "same bits"):
        grid.add_column(head, justify="left" if head == "request" else "right", no_wrap=True)
    for request in requests:
        spent = request.model["examples"]
        times = f"{request.forgetting:.3f}", f"{request.again:.3f}", f"{request.again / request.forgetting:.1f}x"
        same = "[green]yes[/green]" if request.same else "[bold red]NO[/bold red]"
        grid.add_row(request.name, str(spent["spent"]), str(spent["retraining"]), *times, same)
    return grid


def memberships(requests: Iterable[Request]) -> Grid:
    """Whether a loss threshold tells the forgotten from patients never seen, under each of the four models."""
    grid = Grid(title="Telling the forgotten from patients never seen: AUC, 95 % interval", title_justify="left")
    for head in ("request", "before", "forgotten", "oracle", "2nd oracle"):
        grid.add_column(head, justify="left" if head == "request" else "right", no_wrap=True)
    for request in requests:
        cells = [
            "-"
            if isinstance(found, Missing)
            else f"{found.auc:.2f} {found.low:.2f}-{found.high:.2f}".replace("0.", ".").replace("1.00", "1.0")
            for _, found in request.report.membership.each()
        ]
        grid.add_row(request.name, *cells)
    return grid


def search(scan: Mapping[str, Any]) -> Grid:
    """The residue scan of a certificate, part by part."""
    grid = Grid(title=f"The search for {scan['needles']} traces of the patient", title_justify="left")
    for head in ("where", "searched", "found", "control"):
        grid.add_column(head, justify="right" if head in ("searched", "found") else "left", no_wrap=head != "where")
    for part in scan["parts"]:
        grid.add_row(part["name"], f"{part['searched']:,} {part['unit']}", str(part["found"]), part["control"])
    return grid


def short(text: str) -> str:
    """Digests cut to twelve digits, which people can compare.

    >>> short("key " + "0123456789ab" * 5 + "0123 stays")
    'key 0123456789ab stays'
    """
    return DIGEST.sub(r"\1", text)


def certified(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a certificate says, in a few lines."""
    request, model, scan = body["request"], body["models"][0], body["scan"]
    print_, spent, subjects = model["fingerprint"], model["examples"], body["subjects"]
    replay = {True: "equal", False: "DIFFERENT", None: "not compared"}[model["audit"]["equal"]]
    return [
        ("asked", f"{request['kind']}, received {request['received']}, completed {request['completed']}"),
        ("name", ", ".join(f"{short(held['commitment'])} (a commitment): {held['outcome']}" for held in subjects)),
        ("claim", f"{model['claim']['name']}, by {model['method']}"),
        ("fingerprint", f"{short(print_['before'])} before, {short(print_['after'])} after"),
        ("checked", f"replay of a {model['audit']['replay']}: {replay}"),
        ("cost", f"{spent['spent']} record visits, of {spent['retraining']} of learning again"),
        ("destroyed", f"{body['destroyed']['blobs']} stored files, their keys first"),
        ("scan", f"{scan['verdict']}; the source {_SOURCE[scan['source']]}"),
    ]


_SOURCE = {
    "holds": "(the hospital's table) still holds the name",
    "no longer": "no longer holds the name",
    "not read": "was not read",
}


def heads(sentences: Iterable[str]) -> list[str]:
    """Each statement up to its first full stop or colon.

    >>> heads(["That it is true. A signature shows who states it.", "That it is free of it: it was not read."])
    ['That it is true', 'That it is free of it']
    """
    return [re.split(r"[.:](?:\s|$)", sentence, maxsplit=1)[0] for sentence in sentences]
