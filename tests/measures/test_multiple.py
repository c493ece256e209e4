"""Adjusted p-values against scipy, against the step-down procedure itself, and by the false alarms that they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, norm

from expunge.errors import DataError
from expunge.measures.multiple import benjamini_hochberg, holm

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANCES = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.05, 1.0]), min_size=1, max_size=30)


def step_down(p: list[float], alpha: float) -> list[bool]:
    """Holm's procedure as it is told: smallest first, stop at the first that is not small enough."""
    rejected = [False] * len(p)
    for step, at in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[at] * (len(p) - step) > alpha:
            break
        rejected[at] = True
    return rejected


@given(p=CHANCES, alpha=st.floats(0.001, 0.5))
def test_holm_rejects_what_the_procedure_rejects(p: list[float], alpha: float) -> None:
    assert (holm(p) <= alpha).tolist() == step_down(p, alpha)


@given(p=CHANCES)
def test_benjamini_hochberg_is_that_of_scipy(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p, method="bh"))


@given(p=CHANCES, order=st.randoms(use_true_random=False))
def test_order_does_not_matter_and_holm_is_the_stricter(p: list[float], order: Any) -> None:
    shuffled = list(range(len(p)))
    order.shuffle(shuffled)
    for correct in (holm, benjamini_hochberg):
        assert correct(np.array(p)[shuffled]) == pytest.approx(correct(p)[shuffled], rel=1e-15)
    assert (holm(p) >= benjamini_hochberg(p) - 1e-15).all()
    assert (benjamini_hochberg(p) >= np.array(p) - 1e-15).all()


def drawn(seed: int, tests: int, shift: float = 0.0) -> NDArray[np.float64]:
    return norm.sf(np.random.default_rng(seed).normal(size=tests) + shift)


def test_some_false_alarm_comes_as_seldom_as_holm_says_and_often_without() -> None:
    alarms = [holm(drawn(k, 20)).min() <= 0.05 for k in range(600)]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.03)
    assert np.mean([drawn(k, 20).min() <= 0.05 for k in range(600)]) > 0.5


def test_tests_that_hang_together_raise_no_more_alarms() -> None:
    same = [holm(np.repeat(drawn(k, 1), 20)).min() <= 0.05 for k in range(600)]
    assert np.mean(same) < 0.02


def test_a_list_holds_no_more_false_names_than_it_says() -> None:
    false = []
    for k in range(300):
        named = benjamini_hochberg(np.concatenate([drawn(k, 40), drawn(1000 + k, 10, 3.0)])) <= 0.1
        false.append(named[:40].sum() / max(named.sum(), 1))
        assert named[40:].any()
    assert np.mean(false) <= 0.1


@pytest.mark.parametrize("p", [[], [0.1, float("nan")], [1.1], [-0.1], [[0.1]]])
def test_what_is_no_chance_is_refused(p: Any) -> None:
    for correct in (holm, benjamini_hochberg):
        with pytest.raises(DataError, match="a correction needs p-values"):
            correct(p)
