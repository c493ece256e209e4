"""What follows from a forest's parameters and some data: columns, rule, seeds, classes, and records that are read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from expunge import keyed
from expunge.errors import LearnError, MismatchError
from expunge.methods.trees import _coded as coded
from expunge.methods.trees._layout import Rule
from expunge.methods.trees._records import Batch
from expunge.methods.trees._refusals import refuse_unknown
from expunge.methods.trees._settings import DEEPEST, task_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.methods.trees._model import FittedForest
    from expunge.methods.trees.forest import Forest
    from expunge.protocol import Run
    from expunge.values import Scalar

    Read: TypeAlias = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]


def each(forest: Forest) -> int:
    """Trees of each record."""
    return min(forest.trees, max(1, math.ceil(forest.share * forest.trees - 1e-9)))


def schema_of(forest: Forest, data: Table) -> coded.Schema:
    """What the columns of the data are."""
    refuse_unknown("weight", () if forest.weight is None else (forest.weight,), data.names)
    return coded.schema_of(data, forest.categorical, forest.spread, forest.weight)


def schema_like(forest: Forest, model: FittedForest) -> coded.Schema:
    """What the columns were that a model learned from, without the weight."""
    return coded.Schema(model.names, model.coded, tuple(forest.categorical), tuple(forest.spread), None)


def selected(forest: Forest, model: FittedForest, data: Table) -> Table:
    """The table with the features of the model, in its order."""
    missing = [name for name in model.names if name not in data.names]
    extra = [name for name in data.names if name not in model.names and name != forest.weight]
    if missing or extra:
        msg = f"the model learned from {', '.join(model.names)}: missing {missing}, unknown {extra}"
        raise MismatchError(msg)
    return data.select(model.names)


def rule_of(forest: Forest, schema: coded.Schema, classes: tuple[Scalar, ...] | None, run: Run | None) -> Rule:
    """What the kernels are told; without a run, for trees that are read only."""
    d, width = len(schema.names), 3 if classes is None else len(classes)
    most = math.ceil(1.5 * math.sqrt(d)) if forest.features is None else forest.features
    split, leaf = min(forest.min_split, coded.HEAVIEST), min(forest.min_leaf, coded.HEAVIEST)  # no node weighs more
    sizes = [min(most, d), forest.cuts, width, split, min(forest.max_depth, DEEPEST), leaf, int(classes is None)]
    names = np.zeros(d, np.uint32)
    if run is not None:
        drawn = keyed.draw(run.key, pa.array(schema.names, pa.large_string()), "forest feature")
        names = (drawn >> np.uint64(32)).astype(np.uint32)
    return Rule(np.array(sizes, np.int64), names, schema.coded.astype(np.uint8))


def seeds_of(forest: Forest, run: Run) -> NDArray[np.uint64]:
    """(trees,) what the names of the nodes of each tree begin with."""
    return np.ascontiguousarray(keyed.draw(run.key, np.arange(forest.trees), "forest tree"))


def classes_of(forest: Forest, data: Table, weight: NDArray[np.int64]) -> tuple[Scalar, ...] | None:
    """The classes that trees have columns for; None for regression."""
    if task_of(forest.task, data) == "regression":
        return None
    return data.classes if data.classes is not None else data.take(weight > 0).present


def read_of(forest: Forest, data: Table, schema: coded.Schema, classes: tuple[Scalar, ...] | None) -> Read | None:
    """Numbers, labels and weights of records; None where one is of a class that is not among these."""
    weight = coded.weights(data, forest.weight)
    if classes is None:
        y: NDArray[np.int64] | None = coded.fixed(np.asarray(data.label), forest.resolution)
    else:
        y = coded.coded_labels(data, classes, weight)
    return None if y is None else (coded.values(data, schema), y, weight)


def batch_of(
    forest: Forest, data: Table, schema: coded.Schema, classes: tuple[Scalar, ...] | None, run: Run
) -> Batch | None:
    """The records, read, with what their names are hashed to; None as for `read_of`."""
    made = read_of(forest, data, schema, classes)
    return None if made is None else Batch(data, *made, run.key)


def everything(forest: Forest, data: Table, run: Run) -> tuple[coded.Schema, tuple[Scalar, ...] | None, Batch]:
    """Columns, classes and all records of the data, to learn from."""
    schema, weight = schema_of(forest, data), coded.weights(data, forest.weight)
    coded.refuse_heavy(int(weight.sum()))
    classes = classes_of(forest, data, weight)
    batch = batch_of(forest, data, schema, classes, run)
    if batch is None:
        msg = "the labels of these records changed their classes while they were read"
        raise LearnError(msg)
    return schema, classes, batch
