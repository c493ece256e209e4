"""A certificate has all its fields, each as it has to be; evidence that contradicts itself makes none."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import Any

import pytest

from expunge.certificate import Certificate, canonical, check, claimed, sign, verify
from expunge.certificate.statement import statement
from expunge.errors import CertificateError
from expunge.values import Bounded, Certified, Claim, Empirical, Exact, Suppressed

CLAIMS: list[Claim] = [Exact(), Certified(1.0, 1e-5), Bounded(2), Empirical(), Suppressed()]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else []
    return [path, *(place for key, held in inner for place in places(held, (*path, key)))]


def test_a_body_has_the_fields_and_the_statement(sample: Any) -> None:
    made: Certificate = sample.certificate()
    body = made.body()
    assert list(check(body)) == [
        "schema",
        "request",
        "subjects",
        "models",
        "ledger",
        "destroyed",
        "scan",
        "covered",
        "not_covered",
        "issuer",
        "statement",
    ]
    assert body["statement"] == statement(body)
    assert verify(sign(body, sample.seed), [sample.signer]).body == json.loads(canonical(body))


def test_every_field_that_is_gone_or_another_thing_is_refused(sample: Any) -> None:
    body = json.loads(canonical(sample.certificate().body()))
    free = {"figures", "controls", "parameters", "environment", "assumptions", "parts", "models", "subjects"}
    for path in places(body):
        if not path:
            continue
        wrong, owner = copy.deepcopy(body), None
        owner = wrong
        for step in path[:-1]:
            owner = owner[step]
        owner[path[-1]] = object()
        if not {"figures", "controls"} & set(path[:-1]):
            with pytest.raises(CertificateError, match="this is not what a certificate says"):
                check(wrong)
        del owner[path[-1]]
        if not isinstance(path[-1], int) and not free & set(path[-2:-1]):
            with pytest.raises(CertificateError, match="this is not what a certificate says"):
                check(wrong)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: type(claim).__name__)
def test_a_claim_is_written_with_its_numbers_and_no_others(sample: Any, claim: Claim) -> None:
    model = sample.model(claim)
    sample.certificate(models=[model]).body()
    for wrong in ({**model["claim"], "more": 1}, {**model["claim"], "name": "Perfect"}, {}):
        with pytest.raises(CertificateError, match="claim"):
            sample.certificate(models=[{**model, "claim": wrong}]).body()
    for number in model["claim"].keys() - {"name"}:
        for other in (None, "1", True):
            with pytest.raises(CertificateError, match="takes"):
                sample.certificate(models=[{**model, "claim": {**model["claim"], number: other}}]).body()


def test_an_exact_that_a_replay_contradicts_gets_no_certificate(sample: Any) -> None:
    contradicted = sample.model(audit=sample.audit(equal=False))
    with pytest.raises(CertificateError, match="learning again gave another model"):
        sample.certificate(models=[sample.model(), contradicted]).body()
    approximate = sample.model(Empirical(), audit=sample.audit(equal=False))
    assert sample.certificate(models=[approximate]).body()["models"][0]["claim"] == claimed(Empirical())


@pytest.mark.parametrize(("replay", "equal"), [("none", True), ("full", None), ("sample", None), ("none", False)])
def test_a_replay_says_what_it_found_and_none_says_nothing(sample: Any, replay: str, equal: bool | None) -> None:  # noqa: FBT001
    with pytest.raises(CertificateError, match="replay"):
        sample.certificate(models=[sample.model(audit=sample.audit(replay=replay, equal=equal))]).body()


@pytest.mark.parametrize(
    "change", [{"found": 1}, {"control": "blind"}, {"needles": 0}], ids=lambda change: str(*change)
)
def test_a_scan_is_not_called_clean_when_a_part_is_not(sample: Any, change: dict[str, Any]) -> None:
    one, other = sample.scan()["parts"]
    scan = sample.scan(parts=[one, {**other, **change}])
    with pytest.raises(CertificateError, match=r"a scan is clean when .* not so in ledger"):
        sample.certificate(scan=scan).body()
    assert sample.certificate(scan={**scan, "verdict": "blind"}).body()


@pytest.mark.parametrize("change", [{"parts": []}, {"needles": 0}], ids=["no part", "no needle"])
def test_a_scan_of_nothing_or_for_nothing_is_not_called_clean(sample: Any, change: dict[str, Any]) -> None:
    scan = sample.scan(**change)
    with pytest.raises(CertificateError, match="a scan is clean when"):
        sample.certificate(scan=scan).body()
    assert sample.certificate(scan={**scan, "verdict": "not distinguishable"}).body()


def test_it_loads_nothing_heavy() -> None:
    heavy = ("numpy", "scipy", "sklearn", "pyarrow", "sqlalchemy", "cryptography")
    code = f"import sys, expunge.certificate; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
