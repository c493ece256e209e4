"""What the next requests cost, measured one after the other and as batches, beside the formula; drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from rich.progress import track

from expunge.errors import MissingExtraError
from expunge.methods.arrays._cost import expected_cost
from expunge.values import Quote, Records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from rich.console import Console

    from expunge.data.table import Table
    from expunge.protocol import Run

T = TypeVar("T")

HORIZON = 100
SIZES = (1, 5, 10, 20, 40, 70, HORIZON)
RED, BLUE, GREEN = "#b3462c", "#22577a", "#57a773"


@dataclass(frozen=True)
class Costs:
    """Of patients leaving one after the other, in all after each; of one retraining; of some batches, by size."""

    patients: int
    shards: int
    visits: NDArray[np.float64]
    seconds: NDArray[np.float64]
    once: float
    batches: dict[int, int]


def refuse_without_matplotlib() -> None:
    """Say which extra is missing, before any work."""
    if find_spec("matplotlib") is None:
        msg = "the picture needs matplotlib, which is not installed: pip install 'expunge[demo]'"
        raise MissingExtraError(msg)


def next_requests(method: Any, data: Table, run: Run, console: Console) -> Costs:
    """Measure them, from a fresh start: nothing that was learned before helps.

    Parameters
    ----------
    method : Sisa
    data : Table
        The patients, before anybody is forgotten.
    run : Run
        With a store of its own.
    console : Console
        Where progress shows.
    """
    patients, names = len(data), data.ids.tolist()
    model, once = timed(lambda: method.learn(data, run))
    quotes = {size: method.quote(model, Records(names[:size]), data, run) for size in SIZES}
    batches = {size: quote.examples for size, quote in quotes.items() if isinstance(quote, Quote)}
    visits, seconds = [], []
    for name in track(names[:HORIZON], f"The next {HORIZON} requests", console=console, transient=True):
        target = Records([name])
        done, spent = timed(partial(method.forget, model, target, data, run))
        model, data = done.model, data.after(target)
        visits.append(done.examples)
        seconds.append(spent)
    totals = np.cumsum(visits, dtype=np.float64), np.cumsum(seconds)
    return Costs(patients, method.shards, *totals, once, batches)


def draw(picture: Path, costs: Costs) -> None:
    """Draw cost against requests: measured, predicted by the formula, retraining each time, and one batch."""
    from matplotlib.figure import Figure

    n, shards, requests = costs.patients, costs.shards, range(1, len(costs.visits) + 1)
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(requests, np.cumsum([n - k for k in requests]), color=RED, label="learning again each time")
    left.plot(requests, costs.visits, color=BLUE, lw=3, label="SISA, measured")
    left.plot(requests, [expected_cost(n, shards, 1, k) for k in requests], "k--", lw=1, label="SISA, the formula")
    left.plot(list(costs.batches), list(costs.batches.values()), "o", color=GREEN, label="one batch, measured")
    batch = [expected_cost(n, shards, 1, k, batch=True) for k in requests]
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
    figure.suptitle(f"What the next {len(costs.visits)} deletions cost: {n} patients, {shards} shards")
    figure.savefig(picture, dpi=120, format="png")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What some work makes, and the seconds that it takes."""
    start = perf_counter()
    return work(), perf_counter() - start
