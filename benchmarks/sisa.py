"""SISA against retraining, by the clock: what one owner costs, what more requests cost, what a million rows need.

Everything is measured in one run on one machine, wall clock with all I/O (checkpoints are put and found in the store),
one thread. Data: MNIST by writer and Adult by row from the folder that ``EXPUNGE_DATA`` names; where it is absent,
``make_classification`` of the same size. Prints Markdown, writes it to ``benchmarks/results/sisa.md`` with ``--write``.

    python benchmarks/sisa.py [--write] [--quick]
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow.parquet as pq
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from expunge import (
    Owners,
    Quote,
    Records,
    Retrain,
    Run,
    Sisa,
    SklearnLearner,
    Table,
    expected_cost,
    fingerprint,
)

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("EXPUNGE_DATA", ROOT.parent / "shared" / "data"))
KEY = b"the benchmark's key"
NOTES = """
The formulas count record visits. Logistic regression converges in fewer passes on a shard than on everything, so it
gains more than they say; what every request pays besides its shard shows where a visit is cheap. A warm start (its cost
as a share of one retraining) goes on from the model that met the record: nothing can be claimed of it. Times of one
request vary with the shard that it hits.
"""


@dataclass(frozen=True)
class Task:
    """One data set, the model that learns it well, and how it is sharded."""

    name: str
    data: Table
    test: Table
    learner: Any
    shards: int
    slices: int = 1


def timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """What the work gives, its wall-clock seconds, and its CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, time.perf_counter() - wall, time.process_time() - cpu


def mnist(rows: int | None) -> tuple[str, Table, Table]:
    """60,000 digits of 539 writers, and 10,000 of 297 others."""
    if not (DATA / "mnist.npz").exists():
        return generated("make_classification, the size of MNIST", 60_000, 784, 10, 539, rows)
    with np.load(DATA / "mnist.npz", allow_pickle=False) as file:
        pixels, digits, writers = (
            np.concatenate([file[f"{name}_train"], file[f"{name}_test"]]) for name in ("x", "y", "writer")
        )
    whole = Table.from_arrays(pixels.reshape(70_000, -1).astype(np.float32) / 255, digits, None, writers)
    return "MNIST by writer", whole.take(slice(0, rows or 60_000)), whole.take(slice(60_000, None))


def adult(rows: int | None) -> tuple[str, Table, Table]:
    """32,561 people, and 16,281 others; nothing is fitted: logarithms of numbers, a public list of categories."""
    if not (DATA / "adult.parquet").exists():
        return generated("make_classification, the size of Adult", 32_561, 104, 2, None, rows)
    frame = pq.read_table(DATA / "adult.parquet")
    features = [
        _one_hot(values.to_pylist()) if str(values.type) == "large_string" else np.log1p(values.to_numpy())[:, None]
        for name, values in zip(frame.column_names, frame.columns, strict=True)
        if name not in ("row_id", "fnlwgt", "income", "split")
    ]
    train = np.array(frame.column("split").to_pylist()) == "train"
    whole = Table.from_arrays(np.hstack(features), frame.column("income"), frame.column("row_id"))
    return "Adult by row", whole.take(np.flatnonzero(train)[:rows]), whole.take(~train)


def generated(
    name: str, n: int, d: int, classes: int, owners: int | None, rows: int | None
) -> tuple[str, Table, Table]:
    """Data of the same size where the real ones are absent."""
    X, y = make_classification(
        n + 5000, d, n_informative=min(d, 30), n_classes=classes, n_clusters_per_class=1, random_state=0
    )
    who = None if owners is None else np.random.default_rng(0).integers(0, owners, n + 5000)
    whole = Table.from_arrays(X.astype(np.float32), y, None, who)
    return name, whole.take(slice(0, rows or n)), whole.take(slice(n, n + 5000))


def _one_hot(values: list[Any]) -> Any:
    """Categories in sorted order: a public list of this data set."""
    names = sorted({str(value) for value in values})
    place = {name: k for k, name in enumerate(names)}
    return np.eye(len(names))[[place[str(value)] for value in values]]


# -- what is measured --------------------------------------------------------------------------------------------------


def row(cells: list[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |\n"


def head(*cells: str) -> str:
    """The first two lines of one."""
    return "\n" + row(list(cells)) + row(["---"] * len(cells))


def machine(*packages: str) -> str:
    """What a figure was measured on, for the line above it."""
    versions = "".join(f", {name} {version(name)}" for name in packages)
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}{versions}"


def told(parts: Iterable[str], file: str | None) -> None:
    """Print a report while it is made; and write it among the results."""
    said = []
    for part in parts:
        print(part, end="", flush=True)
        said.append(part)
    if file is not None:
        results = Path(__file__).parent / "results"
        results.mkdir(exist_ok=True)
        (results / file).write_text("".join(said), encoding="utf-8")


def accuracy(method: Any, model: Any, test: Table) -> float:
    """Share of right decisions on records that no model has seen."""
    return float(np.mean(np.array(model.classes)[method.predict(model, test).argmax(axis=1)] == test.label))


def one_owner(task: Task, owners: int) -> Iterator[str]:
    """Mean over owners: CPU and wall clock of forgetting, against its shards' share of learning everything again."""
    method, run = Sisa(task.learner, shards=task.shards, slices=task.slices), Run(key=KEY)
    model, wall, cpu = timed(lambda: method.learn(task.data, run))
    names = np.unique(np.asarray(task.data.units))
    chosen = np.random.default_rng(1).choice(names, owners, replace=False)
    whole, spent = method.visits(task.data, run), []
    for name in chosen:
        target = Owners([name])
        quote = method.quote(model, target, task.data, run)
        store = dict(run.store)
        done, seconds, work = timed(lambda t=target: method.forget(model, t, task.data, run))  # type: ignore[misc]
        run.store.clear()
        run.store.update(store)  # each owner leaves the same model
        assert isinstance(quote, Quote)
        assert quote.examples == done.examples
        spent.append((seconds, work, done.examples / whole))
    seconds, work, share = np.mean(spent, axis=0)
    proof = method.forget(model, Owners(chosen[:1]), task.data, run)
    same = fingerprint(proof.model) == fingerprint(method.learn(task.data.after(Owners(chosen[:1])), run.afresh()))
    cells = [
        f"{task.name}, S={task.shards}, R={task.slices}",
        f"{wall:.2f} / {cpu:.2f}",
        f"{seconds:.3f} / {work:.3f}",
        f"{wall / seconds:.1f}x",
        f"{share:.4f}",
        f"{work / cpu:.4f}",
        f"**{work / (cpu * share):.2f}**",
        "yes" if same else "NO",
    ]
    yield row(cells)


def warm_start(estimator: Any, data: Table) -> float:
    """Seconds to go on with the single model on all records but one, as a frugal engineer would."""
    features, label, going_on = data.features[1:], np.asarray(data.label)[1:], deepcopy(estimator)
    going_on.warm_start = True
    with threadpool_limits(limits=1):
        return timed(lambda: going_on.fit(features, label))[1]


def many_requests(task: Task, counts: tuple[int, ...]) -> Iterator[str]:
    """K deletions, one by one and as a batch, against K (or one) retrainings of a single competent model."""
    method, single = Sisa(task.learner, shards=task.shards, slices=task.slices), Retrain(task.learner)
    alone, once, _ = timed(lambda: single.learn(task.data, Run(key=KEY)))
    warm = warm_start(alone.estimator, task.data) / once
    run = Run(key=KEY)
    model = method.learn(task.data, run)
    gap = accuracy(single, alone, task.test) - accuracy(method, model, task.test)
    ids = np.random.default_rng(2).permutation(np.asarray(task.data.ids))
    n = len(task.data)
    for count in counts:
        current, data, own, total = model, task.data, Run(key=KEY, store=dict(run.store)), 0.0
        for name in ids[:count]:
            held, before = current, data
            done, seconds, _ = timed(lambda i=name, m=held, d=before, r=own: method.forget(m, Records([i]), d, r))  # type: ignore[misc]
            current, data, total = done.model, before.after(Records([name])), total + seconds
        batch = Run(key=KEY, store=dict(run.store))
        _, at_once, _ = timed(lambda k=count, r=batch: method.forget(model, Records(ids[:k]), task.data, r))  # type: ignore[misc]
        formula = [expected_cost(n, task.shards, task.slices, count, batch=how) for how in (False, True)]
        cells = [
            f"{task.name}, S={task.shards}, R={task.slices}",
            str(count),
            f"{once * count / total:.2f}x",
            f"{n * count / formula[0]:.2f}x",
            f"{once / at_once:.2f}x",
            f"{n / formula[1]:.2f}x",
            f"{100 * gap:.1f}",
            f"{warm:.2f}",
        ]
        yield row(cells)


def million(rows: int) -> Iterator[str]:
    """Peak memory of a fresh process that makes a table, learns it in 16 shards and forgets one owner."""
    said = subprocess.run(
        [sys.executable, __file__, "--million", str(rows)], capture_output=True, text=True, check=True
    )
    yield said.stdout


def _million(rows: int) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(rows, 20))
    table, made, _ = timed(
        lambda: Table.from_arrays(X, (X[:, 0] > 0).astype(int), None, random.integers(0, rows // 10, rows))
    )
    method, run = Sisa(SGDClassifier(max_iter=5, tol=None), shards=16), Run(key=KEY)
    model, learned, _ = timed(lambda: method.learn(table, run))
    _, quoted, _ = timed(lambda: method.quote(model, Owners([7]), table, run))
    _, forgot, _ = timed(lambda: method.forget(model, Owners([7]), table, run))
    peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    times = [f"{seconds:.2f}" for seconds in (made, learned, quoted, forgot)]
    print(row([f"{rows:,} x 20", *times, f"**{int(peak) / 2**20:.2f} GiB**"]), end="")


def report(*, quick: bool) -> Iterator[str]:
    """The whole, as Markdown."""
    warnings.simplefilter("ignore")  # training is short on purpose, as in the paper
    rows, owners = (3000, 5) if quick else (None, 30)
    yield "# SISA against retraining\n\n"
    yield f"`python benchmarks/sisa.py --write{' --quick' if quick else ''}`: "
    yield "one run, one thread, wall clock with all I/O. "
    yield f"{machine('scikit-learn', 'numpy')}. Key and seeds are fixed in the file.\n\n"
    network = SklearnLearner(MLPClassifier((64,), batch_size=64, max_iter=6, tol=0.0, n_iter_no_change=6), epochs=6)
    linear = LogisticRegression(max_iter=1000)
    tasks = [
        Task(*mnist(rows), network, shards=8),
        Task(*mnist(rows), network, shards=8, slices=5),
        Task(*adult(rows), linear, shards=20),
        Task(*adult(rows), linear, shards=20, slices=5),
    ]
    yield f"## One owner\n\nMean over {owners} owners (of Adult: rows), each leaving one model. The bound is 1.25.\n"
    yield head(
        "data", "learn all, s (wall / CPU)", "forget one, s (wall / CPU)", "speed-up",
        "visits, share", "CPU, share", "CPU / visits", "same bits",
    )  # fmt: skip
    for task in tasks:
        yield from one_owner(task, owners)
    yield "\n## More requests, against a single model that is not sharded\n"
    yield head(
        "data", "requests", "one by one", "formula", "one batch", "formula", "accuracy given up, points", "warm start"
    )
    for task in (tasks[0], tasks[2], tasks[3]):
        yield from many_requests(task, (1, 8, 18, 39))
    yield NOTES
    yield "\n## A million rows\n"
    yield head("rows", "table, s", "learn, s", "quote, s", "forget one owner, s", "peak memory of the process")
    yield from million(50_000 if quick else 1_000_000)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/sisa.md")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows: to try the recipe, not for figures")
    parser.add_argument("--million", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.million:
        _million(given.million)
        return
    told(report(quick=given.quick), "sisa.md" if given.write else None)


if __name__ == "__main__":
    main()
