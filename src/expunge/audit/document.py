"""A report as a document for programs, and in one sentence.

The keys are the names of the fields of `Report`, down to its last figure. What could not be had is
``{"missing": reason}``, and so is a number that JSON does not have. The digest is of everything but itself and the
clock: two equal reports, made in the same environment, have one digest, and whoever holds the document can compare it
with the one that a certificate names. Like the report, it names no record and no owner.

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
>>> headline(report)  # doctest: +NORMALIZE_WHITESPACE
'No evidence (screening): too little was learned again for a stronger word; claimed exact, which was tried; learned
 again without the records, the model is the same bit for bit; by an audit of the replay tier, 2 models learned.'
>>> made = document(report)
>>> made["report"]["records"], made["report"]["membership"]["original"]["missing"][:33]
({'retained': 58, 'forgotten': 2, 'test': 0}, 'no answers about held-out records')
>>> made["digest"] == digest(made)
True
"""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge import keyed
from expunge.audit.arms import Missing
from expunge.certificate.canonical import canonical, written
from expunge.certificate.contents import claimed
from expunge.codec import fingerprint
from expunge.environment import describe
from expunge.errors import CodecError
from expunge.values import Bounded, Certified, Claim, Empirical, Exact, Suppressed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expunge.audit.report import Report
    from expunge.data.table import Table
    from expunge.protocol import Run
    from expunge.values import Target

FORMAT = "expunge audit 1"
OUTSIDE = ("digest", "clock")
"""What the digest is not of."""
CLAIM = Exact | Certified | Bounded | Empirical | Suppressed


def document(
    report: Report,
    *,
    fingerprints: Mapping[str, str] | None = None,
    visits: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The report as JSON has it.

    Parameters
    ----------
    report : Report
    fingerprints : mapping of str to str, optional
        Of models and data, as `fingerprints` makes them.
    visits : int, optional
        Record visits that the audit cost, as `expunge.audit.tiers.visits` says them.
    environment : mapping of str to str, optional
        Versions; without it those that are installed here.
    """
    clock: dict[str, Any] = {}
    body = {
        "format": FORMAT,
        "headline": headline(report),
        "tier": report.tier,
        "models_learned": learned(report),
        "record_visits": visits,
        "fingerprints": dict(fingerprints or {}),
        "versions": dict(versions() if environment is None else environment),
        "report": _plain(report, clock, ""),
    }
    return body | {"digest": digest(body), "clock": clock}


def as_json(report: Report, **given: Any) -> str:
    """`document` as text, in lines that people can read; what else is given is passed on."""
    return written(document(report, **given), indent=2)


def digest(made: Mapping[str, Any]) -> str:
    """64 hexadecimal digits (SHA-256) of a document, without its digest and clock."""
    return sha256(canonical({name: held for name, held in made.items() if name not in OUTSIDE})).hexdigest()


def headline(report: Report) -> str:
    """The report in one sentence: verdict, claim, replay, and what speaks against publishing."""
    parts = [report.verdict.said[:1].upper() + report.verdict.said[1:], _stands(report)]
    if not isinstance(report.replay, Missing):
        what = "the same bit for bit" if report.replay.equal else "another one"
        parts.append(f"learned again without the records, the model is {what}")
    if report.vetoes:
        count = len(report.vetoes)
        parts.append(f"{count} {'reason speaks' if count == 1 else 'reasons speak'} against publishing the model")
    parts.append(f"by an audit of the {report.tier} tier, {learned(report)} models learned")
    return "; ".join(parts) + "."


def learned(report: Report) -> int:
    """Models that were learned for the audit; in the full tier each of one arm forgot, too."""
    return 2 + 3 * report.models if report.tier == "full" else report.models


def spelled(claim: Claim) -> str:
    """A claim in words.

    Examples
    --------
    >>> spelled(Certified(1.0, 1e-5)), spelled(Exact())
    ('certified with epsilon 1 and delta 1e-05', 'exact')
    """
    match claim:
        case Certified(epsilon, delta):
            return f"certified with epsilon {epsilon:g} and delta {delta:g}"
        case Bounded(distance):
            return f"bounded by a distance of {distance:g}"
        case _:
            return type(claim).__name__.lower()


def versions() -> dict[str, str]:
    """What is installed here that figures may depend on."""
    return {name: said for name, said in describe(0).items() if name != "threads"}


def fingerprints(original: Any, forgotten: Any, target: Target, data: Table, run: Run) -> dict[str, str]:
    """Of both models, and of the data before and after: keyed, so that they give no guess about a record away.

    Those of data are of the set of records: their order does not enter. A model without a fingerprint says so.
    """
    before, after = (_of_data(table, run) for table in (data, data.after(target)))
    return {
        "original model": _of_model(original),
        "forgotten model": _of_model(forgotten),
        "data before": before,
        "data after": after,
    }


def _stands(report: Report) -> str:
    said = f"claimed {spelled(report.claimed)}"
    if report.claim != report.claimed:
        return f"{said}, and after this audit {spelled(report.claim)}"
    if not isinstance(report.claim, Exact):
        return f"{said}, which this audit leaves as it is"
    return f"{said}, which was {'not ' if isinstance(report.replay, Missing) else ''}tried"


def _of_model(model: Any) -> str:
    try:
        return fingerprint(model)
    except CodecError:
        return "none: this model cannot be written down"


def _of_data(table: Table, run: Run) -> str:
    secret = keyed.subkey(run.key, "audit", "data")
    rows = np.ascontiguousarray(table.digests(secret)).view(">u8")
    return keyed.digest(secret, rows[np.lexsort(rows.T)].tobytes())


def _plain(value: Any, clock: dict[str, Any], name: str) -> Any:
    """A value as JSON has it; what equal reports may differ in goes into ``clock``."""
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or isinstance(plain, bool | int | str):
        return plain
    if isinstance(plain, float):
        return _finite(plain)
    if isinstance(plain, dict):
        return {str(key): _plain(held, clock, str(key)) for key, held in plain.items()}
    if isinstance(plain, tuple | list):
        return [_plain(held, clock, name) for held in plain]
    return {"missing": plain.reason} if isinstance(plain, Missing) else _record(plain, clock, name)


def _record(value: Any, clock: dict[str, Any], name: str) -> dict[str, Any]:
    if isinstance(value, CLAIM):
        return claimed(value)
    if not is_dataclass(value):
        raise CodecError(f"a report is made of numbers, texts and dataclasses, and this is a {type(value).__name__}")
    for field in fields(value):
        if not field.compare:
            clock[f"{name}_{field.name}".strip("_")] = _plain(getattr(value, field.name), clock, field.name)
    return {
        field.name: _plain(getattr(value, field.name), clock, field.name) for field in fields(value) if field.compare
    }


def _finite(value: float) -> float | dict[str, str]:
    if math.isnan(value):
        return {"missing": "not a number"}
    return value if math.isfinite(value) else {"missing": "infinite" if value > 0 else "minus infinite"}
