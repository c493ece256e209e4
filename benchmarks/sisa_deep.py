"""SISA over a small CNN against retraining, by the clock: the figure of Bourtoule et al. (2021), on MNIST by writer.

12,000 digits of whole writers, one thread, checkpoints in a directory store on the disk, each blob sealed and brought
to rest. K records are forgotten as one batch. Each request is timed twice: in a process that runs already, and as a
process of its own, with the start of Python, its imports, the records and the model read, and the store opened. Beside
it, by the same clock: learning the single model again, for as many epochs, and learning the whole ensemble again.
Every forgotten model is compared with one that learned without the records, by fingerprint. The digits are read from
the folder that ``EXPUNGE_DATA`` names; where they are absent, generated images of that size are learned.

The network, its optimizer and its schedule are in ``_request.py``. They were chosen once, for the single model: of SGD
with momentum and Adam, learning rates 0.02 to 0.1 and 0.002 to 0.005, batches of 16 to 64, on one core, by the
accuracy after 6 epochs (96.4 to 97.8 %); the best was taken, and given 9. The shards use the same.

    python benchmarks/sisa_deep.py [--write] [--quick] [--all]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from _request import EPOCHS, KEY, Setting, kept, opened, timed
from sisa import accuracy, head, machine, mnist, row, told

from expunge import Owners, Records, Run, Table, expected_cost
from expunge.codec import encode

HERE = Path(__file__).resolve().parent
BAR = 0.9  # of what the formula predicts
SINGLE = 0  # shards of the single model: none
DRAWS = {1: 8, 8: 2}  # of few records, so that no line is the luck of one
TIMES = 3  # that the single model is learned, here and in processes of its own
SMALL = 1000
NOTES = """
*Formula*: record visits of learning everything, by those that `expected_cost` expects of one batch (slices: 2/3 +
1/(3R) of a shard's for one request). *Share* is measured by formula. It holds what the draw of the requests did, too:
which shards and slices they hit, and how large these are. *By visits* leaves that out: measured by what the visits that
were really made allow. *Draws* tells how many draws of K records a line is the mean of. *Start* is what a process takes
beside the learning itself: Python, imports, records and model read, the store opened. No method can save it: with it, v
visits of V allow (start + single) / (start + single v / V). A process of its own forgets one draw.
"""


@dataclass(frozen=True)
class Grid:
    """What is measured."""

    rows: int
    settings: tuple[Setting, ...]
    counts: tuple[int, ...]
    owners: int = 5
    small: tuple[Setting, ...] | None = None


def grid(shards: tuple[int, ...], slices: tuple[int, ...], epochs: int = EPOCHS) -> tuple[Setting, ...]:
    """All pairs of them."""
    return tuple(Setting(S, R, epochs) for S in shards for R in slices)


DEFAULT = Grid(12_000, grid((1, 5, 20), (1, 5)), (1, 8, 39), small=(*grid((5, 20), (1,)), *grid((5,), (5,))))
QUICK = Grid(1500, (Setting(4, 5, 3),), (1, 8), owners=2)
ALL = Grid(
    60_000,
    (*grid((1, 5, 10, 20, 50), (1, 5, 17)), Setting(20, 50, 26)),  # the last: the paper's own, with epochs enough
    (1, 8, 18, 39, 150),
    small=DEFAULT.small,
)


# -- data --------------------------------------------------------------------------------------------------------------


def images(table: Table) -> Table:
    """Rows of 784 numbers as images of whole numbers up to 255."""
    pixels = np.asarray(table.features)
    low, high = (0.0, 1.0) if pixels.min() >= 0 else (-8.0, 8.0)  # generated numbers are of both signs
    scaled = np.rint(255 * np.clip((pixels - low) / (high - low), 0, 1)).astype(np.uint8)
    return Table.from_arrays(scaled.reshape(-1, 28, 28), table.label, table.ids, table.units, classes=range(10))


def of_writers(table: Table, rows: int) -> Table:
    """Records of whole writers, drawn until there are that many; the last writer's may be cut."""
    who = np.asarray(table.units)
    names, numbers = np.unique(who, return_counts=True)
    drawn = np.random.default_rng(0).permutation(len(names))
    enough = np.searchsorted(np.cumsum(numbers[drawn]), rows) + 1
    return table.take(np.flatnonzero(np.isin(who, names[drawn[:enough]]))[:rows])


# -- what is measured --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Process:
    """A process of its own: what it made, by fingerprint, the record visits and seconds of that, its seconds in all."""

    made: str
    visits: int
    work: float
    whole: float

    @property
    def start(self) -> float:
        """Seconds besides the work."""
        return self.whole - self.work


@dataclass(frozen=True)
class Single:
    """The single model, learned again some times: medians, in this process and as one of its own; how often right."""

    seconds: float
    alone: Process
    accuracy: float


@dataclass(frozen=True)
class Asked:
    """K records forgotten under one setting: means over draws in this process, and once as a process of its own."""

    setting: Setting
    count: int
    draws: int
    seconds: float
    visits: float
    alone: Process
    without: Process

    def formula(self, n: int) -> float:
        """How many times the visits of learning everything are those that are expected."""
        return n / expected_cost(n, self.setting.shards, self.setting.slices, self.count, batch=True)


@dataclass(frozen=True)
class Learned:
    """One setting, learned and asked."""

    setting: Setting
    seconds: float
    accuracy: float
    stored: float
    asked: tuple[Asked, ...]
    owners: tuple[float, float] | None


@dataclass(frozen=True)
class Bench:
    """One data set under measurement, in a folder of its own."""

    place: Path
    data: Table
    test: Table

    def __post_init__(self) -> None:
        self.place.mkdir()
        kept(self.data, self.place / "data.npz")

    def process(self, do: str, setting: Setting, place: Path, records: list[int]) -> Process:
        """What a process of its own takes, modules being compiled: as anybody has them who has started once."""
        place.mkdir(exist_ok=True)
        asked = {"do": do, "setting": asdict(setting), "place": str(place), "records": records}
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = str(self.place.parent / "compiled")
        command = [
            sys.executable,
            str(HERE / "_request.py"),
            json.dumps(asked | {"data": str(self.place / "data.npz")}),
        ]
        said, whole = timed(
            lambda: subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        )
        return Process(**json.loads(said.stdout), whole=whole)

    def single(self, epochs: int) -> Single:
        """The single model that anybody would train."""
        setting, ids = Setting(SINGLE, epochs=epochs), self.draw(1, 1)[0]
        rest, method = self.data.after(Records(ids)), setting.method
        place = self.place / f"single{epochs}"
        self.process("without", replace(setting, epochs=1), place, ids)  # compiles the modules
        processes = [self.process("without", setting, place, ids) for _ in range(TIMES)]
        made = [timed(lambda: method.learn(rest, Run(key=KEY))) for _ in range(TIMES + 1)][1:]  # the first imports more
        middle = sorted(processes, key=lambda each: each.whole)[TIMES // 2]
        return Single(float(np.median([spent for _, spent in made])), middle, accuracy(method, made[0][0], self.test))

    def all_learned(self, wanted: Grid) -> tuple[list[Learned], dict[int, Single]]:
        """Every setting, and by epochs the single model."""
        singles = {epochs: self.single(epochs) for epochs in sorted({each.epochs for each in wanted.settings})}
        return [self.learned(setting, wanted.counts, wanted.owners) for setting in wanted.settings], singles

    def draw(self, count: int, times: int) -> list[list[int]]:
        """Some draws of that many records, no record in two of them."""
        ids = np.random.default_rng(count).permutation(np.asarray(self.data.ids))
        return [ids[k * count : (k + 1) * count].tolist() for k in range(times)]

    def learned(self, setting: Setting, counts: tuple[int, ...], owners: int) -> Learned:
        """Learn under one setting, and forget: many times here, once for each count in a process of its own."""
        print(setting, file=sys.stderr)
        place, method = self.place / f"S{setting.shards}R{setting.slices}", setting.method
        place.mkdir()
        run = Run(key=KEY, store=opened(place))
        model, seconds = timed(lambda: method.learn(self.data, run))
        (place / "model").write_bytes(encode(model))
        stored = sum(file.stat().st_size for file in (place / "store").rglob("*") if file.is_file()) / 1e6
        asked = [self.asked(setting, count, model, run, place) for count in counts]
        names = np.random.default_rng(1).permutation(np.unique(np.asarray(self.data.units)))[:owners]
        who = self.forgotten(setting, [Owners([name]) for name in names], model, run) if setting.shards > 1 else None
        right = accuracy(method, model, self.test)
        return Learned(setting, seconds, right, stored, tuple(asked), who)

    def forgotten(self, setting: Setting, targets: Sequence[Any], model: Any, run: Run) -> tuple[float, float]:
        """Mean seconds and record visits of forgetting each of these, every time from the same model."""
        done = [timed(lambda t=target: setting.method.forget(model, t, self.data, run)) for target in targets]  # type: ignore[misc]
        return float(np.mean([spent for _, spent in done])), float(np.mean([made.examples for made, _ in done]))

    def asked(self, setting: Setting, count: int, model: Any, run: Run, place: Path) -> Asked:
        """Forget K records: some draws here; one that the store has not met in a process, and learning without it."""
        draws = DRAWS.get(count, 1) if setting.shards > 1 else 1
        *here, there = self.draw(count, draws + 1)
        seconds, visits = self.forgotten(setting, [Records(ids) for ids in here], model, run)
        alone = self.process("forget", setting, place, there)
        without = self.process("without", setting, place.with_name(f"{place.name}K{count}"), there)
        assert alone.made == without.made, f"{setting}: forgetting {count} records is not learning without them"
        return Asked(setting, count, draws, seconds, visits, alone, without)


# -- what is said of it ------------------------------------------------------------------------------------------------


def running(found: list[Learned], singles: dict[int, Single], n: int) -> Iterator[str]:
    """By the clock in a process that runs."""
    yield head(
        "S", "R", "K", "draws", "single again, s", "ensemble again, s", "forget, s", "against the single model",
        "formula", "share", "by visits", "against the ensemble", "same bits",
    )  # fmt: skip
    for each in found:
        single = singles[each.setting.epochs].seconds
        for one in each.asked:
            speed, formula = single / one.seconds, one.formula(n)
            made = n * each.setting.epochs / one.visits
            yield row([
                str(each.setting.shards), str(each.setting.slices), str(one.count), str(one.draws),
                f"{single:.2f}", f"{each.seconds:.2f}", f"{one.seconds:.3f}", f"**{speed:.2f}x**",
                f"{formula:.2f}x", f"{speed / formula:.2f}", f"{speed / made:.2f}",
                f"{each.seconds / one.seconds:.2f}x", "yes",
            ])  # fmt: skip


def beneath(found: list[Learned], singles: dict[int, Single], n: int) -> str:
    """Where the bar is not reached."""
    low = [
        f"S={each.setting.shards}, R={each.setting.slices}, K={one.count}"
        for each in found
        for one in each.asked
        if singles[each.setting.epochs].seconds * one.visits < BAR * one.seconds * n * each.setting.epochs
    ]
    said = f"beneath it: {'; '.join(low)}" if low else "all lines reach it"
    return f"\nThe bar, at least {100 * BAR:.0f} % of what the formula allows for the visits made: {said}.\n"


def alone(found: list[Learned], singles: dict[int, Single], n: int) -> Iterator[str]:
    """By the clock of a process for each request."""
    yield head(
        "S", "R", "K", "start, s", "forget, s", "single again, s", "ensemble again, s", "against the single model",
        "visits and start allow", "share", "against the ensemble",
    )  # fmt: skip
    for each in found:
        for one in each.asked:
            single = singles[each.setting.epochs]
            speed, start = single.alone.whole / one.alone.whole, single.alone.start
            share = one.alone.visits / (n * each.setting.epochs)
            allowed = (start + single.seconds) / (start + single.seconds * share)
            yield row([
                str(each.setting.shards), str(each.setting.slices), str(one.count), f"{one.alone.start:.2f}",
                f"{one.alone.whole:.2f}", f"{single.alone.whole:.2f}", f"{one.without.whole:.2f}", f"**{speed:.2f}x**",
                f"{allowed:.2f}x", f"{speed / allowed:.2f}", f"{one.without.whole / one.alone.whole:.2f}x",
            ])  # fmt: skip


def accuracies(found: list[Learned], singles: dict[int, Single]) -> Iterator[str]:
    """What shards cost in accuracy, and what checkpoints take."""
    yield head("S", "R", "epochs", "right on other writers, %", "given up, points", "checkpoints, MB")
    for epochs, single in singles.items():
        yield row(["single", "", str(epochs), f"{100 * single.accuracy:.1f}", "", ""])
    for each in found:
        setting, lost = each.setting, 100 * (singles[each.setting.epochs].accuracy - each.accuracy)
        chosen = map(str, (setting.shards, setting.slices, setting.epochs))
        yield row([*chosen, f"{100 * each.accuracy:.1f}", f"{lost:.1f}", f"{each.stored:.1f}"])


def owned(found: list[Learned], singles: dict[int, Single], n: int) -> Iterator[str]:
    """What a writer costs, who lies in one slice of one shard."""
    yield head("S", "R", "forget, s", "against the single model", "visits allow", "share")
    for each in found:
        if each.owners is not None:
            seconds, visits = each.owners
            speed, allowed = singles[each.setting.epochs].seconds / seconds, n * each.setting.epochs / visits
            cells = [f"{seconds:.3f}", f"**{speed:.2f}x**", f"{allowed:.2f}x", f"{speed / allowed:.2f}"]
            yield row([str(each.setting.shards), str(each.setting.slices), *cells])


def report(wanted: Grid, flags: str) -> Iterator[str]:
    """The whole, as Markdown."""
    name, everything, test = mnist(None)
    data, test = of_writers(images(everything), wanted.rows), images(test)
    n, writers = len(data), len(np.unique(np.asarray(data.units)))
    with tempfile.TemporaryDirectory(prefix="expunge-sisa-") as folder:
        bench = Bench(Path(folder) / "whole", data, test)
        found, singles = bench.all_learned(wanted)
        yield "# SISA over a network, against retraining\n\n"
        yield f"`python benchmarks/sisa_deep.py{flags}`: one run, one thread, wall clock with all I/O. "
        yield f"{machine('torch', 'numpy')}. Key and seeds are fixed in the files.\n\n"
        yield f"{name}: {n:,} images of {writers} writers, a CNN of 54,314 weights, "
        yield f"{wanted.settings[0].epochs} epochs; tested on {len(test):,} images of other writers. "
        yield "K records go as one batch.\n"
        yield "\n## In a process that runs\n"
        yield from running(found, singles, n)
        yield beneath(found, singles, n)
        yield "\n## Each request a process of its own\n"
        yield from alone(found, singles, n)
        yield "\n## Accuracy\n"
        yield from accuracies(found, singles)
        yield f"\n## One writer\n\nMean over {wanted.owners} writers, each leaving one model.\n"
        yield from owned(found, singles, n)
        if wanted.small is not None:
            yield from small(Bench(Path(folder) / "small", of_writers(data, SMALL), test), wanted.small)
    yield NOTES


def small(bench: Bench, settings: tuple[Setting, ...]) -> Iterator[str]:
    """Few records: what does not shrink with them rules."""
    found, singles = bench.all_learned(Grid(SMALL, settings, (1, 8), owners=3))
    n = len(bench.data)
    yield f"\n## Small: {n:,} images\n\nIn a process that runs, and each request a process of its own. Here the start "
    yield "of a process is most of a request: learning everything again loses little, and is simpler.\n"
    yield from running(found, singles, n)
    yield from alone(found, singles, n)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--write", action="store_true", help="write benchmarks/results/sisa_deep.md, or sisa_deep_all.md"
    )
    parser.add_argument("--quick", action="store_true", help="few records: to try the recipe, not for figures")
    parser.add_argument("--all", action="store_true", help="60,000 images and more settings, for hours")
    given = parser.parse_args()
    flags = "".join(f" --{name}" for name in ("write", "quick", "all") if getattr(given, name))
    wanted = QUICK if given.quick else ALL if given.all else DEFAULT
    told(report(wanted, flags), f"sisa_deep{'_all' * given.all}.md" if given.write else None)


if __name__ == "__main__":
    main()
