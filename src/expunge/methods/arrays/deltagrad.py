"""DeltaGrad: replay gradient descent from its log, with most gradients corrected instead of computed.

Learning is mini-batch gradient descent on the mean loss with penalty beta, ``w <- w - eta (g + beta w)``, and logs the
parameters w_t (p,) and the mean data gradient g_t (p,) of each step. Forgetting replays it without the k records that
go from a mini-batch of B: the first j0 steps and every T0-th after them compute the gradient at the new parameters v,
on what stays and on what goes, and keep the pair (v - w_t, gradient - g_t + beta (v - w_t)); the other steps take

    ``v <- v - eta [B (H (v - w_t) + g_t + beta w_t) - k (grad_S(v) + beta v)] / (B - k)``

where H is the L-BFGS matrix of the last m pairs and grad_S the mean gradient of those that go. A mini-batch that goes
as a whole is skipped. What was computed or estimated is the log of the next request.

Claim: Empirical. The distance is bounded for strongly convex losses by constants that nobody knows beforehand; and the
log is a record of how the forgotten were learned, of which estimated steps keep a part.

References
----------
Wu, Dobriban, Davidson (2020), "DeltaGrad: Rapid retraining of machine learning models", ICML, arXiv:2006.14755. Update,
pairs and schedule as in the authors' code (read); a copy of it in a later study takes ``beta w_t`` for ``beta v`` in
the part that goes, and loses the log's alignment after a mini-batch that goes as a whole.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Records, Run, Table
>>> rng = np.random.default_rng(0)
>>> X = rng.normal(size=(300, 4))
>>> table, run = Table.from_arrays(X, (X[:, 0] + rng.normal(size=300) > 0).astype(int)), Run(key=b"example")
>>> method, target = DeltaGrad(LogisticRegression()), Records(range(6))
>>> model = method.learn(table, run)
>>> done, again = method.forget(model, target, table, run), method.learn(table.after(target), run)
>>> [f"{np.linalg.norm(each.model.weights - again.model.weights):.0e}" for each in (model, done.model)]
['3e-02', '2e-03']
>>> f"{done.examples} visits, learning again takes {method.visits(table.after(target), run)}"
'2519 visits, learning again takes 5880'
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge import keyed
from expunge.codec import fingerprint
from expunge.data.table import expect
from expunge.errors import LearnError, MismatchError, ParameterError, RefusedError
from expunge.learners.linear import LinearModel, as_linear, held
from expunge.methods.arrays._lbfgs import curved, product
from expunge.methods.arrays._removal import Removal, checked_counts, refusal, removal
from expunge.params import Params
from expunge.values import Empirical, Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Run
    from expunge.values import Scalar, Target

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

ASSUMPTIONS = (
    "nothing is proven: estimated gradients are not measured, and the descent may leave the way of learning again",
    "what it nears is the model that this descent learns without the target, which need not be at its optimum",
)


@dataclass(frozen=True)
class Trajectory:
    """A model, and the log of how it was learned.

    Attributes
    ----------
    model : LinearModel
    weights : (T + 1, p)
        w_t, the parameters before each step, and after the last.
    gradients : (T, p)
        g_t, the mean data gradient of each step's mini-batch; zeros where it was empty.
    """

    model: LinearModel
    weights: Floats
    gradients: Floats

    @property
    def classes(self) -> tuple[Scalar, ...] | None:
        """Names of the columns of the scores; None: regression."""
        return self.model.classes

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features that it learned from."""
        return self.model.names


@dataclass(frozen=True)
class DeltaGrad(Params):
    """Gradient descent that logs its way, and replays it with corrected gradients.

    Parameters
    ----------
    learner : LinearLearner or scikit-learn estimator
        Says what is minimised: a family and a penalty, ``beta = penalty / n``. How it would fit is not used.
    rate : float
        eta; 0.1 as in the authors' README for MNIST (there 0.05 later on). Too large a rate diverges, and says so.
    epochs : int
        Passes over the data; 20 as there.
    batches : int
        Mini-batches an epoch; 4 as there (16,384 of 60,000). A record's place among them is a keyed hash of its id, new
        in each epoch, so that a deletion moves nobody.
    burn_in : int
        j0, the first steps, with gradients computed; 20 as there.
    period : int
        T0, of the later steps every how many-th is computed; 5 as there. 1 computes all.
    pairs : int
        m, pairs of the L-BFGS matrix; 2 as there.

    Raises
    ------
    LearnError
        When the descent leaves the finite numbers.
    RefusedError
        From `forget`, for what is no removal of records, and where the parameters would change their shape.
    """

    learner: Any
    rate: float = 0.1
    epochs: int = 20
    batches: int = 4
    burn_in: int = 20
    period: int = 5
    pairs: int = 2

    def __post_init__(self) -> None:
        as_linear(self.learner)
        whole = {name: getattr(self, name) for name in ("epochs", "batches", "burn_in", "period", "pairs")}
        checked_counts("DeltaGrad", **whole)
        if isinstance(self.rate, bool) or not isinstance(self.rate, int | float) or not 0 < self.rate < np.inf:
            msg = f"DeltaGrad needs rate to be a finite number above 0, got {self.rate!r}"
            raise ParameterError(msg)

    def recipe(self) -> str:
        """Digest of what is minimised and how; the schedule of the replay is none of it."""
        own = as_linear(self.learner).recipe()
        return fingerprint((type(self), own, self.rate, self.epochs, self.batches))

    def learn(self, data: Table, run: Run) -> Trajectory:
        """Descend from zero, and log the way."""
        expect(data, run)
        learner = as_linear(self.learner)
        classes = learner.classes(data)
        if not len(data) or (classes is not None and len(classes) < 2):
            return Trajectory(learner.learn(data, run), np.zeros((1, 0)), np.zeros((0, 0)))
        objective, front = learner.objective(data, run, lasting=True)
        places = self._places(data, run)[:, learner.order(data, run)]
        way, slopes = self._empty(objective.size)
        decay = objective.diagonal / len(objective)
        with held(run), np.errstate(over="ignore", invalid="ignore"):
            for number in range(len(slopes)):
                rows = np.flatnonzero(places[number // self.batches] == number % self.batches)
                way[number + 1] = way[number]
                if len(rows):
                    slopes[number] = objective.take(rows).data_gradient(way[number]) / len(rows)
                    way[number + 1] -= self.rate * (slopes[number] + decay * way[number])
        model = LinearModel(self._arrived(way), classes, data.names, front)
        return Trajectory(model, way, slopes)

    def predict(self, model: Trajectory, data: Table) -> Floats:
        """What the learner predicts with these parameters."""
        return as_linear(self.learner).predict(model.model, data)

    def visits(self, data: Table, run: Run) -> int:
        """One visit of each record an epoch."""
        return self.epochs * len(data)

    def quote(self, model: Trajectory, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """Visits of all records of the computed steps, and of those that go in the others."""
        expect(data, run)
        refused = refusal("DeltaGrad", as_linear(self.learner), model.model, target, data)
        if refused is not None:
            return refused
        change = data.change(target)
        out = np.zeros(0, np.intp) if change is None else change.out
        examples = self._visits(self._places(data, run), out) if len(out) else 0
        seconds = None if run.pace is None else examples * run.pace.seconds_per_example
        return Quote(Empirical(), (*ASSUMPTIONS, *data.remarks(target)), examples, seconds)

    def forget(self, model: Trajectory, target: Target, data: Table, run: Run) -> Forgotten[Trajectory]:
        """Replay the log without the target."""
        quote = self.quote(model, target, data, run)
        if isinstance(quote, Refusal):
            raise RefusedError(quote)
        change = data.change(target)
        if change is None or not len(change.out):
            return Forgotten(model, quote.claim, 0)
        found = removal(as_linear(self.learner), model.model, target, data, run)
        if model.weights.shape != (self.epochs * self.batches + 1, found.objective.size):
            msg = f"a log of another descent than this method's: it holds {len(model.gradients)} steps"
            raise MismatchError(msg)
        with held(run), np.errstate(over="ignore", invalid="ignore"):
            way, slopes = self._replayed(model, found, self._places(data, run)[:, found.rows])
        updated = replace(model.model, weights=self._arrived(way))
        return Forgotten(Trajectory(updated, way, slopes), quote.claim, quote.examples)

    # -- the descent ---------------------------------------------------------------------------------------------------

    def computes(self, number: int) -> bool:
        """Whether the gradient of this step is computed in a replay: the first j0, and every T0-th from there."""
        return number < self.burn_in or (number - self.burn_in) % self.period == 0

    def _replayed(self, log: Trajectory, found: Removal, places: NDArray[np.uint64]) -> tuple[Floats, Floats]:
        """The way without the records that go, and the gradients along it; (T + 1, p) and (T, p)."""
        objective, rest = found.objective, found.kept()
        before, after = objective.diagonal / len(objective), rest.diagonal / len(rest)
        (way, slopes), pairs = self._empty(objective.size), Pairs(self.pairs)
        for number in range(len(slopes)):
            inside = places[number // self.batches] == number % self.batches
            gone, kept = np.flatnonzero(inside[: found.count]), np.flatnonzero(inside[found.count :])
            v = way[number]
            way[number + 1] = v
            if not len(kept):  # a mini-batch that goes as a whole: the log's own step is left out, and the next in step
                continue
            moved, total = v - log.weights[number], len(gone) + len(kept)
            pull = objective.take(gone).data_gradient(v) if len(gone) else np.zeros_like(v)
            if self.computes(number):
                stay = rest.take(kept).data_gradient(v)
                pairs.keep(moved, (stay + pull) / total - log.gradients[number] + before * moved)
                slopes[number] = stay / len(kept)
            else:
                whole = pairs.times(moved) - before * moved + log.gradients[number]
                slopes[number] = (total * whole - pull) / len(kept)
            way[number + 1] -= self.rate * (slopes[number] + after * v)
        return way, slopes

    def _visits(self, places: NDArray[np.uint64], out: Places) -> int:
        visits = 0
        for epoch, drawn in enumerate(places.astype(np.intp)):
            all_of, gone_of = (np.bincount(part, minlength=self.batches) for part in (drawn, drawn[out]))
            for place, (total, gone) in enumerate(zip(all_of.tolist(), gone_of.tolist(), strict=True)):
                computed = self.computes(epoch * self.batches + place)
                visits += (total if computed else gone) if gone < total else 0
        return int(visits)

    def _places(self, data: Table, run: Run) -> NDArray[np.uint64]:
        """(epochs, n) the mini-batch of each record: a keyed draw of its id, pairwise independent between epochs."""
        first, step = keyed.draws(run.key, data.ids, "deltagrad").T
        epochs = np.arange(self.epochs, dtype=np.uint64)[:, None]
        drawn: NDArray[np.uint64] = ((first + epochs * step) >> np.uint64(32)) % np.uint64(self.batches)
        return drawn

    def _empty(self, size: int) -> tuple[Floats, Floats]:
        steps = self.epochs * self.batches
        return np.zeros((steps + 1, size)), np.zeros((steps, size))

    def _arrived(self, way: Floats) -> Floats:
        if not np.isfinite(way).all():
            number = int(np.flatnonzero(~np.isfinite(way).all(axis=1))[0])
            msg = f"DeltaGrad's descent left the finite numbers at step {number}: take a rate below {self.rate}"
            raise LearnError(msg)
        arrived: Floats = way[-1].copy()
        return arrived


@dataclass
class Pairs:
    """The last m pairs of differences, of those along which the gradient grows."""

    most: int
    steps: list[Floats] = field(default_factory=list)
    changes: list[Floats] = field(default_factory=list)

    def keep(self, step: Floats, change: Floats) -> None:
        """Take in a pair, and let go of the oldest."""
        if curved(step, change):
            self.steps, self.changes = [*self.steps, step][-self.most :], [*self.changes, change][-self.most :]

    def times(self, vector: Floats) -> Floats:
        """H v, (p,); zeros before the first pair."""
        return product(np.array(self.steps), np.array(self.changes), vector) if self.steps else np.zeros_like(vector)
