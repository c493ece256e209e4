"""Membership by loss: whether forgotten records still fit a model better than records that it never met.

The attack of Yeom, Giacomelli, Fredrikson and Jha (2018), "Privacy Risk in Machine Learning", CSF,
arXiv:1709.01604, section 3: a record of small loss was trained on. Here for every threshold at once, as an AUC: the
chance that a forgotten record has a smaller loss than a held-out one, 0.5 when the attack learns nothing.

**Screening only.** It takes one model and one threshold for all records, and stronger attacks (per record, with many
models) find what it misses. A figure near 0.5 is no proof of forgetting; a figure far below 0.5 betrays the forgotten
as well as one far above. Forgotten and held-out records may differ by themselves: the oracles, which met neither, show
what is left of the figure then. Held-out records are taken from the classes of the forgotten ones (multi-label: they
carry a class that a forgotten one carries, or none where one carries none); that they are none of the data is seen by
their ids, so a copy under another id passes.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.audit.arms import Answers
>>> gone = Table.from_arrays(np.zeros((2, 1)), ["no", "no"])
>>> test = Table.from_arrays(np.zeros((2, 1)), ["no", "no"], ids=[7, 8])
>>> known = Answers(np.array([[0.99, 0.01], [0.9, 0.1]]), ("no", "yes"), gone)
>>> unknown = Answers(np.array([[0.6, 0.4], [0.2, 0.8]]), ("no", "yes"), test)
>>> membership(known, unknown)
Membership(auc=1.0, low=0.385..., high=1.0, members=2, others=2, entropy=1.0, modified=1.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from expunge.audit.arms import TITLES, Answers, Missing
from expunge.audit.layout import laid_out, said, shown
from expunge.measures.auc import newcombe, rank_auc
from expunge.measures.entropy import entropy, modified_entropy
from expunge.measures.loss import losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.audit.arms import Four
    from expunge.data.table import Table


@dataclass(frozen=True)
class Membership:
    """How well a loss threshold tells forgotten records from held-out ones under one model.

    Attributes
    ----------
    auc : float
        Chance that a forgotten record has the smaller loss, ties counting half.
    low, high : float
        Newcombe's interval at 95 %. It is over records, for this one model.
    members, others : int
        Independent units on either side: an owner's records hang together and count as one.
    entropy, modified : float or None
        The same chance by the entropy of all scores, which needs no label, and by Song and Mittal's modified entropy;
        None where records have no one class each, or scores are none. (By confidence it is what it is by loss.)
    """

    auc: float
    low: float
    high: float
    members: int
    others: int
    entropy: float | None = None
    modified: float | None = None


def membership(gone: Answers | Missing, test: Answers | Missing) -> Membership | Missing:
    """The figure of one model, from its answers about forgotten and about held-out records."""
    if isinstance(gone, Missing):
        return Missing(f"no answers about forgotten records: {gone.reason}")
    if isinstance(test, Missing):
        return Missing(f"no answers about held-out records: {test.reason}")
    return _measured(gone, test)


def _measured(gone: Answers, test: Answers) -> Membership | Missing:
    like = comparable(gone, test)
    if not len(like):
        return Missing("no held-out record is of a class of the forgotten ones")
    test = Answers(test.predicted[like], test.classes, test.part.take(like))
    fit, unfit = (-losses(side.predicted, side.classes, side.label) for side in (gone, test))
    auc, members, others = rank_auc(fit, unfit), _units(gone.part), _units(test.part)
    return Membership(auc, *newcombe(auc, members, others), members, others, *_by_entropy(gone, test))


def _by_entropy(gone: Answers, test: Answers) -> tuple[float, float] | tuple[None, None]:
    """The same by either entropy: small where a model is sure."""
    sides = (gone, test)
    if any(side.classes is None or side.label.ndim > 1 or not _shares(side.predicted) for side in sides):
        return None, None
    plain = (-entropy(side.predicted) for side in sides)
    own = (-modified_entropy(side.predicted, side.classes or (), side.label) for side in sides)
    return rank_auc(*plain), rank_auc(*own)


def _shares(scores: NDArray[np.float64]) -> bool:
    """Whether scores have an entropy."""
    return bool((np.isfinite(scores) & (scores >= 0)).all() and (scores.sum(axis=1) > 0).all())


def comparable(gone: Answers, test: Answers) -> NDArray[np.intp]:
    """Held-out records of the forgotten classes: otherwise a class that is easier would pass for membership."""
    if gone.classes is None:
        return np.arange(len(test.part))
    mine, theirs = gone.label, test.label
    if mine.ndim == 1:
        return np.flatnonzero(np.isin(theirs, mine))
    shared = (theirs & mine.any(axis=0)).any(axis=1)
    bare = ~theirs.any(axis=1) if not mine.any(axis=1).all() else np.zeros(len(theirs), bool)
    return np.flatnonzero(shared | bare)


def _units(part: Table) -> int:
    units = part.units
    return len(np.unique(units)) if isinstance(units, np.ndarray) else len(units.unique())


def tells(found: Four[Membership | Missing]) -> bool:
    """Whether the figure can tell doing nothing from the oracle: the original's interval lies above the oracle's."""
    original, oracle = found.original, found.oracle
    return isinstance(original, Membership) and isinstance(oracle, Membership) and original.low > oracle.high


def finding(found: Four[Membership | Missing]) -> str | None:
    """The sentence that says that forgotten records stand out; None where they do not, or nothing can be said.

    They stand out when the forgotten model's interval lies wholly above, or wholly below, that of both oracles.
    """
    mine = found.forgotten
    oracles = [one for one in (found.oracle, found.second) if isinstance(one, Membership)]
    if not isinstance(mine, Membership) or len(oracles) != 2:
        return None
    beside = " and ".join(map(_with_interval, oracles))
    if mine.low > max(one.high for one in oracles):
        return f"the forgotten records are still recognised by their loss: AUC {_with_interval(mine)}, oracles {beside}"
    if mine.high < min(one.low for one in oracles):
        return f"the forgotten records fit worse than they should: AUC {_with_interval(mine)}, oracles {beside}"
    return None


def lines(found: Four[Membership | Missing]) -> list[str]:
    """The figures of four models in words."""
    rows = [["model", "AUC", "95 % interval", "entropy", "modified", "forgotten", "held out"]]
    for (_, title), (_, one) in zip(TITLES.each(), found.each(), strict=True):
        if isinstance(one, Missing):
            rows.append([title, *["-"] * 6])
        else:
            interval = f"{one.low:.3f} to {one.high:.3f}"
            further = (shown(one.entropy), shown(one.modified))
            rows.append([title, shown(one.auc), interval, *further, str(one.members), str(one.others)])
    reasons = dict.fromkeys(one.reason for _, one in found.each() if isinstance(one, Missing))
    return [
        "Recognising forgotten records by their loss (screening only)",
        *laid_out(rows),
        *(line for reason in reasons for line in said(f"Not measured: {reason}.")),
        *said(_verdict(found)),
        *said(
            "0.5: a forgotten record cannot be told from one never seen; above: it still fits better; far below: it"
            " stands out too. The oracles never met the forgotten records: what they show is due to the records"
            " themselves. This attack is weak: it can find a leak, and finding none proves nothing."
        ),
    ]


def _verdict(found: Four[Membership | Missing]) -> str:
    if any(isinstance(one, Missing) for _, one in found.each()):
        return "No verdict: it takes all four figures."
    seen = finding(found)
    if seen is not None:
        return f"Detected: {seen}."
    if not tells(found):
        return "It cannot tell here: even the original is not set apart from the oracle."
    return "No evidence (screening): the forgotten model is not set apart from the oracles, and the original is."


def _with_interval(one: Membership) -> str:
    return f"{one.auc:.3f} [{one.low:.3f}, {one.high:.3f}]"
