"""The loss attack sees a model that memorises, not one that never met the records, and in the right direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from expunge.audit.arms import Answers, Four, Missing
from expunge.audit.membership import Membership, finding, lines, membership, tells
from expunge.data.table import Table
from expunge.measures.auc import newcombe

if TYPE_CHECKING:
    from numpy.typing import NDArray


def said(score: NDArray[np.float64], first: int, owners: list[Any] | None = None) -> Answers:
    """Answers that give each record's own class this score."""
    names = np.arange(len(score)) % 2
    part = Table.from_arrays(np.zeros((len(score), 1)), names, first + np.arange(len(score)), owners)
    return Answers(np.where(names[:, None] == [0, 1], score[:, None], 1 - score[:, None]), (0, 1), part)


def measured(gone: Answers, test: Answers) -> Membership:
    found = membership(gone, test)
    assert isinstance(found, Membership)
    return found


@given(seed=st.integers(0, 10**6), m=st.integers(2, 20), n=st.integers(2, 20))
def test_it_is_the_auc_of_small_losses(seed: int, m: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    gone, test = rng.uniform(0.01, 0.99, m).round(1), rng.uniform(0.01, 0.99, n).round(1)
    found = measured(said(gone, 0), said(test, 100))
    assert found.auc == pytest.approx(roc_auc_score([1] * m + [0] * n, np.concatenate([gone, test])))
    assert (found.low, found.high) == newcombe(found.auc, m, n)
    assert (found.members, found.others) == (m, n)
    assert found.modified == pytest.approx(found.auc)  # of two classes it goes with the confidence
    sure = np.abs(np.concatenate([gone, test]) - 0.5).round(9)
    assert found.entropy == pytest.approx(roc_auc_score([1] * m + [0] * n, sure))


def test_records_that_fit_better_are_above_one_half() -> None:
    known, unknown = np.full(30, 0.99), np.full(30, 0.6)
    assert measured(said(known, 0), said(unknown, 100)).auc == 1.0
    assert measured(said(unknown, 0), said(known, 100)).auc == 0.0
    assert measured(said(known, 0), said(known, 100)).auc == 0.5


def test_certain_answers_have_finite_losses_and_a_figure() -> None:
    sure = np.array([1.0, 1.0, 0.0, 1.0])
    assert measured(said(sure, 0), said(1 - sure, 100)).auc == 0.75


def test_an_owners_records_count_as_one() -> None:
    score = np.linspace(0.5, 0.9, 12)
    single = measured(said(score, 0), said(score, 100))
    owned = measured(said(score, 0, owners=["ann"] * 6 + ["bob"] * 6), said(score, 100))
    assert (owned.auc, owned.members, owned.others) == (single.auc, 2, 12)
    assert owned.high - owned.low > single.high - single.low


def test_only_held_out_records_of_the_forgotten_classes_are_compared() -> None:
    gone = said(np.array([0.6]), 0)  # one record, of class 0
    test = said(np.array([0.5, 0.99, 0.5, 0.99]), 100)  # class 1 is easier
    found = measured(gone, test)
    assert (found.auc, found.others) == (1.0, 2)
    missing = membership(gone, Answers(test.predicted[1:2], test.classes, test.part.take(np.array([1]))))
    assert missing == Missing("no held-out record is of a class of the forgotten ones")


def flagged(fit: list[float], label: list[list[int]], first: int, names: tuple[str, ...] = ("a", "b")) -> Answers:
    """Multi-label answers that give each label of a record the same score of being as it is."""
    carried = np.array(label, bool)
    part = Table.from_arrays(np.zeros((len(fit), 1)), carried, first + np.arange(len(fit)), classes=names)
    return Answers(np.where(carried, np.array(fit)[:, None], 1 - np.array(fit)[:, None]), names, part)


def test_of_several_labels_held_out_records_share_one_with_the_forgotten() -> None:
    label = [[1, 0], [0, 1], [1, 1], [0, 0]]
    test = flagged([0.5, 0.99, 0.4, 0.99], label, 100)
    for held, auc, others in (([1, 0], 1.0, 2), ([0, 1], 0.5, 2), ([0, 0], 0.0, 1), ([1, 1], 1 / 3, 3)):
        found = measured(flagged([0.6] if others != 3 else [0.45], [held], 0), test)
        assert found.auc == pytest.approx(auc)
        assert (found.members, found.others) == (1, others)
    both = flagged([0.6, 0.6], [[1, 0], [0, 1]], 0)  # one of them is enough
    assert measured(both, test).others == 3
    missing = membership(flagged([0.6], [[1, 0]], 0), flagged([0.5], [[0, 1]], 100))
    assert missing == Missing("no held-out record is of a class of the forgotten ones")


def test_labels_of_the_test_are_found_by_name() -> None:
    gone = flagged([0.9, 0.8], [[1, 0], [1, 0]], 0)
    test = flagged([0.5, 0.7], [[1, 0], [0, 1]], 100)
    part = Table.from_arrays(np.zeros((2, 1)), [[0, 1], [1, 0]], [100, 101], classes=["b", "a"])
    assert membership(gone, Answers(test.predicted, test.classes, part)) == membership(gone, test)


def test_several_numbers_are_attacked_by_their_mean_squared_error() -> None:
    gone, test = (Table.from_arrays(np.zeros((2, 1)), [[1.0, 0.0], [2.0, 0.0]], ids) for ids in ([0, 1], [5, 6]))
    near, far = np.array([[1.1, 0.0], [2.0, 0.1]]), np.array([[1.0, 2.0], [4.0, 0.0]])
    assert measured(Answers(near, None, gone), Answers(far, None, test)).auc == 1.0


def test_columns_are_found_by_name() -> None:
    gone, test = said(np.array([0.9, 0.8]), 0), said(np.array([0.5, 0.4, 0.3]), 100)
    turned = Answers(gone.predicted[:, ::-1], (1, 0), gone.part)
    assert membership(turned, test) == membership(gone, test)
    assert measured(Answers(gone.predicted, (1, 0), gone.part), test).auc == 0.0


def test_numbers_are_attacked_by_squared_error() -> None:
    gone, test = (Table.from_arrays(np.zeros((2, 1)), [1.0, 2.0], ids) for ids in ([0, 1], [5, 6]))
    assert measured(Answers(np.array([1.1, 2.0]), None, gone), Answers(np.array([3.0, 0.5]), None, test)).auc == 1.0


def test_what_is_missing_has_no_figure() -> None:
    here, none = said(np.array([0.5]), 0), Missing("there is no such record")
    assert membership(none, here) == Missing("no answers about forgotten records: there is no such record")
    assert membership(here, none) == Missing("no answers about held-out records: there is no such record")


# Findings


def figure(auc: float, m: int = 50, n: int = 100) -> Membership:
    return Membership(auc, *newcombe(auc, m, n), m, n)


def four(original: float, forgotten: float, oracle: float, second: float) -> Four[Membership | Missing]:
    return Four[Membership | Missing](*map(figure, (original, forgotten, oracle, second)))


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        (four(0.9, 0.9, 0.5, 0.52), "still recognised"),
        (four(0.9, 0.1, 0.5, 0.52), "worse than they should"),
        (four(0.9, 0.55, 0.5, 0.52), None),
        (four(0.9, 0.9, 0.5, 0.85), None),  # a second oracle shows that it may be chance
        (four(0.9, 0.1, 0.5, 0.15), None),
    ],
)
def test_forgotten_records_that_stand_out_are_found(arms: Four[Membership | Missing], words: str | None) -> None:
    found = finding(arms)
    assert found is None if words is None else words in str(found)
    text = "\n".join(lines(arms))
    assert ("Detected: " in text) == (words is not None)
    assert "screening" in text


def test_one_record_is_too_few_to_find_anything() -> None:
    one = Four[Membership | Missing](figure(1.0, 1), figure(1.0, 1), figure(0.5, 1), figure(0.5, 1))
    assert finding(one) is None


def test_it_says_where_it_cannot_tell_and_where_it_was_not_measured() -> None:
    blind = four(0.52, 0.5, 0.5, 0.52)
    assert not tells(blind)
    assert "It cannot tell here" in "\n".join(lines(blind))
    seeing = four(0.9, 0.5, 0.5, 0.52)
    assert tells(seeing)
    assert "No evidence (screening)" in "\n".join(lines(seeing))
    without = Four[Membership | Missing](figure(0.5), *[Missing("no test")] * 3)
    assert finding(without) is None
    assert not tells(without)
    assert "Not measured: no test." in "\n".join(lines(without))


def test_two_equal_laws_are_hardly_ever_told_apart() -> None:
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(300):
        arms = [measured(said(rng.uniform(size=20), 0), said(rng.uniform(size=40), 100)) for _ in range(4)]
        alarms += finding(Four[Membership | Missing](*arms)) is not None
    assert alarms <= 3


def test_a_shift_of_a_known_size_is_found() -> None:
    rng, found = np.random.default_rng(0), 0
    for _ in range(100):
        never = [measured(said(rng.beta(2, 2, 50), 0), said(rng.beta(2, 2, 100), 100)) for _ in range(2)]
        still = measured(said(rng.beta(6, 2, 50), 0), said(rng.beta(2, 2, 100), 100))
        found += finding(Four[Membership | Missing](still, still, *never)) is not None
    assert found >= 90
