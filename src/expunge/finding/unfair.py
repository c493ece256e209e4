"""Records that a gap between groups comes from: how much smaller it would be, had the model not learned each.

The gap is that of `expunge.measures.fairness`: between the group that is decided positively most often and the one that
is least often, of all records (demographic parity) or of those that are positive (equal opportunity). A decision has no
derivative, so the mean score of the positive class stands for the share of positive decisions: a score says how much
the gap of those means would shrink, to first order, had the record not been learned (`expunge.finding.effects`).

The gap is measured on records of their own where some are given, else on those learned from.

**What the ranking is not.** A gap may be in the world, in who was asked, in the labels, or in the model. The ranking
says which records a model's gap leans on, which is not that these records are wrong or that anybody was wronged.
Forgetting them makes a gap smaller and may make the model worse for everybody; a gap that labels bring is better
answered by correcting these.

Influence on a fairness gap in this form: after Koh, Liang (2017), arXiv:1703.04730, with the gap in the place of the
loss; our derivation.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Retrain, Run, Table
>>> X = np.random.default_rng(0).normal(size=(200, 2))
>>> X[:, 1] = np.arange(200) % 2
>>> y = X[:, 0] > 0
>>> wronged = np.flatnonzero(y & (X[:, 1] == 1))[:15]
>>> y[wronged] = False
>>> data, run, method = Table.from_arrays(X, y), Run(key=b"example"), Retrain(LogisticRegression())
>>> found = unfair(method, method.learn(data, run), data, run, Gap("x1", positive=True))
>>> bool(np.isin(found.names(5), wronged).all())
True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from expunge import keyed
from expunge.data.table import expect
from expunge.errors import DataError, ParameterError
from expunge.finding.effects import effects_of
from expunge.finding.found import Found, ranked
from expunge.learners.sklearn import label_of
from expunge.measures.fairness import SMALLEST, Groups, fairness
from expunge.measures.loss import decisions, places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Run
    from expunge.values import Scalar

GAPS = {"parity": "of positive decisions", "opportunity": "of positive decisions about records that are positive"}

SAID = (
    "a gap may be in the world, in who was asked, in the labels or in the model: what it leans on need not be wrong",
    "scores stand for decisions, which have no derivative; it is a guess of the first order for each record alone",
    "forgetting the first records makes the gap smaller and may make the model worse for everybody: measure both after",
)


@dataclass(frozen=True)
class Gap:
    """Which gap.

    Parameters
    ----------
    group : str
        The column that says who is of which group; a group needs twenty owners, else records.
    positive : bool, int, float or str
        The decision that counts as positive.
    kind : {"parity", "opportunity"}
    """

    group: str
    positive: Scalar
    kind: Literal["parity", "opportunity"] = "parity"

    def __post_init__(self) -> None:
        if self.kind not in GAPS:
            msg = f"a gap is one of {', '.join(map(repr, GAPS))}, got {self.kind!r}"
            raise ParameterError(msg)


def unfair(learner: Any, model: Any, data: Table, run: Run, gap: Gap, asked: Table | None = None) -> Found:
    """Rank records by how much smaller a gap between groups would be without each.

    Parameters
    ----------
    learner : Learner or method
    model : model
        Linear, an ensemble of linear ones, or a network.
    data : Table
        What it learned from.
    run : Run
        With the key that it was learned with.
    gap : Gap
    asked : Table, optional
        The records that the gap is measured on; those learned from unless given.

    Raises
    ------
    DataError
        If there are no two groups that are large enough, or no gap between them.
    ParameterError
        For a model whose effects are not known, or one that does not know the positive class.
    """
    expect(data, run)
    asked = data if asked is None else asked
    asked = asked.take(keyed.order(run.key, asked.ids, "finding"))
    effects = effects_of(learner, model, data, run, asked)
    at = -1 if effects.classes is None else int(places(effects.classes, np.array([gap.positive]))[0])
    if effects.classes is None or at < 0:
        msg = f"{gap.positive!r} is no class that the model knows, so no decision for it is positive"
        raise ParameterError(msg)
    groups, scores = Groups(_column(asked, gap.group), label_of(asked), gap.positive, _units(asked)), effects.scores()
    most, least, apart = _extremes(decisions(scores, effects.classes), groups, gap.kind)
    counted = (groups.label == gap.positive) | (gap.kind == "parity")
    wanted = np.zeros_like(scores)
    for name, sign in ((most, 1.0), (least, -1.0)):
        missing = (groups.names != groups.names) & (name != name)  # noqa: PLR0124  (NaN, which names a group too)
        rows = ((groups.names == name) | missing) & counted
        wanted[rows, at] = sign / rows.sum()
    first = (
        f"a score is how much the gap between {gap.group} {most!r} and {least!r} would shrink had the record not been"
        f" learned, by the curvature of {effects.place}; the shares {GAPS[gap.kind]} are {apart:.3f} apart"
    )
    return ranked("unfair", data, -effects.of(wanted), (first, *SAID))


def _extremes(decided: NDArray[Any], groups: Groups, kind: str) -> tuple[Any, Any, float]:
    """Names of the groups with the largest and the smallest share, and how far these are apart."""
    found = fairness(decided, groups)
    shares = {one.name: one.selected if kind == "parity" else one.hits for one in found.groups}
    known = {name: share for name, share in shares.items() if share is not None}
    if len(known) < 2:
        msg = f"a gap is between groups of at least {SMALLEST} owners or records, and there are {len(known)} of these"
        raise DataError(msg)
    most, least = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    if not known[most] > known[least]:
        msg = f"there is no gap: the shares {GAPS[kind]} are the same in all {len(known)} groups"
        raise DataError(msg)
    return most, least, known[most] - known[least]


def _column(data: Table, name: str) -> NDArray[Any]:
    """(n,) who is of which group; what is missing is a group of its own."""
    held = data.column(name)
    return np.array([str(value) for value in held.tolist()]) if held.dtype.kind == "O" else held


def _units(data: Table) -> NDArray[Any]:
    units = data.units
    return units if isinstance(units, np.ndarray) else np.array(units.to_pylist())
