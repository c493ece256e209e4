"""Utility: how well a model does on a part; forgetting should leave it as the oracle has it, no worse and no better.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.audit.arms import Answers
>>> part = Table.from_arrays(np.zeros((2, 1)), ["yes", "no"])
>>> utility(Answers(np.array([[0.5, 0.5], [0.75, 0.25]]), ("no", "yes"), part))
Utility(records=2, loss=0.490..., accuracy=0.5, auc=1.0, rmse=None, r2=None)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.audit.arms import TITLES, Missing
from expunge.audit.layout import laid_out, said, shown
from expunge.measures.auc import rank_auc
from expunge.measures.loss import aligned, correct, log_loss, r_squared, squared_error

if TYPE_CHECKING:
    from expunge.audit.arms import Answers, Four, Parts
    from expunge.values import Scalar


@dataclass(frozen=True)
class Utility:
    """How well a model does on some records.

    Attributes
    ----------
    records : int
    loss : float
        Mean log loss in nats (a class that the model does not know costs 27.6), or mean squared error. Of several
        labels or targets the mean over them.
    accuracy : float or None
        Share of right decisions, of several labels those that are right in every label; None for regression.
    auc : float or None
        Chance that a record of a class has a higher score for it than one that is not, mean over the classes that some
        of these records have and some have not (scikit-learn's "ovr", "macro"; of two classes it is the usual one); a
        class that the model does not know counts one half. None for regression.
    rmse, r2 : float or None
        Root of the mean squared error and explained variance; None for classes, r2 also where labels do not vary.
        Of several targets, r2 is the mean of theirs.
    """

    records: int
    loss: float
    accuracy: float | None
    auc: float | None
    rmse: float | None
    r2: float | None


def utility(given: Answers | Missing) -> Utility | Missing:
    """Loss and accuracy, or for regression root mean squared error and R2, of a model's answers."""
    if isinstance(given, Missing):
        return given
    label, count = given.label, len(given.part)
    if given.classes is None:
        loss = float(squared_error(given.predicted, label).mean())
        return Utility(count, loss, None, None, loss**0.5, r_squared(given.predicted, label))
    loss = float(log_loss(given.predicted, given.classes, label).mean())
    accuracy = float(correct(given.predicted, given.classes, label).mean())
    return Utility(count, loss, accuracy, _auc(given, given.classes), None, None)


def _auc(given: Answers, classes: tuple[Scalar, ...]) -> float | None:
    """Mean over the classes that some records have, and some have not."""
    label = given.label
    known = list(classes)
    names = known if label.ndim > 1 else [*known, *sorted(set(label.tolist()) - set(known))]
    scores, found = aligned(given.predicted, classes, names), []
    for k, name in enumerate(names):
        carries = label[:, k].astype(bool) if label.ndim > 1 else label == name
        if carries.any() and not carries.all():
            found.append(rank_auc(scores[carries, k], scores[~carries, k]))
    return float(np.mean(found)) if found else None


def tug_of_war(mine: Parts[Utility | Missing], oracle: Parts[Utility | Missing]) -> float | None:
    """How near a model is to the oracle in all accuracies at once: 1 where all are equal; None where one is missing.

    The product, over retained, forgotten and test records, of one less the distance of the accuracies. Zhao, Kurmanji,
    Bărbulescu, Triantafillou, Triantafillou (2024), arXiv:2406.01257, section 3 (secondary).

    Examples
    --------
    >>> from expunge.audit.arms import Parts
    >>> right, half = (Utility(9, 0.0, share, None, None, None) for share in (1.0, 0.5))
    >>> tug_of_war(Parts(right, right, half), Parts(right, half, half))
    0.5
    """
    product = 1.0
    for (_, one), (_, other) in zip(mine.each(), oracle.each(), strict=True):
        if isinstance(one, Missing) or isinstance(other, Missing):
            return None
        if one.accuracy is None or other.accuracy is None:
            return None
        product *= 1 - abs(one.accuracy - other.accuracy)
    return product


def pulled(found: Four[Parts[Utility | Missing]]) -> str:
    """A sentence with what `tug_of_war` gives for each model; empty where it gives nothing."""
    each = {
        title: tug_of_war(arm, found.oracle)
        for (_, title), (name, arm) in zip(TITLES.each(), found.each(), strict=True)
        if name != "oracle"
    }
    if None in each.values():
        return ""
    told = ", ".join(f"{title} {shown(value)}" for title, value in each.items())
    return f"Tug-of-war, near 1 where accuracies are the oracle's on all three: {told}."


def lines(found: Four[Parts[Utility | Missing]]) -> list[str]:
    """The table of four models by three parts, in words and figures; AUC would make it too wide, and is on the page."""
    held = [one for _, arm in found.each() for _, one in arm.each()]
    figures = [one for one in held if isinstance(one, Utility)]
    what = ("accuracy", "loss") if any(one.accuracy is not None for one in figures) else ("rmse", "r2")
    rows = [["model", *(f"{part} {name}" for part, _ in found.original.each() for name in what)]]
    for (_, title), (_, arm) in zip(TITLES.each(), found.each(), strict=True):
        rows.append([title, *(_cell(one, name) for _, one in arm.each() for name in what)])
    reasons = dict.fromkeys(one.reason for one in held if isinstance(one, Missing))
    return [
        "How well each model does",
        *laid_out(rows),
        *said(pulled(found)),
        *(line for reason in reasons for line in said(f"- stands where {reason}.")),
        *said(
            "The forgotten model should stand beside the oracles: worse on retained or test records is damage done,"
            " and worse on forgotten records than an oracle is a mark of its own. Good figures do not show forgetting."
        ),
    ]


def _cell(one: Utility | Missing, name: str) -> str:
    return "-" if isinstance(one, Missing) else shown(getattr(one, name))
