"""PyTorch: any `nn.Module` as a learner, trained as a pure function of the set of records.

`TorchLearner` is what people use; `Net` is what it learns: a value made of arrays, without a module in it. Each other
file holds one thing that could change a bit: where the module comes from, how records become tensors, the order and
the steps of training, what surrounds them.
"""

from __future__ import annotations

from expunge.errors import MissingExtraError

try:
    import torch as _torch  # noqa: F401  (asked for here, so that its absence is a sentence)
except ModuleNotFoundError as missing:
    _msg = "networks need the package 'torch', which is not installed: pip install 'expunge[torch]'"
    raise MissingExtraError(_msg) from missing

from expunge.learners.torch.autoencoder import Autoencoder
from expunge.learners.torch.learner import TorchLearner
from expunge.learners.torch.network import Log, Net, Shadow
from expunge.learners.torch.schedules import cosine

__all__ = ["Autoencoder", "Log", "Net", "Shadow", "TorchLearner", "cosine"]
