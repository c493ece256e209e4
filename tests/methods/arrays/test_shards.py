"""A shard's chain of digests changes with all that its states are made of, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import SGDClassifier

from expunge import Correction, Records, Run, Sisa, SklearnLearner, Table, fingerprint
from expunge.methods.arrays._shards import Task, chain_of, schedule_of, sums, train
from expunge.testing import patients

KEY = b"k"


@given(st.integers(1, 60), st.integers(1, 60))
def test_the_schedule_keeps_to_its_budget_and_leaves_no_slice_out(epochs: int, slices: int) -> None:
    learner = SklearnLearner(SGDClassifier(), epochs=epochs)
    schedule = schedule_of(learner, slices, "cumulative")
    assert len(schedule) == slices
    assert min(schedule) >= 1
    if slices > 1 and 2 * epochs >= slices + 1:  # enough epochs for one in each slice
        assert abs(sum(schedule) - 2 * epochs * slices / (slices + 1)) < 1
    if slices > 1:
        assert schedule_of(learner, slices, "incremental") == (epochs,) * slices


def test_a_learner_that_cannot_go_on_has_one_pass() -> None:
    assert schedule_of(SimpleNamespace(), 1, "cumulative") == (1,)


@given(st.permutations(range(12)), st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_the_sums_are_of_sets(order: list[int], groups: list[int]) -> None:
    data, where = patients(rows=12), np.array(groups)
    rows = np.array(order)
    assert sums(data, where, 4, KEY) == sums(data.take(rows), where[rows], 4, KEY)


def test_any_change_of_any_record_changes_the_sum_of_its_group_alone() -> None:
    data = patients(rows=12)
    groups = np.arange(12) % 3
    before = sums(data, groups, 3, KEY)
    for row in range(12):
        changed = data.take(slice(row, row + 1)).owned(np.array([77]))
        after = sums(data.after(Correction(changed)), np.append(np.delete(groups, row), groups[row]), 3, KEY)
        assert [a != b for a, b in zip(before, after, strict=True)] == [row % 3 == group for group in range(3)]


def test_a_sum_tells_one_record_from_two_and_from_none() -> None:
    data = patients(rows=12)
    held = {sums(data.take(slice(0, count)), np.zeros(count, np.int64), 1, KEY)[0] for count in range(12)}
    assert len(held) == 12


def test_a_link_depends_on_all_before_it_and_on_no_later_one() -> None:
    one, other = chain_of(KEY, [b"a", b"b", b"c"], "n"), chain_of(KEY, [b"a", b"x", b"c"], "n")
    assert one[0] == other[0]
    assert not set(one[1:]) & set(other)
    assert not set(chain_of(b"another", [b"a", b"b", b"c"], "n")) & set(one)
    assert not set(chain_of(KEY, [b"a", b"b", b"c"], "m")) & set(one)


def tasks(method: Sisa, data: Table, **options: Any) -> list[Task]:
    return list(method._tasks(data, Run(key=options.pop("key", KEY), **options), method.recipe()))


BASE = Sisa(SklearnLearner(SGDClassifier(), epochs=2), shards=1, slices=2)


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, learner=SklearnLearner(SGDClassifier(), epochs=3)),
        replace(BASE, learner=SklearnLearner(SGDClassifier(alpha=0.5), epochs=2)),
        replace(BASE, slices=3),
        replace(BASE, schedule="incremental"),
    ],
)
def test_a_changed_parameter_never_meets_a_stale_checkpoint(other: Sisa) -> None:
    data, run = patients(), Run(key=KEY)
    BASE.learn(data, run)
    assert all(task.ready().start == 0 for task in tasks(other, data, store=run.store))
    assert all(task.ready().start == 2 for task in tasks(BASE, data, store=run.store))


def test_another_number_of_threads_meets_no_checkpoint_and_keeps_the_chain() -> None:
    data, run = patients(), Run(key=KEY)
    BASE.learn(data, run)
    one, two = tasks(BASE, data)[0], tasks(BASE, data, threads=2, store=run.store)[0]
    assert one.chain == two.chain
    assert two.ready().start == 0


def test_the_worker_is_handed_its_shard_and_a_key_of_its_own() -> None:
    data = patients()
    for task in tasks(replace(BASE, shards=4), data, store={"a": b"secret"}):
        handed = task.ready().run
        assert handed.key != KEY
        assert not handed.store
        assert len(task.data) < len(data)


def test_forgetting_the_first_slice_starts_from_nothing() -> None:
    data, run = patients(), Run(key=KEY)
    BASE.learn(data, run)
    first = data.take(tasks(BASE, data)[0].slices == 0)
    last = data.take(tasks(BASE, data)[0].slices == 1)
    for gone, start in ((first, 0), (last, 1)):
        task = tasks(BASE, data.after(Records(gone.ids[:1])), store=run.store)[0]
        assert task.ready().start == start


def test_what_was_trained_is_the_state_whatever_name_the_worker_gave_it() -> None:
    data, run = patients(), Run(key=KEY)
    BASE.learn(data, run)
    task = tasks(BASE, data.after(Records(data.ids[:1])), store=run.store)[0].ready()
    made = train(task)
    elsewhere = {f"{name}, made elsewhere": blob for name, blob in made.items()}
    assert fingerprint(task.state(elsewhere)) == fingerprint(task.state(made))
    rested = replace(task, start=2, resting=list(made.values())[-1])
    assert fingerprint(rested.state({})) == fingerprint(task.state(made))


class Declared:
    """A learner that reads the declared classes itself."""

    def learn(self, data: Table, run: Run) -> list[Any]:
        return list(data.classes or ())

    def predict(self, model: Any, data: Table) -> Any:
        return np.zeros(len(data))


def test_declared_classes_reach_a_learner_that_does_not_name_its_own() -> None:
    data = replace(patients(), classes=("ham", "spam", "unsure"))
    model = Sisa(Declared(), shards=2).learn(data, Run(key=KEY))
    assert {tuple(shard.state) for shard in model.shards} == {("ham", "spam", "unsure")}
