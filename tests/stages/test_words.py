"""Words that forget: any stream of texts ends in the bytes of counting those that are left."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from expunge import keyed
from expunge.codec import encode
from expunge.errors import LearnError, MismatchError
from expunge.stages import words
from expunge.stages.words import Words

COUNTER = CountVectorizer()
TEXTS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["aa", "bb", "cc", "dd", "zz"]), max_size=4).map(" ".join), st.sampled_from("hs")
    ),
    min_size=1,
    max_size=8,
)


def names_of(ids: list[int]) -> words.Names:
    return keyed.draws(b"k", np.array(ids, np.int64), "words").astype(np.uint64)


def of(records: list[tuple[str, str]], ids: list[int]) -> Words:
    return words.counted(COUNTER, [text for text, _ in records], [label for _, label in records], names_of(ids))


@settings(deadline=None, max_examples=40, database=None)
@given(TEXTS, st.data())
def test_any_stream_ends_in_the_bytes_of_the_texts_that_are_left(
    records: list[tuple[str, str]], draw: st.DataObject
) -> None:
    ids = list(range(len(records)))
    gone = draw.draw(st.sets(st.sampled_from(ids)))
    stays = [place for place in ids if place not in gone]
    whole = of(records, ids)
    rest, out = (of([records[place] for place in some], some) for some in (stays, sorted(gone)))
    assert encode(words.without(whole, names_of(sorted(gone, reverse=True)))) == encode(rest)
    assert encode(words.joined(rest, out)) == encode(words.joined(out, rest)) == encode(whole)
    assert words.joined(rest, out) == whole
    assert (rest == whole) == (not gone)


def test_rows_and_vocabulary_are_those_of_scikit_learn() -> None:
    texts = ["a cat sat", "The cat ran", "cat cat"]
    for counter in (COUNTER, CountVectorizer(ngram_range=(1, 2)), CountVectorizer(analyzer="char_wb", binary=True)):
        held = words.counted(counter, texts, ["h"] * 3, names_of([4, 5, 6]))
        theirs = counter.fit_transform(texts).toarray()
        order = words.in_order(names_of([4, 5, 6]))
        assert held.vocabulary == tuple(counter.get_feature_names_out())
        assert (held.rows.toarray() == theirs[order]).all()
        assert (held.writers == (theirs > 0).sum(axis=0)).all()
        made = words.of_vocabulary(counter, texts, held.vocabulary)
        assert (made.toarray() == theirs).all()


def test_a_word_that_only_the_forgotten_wrote_leaves_the_vocabulary_and_every_array() -> None:
    whole = of([("aa bb secretword", "h"), ("aa cc", "h"), ("bb", "s")], [1, 2, 3])
    left = words.without(whole, names_of([1]))
    assert b"secretword" in encode(whole)
    assert b"secretword" not in encode(left)
    assert left.vocabulary == ("aa", "bb", "cc")
    assert left.writers.tolist() == [1, 1, 1]
    assert left.rows.shape == (2, 3)
    assert words.without(left, names_of([3])).classes == ("h",)


def test_two_records_may_share_half_a_number() -> None:
    names = np.array([[7, 2], [7, 1], [7, 3]], np.uint64)
    held = words.counted(COUNTER, ["bb", "aa", "cc"], ["h", "h", "s"], names)
    assert [words.without(held, names[[row]]).vocabulary for row in range(3)] == [
        ("aa", "cc"),
        ("bb", "cc"),
        ("aa", "bb"),
    ]


def test_a_record_that_is_not_there_cannot_go() -> None:
    held = of([("aa", "h"), ("bb", "s")], [1, 2])
    for nobody in ([3], [1, 99]):
        with pytest.raises(MismatchError, match="not among those that it learned"):
            words.without(held, names_of(nobody))
    empty = words.without(held, names_of([1, 2]))
    assert (len(empty), empty.vocabulary, empty.classes) == (0, (), ())
    with pytest.raises(MismatchError):
        words.without(empty, names_of([1]))


def test_texts_without_any_word_are_records_all_the_same() -> None:
    held = of([("", "h"), ("!", "s")], [1, 2])
    assert (len(held), held.vocabulary, held.rows.shape) == (2, (), (2, 0))
    assert words.of_vocabulary(COUNTER, ["aa"], ()).shape == (1, 0)
    assert words.silent(of([("aa", "h")], [1])) == of([("", "h")], [1])


def test_a_vectoriser_that_fails_says_so() -> None:
    with pytest.raises(LearnError, match="CountVectorizer failed on a text: 'utf-8' codec can't decode"):
        words.tokenised(COUNTER, [b"\xff"])  # type: ignore[list-item]
