"""What the published removal methods share: which records of a linear model go, in mini-batches, and what is refused.

The study's code steps through m removed records by ``floor(m / s)``; where s does not divide m it takes one batch more,
whose slice reaches beyond the removed block, so that retained records are left out of the last step. Here the batches
are a partition: sizes differ by at most one, and what is not yet processed is all that stays.

Examples
--------
>>> sizes(7, 2)
(4, 3)
>>> sizes(2, 5)
(1, 1)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge import keyed
from expunge.codec import fingerprint
from expunge.errors import MismatchError, ParameterError
from expunge.learners.linear import as_linear
from expunge.params import Params
from expunge.values import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.keyed import Secret
    from expunge.learners.linear import LinearLearner, LinearModel
    from expunge.linear.objective import Objective
    from expunge.protocol import Change, Run
    from expunge.values import Target


@dataclass(frozen=True)
class Batched(Params):
    """What the study's two methods take: deletions in mini-batches, and a scale of noise.

    Parameters
    ----------
    learner : LinearLearner or scikit-learn estimator
        What learned the model: the A that is undone.
    batches : int
        s, the mini-batches of deletions; 1 as in the study's fastest setting, which also has 2, 4 and 8.
    sigma : float
        Scale of the noise; 0 as in the study's headline runs, which also has 0.01 to 100.

    Raises
    ------
    LearnError
        From `forget`, when what stays has no single optimum.
    RefusedError
        From `forget`, for what is no removal of records, and where the parameters would change their shape.
    """

    learner: Any
    batches: int = 1
    sigma: float = 0.0

    def __post_init__(self) -> None:
        as_linear(self.learner)
        checked_counts(type(self).__name__, batches=self.batches)
        checked_scale(type(self).__name__, "sigma", self.sigma)

    def predict(self, model: LinearModel, data: Table) -> NDArray[np.float64]:
        """What the learner predicts."""
        return as_linear(self.learner).predict(model, data)


@dataclass(frozen=True)
class Removal:
    """The records of an objective, those that go first.

    Attributes
    ----------
    objective : Objective
        Of all n records: the m that go in keyed order, then those that stay in keyed order.
    rows : (n,)
        Their positions in the data.
    count : int
        m.
    penalty : callable
        What is penalised with so many records.
    """

    objective: Objective
    rows: NDArray[np.intp]
    count: int
    penalty: Callable[[int], float]

    def batches(self, count: int) -> Iterator[tuple[Objective, Objective]]:
        """The records of each mini-batch of deletions, and all that are not yet processed after it."""
        start = 0
        for size in sizes(self.count, count):
            gone, rest = slice(start, start + size), slice(start + size, None)
            start += size
            left = self.penalty(len(self.objective) - start)
            yield self.objective.take(gone), self.objective.take(rest, penalty=left)

    def kept(self) -> Objective:
        """The records that stay."""
        rest = len(self.objective) - self.count
        return self.objective.take(slice(self.count, None), penalty=self.penalty(rest))


def sizes(records: int, count: int) -> tuple[int, ...]:
    """Sizes of at most ``count`` mini-batches: none is empty, and they differ by at most one."""
    count = min(count, records)
    return tuple(records // count + (place < records % count) for place in range(count))


def removal(learner: LinearLearner, model: LinearModel, target: Target, data: Table, run: Run) -> Removal:
    """The records of the model's objective, those that the target removes first."""
    change = data.change(target)
    assert change is not None, "a target that is refused removes nothing"  # noqa: S101  (quote has refused it)
    objective, _ = learner.objective(data, run, front=model.front)
    goes = np.zeros(len(data), bool)
    goes[change.out] = True
    order = learner.order(data, run)
    first = np.argsort(~goes[order], kind="stable")
    return Removal(objective.take(first), order[first], len(change.out), learner.penalty)


def lineage(model: LinearModel, target: Target, data: Table) -> str:
    """A name for forgetting this from that model, by which its noise is drawn: no two requests share a draw."""
    change = data.change(target)
    out = np.zeros(0, np.intp) if change is None else change.out
    names = data.take(out).ids
    held = names.tolist() if isinstance(names, np.ndarray) else names.to_pylist()
    return fingerprint((model, sorted(held)))


def gaussian(key: Secret, size: int, *names: object) -> NDArray[np.float64]:
    """(size,) standard normal numbers that belong to these names under this key."""
    secret = int.from_bytes(keyed.subkey(key, "gaussian", *names)[:16], "little")
    return np.random.Generator(np.random.Philox(key=secret)).standard_normal(size)


def parameters(model: LinearModel) -> NDArray[np.float64]:
    """(p,) of a model that has some, as one that is not refused has."""
    if model.weights is None:
        msg = "a model without parameters (of no record, or of one class) has none to update"
        raise MismatchError(msg)
    return model.weights


def is_nothing(change: Change[Table], data: Table) -> bool:
    """Whether a change leaves the data as they are."""
    return not len(change.out) and not len(change.into) and change.into.names == data.names


def refusal(title: str, learner: LinearLearner, model: LinearModel, target: Target, data: Table) -> Refusal | None:
    """Why a method that removes records cannot follow a target; None when it can.

    Raises
    ------
    MismatchError
        If the model was learned from other columns.
    """
    expect_columns(model, data)
    change = data.change(target)
    if change is None:
        return Refusal("no record carries this target, so there is nothing to remove", "never")
    if is_nothing(change, data):
        return None
    if len(change.into) or change.into.names != data.names:
        reason = f"{title} removes records; this target changes or adds some, or takes a column away"
        return Refusal(reason, "instead", "FeaturesAndLabels, or Retrain")
    return unshaped(title, learner, model, data.after(target))


def expect_columns(model: LinearModel, data: Table) -> None:
    """Raise a sentence when the model was learned from other columns than the data have."""
    if model.names != data.names:
        msg = f"data other than the model's: it learned from {', '.join(model.names)}; got {', '.join(data.names)}"
        raise MismatchError(msg)


def unshaped(title: str, learner: LinearLearner, model: LinearModel, after: Table) -> Refusal | None:
    """Why a step from these parameters cannot end in the model of the data ``after``; None when it can."""
    if model.front is not None:
        stages = ", ".join(learner.stages)
        reason = f"{title} updates the last stage alone, and those before it ({stages}) met the records too"
    elif getattr(learner.head, "class_weight", None) == "balanced":
        reason = f"{title} looks at the records that change, and balanced class weights change with them for all others"
    elif model.weights is None or not len(after):
        reason = f"{title} updates parameters, and the model before or after this target has none"
    elif model.classes is not None and after.present != model.classes:
        reason = f"{title} keeps the shape of the parameters, and with this target the set of classes changes"
    else:
        return None
    return Refusal(reason, "instead", "Retrain")


def checked_counts(title: str, **counts: int) -> None:
    """Raise a sentence unless each parameter is a whole number of at least 1."""
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            msg = f"{title} needs {name} to be a whole number of at least 1, got {value!r}"
            raise ParameterError(msg)


def checked_scale(title: str, name: str, value: float) -> None:
    """Raise a sentence unless a scale of noise is finite and at least 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < np.inf:
        msg = f"{title} needs {name} to be a finite number of at least 0, got {value!r}"
        raise ParameterError(msg)
