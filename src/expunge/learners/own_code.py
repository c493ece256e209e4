"""The modules that lie in a project's folder: found there once the project is trusted, here and in worker processes.

They come after all that is installed, so that no file of a project stands in for a library. In a process that works on
several projects each sees its own: modules of another one's folder are forgotten, and read again when they are asked
for.

Examples
--------
>>> import importlib, tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = (Path(folder) / "nets_of_the_shop.py").write_text("WIDTH = 64")
...     importable(Path(folder))
...     importlib.import_module("nets_of_the_shop").WIDTH
64
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

_here: list[str] = []  # the one folder whose modules may be imported now


def importable(folder: Path) -> None:
    """Let the modules in a folder be imported from now on, and those of the folder before it no more."""
    wanted = str(folder.resolve())
    if _here != [wanted]:
        for place in _here:
            _forget(place)
        _here[:] = [wanted]
    if wanted not in sys.path:
        sys.path.append(wanted)  # which worker processes are started with, too
    importlib.invalidate_caches()  # a file that was written a moment ago is found


def looked_in() -> str:
    """Where modules are looked for besides the installed packages, as the end of a sentence."""
    return "".join(f"; it was looked for in {place}, and among the installed packages" for place in _here)


def _forget(place: str) -> None:
    while place in sys.path:
        sys.path.remove(place)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and Path(file).is_relative_to(place):
            del sys.modules[name]
