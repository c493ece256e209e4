"""Multinomial naive Bayes from exact sums of each class: words counted, or weighed (tf-idf).

Claim: Exact. Sums of counts or weights are whole numbers of any size. Sparse rows stay sparse.

References
----------
McCallum, Nigam (1998), "A comparison of event models for naive Bayes text classification", AAAI workshop. Cao, Yang
(2015), "Towards Making Systems Forget with Machine Unlearning", IEEE S&P, section III: naive Bayes as sums.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table
>>> words = np.array([[2, 0], [0, 1], [1, 1]])
>>> table = Table.from_arrays(words, ["ham", "spam", "ham"], columns=["meeting", "prize"])
>>> method, run = MultinomialNB(), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([2]), table, run)
>>> np.exp(done.model.solved.weights)
array([[0.75      , 0.25      ],
       [0.33333333, 0.66666667]])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.methods.arrays._counts import Counted, Weights

if TYPE_CHECKING:
    from expunge.sums.summaries import Totals


@dataclass(frozen=True)
class MultinomialNB(Counted):
    """Words drawn independently, from a bag for each class.

    Parameters
    ----------
    alpha : float
        What is added to each sum, above 0.
    fit_prior : bool
        Whether shares of the classes are those of the records; else they are equal.
    class_prior : mapping of class to float, optional
        Declared shares of the classes, by name.
    resolution : float
        Weights are rounded to multiples of it, a power of two; all must be below ``2**62`` times as much.

    Raises
    ------
    DataError
        For numbers below zero or outside of the range, columns that are no numbers, and labels that are no classes.
    MismatchError
        When `forget` or `quote` is given data or parameters other than the model's.
    """

    resolution: float = 2.0**-32

    def solve(self, summary: Totals) -> Weights:
        """Logarithms of smoothed shares."""
        smoothed = summary.totals + float(self.alpha)
        if not smoothed.size:  # without columns there is nothing to take a share of
            return Weights(smoothed, self.shares(summary))
        return Weights(np.log(smoothed) - np.log(smoothed.sum(axis=1, keepdims=True)), self.shares(summary))
