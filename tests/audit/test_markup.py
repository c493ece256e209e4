"""Markup: whatever text goes in comes out as text, and nothing else can become an element or an attribute."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.audit.markup import Html, element, joined, plain


class Read(HTMLParser):
    """What a parser makes of markup."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\xa0" else "\N{REPLACEMENT CHARACTER}" for c in text)


@given(st.text(), st.text())
def test_text_stays_text_and_values_stay_values(text: str, value: str) -> None:
    read = Read(element("p", text, title=value))
    assert read.tags == [("p", {"title": shown(value)})]
    assert read.text == shown(text)
    assert element("p", text).encode()


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "</p><img src=x onerror=alert(1)>", "&lt;b&gt;", "\ud800"]
)
def test_what_looks_like_markup_is_none(text: str) -> None:
    assert [tag for tag, _ in Read(element("p", text)).tags] == ["p"]
    assert Read(element("p", text)).text == shown(text)


def test_markup_within_markup_stays_and_is_escaped_once() -> None:
    inside = element("b", "5 < 6")
    assert element("p", inside, None, " & more") == "<p><b>5 &lt; 6</b> &amp; more</p>"
    assert isinstance(joined([inside, "x"]), Html)
    assert element("p", inside + "") == "<p>&lt;b&gt;5 &amp;lt; 6&lt;/b&gt;</p>"  # a sum is text again


def test_attributes_are_named_as_in_python() -> None:
    assert element("meta", http_equiv="x", content=None) == '<meta http-equiv="x">'
    assert element("svg", viewBox="0 0 1 1", class_="a", x1=0.5) == '<svg viewBox="0 0 1 1" class="a" x1="0.5"></svg>'


def test_what_turns_the_order_of_reading_is_shown_as_replaced() -> None:
    assert plain("a\u202eb\x1b\u200b") == "a\ufffdb\ufffd\ufffd"
