"""Unlearning of features and labels: the parameters move by what corrected records pull otherwise, with a line search.

Records Z become Z' (a column blanked or gone, labels put right, rows gone or new). With
``G = sum_Z' grad l(z') - sum_Z grad l(z)`` at the parameters w (p,), in sum scale, the first-order update is
``w - tau G``, the second-order one ``w - tau H^-1 G``, H (p, p) the Hessian of the objective. A column that goes takes
its parameter with it: the gradient on the new data is taken without it. What the penalty changes with the number of
records is part of G.

Claim: Empirical, since neither the distance that is left nor noise against it is accounted for here.

References
----------
Warnecke, Pirch, Wressnegger, Rieck (2023), "Machine Unlearning of Features and Labels", NDSS, arXiv:2108.11577. The
two updates are theirs. Where their code for logistic regression takes the Hessian of the *old* data by default (read),
this one takes that of the new data: otherwise a rare column's weight stays nearly what it was. Where they tune tau, a
line search on the new objective finds it; it starts at 1 in the second order, in the first at the minimum along G of
the quadratic model. Further steps take the whole gradient.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Column, Run, Table
>>> rng = np.random.default_rng(0)
>>> X = rng.normal(size=(300, 4))
>>> table, run = Table.from_arrays(X, (X[:, 0] + X[:, 3] + rng.normal(size=300) > 0).astype(int)), Run(key=b"example")
>>> first, second, third = (FeaturesAndLabels(LogisticRegression(), *how) for how in ((1,), (2,), (2, 3)))
>>> model = first.learn(table, run)
>>> exact = first.learn(table.after(Column("x3")), run).weights
>>> for method in (first, second, third):
...     done = method.forget(model, Column("x3"), table, run)
...     print(done.model.names, f"{np.linalg.norm(done.model.weights - exact):.0e}")
('x0', 'x1', 'x2') 6e-02
('x0', 'x1', 'x2') 3e-02
('x0', 'x1', 'x2') 7e-08
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from expunge.data.table import expect
from expunge.errors import ParameterError, RefusedError
from expunge.learners.linear import LinearModel, as_linear, held
from expunge.linear.inverse import cholesky
from expunge.methods.arrays._removal import checked_counts, expect_columns, is_nothing, parameters, unshaped
from expunge.params import Params
from expunge.values import Empirical, Forgotten, Quote, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.linear.objective import Objective
    from expunge.protocol import Run
    from expunge.values import Target

    Floats = NDArray[np.float64]

ASSUMPTIONS = (
    "nothing is proven: one step towards the new optimum, as far as the new objective falls",
    "the model is the optimum of its objective on these very data",
)
TRIES = 10  # lengths that a line search tries, each half of the one before
FALL = 1e-4  # share of the slope by which the objective must fall (Armijo)
ROUNDING = 1e-13  # of the objective's value, that a sum over records may be off by


@dataclass(frozen=True)
class FeaturesAndLabels(Params):
    """One update of first or second order for corrected, added and removed records and columns.

    Parameters
    ----------
    learner : LinearLearner or scikit-learn estimator
        What learned the model: the A that is undone.
    order : {1, 2}
        Along G, or along H^-1 G; the paper has both, and finds the second closer.
    steps : int
        1 as in the paper. Each further step takes the whole gradient on the new data, of the same order.

    Raises
    ------
    LearnError
        From `forget`, in the second order, when what stays has no single optimum.
    RefusedError
        From `forget`, for a target that no record carries, and where the parameters would change otherwise than by a
        column's.
    """

    learner: Any
    order: Literal[1, 2] = 2
    steps: int = 1

    def __post_init__(self) -> None:
        as_linear(self.learner)
        checked_counts("FeaturesAndLabels", steps=self.steps)
        if isinstance(self.order, bool) or self.order not in (1, 2):
            msg = f"FeaturesAndLabels updates in order 1 or 2, got {self.order!r}"
            raise ParameterError(msg)

    def recipe(self) -> str:
        """The learner's own: it is the learner's algorithm that is undone."""
        return as_linear(self.learner).recipe()

    def learn(self, data: Table, run: Run) -> LinearModel:
        """The optimum."""
        return as_linear(self.learner).learn(data, run)

    def predict(self, model: LinearModel, data: Table) -> Floats:
        """What the learner predicts."""
        return as_linear(self.learner).predict(model, data)

    def visits(self, data: Table, run: Run) -> int:
        """What the learner needs."""
        return as_linear(self.learner).visits(data, run)

    def quote(self, model: LinearModel, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """At most: a visit of what changes, and for each step two of the new data and one a try of the line search."""
        expect(data, run)
        expect_columns(model, data)
        change = data.change(target)
        if change is None:
            return Refusal("no record carries this target, so there is nothing to correct", "never")
        examples = 0
        if not is_nothing(change, data):
            after = data.after(target)
            refused = unshaped("FeaturesAndLabels", as_linear(self.learner), model, after)
            if refused is not None:
                return refused
            examples = len(change.out) + len(change.into) + self.steps * (2 + TRIES) * len(after)
        seconds = None if run.pace is None else examples * run.pace.seconds_per_example
        return Quote(Empirical(), (*ASSUMPTIONS, *data.remarks(target)), examples, seconds)

    def forget(self, model: LinearModel, target: Target, data: Table, run: Run) -> Forgotten[LinearModel]:
        """Update the parameters."""
        quote = self.quote(model, target, data, run)
        if isinstance(quote, Refusal):
            raise RefusedError(quote)
        change = data.change(target)
        if change is None or not quote.examples:
            return Forgotten(model, quote.claim, 0)
        learner, after = as_linear(self.learner), data.after(target)
        new, old, come = (
            learner.objective(part, run, front=model.front, classes=model.classes)[0]
            for part in (after, data.take(change.out), change.into)
        )
        stays = _stays(model.names, after.names, old)
        weights = parameters(model)[stays]
        with held(run):
            pull = come.data_gradient(weights) - old.data_gradient(parameters(model))[stays]
            before = replace(old, penalty=learner.penalty(len(data))).diagonal[stays]
            pull += (new.diagonal - before) * weights
            moved, passes = update(new, weights, pull, self.order, self.steps)
        visits = len(change.out) + len(change.into) + passes * len(after)
        return Forgotten(replace(model, weights=moved, names=after.names), quote.claim, visits)


def update(objective: Objective, weights: Floats, pull: Floats, order: int, steps: int = 1) -> tuple[Floats, int]:
    """The parameters after some steps, and the passes over the new data that they took.

    Parameters
    ----------
    objective : Objective
        Of the new data.
    weights : (p,)
        The old parameters, less those of columns that went.
    pull : (p,)
        G.
    order, steps : int
    """
    passes = 0
    for number in range(steps):
        gradient, length = objective.gradient(weights), 1.0
        along = pull if number == 0 else gradient
        if order == 2:
            along = cholesky(objective.hessian(weights), along)
        else:
            length = _lowest(objective, weights, gradient, along)
        weights, tries = _searched(objective, weights, gradient, length * along)
        passes += 1 + (order == 1) + tries
    return weights, passes


def _lowest(objective: Objective, weights: Floats, gradient: Floats, along: Floats) -> float:
    """Where the quadratic model of the objective is lowest along a direction; 0 where it has no curvature."""
    curvature = float(along @ objective.hvp(weights)(along))
    return float(gradient @ along) / curvature if curvature > 0 else 0.0


def _searched(objective: Objective, weights: Floats, gradient: Floats, step: Floats) -> tuple[Floats, int]:
    """The first of ``weights - step / 2^k`` at which the objective falls enough, else the weights; and the tries."""
    slope, share = float(gradient @ step), 1.0
    if not slope > 0:  # what would be moved along does not fall: the model was not at its optimum
        return weights, 0
    value = objective.value(weights)
    for tries in range(1, TRIES + 1):
        moved = weights - share * step
        if objective.value(moved) <= value - FALL * share * slope + ROUNDING * abs(value):
            return moved, tries
        share /= 2
    return weights, TRIES


def _stays(before: tuple[str, ...], after: tuple[str, ...], old: Objective) -> NDArray[np.bool_]:
    """(p,) which parameters of the old objective are left when some columns went."""
    one = [name in set(after) for name in before] + [True] * (old.width - len(before))
    return np.tile(np.array(one), old.outputs)
