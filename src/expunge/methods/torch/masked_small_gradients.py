"""Masked small gradients: weights that tell retained from forgotten least start anew, the others train slowly.

The gradient of the loss on as many retained records as forgotten ones, minus that on the forgotten ones, says which
weights the two sides pull apart. In every layer the share of weights where it is smallest is drawn anew; then the
network is trained on the retained records, with the gradients of all other weights of these layers damped. Second in
the NeurIPS 2023 competition; Cadet et al. found it among the best of 18 methods (abstract).

Claim: Empirical.

References
----------
Triantafillou et al. (2024), arXiv:2406.09073, on the competition. Cadet, Borovykh, Malekzadeh, Ahmadi-Abhari, Haddadi
(2024), "Deep Unlearn", arXiv:2410.01276. Defaults and formulas as xcadet/deepunlearn has them (`kgltop2`, read): 30 %
of each convolution, other gradients times 0.1, five epochs of SGD at 1e-3, momentum 0.9, weight decay 5e-4, a rate that
rises for half of the epochs and falls.

Where we differ: any weight of a linear layer or convolution takes part, where the original takes two-dimensional
convolutions. New weights are those of a network that the factory makes, where the original draws them by He's rule. The
gradient is that of summed losses in evaluation mode, where the original adds up means of batches in either mode.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(8, dtype=np.float32), ["a", "b"] * 4)
>>> method = MaskedSmallGradients(TorchLearner(partial(torch.nn.Linear, 8, 2)), epochs=2)
>>> run = Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([3]), table, run)
>>> done.claim, done.examples
(Empirical(), 16)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from expunge.methods.torch._importance import summed, weights
from expunge.methods.torch._post_hoc import PostHoc
from expunge.methods.torch._settings import check_count, check_positive, check_share

if TYPE_CHECKING:
    from expunge.learners.torch import TorchLearner
    from expunge.methods.torch._importance import Named
    from expunge.methods.torch._post_hoc import Need
    from expunge.methods.torch._unlearning import Unlearning


@dataclass(frozen=True)
class MaskedSmallGradients(PostHoc):
    """Draw anew the weights that tell the two sides apart least, and train on the retained records.

    Parameters
    ----------
    learner : TorchLearner
    share : float
        Of each layer's weights, how many are drawn anew.
    damping : float
        What the gradients of the others are multiplied by.
    epochs : int
        Passes over the retained records.
    lr, momentum, weight_decay : float
        Of stochastic gradient descent; the rate rises for half of the epochs and falls for the other half.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"retained", "forgotten"})
    doubted: ClassVar[str | None] = (
        "at its published settings it leaves people, a class and triggers as they were, and costs accuracy elsewhere"
    )
    learner: TorchLearner
    share: float = 0.3
    damping: float = 0.1
    epochs: int = 5
    lr: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 5e-4

    def check(self) -> None:
        """Raise a sentence for settings that are not possible."""
        check_share(self, "share", "damping")
        check_count(self, "epochs")
        check_positive(self, "lr")

    def most(self, retained: int, forgotten: int) -> int:
        """Both gradients, each of as many records, the epochs, and statistics of batch norm."""
        return 2 * forgotten + self.epochs * retained + -(-retained // 3)

    def unlearn(self, work: Unlearning) -> None:
        """Choose weights, draw them anew, and train."""
        smallest = least(pull(work), self.share)
        fresh, held = weights(work.fresh("masked small gradients")), weights(work.student, detached=False)
        for name, mask in smallest.items():
            held[name].detach().copy_(torch.where(mask, fresh[name], held[name].detach()))
            pace = torch.where(mask, 1.0, self.damping)
            held[name].register_hook(partial(_damped, pace=pace))  # type: ignore[no-untyped-call]
        optimizer = work.optimizer(torch.optim.SGD, lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)
        for epoch in range(self.epochs):
            optimizer.param_groups[0]["lr"] = self.lr * rising_and_falling(epoch, self.epochs)
            for batch in work.retained.batches(epoch):
                work.step(work.losses(work.outputs(batch), batch.target).mean(), optimizer)
        work.renew_statistics()


def pull(work: Unlearning) -> Named:
    """Gradient of the loss on some retained records minus that on the forgotten ones, for weights that take part."""
    few = work.records(work.retained.data.take(slice(0, len(work.forgotten))), "few retained")
    stays, goes = summed(work, few), summed(work, work.forgotten)
    layers = (nn.Linear, _ConvNd)
    mine = {id(part.weight) for part in work.student.modules() if isinstance(part, layers)}
    return {
        name: stays[name] - goes[name]
        for name, held in weights(work.student, detached=False).items()
        if id(held) in mine
    }


def least(found: Named, share: float) -> Named:
    """Whether each weight is among the share of its layer where the absolute number is smallest; of equals the first.

    Examples
    --------
    >>> least({"a": torch.tensor([[-3.0, 1.0], [0.0, 2.0]])}, 0.5)
    {'a': tensor([[False,  True],
            [ True, False]])}
    """
    masks = {}
    for name, each in found.items():
        mask = torch.zeros(each.numel(), dtype=torch.bool, device=each.device)
        mask[torch.argsort(each.abs().flatten(), stable=True)[: round(share * each.numel())]] = True
        masks[name] = mask.view(each.shape)
    return masks


def rising_and_falling(epoch: int, epochs: int) -> float:
    """Share of the learning rate in an epoch.

    Examples
    --------
    >>> [round(rising_and_falling(epoch, 5), 2) for epoch in range(5)]
    [0.33, 0.67, 1.0, 0.67, 0.33]
    """
    rise = (epochs + 1) // 2
    return (epoch + 1) / rise if epoch < rise else (epochs - epoch) / (epochs + 1 - rise)


def _damped(gradient: Tensor, pace: Tensor) -> Tensor:
    return gradient * pace.to(gradient.dtype)
