"""Each kind of event takes its own fields, of their own types, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from expunge.errors import LedgerError
from expunge.ledger.kinds import KINDS, check

SAMPLES: dict[str, dict[str, Any]] = {
    "created": {"project": "c0ffee", "version": 1},
    "received": {"token": "t", "content": "c", "kind": "erase", "target": "aa", "named": 2, "requester": None},
    "published": {
        "root": "aa",
        "cause": "work",
        "requests": ["r1"],
        "outcome": None,
        "models": {"main": {"before": None, "after": "bb"}},
    },
    "purged": {"destroyed": 0, "digest": "aa"},
    "scanned": {"verdict": "not distinguishable"},
    "certified": {"certificate": "aa", "signer": "bb"},
    "ended": {"state": "withdrawn", "reason": "asked back"},
    "vetoed": {"requests": ["r1"], "reason": "another model"},
    "readmitted": {"tokens": 1},
    "trusted": {},
    "rotated": {"what": "signing"},
    "backed_up": {"keys": 3},
    "restored": {"from": 12, "replayed": 2},
    "audited": {"model": "main", "verdict": "stands"},
    "noted": {},
}


def request_of(kind: str) -> str | None:
    return "r1" if KINDS[kind].request else None


def test_there_is_a_sample_of_every_kind() -> None:
    assert SAMPLES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_the_sample_fits_and_every_change_of_its_shape_does_not(kind: str) -> None:
    body = SAMPLES[kind]
    check(7, kind, request_of(kind), body)
    for name in body:
        for wrong in (True, -1, 1.5, "", {"main": {"before": 1, "after": "bb"}}, {"main": "bb"}, [""], [[]], object()):
            with pytest.raises(LedgerError, match=rf"event 7 \({kind}\) cannot follow: its '{name}'"):
                check(7, kind, request_of(kind), {**body, name: wrong})
        with pytest.raises(LedgerError, match=name):
            check(7, kind, request_of(kind), {key: held for key, held in body.items() if key != name})
    with pytest.raises(LedgerError, match="about one request"):
        check(7, kind, None if KINDS[kind].request else "r1", body)


@pytest.mark.parametrize("kind", KINDS)
def test_only_some_kinds_say_more_than_they_have_to(kind: str) -> None:
    more = {**SAMPLES[kind], "more": 1}
    if kind in {"scanned", "audited", "noted"}:
        check(7, kind, request_of(kind), more)
        return
    with pytest.raises(LedgerError, match="and no others"):
        check(7, kind, request_of(kind), more)


@pytest.mark.parametrize(
    "name", ["", "../r1", "a/b", ".hidden", "a b", "a\nb", "r\N{LATIN SMALL LETTER E WITH ACUTE}", "r" * 129, 7]
)
def test_the_id_of_a_request_is_a_file_name_anywhere(name: Any) -> None:
    with pytest.raises(LedgerError, match="a request's id"):
        check(7, "certified", name, SAMPLES["certified"])


def test_an_unknown_kind_is_refused_and_not_repeated() -> None:
    with pytest.raises(LedgerError, match="of an unknown kind") as refused:
        check(7, "zoe@example.org", None, {})
    assert "zoe" not in str(refused.value)
