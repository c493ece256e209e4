"""Learning-rate schedules over epochs: functions of (optimizer, epochs) that give one of torch's schedulers.

A schedule steps once an epoch, never once a batch: the number of batches depends on how many records there are, the
number of epochs does not. Any function of that shape will do; ``epochs`` are those of all slices together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR

if TYPE_CHECKING:
    from torch.optim import Optimizer


def cosine(optimizer: Optimizer, epochs: int, *, warmup: int = 0) -> LRScheduler:
    """Half a cosine down to zero (Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5, without restarts).

    Parameters
    ----------
    optimizer : Optimizer
    epochs : int
        Epochs in all.
    warmup : int
        Epochs of rising linearly before it falls.
    """
    falling = CosineAnnealingLR(optimizer, max(1, epochs - warmup))
    if not warmup:
        return falling
    rising = LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
    return SequentialLR(optimizer, [rising, falling], [warmup])
