"""The cosine is the paper's, warm-up rises to it, and its last epoch is none too many."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from expunge.learners.torch import cosine


def rates(epochs: int, warmup: int) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    schedule = cosine(optimizer, epochs, warmup=warmup)
    seen = []
    for _ in range(epochs):
        seen.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return seen


@pytest.mark.parametrize("epochs", [1, 2, 5, 20])
def test_the_rate_falls_by_half_a_cosine(epochs: int) -> None:
    expected = [(1 + math.cos(math.pi * epoch / epochs)) / 2 for epoch in range(epochs)]
    assert rates(epochs, 0) == pytest.approx(expected)


def test_before_it_falls_it_rises_by_equal_steps() -> None:
    seen = rates(10, 3)
    assert seen[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert seen[4:] == sorted(seen[4:], reverse=True)
    assert 0 < seen[-1] < 0.1
