"""The statement says what the evidence carries, and never more; what it leaves open is said to be open."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from expunge.certificate.statement import DATA, OUTSIDE
from expunge.values import Bounded, Certified, Claim, Empirical, Exact, Suppressed

CLAIMS: list[Claim] = [Exact(), Certified(1.0, 1e-5), Bounded(2.5), Empirical(), Suppressed()]
REPLAYS = [("none", None), ("sample", True), ("full", True)]
# What docs/guarantees.md says nobody may write, and words that promise what no claim here carries.
FORBIDDEN = [
    "knows nothing about",
    "the records were forgotten",
    "the audit proves",
    "guarantee",
    "completely",
    "permanently",
    "nothing is left of",
    "anonymous",
    "compliant",
    "complies",
    "100",
]


def said(sample: Any, **fields: Any) -> tuple[str, str]:
    statement = sample.certificate(**fields).body()["statement"]
    return "\n".join(statement["proves"]), "\n".join(statement["does_not_prove"])


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: type(claim).__name__)
@pytest.mark.parametrize(("replay", "equal"), REPLAYS)
@pytest.mark.parametrize("kind", DATA)
def test_no_statement_says_what_may_not_be_written(
    sample: Any,
    claim: Claim,
    replay: str,
    equal: Any,
    kind: str,
) -> None:
    model = sample.model(claim, audit=sample.audit(replay=replay, equal=equal))
    request = {**sample.certificate().request, "kind": kind}
    proves, open_ = said(sample, models=[model], request=request)
    assert not [word for word in FORBIDDEN if word in proves.lower()]
    assert f"claims {type(claim).__name__}" in proves
    assert "under the assumptions listed" in proves or type(claim) in {Empirical, Suppressed}
    assert "A signature shows who states it" in open_
    assert "legal obligation" in open_
    assert DATA[kind] in proves + open_ or isinstance(claim, Suppressed)
    for sentence in open_.split("\n"):
        assert sentence.startswith(("That ", "Whom ", "Anything ")), sentence
        assert sentence.endswith(".")


def test_exact_says_bit_for_bit_and_how_far_it_was_checked(sample: Any) -> None:
    texts = {r: said(sample, models=[sample.model(audit=sample.audit(replay=r, equal=e))]) for r, e in REPLAYS}
    for proves, open_ in texts.values():
        assert "bit for bit" in proves
        assert "may be the same answer" in open_
    assert "checked" not in texts["none"][0]
    assert "it was not learned again for this request" in texts["none"][1]
    assert "in a sample: shard 3 of 8 was learned again" in texts["sample"][0]
    assert "not drawn for the sample" in texts["sample"][1]
    assert "all of it was learned again" in texts["full"][0]
    assert "not learned again" not in texts["full"][1]


def test_certified_gives_the_numbers_and_does_not_say_removed(sample: Any) -> None:
    proves, open_ = said(sample, models=[sample.model(Certified(0.5, 1e-6))])
    assert "epsilon = 0.5 and delta = 1e-06" in proves
    assert f"a factor of at most {math.exp(0.5):.4g}" in proves
    assert "That the records were removed" in open_
    assert "removed" not in proves.split("Model main")[1].split("\n")[0]
    assert said(sample, models=[sample.model(Certified(10_000.0, 0.0))])  # exp(10,000) is no float


@pytest.mark.parametrize(
    ("claim", "shown", "left_open"),
    [
        (Bounded(2.5), "no farther than 2.5", "says nothing by itself about what can be seen"),
        (Empirical(), "claims Empirical and no more", "not detected is not the same as not there"),
        (Suppressed(), "claims Suppressed and no more", "It is hidden, not removed"),
    ],
)
def test_the_weaker_claims_say_how_weak_they_are(sample: Any, claim: Claim, shown: str, left_open: str) -> None:
    proves, open_ = said(sample, models=[sample.model(claim)])
    assert shown in proves
    assert left_open in open_
    assert "bit for bit" not in proves


@pytest.mark.parametrize(
    ("verdict", "left_open"),
    [
        ("found", "THE SCAN FOUND TRACES OF IT in ledger (2)"),
        ("blind", "the scan could not see in live blobs"),
        ("not distinguishable", "also in records that stay"),
        ("none", "no scan was made"),
    ],
)
def test_only_a_clean_scan_is_evidence(sample: Any, verdict: str, left_open: str) -> None:
    one, other = sample.scan()["parts"]
    parts = [{**one, "control": "blind"}, {**other, "found": 2}]
    proves, open_ = said(sample, scan=sample.scan(verdict=verdict, parts=parts))
    assert "found none" not in proves  # one part is blind, in the other something was found
    assert "nothing of it is left in the project's files: " in open_
    assert left_open in open_
    proves, open_ = said(sample)
    assert "searched 2 parts of the project (8,192 bytes) for 12 traces" in proves
    assert "found none" in proves
    assert "nothing of it is left in the project's files" not in open_
    assert "That no other trace is left" in open_


def test_where_there_was_nothing_to_look_for_is_said(sample: Any) -> None:
    one, other = sample.scan()["parts"]
    parts = [one, {**other, "needles": 0}]
    proves, open_ = said(sample, scan=sample.scan(verdict="not distinguishable", parts=parts))
    assert "searched live blobs (4,096 bytes) for traces of the request, and found none there" in proves
    assert "in ledger there was nothing to search for" in open_
    assert "ledger" not in proves.split("After the destruction")[1].split("\n")[0]
    nowhere = [{**part, "needles": 0} for part in parts]
    proves, open_ = said(sample, scan=sample.scan(verdict="not distinguishable", parts=nowhere))
    assert "found none" not in proves
    assert "in live blobs, ledger there was nothing to search for" in open_


def test_the_source_and_what_cannot_be_told_apart_are_said(sample: Any) -> None:
    shown = {source: said(sample, scan=sample.scan(source=source)) for source in ("holds", "no longer", "not read")}
    assert "THE SOURCE STILL HOLDS" in shown["holds"][1]
    assert "no longer held the names" in shown["no longer"][0]
    assert "the source was not read" in shown["not read"][1]
    assert "source" not in shown["holds"][0] + shown["not read"][0]
    assert "about 3 values" in said(sample, scan=sample.scan(undistinguishable=3))[1]


def test_outcomes_are_counted_and_nobody_is_named(sample: Any) -> None:
    outcomes = ["erased", "already erased", "unknown", "corrected", "erased"]
    subjects = [{"commitment": f"{at:02}" * 32, "outcome": outcome} for at, outcome in enumerate(outcomes)]
    proves, open_ = said(sample, subjects=subjects)
    assert "for 2 names: taken out of the data" in proves
    for word in ("by an earlier request", "not held", "corrected in the data"):
        assert f"for 1 name: {word}" in proves.replace("taken out by", "by")
    assert "under another name" in open_
    assert not [held for held in subjects if held["commitment"] in proves + open_]
    assert "under another name" not in said(sample, subjects=subjects[:1])[1].split("\n")[1]


def test_a_model_that_did_not_change_or_is_no_more_is_said(sample: Any) -> None:
    same = sample.model(fingerprint={"before": "aa", "after": "aa"})
    assert "The fingerprint was the same before" in said(sample, models=[same])[0]
    assert "The fingerprint was the same before" not in said(sample)[0]
    gone = sample.model(fingerprint={"before": "aa", "after": None})
    proves, open_ = said(sample, models=[gone])
    assert "no model is published under this name any more" in proves
    assert "bit for bit" not in proves
    assert "copies of the earlier model main" in open_


@pytest.mark.parametrize("blobs", [0, 1, 3])
def test_destruction_is_recorded_not_promised(sample: Any, blobs: int) -> None:
    proves, open_ = said(sample, destroyed={"blobs": blobs, "digest": "ff"})
    assert {0: "nothing was destroyed", 1: "1 stored file of", 3: "3 stored files of"}[blobs] in proves
    assert ("backups" in open_) == bool(blobs)


def test_each_model_has_its_own_sentences(sample: Any) -> None:
    models = [sample.model(claim, name=f"m{at}") for at, claim in enumerate(CLAIMS)]
    proves, open_ = said(sample, models=models)
    for (at, claim), text in product(enumerate(CLAIMS), [open_]):
        assert f"Model m{at}, published" in proves
        assert f"model m{at}" in text, claim


def test_what_lies_outside_is_what_the_guarantees_list() -> None:
    page = (Path(__file__).parents[2] / "docs" / "guarantees.md").read_text(encoding="utf-8").lower()
    for words in ("backups", "experiment trackers", "predictions", "distilled", "source", "pre-trained parts"):
        assert words in page
        assert words in " ".join(OUTSIDE).lower()
