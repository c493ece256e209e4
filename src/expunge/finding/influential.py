"""Records that some predictions went wrong by: how much better the model would do on these, had it not learned each.

A score is how much the loss of the records asked about (log loss, or squared error), summed over them, would fall had
the record not been learned, to first order: influence functions (`expunge.finding.effects` says of which models, and
what they leave out). The last records of the ranking are those that the predictions lean on.

The sum of the first k scores is the first-order guess for leaving out all k. Records that say the same hide each other,
so what k of them do together may be far more than that sum; learning again is what shows it.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Retrain, Run, Table
>>> X = np.random.default_rng(0).normal(size=(80, 2))
>>> y = np.where(X[:, 0] > 0, "right", "left")
>>> wrong = np.argsort(-np.abs(X[:, 0]))[:3]
>>> y[wrong] = np.where(y[wrong] == "left", "right", "left")
>>> data, run, method = Table.from_arrays(X, y), Run(key=b"example"), Retrain(LogisticRegression())
>>> asked = Table.from_arrays(np.array([[1.0, 0.0], [-1.0, 0.0]]), ["right", "left"])
>>> found = influential(method, method.learn(data, run), data, run, asked)
>>> sorted(found.names(3)) == sorted(wrong.tolist())
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from expunge import keyed
from expunge.data.table import expect
from expunge.errors import DataError
from expunge.finding.effects import effects_of
from expunge.finding.found import Found, ranked
from expunge.learners.sklearn import label_of
from expunge.measures.loss import SMALLEST, places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.finding.effects import Effects
    from expunge.protocol import Run

    Floats = NDArray[np.float64]

SAID = (
    "it is a guess of the first order for each record alone: records that say the same hide each other",
    "a record that misled these predictions may be right, and needed for others, which the score does not know",
    "what was asked about is no test any more of what forgetting them does: measure that on other records",
)


def influential(learner: Any, model: Any, data: Table, run: Run, asked: Table) -> Found:
    """Rank records by how much better some predictions would be without each.

    Parameters
    ----------
    learner : Learner or method
    model : model
        Linear, an ensemble of linear ones, or a network.
    data : Table
        What it learned from.
    run : Run
        With the key that it was learned with.
    asked : Table
        Records whose predictions are in question, labelled with what would have been right.

    Raises
    ------
    DataError
        If nothing is asked about, or the right label is none that the model knows.
    ParameterError
        For a model whose effects are not known.
    """
    expect(data, run)
    expect(asked)
    if not len(asked):
        msg = "records are ranked by what they do to some predictions, and none is asked about"
        raise DataError(msg)
    asked = asked.take(keyed.order(run.key, asked.ids, "finding"))
    effects = effects_of(learner, model, data, run, asked)
    scores = -effects.of(_slopes(effects, asked))
    count = "the record" if len(asked) == 1 else f"{len(asked):,} records"
    loss = "squared error" if effects.classes is None else "log loss"
    first = f"a score is how much the {loss} of {count} asked about would fall had the record not been learned,"
    return ranked("influential", data, scores, (f"{first} by the curvature of {effects.place}", *SAID))


def _slopes(effects: Effects, asked: Table) -> Floats:
    """(q, k) derivatives of the summed loss by the scores."""
    scores, label = effects.scores(), label_of(asked)
    if effects.classes is None:
        return 2.0 * (scores - label.astype(np.float64)[:, None])
    at = places(effects.classes, label)
    if (at < 0).any():
        unknown = label[np.flatnonzero(at < 0)[0]].item()
        msg = f"label {unknown!r} is none of the classes {', '.join(map(repr, effects.classes))} that the model knows"
        raise DataError(msg)
    rows, made = np.arange(len(scores)), np.zeros_like(scores)
    made[rows, at] = -1.0 / np.maximum(scores[rows, at], SMALLEST)
    return made
