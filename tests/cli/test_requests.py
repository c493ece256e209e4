"""Requests as people make them: what is printed, what is kept, and how each ends that cannot be met."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from expunge.cli.requests import _unmet, _unquoted
from expunge.engine import line, lock
from expunge.engine.inquiry import Offer
from expunge.errors import ExpungeError, LearnError, RefusedError, VetoError
from expunge.ledger.book import Request
from expunge.values import Refusal


def rewritten(path: Path, **columns: str) -> None:
    """Change columns in every row of a CSV file."""
    with path.open() as file:
        rows = [{**row, **columns} for row in csv.DictReader(file)]
    with path.open("w") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def cut(path: Path, *gone: str) -> None:
    """Take rows out of a CSV file, by the beginnings of their lines."""
    kept = [row for row in path.read_text().splitlines() if not row.startswith(tuple(f"{name}," for name in gone))]
    path.write_text("\n".join(kept) + "\n")


# Questions


def test_where_says_of_each_name_what_is_known_and_changes_nothing(shop: Any) -> None:
    shop.done("forget", "--records", "9")
    shop.done("forget", "--records", "8", "--queue")
    before = shop.state()
    document = shop.done("where", "--records", "8,9,999", "--owners", "person 7", "--label", "no", "--column", "size")
    states = {(name["kind"], name["name"]): name["state"] for name in document["names"]}
    assert states == {
        ("record", 8): "held",
        ("record", 9): "erased",
        ("record", 999): "unknown",
        ("owner", "person 7"): "held",
        ("class", "str 'no'"): "held",
        ("column", "size"): "held",
    }
    assert document["models"] == {"main": document["rows"]}
    assert len(document["pending"]) == 1
    said = shop("where", "--records", "8,9,999")
    assert said.code == 0
    for words in ("held: record 8", "erased: record 9", "unknown: record 999", "wait"):
        assert words in said.out
    assert shop.state() == before


def test_a_quote_says_what_forgetting_then_does(shop: Any) -> None:
    before = shop.state()
    (quoted,) = shop.done("quote", "--owners", "person 7")["models"]
    said = shop("quote", "--owners", "person 7").out
    assert shop.state() == before
    for words in (
        "Exact, by sisa",
        f"{quoted['examples']} record visits",
        "the 58 of learning",
        quoted["assumptions"][0],
    ):
        assert words in said
    (done,) = shop.done("forget", "--owners", "person 7")["models"]
    assert quoted["claim"] == done["claim"] == {"name": "Exact"}
    assert done["examples"] == {"spent": quoted["examples"], "retraining": quoted["retraining"]}


def test_a_quote_of_the_unknown_ends_as_forgetting_would(shop: Any) -> None:
    assert shop("quote", "--records", "999").code == 3
    assert shop("quote", "--records", "999", "--json").document["names"][0]["state"] == "unknown"
    assert shop("quote", "--records", "3,999").code == 0


def test_a_quote_that_is_refused_has_its_code() -> None:
    refused = Offer("main", Refusal("too few", "never"), 0)
    assert isinstance(_unquoted({"held": 1}, [refused]), RefusedError)
    assert _unquoted({"erased": 1}, [refused]) is None


# Forgetting


def test_forgetting_says_all_that_a_requester_and_their_officer_need(shop: Any) -> None:
    said = shop("forget", "--records", "3,4,999", "--requester", "Annabel Lee", "--reference", "ticket 7")
    assert said.code == 0
    assert said.err == ""
    (certificate,) = shop.certificates()
    for words in (
        "erased: record 3, record 4",
        "unknown: record 999",
        "Exact",
        "of learning everything again",
        "not distinguishable",  # a size of 10.5 and a colour that others have, too
        "STILL HOLDS",
        str(certificate),
        "salt",
    ):
        assert words in said.out
    rest = certificate.read_text() + shop("log").out + shop("log", "--json").out
    for personal in ("Annabel", "ticket 7", "person 1", "person 2"):
        assert personal not in rest


def test_forgetting_as_json_is_one_document(shop: Any) -> None:
    document = shop.done("forget", "--records", "3,999")
    assert {(name["name"], name["outcome"]) for name in document["names"]} == {(3, "erased"), (999, "unknown")}
    assert document["scan"]["verdict"] == "not distinguishable"
    assert document["state"] == "certified"
    assert document["source"] == "holds"
    assert len(bytes.fromhex(document["salt"])) >= 16
    said = json.loads(Path(document["certificate"]).read_text())["certificate"]
    assert document["models"][0]["fingerprint"] == said["models"][0]["fingerprint"]


def test_the_source_is_asked_whether_it_still_holds_them(shop: Any) -> None:
    cut(shop.folder / "orders.csv", "3")
    assert shop.done("forget", "--records", "3")["source"] == "no longer"


def test_the_unknown_alone_changes_nothing(shop: Any) -> None:
    before = shop.state()
    for asked in (["--records", "999"], ["--owners", "nobody"], ["--label", "maybe"], ["--column", "weight"]):
        said = shop("forget", *asked)
        assert (said.code, said.out) == (3, "")
        assert "nothing was changed" in said.err
    assert shop("forget", "--records", "999", "--queue").code == 3
    assert shop.state() == before


def test_what_is_no_id_changes_nothing(shop: Any) -> None:
    before = shop.state()
    said = shop("forget", "--records", "three", "--json")
    assert (said.code, said.document["kind"]) == (1, "DataError")
    assert shop.state() == before


def test_what_was_erased_before_is_no_failure(shop: Any) -> None:
    first = shop.done("forget", "--records", "3")
    again = shop("forget", "--records", "3")
    assert again.code == 0
    assert f"it was done before: {first['certificate']}" in again.out
    assert shop.done("forget", "--records", "3")["certificate"] == first["certificate"]
    other = shop("forget", "--records", "3,999", "--requester", "bob")
    assert other.code == 0
    for words in ("nothing to do", "already erased: record 3", "unknown: record 999"):
        assert words in other.out
    assert len(shop.certificates()) == 1


def test_a_reference_that_is_sent_twice_is_one_request_and_not_for_something_else(shop: Any) -> None:
    asked = ["--records", "3", "--requester", "ann", "--reference", "7"]
    first = shop.done("forget", *asked, "--queue")
    again = shop.done("forget", *asked)
    assert (again["request"], again["salt"]) == (first["request"], first["salt"])
    assert len(shop.certificates()) == 1
    said = shop("forget", "--records", "4", "--requester", "ann", "--reference", "7")
    assert said.code == 1
    assert "reference" in said.err


@pytest.mark.parametrize("asked", [["--label", "no"], ["--column", "colour"], ["--owners", "person 3,person 4"]])
def test_classes_columns_and_people_are_forgotten(asked: list[str], shop: Any) -> None:
    document = shop.done("forget", *asked)
    assert {name["outcome"] for name in document["names"]} == {"erased"}
    assert shop("verify", document["certificate"]).code == 0
    shop.done("forget", "--records", "21")
    assert shop.done("audit")["models"][0]["equal"]


def test_several_kinds_are_one_request_with_one_certificate(shop: Any) -> None:
    document = shop.done("forget", "--records", "3", "--owners", "person 9", "--label", "no")
    assert [name["outcome"] for name in document["names"]] == ["erased"] * 3
    assert len(shop.certificates()) == 1


def test_queued_requests_wait_and_are_worked_off_as_one_batch(shop: Any) -> None:
    said = shop("forget", "--records", "3", "--queue")
    assert said.code == 0
    assert "salt" in said.out
    assert "1 request waiting: `expunge work`" in said.out
    assert shop.done("forget", "--owners", "person 9", "--queue")["pending"] == 2
    assert shop.certificates() == []
    document = shop.done("work")
    assert len(document["done"]) == len(shop.certificates()) == 2
    assert document["pending"] == 0
    assert "no request waits" in shop("work").out


def test_a_request_takes_those_that_wait_along(shop: Any) -> None:
    queued = shop.done("forget", "--records", "3", "--queue")
    said = shop("forget", "--records", "4")
    assert f"also done: request {queued['request']}" in said.out
    assert len(shop.certificates()) == 2


# What cannot be met


def fails_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(*_: object) -> None:
        raise error

    monkeypatch.setattr(line, "change", change)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (VetoError("the audit speaks against it"), 5),
        (LearnError("too few of a class"), 1),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("ours"), 70),
    ],
    ids=lambda held: type(held).__name__,
)
def test_whatever_stops_the_work_the_salt_is_said(
    error: BaseException, code: int, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        fails_with(error, patched)
        said = shop("forget", "--records", "3", "--json")
    assert (said.code, said.document["code"]) == (code, code)
    assert said.err.startswith("error: ")
    assert shop.done("status")["requests"]["pending"] == 1
    again = shop.done("forget", "--records", "3")
    assert (again["request"], again["salt"]) == (said.document["request"], said.document["salt"])


def test_a_refused_request_has_ended_and_says_why(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fails_with(RefusedError(Refusal("a frozen layer has it", "instead", "retrain")), monkeypatch)
    monkeypatch.setattr(line, "planned", lambda *_: Refusal("a frozen layer has it", "instead", "retrain"))
    said = shop("forget", "--records", "3")
    assert (said.code, said.err) == (4, "error: a frozen layer has it\n")
    assert shop.done("status")["requests"]["ended"] == 1
    assert "a frozen layer has it" in shop("status").out


def test_a_request_that_came_to_nothing_among_others_says_why() -> None:
    held: Any = dict.fromkeys(Request._fields, None)
    ended = Request(**{**held, "id": "r", "state": "ended", "reason": "no", "ending": "refused"})
    assert isinstance(_unmet(ended), RefusedError)
    assert str(_unmet(ended._replace(ending="failed"))) == "no"
    assert "expunge work" in str(_unmet(ended._replace(state="published", reason=None, ending=None)))
    assert type(_unmet(ended._replace(ending="failed"))) is ExpungeError


def test_one_works_and_the_other_is_told_who(shop: Any) -> None:
    with lock.working(shop.folder / ".expunge" / "lock", "learn"):
        for command in (["forget", "--records", "3"], ["work"], ["learn"], ["keys", "rotate", "signing"]):
            said = shop(*command, "--wait", "0.05")
            assert said.code == 6
            assert "learn" in said.err
        assert shop("forget", "--records", "4", "--queue").code == 0
        assert shop("status").code == shop("where", "--records", "3").code == 0
    assert len(shop.done("work")["done"]) == 2


def test_residue_is_a_failure_with_a_certificate(shop: Any) -> None:
    (shop.folder / "export.txt").write_text("the customer person 7 wrote to us again\n" * 9)
    said = shop("forget", "--owners", "person 7", "--json")
    assert (said.code, said.document["kind"]) == (12, "ResidueError")
    assert said.document["scan"]["verdict"] == "found"
    assert len(shop.certificates()) == 1
    assert shop("verify", *shop.certificates()).code == 0
    found = shop("scan", "--owners", "person 7")
    assert found.code == 12
    assert "export.txt" in found.out


# Corrections, and the source


def test_corrected_rows_are_learned_as_they_should_be(shop: Any) -> None:
    before = shop.done("status")["models"]
    (shop.folder / "mended.csv").write_text("row,who,size,colour,late\n3,person 1,99,blue,no\n")
    document = shop.done("correct", "mended.csv", "--requester", "ann")
    assert [(name["name"], name["outcome"]) for name in document["names"]] == [(3, "corrected")]
    assert shop.done("status")["models"] != before
    again = shop("correct", "mended.csv", "--queue")
    assert again.code == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("row,who,size,colour,late\n", 2),
        ("row,who,size,late\n3,person 1,99,no\n", 1),
        ("row,who,size,colour,late\n3,person 1,large,blue,no\n", 1),
        ("row,who,size,colour,late\n3,person 1,9,blue,no\n3,person 1,8,blue,no\n", 1),
        ("row,who,size,colour,late\n999,person 1,9,blue,no\n", 3),
        (None, 15),
    ],
    ids=["no rows", "no column", "no number", "twice", "unknown", "no file"],
)
def test_rows_that_correct_nothing_change_nothing(text: str | None, code: int, shop: Any) -> None:
    if text is not None:
        (shop.folder / "mended.csv").write_text(text)
    before = shop.state()
    assert shop("correct", "mended.csv").code == code
    assert shop.state() == before


def test_what_is_gone_from_the_source_is_forgotten_and_said_first(shop: Any) -> None:
    cut(shop.folder / "orders.csv", "3", "7")
    dry = shop("reconcile", "--dry-run")
    assert dry.code == 0
    assert "2 of 60 rows are gone" in dry.out
    assert shop.certificates() == []
    refused = shop("reconcile", "--json")
    assert (refused.code, refused.document["code"], refused.document["gone"]) == (13, 13, 2)
    assert shop.certificates() == []
    document = shop.done("reconcile", "--yes")
    (done,) = document["done"]
    assert {name["name"] for name in done["names"]} == {3, 7}
    assert done["source"] == "no longer"
    assert shop.done("reconcile")["gone"] == 0


def test_a_source_that_came_back_empty_erases_nobody(shop: Any) -> None:
    (shop.folder / "orders.csv").write_text("row,who,size,colour,late\n")
    before = shop.done("status")["models"]
    assert shop("reconcile").code == 13
    assert shop.done("status")["models"] == before


def test_rows_that_say_something_else_are_corrected(shop: Any) -> None:
    rewritten(shop.folder / "orders.csv", colour="green")
    assert shop.done("reconcile", "--dry-run")["changed"] == 60
    (done,) = shop.done("reconcile", "--yes")["done"]
    assert {name["outcome"] for name in done["names"]} == {"corrected"}


def test_whoever_was_forgotten_stays_out_until_readmitted(shop: Any) -> None:
    shop.done("forget", "--records", "3", "--owners", "person 9")
    assert shop.done("learn", "--update")["cause"] == "nothing"
    assert shop("readmit", "--records", "5").code == 3
    assert shop.done("readmit", "--records", "3") == {"readmitted": 1}
    assert shop.done("learn", "--update")["added"] == 1
    said = shop("readmit", "--owners", "person 9")
    assert "`expunge learn --update`" in said.out
    assert shop.done("learn", "--update")["added"] == 2


def test_names_come_from_files_which_hold_names_and_so_are_found_in_the_folder(shop: Any, tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("3\n4\n")
    (tmp_path / "people").write_text("person 9\n")
    document = shop.done("forget", "--records-file", tmp_path / "ids", "--owners-file", tmp_path / "people")
    assert len(document["names"]) == 3
    assert shop("forget", "--records-file", "none").code == 15
    (shop.folder / "people").write_text("person 11\n")
    assert shop("forget", "--owners-file", "people").code == 12


def test_a_request_that_waits_can_be_taken_back_and_one_that_does_not_cannot(shop: Any) -> None:
    number = shop.done("forget", "--records", "3", "--queue")["request"]
    assert shop.done("withdraw", number)["state"] == "ended"
    status = shop.done("status")
    assert (status["requests"]["pending"], status["requests"]["ended"]) == (0, 1)
    assert shop.done("where", "--records", "3")["rows"] == 1
    done = shop.done("forget", "--records", "3")["request"]
    assert done != number  # asked again, it is another one
    before = shop.done("status")
    for other, said in (
        (number, "waits no more, it has ended: whoever asked took it back"),
        (done, "was carried out, and what was carried out is not taken back"),
        ("20260101-none", "`expunge status` says which do"),
    ):
        refused = shop("withdraw", other)
        assert refused.code == 3
        assert said in refused.err
    assert shop.done("status") == before
