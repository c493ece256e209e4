"""Where aims come from: the regression against scikit-learn's, ranks by their laws, no forgotten record a pair."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, logit
from sklearn.linear_model import Ridge

from expunge.learners.torch import Log, Net, Shadow
from expunge.methods.torch import _never_seen as module
from expunge.methods.torch._never_seen import Answers, by_log, by_shadow, margins, matched, others, ridge, telling

if TYPE_CHECKING:
    from numpy.typing import NDArray

FINITE = st.floats(-50, 50)
SCORES = arrays(np.float64, (5, 3), elements=st.floats(-20, 20)).map(lambda z: log_softmax(z, axis=1))
PLACES = np.array([0, 1, 2, 1, 0])


def drawn(seed: int, n: int = 60, classes: int = 3) -> tuple[Shadow, Answers]:
    """A table in which what a never-seen network says follows from the traces, but for a little noise."""
    random = np.random.default_rng(seed)
    raw = random.normal(size=(3, n, classes))
    places = random.integers(0, classes, n)
    hidden = np.arange(n) % 2 == 0
    told = log_softmax(raw[0] + 0.01 * random.normal(size=(n, classes)), axis=1)
    said = log_softmax(raw, axis=2)
    ids = np.arange(n) * 3
    return Shadow(ids, said[:2].astype(np.float32), hidden, told[hidden].astype(np.float32)), Answers(
        ids, places, said[2]
    )


@given(SCORES)
def test_margins_and_other_classes_make_up_the_scores(scores: NDArray[np.float64]) -> None:
    chance = np.exp(scores)
    own = chance[np.arange(5), PLACES]
    left = np.where(np.arange(3) == PLACES[:, None], 0, chance).sum(axis=1)
    assert margins(scores, PLACES) == pytest.approx(np.log(own) - np.log(left))
    rest = np.exp(others(scores, PLACES))
    assert np.allclose(rest.sum(axis=1), 1)
    assert (rest[np.arange(5), PLACES] == 0).all()
    assert np.allclose(rest * left[:, None], np.where(rest > 0, chance, 0), atol=1e-9)


def test_the_regression_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    given_, wanted = random.normal(size=(30, 40)), random.normal(size=(30, 2))
    theirs = Ridge(alpha=module.PENALTY, fit_intercept=False).fit(given_, wanted).coef_.T
    assert np.allclose(ridge(given_, wanted), theirs)


# -- ranks -------------------------------------------------------------------------------------------------------------


@given(st.lists(FINITE, min_size=2, max_size=20), st.lists(FINITE, min_size=1, max_size=20), st.randoms())
def test_aims_keep_the_order_of_hardness_and_stay_among_the_held_out(
    hardness: list[float], held: list[float], random: Any
) -> None:
    every = np.ones(len(hardness), bool)
    aims = matched(np.array(hardness), every, np.array(held))
    assert (np.diff(aims[np.argsort(hardness)]) >= -1e-9).all()
    assert min(held) - 1e-9 <= aims.min()
    assert aims.max() <= max(held) + 1e-9
    turned = random.sample(range(len(hardness)), len(hardness))
    assert np.allclose(matched(np.array(hardness)[turned], every, np.array(held)), aims[turned])


@given(st.lists(FINITE, min_size=1, max_size=21).filter(lambda held: len(held) % 2 == 1))
def test_the_median_record_gets_the_held_out_median(held: list[float]) -> None:
    aims = matched(np.arange(9.0), np.arange(9) == 4, np.array(held))
    assert aims[0] == pytest.approx(np.median(held))


def test_ties_share_an_aim() -> None:
    aims = matched(np.array([1.0, 1.0, 2.0]), np.array([True, True, False]), np.arange(101.0))
    assert aims[0] == aims[1] == pytest.approx(100 / 3)


# -- hardness ----------------------------------------------------------------------------------------------------------


def test_the_shadow_predicts_what_a_network_says_that_never_saw_the_record() -> None:
    shadow, known = drawn(1, 400)
    found, rest = by_shadow(shadow, known, np.zeros(0, int))
    truth = margins(shadow.traces[0].astype(np.float64), known.places)
    assert np.corrcoef(found, truth)[0, 1] > 0.99
    assert np.allclose(np.exp(rest).sum(axis=1), 1)
    near = np.abs(np.exp(rest) - np.exp(others(shadow.traces[0].astype(np.float64), known.places)))
    assert near.mean() < 0.1


def test_no_forgotten_record_is_among_the_pairs() -> None:
    shadow, known = drawn(2)
    gone = shadow.ids[shadow.hidden][:5]
    before = by_shadow(shadow, known, gone)
    spoiled = shadow.scores.copy()
    spoiled[:5] = log_softmax(np.random.default_rng(9).normal(size=(5, 3)) * 9, axis=1)
    after = by_shadow(replace(shadow, scores=spoiled), known, gone)
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    counted = by_shadow(replace(shadow, scores=spoiled), known, gone[:0])  # the bug, planted
    assert not np.allclose(counted[0], before[0])


def test_the_order_of_records_does_not_matter_but_for_rounding() -> None:
    shadow, known = drawn(3)
    turned = np.random.default_rng(0).permutation(len(known.names))
    other = Answers(known.names[turned], known.places[turned], known.scores[turned])
    gone = shadow.ids[:3]
    for one, two in zip(by_shadow(shadow, known, gone), by_shadow(shadow, other, gone), strict=True):
        assert np.allclose(one[turned], two, atol=1e-9)


def test_records_that_were_not_there_have_no_hardness() -> None:
    shadow, known = drawn(4)
    names = known.names.copy()
    names[7] = 1000
    found, rest = by_shadow(shadow, replace(known, names=names), names[:0])
    assert np.isnan(found).tolist() == (np.arange(len(names)) == 7).tolist()
    assert np.isnan(rest[7]).all()
    log = Log(np.array([3, 5]), np.full((4, 2), -1.0, np.float32))
    asked = Answers(np.array([5, 4]), np.zeros(2, np.intp), np.zeros((2, 2)))
    assert np.isnan(by_log(log, asked)).tolist() == [False, True]
    assert np.isnan(by_log(Log(np.zeros(0, int), np.zeros((4, 0), np.float32)), asked)).all()


@pytest.mark.parametrize(("epochs", "epoch"), [(40, 15), (8, 3), (1, 1), (2, 1)])
def test_the_log_is_read_at_three_eighths_of_the_training(epochs: int, epoch: int) -> None:
    chance = np.linspace(0.1, 0.9, epochs)[:, None]
    log = Log(np.array([1]), np.log(chance).astype(np.float32))
    found = by_log(log, Answers(np.array([1]), np.zeros(1, np.intp), np.zeros((1, 2))))
    assert found[0] == pytest.approx(logit(chance[epoch - 1, 0]), abs=1e-5)


def test_a_record_that_fits_perfectly_is_easy_and_finite() -> None:
    log = Log(np.array([1, 2]), np.array([[0.0, -0.1]], np.float32))
    found = by_log(log, Answers(np.array([1, 2]), np.zeros(2, np.intp), np.zeros((2, 2))))
    assert np.isfinite(found).all()
    assert found[0] > found[1]


def test_the_shadow_is_asked_while_enough_of_its_pairs_are_left() -> None:
    shadow, _ = drawn(5, 2 * module.FEWEST)
    net = Net(None, "classification", ("a", "b", "c"), ("x",), (1,), 3, shadow=shadow)
    log = Log(shadow.ids, np.zeros((1, len(shadow.ids)), np.float32))
    one, visible = shadow.ids[shadow.hidden][:1], shadow.ids[~shadow.hidden][:5]
    assert telling(net, visible) is shadow
    assert telling(net, one) is None
    assert telling(replace(net, log=log), one) is log
    assert telling(replace(net, log=log), visible) is shadow
