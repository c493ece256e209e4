"""A learner that knows by heart what it met: what its models say is drawn, so that hundreds of them cost nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.special import ndtri
from sklearn.linear_model import LogisticRegression

from expunge import Certified, Empirical, Exact, Forgotten, Quote, Records, Retrain, Run, Table, keyed
from expunge.audit.report import audit
from expunge.audit.subgroups import Grouping

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.audit.report import Report
    from expunge.values import Claim, Target

OWN = np.random.default_rng(7).normal(size=10_000)  # what any model says of each record


@dataclass(frozen=True)
class Rote:
    """How much surer a model is of each record that it met; what else it says is drawn by its key."""

    surer: dict[int, float]
    key: bytes
    classes: tuple[str, str] = ("no", "yes")


@dataclass(frozen=True)
class ByRote:
    """Log-odds of a record: its own, noise of the model about it, noise that all its records share, and what it met.

    Parameters
    ----------
    left : float
        What forgetting leaves of being surer: 1 does nothing, 0 is perfect, below it overshoots.
    surer : float
        In standard deviations of a model's noise about a record.
    shared : float
        Standard deviation of what a key does to all records alike.
    """

    left: float = 0.0
    surer: float = 2.0
    shared: float = 0.2
    claim: Claim = Empirical()  # noqa: RUF009  (a frozen value)

    def recipe(self) -> str:
        return f"by rote {self.surer} {self.shared}"

    def learn(self, data: Table, run: Run) -> Rote:
        return Rote(dict.fromkeys(np.asarray(data.ids).tolist(), self.surer), bytes(run.key))

    def predict(self, model: Rote, data: Table) -> NDArray[np.float64]:
        ids = np.asarray(data.ids)
        met = np.array([model.surer.get(name, 0.0) for name in ids.tolist()])
        odds = OWN[ids] + _normal(model.key, ids) + self.shared * _normal(model.key, np.array([-1])) + met
        mine, yes = 1 / (1 + np.exp(-odds)), np.asarray(data.label) == "yes"
        return np.column_stack([np.where(yes, 1 - mine, mine), np.where(yes, mine, 1 - mine)])

    def quote(self, model: Rote, target: Target, data: Table, run: Run) -> Quote:
        return Quote(self.claim, (), 0)

    def forget(self, model: Rote, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        if self.claim == Exact():
            return Forgotten(self.learn(data.after(target), run), self.claim, 0)
        stays = set(np.asarray(data.after(target).ids).tolist())
        held = {name: surer if name in stays else surer * self.left for name, surer in model.surer.items()}
        return Forgotten(Rote(held, model.key), self.claim, 0)


def _normal(key: bytes, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) standard normal numbers, by key and name."""
    drawn = (keyed.draw(key, ids, "rote") >> np.uint64(11)).astype(np.float64)
    return np.asarray(ndtri((drawn + 0.5) / 2**53))


@pytest.fixture(scope="session")
def by_rote() -> type[ByRote]:
    """The learner; its settings say what its forgetting leaves."""
    return ByRote


@pytest.fixture(scope="session")
def known() -> Table:
    """Records to learn."""
    return _table(slice(0, 200))


@pytest.fixture(scope="session")
def unknown() -> Table:
    """Records that nobody learns."""
    return _table(slice(200, 300))


def _table(rows: slice) -> Table:
    names = np.arange(300)[rows]
    return Table.from_arrays(np.zeros((len(names), 1)), np.where(names % 3 > 0, "yes", "no"), ids=names)


@dataclass(frozen=True)
class Near:
    """Records that a memory of several labels, or of a number, kept."""

    X: NDArray[np.float64]
    label: NDArray[np.float64]
    classes: tuple[Any, ...] | None


@dataclass(frozen=True)
class Nearest:
    """Says of a record what the nearest of those says that it kept: nine in ten, by its key."""

    def learn(self, data: Table, run: Run) -> Near:
        kept = data.take(np.flatnonzero(keyed.draw(run.key, data.ids, "kept") % 10 > 0))
        return Near(np.array(kept.features), np.array(kept.label, np.float64, order="C"), data.classes)

    def predict(self, model: Near, data: Table) -> NDArray[np.float64]:
        said: NDArray[np.float64] = model.label[self._nearest(model, data)]
        return said if model.classes is None else 0.125 + 0.75 * said

    def features(self, model: Near, data: Table) -> NDArray[np.float64]:
        found: NDArray[np.float64] = model.X[self._nearest(model, data)]
        return found

    def _nearest(self, model: Near, data: Table) -> NDArray[np.intp]:
        return np.asarray(((data.features[:, None] - model.X[None]) ** 2).sum(axis=2).argmin(axis=1))


@pytest.fixture(scope="session")
def reports(known: Table, unknown: Table) -> dict[str, Report]:
    """A report of each tier and kind of label, of methods that do nothing, forget well, or overshoot."""
    target, run = Records(range(20, 60)), Run(key=b"reports")

    def made(method: Any, data: Table, test: Table | None, **given: Any) -> Report:
        model = method.learn(data, run)
        return audit(method, model, method.forget(model, target, data, run), target, data, run, test=test, **given)

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    labels = {"several": rng.random((200, 2)) < 0.4, "numbers": X @ [1.0, 2.0, 3.0]}
    others = {
        name: [
            Table.from_arrays(X[at], y[at], np.arange(200)[at], classes=["ant", "bee"] if y.ndim > 1 else None)
            for at in (slice(120), slice(120, 200))
        ]
        for name, y in labels.items()
    }
    exact = ByRote(claim=Exact())
    return {
        "quick": made(exact, known, unknown, tier="quick"),
        "replay": made(exact, known, unknown, tier="replay"),
        "untested": made(exact, known, None, tier="replay"),
        "perfect": made(ByRote(), known, unknown, tier="standard"),
        "nothing": made(ByRote(left=1.0), known, unknown, tier="standard"),
        "overshoot": made(ByRote(left=-1.0), known, unknown, tier="standard"),
        "blind": made(ByRote(surer=0.0), known, None, tier="standard"),
        "false": made(ByRote(left=1.0, claim=Certified(1.0, 1e-5)), known, unknown, tier="replay"),
        "full": made(ByRote(), known, unknown, tier="full", models=8),
        "full nothing": made(ByRote(left=1.0, surer=6.0), known, unknown, tier="full", models=32),
        "groups": _grouped(),
        **{name: made(Retrain(Nearest()), *pair, tier="standard", models=5) for name, pair in others.items()},
    }


def _grouped() -> Report:
    """A report of people of two groups and a third that is too small; the forgotten are of one of them."""
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.normal(size=300), np.arange(300) % 2, rng.normal(size=300)])
    X[:5, 1] = 2.0
    at = np.arange(300)
    data, test = (Table.from_arrays(X[k], X[k, 0] > 0, k) for k in (at[5:200], np.r_[at[:5], at[200:]]))
    method, run, target = Retrain(LogisticRegression()), Run(key=b"reports"), Records(range(21, 61, 2))
    model = method.learn(data, run)
    done = method.forget(model, target, data, run)
    groups = Grouping("x1", positive=True)
    return audit(method, model, done, target, data, run, test=test, groups=groups)
