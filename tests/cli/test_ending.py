"""Every kind of failure: its exit code, its sentence, and its page in the documents."""

from __future__ import annotations

import errno
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from expunge import errors
from expunge.cli.ending import BUG, INTERRUPTED, PIPE_CLOSED, USAGE, UsageError, ending
from expunge.errors import ExpungeError, RefusedError
from expunge.values import Refusal

DOCS = Path(__file__).resolve().parents[2] / "docs" / "errors"
PAGES = {int(page.name.partition("-")[0]): page for page in DOCS.glob("[0-9]*-*.md")}
KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ExpungeError)]


def made(kind: type[ExpungeError]) -> ExpungeError:
    return RefusedError(Refusal("no", "never")) if kind is RefusedError else kind("no")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_error_ends_with_its_code_and_its_page_names_it(kind: type[ExpungeError]) -> None:
    code, name, sentence = ending(made(kind))
    assert (code, name, sentence) == (kind.exit_code, kind.__name__, "no")
    page = PAGES[code].read_text(encoding="utf-8")
    assert f"`{kind.__name__}`" in page
    assert f"Exit code {code}." in page
    assert "**What to do.**" in page
    assert re.search("^- .*`|^- ", page.partition("**What to do.**")[2], re.MULTILINE)


@pytest.mark.parametrize("code", [1, USAGE, BUG, INTERRUPTED, PIPE_CLOSED])
def test_the_codes_of_no_kind_have_pages_too(code: int) -> None:
    assert f"Exit code {code}." in PAGES[code].read_text(encoding="utf-8")


def test_the_index_leads_to_every_page_and_there_is_none_for_a_code_that_nothing_has() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for code, page in PAGES.items():
        assert f"[{code}]({page.name})" in index
    assert set(PAGES) == {kind.exit_code for kind in KINDS} | {1, USAGE, BUG, INTERRUPTED, PIPE_CLOSED}


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("give one"), 2, "give one"),
        (typer.BadParameter("not so."), 2, "Invalid value: not so"),
        (KeyboardInterrupt(), 130, "expunge status"),
        (MemoryError(), 1, "not enough memory"),
        (OSError(errno.EACCES, "Permission denied", "rows.csv"), 1, "rows.csv: permission denied"),
        (OSError("odd"), 1, "odd"),
        (ValueError("alice is ill"), 70, "a bug in expunge (ValueError)"),
    ],
    ids=lambda held: type(held).__name__,
)
def test_all_else_becomes_a_sentence(error: BaseException, code: int, said: str) -> None:
    found = ending(error)
    assert found.code == code
    assert said in found.sentence


def test_the_text_of_a_bug_is_not_repeated_because_it_may_be_about_somebody() -> None:
    assert "alice" not in ending(KeyError("alice")).sentence


def test_wrong_arguments_say_where_help_is() -> None:
    context: Any = type("Context", (), {"command_path": "expunge learn", "color": None})()
    error = typer.BadParameter("no number")
    error.ctx = context
    assert ending(error).sentence == "Invalid value: no number (`expunge learn --help` says what there is)"
