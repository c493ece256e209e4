"""The margin: how sure a model is of a record's own class, as log-odds. What per-record attacks are made on.

Log-odds are near normal over models that differ in nothing but their key, which probabilities are not (Carlini et al.,
2022, "Membership inference attacks from first principles", arXiv:2112.03570, section IV). The odds are against the sum
of all other scores, never against one less the own: that has no digits left where a model is sure.

Examples
--------
>>> import numpy as np
>>> margins(np.array([[0.5, 0.25, 0.25], [1 - 1e-30, 1e-30, 0.0]]), ("a", "b", "c"), np.array(["a", "a"])).round(2)
array([ 0.  , 69.08])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import DataError
from expunge.measures.loss import places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from expunge.data.labels import Labels
    from expunge.values import Scalar

SMALLEST = 1e-300  # of a score: single-precision scores end at 1e-45, double at 1e-308


def margins(scores: ArrayLike, classes: Sequence[Scalar], label: Labels) -> NDArray[np.float64]:
    """Log-odds of each record's own class.

    Parameters
    ----------
    scores : (n, classes), not negative
    classes : names of the columns
    label : (n,)
        One class for each record; one that the model does not know has a score of 0.

    Returns
    -------
    (n,) finite

    Raises
    ------
    DataError
        If scores are negative or NaN, of another shape, or records carry several labels.
    """
    found = np.asarray(scores, dtype=np.float64)
    if found.ndim != 2 or found.shape != (len(label), len(classes)) or not (found >= 0).all():
        msg = f"margins need a score of at least 0 for each of {len(label)} records and {len(classes)} classes"
        raise DataError(f"{msg}, got shape {found.shape}" + ("" if (found >= 0).all() else " with others among them"))
    at = places(classes, label)
    own = np.arange(found.shape[1]) == at[:, None]
    mine, others = (np.where(side, found, 0.0).sum(axis=1) for side in (own, ~own))
    return np.asarray(np.log(np.maximum(mine, SMALLEST)) - np.log(np.maximum(others, SMALLEST)))
