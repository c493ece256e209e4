"""Categorical naive Bayes from counts of names: columns are categories, as text or as numbers.

Claim: Exact. Counts are whole numbers; a category that nobody has any more leaves the model, and the smoothing of its
column with it.

References
----------
Hastie, Tibshirani, Friedman (2009), "The Elements of Statistical Learning", section 6.6.3. Cao, Yang (2015), "Towards
Making Systems Forget with Machine Unlearning", IEEE S&P, section III: naive Bayes as counts.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table
>>> table = Table.from_arrays(np.array([["red"], ["blue"], ["green"]], object), ["a", "b", "b"])
>>> method, run = CategoricalNB(), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Records([2]), table, run)
>>> done.model.solved.names
(('blue', 'red'),)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from expunge.errors import ParameterError
from expunge.methods.arrays._closed import ClosedForm, checked
from expunge.methods.arrays._posterior import checked_priors, log_priors, posterior
from expunge.sums.categories import Categories, as_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.sums.statistics import Needs

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """Logarithms of the share of each name in each class.

    Attributes
    ----------
    names : tuple of tuples of str
        Of each column.
    logs : tuple of (classes, names + 1)
        The last is that of a name which no record has.
    priors : (classes,)
    """

    names: tuple[tuple[str, ...], ...]
    logs: tuple[Floats, ...]
    priors: Floats


@dataclass(frozen=True)
class Counting:
    """Counts of names, as `expunge.sums.statistics.Kind` is of sums."""

    name: str = "counts of names"

    def of(self, table: Table) -> Categories:
        """The counts of these records."""
        return Categories.of(table)


@dataclass(frozen=True)
class CategoricalNB(ClosedForm):
    """Columns are categories, independent within each class.

    Parameters
    ----------
    alpha : float
        What is added to each count, above 0.
    fit_prior : bool
        Whether shares of the classes are those of the records; else they are equal.
    class_prior : mapping of class to float, optional
        Declared shares of the classes, by name.

    Raises
    ------
    DataError
        For records that are no rows of columns, and labels that are no classes.
    MismatchError
        When `forget` or `quote` is given data or parameters other than the model's.
    """

    alpha: float = 1.0
    fit_prior: bool = True
    class_prior: Mapping[Any, float] | None = None

    needs: ClassVar[Needs] = "sums"

    def __post_init__(self) -> None:
        checked("CategoricalNB", "alpha", self.alpha, strict=True)
        checked_priors("CategoricalNB", "class_prior", self.class_prior)
        if not isinstance(self.fit_prior, bool):
            msg = f"CategoricalNB needs fit_prior to be True or False, got {self.fit_prior!r}"
            raise ParameterError(msg)

    @property
    def kind(self) -> Any:
        """Counts of names."""
        return Counting()

    def solution(self, statistic: Categories, width: int) -> Shares:
        """What `solve` makes of the counts."""
        return self.solve(statistic)

    def solve(self, summary: Categories) -> Shares:
        """Logarithms of smoothed shares."""
        alpha, counts, logs = float(self.alpha), summary.counts[:, None], []
        for column in summary.columns:
            with_new = np.hstack([column.counts, np.zeros((len(counts), 1), np.int64)])
            logs.append(np.log(with_new + alpha) - np.log(counts + alpha * len(column.names)))
        equal = self.class_prior is None and not self.fit_prior
        declared = dict.fromkeys(summary.classes, 1.0) if equal else self.class_prior
        priors = log_priors("CategoricalNB", summary.classes, summary.counts, declared)
        return Shares(tuple(column.names for column in summary.columns), tuple(logs), priors)

    def answers(self, solved: Shares, data: Table) -> Floats:
        """(n, classes) posterior probabilities; a name that no record had counts as one of which there are none."""
        return self.scores(solved, data.stored, len(data))

    def scores(self, solved: Shares, X: Any, rows: int | None = None) -> Floats:
        """As `answers`, of columns as they are stored: a table, or (n, d) names or numbers; ``rows``: n, if given."""
        total = np.tile(solved.priors, (len(X) if rows is None else rows, 1))
        for place, (names, logs) in enumerate(zip(solved.names, solved.logs, strict=True)):
            held = as_names(X, place)
            known = np.array(names, np.str_)
            at = np.minimum(np.searchsorted(known, held), len(known) - 1)
            total += logs[:, np.where(known[at] == held, at, len(known))].T
        return posterior(total)

    def _assumptions(self) -> tuple[str, ...]:
        return (
            "counts are whole numbers",
            "parameters and columns were not chosen by looking at what is forgotten",
        )
