"""What a certificate says: its fields, what may stand in them, and what may not stand beside what.

The last point matters most. A claim of `Exact` that a replay contradicts, or a scan that is called clean and was
blind, is not written down: there is no such certificate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypedDict, cast

from expunge.certificate.shape import misfit
from expunge.certificate.signature import SCHEMA
from expunge.certificate.statement import statement
from expunge.errors import CertificateError
from expunge.values import Claim


class Asked(TypedDict):
    """The request. Times are UTC; ``reference`` is a commitment to what the requester calls it."""

    id: str
    kind: Literal["erase", "correct", "update", "readmit"]
    received: str
    completed: str
    reference: str | None


class Subject(TypedDict):
    """What became of one name."""

    commitment: str
    outcome: Literal["erased", "already erased", "unknown", "corrected"]


class Fingerprints(TypedDict):
    """Of a model; None where there was or is none."""

    before: str | None
    after: str | None


class Examples(TypedDict):
    """Record visits: those that were spent, and those that learning everything again would have taken."""

    spent: int
    retraining: int


class Seconds(TypedDict):
    """On the clock; None where nobody measured."""

    spent: float | None
    retraining: float | None


class Audit(TypedDict):
    """What was measured. ``equal`` is what the replay found, and None without one; ``part`` says what it replayed."""

    replay: Literal["none", "sample", "full"]
    equal: bool | None
    part: str | None
    figures: Mapping[str, Any]
    controls: Mapping[str, Any]


class Model(TypedDict):
    """One model. ``claim`` is what `claimed` makes of a claim; ``assumptions`` are sentences."""

    name: str
    method: str
    parameters: Mapping[str, str]
    claim: Mapping[str, Any]
    assumptions: Sequence[str]
    fingerprint: Fingerprints
    examples: Examples
    seconds: Seconds
    environment: Mapping[str, str]
    audit: Audit


class Head(TypedDict):
    """The last event of the ledger when this was issued."""

    number: int
    mac: str


class Destroyed(TypedDict):
    """How many blobs, and a digest of their names."""

    blobs: int
    digest: str


class Part(TypedDict):
    """One part of the project that was searched: how much of it, needles found, and whether its control was.

    ``needles``: how many could be told in it. Where there were none, the part is neither clean nor found.
    """

    name: str
    searched: int
    unit: Literal["bytes", "records", "blobs"]
    found: int
    control: Literal["found", "blind"]
    needles: int


class Scan(TypedDict):
    """The residue scan. ``needles`` were searched for; ``undistinguishable`` ones could not be: others have them."""

    verdict: Literal["clean", "found", "blind", "not distinguishable", "none"]
    parts: Sequence[Part]
    needles: int
    undistinguishable: int
    source: Literal["holds", "no longer", "not read"]


class Issuer(TypedDict):
    """Project id, version of expunge, and public signing key."""

    project: str
    version: str
    signer: str


class Statement(TypedDict):
    """What this shows and what it does not, in sentences."""

    proves: Sequence[str]
    does_not_prove: Sequence[str]


class Body(TypedDict):
    """All that is signed."""

    schema: Literal["expunge/certificate/1"]
    request: Asked
    subjects: Sequence[Subject]
    models: Sequence[Model]
    ledger: Head
    destroyed: Destroyed
    scan: Scan
    covered: Sequence[str]
    not_covered: Sequence[str]
    statement: Statement
    issuer: Issuer


@dataclass(frozen=True)
class Certificate:
    """The evidence of one request, from which `body` makes what is signed."""

    request: Asked
    subjects: Sequence[Subject]
    models: Sequence[Model]
    ledger: Head
    destroyed: Destroyed
    scan: Scan
    covered: Sequence[str]
    not_covered: Sequence[str]
    issuer: Issuer

    def body(self) -> dict[str, Any]:
        """What `sign` takes, with the statement in plain language.

        Raises
        ------
        CertificateError
            If a field is not what it has to be, or the evidence contradicts itself.
        """
        said = {"schema": SCHEMA, **{name: getattr(self, name) for name in self.__dataclass_fields__}}
        check(said | {"statement": {"proves": [], "does_not_prove": []}})
        return said | {"statement": statement(said)}


def claimed(claim: Claim) -> dict[str, Any]:
    """A claim as a certificate writes it.

    >>> from expunge.values import Certified
    >>> claimed(Certified(1.0, 1e-5))
    {'name': 'Certified', 'epsilon': 1.0, 'delta': 1e-05}
    """
    return {"name": type(claim).__name__} | asdict(claim)


def check(body: Mapping[str, Any]) -> Body:
    """A body whose fields are all there, and what they have to be.

    Raises
    ------
    CertificateError
        If not; the first field is named. Also if the evidence contradicts itself.
    """
    problem = misfit(body, Body, "certificate")
    problem = problem or next(filter(None, (_bad_claim(model["claim"]) for model in body["models"])), None)
    if problem:
        raise CertificateError(f"this is not what a certificate says: {problem}")
    said = cast("Body", body)
    for model in said["models"]:
        _refuse_false_claim(model)
    _refuse_false_scan(said["scan"])
    return said


_NUMBERS = {
    "Exact": (),
    "Certified": ("epsilon", "delta"),
    "Bounded": ("distance",),
    "Empirical": (),
    "Suppressed": (),
}


def _bad_claim(claim: Mapping[str, Any]) -> str | None:
    numbers = _NUMBERS.get(claim.get("name", ""))
    if numbers is None:
        return f"possible claims are {', '.join(_NUMBERS)}"
    if claim.keys() != {"name", *numbers} or not all(type(claim[number]) in (int, float) for number in numbers):
        return f"the claim {claim['name']} takes {' and '.join(numbers) or 'no number'}, and nothing else"
    return None


def _refuse_false_claim(model: Model) -> None:
    audit, name = model["audit"], model["name"]
    if (audit["replay"] == "none") != (audit["equal"] is None):
        raise CertificateError(f"model {name}: a replay says whether it came out equal, and no replay says nothing")
    if model["claim"]["name"] == "Exact" and audit["equal"] is False:
        raise CertificateError(f"model {name}: Exact is claimed, and learning again gave another model: no certificate")


def _refuse_false_scan(scan: Scan) -> None:
    if scan["verdict"] != "clean":
        return
    dirty = [
        part["name"] for part in scan["parts"] if part["found"] or part["control"] != "found" or part["needles"] < 1
    ]
    if dirty or not scan["parts"] or not scan["needles"]:
        where = f"not so in {', '.join(dirty)}" if dirty else "nothing was searched, or for nothing"
        raise CertificateError(
            f"a scan is clean when every part could be seen, had something to look for, and held nothing; {where}"
        )
