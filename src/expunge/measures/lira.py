"""U-LiRA: whether models that forgot a record can be told from models that never met it, record by record.

The likelihood-ratio attack of Carlini et al. (2022, arXiv:2112.03570) turned on unlearning by Hayes, Shumailov,
Triantafillou, Khalifa and Papernot (2024, "Inexact unlearning needs more careful evaluations to avoid a false sense of
privacy", arXiv:2403.01218). For each record a normal law is fitted to what models say of it that forgot it, and one to
what models say that never met it; a model is judged by which law makes its answer likelier. 0.5: nothing can be told.

**Never on what it was fitted on.** The laws are fitted on one half of the models of either side and judge the other
half; then the halves change places. A model counts as a whole: its records hang together, so the interval is a
bootstrap over models, with the fits and the records held fixed. It says nothing of other records.

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
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge import keyed
from expunge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FLOOR = 0.1
"""Added to every deviation: a few models that happen to agree are no narrow law."""

MODELS = 4  # of either side: two to a half have a deviation


@dataclass(frozen=True)
class Lira:
    """How well one side's models are told from the other's.

    Attributes
    ----------
    accuracy : float
        Mean of the shares judged rightly on either side, over models and records: 0.5 where nothing can be told.
    low, high : float
        Bounds that hold 95 % of the bootstrap over models.
    records : (n,) float64
        The same for each record: its noise is large, so compare quantiles of it with those of a second oracle.
    """

    accuracy: float
    low: float
    high: float
    records: NDArray[np.float64]

    def quantile(self, share: float = 0.9) -> float:
        """The accuracy that this share of the records does not exceed."""
        return float(np.quantile(self.records, share))


def lira(tested: ArrayLike, reference: ArrayLike, *, draws: int = 1000, key: bytes = b"lira") -> Lira:
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
    mine, its = _laid_out(tested), _laid_out(reference)
    if mine.shape[1:] != its.shape[1:]:
        msg = f"both sides must be asked about the same records, got {mine.shape[1:]} and {its.shape[1:]}"
        raise DataError(msg)
    hits, rights = judged(mine, its)
    random = np.random.default_rng(keyed.seed(key, "bootstrap"))
    sides = [_resampled(side.mean(axis=1), draws, random) for side in (hits, rights)]
    low, high = np.quantile((sides[0] + sides[1]) / 2, [0.025, 0.975])
    records = (hits.mean(axis=0) + rights.mean(axis=0)) / 2
    return Lira(float(records.mean()), float(low), float(high), records)


def judged(tested: NDArray[np.float64], reference: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(models, records) of either side, whether each was judged rightly by laws fitted on the other half."""
    halves = [(side[: len(side) // 2], side[len(side) // 2 :]) for side in (tested, reference)]
    found: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]] = []
    for fitted, asked in ((1, 0), (0, 1)):
        laws = [(side[fitted].mean(axis=0), side[fitted].std(axis=0) + FLOOR) for side in halves]
        mine, its = (_likelier(side[asked], *laws) for side in halves)
        found.append((mine > 0, its <= 0))
    hits, rights = (np.concatenate(side) for side in zip(*found, strict=True))
    return hits, rights


def _likelier(
    answers: NDArray[np.float64],
    one: tuple[NDArray[np.float64], NDArray[np.float64]],
    other: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Log-likelihood under one normal law less that under another, summed over the numbers of an answer."""
    first, second = (-np.log(spread) - ((answers - middle) / spread) ** 2 / 2 for middle, spread in (one, other))
    return np.asarray((first - second).sum(axis=2))


def _resampled(share: NDArray[np.float64], draws: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(draws,) means over models drawn with replacement."""
    return np.asarray(share[random.integers(0, len(share), (draws, len(share)))].mean(axis=1))


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
