"""From settings to a method: what the names stand for, and a sentence for each that stands for nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression, SGDClassifier

from expunge import Band, Forest, Records, Run, Sisa, Table, fingerprint
from expunge.errors import MissingExtraError, ProjectError, SecretError, UnknownMethodError
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


FOREST: dict[str, Any] = {"method": "forest", "learner": None, "learner_options": {}, "options": {"trees": 5}}


def test_a_method_with_a_model_of_its_own_is_told_of_the_task() -> None:
    assert made(**FOREST) == Forest(trees=5, task="classification")
    assert made(**FOREST, task="regression") == Forest(trees=5, task="regression")


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"learner": None}, "method 'sisa' needs a learner, such as"),
    (FOREST | {"learner": LOGISTIC}, f"method 'forest' takes no learner, and learner = \"{LOGISTIC}\" would be left"),
    (FOREST | {"epochs": 3}, "method 'forest' takes no learner, and epochs = 3 would be left out"),
    (FOREST | {"preprocess": False}, "method 'forest' takes no learner, and preprocess = false would be left out"),
    (FOREST | {"options": {"tres": 5}}, "method 'forest' has no option 'tres'; did you mean 'trees'?"),
    (FOREST | {"options": {"task": "regression"}}, "method 'forest' has no option 'task'"),
    (FOREST | {"options": {"share": 2}}, "share"),
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
    ({"learner": "expunge.TorchLearner", "learner_options": {}}, "missing 1 required positional argument: 'factory'"),
    ({"learner": "expunge.Key", "learner_options": {}}, "nor of a learner such as expunge.TorchLearner"),
]


@pytest.mark.parametrize(("changes", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_each_mistake_is_a_sentence_that_names_the_model(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ProjectError) as refused:
        made(**changes)
    assert said in str(refused.value)
    assert str(refused.value).startswith("model 'main': ")


def test_free_text_is_nothing_that_a_forest_splits() -> None:
    with pytest.raises(ProjectError, match="'note' is declared as text, of which method 'forest' makes nothing"):
        method_of(replace(MODEL, **FOREST), (*COLUMNS, ("note", "text")), trusted=False)


def test_a_forest_without_its_extra_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)  # as where it is not installed
    for name in [name for name in sys.modules if name.startswith("expunge.methods.trees")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtraError, match=r"need the package 'numba', .*: pip install 'expunge\[trees\]'"):
        made(**FOREST)


def test_an_unknown_method_gets_the_nearest() -> None:
    with pytest.raises(UnknownMethodError, match="did you mean 'sisa'"):
        made(method="siza")


# -- networks ----------------------------------------------------------------------------------------------------------

NETWORK = replace(
    MODEL,
    learner="expunge.TorchLearner",
    epochs=7,
    options={"shards": 2, "slices": 3},
    preprocess=False,
    learner_options={
        "factory": {"call": "torch.nn.Linear", "in_features": 2, "out_features": 2},
        "optimizer": {"call": "torch.optim.SGD", "lr": 0.1, "momentum": 0.9},
        "schedule": "expunge.learners.torch.cosine",
        "loss": {"call": "torch.nn.functional.cross_entropy", "label_smoothing": 0.1},
        "batch_size": 16,
    },
)
NUMBERS = (("age", "integer"), ("size", "number"), ("town", "ignore"))


def network(columns: tuple[tuple[str, str], ...] = NUMBERS, **changes: Any) -> Any:
    options = {**NETWORK.learner_options, **changes.pop("and_options", {})}
    given = {name: held for name, held in options.items() if held is not None}
    return method_of(replace(NETWORK, **{"learner_options": given, **changes}), columns, trusted=False)


def test_a_network_is_made_with_what_the_settings_name() -> None:
    import torch

    from expunge.learners.torch import TorchLearner, cosine

    method = network()
    assert (method.shards, method.slices) == (2, 3)
    assert method.learner.recipe() == (
        TorchLearner(
            partial(torch.nn.Linear, in_features=2, out_features=2),
            optimizer=partial(torch.optim.SGD, lr=0.1, momentum=0.9),
            schedule=cosine,
            loss=partial(torch.nn.functional.cross_entropy, label_smoothing=0.1),
            epochs=7,
            batch_size=16,
            task="classification",
        ).recipe()
    )


def test_behind_preprocessing_it_is_handed_every_column_dense() -> None:
    method = network(COLUMNS, preprocess=True, preprocess_options={"rare": 2}, options={"shards": 2})
    assert repr(method.learner.prepare) == repr(Tabular(COLUMNS, text_features=256, rare=2, dense=True))


def test_or_a_transformer_of_scikit_learn() -> None:
    scaler = {"call": "sklearn.preprocessing.StandardScaler", "with_mean": False}
    method = network(options={"shards": 2}, and_options={"prepare": scaler})
    assert repr(method.learner.prepare) == "StandardScaler(with_mean=False)"


def test_it_may_be_retrained_too() -> None:
    assert type(network(method="retrain", options={})).__name__ == "Retrain"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"and_options": {"factory": None}}, "missing 1 required positional argument: 'factory'"),
        ({"and_options": {"factory": 3}}, 'factory is a name such as "nets.mlp", or a table {call = "nets.mlp"'),
        ({"and_options": {"factory": {"width": 3}}}, "factory is a name such as"),
        ({"and_options": {"factory": "mlp"}}, "a function or class is written module.name"),
        ({"and_options": {"optimizer": "torch.optim.SDG"}}, "torch.optim has no 'SDG'; did you mean 'SGD'?"),
        (
            {"and_options": {"optimizer": {"call": "torch.optim.SGD", "lrr": 1}}},
            "cannot be called so: got an unexpected",
        ),
        ({"and_options": {"batch_sise": 3}}, "has no option 'batch_sise'; did you mean 'batch_size'?"),
        ({"and_options": {"batch_size": 0}}, "batch_size to be a whole number of at least 1, got 0"),
        ({"and_options": {"epochs": 3}}, "learner_options sets epochs, which epochs beside it decides"),
        ({"and_options": {"prepare": "sklearn.preprocessing.StandardScaler"}}, "with 3 slices: preprocessing fitted"),
        ({"and_options": {"validation": 0.2}}, "with 3 slices: a network that keeps its best epoch"),
        ({"and_options": {"deterministic": False}}, 'promise = "exact" cannot be kept: deterministic=False'),
        ({"preprocess": True}, "use slices=1 (or preprocess = false)"),
        (
            {"preprocess": True, "and_options": {"prepare": "x.y"}},
            "learner_options sets prepare, which preprocess beside",
        ),
    ],
    ids=str,
)
def test_each_mistake_in_a_network_is_a_sentence_too(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ProjectError) as refused:
        network(**changes)
    assert said in str(refused.value)
    assert str(refused.value).startswith("model 'main': ")


@pytest.mark.parametrize("kind", ["category", "text", "date"])
def test_columns_that_are_no_numbers_are_refused_where_nothing_makes_numbers_of_them(kind: str) -> None:
    with pytest.raises(ProjectError, match=f"column 'town' is declared as {kind}, of which a network makes nothing"):
        network((("age", "integer"), ("town", kind)))


def test_what_may_waver_can_promise_less() -> None:
    assert network(promise="empirical", and_options={"deterministic": False}).learner.deterministic is False


def test_a_learner_of_ones_own_is_told_what_it_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_learners.py").write_text(
        "class Mean:\n"
        "    def __init__(self, epochs, factor=1.0):\n        self.epochs, self.factor = epochs, factor\n"
        "    def learn(self, data, run):\n        return float(data.label.mean()) * self.factor\n"
        "    def predict(self, model, data):\n        return [model] * len(data)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    model = replace(MODEL, learner="own_learners.Mean", learner_options={"factor": 2.0}, preprocess=False)
    made: Any = method_of(model, COLUMNS, trusted=True)
    assert (made.learner.epochs, made.learner.factor) == (10, 2.0)
    with pytest.raises(ProjectError, match="takes no preprocessing: preprocess = false"):
        method_of(replace(model, preprocess=True), COLUMNS, trusted=True)
    with pytest.raises(ProjectError, match="with 2 slices: the learner cannot go on"):
        method_of(replace(model, options={"slices": 2}), COLUMNS, trusted=True)
    sys.modules.pop("own_learners")


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


def pipeline(**changes: Any) -> Any:
    asked = {"method": "pipeline", "learner": "expunge.GaussianNB", "options": {}, "learner_options": {}}
    return made(**(asked | changes))


def test_a_pipeline_has_stages_that_are_usual_for_its_columns() -> None:
    method = pipeline(learner_options={"var_smoothing": 1e-8})
    (numbers, categories), last = (method.stages[0].transformers, method.stages[1])
    assert [type(step).__name__ for _, step in numbers[1].steps] == ["SimpleImputer", "StandardScaler"]
    assert (numbers[2], categories[2]) == (["age"], ["town"])
    assert (type(last).__name__, last.var_smoothing) == ("GaussianNB", 1e-8)
    bare = pipeline(preprocess=False)
    assert [type(stage).__name__ for stage in bare.stages] == ["GaussianNB"]


def test_a_pipeline_has_the_stages_that_are_declared() -> None:
    scaled = [{"call": "sklearn.preprocessing.StandardScaler", "with_mean": False, "columns": ["age"]}]
    method = pipeline(options={"stages": [*scaled, "sklearn.preprocessing.MaxAbsScaler"]})
    assert [type(stage).__name__ for stage in method.stages] == ["ColumnTransformer", "MaxAbsScaler", "GaussianNB"]
    assert method.stages[0].transformers[0][1].with_mean is False


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learner": "expunge.Ridge"}, "expunge.Ridge is not made for classification"),
        ({"learner": "sklearn.svm.SVC"}, "the last stage of a Pipeline is a closed form"),
        ({"options": {"stages": ["sklearn.preprocessing.StandardScalar"]}}, "did you mean 'StandardScaler'"),
        ({"options": {"stages": ["sklearn.svm.SVC"]}}, "is no stage of a pipeline"),
        ({"options": {"stages": "x"}}, "stages are a list"),
        ({"preprocess_options": {"rare": 2}}, "no preprocess_options"),
        ({"method": "ridge", "learner": "expunge.Ridge"}, 'method = "pipeline" takes one that is a closed form'),
    ],
)
def test_a_pipeline_that_cannot_be_is_refused_in_words(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        pipeline(**changes)
