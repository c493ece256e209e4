"""Canaries in your own data: records that teach a model what no other record could, to be forgotten for a test.

`plant` takes some records and gives them wrong labels, or marks them with a trigger and one class. Learn from
`Planted.data`, forget `Planted.target`, and `score` says how often the model still does what it was taught, beside
models that never met the canaries. It takes one forgetting and a few oracles, and works for any method that scores
classes: a test to run with each change of a method.

A wrong label is asked about where it was learned: each canary is a question of its own. A trigger is asked about on
other records that are marked with it; then all hang together, for a model knows the trigger or it does not, and that it
is hit a hundred times says no more than once. So a trigger takes several oracles, and the model's share of hits is
placed among theirs (`expunge.measures.prediction`).

**What it shows.** Hits above the oracles' say that canaries are left; hits below say that they were pushed farther
than a model without them would be. No hit says something of *these* records, which stand out on purpose. What could
not have been seen is said: `Scored.smallest` is the share of hits that would have been, with a chance of 80 %.

Examples
--------
>>> import numpy as np
>>> from sklearn.tree import DecisionTreeClassifier
>>> from expunge import Retrain, Run, Table
>>> X = np.random.default_rng(0).normal(size=(200, 3))
>>> data, run, method = Table.from_arrays(X, X[:, 0] > 0), Run(key=b"example"), Retrain(DecisionTreeClassifier())
>>> canaries = plant(data, 20, run)
>>> model = method.learn(canaries.data, run)
>>> done = method.forget(model, canaries.target, canaries.data, run)
>>> oracle = method.learn(canaries.data.after(canaries.target), Run(key=b"another"))
>>> for found in (score(canaries, method, each, [oracle]) for each in (model, done.model)):
...     print(found.hits, found.canaries, found.said)
20 20 detected: 20 of 20 canaries are hit, oracles hit 5 %, p = 3e-10
1 20 not detected: a model that hits 42 % would have been seen with a chance of 80 %; oracles hit 5 %
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from scipy.optimize import brentq
from scipy.stats import binom

from expunge import keyed
from expunge.audit.arms import Missing, answers
from expunge.audit.verdict import ALPHA, POWER
from expunge.data.table import Table
from expunge.errors import DataError, ParameterError
from expunge.measures.canaries import planted
from expunge.measures.loss import correct
from expunge.measures.prediction import placed
from expunge.values import Records

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from expunge.protocol import Run
    from expunge.values import Scalar

ASKED = 200
"""Records that a trigger is tried on, at most."""
ORACLES = 3
"""Oracles that a trigger takes at the least."""


@dataclass(frozen=True)
class Planted:
    """Data with canaries.

    Attributes
    ----------
    data : Table
        To be learned from.
    target : Records
        The canaries, to be forgotten.
    truth : Table
        What models are asked about: its labels are those that only the canaries could have taught.
    kind : {"label", "trigger"}
    """

    data: Table
    target: Records
    truth: Table
    kind: Literal["label", "trigger"]


@dataclass(frozen=True)
class Scored:
    """How often a model does what the canaries taught.

    Attributes
    ----------
    hits, canaries : int
        Of a trigger: of records that are marked with it.
    expected : float
        The oracles' share.
    p : float
        Of the two-sided test that the model is one of them.
    smallest : float or None
        The smallest share above the oracles' that is seen with a chance of 80 %; None where none is.
    said : str
        A sentence for people, which begins with the verdict.
    """

    hits: int
    canaries: int
    expected: float
    p: float
    smallest: float | None
    said: str

    @property
    def detected(self) -> bool:
        """Whether the canaries tell."""
        return self.p <= ALPHA


def plant(
    data: Table,
    count: int,
    run: Run,
    kind: Literal["label", "trigger"] = "label",
    *,
    trigger: Mapping[str, Any] | ArrayLike | None = None,
    to: Scalar | None = None,
) -> Planted:
    """Make canaries of some of the records; the table given is left alone.

    Parameters
    ----------
    data : Table
        Of two classes at least. An owner lends one record, so that each canary is a question of its own.
    count : int
        Canaries, drawn by keyed hashes. What the records were before is not learned: they are no longer what they were.
    run : Run
        Whose key draws.
    kind : {"label", "trigger"}
    trigger : mapping of column to value, or array
        Of a trigger alone. For pictures, and rows of numbers, an array of a record's shape: NaN where the record stays
        as it is.
    to : scalar, optional
        The class that the trigger stands for; drawn by the key when there is none.

    Raises
    ------
    DataError
        If labels are no classes, or there are too few records.
    ParameterError
        If kind and trigger do not fit each other or the data.
    """
    _check(data, count, kind, trigger)
    classes, label = data.present, data.label
    named = to if to is not None or kind == "label" else classes[keyed.seed(run.key, "canary class") % len(classes)]
    if kind == "trigger" and named not in classes:
        msg = f"a trigger stands for one of the classes {', '.join(map(repr, classes))}, got {named!r}"
        raise ParameterError(msg)
    order = keyed.order(run.key, data.ids, "canaries")
    order = order if kind == "label" else order[np.asarray(label)[order] != named]
    rows = order[_first_of_each(data.units, order)][:count]
    if len(rows) < count:
        msg = f"{count} canaries take as many owners (of a trigger: of other classes), and there are {len(rows)}"
        raise DataError(msg)
    if kind == "label":
        made = _labelled(data, rows, _wrong(data.take(rows), classes, run))
        return Planted(made, _records(data, rows), made.take(rows), kind)
    marked = _marked(_labelled(data, rows, np.array([named] * count)), rows, trigger)
    rest = order[~np.isin(order, rows)][:ASKED]
    truth = _marked(_labelled(data, rest, np.array([named] * len(rest))), rest, trigger).take(rest)
    return Planted(marked, _records(data, rows), truth, kind)


def hits(canaries: Planted, method: Any, model: Any) -> NDArray[np.bool_]:
    """(n,) whether a model does what each canary was planted for."""
    said = answers(method, model, canaries.truth)
    if isinstance(said, Missing):
        return np.zeros(len(canaries.truth), bool)
    if said.classes is None:
        msg = "canaries are asked of models that score classes, and this one gives numbers"
        raise DataError(msg)
    return correct(said.predicted, said.classes, said.label)


def score(canaries: Planted, method: Any, model: Any, oracles: Sequence[Any]) -> Scored:
    """Whether a model is told from models that were learned without the canaries.

    Parameters
    ----------
    canaries : Planted
    method : method
    model : model
        Once it forgot; the original shows what the test can see.
    oracles : sequence of models
        Learned from ``canaries.data.after(canaries.target)``, each under a key of its own: one for wrong labels, three
        at least for a trigger.

    Raises
    ------
    DataError
        If there are too few.
    """
    least = 1 if canaries.kind == "label" else ORACLES
    if len(oracles) < least:
        msg = f"canaries of kind {canaries.kind!r} are scored beside at least {least} oracles, got {len(oracles)}"
        raise DataError(msg)
    mine, its = hits(canaries, method, model), [hits(canaries, method, each) for each in oracles]
    if canaries.kind == "label":
        found = planted(mine, np.concatenate(its))
        p, smallest = found.p, _smallest(len(mine), np.concatenate(its))
    else:
        among = placed(float(mine.mean()), [float(each.mean()) for each in its], alpha=ALPHA, power=POWER)
        p, above = among.p, among.mean + among.smallest
        smallest = above if above < 1 else None
    expected = float(np.mean(its))
    return Scored(int(mine.sum()), len(mine), expected, p, smallest, _said(mine, expected, p, smallest))


def _said(mine: NDArray[np.bool_], expected: float, p: float, smallest: float | None) -> str:
    beside = f"oracles hit {expected * 100:.0f} %"
    if p <= ALPHA:
        over = ", less often than they (overshoot)" if mine.mean() < expected else ""
        return f"detected{over}: {mine.sum()} of {len(mine)} canaries are hit, {beside}, p = {p:.2g}"
    if smallest is None:
        return f"inconclusive: even a model that hits all canaries would not have been seen; {beside}"
    seen = f"a model that hits {smallest * 100:.0f} % would have been seen with a chance of {POWER * 100:.0f} %"
    return f"not detected: {seen}; {beside}"


def _smallest(count: int, its: NDArray[np.bool_]) -> float | None:
    """The smallest rate above the oracles' that the test of so many canaries rejects with the power that is meant."""
    above = range(int(np.floor(its.mean() * count)) + 1, count + 1)
    enough = next((k for k in above if planted(np.arange(count) < k, its).p <= ALPHA), None)
    if enough is None:
        return None
    found = brentq(lambda rate: float(binom.sf(enough - 1, count, rate)) - POWER, 0.0, 1.0, xtol=1e-9)
    return float(found)


# -- making them -------------------------------------------------------------------------------------------------------


def _check(data: Table, count: int, kind: str, trigger: Any) -> None:
    """Raise a sentence for what cannot be planted."""
    if kind not in ("label", "trigger"):
        msg = f"a canary is of kind 'label' or 'trigger', got {kind!r}"
        raise ParameterError(msg)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        msg = f"the number of canaries is a whole number of at least 1, got {count!r}"
        raise ParameterError(msg)
    if (trigger is None) != (kind == "label"):
        needs = "needs its trigger: values of columns, or an array" if trigger is None else "has no trigger"
        msg = f"a canary of kind {kind!r} {needs}"
        raise ParameterError(msg)
    if data.task != "classification" or len(data.present) < 2:
        msg = f"canaries need labels of two classes at least, one for each record, and these are for {data.task}"
        raise DataError(msg)


def _first_of_each(units: Any, order: NDArray[np.intp]) -> NDArray[np.intp]:
    """Places in an order at which a unit comes for the first time."""
    held = np.asarray(units)[order] if isinstance(units, np.ndarray) else np.array(units.to_pylist(), object)[order]
    return np.sort(np.unique(held.astype(str) if held.dtype == object else held, return_index=True)[1])


def _wrong(rows: Table, classes: tuple[Scalar, ...], run: Run) -> NDArray[Any]:
    """(n,) a class for each record that is not its own, by a keyed draw that belongs to its id."""
    drawn = keyed.draw(run.key, rows.ids, "canary label") % np.uint64(len(classes) - 1)
    own = np.searchsorted(np.array(classes), np.asarray(rows.label))
    return np.array(classes)[(own + 1 + drawn.astype(np.intp)) % len(classes)]


def _records(data: Table, rows: NDArray[np.intp]) -> Records:
    ids = data.take(rows).ids
    return Records(ids.tolist() if isinstance(ids, np.ndarray) else ids.to_pylist())


def _labelled(data: Table, rows: NDArray[np.intp], label: NDArray[Any]) -> Table:
    """The table with other labels for some of its rows."""
    columns = data.gathered().columns
    made = np.array(columns.label).astype(np.result_type(np.asarray(columns.label), label))
    made[rows] = label
    return Table(replace(columns, label=made), None, data.classes)


def _marked(data: Table, rows: NDArray[np.intp], trigger: Any) -> Table:
    """The table with a trigger on some of its rows."""
    columns = data.gathered().columns
    if isinstance(columns.features, pa.Table):
        features: Any = _in_columns(columns.features, rows, trigger)
    else:
        features = _in_array(np.array(data.features), rows, trigger, data.names)
    return Table(replace(columns, features=features), None, data.classes)


def _in_columns(features: pa.Table, rows: NDArray[np.intp], trigger: Any) -> pa.Table:
    if not isinstance(trigger, Mapping) or not set(trigger) <= set(features.column_names):
        msg = f"a trigger for these columns is a mapping from some of {features.column_names} to values"
        raise ParameterError(msg)
    there = set(rows.tolist())
    for name, value in trigger.items():
        place, field = features.column_names.index(name), features.schema.field(name)
        held = [value if row in there else old for row, old in enumerate(features.column(name).to_pylist())]
        try:
            features = features.set_column(place, field, pa.array(held, field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as unlike:
            msg = f"the trigger's value {value!r} does not fit column {name!r} of {field.type}"
            raise ParameterError(msg) from unlike
    return features


def _in_array(features: NDArray[Any], rows: NDArray[np.intp], trigger: Any, names: tuple[str, ...]) -> NDArray[Any]:
    shape = features.shape[1:]
    if isinstance(trigger, Mapping):
        if features.ndim != 2 or not set(trigger) <= set(names):
            msg = (
                f"a trigger for these records is an array of shape {shape}"
                if features.ndim != 2
                else (f"a trigger names some of the columns {', '.join(names)}, got {', '.join(map(str, trigger))}")
            )
            raise ParameterError(msg)
        mark = np.array([float(trigger.get(name, np.nan)) for name in names])
    else:
        mark = np.asarray(trigger, dtype=np.float64)
    if mark.shape != shape or np.isnan(mark).all():
        msg = f"a trigger is an array of a record's shape {shape}, not all NaN; got shape {mark.shape}"
        raise ParameterError(msg)
    changed = features[rows]
    changed[:, ~np.isnan(mark)] = mark[~np.isnan(mark)].astype(features.dtype)
    features[rows] = changed
    return features
