"""What weights a set of records leans on: from the gradient of each record, and from the gradient of their sum.

The square of a batch's mean gradient is not the mean of its records' squares: it shrinks as batches grow, as far as
the batch size times (measured: 100 to 200 times from batches of 1 to 256). So importances here are made record by
record, by `torch.func` where a network allows that, else one record at a time.

All of it happens in evaluation mode: dropout draws nothing, batch norm goes by what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from expunge.learners.torch import outputs
from expunge.methods.torch._unlearning import ASKED, evaluated

if TYPE_CHECKING:
    from expunge.methods.torch._unlearning import Batch, Records, Unlearning

Measure: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From outputs (1, k) and targets (1, ...) of one record to one number, whose gradient is taken."""

Named: TypeAlias = dict[str, Tensor]
"""Numbers by the name of the parameter that they belong to."""

FLOATS = 1 << 24  # of gradients that are in memory at a time


def importance(work: Unlearning, records: Records, measure: Measure, of: Callable[[Tensor], Tensor]) -> Named:
    """Mean over the records of a function of each one's gradient at the student's weights, in float64.

    Parameters
    ----------
    work : Unlearning
    records : Records
    measure : callable
        What the gradient is of.
    of : callable
        `torch.square` for the diagonal of the empirical Fisher information, say.
    """
    sums = {name: torch.zeros_like(held, dtype=torch.float64) for name, held in weights(work.student).items()}
    for chunk in gradients(work, records, measure):
        for name, each in chunk.items():
            sums[name] += of(each.double()).sum(0)
    return {name: held / len(records) for name, held in sums.items()}


def gradients(work: Unlearning, records: Records, measure: Measure) -> Iterator[Named]:
    """(k, ...) gradients of k records at a time, in the order of their ids."""
    module, size = work.student, sum(held.numel() for held in weights(work.student).values())
    for batch in records.chunks(max(1, min(ASKED, FLOATS // max(size, 1)))):
        work.count(len(batch.rows))
        with evaluated(module):
            yield _each(work, module, batch, measure)


def summed(work: Unlearning, records: Records) -> Named:
    """Gradient of the records' summed loss at the student's weights, in float64."""
    held = weights(work.student, detached=False)
    sums = {name: torch.zeros_like(each, dtype=torch.float64) for name, each in held.items()}
    for batch in records.chunks():
        with evaluated(work.student):
            loss = work.losses(work.outputs(batch), batch.target).mean() * len(batch.rows)
        found = torch.autograd.grad(loss, list(held.values()), allow_unused=True)
        for name, each in zip(held, found, strict=True):
            if each is not None:
                sums[name] += each.double()
    return sums


def weights(module: nn.Module, *, detached: bool = True) -> Named:
    """Parameters that are trained, tied ones once."""
    trained = ((name, held) for name, held in module.named_parameters() if held.requires_grad)
    return {name: held.detach() if detached else held for name, held in trained}


def _each(work: Unlearning, module: nn.Module, batch: Batch, measure: Measure) -> Named:
    buffers = dict(module.named_buffers())

    def measured(held: Named, given: Tensor, target: Tensor) -> Tensor:
        made = functional_call(module, (held, buffers), (given[None],))
        return measure(outputs.checked(made, 1, work.model.outputs, work.model.task).float(), target[None])

    held, alone = weights(module), grad(measured)
    try:
        found: Named = vmap(alone, in_dims=(None, 0, 0))(held, batch.given, batch.target)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # layers that cannot be batched so, such as a recurrent one; what is wrong fails again
        ones = [alone(held, given, target) for given, target in zip(batch.given, batch.target, strict=True)]
        found = {name: torch.stack([one[name] for one in ones]) for name in held}
    return found
