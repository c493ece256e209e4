"""How classes, functions, objects and dtypes are spelled where a model is written down, and found again by that."""

from __future__ import annotations

import copyreg
from importlib import import_module
from typing import Any

import numpy as np

from expunge.errors import CodecError

TREES = ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree")
BUNCH = "sklearn.utils._bunch"
ADDRESS = "_stop_words_id"  # where in memory a vectorizer's stop words once were
GLOBAL = np.random.mtrand._rand  # noqa: SLF001  (numpy's global generator has no other name)
CLOCK = {"refit_time_"}  # what a search measured; and all of its results that end in _time


def spelled(named: Any, name: str | None = None) -> str:
    """``module:qualified.name`` of a class, function or constant.

    Raises
    ------
    CodecError
        If it cannot be found again under that name.
    """
    nowhere = "scipy.special" if isinstance(named, np.ufunc) else "builtins"  # scipy's ufuncs do not say where they are
    module = getattr(named, "__module__", None) or nowhere
    path = f"{module}:{name or getattr(named, '__qualname__', None) or named.__name__}"
    try:
        found = resolve(path)
    except (ImportError, AttributeError):
        found = None
    if found is not named:
        msg = f"{path} cannot be found under that name; give a function or class defined at the top of a module"
        raise CodecError(msg)
    return path


def resolve(path: str) -> Any:
    """What `spelled` spelled; this imports its module."""
    module, _, name = path.partition(":")
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def title(kind: type) -> str:
    """A class, in a sentence."""
    return f"{kind.__module__}.{kind.__qualname__}"


def reduced(value: Any) -> str | tuple[Any, Any, Any, list[Any], list[list[Any]]]:
    """How an object is made again: the name of a constant, or constructor, arguments, state, items and entries.

    Raises
    ------
    CodecError
        If the object does not say, or says it by what cannot be written down.
    """
    kind, reduce = type(value), copyreg.dispatch_table.get(type(value))
    if isinstance(value, np.ma.MaskedArray):  # which makes up a fill value when it is first asked
        value = np.ma.array(value, fill_value=value.fill_value)
    try:
        said = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception as refusal:
        msg = f"a {title(kind)} cannot be part of a model that is written down: {refusal}"
        raise CodecError(msg) from refusal
    if isinstance(said, str):
        return said
    make, arguments, state, items, entries, setter = (*said, None, None, None, None)[:6]
    if setter is not None:
        msg = f"a {title(kind)} sets its state by a function of its own, which cannot be written down"
        raise CodecError(msg)
    return make, arguments, _settled(kind, state), list(items or ()), [list(pair) for pair in entries or ()]


def _settled(kind: type, state: Any) -> Any:
    """The state of a foreign object, without what changes when a model is asked, moved or read again."""
    if kind.__module__ in TREES:  # counts the questions it was asked
        return (*state[:7], 0, 0, 0, 0, *state[11:])
    if kind.__module__ == BUNCH:  # holds warnings, and does not take them back
        return None
    if not isinstance(state, dict):
        return state
    if kind.__module__.startswith("scipy.stats") and "_random_state" in state:
        state = {**state, "_random_state": GLOBAL}  # a copy of the global generator, which draws for nobody here
    settled = {name: held for name, held in state.items() if name != ADDRESS and name not in CLOCK}
    if isinstance(settled.get("cv_results_"), dict):
        results = settled["cv_results_"].items()
        settled["cv_results_"] = {name: held for name, held in results if not name.endswith("_time")}
    return settled


def describe(dtype: np.dtype[Any]) -> Any:
    """A dtype as JSON; a structured one with its offsets, for a compiled struct expects its own."""
    if dtype.subdtype is not None:
        return [describe(dtype.base), list(dtype.shape)]
    if dtype.names is None or dtype.fields is None:
        return dtype.str
    fields = [dtype.fields[name] for name in dtype.names]
    return {
        "names": list(dtype.names),
        "formats": [describe(field[0]) for field in fields],
        "offsets": [int(field[1]) for field in fields],
        "itemsize": dtype.itemsize,
    }


def read_dtype(described: Any) -> np.dtype[Any]:
    """What `describe` described."""
    if isinstance(described, list):
        described = (read_dtype(described[0]), tuple(described[1]))
    if isinstance(described, dict):
        described = {**described, "formats": [read_dtype(part) for part in described["formats"]]}
    made: np.dtype[Any] = np.dtype(described)
    return made
