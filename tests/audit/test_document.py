"""The document: all that a report holds under stable keys, one digest for equal reports, one sentence for all of it."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from expunge import Records, Retrain, Run, Table, fingerprint
from expunge.audit.arms import Missing
from expunge.audit.document import as_json, digest, document, fingerprints, headline, learned, spelled
from expunge.audit.report import Report
from expunge.errors import CodecError
from expunge.values import Bounded, Certified, Claim, Empirical, Exact, Suppressed

NAMES = ["quick", "replay", "untested", "perfect", "nothing", "overshoot", "blind", "full", "several", "numbers"]


def same(value: Any, made: Any) -> None:
    """What a document made of a value holds all of it."""
    if isinstance(value, Missing):
        assert made == {"missing": value.reason}
    elif isinstance(value, Claim):
        assert made["name"] == type(value).__name__
    elif is_dataclass(value):
        every({field.name: getattr(value, field.name) for field in fields(value) if field.compare}, made)
    elif isinstance(value, dict):
        every(value, made)
    elif isinstance(value, tuple):
        every(dict(enumerate(value)), dict(enumerate(made)))
    elif isinstance(value, float) and not math.isfinite(value):
        assert set(made) == {"missing"}
    else:
        assert made == value
        assert type(made) in (int, float, str, bool, type(None))


def every(held: dict[Any, Any], made: dict[Any, Any]) -> None:
    assert list(made) == list(held)
    for name, one in held.items():
        same(one, made[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_document_holds_all_of_a_report(reports: dict[str, Report], name: str) -> None:
    made = document(reports[name])
    same(reports[name], made["report"])
    assert json.loads(as_json(reports[name])) == made


def test_its_keys_are_these(reports: dict[str, Report]) -> None:
    names = {"format", "headline", "tier", "models_learned", "record_visits", "fingerprints", "versions", "report"}
    assert set(document(reports["quick"])) == names | {"digest", "clock"}
    assert document(reports["quick"])["format"] == "expunge audit 1"
    asked = document(reports["quick"], fingerprints={"data": "ab"}, visits=7, environment={"python": "3"})
    assert (asked["fingerprints"], asked["record_visits"], asked["versions"]) == ({"data": "ab"}, 7, {"python": "3"})


def test_the_clock_is_told_and_not_digested(reports: dict[str, Report]) -> None:
    report = reports["replay"]
    assert not isinstance(report.replay, Missing)
    later = replace(report, replay=replace(report.replay, seconds=report.replay.seconds + 1))
    assert later == report
    one, other = document(report), document(later)
    assert one["digest"] == other["digest"]
    assert one["clock"] != other["clock"]
    assert one["clock"] == {"replay_seconds": report.replay.seconds}


def test_a_digest_is_of_all_the_rest(reports: dict[str, Report]) -> None:
    made = document(reports["perfect"], visits=7)
    assert made["digest"] == digest(made) == digest(json.loads(json.dumps(made)))
    for name in set(made) - {"digest", "clock"}:
        assert digest(made | {name: "other"}) != made["digest"]
    changed = replace(reports["perfect"], twins=reports["perfect"].twins + 1)
    assert document(changed, visits=7)["digest"] != made["digest"]


def test_a_number_that_json_does_not_have_is_missing(reports: dict[str, Report]) -> None:
    one = reports["perfect"].findings[0]
    for value, reason in ((math.inf, "infinite"), (math.nan, "not a number"), (-math.inf, "minus infinite")):
        odd = replace(reports["perfect"], findings=(replace(one, forgotten=replace(one.forgotten, smallest=value)),))
        assert document(odd)["report"]["findings"][0]["forgotten"]["smallest"] == {"missing": reason}


def test_numbers_of_numpy_are_numbers_and_what_is_none_of_these_is_refused(reports: dict[str, Report]) -> None:
    odd: Any = replace(reports["quick"], twins=np.int64(3))  # type: ignore[arg-type]
    assert type(document(odd)["report"]["twins"]) is int
    with pytest.raises(CodecError, match="this is a set"):
        document(replace(reports["quick"], vetoes={1}))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_the_headline_is_one_sentence(reports: dict[str, Report], name: str) -> None:
    said = headline(reports[name])
    assert said[0].isupper()
    assert said.endswith(".")
    assert "\n" not in said
    assert reports[name].verdict.kind in said[0].lower() + said[1:]
    assert f"{reports[name].tier} tier" in said


def test_the_headline_says_what_became_of_the_claim(reports: dict[str, Report]) -> None:
    assert "claimed exact, which was tried; learned again without the records, the model is the same bit for bit" in (
        headline(reports["replay"])
    )
    assert "claimed exact, which was not tried" in headline(reports["quick"])
    assert "learned again without" not in headline(reports["quick"])
    assert "claimed certified with epsilon 1 and delta 1e-05, which this audit leaves as it is" in headline(
        reports["false"]
    )
    fallen = replace(reports["replay"], claim=Empirical(), vetoes=("one",))
    assert "claimed exact, and after this audit empirical" in headline(fallen)
    assert "1 reason speaks against publishing" in headline(fallen)
    assert "7 reasons speak against publishing" in headline(replace(fallen, vetoes=("one",) * 7))


def test_models_that_were_learned_are_counted(reports: dict[str, Report]) -> None:
    found = {name: learned(reports[name]) for name in ("quick", "replay", "perfect", "full")}
    assert found == {"quick": 0, "replay": 2, "perfect": 8, "full": 2 + 3 * 8}


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (Exact(), "exact"),
        (Certified(0.5, 0.0), "certified with epsilon 0.5 and delta 0"),
        (Bounded(0.1), "bounded by a distance of 0.1"),
        (Empirical(), "empirical"),
        (Suppressed(), "suppressed"),
    ],
)
def test_claims_are_spelled(claim: Claim, words: str) -> None:
    assert spelled(claim) == words


# Fingerprints


def told(data: Table, target: Records, key: bytes = b"key") -> dict[str, str]:
    method, run = Retrain(LogisticRegression()), Run(key=key)
    model = method.learn(data, run)
    return fingerprints(model, method.forget(model, target, data, run).model, target, data, run)


def test_fingerprints_are_of_models_and_of_sets_of_records() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    data = Table.from_arrays(X, X[:, 0] > 0, ids=np.arange(30))
    found = told(data, Records([3]))
    assert list(found) == ["original model", "forgotten model", "data before", "data after"]
    turned = told(data.take(rng.permutation(30)), Records([3]))
    assert turned == found
    assert told(data, Records([3]), b"other")["data before"] != found["data before"]  # no guess without the key
    assert told(data, Records([4]))["data after"] != found["data after"]
    assert told(data.after(Records([3])), Records([3]))["data before"] == found["data after"]
    assert found["original model"] == fingerprint(Retrain(LogisticRegression()).learn(data, Run(key=b"key")))


def test_a_model_that_cannot_be_written_down_says_so() -> None:
    data = Table.from_arrays(np.zeros((3, 1)), [0, 1, 0])
    found = fingerprints(lambda: None, 1, Records([1]), data, Run(key=b"k"))
    assert found["original model"].startswith("none")
    assert found["forgotten model"] == fingerprint(1)
