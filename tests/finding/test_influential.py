"""Records that predictions went wrong by: what learning without each does to the loss, and planted wrong labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge

from expunge import Records, Run, Table
from expunge.errors import DataError
from expunge.finding.influential import influential
from expunge.learners.linear import LinearLearner
from expunge.measures.loss import log_loss, squared_error

RUN = Run(key=b"a key for tests")


def loss(learner: Any, data: Table, asked: Table) -> float:
    model = learner.learn(data, RUN)
    said = learner.predict(model, asked)
    assert asked.label is not None
    each = squared_error(said, asked.label) if said.ndim == 1 else log_loss(said, model.classes, asked.label)
    return float(each.sum())


@pytest.mark.parametrize("kind", ["ridge", "two", "three"])
@pytest.mark.parametrize("asked_about", [1, 4])
def test_scores_agree_with_learning_without_each(kind: str, asked_about: int) -> None:
    random = np.random.default_rng(1)
    X = random.normal(size=(80, 4))
    signal = X @ [1.0, -1.0, 0.5, 0.0] + random.normal(size=80)
    y = {"ridge": signal, "two": signal > 0, "three": np.digitize(signal, [-0.8, 0.8])}[kind]
    learner = LinearLearner(Ridge() if kind == "ridge" else LogisticRegression())
    data = Table.from_arrays(X, y)
    wrong = {"ridge": np.full(4, 4.0), "two": np.array([True] * 4), "three": np.array([2] * 4)}[kind]
    asked = Table.from_arrays(random.normal(size=(4, 4)) * 0.5 - [1.0, -1.0, 0.0, 0.0], wrong).take(slice(asked_about))
    found = influential(learner, learner.learn(data, RUN), data, RUN, asked)
    whole = loss(learner, data, asked)
    falls = [whole - loss(learner, data.after(Records([name])), asked) for name in found.ids.tolist()]
    assert spearmanr(found.scores, falls)[0] > 0.95
    assert float(found.scores @ falls) / float(np.square(falls).sum()) == pytest.approx(1.0, abs=0.2)
    best = loss(learner, data.after(found.target(8)), asked)
    assert best < min(loss(learner, data.after(Records(found.ids[k : k + 8])), asked) for k in (20, 40, 72)) < whole * 2


@pytest.mark.parametrize("seed", [0, 1])
def test_planted_wrong_labels_are_what_wrong_predictions_come_from(seed: int) -> None:
    X, y = load_digits(return_X_y=True)
    random = np.random.default_rng(seed)
    order = random.permutation(len(X))
    label = y[order[:1200]].copy()
    label[:60] = (label[:60] + random.integers(1, 10, 60)) % 10
    data = Table.from_arrays(X[order[:1200]] / 16, label)
    asked = Table.from_arrays(X[order[1200:]] / 16, y[order[1200:]])
    learner = LinearLearner(LogisticRegression(C=0.1))
    found = influential(learner, learner.learn(data, RUN), data, RUN, asked)
    assert np.mean(np.array(found.names(60)) < 60) > 0.75  # measured: .85 to .88, where .05 is chance


def test_a_ranking_is_of_the_sets_of_records() -> None:
    random = np.random.default_rng(0)
    data = Table.from_arrays(random.normal(size=(40, 3)), np.arange(40) % 3)
    asked = Table.from_arrays(random.normal(size=(5, 3)), np.arange(5) % 3)
    learner = LinearLearner(LogisticRegression())
    model = learner.learn(data, RUN)
    found = influential(learner, model, data, RUN, asked)
    turned = slice(None, None, -1)
    again = influential(learner, model, data.take(turned), RUN, asked.take(turned))
    assert (found.ids.tolist(), found.scores.tolist()) == (again.ids.tolist(), again.scores.tolist())


def test_nothing_asked_and_an_unknown_class_are_refused() -> None:
    data = Table.from_arrays(np.eye(4), ["a", "b", "a", "b"])
    learner = LinearLearner(LogisticRegression())
    model = learner.learn(data, RUN)
    with pytest.raises(DataError, match="none is asked about"):
        influential(learner, model, data, RUN, data.take(slice(0, 0)))
    with pytest.raises(DataError, match="'c' is none of the classes"):
        influential(learner, model, data, RUN, Table.from_arrays(np.eye(4), ["c"] * 4))
