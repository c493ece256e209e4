"""Rules of fields: what fits, what does not, and the sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.errors import ProjectError
from expunge.project.rules import Count, Hex, Options, Share, Text, Title, Truth, made, near, shown


@dataclass(frozen=True)
class Every:
    title: Title
    id: Hex = "0" * 32
    text: Text | None = None
    truth: Truth = True
    count: Count = 1
    share: Share = 0.0
    choice: Literal["a", "b"] = "a"
    options: Options = field(default_factory=dict)


WRONG: dict[str, list[Any]] = {
    "title": ["", " ", "a\nb", "x" * 101, 7, None],
    "id": ["", "0" * 31, "G" * 32, "A" * 32, "../" + "0" * 29, "0" * 32 + "\n", 0],
    "text": ["", 1, []],
    "truth": [1, "true", None],
    "count": [0, -1, 1.0, True, "1", 2**31],
    "share": [-0.1, 1, 0.91, float("nan"), float("inf"), True, False, "0.1"],
    "choice": ["c", "", 1, [], None],
    "options": [[], "x", {"a": None}, {"a": {"b": [b""]}}],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values], ids=repr
)
def test_what_does_not_fit_is_a_sentence_that_names_it(name: str, value: Any) -> None:
    with pytest.raises(ProjectError, match=rf"expunge.toml: {name} in \[here\] must be .*; got "):
        made(Every, {"title": "x", name: value}, "[here]")


def test_what_fits_is_taken() -> None:
    held = {"title": "é 😀", "id": "0123456789abcdef" * 2, "text": "\n", "truth": False, "count": 2**31 - 1, "share": 0}
    found = made(Every, {**held, "choice": "b", "options": {"a": [1, {"b": "c"}]}}, "[here]")
    assert found == Every(**held, choice="b", options={"a": [1, {"b": "c"}]})  # type: ignore[arg-type]
    assert isinstance(found.share, float)
    assert made(Every, {"title": "x", "text": None}, "[here]").text is None


def test_what_is_missing_or_unknown_is_named() -> None:
    with pytest.raises(ProjectError, match=r"\[here\] lacks title, a text of one line"):
        made(Every, {}, "[here]")
    with pytest.raises(ProjectError, match=r"\[here\] has no 'cuont'; did you mean 'count'\?; it has title, id"):
        made(Every, {"title": "x", "cuont": 1}, "[here]")


@given(st.text())
def test_sentences_stay_short(text: str) -> None:
    assert len(shown(text)) <= 103
    assert isinstance(near(text, ["count"]), str)
