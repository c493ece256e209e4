"""Dozens of small networks, one after the other and as one program: what training and asking them together gains.

Everything is measured in one run on one machine, wall clock, and each figure is the least of several turns that
alternate. The bits are compared too: both ways must give the same models and the same scores. Data are generated.
Prints Markdown, writes it to ``benchmarks/results/together.md`` with ``--write``.

    python benchmarks/together.py [--write] [--quick]
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from expunge import Run, Table, fingerprint
from expunge.learners.torch import TorchLearner, asked, block, cosine, products, stacked

T = TypeVar("T")
RECORDS, FEATURES, CLASSES = 750, 40, 10
NOTES = """
"Together" is `learn_together` and `predict_together` with the learner's default of 16 at most to a program; "alone" is
`learn` and `predict`, one after the other. In a first turn each combination of shapes is also tried: which products
have the same bits in one call, and whether it pays. Where a bit differs a layer is computed network by network; where
nothing is gained, each goes alone, as networks with convolutions always do.
"""


@dataclass(frozen=True)
class Task:
    """One kind of network, how many of them, and how many records each has."""

    name: str
    learner: TorchLearner
    networks: int
    spread: int = 0


def mlp(outputs: int, *, inner: int = 128) -> nn.Module:
    """A network of two inner layers."""
    return nn.Sequential(
        nn.Linear(FEATURES, inner), nn.ReLU(), nn.Linear(inner, inner), nn.ReLU(), nn.Linear(inner, outputs)
    )


def cnn(outputs: int) -> nn.Module:
    """A small network with convolutions, over the features as an image of 5 by 8."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 5, 8)), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, outputs)
    )


def generated(records: int, seed: int) -> Table:
    """Records of ten classes."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(records, FEATURES)).astype(np.float32)
    return Table.from_arrays(X, X[:, :CLASSES].argmax(1), classes=list(range(CLASSES)))


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What the work gives, and its wall-clock seconds."""
    begun = time.perf_counter()
    made = work()
    return made, time.perf_counter() - begun


def turns(ways: tuple[Callable[[], Any], Callable[[], Any]], count: int) -> tuple[list[Any], list[float]]:
    """What both ways give, and the least seconds of each, in turns."""
    least, made = [np.inf, np.inf], [None, None]
    for _ in range(count):
        for k, way in enumerate(ways):
            made[k], seconds = timed(way)
            least[k] = min(least[k], seconds)
    return made, least


def row(cells: list[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |\n"


def measured(task: Task, threads: int, count: int, test: Table) -> Iterator[str]:
    """Training and asking, both ways."""
    sizes = RECORDS + np.random.default_rng(0).integers(-task.spread, task.spread + 1, task.networks)
    data = [generated(int(size), seed) for seed, size in enumerate(sizes)]
    learner = task.learner

    def runs() -> list[Run]:
        return [Run(key=b"%d" % k, threads=threads) for k in range(task.networks)]

    torch.set_num_threads(threads)  # for asking; learning takes those of its run
    for known in (stacked.PAYS, products.EQUAL, block.ELEMENTWISE, asked.MET):
        known.clear()  # as in a process of its own
    first, first_s = timed(lambda: learner.learn_together(data, runs()))
    (models, others), (shared, alone) = turns(
        (
            lambda: learner.learn_together(data, runs()),
            lambda: [learner.learn(*each) for each in zip(data, runs(), strict=True)],
        ),
        count,
    )
    (scores, others_scores), (said, said_alone) = turns(
        (lambda: learner.predict_together(models, test), lambda: [learner.predict(model, test) for model in models]),
        count,
    )
    same = all(len({fingerprint(each) for each in three}) == 1 for three in zip(first, models, others, strict=True))
    same &= all(np.array_equal(*each) for each in zip(scores, others_scores, strict=True))
    cells = [
        task.name,
        str(threads),
        f"{alone:.2f}",
        f"{shared:.2f}",
        f"**{alone / shared:.2f}x**",
        f"{alone / first_s:.2f}x",
        f"{said_alone:.3f}",
        f"{said:.3f}",
        f"{said_alone / said:.2f}x",
        "yes" if same else "NO",
    ]
    yield row(cells)


def report(*, quick: bool) -> Iterator[str]:
    """The whole, as Markdown."""
    count, epochs, rows = (2, 3, 1500) if quick else (5, 10, 10_000)
    adam = partial(torch.optim.Adam, lr=0.001)
    learner = TorchLearner(mlp, adam, cosine, epochs=epochs)
    sgd = replace(learner, optimizer=partial(torch.optim.SGD, lr=0.05, momentum=0.9))
    tasks = [
        Task("32 MLPs 40-128-128-10, Adam", learner, 32),
        Task("64 MLPs 40-128-128-10, Adam", learner, 64),
        Task("64 MLPs 40-32-32-10, Adam", replace(learner, factory=partial(mlp, inner=32)), 64),
        Task("32 MLPs 40-128-128-10, SGD with momentum", sgd, 32),
        Task("32 MLPs 40-128-128-10, Adam, 735 to 765 records", learner, 32, spread=15),
        Task("16 CNNs (8 filters), Adam", replace(learner, factory=cnn), 16),
    ]
    yield "# Networks together\n\n"
    yield f"`python benchmarks/together.py --write{' --quick' if quick else ''}`: one run, wall clock. "
    yield f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
    yield f"torch {version('torch')}. {RECORDS} records each, batches of 64, {epochs} epochs with a cosine; "
    yield f"asked about {rows:,} records; least of {count} turns.\n\n"
    heads = (
        "networks", "threads", "train alone, s", "together, s", "gain", "in a first turn",
        "ask alone, s", "together, s", "gain", "same bits",
    )  # fmt: skip
    yield row(list(heads)) + row(["---"] * len(heads))
    TorchLearner(mlp, epochs=1).learn(generated(64, 0), Run(key=b"warm"))  # the first step of all imports half of torch
    test = generated(rows, 10**6)
    for threads in (1, 2):
        for task in tasks:
            yield from measured(task, threads, count, test)
    yield NOTES


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/together.md")
    parser.add_argument("--quick", action="store_true", help="few turns and epochs: to try the recipe, not for figures")
    given = parser.parse_args()
    said = []
    for part in report(quick=given.quick):
        print(part, end="", flush=True)
        said.append(part)
    if given.write:
        results = Path(__file__).parent / "results"
        results.mkdir(exist_ok=True)
        (results / "together.md").write_text("".join(said))


if __name__ == "__main__":
    main()
