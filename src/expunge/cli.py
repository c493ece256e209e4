"""The command line: parse, call, print."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table as Grid

from expunge.catalog import entries
from expunge.errors import ExpungeError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"expunge {version('expunge')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Make models forget, and prove it."""


@app.command()
def demo(
    picture: Annotated[Path | None, typer.Option(help="Draw the cost of the next requests into this PNG.")] = None,
) -> None:
    """Learn from real patients, forget some, prove it bit for bit."""
    from expunge.demo import play  # it imports scikit-learn, which `--help` need not wait for

    if picture is not None and not picture.absolute().parent.is_dir():
        typer.echo(f"error: --picture names a file in {picture.parent}, which is no folder", err=True)
        raise typer.Exit(2)
    if picture is not None and (picture.is_dir() or picture.suffix.lower() != ".png"):
        typer.echo(f"error: --picture names a file that ends in .png, got {picture}", err=True)
        raise typer.Exit(2)
    if not play(Console(), picture):
        typer.echo("error: a forgotten model is not the one learned without; this is a bug, please report it", err=True)
        raise typer.Exit(1)


@app.command()
def methods(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False) -> None:
    """List the methods there are, and what each needs to be installed."""
    found = entries()
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in found], indent=2))
        return
    grid = Grid(box=None, pad_edge=False)
    for head in ("method", "shelf", "needs", "in a sentence"):
        grid.add_column(head, overflow="fold")
    for entry in found:
        needs = f"expunge[{entry.extra}]" if entry.extra else "expunge"
        grid.add_row(entry.name, entry.shelf, needs.replace("[", r"\["), entry.summary)
    Console().print(grid)


def main() -> None:
    """Run the command line; what expunge raises on purpose becomes a sentence and exit code 1."""
    try:
        app()
    except ExpungeError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from error
