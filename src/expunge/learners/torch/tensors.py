"""Tensors to arrays and back, copied both ways: an array that shared memory with a parameter would go on training.

torch lends its memory freely: ``Tensor.numpy()`` is a view, and ``Optimizer.load_state_dict`` keeps the very tensors
that it is given (both seen in torch 2.13). Memory that torch takes itself is aligned to 64 bytes; the sums of a matrix
product depend on where its operands begin, so whatever is computed with is copied into such memory first.

Examples
--------
>>> import torch
>>> weight = torch.ones(2)
>>> kept = as_array(weight)
>>> _ = weight.add_(1)
>>> kept
array([1., 1.], dtype=float32)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from expunge.errors import CodecError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Bits:
    """Numbers of a type that numpy lacks, as the integers that have the same bits."""

    dtype: str
    bits: NDArray[Any]


FOREIGN = {torch.bfloat16: torch.int16}


def as_array(tensor: Tensor) -> NDArray[Any] | Bits:
    """A copy in memory of numpy's."""
    try:
        here = tensor.detach().cpu().contiguous()
        if here.dtype in FOREIGN:
            return Bits(str(here.dtype).removeprefix("torch."), here.view(FOREIGN[here.dtype]).numpy().copy())
        return np.array(here.numpy())
    except (TypeError, RuntimeError) as refusal:
        msg = f"a tensor of {tensor.dtype} ({tensor.layout}) cannot be part of a model that is written down"
        raise CodecError(msg) from refusal


def as_tensor(array: NDArray[Any] | Bits) -> Tensor:
    """A copy in memory of torch's."""
    if isinstance(array, Bits):
        return torch.tensor(array.bits).view(getattr(torch, array.dtype))
    return torch.tensor(array)


def arrays(held: Any) -> Any:
    """The state of an optimiser or schedule with arrays in place of tensors; everything is copied."""
    if isinstance(held, Tensor):
        return as_array(held)
    if isinstance(held, dict):
        return {key: arrays(value) for key, value in held.items()}
    if isinstance(held, list | tuple):
        return type(held)(arrays(value) for value in held)
    return held


def tensors(held: Any) -> Any:
    """What `arrays` was given, in memory of torch's."""
    if isinstance(held, np.ndarray | Bits):
        return as_tensor(held)
    if isinstance(held, dict):
        return {key: tensors(value) for key, value in held.items()}
    if isinstance(held, list | tuple):
        return type(held)(tensors(value) for value in held)
    return held
