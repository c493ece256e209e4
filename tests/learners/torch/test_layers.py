from __future__ import annotations

import pytest
import torch
from torch import nn

from expunge.learners.torch.layers import EACH, EXACT, layers_of, shape_of, through
from expunge.learners.torch.products import same


def test_stacks_within_stacks_are_one_stack() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU())), nn.Linear(3, 1))
    assert [type(layer).__name__ for layer in layers_of(module) or ()] == ["Flatten", "Linear", "ReLU", "Linear"]


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(),
        nn.Conv2d(1, 1, 3),
        nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)),
        nn.Sequential(nn.Flatten(0)),
        nn.Sequential(nn.ELU(inplace=True)),
        nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)),
        nn.Linear(2, 2).half(),
    ],
    ids=["nothing", "convolution", "dropout", "flat batch", "in place", "parametrised", "half"],
)
def test_what_cannot_share_is_told(module: nn.Module) -> None:
    assert layers_of(module) is None


def test_dropout_does_nothing_when_it_is_asked() -> None:
    assert layers_of(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), asked=True)


def test_a_layer_that_was_changed_does_not_share() -> None:
    layer = nn.Linear(2, 2)
    assert layers_of(layer) == [layer]
    layer.register_full_backward_hook(lambda *_: None)
    assert layers_of(layer) is None
    other = nn.Linear(2, 2)
    vars(other)["forward"] = torch.zeros_like
    assert layers_of(other) is None


def test_shape_says_all_that_a_program_depends_on() -> None:
    kinds = [
        nn.Linear(2, 3),
        nn.Linear(2, 3, bias=False),
        nn.Linear(2, 3).double(),
        nn.LeakyReLU(0.1),
        nn.LeakyReLU(0.2),
    ]
    assert len({shape_of([kind]) for kind in kinds}) == len(kinds)
    assert shape_of([nn.Linear(2, 3)]) == shape_of([nn.Linear(2, 3)])


@pytest.mark.parametrize("kind", [*EXACT, *EACH], ids=lambda kind: kind.__name__)
def test_each_layer_gives_each_network_its_bits(kind: type[nn.Module]) -> None:
    """Small pieces, so that most numbers lie at the end of one."""
    random = torch.Generator().manual_seed(0)
    given, back = (torch.randn((600, 3, 5), generator=random) * 2 for _ in range(2))
    given.requires_grad_()
    width = {nn.BatchNorm1d: (5,), nn.LayerNorm: (5,)}.get(kind, ())
    own, other = ([kind(*width) for _ in range(600)] for _ in range(2))
    made = through(own, given)
    (gradient,) = torch.autograd.grad(made, given, back)
    for k, layer in enumerate(other):
        its = given[k].detach().clone().requires_grad_()
        alone = layer(its)
        assert same(made[k].detach(), alone.detach())
        assert same(gradient[k], torch.autograd.grad(alone, its, back[k].clone())[0])
