"""The command line: parse, call the engine, print. Every command, and how each ends.

Results go to standard output, sentences about failures to standard error, and each kind of failure has an exit code of
its own (`expunge.errors`, ``docs/errors``). Nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer

from expunge.cli import auditing, evidence, finding, keys, requests, setup, shop_window, verifying
from expunge.cli.ending import BUG, DEBUG, INTERRUPTED, USAGE, ending
from expunge.cli.screen import SaidError, complain, failed_as, out, written

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
secrets = typer.Typer(add_completion=False, help="Show, rotate and back up the project's secrets.")


def _print_version(asked: bool) -> None:
    if asked:
        out(f"expunge {version('expunge')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Make models forget, and prove it.

    `expunge init` begins, `expunge learn` learns, `expunge forget` forgets; every command has its own --help.
    """
    if context.invoked_subcommand is None:
        out(context.get_help())
        raise typer.Exit(USAGE)


COMMANDS: tuple[Callable[..., None], ...] = (
    shop_window.demo,
    setup.init,
    setup.learn,
    setup.predict,
    requests.where,
    requests.quote,
    finding.find,
    requests.forget,
    requests.correct,
    requests.reconcile,
    requests.readmit,
    requests.work,
    requests.withdraw,
    evidence.status,
    evidence.log,
    auditing.audit,
    verifying.verify,
    evidence.scan,
    evidence.restore,
    keys.trust,
    shop_window.methods,
)
ON_KEYS: tuple[Callable[..., None], ...] = (
    keys.show,
    keys.rotate,
    keys.backup,
    keys.restore,
    keys.add_signer,
    keys.remove_signer,
)
for command in COMMANDS:
    app.command()(command)
for command in ON_KEYS:
    secrets.command()(command)

app.add_typer(secrets, name="keys", no_args_is_help=True)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; whatever is raised becomes a sentence and an exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to fail
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        raise SystemExit(_run(given))


def _run(given: list[str]) -> int:
    """Run, and the exit code."""
    try:
        ended = app(args=given, prog_name="expunge", standalone_mode=False)
    except SaidError as said:
        return _failed(said.error, as_json=False)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  (each becomes a sentence)
        return _failed(error, as_json="--json" in given)
    if ended == INTERRUPTED:  # the parser takes Ctrl-C for an exit
        return _failed(KeyboardInterrupt(), as_json="--json" in given)
    return ended if isinstance(ended, int) else 0


def _failed(error: BaseException, *, as_json: bool) -> int:
    """Say what went wrong; the exit code."""
    code, _, sentence = ending(error)
    if as_json:
        with suppress(OSError):  # standard output itself may be what failed
            out(written(failed_as(error)))
    if code == BUG and os.environ.get(DEBUG):
        complain("".join(traceback.format_exception(error)))
    complain(f"error: {sentence}")
    return code


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    complain(f"warning: {message}")
