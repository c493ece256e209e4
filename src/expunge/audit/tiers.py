"""How much an audit learns again, and what that costs.

``quick`` learns nothing, ``replay`` two oracles, ``standard`` eight, ``full`` 64 models of each of four arms. What each
can show is in docs/audit.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from expunge.audit.stress import chosen, price
from expunge.errors import ParameterError
from expunge.protocol import Priced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expunge.audit.stress import Stress
    from expunge.data.table import Table
    from expunge.protocol import Run
    from expunge.values import Target

Tier = Literal["quick", "replay", "standard", "full"]
MODELS: dict[str, int] = {"quick": 0, "replay": 2, "standard": 8, "full": 64}
"""Oracles of each tier; of the full one, models of each arm."""
LEAST: dict[str, int] = {"quick": 0, "replay": 2, "standard": 5, "full": 8}


def visits(  # noqa: PLR0913  (as `audit`)
    method: Any,
    target: Target,
    data: Table,
    run: Run,
    tier: Tier = "standard",
    *,
    models: int | None = None,
    forgetting: int = 0,
    stress: Sequence[str | Stress] = (),
) -> int:
    """Record visits that an audit costs, to be known before it begins; ``forgetting`` is what one forgetting costs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from expunge import Records, Retrain, Run, Table
    >>> table, method = Table.from_arrays(np.eye(10), np.arange(10.0)), Retrain(Ridge())
    >>> [visits(method, Records([3]), table, Run(key=b"k"), tier) for tier in ("quick", "replay", "standard")]
    [0, 18, 72]
    """
    count = models_of(tier, models)
    whole, after = (
        method.visits(part, run) if isinstance(method, Priced) else len(part) for part in (data, data.after(target))
    )
    if tier == "full":
        return 2 * after + count * (whole + forgetting + 2 * after)
    stays = len(data.after(target))
    return count * after + (count + 1) * price(chosen(stress, tier), method, stays, len(data) - stays)


def models_of(tier: Tier, models: int | None) -> int:
    """How many oracles, or models of each arm.

    Raises
    ------
    ParameterError
        If there is no such tier, or it cannot do with so few models.
    """
    if tier not in MODELS:
        msg = f"a tier is one of {', '.join(MODELS)}; got {tier!r}"
        raise ParameterError(msg)
    count = MODELS[tier] if models is None else models
    if isinstance(count, bool) or not isinstance(count, int) or count < LEAST[tier]:
        msg = f"the {tier} tier needs at least {LEAST[tier]} models, got {count!r}"
        raise ParameterError(msg)
    return count if tier in ("standard", "full") else MODELS[tier]
