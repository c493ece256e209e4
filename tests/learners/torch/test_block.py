from __future__ import annotations

from functools import partial
from itertools import chain
from typing import Any

import pytest
import torch
from torch import nn

from expunge import fingerprint
from expunge.learners.torch import block
from expunge.learners.torch.block import Block, alike, can_move
from expunge.learners.torch.products import same
from expunge.learners.torch.tensors import arrays

SHAPES = ((3, 5), (3,), (1, 3))


def parameters(seed: int) -> list[nn.Parameter]:
    random = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=random)) for shape in SHAPES]


def grouped(held: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Biases without decay, as is usual; told apart by their dimensions, which a stack would change."""
    decayed = [each for each in held if each.ndim > 1]
    rest = [each for each in held if each.ndim == 1]
    return torch.optim.AdamW([{"params": decayed, "weight_decay": 0.5}, {"params": rest, "weight_decay": 0.0}], lr=0.1)


def fill(held: list[nn.Parameter], seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    for parameter in held:
        parameter.grad = torch.randn(parameter.shape, generator=random)


MAKERS: dict[str, Any] = {
    "SGD": partial(torch.optim.SGD, lr=0.1, momentum=0.9),
    "Adam": torch.optim.Adam,
    "groups": grouped,
    "Adagrad": torch.optim.Adagrad,
    "Rprop": torch.optim.Rprop,
}


@pytest.mark.parametrize("name", sorted(MAKERS))
@pytest.mark.parametrize("before", [0, 2])
def test_a_block_moves_each_network_as_its_own_optimiser_does(name: str, before: int) -> None:
    alone, others = ([parameters(k) for k in range(4)] for _ in range(2))
    movers, same_movers = ([MAKERS[name](held) for held in networks] for networks in (alone, others))
    for held, mover in zip([*alone, *others], [*movers, *same_movers], strict=True):
        for step in range(before):
            fill(held, step)
            mover.step()
    assert can_move(same_movers, MAKERS[name])
    whole = Block(same_movers)
    for step in range(3):
        for row, (held, mover) in enumerate(zip(alone, movers, strict=True)):
            fill(held, 10 * step + row)
            mover.step()
            for mine, first in zip(held, others[0], strict=True):
                assert mine.grad is not None
                whole.gradient(first)[row].copy_(mine.grad)
        whole.step()
    whole.hand_back()
    for mine, its in zip(chain(*alone), chain(*others), strict=True):
        assert same(mine.detach(), its.detach())
        assert not its.detach().storage_offset()
    for mover, other in zip(movers, same_movers, strict=True):
        assert fingerprint(arrays(mover.state_dict())) == fingerprint(arrays(other.state_dict()))


def test_every_parameter_begins_where_memory_of_its_own_would() -> None:
    networks = [parameters(k) for k in range(3)]
    whole = Block([torch.optim.SGD(held) for held in networks])
    assert not any(parameter.data_ptr() % 64 for held in networks for parameter in held)
    assert torch.equal(whole.weight(networks[0][0])[2], networks[2][0])


def test_optimisers_after_other_numbers_of_steps_have_no_block() -> None:
    networks = [parameters(0), parameters(1)]
    optimizers = [torch.optim.Adam(held) for held in networks]
    fill(networks[0], 0)
    optimizers[0].step()
    with pytest.raises(ValueError, match="some of the optimisers have a state"):
        Block(optimizers)
    fill(networks[1], 0)
    for _ in range(2):
        optimizers[1].step()
    with pytest.raises(ValueError, match="the optimisers differ in step"):
        Block(optimizers)


def test_options_that_part_are_noticed() -> None:
    optimizers = [torch.optim.SGD(parameters(k), lr=0.1) for k in range(2)]
    whole = Block(optimizers)
    for optimizer in optimizers:
        optimizer.param_groups[0]["lr"] = 0.05
    assert whole.follow()
    assert whole.optimizer.param_groups[0]["lr"] == 0.05
    optimizers[1].param_groups[0]["lr"] = 0.01
    assert not whole.follow()


def test_a_rate_in_a_tensor_goes_alone() -> None:
    assert not alike([torch.optim.SGD(parameters(k), lr=torch.tensor(0.1)) for k in range(2)])


def test_an_optimiser_that_treats_the_end_of_a_tensor_otherwise_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: the last number of each tensor is off by one bit."""
    monkeypatch.setattr(block, "ELEMENTWISE", {})
    step = torch.optim.SGD.step

    def moved(self: torch.optim.SGD, closure: Any = None) -> Any:
        said = step(self, closure)
        for held in self.param_groups[0]["params"]:
            held.data.view(-1)[-1:].copy_(torch.nextafter(held.data.view(-1)[-1:], torch.tensor(9.0)))
        return said

    maker = partial(torch.optim.SGD, lr=0.1)
    assert can_move([maker(parameters(k)) for k in range(2)], maker)
    monkeypatch.setattr(block, "ELEMENTWISE", {})
    monkeypatch.setattr(torch.optim.SGD, "step", moved)
    assert not can_move([maker(parameters(k)) for k in range(2)], maker)
