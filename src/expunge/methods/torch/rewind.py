"""Rewind: go back to the network of an early epoch, and train from there as if the records had never been seen.

A record is learned by heart late. The network of an early epoch has seen the forgotten records as well, but holds far
less of them, so less has to be taken back; what later epochs brought is learned again from the retained records. That
alone forgets too little, unless it goes back so far that it costs as much as retraining. So the forgotten records get
aims meanwhile, and a closed loop: all that is said of `ConfidenceMatching` holds, from an earlier start. It costs twice
the passes, and ends nearer to the accuracies of retraining; an attacker sees about as much.

The learner keeps the early weights, ``rewind=20`` of 40 epochs say. They have learned from the forgotten records, and
are erased with the request: a second request finds none, and goes to `ConfidenceMatching`, or to retraining.

Claim: Empirical. The start has seen the forgotten records for some epochs, and nothing bounds what is left of that.

References
----------
Mu, Klabjan (2025), "Rewind-to-Delete: Certified Machine Unlearning for Nonconvex Functions", NeurIPS, arXiv:2409.09778:
back to an earlier step, then gradient descent on the retained records alone.

Where we differ: no certificate, which needs full batches, a small enough step and noise. The forgotten records have
aims. Training from the early weights is AdamW over mini-batches, a schedule of its own, where the paper goes on with
plain descent. Defaults were chosen on records 100 to 399 of the benchmark (docs/confidence-matching.md).

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Records, Run, Table, TorchLearner
>>> X = np.random.default_rng(0).normal(size=(240, 2)).astype(np.float32)
>>> table = Table.from_arrays(X, np.where(X[:, 0] > 0, "right", "left"))
>>> learner = TorchLearner(partial(torch.nn.Linear, 2, 2), validation=0.2, shadow=0.2, rewind=5)
>>> method, run = Rewind(learner), Run(key=b"example")
>>> model = method.learn(table, run)
>>> done = method.forget(model, Records([3, 4]), table, run)
>>> done.claim, model.early is None, done.model.early is None
(Empirical(), False, True)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import torch  # noqa: F401  (the example's)

from expunge.learners.torch.network import fill
from expunge.methods.torch.confidence_matching import ConfidenceMatching
from expunge.values import Quote, Refusal

if TYPE_CHECKING:
    from expunge.data.table import Table
    from expunge.learners.torch import Net
    from expunge.methods.torch._unlearning import Sides, Unlearning
    from expunge.protocol import Run
    from expunge.values import Target


@dataclass(frozen=True)
class Rewind(ConfidenceMatching):
    """Start from an early epoch of the training, and move each forgotten record to an aim of its own.

    Parameters
    ----------
    learner : TorchLearner
        With ``rewind=20``, say, of 40 epochs: after that epoch the weights are kept as well. With ``shadow=0.2``
        records are ranked better than by the training log alone.
    held_out : Table, optional
        Labelled records that the network never saw. Unless given: the units that the learner's ``validation`` held out.
    epochs : float
        Passes over the retained records, in batches of half the learner's size: twice as many as where the network
        starts from its end.
    distil : float
        As for `ConfidenceMatching`, and nothing unless given: the end of the training knows the forgotten records, and
        an early start is to be kept from that.
    lr, weight, apart, gain : float
        As for `ConfidenceMatching`.
    """

    alone: ClassVar[bool] = True
    epochs: float = 4.4
    distil: float = 0.0

    def quote(self, model: Net, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """As for all; where it starts is said."""
        quote, change = super().quote(model, target, data, run), data.change(target)
        if isinstance(quote, Refusal) or change is None or not len(change.out):
            return quote
        said = (
            f"it starts from epoch {self.learner.rewind}, whose network has seen the forgotten records too; these early"
            " weights are erased with the request"
        )
        return replace(quote, assumptions=(*quote.assumptions, said))

    def refusal(self, model: Net, sides: Sides) -> Refusal | None:
        """That there is nothing to go back to, or what `ConfidenceMatching` lacks."""
        refused = super().refusal(model, sides)
        if refused is not None or model.early is not None or not len(sides.forgotten):
            return refused
        if self.learner.rewind is None:
            return Refusal(
                "it goes back to an early epoch, and this network keeps none: give rewind=20, say, of 40 epochs to the"
                " learner before it learns", "misconfigured",
            )  # fmt: skip
        return Refusal(
            "it goes back to an early epoch, and this network has none any more: what was kept of it had learned from"
            " forgotten records, and went with the request before; or the network was adopted, or its best epoch was an"
            " earlier one", "instead", "ConfidenceMatching(learner)",
        )  # fmt: skip

    def unlearn(self, work: Unlearning) -> None:
        """Go back where anything is to be forgotten; then as from the end of the training."""
        if len(work.forgotten):
            fill(work.student, work.model.early or {})
        super().unlearn(work)
