"""Fisher unlearning: a Newton step on what remains, and Gaussian noise shaped by its Hessian.

Mini-batch j of the deletions moves the parameters w (p,) by ``-F^-1 g + sigma F^(-1/4) z``: g (p,) and F (p, p) are the
gradient and Hessian, in sum scale and with the penalty, of the objective on *every record not yet processed*, at the
current w; z ~ N(0, I) is drawn anew for each batch. More batches come closer and cost more: each is a pass over the
data and a factorisation.

Claim: Empirical. The covariance of the noise depends on the data, so no epsilon and delta follow from it.

References
----------
Mahadevan, Mathioudakis (2022), arXiv:2106.15093, the section on Fisher unlearning, after Golatkar, Achille, Soatto
(CVPR 2020). Step, order of the batches and scale of F as in the authors' code (read), less its defects: batches that
drop retained records, and one noise seed for all batches. Golatkar's own code for deep networks has F^(-1/2) instead.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Records, Run, Table
>>> rng = np.random.default_rng(0)
>>> X = rng.normal(size=(300, 4))
>>> table, run = Table.from_arrays(X, (X[:, 0] + rng.normal(size=300) > 0).astype(int)), Run(key=b"example")
>>> once, often = Fisher(LogisticRegression()), Fisher(LogisticRegression(), batches=8)
>>> model, target = once.learn(table, run), Records(range(60))
>>> exact = once.learn(table.after(target), run).weights
>>> for method in (once, often):
...     done = method.forget(model, target, table, run)
...     print(f"{np.linalg.norm(done.model.weights - exact):.0e} after {done.examples} visits")
1e-02 after 240 visits
7e-04 after 2122 visits
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from expunge.data.table import expect
from expunge.errors import RefusedError
from expunge.learners.linear import LinearModel, as_linear, held
from expunge.linear.inverse import cholesky
from expunge.methods.arrays._removal import (
    Batched,
    gaussian,
    lineage,
    parameters,
    refusal,
    removal,
    sizes,
)
from expunge.values import Empirical, Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.linear.objective import Objective
    from expunge.protocol import Run
    from expunge.values import Target

ASSUMPTIONS = (
    "nothing is proven: the step is the first of Newton's method, and the noise is no differential privacy",
    "the model is the optimum of its objective on these very data",
)


@dataclass(frozen=True)
class Fisher(Batched):
    """Newton steps over mini-batches of deletions, with noise; learner, batches and sigma are those of `Batched`."""

    def recipe(self) -> str:
        """The learner's own: it is the learner's algorithm that is undone."""
        return as_linear(self.learner).recipe()

    def learn(self, data: Table, run: Run) -> LinearModel:
        """The optimum, without noise."""
        return as_linear(self.learner).learn(data, run)

    def visits(self, data: Table, run: Run) -> int:
        """What the learner needs."""
        return as_linear(self.learner).visits(data, run)

    def quote(self, model: LinearModel, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """One visit of every record not yet processed, for each mini-batch."""
        expect(data, run)
        refused = refusal("Fisher", as_linear(self.learner), model, target, data)
        if refused is not None:
            return refused
        change = data.change(target)
        gone = 0 if change is None else len(change.out)
        left = len(data) - np.cumsum(sizes(gone, self.batches), dtype=np.int64)
        examples = int(left.sum())
        seconds = None if run.pace is None else examples * run.pace.seconds_per_example
        return Quote(Empirical(), (*ASSUMPTIONS, *data.remarks(target)), examples, seconds)

    def forget(self, model: LinearModel, target: Target, data: Table, run: Run) -> Forgotten[LinearModel]:
        """A step for each mini-batch, in keyed order of the ids."""
        quote = self.quote(model, target, data, run)
        if isinstance(quote, Refusal):
            raise RefusedError(quote)
        if not quote.examples:
            return Forgotten(model, quote.claim, 0)
        found, weights = removal(as_linear(self.learner), model, target, data, run), parameters(model)
        names = "fisher", lineage(model, target, data)
        with held(run):
            for number, (_, rest) in enumerate(found.batches(self.batches)):
                drawn = gaussian(run.key, len(weights), *names, number) if self.sigma else None
                weights = step(rest, weights, self.sigma, drawn)
        return Forgotten(replace(model, weights=weights), quote.claim, quote.examples)


def step(
    objective: Objective, weights: NDArray[np.float64], sigma: float = 0.0, noise: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """One Fisher step on the records of an objective, ``w - F^-1 g + sigma F^(-1/4) z``; (p,).

    Parameters
    ----------
    objective : Objective
        Of the records that are not yet processed.
    weights : (p,)
        w.
    sigma : float
    noise : (p,) or None
        z, standard normal.
    """
    hessian, gradient = objective.hessian(weights), objective.gradient(weights)
    moved = weights - cholesky(hessian, gradient)
    if noise is None or not sigma:
        return np.asarray(moved)
    values, vectors = linalg.eigh(hessian)
    return np.asarray(moved + sigma * (vectors @ (values**-0.25 * (vectors.T @ noise))))
