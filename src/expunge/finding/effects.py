"""What a model's scores would have been had it not learned a record: influence functions of linear models.

At the optimum w of a sum of losses, leaving record z out moves the parameters by about ``H^-1 (grad l(z) + c)``, H the
Hessian of the whole objective and c what leaves the penalty with z (where the penalty grows with the records). Then a
figure F of the scores of some records moves by ``grad F' H^-1 (grad l(z) + c)``: one product with H^-1 for F, and one
pass for all z. Nothing is learned again.

Up to two thousand parameters z's own curvature is taken out of H as well, which makes the step Newton's for the
objective without z: of a ridge regression it is what learning without z gives. The plain step takes records far from
all others, which hold the model to themselves, for far weaker than they are.

- A linear model over its estimator's objective (`LinearLearner`, `SklearnLearner`, `Newton`, ...), whatever stands
  before it in a Pipeline being held as it is.
- An ensemble of shards (`Sisa`) whose models are such: a record is in one shard, and the scores are the shards' mean.
- A network by its last linear layer alone, the features held as they are; its curvature is damped, since training stops
  before an optimum.

It is linear in what goes. It says what one record does, and adds up for several; how far records hide each other it
does not say. Weights of classes ("balanced") are held as they are.

References
----------
Koh, Liang (2017), "Understanding Black-box Predictions via Influence Functions", arXiv:1703.04730 (sections 2.1 and
2.2; the damping: section 4.2; unverified). Own curvature: Pregibon (1981), "Logistic Regression Diagnostics", for
several outputs and the penalty that leaves our algebra.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import Ridge
>>> from expunge import Records, Retrain, Run, Table
>>> data, run = Table.from_arrays(np.eye(3), np.array([1.0, 2.0, 9.0])), Run(key=b"example")
>>> method = Retrain(Ridge(fit_intercept=False))
>>> found = effects_of(method, method.learn(data, run), data, run, data.take(slice(1)))
>>> found.of(np.ones((1, 1))).round(3)  # of the first one's prediction, 0.5: it leans on its own record alone
array([-0.5,  0. ,  0. ])
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge import keyed
from expunge.errors import EmptyModelError, LearnError, ParameterError
from expunge.learners.linear import LinearLearner, LinearModel, as_linear, held
from expunge.learners.sklearn import Fitted, as_learned, as_learner, label_of
from expunge.linear.design import as_matrix, blocks
from expunge.linear.families import Multinomial, Squared
from expunge.linear.inverse import cholesky, conjugate_gradients
from expunge.linear.objective import Objective
from expunge.measures.loss import places
from expunge.methods.arrays._placement import place
from expunge.methods.arrays.sisa import Ensemble

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Run
    from expunge.values import Scalar

    Floats = NDArray[np.float64]

DENSE = 2000  # parameters up to which the Hessian is a matrix
STEP = 1e-4  # of a margin, in the differences that scores are differentiated by: their error is of its square
DAMPING = 1e-3  # of the mean curvature that unit losses would give a parameter of a last layer
LAYER = "the last layer of the network, its features held as they are"
ALIKE = 1e-3  # how near a network's scores are to those by its last layer, which single precision leaves


@dataclass(frozen=True, eq=False)
class Part:
    """One linear model among those that answer together.

    Attributes
    ----------
    rows : (m,)
        Positions of its records in the data, in the objective's order.
    objective : Objective
    weights : (p,)
    leaving : (p,)
        What each record takes along of the penalty's gradient.
    asked : (q, d) numbers
        The records that it is asked about.
    columns : (k,)
        Where its classes stand among those of all; of a regression, the one place.
    place : str
        Where it is linear, as people are told.
    """

    rows: NDArray[np.intp]
    objective: Objective
    weights: Floats
    leaving: Floats
    asked: Any
    columns: NDArray[np.intp]
    place: str

    def margins(self) -> Floats:
        """(q, outputs) of the records asked about."""
        W = self.weights.reshape(self.objective.outputs, -1).T
        return np.vstack([block.forward(W) for block in blocks(self.asked, bias=self.objective.bias)])

    def means(self, margins: Floats) -> Floats:
        """(q, k) scores."""
        return self.objective.family.means(margins).reshape(len(margins), -1)

    def effects(self, wanted: Floats) -> Floats:
        """(m,) how much the figure with these derivatives, (q, k), by its scores rises without each record."""
        margins = self.margins()
        slopes = np.empty_like(margins)
        for k in range(margins.shape[1]):
            way = STEP * np.eye(margins.shape[1])[k]
            slopes[:, k] = (wanted * (self.means(margins + way) - self.means(margins - way))).sum(axis=1) / (2 * STEP)
        gradient = np.zeros((self.objective.width, self.objective.outputs))
        for block in blocks(self.asked, bias=self.objective.bias):
            gradient += block.back(slopes[block.rows])
        return self._moved(gradient.T.ravel())

    def _moved(self, gradient: Floats) -> Floats:
        """(m,) the gradient times the parameters' step without each record."""
        objective, w = self.objective, self.weights
        margins = objective.margins(w)
        own = objective.family.slopes(margins, objective.y)
        if objective.weights is not None:
            own = own * objective.weights[:, None]
        if objective.size <= DENSE:
            inverse = cholesky(objective.hessian(w), np.eye(objective.size))
            solved, own = inverse @ gradient, self._without(own, margins, inverse)
        else:
            solved = conjugate_gradients(objective.hvp(w), gradient, tol=1e-8).x
        return np.asarray((own * objective.margins(solved)).sum(axis=1) + float(self.leaving @ solved))

    def _without(self, own: Floats, margins: Floats, inverse: Floats) -> Floats:
        """(m, outputs) slopes that have the effect of the record's own when its curvature is taken out of H."""
        objective, made = self.objective, np.empty_like(own)
        outputs, width = objective.outputs, objective.width
        cut = inverse.reshape(outputs, width, outputs, width)
        for block in objective.blocks():
            X, rows = block.dense(), block.rows
            held_by = np.empty((len(X), outputs, outputs))
            for k, other in np.ndindex(outputs, outputs):
                held_by[:, k, other] = ((X @ cut[k, :, other]) * X).sum(axis=1)
            root = objective.family.roots(margins[rows], objective.y[rows])
            bent = root @ root.transpose(0, 2, 1)
            if objective.weights is not None:
                bent = bent * objective.weights[rows, None, None]
            try:
                made[rows] = np.linalg.solve(np.eye(outputs) - bent @ held_by, own[rows][:, :, None])[:, :, 0]
            except np.linalg.LinAlgError as alone:
                msg = "without one of the records there is no single optimum, so its effect is not known"
                raise LearnError(msg) from alone
        return made


@dataclass(frozen=True, eq=False)
class Effects:
    """A model as a mean of linear ones, on some records.

    Attributes
    ----------
    parts : tuple of Part
    settled : (q, k)
        Sum of the scores of parts that no record moves: those of a single class.
    voters : int
    records : int
        Of the data.
    classes : tuple or None
        Names of the columns of scores; None: regression.
    """

    parts: tuple[Part, ...]
    settled: Floats
    voters: int
    records: int
    classes: tuple[Scalar, ...] | None

    @property
    def place(self) -> str:
        """Where the model is linear, as people are told."""
        return self.parts[0].place if self.parts else "no part of the model, which knows a single class"

    def scores(self) -> Floats:
        """(q, k) of the records asked about."""
        total = self.settled.copy()
        for part in self.parts:
            total[:, part.columns] += part.means(part.margins())
        return total / self.voters

    def of(self, wanted: Floats) -> Floats:
        """(n,) how much a figure rises without each record of the data; (q, k) its derivatives by the scores."""
        found = np.zeros(self.records)
        for part in self.parts:
            found[part.rows] = part.effects(wanted[:, part.columns] / self.voters)
        return found


def effects_of(learner: Any, model: Any, data: Table, run: Run, asked: Table) -> Effects:
    """The model that learned from these data, on the records asked about.

    Parameters
    ----------
    learner : Learner or method
        That the model was learned by.
    model : model
    data : Table
        All that it learned from, and nothing else.
    run : Run
        With the key that it was learned with.
    asked : Table

    Raises
    ------
    ParameterError
        When the model is not linear, a network whose answers are not linear in its features, or one of several labels.
    EmptyModelError
        When it has learned from no record.
    """
    classes: tuple[Scalar, ...] | None = getattr(model, "classes", None)
    parts, settled, voters = [], np.zeros((len(asked), 1 if classes is None else len(classes))), 0
    with held(run):
        for of, state, rows, features in _members(learner, model, data, run):
            voters += 1
            columns = np.zeros(1, np.intp) if classes is None else places(classes, np.array(state.classes))
            if classes is not None and len(columns) == 1:
                settled[:, columns] += 1.0
                continue
            made = _part(of, state, features.take(rows), run, asked)
            parts.append(replace(made, rows=rows[made.rows], columns=columns))
    if not voters:
        msg = "this model holds no record that could have had an effect: it learned none, or has forgotten all"
        raise EmptyModelError(msg)
    return Effects(tuple(parts), settled, voters, len(data), classes)


def _members(learner: Any, model: Any, data: Table, run: Run) -> Iterator[tuple[Any, Any, NDArray[np.intp], Table]]:
    """Each model that answers, with its learner, positions of its records, and the data with the columns it sees."""
    while hasattr(model, "model"):  # what forgetting goes on from, around the model
        model = model.model
    if not isinstance(model, Ensemble):
        while hasattr(learner, "learner"):
            learner = learner.learner
        yield as_learner(learner), model, np.arange(len(data)), data
        return
    while not hasattr(learner, "shards"):
        learner = learner.learner
    placed = place(data, run.key, learner.shards, learner.slices, learner.likelihood, learner.bands)
    features = data if learner.likelihood is None else data.drop(learner.likelihood)
    for shard, rows in zip(model.shards, placed.members(), strict=True):
        if shard.state is not None:
            yield as_learner(learner.learner), shard.state, rows, features


def _part(learner: Any, model: Any, data: Table, run: Run, asked: Table) -> Part:
    if hasattr(learner, "features") and hasattr(model, "task"):
        return _network(learner, model, data, run, as_learned(asked, model.names))
    if not isinstance(model, LinearModel | Fitted):
        msg = f"effects of records are known of linear models and of networks, and this is a {type(model).__name__}"
        raise ParameterError(msg)
    linear, front = as_linear(learner), None
    if isinstance(model, LinearModel):
        weights, front = model.weights, model.front
    else:
        head = model.estimator.steps[-1][1] if hasattr(model.estimator, "steps") else model.estimator
        weights = linear.flat(head)
        front = model.estimator[:-1] if linear.stages else None
    assert weights is not None  # noqa: S101  (models of one class are settled before)
    objective, _ = linear.objective(data, run, front, model.classes)
    numbers, leaving = (
        as_matrix(linear.numbers(as_learned(asked, model.names), front)),
        _leaving(linear, objective, weights),
    )
    return Part(linear.order(data, run), objective, weights, leaving, numbers, np.zeros(0, np.intp), "the linear model")


def _leaving(learner: LinearLearner, objective: Objective, weights: Floats) -> Floats:
    """(p,) the gradient of the part of the penalty that one record stands for."""
    count = len(objective)
    share = (learner.penalty(count) - learner.penalty(count - 1)) / objective.penalty if objective.penalty else 0.0
    return np.asarray(share * objective.diagonal * weights)


def _network(learner: Any, model: Any, data: Table, run: Run, asked: Table) -> Part:
    from expunge.learners.torch.last_layer import last_layer_of

    if model.task == "multilabel" or (model.task == "regression" and model.outputs > 1):
        msg = f"effects of records are known of networks of one label a record, and this one is of {model.task}"
        raise ParameterError(msg)
    order = keyed.order(run.key, data.ids, "fit")
    ordered, single = data.take(order), model.classes is None
    X, label = learner.features(model, ordered), label_of(ordered)
    y = label.astype(np.float64) if single else places(model.classes, label).astype(np.float64)
    damped = DAMPING * float((X**2).sum() + len(X)) / (X.shape[1] + 1)
    objective = Objective(Squared() if single else Multinomial(model.outputs), X, y, damped, "penalised")
    weights = np.column_stack(last_layer_of(learner, model)).ravel()
    numbers = as_matrix(learner.features(model, asked))
    made = Part(order, objective, weights, np.zeros(len(weights)), numbers, np.zeros(0, np.intp), LAYER)
    theirs = np.asarray(learner.predict(model, asked), dtype=np.float64).reshape(len(asked), -1)
    near = ALIKE * max(1.0, float(np.abs(theirs).max(initial=0.0)))
    if not np.allclose(made.means(made.margins()), theirs, rtol=0.0, atol=near):
        msg = "this network does not answer by its last linear layer, so what records did to its answers is not known"
        raise ParameterError(msg)
    return made
