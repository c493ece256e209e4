"""A request's paper: nothing is lost on the way to bytes, and what is the same request has the same token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.data.schema import Schema, table_of
from expunge.data.table import Table
from expunge.engine.paper import Paper, class_name, content_of, corrections, subjects, token
from expunge.values import Addition, Batch, Column, Correction, Label, Owners, Records, Target

KEY = b"ledger key"
SCHEMA = Schema("row", "found", "person", (("age", "number"),))
NAMES = st.one_of(st.integers(-(2**70), 2**70), st.text(max_size=5))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


def rows(ages: list[float]) -> Table:
    ids = np.arange(len(ages))
    owners = [f"person {n}" for n in ids]
    said = {"row": ids, "found": ["ill"] * len(ages), "person": owners, "age": ages}
    return table_of(pa.table(said).select(SCHEMA.arrow.names).cast(SCHEMA.arrow), SCHEMA)


ROWS = st.lists(st.floats(0, 99), min_size=1, max_size=4).map(rows)
SINGLE: st.SearchStrategy[Target] = st.one_of(
    st.sets(NAMES, max_size=4).map(Records),
    st.sets(NAMES, max_size=4).map(Owners),
    st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS).map(Label),
    st.text(min_size=1, max_size=9).map(Column),
)
TARGETS = st.one_of(SINGLE, st.lists(SINGLE, max_size=3).map(Batch))


@given(TARGETS, st.binary(min_size=1), st.none() | TEXTS, st.none() | TEXTS)
def test_it_comes_back_as_it_was(target: Target, salt: bytes, requester: str | None, reference: str | None) -> None:
    paper = Paper(salt, target, requester, reference, SCHEMA)
    assert Paper.read(paper.written()) == paper
    assert Paper.read(paper.written()).written() == paper.written()


@given(ROWS, st.sampled_from([Correction, Addition]))
def test_rows_come_back_as_they_were(table: Table, kind: Any) -> None:
    read = Paper.read(Paper(b"salt", Batch([kind(table), Records([1])]), schema=SCHEMA).written())
    assert isinstance(read.target, Batch)
    assert content_of(KEY, read.target) == content_of(KEY, Batch([kind(table), Records([1])]))
    assert read.schema == SCHEMA


@given(TARGETS, TARGETS)
def test_targets_are_the_same_content_when_they_are_equal(one: Target, other: Target) -> None:
    same = content_of(KEY, one) == content_of(KEY, other)
    assert same == (content_of(b"another key", one) == content_of(b"another key", other))
    assert same == (Paper(b"", one).written() == Paper(b"", other).written())


def test_types_make_other_requests() -> None:
    targets: list[Target] = [
        Records([1]),
        Records(["1"]),
        Owners([1]),
        Label(1),
        Label(1.0),
        Label(True),
        Label("1"),
        Column("1"),
    ]
    assert len({content_of(KEY, target) for target in targets}) == len(targets)
    assert len({token(KEY, target, None, None) for target in targets}) == len(targets)


def test_order_of_names_and_rows_makes_no_other_request() -> None:
    assert content_of(KEY, Records([2, 1])) == content_of(KEY, Records([1, 2]))
    table = rows([1.0, 2.0])
    assert content_of(KEY, Correction(table)) == content_of(KEY, Correction(table.take(np.array([1, 0]))))
    assert content_of(KEY, Correction(table)) != content_of(KEY, Correction(rows([1.0, 3.0])))
    assert content_of(KEY, Correction(table)) != content_of(KEY, Addition(table))


def test_a_token_is_of_the_requester_and_of_the_reference_or_the_target() -> None:
    one, other = Records([1]), Records([2])
    assert token(KEY, one, "shop", "7") == token(KEY, other, "shop", "7")
    assert token(KEY, one, "shop", None) == token(KEY, one, "shop", None)
    made = [(one, "shop", "7"), (one, "court", "7"), (one, "shop", None), (other, "shop", None), (one, None, None)]
    assert len({token(KEY, *each) for each in made}) == len(made)
    assert token(KEY, one, None, None) != token(b"another", one, None, None)


def test_a_token_does_not_confuse_where_a_requester_ends() -> None:
    assert token(KEY, Records([1]), "a", "breference c") != token(KEY, Records([1]), "areference b", "c")


def test_subjects_are_each_named_once_in_an_order_of_their_own() -> None:
    target = Batch([Owners(["b", "a"]), Records([2, 1, "x"]), Correction(rows([1.0, 2.0])), Label(True), Column("age")])
    found = subjects(target)
    assert set(found) == {
        ("owner", "a"), ("owner", "b"), ("record", 0), ("record", 1), ("record", 2), ("record", "x"),
        ("class", "bool True"), ("column", "age"),
    }  # fmt: skip
    assert len(found) == 8
    assert subjects(Batch(list(reversed(target.targets)))) == found


@pytest.mark.parametrize(("value", "name"), [(1, "int 1"), (True, "bool True"), ("1", "str '1'"), (1.0, "float 1.0")])
def test_classes_of_two_types_have_two_names(value: Any, name: str) -> None:
    assert class_name(value) == name


def test_corrections_are_found_in_batches() -> None:
    one = Correction(rows([1.0]))
    assert corrections(one) == (one,)
    assert corrections(Records([1])) == ()
    assert [*corrections(Batch([Records([1]), one]))] == [one]
