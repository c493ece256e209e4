"""Targets to try: streams that wrong implementations are known to fail on, and random ones drawn by Hypothesis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from expunge.data.table import Table
from expunge.testing.cases import Case
from expunge.values import Addition, Batch, Column, Correction, Label, Name, Owners, Records, Scalar, Target


def hard_streams(case: Case) -> Iterator[list[Any]]:
    """Streams of requests that wrong implementations are known to fail on."""
    ids, data = names_of(case.data), case.data
    yield [Records(ids[-1:])]  # the tail, which one slice or batch may leave out
    yield [Records(ids[-3:]), Records(ids[-3:])]  # the same twice
    yield [Records(ids)]  # everything
    yield [Records(ids[1:])]  # everything but one
    yield [Records(ids[:5]), Addition(data.take(slice(0, 5)))]  # forgotten, then added again
    yield [Addition(rows_like(data, [fresh_id(data)], 1)), Records([fresh_id(data)])]  # added, then forgotten
    yield [Correction(rows_like(data, ids[:2], 2)), Records(ids[:1])]  # corrected, then forgotten
    if isinstance(data.stored, np.ndarray) and data.stored.dtype.kind == "f":
        yield [Correction(_nudged(data.take(slice(0, 1))))]  # a small change, and a change all the same
    for value in _classes(data):  # a whole class
        yield [Label(value)]
    if case.groups is not None:
        for group in case.groups(data, case.key):  # a whole shard
            yield [Records(group)]


def any_target(draw: st.DataObject, data: Table, case: Case) -> Target:
    """One target of any kind for these data."""
    if not len(data):
        return Addition(case.data.take(slice(0, 2)))
    kinds = ["records", "owners", "correction", "addition", "batch"]
    kinds += ["label"] * bool(_classes(data)) + ["column"] * (case.columns and len(data.names) > 1)
    match draw.draw(st.sampled_from(kinds)):
        case "batch":
            return Batch([draw.draw(some_records(data)), change_of_rows(draw, data), draw.draw(some_records(data))])
        case "column":
            return Column(draw.draw(st.sampled_from(data.names)))
        case "correction" | "addition" as kind:
            return change_of_rows(draw, data, kind)
        case kind:
            return draw.draw({"label": some_labels, "owners": some_owners, "records": some_records}[kind](data))


def change_of_rows(draw: st.DataObject, data: Table, kind: str = "correction") -> Target:
    """A correction of a few rows, or an addition of one."""
    seed = draw.draw(st.integers(0, 2**32 - 1))
    if kind == "addition":
        return Addition(rows_like(data, [fresh_id(data)], seed))
    ids = draw.draw(st.sets(st.sampled_from(names_of(data)), min_size=1, max_size=3))
    return Correction(rows_like(data, sorted(ids, key=str), seed))


def some_records(data: Table) -> st.SearchStrategy[Target]:
    """Any set of the records."""
    return st.sets(st.sampled_from(names_of(data))).map(Records)


def some_owners(data: Table) -> st.SearchStrategy[Target]:
    """A few of the owners; without owners, of the records."""
    return st.sets(st.sampled_from(sorted(set(names_of(data, of_units=True)), key=str)), max_size=3).map(Owners)


def some_labels(data: Table) -> st.SearchStrategy[Target]:
    """One of the classes."""
    return st.sampled_from(_classes(data)).map(Label)


def some_erasures(data: Table) -> st.SearchStrategy[Target]:
    """Any erasure of records."""
    return st.one_of([some_records(data), some_owners(data), *([some_labels(data)] if _classes(data) else [])])


def names_of(data: Table, *, of_units: bool = False) -> list[Name]:
    """Ids, or owners, as Python values."""
    return _listed(data.units if of_units else data.ids)


def fresh_id(data: Table) -> Name:
    """An id that nobody has; the same one for the same data."""
    held, number = set(names_of(data)), 700_001
    while {number, f"fresh {number}"} & held:
        number += 1
    return number if isinstance(data.ids, np.ndarray) else f"fresh {number}"


def rows_like(data: Table, ids: Iterable[Name], seed: int) -> Table:
    """Rows under these ids with features, labels and owners drawn from other rows."""
    names = list(ids)
    random = np.random.default_rng(seed)
    rows = data.take(random.integers(0, len(data), len(names))).gathered().columns
    label = rows.label if rows.label is None else random.permutation(data.label)[: len(names)]  # type: ignore[arg-type]
    held: Any = np.array(names, dtype=np.int64) if isinstance(data.ids, np.ndarray) else pa.array(names, data.ids.type)
    return Table(replace(rows, ids=held, label=label), None, data.classes)


def planted(data: Table) -> Records:
    """The records with planted labels: those of the second owner or, without owners, three of them."""
    owners = data.owners
    if owners is None:
        return Records(names_of(data)[:3])
    names = names_of(data, of_units=True)
    return Records(
        name for name, owner in zip(names_of(data), names, strict=True) if owner == sorted(set(names), key=str)[1]
    )


def in_text(data: Table) -> Table:
    """The same records under ids and owners that are text."""
    columns = data.gathered().columns
    ids, owners = (
        None if names is None else pa.array([f"n{name}" for name in _listed(names)], pa.large_string())
        for names in (columns.ids, columns.owners)
    )
    return Table(replace(columns, ids=ids, owners=owners), None, data.classes)


def _classes(data: Table) -> tuple[Scalar, ...]:
    """Classes that these records are of or may carry; none of numbers."""
    return () if data.label is None or data.label.dtype.kind == "f" else data.present


def _nudged(data: Table) -> Table:
    """The rows with one feature moved a little."""
    columns = data.gathered().columns
    features = np.array(columns.features)
    features[:, 0] += 1e-3
    return Table(replace(columns, features=features), None, data.classes)


def _listed(names: Any) -> list[Name]:
    held: list[Name] = names.tolist() if isinstance(names, np.ndarray) else names.to_pylist()
    return held
