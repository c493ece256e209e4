"""Transformers read as specifications; a parameter that a stage cannot keep is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from expunge.codec import fingerprint
from expunge.errors import DataError, ParameterError
from expunge.stages.specification import (
    Branches,
    Components,
    Impute,
    Ordinal,
    Scale,
    Stretch,
    Vectorise,
    read,
    stages_of,
)


def test_parameters_become_plain_values() -> None:
    assert read(StandardScaler(with_mean=False)) == Scale(centred=False)
    assert read(MinMaxScaler((0, 2))) == Stretch(0.0, 2.0)
    assert read(MaxAbsScaler()) == Stretch(None, 1.0)
    assert read(SimpleImputer(strategy="constant", fill_value=3)) == Impute("constant", 3.0)
    assert read(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)) == Ordinal(-1.0)
    assert read(PCA(0.5, whiten=True)) == Components(0.5, whiten=True)


def test_nested_pipelines_are_one_sequence_and_what_passes_is_left_out() -> None:
    assert stages_of([make_pipeline("passthrough", StandardScaler()), None]) == (Scale(),)
    (branches,) = stages_of([ColumnTransformer([("a", StandardScaler(), ["x"]), ("b", "drop", ["y"])])])
    assert branches == Branches((((Scale(),), ("x",)),))


def test_counts_and_their_weights_are_one_stage() -> None:
    one, other = (
        stages_of([CountVectorizer(min_df=2), TfidfTransformer(norm="l1")]),
        stages_of([TfidfVectorizer(min_df=2, norm="l1")]),
    )
    assert isinstance(one[0], Vectorise)
    assert isinstance(other[0], Vectorise)
    assert one[0].weighting == other[0].weighting
    assert fingerprint(one) == fingerprint(other)
    assert fingerprint(one) != fingerprint(stages_of([TfidfVectorizer(lowercase=False, min_df=2, norm="l1")]))


@pytest.mark.parametrize(
    ("transformer", "said"),
    [
        (RandomForestClassifier(), "is one of scikit-learn's ColumnTransformer, "),
        (StandardScaler, "got the class StandardScaler"),
        (MinMaxScaler(clip=True), "MinMaxScaler with clip=True"),
        (MinMaxScaler((1, 1)), "from a smaller to a larger number"),
        (SimpleImputer(strategy=max), "SimpleImputer with strategy="),
        (OneHotEncoder(categories=[["a"]]), "it may be 'auto'"),
        (OneHotEncoder(max_categories=3), "OneHotEncoder with max_categories=3"),
        (OrdinalEncoder(encoded_missing_value=-1), "encoded_missing_value=-1"),
        (PCA("mle"), "PCA needs n_components"),
        (PCA(2, svd_solver="randomized"), "svd_solver='randomized'"),
        (CountVectorizer(max_features=3), "max_features=3"),
        (TfidfVectorizer(tokenizer=str.split), "tokenizer="),
        (CountVectorizer(ngram_range=(2, 1)), "ngram_range"),
        (CountVectorizer(lowercase="x"), "lowercase"),
        (ColumnTransformer([("a", StandardScaler(), [0])]), "needs names of columns"),
        (ColumnTransformer([("a", PCA(1), ["x"])]), "holds no further ColumnTransformer and no PCA"),
        (ColumnTransformer([("a", "drop", ["x"])], remainder="passthrough"), "name those that pass"),
        (ColumnTransformer([("a", StandardScaler(), ["x"])], transformer_weights={"a": 2.0}), "transformer_weights"),
    ],
)
def test_what_a_stage_cannot_be_is_refused_in_words(transformer: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        stages_of([transformer])


@pytest.mark.parametrize("missing", [0, "?", -1.0, "nan"])
def test_what_is_missing_is_nan_or_none(missing: Any) -> None:
    with pytest.raises(ParameterError, match="SimpleImputer with missing_values="):
        read(SimpleImputer(missing_values=missing))
    for allowed in (np.nan, float("nan"), None, pd.NA):
        assert read(SimpleImputer(missing_values=allowed)) == Impute()


@pytest.mark.parametrize(
    "before",
    [
        [TfidfVectorizer(use_idf=False)],
        [TfidfVectorizer(use_idf=False, norm=None, sublinear_tf=True)],
        [CountVectorizer(), TfidfTransformer(use_idf=False)],
        [TfidfVectorizer()],
    ],
    ids=str,
)
def test_what_is_weighed_already_is_not_weighed_again(before: list[Any]) -> None:
    with pytest.raises(ParameterError, match="TfidfTransformer weighs the plain counts"):
        stages_of([*before, TfidfTransformer()])
    plain = stages_of([TfidfVectorizer(use_idf=False, norm=None), TfidfTransformer()])
    assert fingerprint(plain) == fingerprint(stages_of([TfidfVectorizer()]))


@pytest.mark.parametrize("kind", [TfidfVectorizer, CountVectorizer, OneHotEncoder, OrdinalEncoder])
def test_numbers_narrower_than_these_are_refused(kind: Any) -> None:
    for narrow in (np.float32, "float32", np.int8, object):
        with pytest.raises(ParameterError, match=f"{kind.__name__} with dtype="):
            read(kind(dtype=narrow))
    assert type(read(kind(dtype=np.float64))) is type(read(kind()))


@pytest.mark.parametrize("fill", [float("nan"), float("inf"), -4.0])
def test_a_constant_is_a_number_below_a_bound(fill: float) -> None:
    with pytest.raises(DataError, match="column 'age' is to be filled with"):
        Impute("constant", fill).number("age", 4.0)
    assert Impute("constant", 3.5).number("age", 4.0) == 3.5
