"""The figures of the study of Mahadevan and Mathioudakis: SAPE, AccErr, AccDis and speed-up, each with its reference.

They compare accuracies, so they rank methods and certify nothing. A figure without the model that it was compared with
cannot be read, so each carries it: the study measures AccErr against the refit without noise and AccDis against a refit
that went through the method's own noise, and its code gives Fisher's reference the Newton steps too.

References
----------
Mahadevan, Mathioudakis (2022), "Certifiable Unlearning Pipelines for Logistic Regression: An Experimental Study",
Machine Learning and Knowledge Extraction 4(3), arXiv:2106.15093; definitions as in the authors' code (read).

Examples
--------
>>> round(sape(0.8, 0.9), 2)
5.88
>>> print(accuracy_error(0.91, 0.90))
AccErr 0.552 % against the noise-free refit
>>> print(speed_up(0.05, 3.0, reference="a cold refit at tolerance 1e-10"))
speed-up 60 x against a cold refit at tolerance 1e-10
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from expunge.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Figure:
    """A number and what it was compared with.

    Attributes
    ----------
    name : str
        AccErr, AccDis or speed-up.
    value : float
    unit : {"%", "x"}
    reference : str
        The model on the other side of the comparison, in words.
    """

    name: str
    value: float
    unit: str
    reference: str

    def __post_init__(self) -> None:
        if not self.reference.strip():
            msg = f"a figure says what it was compared with: {self.name} was given no reference"
            raise ParameterError(msg)

    def __str__(self) -> str:
        return f"{self.name} {self.value:.3g} {self.unit} against {self.reference}"


@dataclass(frozen=True)
class Disparity:
    """AccDis over noise seeds.

    Attributes
    ----------
    mean : Figure
        Over all pairs of a forgotten model and a refit.
    least : Figure
        The smallest of the pairs: what the study's code plots, optimistic by construction.
    """

    mean: Figure
    least: Figure


def sape(a: float, b: float) -> float:
    """Symmetric absolute percentage error, ``100 |a - b| / (|a| + |b|)``; 0 of 0 and 0, at most 100.

    Raises
    ------
    ParameterError
        If one of them is not finite.
    """
    if not (math.isfinite(a) and math.isfinite(b)):
        msg = f"a SAPE needs two finite numbers, got {a} and {b}"
        raise ParameterError(msg)
    largest = max(abs(a), abs(b))
    if largest == 0:
        return 0.0
    a, b = a / largest, b / largest  # so that neither the sum nor a subnormal number spoils it
    return 100 * abs(a - b) / (abs(a) + abs(b))


def accuracy_error(accuracy: float, refit: float) -> Figure:
    """AccErr, the study's effectiveness: SAPE of the accuracies on held-out records.

    Parameters
    ----------
    accuracy, refit : float in [0, 1]
        Of the model that forgot, and of the model learned without, to which no noise was added.
    """
    _refuse_no_shares((accuracy, refit))
    return Figure("AccErr", sape(accuracy, refit), "%", "the noise-free refit")


def accuracy_disparity(forgotten: Iterable[float], refits: Iterable[float], *, reference: str) -> Disparity:
    """AccDis, the study's certifiability: SAPE of the accuracies on the *forgotten* records.

    Parameters
    ----------
    forgotten, refits : floats in [0, 1]
        One for each noise seed; seeds need not be paired, since every pair counts.
    reference : str
        What the refits are: "the noise-free refit", "refits with the same objective noise", ...

    Examples
    --------
    >>> found = accuracy_disparity([0.5, 0.6], [0.5], reference="the noise-free refit")
    >>> print(found.mean, found.least, sep="; ")
    AccDis 4.55 % against the noise-free refit; AccDis 0 % against the noise-free refit
    """
    ours, theirs = list(forgotten), list(refits)
    if not ours or not theirs:
        msg = (
            f"a disparity needs accuracies on both sides, got {len(ours)} of forgotten models, {len(theirs)} of refits"
        )
        raise ParameterError(msg)
    _refuse_no_shares((*ours, *theirs))
    pairs = [sape(a, b) for a, b in product(ours, theirs)]
    mean, least = math.fsum(pairs) / len(pairs), min(pairs)
    return Disparity(Figure("AccDis", mean, "%", reference), Figure("AccDis", least, "%", reference))


def speed_up(seconds: float, refit: float, *, reference: str) -> Figure:
    """Seconds of a refit divided by seconds of forgetting, the study's efficiency; ``reference`` says which refit."""
    if not (seconds > 0 and refit > 0 and math.isfinite(seconds) and math.isfinite(refit)):
        msg = f"a speed-up needs two times above 0, got {seconds} s and {refit} s"
        raise ParameterError(msg)
    return Figure("speed-up", refit / seconds, "x", reference)


def _refuse_no_shares(accuracies: Iterable[float]) -> None:
    for accuracy in accuracies:
        if not 0 <= accuracy <= 1:
            msg = f"an accuracy is a share between 0 and 1, got {accuracy}"
            raise ParameterError(msg)
