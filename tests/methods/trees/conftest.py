"""The kernels as plain Python, as they are or with a bug planted: what a test of the tests runs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import expunge.methods.trees as shelf

FOLDER = Path(next(iter(shelf.__path__)))
ORDER = (
    "_hashing",
    "_cells",
    "_layout",
    "_candidates",
    "_choice",
    "_rows",
    "_build",
    "_changes",
    "_following",
    "_update",
    "_walk",
)


def plain(**mutations: tuple[str, str]) -> SimpleNamespace:
    """All kernels uncompiled; a mutation is a text in a module and what stands in its place."""
    name = f"plain_trees_{len([key for key in sys.modules if key.startswith('plain_trees_')])}"
    stub = ModuleType(f"{name}._compiled")
    vars(stub).update(
        kernel=lambda function: function,
        uncounted=lambda function: function,
        lent=lambda array: array,
        ask_for=lambda *_: None,
    )
    sys.modules[stub.__name__] = stub
    found: dict[str, Any] = {}
    for file in ORDER:
        text = (FOLDER / f"{file}.py").read_text(encoding="utf-8")
        if file in mutations:
            old, new = mutations[file]
            assert text.count(old) == 1, f"the text to mutate is not in {file} once, but {text.count(old)} times"
            text = text.replace(old, new)
        text = text.replace("expunge.methods.trees.", f"{name}.")
        module = ModuleType(f"{name}.{file}")
        sys.modules[module.__name__] = module
        exec(compile(text, f"{file}.py", "exec"), vars(module))  # noqa: S102  (our own kernels)
        found.update({key: value for key, value in vars(module).items() if not key.startswith("__")})
    return SimpleNamespace(**found)


@pytest.fixture(scope="session", name="unchanged")
def unchanged_kernels() -> SimpleNamespace:
    """Kernels of plain Python, as they are."""
    return plain()


@pytest.fixture(name="plain")
def plain_kernels(unchanged: SimpleNamespace) -> Any:
    """The function that makes kernels of plain Python; wrapping words are no warning."""
    with np.errstate(over="ignore"):
        yield lambda **mutations: plain(**mutations) if mutations else unchanged
