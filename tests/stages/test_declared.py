"""Stages in a configuration; how a project uses them is in tests/project/test_assembly.py."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.compose import ColumnTransformer

from expunge.errors import ParameterError
from expunge.stages.declared import declared, usual
from expunge.stages.specification import Branches, Scale, stages_of

SCALER = "sklearn.preprocessing.StandardScaler"
WORDS = "sklearn.feature_extraction.text.CountVectorizer"


def test_stages_for_the_same_columns_follow_each_other() -> None:
    fill = {"call": "sklearn.impute.SimpleImputer", "columns": ["a", "b"]}
    made = declared([fill, {"call": SCALER, "columns": ["a", "b"]}, {"call": SCALER, "columns": ["c"]}, SCALER])
    branches, scale = stages_of(made)
    assert isinstance(branches, Branches)
    assert [columns for _, columns in branches.branches] == [("a", "b"), ("c",)]
    assert [len(stages) for stages, _ in branches.branches] == [2, 1]
    assert scale == Scale()


def test_lists_become_pairs_and_words_have_one_column() -> None:
    (choice,) = declared([{"call": WORDS, "ngram_range": [1, 2], "columns": ["text"]}])
    assert isinstance(choice, ColumnTransformer)
    ((_, counter, column),) = choice.transformers
    assert (counter.ngram_range, column) == ((1, 2), "text")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("x", "stages are a list"),
        ([3], "a stage is a name, or a table"),
        ([{"columns": ["a"]}], "a stage is a name, or a table"),
        (["os.system"], "of another package"),
        (["sklearn.ensemble.RandomForestClassifier"], "is no stage of a pipeline"),
        (["StandardScaler"], "did you mean 'StandardScaler'"),
        ([{"call": SCALER, "with_meen": True}], "did you mean 'with_mean'"),
        ([{"call": SCALER, "columns": "a"}], "are a list of names"),
        ([SCALER, {"call": SCALER, "columns": ["a"]}], "come before all that are for every column"),
    ],
)
def test_what_is_no_stage_is_refused_in_words(given: Any, said: str) -> None:
    with pytest.raises(Exception, match=said):
        declared(given)


@pytest.mark.parametrize(
    ("columns", "said"),
    [((("a", "text"), ("b", "number")), "words stand alone"), ((("day", "date"),), "declared as date")],
)
def test_columns_for_which_nothing_is_usual_are_said(columns: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        usual(columns)
