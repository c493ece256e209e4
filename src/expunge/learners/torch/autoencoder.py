"""An autoencoder as a one-class learner: a network that gives its input back, and how well it does is the score.

Training is `TorchLearner`'s, with each record as its own target. So whatever it holds still is held still here, slices
and networks that train together included.

Examples
--------
>>> from functools import partial
>>> import numpy as np
>>> import torch
>>> from expunge import Run, Table, TorchLearner
>>> x = np.random.default_rng(0).normal(size=(200, 1)) * [1.0, 1.0]  # two numbers that are the same
>>> network = partial(torch.nn.Sequential, torch.nn.Linear(2, 1), torch.nn.Linear(1, 2))
>>> adam = partial(torch.optim.Adam, lr=0.05)
>>> learner = Autoencoder(TorchLearner("expunge.testing.networks.bottleneck", adam, epochs=20))
>>> model = learner.learn(Table.from_arrays(x), Run(key=b"example"))
>>> alike, other = learner.predict(model, Table.from_arrays(np.array([[0.5, 0.5], [0.5, -0.5]])))
>>> bool(alike > other)
True
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from expunge.codec import fingerprint
from expunge.data.table import Table, expect
from expunge.errors import EmptyModelError, ParameterError
from expunge.learners.sklearn import as_learned
from expunge.learners.torch.inputs import as_matrix
from expunge.learners.torch.learner import TorchLearner
from expunge.params import Params

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.learners.torch.network import Net
    from expunge.protocol import Run


@dataclass(frozen=True)
class Autoencoder(Params):
    """A network that learns to give its input back, record by record.

    Parameters
    ----------
    learner : TorchLearner
        Whose module gives as many numbers as a record has, in one row; a factory that asks for ``outputs`` is told how
        many. Squared error, unless it has a loss of its own. With ``augment`` the input is changed and the target is
        not, which makes it a denoising one.

    Raises
    ------
    ParameterError
        For a learner that prepares its records (the target would be another thing than the input), or that is told of
        another task.
    """

    learner: TorchLearner

    def __post_init__(self) -> None:
        if not isinstance(self.learner, TorchLearner):
            msg = f"an Autoencoder takes a TorchLearner, got {self.learner!r}"
            raise ParameterError(msg)
        if self.learner.prepare is not None:
            msg = "an Autoencoder takes records as they are, and its learner prepares them: scale them beforehand by"
            raise ParameterError(f"{msg} public numbers, or let the module begin with a BatchNorm; prepare=None")
        if self.learner.task not in (None, "regression"):
            msg = f"an Autoencoder learns its input, and its learner is told of the task {self.learner.task!r}"
            raise ParameterError(f"{msg}: task=None")

    def recipe(self) -> str:
        """Digest of the network's recipe, and of what it is used for."""
        return fingerprint((type(self), self.learner.recipe()))

    @property
    def packages(self) -> tuple[str, ...]:
        """What the network comes from."""
        return self.learner.packages

    @property
    def runs_on(self) -> str:
        """The device, as part of the environment."""
        return self.learner.runs_on

    def wavers(self) -> str | None:
        """What the network says."""
        return self.learner.wavers()

    def visits(self, data: Table, run: Run) -> int:
        """What the network's training takes."""
        return self.learner.visits(data, run)

    # -- learning ------------------------------------------------------------------------------------------------------

    def learn(self, data: Table, run: Run) -> Net:
        """Train a new network on these records."""
        expect(data, run)
        return self.learner.learn(paired(data), run)

    def learn_together(self, data: Sequence[Table], runs: Sequence[Run]) -> list[Net]:
        """What `learn` gives for each data set with its run."""
        return self.learner.learn_together([paired(each) for each in data], runs)

    @property
    def passes(self) -> int:
        """Epochs in all."""
        return self.learner.passes

    @property
    def together(self) -> int:
        """How many networks train as one program at most."""
        return self.learner.together

    def cannot_go_on(self, schedule: Literal["cumulative", "incremental"]) -> str | None:
        """Why it cannot go on from slice to slice; None when it can."""
        return self.learner.cannot_go_on(schedule)

    def go_on(self, state: Net | None, data: Table, epochs: int, run: Run, of: int) -> Net:
        """Train from ``state`` (None: a new network) for some epochs of ``of``; the state given is left alone."""
        return self.learner.go_on(state, paired(data), epochs, run, of)

    def go_on_together(
        self, states: Sequence[Net | None], data: Sequence[Table], epochs: int, runs: Sequence[Run], of: int
    ) -> list[Net]:
        """What `go_on` gives for each state with its data and run."""
        return self.learner.go_on_together(states, [paired(each) for each in data], epochs, runs, of)

    # -- scoring -------------------------------------------------------------------------------------------------------

    def predict(self, model: Net, data: Table) -> NDArray[np.float64]:
        """(n,) minus the mean squared difference between a record and what the network makes of it."""
        return self.predict_together([model], data)[0]

    def predict_together(self, models: Sequence[Net], data: Table) -> list[NDArray[np.float64]]:
        """What `predict` gives for each network on the same data."""
        expect(data)
        if any(model.weights is None for model in models):
            msg = "this model holds no record to predict from: it learned none, or has forgotten all"
            raise EmptyModelError(msg)
        given = pixels(as_learned(data, models[0].names))
        made = self.learner.predict_together(models, data)
        return [-np.asarray(((each.reshape(given.shape) - given) ** 2).mean(axis=1)) for each in made]

    def scores(self, model: Net, data: Table, run: Run) -> NDArray[np.float64]:
        """What `predict` gives, with the threads of the run."""
        with self.learner.training(run, "the records could not be scored"):
            return self.predict(model, data)


def paired(data: Table) -> Table:
    """The records, each with itself as its label: numbers in one row."""
    return Table(replace(data.gathered().columns, label=pixels(data)), None, None)


def pixels(data: Table) -> NDArray[np.float64]:
    """(n, d) numbers of the records as a module is handed them: whole numbers up to 255 are shares of 255."""
    values: NDArray[Any] = as_matrix(data.stored)
    flat = np.asarray(values.reshape(len(values), math.prod(values.shape[1:])), dtype=np.float64)
    return flat / 255 if values.dtype.kind == "u" and values.dtype.itemsize == 1 else flat
