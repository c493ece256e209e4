"""What a user's functions and modules say in code, so that changed code never meets a model or checkpoint of the old.

Comments, layout and docstrings do not count. From a function or class the names that its code uses are followed: to
classes of layers, to functions, to constants and default values. Installed packages belong to their versions, which are
part of the environment.

Examples
--------
>>> from torch.nn.functional import cross_entropy
>>> code_of(partial(cross_entropy, label_smoothing=0.1))
()
"""

from __future__ import annotations

import ast
import inspect
import random
import sys
import sysconfig
import textwrap
from argparse import Namespace
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import is_dataclass
from enum import Enum
from functools import cache, cached_property, lru_cache, partial
from itertools import chain
from pathlib import PurePath
from types import CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from expunge import environment
from expunge.codec import fingerprint
from expunge.errors import CodecError, ParameterError
from expunge.learners.torch.tensors import as_array

KNOWN = ("torch", "builtins", "expunge", "numpy", "sklearn")  # which every environment of a network names
PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic, np.ndarray, partial)
HELD = (*PLAIN, tuple, list, dict, set, frozenset, deque, PurePath, Enum)
SPELLED = (torch.dtype, torch.device, torch.Size)
DRAWN = (np.random.Generator, np.random.RandomState, torch.Generator, random.Random)
SEEDED = (np.random.mtrand._rand, torch.default_generator, random._inst)  # noqa: SLF001
WRAPPERS: dict[type, tuple[str, ...]] = {
    partial: ("func", "args", "keywords"),
    property: ("fget", "fset"),
    cached_property: ("func",),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    MethodType: ("__func__", "__self__"),
}


def code_of(*given: Any) -> tuple[str, ...]:
    """What these functions and classes, and whatever they use that is no installed package's, say; sorted."""
    return tuple(sorted({text for each in _followed(given) if not _installed(_home(each)) and (text := _text(each))}))


def packages_of(*given: Any) -> tuple[str, ...]:
    """The installed distributions that these functions, classes and objects come from, torch among them."""
    homes = {_home(each) for each in _followed(given)}
    foreign = sorted(home for home in homes - {*KNOWN, *sys.stdlib_module_names} if _installed(home))
    return tuple(sorted({"torch", *(environment.distributions_of(tuple(foreign)) if foreign else ())}))


def named(**given: Any) -> str:
    """Digest of what functions, classes and values are called, for a recipe.

    Raises
    ------
    ParameterError
        When one has no name by which another process could find it.
    """
    for name, value in given.items():
        try:
            fingerprint(value)
        except CodecError as refusal:
            msg = f"TorchLearner needs {name} to be found by name in any process, and was given {value!r}: {refusal}"
            raise ParameterError(f"{msg} (functools.partial sets arguments)") from refusal
    return fingerprint(given)


def generators_of(*given: Any) -> tuple[str, ...]:
    """Names of random generators that these functions and classes draw from and nobody seeds: all but the global ones.

    Examples
    --------
    >>> generators_of(partial(torch.nn.Linear, 3, 2))
    ()
    """
    used = chain.from_iterable(_used(each) for each in _followed(given) if not _installed(_home(each)))
    known = [*map(id, SEEDED)]
    return tuple(sorted({name for name, value in used if isinstance(value, DRAWN) and id(value) not in known}))


def held_by(**given: Any) -> dict[str, str]:
    """Digests of the values that training could change: what was given, and the variables that its code uses."""
    found = {f"what the {name} was given": named(**{name: value}) for name, value in given.items()}
    for each in _followed(given.values()):
        if not _installed(_home(each)):
            where = f" of {getattr(each, '__qualname__', each)}"
            found |= {f"{name}{where}": said for name, value in _used(each) if (said := _constant(value)) is not None}
    return found


def _followed(given: Iterable[Any]) -> list[Any]:
    """Functions and classes, and those that they use, each once; installed ones are met and not looked into."""
    waiting, seen = [part for each in given for part in _parts(each)], {}
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen[id(each)] = each
            used = [] if _installed(_home(each)) else [value for _, value in _used(each)]
            waiting += [part for value in used for part in _parts(value) if not isinstance(value, ModuleType)]
    return list(seen.values())


def _parts(given: Any) -> Iterator[Any]:
    """The functions and classes in a value: itself, what is wrapped or set in it, its items, or its class."""
    names = next((names for wrapper, names in WRAPPERS.items() if isinstance(given, wrapper)), ())
    if names:
        given = tuple(getattr(given, name) for name in names)
    if isinstance(given, dict):
        given = tuple(given.values())
    if isinstance(given, tuple | list | set | frozenset):
        for item in given:
            yield from _parts(item)
    elif inspect.isclass(given) or inspect.isroutine(given):
        yield given
    elif not isinstance(given, (*PLAIN, *SPELLED, ModuleType)):
        yield type(given)
    if hasattr(given, "__wrapped__"):
        yield from _parts(given.__wrapped__)


def _home(given: Any) -> str:
    """The top-level package that a function or class is of; of what wraps a function, not of the function wrapped."""
    told = given.__globals__.get("__name__") if isinstance(given, FunctionType) else getattr(given, "__module__", None)
    return (told or "builtins").partition(".")[0]


@cache
def _installed(home: str) -> bool:
    """Whether a package is of Python, of expunge, or where packages are installed."""
    if home in KNOWN or home in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(home), "__file__", None) or ""
    return any(file.startswith(sysconfig.get_path(place)) for place in ("purelib", "platlib"))


def _text(given: Any) -> str:
    """The code of a function or class, and the values of the constants that it uses."""
    held = {name: said for name, value in _used(given) if (said := _constant(value)) is not None}
    return _said(given) + "".join(f"\n{name} = {said}" for name, said in sorted(held.items()))


def _constant(value: Any) -> str | None:
    """A value by its digest, where it is one; functions and classes in it are followed besides."""
    if isinstance(value, SPELLED):
        return repr(value)
    if isinstance(value, torch.Tensor):
        value = as_array(value)
    elif isinstance(value, nn.Module):
        value = [repr(value), {name: as_array(held) for name, held in value.state_dict().items()}]
    elif _is_settings(value):
        value = vars(value)  # its class is followed
    if isinstance(value, HELD) or is_dataclass(value):
        try:
            return fingerprint(value)
        except CodecError:
            return None
    return None


def _is_settings(value: Any) -> bool:
    """Whether it is an object that holds what a user wrote into it: a namespace, or of a class of their own."""
    known = isinstance(value, HELD) or is_dataclass(value) or inspect.isclass(value) or inspect.isroutine(value)
    own = isinstance(value, SimpleNamespace | Namespace) or not _installed(_home(type(value)))
    return own and not known and isinstance(getattr(value, "__dict__", None), dict)


@lru_cache(maxsize=256)
def _said(given: Any) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(given, "__code__", given))))
    except (OSError, TypeError, SyntaxError):  # made by other code: there is no file to read
        return _compiled(given.__code__) if isinstance(given, FunctionType) else ""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _compiled(code: CodeType) -> str:
    """What Python made of a function whose source is not at hand."""
    consts = [_compiled(held) if isinstance(held, CodeType) else repr(held) for held in code.co_consts]
    return repr((code.co_name, code.co_code.hex(), code.co_names, code.co_varnames, consts))


def _used(given: Any) -> Iterator[tuple[str, Any]]:
    """Names that the code of a function, or of a class and its bases, uses, with what they stand for."""
    if inspect.isclass(given):
        yield from ((base.__name__, base) for base in given.__bases__)
        held = vars(given).items()
        yield from ((name, value) for name, value in held if name[:2] != "__" or isinstance(value, FunctionType))
    elif isinstance(given, FunctionType):
        names = set(_names(given.__code__))
        known = {name: given.__globals__[name] for name in names & given.__globals__.keys()}
        yield from known.items()
        for module in [value for value in known.values() if isinstance(value, ModuleType)]:
            yield from ((name, vars(module)[name]) for name in names & vars(module).keys())
        yield from _bound(given)


def _bound(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Values that a function holds: defaults of its parameters, and names of the function that made it."""
    parameters = inspect.signature(function, follow_wrapped=False).parameters.items()
    yield from ((name, held.default) for name, held in parameters if held.default is not held.empty)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # empty
            continue


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)
