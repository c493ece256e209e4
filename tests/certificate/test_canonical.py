"""One value has one spelling, which reads back as the value; what JSON does not have is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.certificate.canonical import canonical, written
from expunge.errors import CodecError

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


def turned(value: Any) -> Any:
    """The same value, with the keys of every dict in the other order."""
    if isinstance(value, dict):
        return {key: turned(held) for key, held in reversed(value.items())}
    return [turned(held) for held in value] if isinstance(value, list) else value


@given(value=VALUES)
def test_it_reads_back_and_does_not_depend_on_the_order_of_keys(value: Any) -> None:
    content = canonical(value)
    assert json.loads(content) == value
    assert canonical(json.loads(content)) == content == canonical(turned(value))
    assert written(json.loads(written(value, indent=2)), indent=2) == written(turned(value), indent=2)


@given(one=VALUES, other=VALUES)
def test_other_values_have_other_bytes(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (repr(turned(turned(one))) == repr(other) or _same(one, other))


def _same(one: Any, other: Any) -> bool:
    """Equality that tells True from 1 from 1.0, and 0.0 from -0.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


def test_the_spelling_is_pinned() -> None:
    value = {"b": [1, -0.0, 1e300, 0.1], "a": {"\u00e9": None, "z": True}, "": '\n"\u2028\U0001f600'}
    expected = '{"":"\\n\\"\u2028\U0001f600","a":{"z":true,"\u00e9":null},"b":[1,-0.0,1e+300,0.1]}'
    assert canonical(value).decode() == expected
    assert canonical((1, np.float64(0.5))) == b"[1,0.5]"


def nested() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": [float("nan")]}, r"\['a'\]\[0\] is nan"),
        (float("inf"), "is inf"),
        ({1: 2}, "a key that is a int"),
        ({"a": b"x"}, "is a bytes"),
        ([np.int64(1)], "is a int64"),
        ({"a": {1}}, "is a set"),
        ("\ud800", "UnicodeEncodeError"),
        (10**5000, "cannot be written"),
        (nested(), "nested too deeply"),
    ],
    ids=["nan", "infinite", "key", "bytes", "numpy", "set", "surrogate", "long", "deep"],
)
def test_what_json_does_not_have_is_refused(value: Any, said: str) -> None:
    with pytest.raises(CodecError, match=said):
        canonical(value)
