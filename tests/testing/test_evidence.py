"""What laws look at: a fresh process, failures on both sides, scores of models that know less."""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from expunge import Label, Records, Retrain, Run, Table, fingerprint, keyed
from expunge.errors import EmptyModelError, LearnError
from expunge.testing import LAWS, Case, Law, patients
from expunge.testing.evidence import (
    bytes_after,
    compare_with_learning,
    confidence,
    fingerprint_of,
    in_both_processes,
    is_exact,
    kept_by,
    or_failure,
    said,
)
from expunge.testing.laws import learning_is_a_pure_function

if TYPE_CHECKING:
    from pathlib import Path

CASE = Case(Retrain(GaussianNB()))


def test_a_fresh_process_learns_forgets_and_predicts_the_same() -> None:
    target = Records([5])
    here, there = in_both_processes(CASE, target)
    assert here == there
    assert here[:2] == [fingerprint_of(CASE, CASE.data), fingerprint_of(CASE, CASE.data.after(target))]


HANDLE = """
from expunge import Exact, Forgotten, Retrain
HELD = {}
class Handle(Retrain):
    # the model is a handle, and what it learned is kept in this module: forgetting nothing looks exact
    def learn(self, data, run):
        HELD["model"] = HELD.get("model") or super().learn(data, run)
        return "a handle"
    def predict(self, model, data):
        return super().predict(HELD["model"], data)
    def forget(self, model, target, data, run):
        return Forgotten(model, Exact(), 0)
"""


def test_a_model_that_is_only_a_handle_is_caught_in_a_fresh_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "holds_on.py").write_text(HANDLE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    case = Case(importlib.import_module("holds_on").Handle(DecisionTreeClassifier()))
    with pytest.raises(AssertionError):
        learning_is_a_pure_function(case)


def test_what_is_printed_and_logged_is_heard() -> None:
    with said() as heard:
        print("aloud")  # noqa: T201  (to be heard)
        logging.getLogger("anything").warning("in writing")
    assert b"aloud" in heard()
    assert b"in writing" in heard()


def test_what_a_method_and_its_class_hold_is_seen() -> None:
    class Holds:
        shared: ClassVar = ["on the class"]

        def __init__(self) -> None:
            self.own = "on itself"

    assert b"on the class" in kept_by(Holds())
    assert b"on itself" in kept_by(Holds())


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


@dataclass(frozen=True)
class Near:
    """Records in a keyed order."""

    X: Any
    label: Any
    classes: Any


@dataclass(frozen=True)
class Nearest:
    """Says of a record what its nearest neighbour says, several labels and all; classes in the order of ``turned``."""

    turned: int = 1

    def learn(self, data: Table, run: Run) -> Near:
        ordered = data.take(keyed.order(run.key, data.ids))
        label = np.asarray(ordered.label, np.float64)
        named = data.task == "multilabel"
        label, classes = (label[:, :: self.turned], (data.classes or ())[:: self.turned]) if named else (label, None)
        return Near(np.ascontiguousarray(ordered.features), np.ascontiguousarray(label), classes)

    def predict(self, model: Near, data: Table) -> Any:
        if not len(model.X):
            msg = "nobody is near"
            raise EmptyModelError(msg)
        width = min(len(data.names), model.X.shape[1])
        apart = ((data.features[:, None, :width] - model.X[None, :, :width]) ** 2).sum(axis=2)
        said = model.label[apart.argmin(axis=1)]
        return said if model.classes is None else 0.125 + 0.75 * said


SEVERAL = {"labels": patients(several=True), "targets": patients(numbers=True, several=True)}


@pytest.mark.parametrize("turned", [1, -1])
def test_confidence_of_several_labels_is_of_what_is_true_and_by_name(turned: int) -> None:
    data, case = SEVERAL["labels"], Case(Retrain(Nearest(turned)))
    model = case.method.learn(data, case.run())
    assert confidence(case, model, data) == 0.875
    other = Table.from_arrays(data.features, ~np.asarray(data.label), data.ids, data.owners, classes=data.classes)
    assert confidence(case, model, other) == 0.125


def test_confidence_of_several_numbers_is_their_mean() -> None:
    data, case = SEVERAL["targets"], Case(Retrain(Nearest()))
    model = case.method.learn(data, case.run())
    assert confidence(case, model, data) == pytest.approx(np.asarray(data.label).mean())


@pytest.mark.parametrize("kind", SEVERAL)
@pytest.mark.parametrize("law", LAWS)
def test_laws_hold_with_several_labels(law: Law, kind: str) -> None:
    law(Case(Retrain(Nearest()), SEVERAL[kind], examples=4, portable=False))


def test_a_model_of_nothing_has_no_confidence() -> None:
    data, run = patients(), CASE.run()
    empty = CASE.method.learn(data.take(slice(0, 0)), run)
    assert confidence(CASE, empty, data) == 0.0
    assert fingerprint(empty) != fingerprint(SimpleNamespace())
