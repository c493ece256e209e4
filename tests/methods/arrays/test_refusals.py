"""What methods of isolated parts refuse alike is a sentence that names the method, or says what to do instead."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.linear_model import SGDClassifier
from sklearn.tree import DecisionTreeClassifier

from expunge import Batch, Column, Records, Run, SklearnLearner, keyed
from expunge.errors import MismatchError, ParameterError
from expunge.methods.arrays._refusals import (
    refusal_of,
    refuse_another,
    refuse_options,
    refuse_slices,
    said_of_moved,
)
from expunge.testing import patients

DATA = patients(12)


@pytest.mark.parametrize("count", [0, -1, True, 1.5, "2", None])
def test_a_count_is_a_whole_number_of_at_least_one(count: Any) -> None:
    with pytest.raises(ParameterError, match="Method needs parts to be a whole number of at least 1"):
        refuse_options("Method", {"parts": count}, {})
    refuse_options("Method", {"parts": 1}, {})


@pytest.mark.parametrize("choice", ["c", None, 1, ["a"]])
def test_a_choice_is_one_of_those_that_there_are(choice: Any) -> None:
    with pytest.raises(ParameterError, match=r"Method needs way to be one of \('a', 'b'\), got"):
        refuse_options("Method", {}, {"way": (choice, ("a", "b"))})
    refuse_options("Method", {}, {"way": ("a", ("a", "b"))})


def test_slices_need_a_learner_that_goes_on() -> None:
    refuse_slices("Method", SklearnLearner(DecisionTreeClassifier()), 1, "cumulative")
    refuse_slices("Method", SklearnLearner(SGDClassifier()), 3, "cumulative")
    with pytest.raises(ParameterError, match=r"Method with 3 slices cannot be learned: .* no partial_fit"):
        refuse_slices("Method", SklearnLearner(DecisionTreeClassifier()), 3, "cumulative")
    with pytest.raises(ParameterError, match="the learner cannot go on"):
        refuse_slices("Method", object(), 3, "cumulative")


def test_another_key_and_other_parameters_are_told_apart() -> None:
    run = Run(key=b"k")
    refuse_another(run, "r", key=keyed.key_id(b"k"), learned="r")
    with pytest.raises(MismatchError, match="a key other than the model's"):
        refuse_another(run, "r", key=keyed.key_id(b"other"), learned="r")
    with pytest.raises(MismatchError, match="parameters other than the model's: it was learned with s, this is r"):
        refuse_another(run, "r", key=keyed.key_id(b"k"), learned="s")


def test_the_column_that_places_is_refused_alone_and_in_a_batch() -> None:
    for target in (Column("x0"), Batch([Records([1]), Column("x0")])):
        refusal = refusal_of("METHOD", target, DATA, "x0")
        assert refusal is not None
        assert (refusal.kind, refusal.what) == ("instead", "learn again with likelihood=None")
        assert refusal_of("METHOD", target, DATA, None) is None


class Fact:
    """A target that no record carries."""


def test_what_no_record_carries_is_refused_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(DATA), "change", lambda *_: None)
    refusal = refusal_of("METHOD", Fact(), DATA, None)  # type: ignore[arg-type]  # what is not known yet
    assert refusal is not None
    assert refusal.kind == "never"
    assert "METHOD forgets what records say" in refusal.reason


def test_moved_parts_are_counted_in_words() -> None:
    assert said_of_moved(0, ("part", "parts")) == []
    assert said_of_moved(2, ("part", "parts"))[0].startswith("2 parts were learned in another environment")
