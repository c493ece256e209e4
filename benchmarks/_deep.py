"""What benchmarks of approximate forgetting in networks share: data, the network, the arms, and how they are scored.

An arm is some tens of models that differ in nothing but their key. Each was learned from all records, and forgot the
same ones; the attack is fitted on one half of them and judged on the other (`expunge.measures.lira`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from expunge import Records, Run, Table, TorchLearner
from expunge.catalog import load
from expunge.codec import decode, encode
from expunge.errors import LearnError, RefusedError
from expunge.learners.torch import Net, cosine
from expunge.measures.auc import rank_auc
from expunge.measures.lira import Lira, lira
from expunge.measures.margin import margins

LEAST = -12.0  # log-probabilities below it count as it
MORE = partial(torch.optim.AdamW, lr=1e-3, weight_decay=1e-4)  # of the three epochs on retained records


def mlp() -> nn.Module:
    """40-128-128-10."""
    return nn.Sequential(nn.Linear(40, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))


LEARNER = TorchLearner(
    mlp, partial(torch.optim.AdamW, lr=2e-3, weight_decay=1e-4), cosine, epochs=40, batch_size=100, device="cpu",
    shadow=0.2, rewind=20, together=32,
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """Records to learn, records a method may read its aims off, records nobody may use but the score."""

    name: str
    learner: TorchLearner
    data: Table
    held_out: Table
    test: Table


def mnist1d(rows: int = 1500, held: int = 500) -> Task:
    """The package's own data, from its own generator: nothing is fetched.

    Raises
    ------
    SystemExit
        Where the package is not installed.
    """
    try:
        package = import_module("mnist1d.data")
    except ModuleNotFoundError as missing:
        msg = f"this benchmark needs the package {missing.name!r}: pip install mnist1d requests"
        raise SystemExit(msg) from missing
    made = package.make_dataset(package.get_dataset_args())
    x, y = np.asarray(made["x"], np.float32), np.asarray(made["y"], np.int64)
    test = Table.from_arrays(np.asarray(made["x_test"], np.float32), np.asarray(made["y_test"], np.int64))
    data = Table.from_arrays(x[:rows], y[:rows])
    return Task("mnist1d", LEARNER, data, Table.from_arrays(x[rows : rows + held], y[rows : rows + held]), test)


# -- arms --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arm:
    """A method with its settings; ``shadowless``: from models that have a training log alone."""

    title: str
    method: str
    settings: dict[str, Any]
    shadowless: bool = False
    held_out: bool = False

    def made(self, task: Task) -> Any:
        """The method itself."""
        learner = replace(task.learner, shadow=0.0) if self.shadowless else task.learner
        given = {"held_out": task.held_out} if self.held_out else {}
        return load(self.method)(learner, **given, **self.settings)


@dataclass(frozen=True)
class Answers:
    """What an arm says: accuracies by model, and scores of the forgotten records."""

    retained: np.ndarray
    forgotten: np.ndarray
    test: np.ndarray
    margins: np.ndarray
    scores: np.ndarray
    auc: float


@dataclass(frozen=True)
class Row:
    """One line of the table; shares of the oracle's own work, differences from the oracle's accuracies."""

    arm: str
    cost: float
    extra: float
    retained: float
    forgotten: float
    test: float
    tug: float
    auc: float
    margin: Lira | None
    vector: Lira | None
    after: float
    after_margin: float
    said: str = ""


class Bench:
    """One data set and its original models, learned once and kept in a folder where one is named."""

    def __init__(self, task: Task, models: int, keep: Path | None) -> None:
        self.task, self.models, self.keep = task, models, keep
        self.original = self.made("original", lambda: self.learned(task.learner, task.data, "original"))

    def runs(self, name: str) -> list[Run]:
        """A run for each model of an arm."""
        return [Run(key=f"{self.task.name}/{name}/{k}".encode()) for k in range(self.models)]

    def made(self, name: str, work: Callable[[], list[Net]]) -> list[Net]:
        """Networks from the folder, or made now."""
        file = None if self.keep is None else self.keep / f"{self.task.name}-{name}-{self.models}"
        if file is not None and file.exists():
            nets: list[Net] = decode(file.read_bytes(), trusted=True)
            return nets
        nets = work()
        if file is not None:
            file.parent.mkdir(exist_ok=True, parents=True)
            file.write_bytes(encode(nets))
        return nets

    def learned(self, learner: TorchLearner, data: Table, name: str) -> list[Net]:
        """A network for each run of an arm."""
        print(f"learning {self.models} networks: {name}", file=sys.stderr)
        return learner.learn_together([data] * self.models, self.runs(name))


class Request:
    """Some records to forget, with the oracle's answers."""

    def __init__(self, bench: Bench, name: str, ids: Sequence[int]) -> None:
        self.bench, self.task, self.name = bench, bench.task, name
        self.target = Records(ids)
        self.retained, self.forgotten = self.task.data.after(self.target), self._of(ids)
        self.plain = replace(self.task.learner, shadow=0.0, rewind=None, log=False)
        self.whole = self.plain.epochs * len(self.retained)

    def _of(self, ids: Sequence[int]) -> Table:
        return self.task.data.take(np.isin(np.asarray(self.task.data.ids), ids))

    def oracle(self, number: int) -> list[Net]:
        """Networks that never met the records."""
        name = f"{self.name}-oracle{number}"
        return self.bench.made(name, lambda: self.bench.learned(self.plain, self.retained, name))

    def fresh(self, epochs: int) -> list[Net]:
        """New networks, trained on what stays for as many passes as a method takes."""
        return self.bench.learned(replace(self.plain, epochs=epochs), self.retained, f"{self.name}-fresh")

    @cached_property
    def reference(self) -> tuple[Answers, Answers]:
        """The oracle's answers, as it is and after three more epochs."""
        nets = self.oracle(1)
        return self.answers(nets), self.answers(self.after(nets))

    def after(self, nets: list[Net]) -> list[Net]:
        """The networks after three more epochs on retained records alone."""
        learner = replace(self.plain, optimizer=MORE, epochs=3)
        bare = [replace(net, log=None, going=None, shadow=None) for net in nets]
        return learner.go_on_together(bare, [self.retained] * len(nets), 3, self.bench.runs("after")[: len(nets)], 3)

    def answers(self, nets: list[Net]) -> Answers:
        """What networks say of the three parts."""
        stays, goes, test = (
            self.plain.predict_together(nets, part) for part in (self.retained, self.forgotten, self.task.test)
        )
        parts = ((stays, self.retained), (goes, self.forgotten), (test, self.task.test))
        right = [np.array([_accuracy(net, each, part) for net, each in zip(nets, said, strict=True)])
                 for said, part in parts]  # fmt: skip
        mine, others = (
            np.array([_margins(net, each, part) for net, each in zip(nets, said, strict=True)])
            for said, part in parts[1:]
        )
        auc = float(np.mean([rank_auc(one, other) for one, other in zip(mine, others, strict=True)]))
        scores = np.maximum(np.log(np.maximum(np.array(goes), 1e-300)), LEAST)
        return Answers(right[0], right[1], right[2], mine, scores, auc)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def row(self, title: str, nets: list[Net], cost: float, extra: float = 0.0) -> Row:
        """The scores of some networks beside the oracle's."""
        (oracle, later), mine, then = self.reference, self.answers(nets), self.answers(self.after(nets))
        retained, forgotten, test = (
            float(np.mean(getattr(mine, part)) - np.mean(getattr(oracle, part)))
            for part in ("retained", "forgotten", "test")
        )
        tug = (1 - abs(retained)) * (1 - abs(forgotten)) * (1 - abs(test))
        after = float(then.forgotten.mean() - later.forgotten.mean())
        margin, vector = (lira(getattr(mine, what), getattr(oracle, what)) for what in ("margins", "scores"))
        still = lira(then.margins, later.margins).accuracy
        return Row(title, cost, extra, retained, forgotten, test, tug, mine.auc, margin, vector, after, still)

    def forgotten_by(self, arm: Arm) -> Row:
        """What a method makes of all original networks."""
        method, learner = arm.made(self.task), self.task.learner
        nets, cost, failed = [], 0, ""
        for net, run in zip(self.bench.original, self.bench.runs("original"), strict=True):
            try:
                done = method.forget(replace(net, shadow=None) if arm.shadowless else net, self.target,
                                     self.task.data, run)  # fmt: skip
            except (LearnError, RefusedError) as failure:
                failed = str(failure)
                continue
            nets.append(done.model)
            cost += done.examples
        if len(nets) < max(4, self.bench.models // 2):
            nan = float("nan")
            return Row(arm.title, nan, 0.0, nan, nan, nan, nan, nan, None, None, nan, nan, failed)
        extra = 0.0
        if not arm.shadowless and "shadow" in arm.title:
            run, data = self.bench.runs("original")[0], self.task.data
            extra = learner.visits(data, run) / self.plain.visits(data, run) - 1
        row = self.row(arm.title, nets, cost / len(nets) / self.whole, extra)
        return replace(row, said=f"{self.bench.models - len(nets)} refused" if failed else "")

    def rows(self, arms: Sequence[Arm]) -> Iterator[Row]:
        """The controls, then the methods."""
        yield self.row("do nothing", self.bench.original, 0.0)
        yield self.row("retrained again", self.oracle(2), 1.0)
        yield self.row("fresh network, a tenth", self.fresh(max(1, self.plain.epochs // 10)), 0.1)
        for arm in arms:
            yield self.forgotten_by(arm)


def _accuracy(net: Net, scores: np.ndarray, part: Table) -> float:
    return float(np.mean(np.array(net.classes)[scores.argmax(axis=1)] == part.label))


def _margins(net: Net, scores: np.ndarray, part: Table) -> np.ndarray:
    label = part.label
    assert label is not None
    return margins(scores, net.classes or (), label)


def as_json(name: str, rows: Sequence[Row]) -> list[str]:
    """One line of JSON a row, for whoever makes tables of it."""
    made = []
    for row in rows:
        known = dict(vars(row))
        for what in ("margin", "vector"):
            found: Lira | None = known.pop(what)
            if found is not None:
                known[what] = [found.accuracy, found.low, found.high, found.quantile(0.9)]
        known = {
            key: [round(each, 4) for each in value] if isinstance(value, list) else value
            for key, value in known.items()
        }
        known = {key: round(value, 4) if isinstance(value, float) else value for key, value in known.items()}
        made.append(json.dumps({"request": name, **known}))
    return made
