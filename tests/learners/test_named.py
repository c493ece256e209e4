"""Names that stand for learners: found, checked, behind their preprocessing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import sklearn.linear_model
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from expunge.errors import ParameterError, SecretError
from expunge.learners.named import (
    called,
    class_named,
    estimator,
    is_learner,
    near,
    parameters_of,
    prepared,
    preprocessing,
)
from expunge.learners.tabular import Tabular


def test_a_name_becomes_an_estimator_with_its_options() -> None:
    assert class_named("sklearn.linear_model.Ridge", trusted=False) is Ridge
    assert (
        repr(estimator("sklearn.linear_model.Ridge", {"alpha": 3.0}, "regression", trusted=False)) == "Ridge(alpha=3.0)"
    )


@pytest.mark.parametrize(
    "name", ["os.path.join", "subprocess.Popen", "sklearn_evil.X", "expunge_evil.X", "builtins.eval"]
)
def test_other_packages_are_not_imported_untrusted(name: str) -> None:
    with pytest.raises(SecretError, match="another package"):
        class_named(name, trusted=False)


def test_what_a_package_of_ours_holds_of_another_is_no_estimator() -> None:
    with pytest.raises(ParameterError, match="not the class of a scikit-learn estimator"):
        class_named("sklearn.base.warnings", trusted=False)


def test_a_foreign_class_that_a_package_of_ours_shows_is_foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = type("Foreign", (Ridge,), {"__module__": "elsewhere"})
    monkeypatch.setattr(sklearn.linear_model, "Foreign", foreign, raising=False)
    with pytest.raises(SecretError, match="another package"):
        class_named("sklearn.linear_model.Foreign", trusted=False)
    assert class_named("sklearn.linear_model.Foreign", trusted=True) is foreign


@given(st.text())
def test_any_text_is_a_sentence(name: str) -> None:
    with pytest.raises((ParameterError, SecretError)):
        class_named(name, trusted=False)


@pytest.mark.parametrize("name", ["expunge.TorchLearner", "expunge.learners.torch.TorchLearner"])
def test_a_network_is_a_learner_by_both_its_names(name: str) -> None:
    kind = class_named(name, trusted=False)
    assert is_learner(kind)
    assert kind.__name__ == "TorchLearner"
    assert not is_learner(Ridge)


def test_without_torch_a_sentence_says_what_to_install() -> None:
    code = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch':\n            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "from expunge.learners.named import class_named\n"
        "from expunge.errors import MissingExtraError\n"
        "try:\n    class_named('expunge.TorchLearner', trusted=False)\n"
        "except MissingExtraError as missing:\n    print(missing)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "networks need the package 'torch', which is not installed: pip install 'expunge[torch]'\n"


def test_dense_where_the_learner_takes_nothing_else() -> None:
    before: list[Any] = [
        prepared(learner, ()).steps[0][1] for learner in (LogisticRegression(), HistGradientBoostingClassifier())
    ]
    assert [(step.dense, step.text_features) for step in before] == [(None, 4096), (True, 256)]
    assert prepared(HistGradientBoostingClassifier(), (), {"text_features": 9}).steps[0][1].text_features == 9
    assert preprocessing((), {"dense": False}, dense=True).dense is False


def test_parameters_and_options() -> None:
    assert parameters_of(Tabular) == {"columns": (), "text_features": 4096, "rare": 5, "levels": 128, "dense": None}
    assert called(Ridge, {"alpha": 2.0}, "x").alpha == 2.0
    with pytest.raises(ParameterError, match=r"x has no option 'alhpa'; did you mean 'alpha'\?; it has alpha, "):
        called(Ridge, {"alhpa": 2.0}, "x")
    assert near("zzz", ["alpha"]) == ""
