"""Spellings are those that the writers of files use; what is worth little is left out."""

from __future__ import annotations

import base64
import json
import math
import struct
from uuid import UUID

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from expunge.audit.encodings import base64_of, bounded, hexadecimal, information, integer, plain, quoted, row, worth
from expunge.audit.search import SHORTEST, Search
from expunge.codec import encode

letters = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40)


@given(value=st.floats(allow_nan=False, allow_infinity=False), whole=st.integers(1, 999))
def test_information_is_small_for_numbers_that_anybody_may_come_by(value: float, whole: int) -> None:
    assert 0 <= information(value) <= 53
    assert information(value) == information(-value)
    assert information(float(whole)) <= math.log2(whole) + 1
    assert information(whole / 1000) <= 10
    assert information(1 / whole) <= 16
    assert information(1 - whole / 1000) <= 20


def test_information_of_a_full_mantissa_is_full() -> None:
    drawn = np.random.default_rng(0).normal(size=1000)
    assert np.quantile([information(value) for value in drawn.tolist()], 0.02) > 44
    assert all(information(float(value)) <= 24 for value in drawn.astype(np.float32))
    assert [information(value) for value in (0.0, -0.0, math.inf, math.nan, 1e300, 5e-324)][:4] == [0, 0, 0, 0]


@given(text=letters, before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_a_text_is_found_in_whatever_it_is_written(text: str, before: bytes, after: bytes) -> None:
    spelled = [*plain(text), *base64_of(text)]
    written = [text.encode(), text.encode("utf-16"), json.dumps({"k": text}).encode(), text.encode().hex().encode()]
    written += [base64.b64encode(before + text.encode() + after), np.array([text, "x"]).tobytes()]
    for content in written[: 4 if text.count("\0") else 6]:
        assert any(spelling in content for spelling in spelled)


@given(text=letters)
def test_every_spelling_is_worth_it(text: str) -> None:
    for spelling in (*plain(text), *quoted(text), *base64_of(text), *row([1.5, 2.5, 3.5]), *integer(2**60, alone=True)):
        assert len(spelling) >= SHORTEST
        assert worth(spelling) >= 56 or spelling in row([1.5, 2.5, 3.5])


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=3, max_size=7))
def test_a_short_text_is_found_where_our_codec_wrote_it(text: str) -> None:
    assert any(spelling in encode([text]) for spelling in quoted(text))
    assert any(spelling in encode(np.array([text, None], dtype=object)) for spelling in quoted(text))


@given(number=st.integers(2**44, 2**63 - 1))
def test_an_integer_is_found_as_number_and_as_digits(number: int) -> None:
    assume(worth(struct.pack("<q", number)) >= 56)
    spelled = integer(number, alone=True)
    for content in (struct.pack("<q", number), struct.pack(">q", number), str(number).encode(), encode([number])):
        assert any(spelling in content for spelling in spelled)
    alone = integer(number, alone=False)
    assert not any(spelling in struct.pack("<q", number) for spelling in alone)
    assert any(spelling in encode([number]) for spelling in alone)


@given(values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=8))
def test_numbers_side_by_side_are_found_in_rows(values: list[float]) -> None:
    assume(sum(map(information, values)) >= 60)
    spelled, numbers = row(values), np.array(values)
    for kind in ("<f8", ">f8", "<f4", ">f4"):
        assert any(spelling in numbers.astype(kind).tobytes() for spelling in spelled)
    for content in (encode(values), encode(numbers), encode(np.array([numbers, numbers], order="F"))):
        assert any(spelling in content for spelling in spelled)
    assert any(spelling in json.dumps(values).encode() for spelling in spelled)
    assert any(spelling in ",".join(map(str, values)).encode() for spelling in spelled)


@pytest.mark.parametrize("kind", ["<i8", ">i8", "<i4", ">i4"])
def test_whole_numbers_are_found_as_integers(kind: str) -> None:
    values = [123456, 7, 987654, 31]
    assert any(spelling in np.array(values, kind).tobytes() for spelling in row(values))
    assert any(spelling in b"x,123456,7,987654,31\n" for spelling in row(values))


@given(text=letters, before=st.binary(max_size=4), after=st.binary(max_size=4))
def test_base64_of_the_next_text_is_another(text: str, before: bytes, after: bytes) -> None:
    other = before + text.encode()[:-1] + bytes([text.encode()[-1] ^ 1]) + after
    assume(text.encode() not in other)
    assert not any(spelling in base64.b64encode(other) for spelling in base64_of(text))


def test_a_uuid_is_found_as_sixteen_bytes() -> None:
    name = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"
    assert UUID(name).bytes in plain(name)
    assert name.replace("-", "").encode() in plain(name)


@pytest.mark.parametrize("text", ["Anna", "Zoé1", "Claraweber", "Zoé Quetzalcóatl"])
def test_what_stands_by_itself_is_spelled_with_its_edge(text: str) -> None:
    for edge in ("word", "field"):
        spelled = dict(bounded(text, edge))
        assert spelled[text.encode()] == edge
        for code in ("utf-16-le", "utf-16-be", "utf-32-le"):
            assert spelled[text.encode(code)] == f"{edge} in {code}"
        assert text.isascii() or text.encode("latin-1") in spelled
        assert json.dumps(text)[1:-1].encode() in spelled
        Search(list(spelled), list(spelled.values()))  # it takes them all


def test_what_is_too_short_for_a_word_is_not_spelled_as_one() -> None:
    assert (b"Ida", "field") not in bounded("Ida", "field")
    assert hexadecimal("Claraweber") == [b"436c61726177656265" + b"72"]
    assert hexadecimal("Ida") == []
