"""`expunge find`: a ranked table that changes nothing, and a request for its first records once that is confirmed."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from expunge.cli.finding import confirmed
from expunge.errors import ConfirmationError

POISON = ("find", "poisoned")
LOGISTIC = ("--learner", "sklearn.linear_model.LogisticRegression")
UNFAIR = ("find", "unfair", "--group", "colour", "--positive", "yes")


def test_a_ranking_names_records_says_its_limits_and_changes_nothing(shop: Any) -> None:
    before = shop.state()
    document = shop.done(*POISON, "--top", "5")
    said = shop(*POISON, "--top", "5")
    assert shop.state() == before
    assert (document["reason"], document["ranked"], document["top"], document["likely"]) == ("poisoned", 60, 5, None)
    assert len(document["found"]) == 5
    scores = [each["score"] for each in document["found"]]
    assert scores == sorted(scores, reverse=True)
    assert sum(share["taken"] for share in document["shares"]) == 5
    assert said.code == 0
    for words in ("60 records ranked", "the first 5 are 8.3% of all", "of class", "what not", *document["said"]):
        assert words in said.out
    ranked = [line.split()[1] for line in said.out.splitlines()[2:7]]
    assert ranked == [str(each["id"]) for each in document["found"]]
    assert len(shop.done(*POISON, "--top", "1000")["found"]) == 60


def test_the_whole_ranking_goes_into_a_file_outside_the_project(shop: Any, tmp_path: Path) -> None:
    out = tmp_path / "ranking.csv"
    document = shop.done(*POISON, "--by", "clusters", "--at", "inputs", "--csv", out)
    assert (document["found"], document["out"]) == ([], str(out))
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["rank"]) for row in rows] == list(range(1, 61))
    assert {int(row["id"]) for row in rows} == set(range(1, 61))
    assert str(out) in shop(*POISON, "--csv", out).out
    inside = shop(*POISON, "--csv", "ranking.csv")
    assert inside.code == 2
    assert "a search would find them there" in inside.err
    assert not (shop.folder / "ranking.csv").exists()


def test_influential_is_asked_about_names_or_rows(shop: Any, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    lines = (shop.folder / "orders.csv").read_text().splitlines()
    rows.write_text("\n".join([lines[0], *lines[8:9]]) + "\n")
    named, brought = shop.done("find", "influential", "--for", "8"), shop.done("find", "influential", "--rows", rows)
    assert named["found"] == brought["found"]
    assert shop("find", "influential", "--for", "999").code == 3
    assert shop("find", "influential").code == 14
    assert "no record is held out" in shop("find", "influential").err


def test_unfair_names_its_groups(empty: Path, expunge: Callable[..., Any]) -> None:
    lines = ["row,size,colour,late"]
    lines += [f"{n},{n * 37 % 101},{'red' if n % 2 else 'blue'},{'yes' if n % 2 else 'no'}" for n in range(1, 81)]
    (empty / "orders.csv").write_text("\n".join(lines) + "\n")
    for arguments in (["init", "--source", "orders.csv", "--id", "row", "--label", "late", *LOGISTIC], ["learn"]):
        assert expunge(*arguments).code == 0
    document = expunge(*UNFAIR, "--top", "3", "--json").document
    assert "between colour 'red' and 'blue'" in document["said"][0]
    assert "are 1.000 apart" in document["said"][0]
    assert len(document["found"]) == 3


def test_where_decisions_are_the_same_in_all_groups_there_is_no_gap(shop: Any) -> None:
    said = shop(*UNFAIR)
    assert (said.code, "there is no gap" in said.err) == (1, True)


def test_forgetting_asks_first(shop: Any) -> None:
    before = shop.state()
    said = shop(*POISON, "--top", "2", "--forget")
    assert said.code == 13
    assert "not undone" in said.err
    assert shop.state() == before
    first = [each["id"] for each in shop.done(*POISON, "--top", "2")["found"]]
    done = shop.done(*POISON, "--top", "2", "--forget", "--yes", "--requester", "the officer")
    assert {name["name"]: name["outcome"] for name in done["names"]} == dict.fromkeys(first, "erased")
    assert done["state"] == "certified"
    again = {each["id"] for each in shop.done(*POISON, "--top", "58")["found"]}
    assert not again.intersection(first)
    waiting = shop.done(*POISON, "--top", "1", "--forget", "--yes", "--queue")
    assert waiting["pending"] == 1
    rest = shop("log").out + shop("log", "--json").out
    assert "poisoned" not in rest


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stolen"], "one of mislabelled, poisoned"),
        (["poisoned", "--group", "colour"], "--group is for unfair, and poisoned was asked for"),
        (["unfair", "--group", "colour"], "needs --group COLUMN and --positive CLASS"),
        (["influential", "--for", "3", "--rows", "x.csv"], "give one of them"),
        (["poisoned", "--top", "0"], "--top"),
    ],
)
def test_what_does_not_go_together_is_said_at_once(shop: Any, arguments: list[str], words: str) -> None:
    said = shop("find", *arguments)
    assert said.code == 2
    assert words in said.err


def test_wrong_ways_are_sentences(shop: Any) -> None:
    assert "'spectral' or 'clusters'" in shop(*POISON, "--by", "magic").err
    assert "'parity', 'opportunity'" in shop(*UNFAIR, "--gap", "odds").err
    assert "no column 'sex'" in shop("find", "unfair", "--group", "sex", "--positive", "yes").err


def test_wrong_labels(shop: Any) -> None:
    pytest.importorskip("cleanlab", reason="pip install 'expunge[find]'")
    document = shop.done("find", "mislabelled", "--folds", "2", "--top", "4")
    assert document["likely"] is not None
    assert "estimated to be so" in shop("find", "mislabelled", "--folds", "2").out


@pytest.mark.parametrize("answer", [True, False])
def test_at_a_terminal_the_answer_counts(answer: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    asked: list[str] = []

    def confirm(question: str, **_: Any) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda _: True})())
    monkeypatch.setattr("typer.confirm", confirm)
    with nullcontext() if answer else pytest.raises(ConfirmationError, match="nothing was changed"):
        confirmed(2, yes=False)
    assert asked == ["Forget 2 records? It is not undone"]
    confirmed(2, yes=True)
    assert len(asked) == 1
