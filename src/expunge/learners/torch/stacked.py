"""Several networks of one architecture as one program, where that gives the bits of one by one, and faster.

Where dozens of small networks are trained (shards, the oracles of an audit), most of the time goes into starting small
operations. Networks made of `nn.Linear`, activations and norms in an `nn.Sequential`, with the same number of batches
to an epoch, share them: a layer of all of them is one batched product (`products`), their parameters lie in one memory
and are moved by one optimiser (`block`). What cannot be shared to the bit is computed network by network: sigmoid-like
activations, whose bits depend on the place in a tensor; norms; a last batch of another size.

Before anything is trained so, copies are trained for a few steps on random numbers, both ways: weights, states and
losses are compared bit for bit, and both are timed. Where a bit differs, or nothing is gained, each goes alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from copy import copy, deepcopy
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from expunge.learners.torch import inputs, outputs, products
from expunge.learners.torch.block import Block, can_move, options
from expunge.learners.torch.course import Batch, alone
from expunge.learners.torch.layers import by_name, layers_of, shape_of, through
from expunge.learners.torch.products import same, settled
from expunge.learners.torch.surroundings import seed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.learners.torch.course import Course
    from expunge.learners.torch.network import Net

STEPS, MOST = 3, 40  # of a trial, at least and at most
SEEN = 256  # how many numbers of the smallest parameter of all networks are compared, if that needs no more steps
PAYS: dict[tuple[Hashable, ...], bool] = {}
"""What was found out in this process, by shapes: whether one program gives the same bits, and is faster."""

T = TypeVar("T")


# -- which networks can share ------------------------------------------------------------------------------------------


def groups(kinds: Sequence[Hashable], most: int) -> list[list[int]]:
    """Places of the same kind, at most so many together, evenly.

    Examples
    --------
    >>> groups(["a", "b", "a", "a", "a", "a"], 3)
    [[0, 2], [3, 4, 5], [1]]
    """
    made = []
    for kind in dict.fromkeys(kinds):
        places = [place for place, each in enumerate(kinds) if each == kind]
        parts = -(-len(places) // most)
        made += [places[k * len(places) // parts : (k + 1) * len(places) // parts] for k in range(parts)]
    return made


# -- training ----------------------------------------------------------------------------------------------------------


def kind_of(begun: Net, records: int, size: int) -> tuple[Hashable, ...]:
    """What networks have in common that can be trained in step: the same number of batches, above all."""
    epochs = 0 if begun.going is None else begun.going.epochs
    return begun.task, begun.shape, begun.outputs, epochs, len(list(inputs.batches(records, size)))


def train(courses: Sequence[Course], epochs: int) -> None:
    """Train all courses for some epochs; each ends with the bits that it would have alone.

    All have the same number of batches to an epoch, outputs of the same shape, and one learner.
    """
    done = 0
    if len(courses) > 1 and _can_share(courses) and _pays(courses):
        done = _in_step(courses, epochs)
    for course in courses:
        course.trained(epochs, done)


def _in_step(courses: Sequence[Course], epochs: int) -> int:
    """Train as one program; how many epochs were trained before schedules parted."""
    try:
        program, done = Program(courses), 0
    except ValueError:  # optimisers that took different numbers of steps in the slices before; nothing was moved yet
        return 0
    while done < epochs and program.block.follow():
        orders = [course.order(done) for course in courses]
        feed = _feed(courses, orders)
        parts = [
            list(inputs.batches(len(order), course.learner.batch_size)) for course, order in _pairs(courses, orders)
        ]
        fits = [program.step([feed(k, part) for k, part in enumerate(now)]) for now in zip(*parts, strict=True)]
        for k, (course, order) in enumerate(_pairs(courses, orders)):
            course.fits.append(torch.full((len(order),), torch.nan))
            course.fits[-1][torch.from_numpy(order)] = torch.cat([fit[k] for fit in fits]).cpu()
            vars(course.optimizer)["_opt_called"] = True  # else a schedule warns that its optimiser never stepped
            seed(course.run, "epoch", done)  # what a user's schedule may draw from, as it is when the course is alone
            course.close(done, epochs)
        done += 1
    program.block.hand_back()
    return done


def _feed(courses: Sequence[Course], orders: Sequence[NDArray[Any]]) -> Callable[[int, slice], Batch]:
    """Batches of an epoch, by network and part; what is in memory is put in order once."""
    wholes = [course.inputs.whole for course in courses]
    held = sum(0 if whole is None else whole.nbytes for whole in wholes) <= inputs.WHOLE
    sorted_ = [
        course.inputs.batch(order) if held and course.inputs.whole is not None else None
        for course, order in _pairs(courses, orders)
    ]
    targets = [course.targets[torch.from_numpy(order)].to(course.device) for course, order in _pairs(courses, orders)]

    def batch(k: int, part: slice) -> Batch:
        rows, whole = orders[k][part], sorted_[k]
        given = courses[k].inputs.batch(rows) if whole is None else whole[part]
        return Batch(rows, given, targets[k][part])

    return batch


def _pairs(one: Sequence[Course], other: Sequence[T]) -> Iterator[tuple[Course, T]]:
    return zip(one, other, strict=True)


def _can_share(courses: Sequence[Course]) -> bool:
    """Whether nothing but the program's bits could differ: no code of the user's that draws, plain precision."""
    learner = courses[0].learner
    own = (learner.loop, learner.augment, learner.loss)
    if any(each is not None for each in own) or learner.accumulate > 1 or learner.precision != "float32":
        return False
    stacks = [layers_of(course.module) for course in courses]
    kinds = {shape_of(stack) for stack in stacks if stack is not None}
    alike = None not in stacks and len(kinds) == 1 and all(map(_moves_all, courses))
    return alike and can_move([course.optimizer for course in courses], learner.optimizer)


def _moves_all(course: Course) -> bool:
    """Whether the optimiser has all parameters, each is used once, and they are of one type."""
    held = list(course.module.parameters())
    moved = [parameter for group in course.optimizer.param_groups for parameter in group["params"]]
    return (
        {id(each) for each in moved} == {id(each) for each in held}
        and len(held) == sum(len(list(layer.parameters())) for layer in layers_of(course.module) or ())  # none tied
        and all(each.requires_grad for each in held)
        and len({(each.dtype, each.device) for each in held}) == 1
    )


class Program:
    """Courses in step.

    Parameters
    ----------
    courses : sequence of Course
        Their modules' parameters are in the block from now on, until it hands them back.
    """

    def __init__(self, courses: Sequence[Course]) -> None:
        self.begun = courses[0].begun
        self.modules = [course.module for course in courses]
        self.block = Block([course.optimizer for course in courses])
        self.layers = list(zip(*[layers_of(module) or () for module in self.modules], strict=True))
        self.leaves = {
            id(held): self.block.weight(held)
            for layer in self.layers
            if isinstance(layer[0], nn.Linear)
            for held in layer[0].parameters()
        }
        self.every = [list(module.parameters()) for module in self.modules]

    def step(self, batches: Sequence[Batch]) -> Sequence[Tensor]:
        """One step of all; how well each record fits, by network."""
        sizes = {len(batch.rows) for batch in batches}
        if len(sizes) > 1 or sizes == {1}:
            fits = [self._apart(k, batch) for k, batch in enumerate(batches)]
        else:
            fits = list(self._together(batches))
        self.block.step()
        return fits

    def _together(self, batches: Sequence[Batch]) -> Tensor:
        given, target = (torch.stack([getattr(batch, name) for batch in batches]) for name in ("given", "target"))
        wanted: list[tuple[Tensor, Tensor]] = []
        losses = products.losses(self._forward(given, wanted).float(), target, self.begun.task)
        back = torch.ones_like(losses) / losses.shape[1]  # of the mean over each network's batch
        gradients = torch.autograd.grad(losses, [leaf for leaf, _ in wanted], back)
        for (_, into), gradient in zip(wanted, gradients, strict=True):
            into.copy_(gradient)
        return -losses.detach()

    def _apart(self, k: int, batch: Batch) -> Tensor:
        """Gradients of one network, in the very way that it goes alone."""
        given, target, module = settled(batch.given), settled(batch.target), self.modules[k]
        with alone(module, len(given)):
            made = outputs.checked(module(given), len(given), self.begun.outputs, self.begun.task)
            losses = outputs.losses(made.float(), target, self.begun.task, None)
        gradients = torch.autograd.grad(losses.mean(), self.every[k])
        for first, gradient in zip(self.every[0], gradients, strict=True):
            self.block.gradient(first)[k].copy_(gradient)
        return -losses.detach()

    def _forward(self, given: Tensor, wanted: list[tuple[Tensor, Tensor]]) -> Tensor:
        """(networks, batch, ...) through all layers; the leaves of which gradients are wanted, and where these go."""
        for layer in self.layers:
            first = layer[0]
            if isinstance(first, nn.Linear):
                weight, bias = (
                    self.leaves[id(first.weight)],
                    None if first.bias is None else self.leaves[id(first.bias)],
                )
                if products.is_one_call(given, weight, biased=bias is not None):
                    given = products.linear(given, weight, bias)
                    wanted += [(self.leaves[id(held)], self.block.gradient(held)) for held in first.parameters()]
                    continue
            given = through(layer, given)
            for held in by_name(layer):
                wanted += zip(held, self.block.gradient(held[0]), strict=True)
        shape = (*given.shape[:2], self.begun.outputs)
        if given.shape != shape:
            msg = f"these layers give {tuple(given.shape)} where {shape} is wanted"
            raise ValueError(msg)
        return given


# -- whether it pays ---------------------------------------------------------------------------------------------------


def _pays(courses: Sequence[Course]) -> bool:
    """Whether one program gives the same bits, faster; tried once for each combination of shapes."""
    first, device = courses[0], str(courses[0].device)
    size = min(first.learner.batch_size, *(len(course.data) for course in courses))
    moved = repr([options(group) for group in first.optimizer.param_groups])
    mover = (type(first.optimizer), moved, bool(first.optimizer.state))
    kind = (shape_of(layers_of(first.module) or ()), first.begun.task, first.begun.shape)
    key = ("trained", kind, mover, size, len(courses), torch.get_num_threads(), device)
    if key not in PAYS:
        try:
            PAYS[key] = _tried(courses, size)
        except (RuntimeError, ValueError):  # layers that do not fit each other: alone, this becomes a sentence
            PAYS[key] = False
    return PAYS[key]


def _tried(courses: Sequence[Course], size: int) -> bool:
    """A few steps of copies of the courses, both ways, on random numbers; the last with batches of several sizes."""
    random = torch.Generator().manual_seed(0)
    twins = [_twin(course, random) for course in courses]
    others = [_twin(course) for course in twins]
    program = Program(others)
    took = []
    steps = max(STEPS, min(SEEN // (len(courses) * min(held.numel() for held in program.every[0])), MOST))
    for turn in range(steps + 1):
        sizes = [size - (k % 2 if turn == steps and size > 2 else 0) for k in range(len(courses))]
        batches = [_drawn(twin, count, random) for twin, count in zip(twins, sizes, strict=True)]
        own, alone_ = timed(partial(_each_stepped, twins, batches))
        fits, shared = timed(partial(program.step, batches))
        if not all(map(same, own, fits)):
            return False
        took.append((alone_, shared))
    program.block.hand_back()
    return all(map(_ended_alike, twins, others)) and faster(*(min(way) for way in zip(*took[1:steps], strict=True)))


def faster(alone: float, shared: float) -> bool:
    """Whether one program is faster, by the clock."""
    return shared < alone


def _twin(course: Course, random: torch.Generator | None = None) -> Course:
    """A course with a module and optimiser of its own; a little noise leaves no weight at zero."""
    made = copy(course)
    made.module, made.optimizer = deepcopy((course.module, course.optimizer))
    made.schedule, made.fits = None, []
    for held in made.module.parameters() if random is not None else ():
        held.data.add_(torch.randn(held.shape, generator=random).to(held) / 20)
    return made


def _drawn(course: Course, size: int, random: torch.Generator) -> Batch:
    begun, rows = course.begun, torch.arange(size).numpy()
    given = torch.randn((size, *begun.shape), generator=random).to(course.device, course.inputs.dtype)
    target = products.drawn_targets((size,), begun.outputs, begun.task, random)
    return Batch(rows, given, target.to(course.device))


def _each_stepped(courses: Sequence[Course], batches: Sequence[Batch]) -> list[Tensor]:
    """A step of each course alone, and how well each record fitted."""
    for course, batch in zip(courses, batches, strict=True):
        course.fits.append(torch.full((len(batch.rows),), torch.nan))
        course.step(batch)
    return [course.fits[-1].to(course.device) for course in courses]


def _ended_alike(one: Course, other: Course) -> bool:
    """Whether two courses have the same weights, buffers and states of the optimiser."""
    held = [chain(_tensors(each.module.state_dict()), _tensors(each.optimizer.state_dict())) for each in (one, other)]
    return all(same(mine, its) for mine, its in zip(*held, strict=True))


def _tensors(held: Any) -> Iterator[Tensor]:
    """All tensors in the state of a module or optimiser."""
    if isinstance(held, Tensor):
        yield held.detach()
    elif isinstance(held, dict | list | tuple):
        for part in held.values() if isinstance(held, dict) else held:
            yield from _tensors(part)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What the work gives, and its seconds."""
    _wait()
    begun = time.perf_counter()
    made = work()
    _wait()
    return made, time.perf_counter() - begun


def _wait() -> None:
    """Until the GPU has done what it was given, where one is in use."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
