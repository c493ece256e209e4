"""Scores sum to one, whatever the likelihoods are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.errors import LearnError, ParameterError
from expunge.methods.arrays._posterior import checked_priors, log_priors, posterior

logs = st.floats(-1e300, 1e300) | st.just(-np.inf)


@given(st.lists(st.lists(logs, min_size=3, max_size=3), min_size=1, max_size=4))
def test_scores_sum_to_one_and_keep_the_order(rows: list[list[float]]) -> None:
    made = posterior(np.array(rows))
    assert made.sum(axis=1) == pytest.approx(np.ones(len(rows)))
    for row, scores in zip(rows, made, strict=True):
        assert scores[int(np.argmax(row))] == scores.max()


def test_declared_priors_are_of_the_classes_that_there_are() -> None:
    made = log_priors("It", ("a", "c"), np.array([9, 1]), {"a": 1, "b": 5, "c": 3})
    assert np.exp(made) == pytest.approx([0.25, 0.75])
    with pytest.raises(LearnError, match="It was given priors of 'a', and the records have 'b', too"):
        log_priors("It", ("a", "b"), np.array([1, 1]), {"a": 1})


@pytest.mark.parametrize("wrong", [{}, [1.0], {"a": 0.0}, {"a": True}, {"a": np.inf}, "a"])
def test_priors_are_a_number_for_each_class(wrong: object) -> None:
    with pytest.raises(ParameterError, match="priors"):
        checked_priors("It", "priors", wrong)
