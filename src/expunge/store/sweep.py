"""Destroy what no model needs: superseded checkpoints are personal data.

Examples
--------
>>> from types import SimpleNamespace
>>> store = {"aa.env": b"of the old model", "bb.env": b"of both"}
>>> sweep(store, [SimpleNamespace(checkpoints=frozenset({"bb"}))])
1
>>> sorted(store)
['bb.env']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expunge.protocol import Resting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expunge.protocol import Store


def sweep(store: Store, live: Iterable[object]) -> int:
    """Destroy every checkpoint that no live model reaches.

    Parameters
    ----------
    store : Store
        Its names are links of chains, each followed by a dot and the environment that made the checkpoint.
    live : iterable of models
        Published ones, and those that pending work goes on from. A model without checkpoints reaches none.

    Returns
    -------
    int
        How many were destroyed.
    """
    reached = frozenset[str]().union(*(model.checkpoints for model in live if isinstance(model, Resting)))
    superseded = [name for name in store if name.partition(".")[0] not in reached]
    for name in superseded:
        del store[name]
    return len(superseded)
