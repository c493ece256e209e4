"""Functions and classes by name: with arguments, checked early, and no code of others where nobody trusts it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from expunge.errors import ParameterError, SecretError
from expunge.learners.callables import resolved
from expunge.learners.torch import cosine


def test_a_name_is_the_thing_itself_and_a_table_sets_arguments() -> None:
    assert resolved("optimizer", "torch.optim.SGD", trusted=False) is torch.optim.SGD
    assert resolved("optimizer", {"call": "torch.optim.SGD"}, trusted=False) is torch.optim.SGD
    made = resolved("optimizer", {"call": "torch.optim.SGD", "lr": 0.5}, trusted=False)
    assert isinstance(made, partial)
    assert (made.func, made.keywords) == (torch.optim.SGD, {"lr": 0.5})


def test_an_argument_may_be_such_a_table() -> None:
    given = {"call": "torch.nn.LSTM", "input_size": 2, "hidden_size": 3, "cell": {"call": "torch.nn.Linear"}}
    assert resolved("factory", given, trusted=False).keywords["cell"] is nn.Linear


@pytest.mark.parametrize(
    ("name", "thing"),
    [
        ("torch.nn.Linear", nn.Linear),
        ("torch.nn.functional.cross_entropy", nn.functional.cross_entropy),
        ("torch.optim.AdamW", torch.optim.AdamW),
        ("torch.optim.lr_scheduler.StepLR", torch.optim.lr_scheduler.StepLR),
        ("expunge.learners.torch.cosine", cosine),
    ],
)
def test_what_runs_no_other_code_needs_no_trust(name: str, thing: Any) -> None:
    assert resolved("factory", name, trusted=False) is thing


@pytest.mark.parametrize(
    "name",
    [
        "torch.hub.load",
        "torch.load",
        "torch.utils.cpp_extension.load",
        "torch.jit.load",
        "torch.compile",
        "expunge.codec.decode",
        "expunge.cli.main",
        "sklearn.datasets.load_files",
        "sklearn.linear_model.Ridge",
        "shutil.rmtree",
        "builtins.exec",
    ],
)
def test_what_might_run_other_code_needs_it(name: str) -> None:
    for given in (name, {"call": name}, {"call": "torch.nn.Linear", "bias": {"call": name}}):
        with pytest.raises(SecretError, match="`expunge trust`"):
            resolved("factory", given, trusted=False)


def test_and_runs_with_it() -> None:
    assert resolved("factory", "torch.hub.load", trusted=True) is torch.hub.load


@pytest.mark.parametrize("given", [3, None, {}, {"lr": 1}, {"call": 3}, ["a.b"]])
def test_anything_else_is_a_sentence(given: Any) -> None:
    with pytest.raises(ParameterError, match=r'factory is a name such as "nets.mlp", or a table'):
        resolved("factory", given, trusted=True)


def test_what_is_named_has_to_be_something_to_call() -> None:
    with pytest.raises(ParameterError, match=r"factory is a function or class, and torch\.pi is a float"):
        resolved("factory", "torch.pi", trusted=True)


def test_arguments_that_it_does_not_take_are_said_now() -> None:
    with pytest.raises(ParameterError, match=r"torch.optim.SGD cannot be called so: .*'lrate'"):
        resolved("optimizer", {"call": "torch.optim.SGD", "lrate": 0.1}, trusted=True)
