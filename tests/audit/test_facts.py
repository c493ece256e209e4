"""Facts that a retained record says too are none; facts that it says in part are looked for as a whole."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.audit.encodings import information
from expunge.audit.facts import Fact, among, candidates, distinct, numbers_of, texts_of, windows
from expunge.data import items
from expunge.data.table import Table


def told(gone: Table, stays: Table, *, names: bool = True) -> list[Fact]:
    return distinct(candidates(gone, stays, names=names), stays)


def frame(**columns: list[Any]) -> Table:
    ids = columns.pop("ids", None)
    return Table.from_arrays(pa.table(columns), ids=ids)


def test_numbers_side_by_side_as_labels_are_facts_like_those_of_features() -> None:
    own, shared = [86421.0009765625, 3.14159265358979], [123456.7890123, 2.71828182845904]
    gone = Table.from_arrays(np.zeros((2, 1)), np.array([own, shared]), [1, 2])
    stays = Table.from_arrays(np.zeros((1, 1)), np.array([shared]), [3])
    found = [fact for fact in told(gone, stays) if fact.kind == "values"]
    assert {fact.group[1] for fact in found} == {0}
    assert any(np.array(own).tobytes() in fact.spellings for fact in found)
    assert any(np.array(own[1:]).tobytes() == fact.said for fact in found)
    assert told(Table.from_arrays(np.zeros((1, 1)), [[True, False]], [1]), stays) == []


def test_names_that_stay_are_no_facts() -> None:
    X = np.zeros((2, 1))
    gone = Table.from_arrays(X, ids=["gone-00001", "gone-00002"], owners=["owner-0001", "owner-0002"])
    stays = Table.from_arrays(X, ids=["kept-00001", "gone-00002"], owners=["owner-0001", "kept-owner"])
    assert [(fact.kind, fact.said) for fact in told(gone, stays)] == [("id", b"gone-00001"), ("owner", b"owner-0002")]
    assert told(gone, stays, names=False) == []


def test_a_name_within_a_longer_one_is_looked_for_as_a_whole() -> None:
    gone, stays = Table.from_arrays(np.zeros((1, 1)), ids=["user-1234"]), Table.from_arrays([[0]], ids=["user-12345"])
    (fact,) = told(gone, stays)
    assert b"user-1234" not in fact.spellings
    assert b'["s","user-1234"]' in fact.spellings
    assert (b"user-1234", "word") in fact.words
    assert fact.whole


def test_a_name_that_a_retained_text_says_as_a_word_is_told_in_part() -> None:
    for name, note in (("user-1234", "call user-1234-b"), ("Claraweber", "dear CLARAWEBER!"), ("Annalu", "(annalu)")):
        gone = frame(note=["x"], ids=[name])
        (fact,) = [each for each in told(gone, frame(note=[note, "x"], ids=["k1", "k2"])) if each.kind == "id"]
        assert (fact.words, fact.whole) == ((), False)
        assert b'["s","%s"]' % name.encode() in fact.spellings


def test_a_word_within_a_longer_one_is_found_by_itself() -> None:
    gone, stays = frame(x=[0.0], ids=["Claraweber"]), frame(x=[0.0], ids=["MariaClaraweberin"])
    (fact,) = told(gone, stays)
    assert (b"Claraweber", "word") in fact.words
    assert (fact.whole, fact.rare) == (True, ())  # in base64 nothing bounds it
    (alone,) = told(gone, frame(x=[0.0], ids=["Maria"]))
    assert b"Claraweber".hex().encode() in alone.rare


def test_short_texts_are_told_in_part() -> None:
    for name, words in (("Annalu", True), ("Ida", False)):
        (fact,) = told(frame(x=[0.0], ids=[name]), frame(x=[0.0], ids=["Maria"]))
        assert not fact.whole
        assert ((name.encode(), "field") in fact.words) == words
    (digits,) = told(Table.from_arrays([[0]], ids=[123456789]), Table.from_arrays([[0]], ids=[1]))
    assert (digits.whole, (b"123456789", "word") in digits.words) == (False, True)


@pytest.mark.parametrize(("number", "spelled"), [(417, 0), (12345678901, 3), (0x5EEDCA7A12E50B57, 6)])
def test_integers_are_told_by_their_size(number: int, spelled: int) -> None:
    facts = told(Table.from_arrays([[0]], ids=[number]), Table.from_arrays([[0]], ids=[1]))
    assert sum(len(fact.spellings) for fact in facts) >= spelled
    assert bool(facts) == bool(spelled)
    assert (number.to_bytes(8, "little") in {text for fact in facts for text in fact.spellings}) == (spelled == 6)


def test_a_cell_is_shared_only_as_a_whole_and_in_any_column() -> None:
    gone = frame(city=["Ulm"], note=["Bonn"], ids=[1])
    stays = frame(city=["Bonn"], note=["from Ulm to Ulm"], ids=[2])
    spellings = [text for fact in told(gone, stays) for text in fact.spellings]
    assert b'["s","Ulm"]' in spellings
    assert not any(b"Bonn" in text for text in spellings)


def test_words_numbers_and_slices_of_a_long_text() -> None:
    filler = "this sentence is in every one of these notes and tells nothing about anybody at all. "
    gone = frame(note=[filler + "Call Zyxwvutia under +49-171-5550917 " + filler], ids=[1])
    stays = frame(note=[filler * 2], ids=[2])
    spellings = {text for fact in told(gone, stays) for text in fact.spellings}
    assert b'["s","zyxwvutia"]' in spellings
    assert b"+49-171-5550917" in spellings
    assert not any(b"sentence" in text for text in spellings)
    assert b"zyxwvutia" not in spellings  # a word by itself may be anybody's


def test_rows_of_retained_records_are_no_facts_wherever_they_lie() -> None:
    random = np.random.default_rng(0)
    stays = Table.from_arrays(random.normal(size=(5, 4)))
    row = stays.features[3]
    assert told(Table.from_arrays(row[None]), stays, names=False) == []
    other = told(Table.from_arrays(random.normal(size=(1, 4))), stays, names=False)
    assert {fact.kind for fact in other} == {"values"}
    near = told(Table.from_arrays(row[None].astype(np.float32).astype(float)), stays, names=False)
    assert near == []  # as float32 it is the same


def test_numbers_of_a_frame_stand_side_by_side_without_its_texts() -> None:
    gone = frame(a=[1.23456789], b=["x"], c=[9.87654321], d=[True], ids=[1])
    stays = frame(a=[2.0], b=["x"], c=[3.0], d=[False], ids=[2])
    spellings = {text for fact in told(gone, stays) for text in fact.spellings}
    assert np.array([1.23456789, 9.87654321]).tobytes() in spellings


def test_simple_numbers_tell_nothing() -> None:
    gone, stays = Table.from_arrays([[0.1, 1.0, 0.0, 0.5]]), Table.from_arrays([[2.0, 3.0, 4.0, 5.0]], ids=[9])
    assert told(gone, stays) == []
    assert {fact.kind for fact in candidates(gone, stays, names=True)} == {"id", "values"}  # counted, not looked for


@given(numbers=st.lists(st.one_of(st.floats(), st.integers(-99, 99).map(float)), max_size=12))
def test_windows_tell_enough_do_not_overlap_and_hold_no_gap(numbers: list[float]) -> None:
    bits = [information(number) for number in numbers]
    made = windows(numbers, bits)
    assert all(0 <= first < last <= len(numbers) for first, last in made)
    assert all(before[1] <= after[0] for before, after in pairwise(made))
    for first, last in made:
        assert np.isfinite(numbers[first:last]).all()
        assert sum(bits[first:last]) + last - first >= 20


@given(names=st.lists(st.integers(-9, 9)), sought=st.lists(st.integers(-9, 9)))
def test_among_is_membership(names: list[int], sought: list[int]) -> None:
    whole = [np.array(each, np.int64) for each in (names, sought)]
    text = [pa.array(map(str, each), pa.large_string()) for each in (names, sought)]
    expected = [name in sought for name in names]
    assert among(*whole).tolist() == expected
    assert among(*text).tolist() == expected
    assert not among(whole[0], text[1]).any()


def test_what_a_table_holds_is_all_of_it_also_of_a_view() -> None:
    table = Table.from_arrays(
        pa.table({"t": ["Ab", None, "Cd"], "x": [1, 2, None]}), ["No", "Yes", "No"], ids=["I", "J", "K"]
    )
    assert b"".join(texts_of(table.take(np.array([2, 0])))) == b"cdabnonoki"
    assert b"".join(texts_of(table)) == b"abcdnoyesnoijk"
    assert np.frombuffer(b"".join(numbers_of(table.take(np.array([1, 0]))))).tolist() == [2, 1]


def test_numbers_of_images_stand_side_by_side_however_many_are_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(1).normal(size=(4, 3, 2))
    matrix = Table.from_arrays(images.reshape(4, 6))
    for table in (Table.from_arrays(images), Table.from_dataset(images)):
        assert np.frombuffer(b"".join(numbers_of(table))).tolist() == images.ravel().tolist()
        with monkeypatch.context() as patch:
            patch.setattr(items, "CHUNK", 2 * images[0].nbytes)
            assert [len(part) // 8 for part in numbers_of(table)] == [12, 12]
        facts = [told(held.take(slice(0, 1)), held.take(slice(1, 4))) for held in (table, matrix)]
        assert facts[0] == facts[1]
        assert facts[0]
