"""One-class estimators of scikit-learn as learners: they learn what one kind of record looks like, and take no label.

The higher a score, the more a record is like those that were learned from: ``score_samples`` of outlier detectors
(`OneClassSVM`, `SGDOneClassSVM`, `IsolationForest`, `EllipticEnvelope`, `LocalOutlierFactor` with ``novelty=True``), of
densities (`KernelDensity`, `GaussianMixture`), of `PCA` and `FactorAnalysis`, or of a Pipeline that ends in one.

Rows come in a keyed order of their ids and every ``random_state`` is derived from the key, as in `SklearnLearner`.

Examples
--------
>>> import numpy as np
>>> from sklearn.neighbors import KernelDensity
>>> from expunge import Run, Table
>>> learner, run = OneClassLearner(KernelDensity()), Run(key=b"example")
>>> model = learner.learn(Table.from_arrays(np.array([[0.0], [0.5], [1.0]])), run)
>>> near, far = learner.predict(model, Table.from_arrays(np.array([[0.4], [9.0]])))
>>> bool(near > far)
True
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np

from expunge import environment
from expunge.codec import fingerprint
from expunge.data.table import expect
from expunge.errors import EmptyModelError, LearnError, ParameterError
from expunge.learners.failures import reason
from expunge.learners.sklearn import Fitted, as_learned, at_rest, call, seeded
from expunge.learners.surroundings import global_randomness, limited_pools
from expunge.params import Params

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.protocol import Run


@runtime_checkable
class OneClass(Protocol):
    """A learner that scores how much a record is like those that it learned from."""

    def learn(self, data: Any, run: Run) -> Any:
        """Make a model of these records, whatever their labels."""
        ...

    def predict(self, model: Any, data: Any) -> NDArray[np.float64]:
        """(n,) scores; the higher, the more alike."""
        ...

    def scores(self, model: Any, data: Any, run: Run) -> NDArray[np.float64]:
        """What `predict` gives, with the threads of the run: for scores that become part of a model."""
        ...


@dataclass(frozen=True)
class OneClassLearner(Params):
    """A one-class estimator that learns as a pure function of the set of records.

    Parameters
    ----------
    estimator : estimator
        With ``fit`` and ``score_samples``, or a Pipeline that ends in one; it is cloned, never fitted itself.
    epochs : int
        Passes over the data when it goes on by ``partial_fit`` (slices).

    Raises
    ------
    LearnError
        When the estimator fails on the records it is given, or cannot score them; with its own words.
    """

    estimator: Any
    epochs: int = 10

    def __post_init__(self) -> None:
        if not _scores_samples(self.estimator):
            msg = f"a one-class learner takes a scikit-learn estimator with score_samples, got {self.estimator!r}"
            hint = ": with novelty=True it has them" if hasattr(self.estimator, "novelty") else ""
            raise ParameterError(msg + hint)
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

    def visits(self, data: Table, run: Run) -> int:
        """One fit counts as one visit of each record."""
        return len(data)

    def learn(self, data: Table, run: Run) -> Fitted:
        """Fit a clone to the records in keyed order."""
        expect(data, run)
        if not len(data):
            return Fitted(None, None, data.names)
        estimator = seeded(self.estimator, run.key)
        call(estimator.fit, data, run, "fit", labelled=False)
        return at_rest(Fitted(estimator, None, data.names))

    def predict(self, model: Fitted, data: Table) -> NDArray[np.float64]:
        """(n,) scores; the higher, the more alike."""
        expect(data)
        if model.estimator is None:
            msg = "this model holds no record to predict from: it learned none, or has forgotten all"
            raise EmptyModelError(msg)
        data = as_learned(data, model.names)
        if not len(data):  # which estimators refuse to be asked
            return np.zeros(0)
        try:
            return np.asarray(model.estimator.score_samples(data.features), dtype=np.float64)
        except Warning:  # made an error by the user's own filters
            raise
        except Exception as failure:  # whatever an estimator raises
            name = type(self.estimator).__name__
            msg = f"{name} cannot score {len(data)} records: {reason(failure, self.estimator, data.names)}"
            raise LearnError(msg) from failure

    def scores(self, model: Fitted, data: Table, run: Run) -> NDArray[np.float64]:
        """What `predict` gives, with the threads of the run."""
        with limited_pools(run.threads), global_randomness(run.key):
            return self.predict(model, data)

    # -- going on: what slices need ------------------------------------------------------------------------------------

    @property
    def passes(self) -> int:
        """Epochs in all when it goes on."""
        return self.epochs

    def cannot_go_on(self, schedule: Literal["cumulative", "incremental"]) -> str | None:
        """Why the estimator cannot go on training from slice to slice; None when it can."""
        if hasattr(self.estimator, "partial_fit"):
            return None
        return f"{type(self.estimator).__name__} cannot go on training (it has no partial_fit): use slices=1"

    def go_on(self, state: Fitted | None, data: Table, epochs: int, run: Run, of: int) -> Fitted:
        """Train from ``state`` (None: from the start) for some epochs; the state given is left alone."""
        estimator = seeded(self.estimator, run.key) if state is None else deepcopy(state.estimator)
        for epoch in range(epochs):
            call(estimator.partial_fit, data, run, "epoch", epoch, labelled=False)
        return at_rest(Fitted(estimator, None, data.names))


def as_one_class(given: Any) -> Any:
    """A one-class learner as it is, a bare estimator as a `OneClassLearner`.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> as_one_class(SVC())
    Traceback (most recent call last):
    ...
    expunge.errors.ParameterError: a one-class learner takes a scikit-learn estimator with score_samples, got SVC()
    """
    if isinstance(given, type):
        msg = f"a method takes a learner, not its class: write {given.__name__}()"
        raise ParameterError(msg)
    if isinstance(given, OneClass):
        return given
    if hasattr(given, "fit") and hasattr(given, "get_params"):
        return OneClassLearner(given)
    hint = ": put it into an Autoencoder" if type(given).__name__ == "TorchLearner" else ""
    msg = f"a one-class learner has learn, predict and scores, or is a scikit-learn estimator; got {given!r}{hint}"
    raise ParameterError(msg)


def _scores_samples(estimator: Any) -> bool:
    return not isinstance(estimator, type) and hasattr(estimator, "fit") and hasattr(estimator, "score_samples")
