"""Answers meet labels by class name, cost a finite loss, and agree with scikit-learn where it has the same figure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from expunge.errors import DataError
from expunge.measures.loss import (
    SMALLEST,
    aligned,
    carried,
    correct,
    decisions,
    log_loss,
    losses,
    places,
    r_squared,
    squared_error,
    true_class_scores,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from expunge.values import Scalar

NAMES: list[tuple[Scalar, ...]] = [("ant", "bee", "cow", "doe"), (-7, 0, 2, 31), (False, True), (0.5, 1.5, 2.5)]


def drawn(seed: int, names: tuple[Scalar, ...], rows: int = 12) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Scores that sum to one, coarse enough for ties, and labels among the names."""
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 4, size=(rows, len(names))) + np.eye(len(names))[rng.integers(0, len(names), rows)]
    return raw / raw.sum(axis=1, keepdims=True), np.array(names)[rng.integers(0, len(names), rows)]


@given(seed=st.integers(0, 10**6), names=st.sampled_from(NAMES), data=st.data())
def test_the_order_of_columns_means_nothing(seed: int, names: tuple[Scalar, ...], data: st.DataObject) -> None:
    scores, label = drawn(seed, names)
    order = list(data.draw(st.permutations(range(len(names)))))
    moved, renamed = scores[:, order], [names[k] for k in order]
    for measure in (true_class_scores, log_loss, correct):
        assert measure(moved, renamed, label).tolist() == measure(scores, names, label).tolist()
    assert decisions(moved, renamed).tolist() == decisions(scores, names).tolist()
    assert aligned(moved, renamed, names).tolist() == scores.tolist()


def test_columns_under_the_wrong_names_are_caught() -> None:
    scores, label = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array(["no", "yes"])
    assert correct(scores, ("no", "yes"), label).all()
    assert not correct(scores, ("yes", "no"), label).any()
    assert log_loss(scores, ("yes", "no"), label).mean() > log_loss(scores, ("no", "yes"), label).mean()


@given(seed=st.integers(0, 10**6), names=st.sampled_from(NAMES))
def test_each_record_is_found_by_hand(seed: int, names: tuple[Scalar, ...]) -> None:
    scores, label = drawn(seed, names)
    by_hand = [row[names.index(name)] for row, name in zip(scores.tolist(), label.tolist(), strict=True)]
    assert true_class_scores(scores, names, label).tolist() == by_hand
    expected = [-math.log(max(score, SMALLEST)) for score in by_hand]
    assert log_loss(scores, names, label) == pytest.approx(expected)


@given(seed=st.integers(0, 10**6), names=st.sampled_from(NAMES[:2]))
def test_loss_and_accuracy_are_those_of_scikit_learn(seed: int, names: tuple[Scalar, ...]) -> None:
    scores, label = drawn(seed, names)
    scores = (scores + 0.05) / (scores + 0.05).sum(axis=1, keepdims=True)  # it clips zeros elsewhere
    assert log_loss(scores, names, label).mean() == pytest.approx(metrics.log_loss(label, scores, labels=list(names)))
    accuracy = metrics.accuracy_score(label, decisions(scores, names))
    assert correct(scores, names, label).mean() == pytest.approx(accuracy)


@given(seed=st.integers(0, 10**6), names=st.sampled_from(NAMES))
def test_a_record_scores_alone_as_it_does_among_others(seed: int, names: tuple[Scalar, ...]) -> None:
    scores, label = drawn(seed, names)
    alone = [log_loss(scores[k : k + 1], names, label[k : k + 1])[0] for k in range(len(label))]
    assert alone == log_loss(scores, names, label).tolist()


def test_changing_the_label_changes_the_loss() -> None:
    scores = np.array([[0.7, 0.2, 0.1]])
    found = [log_loss(scores, ("a", "b", "c"), np.array([name]))[0] for name in "abc"]
    assert found == pytest.approx([-math.log(0.7), -math.log(0.2), -math.log(0.1)])


def test_certain_and_wrong_costs_much_and_not_infinity() -> None:
    most = -math.log(SMALLEST)
    assert log_loss(np.eye(2), ("a", "b"), np.array(["b", "a"])).tolist() == [most, most]
    assert log_loss([[1.0]], ("a",), np.array(["b"])).tolist() == [most]
    assert log_loss(np.zeros((2, 0)), (), np.array(["a", "b"])).tolist() == [most, most]


def test_a_class_that_the_model_does_not_know_is_never_right() -> None:
    label = np.array(["a", "cc", "z"])
    assert correct(np.ones((3, 1)), ("a",), label).tolist() == [True, False, False]
    assert true_class_scores(np.ones((3, 1)), ("a",), label).tolist() == [1.0, 0.0, 0.0]


def test_a_tie_goes_to_the_first_name_wherever_its_column_stands() -> None:
    assert decisions([[0.5, 0.5]], ("b", "a")).tolist() == ["a"]
    assert decisions([[0.5, 0.5]], (1, -1)).tolist() == [-1]


def test_single_precision_passes() -> None:
    scores = np.array([[1.0000001, -1e-8]], dtype=np.float32)
    assert log_loss(scores, ("a", "b"), np.array(["a"])).tolist() == [0.0]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: places((0, 1), np.array(["0"])), r"type of the model's classes \(int\), got text"),
        (lambda: places((0, 1), np.array([True])), r"\(int\), got bool"),
        (lambda: places((0, 1), np.array([1.0])), r"\(int\), got float"),
        (lambda: places((1, True), np.array([1])), "different names of one type"),
        (lambda: places(("a", "a"), np.array(["a"])), "different names of one type"),
        (lambda: true_class_scores([[0.5, 0.5]], ("a",), np.array(["a"])), r"shape \(1, 1\)"),
        (lambda: true_class_scores([[1.0]], ("a",), np.array(["a", "a"])), r"shape \(2, 1\)"),
        (lambda: true_class_scores([1.0], ("a",), np.array(["a"])), r"got \(1,\)"),
        (lambda: log_loss([[0.5, 0.5], [np.nan, 1]], ("a", "b"), np.array(["a", "b"])), "row 1 holds NaN"),
        (lambda: log_loss([[0.5, 0.5], [-3.0, 2]], ("a", "b"), np.array(["a", "b"])), r"row 1 holds -3\.0"),
        (lambda: decisions(np.zeros((3, 0)), ()), "decides nothing"),
        (lambda: squared_error([1.0], np.array([1.0, 2.0])), "one prediction for each"),
        (lambda: squared_error([1.0], np.array(["1"])), "of type text"),
        (lambda: squared_error([np.nan], np.array([1.0])), "NaN"),
        (lambda: squared_error([[1.0, 2.0]], np.array([[1.0]])), r"got \(1, 2\) for \(1, 1\)"),
        (lambda: squared_error([1.0], np.array([[1.0]])), r"got \(1,\) for \(1, 1\)"),
        (lambda: places((False, True), np.array([[True]])), r"one class .* got labels of shape \(1, 1\)"),
        (lambda: carried([[0.5]], ("a", "b")), r"shape \(n, 2\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(ask: Callable[[], object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ask()


@given(seed=st.integers(0, 10**6), rows=st.integers(2, 30))
def test_error_and_explained_variance_are_those_of_scikit_learn(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    label, predicted = rng.normal(size=rows), rng.normal(size=rows)
    assert squared_error(predicted, label).mean() == pytest.approx(metrics.mean_squared_error(label, predicted))
    assert r_squared(predicted, label) == pytest.approx(metrics.r2_score(label, predicted))


def flags(seed: int, rows: int, names: tuple[Scalar, ...]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores coarse enough for halves, zeros and ones, each by itself, and truth values."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 9, (rows, len(names))) / 8, rng.random((rows, len(names))) < 0.5


@given(seed=st.integers(0, 10**6), names=st.sampled_from(NAMES), data=st.data())
def test_several_labels_are_found_by_hand_in_any_order_of_columns(
    seed: int, names: tuple[Scalar, ...], data: st.DataObject
) -> None:
    scores, label = flags(seed, 6, names)
    order = list(data.draw(st.permutations(range(len(names)))))
    costs, right = [], []
    for row, truth in zip(scores.tolist(), label.tolist(), strict=True):
        fit = [score if is_so else 1 - score for score, is_so in zip(row, truth, strict=True)]
        costs.append(sum(-math.log(max(one, SMALLEST)) for one in fit) / len(fit))
        right.append(all((score >= 0.5) == is_so for score, is_so in zip(row, truth, strict=True)))
    moved, turned, renamed = scores[:, order], label[:, order], [names[k] for k in order]
    assert log_loss(moved, renamed, turned) == pytest.approx(costs)
    assert losses(moved, renamed, turned) == pytest.approx(costs)
    assert correct(moved, renamed, turned).tolist() == right
    assert carried(moved, renamed).tolist() == (scores >= 0.5)[:, order].tolist()


@given(seed=st.integers(0, 10**6), rows=st.integers(2, 20))
def test_several_labels_are_measured_as_scikit_learn_does(seed: int, rows: int) -> None:
    scores, label = flags(seed, rows, ("a", "b", "c"))
    scores = 0.05 + 0.9 * scores  # it clips zeros elsewhere
    each = [metrics.log_loss(label[:, k], scores[:, k], labels=[False, True]) for k in range(3)]
    assert log_loss(scores, ("a", "b", "c"), label).mean() == pytest.approx(np.mean(each))
    decided = carried(scores, ("a", "b", "c"))
    assert correct(scores, ("a", "b", "c"), label).mean() == pytest.approx(metrics.accuracy_score(label, decided))


@given(seed=st.integers(0, 10**6))
def test_one_label_in_a_column_is_a_choice_between_two(seed: int) -> None:
    scores, label = flags(seed, 8, ("a",))
    two = np.column_stack([1 - scores[:, 0], scores[:, 0]])
    assert log_loss(scores, ("a",), label) == pytest.approx(log_loss(two, (False, True), label[:, 0]))
    away = scores[:, 0] != 0.5  # where a tie goes differs: a label is carried, a class is the one that sorts first
    single = correct(two, (False, True), label[:, 0])
    assert correct(scores, ("a",), label)[away].tolist() == single[away].tolist()


@pytest.mark.parametrize("measure", [true_class_scores, log_loss, correct])
@pytest.mark.parametrize(
    ("scores", "classes", "label", "words"),
    [
        ([[0.5, 0.5]], ("a", "b"), np.array([[True]]), r"each of 2 classes, got bool of shape \(1, 1\)"),
        ([[0.5, 0.5]], ("a", "b"), np.array([[1, 0]]), "truth values, one for each of 2 classes, got int"),
        ([[0.5, 0.5]], ("a", "b"), np.array([[1.0, 0.0]]), "got float"),
        ([[0.5]], ("a", "b"), np.array([[True, False]]), r"shape \(1, 2\)"),
        ([[0.5, 0.5]], ("a", "b"), np.array([[True, False]] * 2), r"shape \(2, 2\)"),
        ([[0.5, 1.5]], ("a", "b"), np.array([[True, False]]), "between 0 and 1"),
        (np.zeros((1, 0)), (), np.zeros((1, 0), bool), "each of 0 classes"),
    ],
)
def test_several_labels_that_do_not_fit_are_refused(
    measure: Any, scores: Any, classes: Any, label: Any, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        measure(scores, classes, label)


@given(seed=st.integers(0, 10**6), rows=st.integers(2, 20))
def test_several_targets_are_measured_as_scikit_learn_does(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    label, predicted = rng.normal(size=(rows, 3)), rng.normal(size=(rows, 3))
    found = squared_error(predicted, label)
    assert found == pytest.approx(((predicted - label) ** 2).mean(axis=1))
    assert losses(predicted, None, label).tolist() == found.tolist()
    assert found.mean() == pytest.approx(metrics.mean_squared_error(label, predicted))
    assert r_squared(predicted, label) == pytest.approx(metrics.r2_score(label, predicted))
    label[:, 1] = 3.0
    assert r_squared(predicted, label) is None


def test_labels_that_do_not_vary_have_no_explained_variance() -> None:
    assert r_squared([1.0, 2.0], np.array([3.0, 3.0])) is None
    assert r_squared([], np.array([])) is None
    assert r_squared([0.1], np.array([0.1])) is None
    assert r_squared([0.1, 0.1, 0.1], np.array([0.1, 0.1, 0.1])) is None  # their mean is not 0.1 in floats


def test_whole_numbers_do_not_overflow_when_squared() -> None:
    far = np.array([2**62, -(2**62)])
    assert squared_error([0.0, 0.0], far).tolist() == [2.0**124, 2.0**124]


def test_losses_follow_the_kind_of_model() -> None:
    assert losses([2.0], None, np.array([5.0])).tolist() == [9.0]
    assert losses([[0.0, 1.0]], ("a", "b"), np.array(["b"])).tolist() == [0.0]


def test_no_records_are_no_trouble() -> None:
    assert log_loss(np.zeros((0, 2)), ("a", "b"), np.array([], dtype=np.str_)).tolist() == []
