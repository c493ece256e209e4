"""Parameters that do not fit, and labels that are not what is asked for, are sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from expunge import Forest, Records, Run, Table, fingerprint
from expunge.errors import LearnError, ParameterError


@pytest.mark.parametrize(
    "wrong",
    [
        {"trees": 0},
        {"trees": True},
        {"trees": 2.5},
        {"share": 0.0},
        {"share": 1.5},
        {"share": "0.1"},
        {"share": None},
        {"share": float("nan")},
        {"features": 0},
        {"cuts": 17},
        {"min_split": 1},
        {"min_leaf": 0},
        {"max_depth": -1},
        {"task": "ranking"},
        {"resolution": 0.1},
        {"resolution": -0.5},
        {"resolution": "1"},
        {"resolution": None},
        {"spread": "x0"},
        {"categorical": "x0"},
        {"categorical": None},
        {"categorical": [0]},
        {"weight": 3},
    ],
    ids=str,
)
def test_a_parameter_that_does_not_fit_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=f"Forest needs {next(iter(wrong))} to be"):
        Forest(**wrong)


def test_labels_that_are_not_what_is_asked_for() -> None:
    run = Run(key=b"a key for tests")
    with pytest.raises(LearnError, match="declare their classes"):
        Forest(task="classification").learn(Table.from_arrays([[1.0]], [0.5]), run)
    with pytest.raises(LearnError, match="give numbers"):
        Forest(task="regression").learn(Table.from_arrays([[1.0]], ["a"]), run)
    counted = Forest(trees=2, task="regression").learn(Table.from_arrays([[1.0], [2.0]], [3, 4]), run)
    assert counted.task == "regression"


def test_equal_parameters_are_one_recipe() -> None:
    one = Forest(share=1, trees=np.int64(3), categorical=["a"]).recipe()  # type: ignore[arg-type]
    assert one == Forest(share=1.0, trees=3, categorical=("a",)).recipe()
    assert one != Forest(share=1.0, trees=3).recipe()


def test_a_changed_parameter_is_another_recipe() -> None:
    forest = Forest(trees=3)
    before = forest.recipe()
    assert forest.set_params(trees=4).recipe() == Forest(trees=4).recipe() != before


def test_limits_beyond_any_data_are_limits() -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    data, run = Table.from_arrays(X, X[:, 0] > 0), Run(key=b"a key for tests")
    deep, wide = Forest(trees=2, max_depth=10**9), Forest(trees=2, min_split=2**70, min_leaf=2**65)
    model, shallow = deep.learn(data, run), Forest(trees=2, max_depth=40).learn(data, run)
    assert fingerprint(model.trees) == fingerprint(shallow.trees)
    done = deep.forget(model, Records([7]), data, run).model
    assert fingerprint(done) == fingerprint(deep.learn(data.after(Records([7])), run))
    assert len(wide.tree(wide.learn(data, run), 0).feature) == 1
