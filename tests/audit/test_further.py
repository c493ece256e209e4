"""Going on: what learners can, and what they say who cannot; settings that are none; figures under another name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from expunge.audit.arms import Missing
from expunge.audit.further import Going, again
from expunge.codec import fingerprint
from expunge.data.table import Table
from expunge.errors import ParameterError
from expunge.learners.sklearn import SklearnLearner
from expunge.protocol import Run
from expunge.values import Label

RUN = Run(key=b"key")
X = np.random.default_rng(0).normal(size=(60, 3))
DATA = Table.from_arrays(X, np.array(["ant", "bee", "cow"])[np.arange(60) % 3])


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (DecisionTreeClassifier(), "cannot go on training"),
        (GaussianNB(), "counts a record each time it sees it"),
        (MLPClassifier(early_stopping=True), "early_stopping=True cannot go on"),
    ],
)
def test_who_cannot_go_on_says_why_and_nothing_of_slices(estimator: Any, words: str) -> None:
    learner = SklearnLearner(estimator)
    found = Going().on(learner, None, DATA, RUN)
    assert isinstance(found, Missing)
    assert words in found.reason
    assert "slices" not in found.reason


def test_what_is_no_continuing_learner_says_so() -> None:
    assert Going().on("a text", None, DATA, RUN) == Missing("str cannot go on training")


@pytest.mark.parametrize("estimator", [SGDClassifier(), LogisticRegression()])
def test_a_model_goes_on_without_a_class_and_keeps_it(estimator: Any) -> None:
    learner = SklearnLearner(estimator)
    model = learner.learn(DATA, RUN)
    before = fingerprint(model)
    after = Going(epochs=3).on(learner, model, DATA.after(Label("cow")), RUN)
    assert fingerprint(model) == before
    assert after.classes == ("ant", "bee", "cow")
    assert learner.predict(after, DATA).shape == (60, 3)


@dataclass(frozen=True)
class State:
    """A model between slices."""

    going: Any = "an optimiser's"


@dataclass(frozen=True)
class Slow:
    """What goes on for another learner, and says with what."""

    rate: float
    own: bool

    def go_on(self, state: Any, data: Table, epochs: int, run: Run, of: int) -> Any:
        return (self, state, epochs, of)


@dataclass(frozen=True)
class Quick:
    """A learner that has another for its finished models."""

    passes: int = 100

    def further(self, rate: float, *, own: bool) -> Slow:
        return Slow(rate, own)


def test_a_learner_may_have_another_for_its_finished_models() -> None:
    assert Going().on(Quick(), State(), DATA, RUN) == (Slow(0.1, own=False), State(None), 10, 10)
    asked = Going(3, 1.0, "own")
    assert asked.on(Quick(), State(None), DATA, RUN) == (Slow(1.0, own=True), State(None), 3, 3)


@pytest.mark.parametrize(("passes", "epochs"), [(1, 1), (14, 1), (16, 2), (100, 10)])
def test_a_tenth_of_the_epochs_is_one_at_the_least(passes: int, epochs: int) -> None:
    assert Going().many(Quick(passes)) == epochs
    assert Going(epochs=7).many(Quick(passes)) == 7


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 0}, "epochs to be a whole number"),
        ({"epochs": True}, "epochs to be a whole number"),
        ({"epochs": 2.0}, "epochs to be a whole number"),
        ({"rate": 0}, "rate to be a number above 0"),
        ({"rate": float("nan")}, "rate to be a number above 0"),
        ({"rate": "fast"}, "rate to be a number above 0"),
        ({"schedule": "cosine"}, "'constant' or 'own'"),
    ],
)
def test_settings_that_are_none_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        Going(**settings)


def test_names_tell_settings_apart() -> None:
    made = [Going(), Going(epochs=3), Going(rate=0.3), Going(schedule="own")]
    assert [one.named("resurfaced") for one in made] == [
        "resurfaced", "resurfaced (3)", "resurfaced (0.3)", "resurfaced (own)",
    ]  # fmt: skip


def test_a_figure_is_the_usual_one_under_another_name() -> None:
    made = again("fit", "resurfaced", "after more", "It has limits.")
    assert (made.name, made.limits, made.about) == ("fit, resurfaced", "It has limits.", "leakage")
    assert made.title.endswith(", after more")
    assert replace(made, name="fit", title=again("fit", "", "", "").title[:-2]).of is again("fit", "", "", "").of
