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
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from weakref import ref

import numpy as np
import pyarrow as pa

from expunge import keyed
from expunge.codec import fingerprint
from expunge.data.table import expect
from expunge.errors import DataError, LearnError, MismatchError, ParameterError, RefusedError
from expunge.methods.trees import _coded as coded
from expunge.methods.trees._hashing import occupied
from expunge.methods.trees._layout import Rule
from expunge.methods.trees._model import FittedForest, Tree, expect_forest
from expunge.methods.trees._reading import importances_of, read_tree, scores
from expunge.methods.trees._records import TOLD, Batch, Places, Roster, Told
from expunge.methods.trees._settings import checked, mismatch, plain, task_of
from expunge.methods.trees._versions import MOST_GROUPS, Census, Version, empty, loaded
from expunge.params import Params
from expunge.values import Exact, Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Run
    from expunge.values import Scalar, Target

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
        Levels of splits; records that a node needs to be split, and that each side of a split needs, by weight.
    task : {"classification", "regression"}, optional
        What labels mean; as `Table.task` says when it is None.
    resolution : float
        A power of two that targets of a regression are rounded to multiples of, so that their sums are exact.
    categorical : sequence of str
        Columns of numbers that are names of categories. Text, and categories of a frame, always are.
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
        return self._recipe

    @cached_property
    def _recipe(self) -> str:
        held = tuple((field.name, plain(field.name, getattr(self, field.name))) for field in fields(self))
        return fingerprint((Forest, held))

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
        expect_forest(model)
        X = coded.values(self._selected(model, data), self._schema_like(model))
        return scores(self._readable(model), X, model)

    def visits(self, data: Table, run: Run) -> int:
        """Records of all trees together."""
        return int(np.count_nonzero(coded.weights(data, self.weight))) * self._each

    # -- U -------------------------------------------------------------------------------------------------------------

    def quote(self, model: FittedForest, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """Exact; at most all records of the trees that the changed records are in are read again."""
        expect(data, run)
        change = data.change(target)
        if change is None:
            return Refusal("no record carries this target; a forest forgets what records say", "never")
        version, places = self._shown(model, data, run)
        examples = self._bound(version, places.slots(change.out), change.into, data, run)
        seconds = None if run.pace is None else examples * run.pace.seconds_per_example
        return Quote(Exact(), (*_ASSUMPTIONS, *data.remarks(target)), examples, seconds)

    def forget(self, model: FittedForest, target: Target, data: Table, run: Run) -> Forgotten[FittedForest]:
        """The forest without the target: new nodes where it changes, all others shared with the model given."""
        expect(data, run)
        change = data.change(target)
        if change is None:
            refusal = self.quote(model, target, data, run)
            raise RefusedError(refusal) if isinstance(refusal, Refusal) else LearnError("a quote changed its mind")
        version, places = self._shown(model, data, run)
        out, into = places.slots(change.out), change.into
        if not len(out) and not len(into) and into.names == data.names:
            return Forgotten(model, Exact(), 0)
        schema = self._schema_like(model)
        come, slots_after = np.zeros(0, np.int64), None
        if len(into) or into.names != data.names:
            batch = self._batch(into, schema, version.census.classes, run) if into.names == data.names else None
            if batch is None:  # other features, or a class that the trees do not know
                after = data.after(target)
                return Forgotten(self.learn(after, run), Exact(), self.visits(after, run))
            come = version.roster.append(batch)
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
        self._refuse_foreign(model, run)
        units = np.ascontiguousarray(keyed.draws(run.key, data.units, "forest unit")[:, 0])
        inside = np.zeros((len(data), self.trees), bool)
        inside[np.arange(len(data))[:, None], occupied(units, self.trees, self._each)] = True
        X = coded.values(self._selected(model, data), self._schema_like(model))
        return scores(self._readable(model), X, model, inside)

    def importances(self, model: FittedForest) -> NDArray[np.float64]:
        """(d,) mean decrease of impurity by the splits of each feature; they sum to 1, or are zeros without a split."""
        expect_forest(model)
        return importances_of(self._readable(model), model)

    def tree(self, model: FittedForest, number: int) -> Tree:
        """One tree, as people read it."""
        expect_forest(model)
        if not 0 <= number < self.trees:
            msg = f"this forest has trees 0 to {self.trees - 1}, got {number!r}"
            raise ParameterError(msg)
        return read_tree(self._readable(model), model, number)

    def codes(self, data: Table, run: Run, name: str) -> dict[float, str]:
        """What the codes of the categories of one column of these data stand for."""
        column = data.column(name)
        distinct = [value for value in dict.fromkeys(column.tolist()) if value is not None and value == value]  # noqa: PLR0124
        kind = column.dtype if column.dtype.kind in "biuf" else None
        made = coded.codes_of(pa.array(np.array(distinct, kind)) if kind else pa.array(distinct, pa.large_string()))
        return {float(code): str(value) for code, value in zip(made, distinct, strict=True)} | {0.0: "missing"}

    # -- parameters made plain -----------------------------------------------------------------------------------------

    @property
    def _each(self) -> int:
        """Trees of each record."""
        return min(self.trees, max(1, math.ceil(self.share * self.trees - 1e-9)))

    def _schema(self, data: Table) -> coded.Schema:
        if self.weight is not None and self.weight not in data.names:
            msg = f"the weight is the column {self.weight!r}; there are {', '.join(map(repr, data.names))}"
            raise DataError(msg)
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
        sizes = [min(most, d), self.cuts, width, self.min_split, self.max_depth, self.min_leaf, int(classes is None)]
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

    def _batch(self, data: Table, schema: coded.Schema, classes: tuple[Scalar, ...] | None, run: Run) -> Batch | None:
        """The records, read; None where one is of a class that is not among these."""
        weight = coded.weights(data, self.weight)
        if classes is None:
            y: NDArray[np.int64] | None = coded.fixed(np.asarray(data.label), self.resolution)
        else:
            y = coded.coded_labels(data, classes, weight)
        if y is None:
            return None
        return Batch(data, coded.values(data, schema), y, weight, run.key)

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
        if "_version" not in held and "_reader" not in held:
            held["_reader"] = self._from_arrays(model, None, None, 1)
        version: Version = held.get("_version") or held["_reader"]
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
        self._refuse_foreign(model, run)
        version: Version | None = model.__dict__.get("_version")
        self._refuse_unlike(model, data)
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
        return version, Places(roster.places[data.columns], data.rows)

    def _bound(self, version: Version, out: Any, into: Table, data: Table, run: Run) -> int:
        """At most so many visits: all records of the trees that a changed one is in, or in all where it is learned."""
        classes, changed = version.census.classes, len(out) + len(into)
        weight = coded.weights(into, self.weight)
        if into.names != data.names or (classes is not None and coded.coded_labels(into, classes, weight) is None):
            return (len(data) + len(into)) * self._each
        units = np.concatenate([version.roster.units[out], keyed.draws(run.key, into.units, "forest unit")[:, 0]])
        touched = np.unique(occupied(units, self.trees, self._each))
        return int(version.sizes[touched].sum()) + 2 * changed * self._each

    # -- refusals ------------------------------------------------------------------------------------------------------

    def _refuse_foreign(self, model: FittedForest, run: Run) -> None:
        expect_forest(model)
        for what, mine, others in (
            ("a key", keyed.key_id(run.key), model.key),
            ("parameters", self.recipe(), model.recipe),
        ):
            if mine != others:
                mismatch(what, mine[:16], others[:16])

    def _refuse_unlike(self, model: FittedForest, data: Table) -> None:
        names = tuple(name for name in data.names if name != self.weight)
        if names != model.names:
            mismatch("columns", ", ".join(names), ", ".join(model.names))
        if (data.classes if data.task == "classification" else None) != (model.classes if model.declared else None):
            mismatch("declared classes", str(data.classes), str(model.classes if model.declared else None))


_ASSUMPTIONS = (
    (
        "the same version of expunge, whose kernels use correctly rounded operations only: no thread and no order of"
        " rows changes a bit"
    ),
    "columns, categories, weights, resolution and settings were not chosen by looking at what is forgotten",
    "the key is secret: who knows it can aim requests at the same trees",
)
