"""Logit masking: the output of a class is no longer shown. The network still knows it.

Nothing is trained and no weight changes: the forgotten class gets the score 0, and the scores of the others are scaled
up to one. Whoever has the weights takes the mask off. It is here because it is what much "unlearning" of a class comes
to, and because it is the honest name for an output filter.

Claim: Suppressed. For classes only (`Label`); for anything else there is no output to mask.

References
----------
None: everybody's first idea. Baumhauer, Schoettle, Zeppelzauer (2020), arXiv:2002.02730, "linear filtration", is a more
careful relative that works on the logits of all classes (unverified).

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Label, Run, Table, TorchLearner
>>> table = Table.from_arrays(np.eye(9, dtype=np.float32), ["a", "b", "c"] * 3)
>>> method, run = LogitMasking(TorchLearner(partial(torch.nn.Linear, 9, 3))), Run(key=b"example")
>>> done = method.forget(method.learn(table, run), Label("c"), table, run)
>>> done.claim, float(method.predict(done.model, table)[:, 2].max())
(Suppressed(), 0.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch  # noqa: F401  (the example's)

from expunge.codec import fingerprint
from expunge.errors import MismatchError, RefusedError
from expunge.methods.torch._post_hoc import PostHoc
from expunge.values import Batch, Forgotten, Label, Quote, Refusal, Suppressed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.torch import Net, TorchLearner
    from expunge.methods.torch._post_hoc import Need
    from expunge.protocol import Run
    from expunge.values import Claim, Scalar, Target


@dataclass(frozen=True)
class Masked:
    """A network, and the classes that it does not show."""

    net: Net
    hidden: tuple[Scalar, ...] = ()

    @property
    def classes(self) -> tuple[Scalar, ...] | None:
        """Names of the columns of the scores, the hidden ones too."""
        return self.net.classes


@dataclass(frozen=True)
class LogitMasking(PostHoc):
    """Show no score for a class.

    Parameters
    ----------
    learner : TorchLearner
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"classification"})
    doubted: ClassVar[str | None] = "it hides a score, and the network knows the class as before"
    claim: ClassVar[Claim] = Suppressed()
    learns: ClassVar[bool] = False
    learner: TorchLearner

    def most(self, retained: int, forgotten: int) -> int:
        """Nothing is trained."""
        return 0

    def recipe(self) -> str:
        """The learner's, with a mask."""
        return fingerprint((type(self), self.learner.recipe()))

    def learn(self, data: Table, run: Run) -> Any:
        """What the learner learns, nothing hidden."""
        return Masked(super().learn(data, run))

    def predict(self, model: Any, data: Table) -> NDArray[Any]:
        """(n, classes) scores, those of hidden classes 0."""
        masked = _expected(model)
        scores = np.array(super().predict(masked.net, data))
        shown = np.array([name not in masked.hidden for name in masked.net.classes or ()], dtype=bool)
        if not masked.hidden or scores.ndim == 1:
            return scores
        scores[:, ~shown] = 0
        total = scores.sum(1, keepdims=True)
        return np.where(total > 0, scores / np.where(total > 0, total, 1), shown / shown.sum())

    def quote(self, model: Any, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """`Suppressed`, for free; or why not."""
        masked = _expected(model)
        quote, change = super().quote(masked.net, target, data, run), data.change(target)
        if isinstance(quote, Refusal) or change is None or not len(change.out):
            return quote
        named, shown = _classes(target), set(masked.net.classes or ()) - set(masked.hidden)
        if named is None:
            return Refusal("it hides the output of a class, and these records are none", "instead", "Retrain")
        if shown <= named:
            return Refusal("no class would be left to show", "instead", "Retrain")
        return quote

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        """The same network, with one class more that is hidden; the log loses its records."""
        quote, change, masked = self.quote(model, target, data, run), data.change(target), _expected(model)
        if isinstance(quote, Refusal):
            raise RefusedError(quote)
        if change is None or not len(change.out):
            return Forgotten(model, quote.claim, 0)
        with self.working(masked.net, self.sides(data, target, change, run), run) as work:
            hidden = sorted({*masked.hidden, *(_classes(target) or ())}, key=str)
            return Forgotten(Masked(work.net(), tuple(hidden)), quote.claim, 0)


def _classes(target: Target) -> set[Scalar] | None:
    """The classes that a target names; None where it is not made of classes alone."""
    steps = target.targets if isinstance(target, Batch) else (target,)
    return (
        {step.value for step in steps if isinstance(step, Label)} if all(isinstance(s, Label) for s in steps) else None
    )


def _expected(model: Any) -> Masked:
    if not isinstance(model, Masked):
        msg = f"the model must be the Masked network that LogitMasking learned, got a {type(model).__name__}"
        raise MismatchError(msg)
    return model
