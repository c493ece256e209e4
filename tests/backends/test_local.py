"""Processes: same results in the same order, lazily, and a worker that dies is a sentence."""

from __future__ import annotations

import operator
import os
import pickle
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sklearn.linear_model import LogisticRegression

from expunge import Run, Sisa, fingerprint
from expunge.backends.local import Processes
from expunge.errors import LearnError, ParameterError, WorkerError
from expunge.testing import patients

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def spread() -> Iterator[Processes]:
    with Processes(workers=2) as processes:
        yield processes


def test_results_come_in_the_order_of_the_items(spread: Processes) -> None:
    assert list(spread(operator.neg, range(20))) == [-k for k in range(20)]


def test_items_are_taken_when_their_turn_comes(spread: Processes) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for k in range(100):
            taken.append(k)
            yield k

    results = spread(abs, items())
    next(results)
    assert len(taken) <= 2 * spread.workers


def test_an_error_in_a_worker_is_the_error_here(spread: Processes) -> None:
    with pytest.raises(ZeroDivisionError):
        list(spread(partial(operator.floordiv, 1), [1, 0]))
    assert list(spread(abs, [-1])) == [1], "the workers go on"


def test_a_worker_that_is_killed_is_a_sentence_and_the_next_call_starts_anew(spread: Processes) -> None:
    with pytest.raises(WorkerError, match="a worker of 2 died"):
        list(spread(_kill, [0]))
    assert list(spread(abs, [-2])) == [2]


def _kill(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_leaves_what_was_finished_in_the_store(spread: Processes) -> None:
    data, method = patients(), Sisa(LogisticRegression(), shards=3)
    run = Run(key=b"k", map=spread)
    first = method.learn(data, run)
    kept = dict(run.store)
    with pytest.raises(WorkerError):
        list(spread(_kill, [0]))
    assert run.store == kept
    assert fingerprint(method.learn(data, run)) == fingerprint(first)


def test_a_learner_that_fails_in_a_worker_says_so_here(spread: Processes) -> None:
    method = Sisa(LogisticRegression(C=-1.0), shards=2)
    with pytest.raises(LearnError, match="LogisticRegression failed"):
        method.learn(patients(), Run(key=b"k", map=spread))


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "two"])
def test_workers_are_a_whole_number(workers: int) -> None:
    with pytest.raises(ParameterError, match="whole number of at least 1"):
        Processes(workers=workers)


def test_a_copy_has_no_workers_of_its_own_yet(spread: Processes) -> None:
    copy = pickle.loads(pickle.dumps(spread))  # noqa: S301  (written here)
    assert (copy.workers, copy._pool) == (2, None)
    assert repr(copy) == "Processes(workers=2)"
