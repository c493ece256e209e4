"""The figures that the audit takes of every model: one number each, to be placed among those of oracles.

Figures of *leakage* ask about the forgotten records: would an oracle say the same? Figures of *damage* ask about all
others. None means anything alone; each names what it cannot show. A figure may look at other oracles (`Figure.beside`):
then a model under audit is compared with as many as an oracle is, so that it is no nearer or farther by their number.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.audit.arms import Answers, Missing, Parts
>>> gone = Table.from_arrays(np.zeros((2, 1)), ["no", "yes"])
>>> said = Answers(np.array([[0.5, 0.5], [0.25, 0.75]]), ("no", "yes"), gone)
>>> model = Parts(Missing("not asked"), said, Missing("not asked"))
>>> found = {figure.name: figure.of(model, [model]) for figure in FIGURES}
>>> round(found["fit"], 3), found["accuracy"], found["scores"], found["population"]
(0.549, 1.0, 0.0, Missing(reason='not asked'))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from expunge.audit.agreement import Agreement, agreement
from expunge.audit.arms import Answers, Missing, Parts
from expunge.audit.membership import comparable
from expunge.measures.auc import rank_auc
from expunge.measures.loss import correct, losses, true_class_scores
from expunge.measures.margin import margins
from expunge.measures.prediction import ALIKE
from expunge.measures.rmia import ratios, rmia

if TYPE_CHECKING:
    from numpy.typing import NDArray

Model = Parts[Answers | Missing]
SURE = 16.0
"""Log-odds count up to here: single precision holds no more, and a vote of all trees is infinitely sure."""
TENTH = 10
"""Records of which the hardest tenth is a figure of its own, at the least."""


@dataclass(frozen=True)
class Figure:
    """One number of a model.

    Attributes
    ----------
    name, title : str
        For programs, and for people.
    about : {"leakage", "damage"}
    limits : str
        What it cannot show.
    of : function of a model and other oracles
        A number, or `Missing` where there is none.
    beside : bool
        Whether it looks at the other oracles.
    above : bool
        Whether only more than an oracle's counts: nearer to all than they are to each other is nothing to find.
    counts : {"retained", "forgotten", "test"}, optional
        The part of which it is a share of right decisions: it goes in steps of one record.
    """

    name: str
    title: str
    about: Literal["leakage", "damage"]
    limits: str
    of: Callable[[Model, Sequence[Model]], float | Missing]
    beside: bool = False
    above: bool = False
    counts: Literal["retained", "forgotten", "test"] | None = None

    def step(self, model: Model) -> float:
        """How far apart neighbouring values are; 0 where they are as close as numbers can be."""
        given = None if self.counts is None else getattr(model, self.counts)
        return 1 / len(given.part) if isinstance(given, Answers) and given.classes is not None else 0.0


def fits(given: Answers) -> NDArray[np.float64]:
    """(n,) how well each record fits: log-odds of its class; else less its loss (of numbers: less its error)."""
    if given.classes is None:
        return -np.sqrt(losses(given.predicted, None, given.label))
    if given.label.ndim > 1:
        return -losses(given.predicted, given.classes, given.label)
    return np.clip(margins(given.predicted, given.classes, given.label), -SURE, SURE)


def _fit(model: Model, _: Sequence[Model]) -> float | Missing:
    return model.forgotten if isinstance(model.forgotten, Missing) else float(fits(model.forgotten).mean())


def _hardest(model: Model, others: Sequence[Model]) -> float | Missing:
    """Of the tenth that other oracles fit least: that is where learning by heart shows."""
    mine = model.forgotten
    if isinstance(mine, Missing):
        return mine
    its = [fits(one.forgotten) for one in others if isinstance(one.forgotten, Answers)]
    if not its or len(mine.part) < 2 * TENTH:
        return Missing(f"a tenth of {len(mine.part)} records is too few")
    hard = np.argsort(np.mean(its, axis=0), kind="stable")[: len(mine.part) // TENTH]
    return float(fits(mine)[hard].mean())


def _accuracy(part: Literal["retained", "forgotten", "test"]) -> Callable[[Model, Sequence[Model]], float | Missing]:
    def of(model: Model, _: Sequence[Model]) -> float | Missing:
        given: Answers | Missing = getattr(model, part)
        if isinstance(given, Missing):
            return given
        if given.classes is None:
            return float(np.sqrt(losses(given.predicted, None, given.label).mean()))
        return float(correct(given.predicted, given.classes, given.label).mean())

    return of


def _population(model: Model, _: Sequence[Model]) -> float | Missing:
    gone, test = model.forgotten, model.test
    if isinstance(gone, Missing):
        return gone
    if isinstance(test, Missing):
        return test
    like = comparable(gone, test)
    if not len(like):
        return Missing("no held-out record is of a class of the forgotten ones")
    return rank_auc(fits(gone), fits(test)[like])


def _rmia(model: Model, others: Sequence[Model]) -> float | Missing:
    gone, test = model.forgotten, model.test
    if isinstance(gone, Missing):
        return gone
    if isinstance(test, Missing):
        return test
    like = comparable(gone, test)
    if gone.classes is None or gone.label.ndim > 1 or not len(like):
        return Missing("it takes one class for each record, and held-out records of these classes")
    asked = [one for one in others if isinstance(one.forgotten, Answers) and isinstance(one.test, Answers)]
    if not asked:
        return Missing("no other oracle answers")
    mine, its = (
        ratios(_own(getattr(model, part)), np.array([_own(getattr(one, part)) for one in asked]))
        for part in ("forgotten", "test")
    )
    return float(rmia(mine, its[like]).scores.mean())


def _own(given: Answers) -> NDArray[np.float64]:
    return true_class_scores(given.predicted, given.classes or (), given.label)


def _distance(part: Literal["forgotten", "test"]) -> Callable[[Model, Sequence[Model]], float | Missing]:
    def of(model: Model, others: Sequence[Model]) -> float | Missing:
        given: Answers | Missing = getattr(model, part)
        found = [agreement(given, getattr(one, part)) for one in others]
        apart = [one.distance for one in found if isinstance(one, Agreement)]
        if isinstance(given, Missing) or not apart:
            return given if isinstance(given, Missing) else Missing("no other oracle answers")
        mean, size = float(np.mean(apart)), float(np.abs(given.predicted).max(initial=0.0))
        return mean if mean > ALIKE * size else 0.0  # what is less is rounding

    return of


FIGURES = (
    Figure(
        "fit", "how sure it is of the forgotten, mean log-odds (of numbers: error)", "leakage",
        "A mean: records that are too sure and records that are not sure enough may cancel.", _fit,
    ),
    Figure(
        "hardest", "how sure it is of the tenth of them that is hardest for oracles", "leakage",
        "Few records, so its noise is larger; it looks where learning by heart shows.", _hardest, beside=True,
    ),
    Figure(
        "accuracy", "accuracy on the forgotten (of numbers: root mean squared error)", "leakage",
        "Neither low nor high accuracy is forgetting; only the oracle's is.", _accuracy("forgotten"),
        counts="forgotten",
    ),
    Figure(
        "population", "chance that a forgotten record fits better than a held-out one", "leakage",
        "One threshold for all records: stronger attacks find what it misses.", _population,
    ),
    Figure(
        "rmia", "RMIA: share of held-out records that are favoured less than a forgotten one", "leakage",
        "It looks at the record's own class alone.", _rmia, beside=True,
    ),
    Figure(
        "scores", "distance of all scores of the forgotten from oracles'", "leakage",
        "Any other change of the model moves it too.", _distance("forgotten"), beside=True,
        above=True,
    ),
    Figure(
        "retained", "accuracy on the retained (of numbers: root mean squared error)", "damage",
        "It says nothing of forgetting.", _accuracy("retained"), counts="retained",
    ),
    Figure(
        "test", "accuracy on held-out records (of numbers: root mean squared error)", "damage",
        "It says nothing of forgetting.", _accuracy("test"), counts="test",
    ),
    Figure(
        "answers", "distance of all scores of held-out records from oracles'", "damage",
        "It may be harmless, and still tell that something was done.", _distance("test"), beside=True, above=True,
    ),
)  # fmt: skip
