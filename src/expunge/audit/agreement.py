"""Agreement: how often, and how closely, a model answers as the oracle does.

No figure of it means anything alone. Two oracles that differ in nothing but their key disagree too: that is the
yardstick. And where the original, which forgot nothing, agrees with the oracle as well as another oracle does, the
figure cannot tell forgetting from doing nothing, and says so.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.audit.arms import Answers
>>> part = Table.from_arrays(np.zeros((1, 1)), ["no"])
>>> one = Answers(np.array([[0.75, 0.25]]), ("no", "yes"), part)
>>> other = Answers(np.array([[0.25, 0.5, 0.25]]), ("yes", "no", "maybe"), part)
>>> agreement(one, other)
Agreement(records=1, decisions=1.0, distance=0.25, js=0.099..., kl=0.304...)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.audit.arms import Missing, Parts
from expunge.audit.layout import laid_out, said, shown
from expunge.errors import DataError
from expunge.measures.divergence import ROUNDING, js, kl
from expunge.measures.loss import aligned, carried

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.audit.arms import Answers, Four


@dataclass(frozen=True)
class Agreement:
    """How two models' answers about the same records compare.

    Attributes
    ----------
    records : int
    decisions : float or None
        Share of records that both give the same class, of multi-label data the same classes; None for regression.
    distance : float
        Mean total variation of their scores (half the sum of absolute differences, over all classes that either
        knows): 0 to 1. Of multi-label data the mean over the classes, each of which is a yes or no of its own. For
        regression the mean absolute difference, in units of the label.
    js, kl : float or None
        Mean divergences of Jensen and Shannon, and of Kullback and Leibler (of the first from the second), in nats;
        None where scores are no shares of one.
    """

    records: int
    decisions: float | None
    distance: float
    js: float | None = None
    kl: float | None = None


@dataclass(frozen=True)
class Agreements:
    """With the oracle: of the forgotten model, the original (do nothing) and the second oracle (the yardstick)."""

    forgotten: Parts[Agreement | Missing]
    original: Parts[Agreement | Missing]
    second: Parts[Agreement | Missing]


def agreement(one: Answers | Missing, other: Answers | Missing) -> Agreement | Missing:
    """Compare two models' answers about the same records, class by class name.

    Raises
    ------
    DataError
        If the answers are about different numbers of records, or only one of them is of classes.
    """
    if isinstance(one, Missing):
        return one
    return other if isinstance(other, Missing) else _compared(one, other)


def agreements(given: Four[Parts[Answers | Missing]]) -> Agreements:
    """Forgotten model, original and second oracle, each with the oracle, on each part."""
    arms = (given.forgotten, given.original, given.second)
    return Agreements(*(_with(given.oracle, arm) for arm in arms))


def _with(oracle: Parts[Answers | Missing], arm: Parts[Answers | Missing]) -> Parts[Agreement | Missing]:
    pairs = zip(arm.each(), oracle.each(), strict=True)
    return Parts(*(agreement(mine, theirs) for (_, mine), (_, theirs) in pairs))


def tells(original: Agreement | Missing, second: Agreement | Missing) -> bool:
    """Whether the figure can tell doing nothing from the oracle: another oracle is nearer to it than the original."""
    if isinstance(original, Missing) or isinstance(second, Missing):
        return False
    return original.distance > second.distance


def _compared(one: Answers, other: Answers) -> Agreement:
    numbers = one.classes is None or other.classes is None
    shapes = [side.predicted.shape if numbers else side.predicted.shape[:1] for side in (one, other)]
    if shapes[0] != shapes[1] or (one.classes is None) != (other.classes is None):
        msg = (
            "agreement compares answers of one kind about the same records,"
            f" got shapes {one.predicted.shape} and {other.predicted.shape}"
        )
        raise DataError(msg)
    if one.classes is None or other.classes is None:
        return Agreement(len(one.predicted), None, float(np.abs(one.predicted - other.predicted).mean()))
    if len({type(name) for name in (*one.classes, *other.classes)}) > 1:  # 1 and True would be one class in a set
        msg = f"classes of two models must be of one type, got {list(one.classes)} and {list(other.classes)}"
        raise DataError(msg)
    names = sorted({*one.classes, *other.classes})
    mine, theirs = (aligned(side.predicted, side.classes or (), names) for side in (one, other))
    if one.part.task == "multilabel":
        equal = (carried(mine, names) == carried(theirs, names)).all(axis=1)
        pairs = (np.stack([side, 1 - side], axis=-1) for side in (mine, theirs))
        return Agreement(len(mine), float(equal.mean()), float(np.abs(mine - theirs).mean()), *_divergence(*pairs))
    same = mine.argmax(axis=1) == theirs.argmax(axis=1)
    distance = float(np.abs(mine - theirs).sum(axis=1).mean() / 2)
    return Agreement(len(mine), float(same.mean()), distance, *_divergence(mine, theirs))


def _divergence(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[float, float] | tuple[None, None]:
    """Both divergences, over the records; votes and margins that are no shares of one have none."""
    for side in (mine, theirs):
        if side.min(initial=0.0) < 0 or not np.allclose(side.sum(axis=-1), 1.0, rtol=0, atol=ROUNDING):
            return None, None
    return float(js(mine, theirs).mean()), float(kl(mine, theirs).mean())


def lines(found: Agreements) -> list[str]:
    """The agreements in words and figures."""
    what = ("same", "dist.")
    rows = [["with the oracle", *(f"{part} {name}" for part, _ in found.second.each() for name in what)]]
    for title, arm in (
        ("forgotten", found.forgotten),
        ("original (do nothing)", found.original),
        ("second oracle", found.second),
    ):
        rows.append([title, *(cell for _, one in arm.each() for cell in _cells(one))])
    blind = [
        part
        for (part, second), (_, original) in zip(found.second.each(), found.original.each(), strict=True)
        if not isinstance(second, Missing) and not tells(original, second)
    ]
    made = ["How near each model's answers are to the oracle's", *laid_out(rows)]
    if blind:
        made += said(
            f"It cannot tell on {', '.join(blind)}: doing nothing is as near to the oracle as another oracle is."
        )
    return [
        *made,
        *said(
            "same: share of equal decisions; dist.: mean distance of the answers, 0 when equal. The second oracle is"
            " the yardstick: nothing nearer than it can be asked for, much farther is forgetting that ended elsewhere."
        ),
    ]


def _cells(one: Agreement | Missing) -> tuple[str, str]:
    return ("-", "-") if isinstance(one, Missing) else (shown(one.decisions), shown(one.distance))
