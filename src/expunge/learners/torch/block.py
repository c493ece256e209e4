"""The parameters of several networks in one memory, a row a network, moved by a single optimiser.

Only optimisers that treat each number on its own can share: a fixed list of torch's, by exact type, and each with its
options is tried first on thousands of numbers, as one tensor and in small pieces. Where a bit differs (Adam with
``fused=True``: torch 2.13 computes the end of a tensor in another way), or anything was changed about an optimiser
(hooks, another ``step``), there is no block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
    Rprop,
)
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from expunge.learners.torch.products import same

MOVERS = (SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, RAdam, RMSprop, Rprop)
WIDE = 16  # numbers: each parameter of each network begins at a multiple of 64 bytes, as in memory of its own
ELEMENTWISE: dict[tuple[Any, ...], bool] = {}
"""What was found out in this process, by optimiser and options: whether it treats each number on its own."""

Places: TypeAlias = dict[int, tuple[int, int]]
Maker: TypeAlias = Callable[[list[nn.Parameter]], Optimizer]


class Block:
    """Parameters of several networks, and their optimiser.

    The networks' parameters become views into the block, until `hand_back`.

    Parameters
    ----------
    optimizers : sequence of Optimizer
        Each network's own; of the same type, with the same options, for parameters of the same shapes.

    Raises
    ------
    ValueError
        When their states are not of one kind: other keys, or other numbers of steps.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self.optimizers = optimizers
        self.count = len(optimizers)
        self.groups = [_held(optimizers, place) for place in range(len(optimizers[0].param_groups))]
        self.values: list[Tensor] = []
        self.gradients: list[Tensor] = []
        self.where: Places = {}  # by the identity of the first network's parameter: its group, its first number
        for place, group in enumerate(self.groups):
            width = 0
            for parameter in group[0]:
                self.where[id(parameter)] = (place, width)
                width += -(-parameter.numel() // WIDE) * WIDE
            like = group[0][0]
            for kind in (self.values, self.gradients):
                kind.append(torch.zeros(self.count, width, dtype=like.dtype, device=like.device))
        states = [self._states(place) for place in range(len(self.groups))]
        self.optimizer = made(
            type(optimizers[0]),
            [
                {**options(group), "params": [held]}
                for group, held in zip(optimizers[0].param_groups, self.values, strict=True)
            ],
        )
        for held, state in zip(self.values, states, strict=True):
            if state:
                self.optimizer.state[held] = state
        self._move_in()

    # -- what is where -------------------------------------------------------------------------------------------------

    def weight(self, first: nn.Parameter) -> Tensor:
        """(networks, ...) a parameter of all networks, named by the first one's; a leaf of its own to autograd."""
        return self._view(self.values, first).detach().requires_grad_()

    def gradient(self, first: nn.Parameter) -> Tensor:
        """(networks, ...) where its gradient belongs."""
        return self._view(self.gradients, first)

    def _view(self, kind: list[Tensor], first: nn.Parameter) -> Tensor:
        place, begin = self.where[id(first)]
        return kind[place][:, begin : begin + first.numel()].view(self.count, *first.shape)

    def _move_in(self) -> None:
        for group in self.groups:
            for own in zip(*group, strict=True):
                rows = self._view(self.values, own[0])
                for parameter, row in zip(own, rows, strict=True):
                    row.copy_(parameter.detach())
                    parameter.data = row

    # -- moving --------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Move all weights along the gradients that were put in place."""
        for held, gradient in zip(self.values, self.gradients, strict=True):
            held.grad = gradient
        self.optimizer.step()

    def follow(self) -> bool:
        """Take over the options that the networks' schedules have set; False where these are no longer the same."""
        if not alike(self.optimizers):
            return False
        for mine, theirs in zip(self.optimizer.param_groups, self.optimizers[0].param_groups, strict=True):
            mine.update(options(theirs))
        return True

    def hand_back(self) -> None:
        """Each network gets its parameters, in memory of their own, and its optimiser's state."""
        for place, group in enumerate(self.groups):
            state = self.optimizer.state.get(self.values[place], {})
            for own in zip(*group, strict=True):
                _, begin = self.where[id(own[0])]
                for row, (parameter, optimizer) in enumerate(zip(own, self.optimizers, strict=True)):
                    parts = slice(begin, begin + parameter.numel())
                    parameter.data = parameter.detach().clone()
                    if state:
                        optimizer.state[parameter] = {
                            key: _taken(value, row, parts, parameter) for key, value in state.items()
                        }

    def _states(self, place: int) -> dict[str, Any]:
        """The networks' states of one group as one."""
        group, whole = self.groups[place], self.values[place]
        found: dict[str, Any] = {}
        kinds = {
            tuple(optimizer.state.get(parameter, {}))
            for optimizer, own in zip(self.optimizers, group, strict=True)
            for parameter in own
        }
        if len(kinds) != 1:
            msg = "some of the optimisers have a state, others none"
            raise ValueError(msg)
        for key in kinds.pop():
            found[key] = self._state(key, group, whole)
        return found

    def _state(self, key: str, group: Sequence[Sequence[nn.Parameter]], whole: Tensor) -> Any:
        first = self.optimizers[0].state[group[0][0]][key]
        spread = isinstance(first, Tensor) and first.ndim > 0
        wide = torch.zeros(whole.shape, dtype=first.dtype, device=first.device) if spread else None
        for row, (optimizer, own) in enumerate(zip(self.optimizers, group, strict=True)):
            for parameter, named in zip(own, group[0], strict=True):
                value = optimizer.state[parameter][key]
                if wide is not None:
                    _, begin = self.where[id(named)]
                    wide[row, begin : begin + parameter.numel()] = value.reshape(-1)
                elif not _equal(value, first):
                    msg = f"the optimisers differ in {key}"
                    raise ValueError(msg)
        return wide if spread else _copied(first)


# -- whether there can be one ------------------------------------------------------------------------------------------


def can_move(optimizers: Sequence[Optimizer], maker: Maker) -> bool:
    """Whether a single optimiser can do what these do, to the bit.

    Parameters
    ----------
    optimizers : sequence of Optimizer
    maker : callable
        What they were made by; called once more, for a schedule replaces ``step`` and hides whether a user had.
    """
    first = optimizers[0]
    trial = maker([nn.Parameter(held.detach().clone()) for group in first.param_groups for held in group["params"]])
    plain = all(map(_untouched, optimizers)) and vars(trial).keys() == vars(_renewed(trial)).keys()
    if not plain or type(first) not in MOVERS or not alike(optimizers):
        return False
    like = first.param_groups[0]["params"][0]
    return all(_elementwise(type(first), options(group), like) for group in first.param_groups)


def alike(optimizers: Sequence[Optimizer]) -> bool:
    """Whether they are of one type with the same options, all of them plain values."""
    first = [options(group) for group in optimizers[0].param_groups]
    plain = all(_is_plain(value) for group in first for value in group.values())
    return plain and all(
        type(other) is type(optimizers[0]) and [options(group) for group in other.param_groups] == first
        for other in optimizers
    )


def options(group: dict[str, Any]) -> dict[str, Any]:
    """All of a parameter group but the parameters."""
    return {key: value for key, value in group.items() if key != "params"}


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _untouched(optimizer: Optimizer) -> bool:
    hooks = (
        optimizer._optimizer_step_pre_hooks,  # noqa: SLF001  (there is no public way to ask)
        optimizer._optimizer_step_post_hooks,  # noqa: SLF001
        _global_optimizer_pre_hooks,
        _global_optimizer_post_hooks,
    )
    return not any(hooks)


def _renewed(optimizer: Optimizer) -> Optimizer:
    """Another of its type, made by nobody but torch."""
    groups = [{**options(group), "params": [nn.Parameter(torch.zeros(1))]} for group in optimizer.param_groups]
    return made(type(optimizer), groups) if type(optimizer) in MOVERS else optimizer


def made(kind: Any, groups: list[dict[str, Any]]) -> Optimizer:
    """An optimiser of that type."""
    optimizer: Optimizer = kind(groups)
    return optimizer


def _elementwise(kind: type[Optimizer], chosen: dict[str, Any], like: Tensor) -> bool:
    """Whether numbers move the same in a large tensor and in small ones; tried once."""
    settled = {key: value for key, value in chosen.items() if key not in ("lr", "initial_lr")}
    key = (kind, repr(sorted(settled.items())), like.dtype, like.device.type, torch.get_num_threads())
    if key not in ELEMENTWISE:
        ELEMENTWISE[key] = _tried(kind, {**chosen, "lr": chosen.get("lr") or 0.01}, like)
    return ELEMENTWISE[key]


def _tried(kind: type[Optimizer], chosen: dict[str, Any], like: Tensor, steps: int = 4) -> bool:
    sizes = [1 + k % 31 for k in range(260)]
    random = torch.Generator().manual_seed(0)

    def drawn() -> Tensor:
        return torch.randn(sum(sizes), generator=random).to(like)

    begin = drawn()
    whole, parts = (
        [nn.Parameter(begin.clone())],
        [nn.Parameter(part.clone()) for part in torch.split(begin, sizes)],
    )
    try:
        movers = [made(kind, [{**chosen, "params": held}]) for held in (whole, parts)]
        for _ in range(steps):
            gradient = whole[0].grad = drawn()
            for part, its in zip(parts, torch.split(gradient, sizes), strict=True):
                part.grad = its.clone()
            for mover in movers:
                mover.step()
    except RuntimeError:  # options that this device does not take; whoever trains alone will be told
        return False
    return same(whole[0].detach(), torch.cat([part.detach() for part in parts]))


def _held(optimizers: Sequence[Optimizer], place: int) -> list[list[nn.Parameter]]:
    return [optimizer.param_groups[place]["params"] for optimizer in optimizers]


def _taken(value: Any, row: int, parts: slice, parameter: nn.Parameter) -> Any:
    if isinstance(value, Tensor) and value.ndim:
        return value[row, parts].view(parameter.shape).clone()
    return _copied(value)


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return same(one, other)
    return type(one) is type(other) and bool(one == other)
