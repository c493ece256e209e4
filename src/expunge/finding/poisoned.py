"""Records that a backdoor or poison came with: they lie apart from their class where the model looks.

A trigger that many records of one class share becomes a direction of its own among the features of that class.

- ``spectral``: the squared projection of a record, less the mean of its class, on the top singular direction of its
  class, as in the paper.
- ``clusters``: each class is cut in two (2-means, in its ten largest directions); the smaller side is suspected, by how
  much nearer to it than to the other a record lies. The paper reduces by independent components.

Both papers look at one class at a time. To rank over all of them, distances are in units of how the *other* classes
spread (their pooled covariance, a tenth of it taken as even), so that a direction counts in which this class spreads
and the others do not. Then a squared projection is divided by the kurtosis of its class's, which one lone record makes
large and many together do not; and a smaller side is weighted by how far the sides are apart (variance between by
variance within) and by how small it is. Chosen on digits whose target class had 24 or 60 of 1,200 records with four
bright corners: precision at as many .96 to 1.00 by inputs, where raw projections gave .40 to .58 and silhouettes .12 to
.77. Other triggers on digits, tried afterwards: .90 to 1.00.

**What it does not see.** A trigger of values that are usual in their column each by themselves: on tables .00 to .45,
once 1.00 (docs/finding.md). No suspicion here is no evidence that there is no poison.

Records are compared by what enters the last linear layer of a network, else by standardised inputs (records that are
one thing, such as images, as they are). **Ask for both where there is a network.** A trigger at the same place in every
record shows in the inputs, and there alone if the network is small: on the same digits features gave .00 to .52. One
that moves shows in features, if at all.

**How many.** Nothing here cuts a share of every class. The published rule takes 1.5 times the assumed rate off each
class, poisoned or not; one library assumes .33, which cuts half of every class. Here the first records are taken, as
many as people ask for, and `Found.shares` says what part of each class they are.

**A poison that is known in part is a case of its own.** Learning again without what was found still learns the rest, so
the model that was learned again is no gold standard there: whether the trigger still works has to be measured.

References
----------
Tran, Li, Madry (2018), "Spectral Signatures in Backdoor Attacks", arXiv:1811.00636 (algorithm 1; unverified). Chen,
Carvalho, Baracaldo, Ludwig, Edwards, Lee, Molloy, Srivastava (2018), "Detecting Backdoor Attacks on Deep Neural
Networks by Activation Clustering", arXiv:1811.03728 (sections unverified). The default that cuts half: the Adversarial
Robustness Toolbox 1.20.1, ``SpectralSignatureDefense``, read.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Run, SklearnLearner, Table
>>> X = np.random.default_rng(0).normal(size=(200, 5))
>>> X[:8, :3] += 6  # eight records with a mark, all with one label
>>> data, run = Table.from_arrays(X, np.where(np.arange(200) < 100, "a", "b")), Run(key=b"example")
>>> learner = SklearnLearner(LogisticRegression())
>>> model = learner.learn(data, run)
>>> [sorted(poisoned(learner, model, data, run, by=by).names(8)) for by in ("spectral", "clusters")]
[[0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7]]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from scipy.cluster.vq import ClusterError, kmeans2
from scipy.spatial.distance import cdist

from expunge import keyed
from expunge.data.items import Items
from expunge.data.table import expect
from expunge.errors import DataError, ParameterError
from expunge.finding.found import Found, ranked
from expunge.learners.surroundings import limited_pools
from expunge.learners.tabular import Tabular
from expunge.methods.arrays.sisa import Ensemble

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Run

    Floats = NDArray[np.float64]

By: TypeAlias = Literal["spectral", "clusters"]
At: TypeAlias = Literal["model", "inputs"]

FEWEST = 10  # records of a class in which anything can lie apart from the rest
KEPT = 10  # directions that clusters are looked for in, as in the paper
STARTS = 10  # of 2-means, of which the tightest counts
EVEN = 0.1  # share of the other classes' covariance that is taken as the same in every direction
TINY = 1e-12  # below it, of the largest, there is no spread

MEANS = {
    "spectral": "a score is the squared distance from the class's mean along the direction in which the class spreads"
    " most beside the other classes, less where one record alone makes that direction",
    "clusters": "a score is how clearly a small part of the class lies apart, times how near the record is to it",
}
SAID = (
    "some record lies farthest apart in every class, poisoned or not, and a class of several kinds looks poisoned",
    "no suspicion is no evidence: it does not see a poison whose values are usual, or that is most of its class",
    "where only a part of a poison is found, learning again without it learns the rest, and is no gold standard",
)


def poisoned(learner: Any, model: Any, data: Table, run: Run, *, by: By = "spectral", at: At = "model") -> Found:
    """Rank records by how far they lie apart from their class.

    Parameters
    ----------
    learner : Learner or method
        With ``features``, as `expunge.TorchLearner` has it, records are compared by these.
    model : model
        That learned from the data.
    data : Table
        With one class for each record. Classes of fewer than ten records are ranked last.
    run : Run
    by : {"spectral", "clusters"}
    at : {"model", "inputs"}
        Where records are compared: by features where the model has them, or by inputs in any case.

    Raises
    ------
    DataError
        If records carry no label, several, or numbers; or if no class has ten records.
    ParameterError
        For another name of a way or a place.
    """
    expect(data, run)
    for given, possible in ((by, MEANS), (at, ("model", "inputs"))):
        if given not in possible:
            msg = f"poison is looked for by {' or '.join(map(repr, possible))}, got {given!r}"
            raise ParameterError(msg)
    label = data.label
    if label is None or data.task != "classification":
        msg = f"poison is looked for among records of one class, got labels of {data.task or 'no kind'}"
        raise DataError(msg)
    order = keyed.order(run.key, data.ids, "finding")  # sums of floats depend on their order
    ordered, scores = label[order], np.full(len(data), np.nan)
    with limited_pools(run.threads):
        points, place = _where(learner, model if at == "model" else None, data.take(order))
        for name in data.present:
            rows = np.flatnonzero(ordered == name)
            if len(rows) >= FEWEST:
                apart = _spread(points, ordered, name)
                seed = keyed.seed(run.key, "finding", "clusters", repr(name))
                scores[order[rows]] = spectral(apart) if by == "spectral" else clusters(apart, seed)
    if np.isnan(scores).all():
        msg = f"poison is looked for in classes of at least {FEWEST} records, and none of these has so many"
        raise DataError(msg)
    scores[np.isnan(scores)] = np.nanmin(scores) - 1.0
    return ranked("poisoned", data, scores, (f"{MEANS[by]}; records are compared by {place}", *SAID))


def spectral(apart: Floats) -> Floats:
    """(n,) squared projections of centred rows on their top singular direction, by the kurtosis of the projections."""
    squares: Floats = (apart @ _directions(apart, 1)[0]) ** 2
    mean = float(squares.mean())
    return squares * mean**2 / float((squares**2).mean()) if mean > 0 else squares


def clusters(apart: Floats, seed: int) -> Floats:
    """(n,) how clearly centred rows fall in a small and a large part, times how much nearer each is to the small."""
    points = apart @ _directions(apart, KEPT).T
    if not np.ptp(points, axis=0).max() > 0:
        return np.zeros(len(points))
    small, centres, loose = _halves(points, seed)
    between = float(((centres[0] - centres[1]) ** 2).sum())
    if not between > 0:
        return np.zeros(len(points))
    share, (here, there) = float(small.mean()), cdist(points, centres).T
    clear = share * (1 - share) * between / max(loose / len(points), TINY * between)
    return clear * (1 - 2 * share) * (there - here) / np.maximum(here, there)


def _where(learner: Any, model: Any, data: Table) -> tuple[Floats, str]:
    """(n, d) where the records lie, and what that is; shards that are several have no features in common."""
    while hasattr(learner, "learner"):
        learner = learner.learner
    if isinstance(model, Ensemble):
        states = [shard.state for shard in model.shards if shard.state is not None]
        model = states[0] if len(states) == 1 else None
    if hasattr(learner, "features") and model is not None:
        return np.asarray(learner.features(model, data), dtype=np.float64), "the features of the network"
    if isinstance(data.stored, Items) or np.ndim(data.stored) > 2:
        return np.asarray(data.stored, dtype=np.float64).reshape(len(data), -1), "their numbers as they are"
    return np.asarray(Tabular(dense=True).fit_transform(data.features)), "standardised inputs"


def _spread(points: Floats, label: NDArray[Any], name: Any) -> Floats:
    """(n, d) the rows of a class, centred, in units of how those of the other classes spread around their means."""
    own = points[label == name]
    others = np.zeros((0, points.shape[1]))
    for other in np.unique(label[label != name]):
        rows = points[label == other]
        others = np.vstack([others, rows - rows.mean(axis=0)])
    apart = own - own.mean(axis=0)
    pooled = others.T @ others / max(len(others), 1)
    even = float(np.trace(pooled)) / max(len(pooled), 1)
    if not even > 0:
        return np.asarray(apart)
    values, vectors = np.linalg.eigh((1 - EVEN) * pooled + EVEN * even * np.eye(len(pooled)))
    return np.asarray(apart @ vectors / np.sqrt(values))


def _directions(apart: Floats, count: int) -> Floats:
    """(count or fewer, d) the largest singular directions."""
    return np.asarray(np.linalg.svd(apart, full_matrices=False)[2][:count])


def _halves(points: Floats, seed: int) -> tuple[NDArray[np.bool_], Floats, float]:
    """(n,) which rows are in the smaller cluster, (2, d) centres, the smaller one's first, and the squares within."""
    random, best = np.random.default_rng(seed), np.inf
    centres, sides = np.zeros((2, points.shape[1])), np.zeros(len(points), int)
    for _ in range(STARTS):
        try:
            found, cut = kmeans2(points, 2, iter=50, minit="++", missing="raise", rng=random)
        except ClusterError:  # all rows are the same, or a start that leads nowhere
            continue
        loose = float(((points - found[cut]) ** 2).sum())
        if loose < best:
            best, centres, sides = loose, found, cut
    less = int(sides.sum() * 2 <= len(sides))
    return sides == less, centres[[less, 1 - less]], best
