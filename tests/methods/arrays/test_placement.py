"""Where SISA puts a unit: a function of its name alone, even, and within the bands that were declared."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge import Table
from expunge.methods.arrays._placement import Band, place

KEY = b"k"


def of(names: list[int] | list[str]) -> Table:
    return Table.from_arrays(np.zeros((len(names), 1)), None, names)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, min_size=1), st.integers(1, 9), st.integers(1, 5))
def test_a_record_is_where_it_is_whoever_else_is_there(names: list[int], shards: int, slices: int) -> None:
    together = place(of(names), KEY, shards, slices, None, ())
    for row, name in enumerate(names):
        alone = place(of([name]), KEY, shards, slices, None, ())
        assert (alone.shards[0], alone.slices[0]) == (together.shards[row], together.slices[row])


@given(st.lists(st.text(max_size=9), unique=True), st.integers(1, 9))
def test_members_are_each_record_once(names: list[str], shards: int) -> None:
    placed = place(of(names), KEY, shards, 1, None, ())
    members = list(placed.members())
    assert len(members) == shards
    assert sorted(int(row) for rows in members for row in rows) == list(range(len(names)))
    for shard, rows in enumerate(members):
        assert (placed.shards[rows] == shard).all()


def test_shards_and_slices_are_even_and_independent() -> None:
    placed = place(of(list(range(20_000))), KEY, 4, 5, None, ())
    counts = np.bincount(placed.shards * 5 + placed.slices, minlength=20)
    chi_square = ((counts - 1000) ** 2 / 1000).sum()
    assert chi_square < 43.8, "above the 99.9 % quantile of 19 degrees of freedom"


def test_another_key_places_otherwise() -> None:
    table = of(list(range(100)))
    one, other = (place(table, key, 8, 1, None, ()).shards for key in (b"one", b"other"))
    assert (one != other).mean() > 0.5


def test_integers_and_their_names_are_not_the_same() -> None:
    numbers, texts = of(list(range(100))), of([str(k) for k in range(100)])
    assert isinstance(texts.ids, pa.Array)
    one, other = (place(table, KEY, 8, 1, None, ()).shards for table in (numbers, texts))
    assert (one != other).mean() > 0.5


@pytest.mark.parametrize(
    ("likelihood", "shards", "slices"), [(0.0, {0, 1}, {0}), (0.3, {2}, {1, 2}), (1.0, {2}, {1, 2})]
)
def test_a_band_begins_at_its_likelihood(likelihood: float, shards: set[int], slices: set[int]) -> None:
    bands = (Band(0.0, shards=(0, 2), slices=(0, 1)), Band(0.3, shards=(2, 3), slices=(1, 3)))
    table = Table.from_arrays(np.full((200, 1), likelihood), None, columns=["risk"])
    placed = place(table, KEY, 3, 3, "risk", bands)
    assert set(placed.shards.tolist()) == shards
    assert set(placed.slices.tolist()) == slices


def test_a_band_without_shards_has_all_of_them() -> None:
    table = Table.from_arrays(np.full((200, 1), 0.3), None, columns=["risk"])
    one, other = (place(table, KEY, 3, 1, "risk", (Band(0.0, shards=span),)) for span in (None, (0, 3)))
    assert one.shards.tolist() == other.shards.tolist()
    assert Band(0.0).among(3) == (0, 3)
