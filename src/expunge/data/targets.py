"""What each `Target` means for a `Table`: which positions go, and which rows come in their place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from expunge.data import digests
from expunge.data.columns import is_among, name_at, take_names
from expunge.data.labels import as_classes
from expunge.errors import DataError, ParameterError
from expunge.protocol import Change
from expunge.values import Addition, Batch, Column, Correction, Label, Owners, Records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Ids
    from expunge.values import Name, Scalar, Target

ERASURES = (Records, Owners, Label, Column)
CLASSES: dict[str, set[type]] = {"U": {str}, "b": {bool}, "i": {int, float}, "f": {int, float}}  # by kind of label
PLAIN = (str, bytes, int, float, list, tuple, set, frozenset, dict, np.ndarray, type, type(None))  # slips of the pen


def change(table: Table, target: Target) -> Change[Table] | None:
    """Positions that go, and rows that come.

    Raises
    ------
    DataError
        If names are of another type than the table's, or rows of a correction or addition do not fit the table.
    ParameterError
        If what is given is plainly no target.
    """
    if isinstance(target, Records) and (found := _found(table, target.ids)) is not None:
        return Change(found, table.take(slice(0, 0)))
    match target:
        case Correction(rows):
            return _corrected(table, rows)
        case Addition(rows):
            return Change(np.zeros(0, np.intp), _unheld(table, _like(table, rows)))
        case Batch(steps):
            return _worked_off(table, steps)
        case Column(name) if name in table.names:
            return Change(np.arange(len(table)), table.drop(name))
    if isinstance(target, PLAIN):
        title = type(target).__name__
        msg = f"a target is Records([...]), Owners([...]), Label(...) and so on; got the {title} {target!r}"
        raise ParameterError(msg)
    gone = _named(table, target)
    return None if gone is None else Change(np.flatnonzero(gone), table.take(slice(0, 0)))


def _found(table: Table, ids: Collection[Name]) -> NDArray[np.intp] | None:
    """Positions of a few records among many; None where all must be looked at, or a sentence says what is wrong."""
    return table.places(ids) if all(isinstance(name, int) for name in ids) else None


def _named(table: Table, target: Target) -> NDArray[np.bool_] | None:
    """(n,) whether an erasure names each record; None for what is no erasure of records."""
    match target:
        case Records(ids):
            return is_among(table.ids, ids, "ids")
        case Owners(names):
            held = "ids (no owners were declared, each record is its own)" if table.owners is None else "owners"
            return is_among(table.units, names, held)
        case Label(value):
            return _of_class(table, value)
        case Column():
            return np.zeros(len(table), bool)
    return None


def _of_class(table: Table, value: Scalar) -> NDArray[np.bool_]:
    """(n,) whether each record is of a class, or carries it; of several numbers a record has, none is a class.

    ``True`` is not ``1``, and numpy's text forgets a NUL at its end.
    """
    label = table.label
    held = label if label is None or label.ndim == 1 else np.array(table.present)
    if label is None or held is None or type(value) not in CLASSES[held.dtype.kind] or str(value).endswith("\0"):
        return np.zeros(len(table), bool)
    same = held == value
    return np.asarray(same if label.ndim == 1 else label[:, np.flatnonzero(same)].any(axis=1))


def remarks(table: Table, target: Target) -> tuple[str, ...]:
    """Sentences for the requester: nothing named, twins that stay, a class that stays declared. They name nobody."""
    said = []
    made = table.change(target)
    if made is not None and not len(made.out) and not len(made.into):
        said.append("no record of the data carries what this target names: there is nothing to change")
    steps = target.targets if isinstance(target, Batch) else (target,)
    if not said:
        said += [sentence for step in _merged(steps) for sentence in _unknown(table, step)]
    twins = len(table.twins(target))
    if twins:
        records = (
            "1 record that stays is an exact copy" if twins == 1 else f"{twins} records that stay are exact copies"
        )
        said.append(f"{records} of forgotten ones: what it says stays")
    gone = {step.value for step in steps if isinstance(step, Label)} & set(table.classes or ())
    said += [f"the class {name!r} is declared as public and stays a class, without examples" for name in sorted(gone)]
    return tuple(said)


def _unknown(table: Table, step: Target) -> Iterator[str]:
    """A sentence where a step names what the data do not hold; how many, not who."""
    match step:
        case Records(ids):
            named, found, what = len(ids), int(is_among(table.ids, ids, "ids").sum()), "records"
        case Owners(names):
            units = table.units
            among = np.flatnonzero(is_among(units, names, "owners"))
            held = take_names(units, among)
            named, found, what = len(names), len(set(held.tolist())), "owners"
        case Correction(rows):
            named, found, what = (
                len(rows),
                int(is_among(table.ids, _places(rows.ids), "ids").sum()),
                "corrected records",
            )
        case _:
            return
    if found < named:
        yield f"{named - found} of the {named} {what} named are not in the data"


def _corrected(table: Table, rows: Table) -> Change[Table]:
    """Rows whose content changes; ids that the table does not hold and rows that are right already are left aside."""
    places = _places(rows.ids)
    found = _found(table, places)
    out = np.flatnonzero(is_among(table.ids, places, "ids")) if found is None else found
    held = table.take(out).gathered()
    fresh = rows.take(np.array([places[name_at(held.ids, at)] for at in range(len(out))], dtype=np.intp))
    right = _like(table, fresh, owners_of=held)
    differs = digests.differing(held, right)
    return Change(out, right) if differs.all() else Change(out[differs], right.take(np.flatnonzero(differs)))


def _like(table: Table, rows: Table, owners_of: Table | None = None) -> Table:
    """New rows with the columns, types and classes of the table, or the sentence that says what does not fit."""
    if rows.names != table.names:
        missing, extra = (
            [name for name in a if name not in b] for a, b in ((table.names, rows.names), (rows.names, table.names))
        )
        if missing or extra:
            msg = f"the new rows must have the columns of the table: missing {missing}, unknown {extra}"
            raise DataError(msg)
    if rows.columns.owners is None and owners_of is not None and owners_of.columns.owners is not None:
        rows = rows.owned(owners_of.owners)
    given = rows.select(table.names).gathered().columns
    fitted = table.columns.part(slice(0, 0)).beside(given, table.classes, rows.classes)
    as_classes(table.classes, fitted.label)
    return replace(table, columns=fitted, rows=None)


def _unheld(table: Table, rows: Table) -> Table:
    """The rows, none of which the table may hold already."""
    found = table.places(rows.ids.tolist()) if isinstance(rows.ids, np.ndarray) else None
    if found is not None:
        held = np.isin(rows.ids, take_names(table.ids, found)) if len(found) else np.zeros(0, bool)
    elif isinstance(rows.ids, np.ndarray):  # those that the table has of the new ones: a few are looked for at once
        held = np.isin(rows.ids, table.ids[np.isin(table.ids, rows.ids)])
    else:
        held = pc.is_in(rows.ids, value_set=table.ids).to_numpy(zero_copy_only=False)
    if held.any():
        row = int(np.argmax(held))
        msg = f"an Addition brings new rows: row {row} has the id {name_at(rows.ids, row)!r}, which the table holds"
        raise DataError(msg)
    return rows


def _worked_off(table: Table, steps: tuple[Target, ...]) -> Change[Table] | None:
    """A batch, as one change: erasures first, then everything in order of receipt (erasures hold for what comes)."""
    first = _merged(
        sorted((step for step in steps if isinstance(step, ERASURES)), key=lambda step: type(step).__name__)
    )
    if len(first) and all(isinstance(step, ERASURES) for step in steps):
        return _erased(table, first)
    # On columns of their own: what is only asked about is not written into the table's room.
    current, origin = replace(table, columns=replace(table.columns)), np.arange(len(table))
    columns = {step.name for step in steps if isinstance(step, Column)}
    for step in (*first, *_merged(steps)):
        made = change(current, _without(step, columns))
        if made is None:
            return None
        current = apply(current, made)
        origin = np.concatenate([np.delete(origin, made.out), np.full(len(made.into), -1)])
    out = np.setdiff1d(np.arange(len(table)), origin, assume_unique=False)
    return Change(out, current.take(np.flatnonzero(origin < 0)).gathered())


def _erased(table: Table, erasures: Sequence[Target]) -> Change[Table]:
    """Erasures alone: their order means nothing, so all are named in one go."""
    gone, without = np.zeros(len(table), bool), table
    for step in erasures:
        named = _named(table, step)
        gone |= False if named is None else named
        without = without.drop(step.name) if isinstance(step, Column) else without
    if without is table:
        return Change(np.flatnonzero(gone), table.take(slice(0, 0)))
    return Change(np.arange(len(table)), without.take(~gone))


def _merged(steps: Iterable[Target]) -> list[Target]:
    """The same steps, neighbours of one kind as one: a thousand owners are looked for at once."""
    merged: list[Target] = []
    for step in steps:
        match merged[-1:], step:
            case [Records(held)], Records(ids):
                merged[-1] = Records(held | ids)
            case [Owners(held)], Owners(names):
                merged[-1] = Owners(held | names)
            case _:
                merged.append(step)
    return merged


def apply(table: Table, made: Change[Table]) -> Table:
    """The table after a change: those that stay, then those that come."""
    if not len(made.out) and not len(made.into):
        return table if made.into.names == table.names else made.into
    if made.into.names != table.names and not len(made.into):
        return made.into
    kept = table.without(made.out)
    if not len(made.into):
        return kept
    return kept.joined(made.into) if len(kept) else made.into


def _without(step: Target, erased: set[str]) -> Target:
    """A correction or addition without the columns that the same batch erases."""
    if not isinstance(step, Correction | Addition):
        return step
    rows = step.table
    for name in erased:
        rows = rows.drop(name)
    return type(step)(rows)


def _places(ids: Ids) -> dict[Name, int]:
    names = ids.tolist() if isinstance(ids, np.ndarray) else ids.to_pylist()
    return {name: place for place, name in enumerate(names)}
