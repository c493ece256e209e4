"""One value, one sequence of bytes: what is signed, chained and compared.

JSON with sorted keys, without spaces, in UTF-8; floats as Python's ``repr`` writes them, which reads back as the same
float. What JSON does not have (NaN, keys that are no strings, bytes) is refused, never turned into something near.

Examples
--------
>>> canonical({"b": [1, 2.5, None], "a": True}).decode()
'{"a":true,"b":[1,2.5,null]}'
"""

from __future__ import annotations

import json
from typing import Any

from expunge.errors import CodecError


def canonical(value: Any) -> bytes:
    """The bytes of a value made of dicts with string keys, lists, strings, integers, floats, booleans and None.

    Raises
    ------
    CodecError
        If the value holds anything else, or cannot be written as UTF-8.
    """
    return written(value).encode()


def written(value: Any, *, indent: int | None = None) -> str:
    """`canonical` as text; with ``indent`` in lines that people can read, as determined as without."""
    _check(value, "the value")
    separators = (",", ":") if indent is None else (",", ": ")
    try:
        text = json.dumps(
            value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
        )
        text.encode()
    except (ValueError, RecursionError) as refusal:  # a lone surrogate; an integer of thousands of digits; a ring
        raise CodecError(f"the value cannot be written as JSON: {type(refusal).__name__}") from refusal
    return text


def _check(value: Any, place: str) -> None:
    try:
        stranger = _stranger(value, place)
    except RecursionError as ring:
        raise CodecError("the value cannot be written as JSON: it is nested too deeply") from ring
    if stranger is not None:
        raise CodecError(
            f"JSON takes dicts with string keys, lists, strings, integers, finite floats, booleans and None; {stranger}"
        )


def _stranger(value: Any, place: str) -> str | None:
    """What JSON does not have, and where; None when all is well."""
    if isinstance(value, dict):
        for key, held in value.items():
            if not isinstance(key, str):
                return f"{place} has a key that is a {type(key).__name__}"
            if type(held) is not str and (found := _stranger(held, f"{place}[{key!r}]")):
                return found
        return None
    if isinstance(value, list | tuple):
        return next((found for at, held in enumerate(value) if (found := _stranger(held, f"{place}[{at}]"))), None)
    if isinstance(value, float):
        return None if value - value == 0 else f"{place} is {value!r}"
    return None if value is None or isinstance(value, str | int) else f"{place} is a {type(value).__name__}"
