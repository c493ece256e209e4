"""SISA over networks keeps every law to the bit, in fresh processes and workers too; what would break it is caught."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from expunge import Owners, Records, Retrain, Run, Sisa, Table, TorchLearner, fingerprint
from expunge.backends.local import Processes
from expunge.errors import ParameterError
from expunge.learners.torch import Log, cosine, early, inputs
from expunge.learners.torch import course as training
from expunge.learners.torch.course import Course
from expunge.methods.arrays._placement import place
from expunge.testing import Case, Law, contract, patients
from expunge.testing.laws import (
    learning_is_a_pure_function,
    nothing_of_the_forgotten_remains,
    what_is_forgotten_has_no_influence,
)
from expunge.testing.networks import Cnn, Counted, dropping, mlp, noisy, pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from expunge.values import Name

KEY = b"a key for tests"
MOMENTUM = partial(torch.optim.SGD, lr=0.05, momentum=0.9)
ADAM = partial(torch.optim.Adam, lr=0.05)
CNN = TorchLearner(Cnn, MOMENTUM, epochs=2, batch_size=8, augment=noisy)
MLP = TorchLearner(mlp, ADAM, cosine, epochs=2, batch_size=8)
BEST = TorchLearner(mlp, partial(torch.optim.Adam, lr=0.3), epochs=6, batch_size=8, validation=0.3)
STOPPED = TorchLearner(mlp, ADAM, epochs=4, batch_size=8, validation=0.3, patience=1)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def shards_of(method: Sisa) -> Any:
    def groups(data: Table, key: bytes) -> Iterator[list[Name]]:
        placed = place(data, key, method.shards, method.slices, None, ())
        return (data.take(rows).ids.tolist() for rows in placed.members())

    return groups


def case(method: Any, data: Table, **options: Any) -> Case:
    groups = shards_of(method) if isinstance(method, Sisa) else None
    return Case(method, data, groups=groups, portable=False, shrink=False, **{"examples": 2, **options})


@contract(
    case(Sisa(CNN, shards=2, slices=3), pictures(18)),
    case(Sisa(MLP, shards=3, slices=3, schedule="incremental"), patients(18, owned=False)),
    case(Sisa(MLP, shards=2), patients(18, several=True)),
    case(Sisa(MLP, shards=2, slices=2), patients(18, numbers=True)),
    case(Retrain(STOPPED), patients(18)),
)
def test_a_network_keeps_the_law(case: Case, law: Law) -> None:
    law(case)


# -- other processes ---------------------------------------------------------------------------------------------------

EVERY_KIND: list[tuple[Any, Table]] = [
    (Sisa(CNN, shards=2, slices=3), pictures(24)),
    (Sisa(MLP, shards=3, slices=2, schedule="incremental"), patients(24)),
    (Sisa(STOPPED, shards=2), patients(24)),
    (Retrain(replace(MLP, factory=dropping)), patients(24)),
]
THERE = """
import pickle, sys
from expunge import Run, fingerprint
for method, data, target, threads in pickle.loads(open(sys.argv[1], "rb").read()):
    run = Run(key=b"a key for tests", threads=threads)
    model = method.learn(data, run)
    print(fingerprint(model), fingerprint(method.forget(model, target, data, run).model))
"""


def test_fresh_processes_learn_and_forget_to_the_same_bits_with_one_thread_and_with_two(tmp_path: Path) -> None:
    work = [(*kind, Owners([4]), threads) for kind in EVERY_KIND for threads in (1, 2)]
    (tmp_path / "work").write_bytes(pickle.dumps(work))
    command = [sys.executable, "-c", THERE, str(tmp_path / "work")]
    there = subprocess.run(
        command, env=os.environ | {"PYTHONHASHSEED": "97"}, capture_output=True, text=True, check=False
    )
    here = []
    for method, data, target, threads in work:
        run = Run(key=KEY, threads=threads)
        here.append(fingerprint(method.learn(data, run)))
        here.append(fingerprint(method.learn(data.after(target), run.afresh())))
    assert there.stdout.split() == here, there.stderr


def test_workers_keep_to_the_threads_of_the_run_and_give_the_same_bits() -> None:
    method, data = Sisa(TorchLearner(Counted, MOMENTUM, epochs=2), shards=2, slices=2), patients(24)

    def counted(model: Any) -> set[int]:
        return {int(shard.state.weights["threads"]) for shard in model.shards}

    def forgetful(fn: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
        """The planted bug: the number of threads stays behind."""
        return spread(fn, [tuple(replace(task, run=Run(task.run.key)) for task in tasks) for tasks in items])

    with Processes(workers=1) as spread:
        there = method.learn(data, Run(key=KEY, threads=2, map=spread))
        assert counted(there) == {2}
        assert fingerprint(there) == fingerprint(method.learn(data, Run(key=KEY, threads=2)))
        assert counted(method.learn(data, Run(key=KEY, threads=2, map=forgetful))) == {1}, "which would be seen"


# -- slice by slice ----------------------------------------------------------------------------------------------------


class Killed(Exception):  # noqa: N818  (it is no error)
    """What a test raises in the middle of learning."""


@pytest.mark.parametrize("together", [1, 16])
def test_a_learning_that_was_killed_goes_on_from_the_last_slice_to_the_same_bits(together: int) -> None:
    method, data, run = Sisa(replace(CNN, together=together), shards=2, slices=3), pictures(24), Run(key=KEY)

    def tick(what: str, done: int, total: int) -> None:
        if (what, done) == ("slices", 4):
            raise Killed

    with pytest.raises(Killed):
        method.learn(data, replace(run, tick=tick))
    assert len(run.store) == 4, "both shards rest after two slices of three"
    said: list[tuple[str, int, int]] = []
    model = method.learn(data, replace(run, tick=lambda *told: said.append(told)))
    assert [told for told in said if told[0] == "slices"][-1] == ("slices", 2, 2)
    assert [told[0] for told in said].count("epochs") == 2, "one epoch for each of the two slices left"
    assert fingerprint(model) == fingerprint(method.learn(data, Run(key=KEY)))


@pytest.mark.parametrize("slices", [1, 3])
def test_shards_that_train_together_are_the_shards_that_train_alone(slices: int) -> None:
    data = patients(24)
    made = {
        fingerprint(Sisa(replace(MLP, together=most), shards=3, slices=slices).learn(data, Run(key=KEY)))
        for most in (1, 2, 16)
    }
    assert len(made) == 1


@pytest.mark.parametrize("options", [{"validation": 0.2}, {"prepare": "scaler"}], ids=lambda given: next(iter(given)))
def test_what_cannot_go_on_is_refused_with_slices(options: dict[str, Any]) -> None:
    from sklearn.preprocessing import StandardScaler

    options = {"prepare": StandardScaler()} if "prepare" in options else options
    with pytest.raises(ParameterError, match=r"cannot be learned: .*use slices=1"):
        Sisa(replace(MLP, **options), shards=2, slices=2).learn(patients(24), Run(key=KEY))


def test_a_shard_knows_its_own_classes_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    method, data = Sisa(MLP, shards=4), patients(24, owned=False)

    def own() -> list[bool]:
        shards = place(data, KEY, 4, 1, None, ()).members()
        states = [shard.state for shard in method.learn(data, Run(key=KEY)).shards]
        return [state.classes == data.take(rows).present for state, rows in zip(states, shards, strict=True)]

    assert all(own())
    monkeypatch.setattr(TorchLearner, "classes", lambda _, data: Table(data.columns).present)
    assert not all(own()), "planted: the classes of everybody"


# -- bugs that are planted, and the law that finds each ----------------------------------------------------------------


def in_rows(key: Any, ids: Any, *names: object) -> Any:
    return np.arange(len(ids))


def last_rows(data: Table, run: Run, share: float) -> Any:
    return np.arange(len(data)) >= (1 - share) * len(data)


def of_everybody(data: Table, run: Run) -> Table:
    return Table(data.columns, None, data.classes)


def log_of_everybody(self: Course) -> Log:
    ids = np.unique(np.asarray(self.data.columns.ids))
    return Log(ids, np.zeros((1, len(ids)), np.float32))


def unseeded(data: Table, run: Run, epoch: int) -> Any:
    return np.random.default_rng().integers(2**63, size=len(data)).astype(np.uint64)


BUGS: dict[str, tuple[Any, str, Any, Law, Any]] = {
    "order by position": (
        training, "keyed", SimpleNamespace(order=in_rows), learning_is_a_pure_function, CNN,
    ),
    "augmentation from a generator of its own": (
        inputs, "augment_seeds", unseeded, learning_is_a_pure_function, CNN,
    ),
    "held out by position": (
        early, "held_out", last_rows, learning_is_a_pure_function, STOPPED,
    ),
    "stopping looks at the forgotten": (
        early, "ordered", of_everybody, what_is_forgotten_has_no_influence, BEST,
    ),
    "the log keeps a forgotten id": (
        Course, "_logged", log_of_everybody, nothing_of_the_forgotten_remains, MLP,
    ),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_breaks_its_law(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place_, name, wrong, law, over = BUGS[bug]
    data = pictures(18) if over is CNN else patients(18, numbers=over is BEST)
    tried = case(Sisa(over, shards=2, slices=1 if over.validation else 2), data, examples=8)
    law(replace(tried, examples=2))
    monkeypatch.setattr(place_, name, wrong)
    with pytest.raises(AssertionError):
        law(tried)


def test_forgetting_leaves_nobody_of_the_forgotten_in_the_log() -> None:
    method, data, run = Sisa(MLP, shards=2, slices=2), patients(24), Run(key=KEY)
    model = method.learn(data, run)
    gone = data.ids[:5]
    after = method.forget(model, Records(gone.tolist()), data, run).model
    for made, kept in ((model, data), (after, data.after(Records(gone.tolist())))):
        held = np.concatenate([shard.state.log.ids for shard in made.shards])
        assert sorted(held.tolist()) == sorted(kept.ids.tolist())
