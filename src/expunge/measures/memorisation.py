"""Memorisation: how far a model knows a record only because it was trained on it; by definition, and from one training.

By definition (Feldman 2020, "Does Learning Require Memorization?", arXiv:1906.05271; estimated as by Feldman and Zhang
2020, arXiv:2008.03703) it is the chance that a model is right about a record it was trained on, less the chance that a
model is that was not: `memorisation`. That takes many models. `confidence` takes one: how sure it was of the record's
own class, in the mean over the epochs of its training. Who was sure early, and stayed so, would be sure without the
record too. It is the C-proxy of Zhao and Triantafillou (2024, arXiv:2410.16516, unverified; their code
``memorization_proxy/learning_events.py``: read), and ranks records as leaving them out does with a rank correlation of
0.69, where the confidence at the end reaches 0.57 (measured: mnist1d, 40 networks on 70 % of 1000 records each).

Where records have copies that stay, both are low: nothing is known by heart that others teach as well.

Examples
--------
>>> import numpy as np
>>> within, without = np.array([[True, True], [True, True]]), np.array([[False, True], [True, True]])
>>> memorisation(within, without).score
array([0.5, 0. ])
>>> confidence([[0.5, 1.0, np.nan], [0.1, 0.3, 0.2]])
array([0.75, 0.2 ])
>>> ranks([0.25, 0.8, 0.25])
array([0, 2, 1])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import DataError
from expunge.measures.loss import ROUNDING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Memorisation:
    """How far each record is known by heart.

    Attributes
    ----------
    score : (n,) in [-1, 1]
        Share of models trained on it that are right about it, less the share of the others. Below 0 it is noise, or a
        record that misleads.
    error : (n,)
        Standard error of that difference, with one more hit and one more miss on either side, so that few models which
        agree are not taken for certain.
    """

    score: NDArray[np.float64]
    error: NDArray[np.float64]


def memorisation(within: ArrayLike, without: ArrayLike) -> Memorisation:
    """Feldman's memorisation from two arms of models.

    Parameters
    ----------
    within : (models, n)
        Whether each model that was trained on the record is right about it; NaN where it is no such model. Where each
        model learned a random part of the records, ``np.where(inside, right, np.nan)``.
    without : (models, n)
        The same of models that were not trained on it: oracles, or ``np.where(inside, np.nan, right)``.

    Raises
    ------
    DataError
        If shapes do not fit, a value is neither 0, 1 nor NaN, or a record lacks models of a side.
    """
    sides = [_right(within), _right(without)]
    if sides[0].shape[1:] != sides[1].shape[1:]:
        msg = f"both arms must be asked about the same records, got {sides[0].shape[1:]} and {sides[1].shape[1:]}"
        raise DataError(msg)
    counts = [(~np.isnan(side)).sum(axis=0) for side in sides]
    for count, what in zip(counts, ("on it", "without it"), strict=True):
        if not count.all():
            first = int(np.argmin(count > 0))
            msg = f"memorisation needs a model trained {what} for each record; record {first} has none"
            raise DataError(msg)
    hits = [np.nansum(side, axis=0) for side in sides]
    shares, spread = [hit / count for hit, count in zip(hits, counts, strict=True)], np.zeros(len(hits[0]))
    for hit, count in zip(hits, counts, strict=True):
        share = (hit + 1) / (count + 2)
        spread += share * (1 - share) / count
    return Memorisation(shares[0] - shares[1], np.sqrt(spread))


def confidence(logged: ArrayLike) -> NDArray[np.float64]:
    """Mean score of each record's own class over the epochs of one training: the C-proxy. Low: learned by heart.

    Parameters
    ----------
    logged : (n, epochs) in [0, 1]
        Score of the own class in each epoch; NaN: not met in it.

    Returns
    -------
    (n,) in [0, 1]; 0 for a record that was never met, of which nothing shows that it would be known anyway
    """
    found = np.asarray(logged, dtype=np.float64)
    met = ~np.isnan(found)
    if found.ndim != 2 or not ((found >= 0) & (found <= 1 + ROUNDING) | ~met).all():
        msg = "confidence over training needs scores in [0, 1], a row for each record and a column for each epoch"
        raise DataError(f"{msg}, got shape {found.shape}" + (" with others among them" if found.ndim == 2 else ""))
    held = np.ascontiguousarray(np.where(met, np.minimum(found, 1.0), 0.0))
    return np.asarray(held.sum(axis=1) / np.maximum(met.sum(axis=1), 1))


def ranks(scores: ArrayLike) -> NDArray[np.intp]:
    """(n,) how many records come before each in ascending order; of equals the one that is given first."""
    found = np.asarray(scores)
    placed = np.empty(len(found), dtype=np.intp)
    placed[np.argsort(found, kind="stable")] = np.arange(len(found))
    return placed


def _right(given: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(given, dtype=np.float64)
    if found.ndim != 2 or 0 in found.shape or not ((found == 0) | (found == 1) | np.isnan(found)).all():
        msg = "memorisation needs whether each model is right about each record, of shape (models, n)"
        raise DataError(f"{msg}, got shape {found.shape}" + (" with others among them" if found.ndim == 2 else ""))
    return found
