"""A certificate like those that the engine issues, for the tests of this folder."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from expunge.certificate.contents import Certificate, claimed
from expunge.values import Claim, Exact

SEED = bytes(range(32))
SIGNER = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"


def audit(**fields: Any) -> Any:
    held: Any = {"replay": "sample", "equal": True, "part": "shard 3 of 8", "figures": {"auc": 0.5}, "controls": {}}
    return {**held, **fields}


def model(claim: Claim | None = None, **fields: Any) -> Any:
    held: Any = {
        "name": "main",
        "method": "sisa",
        "parameters": {"shards": "8"},
        "claim": claimed(claim or Exact()),
        "assumptions": ["the learner is a pure function of its records"],
        "fingerprint": {"before": "aa" * 32, "after": "bb" * 32},
        "examples": {"spent": 125, "retraining": 1000},
        "seconds": {"spent": 0.25, "retraining": None},
        "environment": {"python": "3.11", "threads": "1"},
        "audit": audit(),
    }
    return {**held, **fields}


def scan(**fields: Any) -> Any:
    part = {"name": "live blobs", "searched": 4096, "unit": "bytes", "found": 0, "control": "found", "needles": 12}
    held: Any = {
        "verdict": "clean",
        "parts": [part, {**part, "name": "ledger"}],
        "needles": 12,
        "undistinguishable": 0,
        "source": "no longer",
    }
    return {**held, **fields}


def certificate(**fields: Any) -> Certificate:
    made = Certificate(
        request={
            "id": "r1",
            "kind": "erase",
            "received": "2026-01-01T00:00:00Z",
            "completed": "2026-01-02T00:00:00Z",
            "reference": None,
        },
        subjects=[{"commitment": "cc" * 32, "outcome": "erased"}, {"commitment": "dd" * 32, "outcome": "unknown"}],
        models=[model()],
        ledger={"number": 7, "mac": "ee" * 32},
        destroyed={"blobs": 3, "digest": "ff" * 32},
        scan=scan(),
        covered=["the model `main` and its checkpoints"],
        not_covered=["backups"],
        issuer={"project": "c0ffee", "version": "0.1.0", "signer": SIGNER},
    )
    return replace(made, **fields)


@pytest.fixture
def sample() -> SimpleNamespace:
    """What makes a certificate and its parts, each with some fields as the test wants them."""
    return SimpleNamespace(certificate=certificate, model=model, audit=audit, scan=scan, seed=SEED, signer=SIGNER)
