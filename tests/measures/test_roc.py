"""The curve against scikit-learn and against counting; its limits by the coverage of the rate they are of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from expunge.errors import DataError, ParameterError
from expunge.measures.auc import rank_auc
from expunge.measures.roc import roc

TIED = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=15)
ANY = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=15)


@given(above=TIED | ANY, below=TIED | ANY)
def test_points_and_area_are_those_of_scikit_learn(above: list[float], below: list[float]) -> None:
    truth, scores = [1] * len(above) + [0] * len(below), above + below
    fpr, tpr, threshold = roc_curve(truth, scores, drop_intermediate=False)
    found = roc(above, below)
    assert found.fpr == pytest.approx(fpr)
    assert found.tpr == pytest.approx(tpr)
    assert found.threshold.tolist() == threshold.tolist()
    assert found.area == pytest.approx(roc_auc_score(truth, scores))


@given(above=TIED | ANY, below=TIED | ANY)
def test_the_area_is_the_share_of_pairs_in_order(above: list[float], below: list[float]) -> None:
    assert roc(above, below).area == pytest.approx(rank_auc(above, below))


@given(above=TIED | ANY, below=TIED | ANY, fpr=st.floats(0, 1))
def test_a_rate_is_that_of_the_lowest_threshold_with_so_few_false_positives(
    above: list[float], below: list[float], fpr: float
) -> None:
    found = roc(above, below).at(fpr)
    assert found.fpr <= fpr
    assert found.tpr == pytest.approx(np.mean(np.array(above) >= found.threshold))
    assert found.fpr == pytest.approx(np.mean(np.array(below) >= found.threshold))
    lower = [t for t in above + below if t < found.threshold]
    assert all(np.mean(np.array(below) >= t) > fpr for t in lower)
    assert found.low <= found.tpr <= found.high
    assert found.fpr_low <= found.fpr <= found.fpr_high


def test_the_rate_at_few_false_positives_sees_what_the_area_does_not() -> None:
    random = np.random.default_rng(1)
    below = random.normal(size=1000)
    above = np.concatenate([random.normal(size=950), random.normal(9, 1, 50)])  # one in twenty is known for sure
    found = roc(above, below)
    assert found.area < 0.57
    assert found.at(0.001).low > 0.03
    assert roc(random.normal(size=1000), below).at(0.001).low < 0.003


def test_its_limits_hold_the_rate_at_its_threshold() -> None:
    random, held = np.random.default_rng(2), []
    for _ in range(300):
        found = roc(random.normal(1, 1, 60), random.normal(size=60)).at(0.1)
        held.append(found.low <= norm.sf(found.threshold - 1) <= found.high)
    assert np.mean(held) >= 0.93


def test_a_single_threshold_for_all() -> None:
    found = roc([1.0, 1.0], [1.0])
    assert (found.fpr.tolist(), found.tpr.tolist()) == ([0.0, 1.0], [0.0, 1.0])
    assert found.at(0.5).tpr == 0.0
    assert found.at(0.5).threshold == np.inf


@pytest.mark.parametrize(("above", "below"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([1.0], [np.inf])])
def test_what_has_no_curve_is_refused(above: Any, below: Any) -> None:
    with pytest.raises(DataError, match="a curve needs"):
        roc(above, below)


def test_a_rate_out_of_bounds_is_refused() -> None:
    with pytest.raises(ParameterError, match="rate of false positives"):
        roc([1.0], [0.0]).at(1.5)
