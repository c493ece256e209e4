"""Parameters that do not fit are refused before anything is trained."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn

from expunge import TorchLearner
from expunge.errors import ParameterError
from expunge.learners.torch.settings import resolved
from expunge.testing.networks import mlp


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": 0}, "epochs to be a whole number of at least 1, got 0"),
        ({"batch_size": 1.5}, "batch_size to be a whole number"),
        ({"accumulate": True}, "accumulate to be a whole number"),
        ({"together": "2"}, "together to be a whole number"),
        ({"precision": "float8"}, "precision to be one of"),
        ({"task": "ranking"}, "task to be one of"),
        ({"validation": 1.0}, r"validation to be a share in \[0, 1\)"),
        ({"validation": True}, "validation to be a share"),
        ({"patience": 2}, "patience is a number of epochs, and needs validation > 0"),
        ({"patience": 0, "validation": 0.5}, "patience is a number of epochs"),
        ({"rewind": 0}, "rewind to be an epoch before the last of 10, from 1 on, got 0"),
        ({"rewind": 10}, "rewind to be an epoch before the last of 10"),
        ({"rewind": 2.0}, "rewind to be an epoch"),
        ({"rewind": True}, "rewind to be an epoch"),
        ({"rewind": 3, "loop": print}, "weights are kept between epochs, which a training loop of your own does not"),
        ({"factory": lambda: nn.Linear(1, 1)}, "factory to be found by name in any process"),
        ({"optimizer": lambda held: torch.optim.SGD(held, lr=1.0)}, "optimizer to be found by name"),
        ({"schedule": partial(lambda *_: None)}, "schedule to be found by name"),
        ({"factory": nn.Linear(1, 1)}, "give what makes the module, not the module: .* got a Linear"),
        ({"factory": 3}, "factory to be a function or class, got 3"),
        ({"optimizer": "torch.optim.SGD"}, "optimizer to be a function or class"),
        ({"loss": nn.CrossEntropyLoss}, r"write CrossEntropyLoss\(\)"),
        ({"prepare": StandardScaler}, "prepare to be a transformer"),
        ({"prepare": "scaler"}, "prepare to be a transformer"),
    ],
)
def test_what_does_not_fit_is_a_sentence(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        TorchLearner(**{"factory": mlp, **options})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "ValueError"),
        ("mlp", "ValueError"),
        ("no_such_package.mlp", "No module named 'no_such_package'"),
        ("torch.nn.Linaer", "has no attribute 'Linaer'"),
        ("torch.nn.", "AttributeError"),
    ],
)
def test_a_name_that_nothing_has_is_a_sentence(name: str, said: str) -> None:
    with pytest.raises(ParameterError, match=f"a factory is named package.module.name; '{name}' is not found.*{said}"):
        TorchLearner(name)


def test_a_factory_is_found_by_its_name_and_is_the_same_learner() -> None:
    assert resolved("expunge.testing.networks.mlp") is mlp
    assert TorchLearner("expunge.testing.networks.mlp").recipe() == TorchLearner(mlp).recipe()
    with pytest.raises(ParameterError, match="to be a function or class, got"):
        TorchLearner("torch.__version__")


def test_numbers_of_numpys_are_numbers() -> None:
    one, other = TorchLearner(mlp, epochs=np.int64(3)), TorchLearner(mlp, epochs=3)  # type: ignore[arg-type]
    assert one.recipe() == other.recipe()
