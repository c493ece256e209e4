"""U-LiRA: whether models that forgot a record can be told from models that never met it, record by record.

The likelihood-ratio attack of Carlini et al. (2022, arXiv:2112.03570) turned on unlearning by Hayes, Shumailov,
Triantafillou, Khalifa and Papernot (2024, "Inexact unlearning needs more careful evaluations to avoid a false sense of
privacy", arXiv:2403.01218). For each record a normal law is fitted to what models say of it that forgot it, and one to
what models say that never met it; a model is judged by which law makes its answer likelier. 0.5: nothing can be told.

**Never on what it was fitted on.** The laws are fitted on one half of the models of either side and judge the other
half; then the halves change places. A model counts as a whole: its records hang together, so the interval is a
bootstrap over models, with the fits and the records held fixed. It says nothing of other records.

**The halves are no two witnesses.** What sets apart the models of one half by chance is what its laws look for in the
other, so the accuracies of both halves err together (correlation 0.5 to 0.8 without effect: simulated). Models of both
halves drawn as one sample would exclude 0.5 in 8 to 18 % of cases without effect. So each half has percentiles of its
own, and the bounds are their means, which holds however the halves hang together: 2 to 5 % from 16 models an arm on, 8
to 9 % with eight (`benchmarks/audit.py`). Where all is judged rightly the interval has no width. `lira_p` is exact for
any number of models.

An answer is one number, the margin (`expunge.measures.margin`), or several, all log-probabilities say, whose laws are
taken as independent. The second finds what the first misses: random labels look mild by the margin alone.

Examples
--------
>>> import numpy as np
>>> random = np.random.default_rng(0)
>>> never = random.normal(size=(32, 50))
>>> lira(never + 3, never).accuracy > 0.9
True
>>> found = lira(random.normal(size=(32, 50)), never)
>>> found.low < 0.5 < found.high
True
>>> from expunge.measures.roc import roc
>>> round(roc(found.tested, found.reference).area, 1)  # of all records and models: a curve, but no independent trials
0.5
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge import keyed
from expunge.errors import DataError
from expunge.measures.bootstrap import DRAWS, mean_draws, permutation_p, permuted
from expunge.measures.intervals import POWER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

LARGEST, HALVINGS = 8.0, 7  # planted effects in deviations, and how finely their size is looked for
FEWER = 149  # draws of each
FLOOR = 0.1
"""Added to every deviation: a few models that happen to agree are no narrow law."""

MODELS = 4  # of either side: two to a half have a deviation


@dataclass(frozen=True, eq=False)
class Lira:
    """How well one side's models are told from the other's.

    Attributes
    ----------
    accuracy : float
        Mean of the shares judged rightly on either side, over models and records: 0.5 where nothing can be told.
    low, high : float
        Bounds that hold 95 % of the bootstrap over models, taken half by half.
    records : (n,) float64
        The same for each record: its noise is large, so compare quantiles of it with those of a second oracle.
    tested, reference : (models, n) float64
        What was judged by: the log-likelihood of each answer under the law of the tested models less that under the
        law of the others. Positives and negatives of a `expunge.measures.roc`.
    """

    accuracy: float
    low: float
    high: float
    records: NDArray[np.float64]
    tested: NDArray[np.float64]
    reference: NDArray[np.float64]

    def quantile(self, share: float = 0.9) -> float:
        """The accuracy that this share of the records does not exceed."""
        return float(np.quantile(self.records, share))


def lira(tested: ArrayLike, reference: ArrayLike, *, draws: int = DRAWS, key: bytes = b"lira") -> Lira:
    """Judge models that forgot by models that never met the records.

    Parameters
    ----------
    tested : (models, records) or (models, records, k)
        What each model says of each record, one number or several.
    reference : the same, for as many records
        The numbers of models may differ; at least four each.
    draws : int
        Of the bootstrap.
    key : bytes
        What the bootstrap draws by.

    Raises
    ------
    DataError
        If there are fewer models, shapes do not fit, or a number is not finite.
    """
    mine, its = ratios(*_sides(tested, reference))
    hits, rights = mine > 0, its <= 0
    random = np.random.default_rng(keyed.seed(key, "bootstrap"))
    bounds = []
    for (_, of_mine), (_, of_its) in zip(splits(len(mine)), splits(len(its)), strict=True):
        sides = [mean_draws(side.mean(axis=1), draws, random) for side in (hits[of_mine], rights[of_its])]
        bounds.append(np.quantile((sides[0] + sides[1]) / 2, [0.025, 0.975]))
    low, high = np.mean(bounds, axis=0)
    records = (hits.mean(axis=0) + rights.mean(axis=0)) / 2
    return Lira(float(records.mean()), float(low), float(high), records, mine, its)


def lira_p(tested: ArrayLike, reference: ArrayLike, *, draws: int = 199, key: bytes = b"lira") -> float:
    """Chance of an accuracy as high, had the arms been named by lot: exact, since each draw fits and judges anew.

    Parameters
    ----------
    tested, reference : as `lira` takes them
        Models must be independent within and between arms: from keys of their own, each.
    draws : int
        The p-value is at least 1 / (draws + 1). Each costs about as much as `lira`.
    key : bytes
        What names are drawn by.
    """
    return permutation_p(_accuracy, *_sides(tested, reference), draws=draws, key=key)


def lira_seen(one: ArrayLike, other: ArrayLike, level: float, *, power: float = POWER, draws: int = 199) -> float:
    """How far above one half the mean accuracy has to lie to be seen with this power, from two arms of oracles.

    With the arms named by lot they say what chance makes of the accuracy, refits included: a test at this level rejects
    what few draws exceed. An effect is then planted: all answers of one arm are moved by the same share of their
    record's deviation, until the accuracy exceeds that in as many draws as the power says. Models differ more under an
    effect than without one, so that this cannot be read off the draws without.

    Parameters
    ----------
    one, other : as `lira` takes them
        Two arms of models that never met the records.
    level : float
        Of the test.

    Returns
    -------
    float
        The mean accuracy there, less one half; infinite where no effect would be seen.
    """
    sides = _sides(one, other)
    beyond = int(level * (draws + 1)) - 1  # draws that may reach what is detected
    if beyond < 0:
        return float("inf")
    limit = np.sort(permuted(_accuracy, *sides, draws=draws, key=b"seen"))[-1 - beyond]
    spread = np.concatenate(sides).std(axis=0)

    def planted(shift: float) -> NDArray[np.float64]:
        return permuted(lambda mine, its: _accuracy(mine + shift * spread, its), *sides, draws=FEWER, key=b"planted")

    low, high = 0.0, LARGEST
    if np.quantile(planted(high), 1 - power) <= limit:
        return float("inf")
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if np.quantile(planted(middle), 1 - power) > limit else (middle, high)
    return float(planted(high).mean()) - 0.5


def ratios(
    tested: NDArray[np.float64], reference: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(models, records) of either side: log-likelihood ratios, by laws fitted on the other half of the models."""
    made = np.empty(tested.shape[:2]), np.empty(reference.shape[:2])
    for (fit_mine, of_mine), (fit_its, of_its) in zip(splits(len(tested)), splits(len(reference)), strict=True):
        laws = [_law(side) for side in (tested[fit_mine], reference[fit_its])]
        made[0][of_mine] = _likelier(tested[of_mine], *laws)
        made[1][of_its] = _likelier(reference[of_its], *laws)
    return made


def splits(models: int) -> Iterator[tuple[slice, slice]]:
    """Which models are fitted on and which are judged, twice: never the same, and each is judged once."""
    first, second = slice(0, models // 2), slice(models // 2, models)
    yield second, first
    yield first, second


def _accuracy(tested: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    mine, its = ratios(tested, reference)
    return float((mine > 0).mean() + (its <= 0).mean()) / 2


def _law(answers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of each number of each record."""
    return answers.mean(axis=0), answers.std(axis=0) + FLOOR


def _likelier(
    answers: NDArray[np.float64],
    one: tuple[NDArray[np.float64], NDArray[np.float64]],
    other: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Log-likelihood under one normal law less that under another, summed over the numbers of an answer."""
    total = np.broadcast_to((np.log(other[1]) - np.log(one[1])).sum(axis=1), answers.shape[:2]).copy()
    for k in range(answers.shape[2]):  # numpy sums a short last axis ten times slower
        for (middle, spread), sign in ((one, -0.5), (other, 0.5)):
            apart = answers[:, :, k] - middle[:, k]
            apart /= spread[:, k]
            apart *= apart
            apart *= sign
            total += apart
    return total


def _sides(tested: ArrayLike, reference: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mine, its = _laid_out(tested), _laid_out(reference)
    if mine.shape[1:] != its.shape[1:]:
        msg = f"both sides must be asked about the same records, got {mine.shape[1:]} and {its.shape[1:]}"
        raise DataError(msg)
    return mine, its


def _laid_out(answers: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(answers, dtype=np.float64)
    if found.ndim == 2:
        found = found[:, :, None]
    if found.ndim != 3 or len(found) < MODELS or 0 in found.shape:
        msg = f"the attack needs answers of at least {MODELS} models about each record, got shape {found.shape}"
        raise DataError(msg)
    if not np.isfinite(found).all():
        msg = "the attack needs finite answers: take margins, or log-probabilities with a floor"
        raise DataError(msg)
    return found
