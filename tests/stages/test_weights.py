"""Weights of words against scikit-learn's, and that they know nothing of who was forgotten."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from expunge.errors import LearnError
from expunge.stages import weights, words
from expunge.stages.specification import Vectorise, read

RANDOM = np.random.default_rng(2)
TEXTS = [" ".join(RANDOM.choice(["aa", "bb", "cc", "dd", "ee", "ff"], RANDOM.integers(0, 9))) for _ in range(30)]
LABELS = ["h", "s"] * 15
NAMES = np.column_stack([np.arange(30), np.zeros(30)]).astype(np.uint64)  # rows stay in the order given
KINDS: list[dict[str, Any]] = [
    {},
    {"norm": "l1"},
    {"norm": None},
    {"use_idf": False},
    {"smooth_idf": False},
    {"sublinear_tf": True},
    {"min_df": 14, "max_df": 0.5},
    {"min_df": 0.4, "norm": "l1"},
]


@pytest.mark.parametrize("options", KINDS)
def test_weights_and_their_sums_are_those_of_scikit_learn(options: dict[str, Any]) -> None:
    theirs = TfidfVectorizer(**options)
    stage = read(theirs)
    assert isinstance(stage, Vectorise)
    held = words.counted(stage.counter, TEXTS, LABELS, NAMES)
    terms, wanted = weights.fitted(stage.weighting, held), theirs.fit_transform(TEXTS).toarray()
    assert terms.vocabulary == tuple(theirs.get_feature_names_out())
    rows = words.of_vocabulary(stage.counter, TEXTS, terms.vocabulary)
    np.testing.assert_allclose(weights.weighed(stage.weighting, terms, rows).toarray(), wanted, atol=1e-14)
    made = weights.sums(stage.weighting, terms, held)
    np.testing.assert_allclose(made, [wanted[0::2].sum(axis=0), wanted[1::2].sum(axis=0)], atol=1e-13)
    above = weights.sums(stage.weighting, terms, held, 0.3)
    np.testing.assert_array_equal(above, [(wanted[0::2] > 0.3).sum(axis=0), (wanted[1::2] > 0.3).sum(axis=0)])


def test_one_deletion_changes_every_weight_as_learning_without_does() -> None:
    stage = read(TfidfVectorizer())
    assert isinstance(stage, Vectorise)
    held = words.counted(stage.counter, TEXTS, LABELS, NAMES)
    left, stays = words.without(held, NAMES[4:5]), [place for place in range(30) if place != 4]
    before, after = weights.fitted(stage.weighting, held), weights.fitted(stage.weighting, left)
    assert (before.factors != after.factors).all()  # the number of records is in each
    again = words.counted(stage.counter, [TEXTS[k] for k in stays], [LABELS[k] for k in stays], NAMES[stays])
    assert weights.fitted(stage.weighting, again).factors.tobytes() == after.factors.tobytes()
    assert weights.sums(stage.weighting, after, left).tobytes() == weights.sums(stage.weighting, after, again).tobytes()


def test_more_records_asked_for_than_allowed_is_said() -> None:
    stage = read(TfidfVectorizer(min_df=20, max_df=0.5))
    assert isinstance(stage, Vectorise)
    with pytest.raises(LearnError, match="of 30 records a word must have at least 20 and at most 15"):
        weights.fitted(stage.weighting, words.counted(stage.counter, TEXTS, LABELS, NAMES))


def test_plain_counts_are_those_that_nothing_is_made_of() -> None:
    assert weights.COUNTS.plain
    for other in ({}, {"norm": None}, {"norm": "l1", "use_idf": False}):
        assert not weights.Weighting(**other).plain
    assert not weights.Weighting(None, use_idf=False, sublinear_tf=True).plain
