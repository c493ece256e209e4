"""Whether the parameters of a `TorchLearner` fit each other, before anything is trained; else a sentence."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from expunge.errors import ParameterError
from expunge.learners.torch import source

if TYPE_CHECKING:
    from expunge.learners.torch.learner import TorchLearner
    from expunge.learners.torch.network import Factory

COUNTS = ("epochs", "batch_size", "accumulate", "together")
CALLED = ("factory", "optimizer", "schedule", "loss", "augment", "loop")
CHOICES = {
    "precision": ("float32", "bfloat16", "float16"),
    "task": (None, "classification", "multilabel", "regression"),
}


def checked(learner: TorchLearner) -> None:
    """Raise a sentence for parameters that do not fit."""
    for name in COUNTS:
        value = getattr(learner, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            msg = f"TorchLearner needs {name} to be a whole number of at least 1, got {value!r}"
            raise ParameterError(msg)
    for name, allowed in CHOICES.items():
        if getattr(learner, name) not in allowed:
            msg = f"TorchLearner needs {name} to be one of {allowed}, got {getattr(learner, name)!r}"
            raise ParameterError(msg)
    _check_called(learner)
    _check_validation(learner)
    _check_rewind(learner)


def _check_called(learner: TorchLearner) -> None:
    called = {name: getattr(learner, name) for name in CALLED if getattr(learner, name) is not None}
    called["factory"] = resolved(learner.factory)
    for name, value in called.items():
        if not callable(value):
            msg = f"TorchLearner needs {name} to be a function or class, got {value!r}"
            raise ParameterError(msg)
        source.named(**{name: value})
        drawn = source.generators_of(value)
        if drawn:
            msg = f"the {name} draws from a random generator of its own, {drawn[0]}, which goes on from training to"
            msg = f"{msg} training: draw from the global ones of torch, numpy or Python, which are seeded"
            raise ParameterError(msg)
    if inspect.isclass(learner.loss) and issubclass(learner.loss, nn.Module):
        msg = f"TorchLearner needs loss to be a function or an instance: write {learner.loss.__name__}()"
        raise ParameterError(msg)
    if learner.prepare is not None and (inspect.isclass(learner.prepare) or not hasattr(learner.prepare, "get_params")):
        msg = f"TorchLearner needs prepare to be a transformer of scikit-learn's kind, got {learner.prepare!r}"
        raise ParameterError(msg)


def resolved(factory: Factory | str) -> Factory:
    """The factory itself, found by its name where it is text.

    Raises
    ------
    ParameterError
        When there is nothing callable under that name, or a module is given in place of what makes it.
    """
    found: Any = factory
    if isinstance(factory, str):
        module, _, name = factory.rpartition(".")
        try:
            found = getattr(import_module(module), name)
        except Exception as failure:  # whatever a module raises while it is imported; an empty name
            msg = (
                f"a factory is named package.module.name; {factory!r} is not found: {type(failure).__name__}: {failure}"
            )
            raise ParameterError(msg) from failure
    if isinstance(found, nn.Module):
        msg = f"give what makes the module, not the module: each shard starts from a new one; got a {_kind(found)}"
        raise ParameterError(f"{msg} (a class, a function, or functools.partial of one; `adopt` takes a trained one)")
    made: Factory = found
    return made


def _check_validation(learner: TorchLearner) -> None:
    for name in ("validation", "shadow"):
        share = getattr(learner, name)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
            msg = f"TorchLearner needs {name} to be a share in [0, 1), got {share!r}"
            raise ParameterError(msg)
    if learner.shadow and learner.loop is not None:
        msg = "a shadow is asked between epochs, which a training loop of your own does not tell: use shadow=0"
        raise ParameterError(msg)
    share, patience = learner.validation, learner.patience
    if patience is None:
        return
    if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1 or not share:
        msg = (
            f"patience is a number of epochs, and needs validation > 0; got patience={patience!r}, validation={share!r}"
        )
        raise ParameterError(msg)


def _check_rewind(learner: TorchLearner) -> None:
    epoch = learner.rewind
    if epoch is None:
        return
    if isinstance(epoch, bool) or not isinstance(epoch, int | np.integer) or not 1 <= epoch < learner.epochs:
        msg = f"TorchLearner needs rewind to be an epoch before the last of {learner.epochs}, from 1 on, got {epoch!r}"
        raise ParameterError(msg)
    if learner.loop is not None:
        msg = "weights are kept between epochs, which a training loop of your own does not tell: use rewind=None"
        raise ParameterError(msg)


def _kind(value: Any) -> str:
    return type(value).__name__
