"""Products with an L-BFGS Hessian: what DeltaGrad knows of the curvature from a few pairs of differences.

Examples
--------
>>> import numpy as np
>>> A = np.diag([1.0, 10.0])
>>> steps = np.array([[1.0, 0.0], [0.0, 1.0]])
>>> product(steps, steps @ A, np.array([2.0, 3.0])).round(3)
array([ 2., 30.])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def curved(step: Floats, change: Floats) -> bool:
    """Whether a pair keeps the matrix positive definite: the gradient must grow along the step, above rounding."""
    along = float(step @ change)
    return bool(along > np.finfo(float).eps * float(np.linalg.norm(step) * np.linalg.norm(change)))


def product(steps: Floats, changes: Floats, vector: Floats) -> Floats:
    """``B v``, B the BFGS matrix that starts at ``(y's / s's) I`` of the last pair and takes in all pairs in order.

    DeltaGrad's authors use the compact form (Byrd, Nocedal, Schnabel, 1994), with an inverse of size 2m. The same
    matrix is a sum of m terms of rank two, one for each pair, and needs none.

    Parameters
    ----------
    steps, changes : (m, p)
        s and y: differences of the parameters and of the gradients, oldest first, each pair `curved`.
    vector : (p,)

    Returns
    -------
    (p,); zeros without pairs.
    """
    if not len(steps):
        return np.zeros_like(vector)
    scale = float(changes[-1] @ steps[-1]) / float(steps[-1] @ steps[-1])
    less: list[Floats] = []  # B s / sqrt(s'B s) of each pair, at the matrix before it
    more: list[Floats] = []  # y / sqrt(y's)
    for step, change in zip(steps, changes, strict=True):
        made = _applied(scale, less, more, step)
        less.append(made / np.sqrt(float(step @ made)))
        more.append(change / np.sqrt(float(change @ step)))
    return _applied(scale, less, more, vector)


def _applied(scale: float, less: list[Floats], more: list[Floats], vector: Floats) -> Floats:
    total = scale * vector
    for minus, plus in zip(less, more, strict=True):
        total = total - minus * float(minus @ vector) + plus * float(plus @ vector)
    return total
