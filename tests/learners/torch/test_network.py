"""A network as a value: what a module holds, once, copied, and given back."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from expunge.codec import decode, encode, fingerprint
from expunge.errors import MismatchError, ParameterError
from expunge.learners.torch import network
from expunge.learners.torch.network import built, differing, fill, weights_of
from expunge.testing.networks import Cnn, Words, dropping, mlp


def normed(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return nn.Sequential(spectral_norm(nn.Linear(shape[0], 4)), weight_norm(nn.Linear(4, outputs)))


def recurrent(outputs: int) -> nn.Module:
    return nn.LSTM(3, outputs, batch_first=True)


ARCHITECTURES: list[Any] = [
    pytest.param(mlp, torch.randn(6, 3), id="mlp"),
    pytest.param(dropping, torch.randn(6, 3), id="batch norm"),
    pytest.param(Cnn, torch.randn(6, 5, 5), id="cnn"),
    pytest.param(Words, torch.arange(12).view(6, 2) % 10, id="tied"),
    pytest.param(normed, torch.randn(6, 3), id="parametrised"),
    pytest.param(recurrent, torch.randn(6, 2, 3), id="lstm"),
]


def said(module: nn.Module, given: torch.Tensor) -> Any:
    made = module.eval()(given)
    return (made[0] if isinstance(made, tuple) else made).detach().numpy()


@pytest.mark.parametrize(("factory", "given"), ARCHITECTURES)
def test_weights_and_buffers_are_all_that_a_module_is(
    factory: Any, given: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = built(factory, (3,), 4).train()
    for _ in range(3):
        module(given)  # batch norm and spectral norm count along
    with torch.no_grad():
        for held in (*module.parameters(), *module.buffers()):
            held.add_(1)
    expected = said(module, given)

    def again() -> Any:
        weights = decode(encode(weights_of(module)))
        return said(fill(built(factory, (3,), 4), weights), given)

    assert np.array_equal(again(), expected)
    monkeypatch.setattr(network, "_held", lambda module: module.named_parameters())  # planted: no buffers
    assert np.array_equal(again(), expected) == (not list(module.buffers()))


def test_tied_weights_are_held_once() -> None:
    assert list(weights_of(Words(2))) == ["vectors.weight", "said.weight", "said.bias"]


def test_what_was_taken_out_does_not_move_with_the_module() -> None:
    module = dropping((3,), 2)
    weights = weights_of(module)
    before = fingerprint(weights)
    for held in (*module.parameters(), *module.buffers()):
        held.data.add_(1)
    assert fingerprint(weights) == before
    fill(module, weights)
    for held in (*module.parameters(), *module.buffers()):
        held.data.add_(1)
    assert fingerprint(weights) == before


def test_a_module_is_made_where_the_generator_is_which_stays_there() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    one, other = built(mlp, (3,), 2), built(mlp, (3,), 2)
    assert torch.equal(torch.get_rng_state(), state)
    assert fingerprint(weights_of(one)) == fingerprint(weights_of(other))
    torch.manual_seed(4)
    assert fingerprint(weights_of(built(mlp, (3,), 2))) != fingerprint(weights_of(one))


def test_numbers_are_float32_whatever_the_default() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        module = built(mlp, (3,), 2)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert {held.dtype for held in module.parameters()} == {torch.float32}


def shaped(*, shape: tuple[int, ...]) -> nn.Module:
    return nn.Linear(shape[0], 1)


def fixed(outputs: int = 7, *ignored: Any, **options: Any) -> nn.Module:
    return nn.Linear(2, outputs)


@pytest.mark.parametrize(
    ("factory", "outputs"), [(mlp, 4), (shaped, 1), (fixed, 7), (partial(fixed, 5), 5), (partial(nn.Linear, 2, 3), 3)]
)
def test_a_factory_is_handed_what_it_must_be_given_and_no_more(factory: Any, outputs: int) -> None:
    assert built(factory, (2,), 4)(torch.zeros(1, 2)).shape == (1, outputs)


def nothing() -> None:
    """A factory that forgot to return."""


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Sequential(nn.LazyConv1d(2, 1))


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (Inner, r"LazyConv1d \(part.0\) learns its shape"),
        (nothing, "the factory nothing must make an nn.Module, and made a NoneType"),
    ],
)
def test_what_cannot_be_rebuilt_is_refused(factory: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        built(factory, (2,), 4)


def test_weights_of_another_module_are_refused_and_nothing_is_changed() -> None:
    module = mlp((3,), 2)
    before, others = fingerprint(weights_of(module)), weights_of(mlp((3,), 4))
    assert differing(module, others) == "2.bias is float32 (2,) there, and float32 (4,) here"
    with pytest.raises(MismatchError, match=r"the factory no longer makes the module of this model: 2\.bias"):
        fill(module, others)
    assert fingerprint(weights_of(module)) == before
    assert differing(module, weights_of(module)) is None
    fewer = weights_of(module)
    del fewer["0.weight"]
    assert differing(module, fewer) == "0.weight is float32 (8, 3) there, and absent here"
