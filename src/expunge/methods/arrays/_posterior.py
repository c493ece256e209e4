"""From log-likelihoods to scores: priors of the classes that there are, and a softmax that keeps its ties.

Examples
--------
>>> import numpy as np
>>> log_priors("GaussianNB", ("ham", "spam"), np.array([3, 1]), None).round(3)
array([-0.288, -1.386])
>>> posterior(np.array([[0.0, 0.0], [-np.inf, -5.0]]))
array([[0.5, 0.5],
       [0. , 1. ]])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import softmax

from expunge.errors import LearnError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.values import Scalar

    Floats = NDArray[np.float64]


def log_priors(title: str, classes: tuple[Scalar, ...], counts: NDArray[np.int64], priors: Any) -> Floats:
    """(classes,) logarithms of the share of each class; of what was declared, among the classes that there are."""
    if priors is None:
        made: Floats = np.log(counts / counts.sum())
        return made
    unknown = [name for name in classes if name not in priors]
    if unknown:
        msg = f"{title} was given priors of {', '.join(map(repr, priors))}, and the records have {unknown[0]!r}, too"
        raise LearnError(msg)
    held = np.array([float(priors[name]) for name in classes])
    logs: Floats = np.log(held / held.sum())
    return logs


def checked_priors(title: str, name: str, priors: Any) -> None:
    """Raise a sentence unless priors are none, or a number above 0 for each class by its name."""
    if priors is None:
        return
    if not isinstance(priors, Mapping) or not priors:
        msg = f"{title} takes {name} by class, e.g. {{'ham': 0.9, 'spam': 0.1}}, for a class may leave; got {priors!r}"
        raise ParameterError(msg)
    for held in priors.values():
        if isinstance(held, bool) or not isinstance(held, int | float) or not 0 < held < np.inf:
            msg = f"{title} needs each of {name} to be a number above 0, got {held!r}"
            raise ParameterError(msg)


def posterior(logs: Floats) -> Floats:
    """(m, classes) shares that are as the exponentials of these logarithms; equal where all are minus infinity."""
    lost = np.isneginf(logs).all(axis=1, keepdims=True)
    held = np.where(lost, 0.0, logs)
    made: Floats = softmax(held, axis=1)
    return made
