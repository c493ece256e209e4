"""Bernoulli naive Bayes from counts: how many records of each class have a word at all.

Claim: Exact. Counts are whole numbers; the threshold is declared. Sparse rows stay sparse.

References
----------
McCallum, Nigam (1998), "A comparison of event models for naive Bayes text classification", AAAI workshop. Cao, Yang
(2015), "Towards Making Systems Forget with Machine Unlearning", IEEE S&P, section III.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table
>>> words = np.array([[2, 0], [0, 1], [1, 1]])
>>> table = Table.from_arrays(words, ["ham", "spam", "ham"])
>>> method, run = BernoulliNB(), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([2]), table, run)
>>> method.predict(done.model, table)[0]
array([0.8, 0.2])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.errors import ParameterError
from expunge.methods.arrays._counts import Counted, Weights
from expunge.sums.statistics import exceeding, kind_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.sums.statistics import Kind
    from expunge.sums.summaries import Totals

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BernoulliNB(Counted):
    """Each column is there or not, independently within each class.

    Parameters
    ----------
    alpha : float
        What is added to each count, above 0.
    fit_prior : bool
        Whether shares of the classes are those of the records; else they are equal.
    class_prior : mapping of class to float, optional
        Declared shares of the classes, by name.
    binarize : float
        A column is there where its number is above this; of sparse rows 0 or more.

    Raises
    ------
    DataError
        For columns that are no numbers, and labels that are no classes.
    MismatchError
        When `forget` or `quote` is given data or parameters other than the model's.
    """

    binarize: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if (
            isinstance(self.binarize, bool)
            or not isinstance(self.binarize, int | float)
            or not abs(self.binarize) < np.inf
        ):
            msg = f"BernoulliNB needs binarize to be a finite number, got {self.binarize!r}"
            raise ParameterError(msg)

    @property
    def kind(self) -> Kind:
        """Counts of each class."""
        return kind_of(self.needs, 1.0, float(self.binarize))

    def solve(self, summary: Totals) -> Weights:
        """Logarithms of odds; the start is that of a record that has nothing."""
        alpha = float(self.alpha)
        there = np.log(summary.totals + alpha) - np.log(summary.counts + 2 * alpha)[:, None]
        absent = np.log(summary.counts[:, None] - summary.totals + alpha) - np.log(summary.counts + 2 * alpha)[:, None]
        return Weights(there - absent, self.shares(summary) + absent.sum(axis=1))

    def scores(self, solved: Weights, X: Any) -> Floats:
        """(m, classes) posterior probabilities, of dense or compressed rows."""
        return solved.posterior(exceeding(X, float(self.binarize)) * 1.0)
