"""What laws look at: a fresh process, failures on both sides, scores of models that know less."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from expunge import Label, Records, Retrain, fingerprint
from expunge.errors import LearnError
from expunge.testing import Case, patients
from expunge.testing.evidence import (
    bytes_after,
    compare_with_learning,
    confidence,
    fingerprint_of,
    in_a_fresh_process,
    is_exact,
    or_failure,
)

CASE = Case(Retrain(GaussianNB()))


def test_a_fresh_process_learns_and_forgets_the_same() -> None:
    target = Records([5])
    here = [fingerprint_of(CASE, CASE.data), fingerprint_of(CASE, CASE.data.after(target))]
    assert in_a_fresh_process(CASE, target) == here


def test_a_fresh_process_that_fails_shows_why() -> None:
    with pytest.raises(AssertionError, match="LearnError"):
        in_a_fresh_process(Case(Retrain(LogisticRegression(C=-1.0))), Records([5]))


def test_a_learner_that_fails_is_an_outcome() -> None:
    failing = Case(Retrain(LogisticRegression(C=-1.0)))
    assert fingerprint_of(failing, failing.data) is LearnError
    assert bytes_after(failing, [Records([5])]) is LearnError
    assert not is_exact(failing, Records([5]), failing.data)
    assert or_failure(lambda: 3) == 3


def test_bytes_after_a_stream_are_those_of_its_end() -> None:
    data = CASE.data
    both = bytes_after(CASE, [Records(data.ids[:1]), Label("unsure")])
    assert both == bytes_after(CASE, [], data.after(Records(data.ids[:1])).after(Label("unsure")))
    assert both != bytes_after(CASE, [])


def test_a_stream_that_ends_in_another_model_is_caught() -> None:
    class Lazy(Retrain):
        def forget(self, model, target, data, run):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            done = super().forget(model, target, data, run)
            return type(done)(model, done.claim, done.examples)

    compare_with_learning(CASE, [Records(CASE.data.ids[:2])])
    with pytest.raises(AssertionError, match="not the model learned without"):
        compare_with_learning(Case(Lazy(GaussianNB())), [Records(CASE.data.ids[:2])])


def test_confidence_is_matched_by_class_name() -> None:
    data, run = patients(), CASE.run()
    model = CASE.method.learn(data.after(Label("unsure")), run)
    unsure = data.take(data.label == "unsure")  # type: ignore[arg-type]  # they have labels
    assert confidence(CASE, model, unsure) == 0.0
    assert confidence(CASE, model, data.after(Label("unsure"))) > 0.5


def test_a_model_of_nothing_has_no_confidence() -> None:
    data, run = patients(), CASE.run()
    empty = CASE.method.learn(data.take(slice(0, 0)), run)
    assert confidence(CASE, empty, data) == 0.0
    assert fingerprint(empty) != fingerprint(SimpleNamespace())
