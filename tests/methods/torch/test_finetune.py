"""Fine-tuning is training on the retained records, and as published forgets next to nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from expunge import Correction, TorchLearner, fingerprint
from expunge.errors import ParameterError
from expunge.methods.torch.finetune import Finetune
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import forgetting_ends_near_the_oracle
from expunge.testing.networks import mlp, pictures
from expunge.testing.requests import rows_like

if TYPE_CHECKING:
    from collections.abc import Callable

LEARNER = TorchLearner(mlp, partial(torch.optim.SGD, lr=0.5, momentum=0.9), epochs=60, batch_size=40)


@contract(Case(Finetune(LEARNER, epochs=20, lr=0.5), examples=2, portable=False, shrink=False))
def test_finetune(case: Case, law: Law) -> None:
    law(case)


def test_with_a_small_rate_it_does_next_to_nothing() -> None:
    with pytest.raises(AssertionError, match="next to nothing"):
        forgetting_ends_near_the_oracle(Case(Finetune(LEARNER, lr=0.01)))


def test_laws_with_batch_norm(with_batch_norm: Callable[[Any], None]) -> None:
    with_batch_norm(Finetune)


def test_it_is_descent_on_the_retained_records(small: Any, at_work: Callable[..., Any]) -> None:
    """By hand: the same batches, a fresh optimiser, the rate of a half cosine."""
    method = Finetune(small.rows, epochs=3, lr=0.2)
    with at_work(method, patients(), small.target) as work:
        other = work.original().train()
        for epoch in range(3):
            rate = 0.2 * (1 + np.cos(np.pi * epoch / 3)) / 2
            if not epoch:
                optimizer = torch.optim.SGD(other.parameters(), lr=0.2, momentum=0.9, weight_decay=5e-4)
            optimizer.param_groups[0]["lr"] = rate
            for batch in work.retained.batches(epoch):
                work.step(torch.nn.functional.cross_entropy(other(batch.given), batch.target), optimizer)
        method.unlearn(work)
        assert work.visits == 3 * 38
        for mine, theirs in zip(work.student.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs)


def test_what_the_forgotten_say_is_not_looked_at(small: Any) -> None:
    data = patients()
    others = data.after(Correction(rows_like(data, [5, 394], 3)))
    net = small.rows.learn(data, small.run)
    ends = [Finetune(small.rows, epochs=2).forget(net, small.target, each, small.run).model for each in (data, others)]
    assert fingerprint(ends[0]) == fingerprint(ends[1])


def test_batch_norm_ends_with_statistics_of_the_retained(small: Any, at_work: Callable[..., Any]) -> None:
    learner = replace(small.pictures, batch_size=64)
    with at_work(Finetune(learner, epochs=1), pictures(), small.target) as work:
        work.student.seen[1].running_mean.fill_(1e3)  # as if the forgotten had been far out
        Finetune(learner, epochs=1).unlearn(work)
        seen = next(work.retained.batches(0)).given
        found = work.student.seen[0](seen[:, None]).detach()
        torch.testing.assert_close(work.student.seen[1].running_mean, found.mean((0, 2, 3)))


def test_batch_norm_counts_the_retained_alone(small: Any, counted_by_batch_norm: Callable[..., int]) -> None:
    learner = small.pictures
    assert counted_by_batch_norm(Finetune(learner, epochs=2), pictures(24), small.target) == 2 * 3


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"lr": 0}, {"momentum": "0.9"}, {"weight_decay": -1}])
def test_settings_that_are_not_possible_are_refused(small: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="Finetune needs"):
        Finetune(small.rows, **wrong)
