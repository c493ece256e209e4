"""A network that no longer reads a column: its weights, without those that belong to that input alone.

To hold an input at nought and to cut its weights out of the first layer is the same function. The cut network is the
one that the factory makes for a record with a column less, so it learns, forgets and predicts like any other, and
nobody has to have the column, or its mean, any more. Whether the cut is that function is tried on drawn numbers: a
network that does anything else with its inputs, norm them say, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from expunge.errors import ParameterError
from expunge.learners.torch.network import built, fill, weights_of
from expunge.learners.torch.tensors import as_array, as_tensor
from expunge.values import Batch, Column, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from expunge.data.table import Table
    from expunge.learners.torch import Net, TorchLearner
    from expunge.values import Target

TRIED = 16  # drawn records on which both networks have to say the same


def columns_of(target: Target, data: Table) -> tuple[str, ...]:
    """Names of the columns that a target takes away."""
    steps = target.targets if isinstance(target, Batch) else (target,)
    return tuple(step.name for step in steps if isinstance(step, Column) and step.name in data.names)


def narrowed(learner: TorchLearner, model: Net, columns: Sequence[str]) -> Net | Refusal:
    """The network without the weights of some columns; or why it cannot be had.

    Parameters
    ----------
    learner : TorchLearner
        Whose factory makes the network for fewer inputs.
    model : Net
    columns : sequence of str

    Examples
    --------
    >>> from expunge import Run, Table, TorchLearner
    >>> from expunge.testing.networks import mlp
    >>> learner = TorchLearner(mlp, epochs=1)
    >>> model = learner.learn(Table.from_arrays(np.eye(4, dtype=np.float32), ["a", "b"] * 2), Run(key=b"example"))
    >>> less = narrowed(learner, model, ["x1"])
    >>> less.names, bool((less.weights["0.weight"] == model.weights["0.weight"][:, [0, 2, 3]]).all())
    (('x0', 'x2', 'x3'), True)
    """
    kept = [place for place, name in enumerate(model.names) if name not in columns]
    if model.prepared is not None:
        return _refused("its preprocessing (prepare) was fitted on the column too")
    if model.weights is None or model.shape != (len(model.names),):
        return _refused("a record is no row of columns to this network")
    try:
        less = built(learner.made, (len(kept),), model.outputs)
    except ParameterError as failure:
        return _refused(str(failure))
    cut = {}
    for name, wanted in weights_of(less).items():
        held, shape = as_tensor(model.weights[name]), as_tensor(wanted).shape
        found = _cut(held, shape, kept)
        if found is None:
            return _refused(f"{name} is {tuple(held.shape)} with the column, and {tuple(shape)} without")
        cut[name] = as_array(found)
    whole = fill(built(learner.made, model.shape, model.outputs), model.weights)
    if not _alike(whole, fill(less, cut), kept, model.shape[0]):
        return _refused("without its weights the network says something else than with the column at nought")
    return type(model)(cut, model.task, model.classes, tuple(model.names[k] for k in kept), (len(kept),), model.outputs)


def _cut(held: Tensor, shape: Sequence[int], kept: Sequence[int]) -> Tensor | None:
    """A tensor with the shape that it has for fewer inputs; None where more than one of its sides would change."""
    if held.shape == shape:
        return held
    sides = [side for side, (have, want) in enumerate(zip(held.shape, shape, strict=False)) if have != want]
    if held.ndim != len(shape) or len(sides) != 1 or shape[sides[0]] != len(kept):
        return None
    return held.index_select(sides[0], torch.tensor(kept))


def _alike(whole: nn.Module, less: nn.Module, kept: Sequence[int], width: int) -> bool:
    """Whether a network at nought says what the cut one says, and something else where it is not at nought."""
    kind = next((held.dtype for held in whole.parameters() if held.is_floating_point()), torch.float32)
    drawn = torch.tensor(np.random.default_rng(0).normal(size=(TRIED, width))).to(kind)
    still = drawn.clone()
    still[:, [place for place in range(width) if place not in kept]] = 0
    try:
        with torch.no_grad():
            said, again = whole.eval()(still), less.eval()(drawn[:, list(kept)].clone())
            return bool(torch.allclose(said.double(), again.double(), rtol=1e-3, atol=1e-4))
    except Exception:  # noqa: BLE001  # whatever a user's module raises of numbers that it was not made for
        return False


def _refused(why: str) -> Refusal:
    said = "a column is forgotten by cutting its weights out of the first layer, and"
    return Refusal(f"{said} {why}", "instead", "Retrain(TorchLearner(...))")
