"""Drawn requests fit the data they are drawn for, and every kind is drawn."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from expunge import Label, Records, Table
from expunge.testing import Case, patients
from expunge.testing.requests import any_target, fresh_id, hard_streams, names_of, planted, rows_like

if TYPE_CHECKING:
    from hypothesis import strategies as st

FRAMES = [
    patients(),
    patients(owned=False),
    patients(numbers=True),
    patients(several=True),
    patients(numbers=True, several=True),
]


@pytest.mark.parametrize("data", FRAMES)
def test_any_target_means_something_for_the_data_and_every_kind_comes(data: Table) -> None:
    seen: Counter[str] = Counter()

    def law(draw: st.DataObject) -> None:
        target = any_target(draw, data, case)
        assert data.change(target) is not None
        seen[type(target).__name__] += 1

    case = Case(None, data, examples=300)
    case.tried(law)
    expected = {"Records", "Owners", "Column", "Correction", "Addition", "Batch", "Label"}
    assert set(seen) == expected - ({"Label"} if data.label is not None and data.label.dtype.kind == "f" else set())


@pytest.mark.parametrize("data", FRAMES)
def test_hard_streams_can_be_worked_off_step_by_step(data: Table) -> None:
    for stream in hard_streams(Case(None, data)):
        rest = data
        for target in stream:
            rest = rest.after(target)


def test_every_class_that_records_may_carry_is_forgotten_whole() -> None:
    data = patients(several=True)
    streams = list(hard_streams(Case(None, data)))
    assert all([Label(name)] in streams for name in ("spam", "unsure", "late"))
    assert not any(isinstance(step, Label) for stream in hard_streams(Case(None, FRAMES[-1])) for step in stream)


def test_groups_of_the_case_are_forgotten_whole() -> None:
    case = Case(None, groups=lambda data, _: [data.ids[:4].tolist()])
    assert [Records(case.data.ids[:4])] in list(hard_streams(case))


def test_a_fresh_id_is_nobodys() -> None:
    data = patients()
    for _ in range(3):
        name = fresh_id(data)
        assert name not in names_of(data)
        data = data.joined(rows_like(data, [name], 0))


def test_rows_like_others_have_their_types_and_the_given_ids() -> None:
    data = patients()
    rows = rows_like(data, [5, 6], 1)
    assert names_of(rows) == [5, 6]
    assert rows.schema() == data.schema()
    assert np.isin(rows.features, data.features).all()


@pytest.mark.parametrize("data", FRAMES)
def test_the_planted_target_is_of_records_that_are_there(data: Table) -> None:
    change = data.change(planted(data))
    assert change is not None
    assert len(change.out) >= 2
