"""Learning again finds the same model after an exact forgetting, another one after none, and leaves the store alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier

from expunge.audit.arms import Missing
from expunge.audit.replay import Replay, compared, contradiction, lines, relearn, replay, sample
from expunge.codec import fingerprint
from expunge.data.table import Table
from expunge.methods.arrays.retrain import Retrain
from expunge.methods.arrays.sisa import Sisa
from expunge.protocol import Run
from expunge.values import Records

if TYPE_CHECKING:
    from collections.abc import Callable

RNG = np.random.default_rng(0)
DATA = Table.from_arrays(RNG.normal(size=(40, 3)), RNG.integers(0, 3, 40))
METHODS: list[Any] = [Retrain(DecisionTreeClassifier()), Sisa(LogisticRegression(), shards=3, slices=2)]


@pytest.mark.parametrize("method", METHODS, ids=["retrain", "sisa"])
@settings(max_examples=8, deadline=None)
@given(ids=st.sets(st.integers(0, 45), max_size=12))
def test_exact_methods_are_found_exact_and_the_store_is_left_alone(method: Any, ids: set[int]) -> None:
    run, target = Run(key=b"key"), Records(ids)
    model = method.learn(DATA, run)
    forgotten = method.forget(model, target, DATA, run).model
    before = dict(run.store)
    found = replay(method, forgotten, target, DATA, run)
    assert isinstance(found, Replay)
    assert found.equal
    assert contradiction(found) is None
    assert run.store == before


def test_a_store_that_holds_a_wrong_checkpoint_cannot_pass_it_on() -> None:
    method, run, target = METHODS[1], Run(key=b"key"), Records([3])
    method.forget(method.learn(DATA, run), target, DATA, run)
    poisoned = Run(key=b"key", store=dict.fromkeys(run.store, b"the state of another model"))
    assert fingerprint(relearn(method, target, DATA, poisoned)[0]) == fingerprint(relearn(method, target, DATA, run)[0])


@pytest.mark.parametrize("method", METHODS, ids=["retrain", "sisa"])
def test_doing_nothing_is_found(method: Any) -> None:
    run, target = Run(key=b"key"), Records([3])
    found = replay(method, method.learn(DATA, run), target, DATA, run)
    assert isinstance(found, Replay)
    assert not found.equal
    assert found.oracle == fingerprint(method.learn(DATA.after(target), Run(key=b"key")))
    sentence = contradiction(found)
    assert sentence is not None
    assert found.forgotten[:16] in sentence
    assert found.oracle[:16] in sentence


def test_a_model_one_bit_away_is_found() -> None:
    one = np.array([1.0, 2.0])
    found = compared(one, np.nextafter(one, 3.0))
    assert isinstance(found, Replay)
    assert not found.equal


def test_a_second_oracle_has_its_own_key() -> None:
    one, _ = relearn(METHODS[0], Records([3]), DATA, Run(key=b"key"))
    other, _ = relearn(METHODS[0], Records([3]), DATA, Run(key=b"key"), key=b"second")
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(other) == fingerprint(METHODS[0].learn(DATA.after(Records([3])), Run(key=b"second")))


@dataclass
class Closure:
    """A model that nobody can write down."""

    answer: Callable[[], int]


def test_a_model_without_a_fingerprint_cannot_be_called_exact() -> None:
    found = compared(Closure(lambda: 1), Closure(lambda: 1))
    assert isinstance(found, Missing)
    assert "cannot be compared" in str(contradiction(found))
    assert any("Not compared" in line for line in lines(found))


def test_seconds_do_not_tell_two_replays_apart() -> None:
    assert Replay(equal=True, forgotten="a", oracle="a", seconds=1.0) == Replay(equal=True, forgotten="a", oracle="a")
    found = replay(Retrain(Ridge()), None, Records([3]), DATA, Run(key=b"key"))
    assert isinstance(found, Replay)
    assert found.seconds > 0


@pytest.mark.parametrize(("equal", "words"), [(True, "The same model, bit for bit"), (False, "Another model")])
def test_it_says_what_it_found_and_what_it_cannot_show(equal: bool, words: str) -> None:  # noqa: FBT001  (a parameter)
    text = "\n".join(lines(Replay(equal, "f" * 64, "e" * 64)))
    assert words in text
    assert "says nothing of" in text


@settings(max_examples=8, deadline=None)
@given(ids=st.sets(st.integers(0, 45), max_size=12), drawn=st.integers(0, 2**64))
def test_a_sample_finds_the_same_part_and_counts_those_that_the_records_touch(ids: set[int], drawn: int) -> None:
    method, run = Sisa(LogisticRegression(), shards=3), Run(key=b"key")
    model, target = method.learn(DATA, run), Records(ids)
    after, data = method.forget(model, target, DATA, run).model, DATA.after(target)
    found = sample(method, model, after, data, run, drawn)
    changed = {n for n in range(3) if model.shards[n].chain != after.shards[n].chain}
    assert (found is None) == (not changed)
    if found is not None:
        assert found.replay.equal
        assert found.part in changed
        assert found.of == len(changed)


def test_a_sample_is_not_taken_in_by_a_model_that_says_it_changed_or_that_it_did_not() -> None:
    method, run, target = Sisa(LogisticRegression(), shards=3), Run(key=b"key"), Records([3])
    model, data = method.learn(DATA, run), DATA.after(target)
    after = method.forget(model, target, DATA, run).model
    pairs = zip(model.shards, after.shards, strict=True)
    for cheat in (model, replace(after, shards=tuple(replace(old, chain=new.chain) for old, new in pairs))):
        found = sample(method, model, cheat, data, run, 0)
        assert found is not None
        assert not found.replay.equal
