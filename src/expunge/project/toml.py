"""Values as TOML 1.0 spells them, for the one file that we write: what ``tomllib`` reads back is what was given.

Examples
--------
>>> import tomllib
>>> line = f"{key('a.b')} = {value([1.5, 'x', True, {'deep': 2}])}"
>>> print(line)
"a.b" = [1.5, "x", true, {deep = 2}]
>>> tomllib.loads(line)
{'a.b': [1.5, 'x', True, {'deep': 2}]}
"""

from __future__ import annotations

import math
import re
from textwrap import wrap
from typing import Any

from expunge.errors import ProjectError

BARE = re.compile(r"[A-Za-z0-9_-]+")
ESCAPED = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029]')
WIDE = 112  # characters of a line of comment


def key(name: str) -> str:
    """A key: bare where it can be."""
    return name if BARE.fullmatch(name) else _text(name)


def value(given: Any) -> str:
    """A text, number, truth value, list or table, on one line.

    Raises
    ------
    ProjectError
        For what TOML has no word for: nothing (None), or half a character (a lone surrogate).
    """
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, int):
        return str(given)
    if isinstance(given, float):
        return repr(given) if math.isfinite(given) else {math.inf: "inf", -math.inf: "-inf"}.get(given, "nan")
    if isinstance(given, str):
        return _text(given)
    if isinstance(given, list | tuple):
        return f"[{', '.join(map(value, given))}]"
    if isinstance(given, dict):
        return "{" + ", ".join(f"{key(name)} = {value(item)}" for name, item in given.items()) + "}"
    msg = f"expunge.toml holds text, numbers, truth values, lists and tables of these; got a {type(given).__name__}"
    raise ProjectError(msg)


def comment(said: str) -> list[str]:
    """A sentence as lines of comment, whatever is in it."""
    plain = "".join(letter if letter.isprintable() else " " for letter in said)
    return [f"# {line}" for line in wrap(plain, WIDE - 2, break_on_hyphens=False)]


def _text(given: str) -> str:
    try:
        given.encode()
    except UnicodeEncodeError:
        msg = f"{given!r} holds half a character (a lone surrogate), which no file of text can hold"
        raise ProjectError(msg) from None
    return f'"{ESCAPED.sub(_escape, given)}"'


def _escape(found: re.Match[str]) -> str:
    letter = found[0]
    return f"\\{letter}" if letter in '"\\' else f"\\u{ord(letter):04x}"
