"""`Net`: a trained network as a value, and the module that it fills.

A value holds arrays, never a module: parameters and buffers by name (tied weights once), and between slices what
training goes on from. The architecture is the learner's factory, called again whenever a module is needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from expunge.errors import MismatchError, ParameterError
from expunge.learners.torch.tensors import as_array, as_tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.values import Scalar

Task: TypeAlias = Literal["classification", "multilabel", "regression"]
Factory: TypeAlias = Callable[..., nn.Module]


@dataclass(frozen=True)
class Log:
    """How well each record fitted while the network was trained: what hardness and calibration are read from.

    Attributes
    ----------
    ids : (n,) int64, or text as objects, sorted
    fit : (epochs, n) float32
        Natural logarithm of the score of the record's own class (several labels: the mean over them; regression:
        minus the squared error), in the pass that trained on it. NaN: not met in that epoch.
    """

    ids: NDArray[Any]
    fit: NDArray[Any]


@dataclass(frozen=True)
class Shadow:
    """What a second network says of the records that were hidden from it, and how all were learned meanwhile.

    Attributes
    ----------
    ids : (n,) int64, or text as objects, sorted
        Records that the network learned from.
    traces : (2, n, outputs) float32
        Natural logarithms of the network's own scores after a quarter and after a half of its training.
    hidden : (n,) bool
        Records that the second network never saw.
    scores : (hidden, outputs) float32
        Natural logarithms of its scores for them.
    """

    ids: NDArray[Any]
    traces: NDArray[Any]
    hidden: NDArray[Any]
    scores: NDArray[Any]

    def take(self, kept: NDArray[Any]) -> Shadow:
        """What it says of some of the records, (n,) bool; nothing is left of the others."""
        return Shadow(self.ids[kept], self.traces[:, kept], self.hidden[kept], self.scores[kept[self.hidden]])


@dataclass(frozen=True)
class Going:
    """What training goes on from besides weights: states of optimiser, schedule and loss scale; epochs so far."""

    optimizer: Any
    schedule: Any
    scale: Any
    epochs: int


@dataclass(frozen=True)
class Net:
    """A trained network.

    Attributes
    ----------
    weights : dict or None
        Parameters and buffers by name. None: there was no record, or a single class, which is then predicted.
    task : {"classification", "multilabel", "regression"}
    classes : tuple or None
        Names of the columns of the scores; None: regression.
    names : tuple of str
        Names of the features that it learned from.
    shape : tuple of int
        Shape of one record, as the module is handed it.
    outputs : int
        Numbers that the module gives for a record.
    prepared : transformer or None
        The preprocessing, fitted on the same records.
    log : Log or None
    going : Going or None
        None for a network that is not trained further.
    shadow : Shadow or None
    early : dict or None
        Parameters and buffers as they were after the epoch that ``rewind`` of the learner names. They have learned from
        whom the network has learned from, and go when one of these is forgotten.
    """

    weights: dict[str, Any] | None
    task: Task
    classes: tuple[Scalar, ...] | None
    names: tuple[str, ...]
    shape: tuple[int, ...]
    outputs: int
    prepared: Any = None
    log: Log | None = None
    going: Going | None = None
    shadow: Shadow | None = None
    early: dict[str, Any] | None = None


def built(factory: Factory, shape: tuple[int, ...], outputs: int) -> nn.Module:
    """A module as its factory makes it, on the processor: from where torch's global generator is, which does not move.

    Parameters
    ----------
    factory : callable
        Handed the shape of a record where it has a parameter ``shape`` without default, and the number of outputs
        where it has a parameter ``outputs`` without default.
    shape : tuple of int
    outputs : int

    Raises
    ------
    ParameterError
        When it fails, asks for something else, or makes what cannot be rebuilt from arrays.
    """
    known: dict[str, Any] = {"shape": shape, "outputs": outputs}
    with torch.device("cpu"), torch.random.fork_rng(devices=[]), plain_numbers():
        try:
            asked = [name for name, parameter in inspect.signature(factory).parameters.items() if required(parameter)]
            module = factory(**{name: known[name] for name in asked if name in known})
        except Exception as failure:  # whatever a user's code raises
            msg = f"the factory {_title(factory)} failed to make a module: {type(failure).__name__}: {failure}"
            raise ParameterError(msg) from failure
    if not isinstance(module, nn.Module):
        msg = f"the factory {_title(factory)} must make an nn.Module, and made a {type(module).__name__}"
        raise ParameterError(msg)
    _refuse_what_is_not_tensors(module)
    return module


@contextmanager
def plain_numbers() -> Iterator[None]:
    """Numbers are float32 where nobody says otherwise, whatever the user's default is."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)


def weights_of(module: nn.Module) -> dict[str, Any]:
    """Parameters and buffers by name, each once, copied."""
    return {name: as_array(tensor) for name, tensor in _held(module)}


def fill(module: nn.Module, weights: dict[str, Any]) -> nn.Module:
    """Give a module its weights, copied.

    Raises
    ------
    MismatchError
        When names, shapes or types are not those of the module.
    """
    other = differing(module, weights)
    if other is not None:
        msg = f"the factory no longer makes the module of this model: {other}"
        raise MismatchError(msg)
    with torch.no_grad():
        for name, tensor in _held(module):
            tensor.copy_(as_tensor(weights[name]))
    return module


def differing(module: nn.Module, weights: dict[str, Any]) -> str | None:
    """The first name, shape or type by which weights are not those of a module; None where they fit."""
    mine, news = dict(_held(module)), {name: as_tensor(array) for name, array in weights.items()}
    for name in sorted(mine.keys() | news.keys()):
        have, get = (_described(held.get(name)) for held in (mine, news))
        if have != get:
            return f"{name} is {have} there, and {get} here"
    return None


def _held(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return chain(module.named_parameters(), module.named_buffers())


def _described(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def required(parameter: inspect.Parameter) -> bool:
    """Whether a function cannot be called without it."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is inspect.Parameter.empty and parameter.kind not in variable


def _refuse_what_is_not_tensors(module: nn.Module) -> None:
    """Raise a sentence for a module with state that is no tensor, or whose tensors have no shape yet."""
    for name, part in module.named_modules():
        where = f"{type(part).__name__}{f' ({name})' if name else ''}"
        if type(part).get_extra_state is not nn.Module.get_extra_state:
            msg = f"{where} keeps extra state besides tensors, from which a model cannot be rebuilt"
            raise ParameterError(msg)
        if any(is_lazy(tensor) for tensor in chain(part.parameters(recurse=False), part.buffers(recurse=False))):
            msg = f"{where} learns its shape from data: give the sizes; a factory may ask for `shape` and `outputs`"
            raise ParameterError(msg)


def _title(factory: object) -> str:
    return getattr(factory, "__qualname__", None) or repr(factory)
