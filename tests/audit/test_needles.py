"""Needles are found in every container that holds the forgotten, and in none that holds the others."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC

from expunge import codec
from expunge.audit import needles as module
from expunge.audit.needles import Needles, by_value, known, needles
from expunge.data.table import Table
from expunge.testing.canary import with_canary

COUNT, GONE = 40, 7
RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(COUNT, 6))
CITIES = [f"city number {k}" if k != GONE else "Qyzzburgh" for k in range(COUNT)]
NOTES = [f"seen on day {k} by the doctor" if k != GONE else "Zoltana Krsmanovic, 0417-999-123" for k in range(COUNT)]
IDS = [f"patient-{k:05d}" for k in range(COUNT)]
LABEL = np.array(["no", "yes"])[np.arange(COUNT) % 2]
FRAME = pa.table({"a": X[:, 0], "city": CITIES, "b": X[:, 1], "note": NOTES, "c": X[:, 2]})
TABLE = Table.from_arrays(FRAME, LABEL, ids=IDS, owners=[f"ward-{k % 5}" for k in range(COUNT)])
STAYING = np.delete(np.arange(COUNT), GONE)
SOUGHT = needles(TABLE.take(np.array([GONE])), TABLE.take(STAYING), names=True)


def found(content: bytes, sought: Needles = SOUGHT) -> set[str]:
    return set(sought.search.through([content]).kinds(sought.kinds))


Container = Callable[[Any], bytes]


def ipc(rows: Any) -> bytes:
    sink = pa.BufferOutputStream()
    part = FRAME.take(rows)
    with pa.ipc.new_file(sink, part.schema) as writer:
        writer.write_table(part)
    return bytes(sink.getvalue().to_pybytes())


def csv(rows: Any) -> bytes:
    lines = [f"{IDS[k]},{X[k, 0]!r},{CITIES[k]},{X[k, 1]!r},{NOTES[k]},{X[k, 2]!r}" for k in rows]
    return "\n".join(lines).encode()


def sqlite(rows: Any, folder: Path) -> bytes:
    path = folder / "a.db"
    path.unlink(missing_ok=True)
    held = sqlite3.connect(path)
    with held:
        held.execute("create table t (id text, note text, v blob)")
        held.executemany("insert into t values (?, ?, ?)", [(IDS[k], NOTES[k], X[k].tobytes()) for k in rows])
    held.close()
    return path.read_bytes()


CONTAINERS: dict[str, tuple[Container, set[str]]] = {
    "arrow": (ipc, {"text"}),
    "csv": (csv, {"id", "text", "values"}),
    "csv in utf-16": (lambda rows: csv(rows).decode().encode("utf-16"), {"id", "text"}),
    "json": (lambda rows: json.dumps([FRAME.take(rows).to_pydict(), [IDS[k] for k in rows]]).encode(), {"id", "text"}),
    "our codec, strings": (lambda rows: codec.encode([NOTES[k] for k in rows]), {"text"}),
    "our codec, words": (lambda rows: codec.encode({word for k in rows for word in CITIES[k].split()}), {"text"}),
    "our codec, bytes": (lambda rows: codec.encode(b"!".join(IDS[k].encode() for k in rows)), {"id"}),
    "our codec, objects": (lambda rows: codec.encode(np.array([CITIES[k] for k in rows], object)), {"text"}),
    "our codec, array of text": (lambda rows: codec.encode(np.array([CITIES[k] for k in rows])), {"text"}),
    "our codec, floats": (lambda rows: codec.encode(X[list(rows), :3].tolist()), {"values"}),
    "our codec, float32": (lambda rows: codec.encode(X[list(rows), :3].astype(np.float32)), {"values"}),
    "our codec, big-endian": (lambda rows: X[list(rows), :3].astype(">f8").tobytes(), {"values"}),
    "our codec, Fortran": (lambda rows: codec.encode(np.asfortranarray(X[list(rows), :3])), {"values"}),
    "our codec, a column": (lambda rows: codec.encode(np.ascontiguousarray(X[list(rows), 1])), {"values"}),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_canary_is_found_and_then_it_is_not(name: str) -> None:
    write, kinds = CONTAINERS[name]
    assert kinds <= found(write(np.arange(COUNT)))
    assert found(write(STAYING)) == set()


def test_a_page_of_sqlite(tmp_path: Path) -> None:
    assert found(sqlite(np.arange(COUNT), tmp_path)) >= {"id", "text"}
    assert found(sqlite(STAYING, tmp_path)) == set()


MODELS: dict[str, Any] = {
    "neighbours": KNeighborsClassifier(3),
    "neighbours in a tree": KNeighborsClassifier(3, algorithm="kd_tree"),
    "neighbours, regression": KNeighborsRegressor(3),
    "support vectors": SVC(C=100.0),
}


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_keeps_rows(name: str, kind: type) -> None:
    table = Table.from_arrays(X.astype(kind), LABEL)
    sought = needles(table.take(np.array([GONE])), table.take(STAYING), names=True, public=[codec.encode(MODELS[name])])
    label = np.where(LABEL == "no", 0.5, 1.5) if "regression" in name else LABEL
    whole, without = (
        codec.encode(MODELS[name].fit(X.astype(kind)[rows], label[rows])) for rows in (range(COUNT), STAYING)
    )
    assert found(whole, sought) == {"values"}
    assert found(without, sought) == set()


def test_rows_of_integers_in_a_model() -> None:
    whole = RANDOM.integers(0, 100_000, (COUNT, 5))
    table = Table.from_arrays(whole, LABEL)
    sought = needles(table.take(np.array([GONE])), table.take(STAYING), names=True)
    for kind in (np.int64, np.int32, np.float64):
        rows = whole.astype(kind)
        assert found(codec.encode(KNeighborsClassifier(3).fit(rows, LABEL)), sought) == {"values"}
        assert found(codec.encode(KNeighborsClassifier(3).fit(rows[STAYING], LABEL[STAYING])), sought) == set()


def test_a_pipeline_that_keeps_words_and_categories() -> None:
    frame = FRAME.to_pandas()
    for transformer, column in ((CountVectorizer(), "note"), (OneHotEncoder(handle_unknown="ignore"), ["city"])):
        model = make_pipeline(make_column_transformer((transformer, column)), LogisticRegression())
        sought = needles(TABLE.take(np.array([GONE])), TABLE.take(STAYING), names=True, public=[codec.encode(model)])
        assert found(codec.encode(model.fit(frame, LABEL)), sought) == {"text"}
        assert found(codec.encode(model.fit(frame.iloc[STAYING], LABEL[STAYING])), sought) == set()


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), decimals=st.integers(0, 6), gone=st.integers(0, 29))
def test_what_stays_is_never_taken_for_what_is_gone(seed: int, decimals: int, gone: int) -> None:
    random = np.random.default_rng(seed)
    rows = np.round(random.normal(size=(30, 4)) * 10, decimals)
    frame = pa.table({**{f"x{k}": rows[:, k] for k in range(4)}, "t": [f"w{k % 9} v{k % 7}abcdefg" for k in range(30)]})
    table, stay = Table.from_arrays(frame), np.delete(np.arange(30), gone)
    sought = needles(table.take(np.array([gone])), table.take(stay), names=True)
    for kind in (np.float64, np.float32):
        assert found(codec.encode(rows[stay].astype(kind)), sought) == set()
    assert found(codec.encode(frame.take(stay).to_pydict()), sought) == set()
    if found(codec.encode(rows), sought) == set():
        assert "values" in sought.untold


def test_the_canary_of_the_tests_is_found() -> None:
    table = Table.from_arrays(np.round(X, 2), LABEL)
    planted = with_canary(table)
    sought = needles(planted.take(np.array([COUNT])), table, names=True)
    assert found(codec.encode(planted.features), sought) == {"values"}
    assert found(codec.encode(planted.ids), sought) == {"id"}
    assert found(codec.encode([table.features, table.ids]), sought) == set()


def test_public_words_are_not_looked_for() -> None:
    table = Table.from_arrays(pa.table({"kind": ["lbfgs", "other"]}), ids=[1, 2])
    model = codec.encode(LogisticRegression())
    assert found(model, needles(table.take(np.array([0])), table.take(np.array([1])), names=True)) == {"text"}
    sought = needles(table.take(np.array([0])), table.take(np.array([1])), names=True, public=[model])
    assert found(model, sought) == set()
    assert b'["s","lbfgs"]' not in sought.patterns
    headed = Table.from_arrays(pa.table({"customer number": ["customer number", "x"]}), ids=[1, 2])
    assert (
        found(b"id,customer number,x", needles(headed.take(np.array([0])), headed.take(np.array([1])), names=True))
        == set()
    )


def test_of_a_public_word_nothing_is_looked_for() -> None:
    table = Table.from_arrays(np.zeros((2, 1)), ids=["numpy", "Claraweber"])
    sought = needles(
        table.take(np.array([0, 1])), table.take(slice(0, 0)), names=True, public=[b'{"numpy": 1, "b": "xClaraweberx"}']
    )
    assert not any(b"numpy" in pattern for pattern in sought.patterns)
    assert b"Claraweber" in sought.patterns
    assert (dict(sought.told), sought.untold["id"]) == ({"id": 1}, 1)
    again = needles(table.take(np.array([0])), table.take(slice(1, 2)), names=True)
    assert b"numpy" in again.patterns
    assert again.edges[again.patterns.index(b"numpy")] == "field"


def test_what_is_found_in_some_places_only_is_not_told() -> None:
    table = Table.from_arrays(np.zeros((2, 1)), ids=["Annalu", "Maria"])
    sought = needles(table.take(np.array([0])), table.take(slice(1, 2)), names=True)
    assert sought.patterns
    assert (dict(sought.told), sought.telling) == ({}, 0)
    assert found(b"1,Annalu", sought) == {"id"}
    assert SOUGHT.telling == len(SOUGHT.patterns)


def test_what_others_have_too_is_counted_and_not_looked_for() -> None:
    table = Table.from_arrays(np.zeros((3, 2)), ["a", "b", "a"], ids=[415, 416, 417])
    sought = needles(table.take(np.array([2])), table.take(np.array([0, 1])), names=True)
    assert (sought.patterns, dict(sought.told), sought.shared) == ((), {}, 1)
    assert dict(sought.untold) == {"id": 1, "text": 1, "values": 1}
    assert by_value(table, sought) == 1  # the id, by value, is nobody else's


def test_of_a_correction_names_stay_and_old_values_go() -> None:
    fresh = X.copy()
    fresh[GONE, 2] = 1.25
    old, now = Table.from_arrays(X, LABEL), Table.from_arrays(fresh, LABEL)
    sought = needles(old.take(np.array([GONE])), now, names=False)
    assert set(sought.kinds) == {"values"}
    assert (by_value(old, sought), by_value(now, sought)) == (1, 0)
    assert (found(codec.encode(X), sought), found(codec.encode(fresh), sought)) == ({"values"}, set())


def test_of_a_column_all_values_go() -> None:
    table = Table.from_arrays(X, LABEL, columns=list("abcdef"))
    sought = needles(table.select(["c"]), table.drop("c"), names=False)
    assert by_value(table, sought) == COUNT
    assert by_value(table.drop("c"), sought) == 0
    assert found(codec.encode(X), sought) == found(codec.encode(np.ascontiguousarray(X[:, 2])), sought) == {"values"}
    assert found(codec.encode(np.delete(X, 2, axis=1)), sought) == set()


@pytest.mark.parametrize("names", [True, False])
def test_they_come_back_as_they_were_written(names: bool) -> None:  # noqa: FBT001
    for table in (TABLE, Table.from_arrays(X, LABEL, owners=np.arange(COUNT) % 9)):
        sought = needles(table.take(np.array([GONE])), table.take(STAYING), names=names)
        again = Needles.from_written(json.loads(json.dumps(sought.written())))
        assert again.written() == sought.written()
        assert (again.patterns, again.edges) == (sought.patterns, sought.edges)
        assert by_value(table, again) == by_value(table, sought) == 1
        assert by_value(table.take(STAYING), again) == 0


def test_they_print_nothing_of_what_they_hold() -> None:
    shown = repr(SOUGHT) + repr(SOUGHT.search)
    assert not any(word in shown for word in ("patient", "Qyzz", "Zoltana", repr(X[GONE, 0])))


def test_many_records_are_sampled_and_found_by_value_all(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table.from_arrays(RANDOM.normal(size=(3000, 3)), ids=[f"record-{k:06d}" for k in range(3000)])
    sought = needles(table.take(slice(0, 2000)), table.take(slice(2000, 3000)), names=True)
    assert sought.records == 2000
    assert 100 < sought.sampled <= 256
    assert 1000 < len(sought.patterns) <= 4096
    assert sought.told == {"id": sought.sampled, "values": sought.sampled}
    assert sought.untold == {}
    assert len(json.dumps(sought.written())) < 10**6
    assert by_value(table, sought) == 2000
    assert (
        sought.written()
        == needles(table.take(np.arange(2000)[::-1]), table.take(slice(2000, 3000)), names=True).written()
    )
    monkeypatch.setattr(module, "VALUES", 100)
    few = needles(table.take(slice(0, 2000)), table.take(slice(2000, 3000)), names=True)
    assert 100 <= by_value(table, few) <= 200


@given(gone=st.sets(st.integers(0, COUNT - 1), min_size=1), other=st.integers(0, COUNT - 1))
def test_by_value_counts_exactly_the_forgotten(gone: set[int], other: int) -> None:
    stay = sorted(set(range(COUNT)) - gone)
    sought = needles(TABLE.take(np.array(sorted(gone))), TABLE.take(np.array(stay, int)), names=True)
    assert by_value(TABLE, sought) == len(gone)
    assert by_value(TABLE.take(np.array(stay, int)), sought) == 0
    assert by_value(TABLE.take(np.array([other])), sought) == (other in gone)


def test_values_under_another_name_are_found_and_names_with_other_values() -> None:
    again = Table.from_arrays(FRAME, LABEL, ids=[f"new-{name}" for name in IDS])
    assert by_value(again, SOUGHT) == 1
    kept = Table.from_arrays(np.zeros((COUNT, 1)), ids=IDS)
    assert by_value(kept, SOUGHT) == 1
    assert by_value(kept.take(STAYING), SOUGHT) == 0


def test_an_owner_who_came_back_under_new_ids_is_found() -> None:
    ward = np.arange(COUNT) % 5 == 2
    sought = needles(TABLE.take(ward), TABLE.take(~ward), names=True)
    back = Table.from_arrays(np.zeros((2, 1)), ids=["fresh-1", "fresh-2"], owners=["ward-2", "ward-3"])
    assert by_value(back, sought) == 1
    assert b'["s","ward-2"]' in sought.patterns
    assert b'["s","ward-3"]' not in sought.patterns


def test_twins_among_thousands_are_not_needles() -> None:
    rows = RANDOM.normal(size=(2000, 3))
    rows[0, 1] = np.nan
    rows[1999] = rows[0]
    for features in (rows, pa.table({name: rows[:, k] for k, name in enumerate("abc")})):
        table = Table.from_arrays(features)
        sought = needles(table.take(np.array([0])), table.take(slice(1, None)), names=False)
        assert (sought.shared, by_value(table, sought)) == (1, 0)
        assert sought.patterns == ()


def test_a_control_by_value_finds_its_own_records() -> None:
    assert by_value(TABLE, known(TABLE.take(np.array([3, 4])))) >= 2
    assert by_value(TABLE.take(np.array([9])), known(TABLE.take(np.array([3])))) == 0
