"""The last linear layer of a network: where its answers are a linear model of its features.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(4, dtype=np.float32), ["a", "b", "a", "b"])
>>> learner = TorchLearner(partial(torch.nn.Linear, 4, 2), epochs=1)
>>> [held.shape for held in last_layer_of(learner, learner.learn(table, Run(key=b"example")))]
[(2, 4), (2,)]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from expunge.errors import ParameterError
from expunge.learners.torch.surroundings import generators_kept

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.learners.torch.learner import TorchLearner
    from expunge.learners.torch.network import Net


def last_layer_of(learner: TorchLearner, model: Net) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(outputs, d) weights and (outputs,) biases of the linear layer that a network has last, zeros where it has none.

    Last as modules are listed; whether its answers follow from it is for whoever asks to see, on records.

    Raises
    ------
    ParameterError
        When the network was not trained (a single class), or has no such layer for its outputs.
    """
    held: list[nn.Linear] = []
    if model.weights is not None:
        with generators_kept(torch.device("cpu")):
            held = [part for part in learner.module(model).modules() if isinstance(part, nn.Linear)]
    if not held or held[-1].out_features != model.outputs:
        msg = f"this network has no last linear layer of {model.outputs} outputs, so its answers are not linear in any"
        raise ParameterError(msg)
    weight = held[-1].weight.detach().double().numpy()
    bias = held[-1].bias
    return weight, np.zeros(len(weight)) if bias is None else bias.detach().double().numpy()
