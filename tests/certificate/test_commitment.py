"""Commitments tell names, kinds, types and salts apart, and give nothing else away."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.certificate.commitment import commitment, covers, outcome
from expunge.errors import ParameterError

SALT = bytes(range(32))
NAMES = st.integers() | st.text(st.characters(codec="utf-8"), max_size=12)
KINDS = st.text(st.characters(codec="utf-8"), max_size=6)


def test_it_is_pinned() -> None:
    message = b"expunge/commitment/1" + b"\0\0\0\0\0\0\0\7srecord" + b"\0\0\0\0\0\0\0\2i7"
    assert commitment(SALT, "record", 7) == hmac.new(SALT, message, "sha256").hexdigest()


@given(one=st.tuples(KINDS, NAMES), other=st.tuples(KINDS, NAMES))
def test_only_the_same_kind_and_name_are_the_same(one: tuple[str, Any], other: tuple[str, Any]) -> None:
    same = one == other and type(one[1]) is type(other[1])
    assert (commitment(SALT, *one) == commitment(SALT, *other)) == same
    assert commitment(SALT, *one) != commitment(bytes(32), *one)


def test_a_certificate_covers_what_it_names_and_says_what_became_of_it() -> None:
    said: dict[Any, str] = {7: "erased", "7": "unknown", "ann": "already erased"}
    body = {"subjects": [{"commitment": commitment(SALT, "record", k), "outcome": v} for k, v in said.items()]}
    assert {name: outcome(body, SALT, "record", name) for name in said} == said
    assert all(covers(body, SALT, "record", name) for name in said)
    assert not covers(body, SALT, "owner", "ann")
    assert not covers(body, SALT, "record", "Ann")
    assert not covers(body, bytes(32), "record", "ann")
    assert outcome({"subjects": []}, SALT, "record", 7) is None


@pytest.mark.parametrize("name", [1.5, None, b"x", "\ud800"])
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(ParameterError, match="a name is an integer or a text"):
        commitment(SALT, "record", name)


@pytest.mark.parametrize("salt", [b"", b"short", "a text of more than sixteen letters"])
def test_a_salt_that_can_be_guessed_is_refused(salt: Any) -> None:
    with pytest.raises(ParameterError, match="at least 16 random bytes") as refused:
        commitment(salt, "record", 7)
    assert str(salt) not in str(refused.value) or not salt
