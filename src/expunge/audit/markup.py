"""Elements of a page, escaped as they are made: text can become markup in no other way than through `element`.

Examples
--------
>>> element("p", "5 < 6 & ", element("b", "so on"), class_="note")
'<p class="note">5 &lt; 6 &amp; <b>so on</b></p>'
>>> element("td", "<script>alert(1)</script>", title='"quoted"')
'<td title="&quot;quoted&quot;">&lt;script&gt;alert(1)&lt;/script&gt;</td>'
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

EMPTY = frozenset({"br", "hr", "link", "meta"})
"""Elements that have no end."""


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def element(name: str, /, *children: str | None, **attributes: str | float | None) -> Html:
    """One element; children that are no `Html` are text.

    Parameters
    ----------
    name : str
    children : str or Html
        None is left out.
    attributes : str or number
        ``class_`` is class, ``aria_label`` is aria-label; None is left out.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{plain(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in EMPTY:
        return Html(f"<{name}{said}>")
    return Html(f"<{name}{said}>{joined(children)}</{name}>")


def joined(parts: Iterable[str | None]) -> Html:
    """Parts one after the other."""
    return Html("".join(part if isinstance(part, Html) else plain(part) for part in parts if part is not None))


def plain(text: str) -> str:
    """Text as a page has it: what would be markup is escaped, and what nobody could see is shown as replaced.

    Examples
    --------
    >>> plain("a" + chr(0x202E) + "<b") == "a" + chr(0xFFFD) + "&lt;b"
    True
    """
    return escape("".join(c if c.isprintable() or c in "\n\xa0" else "\N{REPLACEMENT CHARACTER}" for c in text))
