"""Figures of one model on one part against scikit-learn, and the table of all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from expunge.audit.arms import Answers, Four, Missing, Parts
from expunge.audit.utility import Utility, lines, pulled, tug_of_war, utility
from expunge.data.table import Table

NAMES = ("ant", "bee", "cow")


@given(seed=st.integers(0, 10**6), order=st.permutations(range(3)))
def test_classes_are_measured_as_scikit_learn_does_in_any_order_of_columns(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    scores, label = rng.dirichlet(np.full(3, 2.0), size=9), np.array(NAMES)[rng.integers(0, 3, 9)]
    part = Table.from_arrays(np.zeros((9, 1)), label)
    found = utility(Answers(scores[:, order], tuple(NAMES[k] for k in order), part))
    assert isinstance(found, Utility)
    assert found.loss == pytest.approx(metrics.log_loss(label, scores, labels=list(NAMES)))
    assert found.accuracy == pytest.approx(np.mean(np.array(NAMES)[scores.argmax(axis=1)] == label))
    assert (found.records, found.rmse, found.r2) == (9, None, None)
    if len(set(label)) == len(NAMES):
        assert found.auc == pytest.approx(metrics.roc_auc_score(label, scores, multi_class="ovr"))


@given(seed=st.integers(0, 10**6))
def test_numbers_are_measured_as_scikit_learn_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label, predicted = rng.normal(size=7), rng.normal(size=7)
    found = utility(Answers(predicted, None, Table.from_arrays(np.zeros((7, 1)), label)))
    assert isinstance(found, Utility)
    assert found.accuracy is None
    assert found.rmse == pytest.approx(metrics.root_mean_squared_error(label, predicted))
    assert found.r2 == pytest.approx(metrics.r2_score(label, predicted))


@given(seed=st.integers(0, 10**6), order=st.permutations(range(3)))
def test_several_labels_are_measured_by_name(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    scores, label = rng.uniform(0.01, 0.99, (9, 3)), rng.random((9, 3)) < 0.5
    part = Table.from_arrays(np.zeros((9, 1)), label, classes=NAMES)
    found = utility(Answers(scores[:, order], tuple(NAMES[k] for k in order), part))
    assert isinstance(found, Utility)
    assert found.loss == pytest.approx(-np.log(np.where(label, scores, 1 - scores)).mean())
    assert found.accuracy == pytest.approx(metrics.accuracy_score(label, scores >= 0.5))
    assert (found.records, found.rmse, found.r2) == (9, None, None)
    if label.any(axis=0).all() and not label.all(axis=0).any():
        assert found.auc == pytest.approx(metrics.roc_auc_score(label, scores))


@given(seed=st.integers(0, 10**6))
def test_two_classes_have_the_usual_auc_and_one_has_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, label = rng.random(12), np.array(NAMES[:2])[np.r_[0, 1, rng.integers(0, 2, 10)]]
    part = Table.from_arrays(np.zeros((12, 1)), label)
    found = utility(Answers(np.column_stack([1 - p, p]), NAMES[:2], part))
    assert isinstance(found, Utility)
    assert found.auc == pytest.approx(metrics.roc_auc_score(label == NAMES[1], p))
    alone = utility(Answers(np.full((1, 2), 0.5), NAMES[:2], part.take(np.array([0]))))
    assert isinstance(alone, Utility)
    assert alone.auc is None


def test_a_class_that_a_model_does_not_know_counts_one_half() -> None:
    part = Table.from_arrays(np.zeros((4, 1)), ["ant", "bee", "cow", "cow"])
    found = utility(Answers(np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [0.5, 0.5]]), NAMES[:2], part))
    assert isinstance(found, Utility)
    assert found.auc == pytest.approx((1 + 1 + 0.5) / 3)


def test_tug_of_war_is_the_product_of_what_is_left_of_one() -> None:
    def arm(*shares: float) -> Parts[Utility | Missing]:
        return Parts(*(Utility(9, 0.0, share, None, None, None) for share in shares))

    oracle = arm(1.0, 0.5, 0.75)
    assert tug_of_war(oracle, oracle) == 1.0
    assert tug_of_war(arm(0.75, 1.0, 0.5), oracle) == pytest.approx(0.75 * 0.5 * 0.75)
    for lacking in (Missing("no test"), Utility(9, 4.0, None, None, 2.0, None)):
        assert tug_of_war(replace(oracle, test=lacking), oracle) is None
    told = pulled(Four(arm(0.75, 1.0, 0.5), oracle, oracle, oracle))
    assert "original (do nothing) 0.281, forgotten 1.000, second oracle 1.000" in told
    assert "Tug-of-war" in " ".join(lines(Four(oracle, oracle, oracle, oracle)))


@given(seed=st.integers(0, 10**6))
def test_several_targets_are_measured_as_scikit_learn_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label, predicted = rng.normal(size=(7, 2)), rng.normal(size=(7, 2))
    found = utility(Answers(predicted, None, Table.from_arrays(np.zeros((7, 1)), label)))
    assert isinstance(found, Utility)
    assert found.accuracy is None
    assert found.rmse == pytest.approx(metrics.mean_squared_error(label, predicted) ** 0.5)
    assert found.r2 == pytest.approx(metrics.r2_score(label, predicted))


def test_a_model_that_lost_a_class_is_seen() -> None:
    part = Table.from_arrays(np.zeros((4, 1)), ["a", "a", "b", "b"])
    whole, lost = (
        utility(Answers(np.tile(row, (4, 1)), names, part))
        for row, names in (([0.5, 0.5], ("a", "b")), ([1.0], ("a",)))
    )
    assert isinstance(whole, Utility)
    assert isinstance(lost, Utility)
    assert (lost.accuracy, np.isfinite(lost.loss)) == (0.5, True)
    assert lost.loss > 10 * whole.loss


def test_what_is_missing_stays_missing_with_its_reason() -> None:
    gone = Missing("there is no such record")
    assert utility(gone) is gone


def test_the_table_shows_four_models_three_parts_and_reasons() -> None:
    held = Utility(5, 0.25, 0.75, 0.5, None, None)
    text = lines(Four(*[Parts[Utility | Missing](held, held, Missing("no test was given"))] * 4))
    assert len([line for line in text if line.count("0.750") == 2 and line.count("-") >= 2]) == 4
    assert any("no test was given" in line for line in text)
    numbers = Utility(5, 4.0, None, None, 2.0, None)
    assert "rmse" in "\n".join(lines(Four(*[Parts[Utility | Missing](numbers, numbers, numbers)] * 4)))
