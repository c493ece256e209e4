"""The table of deep.py on a second data set and a convolutional network: MNIST by writer, 5,000 records, 20 epochs.

Two requests: all digits of the writer who has most of them, and 100 records drawn at random. Records that a method may
read its aims off are strangers in the same way: of other writers, or other records of the same ones. The data come from
the folder that ``EXPUNGE_DATA`` names.

    python benchmarks/deep_cnn.py [--write] [--quick] [--requests one|100] [--only METHOD ...] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import torch
from _deep import Bench, Request, Row, Task
from deep import ARMS, MODELS, NOTES, table
from sisa import DATA, machine, mnist, told
from sisa_deep import images, of_writers

from expunge import Table, TorchLearner
from expunge.learners.torch import cosine

RECORDS, HELD, TEST = 5_000, 500, 2_000
LEARNER = TorchLearner(
    "_request.cnn", partial(torch.optim.SGD, lr=0.1, momentum=0.9), cosine, epochs=20, batch_size=100, device="cpu",
    shadow=0.2, rewind=10,
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A request: what is to be forgotten, and records that are strangers to the network as these should be."""

    title: str
    ids: list[int]
    held_out: Table


def digits() -> tuple[Task, list[Asked]]:
    """Digits to learn, of whole writers less some records that nobody learns; and both requests.

    Raises
    ------
    SystemExit
        Where the data are not there.
    """
    if not (DATA / "mnist.npz").is_file():
        msg = "this benchmark needs mnist.npz in the folder that EXPUNGE_DATA names"
        raise SystemExit(msg)
    _, train, test = mnist(None)
    drawn = images(of_writers(train, RECORDS + 2 * HELD))
    who, random = np.asarray(drawn.units), np.random.default_rng(5)
    names, numbers = np.unique(who, return_counts=True)
    order = random.permutation(len(names))
    strange = np.isin(who, names[order[: np.searchsorted(np.cumsum(numbers[order]), HELD) + 1]])
    known = random.permutation(np.flatnonzero(~strange))
    data = drawn.take(np.sort(known[HELD : HELD + RECORDS]))
    held = [drawn.take(np.flatnonzero(strange)), drawn.take(np.sort(known[:HELD]))]
    who, ids = np.asarray(data.units), np.asarray(data.ids)
    names, numbers = np.unique(who, return_counts=True)
    one, some = ids[who == names[numbers.argmax()]], random.permutation(ids)[:100]
    asked = [
        Asked(f"one writer's {len(one)} records", np.sort(one).tolist(), held[0]),
        Asked("100 records drawn", np.sort(some).tolist(), held[1]),
    ]
    return Task("mnist", LEARNER, data, held[0], images(test.take(np.arange(TEST)))), asked


def report(models: int, names: Sequence[str], only: Sequence[str], keep: Path) -> Iterator[str]:
    """Both requests, or the one that is named."""
    task, requests = digits()
    yield "# Approximate forgetting in a convolutional network\n\n"
    yield f"`python benchmarks/deep_cnn.py`: {models} networks an arm, {machine('torch', 'numpy')}.\n"
    bench = Bench(task, models, keep)
    arms = [arm for arm in ARMS if not only or arm.method in only]
    for each in requests:
        name = each.title.partition(" ")[0]
        if names and name not in names:
            continue
        bench.task = replace(task, held_out=each.held_out)
        rows: list[Row] = []
        yield f"\n## {each.title[0].upper()}{each.title[1:]}, of {len(task.data):,}\n"
        yield from table(Request(bench, name, each.ids).rows(arms), rows)
    yield NOTES


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/deep_cnn.md")
    parser.add_argument("--quick", action="store_true", help="4 networks: to try it, not for figures")
    parser.add_argument("--requests", nargs="*", default=[], choices=("one", "100"), help="one of the two")
    parser.add_argument("--only", nargs="*", default=[], metavar="METHOD", help="these methods, beside the controls")
    parser.add_argument("--keep", type=Path, help="a folder where networks are kept for the next time")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="expunge-deep-") as folder:
        parts = report(4 if given.quick else MODELS, given.requests, given.only, given.keep or Path(folder))
        told(parts, "deep_cnn.md" if given.write else None)


if __name__ == "__main__":
    main()
