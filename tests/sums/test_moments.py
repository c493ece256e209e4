"""Moments are those of Python's integers, and no history shows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge.errors import DataError, MismatchError
from expunge.sums import moments, wide
from expunge.sums.fixed import Fixed
from expunge.sums.moments import FEW, Moments, Tally, total

SECONDS: list[Any] = ["none", "squares", "products"]
seeds = st.integers(0, 2**32 - 1)


def rows(seed: int, n: int, d: int = 3, largest: float = 2.0**62) -> Any:
    """Whole numbers, some at the edge, one column constant, and a row that repeats."""
    random = np.random.default_rng(seed)
    X = np.rint(random.uniform(-largest, largest, (n, d)) * 2.0 ** -random.integers(0, 60, (n, d)))
    edge = min(np.nextafter(largest, 0), np.floor(np.nextafter(largest, 0)))
    X = np.clip(X, -edge, edge)
    X[:, -1] = edge
    X[n // 2] = X[0]
    return X


@pytest.mark.parametrize("second", SECONDS)
@pytest.mark.parametrize("n", [1, FEW, FEW + 1, 300, 5000])
@pytest.mark.parametrize("shift", [0, 5])
def test_they_are_the_sums_of_integers(second: Any, n: int, shift: int) -> None:
    X = rows(n, n, largest=2.0 ** (62 - shift))
    exact = np.array([[int(value) << shift for value in row] for row in X], object)
    made = Moments.of(X, second, shift=shift)
    assert made.count == n
    assert (wide.as_integers(made.sums) == exact.sum(axis=0)).all()
    if second == "products":
        assert (wide.as_integers(made.second) == exact.T @ exact).all()  # type: ignore[arg-type]
    elif second == "squares":
        assert (wide.as_integers(made.second) == (exact**2).sum(axis=0)).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("second", SECONDS)
@given(seed=seeds, cuts=st.lists(st.integers(0, 60), min_size=2, max_size=6), again=st.booleans())
@settings(max_examples=15)
def test_no_order_of_adding_and_taking_away_shows(second: Any, seed: int, cuts: list[int], again: bool) -> None:  # noqa: FBT001
    X = rows(seed, 60)
    parts = [Moments.of(part, second) for part in np.split(X, sorted(cuts)) if len(part)]
    whole = total(parts, 3, second)
    assert whole == Moments.of(X[::-1], second)
    left = whole.minus(parts[0])
    if again:
        left = left.plus(parts[0]).minus(parts[0])
    expected = total(parts[1:], 3, second)
    assert left == expected
    assert (left.sums.shape, left.sums.tobytes()) == (expected.sums.shape, expected.sums.tobytes())


@pytest.mark.parametrize("second", SECONDS)
@given(seed=seeds, count=st.integers(1, FEW))
@settings(max_examples=15)
def test_loose_records_are_taken_away_as_others_are(second: Any, seed: int, count: int) -> None:
    X = rows(seed, 20)
    few = X[:count].astype(np.int64)
    left = Moments.of(X, second).minus(Moments.few(few, second, loose=True))
    assert left == Moments.of(X[count:], second) == Moments.of(X, second).minus(Moments.few(few, second))
    assert Moments.of(X[:count], second).minus(Moments.few(few, second, loose=True)) == Moments.none(3, second)


def test_the_last_record_leaves_what_nobody_leaves() -> None:
    X = rows(0, 7)
    assert Moments.of(X).minus(Moments.of(X)) == Moments.none(3)
    assert Moments.none(3).centred().tolist() == np.zeros((3, 3)).tolist()
    assert Moments.none(3).mean().tolist() == [0, 0, 0]


@given(seeds)
@settings(max_examples=20)
def test_centred_moments_are_fractions_rounded_once(seed: int) -> None:
    X = rows(seed, 9, largest=2.0**40)
    exact = [[Fraction(int(value)) for value in row] for row in X]
    means = [sum(column) / 9 for column in zip(*exact, strict=True)]
    made = Moments.of(X).centred()
    for a in range(3):
        for b in range(3):
            true = sum((row[a] - means[a]) * (row[b] - means[b]) for row in exact)
            assert made[a, b] == pytest.approx(float(true), rel=1e-15, abs=0)


def test_an_offset_costs_no_digit_and_a_constant_column_has_no_variance() -> None:
    random = np.random.default_rng(0)
    X = np.column_stack([random.normal(size=500), np.full(500, 0.3)]) + 1e8
    F, shift = Fixed(2.0**-30).integers(X, ("a", "b"))
    made = Moments.of(F, shift=shift).centred(-60)
    assert made[0, 0] == pytest.approx(float(((X[:, 0] - X[:, 0].mean()) ** 2).sum()), rel=1e-6)
    assert made[:, 1].tolist() == [0.0, 0.0]


def test_columns_go_come_and_change_places() -> None:
    X = rows(1, 20)
    zeros = np.column_stack([X[:, 2], np.zeros(20), X[:, 0]])
    for second in SECONDS:
        assert Moments.of(X, second).at([2, None, 0]) == Moments.of(zeros, second)


@pytest.mark.parametrize("second", SECONDS)
def test_records_that_are_not_there_cannot_go(second: Any) -> None:
    X = rows(0, 3)
    with pytest.raises(MismatchError, match="4 records were to be taken out of sums over 3"):
        Moments.of(X, second).minus(Moments.of(rows(1, 4), second))
    with pytest.raises(MismatchError, match="do not hold them"):  # as many, but others
        Moments.of(X, second).minus(Moments.of(rows(1, 3), second))
    with pytest.raises(MismatchError, match="another kind"):
        Moments.of(X, second).minus(Moments.of(X[:, :2], second))


def test_more_than_can_be_divided_by_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "MOST", 10)
    with pytest.raises(DataError, match="at most 10 records, got 12"):
        Moments.of(rows(0, 12))


def test_sums_that_fill_64_bits_are_folded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    X = rows(3, 50)
    expected = Moments.of(X)
    monkeypatch.setattr(moments, "FOLDED", 2)
    tally = Tally(3)
    for start in range(0, 50, 7):
        tally.add(X[start : start + 7])
    assert tally.moments() == expected


def test_sums_alone_have_no_second_moments_to_give() -> None:
    with pytest.raises(DataError, match="sums alone"):
        Moments.of(rows(0, 3), "none").centred()
    assert hash(Moments.of(rows(0, 3))) == hash(Moments.of(rows(0, 3)))
    assert Moments.of(rows(0, 3)) != "sums"


def test_float_sums_would_be_caught() -> None:
    X = rows(5, 40, largest=2.0**40)
    whole, first = X.T @ X, X[:7].T @ X[:7]
    assert (whole - first != X[7:].T @ X[7:]).any()  # the downdate that everybody writes
    assert Moments.of(X).minus(Moments.of(X[:7])) == Moments.of(X[7:])
