from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from expunge.learners.torch import outputs, products
from expunge.learners.torch.products import each, is_one_call, linear, losses, same, settled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expunge.learners.torch.network import Task

sizes = st.sampled_from([2, 3, 8, 10, 17, 33])


@settings(max_examples=100)
@given(
    networks=st.integers(2, 5),
    batch=st.sampled_from([1, 2, 3, 8, 10, 17, 33]),
    steps=st.sampled_from([0, 3]),
    widths=st.tuples(sizes, sizes),
    bias=st.booleans(),
)
def test_one_call_has_the_bits_of_each_network_or_is_not_made(
    networks: int, batch: int, steps: int, widths: tuple[int, int], *, bias: bool
) -> None:
    random = torch.Generator().manual_seed(batch)
    inner = (batch, steps) if steps else (batch,)
    given = torch.randn((networks, *inner, widths[0]), generator=random)
    back = torch.randn((networks, *inner, widths[1]), generator=random)
    layers = [nn.Linear(*widths, bias=bias) for _ in range(networks)]
    held = [[held.detach() for held in each] for each in zip(*(layer.parameters() for layer in layers), strict=True)]
    leaves = [leaf.requires_grad_() for leaf in [given, *map(torch.stack, held)]]
    if not is_one_call(given, leaves[1], biased=bias):
        return
    made = linear(leaves[0], leaves[1], leaves[2] if bias else None)
    gradients = torch.autograd.grad(made, leaves, back)
    for k, layer in enumerate(layers):
        own = given[k].detach().clone().requires_grad_()
        alone = layer(own)
        its = torch.autograd.grad(alone, [own, *layer.parameters()], back[k].clone())
        assert same(made[k].detach(), alone.detach())
        for mine, other in zip(gradients, its, strict=True):
            assert same(mine[k], other)


@pytest.mark.parametrize("width", [1, 7])
def test_each_has_the_bits_of_each_network(width: int) -> None:
    random = torch.Generator().manual_seed(0)
    given = torch.randn((4, 9, width), generator=random).requires_grad_()
    back = torch.randn((4, 9, 5), generator=random)
    layers = [nn.Linear(width, 5) for _ in range(4)]
    made = each(layers, given)
    before, *held = torch.autograd.grad(made, [given, *(held for layer in layers for held in layer.parameters())], back)
    for k, layer in enumerate(layers):
        own = given[k].detach().clone().requires_grad_()
        alone = layer(own)
        its = torch.autograd.grad(alone, [own, *layer.parameters()], back[k].clone())
        assert same(made[k].detach(), alone.detach())
        assert all(same(*pair) for pair in zip([before[k], *held[2 * k : 2 * k + 2]], its, strict=True))


def test_a_single_input_output_or_record_is_no_single_call() -> None:
    for rows, begin, end in ((1, 3, 3), (3, 1, 3), (3, 3, 1)):
        assert not is_one_call(torch.randn(2, rows, begin), torch.randn(2, end, begin), biased=False)


@settings(max_examples=30)
@given(
    networks=st.integers(2, 5),
    batch=sizes,
    count=sizes,
    task=st.sampled_from(["classification", "multilabel", "regression"]),
)
def test_losses_of_several_networks_have_the_bits_of_each(networks: int, batch: int, count: int, task: Task) -> None:
    random = torch.Generator().manual_seed(batch)
    made = torch.randn((networks, batch, count), generator=random).requires_grad_()
    target = products.drawn_targets((networks, batch), count, task, random)
    found = losses(made, target, task)
    (gradient,) = torch.autograd.grad(found.sum(), made)
    for k in range(networks):
        own = made[k].detach().clone().requires_grad_()
        alone = outputs.losses(own, target[k].clone(), task, None)
        assert same(found[k].detach(), alone.detach())
        assert same(gradient[k], torch.autograd.grad(alone.sum(), own)[0])


@pytest.mark.parametrize("what", ["bmm", "baddbmm"])
def test_products_that_differ_in_the_last_bit_are_found_out(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(products, "EQUAL", {})
    given, weight = torch.randn(3, 32, 16), torch.randn(3, 16, 16)
    assert is_one_call(given, weight, biased=True)
    right = getattr(torch, what)

    def off(*operands: Tensor) -> Tensor:
        made: Tensor = right(*operands)
        made[-1, -1, -1] = torch.nextafter(made[-1, -1, -1], torch.tensor(99.0))
        return made

    monkeypatch.setattr(products, "EQUAL", {})
    monkeypatch.setattr(torch, what, off)
    assert not is_one_call(given, weight, biased=True)


def test_losses_that_depend_on_the_place_are_computed_network_by_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "EQUAL", {})
    right = outputs.losses

    def placed(made: Tensor, target: Tensor, task: Task, own: None) -> Tensor:
        found = right(made, target, task, own)
        last = torch.arange(len(found)) == len(found) - 1
        return torch.where(last, found * (1 + 2**-23), found)

    monkeypatch.setattr(outputs, "losses", placed)
    made, target = torch.randn(3, 4, 5), torch.randint(5, (3, 4))
    found = losses(made, target, "classification")
    assert list(products.EQUAL.values()) == [False]
    for k in range(3):
        assert same(found[k], placed(made[k], target[k], "classification", None))


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        ([0.0], [-0.0], False),
        ([float("nan")], [float("nan")], False),
        ([float("inf")], [float("inf")], False),
        ([1.0], [1.0, 1.0], False),
        ([1.0], [1.0000001], False),
    ],
)
def test_same_is_about_bits(one: Sequence[float], other: Sequence[float], *, equal: bool) -> None:
    assert same(torch.tensor(one), torch.tensor(other)) is equal
    assert not same(torch.tensor(one), torch.tensor(other).double())


def test_whole_numbers_are_the_same_where_they_are_equal() -> None:
    assert same(torch.tensor([1, 2]), torch.tensor([1, 2]))
    assert not same(torch.tensor([1, 2]), torch.tensor([1, 3]))


def test_settled_copies_only_what_begins_elsewhere() -> None:
    whole = torch.zeros(64)
    assert settled(whole).data_ptr() == whole.data_ptr()
    assert settled(whole[1:]).data_ptr() % 64 == 0
