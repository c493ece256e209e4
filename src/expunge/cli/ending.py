"""How a command that failed ends: a sentence and an exit code, for whatever was raised.

What expunge raises on purpose brings both. What the system refuses is put into words. Anything else is a bug of ours:
it is called one, by its type alone, because its text may hold somebody's data.

Examples
--------
>>> from expunge.errors import LedgerError
>>> ending(LedgerError("event 12 was altered"))
Ending(code=7, kind='LedgerError', sentence='event 12 was altered')
>>> ending(ZeroDivisionError("secret")).code
70
"""

from __future__ import annotations

from typing import Any, NamedTuple

import typer

from expunge.errors import ExpungeError

FAILED, USAGE, BUG, INTERRUPTED, PIPE_CLOSED = 1, 2, 70, 130, 141
DEBUG = "EXPUNGE_DEBUG"

# What the parser raises for wrong arguments derives from this, whichever click typer brings: its own, or the package.
_Refusal: Any = typer.BadParameter.__mro__[2]


class Ending(NamedTuple):
    """Exit code, name of the kind of error, and what is said."""

    code: int
    kind: str
    sentence: str


class UsageError(Exception):
    """Arguments that do not go together, or that nothing can be made of."""


def ending(error: BaseException) -> Ending:
    """How a command ends that raised this."""
    kind = type(error).__name__
    match error:
        case ExpungeError():
            return Ending(error.exit_code, kind, str(error))
        case UsageError():
            return Ending(USAGE, kind, str(error))
        case KeyboardInterrupt():
            said = "stopped; what was published is whole, and `expunge status` says what is left to do"
            return Ending(INTERRUPTED, kind, said)
        case MemoryError() | OSError():
            return Ending(FAILED, kind, _short_of(error))
    if isinstance(error, _Refusal):
        return _misused(error)
    said = f"this is a bug in expunge ({kind}): please report it; {DEBUG}=1 shows where. What was published is whole"
    return Ending(BUG, kind, said)


def _short_of(error: MemoryError | OSError) -> str:
    """What the system does not give."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; what was published is whole"
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{(error.strerror or str(error)).lower()}"


def _misused(error: Any) -> Ending:
    """Arguments that the parser refuses."""
    context = getattr(error, "ctx", None)
    hint = "" if context is None else f" (`{context.command_path} --help` says what there is)"
    return Ending(int(error.exit_code), "UsageError", f"{error.format_message().rstrip('.')}{hint}")
