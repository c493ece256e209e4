"""The full tier: many models that forgot beside many that never met the records, record by record.

Four arms of as many models, each with a key of its own: originals, the same once they forgot, oracles, and oracles
again. What tells the second oracles from the first is chance; what tells originals from oracles is what there is to
forget. Per record: U-LiRA on the margin, and on all scores, which finds what fools the first; lower bounds of epsilon
from models that no threshold was chosen on, with Holm's method over the records. For the set: mean figures of each
model. Beside them, without a test: the score of the competition of 2023, divided by that of the second oracles, and the
KL divergence of margins.

A verdict holds for the method on these data and records: other records may be harder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from expunge.audit.arms import Answers, Missing
from expunge.audit.figures import FIGURES, fits
from expunge.audit.standard import Finding, told
from expunge.audit.verdict import ALPHA, POWER
from expunge.errors import DataError
from expunge.measures.divergence import klom
from expunge.measures.epsilon import epsilon_bounds, smallest_epsilon
from expunge.measures.forgetting_score import Share, against_ceiling
from expunge.measures.lira import Lira, lira, lira_p, lira_seen
from expunge.measures.loss import aligned
from expunge.measures.multiple import holm
from expunge.measures.prediction import Placed, compared
from expunge.measures.roc import roc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.audit.figures import Figure, Model

FEWEST = 8
"""Models of an arm: half of them choose, half are judged."""
DRAWS = 499
LEAST = -12.0
"""Log-probabilities below it count as it: beyond, models differ in noise."""
COMPARED = ("original", "forgotten", "second")
"""The arms that are told from the oracles."""
POINTS = 200
"""Of a curve that is kept for a picture."""


@dataclass(frozen=True)
class Four:
    """What the models of each arm say."""

    original: Sequence[Model]
    forgotten: Sequence[Model]
    oracle: Sequence[Model]
    second: Sequence[Model]

    def each(self, what: Any) -> tuple[Any, Any, Any, Any]:
        """The same of every arm."""
        return what(self.original), what(self.forgotten), what(self.oracle), what(self.second)


@dataclass(frozen=True)
class Attack:
    """U-LiRA of one arm against the oracles: accuracy with 95 % over models, and the curve of its likelihood ratios."""

    accuracy: float
    low: float
    high: float
    fpr: tuple[float, ...]
    tpr: tuple[float, ...]


@dataclass(frozen=True)
class Full:
    """What the full tier adds to its findings.

    Attributes
    ----------
    models : int
        Of each arm.
    attacks : mapping of arm to Attack
        Original, forgotten and second oracle by their margins.
    epsilons : mapping of arm to tuple of float
        Lower bounds, a record each, sorted; each alone holds with 95 %.
    largest : float
        The bound that models without any error would have given.
    leaking : int
        Records of which Holm's method says that they leak.
    score : Share or None
        Of the competition of 2023, by its ceiling.
    klom : mapping of arm to float
        Mean KL divergence of margins from the oracles'.
    """

    models: int
    attacks: dict[str, Attack]
    epsilons: dict[str, tuple[float, ...]]
    largest: float
    leaking: int
    score: Share | None
    klom: dict[str, float]


def findings(arms: Four) -> tuple[tuple[Finding, ...], Full | None]:
    """All figures with their verdicts, and what goes with them; the latter for classes alone.

    Raises
    ------
    DataError
        With fewer than eight models of an arm, or arms of different numbers.
    """
    counts = {len(arm) for arm in (arms.original, arms.forgotten, arms.oracle, arms.second)}
    if len(counts) > 1 or min(counts) < FEWEST:
        msg = f"the full tier needs as many models of each arm, at least {FEWEST}, got {sorted(counts)}"
        raise DataError(msg)
    tested = [each for figure in FIGURES if (each := _of_set(figure, arms)) is not None]
    full = None
    if _classes(arms):
        by_record, full = _records(arms)
        tested += by_record
    level = ALPHA / max(1, len(tested))
    adjusted = holm([one.p for one in tested]).tolist() if tested else []
    return tuple(one.finding(level, p) for one, p in zip(tested, adjusted, strict=True)), full


@dataclass(frozen=True)
class _Tested:
    """A figure before its verdict."""

    figure: tuple[str, str, str, Literal["leakage", "damage"]]
    original: Any
    forgotten: Any
    oracles: tuple[float, ...]

    @property
    def p(self) -> float:
        p: float = self.forgotten(ALPHA).p
        return p

    def finding(self, level: float, p: float) -> Finding:
        name, title, limits, about = self.figure
        old, new = self.original(level), self.forgotten(level)
        return Finding(name, title, limits, about, old, new, self.oracles, told(about, old, new, p))


def _of_set(figure: Figure, arms: Four) -> _Tested | None:
    """One figure of all models by itself; None where it looks at others, or a model has none."""
    if figure.beside:
        return None
    taken = arms.each(lambda arm: [figure.of(model, []) for model in arm])
    if any(isinstance(value, Missing) for arm in taken for value in arm):
        return None
    original, forgotten, oracle, second = taken

    def of(arm: list[float]) -> Any:
        return lambda level: compared(arm, [*oracle, *second], alpha=level, power=POWER)

    about = (figure.name, figure.title, figure.limits, figure.about)
    return _Tested(about, of(original), of(forgotten), tuple(oracle))


# -- record by record --------------------------------------------------------------------------------------------------


def _classes(arms: Four) -> bool:
    """Whether all models answer by one class for each record."""
    said = [model.forgotten for arm in arms.each(list) for model in arm]
    return all(isinstance(one, Answers) and one.classes is not None and one.label.ndim == 1 for one in said)


def _records(arms: Four) -> tuple[list[_Tested], Full]:
    margins = arms.each(lambda arm: np.array([fits(model.forgotten) for model in arm]))
    names = sorted({name for arm in arms.each(list) for model in arm for name in model.forgotten.classes})
    scores = arms.each(lambda arm: np.array([_scores(model.forgotten, names) for model in arm]))
    compare = (margins[0], margins[1], margins[3])
    bounds = [epsilon_bounds(side, margins[2]) for side in compare]
    attacks = {arm: _attack(lira(side, margins[2])) for arm, side in zip(COMPARED, compare, strict=True)}
    tested = [
        _lira("lira", "U-LiRA: forgotten or never met, record by record, by the margin", margins),
        _lira("scores lira", "U-LiRA by all scores: what fools the margin shows there", scores),
        _epsilon(bounds[0], bounds[1]),
    ]
    far = [klom(margins[k], margins[2], margins[3]) for k in (0, 1)]
    return tested, Full(
        len(margins[0]),
        attacks,
        {arm: tuple(np.sort(each.low).tolist()) for arm, each in zip(COMPARED, bounds, strict=True)},
        bounds[1].largest,
        int((bounds[1].adjusted <= ALPHA).sum()),
        against_ceiling(margins[1], margins[2], margins[3]),
        {"original": far[0].mean, "forgotten": far[1].mean, "second": far[1].yardstick or 0.0},
    )  # fmt: skip


def _lira(name: str, title: str, sides: tuple[NDArray[np.float64], ...]) -> _Tested:
    """The attack's accuracy, tested by drawing the arms' names by lot."""
    limits = "It knows how models of either kind answer about each record; who knows more may see more."
    found = {k: lira(sides[k], sides[2]) for k in (0, 1, 3)}
    chance = {k: lira_p(sides[k], sides[2], draws=DRAWS) for k in (0, 1)}

    def of(k: int) -> Any:
        second = found[3]
        return lambda level: Placed(
            found[k].accuracy, 0.5, second.low, second.high, chance[k],
            lira_seen(sides[3], sides[2], level, power=POWER, draws=DRAWS),
        )  # fmt: skip

    return _Tested((name, title, limits, "leakage"), of(0), of(1), (found[3].accuracy,))


def _epsilon(original: Any, forgotten: Any) -> _Tested:
    """Whether some record leaks, by Holm's method over all."""
    title = "the largest lower bound of epsilon of a record"
    limits = "A bound of 0 shows nothing: few models cannot show a small epsilon."

    def of(bounds: Any) -> Any:
        count = len(bounds.low)

        def at(level: float) -> Placed:
            smallest = smallest_epsilon(bounds.models, alpha=level / count, power=POWER)
            return Placed(float(bounds.low.max()), 0.0, 0.0, 0.0, bounds.some, smallest)

        return at

    return _Tested(("epsilon", title, limits, "leakage"), of(original), of(forgotten), (0.0,))


def _scores(said: Answers, names: list[Any]) -> NDArray[np.float64]:
    """(n, classes) log-probabilities with a floor."""
    found = aligned(said.predicted, said.classes or (), names)
    return np.maximum(np.log(np.maximum(found, 1e-300)), LEAST)


def _attack(found: Lira) -> Attack:
    curve = roc(found.tested, found.reference)
    at = np.unique(np.linspace(0, len(curve.fpr) - 1, POINTS).astype(int))
    return Attack(found.accuracy, found.low, found.high, tuple(curve.fpr[at].tolist()), tuple(curve.tpr[at].tolist()))
