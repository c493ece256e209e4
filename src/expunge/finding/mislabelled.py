"""Records whose label a model that never saw them would not have given: confident learning.

Every unit (owner, else record) is asked about by a model that learned without it: units are spread over folds by keyed
hashes, so that an owner's records stay together, and the learner itself learns each time from the other folds. A record
scores high where its own class gets little and another gets much (the normalised margin). How many labels are wrong is
estimated from the confident joint: how often such a model is as sure of another class as it usually is of records of
that class. Scores and number are those of cleanlab (``pip install 'expunge[find]'``).

A wrong label is often better corrected than forgotten: `Correction` puts it right in every model.

References
----------
Northcutt, Jiang, Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset Labels", arXiv:1911.00068
(section 3: thresholds and confident joint; section unverified). cleanlab 2.9 (read and run).

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Run, SklearnLearner, Table
>>> X = np.random.default_rng(0).normal(size=(60, 2))
>>> data = Table.from_arrays(X, np.where(X[:, 0] > 0, "right", "left"))
>>> out_of_sample(SklearnLearner(LogisticRegression()), data, Run(key=b"example"), folds=5).shape
(60, 2)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge import keyed
from expunge.data.table import expect
from expunge.errors import DataError, MissingExtraError, ParameterError
from expunge.finding.found import Found, ranked
from expunge.measures.loss import aligned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Run

FOLDS = 5

SAID = (
    "a score is how much surer a model that never saw the record is of another class than of its own; .5 is the border",
    "it cannot tell a wrong label from a rare or hard record whose label is right: people have to look",
    "labels that are wrong in the same way throughout look right to a model that learned them so",
    "a wrong label can be put right instead of being forgotten: `expunge correct`",
)


def mislabelled(learner: Any, data: Table, run: Run, *, folds: int = FOLDS) -> Found:
    """Rank records by how likely their label is wrong.

    Parameters
    ----------
    learner : Learner
        It learns once for each fold, with a store of its own.
    data : Table
        With one class for each record.
    run : Run
    folds : int
        At least 2, and no more than there are units.

    Raises
    ------
    DataError
        If records carry no label, several, or numbers, or are all of one class.
    ParameterError
        If there are fewer units than folds.
    MissingExtraError
        Without cleanlab.
    """
    scores = out_of_sample(learner, data, run, folds=folds)  # which also says what is wrong with the data
    codes = np.searchsorted(np.array(data.present), _label(data))
    order = keyed.order(run.key, data.ids, "finding")  # sums of floats depend on their order
    doubt, likely = _confident(codes[order], scores[order])
    placed = np.empty(len(data))
    placed[order] = doubt
    return ranked("mislabelled", data, placed, SAID, likely)


def out_of_sample(learner: Any, data: Table, run: Run, *, folds: int = FOLDS) -> NDArray[np.float64]:
    """(n, classes) scores of each record by a model that learned without its unit; columns as ``data.present``."""
    expect(data, run)
    _label(data)
    if isinstance(folds, bool) or not isinstance(folds, int) or folds < 2:
        msg = f"records are spread over at least 2 folds, a whole number, got {folds!r}"
        raise ParameterError(msg)
    of = keyed.draw(run.key, data.units, "finding", "fold") % np.uint64(folds)
    order = keyed.order(run.key, data.ids, "finding")
    parts = [order[of[order] == fold] for fold in range(folds)]
    if not all(len(part) for part in parts):
        msg = f"there are too few records or owners to spread {len(data)} records over {folds} folds"
        raise ParameterError(msg)
    works = [
        _Fold(learner, data.take(order[of[order] != fold]), data.take(parts[fold]), run.afresh())
        for fold in range(folds)
    ]
    found = np.empty((len(data), len(data.present)))
    for done, (part, (scores, classes)) in enumerate(zip(parts, run.map(_asked, works), strict=True), 1):
        found[part] = aligned(scores, classes, data.present)
        run.tick("folds", done, folds)
    return found


@dataclass(frozen=True)
class _Fold:
    """One fold to be asked about, here or in another process."""

    learner: Any
    learned: Table
    asked: Table
    run: Run


def _asked(work: _Fold) -> tuple[NDArray[np.float64], tuple[Any, ...]]:
    """What a model of the other folds says, and its classes; a model of one class says that class."""
    model = work.learner.learn(work.learned, work.run)
    scores = np.clip(np.asarray(work.learner.predict(model, work.asked), dtype=np.float64), 0.0, 1.0)
    return scores, tuple(model.classes)


def _confident(codes: NDArray[np.intp], scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """(n,) doubt in each label, and how many are likely wrong."""
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError as missing:
        msg = "finding wrong labels needs cleanlab: pip install 'expunge[find]'"
        raise MissingExtraError(msg) from missing
    quality = get_label_quality_scores(codes, scores, method="normalized_margin")
    issues = find_label_issues(codes, scores, filter_by="prune_by_noise_rate", n_jobs=1)
    return 1.0 - np.asarray(quality, dtype=np.float64), int(np.sum(issues))


def _label(data: Table) -> NDArray[Any]:
    """(n,) classes."""
    label = data.label
    if label is None or data.task != "classification" or len(data.present) < 2:
        got = "none" if label is None else data.task if data.task != "classification" else f"{len(data.present)} class"
        msg = f"wrong labels are looked for where each record has one of several classes, got {got}"
        raise DataError(msg)
    return label
