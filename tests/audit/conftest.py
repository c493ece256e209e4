"""A learner that knows by heart what it met: what its models say is drawn, so that hundreds of them cost nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.special import ndtri

from expunge import Empirical, Exact, Forgotten, Quote, Run, Table, keyed

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
