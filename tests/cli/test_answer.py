"""Answers in words and as documents, where a project would be too much to ask it of."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from expunge.audit.hardness import Hardness
from expunge.cli import answer
from expunge.engine.evidence import Done
from expunge.engine.inquiry import Offer, Whereabouts
from expunge.engine.intake import Receipt
from expunge.errors import ResidueError
from expunge.planner import Plan
from expunge.values import Bounded, Certified, Empirical, Exact, Quote, Refusal


def done(path: Path, verdict: str = "clean", **fields: Any) -> Done:
    model = {
        "name": "main",
        "method": "sisa",
        "claim": {"name": "Exact"},
        "examples": {"spent": 5, "retraining": 50},
        "seconds": {"spent": 1.0, "retraining": None},
        "fingerprint": {"before": "ab" * 32, "after": None},
    }
    body = {"models": [model], "scan": {"verdict": verdict, "parts": []}}
    path.write_text(json.dumps({"certificate": body}))
    held: dict[str, Any] = {"outcomes": (("record", 7, "erased"),), "source": "holds", "claims": {"main": "Exact"}}
    return Done("r1", path, verdict=verdict, **{**held, **fields})


def test_every_verdict_and_every_source_has_words() -> None:
    assert set(answer.SCANS) == {"clean", "found", "blind", "not distinguishable", "none"}
    assert set(answer.SOURCES) == {"holds", "no longer", "not read"}


@pytest.mark.parametrize("verdict", answer.SCANS)
def test_only_traces_and_blindness_are_failures(verdict: str, tmp_path: Path) -> None:
    found = answer.residue([done(tmp_path / "a.json"), done(tmp_path / "b.json", verdict)])
    assert isinstance(found, ResidueError) == (verdict in ("found", "blind"))
    lines = "\n".join(answer.done_lines(done(tmp_path / "c.json", verdict)))
    assert answer.SCANS[verdict] in lines
    if verdict != "clean":
        assert "clean" not in lines


def test_a_cost_stands_beside_that_of_learning_everything_again(tmp_path: Path) -> None:
    said = "\n".join(answer.done_lines(done(tmp_path / "a.json")))
    assert "5 record visits, 10.0% of the 50 of learning everything again" in said
    assert "abababababab -> none" in said
    assert answer.done_document(done(tmp_path / "a.json"))["models"][0]["examples"] == {"spent": 5, "retraining": 50}


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (Exact(), "Exact, by"),
        (Certified(1.0, 1e-5), "Certified (epsilon 1.0, delta 1e-05), by"),
        (Bounded(0.5), "Bounded (distance 0.5), by"),
        (Empirical(), "Empirical, by"),
    ],
)
def test_a_claim_is_said_with_its_numbers(claim: Any, said: str) -> None:
    plan: Any = SimpleNamespace(name="sisa", quote=Quote(claim, ("if so",), 3, None), hardness=None)
    offer = Offer("main", plan, 0)
    lines = "\n".join(answer.offer_lines(offer))
    assert said in lines
    assert "3 record visits, instead of the 0" in lines
    assert "not measured" in lines
    assert answer.offer_document(offer)["claim"]["name"] == type(claim).__name__


def test_a_refusal_is_said_with_what_would_do_instead() -> None:
    offer = Offer("main", Refusal("frozen", "instead", "retrain"), 0)
    assert list(answer.offer_lines(offer)) == ["model main: refused (instead): frozen; instead: retrain"]
    assert answer.offer_document(offer)["refusal"] == {"reason": "frozen", "kind": "instead", "what": "retrain"}


def test_names_stand_by_what_became_of_them_and_not_all_of_many() -> None:
    named = [("record", n, "erased") for n in range(25)] + [("owner", "ann", "unknown")]
    erased, unknown = answer.names_lines(named)
    assert erased.endswith("record 19, and 5 more")
    assert unknown == "  unknown: owner ann"
    assert len(answer.names_document(named, "outcome")) == 26


def test_a_receipt_has_the_salt_while_there_is_one() -> None:
    receipt = Receipt("r1", "received", "ab" * 16, {("record", 7): "held"})
    assert f"  salt {'ab' * 16}" in answer.receipt_lines(receipt)
    assert answer.receipt_lines(Receipt("r1", "certified", None, {})) == ["request r1: certified"]
    already = answer.receipt_lines(Receipt(None, "already", None, {("record", 7): "erased"}))
    assert already[1] == "  already erased: record 7"
    assert answer.receipt_document(receipt)["salt"] == "ab" * 16


def test_whereabouts_say_which_requests_wait() -> None:
    found = Whereabouts({("record", 7): "held"}, 1, 1, {"main": 1}, ("r1",))
    lines = answer.where_lines(found)
    assert lines[0] == "  held: record 7"
    assert any(line.endswith("r1 wait") for line in lines)
    assert answer.where_document(found)["pending"] == ["r1"]


def test_others_that_were_done_are_said_briefly(tmp_path: Path) -> None:
    assert answer.brief([done(tmp_path / "a.json")]) == [f"also done: request r1, certificate {tmp_path / 'a.json'}"]


def test_an_offer_says_how_much_there_is_to_forget_where_that_is_known() -> None:
    quote = Quote(Empirical(), ("nothing is proven",), 5)
    known = Hardness(4, 96, None, heart=3, asked=4, judged="its training log")
    offer = Offer("main", Plan("finetune", SimpleNamespace(), quote, {}, known), 100)
    assert any("3 of 4 records are known by heart" in line for line in answer.offer_lines(offer))
    assert answer.offer_document(offer)["hardness"]["level"] == "hard"
