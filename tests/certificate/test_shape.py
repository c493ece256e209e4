"""A value fits its shape, or the first place where it does not is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

import pytest

from expunge.certificate.shape import misfit


class Inner(TypedDict):
    """A part."""

    number: int
    share: float | None


class Outer(TypedDict):
    """A whole."""

    kind: Literal["a", "b"]
    parts: Sequence[Inner]
    more: Mapping[str, str]
    free: Any


GOOD: dict[str, Any] = {"kind": "a", "parts": [{"number": 1, "share": None}], "more": {"x": "y"}, "free": object()}


def test_what_fits_fits() -> None:
    assert misfit(GOOD, Outer, "whole") is None
    assert misfit({**GOOD, "parts": ({"number": 0, "share": 1},), "more": {}}, Outer, "whole") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "c"}, "whole.kind is not one of 'a', 'b'"),
        ({"kind": ["a"]}, "whole.kind is not one of 'a', 'b'"),
        ({"parts": "ab"}, "whole.parts is a str"),
        ({"parts": [7]}, "whole.parts[0] is a int"),
        ({"parts": [{"number": True, "share": None}]}, "whole.parts[0].number is a bool"),
        ({"parts": [{"number": -1, "share": None}]}, "whole.parts[0].number is negative"),
        ({"parts": [{"number": 1, "share": "x"}]}, "whole.parts[0].share is a str"),
        ({"parts": [{"number": 1}]}, "whole.parts[0] lacks share"),
        ({"more": {"x": 1}}, "whole.more['x'] is a int"),
        ({"more": []}, "whole.more is a list"),
        ({"other": 1}, "whole has other fields than kind, parts, more, free"),
    ],
)
def test_what_does_not_is_named(change: dict[str, Any], said: str) -> None:
    assert misfit({**GOOD, **change}, Outer, "whole") == said
    assert misfit(None, Outer, "whole") == "whole is a NoneType"
