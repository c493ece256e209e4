"""What all closed forms share: a model is a statistic of its records and what was solved from it.

The statistic is a sum over records, exact, so a record is taken out of it in time that does not depend on how many
others there are; then the same pure function solves again. A closed form says what it keeps, solves, and answers; of
those that keep sums of numbers, `expunge.methods.arrays._summed` has the rest.

Whether the data are those of the model is asked of the sums themselves: they are compared with the data's own, which
is all that the result rests on. A table remembers the sums over its records, so that a stream of requests reads none
twice; a table that remembers none is read once. Learning never looks there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge.codec import fingerprint
from expunge.data.table import expect
from expunge.errors import DataError, EmptyModelError, LearnError, MismatchError, ParameterError, RefusedError
from expunge.learners.sklearn import as_learned
from expunge.learners.surroundings import limited_pools
from expunge.params import Params
from expunge.values import Column, Exact, Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Change, Run
    from expunge.sums.statistics import Needs
    from expunge.values import Scalar, Target

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClosedModel:
    """A statistic, and what was solved from it.

    Attributes
    ----------
    statistic : Moments, Groups or Pooled
        Exact sums over the records: what forgetting goes on from, and as personal as the records are few.
    solved : dataclass or None
        What predicts; None where there is nothing to learn from.
    names : tuple of str
        Names of the features.
    classes : tuple or None
        Names of the columns of the scores; None: no classifier.
    recipe : str
        Digest of the algorithm and its parameters.
    """

    statistic: Any
    solved: Any
    names: tuple[str, ...]
    classes: tuple[Scalar, ...] | None
    recipe: str


@dataclass(frozen=True)
class ClosedForm(Params, ABC):
    """The verbs of a closed form; its own file says what it keeps, how to solve, and how to answer."""

    needs: ClassVar[Needs]

    # -- what a closed form says -----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def kind(self) -> Any:
        """What is kept: a value with a name, by which a table remembers it, and ``of``, which makes it of a table."""

    @abstractmethod
    def solution(self, statistic: Any, width: int) -> Any:
        """What answers, from a statistic of at least one record and so many columns: a pure function."""

    @abstractmethod
    def answers(self, solved: Any, data: Table) -> Floats:
        """(n, classes) scores that sum to one, or (n,) or (n, targets) numbers."""

    @abstractmethod
    def _assumptions(self) -> tuple[str, ...]:
        """What the claim rests on."""

    # -- A ---------------------------------------------------------------------------------------------------------

    def recipe(self) -> str:
        """Digest of the method and its parameters; numbers that are equal are the same."""
        kind: Any = type(self)
        return _recipe(kind, tuple([(name, _plain(getattr(self, name))) for name in _parameters(kind)]))

    def learn(self, data: Table, run: Run) -> ClosedModel:
        """Sum up, and solve."""
        expect(data, run)
        statistic = self.kind.of(data)
        data.tallies[self.kind.name] = statistic
        return self._model(statistic, data.names, self.recipe(), run)

    def predict(self, model: ClosedModel, data: Table) -> Floats:
        """(n, classes) scores that sum to one; (n,) or (n, targets) for regression."""
        expect(data)
        if model.solved is None:
            msg = "this model holds no record to predict from: it learned none, or has forgotten all"
            raise EmptyModelError(msg)
        return self.answers(model.solved, as_learned(data, model.names))

    def visits(self, data: Table, run: Run) -> int:
        """Each record is read once."""
        return len(data)

    # -- U ---------------------------------------------------------------------------------------------------------

    def quote(self, model: ClosedModel, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """Exact; a visit for each record that goes or comes, and none for a column.

        What remains is solved for here already: where it has no solution, that is the refusal.
        """
        expect(data, run)
        change = data.change(target)
        if change is None:
            return Refusal("no record carries this target, so no sum would change", "never")
        self._refuse_other(model, data)
        examples = self._read(target, change, data)
        if not _nothing(change, data):
            made = self._solved(model, target, change, data, run)
            if isinstance(made, Refusal):
                return made
        seconds = None if run.pace is None else examples * run.pace.seconds_per_example
        return Quote(Exact(), (*self._assumptions(), *data.remarks(target)), examples, seconds)

    def forget(self, model: ClosedModel, target: Target, data: Table, run: Run) -> Forgotten[ClosedModel]:
        """Take out what goes, add what comes, solve again; where most go, sum up those that stay.

        Raises
        ------
        RefusedError
            Whatever `quote` refuses.
        """
        expect(data, run)
        change = data.change(target)
        if change is None:
            refused = self.quote(model, target, data, run)
            assert isinstance(refused, Refusal)  # noqa: S101  (what no record carries is refused above)
            raise RefusedError(refused)
        self._refuse_other(model, data)
        if _nothing(change, data):
            return Forgotten(model, Exact())
        made = self._solved(model, target, change, data, run)
        if isinstance(made, Refusal):
            raise RefusedError(made)
        return Forgotten(made, Exact(), self._read(target, change, data))

    # -- the work --------------------------------------------------------------------------------------------------

    def _model(self, statistic: Any, names: tuple[str, ...], recipe: str, run: Run) -> ClosedModel:
        solved = None
        if statistic.count:
            with limited_pools(run.threads):
                solved = self.solution(statistic, len(names))
        return ClosedModel(statistic, solved, names, self._classes(statistic), recipe)

    def _solved(
        self, model: ClosedModel, target: Target, change: Change[Table], data: Table, run: Run
    ) -> ClosedModel | Refusal:
        """The model of what remains, or why it has none; its sums are made once for a quote and what follows it."""
        after, name = data.tallies_after(target), self.kind.name
        if name not in after:
            after[name] = self._changed(model.statistic, target, change, data)
        try:
            return self._model(after[name], change.into.names, model.recipe, run)
        except (DataError, LearnError, ParameterError) as failure:
            return Refusal(str(failure), "misconfigured")

    def _classes(self, statistic: Any) -> tuple[Scalar, ...] | None:
        """Those that there are records of; None for what is no classifier."""
        found: tuple[Scalar, ...] | None = getattr(statistic, "classes", None)
        return found

    def _changed(self, statistic: Any, target: Target, change: Change[Table], data: Table) -> Any:
        """The statistic of what remains."""
        kind = self.kind
        if change.into.names != data.names:
            if isinstance(target, Column):  # every row would be read to find out that only the column went
                return self._without(statistic, target.name, data.names)
            return kind.of(change.into)
        if _most_go(change, data):
            return kind.of(data.after(target))
        if len(change.out):
            statistic = statistic.minus(self._gone(data.take(change.out)))
        return statistic.plus(kind.of(change.into)) if len(change.into) else statistic

    def _gone(self, table: Table) -> Any:
        """The statistic of records that are taken away."""
        return self.kind.of(table)

    def _without(self, statistic: Any, name: str, names: tuple[str, ...]) -> Any:
        """The statistic of the same records without one of the columns."""
        return statistic.at([place for place, other in enumerate(names) if other != name])

    def _read(self, target: Target, change: Change[Table], data: Table) -> int:
        """How many records are read."""
        if change.into.names != data.names:
            return 0 if isinstance(target, Column) else len(change.into)
        left = len(data) - len(change.out)
        return (left if _most_go(change, data) else len(change.out)) + len(change.into)

    def _refuse_other(self, model: ClosedModel, data: Table) -> None:
        """Raise unless this method learned the model, from these very data."""
        if not isinstance(model, ClosedModel):
            msg = f"the model must be the one that {type(self).__name__} learned, got a {type(model).__name__}"
            raise MismatchError(msg)
        mine = self.recipe()
        if model.recipe != mine:
            msg = f"parameters other than the model's: it was learned with {model.recipe[:16]}, this is {mine[:16]}"
            raise MismatchError(msg)
        if model.names != data.names:
            msg = f"data other than the model's: it learned from {', '.join(model.names)}; got {', '.join(data.names)}"
            raise MismatchError(msg)
        kind = self.kind
        known = data.tallies.get(kind.name)
        if known is model.statistic:
            return
        if known is None:
            known = data.tallies[kind.name] = kind.of(data)
        if known != model.statistic:
            msg = (
                "data other than the model's: the sums over them are others"
                f" ({known.count} records, where it learned from {model.statistic.count})"
            )
            raise MismatchError(msg)
        got, learned = _types(self._classes(known)), _types(model.classes)
        if got != learned:  # True is 1, and what is learned of the two is not the same
            msg = f"data other than the model's: it learned labels of type {learned}; got {got}"
            raise MismatchError(msg)


def _nothing(change: Change[Table], data: Table) -> bool:
    """Whether no record and no column goes or comes."""
    return not len(change.out) and not len(change.into) and change.into.names == data.names


def _types(classes: tuple[Scalar, ...] | None) -> str:
    return ", ".join(sorted({type(name).__name__ for name in classes or ()}))


def _most_go(change: Change[Table], data: Table) -> bool:
    """Whether fewer records stay than go: then those that stay are summed up, to the same bits."""
    return 2 * len(change.out) > len(data)


def checked(title: str, name: str, value: float, *, above: float = 0.0, strict: bool = False) -> None:
    """Raise a sentence unless a parameter is a finite number of at least, or ``strict``ly above, a bound."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
    if not number or not np.isfinite(value) or value < above or (strict and value == above):
        bound = f"above {above:g}" if strict else f"of at least {above:g}"
        msg = f"{title} needs {name} to be a finite number {bound}, got {value!r}"
        raise ParameterError(msg)


def _plain(value: Any) -> Any:
    if value is None or type(value) in (float, str, bool):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | float | np.number):
        return float(value)
    if isinstance(value, Mapping):
        return tuple(sorted((fingerprint(_plain(name)), _plain(held)) for name, held in value.items()))
    return tuple(map(_plain, value)) if isinstance(value, list | tuple | np.ndarray) else value


@cache
def _parameters(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@lru_cache(maxsize=256)
def _recipe(kind: Hashable, settings: tuple[tuple[str, Any], ...]) -> str:
    return fingerprint((kind, settings))
