"""Any function of (net, retain, forget, validation): what it is handed, what it may give back, and what is counted."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from expunge import Quote, Records, Run, TorchLearner, fingerprint
from expunge.errors import LearnError, ParameterError
from expunge.learners.torch.early import held_out
from expunge.methods.torch.callable import Callable, Handed, loader
from expunge.methods.torch.finetune import Finetune
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import a_quote_keeps_its_word, inputs_are_left_alone, learning_is_a_pure_function
from expunge.testing.networks import Cnn, mlp, pictures

if TYPE_CHECKING:
    import collections.abc

SGD = partial(torch.optim.SGD, lr=0.5, momentum=0.9)
LEARNER = TorchLearner(mlp, SGD, epochs=60, batch_size=40)
SHORT = replace(LEARNER, epochs=5, batch_size=8)
RUN = Run(key=b"a key for tests")
TARGET = Records([5, 394])


def healed(net: Any, retain: Any, forget: Any, validation: Any, *, epochs: int = 20, lr: float = 0.5) -> Any:
    """Fine-tuning, as somebody else would write it."""
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    net.train()
    for _ in range(epochs):
        for x, y in retain:
            optimizer.zero_grad()
            cross_entropy(net(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return net


def noisy(net: Any, retain: Any, forget: Any, validation: Any) -> Any:
    """Draws from every global generator, and answers with another network."""
    made = Cnn(net.said[1].out_features)
    made.load_state_dict(net.state_dict())
    with torch.no_grad():
        for held in made.parameters():
            held.add_(0.01 * torch.randn(held.shape) + float(np.random.normal()) + random.random())  # noqa: NPY002
    return made


def forgets(function: Any, **settings: Any) -> Any:
    """What forgetting by a function ends in."""
    method = Callable(SHORT, function, **settings)
    return method.forget(SHORT.learn(patients(), RUN), TARGET, patients(), RUN)


@contract(Case(Callable(LEARNER, healed, epochs=20), examples=2, portable=False, shrink=False))
def test_callable(case: Case, law: Law) -> None:
    law(case)


@pytest.mark.parametrize("law", [learning_is_a_pure_function, a_quote_keeps_its_word, inputs_are_left_alone])
def test_global_generators_and_another_network(law: Law) -> None:
    learner = TorchLearner(Cnn, SGD, epochs=2, batch_size=8, validation=0.4)
    law(Case(Callable(learner, noisy), pictures(24), examples=2, portable=False, shrink=False))


def test_a_function_forgets_the_same_twice() -> None:
    learner, data = TorchLearner(Cnn, SGD, epochs=2, batch_size=8), pictures(24)
    net = learner.learn(data, RUN)
    ends = [
        Callable(learner, noisy).forget(net, TARGET, each, RUN) for each in (data, data.take(slice(None, None, -1)))
    ]
    assert fingerprint(ends[0].model) == fingerprint(ends[1].model) != fingerprint(net)


def test_the_loop_that_others_write_is_fine_tuning(at_work: collections.abc.Callable[..., Any]) -> None:
    """Bit for bit, from the same key; one epoch, for the rates of later ones differ."""
    plain, ends = Finetune(SHORT, epochs=1, lr=0.2), []
    for method in (plain, Callable(SHORT, partial(healed, epochs=1, lr=0.2))):
        with at_work(plain, patients(), TARGET) as work:
            method.unlearn(work)
            assert work.visits == 38
            ends.append(fingerprint(work.net()))
    assert ends[0] == ends[1]


def test_loaders_are_torchs_own_and_can_be_gone_through_again(at_work: collections.abc.Callable[..., Any]) -> None:
    data = patients()
    with at_work(Finetune(SHORT), data, TARGET) as work:
        retain = loader(Handed(work.retained, 1000))
        assert isinstance(retain, DataLoader)
        assert len(retain.dataset) == 38  # type: ignore[arg-type]  # it has a length
        epochs = [list(retain) for _ in range(2)]
        assert [len(epoch) for epoch in epochs] == [len(retain)] * 2 == [5, 5]
        for number, epoch in enumerate(epochs):
            for (given, target), batch in zip(epoch, work.retained.batches(number), strict=True):
                assert torch.equal(given, batch.given)
                assert torch.equal(target, batch.target)
        assert not torch.equal(epochs[0][0][0], epochs[1][0][0])
        epochs[0][0][0].zero_()  # what is handed out is a copy
        assert bool(next(work.retained.batches(0)).given.any())


def test_a_loader_of_ones_own_over_the_records_works_and_counts() -> None:
    def own(net: nn.Module, retain: Any, forget: Any, _: Any) -> nn.Module:
        for x, y in DataLoader(retain.dataset, batch_size=7, shuffle=True):
            assert x.shape[1:] == (3,)
            assert y.dtype == torch.int64
        assert forget.dataset[0][0].shape == (3,)
        return net

    assert forgets(own).examples == 38 + 1


def test_units_that_the_learner_held_out_are_the_validation() -> None:
    seen: list[Any] = []

    def looks(net: nn.Module, retain: Any, forget: Any, validation: Any) -> nn.Module:
        seen.append((retain, forget, validation))
        return net

    data, learner = patients(), replace(SHORT, validation=0.4)
    net = learner.learn(data, RUN)
    Callable(learner, looks).forget(net, TARGET, data, RUN)
    Callable(SHORT, looks).forget(SHORT.learn(data, RUN), TARGET, data, RUN)
    out = int(held_out(data.after(TARGET), RUN, 0.4).sum())
    assert out > 0
    assert [len(each.dataset) for each in seen[0]] == [38 - out, 2, out]
    assert seen[1][2] is None


def test_the_network_handed_over_is_a_copy() -> None:
    def spoils(net: nn.Module, *_: Any) -> nn.Module:
        with torch.no_grad():
            for held in net.parameters():
                held.zero_()
        return net

    net = SHORT.learn(patients(), RUN)
    before = fingerprint(net)
    done = Callable(SHORT, spoils).forget(net, TARGET, patients(), RUN)
    assert fingerprint(net) == before
    assert done.model.weights is not None
    assert not any(held.any() for held in done.model.weights.values())


def test_looking_more_often_than_quoted_is_stopped() -> None:
    quote = Callable(SHORT, partial(healed, epochs=3), epochs=3).quote(
        SHORT.learn(patients(), RUN), TARGET, patients(), RUN
    )
    assert isinstance(quote, Quote)
    assert quote.examples == 3 * 40
    assert forgets(partial(healed, epochs=3), epochs=3).examples == 3 * 38
    with pytest.raises(LearnError, match=r"its epochs allow \(40 visits\)"):
        forgets(partial(healed, epochs=2), epochs=1)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda *_: None, "returned a NoneType"),
        (lambda *_: nn.Linear(3, 3), "not of the same making: 0.bias is float32"),
        (lambda net, *_: nn.Sequential(net), "not of the same making"),
        (lambda *_: 1 / 0, "forgetting failed: ZeroDivisionError"),
        (
            lambda net, *_: net.apply(lambda part: [held.data.fill_(torch.nan) for held in part.parameters()]),
            "diverged",
        ),
    ],
)
def test_what_cannot_be_a_model_is_a_sentence(function: Any, said: str) -> None:
    with pytest.raises(LearnError, match=said):
        forgets(function)


@pytest.mark.parametrize("wrong", [{"function": 3}, {"epochs": 0}])
def test_settings_that_are_not_possible_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="Callable needs"):
        Callable(SHORT, **({"function": healed} | wrong))
