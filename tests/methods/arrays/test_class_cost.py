"""The expected cost of deletions from classes is that of counting all that can happen, and of drawing at random."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge import Arcane
from expunge.errors import ParameterError
from expunge.methods.arrays._class_cost import expected_cost_of_classes
from expunge.methods.arrays._cost import share


def counted(sizes: list[int], requests: int) -> float:
    """One batch: the mean over all sets of records of what is left of the classes that they hit."""
    label = np.repeat(np.arange(len(sizes)), sizes)
    costs = []
    for gone in combinations(range(len(label)), requests):
        hits = np.bincount(label[list(gone)], minlength=len(sizes))
        costs.append(sum(size - hit for size, hit in zip(sizes, hits, strict=True) if hit))
    return float(np.mean(costs))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=3).filter(any), st.data())
def test_a_batch_costs_the_mean_over_all_batches(sizes: list[int], data: st.DataObject) -> None:
    requests = data.draw(st.integers(0, min(3, sum(sizes))))
    assert expected_cost_of_classes(sizes, 1, requests, batch=True) == pytest.approx(counted(sizes, requests))


@pytest.mark.parametrize("slices", [1, 4])
def test_one_after_the_other_agrees_with_a_simulation(slices: int) -> None:
    sizes, requests, random, spent = [40, 25, 5], 20, np.random.default_rng(1), []
    for _ in range(1500):
        label, piece = np.repeat(np.arange(3), sizes), random.integers(0, slices, 70)
        alive, cost = np.ones(70, bool), 0.0
        for gone in random.permutation(70)[:requests]:
            alive[gone] = False
            mine = alive & (label == label[gone])
            cost += sum((mine & (piece <= k)).sum() for k in range(piece[gone], slices)) * 2 / (slices + 1)
        spent.append(cost)
    error = 4 * float(np.std(spent)) / np.sqrt(len(spent))
    assert expected_cost_of_classes(sizes, slices, requests) == pytest.approx(np.mean(spent), abs=error)


def test_it_is_the_sum_of_squared_shares_and_gains_the_inverse_of_the_share() -> None:
    assert expected_cost_of_classes([10_000] * 10) == pytest.approx(10_000, rel=1e-3)
    assert expected_cost_of_classes([76_000, 24_000]) / 100_000 == pytest.approx(0.76**2 + 0.24**2, rel=1e-3)
    assert expected_cost_of_classes([50]) == 49
    assert expected_cost_of_classes([1000, 500], 5) == pytest.approx(
        expected_cost_of_classes([1000, 500]) * share(1, 5)
    )
    assert Arcane.expected_cost([3, 2], requests=2, batch=True) == expected_cost_of_classes([3, 2], 1, 2, batch=True)


@pytest.mark.parametrize(
    ("sizes", "slices", "requests"), [([], 1, 0), ([0], 1, 0), ([3, -1], 1, 1), ([3], 0, 1), ([3], 1, 4)]
)
def test_what_cannot_be_is_a_sentence(sizes: list[int], slices: int, requests: int) -> None:
    with pytest.raises(ParameterError, match="expected_cost needs the sizes of classes"):
        expected_cost_of_classes(sizes, slices, requests)
