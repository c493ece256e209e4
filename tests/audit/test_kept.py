"""Ids that a model keeps: read out of its bytes, whatever else is in it, and nothing of it is run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from expunge import Records, Table
from expunge.audit import kept
from expunge.audit.kept import ids_in, in_kept
from expunge.audit.needles import needles
from expunge.codec import encode
from expunge.learners.torch import Log, Net

if TYPE_CHECKING:
    import pytest

TABLE = Table.from_arrays(np.random.default_rng(0).normal(size=(6, 2)), ids=[1, 2, 3, 4, 5, 417])
SOUGHT = needles(TABLE.take(slice(5, 6)), TABLE.take(slice(0, 5)), names=True)


def net(ids: Any) -> Net:
    return Net({}, "classification", (0, 1), ("a",), (1,), 2, log=Log(np.array(ids), np.zeros((1, len(ids)), "f4")))


def retained(ids: Any) -> Any:
    return np.isin(ids, [1, 2, 3, 4, 5])


@given(
    st.lists(st.integers(0, 9), unique=True)
    | st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=3), unique=True)
)
def test_the_ids_of_a_log_are_read_as_they_are(ids: list[Any]) -> None:
    ((found),) = ids_in(encode({"model": net(sorted(ids))}))
    assert found.tolist() == sorted(ids)


def test_among_foreign_objects_shared_arrays_and_all_else() -> None:
    shared = np.array([3, 1])
    fitted = Ridge().fit(np.eye(3), np.arange(3.0))
    parts = [net([417]), fitted, fitted, shared, shared, np.random.RandomState(0), {(1, "a"): {2.0}}, Ridge, 1j]
    found = ids_in(encode([*parts[:-1], net([9]), Log(shared, np.zeros((1, 2), "f4"))]))
    assert [ids.tolist() for ids in found] == [[417], [9], [1, 3]]


def test_what_only_looks_like_ids_is_none() -> None:
    assert ids_in(encode({"ids": [417], "said": "ids"})) == []
    assert ids_in(b"some other file") == []


def test_nothing_is_imported_or_called(monkeypatch: pytest.MonkeyPatch) -> None:
    blob = encode([Ridge(), net([417])])
    monkeypatch.setattr("expunge.codec.resolve", None)
    assert [ids.tolist() for ids in ids_in(blob)] == [[417]]


def test_a_forgotten_id_is_found_and_others_are_the_control() -> None:
    part = in_kept("logs", [np.array([1, 2]), np.array([3, 417])], SOUGHT, retained)
    assert part is not None
    assert (part.searched, part.found, part.control, part.needles) == (4, 1, "found", 1)


def test_ids_of_which_the_data_have_none_were_not_read_right() -> None:
    part = in_kept("logs", [np.array([1, 2]), np.array([70, 80])], SOUGHT, retained)
    assert part is not None
    assert part.control == "blind"


def test_without_ids_or_where_names_stay_there_is_no_such_part() -> None:
    assert in_kept("logs", [], SOUGHT, retained) is None
    assert in_kept("logs", [np.zeros(0, np.int64)], SOUGHT, retained) is None
    names_stay = replace(SOUGHT, values=replace(SOUGHT.values, ids=SOUGHT.values.ids[:0]))
    assert in_kept("logs", [np.array([1])], names_stay, retained) is None


def test_text_and_integers_are_never_the_same() -> None:
    part = in_kept("logs", [pa.array(["417"], pa.large_string())], SOUGHT, lambda ids: np.ones(len(ids), bool))
    assert part is not None
    assert part.found == 0


def test_targets_are_values_with_ids_too() -> None:
    assert [sorted(ids.tolist()) for ids in kept.ids_in(encode(Records(["b", "a"])))] == [["a", "b"]]
