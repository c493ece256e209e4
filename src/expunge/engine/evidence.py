"""After the publication: purge, scan, certificate. Each step is recorded, and is taken again when it was not.

The certificate comes last, over what the ledger recorded as done. One request has one certificate, in a file of its
own number: issued again after a crash it takes the place of the one that was never recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from expunge import certificate
from expunge.audit.needles import Needles
from expunge.engine.fence import Fence
from expunge.engine.paper import RECONCILE
from expunge.engine.scan import scan
from expunge.engine.source_check import answers
from expunge.ledger.chain import Entry
from expunge.store.files import make_folder, write_atomically
from expunge.values import Addition, Column, Correction

if TYPE_CHECKING:
    from pathlib import Path

    from expunge.data.table import Table
    from expunge.engine.change import Changed
    from expunge.engine.outcome import Asking, Outcome
    from expunge.engine.paper import Paper
    from expunge.engine.project import Project
    from expunge.ledger.book import Request


COVERED = (
    "The published models of this project, and the checkpoints that they go on from.",
    "The sealed snapshot of the data that they were learned from: later learning starts from it.",
    "The fence: what was forgotten is left out when the source is read again, until it is readmitted on the record.",
    "The sealed target of the request, and the sealed notes of this evidence: destroyed once this is recorded.",
)


@dataclass(frozen=True)
class Done:
    """One request, finished.

    Attributes
    ----------
    request : str
    certificate : Path
    outcomes : tuple of (kind, name, outcome)
        For whoever asked; in no log.
    verdict : str
        Of the residue scan.
    source : str
        Whether the user's own source still holds the names.
    claims : mapping of model to claim
    opaque : int
        Files of the folder that could not be searched.
    where : tuple of str
        Files in which something was found; known to who made the scan, and to nobody after a crash.
    """

    request: str
    certificate: Path
    outcomes: tuple[tuple[str, int | str, str], ...]
    verdict: str
    source: str
    claims: Mapping[str, str]
    opaque: int = 0
    where: tuple[str, ...] = ()


# -- purge and scan ----------------------------------------------------------------------------------------------------


def purge(project: Project, outcome: Outcome | None) -> None:
    """Destroy what the publication superseded, and record how much."""
    swept = project.store.sweep(project.live)
    names = sorted(swept.destroyed if outcome is None else outcome.superseded)
    body = {"destroyed": len(names), "digest": _digest(names)}
    project.ledger.append(lambda _: [Entry("purged", body)])


def scanned(project: Project, outcome: Outcome) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The scan of the last publication; made, and recorded, where it was not. And where something was found."""
    publication = project.book.publication
    assert publication is not None  # noqa: S101  (its outcome is at hand)
    if publication.scanned is not None:
        *_, event = project.ledger.events(kinds=["scanned"])
        return event.body, ()
    besides = {request.target for request in project.book.unfinished} | {publication.outcome or ""}
    sought = [Needles.from_written(each) for each in outcome.needles]
    found = scan(project, sought, superseded=outcome.superseded, besides=besides)
    body = {**found.body(), "sources": answers(project, outcome.asked)}
    del body["source"]  # which each request is told of its own names
    project.ledger.append(lambda _: [Entry("scanned", body)])
    return body, found.where


def _digest(names: list[str]) -> str:
    return sha256("\n".join(names).encode()).hexdigest()


# -- the certificate ---------------------------------------------------------------------------------------------------


def certify(project: Project, outcome: Outcome, requests: list[Request]) -> list[Done]:
    """Write the certificates of all requests of a publication, then record them together."""
    found, where = scanned(project, outcome)
    claims = {model["name"]: str(model["claim"]["name"]) for model in outcome.models}
    verdict, sources, done, entries = str(found["verdict"]), found["sources"], [], []
    make_folder(project.certificates)
    for number, request in enumerate(requests, start=1):
        signed = certificate.sign(_body(project, outcome, request, found), project.keyring.signing)
        path = project.certificates / f"{request.id}.json"
        write_atomically(path, signed)
        body = {"certificate": sha256(signed).hexdigest(), "signer": project.keyring.public}
        entries.append(Entry("certified", body, request.id))
        outcomes, source = outcome.asked[request.id].outcomes, str(sources[request.id])
        done.append(Done(request.id, path, outcomes, verdict, source, claims, found["opaque"], where))
        project.tick("certificates", number, len(requests))
    finished = [(request.id, request.kind, outcome.asked[request.id].tokens) for request in requests]
    project.record(finished)
    project.ledger.append(lambda _: entries)
    return done


def journal_tokens(project: Project, paper: Paper, gone: Table) -> dict[str, Any]:
    """What the journal keeps of a request: the fence that it raises. ``gone``: at least the records that it changed."""
    target, key = paper.target, project.keyring.fence
    mine = None if isinstance(target, Correction | Addition | Column) else gone.change(target)
    fence = Fence().raised(key, target, gone.take(slice(0, 0) if mine is None else mine.out))
    return (fence if paper.requester == RECONCILE else fence.righted(key, target, gone)).spelled()


def model_facts(made: Changed) -> dict[str, Any]:
    """One model, as certificates say it."""
    pace, figures = made.before.pace, dict(made.audited.figures)
    equal = figures.pop("equal", None)
    part = f"part {figures.pop('part')} (drawn from {figures['parts touched']} touched)" if "part" in figures else None
    replayed = made.audited.replay if equal is not None else "none"
    return {
        "name": made.name,
        "method": made.method,
        "parameters": {name: str(value) for name, value in _parameters(made).items()},
        "claim": certificate.claimed(made.audited.claim),
        "assumptions": [
            *made.quote.assumptions,
            *(made.audited.said if made.audited.replay != "full" else ()),
            *([f"{certificate.RESUMED} ({made.resumed:,} record visits)"] if made.resumed else ()),
        ],
        "fingerprint": {"before": made.before.fingerprint, "after": made.after.fingerprint},
        "examples": {"spent": made.examples, "retraining": made.retraining},
        "seconds": {
            "spent": round(made.seconds, 6),
            "retraining": None if pace is None else round(pace * made.retraining, 6),
        },
        "environment": dict(made.after.environment),
        "audit": {
            "replay": replayed,
            "equal": equal,
            "part": part,
            "figures": figures,
            "controls": dict(made.audited.controls),
        },
    }


def _parameters(made: Changed) -> dict[str, Any]:
    settings = made.before.settings
    of_learner = ("learner", "preprocess", "epochs") if settings["learner"] is not None else ()
    return {
        **{name: settings[name] for name in of_learner},
        **settings["options"],
        **{f"learner {k}": v for k, v in settings["learner_options"].items()},
    }


def _body(project: Project, outcome: Outcome, request: Request, found: Mapping[str, Any]) -> dict[str, Any]:
    asking, head = outcome.asked[request.id], project.ledger.head
    purged = sorted(outcome.superseded)
    fields = ("name", "searched", "unit", "found", "control", "needles")
    parts = [{name: part[name] for name in fields} for part in found["parts"]]
    return certificate.Certificate(
        request={
            "id": request.id,
            "kind": request.kind,  # type: ignore[typeddict-item]  # the ledger takes these kinds only
            "received": request.at,
            "completed": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "reference": asking.reference,
        },
        subjects=_subjects(asking),
        models=list(outcome.models),  # type: ignore[arg-type]  # `body` checks them
        ledger={"number": head.number, "mac": head.mac},
        destroyed={"blobs": len(purged), "digest": _digest(purged)},
        scan={
            "verdict": found["verdict"],
            "parts": parts,  # type: ignore[typeddict-item]
            "needles": found["needles"],
            "undistinguishable": found["undistinguishable"],
            "source": found["sources"][request.id],
        },
        covered=list(COVERED),
        not_covered=[*certificate.OUTSIDE, *_not_covered(project, found)],
        issuer={
            "project": project.settings.id,
            "version": version("expunge"),
            "signer": project.keyring.public,
        },
    ).body()


def _subjects(asking: Asking) -> list[Any]:
    """Commitments in their own order: which is whose does not show."""
    said = [
        {"commitment": certificate.commitment(asking.salt, kind, name), "outcome": outcome}
        for kind, name, outcome in asking.outcomes
    ]
    return sorted(said, key=lambda subject: subject["commitment"])


def _not_covered(project: Project, found: Mapping[str, Any]) -> list[str]:
    """What this project in particular leaves out."""
    said = []
    if found["opaque"]:
        said.append(
            f"{found['opaque']} files of the project folder that are compressed, pickled or sealed, or lie elsewhere"
            " behind a link: they were not searched."
        )
    backups = sum(entry["kind"] == "backup" for entry in project.journal())
    if backups:
        said.append(
            f"{backups} backups of the project's keys, made by `expunge keys backup`: whoever has one, and a copy of"
            " the folder from before, opens what was destroyed."
        )
    return said
