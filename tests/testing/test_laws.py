"""The laws bite: each planted bug is caught by the law that it breaks, and sound methods keep them all.

Every bug below was made by somebody: in the public SISA code, in a prototype of ours, or in another library.
"""

from __future__ import annotations

import logging
import pickle
import zlib
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from expunge import (
    Certified,
    Correction,
    Exact,
    Forgotten,
    Quote,
    Records,
    Retrain,
    Run,
    Sisa,
    SklearnLearner,
    Table,
    keyed,
)
from expunge.learners.sklearn import Fitted
from expunge.methods.arrays import sisa as sisa_file
from expunge.methods.arrays._placement import Placed
from expunge.methods.arrays._placement import place as place_by_name
from expunge.methods.arrays.sisa import Ensemble, Shard
from expunge.testing import LAWS, Case, Law, laws
from expunge.values import Empirical, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expunge.methods.arrays._shards import Task
    from expunge.values import Claim, Target

SLICED = SklearnLearner(SGDClassifier(), epochs=3)


def broken_laws(case: Case) -> list[str]:
    """Names of the laws that a case breaks; any failure counts as noticing."""
    found = []
    for law in LAWS:
        try:
            law(case)
        except (Exception, pytest.fail.Exception):  # noqa: BLE001  (any failure counts as noticing)
            found.append(law.__name__)
    return found


# -- bugs in placement and checkpoints ---------------------------------------------------------------------------------


class TailNotInTheKey(Sisa):
    """Forgets the last row's digest when it asks which shards changed (the 1003-row defect of the public code)."""

    def _touched(self, model: Ensemble, target: Target, data: Table, run: Run) -> list[Task]:
        without = [task.chain for task in self._tasks(data.take(slice(0, -1)), run, model.recipe)]
        return [task for task in super()._touched(model, target, data, run) if task.chain != without[task.number]]


class PlacedByPosition(Sisa):
    """Row k goes to shard k modulo S, so that a deletion moves all that come after."""

    def _tasks(self, data: Table, run: Run, recipe: str) -> Iterator[Task]:
        positions = np.arange(len(data))
        with pytest.MonkeyPatch.context() as patch:
            placed = Placed(positions % self.shards, positions * 0, self.shards)
            patch.setattr(sisa_file, "place", lambda *_: placed)
            yield from list(super()._tasks(data, run, recipe))


class StaleCheckpoints(Sisa):
    """Looks checkpoints up by shard and slice alone: a changed record meets the state of the old one."""

    def _touched(self, model: Ensemble, target: Target, data: Table, run: Run) -> list[Task]:
        found = []
        for task in super()._touched(model, target, data, run):
            stale = replace(task, chain=model.shards[task.number].chain, run=run).ready()
            found.append(replace(task, start=max(stale.start - 1, task.start), resting=stale.resting))
        return found


class CountsAShardTooFew(Sisa):
    """Quotes all shards but one."""

    def quote(self, model: Ensemble, target: Target, data: Table, run: Run) -> Quote | Refusal:
        quote = super().quote(model, target, data, run)
        tasks = self._touched(model, target, data, run)
        return replace(quote, examples=sum(task.visits for task in tasks[1:])) if isinstance(quote, Quote) else quote


class KeepsAVotingShard(Sisa):
    """A shard that lost all its records goes on voting."""

    def forget(self, model: Ensemble, target: Target, data: Table, run: Run) -> Forgotten[Ensemble]:
        done = super().forget(model, target, data, run)
        pairs = zip(done.model.shards, model.shards, strict=True)
        shards = tuple(Shard(old.state, new.chain, new.environment) if new.state is None else new for new, old in pairs)
        return replace(done, model=replace(done.model, shards=shards))


class EatsItsModel(Sisa):
    """Puts the new states into the model that it was given."""

    def forget(self, model: Ensemble, target: Target, data: Table, run: Run) -> Forgotten[Ensemble]:
        done = super().forget(model, target, data, run)
        object.__setattr__(model, "shards", done.model.shards)
        return done


class OverwritesCheckpoints(Sisa):
    """Scribbles over what rests in the store."""

    def forget(self, model: Ensemble, target: Target, data: Table, run: Run) -> Forgotten[Ensemble]:
        done = super().forget(model, target, data, run)
        run.store.update(dict.fromkeys(run.store, b""))
        return done


# -- bugs in learners --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScaledSisa(Sisa):
    """Fits its scaler on all shards together, before it learns them."""

    def learn(self, data: Table, run: Run) -> Ensemble:
        return super().learn(_scaled(data, data), run)

    def forget(self, model: Ensemble, target: Target, data: Table, run: Run) -> Forgotten[Ensemble]:
        return super().forget(model, target, _scaled(data, data), run)

    def quote(self, model: Ensemble, target: Target, data: Table, run: Run) -> Quote | Refusal:
        return super().quote(model, target, _scaled(data, data), run)


def _scaled(data: Table, by: Table) -> Table:
    scaler = StandardScaler().fit(by.features)
    columns = replace(data.gathered().columns, features=scaler.transform(data.features))
    return Table(columns, None, data.classes)


@dataclass(frozen=True)
class SeededByRepr(SklearnLearner):
    """Derives the seed from ``repr`` of a value with an address in it: another object, another seed."""

    def learn(self, data: Table, run: Run) -> Fitted:
        salt = keyed.seed(b"salt", repr(object.__repr__(data)))
        return super().learn(data, replace(run, key=bytes(run.key) + str(salt).encode()))


@dataclass(frozen=True)
class RowOrderMatters(SklearnLearner):
    """Fits the rows as they come."""

    def learn(self, data: Table, run: Run) -> Fitted:
        return Fitted(deepcopy(self.estimator).fit(data.features, data.label), self.classes(data), data.names)


@dataclass(frozen=True)
class SharedOptimiser(SklearnLearner):
    """Goes on training in the state that it was given: a checkpoint in memory would move along."""

    optimiser: dict[str, Any] = field(default_factory=dict)

    def recipe(self) -> str:
        return "shared optimiser"

    def go_on(self, state: Any, data: Table, epochs: int, run: Run, of: int) -> Any:
        momentum = self.optimiser.setdefault("momentum", {"steps": 0})
        for _ in range(momentum["steps"] % 3):  # state that no checkpoint holds changes what is learned
            data = data.take(slice(1, None)) if len(data) > 3 else data
        momentum["steps"] += 1
        return super().go_on(state, data, epochs, run, of)


class Averages(ClassifierMixin, BaseEstimator):
    """A nearest-mean classifier, on which a deletion is easily got wrong."""

    def fit(self, X: Any, y: Any) -> Averages:
        self.classes_ = np.unique(y)
        self.means_ = np.array([X[y == name].mean(axis=0) for name in self.classes_])
        return self

    def predict_proba(self, X: Any) -> Any:
        distances = ((X[:, None, :] - self.means_[None]) ** 2).sum(axis=2)
        return np.exp(-distances) / np.exp(-distances).sum(axis=1, keepdims=True)


# -- bugs in methods ---------------------------------------------------------------------------------------------------


class Everything(Retrain):
    """'Retrains' on all the data."""

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        return replace(super().forget(model, target, data, run), model=self.learn(data, run.afresh()))


class ZeroesTheRow(Retrain):
    """Deletes by writing zeros into the row, and keeps it (the phantom rows of a public k-means)."""

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        done = super().forget(model, target, data, run)
        change = data.change(target)
        assert change is not None
        if not len(change.out):
            return done
        columns = data.gathered().columns
        features = np.array(columns.features)
        features[change.out] = 0.0
        return replace(done, model=self.learn(Table(replace(columns, features=features)), run.afresh()))


class AcceptsFacts(Retrain):
    """Says that it has forgotten what no record carries."""

    def quote(self, model: Any, target: Target, data: Table, run: Run) -> Quote | Refusal:
        answer = super().quote(model, target, data, run)
        return Quote(Exact(), (), 0) if isinstance(answer, Refusal) else answer


class ClaimsTooMuch(Retrain):
    """Keeps the old model and calls it exact."""

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        return replace(super().forget(model, target, data, run), model=model)


class RemembersIds(Retrain):
    """Keeps a list of all that it has forgotten."""

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        done = super().forget(model, target, data, run)
        change = data.change(target)
        assert change is not None
        gone = [str(name) for name in data.take(change.out).ids.tolist()]
        return replace(done, model=(done.model, gone)) if gone else done

    def predict(self, model: Any, data: Table) -> Any:
        return super().predict(model[0] if isinstance(model, tuple) else model, data)


class TrustsTheOldModel(Retrain):
    """Keeps the old model where the data at hand do not change, as when a request is asked again after a crash."""

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        done = super().forget(model, target, data, run)
        return replace(done, model=model) if len(data.after(target)) == len(data) else done


class Drifts(Retrain):
    """Learns again under another key even when nothing changes."""

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        again = super().learn(data.after(target), replace(run, key=bytes(run.key) + b"!", store={}))
        return Forgotten(again, Exact(), len(data))


class Overshoots(Retrain):
    """Teaches the opposite: unlearned so hard that it shows."""

    def quote(self, model: Any, target: Target, data: Table, run: Run) -> Quote | Refusal:
        quote = super().quote(model, target, data, run)
        return replace(quote, claim=Empirical()) if isinstance(quote, Quote) else quote

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        gone = data.take(data.change(target).out)  # type: ignore[union-attr]  # records carry it
        columns = gone.gathered().columns
        wrong = np.where(columns.label == "ham", "spam", "ham")
        copies = [replace(columns, label=wrong, ids=columns.ids + 5000 * k) for k in range(1, 4)]
        taught = data.after(target)
        for copy in copies:
            taught = taught.joined(Table(copy))
        return Forgotten(self.learn(taught, run.afresh()), Empirical(), len(taught))


@dataclass(frozen=True)
class DoesNothing(Retrain):
    """Keeps the old model under a claim that no fingerprint contradicts."""

    claim: Claim = field(default_factory=lambda: Certified(0.0, 0.0))

    def quote(self, model: Any, target: Target, data: Table, run: Run) -> Quote | Refusal:
        quote = super().quote(model, target, data, run)
        return replace(quote, claim=self.claim) if isinstance(quote, Quote) else quote

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        return replace(super().forget(model, target, data, run), model=model, claim=self.claim)


class ReportsOneVisit(Retrain):
    """Quotes one visit, reports one, makes them all."""

    def quote(self, model: Any, target: Target, data: Table, run: Run) -> Quote | Refusal:
        quote = super().quote(model, target, data, run)
        return replace(quote, examples=min(1, quote.examples)) if isinstance(quote, Quote) else quote


class KeepsRowsAtRest(Sisa):
    """Packs what was forgotten into the store, under the name of a live checkpoint."""

    def forget(self, model: Ensemble, target: Target, data: Table, run: Run) -> Forgotten[Ensemble]:
        done = super().forget(model, target, data, run)
        change = data.change(target)
        assert change is not None
        packed = zlib.compress(pickle.dumps(data.take(change.out)))
        run.store[f"{done.model.shards[0].chain[0]}.kept"] = packed
        return done


class CarriesTheKey(Retrain):
    """Writes the key into the model."""

    def learn(self, data: Table, run: Run) -> Any:
        return super().learn(data, run), bytes(run.key).hex()

    def predict(self, model: Any, data: Table) -> Any:
        return super().predict(model[0], data)


class TextByPosition(Sisa):
    """Places integers by name and text by position."""

    def _tasks(self, data: Table, run: Run, recipe: str) -> Iterator[Task]:
        if isinstance(data.ids, np.ndarray):
            yield from super()._tasks(data, run, recipe)
            return
        names = np.arange(len(data))
        yield from super()._tasks(Table(replace(data.gathered().columns, ids=names, owners=names)), run, recipe)


class IgnoresThreads(Sisa):
    """Forgets nothing when it may use more than one thread."""

    def forget(self, model: Ensemble, target: Target, data: Table, run: Run) -> Forgotten[Ensemble]:
        done = super().forget(model, target, data, run)
        return replace(done, model=model) if run.threads > 1 else done


class IgnoresMaps(Sisa):
    """Forgets nothing when the work is spread."""

    def forget(self, model: Ensemble, target: Target, data: Table, run: Run) -> Forgotten[Ensemble]:
        done = super().forget(model, target, data, run)
        return done if run.map is map else replace(done, model=model)


class IgnoresSmallCorrections(Retrain):
    """Leaves a row as it is when the correction is a small one."""

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        if isinstance(target, Correction):
            change = data.change(target)
            assert change is not None
            moved = np.abs(np.asarray(data.take(change.out).features) - np.asarray(change.into.features))
            if moved.max(initial=0.0) < 0.01:
                return Forgotten(model, Exact(), 0)
        return super().forget(model, target, data, run)


class RemembersOnItself(Retrain):
    """Keeps a list of all that it has forgotten, on the class."""

    gone: ClassVar[list[str]] = []

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        change = data.change(target)
        self.gone.extend([] if change is None else map(str, data.take(change.out).ids.tolist()))
        return super().forget(model, target, data, run)


class SaysWhom(Retrain):
    """Logs whom it forgets."""

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        logging.getLogger("expunge").warning("forgetting %s", target)
        return super().forget(model, target, data, run)


@dataclass(frozen=True)
class DrawsUnasked(SklearnLearner):
    """Draws from numpy's global generator."""

    def learn(self, data: Table, run: Run) -> Fitted:
        fitted = super().learn(data, run)
        return replace(fitted, estimator=(fitted.estimator, float(np.random.random())))  # noqa: NPY002


def planted(method: Any) -> Case:
    return Case(method, portable=False, shrink=False)


PLANTED: list[tuple[Case, Law]] = [
    (planted(TailNotInTheKey(GaussianNB(), shards=2)), laws.exact_forgetting_is_learning_without),
    (planted(PlacedByPosition(GaussianNB(), shards=3)), laws.learning_is_a_pure_function),
    (planted(StaleCheckpoints(SLICED, shards=2, slices=3)), laws.exact_forgetting_is_learning_without),
    (planted(CountsAShardTooFew(GaussianNB(), shards=3)), laws.a_quote_keeps_its_word),
    (planted(KeepsAVotingShard(GaussianNB(), shards=3)), laws.exact_forgetting_is_learning_without),
    (planted(EatsItsModel(GaussianNB(), shards=3)), laws.inputs_are_left_alone),
    (planted(OverwritesCheckpoints(GaussianNB(), shards=3)), laws.inputs_are_left_alone),
    (planted(ScaledSisa(LogisticRegression(), 2)), laws.exact_forgetting_is_learning_without),
    (planted(ScaledSisa(LogisticRegression(), 2)), laws.what_is_forgotten_has_no_influence),
    (planted(Retrain(SeededByRepr(SGDClassifier()))), laws.learning_is_a_pure_function),
    (planted(Retrain(RowOrderMatters(LogisticRegression()))), laws.learning_is_a_pure_function),
    (planted(Sisa(SharedOptimiser(SGDClassifier(), 2), 2, 3)), laws.exact_forgetting_is_learning_without),
    (planted(Everything(LogisticRegression())), laws.exact_forgetting_is_learning_without),
    (planted(Everything(LogisticRegression())), laws.what_is_forgotten_has_no_influence),
    (planted(ZeroesTheRow(Averages())), laws.exact_forgetting_is_learning_without),
    (planted(AcceptsFacts(GaussianNB())), laws.what_cannot_be_forgotten_is_refused),
    (planted(ClaimsTooMuch(DecisionTreeClassifier())), laws.exact_forgetting_is_learning_without),
    (planted(TrustsTheOldModel(GaussianNB())), laws.exact_forgetting_is_learning_without),
    (planted(RemembersIds(GaussianNB())), laws.nothing_of_the_forgotten_remains),
    (planted(Drifts(SGDClassifier())), laws.forgetting_nothing_changes_nothing),
    (planted(DoesNothing(DecisionTreeClassifier())), laws.forgetting_ends_near_the_oracle),
    (planted(ReportsOneVisit(GaussianNB())), laws.a_quote_keeps_its_word),
    (planted(KeepsRowsAtRest(GaussianNB(), shards=3)), laws.nothing_of_the_forgotten_remains),
    (planted(CarriesTheKey(GaussianNB())), laws.nothing_of_the_forgotten_remains),
    (planted(TextByPosition(GaussianNB(), shards=3)), laws.learning_is_a_pure_function),
    (planted(IgnoresThreads(GaussianNB(), shards=3)), laws.exact_forgetting_is_learning_without),
    (planted(IgnoresMaps(GaussianNB(), shards=3)), laws.exact_forgetting_is_learning_without),
    (planted(IgnoresSmallCorrections(GaussianNB())), laws.exact_forgetting_is_learning_without),
    (planted(RemembersOnItself(GaussianNB())), laws.nothing_of_the_forgotten_remains),
    (planted(SaysWhom(GaussianNB())), laws.nothing_of_the_forgotten_remains),
    (planted(Retrain(DrawsUnasked(GaussianNB()))), laws.learning_is_a_pure_function),
    (planted(Overshoots(DecisionTreeClassifier(max_depth=3))), laws.forgetting_ends_near_the_oracle),
]


@pytest.mark.parametrize(
    ("case", "law"), PLANTED, ids=[f"{type(case.method).__name__}-{law.__name__}" for case, law in PLANTED]
)
def test_a_planted_bug_is_caught_by_its_law(case: Case, law: Law) -> None:
    with pytest.raises((AssertionError, BaseExceptionGroup, pytest.fail.Exception)):
        law(case)


@pytest.mark.parametrize("method", [Retrain(GaussianNB()), Sisa(GaussianNB(), shards=3)])
def test_the_sound_method_that_the_bugs_were_planted_in_keeps_every_law(method: Any) -> None:
    assert broken_laws(Case(method, portable=False)) == []


def test_placement_by_name_is_what_the_bug_by_position_replaced() -> None:
    table = Case(None).data
    moved = table.after(Records(table.ids[:1]))
    by_name = [place_by_name(data, b"k", 4, 1, None, ()).shards for data in (table, moved)]
    assert np.array_equal(by_name[0][1:], by_name[1])
