"""Sums of each class: a class comes with its first record and goes with its last."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.errors import MismatchError
from expunge.sums import groups as module
from expunge.sums.groups import Groups
from expunge.sums.moments import Moments

NAMES = ("a", "b", "c")


def made(seed: int, n: int) -> tuple[Any, Any]:
    """Whole numbers, and codes of which the last is rare."""
    random = np.random.default_rng(seed)
    return np.rint(random.normal(size=(n, 2)) * 2.0**34), np.where(random.random(n) < 0.1, 2, random.integers(0, 2, n))


@given(st.integers(0, 2**32 - 1), st.integers(1, 39), st.sampled_from(["none", "squares", "products"]))
@settings(max_examples=20)
def test_parts_that_go_leave_the_sums_of_the_others(seed: int, cut: int, second: Any) -> None:
    X, codes = made(seed, 40)
    first, then = (Groups.of(X[part], codes[part], NAMES, second) for part in (slice(0, cut), slice(cut, None)))
    whole = Groups.of(X[::-1], codes[::-1], NAMES, second)
    assert first.plus(then) == whole == then.plus(first)
    assert whole.minus(first) == then
    assert whole.classes == tuple(name for code, name in enumerate(NAMES) if code in codes)
    assert whole.count == whole.counts.sum() == 40
    assert whole.together(2, second) == Moments.of(X, second)


def test_a_class_that_vanishes_leaves_no_trace() -> None:
    X, codes = made(0, 40)
    whole, rare = (Groups.of(X[rows], codes[rows], NAMES) for rows in (codes >= 0, codes == 2))
    assert whole.minus(rare).classes == ("a", "b")
    with pytest.raises(MismatchError, match="hold none of it"):
        whole.minus(rare).minus(rare)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_products_within_classes_need_only_all_products_and_class_sums(seed: int) -> None:
    X, codes = made(seed, 40)
    X = X + np.array([1e17, -1e17])[None, :] * (codes[:, None] == 1)  # classes far apart
    X = np.rint(X / 2) * 2
    groups, each = Groups.of(X, codes, NAMES, "none"), Groups.of(X, codes, NAMES, "products")
    within = groups.within(Moments.of(X))
    assert within == pytest.approx(each.centred().sum(axis=0), rel=1e-12, abs=1)


def test_columns_are_those_of_the_parts() -> None:
    X, codes = made(0, 40)
    assert Groups.of(X, codes, NAMES).at([1]) == Groups.of(X[:, 1:], codes, NAMES)


def test_a_count_that_is_forgotten_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Groups, other: Groups) -> Groups:  # a class stays although nobody is left of it
        held = dict(zip(self.classes, self.parts, strict=True))
        return module._sorted(
            {**held, **{name: held[name].minus(part) for name, part in zip(*vars(other).values(), strict=True)}}
        )

    X, codes = made(0, 40)
    whole, rare, rest = (Groups.of(X[rows], codes[rows], NAMES) for rows in (codes >= 0, codes == 2, codes < 2))
    assert whole.minus(rare) == rest
    monkeypatch.setattr(Groups, "minus", forgetful)
    assert whole.minus(rare) != rest
