"""Many tests at once: p-values adjusted so that one of them among thousands may still be believed.

`holm` is for "some record leaks": the chance that a single one of the records below alpha is a false alarm is at most
alpha (Holm, 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics
6:65-70). It holds however the tests hang together, as those of records that one model was asked about do.

`benjamini_hochberg` is for a list of records: of those below alpha, a share of alpha at most is false on average
(Benjamini and Hochberg, 1995, Journal of the Royal Statistical Society B 57:289-300). Proved for tests that are
independent, or hang together positively (Benjamini and Yekutieli, 2001).

Examples
--------
>>> import numpy as np
>>> holm(np.array([0.01, 0.04, 0.03]))
array([0.03, 0.06, 0.06])
>>> benjamini_hochberg(np.array([0.01, 0.04, 0.03]))
array([0.03, 0.04, 0.04])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values: reject those that do not exceed alpha, and one false alarm or more has chance alpha at most.

    Parameters
    ----------
    p : (n,) in [0, 1]

    Returns
    -------
    (n,) in [0, 1], in the order given

    Raises
    ------
    DataError
        If one is NaN or no chance, or there are none.
    """
    given, ranked = _ranked(p)
    count = len(given)
    stepped = np.maximum.accumulate(given[ranked] * np.arange(count, 0, -1))
    return _back(stepped, ranked)


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values: of those that do not exceed alpha, a share of alpha at most is false on average.

    Parameters and errors are those of `holm`.
    """
    given, ranked = _ranked(p)
    count = len(given)
    scaled = given[ranked] * (count / np.arange(1, count + 1))
    return _back(np.minimum.accumulate(scaled[::-1])[::-1], ranked)


def _ranked(p: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    given = np.asarray(p, dtype=np.float64)
    if given.ndim != 1 or not len(given) or not ((given >= 0) & (given <= 1)).all():
        msg = f"a correction needs p-values in [0, 1], one a test and at least one, got shape {given.shape}"
        raise DataError(msg + ("" if given.ndim != 1 or not len(given) else " with others among them"))
    return given, np.argsort(given, kind="stable")


def _back(adjusted: NDArray[np.float64], ranked: NDArray[np.intp]) -> NDArray[np.float64]:
    found = np.empty_like(adjusted)
    found[ranked] = np.minimum(adjusted, 1.0)
    return found
