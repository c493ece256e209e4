"""RMIA: whether a model favours a record more than records that it never met. Good with few reference models.

Zarifzadeh, Liu and Shokri (2024), "Low-Cost High-Power Membership Inference Attacks", ICML, arXiv:2312.03262. How much
surer a model is of a record than models in general are is a ratio; the score of a record is the share of population
records z whose ratio it reaches, times gamma::

    ratio(x) = Pr(x | model) / Pr(x)      score(x) = share of z with ratio(x) >= gamma ratio(z)

Pr(x), what models in general say of x, is the mean of those that learned it and those that did not, half and half
(online). Where there are only models that did not (offline) the others are guessed from these by a line,
``Pr_in = a Pr_out + (1 - a)``, which gives ``Pr(x) = ((1 + a) Pr_out + (1 - a)) / 2``. Both as in the authors' code
(privacytrustlab/ml_privacy_meter, ``research/2024_rmia``: read); it compares with ``>`` where the paper has ``>=``
(secondary), which matters in ties alone. Ours are plain probabilities and means, where the experiments of the paper
soften the soft-max and trim the means.

**What it shows.** A score near 1 says that the model favours the record. That of a record like those of the population
is uniform where it was never learned, so that `Rmia.p` is a p-value; forgotten records may be of another kind, so read
it beside the same figure of oracles, which met neither. One model is one draw: its records hang together.

Examples
--------
>>> import numpy as np
>>> x = ratios([0.9, 0.4], np.full((2, 2), 0.5), a=1)
>>> z = ratios([0.4, 0.5, 0.6, 0.7], np.full((2, 4), 0.5), a=1)
>>> found = rmia(x, z)
>>> found.scores
array([1.  , 0.25])
>>> found.p
array([0.2, 1. ])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import DataError, ParameterError
from expunge.measures.margin import SMALLEST

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Rmia:
    """How a model favours each of some records.

    Attributes
    ----------
    scores : (n,) in [0, 1]
        Share of the population whose ratio, times gamma, the record's reaches.
    p : (n,) in (0, 1]
        Population records whose ratio is at least the record's, and one, by all of them, and one. With gamma or
        without: it knows only order.
    population : int
        Records that it was compared with; no p is below one by one more than these.
    """

    scores: NDArray[np.float64]
    p: NDArray[np.float64]
    population: int


def rmia(records: ArrayLike, population: ArrayLike, gamma: float = 1.0) -> Rmia:
    """Scores of records from their `ratios` and those of the population.

    Parameters
    ----------
    records : (n,) ratios
        Of records that the model may have learned.
    population : (m,) ratios
        Of records that neither it nor a reference model has learned; they must not be among ``records``.
    gamma : float
        By how much a record must be ahead. 1 in the authors' package, 2 in the experiments of the paper (both read).

    Raises
    ------
    DataError
        If a side is empty, or holds no ratio.
    ParameterError
        If gamma is not above 0.
    """
    if not (gamma > 0 and np.isfinite(gamma)):
        msg = f"RMIA needs a gamma above 0, got {gamma}"
        raise ParameterError(msg)
    mine, others = _ratios_of(records), np.sort(_ratios_of(population))
    scores = np.searchsorted(gamma * others, mine, side="right") / len(others)
    ahead = len(others) - np.searchsorted(others, mine, side="left")
    return Rmia(scores, (ahead + 1) / (len(others) + 1), len(others))


def ratios(
    tested: ArrayLike, reference: ArrayLike, *, inside: ArrayLike | None = None, a: float = 0.3
) -> NDArray[np.float64]:
    """How much surer a model is of each record than models in general are.

    Parameters
    ----------
    tested : (n,) in [0, 1]
        What the model says of each record's own class (`expunge.measures.loss.true_class_scores`).
    reference : (models, n) in [0, 1]
        What each reference model says; one is enough, and more than eight are rarely worth their training.
    inside : (models, n) bool, optional
        Whether each of them learned each record. Each record needs one that did not; a record that none learned, and
        all where this is not given, goes by the line.
    a : float in [0, 1]
        Slope of that line: 1 takes models that learned a record to say of it what the others say, 0 to be sure of it.
        0.3 is the authors' default, 1 their advice where nothing is known (both read). They tune it on a model whose
        members are known, which is then none to test on.

    Raises
    ------
    DataError
        If shapes do not fit, a score is not in [0, 1], or a record has no model that did not learn it.
    ParameterError
        If a is not in [0, 1].
    """
    if not 0 <= a <= 1:
        msg = f"RMIA needs a in [0, 1], got {a}"
        raise ParameterError(msg)
    mine, its = _scores(tested, 1), _scores(reference, 2)
    learned = np.zeros(its.shape, dtype=bool) if inside is None else np.asarray(inside)
    if its.shape[1:] != mine.shape or learned.shape != its.shape or learned.dtype.kind != "b":
        msg = f"RMIA needs scores of the same records, got {mine.shape} and {its.shape}, and {learned.shape} for inside"
        raise DataError(msg)
    without = (~learned).sum(axis=0)
    if not without.all():
        row = int(np.argmin(without > 0))
        msg = f"RMIA needs a reference model that did not learn the record, for each record; record {row} has none"
        raise DataError(msg)
    out = _summed(its, ~learned) / without
    known = _summed(its, learned) / np.maximum(learned.sum(axis=0), 1)
    within = np.where(learned.any(axis=0), known, a * out + (1 - a))
    return np.asarray(mine / np.maximum((within + out) / 2, SMALLEST))


def _summed(scores: NDArray[np.float64], counts: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,) sums over the models that count, each in one order however many records there are."""
    return np.asarray(np.ascontiguousarray(np.where(counts, scores, 0.0).T).sum(axis=1))


def _scores(given: ArrayLike, axes: int) -> NDArray[np.float64]:
    found = np.asarray(given, dtype=np.float64)
    if found.ndim != axes or 0 in found.shape or not ((found >= 0) & (found <= 1)).all():
        shape = "(n,)" if axes == 1 else "(models, n)"
        msg = f"RMIA needs scores in [0, 1] of shape {shape}, at least one, got shape {found.shape}"
        raise DataError(msg + (" with others among them" if found.ndim == axes and found.size else ""))
    return found


def _ratios_of(given: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(given, dtype=np.float64)
    if found.ndim != 1 or not found.size or not (found >= 0).all():
        msg = f"RMIA needs ratios of at least 0, one for each record, got shape {found.shape}"
        raise DataError(msg + (" with others among them" if found.ndim == 1 and found.size else ""))
    return found
