"""Entanglement: how far what is to be forgotten lies among what is retained, in the features of a model.

The entanglement score of Zhao, Kurmanji, Bărbulescu, Triantafillou and Triantafillou (2024), "What makes unlearning
hard and what to do about it", NeurIPS, arXiv:2406.01257 (secondary: the formula of their code, as it was noted down)::

    ES = (mean_R |h - m_R|^2 + mean_F |h - m_F|^2) / ((|m_R - m|^2 + |m_F - m|^2) / 2),    m = (m_R + m_F) / 2

spread within by spread between, with m_R and m_F the mean features of retained and forgotten. In their words a large
score is a hard case. Means here are over all rows; means of batches weigh a short last batch as much as a full one.

**What the number means depends on how many go.** The mean of n records drawn at random misses the mean of all by
chance, so that a random request of n has a score of about 8 n, and one of a single record 4: `Entanglement.random` is
that value, `Entanglement.relative` the score by it. 1: the forgotten lie as if drawn from all; far below: apart.

**Within the class, where there are classes.** The spread of the retained is mostly that between classes, so that a
whole class is always apart by this score, and a random request never, whatever its records are. `by_class` compares
forgotten records with the retained of their own class; where none is left, with the class that they lie most among.

It speaks of where records lie, and of nothing that was learned by heart. What fine-tuning leaves of a record does not
follow it (measured: `expunge.audit.hardness`).

Examples
--------
>>> import numpy as np
>>> random = np.random.default_rng(0)
>>> rows = random.normal(size=(1000, 4))
>>> found = entanglement(rows[20:], rows[:20])  # drawn from all
>>> round(found.random), 0.5 < found.relative < 2
(153, True)
>>> entanglement(rows[20:], rows[:20] + 3).relative < 0.01
True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from expunge.data.labels import Labels
    from expunge.values import Scalar


@dataclass(frozen=True)
class Entanglement:
    """How far forgotten features lie among retained ones.

    Attributes
    ----------
    score : float
        The published score; infinite where both have the same mean, or nothing varies.
    random : float
        Its value for as many records drawn from all at random: ``4 (2 - 1/r - 1/f) / (1/r + 1/f)``, a ratio of
        expectations (derived). 0 where there is one of each.
    retained, forgotten : int
        How many records there are.
    """

    score: float
    random: float
    retained: int
    forgotten: int

    @property
    def relative(self) -> float:
        """Score by that of a random draw; infinite where the score is, or a random draw has none."""
        return self.score / self.random if self.random else float("inf")


@dataclass(frozen=True)
class OfClass:
    """The entanglement of one class's forgotten records.

    Attributes
    ----------
    name : bool, int, float or str
        The class.
    against : the same
        The class whose retained records they are compared with: their own, as long as it has any.
    found : Entanglement
    """

    name: Scalar
    against: Scalar
    found: Entanglement


def entanglement(retained: ArrayLike, forgotten: ArrayLike) -> Entanglement:
    """The entanglement score of two sets of features.

    Parameters
    ----------
    retained : (r, d)
    forgotten : (f, d)
        What enters the last layer of the original model, say.

    Raises
    ------
    DataError
        If a side is empty, has another number of features, or holds a value that is not finite.
    """
    kept, gone = _features(retained, forgotten)
    return _entanglement(kept, gone)


def by_class(retained: ArrayLike, forgotten: ArrayLike, kept: Labels, gone: Labels) -> tuple[OfClass, ...]:
    """The entanglement of each class's forgotten records with the retained of the same class.

    Parameters
    ----------
    retained, forgotten : (r, d) and (f, d)
    kept, gone : (r,) and (f,)
        The class of each record.

    Returns
    -------
    tuple of OfClass
        In the order of the class names, for classes that lose a record.
    """
    r, f = _features(retained, forgotten)
    if kept.shape != (len(r),) or gone.shape != (len(f),):
        msg = f"entanglement by class needs one class for each record, got {kept.shape} for {len(r)}"
        raise DataError(f"{msg} and {gone.shape} for {len(f)}")
    names: list[Any] = np.unique(gone).tolist()
    return tuple(_of_class(name, r, kept, f[gone == name]) for name in names)


def mean_relative(found: tuple[OfClass, ...]) -> float:
    """The relative entanglement over classes, each as often as it has forgotten records."""
    weights = np.array([one.found.forgotten for one in found], dtype=np.float64)
    return float((weights * [one.found.relative for one in found]).sum() / weights.sum())


def _of_class(name: Any, retained: NDArray[np.float64], kept: Labels, forgotten: NDArray[np.float64]) -> OfClass:
    if (kept == name).any():
        return OfClass(name, name, _entanglement(retained[kept == name], forgotten))
    others: list[Any] = np.unique(kept).tolist()
    each = [OfClass(name, other, _entanglement(retained[kept == other], forgotten)) for other in others]
    return max(each, key=lambda one: one.found.score)


def _entanglement(retained: NDArray[np.float64], forgotten: NDArray[np.float64]) -> Entanglement:
    middles = [side.mean(axis=0) for side in (retained, forgotten)]
    within = sum(
        float(((side - middle) ** 2).sum(axis=1).mean())
        for side, middle in zip((retained, forgotten), middles, strict=True)
    )
    between = float(((middles[0] - middles[1]) ** 2).sum()) / 4  # both lie as far from the middle of the means
    r, f = len(retained), len(forgotten)
    score = within / between if between > 0 else float("inf")
    return Entanglement(score, 4 * (2 - 1 / r - 1 / f) / (1 / r + 1 / f), r, f)


def _features(retained: ArrayLike, forgotten: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both sides as numbers, or the sentence that says what they are."""
    kept, gone = (np.asarray(side, dtype=np.float64) for side in (retained, forgotten))
    if kept.ndim != 2 or gone.shape[1:] != kept.shape[1:] or 0 in (*kept.shape, *gone.shape):
        msg = "entanglement needs features of retained and of forgotten records, as many numbers for each"
        raise DataError(f"{msg}, got shapes {kept.shape} and {gone.shape}")
    if not (np.isfinite(kept).all() and np.isfinite(gone).all()):
        msg = "entanglement needs finite features"
        raise DataError(msg)
    return kept, gone
