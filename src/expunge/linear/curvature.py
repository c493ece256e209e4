"""The Hessian at an anchor, factored, and kept current while records leave and come.

A record that leaves takes its curvature *at the anchor* with it, so the factor stays the Hessian of the records that
are there, at the parameters where it was made. Few changes are carried beside the Cholesky factor (the identity of
Woodbury); with many it is made anew. Bounds of the smallest eigenvalue and of ``g' H^-1 g`` count what rounding can
have done to the matrix.

Examples
--------
>>> import numpy as np
>>> factor = Factor.of(np.diag([4.0, 9.0]), np.zeros(2))
>>> factor.downdated(np.array([[1.0], [0.0]])).solve(np.array([3.0, 9.0]))
array([1., 1.])
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cholesky, eigvalsh
from scipy.linalg.lapack import dpotrs

from expunge.errors import LearnError
from expunge.linear.design import UNIT, gamma

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.linear.objective import Objective

    Floats = NDArray[np.float64]

CARRIED = 0.3  # share of the parameters' number up to which changes are carried beside the factor
BACKWARD = 10.0  # times p u: backward error of LAPACK's symmetric eigenvalues and of a solve, a generous constant


@dataclass(frozen=True, eq=False)
class Factor:
    """A positive definite Hessian at an anchor.

    Attributes
    ----------
    anchor : (p,)
        Where it was taken.
    matrix : (p, p)
        Of the records that are there now.
    lower : (p, p)
        Cholesky factor of the matrix as it was when it was last factored.
    floor : float
        A lower bound of the smallest eigenvalue of the true Hessian then; 0 where none is known.
    slack : float
        A bound of the distance between the computed and the true matrix now.
    changes, solved : (p, k)
        Roots of the curvature that left or came since, and the factor's solution for them.
    signs : (k,)
        -1 for what left, 1 for what came.
    """

    anchor: Floats
    matrix: Floats
    lower: Floats
    floor: float
    slack: float
    changes: Floats
    solved: Floats
    signs: Floats

    @classmethod
    def of(cls, matrix: Floats, anchor: Floats, slack: float = 0.0) -> Factor:
        """Factor a matrix that is no farther than ``slack`` from the true one.

        Raises
        ------
        LearnError
            When it is not positive definite as far as float64 can tell.
        """
        p = len(matrix)
        if not np.isfinite(matrix).all():
            msg = "the Hessian is not finite: the margins overflow at these parameters"
            raise LearnError(msg)
        try:
            lower = cholesky(matrix, lower=True)
        except np.linalg.LinAlgError as singular:
            msg = (
                f"the Hessian of {p} parameters is not positive definite, so the optimum is not unique:"
                " a penalty above zero, or fewer columns that say the same, would make it so"
            )
            raise LearnError(msg) from singular
        smallest = float(eigvalsh(matrix, subset_by_index=(0, 0))[0]) if p else math.inf
        off = slack + BACKWARD * p * UNIT * float(np.trace(matrix))
        none = np.zeros((p, 0))
        return cls(anchor, matrix, lower, max(smallest - off, 0.0), slack, none, none, np.zeros(0))

    @classmethod
    def at(cls, objective: Objective, w: Floats) -> Factor:
        """The Hessian of an objective, in one pass of ``p`` products a record."""
        H = objective.hessian(w)
        return cls.of(H, w, objective.blur(w) + UNIT * len(H) * float(np.trace(H)))

    @cached_property
    def smallest(self) -> float:
        """A lower bound of the smallest eigenvalue of the true Hessian now.

        What left took at most the share ``t`` of any direction's curvature, t the largest eigenvalue of U' H^-1 U.
        """
        left = self.signs < 0
        if not left.any():
            return self.floor
        shares = self.changes[:, left].T @ self.solved[:, left]
        largest = float(eigvalsh((shares + shares.T) / 2)[-1]) if len(shares) > 1 else float(shares[0, 0])
        share = largest + BACKWARD * len(self.matrix) * UNIT * self._condition
        return max((1.0 - share) * self.floor - (self.slack if share < 1 else math.inf), 0.0)

    @cached_property
    def mass(self) -> float:
        """The trace: at least the largest eigenvalue."""
        return float(np.trace(self.matrix))

    @property
    def _condition(self) -> float:
        return self.mass / self.floor if self.floor > 0 else math.inf

    def share(self, records: Objective) -> float:
        """A bound of the share of any direction's curvature at the anchor that records here have; 1 where none is.

        The largest eigenvalue of H^-1 G is at most its trace, G their part of H.
        """
        if self.smallest <= 0:
            return 1.0
        if len(records) * records.outputs <= CARRIED * len(self.matrix):
            U = records.roots(self.anchor)
            trace = float((U * self.solve(U)).sum())
        else:
            trace = float(np.trace(self.solve(records.data_hessian(self.anchor))))
        blur = records.blur(self.anchor) * len(self.matrix) / self.smallest
        off = BACKWARD * len(self.matrix) * UNIT * self._condition + self.slack / self.smallest
        return min(1.0, (trace + blur) * (1 + off) / (1 - off)) if off < 0.5 else 1.0

    # -- products with the inverse -------------------------------------------------------------------------------------

    def solve(self, b: Floats) -> Floats:
        """H^-1 b; b (p,) or (p, k)."""
        x = self._factored(b)
        if not len(self.signs):
            return x
        inner = np.diag(self.signs) + self.changes.T @ self.solved
        made: Floats = x - self.solved @ np.linalg.solve(inner, self.changes.T @ x)
        return made

    def _factored(self, b: Floats) -> Floats:
        """The solution of the factor alone; LAPACK itself, whose wrapper costs as much as a small solution."""
        if not b.size:
            return np.zeros_like(b)
        x: Floats = dpotrs(self.lower, b.reshape(len(b), -1), lower=1)[0]
        return x.reshape(b.shape)

    def energy(self, g: Floats) -> float:
        """A bound of sqrt(g' H^-1 g) for the true Hessian; infinite where its smallest eigenvalue has no bound."""
        smallest = self.smallest
        if smallest <= 0:
            return math.inf
        x = self.solve(g)
        length = float(np.linalg.norm(g))
        rounding = BACKWARD * len(g) * UNIT * (float(self.mass * np.linalg.norm(x)) + length)
        off = float(np.linalg.norm(self.matrix @ x - g)) + rounding
        computed = smallest + self.slack  # at most the smallest eigenvalue of the matrix as computed
        square = float(g @ x) + length * (off + gamma(len(g) + 2) * (length + off)) / computed
        return math.sqrt(max(square, 0.0) / (1.0 - self.slack / computed)) * (1 + 8 * UNIT)

    def leverage(self, objective: Objective) -> float:
        """A bound of the largest sqrt(x' H^-1 x) over the records, summed over the outputs."""
        smallest = self.smallest
        if smallest <= 0:
            return math.inf
        most, computed = 0.0, smallest + self.slack
        for block in objective.blocks():
            X = block.dense()
            own = np.zeros(len(X))
            for k in range(objective.outputs):
                columns = np.zeros((objective.size, len(X)))
                columns[k * objective.width : (k + 1) * objective.width] = X.T
                own += (columns * self.solve(columns)).sum(axis=0)
            most = max(most, float(own.max(initial=0.0)))
        off = BACKWARD * len(self.matrix) * UNIT * self._condition
        if off + self.slack / computed > 0.5:
            return math.inf
        return math.sqrt(most * (1 + off) / (1 - off - self.slack / computed))

    # -- changes -------------------------------------------------------------------------------------------------------

    def downdated(self, U: Floats, blur: float = 0.0) -> Factor:
        """The factor of H - U U', where U U' is off by at most ``blur`` (`Objective.blur`).

        Raises
        ------
        LearnError
            When nothing positive definite is left as far as float64 can tell.
        """
        return self._changed(U, -1.0, blur)

    def updated(self, U: Floats, blur: float = 0.0) -> Factor:
        """The factor of H + U U'."""
        return self._changed(U, 1.0, blur)

    def without(self, records: Objective) -> Factor:
        """The factor after these records left, with their curvature at the anchor."""
        return self._moved(records, -1.0)

    def along(self, records: Objective) -> Factor:
        """The factor after these records came."""
        return self._moved(records, 1.0)

    def shifted(self, diagonal: Floats) -> Factor:
        """The factor of H with this added to its diagonal."""
        if not diagonal.any():
            return self
        return Factor.of(self.matrix + np.diag(diagonal), self.anchor, self.slack)

    def _moved(self, records: Objective, sign: float) -> Factor:
        if len(records) * records.outputs <= CARRIED * len(self.matrix):
            U = records.roots(self.anchor)
            share, reach = records.blurred(self.anchor)
            blur = (share + reach * records.radius) * float((U**2).sum())
            return self._changed(U, sign, blur if reach * records.radius <= 1 else math.inf)
        blur = records.blur(self.anchor)
        matrix = self.matrix + sign * records.data_hessian(self.anchor)
        return Factor.of(matrix, self.anchor, self.slack + blur + UNIT * len(matrix) * float(np.trace(matrix)))

    def _changed(self, U: Floats, sign: float, blur: float) -> Factor:
        if not U.shape[1]:
            return self
        matrix = self.matrix + sign * (U @ U.T)
        mass = float((U**2).sum())
        slack = self.slack + gamma(U.shape[1] + 2) * mass + blur + UNIT * len(matrix) * float(np.trace(matrix))
        if len(self.signs) + U.shape[1] > CARRIED * len(matrix):
            return Factor.of(matrix, self.anchor, slack)
        solved = self._factored(U)
        made = replace(
            self,
            matrix=matrix,
            slack=slack,
            changes=np.hstack([self.changes, U]),
            solved=np.hstack([self.solved, solved]),
            signs=np.concatenate([self.signs, np.full(U.shape[1], sign)]),
        )
        return made if made.smallest > self.floor / 2 else Factor.of(matrix, self.anchor, slack)
