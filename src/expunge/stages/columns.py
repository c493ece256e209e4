"""What the stages of a pipeline ask of which column: its values, its categories, its values in order.

Examples
--------
>>> from expunge.stages.specification import OneHot, Stretch
>>> asked((Stretch(),), ("age",)), asked((OneHot(),), ("town",))
((Asked(column='age', value=True, levels=False, order=True),),
 (Asked(column='town', value=False, levels=True, order=False),))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expunge.stages.expanded import Asked
from expunge.stages.specification import Branches, Impute, OneHot, Ordinal, Stretch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expunge.stages.specification import Stage


def has_encoder(stages: Sequence[Stage]) -> bool:
    """Whether categories are made of what goes through these stages."""
    return any(isinstance(stage, OneHot | Ordinal) for stage in stages)


def asked(stages: Sequence[Stage], columns: Sequence[str], *, ordered: bool = False) -> tuple[Asked, ...]:
    """What the stages ask of which of the columns; those that a branch names and that are not there are left out.

    Of all numbers the order is asked, if ``ordered``.
    """
    first, rest = (stages[0], stages[1:]) if stages and isinstance(stages[0], Branches) else (None, stages)
    chains: dict[str, list[tuple[Stage, ...]]] = {column: [] for column in columns}
    if first is None:
        chains = {column: [tuple(rest)] for column in columns}
    else:
        named = {column for _, own in first.branches for column in own}
        for own, of in [
            *first.branches,
            ((), tuple(column for column in columns if first.rest and column not in named)),
        ]:
            for column in of:
                chains.get(column, []).append((*own, *rest))
    return tuple(_asked(column, held, ordered=ordered) for column, held in chains.items() if held)


def _asked(column: str, chains: Sequence[tuple[Stage, ...]], *, ordered: bool) -> Asked:
    numbers = [chain for chain in chains if not has_encoder(chain)]
    ordered = (ordered and bool(numbers)) or any(
        isinstance(stage, Stretch) or (isinstance(stage, Impute) and stage.strategy in ("median", "most_frequent"))
        for chain in numbers
        for stage in chain
    )
    return Asked(column, bool(numbers), len(numbers) < len(chains), ordered)
