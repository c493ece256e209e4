"""Digests of records: of all that they say and nothing else, however many are read at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge import keyed
from expunge.data import digests, items
from expunge.data import features as feats
from expunge.data.table import Table
from expunge.values import Correction, Label, Records

NUMBERS = [0.0, -0.0, 1.0, float("nan")]


@pytest.mark.parametrize("rows", [1, 3, 1 << 16])
@pytest.mark.parametrize("size", [1, 40, 1 << 24])
def test_a_matrix_is_digested_as_all_its_bytes_side_by_side(
    rows: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyed, "ROWS", rows)
    monkeypatch.setattr(items, "CHUNK", size)
    X, label, ids = np.arange(35.0).reshape(7, 5), np.arange(7) % 2, np.arange(7) + 40
    laid = np.hstack([X.view(np.uint8), label[:, None].view(np.uint8), ids[:, None].view(np.uint8)])
    for held in (X, np.asfortranarray(X), X.astype(">f8")):
        assert (digests.of_records(held, [label, ids], 7, b"k") == keyed.digest_rows(b"k", laid)).all()


def test_a_record_that_is_one_thing_is_digested_by_itself_first() -> None:
    X = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    own = items.digest_records(X, b"k")
    assert own.shape == (4, 16)
    assert (digests.of_records(X, [], 4, b"k") == keyed.digest_rows(b"k", own)).all()
    for held in (np.asfortranarray(X), X.astype(">i2"), X.transpose(0, 2, 1).copy().transpose(0, 2, 1)):
        assert (items.digest_records(held, b"k") == own).all()
    assert (items.digest_records(X[::-1], b"k") == own[::-1]).all()
    assert (items.digest_records(X, b"other") != own).any(axis=1).all()
    assert digests.of_records(X[:0], [], 0, b"k").shape == items.digest_records(X[:0], b"k").shape == (0, 16)


def test_no_more_rows_are_read_at_a_time_than_fit_into_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    assert items.rows_at_a_time(np.zeros((9, 1))) == keyed.ROWS
    assert items.rows_at_a_time(np.zeros((9, 0))) == keyed.ROWS
    assert items.rows_at_a_time(np.zeros((2, items.CHUNK))) == 1
    monkeypatch.setattr(items, "CHUNK", 100)
    assert items.rows_at_a_time(np.zeros((9, 2, 2), np.float32)) == 6


@given(
    st.lists(st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS), st.booleans()), min_size=1, max_size=10),
    st.sets(st.integers(0, 9), max_size=5),
    st.sampled_from(["array", "items", "matrix", "arrow"]),
    st.booleans(),
)
def test_twins_are_what_brute_force_finds(rows: list[Any], gone: set[int], form: str, viewed: bool) -> None:  # noqa: FBT001  (drawn)
    X = np.array([row[:2] for row in rows])
    given: Any = {
        "array": X[:, :, None],
        "items": items.of_array(X[:, None], columned=False),
        "matrix": X,
        "arrow": pa.table({"a": X[:, 0], "b": X[:, 1]}),
    }[form]
    table = Table.from_arrays(given, [row[2] for row in rows], ids=range(100, 100 + len(rows)))
    places = np.arange(len(rows))
    if viewed:
        places = places[::-2].copy()
        table = table.take(places)
        table.digests(b"run")
    said = [(X[place].tobytes(), rows[place][2]) for place in places]
    out = [at for at, place in enumerate(places) if place in gone]
    expected = [at for at in range(len(said)) if at not in out and said[at] in [said[o] for o in out]]
    assert digests.twins(table, Records(place + 100 for place in gone)).tolist() == expected


def test_twins_of_a_correction_have_the_old_content_and_those_of_a_class_its_label() -> None:
    X = np.zeros((4, 2, 2))
    X[3] = 1
    table = Table.from_arrays(X, ["a", "a", "b", "a"])
    right = Table.from_arrays(np.ones((1, 2, 2)), ["a"], [0])
    assert digests.twins(table, Correction(right)).tolist() == [1]
    assert digests.twins(table, Label("a")).tolist() == []
    assert not feats.in_columns(X)
    assert feats.in_columns(X[:, 0])
