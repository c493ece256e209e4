"""Which networks can share a program: their layers, and what each layer needs.

A layer shares where it draws nothing at random, keeps nothing but tensors, and has nothing hung on it. `nn.Linear` is
one product of all networks where that gives the same bits; what rounds at most once gives the same bits wherever a
number lies, and takes all networks in one call; the rest is called network by network (torch 2.13 on a processor
computes the end of a tensor in another way for the sigmoid, GELU, SiLU, ELU and softplus).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from expunge.learners.torch.products import each

EXACT = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Hardtanh, nn.Identity)  # one rounding at most: the same at every place
EACH = (nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.Softplus, nn.BatchNorm1d, nn.LayerNorm)


def layers_of(module: nn.Module, *, asked: bool = False) -> list[nn.Module] | None:
    """The layers of a network that can share a program; None for any other.

    Parameters
    ----------
    module : nn.Module
    asked : bool
        Whether it is only asked: dropout then does nothing.
    """
    if type(module) is not nn.Sequential:
        return [module] if _known(module, asked=asked) else None
    inner = [None if _changed(module) else layers_of(part, asked=asked) for part in module]
    return None if None in inner or not inner else [layer for part in inner for layer in part or ()]


def is_torchs(module: nn.Module) -> bool:
    """Whether all parts are torch's own, unchanged: when asked, they draw nothing, and they keep only tensors."""
    parts = list(module.modules())
    return all(type(part).__module__.startswith("torch.nn.modules.") and not _changed(part) for part in parts)


def _known(layer: nn.Module, *, asked: bool) -> bool:
    kind = type(layer)
    if kind is nn.Flatten:
        found = bool(layer.start_dim == 1 and layer.end_dim == -1)
    elif kind in EACH:
        found = not getattr(layer, "inplace", False)
    else:
        found = kind is nn.Linear or kind in EXACT or (asked and kind is nn.Dropout)
    return found and not _changed(layer) and all(map(_plain, layer.parameters(recurse=False)))


def _changed(module: nn.Module) -> bool:
    """Whether a user hung something on it."""
    hooks = (name for name, value in vars(module).items() if "hooks" in name and value)
    return "forward" in vars(module) or next(hooks, None) is not None


def _plain(held: nn.Parameter) -> bool:
    hooked = held._backward_hooks or held._post_accumulate_grad_hooks  # noqa: SLF001  (no public way to ask)
    return (
        type(held) is nn.Parameter
        and held.dtype in (torch.float32, torch.float64)
        and held.is_contiguous()
        and not hooked
    )


def shape_of(layers: Sequence[nn.Module]) -> tuple[Any, ...]:
    """What a stack of layers is made of; their repr says sizes, and whether there is a bias."""
    return tuple((repr(layer), *(held.dtype for held in layer.parameters())) for layer in layers)


def through(layer: Sequence[nn.Module], given: Tensor) -> Tensor:
    """A layer of all networks, but for a product in one call."""
    if isinstance(layer[0], (nn.Linear, *EACH)):
        return each(layer, given)
    made: Tensor = given.flatten(2) if isinstance(layer[0], nn.Flatten) else layer[0](given)
    return made


def by_name(layer: Sequence[nn.Module]) -> Iterator[tuple[nn.Parameter, ...]]:
    """Each parameter of a layer, of all networks."""
    return zip(*(own.parameters() for own in layer), strict=True)
