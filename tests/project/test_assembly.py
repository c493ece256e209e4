"""From settings to a method: what the names stand for, and a sentence for each that stands for nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression, SGDClassifier

from expunge import Band, Records, Run, Sisa, Table, fingerprint
from expunge.errors import ProjectError, SecretError, UnknownMethodError
from expunge.learners.tabular import Tabular
from expunge.project.assembly import method_of
from expunge.project.settings import ModelSettings

LOGISTIC = "sklearn.linear_model.LogisticRegression"
MODEL = ModelSettings("main", "classification", LOGISTIC, options={"shards": 3}, learner_options={"C": 0.5})
COLUMNS = (("age", "integer"), ("town", "category"))


def made(**changes: Any) -> Any:
    return method_of(replace(MODEL, **changes), COLUMNS, trusted=False)


def test_a_method_around_a_learner_behind_its_preprocessing() -> None:
    method = made(preprocess_options={"rare": 2}, epochs=3)
    assert isinstance(method, Sisa)
    assert (method.shards, method.learner.epochs) == (3, 3)
    before, learner = (step for _, step in method.learner.estimator.steps)
    assert repr(before) == repr(Tabular(COLUMNS, rare=2))
    assert repr(learner) == repr(LogisticRegression(C=0.5))


def test_it_learns_and_forgets_bit_for_bit_like_the_same_thing_made_by_hand() -> None:
    random = np.random.default_rng(0)
    frame = pa.table({"age": random.integers(18, 90, 60), "town": random.choice(["Bern", "Zug"], 60)})
    table = Table.from_arrays(frame, random.choice(["a", "b"], 60))
    method, run = made(), Run(key=b"a key for tests")
    model = method.learn(table, run)
    done = method.forget(model, Records([3]), table, run)
    again = made().learn(table.after(Records([3])), Run(key=b"a key for tests"))
    assert fingerprint(done.model) == fingerprint(again)


def test_without_preprocessing_the_learner_stands_alone_and_can_go_on_in_slices() -> None:
    options = {"shards": 2, "slices": 3}
    method = made(preprocess=False, learner="sklearn.linear_model.SGDClassifier", learner_options={}, options=options)
    assert isinstance(method.learner.estimator, SGDClassifier)
    assert method.slices == 3


def test_retraining_is_a_method_too() -> None:
    assert type(made(method="retrain", options={})).__name__ == "Retrain"


def test_bands_are_tables() -> None:
    bands = [{"at_least": 0.0, "shards": [0, 2]}, {"at_least": 0.5, "shards": [2, 3], "slices": [0, 1]}]
    method = made(options={"shards": 3, "likelihood": "age", "bands": bands})
    assert method.bands == (Band(0.0, (0, 2)), Band(0.5, (2, 3), (0, 1)))


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"learner": "sklearn.linear_model.LogisticRegresion"}, "did you mean 'LogisticRegression'?"),
    ({"learner": "sklearn.linear_modle.Ridge"}, "does not import: ModuleNotFoundError"),
    ({"learner": "Ridge"}, "a learner is written module.Class"),
    ({"learner": "sklearn.linear_model.Ridge", "learner_options": {}}, "is not made for classification"),
    ({"learner": "sklearn.base.clone", "learner_options": {}}, "is not the class of a scikit-learn estimator"),
    ({"task": "regression"}, "is not made for regression"),
    ({"learner_options": {"max_itr": 9}}, "has no option 'max_itr'; did you mean 'max_iter'?"),
    ({"learner_options": {"max_iter": "many"}}, "The 'max_iter' parameter of LogisticRegression"),
    ({"learner": "sklearn.ensemble.StackingClassifier", "learner_options": {}}, "estimators"),
    ({"options": {"shrads": 4}}, "method 'sisa' has no option 'shrads'; did you mean 'shards'?; it has shards, slices"),
    ({"options": {"learner": "x"}}, "has no option 'learner'"),
    ({"options": {"shards": 0}}, "shards to be a whole number of at least 1, got 0"),
    ({"options": {"slices": 3}}, "with 3 slices: Pipeline cannot go on training"),
    ({"options": {"bands": [{"at_least": 0}]}}, "bands are tables such as"),
    ({"options": {"bands": 3}}, "bands are tables such as"),
    ({"options": {"bands": [{"at_least": 0, "shards": [1, 2, 3]}], "likelihood": "age"}}, "a pair of whole numbers"),
    ({"preprocess_options": {"columns": []}}, "the preprocessing has no option 'columns'"),
    ({"preprocess_options": {"rare": 0}}, "rare to be a whole number of at least 1, got 0"),
    ({"preprocess": False, "preprocess_options": {"rare": 2}}, "would be left out"),
]


@pytest.mark.parametrize(("changes", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_each_mistake_is_a_sentence_that_names_the_model(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ProjectError) as refused:
        made(**changes)
    assert said in str(refused.value)
    assert str(refused.value).startswith("model 'main': ")


def test_an_unknown_method_gets_the_nearest() -> None:
    with pytest.raises(UnknownMethodError, match="did you mean 'sisa'"):
        made(method="siza")


def test_another_packages_code_runs_only_where_it_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "foreign_learners.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n"
        "class Mine(LogisticRegression):\n    pass\n"
        "open(__file__ + '.ran', 'w').close()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    model = replace(MODEL, learner="foreign_learners.Mine", learner_options={})
    with pytest.raises(SecretError, match=r"of another package, whose code would run.*`expunge trust`"):
        method_of(model, COLUMNS, trusted=False)
    assert not list(tmp_path.glob("*.ran"))
    assert type(method_of(model, COLUMNS, trusted=True)).__name__ == "Sisa"
    assert list(tmp_path.glob("*.ran"))
    sys.modules.pop("foreign_learners")
