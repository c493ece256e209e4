"""The standard tier: one model that forgot, placed among oracles by every figure.

A few oracles, eight say, are learned without the target under keys of their own. If forgetting was perfect, the
forgotten model is one more of them, and each figure of it follows the law of theirs (`expunge.measures.prediction`). So
it can be tested, both ways, and what could not have been seen is known. The original is placed likewise: a figure by
which it passes for an oracle tells nothing on these data, and says so.

A verdict holds for this model, and for these records as a set; single records are for the full tier.

Examples
--------
>>> import numpy as np
>>> from expunge import Table
>>> from expunge.audit.arms import Answers, Missing, Parts
>>> gone = Table.from_arrays(np.zeros((8, 1)), ["a", "b"] * 4)
>>> random, none = np.random.default_rng(0), Missing("not asked")
>>> def model(sure):
...     own = 1 / (1 + np.exp(-(sure + random.normal(size=8) / 4)))
...     first = np.where(np.arange(8) % 2, 1 - own, own)
...     return Parts(none, Answers(np.column_stack([first, 1 - first]), ("a", "b"), gone), none)
>>> oracles = [model(1.0) for _ in range(8)]
>>> findings(model(3.0), model(3.0), oracles)[0].verdict.kind  # doing nothing
'detected'
>>> findings(model(3.0), model(1.0), oracles)[0].verdict.kind
'not detected'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from expunge.audit.arms import Missing
from expunge.audit.figures import FIGURES
from expunge.audit.verdict import ALPHA, POWER, Verdict, harm, judged
from expunge.errors import DataError
from expunge.measures.multiple import holm
from expunge.measures.prediction import Placed, placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expunge.audit.figures import Figure, Model
    from expunge.audit.stress import Compared

FEWEST = 4
"""Oracles under other keys than the run's: with fewer, next to nothing can be seen."""


@dataclass(frozen=True)
class Finding:
    """One figure of the original and of the forgotten model, among the oracles'.

    Attributes
    ----------
    name, title, limits : str
    about : {"leakage", "damage"}
    original, forgotten : Placed
    oracles : tuple of float
        Of each oracle.
    verdict : Verdict
    """

    name: str
    title: str
    limits: str
    about: Literal["leakage", "damage"]
    original: Placed
    forgotten: Placed
    oracles: tuple[float, ...]
    verdict: Verdict


def findings(
    original: Model, forgotten: Model, oracles: Sequence[Model], further: Sequence[Compared] = ()
) -> tuple[Finding, ...]:
    """All figures that can be had, each with its verdict; p-values are put right for their number.

    ``further`` are figures of the same models after something was done to all of them (`expunge.audit.stress`).

    Raises
    ------
    DataError
        With fewer than four oracles.
    """
    if len(oracles) < FEWEST:
        msg = f"the standard tier places a model among at least {FEWEST} oracles, got {len(oracles)}"
        raise DataError(msg)
    asked = [*((figure, original, forgotten, oracles) for figure in FIGURES), *further]
    taken = [(row[0], row[0].step(row[2]), _taken(*row)) for row in asked]
    had = [(figure, step, values) for figure, step, values in taken if values is not None]
    level = ALPHA / max(1, len(had))  # what Holm leaves the first of them
    if not had:
        return ()
    made = [
        (
            figure,
            [placed(*each, alpha=level, power=POWER, step=step, above=figure.above) for each in both],
            both[1][1],
        )
        for figure, step, both in had
    ]
    adjusted = holm([mine.p for _, (_, mine), _ in made]).tolist()
    return tuple(
        Finding(
            figure.name,
            figure.title,
            figure.limits,
            figure.about,
            old,
            new,
            tuple(its),
            told(figure.about, old, new, p),
        )
        for (figure, (old, new), its), p in zip(made, adjusted, strict=True)
    )


def told(about: Literal["leakage", "damage"], original: Placed, forgotten: Placed, p: float) -> Verdict:
    """The verdict that goes with what a figure is about."""
    return judged(forgotten, original, p) if about == "leakage" else harm(forgotten, p)


def _taken(
    figure: Figure, original: Model, forgotten: Model, oracles: Sequence[Model]
) -> list[tuple[float, list[float]]] | None:
    """One figure of the original, and of each oracle; the same of the forgotten; None where one of them has none.

    A figure that looks at other models is taken beside all others there are, the model under audit among them: so it is
    of one law for all where forgetting was perfect, which it is not if oracles are near to each other and nobody else.
    """
    made = []
    for model in (original, forgotten):
        all_of_them = [model, *oracles]
        taken = [figure.of(one, [*all_of_them[:k], *all_of_them[k + 1 :]]) for k, one in enumerate(all_of_them)]
        values = [value for value in taken if not isinstance(value, Missing)]
        if len(values) < len(taken):
            return None
        made.append((values[0], values[1:]))
    return made
