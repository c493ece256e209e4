"""Entropy and modified entropy of a model's answers, record by record: scores for screening attacks, no evidence alone.

A model is often surer of what it was trained on. Entropy says how sure it is of anything, whatever the label; modified
entropy how sure it is of the record's own class: sure and wrong is large, where entropy would be small.

Song and Mittal (2021), "Systematic Evaluation of Privacy Risks of Machine Learning Models", USENIX Security,
arXiv:2003.10595 (their equation, number unverified)::

    Mentr(p, y) = -(1 - p_y) ln p_y - sum over c != y of p_c ln(1 - p_c)

in nats. It is 0 for a model that is sure and right, and has no upper bound but that of the floor. One threshold for all
records finds less than attacks on each record, and a low figure shows no forgetting: compare it with the oracles'. What
is less a score is the sum of the others, never one minus it: that has no digits left where a model is sure.

Examples
--------
>>> import numpy as np
>>> scores, label = np.array([[0.9, 0.1], [0.1, 0.9]]), np.array(["yes", "yes"])
>>> entropy(scores).round(3)
array([0.325, 0.325])
>>> modified_entropy(scores, ("yes", "no"), label).round(3)
array([0.021, 4.145])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import entr

from expunge.errors import DataError
from expunge.measures.loss import places
from expunge.measures.margin import SMALLEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from expunge.data.labels import Labels
    from expunge.values import Scalar


def entropy(scores: ArrayLike) -> NDArray[np.float64]:
    """Shannon entropy of each record's scores, in nats: 0 to ``ln(classes)``.

    Parameters
    ----------
    scores : (n, classes), not negative
        Divided by their sum.

    Returns
    -------
    (n,)

    Raises
    ------
    DataError
        If scores are negative, NaN or infinite, of another shape, or a record has none above 0.
    """
    return np.asarray(entr(_shares(scores)).sum(axis=1))


def modified_entropy(scores: ArrayLike, classes: Sequence[Scalar], label: Labels) -> NDArray[np.float64]:
    """Song and Mittal's modified entropy of each record's own class.

    Parameters
    ----------
    scores : (n, classes), not negative
        Divided by their sum.
    classes : names of the columns
    label : (n,)
        One class for each record; one that the model does not know has a score of 0.

    Returns
    -------
    (n,) finite and at least 0: the logarithm is taken of no less than 1e-300

    Raises
    ------
    DataError
        As `entropy`, and if labels are others than one for each record (multi-label data have none of this kind).
    """
    shares = _shares(scores)
    if shares.shape != (len(label), len(classes)):
        msg = f"modified entropy needs a score for each of {len(label)} records and {len(classes)} classes"
        raise DataError(f"{msg}, got shape {shares.shape}")
    own = np.arange(shares.shape[1]) == places(classes, label)[:, None]
    rest = _rest(shares)
    mine, others = (np.where(own, side, 0.0).sum(axis=1) for side in (shares, rest))
    others = np.where(own.any(axis=1), others, 1.0)  # all of it, where the model does not know the class
    wrong = np.where(own, 0.0, -shares * _log(rest, shares))
    return np.asarray(-others * _log(mine, others) + wrong.sum(axis=1))


def _shares(scores: ArrayLike) -> NDArray[np.float64]:
    """(n, classes) scores divided by their sum, or the sentence that says why they cannot be."""
    found = np.ascontiguousarray(scores, dtype=np.float64)  # so that sums of a record do not depend on the others
    if found.ndim != 2 or not (np.isfinite(found) & (found >= 0)).all():
        what = f"got shape {found.shape}" if found.ndim != 2 else "got others among them"
        msg = f"an entropy needs finite scores of at least 0, a row for each record, {what}"
        raise DataError(msg)
    total = found.sum(axis=1, keepdims=True)
    if not (total > 0).all():
        msg = f"an entropy needs a score above 0 for each record, row {int(np.argmin(total > 0))} has none"
        raise DataError(msg)
    return np.asarray(found / total)


def _log(share: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """``ln`` of a share, from what it leaves of one where it is nearly all."""
    return np.where(rest < 0.5, np.log1p(-np.minimum(rest, 0.5)), np.log(np.maximum(share, SMALLEST)))


def _rest(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, classes) sum of all other scores of the record, from both ends, since a difference has no digits."""
    before, after = np.zeros_like(shares), np.zeros_like(shares)
    before[:, 1:] = np.cumsum(shares, axis=1)[:, :-1]
    after[:, :-1] = np.cumsum(shares[:, ::-1], axis=1)[:, -2::-1]
    return before + after
