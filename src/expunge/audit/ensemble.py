"""Many models for one audit: oracles under keys of their own, and, where asked, models that learned all and forgot.

The trained model is the independent unit of every statistic, so each has a key of its own, derived from the run's by
its arm and number. What is kept of a model is what it says of three parts of the data, never the model: so a hundred of
them fit in memory, and an audit that was interrupted goes on from those that are done. What is kept tells about people
like a model does: it belongs in a store that is swept.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Records, Retrain, Run, Table
>>> from expunge.audit.arms import parts
>>> X = np.random.default_rng(0).normal(size=(60, 3))
>>> table, run, method = Table.from_arrays(X, X[:, 0] > 0), Run(key=b"example"), Retrain(LogisticRegression())
>>> trained = Ensemble(method, table, Records([3, 4]), parts(table, Records([3, 4]), None), run)
>>> len(trained.oracles("oracle", 4)), len(trained.pairs(2)[1].original.forgotten.part)
(4, 2)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge import keyed
from expunge.audit.arms import Answers, Missing, Parts, answers
from expunge.audit.further import Sides
from expunge.audit.stress import told_after
from expunge.codec import decode, encode, fingerprint
from expunge.environment import tag_of
from expunge.errors import CodecError
from expunge.protocol import Named, Together

if TYPE_CHECKING:
    from expunge.audit.figures import Model
    from expunge.audit.stress import Arm, Stress
    from expunge.data.table import Table
    from expunge.protocol import Learner, Run, Store
    from expunge.values import Target

RETAINED = 1000
"""Retained records that every model is asked about: drawn by keyed hashes of their ids, the same for all."""


@dataclass(frozen=True)
class Ensemble:
    """What is to be learned, and of which records the models are asked.

    Parameters
    ----------
    method : method
    data : Table
        Before forgetting.
    target : Target
    sets : Parts of Table or Missing
        As `expunge.audit.arms.parts` gives them.
    run : Run
    kept : mapping of str to bytes
        Where answers of finished models rest, so that an interrupted audit goes on.
    stresses : tuple of Stress
        After each of which an oracle is asked again.
    """

    method: Learner[Table, Any, Any]
    data: Table
    target: Target
    sets: Parts[Table | Missing]
    run: Run
    kept: Store = field(default_factory=dict, repr=False)
    stresses: tuple[Stress, ...] = ()

    @cached_property
    def after(self) -> Table:
        """The data without the target."""
        return self.data.after(self.target)

    @cached_property
    def asked(self) -> Parts[Table | Missing]:
        """The parts as all models are asked about them, retained records at most `RETAINED`."""
        stays = self.sets.retained
        if isinstance(stays, Missing) or len(stays) <= RETAINED:
            return self.sets
        drawn = np.sort(keyed.order(self.run.key, stays.ids, "audit", "retained")[:RETAINED])
        return replace(self.sets, retained=stays.take(drawn))

    def oracles(self, arm: str, count: int) -> list[Model]:
        """What models say that were learned without the target, each under a key of its own."""
        return [one for one, *_ in self.tried(arm, count)]

    def tried(self, arm: str, count: int) -> list[Arm]:
        """What oracles say, and what they say after each stress."""
        return self._made(arm, count, self._oracles)

    def pairs(self, count: int) -> list[Pair]:
        """What models say that learned all, and what they say once they forgot; each under a key of its own."""
        return [Pair(*both) for both in self._made("forgotten", count, self._pairs)]

    def told(self, model: Any, *, knew: bool) -> Model:
        """What one model says; ``knew``: whether it met a column that the target erases."""
        names = self.data.names if knew else self.after.names
        return told(self.method, model, self._among(names))

    def under_stress(self, model: Any, name: str, *, knew: bool) -> Arm:
        """What one model says, and what it says after each stress, by a key that belongs to its name."""
        names, run = self.data.names if knew else self.after.names, self.run.afresh()
        run = replace(run, key=keyed.subkey(run.key, "audit", "under stress", name))
        work = _Work(self.method, self.data, None, (self._among(names),), run, self.stresses, self.sides(names))
        return _arm(work, model)

    def sides(self, names: tuple[str, ...]) -> Sides | None:
        """What models are stressed with; None where that is not asked for."""
        retained, gone = self.sets.retained, self.sets.forgotten
        if not self.stresses or isinstance(retained, Missing) or isinstance(gone, Missing):
            return None
        return Sides(retained.select(names), gone.select(names), self.run.key)

    # -- one by one, from those that are kept on -----------------------------------------------------------------------

    def _made(self, arm: str, count: int, work: Callable[[list[Run]], Iterator[tuple[Model, ...]]]) -> list[Any]:
        runs = [replace(self.run.afresh(), key=keyed.subkey(self.run.key, "audit", arm, k)) for k in range(count)]
        names = [self._name(run) for run in runs]
        missing = [k for k, name in enumerate(names) if name not in self.kept]
        self.run.tick(f"audit: {arm}", count - len(missing), count)
        found = {name: self.kept[name] for name in names if name in self.kept}  # somebody may sweep meanwhile
        for done, (k, made) in enumerate(zip(missing, work([runs[k] for k in missing]), strict=True), 1):
            found[names[k]] = self.kept[names[k]] = encode([_bare(one) for one in made])
            self.run.tick(f"audit: {arm}", count - len(missing) + done, count)
        return [tuple(self._dressed(one) for one in decode(found[name])) for name in names]

    def _oracles(self, runs: list[Run]) -> Iterator[Arm]:
        names = self.after.names
        beside = self.stresses, self.sides(names)
        works = [_Work(self.method, self.after, None, (self._among(names),), run, *beside) for run in runs]
        together = _together(self.method)
        if together is not None and len(runs) > 1:
            for at in range(0, len(runs), together.together):
                some = runs[at : at + together.together]
                models = together.learn_together([self.after] * len(some), some)
                yield from map(_arm, works[at : at + together.together], models)
            return
        yield from self.run.map(_oracle, works)

    def _pairs(self, runs: list[Run]) -> Iterator[tuple[Model, ...]]:
        sets = (self._among(self.data.names), self._among(self.after.names))
        yield from self.run.map(_pair, [_Work(self.method, self.data, self.target, sets, run) for run in runs])

    def _among(self, names: tuple[str, ...]) -> Parts[Table | Missing]:
        return self.asked.map(lambda part: part if isinstance(part, Missing) else part.select(names))

    def _name(self, run: Run) -> str:
        """The name of what one model says: another recipe, other records or columns, key, environment have another."""
        parts = [b"" if isinstance(part, Missing) else _digest(part, run) for _, part in self.asked.each()]
        tag = tag_of(getattr(self.method, "learner", self.method), run.threads)
        return "audit/" + keyed.digest(
            bytes(run.key), *parts, _digest(self.data, run), _digest(self.after, run), encode(list(self.after.names)),
            _spelled(self.method).encode(), tag.encode(),
            *(_spelled(stress).encode() for stress in self.stresses),
        )  # fmt: skip

    def _dressed(self, bare: dict[str, Any]) -> Model:
        """What a model says of the parts, from what is kept of it: labels are those of the part."""
        made: dict[str, Answers | Missing] = {}
        for name, part in self.asked.each():
            said = bare[name]
            if isinstance(said, str) or isinstance(part, Missing):
                made[name] = Missing(str(said))
            else:
                made[name] = Answers(said[0], said[1], part)
        return Parts(**made)


@dataclass(frozen=True)
class Pair:
    """What one model says that learned all, and what it says once it forgot."""

    original: Model
    forgotten: Model


@dataclass(frozen=True)
class _Work:
    """One model to be learned, here or in another process."""

    method: Any
    data: Table
    target: Target | None
    sets: tuple[Parts[Table | Missing], ...]
    run: Run
    stresses: tuple[Stress, ...] = ()
    sides: Sides | None = None


def told(method: Learner[Table, Any, Any], model: Any, sets: Parts[Table | Missing]) -> Model:
    """What a model says of each part."""
    return sets.map(lambda part: answers(method, model, part))


def _oracle(work: _Work) -> Arm:
    return _arm(work, work.method.learn(work.data, work.run))


def _arm(work: _Work, model: Any) -> Arm:
    """What a model says as it is, and after each stress, under keys derived from its own."""
    found = [told(work.method, model, work.sets[0])]
    if work.sides is None:
        return tuple(found)
    for stress in work.stresses:
        run = replace(work.run, key=keyed.subkey(work.run.key, "stress", stress.name))
        found.append(told_after(stress, work.method, model, work.sides, run))
    return tuple(found)


def _pair(work: _Work) -> tuple[Model, Model]:
    method, target = work.method, work.target
    original = method.learn(work.data, work.run)
    forgotten = method.forget(original, target, work.data, work.run).model
    return told(method, original, work.sets[0]), told(method, forgotten, work.sets[1])


def _together(method: Any) -> Together | None:
    """What trains several models at once by the algorithm that the method undoes; None: nothing does."""
    for learner in (method, getattr(method, "learner", None)):
        if isinstance(learner, Together) and learner.together > 1:
            same = learner is method or (isinstance(learner, Named) and learner.recipe() == method.recipe())
            return learner if same else None
    return None


def _spelled(method: Any) -> str:
    """All settings of a method, held-out records among them."""
    try:
        return fingerprint(method)
    except CodecError:
        return repr(method)


def _bare(model: Model) -> dict[str, Any]:
    """What a model says, without the records: these are at hand when it is read again."""
    return {
        name: said.reason if isinstance(said, Missing) else (said.predicted, said.classes)
        for name, said in model.each()
    }


def _digest(part: Table, run: Run) -> bytes:
    """Of the records as a set, and of their order: answers are kept in it."""
    return keyed.digest(bytes(run.key), part.digests(run.key).tobytes()).encode()
