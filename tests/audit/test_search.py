"""The search finds what `bytes.find` finds, wherever chunks end, and nothing in bytes at random."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.audit import search
from expunge.audit.search import Search
from expunge.errors import ParameterError


def naive(patterns: list[bytes], content: bytes) -> list[tuple[int, int]]:
    """The oracle: one `bytes.find` after the other."""
    found = []
    for place, pattern in enumerate(patterns):
        at = content.find(pattern)
        while at >= 0:
            found.append((at, place))
            at = content.find(pattern, at + 1)
    return sorted(found)


few = st.integers(0, 2).map(lambda value: bytes([value]))
narrow = st.lists(few, min_size=8, max_size=45).map(b"".join)  # of three letters: nearly everything nearly matches
patterns_of = st.lists(st.one_of(narrow, st.binary(min_size=8, max_size=80)), max_size=8)


@st.composite
def contents(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    patterns = draw(patterns_of)
    piece = st.one_of(st.binary(max_size=9), st.lists(few, max_size=30).map(b"".join))
    if patterns:
        cut = st.tuples(st.sampled_from(patterns), st.integers(0, 9)).map(lambda held: held[0][held[1] :])
        piece = st.one_of(piece, st.sampled_from(patterns), cut)
    return patterns, b"".join(draw(st.lists(piece, max_size=12)))


@given(drawn=contents())
def test_it_finds_what_find_finds(drawn: tuple[list[bytes], bytes]) -> None:
    patterns, content = drawn
    assert sorted(Search(patterns).places(content)) == naive(patterns, content)


@given(drawn=contents(), cuts=st.lists(st.integers(0, 400), max_size=12))
def test_where_chunks_end_means_nothing(drawn: tuple[list[bytes], bytes], cuts: list[int]) -> None:
    patterns, content = drawn
    ends = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    chunks = [content[first:last] for first, last in pairwise(ends)]
    found = Search(patterns).through(chunks)
    assert found.searched == len(content)
    assert found.patterns == {place for _, place in naive(patterns, content)}


@given(drawn=contents(), place=st.integers(0, 3))
def test_blocks_end_inside_patterns(drawn: tuple[list[bytes], bytes], place: int) -> None:
    patterns, content = drawn
    content = bytes(place) + content * 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "BLOCK", 16)
        assert sorted(Search(patterns).places(content)) == naive(patterns, content)


@pytest.mark.parametrize("length", [8, 9, 11, 18, 19, 34, 35, 64, 65, 200])
def test_a_planted_pattern_is_found_at_every_offset_and_chunk_boundary(length: int) -> None:
    random = np.random.default_rng(length)
    pattern, hay = random.bytes(length), random.bytes(256)
    look = Search([random.bytes(length), pattern])
    for offset in range(57):
        content = hay[:offset] + pattern + hay[offset:]
        assert list(look.places(content)) == [(offset, 1)]
    for cut in range(1, length):
        assert look.through([hay + pattern[:cut], pattern[cut:]]).patterns == {1}
    assert look.through([bytes([byte]) for byte in hay[:9] + pattern]).patterns == {1}
    assert not look.through([hay + pattern[:-1], hay, pattern[1:]]).patterns


def test_a_pattern_over_the_edge_of_a_block_is_one_hit() -> None:
    for before in range(search.BLOCK - 20, search.BLOCK + 4, 3):
        content = bytes(before) + b"straddling it" + bytes(40)
        assert list(Search([b"straddling it"]).places(content)) == [(before, 0)]


def test_random_bytes_hold_none_of_four_thousand_patterns() -> None:
    random = np.random.default_rng(7)
    look = Search([random.bytes(int(length)) for length in random.integers(8, 40, 4096)])
    found = look.through(random.bytes(10_000_000) for _ in range(10))
    assert found.searched == 100_000_000
    assert not found.patterns


def test_four_thousand_alike_in_what_is_alike() -> None:
    random = np.random.default_rng(3)
    rows = random.integers(0, 16, (4096, 12)).astype("<f8")
    content = b"odd" + random.integers(0, 16, (20_000, 12)).astype("<f8").tobytes() + rows[4000].tobytes()
    assert Search([row.tobytes() for row in rows]).through([content]).patterns == {4000}


def test_nothing_to_look_for_still_reads() -> None:
    assert Search([]).through([b"abc", b"", b"d"]).searched == 4
    assert not Search([b"eight or more"]).through([]).patterns


def test_one_pattern_twice_is_found_twice() -> None:
    assert Search([b"the same", b"the same"]).through([b"it is the same"]).patterns == {0, 1}


def test_short_patterns_are_refused() -> None:
    with pytest.raises(ParameterError, match="at least 8 bytes; number 1 has 7"):
        Search([b"long enough", b"too few"])


# -- patterns that have to stand by themselves ------------------------------------------------------------------------

SIGNS = b"ab1 ,;\n<\xc3"
loose = st.lists(st.sampled_from([bytes([sign]) for sign in SIGNS]), max_size=60).map(b"".join)
words_of = st.lists(
    st.tuples(
        st.sampled_from([b"abab", b"aab1a", b"a1a1a1a", b"abababab", b"ba ab, ba ab"]),
        st.sampled_from(["word", "field"]),
    ),
    max_size=6,
)


def bounded(words: list[tuple[bytes, str]], content: bytes) -> set[int]:
    """The oracle: a regular expression for each."""
    around = {"word": rb"[0-9A-Za-z]", "field": rb"""[^\r\n\t ,;|"'<>\0]"""}
    return {
        place
        for place, (word, edge) in enumerate(words)
        if re.search(b"(?<!%s)%s(?!%s)" % (around[edge], re.escape(word), around[edge]), content)
    }


@given(
    words=words_of,
    pieces=st.lists(st.one_of(loose, st.just(b"abab"), st.just(b"abababab"))),
    cuts=st.lists(st.integers(0, 200)),
)
def test_words_are_found_where_they_stand_by_themselves(
    words: list[tuple[bytes, str]], pieces: list[bytes], cuts: list[int]
) -> None:
    content = b"".join(pieces)
    look = Search([word for word, _ in words], [edge for _, edge in words])
    expected = bounded(words, content)
    assert {place for _, place in look.places(content)} == expected
    ends = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    assert look.through([content[first:last] for first, last in pairwise(ends)]).patterns == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "BLOCK", 16)
        assert look.through([content]).patterns == expected


@pytest.mark.parametrize("word", ["Anna", "Annaluis", "Claraweber the second", "王小明"])
@pytest.mark.parametrize("code", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_words_of_wide_letters_have_wide_neighbours(word: str, code: str) -> None:
    look = Search([word.encode(code)], [f"word in {code}"])
    for around, expected in (
        ("{}", {0}),
        (" {} ", {0}),
        ("x{} ", set()),
        (" {}x", set()),
        ("«{}»", {0}),
        ("大{}大", {0}),  # what bounds a word is no ASCII letter
        ("{}1", set()),
    ):
        content = around.format(word).encode(code)
        assert look.through([content]).patterns == expected
        assert look.through([bytes([byte]) for byte in content]).patterns == expected


def test_brief_words_among_plain_patterns_are_found_with_them() -> None:
    look = Search([b"long enough", b"Anna", b"Emil7", b"long enough"], ["", "word", "field", "word"])
    assert look.through([b"xlong enoughx (Anna) (Emil7)"]).patterns == {0, 1}
    assert look.through([b"Emil7"]).patterns == {2}
    assert look.through([b"Emil", b"7", b"\tlong", b" enough"]).patterns == {0, 2, 3}
    assert look.through([b"An"]).patterns == set()


def test_words_that_are_too_short_are_refused() -> None:
    with pytest.raises(ParameterError, match="at least 4 bytes; number 0 has 3"):
        Search([b"Ida"], ["word"])


def test_hits_are_counted_by_kind() -> None:
    found = Search([b"pattern one", b"pattern two", b"pattern three"]).through([b"pattern one, pattern three"])
    assert found.kinds(["id", "id", "text"]) == {"id": 1, "text": 1}
