"""What is printed where, and how: one document, or lines; nothing that moves a terminal's cursor."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from expunge.cli import screen
from expunge.cli.screen import Bars, SaidError, Screen
from expunge.errors import BusyError


def test_with_json_there_is_one_document_and_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    talking = Screen(as_json=True)
    talking.say("learning")
    talking.show({"rows": 3}, ["3 rows"])
    assert capsys.readouterr() == ('{"rows": 3}\n', "")


def test_without_there_are_lines_and_no_document(capsys: pytest.CaptureFixture[str]) -> None:
    talking = Screen(as_json=False)
    talking.show({"rows": 3}, ["3 rows", "1 model"])
    talking.show({"rows": 3}, [])
    assert capsys.readouterr() == ("3 rows\n1 model\n", "")


def test_a_failure_stands_in_the_document_and_is_still_to_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    error = BusyError("process 7 works")
    with pytest.raises(SaidError) as said:
        Screen(as_json=True).show({"rows": 3}, [], error)
    assert said.value.error is error
    document = json.loads(capsys.readouterr().out)
    assert document == {"rows": 3, "error": "process 7 works", "code": 6, "kind": "BusyError"}


def test_a_number_that_is_none_is_null() -> None:
    found = screen.written({"a": float("inf"), "b": [float("nan"), 1.0], "c": ("x", None)})
    assert json.loads(found) == {"a": None, "b": [None, 1.0], "c": ["x", None]}


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\r", "\x07", "\u202e", "\x9b31m", "\x00"])
def test_what_a_terminal_would_obey_is_replaced(hostile: str, capsys: pytest.CaptureFixture[str]) -> None:
    Screen(as_json=False).say(f"row {hostile} of alice")
    screen.complain(f"row {hostile} of alice")
    said = capsys.readouterr()
    for text in said:
        assert text.startswith("row \ufffd")
        assert hostile not in text


def test_lines_that_were_asked_for_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(as_json=False).say("a\nb")
    Screen(as_json=False).pour("7,yes\n8,no\n")
    assert capsys.readouterr().out == "a\nb\n7,yes\n8,no\n"


def test_without_a_terminal_there_are_no_bars(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(as_json=False).progress() as tick:
        tick("shards", 1, 2)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_at_a_terminal_there_are_bars_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    talking = Screen(as_json=False)
    with talking.progress() as tick:
        assert terminal.getvalue() == ""
        tick("shards [x]", 1, 2)
        talking.say("a line in between")
        tick("shards [x]", 2, 2)
    assert "shards [x]" in terminal.getvalue()
    assert capsys.readouterr().out == "a line in between\n"


def test_a_bar_that_begins_again_has_a_clock_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = Bars(Terminal())
    bars("epochs", 2, 2)
    assert bars._progress is not None
    (task,) = bars._progress.tasks
    assert task.finished
    begun = task.start_time
    bars("epochs", 1, 2)
    assert not task.finished
    assert task.start_time is not None
    assert begun is not None
    assert task.start_time > begun
    bars.stop()


def test_with_json_there_are_none_even_there(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Screen(as_json=True).progress() as tick:
        tick("shards", 1, 2)
    assert terminal.getvalue() == ""


def test_bars_can_be_stopped_before_they_began() -> None:
    Bars(io.StringIO()).stop()


def test_who_has_no_output_is_not_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}", None)
    screen.out("x")
    screen.complain("x")


@pytest.mark.parametrize(("count", "left"), [(3, []), (20, []), (23, ["and 3 more"])])
def test_of_many_names_some_are_listed(count: int, left: list[str]) -> None:
    found: Any = screen.some([str(n) for n in range(count)])
    assert found == [str(n) for n in range(min(count, screen.FEW))] + left


def test_pairs_stand_below_each_other_and_end_without_spaces() -> None:
    assert screen.pairs([("a", "1"), ("long", "")], indent=" ") == [" a     1", " long"]
    assert screen.pairs([]) == []


def test_fingerprints_are_cut() -> None:
    assert (screen.short("ab" * 32), screen.short(None)) == ("ab" * 6, "none")
