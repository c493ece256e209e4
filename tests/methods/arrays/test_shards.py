"""A shard's chain of digests changes with all that its states are made of, and with nothing else."""

from __future__ import annotations

import pickle
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import SGDClassifier

from expunge import Correction, Records, Run, Sisa, SklearnLearner, Table, fingerprint
from expunge.methods.arrays._shards import Task, advance, chain_of, groups, schedule_of, sums, train
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
def test_the_sums_are_of_sets(order: list[int], places: list[int]) -> None:
    data, where = patients(rows=12), np.array(places)
    rows = np.array(order)
    assert sums(data, where, 4, KEY) == sums(data.take(rows), where[rows], 4, KEY)


def test_any_change_of_any_record_changes_the_sum_of_its_group_alone() -> None:
    data = patients(rows=12)
    where = np.arange(12) % 3
    before = sums(data, where, 3, KEY)
    for row in range(12):
        changed = data.take(slice(row, row + 1)).owned(np.array([77]))
        after = sums(data.after(Correction(changed)), np.append(np.delete(where, row), where[row]), 3, KEY)
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


# -- rounds: a slice of every shard, then the next ---------------------------------------------------------------------


class InStep(SklearnLearner):
    """A learner that trains two shards in step, to the bits of each alone; the sizes of its groups are written down."""

    seen: list[int] = []  # noqa: RUF012  (of all copies)
    together = 2

    def learn_together(self, data: Any, runs: Any) -> list[Any]:
        self.seen.append(len(data))
        return list(map(self.learn, data, runs))

    def go_on_together(self, states: Any, data: Any, epochs: int, runs: Any, of: int) -> list[Any]:
        self.seen.append(len(data))
        each = zip(states, data, runs, strict=True)
        return [self.go_on(state, records, epochs, run, of) for state, records, run in each]

    def predict_together(self, models: Any, data: Table) -> list[Any]:
        return [self.predict(model, data) for model in models]


NOBODY = patients().take(slice(0, 0))


def bare(number: int, learner: Any, start: int) -> Task:
    """A task of which nothing is asked but where it begins."""
    return Task(number, learner, NOBODY, np.zeros(0, np.int64), (1,) * 4, "cumulative", (), Run(key=KEY), start)


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 5))
def test_groups_are_of_one_slice_even_and_hold_every_task_once(starts: list[int], most: int) -> None:
    alone, shared = SklearnLearner(SGDClassifier(), epochs=2), InStep(SGDClassifier(), epochs=2)
    object.__setattr__(shared, "together", most)
    for learner, limit in ((alone, 1), (shared, most)):
        made = groups([bare(k, learner, start) for k, start in enumerate(starts)])
        assert sorted(task.number for group in made for task in group) == list(range(len(starts)))
        for group in made:
            assert 1 <= len(group) <= limit
            assert len({task.start for task in group}) == 1
        for begin in set(starts):
            sizes = {len(group) for group in made if group[0].start == begin}
            assert max(sizes) - min(sizes) <= 1, "no group is left with a single shard while others are full"


@pytest.mark.parametrize("slices", [1, 3])
def test_shards_in_step_are_the_shards_alone(slices: int) -> None:
    InStep.seen.clear()
    data, both = patients(), []
    for learner in (SklearnLearner(SGDClassifier(), epochs=3), InStep(SGDClassifier(), epochs=3)):
        method, run = Sisa(learner, shards=3, slices=slices), Run(key=KEY)
        model = method.learn(data, run)
        target = Records(data.ids[:1].tolist())
        forgotten = method.forget(model, target, data, run)
        assert fingerprint(forgotten.model) == fingerprint(method.learn(data.after(target), run.afresh()))
        both.append(([shard.state for shard in model.shards], method.predict(model, data)))
    assert fingerprint(both[0]) == fingerprint(both[1])
    assert set(InStep.seen) == {2}, "a shard that is alone in its group is trained alone"


def test_a_task_is_handed_the_records_of_its_next_slice_and_no_others() -> None:
    data = patients()
    for schedule in ("cumulative", "incremental"):
        task = tasks(replace(BASE, slices=3, schedule=schedule), data)[0].ready()
        for piece in range(3):
            handed = task.handed()
            expected = task.data.take(task.rows(piece))
            assert handed.data.ids.tolist() == expected.ids.tolist()
            assert len(handed.rows(piece)) == len(handed.data)
            task = task.after(None)
        assert task.trained


def test_a_shard_without_a_record_yet_has_no_checkpoint_and_the_others_have() -> None:
    data = patients().take(slice(0, 2))
    handed = tuple(task.ready() for task in tasks(replace(BASE, shards=3), data))
    made = advance(tuple(task.handed() for task in handed))
    for task, (name, blob) in zip(handed, made, strict=True):
        assert name == task.derivation(0)
        assert (blob is None) == (not len(task.rows(0)))
        assert task.after(blob).resting == blob


def test_what_rests_after_a_slice_is_where_a_killed_learning_resumes() -> None:
    data, method, told = patients(), replace(BASE, shards=2, slices=3), []

    def tick(what: str, done: int, total: int) -> None:
        told.append((what, done, total))
        if done == 3:
            raise KeyboardInterrupt

    run = Run(key=KEY, tick=tick)
    with pytest.raises(KeyboardInterrupt):
        method.learn(data, run)
    assert [said for said in told if said[1]] == [("slices", k, 6) for k in (1, 2, 3)]
    assert [task.ready().start for task in tasks(method, data, store=run.store)] == [2, 1], "slice by slice, in rounds"
    model = method.learn(data, replace(run, tick=lambda *_: None))
    assert fingerprint(model) == fingerprint(method.learn(data, Run(key=KEY)))


def test_progress_does_not_travel_to_a_worker() -> None:
    told: list[Any] = []
    task = next(iter(tasks(BASE, patients(), tick=lambda *said: told.append(said)))).ready()
    task.run.tick("here", 0, 1)
    pickle.loads(pickle.dumps(task)).run.tick("there", 0, 1)  # noqa: S301  (our own bytes)
    assert told == [("here", 0, 1)]
