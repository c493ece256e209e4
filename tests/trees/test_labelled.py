"""A tree says what it asks and what it answers, in the words of the data and with every digit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.errors import ParameterError
from expunge.trees.labelled import LabelledTree, number, refuse_depth

NAMES = ("age", "size", "town")
WORDS = {"town": {0.0: "Bern", 1.0: "Zug"}}


@pytest.fixture
def tree(grow: Callable[[Any], Any]) -> LabelledTree:
    made = grow(
        (
            *(0, False, 42.5, True),
            (2, True, 0.0, False, ((3, 0),), ((1, 1),)),
            (2, True, 7.0, False, (1, False, np.inf, False, ((0, 1),), ((0, 2),)), ((0, 5),)),
        )
    )
    return LabelledTree(made, NAMES, ("ill", "well"), WORDS)


def test_questions_are_in_the_words_of_the_data(tree: LabelledTree) -> None:
    asked = {node: tree.question(node) for node in range(len(tree)) if not tree.is_leaf(node)}
    assert asked == {0: "age < 42.5 or missing", 1: "town is Bern", 4: "town is 7", 5: "size is known"}
    assert [tree.sides(node) for node in (0, 1, 4)] == [(1, 4), (2, 3), (5, 8)]


@pytest.mark.parametrize(
    ("threshold", "missing_left", "said"),
    [(np.inf, False, "age is known"), (-np.inf, True, "age is missing"), (0.1, False, "age < 0.1")],
    ids=["known", "missing", "a number"],
)
def test_missing_values_are_said(grow: Any, threshold: float, missing_left: bool, said: str) -> None:  # noqa: FBT001
    made = grow((0, False, threshold, missing_left, ((1, 0),), ((0, 1),)))
    assert LabelledTree(made, NAMES, ("ill", "well")).question(0) == said


def test_missing_values_are_not_said_where_no_record_lacks_one(grow: Any) -> None:
    made = replace(grow((0, False, 0.1, True, ((1, 0),), ((0, 1),))), missing_seen=np.zeros(3, bool))
    assert LabelledTree(made, NAMES, ("ill", "well")).question(0) == "age < 0.1"


def test_answers_and_counts_name_the_classes(tree: LabelledTree) -> None:
    assert [tree.answer(node) for node in (0, 2, 3)] == ["well", "ill", "ill"]  # of equal ones the first
    assert [tree.counts(node) for node in (0, 2, 3)] == ["ill 4, well 9", "ill 3", "ill 1, well 1"]
    assert (tree.depth(), tree.leaves(), tree.depth(1), tree.leaves(5)) == (3, 5, 1, 2)


def test_a_mean_is_a_number(grow: Any) -> None:
    made = LabelledTree(grow(((2.5,),)), NAMES)
    assert (made.answer(0), made.counts(0)) == ("2.5", "2")


@given(st.floats(allow_nan=False))
def test_a_number_is_written_with_every_digit(value: float) -> None:
    assert float(number(value)) == value


@pytest.mark.parametrize("depth", [-1, 1.5, True, "all"], ids=str)
def test_a_depth_is_a_number_of_levels(depth: Any) -> None:
    with pytest.raises(ParameterError, match="whole number of levels"):
        refuse_depth(depth, "a test")
