"""Text that lines up, fits a page and shows figures in few digits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from expunge.audit.layout import WIDTH, laid_out, said, shown

WORDS = st.text("abcdefgh", min_size=1, max_size=12)


@given(rows=st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=6))
def test_columns_end_where_they_ended_above(rows: list[tuple[str, str, str]]) -> None:
    lines = laid_out(rows)
    assert [line.split() for line in lines] == [list(row) for row in rows]
    assert len({len(line) for line in lines}) == 1


@given(words=st.lists(WORDS, min_size=1, max_size=60))
def test_sentences_wrap_and_keep_their_words(words: list[str]) -> None:
    lines = said(" ".join(words))
    assert " ".join(lines).split() == words
    assert all(line.startswith("  ") and len(line) <= WIDTH for line in lines)


def test_figures_are_short_and_what_is_missing_is_a_dash() -> None:
    assert [shown(figure) for figure in (None, 0.0, 0.12345, -27.63, 123456.7)] == [
        "-",
        "0.000",
        "0.123",
        "-27.630",
        "1.235e+05",
    ]
