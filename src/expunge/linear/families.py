"""Losses of one record as functions of its margins: the families that a linear model of ours can have.

A family knows the loss ``l(eta, y)`` of the margins ``eta`` = W x and nothing of records or penalties. Besides the
derivatives it knows two constants from which distances to the optimum follow: ``skew``, for which the third derivative
along any direction is at most ``skew`` times the length of the direction times the second; and `bend`, a bound of the
second derivative near a margin, from which follows what rounding can do.

Margins are (n, outputs) everywhere; ``y`` holds codes 0 to K - 1 for classes, numbers otherwise.

Examples
--------
>>> import numpy as np
>>> Logistic().slopes(np.array([[0.0], [3.0]]), np.array([1.0, 1.0])).round(3)
array([[-0.5  ],
       [-0.047]])
>>> Multinomial(3).means(np.zeros((1, 3))).round(2)
array([[0.33, 0.33, 0.33]])
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from scipy.special import expit, logsumexp, softmax

from expunge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SLACK = 1.02  # at least exp(0.01 sqrt(2)): how much a second derivative grows within 0.01, where |l'''| <= sqrt(2) l''


class Family(Protocol):
    """A loss of margins, convex, with its derivatives."""

    @property
    def outputs(self) -> int:
        """Margins that a record has."""
        ...

    @property
    def skew(self) -> float:
        """|l'''| is at most this times l''; infinite where there is no such number."""
        ...

    @property
    def shifted(self) -> bool:
        """Whether one number added to all margins of a record changes nothing."""
        ...

    def losses(self, eta: Floats, y: Floats) -> Floats:
        """(n,) losses."""
        ...

    def slopes(self, eta: Floats, y: Floats) -> Floats:
        """(n, outputs) first derivatives."""
        ...

    def roots(self, eta: Floats, y: Floats) -> Floats:
        """(n, outputs, r): A, where A A' is the (outputs, outputs) second derivative."""
        ...

    def bend(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) what no second derivative within 0.01 of the margins that have these slopes exceeds."""
        ...

    def terms(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) size of what these slopes were computed from: they are off by few roundings of it."""
        ...

    def means(self, eta: Floats) -> Floats:
        """(n, classes) scores that sum to one, or (n,) the mean response."""
        ...

    def refuse(self, y: Floats) -> None:
        """Raise a DataError where a response is none of this family's."""
        ...


def _flat(eta: Floats) -> Floats:
    flat: Floats = eta[:, 0]
    return flat


def _two(eta: Floats) -> Floats:
    """(n, 2) scores of a single margin."""
    return np.column_stack([expit(-_flat(eta)), expit(_flat(eta))])


def _spread(slopes: Floats) -> Floats:
    """(n,) sum of p (1 - p) over slopes that are p, or p - 1 for the record's own class."""
    sizes = np.abs(slopes)
    spread: Floats = (sizes * (1.0 - sizes)).sum(axis=1)
    return spread


def _signs(y: Floats) -> Floats:
    return 2.0 * y - 1.0


def _scalar(second: Floats) -> Floats:
    """(n, 1, 1) roots of (n,) second derivatives."""
    return np.sqrt(second)[:, None, None]


class _Plain:
    """A family of one margin whose responses are all that a table's label can be."""

    outputs: ClassVar[int] = 1
    shifted: ClassVar[bool] = False

    def refuse(self, y: Floats) -> None:
        """Take every number."""


@dataclass(frozen=True)
class Logistic(_Plain):
    """``log(1 + exp(-t eta))``, t = 2 y - 1 in {-1, 1}. |l'''| <= l'', l'' <= 1/4."""

    skew: ClassVar[float] = 1.0

    def losses(self, eta: Floats, y: Floats) -> Floats:
        """(n,) losses."""
        return np.logaddexp(0.0, -_signs(y) * _flat(eta))

    def slopes(self, eta: Floats, y: Floats) -> Floats:
        """(n, 1) first derivatives."""
        signs = _signs(y)
        return (-signs / (1.0 + _exp(signs * _flat(eta))))[:, None]  # numpy's exponential is some times expit's speed

    def roots(self, eta: Floats, y: Floats) -> Floats:
        """(n, 1, 1) roots of the second derivatives."""
        half = _exp(-np.abs(_flat(eta)) / 2.0)
        return (half / (1.0 + half * half))[:, None, None]

    def bend(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) p (1 - p), which is the slope's size times what is left to 1, and 2 % more."""
        return SLACK * _spread(slopes)

    def terms(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) the slopes: each is one exponential, with no difference taken."""
        return np.abs(_flat(slopes))

    def means(self, eta: Floats) -> Floats:
        """(n, 2) probabilities."""
        return _two(eta)


@dataclass(frozen=True)
class Multinomial(_Plain):
    """``logsumexp(eta) - eta_y`` over K margins. |l'''| <= sqrt(2) |u| l'' along u, l'' <= 1/2.

    Along u the second and third derivatives are the variance and the third central moment of u_Y, Y drawn by the
    probabilities; the moment is at most the range of u times the variance, and the range at most sqrt(2) |u|.
    """

    outputs: int  # type: ignore[misc]  # one for each class: here it is the instance's
    shifted: ClassVar[bool] = True
    skew: ClassVar[float] = math.sqrt(2.0) * (1 + 1e-15)

    def losses(self, eta: Floats, y: Floats) -> Floats:
        """(n,) losses."""
        own = eta[np.arange(len(eta)), y.astype(np.intp)]
        return np.asarray(logsumexp(eta - own[:, None], axis=1))

    def slopes(self, eta: Floats, y: Floats) -> Floats:
        """(n, K) first derivatives."""
        slopes = np.asarray(softmax(eta, axis=1))
        places = np.arange(len(eta)), y.astype(np.intp)
        slopes[places] = 0.0
        slopes[places] = -slopes.sum(axis=1)  # as 1 - p, without cancellation where p is near 1
        return slopes

    def roots(self, eta: Floats, y: Floats) -> Floats:
        """(n, K, K): diag(sqrt p) - p sqrt(p)', whose square is diag(p) - p p'."""
        p = np.asarray(softmax(eta, axis=1))
        root = np.sqrt(p)
        roots: Floats = -p[:, :, None] * root[:, None, :]
        kinds = np.arange(self.outputs)
        roots[:, kinds, kinds] += root
        return roots

    def bend(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) the trace, the sum of all p (1 - p), and 2 % more."""
        return SLACK * _spread(slopes)

    def terms(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) the number of classes: differences to the largest margin, and K - 1 sums."""
        return np.full(len(slopes), float(self.outputs))

    def means(self, eta: Floats) -> Floats:
        """(n, K) probabilities."""
        return np.asarray(softmax(eta, axis=1))


@dataclass(frozen=True)
class SquaredHinge(_Plain):
    """``max(0, 1 - t eta)^2``, t = 2 y - 1. Its second derivative jumps: only strong convexity bounds a distance."""

    skew: ClassVar[float] = math.inf

    def losses(self, eta: Floats, y: Floats) -> Floats:
        """(n,) losses."""
        return np.asarray(np.maximum(0.0, 1.0 - _signs(y) * _flat(eta)) ** 2)

    def slopes(self, eta: Floats, y: Floats) -> Floats:
        """(n, 1) first derivatives."""
        signs = _signs(y)
        return np.asarray(-2.0 * signs * np.maximum(0.0, 1.0 - signs * _flat(eta)))[:, None]

    def roots(self, eta: Floats, y: Floats) -> Floats:
        """(n, 1, 1) roots of the generalised second derivative: 2 within the margin, 0 beyond."""
        return _scalar(np.where(_signs(y) * _flat(eta) < 1.0, 2.0, 0.0))

    def bend(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) 2."""
        return np.full(len(slopes), 2.0)

    def terms(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) 4 + |slope|: within the margin |eta| is at most 1 + |slope| / 2."""
        return 4.0 + np.abs(_flat(slopes))

    def means(self, eta: Floats) -> Floats:
        """(n, 2) margins through a logistic, which keeps their order."""
        return _two(eta)


@dataclass(frozen=True)
class Poisson(_Plain):
    """``exp(eta) - y eta``: counts with a log link, up to a constant. l''' = l''."""

    skew: ClassVar[float] = 1.0

    def losses(self, eta: Floats, y: Floats) -> Floats:
        """(n,) losses."""
        return _exp(_flat(eta)) - y * _flat(eta)

    def slopes(self, eta: Floats, y: Floats) -> Floats:
        """(n, 1) first derivatives."""
        return (_exp(_flat(eta)) - y)[:, None]

    def roots(self, eta: Floats, y: Floats) -> Floats:
        """(n, 1, 1) roots of the second derivatives."""
        return _exp(_flat(eta) / 2.0)[:, None, None]

    def bend(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) exp(eta) = slope + y, and 2 % more."""
        return SLACK * (_flat(slopes) + y)

    def terms(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) exp(eta) + y."""
        return np.abs(_flat(slopes)) + 2.0 * y

    def means(self, eta: Floats) -> Floats:
        """(n,) expected counts."""
        return _exp(_flat(eta))

    def refuse(self, y: Floats) -> None:
        """Counts are not negative."""
        _refuse_below(y, "a Poisson response is at least 0", low=y < 0)


@dataclass(frozen=True)
class Gamma(_Plain):
    """``y exp(-eta) + eta``: positive responses with a log link, up to a constant. l''' = -l''."""

    skew: ClassVar[float] = 1.0

    def losses(self, eta: Floats, y: Floats) -> Floats:
        """(n,) losses."""
        return y * _exp(-_flat(eta)) + _flat(eta)

    def slopes(self, eta: Floats, y: Floats) -> Floats:
        """(n, 1) first derivatives."""
        return (1.0 - y * _exp(-_flat(eta)))[:, None]

    def roots(self, eta: Floats, y: Floats) -> Floats:
        """(n, 1, 1) roots of the second derivatives."""
        return _scalar(y * _exp(-_flat(eta)))

    def bend(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) y exp(-eta) = 1 - slope, and 2 % more."""
        return SLACK * (1.0 - _flat(slopes))

    def terms(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) 1 + y exp(-eta)."""
        return 2.0 + np.abs(_flat(slopes))

    def means(self, eta: Floats) -> Floats:
        """(n,) expected responses."""
        return _exp(_flat(eta))

    def refuse(self, y: Floats) -> None:
        """Responses are positive."""
        _refuse_below(y, "a Gamma response is above 0", low=y <= 0)


@dataclass(frozen=True)
class Squared(_Plain):
    """``(eta - y)^2 / 2``: ridge. With ``signs``, y are codes of two classes, taken as -1 and 1."""

    signs: bool = False
    skew: ClassVar[float] = 0.0

    def losses(self, eta: Floats, y: Floats) -> Floats:
        """(n,) losses."""
        return np.asarray((_flat(eta) - self._goal(y)) ** 2 / 2.0)

    def slopes(self, eta: Floats, y: Floats) -> Floats:
        """(n, 1) first derivatives."""
        return np.asarray(_flat(eta) - self._goal(y))[:, None]

    def roots(self, eta: Floats, y: Floats) -> Floats:
        """(n, 1, 1) ones."""
        return np.ones((len(eta), 1, 1))

    def bend(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) ones."""
        return np.ones(len(slopes))

    def terms(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) at least |eta| + |y|."""
        return np.abs(_flat(slopes)) + 2.0 * np.abs(self._goal(y))

    def means(self, eta: Floats) -> Floats:
        """(n,) the margins; with ``signs`` (n, 2) scores."""
        return _two(eta) if self.signs else _flat(eta)

    def _goal(self, y: Floats) -> Floats:
        return _signs(y) if self.signs else y


@dataclass(frozen=True)
class Apart(_Plain):
    """One problem of two classes for each class against the rest, side by side (LinearSVC and RidgeClassifier)."""

    one: Family
    outputs: int  # type: ignore[misc]  # one for each class: here it is the instance's

    @property
    def skew(self) -> float:
        """That of the one: the problems share no parameter."""
        return self.one.skew

    def losses(self, eta: Floats, y: Floats) -> Floats:
        """(n,) losses, summed over the problems."""
        losses: Floats = np.sum([self.one.losses(eta[:, [k]], self._code(y, k)) for k in range(self.outputs)], axis=0)
        return losses

    def slopes(self, eta: Floats, y: Floats) -> Floats:
        """(n, K) first derivatives."""
        return np.hstack([self.one.slopes(eta[:, [k]], self._code(y, k)) for k in range(self.outputs)])

    def roots(self, eta: Floats, y: Floats) -> Floats:
        """(n, K, K) diagonal."""
        roots = np.zeros((len(eta), self.outputs, self.outputs))
        for k in range(self.outputs):
            roots[:, k, k] = self.one.roots(eta[:, [k]], self._code(y, k))[:, 0, 0]
        return roots

    def bend(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) the largest of the problems'."""
        bends: Floats = np.max([self.one.bend(slopes[:, [k]], self._code(y, k)) for k in range(self.outputs)], axis=0)
        return bends

    def terms(self, slopes: Floats, y: Floats) -> Floats:
        """(n,) the sum over the problems."""
        terms: Floats = np.sum([self.one.terms(slopes[:, [k]], self._code(y, k)) for k in range(self.outputs)], axis=0)
        return terms

    def means(self, eta: Floats) -> Floats:
        """(n, K) margins through a softmax, which keeps their order."""
        return np.asarray(softmax(eta, axis=1))

    def _code(self, y: Floats, k: int) -> Floats:
        code: Floats = (y == k).astype(np.float64)
        return code


def _exp(eta: Floats) -> Floats:
    """The exponential, infinite where it would overflow: a line search steps back from there."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(eta))


def _refuse_below(y: Floats, rule: str, low: NDArray[np.bool_]) -> None:
    if low.any():
        row = int(np.flatnonzero(low)[0])
        msg = f"{rule}, and row {row} has {y[row]:g}"
        raise DataError(msg)
