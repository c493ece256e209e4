"""One tree of a forest at a time: which have other records now, what one is, and the same learned from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from expunge.methods.trees import _derived as derived
from expunge.methods.trees._census import Census
from expunge.methods.trees._hashing import by_tree, count_by_tree, occupied
from expunge.methods.trees._records import Roster
from expunge.methods.trees._refusals import refuse_foreign
from expunge.methods.trees._update import Changes
from expunge.methods.trees._versions import Standing, Version, empty

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.methods.trees._model import Bulk, FittedForest
    from expunge.methods.trees.forest import Forest
    from expunge.protocol import Run

    Part: TypeAlias = tuple[Bulk, NDArray[np.uint64]]


def touched(forest: Forest, before: FittedForest, data: Table, run: Run) -> tuple[int, ...]:
    """Trees that have other records in these data than they have learned; all, where columns or classes are others."""
    refuse_foreign(forest.recipe(), before, run)
    schema, classes, batch = derived.everything(forest, data, run)
    if schema.names != before.names or classes != before.classes:
        return tuple(range(forest.trees))
    sizes, occupants = np.zeros(forest.trees, np.int64), np.zeros((forest.trees, 2), np.uint64)
    counted = np.flatnonzero(batch.weight > 0)
    start, rows = by_tree(occupied(batch.units[counted], forest.trees, derived.each(forest)), forest.trees)
    count_by_tree(start, counted[rows], np.ones(len(rows), np.int64), batch.digests, sizes, occupants)
    return tuple(np.flatnonzero((occupants != before.occupants).any(axis=1)).tolist())


def part(model: FittedForest, number: int) -> Part:
    """One tree as arrays, and the digest of its records."""
    version: Version | None = model.__dict__.get("_version")
    tree = model.trees.tree(number) if version is None else version.bulk([number])
    return tree, model.occupants[number]


def relearn(forest: Forest, number: int, data: Table, run: Run) -> Part:
    """The same of these data, learned from nothing."""
    schema, classes, batch = derived.everything(forest, data, run)
    roster = Roster(data, batch)
    own = occupied(roster.units, forest.trees, derived.each(forest)) == number
    slots = np.flatnonzero(own.any(axis=1) & (roster.weight > 0))
    rule, seeds = derived.rule_of(forest, schema, classes, run), derived.seeds_of(forest, run)
    (planted,) = empty(1, rule, seeds[[number]], 64 + len(slots) // 3)
    alive, start = np.ones(roster.count, bool), np.array([0, len(slots)])
    changes = Changes(start, slots.astype(np.int32), np.ones(len(slots), np.int64), alive, np.zeros(1, np.int64))
    roots, _ = planted.grove.advanced(planted.roots, roster.held, changes)
    sizes, occupants = np.array([len(slots)]), roster.total(slots)
    census = Census.empty(classes, declared=data.classes is not None).of(roster)
    version = Version((Standing(planted.grove, roots),), sizes, occupants[None], alive, roster, census)
    return version.bulk(), occupants
