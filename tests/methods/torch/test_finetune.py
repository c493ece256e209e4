"""Fine-tuning is training on the retained records, and as published forgets next to nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from expunge import Correction, Records, Run, TorchLearner, fingerprint
from expunge.errors import ParameterError
from expunge.methods.torch.finetune import Finetune
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import (
    a_quote_keeps_its_word,
    forgetting_ends_near_the_oracle,
    learning_is_a_pure_function,
)
from expunge.testing.networks import Cnn, mlp, pictures
from expunge.testing.requests import rows_like

if TYPE_CHECKING:
    from collections.abc import Callable

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
LEARNER = TorchLearner(mlp, SGD, epochs=60, batch_size=40)
SHORT = replace(LEARNER, epochs=5, batch_size=8)
RUN = Run(key=b"a key for tests")

TARGET = Records([5, 394])


@contract(Case(Finetune(LEARNER, epochs=20, lr=0.5), examples=2, portable=False, shrink=False))
def test_finetune(case: Case, law: Law) -> None:
    law(case)


def test_with_a_small_rate_it_does_next_to_nothing() -> None:
    with pytest.raises(AssertionError, match="next to nothing"):
        forgetting_ends_near_the_oracle(Case(Finetune(LEARNER, lr=0.01)))


@pytest.mark.parametrize("law", [learning_is_a_pure_function, a_quote_keeps_its_word])
def test_with_batch_norm(law: Law) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8)
    law(Case(Finetune(learner, epochs=2), pictures(24), examples=2, portable=False, shrink=False))


def test_it_is_descent_on_the_retained_records(at_work: Callable[..., Any]) -> None:
    """By hand: the same batches, a fresh optimiser, the rate of a half cosine."""
    method = Finetune(SHORT, epochs=3, lr=0.2)
    with at_work(method, patients(), TARGET) as work:
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


def test_what_the_forgotten_say_is_not_looked_at() -> None:
    data = patients()
    others = data.after(Correction(rows_like(data, [5, 394], 3)))
    net = SHORT.learn(data, RUN)
    ends = [Finetune(SHORT, epochs=2).forget(net, TARGET, each, RUN).model for each in (data, others)]
    assert fingerprint(ends[0]) == fingerprint(ends[1])


def test_batch_norm_ends_with_statistics_of_the_retained(at_work: Callable[..., Any]) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=64)
    with at_work(Finetune(learner, epochs=1), pictures(), TARGET) as work:
        work.student.seen[1].running_mean.fill_(1e3)  # as if the forgotten had been far out
        Finetune(learner, epochs=1).unlearn(work)
        seen = next(work.retained.batches(0)).given
        found = work.student.seen[0](seen[:, None]).detach()
        torch.testing.assert_close(work.student.seen[1].running_mean, found.mean((0, 2, 3)))


def test_batch_norm_counts_the_retained_alone(counted_by_batch_norm: Callable[..., int]) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8)
    assert counted_by_batch_norm(Finetune(learner, epochs=2), pictures(24), TARGET) == 2 * 3


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"lr": 0}, {"momentum": "0.9"}, {"weight_decay": -1}])
def test_settings_that_are_not_possible_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="Finetune needs"):
        Finetune(SHORT, **wrong)
