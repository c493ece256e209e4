"""The outcome: all that is left to be done comes back from bytes, each request's own part apart."""

from __future__ import annotations

from expunge.engine.outcome import Asking, Outcome

ONE = Asking(b"salt 1", (("owner", "alice", "erased"), ("record", 7, "unknown")), {"records": "00", "columns": ["a"]})
OTHER = Asking(b"salt 2", (("record", "7", "already erased"),), {}, "commitment", {"person": ["alice"]})
OUTCOME = Outcome(
    {"r1": ONE, "r2": OTHER},
    ({"name": "main", "seconds": {"spent": 0.25, "retraining": None}},),
    ({"patterns": ["YQ=="], "counts": [1, 2, 3]},),
    ("aa", "bb.cc"),
)


def test_it_comes_back_as_it_was() -> None:
    read = Outcome.read(OUTCOME.written())
    assert read == OUTCOME
    assert read.written() == OUTCOME.written()
    assert [type(name) for _, name, _ in read.asked["r1"].outcomes] == [str, int]


def test_an_empty_one_does_too() -> None:
    none = Outcome({}, (), (), ())
    assert Outcome.read(none.written()) == none
