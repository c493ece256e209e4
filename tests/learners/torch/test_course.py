"""A course: what an epoch visits, what a slice goes on from, and how a last batch of one is met."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from expunge import Records, Run, Table, TorchLearner, fingerprint, keyed
from expunge.codec import decode, encode
from expunge.learners.torch import Log, cosine, tensors
from expunge.learners.torch.course import Course, alone, joined, ordered
from expunge.learners.torch.inputs import Inputs
from expunge.testing import patients
from expunge.testing.networks import Cnn, dropping, mlp, pictures

RUN = Run(key=b"a key for tests")
CPU = torch.device("cpu")
SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
ADAM = partial(torch.optim.Adam, lr=0.05)


def course(learner: TorchLearner, data: Table, of: int = 2) -> Course:
    return Course(learner, learner._begun(data, RUN), data, RUN, of, CPU)


# -- an epoch ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 4, 7, 24, 100])
def test_an_epoch_visits_every_record_once_in_an_order_of_its_own(size: int) -> None:
    made = course(TorchLearner(mlp, batch_size=size), patients(24))
    orders = []
    for epoch in range(2):
        rows = [batch.rows for batch in made.batches(epoch)]
        orders.append(np.asarray(made.data.ids)[np.concatenate(rows)].tolist())
        assert size == 1 or min(map(len, rows)) > 1
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(patients(24).ids.tolist())
    assert orders[0] != orders[1]


def test_without_a_record_all_others_keep_their_order() -> None:
    data, gone = patients(24), Records([5])
    learner = TorchLearner(mlp, batch_size=5)

    def order(records: Table) -> list[int]:
        made = course(learner, records)
        return [int(made.data.ids[row]) for batch in made.batches(0) for row in batch.rows]

    assert [name for name in order(data) if name != 5] == order(data.after(gone))


def test_whatever_the_table_s_order_a_course_has_its_own() -> None:
    data = patients(24)
    assert ordered(data, RUN).ids.tolist() == ordered(data.take(np.arange(24)[::-1]), RUN).ids.tolist()
    assert ordered(data, RUN).ids.tolist() != ordered(data, Run(key=b"another")).ids.tolist()


class Notes:
    """Where in memory batches began."""

    __slots__ = ("seen",)  # so that training is not found to change a variable: this one moves no bit

    def __init__(self) -> None:
        self.seen: list[int] = []


NOTES = Notes()


class Looking(nn.Sequential):
    """A network that writes down where in memory each batch begins."""

    def forward(self, given: torch.Tensor) -> Any:
        NOTES.seen.append(given.data_ptr() % 64)
        return super().forward(given)  # type: ignore[no-untyped-call]


def looking(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return Looking(nn.Linear(shape[0], outputs))


@pytest.mark.parametrize("options", [{}, {"accumulate": 3}, {"validation": 0.4}], ids=["whole", "parts", "held out"])
def test_every_batch_is_in_memory_of_its_own(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    learner, data = TorchLearner(looking, epochs=2, batch_size=7, **options), patients(24)

    def offsets() -> set[int]:
        NOTES.seen.clear()
        learner.predict(learner.learn(data, RUN), data)
        return set(NOTES.seen)

    assert offsets() == {0}
    if "accumulate" in options:
        return  # parts are copied, whatever the whole is

    def view(self: Inputs, rows: Any) -> torch.Tensor:
        """The planted bug: a view that begins anywhere."""
        assert self.whole is not None
        held = torch.zeros(len(rows) * 3 + 1)[1:].view(len(rows), 3)
        return held.copy_(self.whole[torch.tensor(rows)])

    monkeypatch.setattr(Inputs, "batch", view)
    assert offsets() != {0}


def test_a_batch_of_one_goes_by_the_running_statistics_of_batch_norm() -> None:
    module = dropping((3,), 2).train()
    norm = next(part for part in module.modules() if isinstance(part, nn.BatchNorm1d))
    with alone(module, 1):
        module(torch.ones(1, 3))
        assert not norm.training
        assert module.training
    assert norm.training
    with alone(module, 2):
        assert norm.training
    norm.eval()
    with alone(module, 1):
        pass
    assert not norm.training, "what was frozen stays so"


# -- from slice to slice -----------------------------------------------------------------------------------------------


def distance(learner: TorchLearner, data: Table) -> float:
    """How far training in three slices is from training at once: in whole batches, whose order is nothing."""
    at_once = learner.go_on(None, data, 6, RUN, of=6)
    state = None
    for _ in range(3):
        state = learner.go_on(None if state is None else decode(encode(state)), data, 2, RUN, of=6)
    assert state is not None
    scores = [learner.predict(model, data) for model in (at_once, state)]
    return float(np.abs(scores[0] - scores[1]).max())


GOING: list[Any] = [
    pytest.param(SGD, None, id="momentum"),
    pytest.param(ADAM, None, id="adam"),
    pytest.param(partial(torch.optim.SGD, lr=0.3), cosine, id="schedule"),
    pytest.param(ADAM, partial(cosine, warmup=2), id="warm up"),
]


@pytest.mark.parametrize(("optimizer", "schedule"), GOING)
def test_going_on_slice_by_slice_is_going_on(optimizer: Any, schedule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    learner, data = TorchLearner(mlp, optimizer, schedule, batch_size=100), patients(24)
    assert distance(learner, data) < 1e-4
    init = Course.__init__

    def forgetful(self: Course, learner: Any, begun: Any, *rest: Any) -> None:
        """The planted bug: the states of optimiser and schedule are lost at a slice."""
        init(self, learner, replace(begun, going=None), *rest)

    monkeypatch.setattr(Course, "__init__", forgetful)
    assert distance(learner, data) > 1e-3


@pytest.mark.parametrize(("optimizer", "schedule"), GOING)
def test_the_state_that_is_gone_on_from_is_left_alone(
    optimizer: Any, schedule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, data = TorchLearner(mlp, optimizer, schedule, batch_size=8), patients(24)

    def left_alone() -> bool:
        state = learner.go_on(None, data, 1, RUN, of=3)
        before = encode(state)
        learner.go_on(state, data, 2, RUN, of=3)
        return encode(state) == before

    assert left_alone()
    if schedule is None:
        monkeypatch.setattr(tensors, "as_tensor", torch.from_numpy)  # planted: what torch lends
        assert not left_alone()


def step(optimizer: Any, epochs: int) -> Any:
    return lr_scheduler.StepLR(optimizer, max(1, epochs // 2))


def one_cycle(optimizer: Any, epochs: int) -> Any:
    return lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=epochs + 1, cycle_momentum=False)


def plateau(optimizer: Any, epochs: int) -> Any:
    return lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.5)


def halving(optimizer: Any, epochs: int) -> Any:
    return lr_scheduler.MultiplicativeLR(optimizer, half)


def half(epoch: int) -> float:
    return 0.5


@pytest.mark.parametrize("schedule", [step, one_cycle, plateau, halving, cosine])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "Rprop", "ASGD"])
def test_torch_s_optimisers_and_schedules_rest_between_slices(schedule: Any, optimizer: str) -> None:
    learner = TorchLearner(mlp, partial(getattr(torch.optim, optimizer), lr=0.05), schedule, batch_size=8)
    data, states = patients(24), []
    for rows in (np.arange(24), np.arange(24)[::-1]):
        first = learner.go_on(None, data.take(rows), 1, RUN, of=3)
        states.append(learner.go_on(decode(encode(first)), data.take(rows), 2, RUN, of=3))
    assert fingerprint(states[0]) == fingerprint(states[1])
    assert states[0].going is not None
    assert states[0].going.epochs == 3


def test_a_plateau_is_seen() -> None:
    learner = TorchLearner(mlp, SGD, plateau, epochs=4)
    made = course(learner, patients(24), 4)
    made.trained(4)
    assert made.optimizer.param_groups[0]["lr"] < 0.1


# -- shorter numbers ---------------------------------------------------------------------------------------------------


def test_products_in_bfloat16_are_shorter_and_as_pure() -> None:
    data, long = pictures(24), TorchLearner(Cnn, partial(torch.optim.SGD, lr=0.01), epochs=2, batch_size=8)
    short = replace(long, precision="bfloat16")
    models = [short.learn(data.take(rows), RUN) for rows in (np.arange(24), np.arange(24)[::-1])]
    assert fingerprint(models[0]) == fingerprint(models[1])
    assert fingerprint(models[0].weights) != fingerprint(long.learn(data, RUN).weights)
    assert np.allclose(short.predict(models[0], data), long.predict(long.learn(data, RUN), data), atol=0.1)


# -- the log -----------------------------------------------------------------------------------------------------------


def test_the_log_says_how_well_each_record_fitted_in_the_pass_that_met_it() -> None:
    learner, data = TorchLearner(mlp, partial(torch.optim.SGD, lr=1e-9), epochs=2, batch_size=8), patients(24)
    model = learner.learn(data, RUN)
    assert model.log is not None
    assert model.log.ids.tolist() == sorted(data.ids.tolist())
    by_id = data.take(np.argsort(data.ids))
    scores = learner.predict(model, by_id)
    own = scores[np.arange(24), np.searchsorted(model.classes or (), np.asarray(by_id.label))]
    assert np.allclose(model.log.fit, np.log(own), atol=1e-5), "which hardly moved"
    assert replace(learner, log=False).learn(data, RUN).log is None


def test_logs_are_joined_by_id_and_a_record_that_was_not_there_has_no_number() -> None:
    old = Log(np.array([3, 5]), np.array([[1.0, 2.0]], np.float32))
    new = Log(np.array([4, 5]), np.array([[6.0, 7.0], [8.0, 9.0]], np.float32))
    both, hole = joined(old, new), np.nan
    assert both.ids.tolist() == [3, 4, 5]
    assert np.array_equal(both.fit, [[1, hole, 2], [hole, 6, 7], [hole, 8, 9]], equal_nan=True)


def test_names_of_text_are_logged_as_text() -> None:
    data = Table.from_arrays(np.ones((3, 2)), [0, 1, 0], ["cecil", "ann", "bob"])
    log = TorchLearner(mlp, epochs=1).learn(data, RUN).log
    assert log is not None
    assert log.ids.tolist() == ["ann", "bob", "cecil"]


def test_names_that_differ_by_a_nul_at_the_end_are_two_in_the_log() -> None:
    data = Table.from_arrays(np.ones((2, 2)), [0, 1], ["ann", "ann\0"])
    log = TorchLearner(mlp, epochs=1).learn(data, RUN).log
    assert log is not None
    assert log.ids.tolist() == ["ann", "ann\0"]
    assert decode(encode(log)).ids.tolist() == ["ann", "ann\0"]


def in_rows(key: Any, ids: Any, *names: object) -> Any:
    return np.arange(len(ids))


def test_order_by_position_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    data, learner = patients(24), TorchLearner(mlp, epochs=1, batch_size=8)

    def orders() -> set[str]:
        return {fingerprint(learner.learn(data.take(rows), RUN)) for rows in (np.arange(24), np.arange(24)[::-1])}

    assert len(orders()) == 1
    monkeypatch.setattr(keyed, "order", in_rows)
    assert len(orders()) == 2


def test_weights_of_an_early_epoch_are_those_of_shorter_training_and_move_nothing() -> None:
    data, learner = patients(), TorchLearner(mlp, partial(torch.optim.Adam, lr=0.05), epochs=6, batch_size=8)
    watched = replace(learner, rewind=2)
    net = watched.learn(data, RUN)
    assert fingerprint(net.early) == fingerprint(replace(learner, epochs=2).learn(data, RUN).weights)
    assert fingerprint(replace(net, early=None)) == fingerprint(learner.learn(data, RUN))
    assert fingerprint(replace(watched, shadow=0.3).learn(data, RUN).early) == fingerprint(net.early)
    runs = [Run(key=bytes([k])) for k in range(20)]
    together = watched.learn_together([data] * 20, runs)  # as one program, where that pays
    assert [fingerprint(each) for each in together] == [fingerprint(watched.learn(data, run)) for run in runs]
    begun = watched.go_on(None, data, 3, RUN, 6)
    assert fingerprint(watched.go_on(begun, data, 3, RUN, 6).early) == fingerprint(net.early)
    assert watched.recipe() != learner.recipe()
