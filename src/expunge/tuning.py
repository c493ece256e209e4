"""Which method, with which settings: tried on records that stay, against one network that never met them.

Settings of approximate methods belong to a network and a size of request, so those of a paper rarely fit. Here some
records that stay play the forgotten ones: as many as are asked for, of the same classes, whole owners for owners,
another class for a class. One retraining without them is the reference for all trials. What is aimed at is what the
reference says of them, and never that nothing is known of them.

Nothing here looks at an attack: what is compared is the score of each record's own class. An audit that reports
attacks has therefore not been tuned for. Every visit is counted, the reference's too, in shares of retraining. So for
a single request retraining is cheaper than tuning; it pays when more of the same kind are to come.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Records, Retrain, Run, Table
>>> X = np.random.default_rng(0).normal(size=(60, 2))
>>> table, run = Table.from_arrays(X, np.where(X[:, 0] > 0, "right", "left")), Run(key=b"example")
>>> method = Retrain(LogisticRegression())
>>> chosen = tune([method], method.learn(table, run), Records([3, 4]), table, run, budget=4.0)
>>> chosen.said
'chosen by tuning: retrain (learner=LogisticRegression()), of 1 tried, on 2 records that stay, for 3.03 retrainings'
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge import keyed
from expunge.data.table import Table, expect
from expunge.errors import LearnError, ParameterError
from expunge.measures.loss import decisions, true_class_scores
from expunge.planner import named, refuse_strangers
from expunge.protocol import Named, Priced
from expunge.values import Batch, Label, Owners, Quote, Records, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.planner import AnyMethod
    from expunge.protocol import Run
    from expunge.values import Forgotten, Target

LOOKED_AT = 2000  # retained records on which accuracy is compared
LEAST = 0.5  # of the way from doing nothing to the reference
BESIDES = ("learner", "held_out")  # of a method over a learner: no settings of its own


@dataclass(frozen=True)
class Trial:
    """One candidate, tried.

    Attributes
    ----------
    name : str
    settings : mapping of str to str
    examples : int
        Record visits.
    gap : float
        Mean score of the own class of those who played the forgotten, less the reference's: 0 is the aim.
    apart : float
        The same, record by record, regardless of sign: what is least.
    retained, held_out : float
        Accuracy less the reference's; NaN where it was not looked at.
    rejected : str or None
        Why, in a sentence.
    """

    name: str
    settings: Mapping[str, str]
    examples: int
    gap: float
    apart: float
    retained: float
    held_out: float
    rejected: str | None


@dataclass(frozen=True)
class Tuned:
    """The method that was chosen, and how: a method itself, whose quotes say so.

    Attributes
    ----------
    method : Method
    name : str
        Among the candidates.
    trials : tuple of Trial
        All of them, in their order.
    played : int
        Records that played the forgotten.
    spent, budget : float
        In retrainings.
    """

    method: AnyMethod
    name: str
    trials: tuple[Trial, ...]
    played: int
    spent: float
    budget: float

    @property
    def said(self) -> str:
        """The choice in a sentence, as quotes and certificates carry it."""
        settings = next(trial.settings for trial in self.trials if trial.name == self.name)
        listed = ", ".join(f"{name}={value}" for name, value in settings.items())
        return (
            f"chosen by tuning: {self.name} ({listed}), of {len(self.trials)} tried, on {self.played} records that"
            f" stay, for {self.spent:.2f} retrainings"
        )

    def recipe(self) -> str:
        """That of the method."""
        if not isinstance(self.method, Named):
            msg = f"{self.name} does not say which algorithm it undoes"
            raise ParameterError(msg)
        return self.method.recipe()

    def learn(self, data: Table, run: Run) -> Any:
        """As the method."""
        return self.method.learn(data, run)

    def predict(self, model: Any, data: Table) -> Any:
        """As the method."""
        return self.method.predict(model, data)

    def visits(self, data: Table, run: Run) -> int:
        """As the method."""
        return whole(self.method, data, run)

    def quote(self, model: Any, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """As the method, and how it was chosen."""
        quote = self.method.quote(model, target, data, run)
        return replace(quote, assumptions=(*quote.assumptions, self.said)) if isinstance(quote, Quote) else quote

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        """As the method."""
        return self.method.forget(model, target, data, run)


def tune(  # noqa: PLR0913  (what a plan takes, and what bounds the search)
    candidates: Mapping[str, AnyMethod] | Iterable[AnyMethod],
    model: Any,
    target: Target,
    data: Table,
    run: Run,
    *,
    budget: float = 3.0,
    held_out: Table | None = None,
    tolerance: float = 0.02,
) -> Tuned | Refusal:
    """Choose among methods with settings, on records that stay.

    Parameters
    ----------
    candidates : methods, by name or in a sequence
        All over one learner, tried in their order. The first of the best is taken.
    model : the model that is to forget
        Of classes that exclude each other.
    target : Target
        What is to be forgotten: nothing of it is used but how many records, classes or owners it is.
    data : Table
        What the model was learned from.
    run : Run
    budget : float
        In retrainings: one for the reference, the rest for trials. A trial whose quote does not fit is left out.
    held_out : Table, optional
        Labelled records that nobody learned from, for accuracy there.
    tolerance : float
        How far accuracy may be from the reference's, either way; and how far below the reference's the score of the
        forgotten may end, beside two standard errors.

    Returns
    -------
    Tuned or Refusal
        A refusal that says what was wrong with each when none is good enough: retrain.
    """
    expect(data, run)
    asked = dict(candidates) if isinstance(candidates, Mapping) else named(candidates)
    refuse_strangers(asked)
    if not isinstance(budget, int | float) or not budget > 1:
        msg = f"tune needs a budget above 1, for one retraining is the reference; got {budget!r}"
        raise ParameterError(msg)
    if data.task != "classification":
        msg = f"tune compares scores of classes that exclude each other, and these data are for {data.task}"
        raise ParameterError(msg)
    players = understudies(data, target, run)
    if isinstance(players, Refusal):
        return players
    unseen = data.take(slice(0, 0)) if held_out is None else held_out
    stage = Stage(next(iter(asked.values())), model, players, Given(data, run, unseen, tolerance))
    trials = tuple(stage.tried(asked, budget))
    passed = [trial for trial in trials if trial.rejected is None]
    if not passed:
        said = "; ".join(f"{trial.name}: {trial.rejected}" for trial in trials)
        return Refusal(f"no candidate was good enough on records that stay; {said}", "instead", "Retrain")
    best = min(passed, key=lambda trial: trial.apart)
    return Tuned(asked[best.name], best.name, trials, len(stage.gone), stage.spent / stage.retraining, float(budget))


# -- who plays the forgotten -------------------------------------------------------------------------------------------


def understudies(data: Table, target: Target, run: Run) -> Target | Refusal:
    """As many records that stay as are to be forgotten, of the same classes; owners for owners, a class for a class.

    Examples
    --------
    >>> from expunge import Run
    >>> table = Table.from_arrays(np.zeros((9, 1)), ["a", "b", "c"] * 3)
    >>> understudies(table, Label("a"), Run(key=b"k")) in (Label("b"), Label("c"))
    True
    >>> [table.label[name] for name in understudies(table, Records([0]), Run(key=b"k")).ids]
    [np.str_('a')]
    """
    change = data.change(target)
    if change is None or not len(change.out):
        return Refusal("nothing is forgotten by this target, so there is nothing to tune for", "never")
    rest, gone = data.take(np.delete(np.arange(len(data)), change.out)), data.take(change.out)
    steps = target.targets if isinstance(target, Batch) else (target,)
    kinds = {type(step) for step in steps}
    found = _class(rest, run) if kinds == {Label} else None
    if kinds == {Owners}:
        units = np.unique(_values(rest.units))
        names = units[keyed.order(run.key, _as_ids(units), "understudies")][: len(np.unique(_values(gone.units)))]
        found = Owners(names.tolist())
    elif kinds != {Label}:
        found = Records(_alike(rest, gone, run))
    played = None if found is None else data.change(found)
    if found is None or played is None or 2 * len(played.out) > len(rest):
        return Refusal("too few records stay to play those that go", "instead", "Retrain")
    return found


def _class(rest: Table, run: Run) -> Target | None:
    """A class that stays; None where it would be the last one."""
    others = sorted(rest.present, key=lambda name: keyed.seed(run.key, "understudies", str(name)))
    return Label(others[0]) if len(others) > 1 else None


def _alike(rest: Table, gone: Table, run: Run) -> list[Any]:
    """Ids of as many records of each class, in the keyed order of ids."""
    order = keyed.order(run.key, rest.ids, "understudies")
    names, labels, wanted = _values(rest.ids)[order], np.asarray(rest.label)[order], np.asarray(gone.label)
    chosen: list[Any] = []
    for name in np.unique(wanted):
        chosen += names[labels == name][: int((wanted == name).sum())].tolist()
    return chosen


def _values(names: Any) -> NDArray[Any]:
    return names if isinstance(names, np.ndarray) else np.array(names.to_pylist(), dtype=object)


def _as_ids(names: NDArray[Any]) -> Any:
    """Distinct names as a table holds them."""
    return Table.from_arrays(np.zeros((len(names), 1)), ids=names.tolist()).ids


# -- trials ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """What `tune` was given, besides methods and model."""

    data: Table
    run: Run
    held_out: Table
    tolerance: float


class Stage:
    """The model, who plays the forgotten, and a count of visits."""

    def __init__(self, method: AnyMethod, model: Any, players: Target, given: Given) -> None:
        self.method, self.model, self.players, data = method, model, players, given.data
        self.data, self.tolerance = data, given.tolerance
        self.run = replace(given.run, store=ChainMap({}, given.run.store))  # trials leave nothing in the store
        change = data.change(players)
        assert change is not None  # noqa: S101  (records play it)
        self.gone, self.rest = data.take(change.out), data.after(players)
        order = keyed.order(given.run.key, self.rest.ids, "looked at")[:LOOKED_AT]
        self.parts = (self.gone, self.rest.take(order), given.held_out)
        self.retraining, self.spent = whole(method, self.rest, given.run.afresh()), 0

    @cached_property
    def reference(self) -> tuple[NDArray[np.float64], ...]:
        """What a model says that never met the players, after what it cost."""
        self.spent += self.retraining
        return self._answers(self.method.learn(self.rest, self.run.afresh()))

    @cached_property
    def before(self) -> tuple[NDArray[np.float64], ...]:
        """What the model says as it is."""
        return self._answers(self.model)

    def tried(self, asked: Mapping[str, AnyMethod], budget: float) -> Iterator[Trial]:
        """All candidates for which the budget lasts."""
        for name, method in asked.items():
            yield self._trial(name, method, budget * self.retraining)

    def _trial(self, name: str, method: AnyMethod, most: float) -> Trial:
        settings, nan = settings_of(method), float("nan")
        aim, start = self.reference, self.before  # paid for first, so that it is known what is left
        quote = method.quote(self.model, self.players, self.data, self.run)
        if isinstance(quote, Refusal):
            return Trial(name, settings, 0, nan, nan, nan, nan, quote.reason)
        if self.spent + quote.examples + self._look > most:
            return Trial(name, settings, 0, nan, nan, nan, nan, "the budget was spent")
        try:
            done = method.forget(self.model, self.players, self.data, self.run)
        except LearnError as failure:
            self.spent += quote.examples
            return Trial(name, settings, quote.examples, nan, nan, nan, nan, str(failure))
        self.spent += done.examples
        made = self._answers(done.model)
        far = made[0] - aim[0]
        gap, apart, error = float(far.mean()), float(np.abs(far).mean()), 2 * float(far.std()) / len(far) ** 0.5
        was = float((start[0] - aim[0]).mean())
        retained, held = (
            float(mine.mean() - its.mean()) if len(its) else nan for mine, its in zip(made[1:], aim[1:], strict=True)
        )
        why = rejected(gap, was, error, {"retained": retained, "held-out": held}, self.tolerance)
        return Trial(name, settings, done.examples, gap, apart, retained, held, why)

    @property
    def _look(self) -> int:
        """What asking for all answers costs: a forward pass is a third of a visit."""
        return -(-sum(map(len, self.parts)) // 3)

    def _answers(self, model: Any) -> tuple[NDArray[np.float64], ...]:
        """Scores of the players' own classes, then whether each retained and each held-out record is right."""
        self.spent += self._look
        found = []
        for number, part in enumerate(self.parts):
            scores, label = self.method.predict(model, part), np.asarray(part.label)
            right = decisions(scores, model.classes) == label if number and len(part) else np.zeros(0)
            found.append(np.asarray(right if number else true_class_scores(scores, model.classes, label), np.float64))
        return tuple(found)


def rejected(gap: float, was: float, error: float, accuracy: Mapping[str, float], tolerance: float) -> str | None:
    """What is wrong with a trial, in a sentence; None where nothing is.

    Parameters
    ----------
    gap, was : float
        Mean score of the forgotten less the reference's, after and before.
    error : float
        Two standard errors of the gap.
    accuracy : mapping of str to float
        Less the reference's; NaN where it was not looked at.
    tolerance : float

    Examples
    --------
    >>> rejected(-0.2, 0.5, 0.05, {}, 0.02)
    'it overshoots: the forgotten end 0.20 below the reference'
    >>> rejected(0.4, 0.5, 0.05, {}, 0.02)
    'the forgotten end 0.40 from the reference, and with doing nothing 0.50'
    >>> rejected(0.1, 0.5, 0.05, {"retained": -0.04}, 0.02)
    'accuracy on retained records is -4.0% from the reference'
    """
    for name, far in accuracy.items():
        if abs(far) > tolerance:
            return f"accuracy on {name} records is {far:+.1%} from the reference"
    slack, side = tolerance + error, 1 if was >= 0 else -1
    if gap * side < -slack:
        return f"it overshoots: the forgotten end {abs(gap):.2f} {'below' if side > 0 else 'above'} the reference"
    if gap * side > max(slack, (1 - LEAST) * abs(was)):
        return f"the forgotten end {abs(gap):.2f} from the reference, and with doing nothing {abs(was):.2f}"
    return None


def settings_of(method: AnyMethod) -> dict[str, str]:
    """What a method is set to, as text; of one over a learner, its own."""
    if not hasattr(method, "get_params"):
        return {}
    known: dict[str, Any] = method.get_params(deep=False)
    own = {name: repr(value) for name, value in known.items() if name not in BESIDES}
    return own or {name: repr(value) for name, value in known.items()}


def whole(method: AnyMethod, data: Table, run: Run) -> int:
    """What learning costs, in record visits."""
    return method.visits(data, run) if isinstance(method, Priced) else len(data)
