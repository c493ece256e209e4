"""Naive retraining: learn again from what remains. The U that ignores the old model, and everyone's oracle.

Claim: Exact, by definition, for any learner that is a pure function of its data; at full price.

References
----------
Cao, Yang (2015), "Towards Making Systems Forget with Machine Unlearning", IEEE S&P, section I: the naive approach that
every other one is measured against. Bourtoule et al. (2021), arXiv:1912.03817, section III: the definition it meets.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import Ridge
>>> from expunge import Records, Run, Table, fingerprint
>>> table = Table.from_arrays(np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 1.0, 5.0]))
>>> method, run = Retrain(Ridge()), Run(key=b"example")
>>> model = method.learn(table, run)
>>> method.quote(model, Records([2]), table, run).examples
2
>>> done = method.forget(model, Records([2]), table, run)
>>> fingerprint(done.model) == fingerprint(method.learn(table.after(Records([2])), run))
True
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expunge.codec import fingerprint
from expunge.data.table import expect
from expunge.errors import RefusedError
from expunge.learners.promises import promised
from expunge.learners.sklearn import as_learner
from expunge.params import Params
from expunge.protocol import Named, Priced, Wavering
from expunge.values import Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from expunge.data.table import Table
    from expunge.protocol import Run
    from expunge.values import Target


_ASSUMPTIONS = (
    "the learner is a pure function of its records, the key and its parameters",
    "the learner can learn from the records that stay (some refuse too few of a class)",
)


@dataclass(frozen=True)
class Retrain(Params):
    """Learn again without the target.

    Parameters
    ----------
    learner : learner or scikit-learn estimator
        What learns; a method such as `Sisa` is a learner too.

    Raises
    ------
    RefusedError
        From `forget`, for a target that no record carries.
    """

    learner: Any

    def __post_init__(self) -> None:
        as_learner(self.learner)

    def recipe(self) -> str:
        """The learner's own: retraining undoes that very algorithm."""
        learner = as_learner(self.learner)
        return learner.recipe() if isinstance(learner, Named) else fingerprint(learner)

    def learn(self, data: Table, run: Run) -> Any:
        """What the learner learns."""
        return as_learner(self.learner).learn(data, run)

    def predict(self, model: Any, data: Table) -> Any:
        """What the learner predicts."""
        return as_learner(self.learner).predict(model, data)

    def visits(self, data: Table, run: Run) -> int:
        """What the learner needs; one visit of each record where it cannot tell."""
        learner = as_learner(self.learner)
        return learner.visits(data, run) if isinstance(learner, Priced) else len(data)

    def wavers(self) -> str | None:
        """What the learner says."""
        return self.learner.wavers() if isinstance(self.learner, Wavering) else None

    def quote(self, model: Any, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """The whole price of learning from what remains."""
        expect(data, run)
        if data.change(target) is None:
            return Refusal("no record carries this target, so there is nothing to learn again without", "never")
        examples = self.visits(data.after(target), run)
        seconds = None if run.pace is None else examples * run.pace.seconds_per_example
        claim, reasons = promised(self.learner)
        return Quote(claim, (*reasons, *_ASSUMPTIONS, *data.remarks(target)), examples, seconds)

    def forget(self, model: Any, target: Target, data: Table, run: Run) -> Forgotten[Any]:
        """Learn from what remains with an empty store: neither the old model nor anything at rest is looked at."""
        quote = self.quote(model, target, data, run)
        if isinstance(quote, Refusal):
            raise RefusedError(quote)
        afresh = run.afresh()
        learned = self.learn(data.after(target), afresh)
        run.store.update(afresh.store)
        return Forgotten(learned, quote.claim, quote.examples)
