"""The study's figures by hand and by property; none without a reference, and no seed picked for its result."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.errors import ParameterError
from expunge.measures.sape import Figure, accuracy_disparity, accuracy_error, sape, speed_up

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SHARES = st.floats(0, 1)


@given(a=NUMBERS, b=NUMBERS)
def test_it_is_the_formula_in_exact_arithmetic(a: float, b: float) -> None:
    whole = abs(Fraction(a)) + abs(Fraction(b))
    exact = 100 * abs(Fraction(a) - Fraction(b)) / whole if whole else Fraction(0)
    assert sape(a, b) == pytest.approx(float(exact), abs=1e-12)


@given(a=NUMBERS, b=NUMBERS)
def test_it_is_symmetric_and_within_bounds(a: float, b: float) -> None:
    assert sape(a, b) == sape(b, a)
    assert 0 <= sape(a, b) <= 100
    assert sape(a, a) == 0


def test_nothing_against_nothing_is_no_error() -> None:
    """Two of the study's plot files have 100 % here, its helper 0: a method would pay for a tie."""
    assert sape(0.0, 0.0) == 0
    assert accuracy_disparity([0.0], [0.0], reference="the noise-free refit").mean.value == 0


def test_nothing_against_something_is_all() -> None:
    assert sape(0.0, 1e-300) == sape(5e-324, 0.0) == 100


@given(ours=st.lists(SHARES, min_size=1, max_size=5), theirs=st.lists(SHARES, min_size=1, max_size=5))
def test_disparity_counts_every_pair_of_seeds(ours: list[float], theirs: list[float]) -> None:
    found = accuracy_disparity(ours, theirs, reference="refits with noise")
    pairs = [sape(a, b) for a in ours for b in theirs]
    assert found.mean.value == pytest.approx(sum(pairs) / len(pairs))
    assert found.least.value == min(pairs)
    assert accuracy_disparity(theirs[::-1], ours[::-1], reference="-").mean.value == pytest.approx(found.mean.value)


def test_the_smallest_pair_flatters_and_is_told_apart() -> None:
    """The study plots the smallest of all pairs: with enough seeds it is near 0 for any method."""
    noisy = [0.1, 0.5, 0.9]
    found = accuracy_disparity(noisy, noisy[::-1], reference="refits with noise")
    assert found.least.value == 0
    assert found.mean.value > 30


def test_each_figure_names_its_reference() -> None:
    assert accuracy_error(0.9, 0.8).reference == "the noise-free refit"
    assert accuracy_disparity([0.5], [0.4], reference="refits, Newton-stepped").mean.reference == (
        "refits, Newton-stepped"
    )
    assert speed_up(1, 40, reference="a warm refit").reference == "a warm refit"
    assert str(speed_up(1, 40, reference="a warm refit")) == "speed-up 40 x against a warm refit"


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: sape(math.nan, 1), "two finite numbers, got nan"),
        (lambda: accuracy_error(91, 0.9), "between 0 and 1, got 91"),
        (lambda: accuracy_error(math.nan, 0.9), "between 0 and 1"),
        (lambda: accuracy_disparity([], [0.5], reference="x"), "got 0 of forgotten models, 1 of refits"),
        (lambda: accuracy_disparity([0.5], [-0.5], reference="x"), "got -0.5"),
        (lambda: accuracy_disparity([0.5], [0.5], reference=" "), "AccDis was given no reference"),
        (lambda: speed_up(0, 1, reference="x"), "two times above 0"),
        (lambda: speed_up(1, math.inf, reference="x"), "two times above 0"),
        (lambda: Figure("speed-up", 2.0, "x", ""), "says what it was compared with"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        ask()
