"""A table is known by its columns, or matched by ids and content; other records are a mismatch."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from expunge import Addition, Batch, Correction, Forest, Records, Run, Table, fingerprint
from expunge.errors import MismatchError
from expunge.methods.trees import _records
from expunge.methods.trees._records import Roster
from expunge.testing import patients
from expunge.values import Target

RUN = Run(key=b"a key for tests")


def again(data: Table) -> Table:
    """The same records, of columns that nobody has seen."""
    held = data.gathered().columns
    return Table(replace(held, ids=np.array(held.ids)), None, data.classes)


def test_the_same_records_in_another_table_are_recognised() -> None:
    data, forest = patients(), Forest(trees=3, share=0.5)
    model, target = forest.learn(data, RUN), Records([data.ids[4]])
    expected = fingerprint(forest.forget(model, target, data, RUN).model)
    for other in (again(data), data.take(np.arange(len(data))[::-1]), again(data.take(np.arange(len(data))[::-1]))):
        assert fingerprint(forest.forget(model, target, other, RUN).model) == expected


def test_other_records_are_a_mismatch() -> None:
    data, forest = patients(), Forest(trees=3, share=0.5)
    model, target = forest.learn(data, RUN), Records([data.ids[4]])
    held = data.gathered().columns
    features = np.array(held.features)
    features[7, 0] += 1e-9
    for other in (
        Table(replace(held, features=features), None, None),
        Table(replace(held, owners=None), None, None),
        Table(replace(held, label=np.roll(np.asarray(held.label), 1)), None, None),
        data.take(slice(1, None)),
        data.drop("x1"),
        Table(held, None, ("ham", "spam", "unsure")),
    ):
        with pytest.raises(MismatchError, match="other than the model's"):
            forest.forget(model, target, other, RUN)
    with pytest.raises(MismatchError, match="a key other"):
        forest.forget(model, target, data, Run(key=b"another"))
    with pytest.raises(MismatchError, match="parameters other"):
        replace(forest, cuts=2).forget(model, target, data, RUN)


def fresh(data: Table, number: int) -> Table:
    """One record that nobody has seen."""
    return Table.from_arrays(np.full((1, len(data.names)), number / 7), np.asarray(data.label)[:1], [10**6 + number])


def people(n: int = 40) -> Table:
    """Records of their own, with ids that may be added to."""
    held = patients().gathered().columns
    return Table(replace(held, owners=None), None, None).take(slice(0, n)).gathered()


def test_slots_of_forgotten_records_are_taken_again() -> None:
    data, forest = people(), Forest(trees=4, share=0.5)
    model = forest.learn(data, RUN)
    roster = model.__dict__["_version"].roster
    for number in range(300):
        for target in (Addition(fresh(data, number)), Records([int(data.ids[0])])):
            model, data = forest.forget(model, target, data, RUN).model, data.after(target)
    assert fingerprint(model) == fingerprint(forest.learn(data, RUN))
    assert len(roster.y) < 4 * len(data) + 100, "as many as there were at a time, not as many as there ever were"
    assert np.count_nonzero(roster.filled) == len(data)
    assert not roster.X[~roster.filled].any()
    assert not roster.ids[~roster.filled].any()


def test_what_all_models_hold_is_looked_for_no_more() -> None:
    data, forest = people(), Forest(trees=4, share=0.5)
    first = model = forest.learn(data, RUN)
    roster, whole = model.__dict__["_version"].roster, data
    for number in range(50):
        target = Addition(fresh(data, number))
        model, data = forest.forget(model, target, data, RUN).model, data.after(target)
    held = len(roster.doubtful)
    del first
    assert len(roster.doubtful) == 0, f"{held} were in doubt while the first model had none of them"
    kept, gone = model, Records([int(whole.ids[3])])
    model = forest.forget(model, gone, data, RUN).model
    roster.tidy()
    slot = int(np.flatnonzero(roster.ids == whole.ids[3])[0])
    assert roster.filled[slot]
    del kept
    assert not roster.filled[slot]
    assert not roster.X[slot].any()
    assert fingerprint(model) == fingerprint(forest.learn(data.after(gone), RUN))


@pytest.mark.parametrize("framed", [False, True])
def test_rows_in_any_order_are_known_after_others_came(framed: bool) -> None:  # noqa: FBT001
    data, forest = people(), Forest(trees=4, share=0.5)
    if framed:
        X = pd.DataFrame(np.asarray(data.features), columns=list(data.names))
        data = Table.from_arrays(X, data.label, data.ids)
    turned = data.take(np.arange(len(data))[::-1])
    model = forest.learn(turned, RUN)
    one = data.take(slice(3, 4)).gathered()
    target = Addition(Table(replace(one.columns, ids=np.array([10**6])), None, None))
    model, after = forest.forget(model, target, turned, RUN).model, turned.after(target)
    assert (after.rows is None) == framed, "a frame is copied, an array is appended to"
    then = Records([int(after.ids[0]), 10**6])
    assert fingerprint(forest.forget(model, then, after, RUN).model) == fingerprint(
        forest.learn(after.after(then), RUN)
    )


def test_a_gathered_table_is_known_without_a_look_at_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    data, forest = people(), Forest(trees=4, share=0.5)
    model = forest.learn(data, RUN)

    def matched(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Roster, "matched", matched)
    for number in range(6):
        for target in (Addition(fresh(data, number)), Records([int(data.ids[number])])):
            model, data = forest.forget(model, target, data, RUN).model, data.after(target).gathered()
            assert data.rows is None
    assert fingerprint(model) == fingerprint(forest.learn(again(data), RUN))


def drawn(ids: Any, seed: int) -> Table:
    """Records that a seed says."""
    random = np.random.default_rng(seed)
    return Table.from_arrays(random.normal(size=(len(ids), 4)), random.integers(0, 3, len(ids)), ids=ids)


def test_columns_of_the_length_that_others_would_have_are_not_taken_for_them() -> None:
    """All rows replaced: what comes is handed over as it is, in columns that are as long as the appended ones."""
    forest, data = Forest(trees=4), drawn(np.arange(100), 1)
    model, first = forest.learn(data, RUN), Correction(drawn(np.array([0]), 2))
    model, data = forest.forget(model, first, data, RUN).model, data.after(first)
    steps: list[Target] = [
        Correction(drawn(np.arange(1, 31), 3)),
        Addition(drawn(np.arange(1000, 2000), 4)),
        Correction(drawn(np.array([0, *range(31, 100)]), 5)),
        Correction(drawn(np.arange(1000, 1031), 6)),
    ]
    model, data = forest.forget(model, Batch(steps), data, RUN).model, data.after(Batch(steps))
    for record in (5, 1500, 40, 1010):
        made = forest.forget(model, Records([record]), data, RUN).model
        assert fingerprint(made) == fingerprint(forest.learn(again(data.after(Records([record]))), RUN))


def test_views_of_the_same_columns_that_two_models_know_are_not_mixed_up() -> None:
    """Record 7 is corrected and corrected back: for the later model it is in another slot than for the first."""
    forest, data = Forest(trees=4), drawn(np.arange(40), 1)
    model, back = forest.learn(data, RUN), Correction(again(data.take(slice(7, 8))))
    there = Correction(drawn(np.array([7]), 3))
    wrong, between = forest.forget(model, there, data, RUN).model, data.after(there)
    right, after = forest.forget(wrong, back, between, RUN).model, between.after(back)
    assert fingerprint(right) == fingerprint(model)
    forest.forget(model, Records([1]), data, RUN)
    less = forest.forget(right, Records([9]), after, RUN).model
    forest.forget(less, Records([2]), data.without(np.array([9])), RUN)
    for record in (7, 9, 3):
        made = forest.forget(model, Records([record]), data, RUN).model
        assert fingerprint(made) == fingerprint(forest.learn(again(data.after(Records([record]))), RUN))


def test_one_record_that_many_requests_name_is_in_doubt_once() -> None:
    data, forest = people(), Forest(trees=4, share=0.5)
    model, target = forest.learn(data, RUN), Records([int(data.ids[3])])
    kept = forest.forget(model, target, data, RUN).model
    for _ in range(200):
        forest.forget(model, target, data, RUN)
    assert kept.__dict__["_version"].roster.doubtful.size < 2 * _records.MANY


def test_a_table_of_before_does_not_lead_to_whoever_took_the_slot() -> None:
    data, forest = people(), Forest(trees=4, share=0.5)
    model = forest.learn(data, RUN)
    before, target = data, Records([int(data.ids[0])])
    roster = model.__dict__["_version"].roster
    slot, number = int(np.flatnonzero(roster.ids == data.ids[0])[0]), 0
    model, data = forest.forget(model, target, data, RUN).model, data.after(target)
    while True:
        come = Addition(fresh(data, number))
        model, data = forest.forget(model, come, data, RUN).model, data.after(come)
        if roster.filled[slot]:
            break
        went = Records([10**6 + number])
        model, data = forest.forget(model, went, data, RUN).model, data.after(went)
        number += 1
    assert len(before) == len(data)
    with pytest.raises(MismatchError, match="other than the model's"):
        forest.forget(model, Records([int(before.ids[5])]), before, RUN)


def test_who_drops_a_model_while_another_request_brings_records_takes_none_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, forest, held = people(), Forest(trees=4, share=0.5), []
    model = forest.learn(data, RUN)
    held.append(forest.forget(model, Records([int(data.ids[3])]), data, RUN).model)
    append = Roster.append

    def interrupted(roster: Roster, batch: _records.Batch) -> Any:
        slots = append(roster, batch)
        held.clear()
        return slots

    monkeypatch.setattr(Roster, "append", interrupted)
    target = Addition(fresh(data, 1))
    done = forest.forget(model, target, data, RUN)
    assert not held
    assert fingerprint(done.model) == fingerprint(forest.learn(data.after(target), RUN))


def test_records_of_a_request_that_fails_are_zeroed(monkeypatch: pytest.MonkeyPatch) -> None:
    data, forest = people(), Forest(trees=4, share=0.5)
    model = forest.learn(data, RUN)
    roster = model.__dict__["_version"].roster

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("expunge.methods.trees._versions.advance", broken)
    with pytest.raises(KeyboardInterrupt):
        forest.forget(model, Addition(fresh(data, 1)), data, RUN)
    assert not roster.filled[len(data) :].any()
    assert not roster.X[len(data) :].any()


def test_models_that_threads_make_and_drop_are_those_of_their_records() -> None:
    data, forest = people(), Forest(trees=4, share=0.5)
    model = forest.learn(data, RUN)

    def worked(number: int) -> list[bool]:
        mine, own, same = model, data, []
        for step in range(12):
            targets = Addition(fresh(data, 100 * number + step)), Records([int(own.ids[step % 7])])
            for target in targets:
                mine, own = forest.forget(mine, target, own, RUN).model, own.after(target)
            same.append(fingerprint(mine) == fingerprint(forest.learn(own, RUN)))
        return same

    every = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(3) as pool:
            assert all(all(same) for same in pool.map(worked, range(3)))
    finally:
        sys.setswitchinterval(every)


def test_a_model_that_lives_to_the_end_of_the_interpreter_goes_in_silence() -> None:
    script = (
        "import numpy as np; from expunge import Forest, Records, Run, Table\n"
        "data, run = Table.from_arrays(np.arange(20.0)[:, None], np.arange(20) % 2), Run(key=b'k')\n"
        "forest = Forest(trees=3); model = forest.learn(data, run)\n"
        "other = forest.forget(model, Records([3]), data, run).model\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
