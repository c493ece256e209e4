"""Linear models: forgetting against learning again, by the clock and by the distance to the exact optimum.

Everything is measured in one run on one machine, one thread, in CPU seconds of the process (what the wall clock shows
on a machine that has nothing else to do). The reference of each distance is the optimum of what remains, fitted until
float64 can tell no more. Routes start from arrays and from what a running service has at hand: the old optimum, the
factor of its Hessian, the lengths of the records and how many zeros they have (Newton), the log of the descent
(DeltaGrad); what that leaves out of Newton's time is in the line "through the verbs". The rows that remain are
gathered beforehand for every route. Data: Adult and credit_default from the folder that ``EXPUNGE_DATA`` names,
generated ones of that size where it is absent. Prints Markdown, writes it to ``benchmarks/results/linear.md`` with
``--write``; ends with a sentence when a bound is broken.

    python benchmarks/linear.py [--large] [--write] [--quick]
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from expunge import Records, Run, Table
from expunge.learners.linear import LinearLearner
from expunge.linear.correction import Anchored, correct, settle
from expunge.linear.families import Logistic
from expunge.linear.objective import Objective
from expunge.linear.optimum import fit
from expunge.measures.sape import accuracy_disparity, accuracy_error, speed_up
from expunge.methods.arrays import fisher, influence
from expunge.methods.arrays._removal import Removal
from expunge.methods.arrays.deltagrad import DeltaGrad
from expunge.methods.arrays.newton import Newton

Floats = NDArray[np.float64]
ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("EXPUNGE_DATA", ROOT.parent / "shared" / "data"))
KEY = b"the benchmark's key"
DISTANCE = 1e-6  # what Newton is held to; it goes on until a bound of half of it holds, as its verbs do
QUICK = 0.1  # seconds below which a route that changes nothing is timed five times: the median
REFIT, WARM, STEP, WINS = 40.0, 4.0, 0.2, 5  # the bounds: times, times, ms, of six settings
EXACT = "scikit-learn newton-cholesky, tol 1e-12, cold"
OURS, LOOSER = "**newton, certified**", "newton, certified to 1e-3"
LOOSE = 1e-3  # what a second Newton is held to, which may stop as early as the published methods, and still knows where
NOTES = """
Distances are Euclidean, of all coefficients and the intercept, to the optimum of what remains. AccErr is the SAPE of
the accuracies on held-out records, AccDis of those on the forgotten records, each against that optimum, which has no
noise and took none of the method's steps; no method adds noise here. Speed-up: against the faster of the two exact
refits. *DeltaGrad* nears what its own descent (20 epochs, 80 steps) learns without the records, which is far from the
optimum: its second row is that refit, by the same verbs, and "from its own refit" the distance to it. A route that
moves no parameter is marked: it did nothing. Newton *wins* a setting when every other route that moved, exact refits
included, is slower and no closer, where all distances within the promised 1e-6 are equal; it is *not dominated* when
none is faster and as close. The same is said of a Newton that promises 1e-3.
"""


# -- data --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """Two classes; rows to learn from, and rows to score."""

    name: str
    X: Floats
    y: Floats
    X_test: Floats
    y_test: Floats


def synthetic(n: int, d: int) -> Scene:
    """Features of falling scale, and a class that follows them through a logistic."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n + 5000, d)) * np.logspace(0, -1, d)
    y = (rng.random(n + 5000) < 1 / (1 + np.exp(-X @ (1.5 * rng.standard_normal(d))))).astype(float)
    return Scene(f"generated, {n:,} x {d}", X[:n], y[:n], X[n:], y[n:])


def split(name: str, X: Floats, y: Floats, rows: int | None, test: int) -> Scene:
    """Rows in a fixed shuffled order, the last of them to score."""
    order = np.random.default_rng(0).permutation(len(X))
    train = order[:-test][:rows]
    return Scene(f"{name}, {len(train):,} x {X.shape[1]}", X[train], y[train], X[order[-test:]], y[order[-test:]])


def one_hot(values: Any) -> Floats:
    """Categories in sorted order: a public list of the data set."""
    return np.asarray(values[:, None] == np.unique(values)[None, :], dtype=np.float64)


def adult(rows: int | None) -> Scene:
    """48,842 people; logarithms of numbers, a public list of categories: nothing is fitted."""
    if not (DATA / "adult.parquet").exists():
        X, y = make_classification(48_842, 104, n_informative=30, random_state=0)
        return split("generated, the size of Adult", X, y.astype(float), rows, 10_000)
    frame = pq.read_table(DATA / "adult.parquet")
    parts = [
        one_hot(np.array(values.to_pylist(), dtype=str))
        if "string" in str(values.type)
        else np.log1p(values.to_numpy())[:, None]
        for name, values in zip(frame.column_names, frame.columns, strict=True)
        if name not in ("row_id", "fnlwgt", "income", "split")
    ]
    income = np.array(frame.column("income").to_pylist())
    return split("Adult", np.hstack(parts), (income == np.unique(income)[1]).astype(float), rows, 10_000)


def credit(rows: int | None) -> Scene:
    """30,000 clients; signed logarithms of amounts, categories and months of delay by public lists."""
    if not (DATA / "credit_default.parquet").exists():
        X, y = make_classification(30_000, 86, n_informative=30, random_state=0)
        return split("generated, the size of credit_default", X, y.astype(float), rows, 6000)
    frame = pq.read_table(DATA / "credit_default.parquet")
    parts = []
    for name in frame.column_names:
        if name in ("ID", "default_next_month"):
            continue
        values = frame.column(name).to_numpy().astype(np.float64)
        listed = name in ("SEX", "EDUCATION", "MARRIAGE") or (name.startswith("PAY_") and "AMT" not in name)
        parts.append(one_hot(values) if listed else (np.sign(values) * np.log1p(np.abs(values)) / 10)[:, None])
    label = frame.column("default_next_month").to_numpy().astype(np.float64)
    return split("credit_default", np.hstack(parts), label, rows, 6000)


def covertype_like(rows: int | None) -> Scene:
    """100,000 x 54 as in the cover types: ten numbers, four areas and forty soils, of which many are rare."""
    rng = np.random.default_rng(0)
    n = 110_000
    numbers = rng.standard_normal((n, 10)) @ (np.eye(10) + 0.4 * rng.standard_normal((10, 10)))
    areas = np.eye(4)[rng.choice(4, n, p=[0.45, 0.05, 0.44, 0.06])]
    share = 1 / np.arange(1, 41) ** 1.5
    soils = np.eye(40)[rng.choice(40, n, p=share / share.sum())]
    X = np.hstack([numbers, areas, soils])
    y = (rng.random(n) < 1 / (1 + np.exp(-X @ rng.standard_normal(54)))).astype(float)
    return split("generated like covertype", X, y, rows, 10_000)


# -- one deletion, many routes -----------------------------------------------------------------------------------------


@dataclass(eq=False)
class Service:
    """A model at work, with what each route has at hand before anybody asks."""

    scene: Scene
    C: float = 1.0

    @cached_property
    def objective(self) -> Objective:
        """Of all records."""
        return Objective(Logistic(), self.scene.X, self.scene.y, penalty=1 / self.C)

    @cached_property
    def before(self) -> Anchored:
        """The optimum, with the factor of its Hessian."""
        return settle(self.objective, fit(self.objective), DISTANCE / 2).anchored

    @cached_property
    def table(self) -> Table:
        """The same for the verbs."""
        return Table.from_arrays(self.scene.X, self.scene.y.astype(int))

    @cached_property
    def run(self) -> Run:
        """Of the verbs."""
        return Run(key=KEY)

    @cached_property
    def delta(self) -> tuple[DeltaGrad, Any]:
        """DeltaGrad as published, and its log."""
        method = DeltaGrad(LinearLearner(LogisticRegression(C=self.C)))
        return method, method.learn(self.table, self.run)

    def started(self, **how: Any) -> LogisticRegression:
        """A scikit-learn model that stands at the old optimum and starts from there."""
        made = LogisticRegression(C=self.C, warm_start=True, **how)
        made.max_iter = 1
        both = np.concatenate([np.flatnonzero(self.scene.y == value)[:50] for value in (0, 1)])
        made.fit(self.scene.X[both], self.scene.y[both])
        made.max_iter = 5000
        made.coef_ = self.before.weights[None, :-1].copy()
        made.intercept_ = self.before.weights[-1:].copy()
        return made


@dataclass(frozen=True)
class Found:
    """What a route ended in."""

    seconds: float
    weights: Floats
    bound: float | None = None
    reference: Floats | None = None  # where it is another than the optimum


@dataclass(eq=False)
class Deletion:
    """Some rows go."""

    service: Service
    rows: NDArray[np.intp]

    def __post_init__(self) -> None:
        whole, scene = self.service.objective, self.service.scene
        keep = np.ones(len(whole), bool)
        keep[self.rows] = False
        self.X, self.y = scene.X[keep], scene.y[keep]
        self.gone = whole.take(self.rows)
        order = np.concatenate([self.rows, np.flatnonzero(keep)])
        self.removal = Removal(whole.take(order), order, len(self.rows), lambda _: whole.penalty)
        self.rest = self.removal.kept()
        self.exact = fit(self.rest, start=self.service.before.weights).weights

    def distance(self, weights: Floats) -> float:
        """To the optimum of what remains."""
        return float(np.linalg.norm(weights - self.exact))

    # the routes

    def newton(self, distance: float = DISTANCE) -> tuple[Floats, float]:
        """Until a bound of half the distance holds."""
        found = correct(self.rest, self.service.before, distance / 2, out=self.gone)
        return found.anchored.weights, found.bound

    def newton_step(self) -> Floats:
        """The first step alone, from the gradient and the factor at hand: nothing bounds it."""
        before = self.service.before
        assert before.factor is not None
        factor = before.factor.downdated(self.gone.roots(before.factor.anchor))
        gradient = before.gradient - self.gone.data_gradient(before.weights)
        return before.weights - factor.solve(gradient)

    def fisher(self, batches: int) -> Floats:
        """As published, without noise."""
        weights = self.service.before.weights
        for _, rest in self.removal.batches(batches):
            weights = fisher.step(rest, weights)
        return weights

    def influence(self, batches: int) -> Floats:
        """As published, without noise."""
        weights = self.service.before.weights
        for gone, rest in self.removal.batches(batches):
            weights = influence.step(gone, rest, weights, np.zeros_like(weights))
        return weights

    def refit(self, *, warm: bool, **how: Any) -> Callable[[], Floats]:
        """scikit-learn, ready to be timed."""
        made = self.service.started(**how) if warm else LogisticRegression(C=self.service.C, max_iter=5000, **how)

        def work() -> Floats:
            made.fit(self.X, self.y)
            return np.append(made.coef_[0], made.intercept_)

        return work

    def ours(self) -> Floats:
        """Our own exact refit, from nothing."""
        return fit(self.rest).weights

    def delta(self) -> tuple[Found, Found]:
        """DeltaGrad's replay, and its refit, through the verbs."""
        method, log = self.service.delta
        target, data, run = Records(self.rows), self.service.table, self.service.run
        again, refit = timed(partial(method.learn, data.after(target), run))
        done, seconds = timed(partial(method.forget, log, target, data, run))
        reference = again.model.weights
        assert reference is not None
        assert done.model.model.weights is not None
        return Found(seconds, done.model.model.weights, reference=reference), Found(refit, reference)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gives, and its CPU seconds."""
    begun = time.process_time()
    made = work()
    return made, time.process_time() - begun


Maker = Callable[[Deletion], Callable[[], Any]]
LBFGS, CHOLESKY = {"solver": "lbfgs"}, {"solver": "newton-cholesky"}
TIGHT, TIGHTEST = LBFGS | {"tol": 1e-8}, CHOLESKY | {"tol": 1e-12}
PUBLISHED: dict[str, Maker] = {
    "fisher, 1 batch": lambda each: partial(each.fisher, 1),
    "fisher, 8 batches": lambda each: partial(each.fisher, 8),
    "influence, 1 batch": lambda each: partial(each.influence, 1),
    "influence, 8 batches": lambda each: partial(each.influence, 8),
}
WARMED: dict[str, Maker] = {
    "lbfgs, warm": lambda each: each.refit(warm=True, **LBFGS),
    "lbfgs, tol 1e-8, warm": lambda each: each.refit(warm=True, **TIGHT),
    "newton-cholesky, warm": lambda each: each.refit(warm=True, **CHOLESKY),
    "newton-cholesky, tol 1e-12, warm": lambda each: each.refit(warm=True, **TIGHTEST),
}
COLD: dict[str, Maker] = {
    "lbfgs, cold": lambda each: each.refit(warm=False, **LBFGS),
    "newton-cholesky, cold": lambda each: each.refit(warm=False, **CHOLESKY),
}
EXACTLY: dict[str, Maker] = {
    EXACT: lambda each: each.refit(warm=False, **TIGHTEST),
    "our own optimum, cold": lambda each: each.ours,
}
NEWTON: dict[str, Maker] = {
    OURS: lambda each: each.newton,
    LOOSER: lambda each: partial(each.newton, LOOSE),
    "newton, first step, no bound": lambda each: each.newton_step,
}


def measured(deletions: list[Deletion], *, delta: bool) -> dict[str, list[Found]]:
    """Each route over each deletion."""
    found: dict[str, list[Found]] = {}
    for each in deletions:
        for name, maker in (NEWTON | PUBLISHED | WARMED | COLD | EXACTLY).items():
            work = maker(each)
            if name in NEWTON | PUBLISHED:
                work()  # the first call of a route fills caches; quick ones would show nothing else
            made, seconds = timed(work)
            if seconds < QUICK and name in NEWTON | PUBLISHED:  # a refit changes what it would start from next time
                seconds = float(np.median([seconds, *(timed(work)[1] for _ in range(4))]))
            weights, bound = made if isinstance(made, tuple) else (made, None)
            found.setdefault(name, []).append(Found(seconds, weights, bound))
        if delta:
            for name, one in zip(("deltagrad", "deltagrad's own refit"), each.delta(), strict=True):
                found.setdefault(name, []).append(one)
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

    def said(self, what: str, measured: float, *, least: float | None = None, most: float | None = None) -> str:
        """A bound, as a sentence."""
        holds = (least is None or measured >= least) and (most is None or measured <= most)
        wanted = f"at least {least:g}" if least is not None else f"at most {most:g}"
        sentence = f"{what}: {measured:.3g}, where {wanted} is the bound"
        if not holds and not self.quick:
            self.broken.append(sentence)
        verdict = "not judged in a quick run" if self.quick else "holds" if holds else "**broken**"
        return f"\n{sentence}: {verdict}.\n"


@dataclass(frozen=True)
class Line:
    """One route of one setting."""

    name: str
    seconds: float
    distance: float
    idle: bool
    bound: float | None
    cells: tuple[str, ...]


def right(weights: Floats, X: Floats, y: Floats) -> float:
    """Accuracy."""
    return float(np.mean((X @ weights[:-1] + weights[-1] > 0) == y))


def lines(deletions: list[Deletion], found: dict[str, list[Found]]) -> list[Line]:
    """The table of one setting: medians over its deletions."""
    scene, start = deletions[0].service.scene, deletions[0].service.before.weights
    fastest = min(float(np.median([one.seconds for one in found[name]])) for name in EXACTLY)
    made = []
    for name, ends in found.items():
        seconds = float(np.median([one.seconds for one in ends]))
        away = [each.distance(one.weights) for each, one in zip(deletions, ends, strict=True)]
        last, end = deletions[-1], ends[-1]
        test, exact = (right(w, scene.X_test, scene.y_test) for w in (end.weights, last.exact))
        there, wanted = (right(w, last.gone.X, last.gone.y) for w in (end.weights, last.exact))
        disparity = accuracy_disparity([there], [wanted], reference="the noise-free optimum of what remains")
        idle = all(np.array_equal(one.weights, start) for one in ends)
        own = (
            "" if end.reference is None else f" ({np.linalg.norm(end.weights - end.reference):.1e} from its own refit)"
        )
        bounds = [one.bound for one in ends if one.bound is not None]
        cells = (
            name + (" (did nothing)" if idle else ""),
            clock(seconds),
            f"{np.median(away):.1e}{own}",
            f"{max(bounds):.1e}" if bounds else "-",
            f"{speed_up(seconds, fastest, reference='the faster exact refit').value:.3g}x",
            f"{test:.4f}",
            f"{accuracy_error(test, exact).value:.3g}",
            f"{disparity.mean.value:.3g}",
        )
        made.append(Line(name, seconds, float(max(away)), idle, max(bounds, default=None), cells))
    return made


TITLES = ("route", "time", "distance", "its bound", "speed-up", "test accuracy", "AccErr, %", "AccDis, %")


# -- the parts ---------------------------------------------------------------------------------------------------------


def large(n: int, repeats: int, bounds: Bounds) -> Iterator[str]:
    """One record and a thousand of many, median of some deletions."""
    service = Service(synthetic(n, 100))
    _, once = timed(lambda: service.before)
    yield f"\n## {service.scene.name}\n\nLearned, with the Hessian's factor: {clock(once)}. Medians of {repeats}.\n"
    rng = np.random.default_rng(1)
    for count in (1, min(1000, n // 10)):
        deletions = [Deletion(service, rng.choice(n, count, replace=False)) for _ in range(repeats)]
        start = float(np.median([each.distance(service.before.weights) for each in deletions]))
        made = lines(deletions, measured(deletions[:repeats], delta=False))
        yield f"\n### {count:,} of {n:,} go, the optimum moves by {start:.1e}\n" + head(*TITLES)
        yield "".join(row(list(line.cells)) for line in made)
        yield from judged(f"{count:,} of {n:,}", made, start, bounds)
        yield from verbs(service, deletions[0])


def judged(what: str, made: list[Line], start: float, bounds: Bounds) -> Iterator[str]:
    """The bounds of the large setting."""
    by = {line.name: line for line in made}
    ours, exact = by[OURS], min(by[name].seconds for name in EXACTLY)
    assert ours.bound is not None
    yield bounds.said(f"{what}: times faster than the faster exact refit", exact / ours.seconds, least=REFIT)
    warm = [by[name] for name in WARMED if not by[name].idle and by[name].distance < start / 2]
    if warm:
        best = min(warm, key=lambda line: line.seconds)
        ratio = best.seconds / ours.seconds
        yield bounds.said(f"{what}: times faster than the best warm refit ({best.name})", ratio, least=WARM)
        ratio = max(ours.distance, DISTANCE) / max(best.distance, DISTANCE)
        yield bounds.said(f"{what}: our distance by that of {best.name}, 1e-6 or less being equal", ratio, most=1.0)
    yield bounds.said(f"{what}: distance", ours.distance, most=DISTANCE)
    yield bounds.said(f"{what}: distance by its own bound", ours.distance / ours.bound, most=1.0)
    if what.startswith("1 of"):
        step = by["newton, first step, no bound"]
        yield bounds.said(f"{what}: milliseconds of a step without a bound", 1000 * step.seconds, most=STEP)


def verbs(service: Service, deletion: Deletion) -> Iterator[str]:
    """The same through `learn` and `forget` of a table, with its orders, digests and lengths."""
    method = Newton(LinearLearner(LogisticRegression(C=service.C)), distance=DISTANCE)
    state, learned = timed(partial(method.learn, service.table, service.run))
    target = Records(deletion.rows)
    found = [timed(partial(method.forget, state, target, service.table, service.run)) for _ in range(5)]
    _, without = timed(partial(method.learn, service.table.after(target), service.run))
    forget = float(np.median([seconds for _, seconds in found]))
    weights = found[0][0].model.weights
    assert weights is not None
    yield f"\nThrough the verbs, of a table: learn {clock(learned)}, learn without {clock(without)}, forget "
    yield f"{clock(forget)} ({without / forget:.3g}x; the first time {clock(found[0][1])}), "
    yield f"distance {deletion.distance(weights):.1e}.\n"


def settings(service: Service) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Six deletions, and a seventh: half a class."""
    scene, rng = service.scene, np.random.default_rng(2)
    n, lengths = len(scene.X), np.linalg.norm(scene.X, axis=1)
    for share in (0.001, 0.01, 0.2):
        yield f"{100 * share:g} %, random", rng.choice(n, max(1, int(share * n)), replace=False)
    for share in (0.001, 0.01, 0.2):
        yield f"{100 * share:g} %, the longest records", np.argsort(-lengths, kind="stable")[: max(1, int(share * n))]
    smaller = np.flatnonzero(scene.y == (1.0 if scene.y.mean() < 0.5 else 0.0))
    yield (
        "half of the smaller class, its longest",
        smaller[np.argsort(-lengths[smaller], kind="stable")][: len(smaller) // 2],
    )


def real(service: Service, repeats: int, bounds: Bounds) -> Iterator[str]:
    """Accuracy and distance on one data set."""
    _, once = timed(lambda: service.before)
    yield f"\n## {service.scene.name}\n\nLearned, with the Hessian's factor: {clock(once)}.\n"
    won, undominated = dict.fromkeys((OURS, LOOSER), 0), 0
    for number, (name, rows) in enumerate(settings(service)):
        deletions = [Deletion(service, rows)] * repeats
        start = deletions[0].distance(service.before.weights)
        made = lines(deletions, measured(deletions, delta=True))
        yield f"\n### {name}: {len(rows):,} go, the optimum moves by {start:.1e}\n" + head(*TITLES)
        yield "".join(row(list(line.cells)) for line in made)
        faster, closer = ahead(made, OURS, DISTANCE)
        for mine, distance in ((OURS, DISTANCE), (LOOSER, LOOSE)):
            won[mine] += number < 6 and not any(ahead(made, mine, distance))
        undominated += number < 6 and not set(faster) & set(as_close(made))
        said = [f"faster: {', '.join(faster)}"] * bool(faster) + [f"closer: {', '.join(closer)}"] * bool(closer)
        yield f"\n{'; '.join(said) if said else 'No route is faster than Newton, and none is closer'}.\n"
    yield f"\n{service.scene.name}: in {undominated} of six settings Newton is not dominated; promising 1e-3 it "
    yield f"wins in {won[LOOSER]}.\n"
    yield bounds.said(f"{service.scene.name}: settings of six in which Newton wins", won[OURS], least=WINS)


def others(made: list[Line], mine: str = OURS) -> tuple[Line, list[Line]]:
    """Newton with its bound, and every other route that moved."""
    ours = next(line for line in made if line.name == mine)
    return ours, [line for line in made if line.name not in NEWTON and not line.idle]


def ahead(made: list[Line], mine: str, distance: float) -> tuple[list[str], list[str]]:
    """Who is faster than a Newton, and who is closer by more than both are promised to be."""
    ours, rest = others(made, mine)
    faster = [line.name for line in rest if line.seconds < ours.seconds]
    return faster, [line.name for line in rest if line.distance < ours.distance and ours.distance > distance]


def as_close(made: list[Line]) -> list[str]:
    """Who is as close as Newton."""
    ours, rest = others(made)
    return [line.name for line in rest if line.distance <= max(ours.distance, DISTANCE)]


def stream(service: Service, name: str, order: NDArray[np.intp], look: int, bounds: Bounds) -> Iterator[str]:
    """One record after the other goes, each with its bound; the distance is looked at every so often."""
    before, objective = service.before, service.objective
    times, worst, looked, steps = [], 0.0, 0, 0
    for number in range(len(order)):
        gone, rest = service.objective.take(order[[number]]), service.objective.without(order[: number + 1])
        found, seconds = timed(partial(correct, rest, before, DISTANCE / 2, out=gone))
        before, objective = found.anchored, rest
        times.append(1000 * seconds)
        steps += found.passes
        if (number + 1) % look == 0 or number + 1 == len(order):
            exact = fit(objective, start=before.weights).weights
            worst = max(worst, float(np.linalg.norm(before.weights - exact)) / found.bound)
            looked += 1
    p50, p99 = np.percentile(times, (50, 99))
    cells = [f"{service.scene.name}, {name}", f"{len(order):,}", f"{p50:.2f}", f"{p99:.2f}"]
    yield row([*cells, f"{steps / len(order):.2f}", f"{looked:,}", f"{worst:.2g}"])
    if worst > 1:
        bounds.said(f"{service.scene.name}, {name}: largest share of the bound", worst, most=1.0)


def streams(services: list[Service], count: int, look: int, bounds: Bounds) -> Iterator[str]:
    """Of each data set in random order and the longest records first."""
    yield f"\n## Streams of {count:,} single deletions\n\nThe distance is compared with the bound after every "
    yield f"{look:,}th deletion, by a fit until float64 can tell no more; more than 1 would be a violation.\n"
    yield head(
        "data, order", "deletions", "ms, p50", "ms, p99", "passes each", "looked at", "largest distance by its bound"
    )
    for service in services:
        lengths = np.linalg.norm(service.scene.X, axis=1)
        yield from stream(service, "random", np.random.default_rng(3).permutation(len(lengths))[:count], look, bounds)
        yield from stream(service, "the longest first", np.argsort(-lengths, kind="stable")[:count], look, bounds)


def huge(n: int, d: int) -> Iterator[str]:
    """Many records of many numbers, at half precision, through the verbs: time, bound, and the memory at its peak."""
    rng = np.random.default_rng(0)
    X, truth = np.empty((n, d), np.float32), rng.standard_normal(d) / np.sqrt(d)
    y = np.empty(n, int)
    for start in range(0, n, 50_000):
        rows = slice(start, start + 50_000)
        X[rows] = rng.standard_normal(X[rows].shape, np.float32)
        y[rows] = rng.random(len(X[rows])) < 1 / (1 + np.exp(-2 * X[rows] @ truth))
    table, run = Table.from_arrays(X, y), Run(key=KEY)
    method = Newton(LinearLearner(LogisticRegression()), distance=DISTANCE)
    yield f"# Linear models: {n:,} x {d:,} in float32\n\n`python benchmarks/linear.py --large --write`: one run, one "
    yield f"thread, CPU seconds, through the verbs. {platform.machine()}, Python {platform.python_version()}, numpy "
    yield f"{version('numpy')}. The records take {X.nbytes / 2**30:.2f} GiB.\n"
    state, seconds = timed(partial(method.learn, table, run))
    yield head("step", "time", "passes", "Hessians", "bound", "memory at its peak so far")
    yield row(["learn", clock(seconds), "-", "-", "-", peak()])
    for count in (1, 1000):
        target = Records(rng.choice(n, count, replace=False))
        done, seconds = timed(partial(method.forget, state, target, table, run))
        cells = [f"forget {count:,}", clock(seconds), str(done.passes), str(done.factored), f"{done.bound:.1e}", peak()]
        yield row(cells)


def peak() -> str:
    """The most memory that this process has had."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB"


def report(bounds: Bounds, *, quick: bool) -> Iterator[str]:
    """The whole, as Markdown."""
    warnings.simplefilter("ignore")
    yield "# Linear models: forgetting against learning again\n\n"
    yield f"`python benchmarks/linear.py --write{' --quick' if quick else ''}`: one run, one thread, CPU seconds. "
    yield f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
    yield f"scikit-learn {version('scikit-learn')}, numpy {version('numpy')}. Key and seeds are fixed in the file. "
    yield "Logistic regression, C = 1, the intercept free.\n" + NOTES
    yield from large(20_000 if quick else 500_000, 2 if quick else 5, bounds)
    rows = 4000 if quick else None
    services = [Service(made(rows)) for made in (adult, credit, covertype_like)]
    for service in services:
        yield from real(service, 1 if quick else 3, bounds)
    yield from streams(services[:1] if quick else services[:2], 200 if quick else 10_000, 20 if quick else 100, bounds)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/linear.md")
    parser.add_argument("--quick", action="store_true", help="few of the rows: to try the recipe, not for figures")
    parser.add_argument(
        "--large", action="store_true", help="a million records of a thousand numbers, and nothing else"
    )
    given = parser.parse_args()
    bounds, said = Bounds(given.quick), []
    small = 20 if given.quick else 1
    for part in huge(10**6 // small, 1000 // small) if given.large else report(bounds, quick=given.quick):
        print(part, end="", flush=True)
        said.append(part)
    if given.write:
        results = Path(__file__).parent / "results"
        results.mkdir(exist_ok=True)
        (results / ("linear_large.md" if given.large else "linear.md")).write_text("".join(said), encoding="utf-8")
    if bounds.broken:
        sys.exit("these bounds do not hold: " + "; ".join(bounds.broken))


if __name__ == "__main__":
    main()
