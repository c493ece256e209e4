"""How far two models' answers lie apart, record by record, and how far the laws of two groups of models do.

Two kinds of questions. One model against another: `kl` and `js` of the scores for the classes, `activation_distance` of
features. A group against another, over models that differ in their key: `klom`, `energy` and `ks` of one number a
record, the margin say. An *arm* is (models, records).

**Nothing here can be read alone.** Two groups that were learned in the same way lie apart too, the farther the fewer
models there are, so each figure belongs beside that of the second oracle against the first; functions that depend on
the number of models take the second oracle with them. And what doing nothing does not raise proves nothing.

References
----------
KLOM: Georgiev et al. (2024), "Attribute-to-Delete", arXiv:2410.23232, appendix E.1 (secondary); formula as in EasyDUB's
code (easydub/EasyDUB-code, ``eval.py``: read; arXiv:2602.16400), whose histogram loses the largest value, ours not.
KS: the "forget quality" of TOFU (Maini et al. 2024, arXiv:2401.06121) is its p-value alone (secondary), which falls as
the number of models grows: here D and n too. Energy: Székely and Rizzo (2013), J. Statistical Planning and Inference
143. JS: Lin (1991), IEEE Transactions on Information Theory 37.

Examples
--------
>>> import numpy as np
>>> js([[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]).round(3)  # ln 2 at most
array([0.693, 0.   ])
>>> random = np.random.default_rng(0)
>>> one, other, second = (random.normal(size=(32, 200)) for _ in range(3))
>>> found = klom(one, other, second)  # three times the same law
>>> round(found.mean, 1), round(found.yardstick, 1)
(1.7, 1.7)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import kl_div, rel_entr
from scipy.stats import ks_2samp

from expunge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SMALLEST = 1e-12  # a score below it counts as it, as in `expunge.measures.loss`: KL is 27.6 at most and not infinite
ROUNDING = 1e-4  # by which scores of a record may miss one

BINS, CLIP, FLOOR = 20, 100.0, 1e-5  # of KLOM: bins over the pooled range, margins beyond, least share of the reference
FEWEST = 2  # models of an arm


@dataclass(frozen=True)
class Apart:
    """How far an arm lies from the reference, beside how far the second oracle does.

    Attributes
    ----------
    records : (n,)
        For each record.
    second : (n,) or None
        The same of the second reference arm; None where none was given, and then nothing can be concluded.
    models : tuple of int
        How many models each side has: figures of other numbers of models are other figures.
    """

    records: NDArray[np.float64]
    second: NDArray[np.float64] | None
    models: tuple[int, int]

    @property
    def mean(self) -> float:
        """Over the records."""
        return float(self.records.mean())

    @property
    def yardstick(self) -> float | None:
        """The mean of the second oracle: what no method can be asked to fall below."""
        return None if self.second is None else float(self.second.mean())


@dataclass(frozen=True)
class KolmogorovSmirnov:
    """The largest difference of two distribution functions, for each record.

    Attributes
    ----------
    distance : (n,) in [0, 1]
        D, the size of the effect.
    p : (n,)
        Chance of so large a D without effect; by itself it says how many models there were as much as what they do.
    models : tuple of int
    """

    distance: NDArray[np.float64]
    p: NDArray[np.float64]
    models: tuple[int, int]


@dataclass(frozen=True)
class Activations:
    """How far features of the same records lie apart.

    Attributes
    ----------
    distance : float
        Mean Euclidean distance of a record's features under the two models.
    yardstick : float
        The same of the second oracle and the oracle. Networks that were trained apart order their features as they
        like, so both are large.
    """

    distance: float
    yardstick: float

    @property
    def relative(self) -> float:
        """Distance by yardstick: 1 is as far as two oracles; infinite where these agree and the model does not."""
        if self.yardstick:
            return self.distance / self.yardstick
        return float("inf") if self.distance else 1.0


def kl(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of the first scores from the second, in nats, for each record; not symmetric.

    Parameters
    ----------
    one, other : (..., classes) in [0, 1]
        Scores of a record sum to one, columns are the same classes (`expunge.measures.loss.aligned`). Several labels of
        a record are a pair of columns each.

    Returns
    -------
    (...) at least 0; a class that the second excludes counts as ``SMALLEST``
    """
    p, q = _scores(one, other)
    return np.asarray(np.maximum(rel_entr(p, np.maximum(q, SMALLEST)).sum(axis=-1), 0.0))


def js(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Jensen-Shannon divergence of two scores, in nats, for each record: symmetric, 0 where equal, ln 2 at most.

    Parameters and errors are those of `kl`.
    """
    p, q = _scores(one, other)
    middle = (p + q) / 2
    each = kl_div(p, middle) + kl_div(q, middle)  # none is negative, unlike p ln p/q, so that nothing cancels
    return np.asarray(np.clip(each.sum(axis=-1) / 2, 0.0, np.log(2)))


def klom(tested: ArrayLike, reference: ArrayLike, second: ArrayLike | None = None) -> Apart:
    """KL divergence of margins: of the tested arm's histogram from the reference's, for each record.

    Twenty bins over the pooled range, all closed on the left and the last on both sides; margins beyond 100 count as
    100; where the tested arm has a model, the reference has at least 1e-5. **Biased**: arms of the same law have a mean
    of 3.8 / 1.7 / 0.36 / 0.05 / 0.004 at 16 / 32 / 100 / 512 / 5000 models (measured; a test), so that no figure means
    anything without that of ``second``, at as many models.

    Parameters
    ----------
    tested, reference : (models, records)
        Margins (`expunge.measures.margin`); two models at least.
    second : (models, records), optional
        A second reference arm, of other keys, with as many models as ``tested``.
    """
    mine, its, yardstick = _arms(tested, reference, second)
    theirs = None if yardstick is None else _histogram_kl(yardstick, its)
    return Apart(_histogram_kl(mine, its), theirs, (len(mine), len(its)))


def energy(tested: ArrayLike, reference: ArrayLike, second: ArrayLike | None = None) -> Apart:
    """Energy distance of two arms for each record, unbiased: 0 in the mean where laws are the same, however few models.

    ``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` over different models; a figure may fall below 0.

    Parameters
    ----------
    tested, reference : (models, records) or (models, records, k)
        One number for each record, or several, between which the distance is Euclidean: all log-probabilities say.
    second : optional
        A second reference arm, of other keys, with as many models as ``tested``.
    """
    mine, its, yardstick = _arms(tested, reference, second, several=True)
    theirs = None if yardstick is None else _energy(yardstick, its)
    return Apart(_energy(mine, its), theirs, (len(mine), len(its)))


def ks(tested: ArrayLike, reference: ArrayLike) -> KolmogorovSmirnov:
    """Kolmogorov and Smirnov's two-sample test for each record of two arms, two-sided and exact for few models."""
    mine, its, _ = _arms(tested, reference, None)
    found = ks_2samp(mine, its, axis=0)
    return KolmogorovSmirnov(np.asarray(found.statistic), np.asarray(found.pvalue), (len(mine), len(its)))


def activation_distance(tested: ArrayLike, reference: ArrayLike, second: ArrayLike) -> Activations:
    """Mean distance of features of the same records under a model and the oracle, and under both oracles.

    Parameters
    ----------
    tested, reference, second : (n, d)
        Features of the same records, in the same order, of networks of one shape.
    """
    sides = [np.asarray(side, dtype=np.float64) for side in (tested, reference, second)]
    if len({side.shape for side in sides}) > 1 or sides[0].ndim != 2 or 0 in sides[0].shape:
        msg = "an activation distance needs features of the same records under three models"
        raise DataError(f"{msg}, got {', '.join(str(side.shape) for side in sides)}")
    if not all(np.isfinite(side).all() for side in sides):
        msg = "an activation distance needs finite features"
        raise DataError(msg)
    mine, yardstick = (float(np.linalg.norm(side - sides[1], axis=1).mean()) for side in (sides[0], sides[2]))
    return Activations(mine, yardstick)


def _histogram_kl(mine: NDArray[np.float64], its: NDArray[np.float64]) -> NDArray[np.float64]:
    """(records,) for arms of (models, records)."""
    mine, its = np.clip(mine, -CLIP, CLIP), np.clip(its, -CLIP, CLIP)
    low, high = (np.minimum(mine.min(axis=0), its.min(axis=0)), np.maximum(mine.max(axis=0), its.max(axis=0)))
    edges = np.linspace(low, np.where(high > low, high, low + 1), BINS + 1)
    p, q = (_shares(side, edges) for side in (mine, its))
    floored = np.where(p > 0, np.maximum(q, FLOOR), 1.0)
    return _summed(np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0) / floored), 0.0))


def _shares(side: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """(bins, records) share of an arm's models in each bin; those at the last edge are in the last bin."""
    bins = (side[:, None] >= edges[None, 1:-1]).sum(axis=1)
    return np.stack([(bins == k).mean(axis=0) for k in range(BINS)])


def _energy(mine: NDArray[np.float64], its: NDArray[np.float64]) -> NDArray[np.float64]:
    m, n = len(mine), len(its)
    if mine.shape[2] == 1:
        within = [_pairs(side[:, :, 0]) for side in (mine, its)]
        cross = _pairs(np.concatenate([mine, its])[:, :, 0]) - within[0] - within[1]
    else:
        each = range(mine.shape[1])
        within = [np.array([cdist(side[:, k], side[:, k]).sum() / 2 for k in each]) for side in (mine, its)]
        cross = np.array([cdist(mine[:, k], its[:, k]).sum() for k in each])
    return np.asarray(2 * cross / (m * n) - 2 * within[0] / (m * (m - 1)) - 2 * within[1] / (n * (n - 1)))


def _pairs(side: NDArray[np.float64]) -> NDArray[np.float64]:
    """(records,) sum of the differences of all pairs of models: in order, each is counted by how many lie below."""
    count = len(side)
    weights = 2.0 * np.arange(count) - (count - 1)
    return _summed(np.asarray(weights[:, None] * np.sort(side, axis=0), dtype=np.float64))


def _summed(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """(records,) sums of (terms, records), each in one order however many records there are."""
    return np.asarray(np.ascontiguousarray(terms.T).sum(axis=1))


def _scores(one: ArrayLike, other: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    p, q = (np.ascontiguousarray(side, dtype=np.float64) for side in (one, other))
    if p.shape != q.shape or p.ndim < 1 or not p.shape[-1]:
        msg = f"a divergence needs scores of the same records for the same classes, got {p.shape} and {q.shape}"
        raise DataError(msg)
    for side in (p, q):
        if not (side >= 0).all() or not np.allclose(side.sum(axis=-1), 1.0, rtol=0, atol=ROUNDING):
            msg = "a divergence needs scores of at least 0 that sum to one for each record; several labels are two each"
            raise DataError(msg)
    return p / p.sum(axis=-1, keepdims=True), q / q.sum(axis=-1, keepdims=True)


def _arms(
    tested: ArrayLike, reference: ArrayLike, second: ArrayLike | None, *, several: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]:
    """Arms as numbers, or the sentence that says what they are; with one axis more where answers may be several."""
    mine, its, yardstick = (
        _arm(side, several=several) for side in (tested, reference, tested if second is None else second)
    )
    if {mine.shape[1:], yardstick.shape[1:]} != {its.shape[1:]}:
        msg = "arms must be asked about the same records"
        raise DataError(f"{msg}, got {', '.join(str(side.shape[1:]) for side in (mine, its, yardstick))}")
    if len(yardstick) != len(mine):
        msg = "the second oracle is a yardstick with as many models as the tested arm, since distances depend on it"
        raise DataError(f"{msg}: got {len(yardstick)} for {len(mine)}")
    return mine, its, None if second is None else yardstick


def _arm(given: ArrayLike, *, several: bool) -> NDArray[np.float64]:
    found = np.asarray(given, dtype=np.float64)
    if several and found.ndim == 2:
        found = found[:, :, None]
    if found.ndim != 2 + several or len(found) < FEWEST or 0 in found.shape:
        msg = f"an arm is of shape (models, records){' or (models, records, k)' * several}, of {FEWEST} models at least"
        raise DataError(f"{msg}, got shape {found.shape}")
    if not np.isfinite(found).all():
        msg = "an arm needs finite answers: take margins, or log-probabilities with a floor"
        raise DataError(msg)
    return found
