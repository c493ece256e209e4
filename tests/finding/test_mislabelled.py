"""Planted wrong labels come first; nobody is asked about by a model that knew them, or anybody of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from expunge import Run, Sisa, SklearnLearner, Table
from expunge.backends.local import Processes
from expunge.errors import DataError, MissingExtraError, ParameterError
from expunge.finding import mislabelled as module
from expunge.finding.mislabelled import mislabelled, out_of_sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUN = Run(key=b"a key for tests")
LINEAR = SklearnLearner(LogisticRegression())


class Remembering:
    """Says of each record whether its learner has met its unit: one class for strangers, the other for the known."""

    def learn(self, data: Table, run: Run) -> Any:
        return type("Met", (), {"classes": ("known", "stranger"), "units": set(data.units.tolist())})()

    def predict(self, model: Any, data: Table) -> NDArray[np.float64]:
        known = np.array([unit in model.units for unit in data.units.tolist()], dtype=float)
        return np.column_stack([known, 1 - known])


def digits(seed: int, wrong: int = 60, records: int = 1200) -> tuple[Table, NDArray[np.intp]]:
    """Digits of which some are labelled as another; and which."""
    X, y = load_digits(return_X_y=True)
    random = np.random.default_rng(seed)
    order = random.permutation(len(X))[:records]
    label = y[order].copy()
    label[:wrong] = (label[:wrong] + random.integers(1, 10, wrong)) % 10
    return Table.from_arrays(X[order] / 16, label), np.arange(wrong)


def test_nobody_is_asked_about_by_a_model_that_knew_one_of_theirs() -> None:
    data = Table.from_arrays(np.zeros((60, 1)), ["known", "stranger"] * 30, owners=np.arange(60) // 4)
    assert out_of_sample(Remembering(), data, RUN, folds=3).tolist() == [[0.0, 1.0]] * 60
    alone = Table.from_arrays(np.zeros((60, 1)), ["known", "stranger"] * 30)
    assert out_of_sample(Remembering(), alone, RUN, folds=7).tolist() == [[0.0, 1.0]] * 60


def test_scores_are_of_the_set_of_records_and_nothing_is_stored() -> None:
    data, _ = digits(0, 5, 150)
    run = Run(key=b"another")
    found = out_of_sample(LINEAR, data, run)
    moved = np.random.default_rng(0).permutation(len(data))
    assert out_of_sample(LINEAR, data.take(moved), run).tolist() == found[moved].tolist()
    assert out_of_sample(Sisa(LogisticRegression(), shards=2), data, run).shape == (150, 10)
    assert run.store == {}
    assert found.tolist() != out_of_sample(LINEAR, data, Run(key=b"other folds")).tolist()


def test_a_class_that_a_fold_holds_alone_gets_nothing() -> None:
    label = np.array(["rare", *["usual", "other"] * 20])
    data = Table.from_arrays(np.random.default_rng(0).normal(size=(41, 2)), label)
    found = out_of_sample(LINEAR, data, RUN)
    assert found[0, data.present.index("rare")] == 0
    assert found.sum(axis=1) == pytest.approx(np.ones(41))


@pytest.mark.parametrize("seed", [0, 1])
def test_planted_wrong_labels_come_first(seed: int) -> None:
    pytest.importorskip("cleanlab", reason="pip install 'expunge[find]'")
    data, wrong = digits(seed)
    found = mislabelled(LINEAR, data, RUN)
    precision = np.isin(found.names(60), wrong).mean()
    assert precision > 0.8  # measured: .87 to .92 in six runs, where .05 is chance
    assert np.isin(found.names(30), wrong).mean() > 0.95
    assert found.likely is not None
    assert 45 <= found.likely <= 75  # measured: 53 to 65
    assert set(found.said) == set(module.SAID)


def test_without_wrong_labels_few_are_taken_for_wrong() -> None:
    pytest.importorskip("cleanlab", reason="pip install 'expunge[find]'")
    data, _ = digits(0, 0, 600)
    found = mislabelled(LINEAR, data, RUN)
    assert found.likely is not None
    assert found.likely < 20


def test_scores_are_the_normalised_margin() -> None:
    pytest.importorskip("cleanlab", reason="pip install 'expunge[find]'")
    data, _ = digits(3, 20, 300)
    found, scores = mislabelled(LINEAR, data, RUN), out_of_sample(LINEAR, data, RUN)
    assert data.label is not None
    own = scores[np.arange(300), data.label]
    others = np.where(np.eye(10, dtype=bool)[data.label], -1.0, scores).max(axis=1)
    expected = (1 + others - own) / 2
    assert found.scores == pytest.approx(expected[found.ids])
    moved = mislabelled(LINEAR, data.take(np.arange(300)[::-1]), RUN)
    assert (moved.ids.tolist(), moved.scores.tolist()) == (found.ids.tolist(), found.scores.tolist())


def test_processes_say_the_same() -> None:
    data, _ = digits(0, 5, 100)
    spread = Run(key=b"another", map=Processes(2))
    assert out_of_sample(LINEAR, data, spread).tolist() == out_of_sample(LINEAR, data, Run(key=b"another")).tolist()


def test_without_the_package_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cleanlab.filter", None)
    data, _ = digits(0, 5, 100)
    with pytest.raises(MissingExtraError, match=r"expunge\[find\]"):
        mislabelled(LINEAR, data, RUN)


@pytest.mark.parametrize(
    "label",
    [None, np.linspace(0, 1, 20), np.eye(20, 3, dtype=bool), ["one"] * 20],
    ids=["none", "numbers", "many", "one"],
)
def test_other_labels_are_refused(label: Any) -> None:
    with pytest.raises(DataError, match="one of several classes"):
        mislabelled(LINEAR, Table.from_arrays(np.zeros((20, 1)), label), RUN)


@pytest.mark.parametrize("folds", [1, 0, True, 2.0, "5"])
def test_other_folds_are_refused(folds: Any) -> None:
    data, _ = digits(0, 5, 100)
    with pytest.raises(ParameterError, match="at least 2 folds"):
        mislabelled(LINEAR, data, RUN, folds=folds)


def test_fewer_owners_than_folds_are_refused() -> None:
    data = Table.from_arrays(np.zeros((20, 1)), ["a", "b"] * 10, owners=np.arange(20) % 2)
    with pytest.raises(ParameterError, match="too few records or owners"):
        mislabelled(LINEAR, data, RUN)
