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

from dataclasses import dataclass, fields
from operator import is_
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from weakref import ref

import numpy as np

from expunge import keyed
from expunge.codec import fingerprint
from expunge.data.table import expect
from expunge.errors import ParameterError, RefusedError
from expunge.methods.trees import _coded as coded
from expunge.methods.trees import _derived as derived
from expunge.methods.trees import _parts as parts
from expunge.methods.trees import _refusals as refusals
from expunge.methods.trees import _standing as standing
from expunge.methods.trees._census import Census
from expunge.methods.trees._cost import expected_visits
from expunge.methods.trees._hashing import occupied
from expunge.methods.trees._model import FittedForest, Tree
from expunge.methods.trees._reading import importances_of, read_tree, scores
from expunge.methods.trees._records import TOLD, Batch, Moved, Roster, Told
from expunge.methods.trees._settings import checked, is_whole, plain
from expunge.methods.trees._versions import MOST_GROUPS, Version, empty
from expunge.params import Params
from expunge.values import Exact, Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Run
    from expunge.values import Target


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
        values = tuple(map(self.__dict__.__getitem__, NAMES))
        said: tuple[tuple[Any, ...], str] | None = self.__dict__.get("_said")  # a request asks more than once
        fixed = type(self.categorical) is type(self.spread) is tuple
        if said is None or not fixed or not all(map(is_, said[0], values)):
            made = tuple((name, plain(name, value)) for name, value in zip(NAMES, values, strict=True))
            said = self.__dict__["_said"] = values, fingerprint((Forest, made))
        return said[1]

    def learn(self, data: Table, run: Run) -> FittedForest:
        """A forest of the records."""
        expect(data, run)
        schema, classes, batch = derived.everything(self, data, run)
        roster, none = Roster(data, batch), np.zeros(0, np.int64)
        rule, seeds = derived.rule_of(self, schema, classes, run), derived.seeds_of(self, run)
        planted = empty(
            min(run.threads, self.trees, MOST_GROUPS), rule, seeds, 64 + len(batch) * derived.each(self) // 3
        )
        zeros = np.zeros(self.trees, np.int64), np.zeros((self.trees, 2), np.uint64), np.zeros(roster.count, bool)
        bare = Version(planted, *zeros, roster, Census.empty(classes, declared=data.classes is not None))
        run.tick("trees", 0, self.trees)
        version, _ = bare.advanced(none, np.arange(roster.count), derived.each(self), run.threads)
        version.into = none  # they go with the roster
        run.tick("trees", self.trees, self.trees)
        return standing.named(self, version, schema, run)

    def predict(self, model: FittedForest, data: Table) -> NDArray[np.float64]:
        """(n, classes) shares of the classes, mean over the trees; (n,) for regression."""
        expect(data)
        refusals.refuse_other_parameters(self.recipe(), model)
        X = coded.values(derived.selected(self, model, data), derived.schema_like(self, model))
        return scores(standing.readable(self, model), X, model)

    def visits(self, data: Table, run: Run) -> int:
        """Records of all trees together."""
        return int(np.count_nonzero(coded.weights(data, self.weight))) * derived.each(self)

    # -- U -------------------------------------------------------------------------------------------------------------

    def quote(self, model: FittedForest, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """Exact; at most all records of the trees that the changed records are in are read again."""
        expect(data, run)
        change = refusals.asked(data, target, self.weight)
        if isinstance(change, Refusal):
            return change
        version, places = standing.shown(self, model, data, run)
        out, into = places.slots(change.out), change.into
        # What comes is read, so that nothing is promised that cannot be learned.
        new = standing.coming(self, version, model, change, data)
        every = (len(data) + len(into)) * derived.each(self)
        examples = every if new is None else standing.bound(self, version, out, into, run)
        seconds = None if run.pace is None else examples * run.pace.seconds_per_example
        return Quote(Exact(), (*_ASSUMPTIONS, *data.remarks(target)), examples, seconds)

    def forget(self, model: FittedForest, target: Target, data: Table, run: Run) -> Forgotten[FittedForest]:
        """The forest without the target: new nodes where it changes, all others shared with the model given."""
        expect(data, run)
        change = refusals.asked(data, target, self.weight)
        if isinstance(change, Refusal):
            raise RefusedError(change)
        version, places = standing.shown(self, model, data, run)
        out, into = places.slots(change.out), change.into
        if not len(out) and not len(into) and into.names == data.names:
            return Forgotten(model, Exact(), 0)
        come = np.zeros(0, np.int64)
        new = standing.coming(self, version, model, change, data)
        if new is None:
            after = data.after(target)
            return Forgotten(self.learn(after, run), Exact(), self.visits(after, run))
        if len(into):
            come = version.roster.append(Batch(into, *new, run.key))
        try:
            after_it, read = version.advanced(out, come, derived.each(self), run.threads)
        except BaseException:
            version.roster.doubt(come)  # nobody will hold them
            raise
        told = Told(ref(after_it), Moved(places, change.out, come))
        data.tallies_after(target)[TOLD] = told  # or the next request looks at all rows
        examples = read + (len(out) + len(come)) * derived.each(self)
        made = standing.renamed(model, after_it)
        if not after_it.census.whole:  # pools know a class that lost its last record: others are made of the arrays
            made = FittedForest(*(getattr(made, field.name) for field in fields(made)))
            standing.shown(self, made, data.after(target), run)
        return Forgotten(made, Exact(), examples)

    def expected_cost(self, n: int, requests: int = 1, *, batch: bool = False) -> float:
        """Record visits that forgetting some of n records is expected to take, before anything is learned.

        One request each, or all in one with ``batch``. Learning takes ``n * ceil(share * trees)``.

        >>> forest = Forest()
        >>> round(forest.expected_cost(50_000)), round(forest.expected_cost(50_000, 1000, batch=True) / 500_000, 2)
        (747, 0.78)
        """
        return expected_visits(n, derived.each(self), self.share, requests, batch=batch)

    # -- replay, tree by tree ------------------------------------------------------------------------------------------

    def touched(self, before: FittedForest, data: Table, run: Run) -> tuple[int, ...]:
        """Trees that have other records in these data than they have learned."""
        return parts.touched(self, before, data, run)

    def part(self, model: FittedForest, number: int) -> parts.Part:
        """One tree, with the digest of its records."""
        return parts.part(model, number)

    def relearn(self, number: int, data: Table, run: Run) -> parts.Part:
        """One tree learned from nothing."""
        return parts.relearn(self, number, data, run)

    # -- beside the verbs ----------------------------------------------------------------------------------------------

    def out_of_bag(self, model: FittedForest, data: Table, run: Run) -> NDArray[np.float64]:
        """What `predict` says, each record by the trees that it is not in; NaN for one that is in all."""
        expect(data, run)
        refusals.refuse_foreign(self.recipe(), model, run)
        units = np.ascontiguousarray(keyed.draws(run.key, data.units, "forest unit")[:, 0])
        inside = np.zeros((len(data), self.trees), bool)
        inside[np.arange(len(data))[:, None], occupied(units, self.trees, derived.each(self))] = True
        X = coded.values(derived.selected(self, model, data), derived.schema_like(self, model))
        return scores(standing.readable(self, model), X, model, inside)

    def importances(self, model: FittedForest) -> NDArray[np.float64]:
        """(d,) mean decrease of impurity by the splits of each feature; they sum to 1, or are zeros without a split."""
        refusals.refuse_other_parameters(self.recipe(), model)
        return importances_of(standing.readable(self, model), model)

    def tree(self, model: FittedForest, number: int) -> Tree:
        """One tree, as people read it."""
        refusals.refuse_other_parameters(self.recipe(), model)
        if not is_whole(number) or not 0 <= number < self.trees:
            msg = f"this forest has trees 0 to {self.trees - 1}, got {number!r}"
            raise ParameterError(msg)
        return read_tree(standing.readable(self, model), model, int(number), self.spread)

    def codes(self, data: Table, run: Run, name: str) -> dict[float, str]:
        """What the codes of the categories of one column of these data stand for."""
        return coded.words_of(data, name)


NAMES = tuple(field.name for field in fields(Forest))

_ASSUMPTIONS = (
    (
        "the same version of expunge, whose kernels use correctly rounded operations only: no thread and no order of"
        " rows changes a bit"
    ),
    "columns, categories, weights, resolution and settings were not chosen by looking at what is forgotten",
    "the key is secret: who knows it can aim requests at the same trees",
)
