"""The score against its formula in exact arithmetic, what a random draw gets, planted cases, and means of batches."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.errors import DataError
from expunge.measures.entanglement import by_class, entanglement, mean_relative

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Rows = NDArray[np.float64]


def drawn(seed: int, rows: int, features: int = 3) -> Rows:
    return np.random.default_rng(seed).normal(size=(rows, features))


def by_hand(retained: Rows, forgotten: Rows) -> Fraction:
    """As printed, in exact arithmetic."""

    def exact(side: Rows) -> list[list[Fraction]]:
        return [[Fraction(float(value)) for value in row] for row in side]

    def middle(side: list[list[Fraction]]) -> list[Fraction]:
        return [sum(column, Fraction(0)) / len(side) for column in zip(*side, strict=True)]

    def square(one: list[Fraction], other: list[Fraction]) -> Fraction:
        return sum(((a - b) ** 2 for a, b in zip(one, other, strict=True)), Fraction(0))

    sides = [exact(retained), exact(forgotten)]
    means = [middle(side) for side in sides]
    both = middle(means)
    within = sum(
        (sum((square(row, m) for row in side), Fraction(0)) / len(side) for side, m in zip(sides, means, strict=True)),
        Fraction(0),
    )
    return within / ((square(means[0], both) + square(means[1], both)) / 2)


@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.0, 1e6]))
def test_it_is_its_formula_wherever_features_lie(seed: int, r: int, f: int, far: float) -> None:
    retained, forgotten = drawn(seed, r) + far, drawn(seed + 1, f) + far
    found = entanglement(retained, forgotten)
    assert found.score == pytest.approx(float(by_hand(retained, forgotten)), rel=1e-6, abs=1e-12)
    assert (found.retained, found.forgotten) == (r, f)


@given(st.integers(0, 10**6), st.floats(0.01, 100), st.permutations(range(6)))
def test_scale_place_and_order_mean_nothing(seed: int, scale: float, order: list[int]) -> None:
    retained, forgotten = drawn(seed, 9), drawn(seed + 1, 6)
    plain = entanglement(retained, forgotten).score
    assert entanglement(retained * scale - 4, forgotten * scale - 4).score == pytest.approx(plain, rel=1e-6)
    assert entanglement(retained[::-1], forgotten[order]).score == pytest.approx(plain)


@pytest.mark.parametrize(("r", "f"), [(500, 1), (500, 10), (60, 60), (20, 80)])
def test_a_random_draw_gets_what_is_told(r: int, f: int) -> None:
    """Calibration: the reciprocals of what is measured have the reciprocal of what is told as their mean."""
    found = []
    for seed in range(300):
        rows = drawn(seed, r + f, 40)
        found.append(entanglement(rows[f:], rows[:f]))
    assert np.mean([1 / one.relative for one in found]) == pytest.approx(1, rel=0.05)


def test_what_lies_apart_is_told_from_what_does_not() -> None:
    near = [entanglement(drawn(k, 400, 8), drawn(k + 50, 20, 8)).relative for k in range(20)]
    apart = [entanglement(drawn(k, 400, 8), drawn(k + 50, 20, 8) + 0.5).relative for k in range(20)]
    assert max(apart) < min(near)


def test_the_same_mean_is_entangled_without_end_and_two_points_are_not() -> None:
    rows = np.array([[0.0], [2.0]])
    assert entanglement(rows, np.array([[1.0]])).score == np.inf
    assert entanglement(rows, np.array([[1.0]])).relative == np.inf
    alone = entanglement(rows[:1], rows[1:])
    assert (alone.score, alone.random, alone.relative) == (0.0, 0.0, np.inf)


def classes(seed: int, rows: int, far: float) -> tuple[Rows, NDArray[np.str_]]:
    """Three classes, each around a place of its own."""
    random = np.random.default_rng(seed)
    label = random.integers(0, 3, rows)
    return random.normal(size=(rows, 4)) + far * np.eye(4)[label], np.array(["a", "b", "c"])[label]


def test_within_the_class_a_style_is_apart_which_the_plain_score_takes_for_a_random_draw() -> None:
    rows, label = classes(0, 600, 8.0)
    styled = np.arange(600) < 60  # of all classes, and in each beside the others
    rows[styled, 3] += 1.5
    found = by_class(rows[~styled], rows[styled], label[~styled], label[styled])
    assert [(one.name, one.against) for one in found] == [(name, name) for name in "abc"]
    assert mean_relative(found) < 0.2
    assert entanglement(rows[~styled], rows[styled]).relative > 3 * mean_relative(found)


def test_records_drawn_from_one_class_are_entangled_with_it_although_they_lie_apart_from_all() -> None:
    rows, label = classes(1, 600, 8.0)
    gone = (label == "b") & (np.arange(600) % 3 == 0)
    assert entanglement(rows[~gone], rows[gone]).relative < 0.05
    (found,) = by_class(rows[~gone], rows[gone], label[~gone], label[gone])
    assert 0.2 < found.found.relative < 5


def test_a_class_that_goes_as_a_whole_is_compared_with_the_one_it_lies_among() -> None:
    rows, label = classes(2, 600, 8.0)
    rows[label == "b"] = rows[label == "b"] - 7.5 * np.eye(4)[1] + 7.5 * np.eye(4)[0]
    gone = label == "a"
    (found,) = by_class(rows[~gone], rows[gone], label[~gone], label[gone])
    assert (found.name, found.against) == ("a", "b")
    other = entanglement(rows[label == "c"], rows[gone])
    assert found.found.score > 5 * other.score


def test_means_of_batches_are_caught() -> None:
    """The bug of public code: a short last batch weighs as much as a full one."""

    def by_batches(retained: Rows, forgotten: Rows, size: int = 64) -> float:
        means = [
            np.mean([side[k : k + size].mean(axis=0) for k in range(0, len(side), size)], axis=0)
            for side in (retained, forgotten)
        ]
        within = sum(
            np.mean([((side[k : k + size] - m) ** 2).sum(axis=1).mean() for k in range(0, len(side), size)])
            for side, m in zip((retained, forgotten), means, strict=True)
        )
        return float(within / (((means[0] - means[1]) ** 2).sum() / 4))

    retained, forgotten = drawn(0, 65), drawn(1, 129)
    retained[-1], forgotten[-1] = 9.0, -9.0
    exact = float(by_hand(retained, forgotten))
    assert entanglement(retained, forgotten).score == pytest.approx(exact)
    assert abs(by_batches(retained, forgotten) / exact - 1) > 0.5


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: entanglement(np.zeros((0, 2)), np.zeros((1, 2))), r"got shapes \(0, 2\) and \(1, 2\)"),
        (lambda: entanglement(np.zeros((1, 2)), np.zeros((1, 3))), "as many numbers for each"),
        (lambda: entanglement([1.0], [1.0]), "as many numbers for each"),
        (lambda: entanglement([[np.nan]], [[1.0]]), "finite features"),
        (lambda: by_class([[1.0]], [[1.0]], np.array(["a"]), np.array(["a", "b"])), r"\(2,\) for 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ask()
