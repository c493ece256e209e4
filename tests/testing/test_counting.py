"""The counting learner counts what it is handed and does what the other one does."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.tree import DecisionTreeClassifier

from expunge import Records, Retrain, Run, Sisa, SklearnLearner, fingerprint
from expunge.errors import ParameterError
from expunge.learners.sklearn import as_learner
from expunge.protocol import Continuing, Named, Priced
from expunge.testing import patients
from expunge.testing.counting import Counting, counted

KEY = b"k"
METHODS = [
    Sisa(SklearnLearner(SGDClassifier(), epochs=3), shards=3, slices=4),
    Sisa(DecisionTreeClassifier(), shards=3),
    Retrain(LogisticRegression()),
    Retrain(Sisa(DecisionTreeClassifier(), shards=3)),
]


@pytest.mark.parametrize("method", METHODS)
def test_counting_changes_nothing(method: Sisa | Retrain) -> None:
    data = patients()
    counting, _ = counted(method)
    assert fingerprint(counting.learn(data, Run(key=KEY))) == fingerprint(method.learn(data, Run(key=KEY)))
    assert counting.recipe() == method.recipe()


@settings(max_examples=10, deadline=None)
@given(st.sets(st.sampled_from(patients().ids.tolist())), st.sampled_from(METHODS))
def test_what_is_counted_is_what_is_quoted_and_reported(ids: set[int], method: Sisa | Retrain) -> None:
    data, run, (counting, seen) = patients(), Run(key=KEY), counted(method)
    model = counting.learn(data, run)
    assert sum(seen) == method.visits(data, run)
    seen.clear()
    quote = counting.quote(model, Records(ids), data, run)
    assert not seen, "quoting trains nothing"
    done = counting.forget(model, Records(ids), data, run)
    assert quote.examples == done.examples == sum(seen)


def test_it_can_what_the_other_can_and_no_more() -> None:
    learner = Counting(as_learner(LogisticRegression()), [])
    assert isinstance(learner, Continuing)
    assert isinstance(learner, Named)
    assert isinstance(learner, Priced)
    assert not isinstance(Counting(object(), []), Named)


def test_a_method_that_owns_its_training_is_left_as_it_is() -> None:
    method = object()
    assert counted(method) == (method, [])


def test_a_method_that_looks_into_its_learner_is_left_as_it_is() -> None:
    @dataclass(frozen=True)
    class Choosy:
        learner: SklearnLearner

        def __post_init__(self) -> None:
            if not isinstance(self.learner, SklearnLearner):
                raise ParameterError(repr(self.learner))

    method = Choosy(SklearnLearner(LogisticRegression()))
    assert counted(method) == (method, [])
