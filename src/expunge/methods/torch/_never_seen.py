"""How sure a network would be of records that it never saw: what `ConfidenceMatching` moves forgotten records to.

Two questions, each with a source of its own. *Which records are hard?* That is asked of the shadow (`Shadow`), where
there is one: on the records hidden from it, a ridge regression goes from what the network said of them in the course of
its training to what a network says that never met them, and then predicts that for every record. Without a shadow it is
asked of the training log: how well a record fitted at 3/8 of the training, before it was learned by heart.
*How sure is this network of what it never saw?* That is read off held-out records. A forgotten record is to have the
held-out margin of its rank among all records that were learned.

Derivation and measurements: docs/confidence-matching.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from expunge.learners.torch.course import names_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from expunge.learners.torch.network import Log, Net, Shadow
    from expunge.methods.torch._unlearning import Records, Unlearning

PENALTY = 3.0  # of the ridge regression
LEAST = -8.0  # log-probabilities below it count as it: what is beyond differs in noise
EARLY = 3 / 8  # of the training, for the log
FEWEST = 20  # pairs of a regression, held-out records of a quantile


@dataclass(frozen=True)
class Answers:
    """What a network says of some records: names, places of their classes, log-probabilities."""

    names: NDArray[Any]
    places: NDArray[np.intp]
    scores: NDArray[np.float64]

    @property
    def margins(self) -> NDArray[np.float64]:
        """(n,) log-odds of their own classes."""
        return margins(self.scores, self.places)


@dataclass(frozen=True)
class Aims:
    """Where forgotten records are to end.

    Attributes
    ----------
    margins : (n,)
        Log-odds of their own classes.
    others : (n, classes) or None
        Log-probabilities of the classes that are not theirs, among those; minus infinity for their own.
    """

    margins: NDArray[np.float64]
    others: NDArray[np.float64] | None


def answers(work: Unlearning, module: nn.Module, records: Records) -> Answers:
    """What a network says, in the order of the records."""
    found = [torch.log_softmax(work.asked(module, batch).double(), 1) for batch in records.chunks()]
    scores = torch.cat(found).cpu().numpy() if found else np.zeros((0, work.model.outputs))
    return Answers(names_of(records.data), records.targets.numpy().astype(np.intp), scores)


def joined(first: Answers, second: Answers) -> Answers:
    """Records of both."""
    pairs = zip((first.names, first.places, first.scores), (second.names, second.places, second.scores), strict=True)
    return Answers(*(np.concatenate(pair) for pair in pairs))


def margins(scores: NDArray[np.float64], places: NDArray[np.intp]) -> NDArray[np.float64]:
    """(..., n) log-odds of one class each, from (..., n, classes) log-probabilities.

    Examples
    --------
    >>> margins(np.log([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]]), np.array([0, 1])).round(2)
    array([ 0. , -2.2])
    """
    own = np.arange(scores.shape[-1]) == places[:, None]
    mine = np.where(own, scores, 0.0).sum(axis=-1)
    return np.asarray(mine - np.logaddexp.reduce(np.where(own, -np.inf, scores), axis=-1))


def others(scores: NDArray[np.float64], places: NDArray[np.intp]) -> NDArray[np.float64]:
    """(n, classes) log-probabilities among the classes that are not a record's own; minus infinity for its own."""
    rest = np.where(np.arange(scores.shape[1]) == places[:, None], -np.inf, scores)
    return np.asarray(rest - np.logaddexp.reduce(rest, axis=1)[:, None])


# -- which records are hard --------------------------------------------------------------------------------------------


def by_log(log: Log, known: Answers) -> NDArray[np.float64]:
    """(n,) margin of each record at 3/8 of the training; NaN where the log has nothing to say."""
    epoch = max(0, math.ceil(EARLY * len(log.fit)) - 1)
    fit = np.minimum(log.fit[epoch].astype(np.float64), -1e-7)  # single precision ends there
    return _by_name(log.ids, fit - np.log(-np.expm1(fit)), known.names)


def by_shadow(shadow: Shadow, known: Answers, gone: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Margin and log-probabilities of the other classes that a network would give that never saw the records.

    Parameters
    ----------
    shadow : Shadow
    known : Answers
        What the network says of the records now.
    gone : names of forgotten records: none of them serves as a pair.

    Returns
    -------
    ((n,), (n, classes)), NaN for records that were not there when the network was trained
    """
    at = _by_name(shadow.ids, np.arange(len(shadow.ids), dtype=np.float64), known.names)
    here = np.flatnonzero(~np.isnan(at))
    rows, places = at[here].astype(np.intp), known.places[here]
    given = features([*shadow.traces[:, rows].astype(np.float64), known.scores[here]], places)
    pairs = np.flatnonzero(shadow.hidden[rows] & ~np.isin(known.names[here], gone))
    told = shadow.scores[(np.cumsum(shadow.hidden) - 1)[rows[pairs]]].astype(np.float64)
    own = np.arange(told.shape[1]) == places[pairs, None]
    among = np.where(own, 0.0, np.maximum(others(told, places[pairs]), LEAST))
    wanted = np.column_stack([margins(told, places[pairs]), among])
    made = given @ ridge(given[pairs], wanted)
    found = np.full((len(known.names), 1 + known.scores.shape[1]), np.nan)
    found[here, 0], found[here, 1:] = made[:, 0], others(made[:, 1:], places)
    return found[:, 0], found[:, 1:]


def telling(model: Net, gone: NDArray[Any]) -> Shadow | Log | None:
    """What tells how hard records are: the shadow, where enough pairs are left without the forgotten; else the log."""
    shadow = model.shadow
    if shadow is not None and (shadow.hidden & ~np.isin(shadow.ids, gone)).sum() >= FEWEST:
        return shadow
    return model.log


def features(said: list[NDArray[np.float64]], places: NDArray[np.intp]) -> NDArray[np.float64]:
    """(n, k): one, the class, and margin and log-probabilities at each time."""
    label = (np.arange(said[0].shape[1]) == places[:, None]).astype(np.float64)
    columns = [np.ones((len(places), 1)), label]
    for scores in said:
        columns += [margins(scores, places)[:, None], np.maximum(scores, LEAST)]
    return np.concatenate(columns, axis=1)


def ridge(given: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, m) weights that lead from (n, k) features to (n, m) numbers, under a penalty on their squares."""
    moments = given.T @ given + PENALTY * np.eye(given.shape[1])
    return np.asarray(np.linalg.solve(moments, given.T @ wanted))


# -- how sure this network is of what it never saw ---------------------------------------------------------------------


def matched(hardness: NDArray[np.float64], asked: NDArray[np.bool_], held: NDArray[np.float64]) -> Any:
    """Held-out margins of the ranks that some records have among all of them.

    Examples
    --------
    >>> matched(np.array([5.0, 1.0, 3.0]), np.array([False, False, True]), np.array([-4.0, 0.0, 2.0]))
    array([0.])
    """
    ranked = np.sort(hardness)
    below, upto = (np.searchsorted(ranked, hardness[asked], side) for side in ("left", "right"))
    return np.quantile(held, (below + upto) / (2 * len(ranked)))


def _by_name(ids: NDArray[Any], values: NDArray[np.float64], names: NDArray[Any]) -> NDArray[np.float64]:
    """The value of each name; NaN for one that is not among ``ids``, which are sorted."""
    if not len(ids):
        return np.full(len(names), np.nan)
    at = np.minimum(np.searchsorted(ids, names), len(ids) - 1)
    return np.where(ids[at] == names, values[at], np.nan)
