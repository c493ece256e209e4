"""Agreement goes by class name, is a distance, and says when it cannot tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.audit.agreement import Agreement, Agreements, agreement, agreements, lines, tells
from expunge.audit.arms import Answers, Four, Missing, Parts
from expunge.data.table import Table
from expunge.errors import DataError
from expunge.measures.divergence import SMALLEST, js, kl
from expunge.measures.loss import aligned

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = ("ant", "bee", "cow", "doe")
PART = Table.from_arrays(np.zeros((8, 1)), [NAMES[k % 4] for k in range(8)])


def said(seed: int, classes: tuple[str, ...] = NAMES) -> Answers:
    """Random answers."""
    return Answers(np.random.default_rng(seed).dirichlet(np.ones(len(classes)), size=8), classes, PART)


def compared(one: Answers, other: Answers) -> Agreement:
    found = agreement(one, other)
    assert isinstance(found, Agreement)
    return found


def both(one: Answers, other: Answers) -> list[NDArray[np.float64]]:
    names = sorted({*(one.classes or ()), *(other.classes or ())})
    return [aligned(side.predicted, side.classes or (), names) for side in (one, other)]


subsets = st.lists(st.sampled_from(NAMES), min_size=1, unique=True).map(tuple)


@given(a=st.integers(0, 99), b=st.integers(0, 99), c=st.integers(0, 99), mine=subsets, yours=subsets, theirs=subsets)
def test_it_is_a_distance_between_zero_and_one(
    a: int, b: int, c: int, mine: tuple[str, ...], yours: tuple[str, ...], theirs: tuple[str, ...]
) -> None:
    one, two, three = said(a, mine), said(b, yours), said(c, theirs)
    assert compared(one, one) == Agreement(8, 1.0, 0.0, 0.0, 0.0)
    assert replace(compared(one, two), kl=None) == replace(compared(two, one), kl=None)
    assert compared(one, two).js == pytest.approx(float(js(*both(one, two)).mean()))
    assert compared(one, two).kl == pytest.approx(float(kl(*both(one, two)).mean()))
    assert 0 <= compared(one, two).distance <= 1 + 1e-12
    assert compared(one, three).distance <= compared(one, two).distance + compared(two, three).distance + 1e-12


@given(seed=st.integers(0, 10**6), order=st.permutations(range(4)))
def test_the_order_of_columns_means_nothing(seed: int, order: list[int]) -> None:
    one = said(seed)
    moved = Answers(one.predicted[:, order], tuple(NAMES[k] for k in order), PART)
    assert compared(one, moved) == Agreement(8, 1.0, 0.0, 0.0, 0.0)


def test_columns_under_the_wrong_names_are_caught() -> None:
    one = said(1)
    found = compared(one, Answers(one.predicted, tuple(reversed(NAMES)), PART))
    assert found.distance > 0.2
    assert found.decisions is not None
    assert found.decisions < 0.5


def test_a_class_that_one_model_lacks_counts() -> None:
    sure = Answers(np.ones((8, 1)), ("ant",), PART)
    other = Answers(np.ones((8, 1)), ("bee",), PART)
    found = compared(sure, other)
    assert (found.decisions, found.distance) == (0.0, 1.0)
    assert found.js == pytest.approx(np.log(2))
    assert found.kl == pytest.approx(-np.log(SMALLEST))


def test_numbers_are_compared_in_units_of_the_label() -> None:
    part = Table.from_arrays(np.zeros((2, 1)), [1.0, 2.0])
    found = compared(Answers(np.array([1.0, 2.0]), None, part), Answers(np.array([1.0, 5.0]), None, part))
    assert found == Agreement(2, None, 1.5)


FLAGGED = Table.from_arrays(np.zeros((8, 1)), np.eye(8, 4, dtype=bool), classes=NAMES)


def flagged(seed: int, order: tuple[int, ...] = (0, 1, 2, 3)) -> Answers:
    """Random multi-label answers: each score by itself."""
    scores = np.random.default_rng(seed).integers(0, 5, (8, 4)) / 4
    return Answers(scores[:, order], tuple(NAMES[k] for k in order), FLAGGED)


@given(a=st.integers(0, 99), b=st.integers(0, 99), order=st.permutations(range(4)).map(tuple))
def test_several_labels_agree_when_all_do_and_are_apart_by_their_mean(a: int, b: int, order: tuple[int, ...]) -> None:
    one, other = flagged(a), flagged(b)
    same = ((one.predicted >= 0.5) == (other.predicted >= 0.5)).all(axis=1).mean()
    found = compared(one, flagged(b, order))
    assert found.records == 8
    assert found.decisions == same
    assert found.distance == pytest.approx(np.abs(one.predicted - other.predicted).mean())
    assert compared(one, flagged(a, order)) == Agreement(8, 1.0, 0.0, 0.0, 0.0)


def test_several_labels_all_the_other_way_are_one_apart() -> None:
    yes, no = (Answers(np.full((8, 4), score), NAMES, FLAGGED) for score in (1.0, 0.0))
    found = compared(yes, no)
    assert (found.decisions, found.distance) == (0.0, 1.0)
    assert found.js == pytest.approx(np.log(2))
    assert found.kl == pytest.approx(-np.log(SMALLEST))


def test_scores_that_are_no_shares_have_no_divergence() -> None:
    votes = Answers(np.full((8, 4), 0.5), NAMES, PART)
    found = compared(votes, votes)
    assert (found.js, found.kl) == (None, None)


def test_several_targets_are_compared_in_units_of_the_label() -> None:
    part = Table.from_arrays(np.zeros((2, 1)), [[1.0, 2.0], [3.0, 4.0]])
    one, other = (Answers(np.array(said), None, part) for said in ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 4.0], [3.0, 0.0]]))
    assert compared(one, other) == Agreement(2, None, 1.5)
    with pytest.raises(DataError, match=r"got shapes \(2, 2\) and \(2, 1\)"):
        agreement(one, Answers(np.zeros((2, 1)), None, part))


def test_what_cannot_be_compared_is_refused() -> None:
    numbers = Answers(np.zeros(8), None, PART)
    with pytest.raises(DataError, match="of one kind about the same records"):
        agreement(said(1), numbers)
    with pytest.raises(DataError, match=r"got shapes \(8, 4\) and \(2, 4\)"):
        agreement(said(1), Answers(np.full((2, 4), 0.25), NAMES, PART))
    with pytest.raises(DataError, match="of one type"):
        agreement(Answers(np.ones((8, 1)), (True,), PART), Answers(np.ones((8, 1)), (1,), PART))


def test_what_is_missing_stays_missing() -> None:
    gone = Missing("there is no such record")
    assert agreement(gone, said(1)) is gone
    assert agreement(said(1), gone) is gone


def arms(original: Answers, forgotten: Answers, oracle: Answers, second: Answers) -> Agreements:
    return agreements(
        Four(*(Parts[Answers | Missing](one, one, Missing("none")) for one in (original, forgotten, oracle, second)))
    )


def test_each_is_compared_with_the_oracle() -> None:
    found = arms(said(1), said(2), said(3), said(4))
    assert found.original.forgotten == agreement(said(1), said(3))
    assert found.forgotten.retained == agreement(said(2), said(3))
    assert found.second.retained == agreement(said(4), said(3))
    assert found.second.test == Missing("none")


def test_it_says_where_it_cannot_tell() -> None:
    blind = arms(original=said(3), forgotten=said(3), oracle=said(3), second=said(4))
    assert not tells(blind.original.retained, blind.second.retained)
    assert "It cannot tell on retained, forgotten:" in "\n".join(lines(blind))
    alike = arms(original=said(3), forgotten=said(3), oracle=said(3), second=said(3))
    assert not tells(alike.original.retained, alike.second.retained)
    seeing = arms(original=said(1), forgotten=said(3), oracle=said(3), second=said(3))
    assert tells(seeing.original.retained, seeing.second.retained)
    assert "cannot tell" not in "\n".join(lines(seeing))
    assert not tells(Missing("none"), seeing.second.retained)
