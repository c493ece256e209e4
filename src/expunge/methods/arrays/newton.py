"""Newton: the parameters follow to the optimum of what remains, until a bound of the distance holds; noise for release.

One engine for the L2-regularised linear models of scikit-learn. The state that forgetting goes on from is the optimum
to within half the promised distance, with the factor of its Hessian; a request passes over the records a few times,
whatever it removes, corrects or adds. Claim: `Bounded`, by the gradient that is left. With an epsilon and a delta what
is published is a `release` of the state, with Gaussian noise for that distance: then the claim is `Certified`.

References
----------
Guo, Goldstein, Hannun, van der Maaten (2020), arXiv:1911.03030, section 3.1 (the Newton step, the residual as what is
left). Koh, Liang (2017), arXiv:1703.04730, section 2 (influence). Sekhari, Acharya, Kamath, Suresh (2021),
arXiv:2103.03279, definition 2 (what Certified names). Bach (2010), arXiv:0910.4627, proposition 1 (self-concordance).
Balle, Wang (2018), arXiv:1805.06530, theorem 8; Dong, Roth, Su (2022), arXiv:1905.02383 (noise and its accounting).

Examples
--------
>>> import numpy as np
>>> from sklearn.linear_model import LogisticRegression
>>> from expunge import Records, Run, Table
>>> random = np.random.default_rng(0)
>>> table = Table.from_arrays(random.normal(size=(99, 2)), random.integers(0, 2, 99))
>>> method, run = Newton(LogisticRegression()), Run(key=b"example")
>>> state = method.learn(table, run)
>>> done = method.forget(state, Records([7]), table, run)
>>> done.claim, done.bound < 5e-7
(Bounded(distance=1e-06), True)
>>> again = method.learn(table.after(Records([7])), run)
>>> bool(np.linalg.norm(done.model.weights - again.weights) < 1e-6)
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge import keyed
from expunge.codec import fingerprint
from expunge.data.table import expect
from expunge.errors import LearnError, MismatchError, ParameterError, RefusedError
from expunge.learners.linear import LinearModel, as_linear, held, refuse_unmoved
from expunge.learners.sklearn import at_rest
from expunge.linear.correction import SETTLING, SPARED, Anchored, Settled, correct, settle
from expunge.linear.gaussian import Budget
from expunge.linear.noise import FINE, Stream, released
from expunge.linear.optimum import fit, most_passes
from expunge.methods.arrays._shards import sums
from expunge.methods.arrays._states import Adopted, Corrected, State, centred, expect_state, same_rows, started
from expunge.params import Params
from expunge.values import Bounded, Certified, Quote, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.linear import LinearLearner
    from expunge.protocol import Change, Run
    from expunge.values import Claim, Target

    Floats = NDArray[np.float64]

LENGTHS = 2  # passes for the lengths of the records and the zeros in them, which the bounds rest on
ROWS = 2  # visits of a record that left or came: its gradient and its curvature


@dataclass(frozen=True)
class Newton(Params):
    """The optimum of what remains, with a bound.

    Parameters
    ----------
    learner : scikit-learn estimator or LinearLearner
        LogisticRegression (L2), Ridge, LinearRegression, RidgeClassifier, LinearSVC, PoissonRegressor, GammaRegressor,
        or a Pipeline that ends in one: its stages are fitted again on what remains, and the claim covers them.
    distance : float
        What is promised: Euclidean, over all coefficients and intercepts (of a multinomial model in the
        representation that sums to zero over the classes), between forgetting and learning without.
    epsilon, delta : float, optional
        Both or neither: what all releases of one lineage together are held to.
    releases : int
        How many releases a lineage may have; the noise of each is chosen for all.

    Raises
    ------
    ParameterError
        For parameters that do not fit, in words.
    LearnError
        Where there is no optimum, or none that float64 can tell within the distance.
    MismatchError
        When `forget`, `quote` or `release` is given data, a key or parameters other than the model's.
    RefusedError
        From `forget`, whatever `quote` refuses; from `release`, when the budget is spent; from `adopt`, for a Pipeline.
    """

    learner: Any
    distance: float = 1e-6
    epsilon: float | None = None
    delta: float | None = None
    releases: int = 1

    def __post_init__(self) -> None:
        as_linear(self.learner)
        if isinstance(self.distance, bool) or not (self.distance > 0 and math.isfinite(self.distance)):
            msg = f"Newton needs a distance above 0, got {self.distance!r}"
            raise ParameterError(msg)
        if (self.epsilon is None) != (self.delta is None):
            msg = f"Newton takes epsilon and delta together, got epsilon={self.epsilon} and delta={self.delta}"
            raise ParameterError(msg)
        if self.epsilon is None and self.releases != 1:
            msg = f"releases={self.releases!r} says how many releases share an epsilon and a delta: give those, too"
            raise ParameterError(msg)
        self._budget()

    # -- A -------------------------------------------------------------------------------------------------------------

    def recipe(self) -> str:
        """Digest of the learner's recipe and the distance: noise is added later, and learns nothing."""
        return fingerprint((type(self), as_linear(self.learner).recipe(), float(self.distance)))

    def learn(self, data: Table, run: Run) -> State:
        """The optimum of the records, to within half the distance."""
        expect(data, run)
        return self._named(*self._reached(data, run, spared=0)[0], data, run)

    def predict(self, model: State | LinearModel, data: Table) -> Floats:
        """(n, classes) scores that sum to one, or (n,) for regression; of a state or of a release."""
        return as_linear(self.learner).predict(model.model if isinstance(model, State) else model, data)

    def visits(self, data: Table, run: Run) -> int:
        """Passes over the records that learning may take at most."""
        return as_linear(self.learner).visits(data, run) + (SETTLING + LENGTHS) * len(data)

    # -- U -------------------------------------------------------------------------------------------------------------

    def quote(self, model: State, target: Target, data: Table, run: Run) -> Quote | Refusal:
        """The claim, and the passes that the last resort would take; most requests take two or three."""
        expect(data, run)
        change = data.change(target)
        if change is None:
            return Refusal("no record carries this target; Newton forgets what records say", "never")
        self._refuse_other(model, data, run)
        after = data.after(target)
        changed = ROWS * (len(change.out) + len(change.into))
        examples = self.visits(after, run) - SPARED * len(after) + changed
        seconds = None if run.pace is None else examples * run.pace.seconds_per_example
        return Quote(self._claim(), (*self._assumptions(), *data.remarks(target)), examples, seconds)

    def forget(self, model: State, target: Target, data: Table, run: Run) -> Corrected:
        """Newton steps from the old optimum until the bound holds."""
        expect(data, run)
        change = data.change(target)
        if change is None:
            refusal = self.quote(model, target, data, run)
            raise RefusedError(refusal) if isinstance(refusal, Refusal) else LearnError("a quote changed its mind")
        self._refuse_other(model, data, run)
        after = data.after(target)
        records = self._records(after, run)
        if records == model.records:
            return Corrected(model, self._claim())
        with held(run):
            found, settled = self._followed(model, change, (data, after), run)
        state = at_rest(replace(model, model=found[0], anchored=found[1], records=records))
        examples = len(after) * (LENGTHS + len(as_linear(self.learner).stages))
        if settled is None:
            return Corrected(state, self._claim(), examples)
        run.tick("passes over the records", settled.passes, settled.passes)
        examples += settled.passes * len(after) + ROWS * (len(change.out) + len(change.into))
        counts = settled.passes, settled.steps, settled.factored, settled.searches, settled.refits
        return Corrected(state, self._claim(), examples, settled.bound, *counts)

    # -- what is published ---------------------------------------------------------------------------------------------

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise on each parameter of a release, for up to a million parameters."""
        budget = self._budget()
        return 0.0 if budget is None else self._sigma(budget, 10**6)

    def release(self, state: State, run: Run, *, lineage: str, number: int) -> LinearModel:
        """The model that may be published: the state's, with the noise of this release; none without an epsilon.

        The noise belongs to lineage, number, state and sigma. Asked again for the same release, it is the same, bit
        for bit, so that a crash spends nothing. Two states never get the same noise, nor does one state at two sizes:
        from two such releases it would follow without any.

        Parameters
        ----------
        lineage : str
            Which model's releases these are, since it was last learned from nothing.
        number : int
            1 for the first. Who keeps the ledger counts.
        """
        self._refuse_foreign(state, run)
        budget = self._budget()
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            msg = f"releases are numbered from 1, got {number!r}"
            raise ParameterError(msg)
        spent = self.spent(number - 1)
        if spent is not None:
            raise RefusedError(spent)
        weights = state.weights
        if weights is None or budget is None:
            return state.model
        sigma = self._sigma(budget, len(weights))
        stream = Stream(run.key, lineage, number, fingerprint((state, sigma)))
        return replace(state.model, weights=released(weights, sigma, stream))

    def spent(self, made: int) -> Refusal | None:
        """Why there may be no further release after so many; None when there may."""
        budget = self._budget()
        if budget is None or budget.left(made):
            return None
        reason = (
            f"the budget of {self.releases} releases at epsilon {self.epsilon:g} and delta {self.delta:g} is spent:"
            f" {made} were made"
        )
        return Refusal(reason, "instead", "Retrain: a model learned from nothing begins a new lineage")

    # -- what was learned elsewhere ------------------------------------------------------------------------------------

    def adopt(self, fitted: Any, data: Table, run: Run, *, before: Any = None) -> Adopted:
        """A fitted scikit-learn estimator, polished to its optimum; the one given is left alone.

        Parameters
        ----------
        fitted : estimator
            Fitted on these very data, with the parameters of this method's learner.
        before : estimator, optional
            What it was refitted from: a refit that did not move is refused.
        """
        expect(data, run)
        learner = as_linear(self.learner)
        if hasattr(fitted, "steps") or learner.stages:
            stage = (learner.stages or ("a stage",))[0]
            reason = (
                f"stage {stage!r} before the linear model was fitted elsewhere on the same data: its own distance to"
                " being fitted without a record is not bounded"
            )
            raise RefusedError(Refusal(reason, "instead", "Newton(pipeline).learn fits the stages itself"))
        if before is not None:
            refuse_unmoved(before, fitted)
        self._refuse_unlike(learner, fitted, data)
        start = learner.flat(fitted)
        objective, _ = learner.objective(data, run, lasting=True)
        with held(run):
            settled = settle(objective, fit(objective, start), self.distance / 2)
        moved = float(np.linalg.norm(settled.anchored.weights - centred(objective, start)))
        state = self._named(_model(learner, settled, None, data), settled.anchored, data, run)
        return Adopted(state, moved, settled.bound)

    def written(self, model: State | LinearModel, fitted: Any) -> Any:
        """A copy of a fitted estimator with the parameters of a state or a release: what the user's code goes on with.

        A state of a method with an epsilon is secret: release it first.
        """
        if isinstance(model, State) and self.epsilon is not None:
            msg = "this state is secret, since the claim is of its releases: give what `release` returns"
            raise ParameterError(msg)
        return as_linear(self.learner).written(model.model if isinstance(model, State) else model, fitted)

    # -- the work ------------------------------------------------------------------------------------------------------

    def _reached(
        self, data: Table, run: Run, *, spared: int
    ) -> tuple[tuple[LinearModel, Anchored | None], Settled | None]:
        """The optimum from nothing, in a few passes less than there may be."""
        learner = as_linear(self.learner)
        classes = learner.classes(data)
        if not len(data) or (classes is not None and len(classes) < 2):
            return (LinearModel(None, classes, data.names), None), None
        objective, front = learner.objective(data, run, lasting=True)
        with held(run):
            limit = most_passes(objective.size) - spared
            settled = settle(objective, fit(objective, limit=limit), self.distance / 2)
        return (_model(learner, settled, front, data), settled.anchored), settled

    def _followed(
        self, model: State, change: Change[Table], tables: tuple[Table, Table], run: Run
    ) -> tuple[tuple[LinearModel, Anchored | None], Settled | None]:
        """The optimum of what remains, from the old one."""
        learner, (data, after), anchored = as_linear(self.learner), tables, model.anchored
        if anchored is None or learner.classes(after) != model.classes or not len(after):
            return self._reached(after, run, spared=SPARED)
        objective, front = learner.objective(after, run)
        objective = objective.held_at(anchored.pin)
        if same_rows(learner, model, front, after):
            out, into = (
                learner.objective(rows, run, front, model.classes)[0] if len(rows) else None
                for rows in (data.take(change.out), change.into)
            )
            settled = correct(objective, anchored, self.distance / 2, out, into)
        else:
            start = started(model, after, objective)
            afresh = replace(anchored, weights=start, gradient=np.zeros_like(start), factor=None)
            settled = correct(objective, afresh, self.distance / 2)
        return (_model(learner, settled, front, after), settled.anchored), settled

    def _named(self, model: LinearModel, anchored: Anchored | None, data: Table, run: Run) -> State:
        return at_rest(State(model, anchored, self.recipe(), keyed.key_id(run.key), self._records(data, run)))

    def _records(self, data: Table, run: Run) -> str:
        """A keyed digest of the set of records and of what they are made of."""
        held_sums = sums(data, np.zeros(len(data), np.int64), 1, run.key)
        return keyed.digest(keyed.subkey(run.key, "newton"), data.schema().encode(), *held_sums)

    # -- the promise ---------------------------------------------------------------------------------------------------

    def _budget(self) -> Budget | None:
        if self.epsilon is None or self.delta is None:
            return None
        return Budget(self.epsilon, self.delta, self.releases)

    def _claim(self) -> Claim:
        if self.epsilon is None or self.delta is None:
            return Bounded(self.distance)
        return Certified(self.epsilon, self.delta)

    def _sigma(self, budget: Budget, size: int) -> float:
        """Noise for the distance, and for the grid that a release is rounded to."""
        left = budget.mu - math.sqrt(size) * 2.0**-FINE
        if left <= 0:
            msg = f"epsilon {self.epsilon} and delta {self.delta} are too small for {size} parameters in float64"
            raise ParameterError(msg)
        return self.distance / left * (1 + 1e-12)

    def _assumptions(self) -> tuple[str, ...]:
        if self.epsilon is None:
            return (_DISTANCE, _ROUNDING, _STAGES, _TUNING)
        shared = (
            f"the epsilon and delta are of {self.releases} releases together, as `release` makes them, and of nothing"
            " else: the state that goes on has no noise and stays secret"
        )
        return (shared, _NOISE, _PAIR, _ROUNDING, _STAGES, _TUNING)

    # -- refusals ------------------------------------------------------------------------------------------------------

    def _refuse_foreign(self, model: State, run: Run) -> None:
        """Raise unless this very method learned the state, under this key: its distance is what the noise is for."""
        expect_state(model)
        _refuse_unequal("a key", keyed.key_id(run.key), model.key)
        _refuse_unequal("parameters", self.recipe(), model.recipe)

    def _refuse_other(self, model: State, data: Table, run: Run) -> None:
        self._refuse_foreign(model, run)
        _refuse_unequal("data", self._records(data, run), model.records)

    def _refuse_unlike(self, learner: LinearLearner, fitted: Any, data: Table) -> None:
        """Raise unless an estimator was fitted for this objective, these columns and these classes."""
        other = as_linear(fitted)
        weights = getattr(learner.head, "class_weight", None), getattr(fitted, "class_weight", None)
        classes, held_classes = learner.classes(data), getattr(fitted, "classes_", None)
        for what, mine, others in (
            ("kind", type(learner.head).__name__, type(fitted).__name__),
            ("penalty", learner.penalty(1), other.penalty(1)),
            ("intercept", learner.intercept, other.intercept),
            ("class weights", *weights),
            ("number of columns", len(data.names), getattr(fitted, "n_features_in_", None)),
            ("classes", classes, None if held_classes is None else tuple(held_classes.tolist())),
        ):
            if mine != others:
                msg = f"the estimator to adopt has another {what}: {others!r}, where {mine!r} is expected"
                raise MismatchError(msg)


def _model(learner: LinearLearner, settled: Settled, front: Any, data: Table) -> LinearModel:
    """What was reached, as a model."""
    return LinearModel(settled.anchored.weights, learner.classes(data), data.names, front)


def _refuse_unequal(what: str, mine: str, others: str) -> None:
    if mine != others:
        msg = f"{what} other than the model's: it was learned with {others[:16]}, this is {mine[:16]}"
        raise MismatchError(msg)


_DISTANCE = (
    "the distance is that of the parameters of the optimum; scikit-learn's own solvers stop farther from it than this"
)
_ROUNDING = (
    "sums, exponentials and LAPACK round in float64 as their error bounds say; the bounds are part of the distance"
)
_STAGES = "stages before the linear model are fitted again on what remains, and are pure functions of it"
_TUNING = "penalty, columns and distance were not chosen by looking at what is forgotten"
_NOISE = (
    "the comparison is with releases of a model learned without the target, within half the same distance of its"
    " optimum; which classes and columns there are is published as it is"
)
_PAIR = (
    "who holds a model published before as well as after can tell that something went, and estimate what: the noise"
    " hides the difference to learning without, not the difference to the model before"
)
