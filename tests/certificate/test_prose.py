"""The text shows every sentence and figure of a certificate, and nothing that a terminal would obey."""

from __future__ import annotations

from typing import Any

import pytest

from expunge.certificate import lines, text
from expunge.errors import CertificateError
from expunge.values import Certified


def test_it_shows_all_that_is_said(sample: Any) -> None:
    body = sample.certificate(models=[sample.model(Certified(1.0, 1e-5))]).body()
    flat = " ".join(text(body).split())
    for sentence in (*body["statement"]["proves"], *body["statement"]["does_not_prove"], "backups"):
        assert sentence in flat
    for figure in (
        "request r1 (erase)",
        "event 7, " + "ee" * 32,
        "Certified (epsilon = 1.0, delta = 1e-05); method: sisa",
        "125 spent, 1,000 by learning everything again",
        "0.25 spent, not measured by",
        "replay: sample, equal (shard 3 of 8)",
        "figure auc: 0.5",
        "shards = 8",
        "live blobs: 4,096 bytes searched, 0 of 12 needles found, control found",
        "dd" * 32 + ": unknown",
        sample.signer,
    ):
        assert figure in flat
    assert text(body) == "\n".join(lines(body))


def test_a_replay_that_differs_stands_out(sample: Any) -> None:
    model = sample.model(Certified(1.0, 1e-5), audit=sample.audit(replay="full", equal=False, part=None))
    assert "  replay: full, NOT equal" in lines(sample.certificate(models=[model]).body())


def test_a_part_with_nothing_to_look_for_stands_out(sample: Any) -> None:
    one, other = sample.scan()["parts"]
    scan = sample.scan(verdict="not distinguishable", parts=[one, {**other, "needles": 0}])
    shown = lines(sample.certificate(scan=scan).body())
    assert "  ledger: 4,096 bytes searched, NOTHING TO LOOK FOR, control found" in shown


def test_what_a_terminal_would_obey_is_replaced(sample: Any) -> None:
    body = sample.certificate(not_covered=["\x1b[2Jgone\r\u202e"], models=[sample.model(name="a\x1b[31m\nb")]).body()
    assert all(line.isprintable() for line in lines(body))


def test_what_is_no_certificate_is_refused(sample: Any) -> None:
    body = sample.certificate().body()
    del body["scan"]
    with pytest.raises(CertificateError, match="certificate lacks scan"):
        text(body)
