"""Commitments: how a certificate names a person without naming one.

A commitment is a keyed digest of a name. Who holds the salt (the requester is given it) can show which name is meant,
and can look for a name; who does not can do neither, even for a name that is easily guessed.

Examples
--------
>>> salt = bytes(range(32))
>>> commitment(salt, "record", 7) == commitment(salt, "record", "7")
False
>>> body = {"subjects": [{"commitment": commitment(salt, "owner", "ann"), "outcome": "erased"}]}
>>> covers(body, salt, "owner", "ann"), outcome(body, salt, "owner", "ann"), outcome(body, salt, "owner", "bob")
(True, 'erased', None)
"""

from __future__ import annotations

import hmac
import operator
from collections.abc import Mapping
from typing import Any

from expunge.errors import ParameterError

LEAST_SALT = 16  # bytes; `secrets.token_bytes(32)` makes a good one


def commitment(salt: bytes, kind: str, name: int | str) -> str:
    """A name of some kind ("record", "owner", ...), as 64 hexadecimal digits; the number 7 is not the text "7"."""
    if not isinstance(salt, bytes) or len(salt) < LEAST_SALT:
        raise ParameterError(f"a salt is at least {LEAST_SALT} random bytes, e.g. secrets.token_bytes(32)")
    message = b"expunge/commitment/1" + _tagged(kind) + _tagged(name)
    return hmac.digest(salt, message, "sha256").hex()


def outcome(body: Mapping[str, Any], salt: bytes, kind: str, name: int | str) -> str | None:
    """What a certificate says became of this name; None when it does not name it."""
    wanted = commitment(salt, kind, name)
    return next((held["outcome"] for held in body["subjects"] if hmac.compare_digest(held["commitment"], wanted)), None)


def covers(body: Mapping[str, Any], salt: bytes, kind: str, name: int | str) -> bool:
    """Whether a certificate names this name, whatever it says became of it: see `outcome`."""
    return outcome(body, salt, kind, name) is not None


def _tagged(name: int | str) -> bytes:
    try:
        content = b"s" + name.encode() if isinstance(name, str) else b"i%d" % operator.index(name)
    except (TypeError, UnicodeEncodeError) as refusal:
        raise ParameterError(f"a name is an integer or a text that UTF-8 can write; got a {type(name).__name__}") from (
            refusal
        )
    return len(content).to_bytes(8, "big") + content
