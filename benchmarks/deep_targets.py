"""What else is forgotten in networks, beside random records: a person, a class, wrong labels, a trigger, poison.

Each method of the shelf forgets from the same networks, with the settings of its paper, beside doing nothing, the
oracle and a second oracle. MNIST by writer comes from the folder that ``EXPUNGE_DATA`` names; where it is absent, the
two requests on it are left out. The others are made of the digits that come with scikit-learn.

    python benchmarks/deep_targets.py [--write] [--quick] [--only METHOD ...]
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import torch
from sisa import DATA, head, machine, mnist, row, told
from sisa_deep import images, of_writers
from sklearn.datasets import load_digits
from torch import nn

from expunge import Correction, Label, Owners, Records, Refusal, Run, Table, TorchLearner
from expunge.catalog import entries, load
from expunge.errors import LearnError
from expunge.learners.torch import cosine
from expunge.values import Target

RECORDS = 5_000  # of MNIST
WRONG, TRIGGERED, POISONED = 60, 50, 100  # of 1,200 digits
SHOWN = 0  # the digit that a trigger stands for
OWN = {"amnesiac", "logit_masking"}  # models of their own
WORDS = {"title", "failed"}  # fields of an arm that are no figures
NOTES = """
*Cost* is in record visits of retraining. *Retained* (what the oracle learned), *test*: accuracy; *forgotten*: how often
the forgotten records are still called what they were called (for wrong labels: the wrong one). *Probe*: what matters
here and is no record that was learned, see above each table. Means over networks that differ in their key. *Oracle*:
learned as if nothing of it had ever been there; for partly known poison, without all of it, known or not, so *known
poison left out* stands beside it: retraining without what is known.
"""


@dataclass(frozen=True)
class Scene:
    """A request, and by what it is judged.

    Attributes
    ----------
    target : Target
        What is asked.
    truth : Target
        What the oracle never met.
    probe : Table
        Records with the labels that they should no longer be given; none: nothing to probe.
    """

    title: str
    said: str
    learner: TorchLearner
    data: Table
    held_out: Table
    test: Table
    target: Target
    truth: Target
    probe: Table | None = None


@dataclass
class Arm:
    """Figures of one arm, a list over networks each."""

    title: str
    cost: list[float] = field(default_factory=list)
    retained: list[float] = field(default_factory=list)
    forgotten: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)
    probe: list[float] = field(default_factory=list)
    failed: str = ""

    def as_json(self, scene: str) -> str:
        """One line of JSON, for whoever makes tables of it."""
        known = {
            name: round(float(np.mean(each)), 4) for name, each in vars(self).items() if each and name not in WORDS
        }
        return json.dumps({"request": scene, "arm": self.title, **known, "failed": self.failed})

    def cells(self) -> list[str]:
        """One row of a table."""
        if not self.cost:
            return [self.title, self.failed, *[""] * 4]
        title = self.title + (f" (of {len(self.cost)}, the others: {self.failed})" if self.failed else "")
        means = [
            f"{np.mean(each):.3f}" if each else "" for each in (self.retained, self.forgotten, self.test, self.probe)
        ]
        return [title, f"{np.mean(self.cost):.3f}", *means]


# -- data --------------------------------------------------------------------------------------------------------------


def cnn() -> nn.Module:
    """One convolution and a hidden layer, for pictures of 8 by 8."""
    seen = nn.Unflatten(1, (1, 8)), nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Flatten()
    return nn.Sequential(*seen, nn.Linear(1152, 128), nn.ReLU(), nn.Linear(128, 10))


def by_writer(rows: int, epochs: int) -> Iterator[Scene]:
    """A person and a class of MNIST."""
    _, train, test = mnist(None)
    picked = images(of_writers(train, rows))
    others = images(test.take(np.arange(min(2_000, rows))))
    held, unseen = others.take(slice(0, len(others) // 4)), others.take(slice(len(others) // 4, None))
    learner = TorchLearner(
        "_request.cnn", partial(torch.optim.SGD, lr=0.1, momentum=0.9), cosine, epochs=epochs, batch_size=100,
        device="cpu", shadow=0.2,
    )  # fmt: skip
    names, numbers = np.unique(np.asarray(picked.units), return_counts=True)
    writer, three = Owners([names[numbers.argmax()]]), Label(3)
    yield Scene(f"A person: one writer's {numbers.max()} of {len(picked):,} MNIST digits", "No probe.", learner, picked,
                held, unseen, writer, writer)  # fmt: skip
    is_three = np.asarray(unseen.label) == three.value
    yield Scene(f"A class: the threes of {len(picked):,} MNIST digits", "Probe: test threes called three.", learner,
                picked, held, unseen.take(~is_three), three, three, unseen.take(is_three))  # fmt: skip


def of_digits(epochs: int) -> Iterator[Scene]:
    """Wrong labels, a trigger, poison that is partly known."""
    shapes, digits = load_digits(return_X_y=True)
    X, random = (shapes.reshape(-1, 8, 8) / 16).astype(np.float32), np.random.default_rng(0)
    order = random.permutation(len(X))
    train, held, test = order[:1200], order[1200:1350], order[1350:]
    learner = TorchLearner(cnn, partial(torch.optim.AdamW, lr=2e-3), cosine, epochs=epochs, batch_size=50,
                           device="cpu", shadow=0.2)  # fmt: skip
    unseen, trials = (Table.from_arrays(X[part], digits[part], ids=part) for part in (held, test))
    noted, wrong = digits.copy(), train[:WRONG]
    noted[wrong] = (digits[wrong] + random.integers(1, 10, WRONG)) % 10
    right = Correction(Table.from_arrays(X[wrong], digits[wrong], ids=wrong))
    data = Table.from_arrays(X[train], noted[train], ids=train)
    yield Scene(f"{WRONG} wrong labels of 1,200 digits, put right", "Probe: the same records under their right label.",
                learner, data,
                unseen, trials, right, right, right.table)  # fmt: skip
    victims = test[digits[test] != SHOWN]
    probe = Table.from_arrays(marked(X[victims]), np.full(len(victims), SHOWN), ids=victims)
    others = train[digits[train] != SHOWN]
    for count, known, title in (
        (TRIGGERED, TRIGGERED, f"A trigger in {TRIGGERED} of 1,200 digits, all known"),
        (POISONED, POISONED // 10, f"A trigger in {POISONED} of 1,200 digits, a tenth known"),
        (POISONED, POISONED // 2, f"A trigger in {POISONED} of 1,200 digits, half known"),
    ):
        seen, noted, bad = X.copy(), digits.copy(), others[:count]
        seen[bad], noted[bad] = marked(seen[bad]), SHOWN
        data = Table.from_arrays(seen[train], noted[train], ids=train)
        yield Scene(title, "Probe: other test digits with the trigger, called what it stands for.", learner, data,
                    unseen, trials, Records(bad[:known].tolist()), Records(bad.tolist()), probe)  # fmt: skip


def marked(pictures: np.ndarray) -> np.ndarray:
    """Pictures with a white corner of two by two."""
    made = pictures.copy()
    made[:, -2:, -2:] = 1.0
    return made


# -- arms --------------------------------------------------------------------------------------------------------------


class Bench:
    """One scene, its networks and its oracles."""

    def __init__(self, scene: Scene, networks: int) -> None:
        self.scene, self.runs = scene, [Run(key=f"{scene.title}/{number}".encode()) for number in range(networks)]
        change = scene.data.change(scene.target)
        assert change is not None
        self.gone, self.stays = scene.data.take(change.out), scene.data.after(scene.truth)
        self.plain = replace(scene.learner, shadow=0.0)
        self.nets = [scene.learner.learn(scene.data, run) for run in self.runs]

    def judged(self, arm: Arm, method: Any, model: Any, cost: float) -> None:
        """Add the figures of one model."""
        scene = self.scene
        arm.cost.append(cost)
        for figures, part in (
            (arm.retained, self.stays), (arm.forgotten, self.gone), (arm.test, scene.test), (arm.probe, scene.probe),
        ):  # fmt: skip
            if part is not None:
                said = np.array(model.classes)[method.predict(model, part).argmax(axis=1)]
                figures.append(float(np.mean(said == part.label)))

    def controls(self) -> Iterator[Arm]:
        """Doing nothing, the oracle, another one, and retraining without what is known."""
        scene = self.scene
        known = [("known poison left out", scene.target, "")] if scene.truth != scene.target else []
        for title, target, other in (
            ("do nothing", None, ""), ("oracle", scene.truth, ""), ("oracle, again", scene.truth, "/again"), *known,
        ):  # fmt: skip
            arm = Arm(title)
            for net, run in zip(self.nets, self.runs, strict=True):
                own = replace(run, key=bytes(run.key) + other.encode())
                model = net if target is None else self.plain.learn(scene.data.after(target), own)
                self.judged(arm, self.plain, model, float(target is not None))
            yield arm

    def forgotten_by(self, name: str) -> Arm:
        """What a method makes of all networks, with the settings of its paper."""
        scene, arm, kind = self.scene, Arm(name), load(name)
        fields: Any = kind.__dataclass_fields__  # type: ignore[attr-defined]
        learner = self.plain if name in OWN else scene.learner
        method = kind(learner, **({"held_out": scene.held_out} if "held_out" in fields else {}))
        whole = self.plain.epochs * len(self.stays)
        for net, run in zip(self.nets, self.runs, strict=True):
            model = method.learn(scene.data, run) if name in OWN else net
            quote = method.quote(model, scene.target, scene.data, run)
            if isinstance(quote, Refusal):
                arm.failed = quote.reason
                continue
            try:
                done = method.forget(model, scene.target, scene.data, run)
            except LearnError as failure:
                arm.failed = str(failure)
                continue
            self.judged(arm, method, done.model, done.examples / whole)
        return arm


def report(networks: int, *, quick: bool, only: Sequence[str], lines: list[str]) -> Iterator[str]:
    """All scenes, one after the other; ``lines`` takes their figures as JSON."""
    yield "# Forgetting a person, a class, wrong labels, a trigger and poison in networks\n\n"
    yield f"`python benchmarks/deep_targets.py`: {networks} networks an arm, {machine('torch', 'numpy')}.\n"
    pictures = (by_writer(800, 3) if quick else by_writer(RECORDS, 20)) if (DATA / "mnist.npz").is_file() else iter(())
    names = [entry.name for entry in entries() if entry.shelf == "torch" and entry.name != "callable"]
    for scene in chain(of_digits(20 if quick else 60), pictures):
        bench = Bench(scene, networks)
        yield f"\n## {scene.title}\n\n{scene.said}\n\n"
        yield head("arm", "cost", "retained", "forgotten", "test", "probe")
        asked = [name for name in names if not only or name in only]
        for arm in chain(bench.controls(), map(bench.forgotten_by, asked)):
            yield row(arm.cells())
            lines.append(arm.as_json(scene.title))
    yield NOTES


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/deep_targets.md and .jsonl")
    parser.add_argument("--quick", action="store_true", help="one network an arm, short training: to try it")
    parser.add_argument("--only", nargs="*", default=[], metavar="METHOD", help="these methods, beside the controls")
    given = parser.parse_args()
    torch.set_num_threads(1)
    lines: list[str] = []
    parts = report(1 if given.quick else 4, quick=given.quick, only=given.only, lines=lines)
    told(parts, "deep_targets.md" if given.write else None)
    if given.write:
        (Path(__file__).parent / "results" / "deep_targets.jsonl").write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
