"""A scikit-learn transformer read as a specification: which stage it is, and the parameters that it was made with.

The transformer is never fitted. What is read is plain values; a parameter that a stage cannot keep its word with is
refused with a sentence, and none is left out in silence.

Examples
--------
>>> from sklearn.impute import SimpleImputer
>>> from sklearn.preprocessing import OneHotEncoder
>>> read(SimpleImputer(strategy="median"))
Impute(strategy='median', fill=None, flags=False, empty=False)
>>> read(OneHotEncoder(min_frequency=5))
Traceback (most recent call last):
...
expunge.errors.ParameterError: OneHotEncoder with min_frequency=5 is no stage of a Pipeline; it may be None
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline as Steps
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from expunge.errors import DataError, ParameterError
from expunge.stages.weights import COUNTS, Weighting


@dataclass(frozen=True)
class Scale:
    """StandardScaler: the mean is taken out, the spread divided by."""

    centred: bool = True
    scaled: bool = True


@dataclass(frozen=True)
class Stretch:
    """MinMaxScaler, or MaxAbsScaler (``low`` None): the smallest and largest value become these."""

    low: float | None = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Impute:
    """SimpleImputer: what stands for a missing value; ``flags``: and whether it was; ``empty``: keep empty columns."""

    strategy: Literal["mean", "median", "most_frequent", "constant"] = "mean"
    fill: float | str | None = None
    flags: bool = False
    empty: bool = False

    def number(self, column: str, below: float = math.inf) -> float:
        """The constant for a column of numbers.

        Raises
        ------
        DataError
            For text, and for a number that is missing or not below a bound, either way.
        """
        if isinstance(self.fill, str):
            msg = f"column {column!r} holds numbers, and is to be filled with text: {self.fill!r}"
            raise DataError(msg)
        fill = self.fill or 0.0
        if not abs(fill) < below:
            msg = f"column {column!r} is to be filled with {fill!r}, and takes numbers from -{below:g} to {below:g}"
            raise DataError(msg)
        return fill


@dataclass(frozen=True)
class OneHot:
    """OneHotEncoder: one column a category."""

    drop: Literal["first", "if_binary"] | None = None
    unknown: Literal["error", "ignore"] = "error"


@dataclass(frozen=True)
class Ordinal:
    """OrdinalEncoder: the place of the category among all, in order; ``other``: of one that was not learned."""

    other: float | None = None


@dataclass(frozen=True)
class Components:
    """PCA: the directions of the largest spread."""

    count: float | int | None = None
    whiten: bool = False


@dataclass(frozen=True)
class Vectorise:
    """CountVectorizer, or TfidfVectorizer: the vectoriser that counts, and what is made of the counts.

    Attributes
    ----------
    counter : CountVectorizer
        Not fitted.
    weighting : Weighting
    """

    counter: Any
    weighting: Weighting = COUNTS


@dataclass(frozen=True)
class Branches:
    """ColumnTransformer: stages for some columns each, side by side.

    Attributes
    ----------
    branches : tuple of (stages, columns)
        Of each: its stages, and the names of its columns.
    rest : bool
        Whether columns that no branch names come after them, as they are.
    """

    branches: tuple[tuple[tuple[Stage, ...], tuple[str, ...]], ...]
    rest: bool = False


Stage: TypeAlias = Scale | Stretch | Impute | OneHot | Ordinal | Components | Vectorise | Branches


def stages_of(given: Sequence[Any]) -> tuple[Stage, ...]:
    """The stages of a sequence of transformers; what leaves everything as it is, is left out.

    Raises
    ------
    ParameterError
        For what is no transformer that can be a stage, or has a parameter that it cannot have there.
    """
    made: list[Stage] = []
    for each in given:
        if isinstance(each, Steps):
            made += stages_of([step for _, step in each.steps])
        elif isinstance(each, TfidfTransformer):
            if not made or not isinstance(made[-1], Vectorise) or not made[-1].weighting.plain:
                msg = "TfidfTransformer weighs the plain counts of a CountVectorizer: put one right before it"
                raise ParameterError(msg)
            before = made.pop()
            made.append(Vectorise(before.counter, _weighting(each, before.weighting)))  # type: ignore[union-attr]
        elif not (each is None or (isinstance(each, str) and each == "passthrough")):
            made.append(read(each))
    return tuple(made)


def read(transformer: Any) -> Stage:
    """The stage that one transformer specifies; raises like `stages_of`."""
    reader = READERS.get(type(transformer))
    if reader is None:
        known = ", ".join(sorted(kind.__name__ for kind in (*READERS, TfidfTransformer)))
        what = f"the class {transformer.__name__}" if isinstance(transformer, type) else repr(transformer)
        msg = f"a stage of a Pipeline is one of scikit-learn's {known}; got {what}"
        raise ParameterError(msg)
    return reader(transformer)


def _scale(of: StandardScaler) -> Stage:
    return Scale(centred=bool(of.with_mean), scaled=bool(of.with_std))


def _stretch(of: MinMaxScaler) -> Stage:
    _only(of, clip=(False,))
    low, high = map(float, of.feature_range)
    if not low < high:
        msg = f"MinMaxScaler needs feature_range to go from a smaller to a larger number, got {of.feature_range!r}"
        raise ParameterError(msg)
    return Stretch(low, high)


def _stretch_from_zero(of: MaxAbsScaler) -> Stage:
    if getattr(of, "clip", False):
        _only(of, clip=(False,))
    return Stretch(None, 1.0)


def _impute(of: SimpleImputer) -> Stage:
    _only(of, strategy=("mean", "median", "most_frequent", "constant"))
    missing = of.missing_values
    if not (missing is None or str(missing) in ("nan", "<NA>")) or isinstance(missing, str):
        msg = f"SimpleImputer with missing_values={missing!r} is no stage of a Pipeline; what is missing is NaN or None"
        raise ParameterError(msg)
    fill = of.fill_value
    if fill is not None and not isinstance(fill, str):
        fill = float(fill)
    return Impute(of.strategy, fill, bool(of.add_indicator), bool(of.keep_empty_features))


def _one_hot(of: OneHotEncoder) -> Stage:
    _only(
        of,
        categories=("auto",),
        drop=(None, "first", "if_binary"),
        handle_unknown=("error", "ignore"),
        min_frequency=(None,),
        max_categories=(None,),
    )
    _wide(of)
    return OneHot(of.drop, of.handle_unknown)


def _ordinal(of: OrdinalEncoder) -> Stage:
    _only(
        of,
        categories=("auto",),
        handle_unknown=("error", "use_encoded_value"),
        min_frequency=(None,),
        max_categories=(None,),
    )
    _wide(of)
    if of.encoded_missing_value == of.encoded_missing_value:  # NaN, the default, is not itself
        _only(of, encoded_missing_value=("NaN",))
    return Ordinal(None if of.handle_unknown == "error" else float(of.unknown_value))


def _components(of: PCA) -> Stage:
    count = of.n_components
    plain = isinstance(count, int | float) and not isinstance(count, bool) and count > 0
    if not (count is None or (plain and (isinstance(count, int) or count < 1))):
        msg = f"PCA needs n_components to be a whole number, a share of the variance below 1, or None; got {count!r}"
        raise ParameterError(msg)
    _only(of, svd_solver=("auto", "full", "covariance_eigh"))
    return Components(count, bool(of.whiten))


def _vectorise(of: CountVectorizer) -> Stage:
    """Counts and, of a TfidfVectorizer, their weights."""
    _only(
        of,
        input=("content",),
        analyzer=("word", "char", "char_wb"),
        tokenizer=(None,),
        preprocessor=(None,),
        strip_accents=(None, "ascii", "unicode"),
        max_features=(None,),
        vocabulary=(None,),
    )
    _wide(of)
    own = set(CountVectorizer().get_params()) - {"dtype"}
    counter = CountVectorizer(**{name: held for name, held in of.get_params().items() if name in own})
    try:
        counter._validate_params()  # noqa: SLF001  (scikit-learn asks when it fits, which is never)
        counter._validate_ngram_range()  # noqa: SLF001
    except ValueError as wrong:
        raise ParameterError(str(wrong)) from wrong
    bounds = Weighting(None, use_idf=False, min_df=of.min_df, max_df=of.max_df)
    return Vectorise(counter, _weighting(of, bounds) if isinstance(of, TfidfVectorizer) else bounds)


def _weighting(of: TfidfTransformer | TfidfVectorizer, bounds: Weighting) -> Weighting:
    return Weighting(
        of.norm, bool(of.use_idf), bool(of.smooth_idf), bool(of.sublinear_tf), bounds.min_df, bounds.max_df
    )


def _branches(of: ColumnTransformer) -> Stage:
    _only(of, remainder=("drop", "passthrough"), transformer_weights=(None,))
    made = []
    for name, transformer, columns in of.transformers:
        named = (columns,) if isinstance(columns, str) else columns
        if not isinstance(named, list | tuple) or not all(isinstance(column, str) for column in named):
            msg = f"ColumnTransformer {name!r} needs names of columns, such as ['age', 'size']; got {columns!r}"
            raise ParameterError(msg)
        if not (isinstance(transformer, str) and transformer == "drop"):
            made.append((stages_of([transformer]), tuple(named)))
    if any(isinstance(stage, Branches | Components) for stages, _ in made for stage in stages):
        msg = "a ColumnTransformer holds no further ColumnTransformer and no PCA: put them after one another"
        raise ParameterError(msg)
    if of.remainder == "passthrough" and any(part[1] == "drop" for part in of.transformers if isinstance(part[1], str)):
        msg = "ColumnTransformer drops some columns and passes the remainder: name those that pass, and drop the rest"
        raise ParameterError(msg)
    return Branches(tuple(made), of.remainder == "passthrough")


def _only(of: Any, **allowed: tuple[Any, ...]) -> None:
    """Raise a sentence for a parameter that is none of these."""
    for name, values in allowed.items():
        held = getattr(of, name)
        if not any(held is value or (isinstance(held, str | bool) and held == value) for value in values):
            title = type(of).__name__
            may = " or ".join(map(repr, values))
            msg = f"{title} with {name}={held!r} is no stage of a Pipeline; it may be {may}"
            raise ParameterError(msg)


def _wide(of: Any) -> None:
    """Raise a sentence where numbers would be made narrower than they are here."""
    if of.dtype not in (float, int, np.float64, np.int64, "float64", "int64"):
        msg = f"{type(of).__name__} with dtype={of.dtype!r} is no stage of a Pipeline; numbers are of 64 bits here"
        raise ParameterError(msg)


READERS: dict[type, Callable[[Any], Stage]] = {
    StandardScaler: _scale,
    MinMaxScaler: _stretch,
    MaxAbsScaler: _stretch_from_zero,
    SimpleImputer: _impute,
    OneHotEncoder: _one_hot,
    OrdinalEncoder: _ordinal,
    PCA: _components,
    CountVectorizer: _vectorise,
    TfidfVectorizer: _vectorise,
    ColumnTransformer: _branches,
}
