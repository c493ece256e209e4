"""One thread for networks this small, what single methods are tried on, and a method at work, to look into it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch

from expunge import Records, Refusal, Run, TorchLearner
from expunge.methods.torch._unlearning import Unlearning
from expunge.testing import Case, patients
from expunge.testing.laws import a_quote_keeps_its_word, learning_is_a_pure_function
from expunge.testing.networks import Cnn, mlp, pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from expunge import Table


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass(frozen=True)
class Small:
    """What single methods are tried on: learners that are soon done, a run, and two records to forget."""

    rows: TorchLearner
    pictures: TorchLearner
    run: Run
    target: Records


@pytest.fixture
def small() -> Small:
    rows = TorchLearner(mlp, partial(torch.optim.SGD, lr=0.5, momentum=0.9), epochs=5, batch_size=8)
    return Small(rows, replace(rows, factory=Cnn, epochs=2), Run(key=b"a key for tests"), Records([5, 394]))


@pytest.fixture(params=[learning_is_a_pure_function, a_quote_keeps_its_word], ids=lambda law: law.__name__)
def with_batch_norm(request: pytest.FixtureRequest, small: Small) -> Callable[[Callable[..., Any]], None]:
    """A method of two epochs keeps the law over a network that counts what it sees."""

    def kept(kind: Callable[..., Any]) -> None:
        case = Case(kind(small.pictures, epochs=2), pictures(24), examples=2, portable=False, shrink=False)
        request.param(case)

    return kept


@pytest.fixture
def refuses_numbers(small: Small) -> Callable[[Callable[..., Any]], None]:
    """A method that works on scores of classes says so of a network for numbers."""

    def refused(kind: Callable[..., Any]) -> None:
        data, method = patients(numbers=True), kind(replace(small.rows, optimizer=torch.optim.Adam))
        answer = method.quote(method.learn(data, small.run), small.target, data, small.run)
        assert isinstance(answer, Refusal)
        assert "scores of classes" in answer.reason

    return refused


@pytest.fixture
def at_work() -> Callable[..., Any]:
    """From a method, data and a target to what the method's ``unlearn`` is handed; and the network learned before."""

    @contextmanager
    def opened(method: Any, data: Table, target: Any) -> Iterator[Unlearning]:
        run, change = Run(key=b"a key for tests"), data.change(target)
        assert change is not None
        net = method.learner.learn(data, run)
        failed = None
        with method.working(net, method.sides(data, target, change, run), run) as work:
            try:
                yield work
            except AssertionError as failure:  # the test's own, which is no failure of the method's
                failed = failure
        if failed is not None:
            raise failed

    return opened


@pytest.fixture
def counted_by_batch_norm(at_work: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Batches that batch norm counted while a method trained; its statistics are then those of the retained records."""

    def counted(method: Any, data: Table, target: Any) -> int:
        def tracked(module: Any) -> list[int]:
            return [int(held) for name, held in module.named_buffers() if name.endswith("num_batches_tracked")]

        seen = []
        anew = Unlearning.renew_statistics

        def renewed(work: Unlearning) -> None:
            seen.append(tracked(work.student)[0] - tracked(work.original())[0])
            anew(work)

        with at_work(method, data, target) as work, monkeypatch.context() as patched:
            patched.setattr(Unlearning, "renew_statistics", renewed)
            method.unlearn(work)
            ended = {name: held.clone() for name, held in work.student.named_buffers()}
            anew(work)
            assert all(torch.equal(held, ended[name]) for name, held in work.student.named_buffers())
        assert len(seen) == 1
        return seen[0]

    return counted
