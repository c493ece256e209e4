"""Rows that are appended: as if all had been copied, whoever else appends, and nothing that was held changes."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expunge import Addition, Correction, Records, Table
from expunge.data import places
from expunge.data.storage import FEWEST, Room
from expunge.errors import DataError
from expunge.values import Batch, Target

KEY = b"a key for tests"


def rows(ids: list[int], said: int, *, text: bool = False, owned: bool = True) -> Table:
    """Records that say the same, each by its id."""
    label: Any = np.full(len(ids), said)
    if text:
        label = np.array(["no" if said % 2 else "x" * (said % 7 + 1)] * len(ids), str)
    X = np.column_stack([np.array(ids, float), np.full(len(ids), float(said))])
    return Table.from_arrays(X, label, ids, owners=np.array(ids) // 2 if owned else None)


def copied(table: Table) -> Table:
    """The same records, of columns that know nothing."""
    return Table.from_arrays(
        np.array(table.features), np.array(table.label), np.array(table.ids), owners=np.array(table.owners)
    )


def said(table: Table) -> tuple[Any, ...]:
    """All that a table says, the type of its labels included."""
    parts = (table.ids, table.owners, table.features, table.label)
    return (table.rows is None, str(np.asarray(table.label).dtype), *(np.asarray(part).tolist() for part in parts))


@given(st.data(), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_stream_is_what_copies_would_be(draw: st.DataObject, text: bool, indexed: bool) -> None:  # noqa: FBT001
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(places, "MANY", 0 if indexed else 10**9)
        made = rows(list(range(0, 40, 2)), 1, text=text)
        oracle = dict.fromkeys(range(0, 40, 2), 1)
        for step in range(draw.draw(st.integers(1, 12))):
            held = sorted(oracle)
            few = draw.draw(st.lists(st.sampled_from(held or [0]), max_size=3, unique=True)) if held else []
            new = [99 + 10 * step + k for k in range(draw.draw(st.integers(0, 3)))]
            kind = draw.draw(st.sampled_from(["erase", "correct", "add", "all"]))
            erase, correct, add = (
                Records(few),
                Correction(rows(few, step + 2, text=text)),
                Addition(rows(new, step, text=text)),
            )
            targets: dict[str, Target] = {"erase": erase, "correct": correct, "add": add, "all": Batch([correct, add])}
            target = targets[kind]
            before, was = made, said(made)
            made = made.after(target)
            assert said(before) == was
            if kind == "erase":
                oracle = {name: value for name, value in oracle.items() if name not in few}
            if kind in ("correct", "all"):
                differs = [
                    name
                    for name in few
                    if said(rows([name], oracle[name], text=text)) != said(rows([name], step + 2, text=text))
                ]
                oracle = {name: oracle[name] for name in oracle if name not in differs} | dict.fromkeys(
                    differs, step + 2
                )
            if kind in ("add", "all"):
                oracle |= dict.fromkeys(new, step)
            assert dict(zip(made.ids.tolist(), made.features[:, 1].astype(int).tolist(), strict=True)) == oracle
            if len(made):
                fresh = copied(made)
                assert np.array_equal(made.digests(KEY), fresh.digests(KEY))
                assert np.array_equal(made.draws(KEY), fresh.draws(KEY))
                assert said(made)[1:] == said(fresh)[1:]
                again = pickle.loads(pickle.dumps(made))  # noqa: S301
                assert said(again)[1:] == said(made)[1:]


def test_what_is_held_is_not_copied_again() -> None:
    table = rows(list(range(100)), 0, owned=False)
    first = table.after(Addition(rows([200], 1, owned=False)))
    then = first
    for k in range(20):
        then = then.after(Addition(rows([300 + k], 1, owned=False)))
        assert (then.rows is None) == (k == 0), "where nothing went, no list of rows is made"
        then = then.after(Correction(rows([k], k + 5, owned=False)))
    assert np.shares_memory(then.columns.features, first.columns.features)
    assert not np.shares_memory(first.columns.features, table.columns.features)
    assert len(then.columns.ids) == 101 + 40


def test_columns_of_which_little_is_shown_are_left_behind() -> None:
    table = rows(list(range(100)), 0).after(Records(range(70)))
    assert len(table.columns.ids) == 100
    after = table.after(Addition(rows([200], 1)))
    assert after.columns.ids.tolist() == [*range(70, 100), 200]
    assert after.rows is None


def test_who_comes_second_copies() -> None:
    whole = rows(list(range(50)), 0).after(Addition(rows([60], 1)))
    one, two = (whole.after(Addition(rows([name], value))) for name, value in ((70, 2), (71, 3)))
    assert said(one)[2][-2:] == [60, 70]
    assert said(two)[2][-2:] == [60, 71]
    assert np.shares_memory(one.columns.features, whole.columns.features)
    assert not np.shares_memory(two.columns.features, whole.columns.features)


def test_many_threads_append_to_one_table() -> None:
    whole = rows(list(range(50)), 0).after(Addition(rows([60], 1)))
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda k: whole.after(Addition(rows([1000 + k], k))), range(64)))
    for k, table in enumerate(made):
        assert table.ids.tolist() == [*range(50), 60, 1000 + k]
        assert table.features[-1].tolist() == [1000.0 + k, float(k)]


def test_room_that_is_full_or_of_another_type_is_no_room() -> None:
    room = Room({"a": np.arange(3)}, {"a": np.arange(2)})
    assert room.claimed(3, {"a": np.arange(FEWEST)})
    assert not room.claimed(3, {"a": np.arange(1)})
    assert not room.claimed(3 + FEWEST, {"a": np.array([0.5])})
    assert room.claimed(3 + FEWEST, {"a": np.arange(2)})
    assert not room.claimed(5 + FEWEST, {"a": np.arange(1)})
    assert room.arrays["a"][:4].tolist() == [0, 1, 2, 0]


def test_an_id_that_is_held_is_refused() -> None:
    table = rows(list(range(50)), 0).after(Records([7]))
    assert table.joined(rows([7], 2)).ids.tolist()[-1] == 7
    with pytest.raises(DataError, match="repeats the id 8 of row 7"):
        table.joined(rows([8], 2))
    with pytest.raises(DataError, match="row 1 has the id 8, which the table holds"):
        table.after(Addition(rows([99, 8], 2)))


def test_what_is_only_asked_about_is_written_nowhere() -> None:
    table = rows(list(range(50)), 0).after(Addition(rows([60], 1)))
    asked = Batch([Correction(rows([3], 77)), Addition(rows([99], 78))])
    change = table.change(asked)
    assert change is not None
    assert change.into.features.tolist() == [[3.0, 77.0], [99.0, 78.0]]
    assert change.into.rows is None, "a view would keep all columns"
    assert table.columns.room is not None
    assert table.columns.room.taken == 51
    after = table.after(asked)
    assert np.shares_memory(after.columns.features, table.columns.features)


def test_appended_columns_are_pickled_as_what_they_hold() -> None:
    whole = rows(list(range(50)), 0).after(Addition(rows([60], 1)))
    again = pickle.loads(pickle.dumps(whole.columns))  # noqa: S301
    assert again.features.tolist() == whole.columns.features.tolist()  # type: ignore[union-attr]
    assert len(pickle.dumps(whole.columns)) < 60 * 51


def test_columns_know_which_ones_they_continue() -> None:
    first = rows(list(range(50)), 0)
    whole = first.after(Addition(rows([60], 1)))
    assert whole.columns.began is first.columns.mark
    assert whole.columns.mark is not first.columns.mark
    assert whole.after(Records([3])).columns.mark is whole.columns.mark
    assert first.columns.began is whole.gathered().take(slice(0, 9)).gathered().columns.began is None


def test_records_without_labels_are_of_no_class() -> None:
    table = Table.from_arrays(np.eye(9))
    for held in (
        table,
        table.after(Records([3])),
        table.after(Correction(Table.from_arrays(np.ones((1, 9)), ids=[4]))),
    ):
        assert held.present == ()
