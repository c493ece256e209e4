"""What needs no project: `demo` and `methods`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from expunge.catalog import entries
from expunge.cli.ending import UsageError
from expunge.cli.options import AsJson
from expunge.cli.screen import Screen
from expunge.errors import ExpungeError


def demo(
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw the cost of the next requests into this picture.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Learn from real patients, forget some, prove it bit for bit: a minute's tour, which leaves nothing behind.

    For example: expunge demo
    """
    screen = Screen(as_json=as_json)
    _refuse_picture(picture)
    from rich.console import Console

    from expunge.demo import play  # it imports scikit-learn, which `--help` need not wait for

    equal = play(Console(quiet=as_json), picture)
    failure = None if equal else ExpungeError("a forgotten model is not the one learned without; this is a bug")
    screen.show({"equal": equal, "picture": None if picture is None else str(picture)}, [], failure)


def _refuse_picture(picture: Path | None) -> None:
    if picture is not None and not picture.absolute().parent.is_dir():
        msg = f"--picture names a file in {picture.parent}, which is no folder"
        raise UsageError(msg)
    if picture is not None and (picture.is_dir() or picture.suffix.lower() != ".png"):
        msg = f"--picture names a file that ends in .png, got {picture}"
        raise UsageError(msg)


def methods(as_json: AsJson = False) -> None:
    """List the methods of forgetting there are, and what each needs to be installed.

    For example: expunge methods
    """
    found = entries()
    Screen(as_json=as_json).show([asdict(entry) for entry in found], [])
    if as_json:
        return
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid(box=None, pad_edge=False)
    for head in ("method", "shelf", "needs", "in a sentence"):
        grid.add_column(head, overflow="fold")
    for entry in found:
        needs = f"expunge[{entry.extra}]" if entry.extra else "expunge"
        grid.add_row(entry.name, entry.shelf, needs.replace("[", r"\["), entry.summary)
    Console().print(grid)
