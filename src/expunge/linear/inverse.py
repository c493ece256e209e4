"""Products with the inverse of a Hessian: by Cholesky, conjugate gradients, LiSSA and Arnoldi.

A Hessian comes as a matrix, or as the product with it (`Objective.hvp`). Conjugate gradients give the residual that
they reached, from which the error follows; LiSSA and Arnoldi give estimates, for ranking influence and not for
certificates.

References
----------
Koh, Liang (2017), arXiv:1703.04730, section 3 (conjugate gradients and stochastic estimation). Agarwal, Bullins, Hazan
(2017), "Second-Order Stochastic Optimization for Machine Learning in Linear Time" (LiSSA). Schioppa, Zablotskaia,
Vilar, Sokolov (2022), arXiv:2112.03052 (Arnoldi).

Examples
--------
>>> import numpy as np
>>> H, b = np.diag([1.0, 4.0]), np.array([1.0, 1.0])
>>> cholesky(H, b)
array([1.  , 0.25])
>>> conjugate_gradients(lambda v: H @ v, b).x
array([1.  , 0.25])
>>> arnoldi(lambda v: H @ v, 2, rank=2).solve(b)
array([1.  , 0.25])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh_tridiagonal

from expunge.errors import LearnError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Product: TypeAlias = "Callable[[Floats], Floats]"
"""v to H v."""


@dataclass(frozen=True, eq=False)
class Solved:
    """What conjugate gradients reached.

    Attributes
    ----------
    x : (p,)
    residual : float
        |H x - b|, computed anew; |x - H^-1 b| is at most this divided by the smallest eigenvalue of H.
    steps : int
    """

    x: Floats
    residual: float
    steps: int


def cholesky(H: Floats, b: Floats) -> Floats:
    """H^-1 b for a positive definite matrix; b (p,) or (p, k).

    Raises
    ------
    LearnError
        When the matrix is not positive definite.
    """
    try:
        x: Floats = cho_solve(cho_factor(H, lower=True), b)
    except np.linalg.LinAlgError as singular:
        msg = f"the Hessian is not positive definite, so there is no product with its inverse: {singular}"
        raise LearnError(msg) from singular
    return x


def conjugate_gradients(
    product: Product, b: Floats, tol: float = 1e-10, limit: int | None = None, diagonal: Floats | None = None
) -> Solved:
    """H^-1 b by conjugate gradients.

    Parameters
    ----------
    product : callable
    b : (p,)
    tol : float
        It stops when |H x - b| is at most this times |b|.
    limit : int, optional
        Most products; ten times the number of parameters, and at least 100, without.
    diagonal : (p,), optional
        A positive diagonal that is near H's, to precondition with.
    """
    scale = np.ones_like(b) if diagonal is None else diagonal
    x, r = np.zeros_like(b), b.copy()
    z = r / scale
    d, rz, goal, steps = z, float(r @ z), tol * float(np.linalg.norm(b)), 0
    while float(np.linalg.norm(r)) > goal and steps < (limit or max(100, 10 * len(b))):
        Hd = product(d)
        bend = float(d @ Hd)
        if not bend > 0:
            break
        step = rz / bend
        x, r = x + step * d, r - step * Hd
        z = r / scale
        fresh = float(r @ z)
        d, rz, steps = z + (fresh / rz) * d, fresh, steps + 1
    return Solved(x, float(np.linalg.norm(product(x) - b)), steps)


def lissa(products: Iterable[Product], b: Floats, scale: float, damping: float = 0.0) -> Floats:
    """H^-1 b by the Neumann series ``x <- b + (1 - damping) x - H x / scale``, one product a term.

    Parameters
    ----------
    products : iterable of callables
        Each an unbiased estimate of the product with H (a batch of records, scaled), as many as there are terms.
    b : (p,)
    scale : float
        Above the largest eigenvalue of every estimate, or the series diverges.
    damping : float
        Shrinks the series; what is then estimated is ``(H + damping scale)^-1 b``.

    Raises
    ------
    LearnError
        When the series diverges.
    """
    if not scale > 0 or not 0 <= damping < 1:
        msg = f"LiSSA needs a positive scale and a damping in [0, 1), got {scale} and {damping}"
        raise ParameterError(msg)
    x, most = b.copy(), 1e12 * (1.0 + float(np.linalg.norm(b)))
    for product in products:
        x = b + (1.0 - damping) * x - product(x) / scale
        if not float(np.linalg.norm(x)) < most:
            msg = f"LiSSA diverges: the scale, {scale}, must be above the largest eigenvalue of every estimate of H"
            raise LearnError(msg)
    made: Floats = x / scale
    return made


@dataclass(frozen=True, eq=False)
class LowRank:
    """Some eigenpairs of a Hessian.

    Attributes
    ----------
    values : (r,), largest first
    vectors : (p, r)
    """

    values: Floats
    vectors: Floats

    def solve(self, b: Floats) -> Floats:
        """H^-1 b within the space of the pairs; what of b lies outside is dropped."""
        made: Floats = self.vectors @ ((self.vectors.T @ b).T / self.values).T
        return made


def arnoldi(product: Product, size: int, rank: int, start: Floats | None = None, limit: int | None = None) -> LowRank:
    """The largest eigenpairs of H from a Krylov space (for a symmetric H, Lanczos with all vectors kept orthogonal).

    Parameters
    ----------
    product : callable
    size : int
        p.
    rank : int
        Pairs kept.
    start : (p,), optional
        Where the Krylov space starts; a fixed pseudo-random vector without.
    limit : int, optional
        Dimension of the Krylov space; three times the rank, and at most p, without.
    """
    if not 1 <= rank <= size:
        msg = f"Arnoldi keeps between 1 and {size} eigenpairs of so many parameters, got rank={rank}"
        raise ParameterError(msg)
    q = np.random.default_rng(0).standard_normal(size) if start is None else start
    basis, alphas, betas = [q / np.linalg.norm(q)], [], []
    for _ in range(min(size, limit or max(3 * rank, 10))):
        v = product(basis[-1])
        alphas.append(float(basis[-1] @ v))
        Q = np.array(basis)
        for _twice in range(2):  # once leaves what cancellation left
            v = v - Q.T @ (Q @ v)
        length = float(np.linalg.norm(v))
        if length <= 1e-12 * max(map(abs, alphas)):
            break
        betas.append(length)
        basis.append(v / length)
    values, vectors = eigh_tridiagonal(np.array(alphas), np.array(betas[: len(alphas) - 1]))
    kept = np.argsort(values)[::-1][:rank]
    kept = kept[values[kept] > 1e-12 * values.max()]
    return LowRank(values[kept], np.array(basis[: len(alphas)]).T @ vectors[:, kept])
