"""Several networks asked about the same records, as one program where that gives the bits of one by one, and faster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from expunge.learners.torch import products, stacked
from expunge.learners.torch.layers import by_name, is_torchs, layers_of, shape_of, through
from expunge.learners.torch.products import same
from expunge.learners.torch.stacked import STEPS, timed
from expunge.learners.torch.surroundings import seed
from expunge.protocol import Run

ASKING = Run(key=b"no secret: answers belong to no run")
OFTEN = 12  # to try takes as long as to ask about so many times
MET: Counter[tuple[Hashable, ...]] = Counter()
"""How often the same was asked in this process, by shapes."""


class Asked:
    """Networks that are asked about the same records.

    Parameters
    ----------
    modules : sequence of nn.Module
        In evaluation mode.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.modules, self.plain = modules, [is_torchs(module) for module in modules]
        stacks = [layers_of(module, asked=True) for module in modules]
        known = [stack for stack in stacks if stack is not None]
        alike = len(known) == len(modules) > 1 and len({shape_of(stack) for stack in known}) == 1
        self.layers = list(zip(*known, strict=True)) if alike else None
        self.kind = shape_of(known[0]) if alike else ()
        self.weights = [
            [torch.stack(held) for held in by_name(layer)] if isinstance(layer[0], nn.Linear) else []
            for layer in self.layers or ()
        ]

    def scores(self, given: Tensor) -> list[Tensor]:
        """What each module gives for these records."""
        if self.layers is None:
            return self._each(given)
        count, threads = len(self.modules), torch.get_num_threads()
        key = ("asked", self.kind, given.shape, given.dtype, count, threads, str(given.device))
        MET[key] += 1
        if key not in stacked.PAYS and MET[key] > OFTEN:
            try:
                stacked.PAYS[key] = self._pays(given)
            except (RuntimeError, ValueError):  # layers that do not fit each other: each alone says so
                stacked.PAYS[key] = False
        return self._all(given) if stacked.PAYS.get(key) else self._each(given)

    def _each(self, given: Tensor) -> list[Tensor]:
        made = []
        for module, plain in zip(self.modules, self.plain, strict=True):
            if not plain:
                seed(ASKING, "asked")  # what draws though it is only asked gives each model the same answer twice
            made.append(module(given.clone()))  # a module may change what it is given in place
        return made

    def _all(self, given: Tensor) -> list[Tensor]:
        given = given.expand(len(self.modules), *given.shape).contiguous()
        for layer, weights in zip(self.layers or (), self.weights, strict=True):
            bias = weights[1] if len(weights) > 1 else None
            if weights and products.is_one_call(given, weights[0], biased=bias is not None):
                given = products.linear(given, weights[0], bias)
            else:
                given = through(layer, given)
        return list(given.unbind())

    def _pays(self, given: Tensor) -> bool:
        random, took = torch.Generator().manual_seed(0), []
        for _ in range(STEPS):
            drawn = torch.randn(given.shape, generator=random).to(given)
            own, alone_ = timed(partial(self._each, drawn))
            made, shared = timed(partial(self._all, drawn))
            if not all(map(same, own, made)):
                return False
            took.append((alone_, shared))
        return stacked.faster(*(min(way) for way in zip(*took[1:], strict=True)))
