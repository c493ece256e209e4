"""l1-sparse is fine-tuning with a pull of every weight towards zero, which fades."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from expunge import Records, Run, Table, TorchLearner, fingerprint
from expunge.errors import ParameterError
from expunge.methods.torch import l1_sparse
from expunge.methods.torch.finetune import Finetune
from expunge.methods.torch.l1_sparse import L1Sparse, mean_size
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import a_quote_keeps_its_word, learning_is_a_pure_function
from expunge.testing.networks import Cnn, Words, mlp, pictures

if TYPE_CHECKING:
    from collections.abc import Callable

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
LEARNER = TorchLearner(mlp, SGD, epochs=60, batch_size=40)
SHORT = replace(LEARNER, epochs=5, batch_size=8)
RUN = Run(key=b"a key for tests")

TARGET = Records([5, 394])


@contract(Case(L1Sparse(LEARNER, lr=0.1), examples=2, portable=False, shrink=False))
def test_l1_sparse(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("law", [learning_is_a_pure_function, a_quote_keeps_its_word])
def test_with_batch_norm(law: Law) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8)
    law(Case(L1Sparse(learner, epochs=2), pictures(24), examples=2, portable=False, shrink=False))


def assert_pulled(at_work: Callable[..., Any]) -> None:
    """By hand, everybody in one batch: alpha over the number of weights times the sign, in the second epoch half."""
    method = L1Sparse(replace(SHORT, batch_size=64), alpha=6.0, epochs=2, lr=0.1, momentum=0.0, weight_decay=0.0)
    with at_work(method, patients(), TARGET) as work:
        other, batch = work.original(), work.retained.batch(np.arange(38))
        held = list(other.parameters())
        count = sum(each.numel() for each in held)
        for pull in (6.0, 3.0):
            slopes = torch.autograd.grad(cross_entropy(other(batch.given), batch.target), held)
            with torch.no_grad():
                for each, slope in zip(held, slopes, strict=True):
                    each.sub_(0.1 * (slope + pull / count * each.sign()))
        method.unlearn(work)
        for mine, theirs in zip(work.student.parameters(), held, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_every_weight_is_pulled_towards_zero_and_let_go(at_work: Callable[..., Any]) -> None:
    assert_pulled(at_work)


def test_a_sum_in_place_of_the_mean_is_caught(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(l1_sparse, "mean_size", lambda module: mean_size(module) * 59)
    with pytest.raises(AssertionError):
        assert_pulled(at_work)


def test_without_penalty_it_is_fine_tuning(at_work: Callable[..., Any]) -> None:
    """Bit for bit, from the same key; one epoch, for the rates of later ones differ."""
    ends = []
    plain = Finetune(replace(SHORT, factory=Cnn), epochs=1, lr=0.2)
    for method in (plain, L1Sparse(plain.learner, alpha=0.0, epochs=1, lr=0.2)):
        with at_work(plain, pictures(), TARGET) as work:
            method.unlearn(work)
            ends.append(fingerprint(work.net()))
    assert ends[0] == ends[1]


def test_a_larger_penalty_leaves_smaller_weights(at_work: Callable[..., Any]) -> None:
    found = []
    for alpha in (0.0, 5.0, 50.0):
        with at_work(L1Sparse(SHORT, alpha=alpha), patients(), TARGET) as work:
            L1Sparse(SHORT, alpha=alpha).unlearn(work)
            found.append(mean_size(work.student).item())
    assert found == sorted(found, reverse=True)
    assert found[2] < 0.5 * found[0]


def test_tied_weights_count_once(at_work: Callable[..., Any]) -> None:
    data = Table.from_arrays(np.random.default_rng(1).integers(0, 10, (20, 4)), np.arange(20) % 3, np.arange(20))
    method = L1Sparse(TorchLearner(Words, partial(torch.optim.SGD, lr=0.1), epochs=1), epochs=1)
    with at_work(method, data, Records([3])) as work:
        own = [work.student.vectors.weight, work.student.said.weight, work.student.said.bias]
        wanted = torch.cat([each.detach().flatten() for each in own]).abs().mean()
        assert mean_size(work.student).item() == pytest.approx(wanted.item())


def test_batch_norm_counts_the_retained_alone(counted_by_batch_norm: Callable[..., int]) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8)
    assert counted_by_batch_norm(L1Sparse(learner, epochs=2), pictures(24), TARGET) == 2 * 3


@pytest.mark.parametrize("wrong", [{"alpha": -1}, {"epochs": 0}, {"lr": 0}])
def test_settings_that_are_not_possible_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="L1Sparse needs"):
        L1Sparse(SHORT, **wrong)
