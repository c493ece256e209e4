"""What is written in TOML is what is read back, whatever is in it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.errors import ProjectError
from expunge.project import toml

HOSTILE = [
    "",
    "a.b",
    'a"b',
    "a\\b",
    "a\nb",
    "\r\n",
    "\0",
    "\x7f",
    "\u2028",
    "= 1",
    "# no",
    "[x]",
    "'''",
    "é",
    "😀",
    "\x85",
]
texts = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]))
scalars = texts | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)


@given(st.dictionaries(texts, values, max_size=4))
def test_what_is_written_is_read_back(held: dict[str, Any]) -> None:
    lines = "\n".join(f"{toml.key(name)} = {toml.value(value)}" for name, value in held.items())
    found = tomllib.loads(lines)
    assert repr(found) == repr(held), "values and their types"


@given(st.text())
def test_a_comment_is_a_comment(said: str) -> None:
    lines = toml.comment(said)
    assert tomllib.loads("\n".join(lines)) == {}
    assert all(line.startswith("# ") and len(line.encode(errors="replace")) >= 3 for line in lines)


def test_long_comments_are_wrapped() -> None:
    lines = toml.comment("word " * 60)
    assert len(lines) == 3
    assert max(map(len, lines)) <= toml.WIDE


def test_a_nan_is_one() -> None:
    found = tomllib.loads(f"x = {toml.value(float('nan'))}")["x"]
    assert found != found  # noqa: PLR0124  (NaN)


@pytest.mark.parametrize(("given", "said"), [(None, "NoneType"), (object, "type"), ("\ud800", "half a character")])
def test_what_toml_has_no_word_for_is_a_sentence(given: Any, said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        toml.value(given)
