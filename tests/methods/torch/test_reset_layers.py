"""EU-k and CF-k: the last layers are trained, the others keep every bit, and all of them reset is a fresh start."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from expunge import Records, Refusal, Run, Table, TorchLearner, fingerprint
from expunge.errors import ParameterError
from expunge.methods.torch import reset_layers
from expunge.methods.torch.finetune import Finetune
from expunge.methods.torch.reset_layers import ResetLayers, layers_of
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import (
    a_quote_keeps_its_word,
    forgetting_ends_near_the_oracle,
    learning_is_a_pure_function,
)
from expunge.testing.networks import Cnn, Words, dropping, mlp, pictures

if TYPE_CHECKING:
    from collections.abc import Callable

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
LEARNER = TorchLearner(mlp, SGD, epochs=60, batch_size=40)
SHORT = replace(LEARNER, epochs=5, batch_size=8)
RUN = Run(key=b"a key for tests")

TARGET = Records([5, 394])


@contract(Case(ResetLayers(LEARNER), examples=2, portable=False, shrink=False))
def test_reset_layers(case: Case, law: Law) -> None:
    law(case)


def test_without_fresh_weights_it_does_next_to_nothing() -> None:
    with pytest.raises(AssertionError, match="next to nothing"):
        forgetting_ends_near_the_oracle(Case(ResetLayers(LEARNER, fresh=False)))


@pytest.mark.parametrize("law", [learning_is_a_pure_function, a_quote_keeps_its_word])
def test_with_batch_norm(law: Law) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8)
    law(Case(ResetLayers(learner, epochs=2), pictures(24), examples=2, portable=False, shrink=False))


def test_a_layer_is_what_has_a_matrix_and_vectors_go_with_it() -> None:
    assert layers_of(mlp((3,), 2)) == [["0"], ["2"]]
    assert layers_of(dropping((3,), 2)) == [["0", "1"], ["4"]]
    assert layers_of(Cnn(2)) == [["seen.0", "seen.1"], ["said.1"]]
    assert layers_of(nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.LSTM(2, 3)), nn.LayerNorm(3))) == [
        ["0"],
        ["1.0", "2"],
    ]
    assert layers_of(nn.LayerNorm(3)) == [[""]]


@pytest.mark.parametrize("fresh", [True, False], ids=["EU", "CF"])
@pytest.mark.parametrize(("factory", "data"), [(mlp, patients()), (Cnn, pictures())], ids=["rows", "pictures"])
def test_layers_before_the_last_keep_every_bit(
    fresh: bool,  # noqa: FBT001  (one of two cases)
    factory: Any,
    data: Table,
    at_work: Callable[..., Any],
) -> None:
    method = ResetLayers(replace(SHORT, factory=factory), fresh=fresh, epochs=2, lr=0.1)
    with at_work(method, data, TARGET) as work:
        (name,) = layers_of(work.student)[-1]
        method.unlearn(work)
        for (mine, held), before in zip(work.student.named_parameters(), work.original().parameters(), strict=True):
            assert torch.equal(held, before) != mine.startswith(name)


def test_all_layers_as_they_are_is_fine_tuning(at_work: Callable[..., Any]) -> None:
    ends = []
    plain = Finetune(replace(SHORT, factory=Cnn), epochs=3, lr=0.1)
    for method in (plain, ResetLayers(plain.learner, layers=2, fresh=False, epochs=3, lr=0.1)):
        with at_work(plain, pictures(), TARGET) as work:
            method.unlearn(work)
            ends.append(fingerprint(work.net()))
    assert ends[0] == ends[1]


def assert_afresh(at_work: Callable[..., Any]) -> None:
    """With all layers reset, the network is one that never met anybody but the retained records."""
    for factory, data in ((mlp, patients()), (Cnn, pictures())):
        ends = []
        method = ResetLayers(replace(SHORT, factory=factory), layers=2, epochs=3, lr=0.1)
        for each in (method, Finetune(method.learner, epochs=3, lr=0.1)):
            with at_work(method, data, TARGET) as work:
                if each is not method:
                    work.student = work.fresh("reset layers").train()
                each.unlearn(work)
                ends.append(fingerprint(work.net().weights))
        assert ends[0] == ends[1]


def test_all_layers_reset_is_training_from_a_fresh_start(at_work: Callable[..., Any]) -> None:
    assert_afresh(at_work)


def test_buffers_start_anew_too() -> None:
    old, new = Cnn(2), Cnn(2)
    with torch.no_grad():
        old.get_buffer("seen.1.running_mean").fill_(9.0)
    reset_layers._reset(old, new, ["seen.1"])
    assert torch.equal(old.get_buffer("seen.1.running_mean"), torch.zeros(4))
    assert not torch.equal(old.get_parameter("seen.0.weight"), new.get_parameter("seen.0.weight"))


def test_a_reset_left_out_is_caught(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reset_layers, "_reset", lambda *_: None)
    with pytest.raises(AssertionError):
        assert_afresh(at_work)


def test_tied_weights_are_trained_with_the_last_layer_that_has_them(at_work: Callable[..., Any]) -> None:
    data = Table.from_arrays(np.random.default_rng(1).integers(0, 10, (20, 4)), np.arange(20) % 3, np.arange(20))
    learner = TorchLearner(Words, partial(torch.optim.SGD, lr=0.1), epochs=1)
    for layers, same in ((1, True), (2, False)):
        method = ResetLayers(learner, layers=layers, epochs=1)
        with at_work(method, data, Records([3])) as work:
            before = work.student.vectors.weight.detach().clone()
            method.unlearn(work)
            assert torch.equal(work.student.vectors.weight, before) == same
            assert work.student.back.weight is work.student.vectors.weight


def test_what_was_frozen_stays_frozen(at_work: Callable[..., Any]) -> None:
    method = ResetLayers(SHORT, layers=2, fresh=False, epochs=1)
    with at_work(method, patients(), TARGET) as work:
        work.student[0].weight.requires_grad_(requires_grad=False)
        before = work.student[0].weight.clone()
        method.unlearn(work)
        assert torch.equal(work.student[0].weight, before)


def test_more_layers_than_there_are_is_refused() -> None:
    data = patients()
    refused = ResetLayers(SHORT, layers=3).quote(SHORT.learn(data, RUN), TARGET, data, RUN)
    assert isinstance(refused, Refusal)
    assert refused.reason == "the network has 2 layers, and layers=3 asks for more"


def test_batch_norm_counts_the_retained_alone(counted_by_batch_norm: Callable[..., int]) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8)
    assert counted_by_batch_norm(ResetLayers(learner, epochs=2), pictures(24), TARGET) == 2 * 3


@pytest.mark.parametrize("wrong", [{"layers": 0}, {"epochs": 0}, {"lr": 0}, {"fresh": 1}])
def test_settings_that_are_not_possible_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="ResetLayers needs"):
        ResetLayers(SHORT, **wrong)
