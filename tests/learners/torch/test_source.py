"""The recipe changes with all that can change a bit (parameters, code, constants), and with nothing else."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from importlib import import_module, invalidate_caches
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn

from expunge import Run, TorchLearner
from expunge.errors import LearnError, ParameterError
from expunge.learners.torch import cosine, source
from expunge.testing import patients
from expunge.testing.networks import dropping, mlp, noisy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Write = Callable[..., TorchLearner]

NETS = '''
"""Networks."""
from __future__ import annotations
import functools
import torch
from torch import nn
import {layers} as layers

WIDTH = 8
SIZES = [3, 4]
OPTIONS = {{"bias": True}}
TYPE = torch.float32
START = torch.zeros(2)


def twice(function):
    @functools.wraps(function)
    def wrapper(*given, **named):
        return function(*given, **named)
    return wrapper


class Net(nn.Module):
    """A network."""

    rate = 0.5

    def __init__(self, outputs: int, scale=WIDTH * 2) -> None:
        super().__init__()
        # comment
        self.first = layers.Dense(3, WIDTH)
        self.last = nn.Linear(WIDTH, outputs, **OPTIONS)

    @property
    def size(self):
        return SIZES

    @staticmethod
    def start():
        return START

    def forward(self, given):
        return self.last(self.first(given).to(TYPE))


@twice
def make(outputs: int) -> nn.Module:
    return Net(outputs)
'''
LAYERS = """
from torch import nn
SLOPE = 0.1

def bent(given):
    return nn.functional.leaky_relu(given, SLOPE)

class Dense(nn.Linear):
    def forward(self, given):
        return bent(super().forward(given))
"""
NUMBERS = count()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes the user's two modules, some text replaced, and makes a learner of what they hold."""
    made: list[str] = []

    def learner(*changes: tuple[str, str], name: str = "make") -> TorchLearner:
        folder = tmp_path / str(next(NUMBERS))
        folder.mkdir()
        for module, text in (("my_layers", LAYERS), ("my_nets", NETS.format(layers="my_layers"))):
            for old, new in changes:
                text = text.replace(old, new)  # noqa: PLW2901
            (folder / f"{module}.py").write_text(text, encoding="utf-8")
            sys.modules.pop(module, None)
            made.append(module)
        monkeypatch.syspath_prepend(folder)
        invalidate_caches()
        return TorchLearner(getattr(import_module("my_nets"), name))

    yield learner
    for module in made:
        sys.modules.pop(module, None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# comment", "# another"),
        ('"""A network."""', '"""The network."""'),
        ("        # comment\n", "\n\n"),
        ("SLOPE = 0.1", "SLOPE = 1e-1  # as it was\nOTHER = 7"),
        ("super().__init__()", "super( ).__init__( )"),
    ],
)
def test_comments_layout_and_what_is_not_used_change_nothing(write: Write, old: str, new: str) -> None:
    assert write().recipe() == write((old, new)).recipe()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("WIDTH = 8", "WIDTH = 9"),
        ("SIZES = [3, 4]", "SIZES = [3, 5]"),
        ('{"bias": True}', '{"bias": False}'),
        ("TYPE = torch.float32", "TYPE = torch.float64"),
        ("torch.zeros(2)", "torch.ones(2)"),
        ("SLOPE = 0.1", "SLOPE = 0.2"),
        ("rate = 0.5", "rate = 0.25"),
        ("scale=WIDTH * 2", "scale=WIDTH * 3"),
        ("leaky_relu(given, SLOPE)", "leaky_relu(given, SLOPE + 1)"),
        ("function(*given, **named)", "(function(*given, **named))(1)"),
        ("return Net(outputs)", "return Net(outputs + 0)"),
        ("nn.Linear(WIDTH", "nn.Linear(WIDTH + 0"),
    ],
)
def test_code_and_constants_that_are_used_change_it(write: Write, old: str, new: str) -> None:
    assert write().recipe() != write((old, new)).recipe()


def test_a_constant_that_is_changed_while_the_process_runs_changes_it(write: Write) -> None:
    learner = write()
    before = learner.recipe()
    module: Any = sys.modules["my_nets"]
    module.WIDTH = 80
    assert learner.recipe() != before
    module.WIDTH = 8
    assert learner.recipe() == before


def test_functions_without_a_file_are_told_apart_by_what_python_made_of_them() -> None:
    module: Any = type(sys)("typed_in")
    sys.modules["typed_in"] = module
    try:
        said = []
        for factor in (1, 2, 2):
            exec(f"def make(outputs):\n    return outputs * {factor}\n", module.__dict__)  # noqa: S102
            said.append(source.code_of(module.make))
    finally:
        del sys.modules["typed_in"]
    assert said[0] != said[1] == said[2]
    assert said[0]


BASE = TorchLearner(mlp)


@pytest.mark.parametrize(
    "options",
    [
        {"factory": dropping},
        {"factory": partial(mlp, outputs=3)},
        {"optimizer": torch.optim.SGD},
        {"optimizer": partial(torch.optim.Adam, lr=0.5)},
        {"schedule": cosine},
        {"schedule": partial(cosine, warmup=1)},
        {"loss": nn.functional.mse_loss},
        {"loss": nn.CrossEntropyLoss(label_smoothing=0.1)},
        {"epochs": 3},
        {"batch_size": 3},
        {"accumulate": 3},
        {"precision": "bfloat16"},
        {"deterministic": False},
        {"augment": noisy},
        {"validation": 0.5},
        {"validation": 0.5, "patience": 3},
        {"prepare": StandardScaler()},
        {"prepare": StandardScaler(with_mean=False)},
        {"log": False},
        {"task": "regression"},
    ],
)
def test_every_parameter_changes_it(options: dict[str, Any]) -> None:
    assert replace(BASE, **options).recipe() != BASE.recipe()


@pytest.mark.parametrize("options", [{"device": "cpu"}, {"together": 1}])
def test_what_changes_no_bit_does_not(options: dict[str, Any]) -> None:
    assert replace(BASE, **options).recipe() == BASE.recipe()


def test_a_loss_with_other_numbers_is_another_loss() -> None:
    made = {replace(BASE, loss=nn.CrossEntropyLoss(label_smoothing=share)).recipe() for share in (0.1, 0.1, 0.2)}
    assert len(made) == 2


def test_what_a_partial_was_given_is_followed(write: Write) -> None:
    said = set()
    for change in ("", "SLOPE = 0.1", "SLOPE = 0.2"):
        learner = write(("SLOPE = 0.1", change or "SLOPE = 0.1"))
        said.add(replace(BASE, factory=partial(mlp, outputs=learner.factory)).recipe())  # type: ignore[arg-type]
    assert len(said) == 2


def test_installed_packages_belong_to_their_versions() -> None:
    assert source.code_of(nn.Linear, np.linalg.norm, StandardScaler, mlp) == ()
    assert source.packages_of(nn.Linear, mlp) == ("torch",)
    assert source.packages_of(pytest.approx, nn.Linear) == ("pytest", "torch")


def test_what_has_no_name_is_refused() -> None:
    with pytest.raises(ParameterError, match="TorchLearner needs loss to be found by name in any process"):
        source.named(loss=lambda one, _: one)


class Slow(torch.optim.SGD):
    """An optimiser of a user's: torch wraps its ``step`` when the first one is made."""

    def step(self, closure: Any = None) -> Any:
        return super().step(closure)


def test_an_optimiser_of_a_users_is_the_same_before_and_after_it_was_used() -> None:
    learner = TorchLearner(mlp, Slow)
    before = learner.recipe()
    Slow([torch.zeros(1)])
    assert learner.recipe() == before


SETTINGS = SimpleNamespace(scale=1.0)
TEACHER = nn.BatchNorm1d(3)
OWN, GLOBAL = np.random.default_rng(0), torch.default_generator
STEPS = [0]


def scaled(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    TEACHER.eval()
    return nn.functional.cross_entropy(outputs * SETTINGS.scale, target)


def drawing(record: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return record + OWN.normal()


def seeded(record: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return record + torch.randn(record.shape, generator=GLOBAL) + torch.randn(record.shape, generator=generator)


def counting(outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    STEPS[0] += 1
    return nn.functional.cross_entropy(outputs, target) / STEPS[0]


def test_settings_in_objects_and_other_networks_are_constants() -> None:
    learner = TorchLearner(mlp, loss=scaled)
    recipes = [learner.recipe()]
    SETTINGS.scale = 2.0
    recipes.append(learner.recipe())
    TEACHER(torch.randn(4, 3))
    recipes.append(learner.recipe())
    assert len(set(recipes)) == 3


def test_a_generator_that_nobody_seeds_is_refused_and_a_global_one_is_not() -> None:
    with pytest.raises(ParameterError, match=r"augment draws from a random generator of its own, OWN, .*the global"):
        TorchLearner(mlp, augment=drawing)
    assert source.generators_of(TorchLearner(mlp, augment=seeded).augment) == ()


def test_a_module_that_all_trainings_share_is_refused() -> None:
    shared = partial(nn.Sequential, nn.Linear(3, 3))
    with pytest.raises(LearnError, match="training changed what the factory was given"):
        TorchLearner(shared, epochs=1).learn(patients(8), Run(key=b"a key for tests"))


def test_training_that_changes_a_variable_is_refused_by_its_name() -> None:
    with pytest.raises(LearnError, match="training changed STEPS of counting, so that nobody can tell"):
        TorchLearner(mlp, loss=counting, epochs=1).learn(patients(8), Run(key=b"a key for tests"))
