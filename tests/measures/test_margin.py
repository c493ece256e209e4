"""Margins against the formula in exact arithmetic, one record at a time, and where numbers end."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from expunge.errors import DataError
from expunge.measures.margin import margins

SCORES = arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=st.floats(1e-6, 1))
NAMES = ("a", "b", "c")


@given(SCORES, st.data())
def test_it_is_the_logarithm_of_own_by_others(scores: np.ndarray, data: st.DataObject) -> None:
    label = np.array(data.draw(st.lists(st.sampled_from(NAMES), min_size=len(scores), max_size=len(scores))))
    found = margins(scores, NAMES, label)
    for k, row in enumerate(scores):
        own = NAMES.index(label[k])
        others = sum(Fraction(float(row[j])) for j in range(3) if j != own)
        assert found[k] == pytest.approx(math.log(Fraction(float(row[own])) / others), abs=1e-9)
        assert margins(scores[k : k + 1], NAMES, label[k : k + 1])[0] == found[k]  # whoever else is in the batch


@given(SCORES)
def test_columns_are_found_by_name(scores: np.ndarray) -> None:
    label = np.array(["b"] * len(scores))
    turned = margins(scores[:, ::-1], NAMES[::-1], label)
    assert np.allclose(turned, margins(scores, NAMES, label), rtol=0, atol=1e-12)


def test_it_depends_on_the_label() -> None:
    scores = np.array([[0.7, 0.2, 0.1]])
    a, b, c = (margins(scores, NAMES, np.array([name]))[0] for name in NAMES)
    assert a > 0 > b > c


@pytest.mark.parametrize("far", [30.0, 600.0])
def test_sure_answers_keep_their_digits(far: float) -> None:
    sure = np.exp(np.array([[0.0, -far, -far]]))
    assert margins(sure, NAMES, np.array(["a"]))[0] == pytest.approx(far - math.log(2))
    assert margins(sure, NAMES, np.array(["b"]))[0] == pytest.approx(-far)


def test_it_is_finite_whatever_the_scores() -> None:
    certain = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert np.isfinite(margins(certain, NAMES, np.array(["a", "c"]))).all()
    assert margins(certain, NAMES, np.array(["unknown", "a"]))[0] < -600


@pytest.mark.parametrize(
    "scores", [np.array([[0.5, np.nan]]), np.array([[0.5, -0.1]]), np.array([0.5]), np.array([[0.1, 0.2, 0.7]])]
)
def test_what_is_no_scores_is_refused(scores: np.ndarray) -> None:
    with pytest.raises(DataError, match="margins need a score of at least 0 for each of 1 records and 2 classes"):
        margins(scores, ("a", "b"), np.array(["a"]))
