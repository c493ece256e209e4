"""The main job on data that everybody has: real patients leave a real model, with a quote before and a proof after.

scikit-learn's breast-cancer data, 569 patients of Wisconsin (Street, Wolberg, Mangasarian, 1993). An ensemble of small
neural networks learns 455 of them; patients are forgotten one by one and in a batch; each time the ensemble is learned
again without them, from nothing, and compared bit for bit. Runs in well under a minute and fetches nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from rich.progress import track
from rich.table import Table as Grid
from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from expunge.audit.arms import Missing
from expunge.audit.replay import Replay
from expunge.audit.report import Report, audit
from expunge.data.table import Table
from expunge.errors import MissingExtraError
from expunge.methods.arrays._cost import expected_cost
from expunge.methods.arrays.retrain import Retrain
from expunge.methods.arrays.sisa import Sisa
from expunge.protocol import Run
from expunge.values import Quote, Records

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import Console

T = TypeVar("T")

WRONG, SHARDS, SINGLES, BATCHES, HORIZON = 10, 10, 5, (8, 30), 100
RED, BLUE, GREEN = "#b3462c", "#22577a", "#57a773"


@dataclass(frozen=True)
class Scene:
    """What the demo works on."""

    patients: Table
    held_out: Table
    method: Sisa
    key: bytes

    def names(self) -> list[str]:
        """Ids of the patients that were learned."""
        return [str(name) for name in self.patients.ids.tolist()]

    def accuracy(self, method: Any, model: Any) -> float:
        """On patients that no model has seen."""
        decided = np.array(model.classes)[method.predict(model, self.held_out).argmax(axis=1)]
        return float(np.mean(decided == self.held_out.label))


def scene() -> Scene:
    """455 patients to learn, the first of them under a wrong diagnosis on purpose, 114 held out, and the method."""
    data = load_breast_cancer()
    rows = np.random.default_rng(20).permutation(len(data.data))
    diagnosis = data.target.copy()
    diagnosis[rows[:WRONG]] = 1 - diagnosis[rows[:WRONG]]
    names = [f"patient-{number:03d}" for number in range(len(data.data))]
    everyone = Table.from_arrays(data.data, data.target_names[diagnosis], names, columns=data.feature_names.tolist())
    network = make_pipeline(StandardScaler(), MLPClassifier((32,), alpha=0.01, max_iter=1000))
    return Scene(everyone.take(rows[:455]), everyone.take(rows[455:]), Sisa(network, shards=SHARDS), b"the demo's key")


def play(console: Console, picture: Path | None = None) -> bool:
    """Run it; True when every forgotten ensemble was, bit for bit, the one learned without.

    Parameters
    ----------
    console : Console
        Where it is told.
    picture : Path, optional
        Where the cost of the next requests is drawn, as PNG.

    Raises
    ------
    MissingExtraError
        When a picture is asked for and matplotlib is not installed.
    """
    if picture is not None and find_spec("matplotlib") is None:
        msg = "the picture needs matplotlib, which is not installed: pip install 'expunge[demo]'"
        raise MissingExtraError(msg)
    on = scene()
    run = Run(key=on.key)
    model, seconds = _timed(lambda: on.method.learn(on.patients, run))
    single = Retrain(on.method.learner)
    alone, alone_seconds = _timed(lambda: single.learn(on.patients, run))
    console.print(f"[bold]Learned[/bold] {len(on.patients)} patients in {SHARDS} isolated shards: {seconds:.2f} s,")
    console.print(f"accuracy {on.accuracy(on.method, model):.3f} on {len(on.held_out)} patients held out.")
    console.print(f"({WRONG} under a wrong diagnosis, on purpose: the last request takes them out.)")
    console.print(f"One network of all, not sharded: {alone_seconds:.2f} s, {on.accuracy(single, alone):.3f}.\n")
    requests = list(_forgetting(on, model, run))
    console.print(_costs(requests))
    console.print(f"A batch learns a shard once; {3 * SHARDS} requests hit nearly all of {SHARDS} shards.\n")
    console.print(_memberships(requests))
    console.print("0.5 is a coin. What the oracles show is due to the records: they never met them.\n")
    console.print("The last of these requests, the wrong diagnoses, audited whole:\n")
    console.print(str(requests[-1].report), markup=False, highlight=False, soft_wrap=True)
    if picture is not None:
        draw(picture, _next_requests(on))
        console.print(f"\nThe cost of the next {HORIZON} requests is drawn in [bold]{picture}[/bold].")
    return not any(request.report.vetoes for request in requests)


@dataclass(frozen=True)
class Request:
    """One request, worked off: what was quoted, what it took, what the audit found."""

    name: str
    quote: Quote
    visits: int
    seconds: float
    report: Report


def _forgetting(on: Scene, model: Any, run: Run) -> Iterator[Request]:
    """Patients leave one by one, then many at once; each time with a quote before and an audit after."""
    data = on.patients
    for name, ids in _asked(on.names()):
        target = Records(ids)
        quote = on.method.quote(model, target, data, run)
        assert isinstance(quote, Quote)  # noqa: S101  (nothing in the demo is refused)
        done, seconds = _timed(partial(on.method.forget, model, target, data, run))
        report = audit(on.method, model, done, target, data, run, test=on.held_out)
        model, data = done.model, data.after(target)
        yield Request(name, quote, on.method.visits(data, run), seconds, report)


def _asked(names: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Five patients, one by one; some at once, and many; those with the wrong diagnosis."""
    others = iter(names[WRONG:])
    yield from ((name, [name]) for name in islice(others, SINGLES))
    yield from ((f"{size} at once", list(islice(others, size))) for size in BATCHES)
    yield f"{WRONG} wrong ones", names[:WRONG]


def _costs(requests: list[Request]) -> Grid:
    """Visits against visits, seconds against seconds, bits against bits."""
    grid = Grid(title="Forgetting: visits and seconds, of those of learning again", title_justify="left")
    for head in ("request", "visits", "of", "seconds", "of", "speed-up", "same bits"):
        grid.add_column(head, justify="left" if head == "request" else "right", no_wrap=True)
    for request in requests:
        replay = request.report.replay
        assert isinstance(replay, Replay)  # noqa: S101  (everything in the demo can be learned again)
        times = f"{request.seconds:.3f}", f"{replay.seconds:.3f}", f"{replay.seconds / request.seconds:.1f}x"
        same = "[green]yes[/green]" if replay.equal else "[bold red]NO[/bold red]"
        grid.add_row(request.name, str(request.quote.examples), str(request.visits), *times, same)
    return grid


def _memberships(requests: list[Request]) -> Grid:
    """Whether a loss threshold tells the forgotten from patients never seen, under each of the four models."""
    grid = Grid(title="Telling the forgotten from patients never seen: AUC, 95 % interval", title_justify="left")
    for head in ("request", "before", "forgotten", "oracle", "2nd oracle"):
        grid.add_column(head, justify="left" if head == "request" else "right", no_wrap=True)
    for request in requests:
        cells = [
            "-"
            if isinstance(found, Missing)
            else f"{found.auc:.2f} {found.low:.2f}-{found.high:.2f}".replace("0.", ".")
            for _, found in request.report.membership.each()
        ]
        grid.add_row(request.name, *cells)
    return grid


@dataclass(frozen=True)
class Costs:
    """Of patients leaving one after the other, in all after each; of one retraining; of some batches, by size."""

    visits: NDArray[np.float64]
    seconds: NDArray[np.float64]
    once: float
    batches: dict[int, int]


def _next_requests(on: Scene) -> Costs:
    """Measure them, from a fresh start: nothing forgotten before helps."""
    run, data, names = Run(key=on.key), on.patients, on.names()
    model, once = _timed(lambda: on.method.learn(data, run))
    quotes = {
        size: on.method.quote(model, Records(names[:size]), data, run) for size in (1, 5, 10, 20, 40, 70, HORIZON)
    }
    batches = {size: quote.examples for size, quote in quotes.items() if isinstance(quote, Quote)}
    visits, seconds = [], []
    for name in track(names[:HORIZON], description=f"The next {HORIZON} requests"):
        target = Records([name])
        done, spent = _timed(partial(on.method.forget, model, target, data, run))
        model, data = done.model, data.after(target)
        visits.append(done.examples)
        seconds.append(spent)
    return Costs(np.cumsum(visits, dtype=np.float64), np.cumsum(seconds), once, batches)


def draw(picture: Path, costs: Costs) -> None:
    """Draw cost against requests: measured, predicted by the formula, retraining each time, and one batch."""
    from matplotlib.figure import Figure

    n, requests = len(scene().patients), range(1, len(costs.visits) + 1)
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(requests, np.cumsum([n - k for k in requests]), color=RED, label="learning again each time")
    left.plot(requests, costs.visits, color=BLUE, lw=3, label="SISA, measured")
    left.plot(requests, [expected_cost(n, SHARDS, 1, k) for k in requests], "k--", lw=1, label="SISA, the formula")
    left.plot(list(costs.batches), list(costs.batches.values()), "o", color=GREEN, label="one batch, measured")
    batch = [expected_cost(n, SHARDS, 1, k, batch=True) for k in requests]
    left.plot(requests, batch, color=GREEN, ls="--", lw=1, label="one batch, the formula")
    left.set(title="Record visits, in all", ylabel="visits")
    again = [costs.once * k for k in requests]
    right.plot(requests, again, color=RED, label="learning again each time (one, measured, times requests)")
    right.plot(requests, costs.seconds, color=BLUE, lw=3, label="SISA, measured")
    right.set(title="Seconds, in all", ylabel="seconds")
    for axes in (left, right):
        axes.set(xlabel="requests, one patient each", yscale="log")
        axes.set_ylim(bottom=axes.get_ylim()[0] / 8)  # room for the legend
        axes.legend(frameon=False, loc="lower right")
        axes.grid(alpha=0.25)
    figure.suptitle(f"What the next {len(costs.visits)} deletions cost: {n} patients, {SHARDS} shards")
    figure.savefig(picture, dpi=120, format="png")


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    return work(), time.perf_counter() - start
