"""Which column the words are of, and what is refused."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from expunge import Column, Table
from expunge.errors import DataError, ParameterError
from expunge.stages.specification import stages_of
from expunge.stages.texts import Texts

ROWS = pa.table({"body": ["a cat", "the dog", "the cat"], "note": ["x1", "x2", None], "size": [1.0, 2.0, 3.0]})
TABLE = Table.from_arrays(ROWS, ["a", "b", "a"])


def named(column: str) -> Texts:
    return Texts(stages_of([ColumnTransformer([("w", CountVectorizer(), column)])]), "sums")


def test_words_are_of_the_column_that_is_named_or_of_the_only_one() -> None:
    assert named("body").of(TABLE).words.vocabulary == ("cat", "dog", "the")
    only = Texts(stages_of([CountVectorizer()]), "sums")
    assert only.of(TABLE.select(["body"])).words.vocabulary == ("cat", "dog", "the")
    with pytest.raises(DataError, match="words are of one column, and there are body, note, size"):
        only.of(TABLE)


def test_a_column_that_is_erased_leaves_records_without_words() -> None:
    kind = named("body")
    held = kind.of(TABLE)
    assert kind.without(held, "body") == kind.of(TABLE.after(Column("body")))
    assert kind.without(held, "size") is held


@pytest.mark.parametrize(("column", "said"), [("note", "row 2 lacks a text"), ("size", "holds no text")])
def test_what_is_no_text_is_said(column: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        named(column).of(TABLE)


@pytest.mark.parametrize(
    ("stages", "needs", "said"),
    [
        ([TfidfVectorizer(), CountVectorizer()], "sums", "words stand alone"),
        ([TfidfVectorizer()], "moments", "products of every two words"),
    ],
)
def test_what_cannot_stand_beside_words_is_refused(stages: list[Any], needs: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Texts(stages_of(stages), needs)


def test_a_pattern_that_finds_words_in_no_text_finds_none_in_a_column_that_is_erased() -> None:
    pattern = r"\w*"
    kind = Texts(stages_of([CountVectorizer(token_pattern=pattern)]), "sums")
    table = TABLE.select(["body"])
    held, rest = kind.of(table), table.after(Column("body"))
    assert "" in held.words.vocabulary
    assert kind.without(held, "body") == kind.of(rest)
    assert kind.of(rest).words.vocabulary == ()
