"""A ranking: highest first, ties by id, whatever order the records come in; its first records are a target."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge import Records, Table
from expunge.errors import DataError, ParameterError
from expunge.finding.found import Found, names_of, ranked

SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=20)


def table(count: int, *, text: bool = False) -> Table:
    ids = [f"record {k:02d}" for k in range(count)] if text else np.arange(count) * 3 + 7
    return Table.from_arrays(np.zeros((count, 1)), np.array(["a", "b"])[np.arange(count) % 2], ids=ids)


@given(scores=SCORES, text=st.booleans(), seed=st.integers(0, 99))
def test_a_ranking_is_of_the_set_of_records(scores: list[float], seed: int, *, text: bool) -> None:
    data, held = table(len(scores), text=text), np.array(scores)
    moved = np.random.default_rng(seed).permutation(len(scores))
    found, again = ranked("odd", data, held, ()), ranked("odd", data.take(moved), held[moved], ())
    assert found.ids.tolist() == again.ids.tolist()
    assert found.scores.tolist() == again.scores.tolist() == sorted(scores, reverse=True)
    pairs = sorted(zip((-held).tolist(), names_of(data).tolist(), strict=True))
    assert found.ids.tolist() == [name for _, name in pairs]
    assert found.classes is not None
    assert again.classes is not None
    assert found.classes.tolist() == again.classes.tolist()


@given(scores=SCORES, text=st.booleans(), data=st.data())
def test_the_first_are_a_target_that_the_data_know(scores: list[float], data: st.DataObject, *, text: bool) -> None:
    held = table(len(scores), text=text)
    found = ranked("odd", held, np.array(scores), ())
    top = data.draw(st.integers(1, len(found)))
    target = found.target(top)
    assert target == Records(found.ids[:top].tolist())
    change = held.change(target)
    assert change is not None
    assert len(change.out) == top == sum(share.taken for share in found.shares(top))
    assert all(0 < share.part <= 1 for share in found.shares(top))
    label = [] if held.label is None else held.label.tolist()
    assert {share.name: share.records for share in found.shares(len(found))} == {
        name: label.count(name) for name in held.present
    }


@pytest.mark.parametrize("top", [0, -1, 5, True, 1.0, "3"])
def test_a_number_of_records_that_there_is_not_is_refused(top: object) -> None:
    found = ranked("odd", table(4), np.arange(4.0), ())
    with pytest.raises(ParameterError, match="between 1 and so many"):
        found.target(top)  # type: ignore[arg-type]


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_refused(score: float) -> None:
    with pytest.raises(DataError, match="finite scores"):
        ranked("odd", table(2), np.array([0.0, score]), ())


def test_numbers_have_no_classes_and_so_no_shares() -> None:
    data = Table.from_arrays(np.zeros((3, 1)), np.array([0.5, 1.5, 2.5]))
    found = ranked("odd", data, np.arange(3.0), ("said",), likely=2)
    assert isinstance(found, Found)
    assert (found.classes, found.shares(2), found.likely, len(found), found.said) == (None, (), 2, 3, ("said",))
