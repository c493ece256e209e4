"""A forest that forgets to the bit, beside scikit-learn's forests and boosting: price, accuracy, memory.

Everything is measured in one run on one machine, one thread, in CPU seconds of the process (what the wall clock shows
on a machine that has nothing else to do), but for two threads, which the wall clock times. Forgetting goes through the
verbs, of a table, as a service would ask for it; a refit is scikit-learn's on the same records, from arrays. Numba has
compiled before anything is timed. Data: Adult and MNIST from the folder that ``EXPUNGE_DATA`` names, generated ones of
that size where it is absent. Prints Markdown, writes it to ``benchmarks/results/forest.md`` with ``--write``; ends with
a sentence when a bound is broken.

    python benchmarks/forest.py [--write] [--quick]
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier

from expunge import Addition, Correction, Forest, Records, Run, Table, fingerprint
from expunge.codec import encode

Floats = NDArray[np.float64]
ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("EXPUNGE_DATA", ROOT.parent / "shared" / "data"))
KEY = b"the benchmark's key"
TREES, SHARE = 100, 0.1
FIT, MEDIAN, TAIL, ACCURACY, OTHERS, PEAK = 0.25, 1e-4, 1e-3, 0.005, 3.0, 4.0  # the bounds, as the sentences say them
NOTES = """
Forgetting is `Forest.forget`, which is done when it returns; each deletion goes on from the forest that the one before
left, and drops that one, so that what only it held is zeroed. *Batch* is one request that names 1,000 records, *per
record* its thousandth part. *Add* brings one record, *correct* gives one record other features and the other label.
*At rest* are the bytes that the codec writes, *in memory* is what the process grew by while it learned. The forest
after all deletions was compared with one learned without the records: "same bits".
"""


# -- data --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """Records to learn from and to score: as they are, and as numbers for those who need them."""

    name: str
    X: Any
    y: NDArray[Any]
    X_test: Any
    y_test: NDArray[Any]
    numbers: tuple[Floats, Floats]
    fresh: Table = field(repr=False)
    exact: str = ""

    @cached_property
    def table(self) -> Table:
        """The same for the verbs."""
        return Table.from_arrays(self.X, self.y)


def cut(name: str, X: Any, y: NDArray[Any], numbers: Floats, rows: int | None, test: int) -> Scene:
    """Rows in a fixed shuffled order: the last to score, a thousand before them to be added later."""
    order = np.random.default_rng(0).permutation(len(y))
    train, fresh = order[: -test - 1000][:rows], order[-test - 1000 : -test]

    def of(values: Any, at: NDArray[np.intp]) -> Any:
        return values.take(pa.array(at)) if isinstance(values, pa.Table) else values[at]

    new = Table.from_arrays(of(X, fresh), y[fresh], ids=np.arange(10**9, 10**9 + 1000))
    held, kept = order[-test:], (numbers[train], numbers[order[-test:]])
    name = f"{name}, {len(train):,} x {X.shape[1]}"
    return Scene(name, of(X, train), y[train], of(X, held), y[held], kept, new)


def synthetic(rows: int | None) -> Scene:
    """What the bounds are judged on."""
    X, y = make_classification(62_500, 20, n_informative=8, n_redundant=2, flip_y=0.05, random_state=0)
    return cut("generated", X, y, X, rows, 11_500)


def adult(rows: int | None) -> Scene:
    """48,842 people: numbers and eight columns of words, which scikit-learn's forests get in one column a word."""
    if not (DATA / "adult.parquet").exists():
        X, y = make_classification(48_842, 14, n_informative=8, random_state=0)
        return cut("generated, the size of Adult", X, y, X, rows, 10_000)
    frame = pq.read_table(DATA / "adult.parquet")
    frame = frame.drop_columns([name for name in ("row_id", "fnlwgt", "split") if name in frame.column_names])
    y = np.array(frame.column("income").to_pylist())
    frame = frame.drop_columns(["income"])
    parts = [
        one_hot(values) if "string" in str(values.type) else values.to_numpy()[:, None] for values in frame.columns
    ]
    return cut("Adult", frame, y, np.hstack(parts).astype(np.float64), rows, 10_000)


def one_hot(values: pa.ChunkedArray) -> Floats:
    """One column a word, in sorted order."""
    words = np.array(values.to_pylist(), dtype=str)
    return np.asarray(words[:, None] == np.unique(words)[None, :], dtype=np.float64)


def mnist(rows: int | None) -> Scene:
    """Pixels of digits: many columns, ten classes."""
    if not (DATA / "mnist.npz").exists():
        X, y = make_classification(31_000, 784, n_informative=60, n_classes=10, random_state=0)
        return cut("generated, the size of some MNIST", X, y, X, rows or 20_000, 10_000)
    held = np.load(DATA / "mnist.npz")
    X = held["x_train"].reshape(60_000, -1).astype(np.float64)
    return cut("MNIST pixels", X, held["y_train"].astype(np.int64), X, rows or 20_000, 10_000)


def covertype_like(rows: int | None) -> Scene:
    """As many rows and columns as the cover types: ten numbers, four areas and forty soils; seven classes."""
    rng, n = np.random.default_rng(0), 581_012 if rows is None else rows + 21_000
    numbers = rng.standard_normal((n, 10)) @ (np.eye(10) + 0.4 * rng.standard_normal((10, 10)))
    areas, share = np.eye(4)[rng.choice(4, n, p=[0.45, 0.05, 0.44, 0.06])], 1 / np.arange(1, 41) ** 1.5
    X = np.hstack([numbers, areas, np.eye(40)[rng.choice(40, n, p=share / share.sum())]])
    hidden = np.tanh(X @ rng.standard_normal((54, 12))) @ rng.standard_normal((12, 7)) + rng.gumbel(0, 0.5, (n, 7))
    return cut("generated like covertype", X, hidden.argmax(1), X, rows, 20_000)


# -- what is measured --------------------------------------------------------------------------------------------------


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gives, and its CPU seconds."""
    begun = time.process_time()
    made = work()
    return made, time.process_time() - begun


def grown(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What the work gives, its CPU seconds, and MB that the process holds more."""
    gc.collect()
    before = resident()
    made, seconds = timed(work)
    gc.collect()
    return made, seconds, (resident() - before) / 2**20


def resident() -> int:
    """Bytes of this process in memory; 0 where nobody says."""
    path = Path("/proc/self/statm")
    return int(path.read_text().split()[1]) * resource.getpagesize() if path.exists() else 0


@dataclass(frozen=True)
class Priced:
    """One forest: what it cost to learn, to ask and to change."""

    fit: float
    accuracy: float
    deletions: Floats
    batch: float
    added: Floats
    corrected: Floats
    memory: float
    rest: int
    same: bool

    def cells(self) -> list[str]:
        """Of a table."""
        mean, middle, tail, most = (
            f"{1e6 * value:,.0f}"
            for value in (
                self.deletions.mean(),
                np.median(self.deletions),
                np.percentile(self.deletions, 99),
                self.deletions.max(),
            )
        )
        return [
            clock(self.fit),
            f"{self.accuracy:.4f}",
            f"{mean} / {middle} / {tail} / {most}",
            f"{clock(self.batch)} ({1000 * self.batch:.0f} us per record)",
            f"{1e6 * np.median(self.added):,.0f}",
            f"{1e6 * np.median(self.corrected):,.0f}",
            f"{self.memory:.0f} MB",
            f"{self.rest / 2**20:.1f} MB",
            "yes" if self.same else "**NO**",
        ]


PRICES = (
    "forest", "fit", "accuracy", "one deletion, mean / median / p99 / max, us", "batch of 1,000",
    "add, us", "correct, us", "in memory", "at rest", "same bits",
)  # fmt: skip


def priced(scene: Scene, method: Forest, deletions: int) -> Priced:
    """All prices of one forest on one scene."""
    run, data = Run(key=KEY), scene.table
    model, fit, memory = grown(partial(method.learn, data, run))
    accuracy = right(method.predict(model, Table.from_arrays(scene.X_test)), model.classes, scene.y_test)
    rest, rng = len(encode(model)), np.random.default_rng(1)
    gone = rng.permutation(len(data))[: deletions + min(1000, len(data) // 4)]
    one_by_one, last, left = stream(method, model, data, [Records([int(number)]) for number in gone[:deletions]], run)
    done, batch = timed(partial(method.forget, last, Records(gone[deletions:].tolist()), left, run))
    after = left.after(Records(gone[deletions:].tolist()))
    same = fingerprint(done.model) == fingerprint(method.learn(after, run.afresh()))
    few = max(deletions // 4, 5)
    new = [Addition(scene.fresh.take(slice(k, k + 1))) for k in range(few)]
    added, last, left = stream(method, done.model, after, new, run)
    wrong = [corrected(scene, int(number), k) for k, number in enumerate(left.ids.tolist()[:few])]
    put_right, _, _ = stream(method, last, left, wrong, run)
    return Priced(fit, accuracy, one_by_one, batch, added, put_right, memory, rest, same)


def corrected(scene: Scene, number: int, k: int) -> Correction:
    """A record with the features and the label of another."""
    like = scene.fresh.take(slice(k, k + 1)).gathered()
    return Correction(Table(replace(like.columns, ids=np.array([number])), None, like.classes))


def stream(method: Forest, model: Any, data: Table, targets: list[Any], run: Run) -> tuple[Floats, Any, Table]:
    """CPU seconds of each request in a row, the model that they end in, and its data."""
    seconds = []
    for target in targets:
        begun = time.process_time()
        model = method.forget(model, target, data, run).model  # the old one is dropped, and what only it held is zeroed
        seconds.append(time.process_time() - begun)
        data = data.after(target)
    return np.array(seconds), model, data


def right(scores: Floats, classes: tuple[Any, ...], y: NDArray[Any]) -> float:
    """Accuracy."""
    return float(np.mean(np.array(classes)[scores.argmax(1)] == y))


PEERS: dict[str, Callable[[], Any]] = {
    "RandomForest, 100 trees": lambda: RandomForestClassifier(100, random_state=0, n_jobs=1),
    "ExtraTrees, 100 trees": lambda: ExtraTreesClassifier(100, random_state=0, n_jobs=1),
    "HistGradientBoosting": lambda: HistGradientBoostingClassifier(random_state=0),
}


@dataclass(frozen=True)
class Refit:
    """What scikit-learn needs to learn again."""

    seconds: float
    accuracy: float
    memory: float


def refits(scene: Scene) -> dict[str, Refit]:
    """Each peer, once."""
    found, (X, X_test) = {}, scene.numbers
    for name, make in PEERS.items():
        made, seconds, memory = grown(partial(make().fit, X, scene.y))
        found[name] = Refit(seconds, float(np.mean(made.predict(X_test) == scene.y_test)), memory)
        del made
    return found


# -- figures -----------------------------------------------------------------------------------------------------------


def row(cells: list[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |\n"


def head(*cells: str) -> str:
    """The first two lines of one."""
    return "\n" + row(list(cells)) + row(["---"] * len(cells))


def clock(seconds: float) -> str:
    """Seconds, or milliseconds below one."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


@dataclass
class Bounds:
    """What was promised, and what of it does not hold; a quick run judges nothing."""

    quick: bool
    broken: list[str] = field(default_factory=list)

    def said(self, what: str, measured: float, most: float) -> str:
        """A bound, as a sentence."""
        holds = measured <= most
        sentence = f"{what}: {measured:.3g}, where at most {most:g} is the bound"
        if not holds and not self.quick:
            self.broken.append(sentence)
        verdict = "not judged in a quick run" if self.quick else "holds" if holds else "**broken**"
        return f"\n{sentence}: {verdict}.\n"


# -- the parts ---------------------------------------------------------------------------------------------------------


def beside(scene: Scene, forests: dict[str, Forest], deletions: int) -> tuple[str, dict[str, Priced], dict[str, Refit]]:
    """One scene, every forest and every peer: the text, and its figures."""
    text = f"\n## {scene.name}\n{head(*PRICES)}"
    found = {}
    for name, method in forests.items():
        found[name] = priced(scene, method, deletions)
        text += row([name, *found[name].cells()])
    peers = refits(scene)
    text += head("scikit-learn", "fit, and each deletion", "accuracy", "in memory")
    text += "".join(
        row([name, clock(one.seconds), f"{one.accuracy:.4f}", f"{one.memory:.0f} MB"]) for name, one in peers.items()
    )
    return text, found, peers


def judged(found: dict[str, Priced], peers: dict[str, Refit], bounds: Bounds) -> Iterator[str]:
    """The bounds, on the synthetic scene."""
    cheap, whole, refit = found["share .1"], found["share 1"], peers["ExtraTrees, 100 trees"].seconds
    middle = float(np.median(cheap.deletions))
    yield bounds.said("fit, by that of ExtraTrees", cheap.fit / refit, FIT)
    yield bounds.said("median deletion, by a refit of ExtraTrees", middle / refit, MEDIAN)
    yield bounds.said("p99 of deletions, by a refit", float(np.percentile(cheap.deletions, 99)) / refit, TAIL)
    worse = peers["RandomForest, 100 trees"].accuracy - whole.accuracy
    yield bounds.said("accuracy of RandomForest less that of share 1", worse, ACCURACY)
    yield bounds.said("adding, by deleting, medians", float(np.median(cheap.added)) / middle, OTHERS)
    yield bounds.said("correcting, by deleting, medians", float(np.median(cheap.corrected)) / middle, OTHERS)


def curve(scene: Scene, deletions: int, shares: tuple[float, ...]) -> Iterator[str]:
    """What a larger share costs and brings."""
    yield f"\n## Share of the trees against accuracy and price: {scene.name}\n\nEach with {TREES} trees"
    yield " and the defaults.\n" + head(*PRICES)
    for share in shares:
        yield row([f"share {share:g}", *priced(scene, Forest(trees=TREES, share=share), deletions).cells()])
    for trees, share in ((50, 0.1), (200, 0.05)):
        made = priced(scene, Forest(trees=trees, share=share), deletions)
        yield row([f"{trees} trees, share {share:g}", *made.cells()])


def threads(scene: Scene, bounds: Bounds) -> Iterator[str]:
    """One thread and two: the wall clock, and the bits."""
    method, gone = Forest(trees=TREES, share=SHARE), Records(list(range(min(1000, len(scene.table) // 4))))
    yield f"\n## Threads: {scene.name}, share .1\n\nWall clock, the least of three.\n"
    yield head("threads", "fit", "batch of 1,000")
    seen, wall = set(), {}
    for count in (1, 2):
        run, fits, batches = Run(key=KEY, threads=count), [], []
        for _ in range(3):
            begun = time.perf_counter()
            model = method.learn(scene.table, run)
            fits.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            done = method.forget(model, gone, scene.table, run)
            batches.append(time.perf_counter() - begun)
            seen.add((fingerprint(model), fingerprint(done.model)))
        wall[count] = min(fits)
        yield row([str(count), clock(min(fits)), clock(min(batches))])
    yield bounds.said("different models made by one thread and by two, less one", len(seen) - 1, 0)


def break_even(sizes: tuple[int, ...], deletions: int) -> Iterator[str]:
    """From which size on forgetting is cheaper than boosting again."""
    yield "\n## Where it pays\n\nGenerated as above, 20 columns. How many single deletions take as long as one refit.\n"
    yield head(
        "rows", "forest, fit", "one deletion, mean", "HistGradientBoosting", "deletions in its refit", "ExtraTrees"
    )
    for rows in sizes:
        X, y = make_classification(rows + 2000, 20, n_informative=8, n_redundant=2, flip_y=0.05, random_state=0)
        scene = cut("generated", X, y, X, rows, 1000)
        made = priced(scene, Forest(trees=TREES, share=SHARE), deletions)
        again = {name: timed(partial(PEERS[name]().fit, scene.numbers[0], scene.y))[1] for name in list(PEERS)[1:]}
        one, boosted = float(made.deletions.mean()), again["HistGradientBoosting"]
        extra = clock(again["ExtraTrees, 100 trees"])
        yield row([f"{rows:,}", clock(made.fit), clock(one), clock(boosted), f"{boosted / one:,.0f}", extra])


def large(rows: int, bounds: Bounds) -> Iterator[str]:
    """A million records of fifty numbers, in a process of its own, for its peak."""
    yield f"\n## {rows:,} x 50\n\n"
    command = [sys.executable, __file__, "--alone", str(rows)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    fit, one, batch, most, before = map(float, said)
    yield f"Fit {clock(fit)}, one deletion {clock(one)} (median of 50), 1,000 in one batch {clock(batch)}. "
    yield f"The data take {rows * 50 * 8 / 2**30:.2f} GiB; the process held {before:.2f} GiB before it learned, "
    yield f"{most:.2f} at most.\n"
    yield bounds.said("GiB at the peak", most, PEAK)


def alone(rows: int) -> None:
    """What `large` starts: CPU seconds, and GiB."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, 50))
    y = (
        np.tanh(X[:, :8] @ rng.standard_normal((8, 6))) @ rng.standard_normal(6) + rng.normal(0, 0.3, rows) > 0
    ).astype(int)
    data, run, method = Table.from_arrays(X, y), Run(key=KEY), Forest(trees=TREES, share=SHARE)
    before = peak()
    model, fit = timed(partial(method.learn, data, run))
    ones, model, data = stream(method, model, data, [Records([k]) for k in range(50)], run)
    _, batch = timed(partial(method.forget, model, Records(list(range(100, 1100))), data, run))
    print(fit, float(np.median(ones)), batch, peak(), before)


def peak() -> float:
    """The most GiB that this process has had (and not, as `getrusage` says, the one that started it)."""
    path = Path("/proc/self/status")
    if not path.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    (said,) = (line for line in path.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(said.split()[1]) / 2**20


def warm() -> None:
    """Let numba compile, and scikit-learn import, what is timed later."""
    rng = np.random.default_rng(0)
    words = pa.table({"a": rng.normal(size=60), "b": rng.choice(["x", "y"], 60)})
    for X in (rng.normal(size=(60, 3)), words):
        table, run, method = Table.from_arrays(X, rng.integers(0, 3, 60)), Run(key=KEY), Forest(trees=3, share=0.5)
        model, one = method.learn(table, run), table.take(slice(0, 1)).gathered()
        method.predict(model, Table.from_arrays(X))
        for target in (Records([1]), Correction(one), Addition(Table(replace(one.columns, ids=np.array([99]))))):
            method.forget(model, target, table, run)
    for make in PEERS.values():
        make().fit(rng.normal(size=(60, 3)), rng.integers(0, 3, 60))


PARTS = ("generated", "shares", "threads", "adult", "mnist", "covertype", "break_even", "large")


def report(bounds: Bounds, parts: Sequence[str], *, quick: bool) -> Iterator[str]:
    """The parts that are asked for, as Markdown."""
    asked = (" --quick" if quick else "") + ("" if tuple(parts) == PARTS else f" --parts {' '.join(parts)}")
    yield "# Forests: forgetting against learning again\n\n"
    yield f"`python benchmarks/forest.py --write{asked}`: one run, one thread, CPU seconds. "
    yield f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
    yield f"numba {version('numba')}, scikit-learn {version('scikit-learn')}, numpy {version('numpy')}. Key and seeds "
    yield f"are fixed in the file.\n{NOTES}"
    warm()
    made = sections(bounds, quick=quick)
    for part in parts:
        yield from made[part]()


def sections(bounds: Bounds, *, quick: bool) -> dict[str, Callable[[], Iterator[str]]]:
    """What each part measures."""
    rows, deletions = (4000, 20) if quick else (None, 1000)
    cheap, whole = Forest(trees=TREES, share=SHARE), Forest(trees=TREES, share=1.0)

    def generated() -> Iterator[str]:
        text, found, peers = beside(synthetic(rows), {"share .1": cheap, "share 1": whole}, deletions)
        yield text
        yield from judged(found, peers, bounds)

    def real(make: Callable[[int | None], Scene]) -> Callable[[], Iterator[str]]:
        return lambda: iter([beside(make(rows), {"share .1": cheap}, deletions)[0]])

    return {
        "generated": generated,
        "shares": lambda: curve(synthetic(rows), deletions, (0.05, 0.1, 0.2, 0.5, 1.0)),
        "threads": lambda: threads(synthetic(rows), bounds),
        "adult": real(adult),
        "mnist": real(mnist),
        "covertype": real(covertype_like),
        "break_even": lambda: break_even(
            (1000, 4000) if quick else (1000, 10_000, 50_000, 200_000), min(deletions, 200)
        ),
        "large": lambda: large(20_000 if quick else 10**6, bounds),
    }


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/forest.md")
    parser.add_argument("--quick", action="store_true", help="few of the rows: to try the recipe, not for figures")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS, help="these alone")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        alone(given.alone)
        return
    bounds, said = Bounds(given.quick), []
    for part in report(bounds, given.parts, quick=given.quick):
        print(part, end="", flush=True)
        said.append(part)
    if given.write:
        results = Path(__file__).parent / "results"
        results.mkdir(exist_ok=True)
        (results / "forest.md").write_text("".join(said), encoding="utf-8")
    if bounds.broken:
        sys.exit("these bounds do not hold: " + "; ".join(bounds.broken))


if __name__ == "__main__":
    main()
