"""A certificate as people read it. The words are the certificate's own; this only lays them out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from expunge.certificate.contents import Body, Model, Scan, check

WIDTH = 100


def text(body: Mapping[str, Any]) -> str:
    """A certificate's body as text of lines.

    Raises
    ------
    CertificateError
        If a field is not what it has to be.
    """
    return "\n".join(lines(body))


def lines(body: Mapping[str, Any]) -> list[str]:
    """`text`, line by line; what a terminal would not print as itself is replaced."""
    return [
        "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line) for line in _lines(check(body))
    ]


def _lines(body: Body) -> Iterator[str]:
    request, issuer, ledger = body["request"], body["issuer"], body["ledger"]
    yield f"Certificate of request {request['id']} ({request['kind']})"
    yield f"  received {request['received']}, completed {request['completed']} (UTC)"
    yield f"  issued by project {issuer['project']} with expunge {issuer['version']}"
    yield f"  signed with the key {issuer['signer']}"
    yield f"  ledger: event {ledger['number']}, {ledger['mac']}"
    for title, sentences in (
        ("What this shows", body["statement"]["proves"]),
        ("What this does not show", body["statement"]["does_not_prove"]),
        ("Covered", body["covered"]),
        ("Not covered", body["not_covered"]),
    ):
        yield from ("", title, *_listed(sentences))
    for model in body["models"]:
        yield from ("", f"Model {model['name']}", *_figures(model))
    yield from ("", "Residue scan", *_scan(body["scan"]))
    yield from ("", "Names, as commitments")
    yield from (f"  {held['commitment']}: {held['outcome']}" for held in body["subjects"])


def _listed(sentences: Iterable[str]) -> Iterator[str]:
    for sentence in sentences:
        yield from textwrap.wrap(sentence, WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _figures(model: Model) -> Iterator[str]:
    name, *_ = model["claim"].values()
    numbers = ", ".join(f"{key} = {value!r}" for key, value in model["claim"].items() if key != "name")
    yield f"  claim: {name}{f' ({numbers})' if numbers else ''}; method: {model['method']}"
    yield f"  fingerprint: {model['fingerprint']['before']} before, {model['fingerprint']['after']} after"
    examples, seconds, audit = model["examples"], model["seconds"], model["audit"]
    yield f"  record visits: {examples['spent']:,} spent, {examples['retraining']:,} by learning everything again"
    spent, retraining = _seconds(seconds["spent"]), _seconds(seconds["retraining"])
    yield f"  seconds: {spent} spent, {retraining} by learning everything again"
    said = {None: "", True: ", equal", False: ", NOT equal"}[audit["equal"]]
    part = f" ({audit['part']})" if audit["part"] else ""
    yield f"  replay: {audit['replay']}{said}{part}"
    for title, measured in (("figure", audit["figures"]), ("control", audit["controls"])):
        yield from _listed(f"{title} {key}: {value}" for key, value in sorted(measured.items()))
    yield "  assumptions:"
    yield from _listed(model["assumptions"])
    for title, held in (("parameters", model["parameters"]), ("environment", model["environment"])):
        said_all = ", ".join(f"{key} = {value}" for key, value in sorted(held.items()))
        yield from textwrap.wrap(f"{title}: {said_all}", WIDTH, initial_indent="  ", subsequent_indent="    ")


def _seconds(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f}"


def _scan(scan: Scan) -> Iterator[str]:
    yield f"  verdict: {scan['verdict']}; {scan['needles']:,} needles; the source: {scan['source']}"
    for part in scan["parts"]:
        searched = f"{part['searched']:,} {part['unit']} searched"
        of = f"{part['found']} of {part['needles']:,} needles found" if part["needles"] else "NOTHING TO LOOK FOR"
        yield f"  {part['name']}: {searched}, {of}, control {part['control']}"
