"""Parameters that do not fit, and labels that are not what is asked for, are sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from expunge import Forest, Run, Table
from expunge.errors import LearnError, ParameterError


@pytest.mark.parametrize(
    "wrong",
    [
        {"trees": 0},
        {"trees": True},
        {"trees": 2.5},
        {"share": 0.0},
        {"share": 1.5},
        {"features": 0},
        {"cuts": 17},
        {"min_split": 1},
        {"min_leaf": 0},
        {"max_depth": -1},
        {"task": "ranking"},
        {"resolution": 0.1},
        {"resolution": -0.5},
        {"spread": "x0"},
        {"categorical": "x0"},
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
