"""Any scikit-learn estimator or Pipeline as a `Learner`.

An estimator's fit may depend on the order of rows and on a random state. Here rows come in a keyed order of their ids
and every ``random_state`` is a seed derived from the key (whatever it was set to), so that learning is a pure function
of the set of records. Threads are held at ``run.threads``, since their number changes float sums.

Going on (SISA's slices) is possible with ``partial_fit``, one call an epoch, and for convex linear models with
``warm_start``, where each slice starts from the last one's coefficients and converges on its own data.

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Run, Table
>>> learner, run = SklearnLearner(LogisticRegression()), Run(key=b"example")
>>> table = Table.from_arrays(np.array([[0.0], [1.0], [2.0], [3.0]]), ["no", "no", "yes", "yes"])
>>> model = learner.learn(table, run)
>>> model.classes
('no', 'yes')
>>> learner.predict(model, table).round(1)
array([[0.8, 0.2],
       [0.6, 0.4],
       [0.4, 0.6],
       [0.2, 0.8]])
"""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LogisticRegression,
    PoissonRegressor,
    TweedieRegressor,
)
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB

from expunge import environment, keyed
from expunge.codec import decode, encode, fingerprint
from expunge.data.features import default_names
from expunge.data.labels import said
from expunge.data.table import expect
from expunge.errors import DataError, EmptyModelError, LearnError, ParameterError
from expunge.learners.failures import reason
from expunge.learners.surroundings import global_randomness, limited_pools
from expunge.params import Params
from expunge.protocol import Learner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Key, Run
    from expunge.values import Scalar

M = TypeVar("M")

CONVEX = (LogisticRegression, PoissonRegressor, GammaRegressor, TweedieRegressor, HuberRegressor, Lasso, ElasticNet)
"""Where ``warm_start`` is a true continuation: the start moves, the optimum does not."""

COUNTING = (GaussianNB, MultinomialNB, ComplementNB, BernoulliNB, CategoricalNB)
"""Where ``partial_fit`` counts a record each time it is seen."""


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator.

    Attributes
    ----------
    estimator : estimator or None
        None: there was no record, or a single class, which is then predicted for everything.
    classes : tuple or None
        Names of the columns of the scores; None: regression.
    names : tuple of str
        Names of the features that it learned from.
    """

    estimator: Any
    classes: tuple[Scalar, ...] | None
    names: tuple[str, ...]


@dataclass(frozen=True)
class SklearnLearner(Params):
    """An estimator that learns as a pure function of the set of records.

    Parameters
    ----------
    estimator : estimator
        A classifier, a regressor or a Pipeline that ends in one; it is cloned, never fitted itself.
    epochs : int
        Passes over the data when it goes on by ``partial_fit`` (SISA's slices). Without slices the estimator's own
        ``max_iter`` and stopping rule decide.

    Raises
    ------
    LearnError
        When the estimator fails on the records it is given; with its own words.
    """

    estimator: Any
    epochs: int = 10

    def __post_init__(self) -> None:
        if not (is_classifier(self.estimator) or is_regressor(self.estimator)):
            msg = f"a learner takes a scikit-learn classifier or regressor, got {self.estimator!r}"
            raise ParameterError(msg)
        if isinstance(self.epochs, bool) or not isinstance(self.epochs, int) or self.epochs < 1:
            msg = f"epochs must be a whole number of at least 1, got {self.epochs!r}"
            raise ParameterError(msg)

    def recipe(self) -> str:
        """Digest of the estimator's class and parameters, and of the epochs."""
        return fingerprint((type(self), seeded(self.estimator, None), self.epochs))

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions of the estimators, however deep: their versions are part of the environment."""
        return environment.packages_of(self.estimator)

    def classes(self, data: Table) -> tuple[Scalar, ...] | None:
        """Declared classes where the estimator can be told of them, else those of the records; None for regression."""
        _refuse_several(data)
        if not is_classifier(self.estimator):
            return None
        if data.classes is not None and hasattr(self.estimator, "partial_fit"):
            return data.classes
        return present(data)

    def visits(self, data: Table, run: Run) -> int:
        """One fit counts as one visit of each record."""
        return len(data)

    def learn(self, data: Table, run: Run) -> Fitted:
        """Fit a clone to the records in keyed order."""
        expect(data, run)
        _refuse_several(data)
        classes = present(data) if is_classifier(self.estimator) else None
        if not len(data) or (classes is not None and len(classes) < 2):
            return Fitted(None, classes, data.names)
        estimator = seeded(self.estimator, run.key)
        call(estimator.fit, data, run, "fit")
        return at_rest(Fitted(estimator, classes, data.names))

    def predict(self, model: Fitted, data: Table) -> NDArray[np.float64]:
        """(n, classes) scores that sum to one, or (n,) for regression.

        Probabilities where the estimator has them; else its decision function through a logistic or softmax, which
        keeps its order. The highest score is always the estimator's own decision: where it decides otherwise (by a
        threshold, by pairwise votes) and where it only decides, its decision is scored one.
        """
        expect(data)
        if model.estimator is None and not model.classes:
            msg = "this model holds no record to predict from: it learned none, or has forgotten all"
            raise EmptyModelError(msg)
        data = as_learned(data, model.names)
        if model.estimator is None:
            return np.ones((len(data), 1))
        if not len(data):  # which estimators refuse to be asked
            return np.zeros(0 if model.classes is None else (0, len(model.classes)))
        if model.classes is None:
            return np.asarray(model.estimator.predict(data.features), dtype=np.float64)
        return _scores(model.estimator, data.features, model.classes)

    # -- going on: what SISA's slices need -----------------------------------------------------------------------------

    @property
    def passes(self) -> int:
        """Epochs in all when it goes on; those that count or converge take each record once a slice."""
        return 1 if isinstance(self.estimator, COUNTING) or _converges(self.estimator) else self.epochs

    def cannot_go_on(self, schedule: Literal["cumulative", "incremental"]) -> str | None:
        """Why the estimator cannot go on training from slice to slice; None when it can."""
        name, estimator = type(self.estimator).__name__, self.estimator
        converges = _converges(estimator)
        reasons = (
            (
                isinstance(estimator, COUNTING) and schedule == "cumulative",
                f"{name} counts a record each time it sees it: use schedule='incremental', which shows each once",
            ),
            (
                converges and schedule == "incremental",
                f"{name} converges on the last slice alone: use schedule='cumulative'",
            ),
            (
                converges and getattr(estimator, "solver", None) == "liblinear",
                f"{name} with solver='liblinear' has no warm start: use another solver, or slices=1",
            ),
            (
                not converges and not hasattr(estimator, "partial_fit"),
                f"{name} cannot go on training (it has no partial_fit): use slices=1, shards still help",
            ),
            (
                not converges and getattr(estimator, "class_weight", None) == "balanced",
                f"{name} with class_weight='balanced' cannot go on training: give weights by class, or use slices=1",
            ),
            (
                getattr(estimator, "early_stopping", False) is True,
                f"{name} with early_stopping=True cannot go on training: set it to False, or use slices=1",
            ),
        )
        return next((reason for holds, reason in reasons if holds), None)

    def go_on(self, state: Fitted | None, data: Table, epochs: int, run: Run, of: int) -> Fitted | None:
        """Train from ``state`` (None: from the start) for some epochs; the state given is left alone.

        ``data.classes`` are those of the whole shard. None comes back while a convex model has not seen them all.
        """
        classes = self.classes(data)
        if classes is not None and data.classes is not None:
            classes = data.classes  # also where the estimator cannot be told: a slice may lack some of them
        if classes is not None and len(classes) < 2:
            return Fitted(None, classes, data.names)
        begun = state is not None and state.estimator is not None
        estimator = deepcopy(state.estimator) if state is not None and begun else seeded(self.estimator, run.key)
        if _converges(estimator):
            if classes is not None and len(present(data)) < len(classes):
                return state
            estimator.warm_start = True
            call(estimator.fit, data, run, "fit")
        else:
            options: dict[str, Any] = {"classes": np.array(classes)} if classes is not None and not begun else {}
            for epoch in range(epochs):
                call(estimator.partial_fit, data, run, "epoch", epoch, **options)
                options = {}
        return at_rest(Fitted(estimator, classes, data.names))


def _converges(estimator: Any) -> bool:
    return isinstance(estimator, CONVEX) and hasattr(estimator, "warm_start")


def as_learner(given: Any) -> Any:
    """A learner as it is, a bare estimator as a `SklearnLearner`."""
    if isinstance(given, type):
        msg = f"a method takes a learner, not its class: write {given.__name__}()"
        raise ParameterError(msg)
    if isinstance(given, Learner):
        return given
    if hasattr(given, "fit") and hasattr(given, "get_params"):
        return SklearnLearner(given)
    msg = f"a method takes a learner (learn, predict) or a scikit-learn estimator, got {given!r}"
    raise ParameterError(msg)


def seeded(estimator: Any, key: bytes | Key | None) -> Any:
    """A clone whose every random state, however deep and in splitters too, is derived from the key and its own name.

    Caches on disk are switched off: they would keep what is to be forgotten. Numbers of numpy become plain ones: an
    np.float64 would widen float32 arithmetic and a plain float would not, although both print alike.
    """
    fresh = clone(estimator)
    changed: dict[str, Any] = {}
    for name, value in fresh.get_params().items():
        last, drawn = name.rpartition("__")[2], None if key is None else keyed.seed(key, "estimator", name)
        if last == "random_state":
            changed[name] = drawn
        elif last == "memory":
            changed[name] = None
        elif isinstance(value, np.generic):
            changed[name] = value.item()
        elif hasattr(value, "random_state") and hasattr(value, "split") and getattr(value, "shuffle", True):
            splitter = copy(value)
            splitter.random_state = drawn
            changed[name] = splitter
    return fresh.set_params(**changed)


def call(fit: Any, data: Table, run: Run, *names: object, labelled: bool = True, **options: Any) -> None:
    """Call a fit with the records in the order that belongs to these names, with their labels or without."""
    ordered = data.take(keyed.order(run.key, data.ids, *names))
    try:
        with limited_pools(run.threads), global_randomness(run.key):
            fit(ordered.features, *([label_of(ordered)] if labelled else []), **options)
    except Warning:  # made an error by the user's own filters
        raise
    except Exception as failure:
        name = type(fit.__self__).__name__
        msg = f"{name} failed on {len(data)} records: {reason(failure, fit.__self__, data.names)}"
        raise LearnError(msg) from failure


def label_of(data: Table) -> NDArray[Any]:
    """(n,) the labels; a sentence where there are none."""
    label = data.label
    if label is None:
        msg = "learning needs a label for each record, and this table has none: give y, or name the label column"
        raise DataError(msg)
    return label


def _refuse_several(data: Table) -> None:
    label = data.columns.label
    if label is not None and label.ndim > 1:
        msg = f"a scikit-learn learner takes one label for each record, got {said(label)}; TorchLearner takes several"
        raise DataError(msg)


def present(data: Table) -> tuple[Scalar, ...]:
    """The classes of these records; a sentence where there are no labels."""
    if data.columns.label is None:
        label_of(data)  # which says what is missing
    return data.present


def at_rest(model: M) -> M:
    """The model as it comes back from its bytes, so that one that rested and one that did not are the same."""
    rested: M = decode(encode(model), trusted=True)
    return rested


def as_learned(data: Table, names: tuple[str, ...]) -> Table:
    """The data with the features in the order in which they were learned; a matrix that nobody named as it is."""
    if data.names == names or (len(data.names) == len(names) and data.names == default_names(len(names))):
        return data
    if set(names) - set(data.names) or len(data.names) != len(names):
        msg = (
            f"the model learned from the columns {', '.join(map(repr, names))}; got {', '.join(map(repr, data.names))}"
        )
        raise DataError(msg)
    return data.select(names)


def _scores(estimator: Any, features: Any, classes: tuple[Scalar, ...]) -> NDArray[np.float64]:
    """Scores whose highest is the estimator's own decision."""
    names, decided = np.array(classes), np.asarray(estimator.predict(features))
    own = np.asarray(decided[:, None] == names[None, :], dtype=np.float64)
    graded = _graded(estimator, features, len(classes))
    if graded is None:
        return own
    return np.where((names[graded.argmax(axis=1)] == decided)[:, None], graded, own)


def _graded(estimator: Any, features: Any, classes: int) -> NDArray[np.float64] | None:
    """(n, classes) probabilities or transformed margins; None where the estimator has neither, one for each class."""
    if hasattr(estimator, "predict_proba"):
        graded = np.asarray(estimator.predict_proba(features), dtype=np.float64)
    elif hasattr(estimator, "decision_function"):
        margins = np.asarray(estimator.decision_function(features), dtype=np.float64)
        two = margins.ndim == 1
        graded = np.column_stack([expit(-margins), expit(margins)]) if two else softmax(margins, axis=1)
    else:
        return None
    return graded if graded.shape[1] == classes else None
