"""The verbs' few values: a key that never prints and a run that refuses nonsense."""

from __future__ import annotations

import copy
import dataclasses
import logging
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from expunge.data.table import Table
from expunge.errors import ParameterError
from expunge.learners.sklearn import SklearnLearner
from expunge.methods.arrays.retrain import Retrain
from expunge.methods.arrays.sisa import Sisa
from expunge.protocol import Change, Continuing, Key, Learner, Pace, Run, Together, Wavering, silent

SECRET = b"a most private matter"


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        lambda run: str(run.key),
        lambda run: f"{run.key}",
        lambda run: f"{run.key!r:>20}",
        lambda run: f"{run}",
        lambda run: repr([run.key]),
        lambda run: repr({"key": run.key}),
        lambda run: repr(dataclasses.asdict(run)),
        lambda run: "{}".format(run.key),  # noqa: UP032  (another way to print)
        lambda run: "%s %r" % (run.key, run.key),  # noqa: UP031  (another way to print)
        lambda run: repr(run.afresh()),
        lambda run: repr(copy.deepcopy(run).key),
        lambda run: repr(pickle.loads(pickle.dumps(run.key))),  # noqa: S301  (our own bytes)
    ],
)
def test_a_key_never_prints(shown: Any) -> None:
    text = shown(Run(key=SECRET))
    assert "private" not in text
    assert SECRET.hex() not in text
    assert "***" in text


def test_a_key_is_masked_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("expunge").warning("learned with %s and %r", Key(SECRET), Run(key=SECRET))
    assert "private" not in caplog.text
    assert "***" in caplog.text


def test_a_key_is_the_bytes_it_was_made_of() -> None:
    key = Key(SECRET)
    assert key == SECRET == key
    assert key != b"another"
    assert bytes(key) == SECRET
    assert Key(key) is key
    assert Key(bytearray(SECRET)) == Key(memoryview(SECRET)) == key
    assert len({key, Key(SECRET)}) == 1
    assert type(copy.copy(key)) is type(pickle.loads(pickle.dumps(key))) is Key  # noqa: S301  (our own bytes)


def test_a_key_prints_nowhere_and_is_no_bytes_that_something_else_would_print() -> None:
    key: Any = Key(SECRET)
    for show in (repr, str, ascii, format, "{0!r}".format, "%s".__mod__, lambda held: repr([held, {held: held}])):
        assert SECRET.decode() not in show(key)
    misuses: list[Any] = [int, float, np.array, list, lambda held: held + b"", lambda held: held[:4]]
    for misuse in misuses:
        try:
            shown = repr(misuse(key))
        except (TypeError, ValueError) as refused:
            shown = str(refused)
        assert SECRET.decode() not in shown


def test_a_key_does_not_change() -> None:
    with pytest.raises(AttributeError, match="a key does not change"):
        Key(SECRET)._secret = b"another"


@pytest.mark.parametrize(
    "wrong",
    [{"map": 3}, {"store": None}, {"pace": 0.1}, {"tick": None}, {"store": [1]}],
    ids=lambda given: next(iter(given)),
)
def test_what_a_run_cannot_use_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=f"Run needs {next(iter(wrong))} to be"):
        Run(key=SECRET, **wrong)


def test_a_number_of_numpys_is_a_number_of_threads() -> None:
    assert type(Run(key=SECRET, threads=np.int64(2)).threads) is int  # type: ignore[arg-type]  # as people have it


@pytest.mark.parametrize("bad", [b"", "secret", None, 5, bytearray(), [1]])
def test_what_is_no_key_is_refused_without_showing_it(bad: Any) -> None:
    with pytest.raises(ParameterError, match="a key is a non-empty bytes object") as caught:
        Run(key=bad)
    assert ("an empty one" if bad in (b"", bytearray()) else type(bad).__name__) in str(caught.value)
    assert "'secret'" not in str(caught.value)


@pytest.mark.parametrize("threads", [0, -1, 1.0, True, None, "2"])
def test_threads_are_a_whole_number_of_at_least_one(threads: Any) -> None:
    with pytest.raises(ParameterError, match="threads to be a whole number"):
        Run(key=SECRET, threads=threads)


def test_runs_do_not_share_a_store_unless_told_to() -> None:
    one, other = Run(key=SECRET), Run(key=SECRET)
    one.store["a"] = b"b"
    assert other.store == {}
    assert one.afresh().store == {}
    assert one.store == {"a": b"b"}


def test_a_fresh_run_keeps_everything_but_the_store() -> None:
    run = Run(key=SECRET, threads=3, pace=Pace(0.5), store={"a": b"b"})
    again = run.afresh()
    assert (again.key, again.threads, again.pace, again.map, again.tick) == (
        run.key,
        run.threads,
        run.pace,
        run.map,
        run.tick,
    )


def test_the_default_map_is_the_builtin_and_the_default_tick_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(key=SECRET)
    assert list(run.map(abs, [-1, 2])) == [1, 2]
    run.tick("learning", 1, 2)
    silent("learning", 2, 2)
    assert capsys.readouterr() == ("", "")


def test_a_run_and_a_change_are_frozen() -> None:
    run: Any = Run(key=SECRET)
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.threads = 2
    change: Any = Change(Table.from_arrays([[1.0]]).rows, Table.from_arrays([[1.0]]))  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        change.out = None


def test_what_learns_and_predicts_is_a_learner() -> None:
    assert issubclass(SklearnLearner, Learner)
    assert issubclass(Retrain, Learner)
    assert not isinstance(object(), Learner)
    assert not isinstance(object(), Continuing)


def test_what_trains_together_or_wavers_says_so_by_its_verbs() -> None:
    class Both:
        together = 3

        def learn_together(self) -> None: ...

        def go_on_together(self) -> None: ...

        def predict_together(self) -> None: ...

        def wavers(self) -> None: ...

    assert isinstance(Both(), Together)
    assert isinstance(Both(), Wavering)
    assert issubclass(Sisa, Wavering)
    assert not isinstance(SklearnLearner(LogisticRegression()), Together | Wavering)
