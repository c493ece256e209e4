"""The figures: each against what it is by definition, alike for rows in any order, and missing where it cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from expunge import Table
from expunge.audit.arms import Answers, Missing, Parts
from expunge.audit.figures import FIGURES, SURE, Model, fits

OF = {figure.name: figure.of for figure in FIGURES}
NONE = Missing("not asked")


def answered(odds: Any, label: Any, first: int = 0) -> Answers:
    """Answers with these log-odds for each record's own class."""
    label = np.asarray(label)
    mine = 1 / (1 + np.exp(-np.asarray(odds, float)))
    yes = label == "yes"
    part = Table.from_arrays(np.zeros((len(label), 1)), label, ids=np.arange(first, first + len(label)))
    return Answers(np.column_stack([np.where(yes, 1 - mine, mine), np.where(yes, mine, 1 - mine)]), ("no", "yes"), part)


def model(gone: Any, test: Any = NONE, stays: Any = NONE) -> Model:
    return Parts(stays, gone, test)


ODDS = st.lists(st.floats(-9, 9).filter(lambda odds: abs(odds) > 1e-6), min_size=4, max_size=30)  # no ties of classes


@given(ODDS)
def test_fit_is_the_mean_of_log_odds_of_the_own_class(odds: list[float]) -> None:
    labels = np.where(np.arange(len(odds)) % 2, "yes", "no")
    assert OF["fit"](model(answered(odds, labels)), []) == pytest.approx(np.mean(odds), abs=1e-5)
    assert OF["accuracy"](model(answered(odds, labels)), []) == pytest.approx(np.mean(np.array(odds) > 0), abs=1e-9)


@given(gone=ODDS, test=ODDS)
def test_population_is_the_auc_of_scikit_learn(gone: list[float], test: list[float]) -> None:
    mine, others = answered(gone, ["yes"] * len(gone)), answered(test, ["yes"] * len(test), 1000)
    found = OF["population"](model(mine, others), [])
    truth = np.r_[np.ones(len(gone)), np.zeros(len(test))]
    assert found == pytest.approx(roc_auc_score(truth, np.r_[fits(mine), fits(others)]))


def test_held_out_records_of_other_classes_are_left_out() -> None:
    mine, others = answered([3.0] * 4, ["yes"] * 4), answered([9.0] * 5 + [0.0] * 5, ["no"] * 5 + ["yes"] * 5, 1000)
    assert OF["population"](model(mine, others), []) == 1.0
    assert isinstance(OF["population"](model(mine, answered([1.0], ["no"], 1000)), []), Missing)


def test_what_is_infinitely_sure_counts_no_more_than_single_precision_holds() -> None:
    part = Table.from_arrays(np.zeros((2, 1)), ["yes", "yes"])
    sure = Answers(np.array([[0.0, 1.0], [1.0, 0.0]]), ("no", "yes"), part)
    assert fits(sure).tolist() == [SURE, -SURE]


def test_the_hardest_are_those_of_the_other_oracles() -> None:
    label = ["yes"] * 20
    oracle = model(answered([-5.0, -4.0] + [2.0] * 18, label))
    mine = model(answered([1.0, 3.0] + [-9.0] * 18, label))
    assert OF["hardest"](mine, [oracle, oracle]) == pytest.approx(2.0, abs=1e-5)
    assert isinstance(OF["hardest"](model(answered([1.0] * 19, label[:19])), [oracle]), Missing)


def test_a_permuted_label_shows_in_the_scores_though_not_in_the_own_class() -> None:
    """Random labels move the other classes: three of them, the own class as sure as an oracle's."""
    part = Table.from_arrays(np.zeros((1, 1)), ["a"])
    oracle = model(Answers(np.array([[0.5, 0.4, 0.1]]), ("a", "b", "c"), part))
    fooled = model(Answers(np.array([[0.5, 0.1, 0.4]]), ("a", "b", "c"), part))
    assert OF["fit"](fooled, []) == OF["fit"](oracle, [])
    assert OF["scores"](fooled, [oracle]) == pytest.approx(0.3)
    assert OF["scores"](oracle, [oracle]) == 0.0


def test_rmia_rises_with_how_much_the_forgotten_are_favoured() -> None:
    test, label = answered(np.linspace(-2, 2, 21), ["yes"] * 21, 1000), ["yes"] * 10
    oracle = model(answered(np.zeros(10), label), test)
    found = [OF["rmia"](model(answered(np.full(10, up), label), test), [oracle, oracle]) for up in (-2.0, 0.0, 2.0)]
    assert found == sorted(found)  # type: ignore[type-var]
    assert found[0] < 0.2  # type: ignore[operator]
    assert found[2] > 0.8  # type: ignore[operator]


def test_numbers_have_errors_for_fits() -> None:
    part = Table.from_arrays(np.zeros((2, 1)), np.array([1.0, 3.0]))
    said = model(Answers(np.array([1.0, 5.0]), None, part))
    assert OF["fit"](said, []) == pytest.approx(-1.0)
    assert OF["accuracy"](said, []) == pytest.approx(2**0.5)
    assert isinstance(OF["rmia"](model(said.forgotten, said.forgotten), [said]), Missing)


def test_several_labels_have_losses_for_fits() -> None:
    part = Table.from_arrays(np.zeros((2, 1)), np.array([[True, False], [True, True]]), classes=("red", "sharp"))
    said = Answers(np.array([[0.5, 0.5], [0.5, 0.5]]), ("red", "sharp"), part)
    assert fits(said) == pytest.approx([-np.log(2)] * 2)
    assert isinstance(OF["rmia"](model(said, said), [model(said, said)]), Missing)
    assert OF["scores"](model(said), [model(said)]) == 0.0


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_what_was_not_asked_is_missing_and_never_a_number(figure: Any) -> None:
    nothing = model(NONE)
    assert isinstance(figure.of(nothing, [nothing]), Missing)
    assert figure.limits.endswith(".")


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
@given(seed=st.integers(0, 50))
def test_the_order_of_records_is_nothing_to_a_figure(figure: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    label = np.where(random.random(24) < 0.5, "yes", "no")
    odds, order = random.normal(size=(3, 24)), random.permutation(24)

    def made(rows: Any) -> list[Model]:
        each = [answered(row[rows], label[rows]) for row in odds]
        return [Parts(one, one, one) for one in each]

    first, again = made(np.arange(24)), made(order)
    assert figure.of(again[0], again[1:]) == pytest.approx(figure.of(first[0], first[1:]))
