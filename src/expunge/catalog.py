"""The folder is the registry: a method's name is its file's name, its shelf names the extra that it needs.

Names and summaries are read from files without importing one of them. A method of another distribution enters by the
entry-point group ``expunge.methods``: the name is the entry's, the object its class.

Examples
--------
>>> [entry.summary for entry in entries() if entry.name == "sisa"]
['SISA: Sharded, Isolated, Sliced, Aggregated training. A deletion relearns one shard, from its slice on.']
>>> load("sisa").__name__
'Sisa'
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from expunge import methods
from expunge.errors import MissingExtraError, UnknownMethodError

GROUP = "expunge.methods"
BASE = "arrays"  # the shelf that the base install serves


@dataclass(frozen=True)
class Entry:
    """One method that can be loaded.

    Attributes
    ----------
    name : str
    shelf : str
        The folder; for a plugin, its distribution.
    summary : str
        The first line of its file; for a plugin, where it comes from.
    extra : str or None
        ``pip install 'expunge[extra]'``; None for the base install and for plugins.
    path : str
        ``module`` or ``module:Class``.
    """

    name: str
    shelf: str
    summary: str
    extra: str | None
    path: str


def entries() -> list[Entry]:
    """Every method, by shelf and name; ours first."""
    return [*_shelved(), *_plugged()]


def load(name: str) -> type:
    """The class of a method.

    Raises
    ------
    UnknownMethodError
        With the nearest name.
    MissingExtraError
        With the extra that brings the missing package.
    """
    entry = _found(name)
    if entry is None:
        known = sorted(entry.name for entry in entries())
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        msg = f"there is no method named {name!r}; {hint}there are: {', '.join(known)}"
        raise UnknownMethodError(msg)
    module_path, _, title = entry.path.partition(":")
    try:
        module = importlib.import_module(module_path)
    except ModuleNotFoundError as missing:
        how = f"pip install 'expunge[{entry.extra}]'" if entry.extra else f"install {missing.name}"
        msg = f"method {name!r} needs the package {missing.name!r}, which is not installed: {how}"
        raise MissingExtraError(msg) from missing
    found: type = getattr(module, title or _title(module_path))
    return found


def _found(name: str) -> Entry | None:
    """One method, without reading the files of the others: every request looks its method up."""
    if name.isidentifier() and not name.startswith("_"):
        for folder in methods.__path__:
            for file in Path(folder).glob(f"*/{name}.py"):
                return _entry(file)
    return next((entry for entry in _plugged() if entry.name == name), None)


def _shelved() -> list[Entry]:
    files = [file for folder in methods.__path__ for file in Path(folder).glob("*/[!_]*.py")]
    return sorted(map(_entry, files), key=lambda entry: (entry.shelf, entry.name))


def _entry(file: Path) -> Entry:
    shelf = file.parent.name
    extra = None if shelf == BASE else shelf
    return Entry(file.stem, shelf, _summary(file), extra, f"{methods.__name__}.{shelf}.{file.stem}")


def _plugged() -> list[Entry]:
    found = []
    for point in entry_points(group=GROUP):
        shelf = point.dist.name if point.dist else "plugin"
        found.append(Entry(point.name, shelf, f"from {point.value}", None, point.value))
    return sorted(found, key=lambda entry: (entry.shelf, entry.name))


def _summary(file: Path) -> str:
    """The first line of a file's docstring, without importing it."""
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return said.partition("\n")[0]


def _title(module_path: str) -> str:
    """The one public class of a module whose name, in lower case, is the file's without underscores."""
    module = importlib.import_module(module_path)
    wanted = module_path.rpartition(".")[2].replace("_", "")
    for name, value in vars(module).items():
        if inspect.isclass(value) and name.lower() == wanted:
            return name
    msg = f"{module_path} defines no class named as its file"
    raise UnknownMethodError(msg)
