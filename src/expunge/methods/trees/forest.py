"""Forest: random trees that are a function of a set of records, so that forgetting one is exact and takes a moment.

Every random choice is a keyed hash of a name: which trees a record is in, which features and cuts a node may choose
from. Cuts are points of a dyadic grid, never values of records, and all that a node keeps are integer counts, so that
a record is taken out by subtraction. Below a split that is no longer the best, the subtree is built again, at once.
What comes out is, bit for bit, the forest of the records that are left: deletions, corrections and additions alike.

Claim: Exact, with the same key, parameters and version of expunge; for any number of threads.

References
----------
Geurts, Ernst, Wehenkel (2006), "Extremely randomized trees", Machine Learning 63 (cuts at random, no bootstrap).
Brophy, Lowd (2021), arXiv:2009.05567 (DaRE: counts of candidates kept at nodes; its threshold at a deleted value and
its missing resampling are what the laws here exclude). Wang et al. (2025), DynFrs, arXiv:2410.01588 (occupancy:
each record in a share of the trees).

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table, fingerprint
>>> X = np.random.default_rng(0).normal(size=(90, 3))
>>> table, run = Table.from_arrays(X, X[:, 0] > 0), Run(key=b"example")
>>> forest, target = Forest(trees=10), Records([7])
>>> model = forest.learn(table, run)
>>> done = forest.forget(model, target, table, run)
>>> fingerprint(done.model) == fingerprint(forest.learn(table.after(target), run))
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from weakref import ref

import numpy as np
import pyarrow as pa

from expunge import keyed
from expunge.codec import fingerprint
from expunge.data.table import expect
from expunge.errors import LearnError, MismatchError, ParameterError, RefusedError
from expunge.methods.trees import _coded as coded
from expunge.methods.trees import _refusals as refusals
from expunge.methods.trees._hashing import occupied
from expunge.methods.trees._layout import Rule
from expunge.methods.trees._model import FittedForest, Tree
from expunge.methods.trees._reading import importances_of, read_tree, scores
from expunge.methods.trees._records import TOLD, Batch, Places, Roster, Told
from expunge.methods.trees._settings import DEEPEST, checked, is_whole, mismatch, plain, task_of
from expunge.methods.trees._versions import MOST_GROUPS, Census, Version, empty, loaded
from expunge.params import Params
from expunge.values import Exact, Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Change, Run
    from expunge.values import Scalar, Target

    Read = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Forest(Params):
    """A random forest that forgets exactly.

    Parameters
    ----------
    trees : int
    share : float
        q: each record, or owner with all that is theirs, is in ``ceil(share * trees)`` of the trees. That number is
        the price of forgetting; how many records a tree has is what accuracy comes from.
    features : int, optional
        Features that a node may choose from; ``ceil(1.5 * sqrt(d))`` when it is None.
    cuts : int
        Candidate cuts, or categories, of each of these features.
    max_depth, min_split, min_leaf : int
        Levels of splits, a million at most; records that a node needs to be split, and that each side needs, by weight.
    task : {"classification", "regression"}, optional
        What labels mean; as `Table.task` says when it is None.
    resolution : float
        A power of two that targets of a regression are rounded to multiples of, so that their sums are exact.
    categorical : sequence of str
        Columns of numbers that are names of categories. Text, and categories of a frame, always are. A name that the
        data do not have means nothing, here and in ``spread``: its `Column` may have been erased.
    spread : sequence of str
        Columns of numbers with heavy tails, which are cut on a logarithmic scale.
    weight : str, optional
        Name of a column of whole numbers: how many records each one counts for. It is not trained on.

    Raises
    ------
    ParameterError
        For parameters that do not fit, in words.
    MismatchError
        When `forget` or `quote` is given data, a key or parameters other than the model's.
    RefusedError
        From `forget`, whatever `quote` refuses.
    """

    trees: int = 100
    share: float = 0.1
    features: int | None = None
    cuts: int = 3
    max_depth: int = 20
    min_split: int = 2
    min_leaf: int = 1
    task: Task | None = None
    resolution: float = 2.0**-20
    categorical: Sequence[str] = ()
    spread: Sequence[str] = ()
    weight: str | None = None

    packages: ClassVar[tuple[str, ...]] = ("numba", "llvmlite")

    def __post_init__(self) -> None:
        checked(self)

    # -- A -------------------------------------------------------------------------------------------------------------

    def recipe(self) -> str:
        """Digest of all parameters: each decides what the trees are."""
        return _digest(tuple((field.name, plain(field.name, getattr(self, field.name))) for field in fields(self)))

    def learn(self, data: Table, run: Run) -> FittedForest:
        """A forest of the records."""
        expect(data, run)
        schema, weight = self._schema(data), coded.weights(data, self.weight)
        coded.refuse_heavy(int(weight.sum()))
        classes = self._classes(data, weight)
        batch = self._batch(data, schema, classes, run)
        if batch is None:
            msg = "the labels of these records changed their classes while they were read"
            raise LearnError(msg)
        roster, width = Roster(data, batch), 3 if classes is None else len(classes)
        census = Census(classes, np.zeros(width, np.int64), data.classes is not None, 0, np.zeros(2, np.uint64))
        groups = min(run.threads, self.trees, MOST_GROUPS)
        parts = empty(groups, self._rule(schema, classes, run), self._seeds(run), 64 + len(batch) * self._each // 6)
        nobody, none = np.zeros(roster.count, bool), np.zeros(0, np.int64)
        bare = Version(parts, np.zeros(self.trees, np.int64), nobody, roster, census)
        run.tick("trees", 0, self.trees)
        version, _ = bare.advanced(none, np.arange(roster.count), self._each, run.threads)
        version.into = none  # they go with the roster
        run.tick("trees", self.trees, self.trees)
        return self._named(version, schema, run)

    def predict(self, model: FittedForest, data: Table) -> NDArray[np.float64]:
        """(n, classes) shares of the classes, mean over the trees; (n,) for regression."""
        expect(data)
        refusals.refuse_other_parameters(self.recipe(), model)
        X = coded.values(self._selected(model, data), self._schema_like(model))
        return scores(self._readable(model), X, model)

    def visits(self, data: Table, run: Run) -> int:
        """Records of all trees together."""
        return int(np.count_nonzero(coded.weights(data, self.weight))) * self._each

    # -- U -------------------------------------------------------------------------------------------------------------

    def quote(self, model: FittedForest, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """Exact; at most all records of the trees that the changed records are in are read again."""
        expect(data, run)
        change = refusals.asked(data, target, self.weight)
        if isinstance(change, Refusal):
            return change
        version, places = self._shown(model, data, run)
        out, into = places.slots(change.out), change.into
        new = self._coming(version, model, change, data)  # read, so that nothing is promised that cannot be learned
        every = (len(data) + len(into)) * self._each
        examples = every if new is None else self._bound(version, out, into, run)
        seconds = None if run.pace is None else examples * run.pace.seconds_per_example
        return Quote(Exact(), (*_ASSUMPTIONS, *data.remarks(target)), examples, seconds)

    def forget(self, model: FittedForest, target: Target, data: Table, run: Run) -> Forgotten[FittedForest]:
        """The forest without the target: new nodes where it changes, all others shared with the model given."""
        expect(data, run)
        change = refusals.asked(data, target, self.weight)
        if isinstance(change, Refusal):
            raise RefusedError(change)
        version, places = self._shown(model, data, run)
        out, into = places.slots(change.out), change.into
        if not len(out) and not len(into) and into.names == data.names:
            return Forgotten(model, Exact(), 0)
        schema = self._schema_like(model)
        come, slots_after = np.zeros(0, np.int64), None
        new = self._coming(version, model, change, data)
        if new is None:
            after = data.after(target)
            return Forgotten(self.learn(after, run), Exact(), self.visits(after, run))
        if len(into):
            come = version.roster.append(Batch(into, *new, run.key))
            stay = np.delete(places.slots(), change.out) if len(out) else places.slots()
            slots_after = np.concatenate([stay, come])
        try:
            after_it, read = version.advanced(out, come, self._each, run.threads)
        except BaseException:
            version.roster.doubt(come)  # nobody will hold them
            raise
        data.tallies_after(target)[TOLD] = Told(ref(after_it), slots_after)  # or the next request looks at all rows
        examples = read + (len(out) + len(come)) * self._each
        made = self._named(after_it, schema, run)
        if not after_it.kept.all():  # pools know a class that lost its last record: others are made of the arrays
            made = FittedForest(*(getattr(made, field.name) for field in fields(made)))
            self._shown(made, data.after(target), run)
        return Forgotten(made, Exact(), examples)

    # -- beside the verbs ----------------------------------------------------------------------------------------------

    def out_of_bag(self, model: FittedForest, data: Table, run: Run) -> NDArray[np.float64]:
        """What `predict` says, each record by the trees that it is not in; NaN for one that is in all."""
        expect(data, run)
        refusals.refuse_foreign(self.recipe(), model, run)
        units = np.ascontiguousarray(keyed.draws(run.key, data.units, "forest unit")[:, 0])
        inside = np.zeros((len(data), self.trees), bool)
        inside[np.arange(len(data))[:, None], occupied(units, self.trees, self._each)] = True
        X = coded.values(self._selected(model, data), self._schema_like(model))
        return scores(self._readable(model), X, model, inside)

    def importances(self, model: FittedForest) -> NDArray[np.float64]:
        """(d,) mean decrease of impurity by the splits of each feature; they sum to 1, or are zeros without a split."""
        refusals.refuse_other_parameters(self.recipe(), model)
        return importances_of(self._readable(model), model)

    def tree(self, model: FittedForest, number: int) -> Tree:
        """One tree, as people read it."""
        refusals.refuse_other_parameters(self.recipe(), model)
        if not is_whole(number) or not 0 <= number < self.trees:
            msg = f"this forest has trees 0 to {self.trees - 1}, got {number!r}"
            raise ParameterError(msg)
        return read_tree(self._readable(model), model, int(number), self.spread)

    def codes(self, data: Table, run: Run, name: str) -> dict[float, str]:
        """What the codes of the categories of one column of these data stand for."""
        return coded.words_of(data, name)

    # -- parameters made plain -----------------------------------------------------------------------------------------

    @property
    def _each(self) -> int:
        """Trees of each record."""
        return min(self.trees, max(1, math.ceil(self.share * self.trees - 1e-9)))

    def _schema(self, data: Table) -> coded.Schema:
        refusals.refuse_unknown("weight", () if self.weight is None else (self.weight,), data.names)
        return coded.schema_of(data, self.categorical, self.spread, self.weight)

    def _schema_like(self, model: FittedForest) -> coded.Schema:
        return coded.Schema(model.names, model.coded, tuple(self.categorical), tuple(self.spread), None)

    def _selected(self, model: FittedForest, data: Table) -> Table:
        """The table with the features of the model, in its order."""
        missing = [name for name in model.names if name not in data.names]
        extra = [name for name in data.names if name not in model.names and name != self.weight]
        if missing or extra:
            msg = f"the model learned from {', '.join(model.names)}: missing {missing}, unknown {extra}"
            raise MismatchError(msg)
        return data.select(model.names)

    def _rule(self, schema: coded.Schema, classes: tuple[Scalar, ...] | None, run: Run | None) -> Rule:
        """What the kernels are told; without a run, for trees that are read only."""
        d, width = len(schema.names), 3 if classes is None else len(classes)
        most = math.ceil(1.5 * math.sqrt(d)) if self.features is None else self.features
        split, leaf = min(self.min_split, coded.HEAVIEST), min(self.min_leaf, coded.HEAVIEST)  # no node weighs more
        sizes = [min(most, d), self.cuts, width, split, min(self.max_depth, DEEPEST), leaf, int(classes is None)]
        names = np.zeros(d, np.uint32)
        if run is not None:
            drawn = keyed.draw(run.key, pa.array(schema.names, pa.large_string()), "forest feature")
            names = (drawn >> np.uint64(32)).astype(np.uint32)
        return Rule(np.array(sizes, np.int64), names, schema.coded.astype(np.uint8))

    def _seeds(self, run: Run) -> NDArray[np.uint64]:
        return np.ascontiguousarray(keyed.draw(run.key, np.arange(self.trees), "forest tree"))

    def _classes(self, data: Table, weight: NDArray[np.int64]) -> tuple[Scalar, ...] | None:
        if task_of(self.task, data) == "regression":
            return None
        return data.classes if data.classes is not None else data.take(weight > 0).present

    def _read(self, data: Table, schema: coded.Schema, classes: tuple[Scalar, ...] | None) -> Read | None:
        """Numbers, labels and weights of records; None where one is of a class that is not among these."""
        weight = coded.weights(data, self.weight)
        if classes is None:
            y: NDArray[np.int64] | None = coded.fixed(np.asarray(data.label), self.resolution)
        else:
            y = coded.coded_labels(data, classes, weight)
        return None if y is None else (coded.values(data, schema), y, weight)

    def _batch(self, data: Table, schema: coded.Schema, classes: tuple[Scalar, ...] | None, run: Run) -> Batch | None:
        """The records, read, with what their names are hashed to; None as for `_read`."""
        read = self._read(data, schema, classes)
        return None if read is None else Batch(data, *read, run.key)

    # -- a model and its records ---------------------------------------------------------------------------------------

    def _named(self, version: Version, schema: coded.Schema, run: Run) -> FittedForest:
        census = version.census
        return FittedForest.standing(
            version,
            task="regression" if census.classes is None else "classification",
            classes=census.present,
            declared=census.declared,
            names=schema.names,
            coded=schema.coded,
            resolution=self.resolution,
            recipe=self.recipe(),
            key=keyed.key_id(run.key),
            records=census.records,
        )

    def _readable(self, model: FittedForest) -> Version:
        """The trees of a model, to be read."""
        held = model.__dict__
        version: Version | None = held.get("_version") or held.get("_reader")
        if version is None:
            version = held["_reader"] = self._from_arrays(model, None, None, 1)
        return version

    def _from_arrays(self, model: FittedForest, roster: Roster | None, run: Run | None, groups: int) -> Version:
        """The trees of a model that came from its arrays."""
        bulk = model.trees
        rule = self._rule(self._schema_like(model), model.classes, run)
        seeds = np.zeros(self.trees, np.uint64) if run is None else self._seeds(run)
        count = int(bulk.members.max(initial=-1)) + 1 if roster is None else roster.count
        width = 3 if model.classes is None else len(model.classes)
        census = Census(model.classes, np.ones(width, np.int64), model.declared, 0, np.zeros(2, np.uint64))
        if roster is not None:
            census = census.of(roster)
        sizes = np.diff(bulk.starts[:, 2])
        return Version(loaded(bulk, groups, rule, seeds), sizes, np.ones(count, bool), roster, census)

    def _shown(self, model: FittedForest, data: Table, run: Run) -> tuple[Version, Places]:
        """The trees of a model with its records, which are those of the data; and where its rows are."""
        refusals.refuse_foreign(self.recipe(), model, run)
        refusals.refuse_unlike(model, data, self.weight)
        version: Version | None = model.__dict__.get("_version")
        places = None if version is None else version.roster.known(data, version)
        if version is not None and places is not None:
            return version, places
        schema = replace(self._schema_like(model), weight=self.weight)
        batch = self._batch(data, schema, model.classes if version is None else version.census.classes, run)
        if batch is None:
            mismatch("data", "records of other classes", "those that it learned")
        if version is not None:
            return version, version.roster.matched(data, batch, version)
        roster = Roster(data, batch)
        groups = min(run.threads, self.trees, MOST_GROUPS)
        found = Census(None, np.zeros(0, np.int64), False, 0, roster.total(np.arange(roster.count))).records
        if found != model.records:
            mismatch("data", found[:16], model.records[:16])
        version = model.__dict__["_version"] = self._from_arrays(model, roster, run, groups)
        for superseded in ("_reader", "trees"):  # the same trees once more; the arrays are made again when asked for
            model.__dict__.pop(superseded, None)
        return version, Places(roster.places[data.columns], data.rows)

    def _coming(self, version: Version, model: FittedForest, change: Change[Table], data: Table) -> Read | None:
        """What comes, read; None where all is learned again, for other features or a class that the trees do not know.

        Raises
        ------
        DataError, LearnError
            For what cannot be learned: so quoting refuses it as forgetting does.
        """
        into, same, nothing = change.into, change.into.names == data.names, np.zeros(0, np.int64)
        if same and not len(into):
            return np.zeros((0, 0)), nothing, nothing
        weight, goes = coded.weights(into, self.weight), coded.weights(data.take(change.out), self.weight)
        coded.refuse_heavy(version.census.weight - int(goes.sum()) + int(weight.sum()))
        read = self._read(into, self._schema_like(model), version.census.classes) if same else None
        if read is None:
            self._read(into, self._schema(into), self._classes(into, weight))
        return read

    def _bound(self, version: Version, out: NDArray[np.int64], into: Table, run: Run) -> int:
        """At most so many visits: all records of the trees that a changed one is in."""
        units = np.concatenate([version.roster.units[out], keyed.draws(run.key, into.units, "forest unit")[:, 0]])
        touched = np.unique(occupied(units, self.trees, self._each))
        return int(version.sizes[touched].sum()) + 2 * (len(out) + len(into)) * self._each


@lru_cache(maxsize=64)
def _digest(held: tuple[tuple[str, Any], ...]) -> str:
    return fingerprint((Forest, held))


_ASSUMPTIONS = (
    (
        "the same version of expunge, whose kernels use correctly rounded operations only: no thread and no order of"
        " rows changes a bit"
    ),
    "columns, categories, weights, resolution and settings were not chosen by looking at what is forgotten",
    "the key is secret: who knows it can aim requests at the same trees",
)
