"""The audit: what is published learned again, and a forgetting rehearsed, measured and shown, with nothing changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from expunge.audit.document import digest
from expunge.cli import auditing
from expunge.cli.auditing import contradiction, replayed_document
from expunge.engine import inquiry
from expunge.engine.inquiry import Replayed
from expunge.errors import VetoError

# Learned again


def test_an_audit_learns_again_and_finds_the_same(shop: Any) -> None:
    shop.done("forget", "--records", "3")
    (found,) = shop.done("audit")["models"]
    assert found["equal"]
    assert found["published"] == found["again"] == shop.done("status")["models"]["main"]
    assert "bit for bit" in shop("audit", "--model", "main").out
    assert shop("audit", "--model", "mane").code == 14
    assert shop.done("log", "--last", "1")[0]["kind"] == "audited"


def test_another_model_in_the_same_environment_is_a_contradiction(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def replay(_: object, name: str) -> Replayed:
        return Replayed(name, equal=False, published="aa", again="bb", environment=where, seconds=1.0, utility=None)

    monkeypatch.setattr(inquiry, "replay", replay)
    where: Any = "same"
    said = shop("audit", "--json")
    assert (said.code, said.document["kind"], said.document["models"][0]["equal"]) == (5, "VetoError", False)
    where = "other"
    said = shop("audit")
    assert said.code == 0
    assert "another environment" in said.out


def test_only_an_unequal_model_in_the_same_environment_contradicts() -> None:
    same = Replayed("m", equal=True, published="a", again="a", environment="same", seconds=1.0, utility=None)
    other = Replayed("m", equal=False, published="a", again="b", environment="other", seconds=1.0, utility=None)
    assert contradiction([same, other]) is None
    wrong = Replayed("m", equal=False, published="a", again="b", environment="same", seconds=1.0, utility="good")
    assert isinstance(contradiction([same, wrong]), VetoError)
    assert replayed_document(wrong)["utility"] is None
    assert any("good" in line for line in auditing._replayed(wrong))


# Rehearsed


def test_a_rehearsal_measures_and_changes_nothing(shop: Any, tmp_path: Path) -> None:
    before = shop.done("status"), shop.done("log", "--last", "1")
    page = tmp_path / "report.html"
    said = shop.done("audit", "--owners", "person 3", "--tier", "standard", "--models", "5", "--html", str(page))
    found = said["audit"]
    assert (found["tier"], found["report"]["claimed"]["name"]) == ("standard", "Exact")
    assert found["report"]["replay"]["equal"]
    assert found["models_learned"] == 5
    assert digest(found) == found["digest"]
    assert (shop.done("status"), shop.done("log", "--last", "1")) == before
    assert page.read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    assert "person 3" not in page.read_text(encoding="utf-8")


def test_groups_are_compared_where_they_are_named(shop: Any, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    order = ("--records", "3", "--tier", "replay", "--group", "colour", "--positive", "yes")
    found = shop.done("audit", *order, "--html", str(page))["audit"]["report"]["subgroups"]
    assert found["grouping"] == {"column": "colour", "positive": "yes"}
    assert {*found["models"]} == {"original", "forgotten", "oracle", "second"}
    assert "Groups by colour" in page.read_text(encoding="utf-8")
    assert "Groups by colour" in shop("audit", *order).out


def test_what_it_costs_is_said_first(shop: Any) -> None:
    said = shop("audit", "--records", "3", "--tier", "replay")
    assert said.code == 0
    first = said.out.splitlines()[0]
    assert first.startswith("model main: rehearsed with sisa; the replay tier costs")
    assert "no evidence (screening)" in said.out


def test_nothing_of_what_was_named_is_nothing_to_rehearse(shop: Any) -> None:
    said = shop("audit", "--records", "999999")
    assert said.code == 3
    assert "nothing to rehearse" in said.err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--tier", "full"), "say which"),
        (("--records", "3", "--tier", "best"), "--tier is one of quick, replay, standard, full; got best"),
        (("--records", "3", "--models", "2"), "needs at least 5 models, got 2"),
        (("--html", "page.html"), "say which"),
        (("--group", "colour", "--positive", "yes"), "say which"),
        (("--records", "3", "--group", "colour"), "groups need both --group COLUMN and --positive CLASS"),
        (("--records", "3", "--group", "sex", "--positive", "yes"), "no column 'sex'"),
    ],
)
def test_wrong_arguments_get_a_sentence(shop: Any, arguments: tuple[str, ...], part: str) -> None:
    said = shop("audit", *arguments)
    assert said.code != 0
    assert part in said.err


def test_a_page_that_cannot_be_written_is_said(shop: Any) -> None:
    said = shop("audit", "--records", "3", "--tier", "quick", "--html", "no/such/folder/page.html")
    assert said.code != 0
    assert "no/such/folder" in said.err
