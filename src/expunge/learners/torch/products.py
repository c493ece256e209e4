"""The operations that several networks share: each in one call where that gives the bits of one by one.

Floating-point sums depend on their order, and which order a product takes depends on shapes, memory alignment, threads
and library, not on the numbers. So each combination of shapes is tried once in a process on random numbers: in one
call, and as torch does it for a network alone, forward and backward. Where a bit differs, the layer is computed network
by network (torch 2.13 on a processor: mostly small or odd sizes, more with two threads). `torch.func.vmap` is not used:
its products differ in bits from those of `nn.Linear` alone (measured).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from expunge.learners.torch import outputs

if TYPE_CHECKING:
    from expunge.learners.torch.network import Task

NUMBERS = 512  # how many numbers of each product are compared, at least
ROWS = 4096
EQUAL: dict[tuple[Any, ...], bool] = {}
"""What was found out in this process, by operation and shapes: whether one call gives the same bits."""

Work: TypeAlias = Callable[..., Tensor]


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same bits and are finite; a zero and its negative differ."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    whole = (
        {2: torch.int16, 4: torch.int32, 8: torch.int64}.get(one.element_size()) if one.is_floating_point() else None
    )
    if whole is None:
        return torch.equal(one, other)
    finite = bool(torch.isfinite(one).all())
    return finite and torch.equal(one.contiguous().view(whole), other.contiguous().view(whole))


def settled(tensor: Tensor) -> Tensor:
    """A tensor that begins where memory of torch's own would begin, copied where it does not."""
    return tensor if tensor.data_ptr() % 64 == 0 and tensor.is_contiguous() else tensor.clone()


# -- the product of a layer --------------------------------------------------------------------------------------------


def is_one_call(given: Tensor, weight: Tensor, *, biased: bool) -> bool:
    """Whether `linear` gives the bits of each network's own `nn.Linear`, forward and backward; tried once.

    A single input, output or record is never: which product torch takes then depends on more than shapes.
    """
    rows = math.prod(given.shape[1:-1])
    if min(rows, *weight.shape[1:]) < 2:
        return False
    back = given.requires_grad if torch.is_grad_enabled() else None
    shapes = (given.shape, weight.shape, weight.stride(), given.dtype, biased, back)
    key = ("linear", shapes, given.device.type, torch.get_num_threads())
    if key not in EQUAL:
        EQUAL[key] = _same_products(given, weight, biased=biased)
    return EQUAL[key]


def linear(given: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(networks, ..., inputs) to (networks, ..., outputs): `nn.Linear` of several networks in one call."""
    made: Tensor = _Linear.apply(given.flatten(1, -2), weight, bias)  # type: ignore[no-untyped-call]
    return made.view(*given.shape[:-1], weight.shape[1])


class _Linear(torch.autograd.Function):
    """Its products, in the very form that `nn.Linear` takes."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(networks, batch, inputs) to (networks, batch, outputs)."""
        ctx.save_for_backward(given, weight)
        ctx.biased = bias is not None
        turned = weight.transpose(1, 2)
        return torch.bmm(given, turned) if bias is None else torch.baddbmm(bias[:, None], given, turned)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        """Gradients of input, weight and bias."""
        given, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        before = torch.bmm(gradient, weight) if ctx.needs_input_grad[0] else None
        return before, torch.bmm(gradient.transpose(1, 2), given), gradient.sum(1) if ctx.biased else None


def _same_products(given: Tensor, weight: Tensor, *, biased: bool) -> bool:
    random, compared = torch.Generator().manual_seed(0), 0
    count, outputs_ = weight.shape[:2]
    needed = [given.requires_grad, True, True]
    while compared < NUMBERS:
        held = [torch.randn((count, outputs_), generator=random).to(weight)] if biased else [None]
        drawn = [_drawn_like(given, random), _drawn_like(weight, random), *held]
        back = torch.randn((*given.shape[:-1], outputs_), generator=random).to(given)
        whole = _worked(linear, drawn, back, needed)
        rows = [[None if held is None else held[k].clone() for held in drawn] for k in range(count)]
        parts = [_worked(functional.linear, row, back[k].clone(), needed) for k, row in enumerate(rows)]
        if not all(same(one, torch.stack(own)) for one, *own in zip(whole, *parts, strict=True)):
            return False
        compared += min(each.numel() for each in whole)
    return True


def _drawn_like(tensor: Tensor, random: torch.Generator) -> Tensor:
    """Random numbers, in memory with the strides of the tensor."""
    made = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device)
    return made.copy_(torch.randn(tensor.shape, generator=random))


def _worked(work: Work, given: Sequence[Tensor | None], back: Tensor, needed: Sequence[bool]) -> list[Tensor]:
    """What some work gives, and its gradients where these are recorded."""
    if not torch.is_grad_enabled():
        return [work(*given)]
    pairs = zip(given, needed, strict=True)
    leaves = [None if each is None else each.detach().requires_grad_(need) for each, need in pairs]
    made = work(*leaves)
    wanted = [leaf for leaf in leaves if leaf is not None and leaf.requires_grad]
    return [made.detach(), *torch.autograd.grad(made, wanted, back)]


# -- any layer, network by network -------------------------------------------------------------------------------------


def each(layer: Sequence[nn.Module], given: Tensor) -> Tensor:
    """(networks, ...) through each network's own layer, as if it were alone."""
    if not torch.is_grad_enabled():
        return torch.stack([own(settled(its)) for own, its in zip(layer, given.unbind(), strict=True)])
    held = [parameter for own in layer for parameter in own.parameters()]
    made: Tensor = _Each.apply(layer, given, *held)  # type: ignore[no-untyped-call]
    return made


class _Each(torch.autograd.Function):
    """Graphs of their own, so that each network's gradients too begin in memory of their own."""

    @staticmethod
    def forward(ctx: Any, layer: Sequence[nn.Module], given: Tensor, *held: Tensor) -> Tensor:
        """Outputs of all networks."""
        del held  # the parameters of the layer; named so that autograd asks for their gradients
        need = ctx.needs_input_grad[1]
        ctx.layer, ctx.leaves = layer, [settled(its).detach().requires_grad_(need) for its in given.unbind()]
        with torch.enable_grad():
            ctx.made = [own(leaf) for own, leaf in zip(layer, ctx.leaves, strict=True)]
        return torch.stack([made.detach() for made in ctx.made])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        """Gradients of input and parameters."""
        before: list[Tensor] = []
        held: list[Tensor] = []
        for own, leaf, made, back in zip(ctx.layer, ctx.leaves, ctx.made, gradient.unbind(), strict=True):
            wanted = [*([leaf] if leaf.requires_grad else []), *own.parameters()]
            found = torch.autograd.grad(made, wanted, settled(back)) if wanted else ()
            before += found[:1] if leaf.requires_grad else ()
            held += found[1:] if leaf.requires_grad else found
        return None, torch.stack(before) if before else None, *held


# -- losses ------------------------------------------------------------------------------------------------------------


def losses(made: Tensor, target: Tensor, task: Task) -> Tensor:
    """(networks, batch) losses of (networks, batch, outputs), in one call where each record is treated on its own."""
    key = ("losses", task, made.shape[2], made.device.type, torch.get_num_threads())
    if key not in EQUAL:
        EQUAL[key] = _by_record(task, made)
    if EQUAL[key]:
        whole = outputs.losses(made.flatten(0, 1), target.flatten(0, 1), task, None)
        return whole.view(made.shape[:2])
    pairs = zip(made.unbind(), target.unbind(), strict=True)
    return torch.stack([outputs.losses(settled(own), its, task, None) for own, its in pairs])


def drawn_targets(shape: Sequence[int], count: int, task: Task, random: torch.Generator) -> Tensor:
    """Random targets for records of that shape: (n,) or (networks, n)."""
    if task == "classification":
        return torch.randint(count, tuple(shape), generator=random)
    made = torch.randn((*shape, count), generator=random)
    return (made > 0).float() if task == "multilabel" else made


def _by_record(task: Task, like: Tensor) -> bool:
    """Whether a record's loss and gradient have the same bits among few others and among many."""
    count = like.shape[2]
    random = torch.Generator().manual_seed(0)
    sizes = [1 + k % 33 for k in range(max(8, min(ROWS, (1 << 19) // max(1, count)) // 17))]
    rows = sum(sizes)
    given = torch.randn((rows, count), generator=random).to(like.device)
    target = drawn_targets((rows,), count, task, random).to(like.device)
    back = torch.rand(rows, generator=random).to(like.device)

    def both(given: Tensor, target: Tensor, back: Tensor) -> tuple[Tensor, Tensor]:
        leaf = given.clone().requires_grad_()
        made = outputs.losses(leaf, target.clone(), task, None)
        (gradient,) = torch.autograd.grad(made, leaf, back.clone())
        return made.detach(), gradient

    whole = both(given, target, back)
    parts = [
        both(*each) for each in zip(*(torch.split(whole_, sizes) for whole_ in (given, target, back)), strict=True)
    ]
    return all(same(one, torch.cat(list(other))) for one, other in zip(whole, zip(*parts, strict=True), strict=True))
