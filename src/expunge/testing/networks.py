"""Small networks to try methods on, and pictures for them; here, so that every process can import them.

Needs ``pip install 'expunge[testing,torch]'``; nothing else of `expunge.testing` asks for torch.

Examples
--------
>>> from expunge import Retrain, TorchLearner
>>> from expunge.testing import Case, forgetting_nothing_changes_nothing
>>> forgetting_nothing_changes_nothing(Case(Retrain(TorchLearner(mlp, epochs=2))))
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from expunge.data.table import Table
from expunge.testing.cases import patients

SIDE = 5


class Cnn(nn.Module):
    """Convolution, batch norm, dropout: all that is random or counts while it trains, for pictures of one channel."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.seen = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
        self.said = nn.Sequential(nn.Dropout(0.3), nn.Linear(16, outputs))

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, outputs) for (n, side, side)."""
        made: Tensor = self.said(self.seen(pictures[:, None]))
        return made


class Words(nn.Module):
    """The mean of learned vectors, one for each of ten tokens, and a layer above it with the same weights."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(10, 4)
        self.back = nn.Linear(4, 10, bias=False)
        self.back.weight = self.vectors.weight
        self.said = nn.Linear(10, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, outputs) for (n, length) whole numbers below ten."""
        made: Tensor = self.said(self.back(self.vectors(tokens).mean(1)))
        return made


class Counted(nn.Linear):
    """One layer that keeps, as a buffer, how many threads torch had when it was made."""

    threads: Tensor

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__(shape[0], outputs)
        self.register_buffer("threads", torch.tensor(torch.get_num_threads()))


def mlp(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """One hidden layer, for rows."""
    return nn.Sequential(nn.Linear(shape[0], 8), nn.ReLU(), nn.Linear(8, outputs))


def dropping(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """One hidden layer behind batch norm and dropout, for rows."""
    return nn.Sequential(
        nn.BatchNorm1d(shape[0]), nn.Linear(shape[0], 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, outputs)
    )


def wide(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """Wide enough to learn wrong labels by heart; a record far from all others looks like one at the edge."""
    return nn.Sequential(nn.Hardtanh(-3, 3), nn.Linear(shape[0], 64), nn.ReLU(), nn.Linear(64, outputs))


def bottleneck(shape: tuple[int, ...]) -> nn.Module:
    """Rows through half as many numbers and back."""
    half = (shape[0] + 1) // 2
    return nn.Sequential(nn.Linear(shape[0], half), nn.Linear(half, shape[0]))


def noisy(record: Tensor, generator: torch.Generator) -> Tensor:
    """Augmentation: the record with a little noise."""
    return record + 0.1 * torch.randn(record.shape, generator=generator)


def pictures(rows: int = 40, *, owned: bool = True) -> Table:
    """The records of `patients`, each as a picture: three patterns on top of each other, its numbers their strength."""
    known = patients(rows, owned=owned)
    patterns = np.random.default_rng(21).normal(size=(3, SIDE, SIDE))
    drawn = np.tensordot(np.asarray(known.features), patterns, axes=1).astype(np.float32)
    return Table.from_arrays(drawn, known.label, known.ids, known.owners)


def mislabelled(rows: int, first: int, seed: int, wrong: float = 0.2) -> Table:
    """Records of two classes, a share of them with the wrong label, drawn by their features' seed alone; four an owner.

    Those of owner 1 are wrong to the last, as unseen ones sometimes are: to be learned by heart, and to be forgotten.
    """
    random = np.random.default_rng(seed)
    X, owners = random.normal(size=(rows, 6)), np.arange(rows) // 4
    side = (X[:, 0] + X[:, 1] > 0) ^ ((random.random(rows) < wrong) | (owners == 1))
    return Table.from_arrays(X, np.where(side, "ham", "spam"), np.arange(rows) + first, owners + first)
