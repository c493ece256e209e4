"""A sentence for the quote: how many records that stay are nearly copies of forgotten ones, as the network takes them.

What near-duplicates share with a forgotten record stays in the network, whatever the method, and an audit of the
forgotten record finds it there. Exact copies have a sentence of their own (`Table.remarks`) and are not counted again.
Large data are sampled, by the keyed order of their ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from expunge import keyed
from expunge.learners.torch.inputs import as_matrix, dense
from expunge.learners.torch.network import built
from expunge.measures.nearness import near

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.torch import Net, TorchLearner
    from expunge.protocol import Run
    from expunge.values import Target

ASKED = 200  # forgotten records
NUMBERS = 4_000_000  # of the records that stay, features times rows


def remark(learner: TorchLearner, model: Net, data: Table, target: Target, run: Run) -> tuple[str, ...]:
    """The sentence; none where nothing is near, or where distances between inputs mean nothing (tokens).

    Parameters
    ----------
    learner : TorchLearner
    model : Net
        Whose preparation the records go through.
    data : Table
    target : Target
    run : Run
    """
    change = data.change(target)
    if change is None or not len(change.out) or data.names != model.names:
        return ()
    copies = data.twins(target)
    staying = np.setdiff1d(np.arange(len(data)), np.concatenate([change.out, copies]))
    if not len(staying) or _tokens(learner, model, data.take(staying[:1])):
        return ()
    width = max(1, _inputs(model, data.take(staying[:1])).shape[1])
    stays = _some(data, staying, NUMBERS // width, run)
    goes = _some(data, change.out, ASKED, run)
    found = int(near(_inputs(model, data.take(stays)), _inputs(model, data.take(goes))).close.sum())
    if not found:
        return ()
    seen = [f"{len(stays):,} of the {len(staying):,} that stay"] if len(stays) < len(staying) else []
    seen += [f"{len(goes):,} of the {len(change.out):,} that go"] if len(goes) < len(change.out) else []
    looked = f" ({' and '.join(seen)} were looked at)" if seen else ""
    records = "1 record that stays is" if found == 1 else f"{found:,} records that stay are"
    return (f"{records} nearly the same as forgotten ones{looked}: what they share stays",)


def _some(data: Table, rows: NDArray[np.intp], most: int, run: Run) -> NDArray[np.intp]:
    """These positions, in the keyed order of their ids; the first where they are too many."""
    order = keyed.order(run.key, data.take(rows).ids, "neighbours")
    return np.asarray(rows[order[: max(1, most)]])


def _tokens(learner: TorchLearner, model: Net, one: Table) -> bool:
    """Whether the network looks whole numbers up, so that 7 is no nearer to 8 than to 90."""
    if model.prepared is not None or as_matrix(one.stored).dtype.kind not in "iu":
        return False
    parts = built(learner.made, model.shape, model.outputs).modules()
    return any(isinstance(part, nn.Embedding | nn.EmbeddingBag) for part in parts)


def _inputs(model: Net, data: Table) -> NDArray[np.float64]:
    """(n, d) records as the network takes them."""
    made: Any = as_matrix(data.stored) if model.prepared is None else dense(model.prepared.transform(data.features))
    return np.asarray(made, dtype=np.float64).reshape(len(data), -1)
