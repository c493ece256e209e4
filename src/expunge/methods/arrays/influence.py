"""Influence unlearning: the parameters move by the influence of what goes, after training with a random linear term.

Learning minimises the objective plus ``b.w``, b ~ N(0, sigma^2 I) (in sum scale; on the mean loss it is b.w / n). A
mini-batch S of the deletions moves the parameters w (p,) by ``F^-1 (sum_S grad l + c)``: F (p, p) is the Hessian, in
sum scale, of the objective on every record not yet processed, at the current w; c is what leaves the penalty with S
(lambda k w where the penalty grows with the number of records, 0 where it is fixed, as in ``LogisticRegression``).
Neither b nor the gradient of what stays is in the step: an error that is there once stays for good, also that of a
model which was not at its optimum.

Claim: Empirical. Objective noise gives an epsilon and delta only with a bound on the gradient that the step leaves.

References
----------
Mahadevan, Mathioudakis (2022), arXiv:2106.15093, the section on Influence unlearning, after Guo, Goldstein, Hannun, van
der Maaten (ICML 2020, arXiv:1911.03030); step and noise as in the authors' code (read). The step without noise: Koh,
Liang (ICML 2017).

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Records, Run, Table
>>> rng = np.random.default_rng(0)
>>> X = rng.normal(size=(300, 4))
>>> table, run = Table.from_arrays(X, (X[:, 0] + rng.normal(size=300) > 0).astype(int)), Run(key=b"example")
>>> once, often = Influence(LogisticRegression()), Influence(LogisticRegression(), batches=8)
>>> model, target = once.learn(table, run), Records(range(60))
>>> exact = once.learn(table.after(target), run).weights
>>> for method in (once, often):
...     done = method.forget(model, target, table, run)
...     print(f"{np.linalg.norm(done.model.weights - exact):.0e} after {done.examples} visits")
1e-02 after 300 visits
6e-03 after 2182 visits
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from expunge.codec import fingerprint
from expunge.data.table import expect
from expunge.errors import RefusedError
from expunge.learners.linear import LinearModel, as_linear, held
from expunge.linear.design import gamma
from expunge.linear.inverse import cholesky
from expunge.linear.objective import Objective
from expunge.linear.optimum import fit
from expunge.linear.point import Point
from expunge.methods.arrays._removal import Batched, gaussian, parameters, refusal, removal, sizes
from expunge.values import Empirical, Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Run
    from expunge.values import Target

ASSUMPTIONS = (
    "nothing is proven: the step is linear in what goes, and its error is not measured",
    "the model is the optimum of its objective on these very data: the step never looks at the gradient",
)


@dataclass(frozen=True)
class Influence(Batched):
    """Influence steps over mini-batches of deletions, on a model that was learned with objective noise.

    Learner, batches and sigma are those of `Batched`. Parameters without a penalty (a free intercept) get no noise, so
    that there is always an optimum: our choice.
    """

    def recipe(self) -> str:
        """The learner's own without noise; with it, another algorithm."""
        own = as_linear(self.learner).recipe()
        return fingerprint((type(self), own, self.sigma)) if self.sigma else own

    def learn(self, data: Table, run: Run) -> LinearModel:
        """The optimum of the objective with its random term, which is the same for every set of records."""
        learner = as_linear(self.learner)
        model = learner.learn(data, run)
        if not self.sigma or model.weights is None:
            return model
        objective, _ = learner.objective(data, run, front=model.front)
        tilt = np.where(objective.diagonal > 0, self.sigma * gaussian(run.key, objective.size, "influence"), 0.0)
        with held(run):
            return replace(model, weights=fit(tilted(objective, tilt), start=model.weights).weights)

    def visits(self, data: Table, run: Run) -> int:
        """What the learner needs, and as much again for the fit with noise."""
        return as_linear(self.learner).visits(data, run) * (2 if self.sigma else 1)

    def quote(self, model: LinearModel, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """For each mini-batch, one visit of its records and one of every record not yet processed."""
        expect(data, run)
        refused = refusal("Influence", as_linear(self.learner), model, target, data)
        if refused is not None:
            return refused
        change = data.change(target)
        parts = sizes(0 if change is None else len(change.out), self.batches)
        examples = int((len(data) - np.cumsum((0, *parts), dtype=np.int64)[:-1]).sum()) if parts else 0
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
        before = found.objective.diagonal
        with held(run):
            for gone, rest in found.batches(self.batches):
                weights = step(gone, rest, weights, before - rest.diagonal)
                before = rest.diagonal
        return Forgotten(replace(model, weights=weights), quote.claim, quote.examples)


def step(
    gone: Objective, rest: Objective, weights: NDArray[np.float64], penalty: NDArray[np.float64]
) -> NDArray[np.float64]:
    """One influence step, ``w + F^-1 (sum_S grad l(w) + c)``; (p,).

    Parameters
    ----------
    gone, rest : Objective
        Of the mini-batch S, and of the records that are not yet processed after it.
    weights : (p,)
        w.
    penalty : (p,)
        What S takes along of each parameter's penalty: c is that times w.
    """
    pull = gone.data_gradient(weights) + penalty * weights
    return np.asarray(weights + cholesky(rest.hessian(weights), pull))


@dataclass(frozen=True, eq=False)
class Tilted(Objective):
    """An objective with a linear term ``tilt.w``: objective noise."""

    tilt: NDArray[np.float64] | None = None

    def value(self, w: NDArray[np.float64]) -> float:
        """f(w) + tilt.w."""
        return super().value(w) + float(self._tilt @ w)

    def at(self, w: NDArray[np.float64], origin: NDArray[np.float64] | None = None) -> Point:
        """Gradient of the sum, and a bound of its rounding."""
        plain = super().at(w, origin)
        terms = np.abs(plain.gradient) + np.abs(self._tilt)
        return Point(w, plain.gradient + self._tilt, plain.allowance + gamma(4) * float(np.linalg.norm(terms)))

    @property
    def _tilt(self) -> NDArray[np.float64]:
        return np.zeros(self.size) if self.tilt is None else self.tilt


def tilted(objective: Objective, tilt: NDArray[np.float64]) -> Tilted:
    """The objective plus ``tilt.w``; tilt (p,)."""
    held = {name: getattr(objective, name) for name in objective.__dataclass_fields__}
    return Tilted(**held, tilt=tilt)
