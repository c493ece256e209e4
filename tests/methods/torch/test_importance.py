"""Importances are of each record's gradient: the same as one record at a time, however they are batched."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from expunge import Records, Table, TorchLearner
from expunge.methods.torch import _importance
from expunge.methods.torch._importance import gradients, importance, summed, weights
from expunge.methods.torch.finetune import Finetune
from expunge.testing import patients
from expunge.testing.networks import Cnn, Words, dropping, mlp, pictures

if TYPE_CHECKING:
    from collections.abc import Callable

SGD = partial(torch.optim.SGD, lr=0.1)
TARGET = Records([5])


class Recurrent(nn.Module):
    """A layer that cannot be batched over records by `torch.func`."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.read, self.said = nn.GRU(1, 4, batch_first=True), nn.Linear(4, outputs)

    def forward(self, rows: Tensor) -> Tensor:
        made: Tensor = self.said(self.read(rows[:, :, None])[0][:, -1])
        return made


def drops(shape: tuple[int, ...], outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(shape[0], 8), nn.Dropout(0.5), nn.Linear(8, outputs))


def words(rows: int = 20) -> Table:
    random = np.random.default_rng(3)
    return Table.from_arrays(random.integers(0, 10, (rows, 4)), random.integers(0, 3, rows), np.arange(rows))


def method(factory: Any, **options: Any) -> Finetune:
    return Finetune(TorchLearner(factory, SGD, epochs=2, **{"batch_size": 8, **options}))


def one_by_one(work: Any, records: Any) -> dict[str, Tensor]:
    """Mean of squared gradients, by as many backward passes as there are records."""
    held = weights(work.student, detached=False)
    work.student.eval()
    sums = {name: torch.zeros_like(each, dtype=torch.float64) for name, each in held.items()}
    for row in range(len(records)):
        batch = records.batch(np.array([row]))
        loss = work.losses(work.student(batch.given), batch.target).mean()
        for name, each in zip(held, torch.autograd.grad(loss, list(held.values())), strict=True):
            sums[name] += each.double().square()
    work.student.train()
    return {name: each / len(records) for name, each in sums.items()}


def assert_right(work: Any) -> None:
    found = importance(work, work.retained, lambda made, target: work.losses(made, target).mean(), torch.square)
    for name, each in one_by_one(work, work.retained).items():
        torch.testing.assert_close(found[name], each, rtol=1e-4, atol=1e-9)


KINDS = [
    pytest.param(mlp, patients(24), id="rows"),
    pytest.param(mlp, patients(24, numbers=True), id="numbers"),
    pytest.param(mlp, patients(24, several=True), id="several"),
    pytest.param(dropping, patients(24), id="dropout"),
    pytest.param(Cnn, pictures(24), id="pictures"),
    pytest.param(Words, words(), id="tied"),
    pytest.param(Recurrent, patients(24), id="recurrent"),
]


@pytest.mark.parametrize(("factory", "data"), KINDS)
def test_importance_is_the_mean_of_squares_one_by_one(factory: Any, data: Table, at_work: Callable[..., Any]) -> None:
    with at_work(method(factory), data, Records(data.ids[:2])) as work:
        assert_right(work)


def test_squares_of_batch_means_are_caught(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    each = _importance._each

    def mean(*given: Any) -> dict[str, Tensor]:
        return {name: held.mean(0, keepdim=True).expand_as(held) for name, held in each(*given).items()}

    monkeypatch.setattr(_importance, "_each", mean)
    with at_work(method(mlp), patients(24), TARGET) as work, pytest.raises(AssertionError):
        assert_right(work)


def test_training_mode_is_caught(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_importance, "evaluated", lambda _: torch.enable_grad())
    with at_work(method(drops), patients(24), TARGET) as work, pytest.raises(AssertionError):
        assert_right(work)


@pytest.mark.parametrize("floats", [1, 200, 1 << 24])
def test_how_many_records_are_in_memory_does_not_matter(
    floats: int, at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_importance, "FLOATS", floats)
    with at_work(method(mlp), patients(24), TARGET) as work:
        assert_right(work)
        assert work.visits == len(work.retained)


def test_order_of_rows_and_batch_size_change_no_bit(at_work: Callable[..., Any]) -> None:
    found = []
    for data in (patients(24), patients(24).take(np.arange(24)[::-1])):
        with at_work(method(mlp), data, TARGET) as work:
            for size in (8, 3):
                object.__setattr__(work.learner, "batch_size", size)
                found.append(importance(work, work.retained, lambda made, _: made.square().sum(), torch.abs))
            object.__setattr__(work.learner, "batch_size", 8)
    for other in found[1:]:
        assert all(torch.equal(held, other[name]) for name, held in found[0].items())


def test_the_gradient_of_the_sum_is_the_sum_of_gradients(at_work: Callable[..., Any]) -> None:
    with at_work(method(Cnn), pictures(24), TARGET) as work:
        every = list(gradients(work, work.retained, lambda made, target: work.losses(made, target).mean()))
        for name, held in summed(work, work.retained).items():
            wanted = sum(chunk[name].double().sum(0) for chunk in every)
            torch.testing.assert_close(held, wanted, rtol=1e-4, atol=1e-6)


def test_only_weights_that_are_trained_count_and_the_student_is_left_as_it_was(at_work: Callable[..., Any]) -> None:
    with at_work(method(Cnn), pictures(24), TARGET) as work:
        work.student.seen[0].weight.requires_grad_(requires_grad=False)
        before = {name: held.clone() for name, held in work.student.state_dict().items()}
        assert "seen.0.weight" not in summed(work, work.forgotten)
        assert work.student.training
        assert all(part.training for part in work.student.modules())
        assert all(torch.equal(held, before[name]) for name, held in work.student.state_dict().items())
        assert all(held.grad is None for held in work.student.parameters())


def test_a_module_that_fails_says_so_in_its_own_words(at_work: Callable[..., Any]) -> None:
    class Broken(nn.Linear):
        def forward(self, given: Tensor) -> Tensor:
            if not self.training:
                msg = "no evaluation today"
                raise RuntimeError(msg)
            return super().forward(given)

    with at_work(method(mlp), patients(24), TARGET) as work:
        work.student = Broken(3, 3)
        with pytest.raises(RuntimeError, match="no evaluation today"):
            summed(work, work.forgotten)
        with pytest.raises(RuntimeError, match="no evaluation today"):
            importance(work, work.forgotten, lambda made, _: made.sum(), torch.abs)
