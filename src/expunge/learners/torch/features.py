"""What a record looks like inside a network: the numbers that enter its last linear layer.

There records of one kind lie close together, whatever their inputs were, so that what is near there is what the network
takes for alike. A module without a linear layer, or none at all (a single class), has the inputs themselves.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(4, dtype=np.float32), ["a", "b", "a", "b"])
>>> learner = TorchLearner(partial(torch.nn.Linear, 4, 2), epochs=1)
>>> features_of(learner, learner.learn(table, Run(key=b"example")), table).shape
(4, 4)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from expunge.learners.sklearn import as_learned
from expunge.learners.torch.inputs import Inputs, as_matrix, dense
from expunge.learners.torch.surroundings import generators_kept, in_words, on_processor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.torch.learner import TorchLearner
    from expunge.learners.torch.network import Net

AT_ONCE = 256  # records


def features_of(learner: TorchLearner, model: Net, data: Table) -> NDArray[np.float64]:
    """(n, d) what enters the last linear layer for each record, in evaluation mode and on the processor."""
    data = as_learned(data, model.names)
    if model.weights is None or not len(data):
        return _inputs(model, data)
    module = learner.module(model)
    seen: list[Tensor] = []
    held = [part.register_forward_pre_hook(_noting(seen)) for part in module.modules() if isinstance(part, nn.Linear)]
    if not held:
        return _inputs(model, data)
    device = torch.device("cpu")
    with torch.inference_mode(), generators_kept(device), on_processor(), in_words("the features failed", device):
        given, made = Inputs(data, model.prepared, module, device), []
        for start in range(0, len(data), AT_ONCE):
            rows = np.arange(start, min(start + AT_ONCE, len(data)))
            module(given.batch(rows))
            made.append(seen[-1].detach().double().reshape(len(rows), -1).numpy())
            seen.clear()
    return np.concatenate(made)


def _noting(seen: list[Tensor]) -> Any:
    """A hook that keeps what a layer is handed; the last one kept is the last layer's."""

    def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        seen.append(given[0])

    return hook


def _inputs(model: Net, data: Table) -> NDArray[np.float64]:
    """(n, d) records as the network takes them."""
    made: Any = as_matrix(data.stored) if model.prepared is None else dense(model.prepared.transform(data.features))
    found = np.asarray(made, dtype=np.float64)
    return found.reshape(len(found), math.prod(found.shape[1:]))  # -1 cannot be told of no record
