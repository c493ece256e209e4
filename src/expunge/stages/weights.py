"""How much a word says: counts made weights, tf-idf for one, as a function of the records that are there now.

The rarity of a word is a share of all records, so one deletion changes every weight of every record. Nothing of it is
kept: weights are made from the counts (`Words`) each time, in one pass, record by record in a fixed order.

Examples
--------
>>> from sklearn.feature_extraction.text import CountVectorizer
>>> import numpy as np
>>> from expunge.stages.words import counted
>>> held = counted(CountVectorizer(), ["a cat", "the cat"], ["ham", "spam"], np.array([[1, 0], [2, 0]], np.uint64))
>>> terms = fitted(Weighting(), held)
>>> terms.vocabulary, terms.factors.round(2).tolist()
(('cat', 'the'), [1.0, 1.41])
>>> sums(Weighting(), terms, held).round(2).tolist()
[[1.0, 0.0], [0.58, 0.81]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import sparse

from expunge.errors import LearnError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.stages.words import Words

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Weighting:
    """What is made of counts; parameters as in scikit-learn's TfidfVectorizer.

    Attributes
    ----------
    norm : {"l1", "l2"} or None
    use_idf, smooth_idf, sublinear_tf : bool
    min_df, max_df : float or int
        Words that fewer or more records have are left out: a share of the records, or a number of them.
    """

    norm: Literal["l1", "l2"] | None = "l2"
    use_idf: bool = True
    smooth_idf: bool = True
    sublinear_tf: bool = False
    min_df: float = 1
    max_df: float = 1.0

    @property
    def plain(self) -> bool:
        """Whether counts stay what they are."""
        return self.norm is None and not self.use_idf and not self.sublinear_tf


COUNTS = Weighting(norm=None, use_idf=False)


@dataclass(frozen=True)
class Terms:
    """The words that are looked at, and what one of each weighs before its record's length is taken out.

    Attributes
    ----------
    vocabulary : tuple of str
    factors : (words,)
    """

    vocabulary: tuple[str, ...]
    factors: Floats


def fitted(weighting: Weighting, held: Words) -> Terms:
    """Words and their weights, from the records that are there.

    Raises
    ------
    LearnError
        Where the least number of records that a word must have lies above the largest.
    """
    kept = _kept(weighting, held)
    factors = _factors(weighting, held)
    if kept.all():
        return Terms(held.vocabulary, factors)
    return Terms(tuple(held.vocabulary[place] for place in np.flatnonzero(kept).tolist()), factors[kept])


def sums(weighting: Weighting, terms: Terms, held: Words, above: float | None = None) -> Floats:
    """(classes, words) sums of the weights of the records of each class; or how many are ``above`` a bound."""
    if above is not None:
        return _above(weighting, terms, held, above)
    kept = None if len(terms.vocabulary) == len(held.vocabulary) else _kept(weighting, held)
    factors = terms.factors
    if kept is not None:  # what is left out weighs nothing, in lengths either
        factors = np.zeros(len(kept))
        factors[kept] = terms.factors
    rows = frequencies(weighting, held.rows)
    member = np.zeros((len(held), len(held.classes)))
    member[np.arange(len(held)), held.codes] = 1.0 / _lengths(weighting, rows, factors)
    total = (rows.T @ member) * factors[:, None]
    return np.ascontiguousarray((total if kept is None else total[kept]).T)


def _above(weighting: Weighting, terms: Terms, held: Words, bound: float) -> Floats:
    """(classes, words) how many records of each class have a weight above a bound."""
    made = weighed(weighting, terms, selected(weighting, held))
    member = np.zeros((len(held), len(held.classes)))
    member[np.arange(len(held)), held.codes] = 1.0
    high = sparse.csr_array(((made.data > bound).astype(np.float64), made.indices, made.indptr), shape=made.shape)
    return np.ascontiguousarray((high.T @ member).T)


def weighed(weighting: Weighting, terms: Terms, rows: Any) -> Any:
    """(n, words) compressed rows of weights, from counts of the words of ``terms``."""
    made = frequencies(weighting, rows)
    scale = np.repeat(1.0 / _lengths(weighting, made, terms.factors), np.diff(made.indptr))
    weights = made.data * terms.factors[made.indices] * scale
    return sparse.csr_array((weights, made.indices, made.indptr), shape=made.shape)


def selected(weighting: Weighting, held: Words) -> Any:
    """(n, words) compressed rows of counts of those words alone that are looked at."""
    kept = _kept(weighting, held)
    return held.rows if kept.all() else sparse.csr_array(held.rows[:, np.flatnonzero(kept)])


def frequencies(weighting: Weighting, rows: Any) -> Any:
    """Counts, or one and their logarithm, as floats."""
    data = rows.data.astype(np.float64)
    made = 1.0 + np.log(data) if weighting.sublinear_tf else data
    return sparse.csr_array((made, rows.indices, rows.indptr), shape=rows.shape)


def _factors(weighting: Weighting, held: Words) -> Floats:
    if not weighting.use_idf:
        return np.ones(len(held.vocabulary))
    smooth = int(weighting.smooth_idf)
    return np.log((len(held) + smooth) / (held.writers + smooth)) + 1.0


def _kept(weighting: Weighting, held: Words) -> NDArray[np.bool_]:
    """(words,) whether as many records have the word as must and may."""
    n = len(held)
    low, high = (bound if isinstance(bound, int) else bound * n for bound in (weighting.min_df, weighting.max_df))
    if high < low:
        bounds = f"min_df={weighting.min_df} and max_df={weighting.max_df}"
        msg = f"of {n} records a word must have at least {low:g} and at most {high:g}, with {bounds}"
        raise LearnError(msg)
    made: NDArray[np.bool_] = (held.writers >= low) & (held.writers <= high)
    return made


def _lengths(weighting: Weighting, rows: Any, factors: Floats) -> Floats:
    """(n,) length of each record's weights; 1 where it has none or lengths stay."""
    if weighting.norm is None:
        return np.ones(rows.shape[0])
    if weighting.norm == "l1":
        total = rows @ factors
    else:
        squares = sparse.csr_array((rows.data * rows.data, rows.indices, rows.indptr), shape=rows.shape)
        total = np.sqrt(squares @ (factors * factors))
    total[total == 0.0] = 1.0
    return np.asarray(total)
