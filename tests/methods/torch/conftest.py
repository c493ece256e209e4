"""One thread for networks this small, and a method at work: what tests look into between asking and answering."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import torch

from expunge import Run
from expunge.methods.torch._unlearning import Unlearning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from expunge import Table


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
