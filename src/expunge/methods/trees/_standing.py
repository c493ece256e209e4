"""A model's trees and records at hand: as the last request left them, or made of its arrays and shown the data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from expunge import keyed
from expunge.methods.trees import _coded as coded
from expunge.methods.trees import _derived as derived
from expunge.methods.trees import _refusals as refusals
from expunge.methods.trees._census import Census
from expunge.methods.trees._hashing import occupied
from expunge.methods.trees._model import FittedForest
from expunge.methods.trees._records import Roster
from expunge.methods.trees._settings import mismatch
from expunge.methods.trees._versions import MOST_GROUPS, Version, loaded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.methods.trees._derived import Read
    from expunge.methods.trees._records import Places
    from expunge.methods.trees.forest import Forest
    from expunge.protocol import Change, Run


def named(forest: Forest, version: Version, schema: coded.Schema, run: Run) -> FittedForest:
    """The model that a version of the trees is."""
    census = version.census
    return FittedForest.standing(
        version,
        task="regression" if census.classes is None else "classification",
        classes=census.present,
        declared=census.declared,
        names=schema.names,
        coded=schema.coded,
        resolution=forest.resolution,
        recipe=forest.recipe(),
        key=keyed.key_id(run.key),
        records=census.records,
        occupants=version.occupants,
    )


def renamed(model: FittedForest, version: Version) -> FittedForest:
    """The model that another version of the same trees is."""
    held, census = model.__dict__, version.census
    stays = {name: held[name] for name in ("task", "declared", "names", "coded", "resolution", "recipe", "key")}
    said = {"classes": census.present, "records": census.records, "occupants": version.occupants}
    return FittedForest.standing(version, **stays, **said)


def readable(forest: Forest, model: FittedForest) -> Version:
    """The trees of a model, to be read."""
    held = model.__dict__
    version: Version | None = held.get("_version") or held.get("_reader")
    if version is None:
        version = held["_reader"] = from_arrays(forest, model, None, None, 1)
    return version


def from_arrays(forest: Forest, model: FittedForest, roster: Roster | None, run: Run | None, groups: int) -> Version:
    """The trees of a model that came from its arrays."""
    bulk = model.trees
    rule = derived.rule_of(forest, derived.schema_like(forest, model), model.classes, run)
    seeds = np.zeros(forest.trees, np.uint64) if run is None else derived.seeds_of(forest, run)
    count = int(bulk.members.max(initial=-1)) + 1 if roster is None else roster.count
    width = 3 if model.classes is None else len(model.classes)
    census = Census(model.classes, np.ones(width, np.int64), model.declared, 0, np.zeros(2, np.uint64))
    if roster is not None:
        census = census.of(roster)
    sizes = np.diff(bulk.starts[:, 2])
    return Version(loaded(bulk, groups, rule, seeds), sizes, model.occupants, np.ones(count, bool), roster, census)


def shown(forest: Forest, model: FittedForest, data: Table, run: Run) -> tuple[Version, Places]:
    """The trees of a model with its records, which are those of the data; and where its rows are."""
    refusals.refuse_foreign(forest.recipe(), model, run)
    refusals.refuse_unlike(model, data, forest.weight)
    version: Version | None = model.__dict__.get("_version")
    places = None if version is None else version.roster.known(data, version)
    if version is not None and places is not None:
        return version, places
    schema = replace(derived.schema_like(forest, model), weight=forest.weight)
    batch = derived.batch_of(forest, data, schema, model.classes if version is None else version.census.classes, run)
    if batch is None:
        mismatch("data", "records of other classes", "those that it learned")
    if version is not None:
        return version, version.roster.matched(data, batch, version)
    roster = Roster(data, batch)
    groups = min(run.threads, forest.trees, MOST_GROUPS)
    found = Census(None, np.zeros(0, np.int64), False, 0, roster.total(np.arange(roster.count))).records
    if found != model.records:
        mismatch("data", found[:16], model.records[:16])
    version = model.__dict__["_version"] = from_arrays(forest, model, roster, run, groups)
    for superseded in ("_reader", "trees"):  # the same trees once more; the arrays are made again when asked for
        model.__dict__.pop(superseded, None)
    return version, roster.remember(data, roster.places[data.columns], version)


def coming(forest: Forest, version: Version, model: FittedForest, change: Change[Table], data: Table) -> Read | None:
    """What comes, read; None where all is learned again, for other features or a class that the trees do not know.

    Raises
    ------
    DataError, LearnError
        For what cannot be learned: so quoting refuses it as forgetting does.
    """
    into, same, nothing = change.into, change.into.names == data.names, np.zeros(0, np.int64)
    if same and not len(into):
        return np.zeros((0, 0)), nothing, nothing
    weight = coded.weights(into, forest.weight)
    goes = len(change.out) if forest.weight is None else int(coded.weights(data.take(change.out), forest.weight).sum())
    coded.refuse_heavy(version.census.weight - goes + int(weight.sum()))
    read = derived.read_of(forest, into, derived.schema_like(forest, model), version.census.classes) if same else None
    if read is None:
        derived.read_of(forest, into, derived.schema_of(forest, into), derived.classes_of(forest, into, weight))
    return read


def bound(forest: Forest, version: Version, out: NDArray[np.int64], into: Table, run: Run) -> int:
    """At most so many visits: all records of the trees that a changed one is in."""
    units = np.concatenate([version.roster.units[out], keyed.draws(run.key, into.units, "forest unit")[:, 0]])
    touched = np.unique(occupied(units, forest.trees, derived.each(forest)))
    return int(version.sizes[touched].sum()) + 2 * (len(out) + len(into)) * derived.each(forest)
