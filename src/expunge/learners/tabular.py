"""A table as people have it, as numbers that an estimator takes: `Tabular`, fitted inside the shard.

Each column is of a declared kind. Numbers, truth values and dates are filled with the shard's median, scaled, and
flagged where they were missing; categories become one column a level, the rare ones together, a missing one as a level
of its own; free text is hashed, which learns nothing from anybody. What is fitted (medians, means, levels) is part of
the model that it was fitted for, so a shard that relearns without a record fits it without that record.

Columns are looked up by name in an Arrow, pandas or polars table, and a declared column that the table no longer has
(a `Column` that was erased) is left out.

Examples
--------
>>> import pyarrow as pa
>>> table = pa.table({"age": [20, None, 60], "town": ["Bern", "Bern", None], "joined": ["a b", "b", None]})
>>> Tabular((("age", "integer"), ("town", "category"), ("joined", "ignore")), rare=1).fit_transform(table).round(2)
array([[-1.22,  0.  ,  1.  ,  0.  ],
       [ 0.  ,  1.  ,  1.  ,  0.  ],
       [ 1.22,  0.  ,  0.  ,  1.  ]])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from expunge.data.features import as_features
from expunge.data.kinds import Kind
from expunge.errors import DataError, ParameterError

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

Block: TypeAlias = Any
"""(n, k) numbers, dense or in compressed sparse rows."""

KINDS = get_args(Kind)
NUMERIC = ("number", "integer", "boolean", "date")
LARGEST = 1e100  # numbers beyond are cut: their squares still sum without an overflow
FARTHEST = 1e6  # standard deviations from the mean: float32, which trees compute in, holds it
LOUD = 10.0  # length of a text's row of word counts: beside scaled numbers, length 1 is all but mute to a linear model
WIDEST = 1024  # columns that are still worth being dense
DAY = 86_400e6  # microseconds
CYCLES = ((pc.month, 12), (pc.day_of_week, 7), (pc.hour, 24))


class Tabular(TransformerMixin, BaseEstimator):
    """Columns of declared kinds as one matrix of numbers.

    Parameters
    ----------
    columns : sequence of (name, kind)
        The kinds are number, integer, boolean, date, category, text and ignore. A column that is not among them is
        taken by its type; text then counts as a category.
    text_features : int
        Columns that the words of each column of free text are hashed to.
    rare : int
        Levels of a category that fewer records of the shard have are taken together.
    levels : int
        At most so many levels a category, the most frequent ones.
    dense : bool or None
        Whether the matrix is dense. None: unless there is free text or it is very wide.

    Attributes
    ----------
    columns_ : tuple of (name, kind)
        What it was fitted on.
    """

    def __init__(
        self,
        columns: Sequence[tuple[str, str]] = (),
        *,
        text_features: int = 4096,
        rare: int = 5,
        levels: int = 128,
        dense: bool | None = None,
    ) -> None:
        self.columns = columns
        self.text_features = text_features
        self.rare = rare
        self.levels = levels
        self.dense = dense

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit medians, means and levels."""
        self._fit(_arrow(X))
        return self

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Block:
        """Fit, and return the matrix of the same records."""
        table = _arrow(X)
        self._fit(table)
        return self._matrix(table)

    def transform(self, X: Any) -> Block:
        """(n, d) matrix, dense or in compressed sparse rows."""
        return self._matrix(_arrow(X))

    def _validate_params(self) -> None:
        """Raise a sentence for parameters that cannot be."""
        for name in ("text_features", "rare", "levels"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
                msg = f"Tabular needs {name} to be a whole number of at least 1, got {value!r}"
                raise ParameterError(msg)
        if not isinstance(self.dense, bool | None):
            msg = f"Tabular needs dense to be true or false, or None; got {self.dense!r}"
            raise ParameterError(msg)
        for name, kind in self.columns:
            if kind not in KINDS:
                msg = f"column {name!r} is declared as {kind!r}; a column is one of {', '.join(KINDS)}"
                raise ParameterError(msg)

    def _fit(self, table: pa.Table) -> None:
        self._validate_params()
        self.columns_ = _kinds(self.columns, table)
        self.missing_ = self.fill_ = self.scale_ = self.encode_ = None
        if self._named(*NUMERIC):
            numbers, heads = self._numbers(table)
            self.missing_ = MissingIndicator(features="missing-only", error_on_new=False).fit(heads)
            self.fill_ = SimpleImputer(strategy="median", keep_empty_features=True).fit(numbers)
            self.scale_ = StandardScaler().fit(self.fill_.transform(numbers))
        if self._named("category"):
            self.encode_ = OneHotEncoder(
                handle_unknown="infrequent_if_exist", min_frequency=self.rare, max_categories=self.levels
            ).fit(self._levels(table))
        wide = sum(map(len, self.encode_.categories_)) if self.encode_ is not None else 0
        self.dense_ = not (self._named("text") or wide > WIDEST) if self.dense is None else self.dense

    def _matrix(self, table: pa.Table) -> Block:
        blocks: list[Block] = [np.zeros((len(table), 0))]
        if self.scale_ is not None and self.fill_ is not None and self.missing_ is not None:
            numbers, heads = self._numbers(table)
            scaled = self.scale_.transform(self.fill_.transform(numbers))
            blocks += [scaled.clip(-FARTHEST, FARTHEST), self.missing_.transform(heads).astype(np.float64)]
        if self.encode_ is not None:
            blocks.append(self.encode_.transform(self._levels(table)))
        blocks += [self._hashed(_column(table, name)) for name in self._named("text")]
        if self.dense_:
            return np.hstack([block if isinstance(block, np.ndarray) else block.toarray() for block in blocks])
        return sparse.csr_array(sparse.hstack([sparse.csr_array(block) for block in blocks]))

    def _named(self, *kinds: str) -> list[str]:
        return [name for name, kind in self.columns_ if kind in kinds]

    def _numbers(self, table: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Numbers, NaN where missing: all that is made of the columns, and the first that is made of each."""
        parts = [
            _dated(_column(table, name)) if kind == "date" else _numbered(name, _column(table, name))
            for name, kind in self.columns_
            if kind in NUMERIC
        ]
        return np.hstack(parts), np.hstack([part[:, :1] for part in parts])

    def _levels(self, table: pa.Table) -> NDArray[np.object_]:
        """(n, k) categories as text; None where missing."""
        made = np.empty((len(table), len(self._named("category"))), dtype=object)
        for place, name in enumerate(self._named("category")):
            made[:, place] = _column(table, name).cast(pa.large_string()).to_pylist()
        return made

    def _hashed(self, column: pa.Array) -> Block:
        words = HashingVectorizer(n_features=self.text_features)
        return words.transform(column.cast(pa.large_string()).fill_null("").to_pylist()) * LOUD


def _arrow(given: Any) -> pa.Table:
    """Anything that a `Table` hands out, as an Arrow table."""
    features, names, _ = as_features(given, None)
    if isinstance(features, pa.Table):
        return features
    if len(features.shape) > 2:
        msg = f"Tabular takes rows of columns, got records of the shape {features.shape[1:]}"
        raise DataError(msg)
    return pa.table([pa.array(column) for column in np.asarray(features).T], names=list(names))


def _kinds(declared: Sequence[tuple[str, str]], table: pa.Table) -> tuple[tuple[str, str], ...]:
    """The columns that the table has, in its order, each with its declared kind or that of its type."""
    known = dict(declared)
    return tuple((field.name, known.get(field.name) or _kind_of(field.type)) for field in table.schema)


def _kind_of(kind: pa.DataType) -> str:
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return "date"
    return "category" if pa.types.is_large_string(kind) else "number"


def _column(table: pa.Table, name: str) -> pa.Array:
    return table.column(name).combine_chunks()


def _numbered(name: str, column: pa.Array) -> NDArray[np.float64]:
    """(n, 1) numbers; what is missing, no number or infinite is NaN."""
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.int64() if column.type.bit_width == 64 else pa.int32())
    try:
        numbers = np.array(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid as unlike:
        msg = f"column {name!r} is declared as a number and holds {column.type}: {unlike}"
        raise DataError(msg) from unlike
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers.clip(-LARGEST, LARGEST)[:, None]


def _dated(column: pa.Array) -> NDArray[np.float64]:
    """(n, 7) days since 1970, then month, weekday and hour, each as a point on its circle."""
    moments = column.cast(pa.timestamp("us"))  # one with a time zone is taken in UTC
    days = moments.cast(pa.int64()).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) / DAY
    turns = [
        2 * np.pi * part(moments).cast(pa.float64()).to_numpy(zero_copy_only=False) / length for part, length in CYCLES
    ]
    return np.column_stack([days, *(wave(turn) for turn in turns for wave in (np.sin, np.cos))])
