"""A pipeline over texts: the words of each record, what they weigh now, and what its closed form is solved from.

Examples
--------
>>> import pyarrow as pa
>>> from expunge import Table
>>> from sklearn.feature_extraction.text import TfidfVectorizer
>>> from expunge.stages.specification import stages_of
>>> table = Table.from_arrays(pa.table({"text": ["a cat", "the cat", "win now"]}), ["ham", "ham", "spam"])
>>> kind = Texts(stages_of([TfidfVectorizer()]), "sums")
>>> left = kind.of(table).minus(kind.of(table.take([1])))
>>> left == kind.of(table.take([0, 2])), left.words.vocabulary
(True, ('cat', 'now', 'win'))
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from expunge import keyed
from expunge.codec import fingerprint
from expunge.errors import DataError, ParameterError
from expunge.stages import weights, words
from expunge.stages.specification import Branches, Vectorise
from expunge.stages.weights import Terms
from expunge.stages.words import Words
from expunge.sums.statistics import classes
from expunge.sums.summaries import ByClass, Totals

if TYPE_CHECKING:
    from expunge.data.table import Table
    from expunge.stages.specification import Stage
    from expunge.sums.summaries import Summary

ORDER = b"the order of the records"  # rows are in an order that their ids decide, the same under any key


@dataclass(frozen=True)
class Written:
    """The words of some records.

    Attributes
    ----------
    words : Words
    """

    words: Words

    @property
    def count(self) -> int:
        """How many records."""
        return len(self.words)

    @property
    def classes(self) -> tuple[Any, ...]:
        """Those that there are records of."""
        return self.words.classes

    def plus(self, other: Written) -> Written:
        """With the records of another."""
        return Written(words.joined(self.words, other.words))

    def minus(self, other: Written) -> Written:
        """Without the records of another, all of which must be among these."""
        return Written(words.without(self.words, other.words.names))


@dataclass(frozen=True)
class Texts:
    """Which words are kept.

    Attributes
    ----------
    stages : tuple of Stage
        One Vectorise, alone or as the one branch of a choice of columns.
    needs : {"sums", "means"}
    above : float or None
        Where the closed form looks only at which weights are above a bound.
    """

    stages: tuple[Stage, ...]
    needs: str
    above: float | None = None

    def __post_init__(self) -> None:
        self._vectorise  # noqa: B018  (refuses what it cannot be)
        if self.needs not in ("sums", "means"):
            msg = (
                "after words a Pipeline takes a closed form of sums, such as MultinomialNB: products of every two words"
                f" are not kept, and this one needs {self.needs}"
            )
            raise ParameterError(msg)

    @cached_property
    def name(self) -> str:
        """By which a table remembers its words."""
        return f"words behind {fingerprint(self.stages)}"

    def of(self, table: Table) -> Written:
        """The words of these records.

        Raises
        ------
        DataError
            For a column that holds no text, or a text that is missing.
        """
        labels, codes = classes(table)
        of_each = [labels[code] for code in codes.tolist()]
        names = keyed.draws(ORDER, table.ids, "words").astype(np.uint64)
        made = words.counted(self._vectorise.counter, self._texts(table), of_each, names)
        return Written(words.silent(made) if self._erased(table) else made)  # a pattern may find words in no text

    def without(self, held: Written, column: str) -> Written:
        """The same records without a column."""
        return Written(words.silent(held.words)) if column == self._named or self._named is None else held

    def classes(self, held: Written) -> tuple[Any, ...] | None:
        """Those that there are records of."""
        return held.classes

    def solved(self, held: Written) -> tuple[Terms, Summary]:
        """The weights of words as they are now, and what the closed form is solved from."""
        weighting = self._vectorise.weighting
        terms = weights.fitted(weighting, held.words)
        totals = weights.sums(weighting, terms, held.words, self.above)
        counts = np.bincount(held.words.codes, minlength=len(held.classes)).astype(np.int64)
        if self.needs == "means":
            return terms, ByClass(held.classes, counts, totals / counts[:, None])
        return terms, Totals(held.classes, counts, totals)

    def matrix(self, front: Terms, table: Table) -> Any:
        """(n, words) compressed rows of weights."""
        rows = words.of_vocabulary(self._vectorise.counter, self._texts(table), front.vocabulary)
        made = weights.weighed(self._vectorise.weighting, front, rows)
        return made.toarray() if self.needs == "means" else made

    @cached_property
    def _vectorise(self) -> Vectorise:
        stages: tuple[Any, ...] = self.stages
        if len(stages) == 1 and isinstance(stages[0], Branches) and len(stages[0].branches) == 1 and not stages[0].rest:
            stages = stages[0].branches[0][0]
        if len(stages) != 1 or not isinstance(stages[0], Vectorise):
            msg = (
                "words stand alone in a Pipeline: one CountVectorizer or TfidfVectorizer, before the closed form, and"
                " no other stage beside or after it"
            )
            raise ParameterError(msg)
        return stages[0]

    @property
    def _named(self) -> str | None:
        """The column of texts, where the stages name it."""
        first: Any = self.stages[0]
        return first.branches[0][1][0] if isinstance(first, Branches) else None

    def _erased(self, table: Table) -> bool:
        """Whether the column of texts is gone."""
        return self._named not in table.names if self._named is not None else not table.names

    def _texts(self, table: Table) -> list[str]:
        """(n,) the texts; empty ones where the column was erased."""
        name = self._named
        if name is None and len(table.names) > 1:
            msg = f"words are of one column, and there are {', '.join(table.names)}: name it in a ColumnTransformer"
            raise DataError(msg)
        if self._erased(table):
            return [""] * len(table)
        name = table.names[0] if name is None else name
        stored: Any = table.columns.features
        column = stored.column(table.names.index(name)) if isinstance(stored, pa.Table) else None
        if column is None or not pa.types.is_large_string(column.type):
            msg = f"column {name!r} holds no text, of which words could be counted"
            raise DataError(msg)
        texts: list[Any] = (column if table.rows is None else column.take(pa.array(table.rows))).to_pylist()
        if None in texts:
            msg = f"column {name!r}: row {texts.index(None)} lacks a text; an empty one is ''"
            raise DataError(msg)
        return texts
