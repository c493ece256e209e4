"""Complement naive Bayes from exact sums of each class: a class is what the others are not.

Claim: Exact. Sums of counts or weights are whole numbers of any size. Sparse rows stay sparse.

References
----------
Rennie, Shih, Teevan, Karger (2003), "Tackling the poor assumptions of naive Bayes text classifiers", ICML, section 3.
Cao, Yang (2015), "Towards Making Systems Forget with Machine Unlearning", IEEE S&P, section III.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table
>>> words = np.array([[2, 0], [0, 1], [1, 1]])
>>> table = Table.from_arrays(words, ["ham", "spam", "ham"])
>>> method, run = ComplementNB(), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([2]), table, run)
>>> np.exp(-done.model.solved.weights)
array([[0.33333333, 0.66666667],
       [0.75      , 0.25      ]])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.errors import ParameterError
from expunge.methods.arrays._counts import Counted, Weights

if TYPE_CHECKING:
    from expunge.sums.summaries import Totals


@dataclass(frozen=True)
class ComplementNB(Counted):
    """A class is told by what the other classes lack.

    Parameters
    ----------
    alpha : float
        What is added to each sum, above 0.
    fit_prior, class_prior
        As of `MultinomialNB`; they decide only where there is a single class, as in scikit-learn.
    norm : bool
        Whether weights of a class are brought to sum one.
    resolution : float
        Weights are rounded to multiples of it, a power of two; all must be below ``2**62`` times as much.

    Raises
    ------
    DataError
        For numbers below zero or outside of the range, columns that are no numbers, and labels that are no classes.
    MismatchError
        When `forget` or `quote` is given data or parameters other than the model's.
    """

    norm: bool = False
    resolution: float = 2.0**-32

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.norm, bool):
            msg = f"ComplementNB needs norm to be True or False, got {self.norm!r}"
            raise ParameterError(msg)

    def solve(self, summary: Totals) -> Weights:
        """Logarithms of what the others have, turned around."""
        others = summary.totals.sum(axis=0) + float(self.alpha) - summary.totals
        logs = np.log(others / others.sum(axis=1, keepdims=True))
        sums = logs.sum(axis=1, keepdims=True)
        weights = np.divide(logs, sums, out=np.zeros_like(logs), where=sums != 0) if self.norm else -logs
        start = self.shares(summary) if len(summary.classes) == 1 else np.zeros(len(summary.classes))
        return Weights(weights, start)
