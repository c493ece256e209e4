"""Linear models of scikit-learn as the optimum of their objective: a pure function of the records, to the last digits.

scikit-learn stops where its tolerance says, which is far from the optimum: a distance to "learned without" cannot be
bounded from there. Here the same objective is minimised by Newton's method until float64 can tell no more. The
estimator gives the family, the penalty and the intercept; its solver, tolerance and iterations mean nothing.

A Pipeline may stand in front: its stages are fitted on the same records in keyed order, and are part of the model.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Run, Table
>>> learner, run = LinearLearner(LogisticRegression()), Run(key=b"example")
>>> table = Table.from_arrays(np.array([[0.0], [1.0], [2.0], [3.0]]), ["no", "no", "yes", "yes"])
>>> model = learner.learn(table, run)
>>> model.weights.round(3)
array([ 0.958, -1.437])
>>> learner.predict(model, table).round(1)
array([[0.8, 0.2],
       [0.6, 0.4],
       [0.4, 0.6],
       [0.2, 0.8]])
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from sklearn.base import is_classifier
from sklearn.linear_model import (
    GammaRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
)
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

from expunge import keyed
from expunge.codec import fingerprint
from expunge.data.table import expect
from expunge.errors import DataError, EmptyModelError, LearnError, MismatchError
from expunge.learners.failures import reason
from expunge.learners.objectives import penalised, refuse_other
from expunge.learners.ordered import arranged
from expunge.learners.sklearn import (
    SklearnLearner,
    as_learned,
    at_rest,
    call,
    label_of,
    present,
    seeded,
)
from expunge.learners.surroundings import limited_pools
from expunge.linear.design import as_matrix, blocks, is_sparse
from expunge.linear.families import Apart, Gamma, Logistic, Multinomial, Poisson, Squared, SquaredHinge
from expunge.linear.objective import Objective
from expunge.linear.optimum import fit, most_passes
from expunge.params import Params

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.linear.families import Family
    from expunge.linear.objective import Intercept
    from expunge.protocol import Run
    from expunge.values import Scalar

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinearModel:
    """A linear model.

    Attributes
    ----------
    weights : (p,) or None
        ``weights.reshape(outputs, width)``, the intercepts last. None: there was no record, or a single class.
    classes : tuple or None
        Names of the columns of the scores; None: regression.
    names : tuple of str
        Names of the features that it learned from.
    front : Pipeline or None
        The fitted stages before it.
    """

    weights: Floats | None
    classes: tuple[Scalar, ...] | None
    names: tuple[str, ...]
    front: Any = None


@dataclass(frozen=True)
class LinearLearner(Params):
    """The optimum of a scikit-learn estimator's objective.

    Parameters
    ----------
    estimator : estimator
        LogisticRegression (L2), Ridge, LinearRegression, RidgeClassifier, LinearSVC (squared hinge), PoissonRegressor
        or GammaRegressor, or a Pipeline that ends in one. It is read, and never fitted.

    Raises
    ------
    ParameterError
        For an estimator whose objective is another: an L1 penalty, say.
    LearnError
        From `learn`, where there is no optimum or float64 cannot reach it.
    """

    estimator: Any

    def __post_init__(self) -> None:
        refuse_other(self.head)

    # -- what the estimator says ---------------------------------------------------------------------------------------

    @property
    def head(self) -> Any:
        """The estimator, without the stages before it."""
        return self.estimator.steps[-1][1] if isinstance(self.estimator, Pipeline) else self.estimator

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages before it."""
        steps = self.estimator.steps[:-1] if isinstance(self.estimator, Pipeline) else []
        return tuple(name for name, stage in steps if stage not in (None, "passthrough"))

    def recipe(self) -> str:
        """Digest of the estimator's class and parameters."""
        return fingerprint((type(self), seeded(self.estimator, None)))

    def classes(self, data: Table) -> tuple[Scalar, ...] | None:
        """Those of the records; None for regression."""
        return present(data) if is_classifier(self.head) else None

    def family(self, classes: Sequence[Scalar] | None) -> Family:
        """The loss for these classes."""
        count, head = 0 if classes is None else len(classes), self.head
        if isinstance(head, LogisticRegression):
            return Multinomial(count) if count > 2 else Logistic()
        if isinstance(head, PoissonRegressor | GammaRegressor):
            return Poisson() if isinstance(head, PoissonRegressor) else Gamma()
        one: Family = SquaredHinge() if isinstance(head, LinearSVC) else Squared(signs=count > 0)
        return Apart(one, count) if count > 2 else one

    def penalty(self, records: int) -> float:
        """The penalty of the sum over so many records."""
        head = self.head
        if isinstance(head, LogisticRegression | LinearSVC):
            return 1.0 / float(head.C)
        if isinstance(head, LinearRegression):
            return 0.0
        mean = isinstance(head, PoissonRegressor | GammaRegressor)  # their penalty is of the mean loss
        return float(head.alpha) * (records if mean else 1)

    @property
    def intercept(self) -> Intercept:
        """Whether there is one, and whether it is penalised (as liblinear does)."""
        head = self.head
        if not head.fit_intercept:
            return "none"
        return "penalised" if penalised(head) else "free"

    def visits(self, data: Table, run: Run) -> int:
        """Passes over the records that a descent may take at most, and one for each stage before it."""
        classes = self.classes(data) if len(data) else None
        wide = self.family(classes).outputs * (len(data.names) + 1)
        known = wide if not self.stages else sys.maxsize
        return len(data) * (most_passes(known) + len(self.stages))

    # -- A -------------------------------------------------------------------------------------------------------------

    def learn(self, data: Table, run: Run) -> LinearModel:
        """The optimum of the records."""
        expect(data, run)
        classes = self.classes(data)
        if not len(data) or (classes is not None and len(classes) < 2):
            return LinearModel(None, classes, data.names)
        objective, front = self.objective(data, run, lasting=True)
        with held(run):
            weights = fit(objective).weights
        return at_rest(LinearModel(weights, classes, data.names, front))

    def predict(self, model: LinearModel, data: Table) -> Floats:
        """(n, classes) scores that sum to one, or (n,) for regression."""
        expect(data)
        if model.weights is None and not model.classes:
            msg = "this model holds no record to predict from: it learned none, or has forgotten all"
            raise EmptyModelError(msg)
        data = as_learned(data, model.names)
        if model.weights is None:
            return np.ones((len(data), 1))
        family = self.family(model.classes)
        if not len(data):
            return family.means(np.zeros((0, family.outputs)))
        X, bias = self.numbers(data, model.front), self.intercept != "none"
        W = model.weights.reshape(family.outputs, -1).T
        return family.means(np.vstack([block.forward(W) for block in blocks(X, bias=bias)]))

    # -- the objective -------------------------------------------------------------------------------------------------

    def order(self, data: Table, run: Run) -> NDArray[np.intp]:
        """Positions of the records in the keyed order that their objective has them in."""
        return keyed.order(run.key, data.ids, "fit")

    def objective(
        self,
        data: Table,
        run: Run,
        front: Any = None,
        classes: Sequence[Scalar] | None = None,
        *,
        lasting: bool = False,
    ) -> tuple[Objective, Any]:
        """The objective of these records in keyed order, and the fitted stages before it.

        Parameters
        ----------
        front : Pipeline, optional
            Fitted stages to use; they are fitted on these records without.
        classes : sequence, optional
            What labels are coded by; the classes of these records without. Class weights "balanced" are of these
            records in any case.
        lasting : bool
            Whether many passes will be made over them, so that a copy in keyed order pays.
        """
        if front is None and self.stages:
            front = self.fitted_front(data, run)
        known = self.classes(data) if classes is None else tuple(classes)
        held = None if front is not None else arranged(data, run, bias=self.intercept != "none", lasting=lasting)
        ordered = data.take(self.order(data, run)) if held is None else held.table
        y = self.coded(ordered, known)
        X = as_matrix(self.numbers(ordered, front)) if held is None else held.X
        weights = None if known is None else self._weights(y, known)
        how = self.penalty(len(data)), self.intercept, weights
        objective = Objective(self.family(known), X, y, *how, checked=True)
        if held is not None:
            objective.__dict__.update(norms=held.norms, fullest=held.fullest + objective.bias)
        return objective, front

    def fitted_front(self, data: Table, run: Run) -> Any:
        """The stages before the last, fitted on these records; None where there are none."""
        if not self.stages:
            return None
        front = seeded(Pipeline(self.estimator.steps[:-1]), run.key)
        call(front.fit, data, run, "fit")
        return at_rest(front)

    def numbers(self, data: Table, front: Any) -> Any:
        """(n, d) what the linear model sees of these records."""
        if front is not None:
            try:
                return front.transform(data.features)
            except ValueError as failure:
                why = reason(failure, front, data.names)
                msg = f"the stages before the linear model failed on {len(data)} records: {why}"
                raise LearnError(msg) from failure
        stored = data.stored
        if not isinstance(stored, pa.Table):
            if len(stored.shape) != 2:
                msg = f"a linear model takes rows of numbers, and a record of these data has shape {stored.shape[1:]}"
                raise DataError(msg)
            return stored if is_sparse(stored) else np.asarray(stored)
        for field in stored.schema:
            if not (pa.types.is_integer(field.type) or pa.types.is_floating(field.type)):
                msg = f"column {field.name!r} holds {field.type}: a linear model takes numbers; put a stage before it"
                raise DataError(msg)
        return np.column_stack([np.asarray(column.to_numpy(), np.float64) for column in stored.columns])

    def coded(self, data: Table, classes: Sequence[Scalar] | None) -> Floats:
        """(n,) numbers for the labels: codes by their place among the classes, or the responses."""
        label = label_of(data)
        if label.ndim > 1:
            msg = f"a linear model takes one label for each record, got {label.shape[1]}; TorchLearner takes several"
            raise DataError(msg)
        if classes is None:
            if label.dtype.kind not in "biuf":
                msg = f"{type(self.head).__name__} learns numbers, and the labels are {label.dtype}"
                raise DataError(msg)
            return label.astype(np.float64)
        names, (distinct, codes) = np.array(classes), data.columns.coded
        own = codes if data.rows is None else codes[data.rows]
        places = np.searchsorted(names, distinct)
        wrong = (names[np.minimum(places, len(names) - 1)] != distinct)[own]
        if wrong.any():
            msg = f"label {label[np.flatnonzero(wrong)[0]]!r} is none of the classes {', '.join(map(repr, classes))}"
            raise DataError(msg)
        return places.astype(np.float64)[own]

    def _weights(self, y: Floats, classes: Sequence[Scalar]) -> Floats | None:
        """(n,) weights of the records by their class; None where all are one."""
        given = getattr(self.head, "class_weight", None)
        if given is None:
            return None
        counts = np.bincount(y.astype(np.intp), minlength=len(classes))
        if given == "balanced":
            own = len(y) / (len(classes) * np.maximum(counts, 1))
        else:
            own = np.array([float(given.get(name, 1.0)) for name in classes])
        weights: Floats = own[y.astype(np.intp)]
        return weights

    # -- scikit-learn's own form ---------------------------------------------------------------------------------------

    def flat(self, fitted: Any) -> Floats:
        """(p,) the parameters of a fitted estimator of this kind."""
        W = np.atleast_2d(np.asarray(fitted.coef_, np.float64))
        if self.intercept == "none":
            return W.ravel()
        b = np.broadcast_to(np.asarray(fitted.intercept_, np.float64).ravel(), len(W))
        return np.column_stack([W, b]).ravel()

    def written(self, model: LinearModel, fitted: Any) -> Any:
        """A copy of a fitted estimator with this model's parameters; the one given is left alone.

        Raises
        ------
        EmptyModelError
            When the model has no parameters: no record is left, or a single class.
        """
        if model.weights is None:
            msg = "no scikit-learn estimator says what is left: no record, or records of a single class"
            raise EmptyModelError(msg)
        fresh = deepcopy(fitted)
        outputs = self.family(model.classes).outputs
        W = model.weights.reshape(outputs, -1)
        bias = self.intercept != "none"
        flat = np.ndim(fitted.coef_) == 1
        coef, intercept = (W[:, :-1], W[:, -1]) if bias else (W, np.zeros(outputs))
        fresh.coef_ = coef[0].copy() if flat else coef.copy()
        fresh.intercept_ = float(intercept[0]) if np.ndim(fitted.intercept_) == 0 else intercept.copy()
        if model.classes is not None:
            fresh.classes_ = np.array(model.classes)
        return fresh


def as_linear(given: Any) -> LinearLearner:
    """A linear learner as it is; one over an estimator, a learner of that estimator or what counts one's visits."""
    if isinstance(given, LinearLearner):
        return given
    if isinstance(given, SklearnLearner):
        return LinearLearner(given.estimator)
    if hasattr(given, "learner"):
        return as_linear(given.learner)
    return LinearLearner(given)


@contextmanager
def held(run: Run) -> Iterator[None]:
    """The threads of numerical libraries are held at the run's number: it changes float sums."""
    with limited_pools(run.threads):
        yield


def refuse_unmoved(before: Any, after: Any) -> None:
    """Raise where a refit on other records returned the very parameters that it started from.

    scikit-learn's lbfgs with ``warm_start`` does so: its tolerance is of the mean gradient, which some records among
    many do not move, so it stops before its first step and reports success.

    Raises
    ------
    MismatchError
        When no parameter moved.
    """
    if np.array_equal(before.coef_, after.coef_) and np.array_equal(before.intercept_, after.intercept_):
        msg = (
            "the refit did nothing: every parameter is, bit for bit, what it was. With warm_start a solver stops before"
            " its first step when its tolerance is met; adopt the estimator from before, and forget"
        )
        raise MismatchError(msg)
