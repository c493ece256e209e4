"""SISA: Sharded, Isolated, Sliced, Aggregated training. A deletion relearns one shard, from its slice on.

Units (owners, else records) are spread over ``shards`` isolated models; each shard learns its ``slices`` one after the
other and keeps a checkpoint after each. To forget, the shards that held the target go on from the checkpoint before
the first slice that held it. Shard and slice are keyed hashes of the unit, never positions, so nothing else moves and
the result is bit for bit what learning without the target gives.

Claim: Exact, for a learner that is a pure function of (records, key, parameters), in the environment that learned.

References
----------
Bourtoule, Chandrasekaran, Choquette-Choo, Jia, Travers, Zhang, Lie, Papernot (2021), "Machine Unlearning", IEEE S&P,
arXiv:1912.03817: section IV (the four parts; 2e/(R+1) epochs a slice), section VIII (placement by likelihood).
Defects of its public implementation that the laws here exclude: `docs/papers.md`.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Owners, Run, Table, fingerprint
>>> X = np.random.default_rng(0).normal(size=(60, 3))
>>> table = Table.from_arrays(X, X[:, 0] > 0, owners=[f"patient {k % 20}" for k in range(60)])
>>> method, run = Sisa(LogisticRegression(), shards=4), Run(key=b"example")
>>> model, target = method.learn(table, run), Owners(["patient 7"])
>>> quote = method.quote(model, target, table, run)
>>> done = method.forget(model, target, table, run)
>>> done.examples == quote.examples < 57  # one shard of four
True
>>> fingerprint(done.model) == fingerprint(method.learn(table.after(target), Run(key=b"example")))
True
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from expunge import keyed
from expunge.codec import BESIDE, fingerprint
from expunge.data.table import expect
from expunge.errors import EmptyModelError, MismatchError, RefusedError
from expunge.learners.promises import promised
from expunge.learners.sklearn import as_learner
from expunge.measures.loss import HALF
from expunge.methods.arrays._placement import Band, checked_bands, place
from expunge.methods.arrays._refusals import (
    refusal_of,
    refuse_another,
    refuse_options,
    refuse_slices,
    said_of_moved,
)
from expunge.methods.arrays._shards import Task, asked, chain_of, schedule_of, sums, train, trained
from expunge.params import Params
from expunge.protocol import Named, Wavering
from expunge.values import Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Run
    from expunge.values import Scalar, Target


@dataclass(frozen=True)
class Shard:
    """One isolated model.

    Attributes
    ----------
    state : model of the learner, or None
        None: the shard holds no record, and abstains.
    chain : tuple of str
        One keyed digest a slice, of the parameters and all records up to it: where its checkpoint is found again.
    environment : str
        Tag of the environment that trained it; recorded beside the fingerprint, not in it.
    """

    state: Any
    chain: tuple[str, ...]
    environment: str = field(default="", metadata=BESIDE)


@dataclass(frozen=True)
class Ensemble:
    """The shards' models, and digests that say which algorithm, key and records they are of.

    Attributes
    ----------
    shards : tuple of Shard
    recipe : str
        Digest of the algorithm and its parameters.
    key : str
        The key's public name.
    """

    shards: tuple[Shard, ...]
    recipe: str
    key: str

    @property
    def task(self) -> str | None:
        """What all shards say that they were learned for; None where they do not say."""
        held = {getattr(shard.state, "task", None) for shard in self.shards if shard.state is not None}
        return held.pop() if len(held) == 1 else None

    @property
    def classes(self) -> tuple[Scalar, ...] | None:
        """Names of the columns of the scores: classes that some shard knows, sorted, or labels in their order.

        None for regression.
        """
        held = [getattr(shard.state, "classes", None) for shard in self.shards if shard.state is not None]
        known = [classes for classes in held if classes is not None]
        if len(known) < len(held):
            return None
        if self.task == "multilabel" and known:
            return tuple(known[0])  # columns, the same in every shard
        return tuple(np.unique([name for classes in known for name in classes]).tolist())

    @property
    def checkpoints(self) -> frozenset[str]:
        """What the store must keep for this model."""
        return frozenset(link for shard in self.shards for link in shard.chain)


@dataclass(frozen=True)
class Sisa(Params):
    """An ensemble of isolated shards; only those that met the target learn again.

    Parameters
    ----------
    learner : learner or scikit-learn estimator
    shards : int
        S. More shards forget faster and predict worse. One by one, S requests cost as much as learning everything
        again; as a batch, past 3 S nothing is left to gain (`expected_cost`).
    slices : int
        R, for learners that can go on training. One deletion costs 2/3 + 1/(3R) of its shard on average while
        R < 2e; beyond, each slice has its one epoch, and more slices cost more.
    schedule : {"cumulative", "incremental"}
        ``cumulative`` (section IV-B): slice k is trained with all before it, 2e/(R+1) epochs and at least one.
        ``incremental``: each slice alone, e epochs; restarts are cheaper, early slices fade.
    aggregate : {"mean", "vote"}
        Mean of the shards' scores, or the share of shards that vote for a class (regression: always the mean).
    likelihood : str, optional
        Name of a column with each unit's probability of deletion in [0, 1]; it places and is not trained on.
    bands : sequence of Band
        With ``likelihood``: which shards and slices units of which likelihood go to, declared beforehand.

    Raises
    ------
    ParameterError
        For parameters that do not fit each other, in words.
    MismatchError
        When `forget` or `quote` is given data, a key or parameters other than the model's.
    RefusedError
        From `forget`, whatever `quote` refuses.
    """

    learner: Any
    shards: int = 8
    slices: int = 1
    schedule: Literal["cumulative", "incremental"] = "cumulative"
    aggregate: Literal["mean", "vote"] = "mean"
    likelihood: str | None = None
    bands: Sequence[Band] = ()

    def __post_init__(self) -> None:
        as_learner(self.learner)
        counts = {"shards": self.shards, "slices": self.slices}
        schedules, votes = ("cumulative", "incremental"), ("mean", "vote")
        choices = {"schedule": (self.schedule, schedules), "aggregate": (self.aggregate, votes)}
        refuse_options("Sisa", counts, choices)
        checked_bands(self.likelihood, self.bands, self.shards, self.slices)

    # -- A -------------------------------------------------------------------------------------------------------------

    def recipe(self) -> str:
        """Digest of the learner's recipe and of all parameters that place or train; votes are counted later."""
        learner = as_learner(self.learner)
        own = learner.recipe() if isinstance(learner, Named) else fingerprint(learner)
        places = (self.likelihood, [(band.at_least, *band.among(self.shards), *band.slices) for band in self.bands])
        return fingerprint((type(self), own, int(self.shards), int(self.slices), self.schedule, places))

    def learn(self, data: Table, run: Run) -> Ensemble:
        """Learn every shard, going on from whatever checkpoints the store holds."""
        expect(data, run)
        refuse_slices("Sisa", as_learner(self.learner), self.slices, self.schedule)
        recipe = self.recipe()
        tasks = [task.ready() for task in self._tasks(data, run, recipe)]
        states = trained(tasks, run)
        shards = tuple(Shard(states[task.number], task.chain, task.environment) for task in tasks)
        return Ensemble(shards, recipe, keyed.key_id(run.key))

    def predict(self, model: Ensemble, data: Table) -> NDArray[np.float64]:
        """(n, classes) scores in the order of ``model.classes``, or (n,) for regression; empty shards abstain."""
        expect(data)
        _expect_ensemble(model)
        learner, voters = as_learner(self.learner), [shard.state for shard in model.shards if shard.state is not None]
        if not voters:
            msg = "this ensemble holds no record to predict from: it learned none, or has forgotten all"
            raise EmptyModelError(msg)
        features = data if self.likelihood is None else data.drop(self.likelihood)
        scores = asked(learner, voters, features)
        if model.classes is None:
            return np.asarray(np.mean(scores, axis=0))
        if model.task == "multilabel":
            return _of_labels(scores, vote=self.aggregate == "vote")
        total = np.zeros((len(data), len(model.classes)))
        for state, score in zip(voters, scores, strict=True):
            columns = np.searchsorted(np.array(model.classes), np.array(state.classes))
            if self.aggregate == "vote":
                total[np.arange(len(data)), columns[score.argmax(axis=1)]] += 1.0
            else:
                total[:, columns] += score
        return total / len(voters)

    def visits(self, data: Table, run: Run) -> int:
        """Record visits of learning everything, with an empty store."""
        return sum(task.visits for task in self._tasks(data, run, self.recipe()))

    def wavers(self) -> str | None:
        """What the learner says."""
        return self.learner.wavers() if isinstance(self.learner, Wavering) else None

    # -- U -------------------------------------------------------------------------------------------------------------

    def quote(self, model: Ensemble, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """Claim and exact cost: the shards whose records change, from the last checkpoint at rest before the change."""
        expect(data, run)
        _expect_ensemble(model)
        refusal = refusal_of("SISA", target, data, self.likelihood)
        if refusal is not None:
            return refusal
        self._refuse_other(model, data, run)
        tasks = self._touched(model, target, data, run)
        examples = sum(task.visits for task in tasks)
        seconds = None if run.pace is None else examples * run.pace.seconds_per_example
        claim, reasons = promised(self.learner)
        said = (*reasons, *_ASSUMPTIONS, *data.remarks(target), *_departures(model, tasks))
        return Quote(claim, said, examples, seconds)

    def forget(self, model: Ensemble, target: Target, data: Table, run: Run) -> Forgotten[Ensemble]:
        """Learn the touched shards again from their last sound checkpoint; keep the others as they are."""
        expect(data, run)
        _expect_ensemble(model)
        refusal = refusal_of("SISA", target, data, self.likelihood)
        if refusal is not None:
            raise RefusedError(refusal)
        self._refuse_other(model, data, run)
        tasks = self._touched(model, target, data, run)
        states, shards = trained(tasks, run), list(model.shards)
        for task in tasks:
            shards[task.number] = Shard(states[task.number], task.chain, task.environment)
        forgotten = Ensemble(tuple(shards), model.recipe, model.key)
        return Forgotten(forgotten, promised(self.learner)[0], sum(task.visits for task in tasks))

    # -- replay, shard by shard ----------------------------------------------------------------------------------------

    def touched(self, before: Ensemble, data: Table, run: Run) -> tuple[int, ...]:
        """Shards that hold other records in these data than they have learned."""
        tasks = self._tasks(data, run, self.recipe())
        return tuple(task.number for task in tasks if task.chain != before.shards[task.number].chain)

    def part(self, model: Ensemble, number: int) -> Any:
        """What one shard has learned, and from which records."""
        return model.shards[number].state, model.shards[number].chain

    def relearn(self, number: int, data: Table, run: Run) -> Any:
        """One shard learned from nothing."""
        tasks = self._tasks(data, run.afresh(), self.recipe())
        task = next(task for task in tasks if task.number == number).ready()
        return task.state(train(task)), task.chain

    # -- the work ------------------------------------------------------------------------------------------------------

    def _tasks(self, data: Table, run: Run, recipe: str) -> Iterator[Task]:
        """One task a shard, each with its records and the digests that its checkpoints are found by."""
        placed = place(data, run.key, self.shards, self.slices, self.likelihood, self.bands)
        features = data if self.likelihood is None else data.drop(self.likelihood)
        learner = as_learner(self.learner)
        epochs = schedule_of(learner, self.slices, self.schedule)
        held = sums(features, placed.shards * self.slices + placed.slices, self.shards * self.slices, run.key)
        schema, secret = features.schema(), keyed.subkey(run.key, "chain")
        for number, rows in enumerate(placed.members()):
            records, slices = features.take(rows), placed.slices[rows]
            classes = learner.classes(records) if hasattr(learner, "classes") else records.classes
            mine = held[number * self.slices : (number + 1) * self.slices]
            chain = chain_of(secret, mine, schema, recipe, str(number), repr(classes))
            yield Task(number, learner, replace(records, classes=classes), slices, epochs, self.schedule, chain, run)

    def _touched(self, model: Ensemble, target: Target, data: Table, run: Run) -> list[Task]:
        """The shards whose records would not be those that the model has learned, from their last sound checkpoint.

        If any shard changed, shards learned in another environment are learned again too: no model mixes two.
        """
        tasks = list(self._tasks(data.after(target), run, model.recipe))
        changed = {task.number for task in tasks if task.chain != model.shards[task.number].chain}
        foreign = {task.number for task in tasks if task.environment != model.shards[task.number].environment}
        return [task.ready() for task in tasks if changed and task.number in changed | foreign]

    # -- refusals ------------------------------------------------------------------------------------------------------

    def _refuse_other(self, model: Ensemble, data: Table, run: Run) -> None:
        refuse_another(run, self.recipe(), key=model.key, learned=model.recipe)
        for task in self._tasks(data, run, model.recipe):
            if task.chain != model.shards[task.number].chain:
                msg = (
                    f"data other than the model's: shard {task.number} was learned from other records, labels or owners"
                )
                raise MismatchError(msg)


def _of_labels(scores: Sequence[NDArray[Any]], *, vote: bool) -> NDArray[np.float64]:
    """(n, labels) what shards say of each label by itself: the mean score, or the share that say one half and more."""
    held = [np.asarray(score >= HALF if vote else score, dtype=np.float64) for score in scores]
    return np.asarray(np.mean(held, axis=0))


def _expect_ensemble(model: object) -> None:
    if not isinstance(model, Ensemble):
        msg = f"the model must be the Ensemble that this Sisa learned, got a {type(model).__name__}"
        raise MismatchError(msg)


_ASSUMPTIONS = (
    "the learner is a pure function of its records, the key and its parameters",
    "versions, threads and processor round alike; shards learned in another environment are learned again",
    "the learner can learn from the records that stay (some refuse too few of a class)",
)


def _departures(model: Ensemble, tasks: Sequence[Task]) -> Iterator[str]:
    """A sentence for each shard that loses a class and with it the use of its checkpoints, and for moved models."""
    moved = sum(task.environment != model.shards[task.number].environment for task in tasks)
    yield from said_of_moved(moved, ("shard", "shards"))
    for task in tasks:
        old, new = getattr(model.shards[task.number].state, "classes", None), task.data.classes
        if len(task.epochs) > 1 and old is not None and new is not None:
            for name in sorted(set(old) - set(new), key=str):
                yield f"class {name!r} leaves shard {task.number}, which learns again from its first slice"
