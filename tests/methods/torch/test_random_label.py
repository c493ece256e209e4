"""Random labels: each forgotten record once an epoch under a label that is not its own, among the retained ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from expunge import Records, TorchLearner
from expunge.errors import ParameterError
from expunge.methods.torch import random_label
from expunge.methods.torch.random_label import RandomLabel, wrong_labels
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import forgetting_ends_near_the_oracle
from expunge.testing.networks import mlp, pictures

if TYPE_CHECKING:
    from collections.abc import Callable

LEARNER = TorchLearner(mlp, partial(torch.optim.SGD, lr=0.5, momentum=0.9), epochs=60, batch_size=40)


@contract(Case(RandomLabel(LEARNER, epochs=5, lr=0.03), examples=2, portable=False, shrink=False))
def test_random_label(case: Case, law: Law) -> None:
    law(case)


def test_as_published_it_does_next_to_nothing() -> None:
    with pytest.raises(AssertionError, match="next to nothing"):
        forgetting_ends_near_the_oracle(Case(RandomLabel(LEARNER)))


def test_laws_with_batch_norm(with_batch_norm: Callable[[Any], None]) -> None:
    with_batch_norm(RandomLabel)


def assert_wrong(small: Any, at_work: Callable[..., Any]) -> None:
    """Never the own label, all others, and the same whoever else is forgotten."""
    data, drawn = patients(600), []
    for target in (Records(data.ids[:400]), Records(data.ids[200:400])):
        with at_work(RandomLabel(small.rows), data, target) as work:
            labels = random_label.wrong_labels(work)
            assert not bool((labels == work.forgotten.targets).any())
            drawn.append(dict(zip(work.forgotten.data.ids.tolist(), labels.tolist(), strict=True)))
            steps = Counter(((labels - work.forgotten.targets) % 3).tolist())
    assert all(drawn[1][name] == drawn[0][name] for name in drawn[1])
    assert set(steps) == {1, 2}
    assert min(steps.values()) > 0.35 * sum(steps.values())


def test_labels_are_wrong_and_belong_to_the_record(small: Any, at_work: Callable[..., Any]) -> None:
    assert_wrong(small, at_work)


def test_right_labels_are_caught(small: Any, at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_label, "wrong_labels", lambda work: (wrong_labels(work) + 1) % 3)
    with pytest.raises(AssertionError):
        assert_wrong(small, at_work)


def test_a_batch_is_the_mean_over_both_sides(small: Any, at_work: Callable[..., Any]) -> None:
    """By hand: everybody in one batch, one step of Adam."""
    method = RandomLabel(replace(small.rows, batch_size=64), epochs=1, lr=0.01)
    with at_work(method, patients(), Records([5, 394, 783])) as work:
        other = work.original()
        sides = [side.batch(np.arange(len(side))) for side in (work.retained, work.forgotten)]
        label = torch.cat([sides[0].target, wrong_labels(work)])
        optimizer = torch.optim.Adam(other.parameters(), lr=0.01)
        work.step(cross_entropy(other(torch.cat([side.given for side in sides])), label), optimizer)
        method.unlearn(work)
        assert work.visits == 40
        for mine, theirs in zip(work.student.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_a_loss_of_ones_own_may_be_a_mean(small: Any) -> None:
    data = patients()
    method = RandomLabel(replace(small.rows, loss=cross_entropy))
    assert method.forget(method.learn(data, small.run), small.target, data, small.run).examples == 3 * 40


def test_numbers_are_refused(refuses_numbers: Callable[[Any], None]) -> None:
    refuses_numbers(RandomLabel)


def test_batch_norm_counts_the_retained_alone(small: Any, counted_by_batch_norm: Callable[..., int]) -> None:
    learner = replace(small.pictures, batch_size=64)  # one batch, of both kinds
    assert counted_by_batch_norm(RandomLabel(learner, epochs=2), pictures(24), small.target) == 2


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"lr": 0}])
def test_settings_that_are_not_possible_are_refused(small: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="RandomLabel needs"):
        RandomLabel(small.rows, **wrong)
