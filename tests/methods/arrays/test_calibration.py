"""A calibration is of a class's own scores, in any order; it keeps their order, and whatever comes it gives numbers."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge import Run, fingerprint
from expunge.methods.arrays._calibration import (
    FARTHEST,
    KINDS,
    Calibration,
    Reference,
    calibrated,
    compared,
    finite,
    referred,
)
from expunge.testing import patients

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
SCORES = st.lists(NUMBERS, min_size=1, max_size=20)
ANYTHING = st.lists(st.floats(), min_size=1, max_size=20)


@given(st.sampled_from(KINDS), SCORES, st.randoms())
def test_the_order_of_the_records_means_nothing(kind: Any, own: list[float], random: Any) -> None:
    mixed = random.sample(own, len(own))
    assert fingerprint(calibrated(kind, np.array(own))) == fingerprint(calibrated(kind, np.array(mixed)))


@given(st.sampled_from(KINDS), SCORES, SCORES)
def test_a_higher_score_is_no_lower_when_calibrated(kind: Any, own: list[float], asked: list[float]) -> None:
    made = calibrated(kind, np.array(own)).of(np.sort(asked))
    assert (np.diff(made) >= 0).all()


@given(st.sampled_from(KINDS), ANYTHING, ANYTHING, ANYTHING)
def test_whatever_a_model_says_the_scores_sum_to_one(
    kind: Any, own: list[float], other: list[float], asked: list[float]
) -> None:
    each = [calibrated(kind, np.array(reference)).of(np.array(asked)) for reference in (own, other)]
    scores = compared(np.column_stack(each))
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert np.allclose(scores.sum(axis=1), 1.0)


@given(SCORES, SCORES)
def test_ranks_are_shares_of_the_own_scores_that_are_no_higher(own: list[float], asked: list[float]) -> None:
    made = np.exp(calibrated("ranks", np.array(own)).of(np.array(asked)))
    below = np.array([sum(held <= score for held in own) for score in asked])
    assert (made >= below / (len(own) + 1) - 1e-12).all()
    assert (made <= (below + 1) / (len(own) + 1) + 1e-12).all()


@given(SCORES)
def test_standard_scores_of_the_own_records_have_mean_0_and_spread_1_or_0(own: list[float]) -> None:
    made = calibrated("standard", np.array(own)).of(np.array(own))
    assert made.std() == pytest.approx(1.0, abs=1e-3) or made.std() < 1e-3
    assert abs(made.mean()) < 1e-2


def test_records_that_all_score_the_same_are_one_spread_apart_from_the_next() -> None:
    noisy = calibrated("standard", np.array([0.1 + 0.2, 0.3, 0.3]))
    assert noisy.spread == 1.0
    assert calibrated("standard", np.array([5.0])).of(np.array([7.0])).tolist() == [2.0]


def test_the_farthest_records_of_all_are_still_told_apart() -> None:
    """Was wrong once: a logistic tail is 0 from -745 on, and a record that no class knows had 0/0 for a score."""
    near, far = (calibrated("ranks", np.array([-1.0, 0.0, 1.0]) + shift) for shift in (0.0, -1e5))
    asked = np.array([-1e9, -1e7, -1e6])
    made = np.column_stack([near.of(asked), far.of(asked)])
    assert (np.diff(made, axis=0) > 0).all()
    assert compared(made).argmax(axis=1).tolist() == [1, 1, 1]


def test_far_off_the_standard_scores_decide_and_not_how_many_records_a_class_has() -> None:
    """Was wrong once: a flat tail gave whatever no class knows to the class of the fewest records."""
    many, few = calibrated("ranks", np.linspace(-1, 1, 900)), calibrated("ranks", np.linspace(-1, 1, 9))
    made = np.column_stack([many.of(np.array([-20.0])), few.of(np.array([-30.0]))])
    assert compared(made).argmax(axis=1).tolist() == [0]


def test_what_is_no_number_is_as_low_as_can_be() -> None:
    assert finite(np.array([np.nan, -np.inf, 2.0, np.inf])).tolist() == [-FARTHEST, -FARTHEST, 2.0, FARTHEST]


class Numbered:
    """Scores that are the records' places: the order in which they are asked shows."""

    asked: list[list[int]] = []  # noqa: RUF012  (of all copies)

    def scores(self, model: Any, data: Any, run: Run) -> Any:
        self.asked.append(data.ids.tolist())
        return np.arange(float(len(data)))


def test_records_are_scored_in_an_order_that_belongs_to_their_ids() -> None:
    data, run = patients(12), Run(key=b"k")
    backwards = data.take(slice(None, None, -1))
    Numbered.asked.clear()
    one, other = (referred(Reference(Numbered(), None, each, run, "standard")) for each in (data, backwards))
    assert fingerprint(one) == fingerprint(other)
    assert Numbered.asked[0] == Numbered.asked[1] != data.ids.tolist()


def test_without_calibration_nothing_is_asked() -> None:
    Numbered.asked.clear()
    made = referred(Reference(Numbered(), None, patients(12), Run(key=b"k"), "none"))
    assert made.of(np.array([3.0, -4.0])).tolist() == [3.0, -4.0]
    assert isinstance(made, Calibration)
    assert not Numbered.asked


def test_a_worker_is_handed_no_store() -> None:
    reference = Reference(Numbered(), None, patients(12), Run(key=b"k", store={"a": b"secret"}), "ranks")
    assert not pickle.loads(pickle.dumps(reference)).run.store  # noqa: S301  (our own bytes)
