"""Whether a value has the shape that a TypedDict says, with the place of the first that has not.

Examples
--------
>>> from typing import TypedDict
>>> class Count(TypedDict):
...     number: int
>>> misfit({"number": 3}, Count, "count")
>>> misfit({"number": True}, Count, "count")
'count.number is a bool'
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict


def misfit(value: Any, hint: Any, place: str) -> str | None:
    """What is wrong with ``value``, and where; None when it is as ``hint`` says."""
    if is_typeddict(hint):
        return _fields(value, _hints(hint), place)
    kind, inner = get_origin(hint), get_args(hint)
    if kind is Literal:
        possible = ", ".join(map(repr, inner))
        return None if type(value) is str and value in inner else f"{place} is not one of {possible}"
    if kind in (Union, types.UnionType):
        problems = [misfit(value, option, place) for option in inner]
        return None if None in problems else problems[0]
    if kind is Sequence:
        return _items(enumerate(value), inner[0], place) if isinstance(value, list | tuple) else _is(value, place)
    if kind is Mapping:
        return _items(value.items(), inner[1], place) if isinstance(value, dict) else _is(value, place)
    return _plain(value, hint, place)


@cache
def _hints(shape: Any) -> dict[str, Any]:
    return get_type_hints(shape)


def _plain(value: Any, hint: Any, place: str) -> str | None:
    if hint is Any or type(value) is hint or (hint is float and type(value) is int):
        negative = type(value) is int and value < 0 and hint is int
        return f"{place} is negative" if negative else None
    return _is(value, place)


def _fields(value: Any, hints: dict[str, Any], place: str) -> str | None:
    if not isinstance(value, dict):
        return _is(value, place)
    if missing := [name for name in hints if name not in value]:
        return f"{place} lacks {missing[0]}"
    if len(value) > len(hints):
        return f"{place} has other fields than {', '.join(hints)}"
    return next(filter(None, (misfit(value[name], hint, f"{place}.{name}") for name, hint in hints.items())), None)


def _items(items: Any, hint: Any, place: str) -> str | None:
    return next(filter(None, (misfit(held, hint, f"{place}[{at!r}]") for at, held in items)), None)


def _is(value: Any, place: str) -> str:
    return f"{place} is a {type(value).__name__}"
