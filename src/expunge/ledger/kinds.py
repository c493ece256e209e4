"""The kinds of events, and what each has to say. None of it names a person: addresses, digests, commitments, counts.

Examples
--------
>>> check(7, "purged", None, {"destroyed": 3, "digest": "aa"})
>>> check(7, "purged", None, {"destroyed": 3, "digest": "aa", "whose": "ann"})
Traceback (most recent call last):
expunge.errors.LedgerError: event 7 (purged) cannot follow: it has the fields destroyed, digest and no others
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn, TypeAlias

from expunge.errors import LedgerError

Body: TypeAlias = Mapping[str, Any]
_Fits: TypeAlias = Callable[[Any], bool]

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}", re.ASCII)  # a request's id is the name of a file, too


def illegal(number: int, kind: str, why: str) -> NoReturn:
    """Refuse an event, which is named by its number and kind."""
    known = kind if kind in KINDS else "of an unknown kind"
    raise LedgerError(f"event {number} ({known}) cannot follow: {why}")


def _text(value: Any) -> bool:
    return type(value) is str and value != ""


def _maybe_text(value: Any) -> bool:
    return value is None or _text(value)


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _texts(value: Any) -> bool:
    return type(value) is list and all(map(_text, value))


def _mapping(value: Any) -> bool:
    return type(value) is dict


def _models(value: Any) -> bool:
    return _mapping(value) and all(
        _mapping(held) and held.keys() == {"before", "after"} and all(map(_maybe_text, held.values()))
        for held in value.values()
    )


def _one_of(*values: str) -> _Fits:
    return frozenset(values).__contains__


def _word(*values: str) -> _Fits:
    known = _one_of(*values)
    return lambda value: type(value) is str and known(value)


class _Kind(NamedTuple):
    fields: dict[str, _Fits]
    request: bool = False
    more: bool = False  # other fields may stand beside these


KINDS: dict[str, _Kind] = {
    "created": _Kind({"project": _text, "version": _count}),
    "received": _Kind(
        {
            "token": _text,
            "content": _text,
            "kind": _word("erase", "correct", "update", "readmit"),
            "target": _text,
            "named": _count,
            "requester": _maybe_text,
        },
        request=True,
    ),
    "published": _Kind(
        {
            "root": _text,
            "cause": _word("learn", "work", "update", "readmit", "repair", "restore"),
            "requests": _texts,
            "outcome": _maybe_text,
            "models": _models,
        }
    ),
    "purged": _Kind({"destroyed": _count, "digest": _text}),
    "scanned": _Kind({"verdict": _word("clean", "found", "blind", "not distinguishable", "none")}, more=True),
    "certified": _Kind({"certificate": _text, "signer": _text}, request=True),
    "ended": _Kind(
        {"state": _word("refused", "unknown", "already", "withdrawn", "failed"), "reason": _text}, request=True
    ),
    "vetoed": _Kind({"requests": _texts, "reason": _text}),
    "readmitted": _Kind({"tokens": _count}),
    "trusted": _Kind({}),
    "rotated": _Kind({"what": _text}),
    "backed_up": _Kind({"keys": _count}),
    "restored": _Kind({"from": _count, "replayed": _count}),
    "audited": _Kind({"model": _text, "verdict": _text}, more=True),
    "noted": _Kind({}, more=True),
}
"""Every kind of event there is."""


def check(number: int, kind: str, request: str | None, body: Body) -> None:
    """Raise unless an event of this kind can look like this, whatever came before it."""
    shape = KINDS.get(kind)
    if shape is None:
        illegal(number, kind, f"possible are {', '.join(KINDS)}")
    if (request is not None) != shape.request:
        illegal(number, kind, f"it is {'about one request' if shape.request else 'not about one request'}")
    if request is not None and not (type(request) is str and _NAME.fullmatch(request)):
        illegal(number, kind, "a request's id is 1 to 128 letters, digits, dots, dashes and underscores of ASCII")
    for name, fits in shape.fields.items():
        if name not in body or not fits(body[name]):
            illegal(number, kind, f"its {name!r} is missing or not what it has to be")
    if not shape.more and len(body) > len(shape.fields):
        illegal(number, kind, f"it has the fields {', '.join(shape.fields) or '(none)'} and no others")
