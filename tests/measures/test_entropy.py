"""Both entropies against their formulas in exact arithmetic, on no effect and a planted one, and against known bugs."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.special import softmax

from expunge.errors import DataError
from expunge.measures.auc import newcombe, rank_auc
from expunge.measures.entropy import entropy, modified_entropy
from expunge.measures.margin import SMALLEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Score = Callable[[NDArray[np.float64], tuple[str, ...], NDArray[np.str_]], NDArray[np.float64]]

NAMES = ("a", "b", "c", "d")
SCORES = arrays(np.float64, st.tuples(st.integers(1, 6), st.just(4)), elements=st.floats(1e-9, 1))
LABELS = st.lists(st.sampled_from(NAMES), min_size=6, max_size=6)


def by_hand(row: NDArray[np.float64], own: str) -> float:
    """Of one record, with 1 - p exact."""
    whole = [Fraction(float(score)) for score in row]
    shares = [score / sum(whole) for score in whole]
    found = 0.0
    for name, share in zip(NAMES, shares, strict=True):
        rest = float(1 - share)
        found -= rest * math.log(share) if name == own else float(share) * math.log(max(rest, SMALLEST))
    return found


@given(SCORES, LABELS)
def test_they_are_their_formulas_record_by_record(scores: NDArray[np.float64], names: list[str]) -> None:
    label = np.array(names[: len(scores)])
    found = modified_entropy(scores, NAMES, label)
    assert found == pytest.approx([by_hand(row, own) for row, own in zip(scores, label, strict=True)], rel=1e-9)
    assert entropy(scores) == pytest.approx(stats.entropy(scores, axis=1), abs=1e-12)


@given(SCORES, LABELS, st.permutations(range(6)))
def test_a_record_scores_alone_as_it_does_among_others_in_any_order(
    scores: NDArray[np.float64], names: list[str], order: list[int]
) -> None:
    label = np.array(names[: len(scores)])
    mixed = [k for k in order if k < len(scores)]
    for given_ in (scores, np.asfortranarray(scores)):
        found = modified_entropy(given_, NAMES, label)
        assert found[mixed].tolist() == modified_entropy(given_[mixed], NAMES, label[mixed]).tolist()
        alone = [float(modified_entropy(scores[k : k + 1], NAMES, label[k : k + 1])[0]) for k in range(len(scores))]
        assert alone == found.tolist()
        assert [float(entropy(scores[k : k + 1])[0]) for k in range(len(scores))] == entropy(given_).tolist()


@given(SCORES)
def test_columns_are_found_by_name_and_scale_means_nothing(scores: NDArray[np.float64]) -> None:
    label = np.array(["b"] * len(scores))
    turned = modified_entropy(scores[:, ::-1] * 3, NAMES[::-1], label)
    assert turned == pytest.approx(modified_entropy(scores, NAMES, label), rel=1e-9)


def test_the_label_matters_for_one_of_them() -> None:
    scores = np.array([[0.7, 0.2, 0.06, 0.04]])
    a, b, c, d = (modified_entropy(scores, NAMES, np.array([name]))[0] for name in NAMES)
    assert a < b < c < d


@pytest.mark.parametrize("far", [30.0, 600.0, 1e4])
def test_sure_answers_stay_finite_and_keep_their_digits(far: float) -> None:
    scores = softmax(np.array([[far, 0.0, 0.0, -far], [-far, far, far, far]]), axis=1)
    for name in (*NAMES, "unknown"):
        found = modified_entropy(scores, NAMES, np.array([name, name]))
        assert np.isfinite(found).all()
        assert (found >= 0).all()
    assert np.isfinite(entropy(scores)).all()
    small = 2 * math.exp(-far)  # the rest, of which 1 - p would leave nothing
    expected = small * small + 2 * math.exp(-far) * math.exp(-far)
    assert modified_entropy(scores, NAMES, np.array(["a", "b"]))[0] == pytest.approx(expected, rel=1e-6, abs=1e-200)


def test_a_class_that_the_model_does_not_know_is_the_worst_answer() -> None:
    scores = np.array([[0.7, 0.2, 0.06, 0.04]])
    unknown = modified_entropy(scores, NAMES, np.array(["e"]))[0]
    assert unknown == pytest.approx(-math.log(SMALLEST) - (scores * np.log(1 - scores)).sum())


def test_they_end_where_they_should() -> None:
    assert entropy(np.ones((1, 4)))[0] == pytest.approx(math.log(4))
    assert entropy(np.eye(4)).tolist() == [0.0] * 4
    assert modified_entropy(np.eye(4), NAMES, np.array(NAMES)).tolist() == [0.0] * 4
    assert entropy(np.zeros((0, 3))).shape == (0,)


def answers(seed: int, rows: int, sure: float) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Answers about records of random classes, and how much more is said for the own class."""
    random = np.random.default_rng(seed)
    own = random.integers(0, 4, rows)
    return softmax(random.normal(size=(rows, 4)) + sure * np.eye(4)[own], axis=1), np.array(NAMES)[own]


def test_without_effect_the_interval_of_the_attack_holds_a_half_as_often_as_it_should() -> None:
    held = []
    for seed in range(200):
        one, other = (
            -modified_entropy(side[0], NAMES, side[1]) for side in (answers(k, 40, 1) for k in (seed, 10**4 + seed))
        )
        low, high = newcombe(rank_auc(one, other), 40, 40)
        held.append(low <= 0.5 <= high)
    assert np.mean(held) >= 0.9


def test_a_planted_effect_is_seen_by_the_one_that_knows_the_label() -> None:
    known, unknown = answers(1, 400, 2), answers(2, 400, 1)
    auc = rank_auc(-modified_entropy(known[0], NAMES, known[1]), -modified_entropy(unknown[0], NAMES, unknown[1]))
    assert newcombe(auc, 400, 400)[0] > 0.6
    wrong = softmax(np.eye(4)[[1] * 50] * 9, axis=1), np.array(["a"] * 50)  # sure of what is not so: random labels
    assert (
        rank_auc(modified_entropy(*((wrong[0], NAMES, wrong[1]))), modified_entropy(unknown[0], NAMES, unknown[1]))
        > 0.95
    )
    assert rank_auc(-entropy(wrong[0]), -entropy(unknown[0])) > 0.95  # which the other takes for members


def over_the_batch(
    scores: NDArray[np.float64], classes: tuple[str, ...], label: NDArray[np.str_]
) -> NDArray[np.float64]:
    """As in public code (Unlearn-Sparse and those that took it over): columns of all labels, ln p for ln(1 - p)."""
    y = np.array([classes.index(name) for name in label])
    logs, turned, swapped = np.log(scores), scores.copy(), np.log(scores)
    turned[:, y], swapped[:, y] = 1 - scores[:, y], logs[:, y]
    return np.asarray(-(turned * swapped).sum(axis=1))


def one_minus(scores: NDArray[np.float64], classes: tuple[str, ...], label: NDArray[np.str_]) -> NDArray[np.float64]:
    """With 1 - p, which is 0 where a model is sure."""
    own = np.array(classes)[None] == label[:, None]
    rest = np.maximum(1 - scores, SMALLEST)
    return np.asarray(-np.where(own, rest * np.log(scores), scores * np.log(rest)).sum(axis=1))


def in_any_batch(score: Score) -> bool:
    scores, label = answers(3, 20, 0)
    return bool(np.allclose(score(scores, NAMES, label)[:1], score(scores[:1], NAMES, label[:1])))


def by_label(score: Score) -> bool:
    scores, label = answers(4, 20, 0)
    other = np.array(NAMES)[(np.searchsorted(NAMES, label) + 1) % 4]
    return bool((np.abs(score(scores, NAMES, label) - score(scores, NAMES, other)) > 1e-6).all())


def with_digits(score: Score) -> bool:
    sure = softmax(np.array([[0.0, 50.0, 0.0, 0.0]]), axis=1)
    return bool(np.isclose(score(sure, NAMES, np.array(["a"]))[0], by_hand(sure[0], "a")))


def test_known_bugs_are_caught() -> None:
    assert in_any_batch(modified_entropy)
    assert by_label(modified_entropy)
    assert with_digits(modified_entropy)
    assert not in_any_batch(over_the_batch)
    assert not by_label(over_the_batch)
    assert not with_digits(one_minus)


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (np.array([[0.5, np.nan]]), "finite scores of at least 0"),
        (np.array([[0.5, -0.1]]), "got others among them"),
        (np.array([[np.inf, 0.1]]), "got others among them"),
        (np.array([0.5]), r"got shape \(1,\)"),
        (np.array([[0.0, 0.0]]), "row 0 has none"),
        (np.array([[0.1, 0.2, 0.7]]), r"each of 1 records and 2 classes, got shape \(1, 3\)"),
    ],
)
def test_what_is_no_scores_is_refused(scores: NDArray[np.float64], words: str) -> None:
    with pytest.raises(DataError, match=words):
        modified_entropy(scores, ("a", "b"), np.array(["a"]))


def test_several_labels_are_refused() -> None:
    with pytest.raises(DataError, match="each record has one class"):
        modified_entropy(np.array([[0.5, 0.5]]), ("a", "b"), np.array([[True, False]]))
