"""ARCANE: one one-class model for each class. A deletion relearns the models of its classes, a class goes with its own.

Records are parted by class, and each class has a model of its own that learned what its records look like, and met no
other. A record is of the class whose model it fits best, after the scores of each model have been placed among those of
its class's own records (calibration). To forget, the classes that held the target learn again, from the checkpoint
before the first slice that held it; to forget a class, its model is dropped.

What it saves is what other classes hold: 1 less the share of the class, for records of one class. A person with records
in every class costs every model, and slices are all that helps there.

Claim: Exact, for a learner that is a pure function of (records, key, parameters), in the environment that learned.

References
----------
Yan, Li, Guo, Li, Li, Lin (2022), "ARCANE: An Efficient Architecture for Exact Machine Unlearning", IJCAI,
doi:10.24963/ijcai.2022/556: partition by class, saved states, likely deletions last. What is ours: `docs/papers.md`.

Examples
--------
>>> import numpy as np
>>> from sklearn.svm import OneClassSVM
>>> from expunge import Label, Records, Run, Table, fingerprint
>>> random = np.random.default_rng(0)
>>> X = np.concatenate([random.normal(place, 1, (40, 2)) for place in (0, 4, 8)])
>>> table, run = Table.from_arrays(X, np.repeat(["a", "b", "c"], 40)), Run(key=b"example")
>>> method = Arcane(OneClassSVM(gamma="auto"))
>>> model = method.learn(table, run)
>>> done = method.forget(model, Records([7]), table, run)
>>> done.examples <= 40  # one class of three
True
>>> fingerprint(done.model) == fingerprint(method.learn(table.after(Records([7])), Run(key=b"example")))
True
>>> method.quote(model, Label("b"), table, run).examples
0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from expunge import keyed
from expunge.codec import fingerprint
from expunge.data.table import expect
from expunge.errors import EmptyModelError, LearnError, MismatchError, ParameterError, RefusedError
from expunge.learners.one_class import as_one_class
from expunge.learners.promises import promised
from expunge.methods.arrays._calibration import KINDS, Reference, compared, referred
from expunge.methods.arrays._class_cost import expected_cost_of_classes
from expunge.methods.arrays._class_models import ClassModel, ClassModels, Work, departures, expect_models
from expunge.methods.arrays._classes import Drawn, Members, members, number_of, slices_of, title_of
from expunge.methods.arrays._placement import Band, checked_bands
from expunge.methods.arrays._refusals import (
    refusal_of,
    refuse_another,
    refuse_options,
    refuse_slices,
)
from expunge.methods.arrays._shards import Task, asked, chain_of, schedule_of, sums, trained
from expunge.params import Params
from expunge.protocol import Named, Run, Wavering
from expunge.values import Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.methods.arrays._calibration import Kind
    from expunge.values import Scalar, Target

HELD_OUT = 0.2  # share of the units that calibrate, where any do and nobody says how many


@dataclass(frozen=True)
class Arcane(Params):
    """One one-class model for each class; only the models of classes that met the target learn again.

    Parameters
    ----------
    learner : one-class learner or scikit-learn estimator
        Whatever has ``score_samples``, and an `Autoencoder`; see `expunge.learners.one_class`.
    slices : int
        R, for learners that can go on training. One deletion costs 2/3 + 1/(3R) of its class on average while R < 2e.
    schedule : {"cumulative", "incremental"}
        As of `Sisa`: slice k with all before it, or alone.
    calibration : {"ranks", "standard", "none"}
        How scores of one model are compared with another's, by those of the class's own records: their ranks among
        them, their distance from the mean in spreads, or not at all, for scores of one unit (logarithms of densities,
        errors of reconstruction).
    held_out : float, optional
        Share of the units (owners, else records), by keyed hash, that calibrate and are not learned from: 0.2, and 0
        without calibration. With 0 the records that were learned from calibrate, to which many models give other
        scores than to new ones.
    subset : float
        Share of all other units that is learned from at all, by keyed hash: smaller is cheaper, and to forget the
        others is free.
    fewest : int
        Records that a class needs to learn from. With fewer it has no model and is never predicted.
    likelihood : str, optional
        Name of a column with each unit's probability of deletion in [0, 1]; it places and is not trained on.
    bands : sequence of Band
        With ``likelihood``: which slices units of which likelihood go to, declared beforehand.

    Raises
    ------
    ParameterError
        For parameters that do not fit each other, in words.
    DataError
        For labels that are not one class for each record.
    MismatchError
        When `forget` or `quote` is given data, a key or parameters other than the model's.
    RefusedError
        From `forget`, whatever `quote` refuses.
    """

    learner: Any
    slices: int = 1
    schedule: Literal["cumulative", "incremental"] = "cumulative"
    calibration: Kind = "ranks"
    held_out: float | None = None
    subset: float = 1.0
    fewest: int = 1
    likelihood: str | None = None
    bands: Sequence[Band] = ()

    def __post_init__(self) -> None:
        as_one_class(self.learner)
        schedules = ("cumulative", "incremental")
        choices = {"schedule": (self.schedule, schedules), "calibration": (self.calibration, KINDS)}
        refuse_options("Arcane", {"slices": self.slices, "fewest": self.fewest}, choices)
        self._refuse_shares()
        checked_bands(self.likelihood, self.bands, 1, self.slices)

    def _refuse_shares(self) -> None:
        out, subset = self.held_out, self.subset
        if out is not None and not (_is_number(out) and 0 <= out < 1):
            msg = f"Arcane needs held_out to be a share in [0, 1), or None; got {out!r}"
            raise ParameterError(msg)
        if not (_is_number(subset) and 0 < subset <= 1):
            msg = f"Arcane needs subset to be a share in (0, 1], got {subset!r}"
            raise ParameterError(msg)
        if self.calibration == "none" and self.held_out:
            msg = f"records held out calibrate, and there is no calibration; got held_out={self.held_out!r}: use 0"
            raise ParameterError(msg)

    @staticmethod
    def expected_cost(sizes: Sequence[int], slices: int = 1, requests: int = 1, *, batch: bool = False) -> float:
        """Record visits per epoch that deletions are expected to cost, before anything is learned.

        As `expunge.expected_cost` for SISA, with the records of each class in place of equal shards; each request is
        for one record, any as likely as another. Records that are scored to calibrate come on top, once a class.

        Examples
        --------
        >>> Arcane.expected_cost([500, 300, 200]) / 1000  # the sum of the squared shares: .25 + .09 + .04
        0.379
        """
        return expected_cost_of_classes(sizes, slices, requests, batch=batch)

    # -- A -------------------------------------------------------------------------------------------------------------

    def recipe(self) -> str:
        """Digest of the learner's recipe and of all parameters that place, train or calibrate."""
        learner = as_one_class(self.learner)
        own = learner.recipe() if isinstance(learner, Named) else fingerprint(learner)
        drawn, places = self._drawn, (self.likelihood, [(band.at_least, *band.slices) for band in self.bands])
        shares = (drawn.held_out, drawn.subset, int(self.fewest))
        return fingerprint((type(self), own, int(self.slices), self.schedule, self.calibration, shares, places))

    def learn(self, data: Table, run: Run) -> ClassModels:
        """Learn the model of every class, going on from whatever checkpoints the store holds."""
        expect(data, run)
        refuse_slices("Arcane", as_one_class(self.learner), self.slices, self.schedule)
        recipe = self.recipe()
        parts = self._learned([work.ready() for work in self._works(data, run, recipe)], run)
        return ClassModels(tuple(parts.values()), recipe, keyed.key_id(run.key))

    def predict(self, model: ClassModels, data: Table) -> NDArray[np.float64]:
        """(n, classes) scores that sum to one, in the order of ``model.classes``; 0 for a class without a model."""
        expect(data)
        expect_models(model)
        voters = [(place, part) for place, part in enumerate(model.parts) if part.state is not None]
        if not voters:
            msg = "no class of this model holds a record to predict from: it learned none, or has forgotten all"
            raise EmptyModelError(msg)
        features = data if self.likelihood is None else data.drop(self.likelihood)
        scores = asked(as_one_class(self.learner), [part.state for _, part in voters], features)
        held = [part.calibration.of(score) for (_, part), score in zip(voters, scores, strict=True) if part.calibration]
        total = np.zeros((len(data), len(model.parts)))
        total[:, [place for place, _ in voters]] = compared(np.column_stack(held))
        return total

    def visits(self, data: Table, run: Run) -> int:
        """Record visits of learning everything, with an empty store."""
        return sum(work.visits(self.calibration) for work in self._works(data, run, self.recipe()))

    def wavers(self) -> str | None:
        """What the learner says."""
        return self.learner.wavers() if isinstance(self.learner, Wavering) else None

    # -- U -------------------------------------------------------------------------------------------------------------

    def quote(self, model: ClassModels, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """Claim and exact cost: the classes whose records change, from the last checkpoint at rest before that."""
        expect(data, run)
        expect_models(model)
        refusal = refusal_of("ARCANE", target, data, self.likelihood)
        if refusal is not None:
            return refusal
        self._refuse_other(model, data, run)
        works, touched = self._changed(model, target, data, run)
        examples = sum(work.visits(self.calibration) for work in touched)
        seconds = None if run.pace is None else examples * run.pace.seconds_per_example
        claim, reasons = promised(self.learner)
        said = (*reasons, *_ASSUMPTIONS, *data.remarks(target), *departures(model, works, touched))
        return Quote(claim, said, examples, seconds)

    def forget(self, model: ClassModels, target: Target, data: Table, run: Run) -> Forgotten[ClassModels]:
        """Learn the touched classes again from their last sound checkpoint; keep the others, drop what is gone."""
        expect(data, run)
        expect_models(model)
        refusal = refusal_of("ARCANE", target, data, self.likelihood)
        if refusal is not None:
            raise RefusedError(refusal)
        self._refuse_other(model, data, run)
        works, touched = self._changed(model, target, data, run)
        news = self._learned(touched, run)
        parts = {part.name: part for part in model.parts} | news
        forgotten = ClassModels(tuple(parts[work.name] for work in works), model.recipe, model.key)
        examples = sum(work.visits(self.calibration) for work in touched)
        return Forgotten(forgotten, promised(self.learner)[0], examples)

    # -- replay, class by class ----------------------------------------------------------------------------------------

    def touched(self, before: ClassModels, data: Table, run: Run) -> tuple[int, ...]:
        """Numbers of the classes that hold other records in these data than their models have learned."""
        old = {part.name: part.chain for part in before.parts}
        works = self._works(data, run, self.recipe())
        return tuple(number_of(work.name) for work in works if old.get(work.name) != work.chain)

    def part(self, model: ClassModels, number: int) -> Any:
        """What the model of one class has learned, and from which records; None where there is no such class."""
        found = [part for part in model.parts if number_of(part.name) == number]
        return (found[0].state, found[0].calibration, found[0].chain) if found else None

    def relearn(self, number: int, data: Table, run: Run) -> Any:
        """The model of one class, learned from nothing."""
        afresh = run.afresh()
        works = self._works(data, afresh, self.recipe())
        mine = [work.ready() for work in works if number_of(work.name) == number]
        (made,) = self._learned(mine, afresh).values()
        return made.state, made.calibration, made.chain

    # -- the work ------------------------------------------------------------------------------------------------------

    @property
    def _drawn(self) -> Drawn:
        usual = 0.0 if self.calibration == "none" else HELD_OUT
        return Drawn(usual if self.held_out is None else float(self.held_out), float(self.subset))

    def _works(self, data: Table, run: Run, recipe: str) -> Iterator[Work]:
        """What there is to learn of each class, with the digests that its checkpoints are found by."""
        groups = members(data, run.key, self._drawn, self.fewest)
        pieces = slices_of(data, run.key, self.slices, self.likelihood, self.bands)
        features = data if self.likelihood is None else data.drop(self.likelihood)
        held = self._sums(features, groups, pieces, run)
        learner, secret = as_one_class(self.learner), keyed.subkey(run.key, "chain")
        epochs = schedule_of(learner, self.slices, self.schedule)
        for place, group in enumerate(groups):
            title = title_of(group.name)
            mine = held[place * (self.slices + 1) : (place + 1) * (self.slices + 1)]
            chain = chain_of(secret, mine, features.schema(), recipe, title)
            records, slices = features.take(group.learned), pieces[group.learned]
            links, names = chain[:-1], ("class", title)
            task = Task(place, learner, records, slices, epochs, self.schedule, links, run, names=names)
            yield Work(group.name, task, chain, features.take(group.out) if len(group.out) else records)

    def _sums(self, data: Table, groups: list[Members], pieces: NDArray[np.int64], run: Run) -> list[bytes]:
        """Digests of the records of each class, slice by slice, and of those that calibrate it."""
        rows, where, width = [np.zeros(0, np.intp)], [np.zeros(0, np.int64)], self.slices + 1
        for place, group in enumerate(groups):
            rows += [group.learned, group.out]
            where += [place * width + pieces[group.learned], np.full(len(group.out), place * width + self.slices)]
        return sums(data.take(np.concatenate(rows)), np.concatenate(where), len(groups) * width, run.key)

    def _changed(self, model: ClassModels, target: Target, data: Table, run: Run) -> tuple[list[Work], list[Work]]:
        """Every class after the change, and those whose model would not be the one that is there.

        If any of these has to be learned, classes learned in another environment are learned again too: no model mixes
        two. A class that is gone needs no learning, and none that is there changes by it.
        """
        works = list(self._works(data.after(target), run, model.recipe))
        old = {part.name: part for part in model.parts}
        new = {work.name for work in works if work.name not in old or work.chain != old[work.name].chain}
        foreign = {
            work.name for work in works if work.name in old and work.task.environment != old[work.name].environment
        }
        return works, [work.ready() for work in works if new and work.name in new | foreign]

    def _learned(self, works: Sequence[Work], run: Run) -> dict[Scalar, ClassModel]:
        """The models of these classes, each calibrated after its last slice."""
        try:
            states = trained([work.task for work in works], run, "classes")
        except LearnError as failure:
            fewest = min(len(work.task.data) for work in works)
            msg = (
                f"{failure} (the smallest of {len(works)} classes learns from {fewest}; `fewest` leaves small ones out)"
            )
            raise LearnError(msg) from failure
        known = [work for work in works if states[work.task.number] is not None]
        calls = (
            Reference(work.task.learner, states[work.task.number], work.judged, work.task.run, self.calibration)
            for work in known
        )
        made = dict(zip([work.name for work in known], run.map(referred, calls), strict=True))
        return {
            work.name: ClassModel(
                work.name, states[work.task.number], made.get(work.name), work.chain, work.task.environment
            )
            for work in works
        }

    def _refuse_other(self, model: ClassModels, data: Table, run: Run) -> None:
        refuse_another(run, self.recipe(), key=model.key, learned=model.recipe)
        works = list(self._works(data, run, model.recipe))
        if tuple(work.name for work in works) != model.classes:
            msg = (
                f"data other than the model's: it was learned from {len(model.parts)} classes, these have {len(works)}"
            )
            raise MismatchError(msg)
        for work, part in zip(works, model.parts, strict=True):
            if work.chain != part.chain:
                msg = f"data other than the model's: class {part.name!r} was learned from other records or owners"
                raise MismatchError(msg)


def _is_number(given: object) -> bool:
    """Whether it is a number, and no truth value."""
    return isinstance(given, int | float) and not isinstance(given, bool)


_ASSUMPTIONS = (
    "the learner is a pure function of its records, the key and its parameters",
    "versions, threads and processor round alike; classes learned in another environment are learned again",
    "the learner can learn from the records that stay (some refuse too few: `fewest` leaves such a class out)",
)
