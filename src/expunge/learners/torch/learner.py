"""Any `nn.Module` as a learner: training is a pure function of (set of records, key, parameters, threads).

The module is made by a factory, so that every shard and every relearning starts from one of its own. Each epoch visits
the records in the order of keyed hashes of their ids; initial weights, dropout and augmentations draw from seeds that
belong to names; torch's deterministic algorithms, thread count and generators are held while it trains and put back.
Between slices a checkpoint holds weights, buffers, and the states of optimiser, schedule and loss scale.

Examples
--------
>>> import numpy as np
>>> from functools import partial
>>> from expunge import Run, Table, fingerprint
>>> X = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
>>> table = Table.from_arrays(X, np.where(X[:, 0] > X[:, 1], "first", "second"))
>>> learner = TorchLearner(partial(torch.nn.Linear, 3, 2), optimizer=partial(torch.optim.SGD, lr=0.5), epochs=20)
>>> model = learner.learn(table, Run(key=b"example"))
>>> model.weights["weight"].shape, model.classes
((2, 3), ('first', 'second'))
>>> float(np.mean(learner.predict(model, table).argmax(1) == (X[:, 0] <= X[:, 1]))) > 0.95
True
>>> fingerprint(learner.learn(table.take(slice(None, None, -1)), Run(key=b"example"))) == fingerprint(model)
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import nn

from expunge.codec import fingerprint
from expunge.data.table import expect
from expunge.errors import EmptyModelError, LearnError, MismatchError, ParameterError
from expunge.learners.sklearn import as_learned
from expunge.learners.torch import early, inputs, outputs, rebuilt, shadow, source, stacked
from expunge.learners.torch.asked import Asked
from expunge.learners.torch.course import Course
from expunge.learners.torch.features import features_of
from expunge.learners.torch.further import slower
from expunge.learners.torch.network import Net, built, differing, fill, weights_of
from expunge.learners.torch.settings import CALLED, checked, resolved
from expunge.learners.torch.surroundings import (
    described,
    deterministic,
    device_of,
    generators_kept,
    in_words,
    on_processor,
)
from expunge.params import Params
from expunge.values import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.learners.torch.inputs import Augment
    from expunge.learners.torch.network import Factory, Task
    from expunge.learners.torch.outputs import Loss
    from expunge.protocol import Run
    from expunge.values import Scalar

ASKED = 256  # records that are predicted at a time, at most: four batches need no more than the training of one


@dataclass(frozen=True)
class TorchLearner(Params):
    """A network that learns as a pure function of the set of records.

    Parameters
    ----------
    factory : callable, or its name as "package.module.name"
        Makes the module, untrained. Handed the shape of a record and the number of outputs where it has parameters
        ``shape`` and ``outputs`` without default. Functions, classes and `functools.partial` of them; no lambda.
    optimizer : callable
        From parameters to a `torch.optim.Optimizer`; Adam with torch's defaults unless given.
    schedule : callable, optional
        From (optimizer, epochs in all) to a scheduler that steps once an epoch, e.g. `cosine`.
    loss : callable, optional
        From (outputs, targets) to a loss for each record, or to their mean. Unless given: cross-entropy, binary
        cross-entropy or squared error, as the task is.
    epochs : int
    batch_size : int
        Records to a step. A last record that would be alone goes with the batch before.
    accumulate : int
        Parts that a batch is taken in where memory is short; their gradients are added up.
    precision : {"float32", "bfloat16", "float16"}
        Of the products in training; the two shorter ones are torch's autocast, float16 needs a GPU.
    device : str
        "auto" takes a GPU of CUDA where there is one. A model learned on another device is relearned, not gone on from.
    deterministic : bool
        False allows operations without a deterministic form; the claim of relearning is then no longer `Exact`.
    augment : callable, optional
        From (record, torch.Generator) to a changed record of the same shape; the generator belongs to id and epoch.
    validation : float
        Share of the units (owners, else records) held out by keyed hash; the epoch in which they fit best is kept.
    patience : int, optional
        With ``validation``: epochs without improvement after which training stops.
    prepare : scikit-learn transformer, optional
        Fitted on the records that are learned from, and part of the model.
    loop : callable, optional
        A training loop of your own, in place of optimizer, schedule, loss and precision: called with the module, a
        function from an epoch's number to its batches (input, target), and the number of epochs; trains in place.
    log : bool
        Whether the model keeps how well each record fitted in each epoch (`Log`), by id.
    shadow : float
        Share of the units (owners, else records) that a second network is trained without, so that forgetting knows how
        sure a network is of what it never saw (`Shadow`). Only its answers are kept. 0.2 costs 0.8 of a training more.
    rewind : int, optional
        An early epoch, half of them say, after which the weights are kept as well, for `Rewind` to go back to.
    task : {"classification", "multilabel", "regression"}, optional
        Needed only where whole numbers are not classes.
    together : int
        How many models at most train and predict as one batched program, where that gives the same bits faster.

    Raises
    ------
    ParameterError
        For parameters that do not fit each other, or cannot be found by name.
    LearnError
        When training fails: out of memory, diverged, or whatever the module raises, in a sentence.
    """

    factory: Factory | str
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam
    schedule: Callable[[torch.optim.Optimizer, int], Any] | None = None
    loss: Loss | None = None
    epochs: int = 10
    batch_size: int = 64
    accumulate: int = 1
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = "auto"
    deterministic: bool = True
    augment: Augment | None = None
    validation: float = 0.0
    patience: int | None = None
    prepare: Any = None
    loop: Callable[..., None] | None = None
    log: bool = True
    shadow: float = 0.0
    rewind: int | None = None
    task: Task | None = None
    together: int = 16

    CALLED: ClassVar[tuple[str, ...]] = CALLED  # parameters that a configuration gives by name

    def __post_init__(self) -> None:
        checked(self)

    # -- what it is ----------------------------------------------------------------------------------------------------

    @property
    def made(self) -> Factory:
        """The factory itself, also where it was named."""
        return resolved(self.factory)

    @cached_property  # asked for with each derivation
    def packages(self) -> tuple[str, ...]:
        """Distributions whose versions are part of the environment: torch, and where what is called comes from."""
        return source.packages_of(*self._called(), *([] if self.prepare is None else [type(self.prepare)]))

    @property
    def runs_on(self) -> str:
        """The device, as part of the environment."""
        return described(device_of(self.device))

    def recipe(self) -> str:
        """Digest of all parameters that can change a bit, and of the code that the user wrote for them."""
        says = {name: getattr(self, name) for name in self.get_params(deep=False)}
        for beside in ("device", "together"):  # part of the environment; the same bits
            says.pop(beside)
        says["factory"] = self.made
        return fingerprint((type(self), source.named(**says), source.code_of(*self._called())))

    def _called(self) -> list[Any]:
        given = (self.made, self.optimizer, self.schedule, self.loss, self.augment, self.loop)
        return [each for each in given if each is not None]

    def wavers(self) -> str | None:
        """Why learning twice may give two models; None with deterministic algorithms."""
        if self.deterministic:
            return None
        return "deterministic=False allows operations whose sums come in any order: learning twice may differ in bits"

    def classes(self, data: Table) -> tuple[Scalar, ...] | None:
        """Declared classes, else those of the records; None for regression."""
        if outputs.task_of(data, self.task) == "regression":
            return None
        return data.present if data.classes is None else data.classes

    def visits(self, data: Table, run: Run) -> int:
        """Every record once an epoch, and what the shadow takes; fewer with ``validation``."""
        out = int(shadow.hidden(data, run, self.shadow).sum()) if self.shadow else 0
        return self.epochs * len(data) + shadow.visits(self.epochs, len(data), out)

    # -- learning ------------------------------------------------------------------------------------------------------

    def learn(self, data: Table, run: Run) -> Net:
        """Train a new module on these records."""
        expect(data, run)
        begun = self._begun(data, run)
        if _is_settled(begun, data):
            return begun
        with self.training(run) as device:
            if self.shadow:
                return shadow.learned(self, begun, data, run, device)
            return early.course(Course, self, begun, data, run, device).net(further=False)

    def learn_together(self, data: Sequence[Table], runs: Sequence[Run]) -> list[Net]:
        """What `learn` gives for each data set with its run, however many; as one program where that is faster."""
        if self.validation or self.shadow or len({run.threads for run in runs}) > 1:
            return [self.learn(each, run) for each, run in zip(data, runs, strict=True)]
        begun = [self._begun(each, run) for each, run in zip(data, runs, strict=True)]
        return self._trained_together(begun, data, self.epochs, runs, self.epochs, further=False)

    @property
    def passes(self) -> int:
        """Epochs in all."""
        return self.epochs

    def cannot_go_on(self, schedule: Literal["cumulative", "incremental"]) -> str | None:
        """Why it cannot go on from slice to slice; None when it can."""
        if self.validation:
            return (
                "a network that keeps its best epoch (validation) cannot go on training: use slices=1, or validation=0"
            )
        if self.shadow:
            return "a network with a shadow, which is trained without some units, cannot go on training: use slices=1"
        if self.prepare is not None:
            return "preprocessing fitted on all records of a shard (prepare) cannot go on slice by slice: use slices=1"
        return None

    def go_on(self, state: Net | None, data: Table, epochs: int, run: Run, of: int) -> Net:
        """Train from ``state`` (None: a new module) for some epochs of ``of``; the state given is left alone."""
        begun = self._begun(data, run) if state is None else state
        if _is_settled(begun, data):
            return begun
        with self.training(run) as device:
            course = Course(self, begun, data, run, of, device)
            course.trained(epochs)
            return course.net(further=True)

    def further(self, rate: float, *, own: bool) -> TorchLearner:
        """What trains finished networks on, at a share of the first rate, held or by its ``own`` schedule."""
        return slower(self, rate, own=own)

    def go_on_together(
        self, states: Sequence[Net | None], data: Sequence[Table], epochs: int, runs: Sequence[Run], of: int
    ) -> list[Net]:
        """What `go_on` gives for each state with its data and run."""
        news = zip(states, data, runs, strict=True)
        if len({run.threads for run in runs}) > 1:
            return [self.go_on(state, records, epochs, run, of) for state, records, run in news]
        begun = [self._begun(records, run) if state is None else state for state, records, run in news]
        return self._trained_together(begun, data, epochs, runs, of, further=True)

    def _trained_together(
        self, begun: list[Net], data: Sequence[Table], epochs: int, runs: Sequence[Run], of: int, *, further: bool
    ) -> list[Net]:
        made, open_ = list(begun), [k for k, net in enumerate(begun) if not _is_settled(net, data[k])]
        kinds = [stacked.kind_of(begun[k], len(data[k]), self.batch_size) for k in open_]
        for group in stacked.groups(kinds, self.together):
            places = [open_[k] for k in group]
            with self.training(runs[0]) as device:
                courses = [Course(self, begun[k], data[k], runs[k], of, device) for k in places]
                stacked.train(courses, epochs)
                for k, course in zip(places, courses, strict=True):
                    made[k] = course.net(further=further)
        return made

    def adopt(self, foreign: nn.Module, data: Table, run: Run) -> Net | Refusal:
        """A module that was trained elsewhere on these data, as a model; it is copied and left alone."""
        expect(data, run)
        if not isinstance(foreign, nn.Module):
            msg = f"what is adopted is a trained nn.Module, got a {type(foreign).__name__}"
            raise ParameterError(msg)
        begun, weights = self._begun(data, run), weights_of(foreign)
        twin = built(self.made, begun.shape, begun.outputs)
        other = differing(twin, weights)
        if other is None and len(data):
            device = next((held.device for held in foreign.parameters()), torch.device("cpu"))
            with self.training(run, "the module could not be asked"):
                few = inputs.Inputs(data, begun.prepared, twin, device).batch(np.arange(min(len(data), ASKED)))
                if not rebuilt.alike(foreign, fill(twin, weights).to(device), few, run):
                    other = "with the same parameters and buffers it gives other outputs"
        if other is not None:
            return Refusal(f"this module is not what the factory makes: {other}", "misconfigured")
        return replace(begun, weights=weights)

    def _begun(self, data: Table, run: Run) -> Net:
        """A network before its first step: what it is to learn, and its preprocessing, fitted."""
        task, classes = outputs.task_of(data, self.task), self.classes(data)
        count = outputs.count_of(data, task, classes)
        if self.prepare is None or not len(data):
            shape = tuple(inputs.as_matrix(data.take(slice(0, 1)).stored).shape[1:])
            return Net(None, task, classes, data.names, shape, count)
        prepared = inputs.fitted(self.prepare, data, run)
        shape = inputs.dense(prepared.transform(data.take(slice(0, 1)).features)).shape[1:]
        return Net(None, task, classes, data.names, tuple(shape), count, prepared)

    @contextmanager
    def training(self, run: Run, otherwise: str = "training failed") -> Iterator[torch.device]:
        """Everything held still for the time of training, on the learner's device; what fails is a sentence."""
        device = device_of(self.device)
        if self.precision == "float16" and device.type == "cpu":
            msg = "precision='float16' needs a GPU, and this trains on the processor: use 'bfloat16' or 'float32'"
            raise ParameterError(msg)
        given = {name: value for name in CALLED if (value := getattr(self, name)) is not None} | {"factory": self.made}
        before = source.held_by(**given)
        with deterministic(run, device, strict=self.deterministic), in_words(otherwise, device):
            yield device
        changed = sorted(name for name, said in source.held_by(**given).items() if before.get(name, said) != said)
        if changed:
            msg = f"training changed {changed[0]}, so that nobody can tell whether the next training goes the same way"
            raise LearnError(f"{msg}: keep what changes in a buffer of the module, or in variables inside a function")

    # -- predicting ----------------------------------------------------------------------------------------------------

    def module(self, model: Net) -> nn.Module:
        """The trained module itself, on the processor and in evaluation mode, for whoever goes on with torch.

        Raises
        ------
        EmptyModelError
            When the model has learned from no record, or from a single class.
        """
        _expect_net(model)
        if model.weights is None:
            msg = "this model holds no network: it learned from no record or a single class, or has forgotten all"
            raise EmptyModelError(msg)
        return fill(built(self.made, model.shape, model.outputs), model.weights).eval()

    def predict(self, model: Net, data: Table) -> NDArray[np.float64]:
        """(n, classes) scores, or (n,) numbers for regression, (n, k) where there are several."""
        expect(data)
        _expect_net(model)
        if model.weights is None and model.task == "classification" and len(model.classes or ()) == 1:
            return np.ones((len(data), 1))
        return self._asked([model], data)[0]

    def features(self, model: Net, data: Table) -> NDArray[np.float64]:
        """(n, d) what enters the last linear layer of the trained module for each record."""
        expect(data)
        _expect_net(model)
        return features_of(self, model, data)

    def predict_together(self, models: Sequence[Net], data: Table) -> list[NDArray[np.float64]]:
        """What `predict` gives for each model on the same data."""
        first = models[0]
        alike = {(model.outputs, model.shape, model.task, model.names, model.weights is None) for model in models}
        if len(alike) > 1 or first.weights is None or first.prepared is not None:
            return [self.predict(model, data) for model in models]
        every = range(0, len(models), self.together)
        return [scores for k in every for scores in self._asked(models[k : k + self.together], data)]

    def _asked(self, models: Sequence[Net], data: Table) -> list[NDArray[np.float64]]:
        """Scores of models that differ in weights alone."""
        first, device = models[0], device_of(self.device)
        data = as_learned(data, first.names)
        with torch.inference_mode(), generators_kept(device), on_processor(), in_words("predicting failed", device):
            modules = [self.module(model).to(device) for model in models]
            given, asked = inputs.Inputs(data, first.prepared, modules[0], device), Asked(modules)
            made: list[list[torch.Tensor]] = [[torch.zeros(0, first.outputs, device=device)] for _ in models]
            size = min(ASKED, self.batch_size * 4)  # what trains in memory is asked in memory
            for start in range(0, len(data), size):
                rows = np.arange(start, min(start + size, len(data)))
                for held, out in zip(made, asked.scores(given.batch(rows)), strict=True):
                    held.append(outputs.checked(out, len(rows), first.outputs, first.task))
        return [outputs.scores(torch.cat(held), first.task) for held in made]


def _expect_net(model: object) -> None:
    if not isinstance(model, Net):
        msg = f"the model must be a Net that a TorchLearner learned, got a {type(model).__name__}"
        raise MismatchError(msg)


def _is_settled(begun: Net, data: Table) -> bool:
    """Whether there is nothing to train: no record, or a single class."""
    return not len(data) or (
        begun.task != "regression" and begun.outputs < (2 if begun.task == "classification" else 1)
    )
