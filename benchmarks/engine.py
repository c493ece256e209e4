"""What the engine adds to a request, and how fast its parts are: store, scan, intake, batch, status, a large table.

Everything is measured in one run on one machine, wall clock with all I/O: each write comes to rest on the disk. A
project of 30,000 clients with 23 features (credit_default, from the folder that ``EXPUNGE_DATA`` names; where it is
absent, a generated table of that size) is taken in, learned in 8 shards and asked to forget. Where the time of a
request goes is told by the engine's own functions, each charged with the time that it spends itself. Prints Markdown,
writes it to ``benchmarks/results/engine.md`` with ``--write``; ends with a sentence when a bound is broken.

    python benchmarks/engine.py [--write] [--quick] [--large]
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv
from sklearn.datasets import make_classification

import expunge.engine
from expunge import Records, Table, codec
from expunge.audit import replay as replays
from expunge.audit.needles import needles
from expunge.audit.residue import Stream, in_bytes
from expunge.data import snapshot as blocks
from expunge.data.schema import Schema
from expunge.data.sources import open_source
from expunge.engine import change, evidence, intake, learning, line
from expunge.engine.project import INSIDE, Project
from expunge.ledger.chain import Entry, Event, Ledger
from expunge.methods.arrays.retrain import Retrain
from expunge.methods.arrays.sisa import Sisa
from expunge.project.page import written
from expunge.project.proposal import propose
from expunge.store.directory import Directory
from expunge.store.keyring import Keyring

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("EXPUNGE_DATA", ROOT.parent / "shared" / "data"))
ID, LABEL, SHARDS = "ID", "default_next_month", 8
MB = 1e6
ADDED, SPEED, INTAKE, STATUS = 100.0, 100.0, 5.0, 1.0  # the bounds: ms, MB/s, s, s
LINEAR, TREES = "sklearn.linear_model.LogisticRegression", "sklearn.ensemble.HistGradientBoostingClassifier"
NOTES = """
*Added* is the whole request less what forgetting and replay would take without an engine, and less the search of the
residue scan, whose time follows the size of the project. A column's time is what ledger, store, codec and waiting for
the disk (fsync; SQLite's own is the ledger's) spend in that stage; the rest is what remains. Whether one counts the
planner's quote, reading the snapshot and the model's own bytes as added is a matter of view: ledger, store and
certificate alone are told below each table. Medians are taken cell by cell, so they add up only nearly. Requests go to
one project that is open; whoever opens it for each request (as the command line does) pays the opening too.
"""


# -- by the clock ------------------------------------------------------------------------------------------------------


@dataclass
class Watch:
    """Time by stage of the request and by what spends it: each moment is charged once, to the innermost of both."""

    spent: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    calls: Counter[str] = field(default_factory=Counter)
    _at: list[tuple[str, str]] = field(default_factory=lambda: [("the line itself", "rest")])
    _since: float = field(default_factory=time.perf_counter)

    def charge(self) -> None:
        """Charge the time since the last look to whatever ran."""
        now = time.perf_counter()
        self.spent[self._at[-1]] += now - self._since
        self._since = now

    def taken(self) -> dict[tuple[str, str], float]:
        """What was spent since the last time."""
        self.charge()
        spent, self.spent = self.spent, defaultdict(float)
        return spent

    def around(self, function: Callable[..., Any], *, stage: str | None = None, what: str | None = None) -> Any:
        """The function, charged to a stage, or to one of the engine's parts within the stage that it runs in."""

        @wraps(function)
        def charged(*arguments: Any, **named: Any) -> Any:
            self.charge()
            self.calls[what or ""] += 1
            held = self._at[-1]
            self._at.append((stage or held[0], what or ("rest" if stage else held[1])))
            try:
                return function(*arguments, **named)
            finally:
                self.charge()
                self._at.pop()

        return charged


STAGES: tuple[tuple[str, Any, str], ...] = (
    ("intake", line, "receive"),
    ("snapshot, read", Project, "table"),
    ("method, put together", Project, "method"),
    ("model, read", Project, "model"),
    ("plan", change, "plan"),
    ("forget", Sisa, "forget"),
    ("forget", Retrain, "forget"),
    ("replay", replays, "sample"),
    ("model, named and written", change, "stand"),
    ("model, named and written", change, "encode"),
    ("commit", line, "commit"),
    ("needles", line, "needles_of"),
    ("purge", evidence, "purge"),
    ("scan, recorded", evidence, "scanned"),
    ("scan, the search", evidence, "scan"),
    ("source, asked", evidence, "answers"),
    ("certificate", evidence, "certify"),
    ("last sweep", line, "finish"),
)
ALONE = ("forget", "replay", "scan, the search")  # what is no part of what the engine adds
PARTS: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    ("ledger", Ledger, ("append", "refresh")),
    ("store", Directory, ("put", "read", "address", "opens", "sweep", "names_of", "plaintext", "__setitem__")),
)


@contextmanager
def watched() -> Iterator[Watch]:
    """The engine with a watch on its functions; as it was afterwards."""
    watch, before = Watch(), list[tuple[Any, str, Any]]()

    def put(place: Any, name: str, **said: str) -> None:
        before.append((place, name, getattr(place, name)))
        setattr(place, name, watch.around(getattr(place, name), **said))

    try:
        for module, name in _codec_users():
            put(module, name, what="codec")
        for part, place, names in PARTS:
            for name in names:
                put(place, name, what=part)
        put(os, "fsync", what="disk")
        for stage, place, name in STAGES:
            put(place, name, stage=stage)
        yield watch
    finally:
        for place, name, function in reversed(before):
            setattr(place, name, function)


def _codec_users() -> Iterator[tuple[Any, str]]:
    """Where the engine has the codec's functions."""
    for found in pkgutil.iter_modules(expunge.engine.__path__, "expunge.engine."):
        module = importlib.import_module(found.name)
        for name in ("encode", "decode", "fingerprint"):
            if getattr(module, name, None) is getattr(codec, name):
                yield module, name


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gives, and its wall-clock seconds."""
    begun = time.perf_counter()
    made = work()
    return made, time.perf_counter() - begun


def row(cells: list[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |\n"


def head(*cells: str) -> str:
    """The first two lines of one."""
    return "\n" + row(list(cells)) + row(["---"] * len(cells))


def spread(values: list[float], digits: int = 2) -> str:
    """Median, and the middle half."""
    low, median, high = np.percentile(values, (25, 50, 75))
    return f"{median:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def load() -> str:
    """How much others ask of the machine: of one minute, per core."""
    return f"{os.getloadavg()[0] / (os.cpu_count() or 1):.2f}"


@dataclass
class Bounds:
    """What was promised, and what of it does not hold."""

    broken: list[str] = field(default_factory=list)

    def most(self, what: str, measured: float, bound: float, unit: str) -> str:
        """A bound from above, as a sentence; it is noted when it is broken."""
        return self._said(what, measured, bound, unit, "at most", holds=measured <= bound)

    def least(self, what: str, measured: float, bound: float, unit: str) -> str:
        """A bound from below."""
        return self._said(what, measured, bound, unit, "at least", holds=measured >= bound)

    def _said(self, what: str, measured: float, bound: float, unit: str, way: str, *, holds: bool) -> str:
        said = f"{what}: {measured:,.2f} {unit}, where {way} {bound:g} {unit} is the bound"
        if not holds:
            self.broken.append(said)
        return f"\n{said}: {'holds' if holds else '**broken**'}.\n"


# -- the project -------------------------------------------------------------------------------------------------------


def table(rows: int | None) -> tuple[str, pa.Table]:
    """30,000 clients with 23 features, and whether they paid."""
    path = DATA / "credit_default.parquet"
    if path.exists():
        found = pq.read_table(path).slice(0, rows)
        return f"credit_default, {len(found):,} x 23", found
    X, y = make_classification(rows or 30_000, 23, n_informative=12, random_state=0)
    columns = {ID: np.arange(1, len(X) + 1), **{f"x{k}": X[:, k].round(3) for k in range(23)}, LABEL: y}
    return (
        f"generated, {len(X):,} x 23, because there is no credit_default.parquet where data are looked for",
        pa.table(columns),
    )


def project_of(place: Path, rows: pa.Table, learner: str) -> Project:
    """A project as `expunge init --set shards=8` makes one, which has learned."""
    place.mkdir()
    csv.write_csv(rows, place / "credit.csv")
    at = {"path": "credit.csv"}
    options = {"shards": str(SHARDS)} | ({"max_iter": "1000"} if learner == LINEAR else {})
    made = propose(open_source(at, place), at, id=ID, label=LABEL, options=options, learner=learner, name=place.name)
    (place / "expunge.toml").write_text(written(made.settings, made.reasons), encoding="utf-8")
    learning.learn(Project.open(place))
    return Project.open(place)


def size_of(project: Project) -> float:
    """MB of the folder, less the source."""
    return sum(p.stat().st_size for p in (project.folder / INSIDE).rglob("*") if p.is_file()) / MB


# -- (a) what is added to a request ------------------------------------------------------------------------------------


@dataclass
class Requests:
    """Requests of one project, by the clock: milliseconds by stage and part; how often the last waited for the disk."""

    whole: list[float] = field(default_factory=list)
    waits: int = 0
    cells: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def ms(self, stages: list[str], parts: list[str]) -> list[float]:
        """Of each request, what these stages and parts spent."""
        chosen = [self.cells[stage, part] for stage in stages for part in parts if (stage, part) in self.cells]
        return [float(sum(each)) for each in zip(*chosen, strict=True)] if chosen else [0.0] * len(self.whole)


NAMES = list(dict.fromkeys([stage for stage, _, _ in STAGES] + ["the line itself"]))
KINDS = ["ledger", "store", "disk", "codec", "rest"]


def measured(project: Project, ids: list[int]) -> Requests:
    """Forget some clients one after the other, watched."""
    found = Requests()
    for name in ids[:2]:  # the first are slower: modules are imported, caches filled
        line.forget(project, Records([name]))
    with watched() as watch:
        for name in ids[2:]:
            watch.taken()
            (_, done), seconds = timed(lambda asked=name: line.forget(project, Records([asked])))  # type: ignore[misc]
            found.waits, watch.calls["disk"] = watch.calls["disk"], 0
            spent = watch.taken()
            verdicts = {each.verdict for each in done}
            assert verdicts <= {"clean", "not distinguishable"}, f"a request of the benchmark ended as {verdicts}"
            found.whole.append(1000 * seconds)
            for stage in NAMES:
                for part in KINDS:
                    found.cells[stage, part].append(1000 * spent[stage, part])
    return found


def added(name: str, project: Project, found: Requests, bounds: Bounds) -> Iterator[str]:
    """The breakdown of one project's requests, and the bound."""
    stages = [stage for stage in NAMES if stage not in ALONE]
    yield f"\n### {name}\n\n{len(found.whole)} requests of one client each, milliseconds: median (middle half). "
    yield f"The project takes {size_of(project):.0f} MB at rest. Load per core: {load()}.\n"
    yield head("stage", *KINDS, "together")
    for stage in NAMES:
        cells = [f"{np.median(found.ms([stage], [part])):.1f}" for part in KINDS]
        yield row([stage, *cells, spread(found.ms([stage], KINDS), 1)])
    yield row(["**all**", *(f"{np.median(found.ms(NAMES, [part])):.1f}" for part in KINDS), spread(found.whole, 1)])
    every = found.ms(stages, KINDS)
    yield row(["**added**", *(f"{np.median(found.ms(stages, [part])):.1f}" for part in KINDS), spread(every, 1)])
    alone = ["ledger", "store", "disk"]
    close = np.add(found.ms(stages, alone), found.ms(["certificate"], ["codec", "rest"])).tolist()
    yield f"\nLedger, store and certificate alone, of what is added: {spread(close, 1)} ms, with {found.waits} waits "
    yield f"for the disk; a small file brought to rest here: {spread(_disk(project.folder), 2)} ms. "
    opened = [1000 * timed(lambda: Project.open(project.folder))[1] for _ in range(10)]
    yield f"Opening the project: {spread(opened, 1)} ms.\n"
    yield bounds.most(f"Ledger, store and certificate, of a request ({name})", float(np.median(close)), ADDED, "ms")
    yield f"All that is added to a request ({name}), quote and model's own bytes included: {np.median(every):.0f} ms.\n"


def _disk(folder: Path) -> list[float]:
    """Milliseconds to bring a small file to rest, without an engine."""
    times = []
    for _ in range(20):
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".tmp-") as file:
            file.write(b"small")
            file.flush()
            times.append(1000 * timed(lambda f=file: os.fsync(f.fileno()))[1])  # type: ignore[misc]
    return times


# -- (b) bytes ---------------------------------------------------------------------------------------------------------


def bytes_a_second(place: Path, megabytes: int, repeats: int, bounds: Bounds) -> Iterator[str]:
    """Sealing, opening and searching, MB/s."""
    rng = np.random.default_rng(0)
    keyring, many = Keyring.create(place / "secrets"), megabytes // 4
    names = ("put: sealed, durable (4 MB each)", "read: opened (4 MB each)", "searched, 256 records' needles")
    speeds: dict[str, list[float]] = {name: [] for name in names}
    sought, control = _sought(rng)
    for turn in range(repeats):
        contents = [_looks_like_records(rng, 4_000_000, control) for _ in range(many)]
        store = Directory(place / f"store {turn}", keyring)
        total = sum(map(len, contents)) / MB
        addresses, put = timed(lambda held=contents, s=store: [s.put(content) for content in held])  # type: ignore[misc]
        _, read = timed(lambda at=addresses, s=store: [len(s.read(address)) for address in at])  # type: ignore[misc]
        streams = [Stream([content], control) for content in contents]
        part, looked = timed(lambda held=streams: in_bytes("made", held, sought))  # type: ignore[misc]
        assert (part.found, part.control) == (0, "found"), "the search found what is not there, or was blind"
        for name, seconds in zip(names, (put, read, looked), strict=True):
            speeds[name].append(total / seconds)
        shutil.rmtree(store.folder)
    yield f"\n## Bytes\n\n{megabytes} MB of numbers and text as records have them, {repeats} times. "
    yield f"{len(sought.patterns):,} needles. Load per core: {load()}.\n"
    yield head("what", "MB/s, median (middle half)")
    for name, speed in speeds.items():
        yield row([name, spread(speed, 0)])
    for name, speed in speeds.items():
        yield bounds.least(name, float(np.median(speed)), SPEED, "MB/s")


def _sought(rng: np.random.Generator) -> tuple[Any, bytes]:
    """Needles of 256 records with ten numbers and a name, and bytes that each blob has."""
    made = Table.from_arrays(rng.normal(size=(1024, 10)), ids=[f"client {rng.integers(1 << 60)}" for _ in range(1024)])
    return needles(made.take(slice(0, 256)), made.take(slice(256, None)), names=True), b"a benchmark's control"


def _looks_like_records(rng: np.random.Generator, size: int, control: bytes) -> bytes:
    """Half numbers as arrays have them, half as text has them."""
    numbers = rng.normal(size=size // 16).tobytes()
    text = ",".join(map(repr, rng.normal(size=2000).tolist())).encode()
    return control + numbers + (text * (size // len(text)))[: size - len(numbers)]


# -- (c) a thousand requests -------------------------------------------------------------------------------------------


def thousand(project: Project, ids: list[int], single: float, bounds: Bounds) -> Iterator[str]:
    """Accepted one by one, worked off as one batch."""
    each = [timed(lambda asked=name: intake.receive(project, Records([asked])))[1] for name in ids]  # type: ignore[misc]
    disk = _disk(project.folder)
    with watched() as watch:
        watch.taken()
        done, worked = timed(lambda: line.work(project))
        spent = watch.taken()
    assert len(done) == len(ids) == len({each.certificate for each in done}), "a request lost its certificate"
    root = project.published()
    ((name, standing),) = root.models.items()
    method, data = project.method(standing, root), project.table(root)
    _, again = timed(lambda: method.learn(data, project.run(standing).afresh()))
    yield f"\n## {len(ids):,} requests, of one client each\n\nLearner: {name}, {standing.settings['learner']}. "
    yield f"Load per core: {load()}.\n"
    yield head("what", "seconds")
    yield row(["accepted, one transaction each", f"{sum(each):.2f}"])
    yield row(["... one of them, ms", spread([1000 * seconds for seconds in each], 2)])
    yield row(["... a small file brought to rest then, ms", spread(disk)])
    yield row(["worked off as one batch, one certificate each", f"{worked:.2f}"])
    yield row([f"one by one: {len(ids):,} times the median of single requests", f"{single * len(ids):.1f}"])
    yield row(["one retraining, all shards, without an engine", f"{again:.2f}"])
    totals = defaultdict[str, float](float)
    for (stage, _), seconds in spent.items():
        totals[stage] += seconds
    yield "\nThe batch, by stage, s: " + ", ".join(
        f"{stage} {s:.2f}" for stage, s in sorted(totals.items(), key=lambda held: -held[1]) if s >= 0.005
    )
    yield ".\n" + bounds.most(f"Accepting {len(ids):,} requests", sum(each), INTAKE * len(ids) / 1000, "s")


# -- (d) a long ledger -------------------------------------------------------------------------------------------------


def long_ledger(project: Project, events: int, repeats: int, bounds: Bounds) -> Iterator[str]:
    """`expunge status` on a ledger that has grown: the whole process."""
    like = _one_request(project)
    grown, number = project.ledger.head.number, 0
    while grown < events:
        entries = [each for k in range(number, number + 500) for each in _once_more(like, k)][: events - grown]
        project.ledger.append(lambda _, made=entries: made)  # type: ignore[misc]
        number, grown = number + 500, grown + len(entries)
    command = [sys.executable, "-c", "from expunge.cli import main; main()", "status"]
    seconds, verify = [], []
    for _ in range(repeats):
        ran, took = timed(
            lambda: subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
        )
        assert ran.returncode == 0, f"expunge status failed: {ran.stderr or ran.stdout}"
        assert f"{grown:,}" in ran.stdout, "expunge status does not say how many events there are"
        seconds.append(took)
        keyring = Keyring.load(project.keyring.folder)
        verify.append(timed(lambda k=keyring: Ledger.open(project.ledger.path, k.ledger, k.anchor))[1])  # type: ignore[misc]
    bare = [timed(lambda: subprocess.run([sys.executable, "-c", ""], check=True))[1] for _ in range(repeats)]
    yield f"\n## `expunge status` on {grown:,} events\n\n{repeats} times, seconds. Every request was worked off "
    yield "alone and so has five events, which is the most that the book has to fold. The ledger has "
    yield f"{project.ledger.path.stat().st_size / MB:.0f} MB. Load per core: {load()}.\n"
    yield head("what", "seconds")
    yield row(["the whole process", spread(seconds)])
    yield row(["... verifying and folding the ledger", spread(verify)])
    yield row(["... a Python that does nothing", spread(bare)])
    yield bounds.most(f"`expunge status` on {grown:,} events", float(np.median(seconds)), STATUS, "s")


def _one_request(project: Project) -> list[Event]:
    """The events of the first request that went through alone."""
    events = list(project.ledger.events())
    first = next(place for place, event in enumerate(events) if event.kind == "received")
    kinds = [event.kind for event in events[first : first + 5]]
    assert kinds == ["received", "published", "purged", "scanned", "certified"], f"a request went {kinds}"
    return events[first : first + 5]


def _once_more(like: list[Event], k: int) -> list[Entry]:
    """The same events of another request; the root stays the one that is published."""
    name = f"20260101-{k:012x}"
    entries = []
    for event in like:
        body = dict(event.body)
        if event.kind == "received":
            body["token"] = f"{k:064x}"
        if event.kind == "published":
            body["requests"] = [name]
        entries.append(Entry(event.kind, body, None if event.request is None else name))
    return entries


# -- (e) a large table -------------------------------------------------------------------------------------------------


def large(place: Path, rows: int) -> Iterator[str]:
    """Take and load, each in a process of its own, with its peak of memory."""
    yield f"\n## {rows:,} rows x 10\n\nEight-byte numbers, 64 blocks, sealed and durable. Load per core: {load()}.\n"
    yield head("what", "seconds", "peak of the process, GiB", "... less what it began with, GiB", "over the table")
    place.mkdir()
    for step in ("take", "load"):
        said = subprocess.run(
            [sys.executable, __file__, "--step", step, "--rows", str(rows), "--place", str(place)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        yield said.stdout


def _step(step: str, rows: int, place: Path) -> None:
    schema = Schema("id", "label", None, tuple((f"x{k}", "number") for k in range(10)), label_type="integer")
    exists = Keyring.exists(place / "secrets")
    keyring = Keyring.load(place / "secrets") if exists else Keyring.create(place / "secrets")
    store, note = Directory(place / "store", keyring), place / "snapshot"
    begun = _memory("VmRSS")
    if step == "take":
        snapshot, seconds = timed(
            lambda: blocks.take(_batches(schema, rows), schema, keyring.run, store.put, blocks=64)
        )
        note.write_bytes(codec.encode(snapshot.written()))
        size = rows * 12 * 8
    else:
        snapshot = blocks.Snapshot.from_written(codec.decode(note.read_bytes()))
        made, seconds = timed(lambda: blocks.load(snapshot, store.read))
        assert len(made) == rows, "the table that was loaded has other rows"
        size = rows * 12 * 8
    peak = _memory("VmHWM")
    more = (peak - begun) * 1024 / size
    cells = [step, f"{seconds:.1f}", f"{peak / 2**20:.2f}", f"{(peak - begun) / 2**20:.2f}", f"**{more:.2f}x**"]
    print(row(cells), end="")


def _batches(schema: Schema, rows: int) -> Iterator[pa.RecordBatch]:
    rng = np.random.default_rng(0)
    for first in range(0, rows, 1 << 16):
        count = min(1 << 16, rows - first)
        features = [pa.array(rng.normal(size=count)) for _ in range(10)]
        label = pc.cast(pc.greater(features[0], 0.0), pa.int64())
        columns = {"id": pa.array(np.arange(first, first + count)), "label": label}
        columns |= {f"x{k}": values for k, values in enumerate(features)}
        yield pa.record_batch([columns[name] for name in schema.arrow.names], schema=schema.arrow)


def _memory(name: str) -> int:
    """KiB, from the system."""
    return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0])


# -- the whole ---------------------------------------------------------------------------------------------------------


def report(place: Path, bounds: Bounds, *, quick: bool, million: int) -> Iterator[str]:
    """The whole, as Markdown."""
    warnings.simplefilter("ignore")
    said, rows = table(3000 if quick else None)
    yield "# The engine by the clock\n\n"
    yield f"`python benchmarks/engine.py --write{' --quick' if quick else ''}{' --large' if million else ''}`: "
    yield "one run, one thread, wall clock with all I/O, every write brought to the disk. "
    yield f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
    yield f"scikit-learn {version('scikit-learn')}, numpy {version('numpy')}. Data: {said}. "
    yield f"Load per core when it began: {load()}; it is told for each part, because others work on this machine.\n"
    count, batch = (5, 50) if quick else (25, 1000)
    ids = np.random.default_rng(1).permutation(np.asarray(rows.column(ID)))[: 2 + count + batch].tolist()
    yield "\n## What is added to a request\n" + NOTES
    linear = project_of(place / "linear", rows, LINEAR)
    trees = project_of(place / "trees", rows, TREES)
    singles = measured(linear, ids[: 2 + count])
    yield from added("logistic regression", linear, singles, bounds)
    yield from added("boosted trees, as proposed", trees, measured(trees, ids[: 2 + count]), bounds)
    yield from bytes_a_second(place / "bytes", 16 if quick else 256, 3 if quick else 5, bounds)
    yield from thousand(linear, ids[2 + count :], float(np.median(singles.whole)) / 1000, bounds)
    yield from long_ledger(linear, 2000 if quick else 100_000, 3 if quick else 7, bounds)
    if million:
        yield from large(place / "large", million)
    yield f"\nLoad per core when it ended: {load()}. How noisy that made the times, the middle halves say.\n"


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/engine.md")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows: to try the recipe, not for figures")
    parser.add_argument("--large", action="store_true", help="a table of ten million rows too: 2 GB of disk")
    parser.add_argument("--step", choices=("take", "load"), help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        _step(given.step, given.rows, given.place)
        return
    bounds, said = Bounds(), []
    with tempfile.TemporaryDirectory(prefix="expunge-") as folder:
        os.environ["EXPUNGE_SECRETS"] = str(Path(folder) / "secrets")
        million = (100_000 if given.quick else 10_000_000) if given.large else 0
        for part in report(Path(folder), bounds, quick=given.quick, million=million):
            print(part, end="", flush=True)
            said.append(part)
    if given.write:
        results = Path(__file__).parent / "results"
        results.mkdir(exist_ok=True)
        (results / "engine.md").write_text("".join(said), encoding="utf-8")
    if bounds.broken:
        sys.exit("these bounds do not hold: " + "; ".join(bounds.broken))


if __name__ == "__main__":
    main()
