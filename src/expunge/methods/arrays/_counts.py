"""What naive Bayes of counts share: sums of each class, a smoothing, and scores by one matrix product.

Examples
--------
>>> import numpy as np
>>> weights = Weights(np.log([[0.5, 0.5], [0.9, 0.1]]), np.log([0.5, 0.5]))
>>> weights.posterior(np.array([[2.0, 0.0]])).round(3)
array([[0.236, 0.764]])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge.errors import ParameterError
from expunge.methods.arrays._closed import checked
from expunge.methods.arrays._posterior import checked_priors, log_priors, posterior
from expunge.methods.arrays._summed import Summed
from expunge.sums.fixed import Fixed
from expunge.sums.statistics import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from expunge.sums.statistics import Kind, Needs
    from expunge.sums.summaries import Totals

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Scores of classes are ``X weights' + start``.

    Attributes
    ----------
    weights : (classes, d)
    start : (classes,)
    """

    weights: Floats
    start: Floats

    def posterior(self, X: Any) -> Floats:
        """(m, classes) shares that sum to one, of dense or compressed rows."""
        return posterior(np.asarray(X @ self.weights.T) + self.start)


@dataclass(frozen=True)
class Counted(Summed):
    """Naive Bayes over counts.

    Parameters
    ----------
    alpha : float
        What is added to each count, above 0.
    fit_prior : bool
        Whether shares of the classes are those of the records; else they are equal.
    class_prior : mapping of class to float, optional
        Declared shares of the classes, by name.
    """

    alpha: float = 1.0
    fit_prior: bool = True
    class_prior: Mapping[Any, float] | None = None

    needs: ClassVar[Needs] = "sums"
    sparse: ClassVar[bool] = True

    def __post_init__(self) -> None:
        title = type(self).__name__
        checked(title, "alpha", self.alpha, strict=True)
        checked_priors(title, "class_prior", self.class_prior)
        if not isinstance(self.fit_prior, bool):
            msg = f"{title} needs fit_prior to be True or False, got {self.fit_prior!r}"
            raise ParameterError(msg)
        Fixed(float(getattr(self, "resolution", 1.0)))

    @property
    def kind(self) -> Kind:
        """Sums of each class, of numbers that are not below zero."""
        return kind_of(self.needs, float(getattr(self, "resolution", 1.0)), counted=True)

    def shares(self, summary: Totals) -> Floats:
        """(classes,) logarithms of the shares of the classes."""
        if self.class_prior is None and not self.fit_prior:
            return np.full(len(summary.classes), -np.log(len(summary.classes)))
        return log_priors(type(self).__name__, summary.classes, summary.counts, self.class_prior)

    def scores(self, solved: Weights, X: Any) -> Floats:
        """(m, classes) posterior probabilities, of dense or compressed rows."""
        return solved.posterior(X)
