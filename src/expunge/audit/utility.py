"""Utility: how well a model does on a part; forgetting should leave it as the oracle has it, no worse and no better.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.audit.arms import Answers
>>> part = Table.from_arrays(np.zeros((2, 1)), ["yes", "no"])
>>> utility(Answers(np.array([[0.5, 0.5], [0.75, 0.25]]), ("no", "yes"), part))
Utility(records=2, loss=0.490..., accuracy=0.5, rmse=None, r2=None)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expunge.audit.arms import TITLES, Missing
from expunge.audit.layout import laid_out, said, shown
from expunge.measures.loss import correct, log_loss, r_squared, squared_error

if TYPE_CHECKING:
    from expunge.audit.arms import Answers, Four, Parts


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
    rmse, r2 : float or None
        Root of the mean squared error and explained variance; None for classes, r2 also where labels do not vary.
        Of several targets, r2 is the mean of theirs.
    """

    records: int
    loss: float
    accuracy: float | None
    rmse: float | None
    r2: float | None


def utility(given: Answers | Missing) -> Utility | Missing:
    """Loss and accuracy, or for regression root mean squared error and R2, of a model's answers."""
    if isinstance(given, Missing):
        return given
    label, count = given.label, len(given.part)
    if given.classes is None:
        loss = float(squared_error(given.predicted, label).mean())
        return Utility(count, loss, None, loss**0.5, r_squared(given.predicted, label))
    loss = float(log_loss(given.predicted, given.classes, label).mean())
    return Utility(count, loss, float(correct(given.predicted, given.classes, label).mean()), None, None)


def lines(found: Four[Parts[Utility | Missing]]) -> list[str]:
    """The table of four models by three parts, in words and figures."""
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
        *(line for reason in reasons for line in said(f"- stands where {reason}.")),
        *said(
            "The forgotten model should stand beside the oracles: worse on retained or test records is damage done,"
            " and worse on forgotten records than an oracle is a mark of its own. Good figures do not show forgetting."
        ),
    ]


def _cell(one: Utility | Missing, name: str) -> str:
    return "-" if isinstance(one, Missing) else shown(getattr(one, name))
