"""ARCANE against a single model and against SISA: accuracy, and what a record, a person, a class and a batch cost.

MNIST by writer and Adult by row from the folder that ``EXPUNGE_DATA`` names; where it is absent,
``make_classification`` of the same size. Everything is measured in one run on one machine with one thread, wall clock
with all I/O. The single models and SISA's shards are discriminative (they see all classes), ARCANE's are not: that is
what is compared. SISA has as many shards as there are classes, and five times as many on Adult. Each request of a table
starts from the same model; of each kind one forgotten model is compared with what learns without, by fingerprint.

Settings are not searched. What PCA, one-class SVMs, forests, mixtures and densities reach was looked at once on 3,000
of the digits and 4,000 of the rows that are asked here, so ARCANE's figures are, if anything, a little flattered.

    python benchmarks/arcane.py [--write] [--quick]
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import torch
from sisa import accuracy, adult, head, machine, mnist, row, timed, told
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.svm import OneClassSVM
from torch import nn

from expunge import (
    Arcane,
    Label,
    Owners,
    Quote,
    Records,
    Retrain,
    Run,
    Sisa,
    Table,
    TorchLearner,
    expected_cost,
    fingerprint,
)
from expunge.learners.torch import Autoencoder

KEY = b"the benchmark's key"
EPOCHS = 10
BATCH = (8, 39)
NOTES = """
*Visits* are record visits of the request, by those of learning everything under the same setting: exact, and the same
on every machine. *Formula*: what `expected_cost` and `Arcane.expected_cost` expect for one record. A fit of
scikit-learn counts as one visit of each record, whatever it takes; a record that is scored to calibrate counts as one.
"""


def network(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """The single network, and that of SISA's shards."""
    return nn.Sequential(nn.Linear(shape[0], 64), nn.ReLU(), nn.Linear(64, outputs))


def narrow(shape: tuple[int, ...]) -> nn.Module:
    """An autoencoder with 64 numbers in the middle."""
    return nn.Sequential(nn.Linear(shape[0], 64), nn.ReLU(), nn.Linear(64, shape[0]))


def trained(factory: Any, epochs: int) -> TorchLearner:
    """A network and how it is trained."""
    return TorchLearner(factory, partial(torch.optim.Adam, lr=0.002), epochs=epochs, device="cpu", log=False)


@dataclass(frozen=True)
class Arm:
    """One way to learn a data set."""

    name: str
    method: Any

    @property
    def parted(self) -> bool:
        """Whether it forgets for less than everything."""
        return not isinstance(self.method, Retrain)


def digits(epochs: int) -> list[Arm]:
    """What is compared on MNIST."""
    mlp, coder = trained(network, epochs), Autoencoder(trained(narrow, epochs))
    return [
        Arm("single network", Retrain(mlp)),
        Arm("SISA, S=10", Sisa(mlp, shards=10)),
        Arm("SISA, S=10, R=5", Sisa(mlp, shards=10, slices=5)),
        Arm("ARCANE, autoencoder, none", Arcane(coder, calibration="none")),
        Arm("ARCANE, autoencoder, ranks", Arcane(coder)),
        Arm("ARCANE, autoencoder, none, R=5", Arcane(coder, slices=5, calibration="none")),
        Arm("ARCANE, PCA(20), none", Arcane(PCA(20), calibration="none")),
        Arm("ARCANE, PCA(20), ranks", Arcane(PCA(20))),
    ]


def people() -> list[Arm]:
    """What is compared on Adult."""
    linear, svm = LogisticRegression(max_iter=1000), OneClassSVM(gamma=0.1, nu=0.1)
    return [
        Arm("single logistic regression", Retrain(linear)),
        Arm("SISA, S=2", Sisa(linear, shards=2)),
        Arm("SISA, S=10", Sisa(linear, shards=10)),
        Arm("ARCANE, PCA(20), ranks", Arcane(PCA(20))),
        Arm("ARCANE, one-class SVM, ranks, subset=0.25", Arcane(svm, subset=0.25)),
    ]


# -- what is measured --------------------------------------------------------------------------------------------------


def requests(data: Table, count: int) -> dict[str, list[Any]]:
    """Some requests of each kind, drawn once."""
    random = np.random.default_rng(1)
    ids = random.permutation(np.asarray(data.ids)).tolist()
    asked: dict[str, list[Any]] = {"a record": [Records([name]) for name in ids[:count]]}
    if data.owners is not None:
        writers = random.permutation(np.unique(np.asarray(data.owners)))[:count].tolist()
        asked["a writer"] = [Owners([name]) for name in writers]
    asked["a class"] = [Label(name) for name in data.present[: max(2, count // 3)]]
    for size in BATCH:
        asked[f"{size} records at once"] = [Records(ids[count + size * k : count + size * (k + 1)]) for k in range(2)]
    return asked


def spent(arm: Arm, model: Any, targets: list[Any], data: Table, run: Run) -> tuple[float, float]:
    """Mean seconds and record visits of forgetting each of these, every time from the same model and store."""
    found = []
    for target in targets:
        own = Run(KEY, store=dict(run.store))
        quote = arm.method.quote(model, target, data, own)
        done, seconds, _ = timed(lambda t=target, o=own: arm.method.forget(model, t, data, o))  # type: ignore[misc]
        assert isinstance(quote, Quote)
        assert quote.examples == done.examples
        found.append((seconds, done.examples))
    seconds, visits = np.mean(found, axis=0)
    without = arm.method.learn(data.after(targets[-1]), Run(KEY))
    assert fingerprint(done.model) == fingerprint(without), f"{arm.name}: not the model learned without"
    return float(seconds), float(visits)


def formula(arm: Arm, data: Table) -> str:
    """What one record is expected to cost, as a share of one epoch over everything."""
    if isinstance(arm.method, Sisa):
        return f"{expected_cost(len(data), arm.method.shards, arm.method.slices) / len(data):.3f}"
    sizes = np.unique(np.asarray(data.label), return_counts=True)[1].tolist()
    return f"{Arcane.expected_cost(sizes, arm.method.slices) / len(data):.3f}" if arm.parted else ""


def compared(arms: list[Arm], data: Table, test: Table, count: int) -> Iterator[str]:
    """Two tables: accuracy of all, and what requests cost those that can forget."""
    asked, costs = requests(data, count), []
    yield head("model", "learn, s", "right on others, %", "given up, points")
    best = None
    for arm in arms:
        print(arm.name, file=sys.stderr)
        run = Run(KEY)
        model, seconds, _ = timed(lambda a=arm, r=run: a.method.learn(data, r))  # type: ignore[misc]
        right = accuracy(arm.method, model, test)
        best = right if best is None else best
        yield row([arm.name, f"{seconds:.1f}", f"{100 * right:.1f}", f"{100 * (best - right):.1f}"])
        if arm.parted:
            whole, cells = arm.method.visits(data, Run(KEY)), [arm.name, formula(arm, data)]
            for targets in asked.values():
                took, visits = spent(arm, model, targets, data, run)
                cells.append(f"{visits / whole:.3f} ({took:.2f} s)")
            costs.append(row(cells))
    yield f"\nVisits of a request as a share of those of learning everything, and seconds. Means; {count} records.\n"
    yield head("model", "formula, a record", *asked)
    yield from costs


def calibrations(learners: dict[str, Any], data: Table, test: Table) -> Iterator[str]:
    """Accuracy by learner, calibration, and whether what was learned from calibrates."""
    ways: list[tuple[Any, float]] = [
        ("none", 0.0),
        *((kind, out) for kind in ("standard", "ranks") for out in (0.0, 0.2)),
    ]
    yield head("learner", *(kind if kind == "none" else f"{kind}, held_out={out:g}" for kind, out in ways))
    for name, learner in learners.items():
        print(name, file=sys.stderr)
        cells = [name]
        for kind, out in ways:
            method = Arcane(learner, calibration=kind, held_out=out)
            cells.append(f"{100 * accuracy(method, method.learn(data, Run(KEY)), test):.1f}")
        yield row(cells)


def report(*, quick: bool) -> Iterator[str]:
    """The whole, as Markdown."""
    warnings.simplefilter("ignore")
    rows, count, few = (1500, 3, 600) if quick else (12_000, 10, 4000)
    yield "# ARCANE against a single model and SISA\n\n"
    yield f"`python benchmarks/arcane.py --write{' --quick' if quick else ''}`: one run, one thread, wall clock. "
    yield f"{machine('scikit-learn', 'numpy', 'torch')}. Key and seeds are fixed in the file. "
    yield "Every forgotten model that was compared had the fingerprint of the one learned without.\n"
    name, data, test = mnist(rows)
    yield f"\n## {name}, {rows:,} records\n"
    yield from compared(digits(3 if quick else EPOCHS), data, test, count)
    name, table, others = adult(rows if quick else None)
    yield f"\n## {name}, {len(table):,} records\n"
    yield from compared(people(), table, others, count)
    yield NOTES
    yield f"\n## Calibration: right on others, %\n\nMNIST, {few:,} records\n"
    densities = {"PCA(20)": PCA(20), "IsolationForest()": IsolationForest()}
    seen = {
        **densities,
        "KernelDensity()": KernelDensity(),
        "OneClassSVM(gamma=0.02, nu=0.1)": OneClassSVM(gamma=0.02, nu=0.1),
    }
    yield from calibrations(seen, data.take(slice(0, few)), test.take(slice(0, few // 2)))
    yield f"\nAdult, {few:,} records\n"
    known = {**densities, "KernelDensity(bandwidth=0.5)": KernelDensity(bandwidth=0.5)}
    known |= {
        "GaussianMixture(5)": GaussianMixture(5, reg_covar=0.01),
        "OneClassSVM(gamma=0.1, nu=0.1)": OneClassSVM(gamma=0.1, nu=0.1),
    }
    yield from calibrations(known, table.take(slice(0, few)), others.take(slice(0, few // 2)))


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/arcane.md")
    parser.add_argument(
        "--quick", action="store_true", help="an eighth of the rows: to try the recipe, not for figures"
    )
    given = parser.parse_args()
    told(report(quick=given.quick), "arcane.md" if given.write else None)


if __name__ == "__main__":
    main()
