"""Whether a module can be made again from its arrays: the one that was trained, and the one rebuilt, answer the same.

A tensor drawn in the constructor and kept as a plain attribute, a counter that ``forward`` goes by, a layer that was
exchanged while training: each is lost when a model is written down. What the module says of a few records tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from expunge.learners.torch.network import built, differing, fill
from expunge.learners.torch.surroundings import seed

if TYPE_CHECKING:
    from expunge.learners.torch.network import Factory
    from expunge.protocol import Run

NEAR = 1e-3  # of the largest number: what memory that begins elsewhere does to sums is far below


def lost(module: nn.Module, weights: dict[str, Any], factory: Factory, given: Tensor, outputs: int, run: Run) -> str:
    """What is lost when a module is made again by its factory from these weights; nothing is said where nothing is.

    Parameters
    ----------
    module : nn.Module
        As it was trained; it is in the same mode afterwards.
    weights : dict
        Its parameters and buffers.
    factory : callable
    given : Tensor
        Some records.
    outputs : int
        Numbers that the module gives for a record.
    run : Run
        Inside `deterministic`: the generators start from its key.
    """
    seed(run, "rebuilt")  # elsewhere than when the module was made
    twin = built(factory, tuple(given.shape[1:]), outputs)
    other = differing(twin, weights)
    if other is not None:
        return f"{other} in the trained module"
    if alike(module, fill(twin, weights).to(given.device), given, run):
        return ""
    return f"made again from its parameters and buffers, {type(module).__name__} gives other outputs"


def alike(one: nn.Module, other: nn.Module, given: Tensor, run: Run) -> bool:
    """Whether two modules on one device give the same outputs for these records, but for rounding."""
    said = [_answer(each, given.clone(), run) for each in (one, other)]
    return not all(isinstance(each, Tensor) for each in said) or _near(*said)  # what is no tensor is refused elsewhere


def _answer(module: nn.Module, given: Tensor, run: Run) -> Any:
    with torch.no_grad(), evaluating(module):
        seed(run, "asked")
        return module(given)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module is in evaluation mode; each part is put back into its own."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _near(one: Tensor, other: Tensor) -> bool:
    wide, its = one.detach().double(), other.detach().double()
    if wide.shape != its.shape:
        return False
    finite = wide[torch.isfinite(wide)].abs()
    largest = float(finite.max()) if finite.numel() else 0.0
    return torch.allclose(wide, its, rtol=0.0, atol=NEAR * largest, equal_nan=True)
