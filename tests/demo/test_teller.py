"""The teller keeps to its width, and counts what did not hold."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from expunge.demo.teller import WIDTH, Teller


def spoken(width: int = 80) -> tuple[Teller, StringIO]:
    file = StringIO()
    return Teller(Console(file=file, width=width)), file


WORDS = st.lists(st.text("abcdefghij[]/$-", min_size=1, max_size=30), min_size=1, max_size=30).map(" ".join)


@given(WORDS, st.booleans())
def test_everything_fits_and_no_word_is_lost(words: str, holds: bool) -> None:  # noqa: FBT001  (hypothesis draws it)
    for tell in ("say", "points", "pairs", "check", "type"):
        teller, file = spoken()
        match tell:
            case "points":
                teller.points([words])
            case "pairs":
                teller.pairs([("name", words)])
            case "check":
                teller.check(words, holds=holds)
            case _:
                getattr(teller, tell)(words)
        said = file.getvalue()
        assert max(map(len, said.splitlines())) <= WIDTH
        assert "".join(words.split()) in "".join(said.replace("\\\n", "\n").split())


def test_checks_are_counted_and_those_that_fail_are_kept() -> None:
    teller, file = spoken()
    teller.check("this holds", holds=True)
    teller.check("this does not", holds=False)
    assert (teller.count, teller.failed) == (2, ["this does not"])
    assert file.getvalue() == "  ok      this holds\n  FAILED  this does not\n"


def test_an_option_stays_on_the_line_of_its_value() -> None:
    teller, file = spoken()
    teller.type("expunge init " + " ".join(f"--set name{n}={n}" for n in range(12)))
    lines = file.getvalue().strip().splitlines()
    assert len(lines) > 2
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert not any(line.removesuffix(" \\").endswith("--set") for line in lines)


@pytest.mark.parametrize("width", [40, 200])
def test_the_terminals_own_width_breaks_no_line(width: int) -> None:
    teller, file = spoken(width)
    teller.say("word " * 30)
    assert max(map(len, file.getvalue().splitlines())) == 74
