"""What a command says: text for people, or one JSON document for programs; bars while it works; how it ends.

What is asked for goes to standard output. Sentences about what went wrong go to standard error, whatever was asked for,
and with ``--json`` the document on standard output says it too: ``error``, ``code`` and ``kind``.

Examples
--------
>>> Screen(as_json=True).show({"rows": 3}, ["3 rows"])
{"rows": 3}
>>> Screen(as_json=False).show({"rows": 3}, pairs([("rows", "3"), ("models", "main")]))
rows    3
models  main
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

from expunge.cli.ending import PIPE_CLOSED, ending

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from expunge.protocol import Tick

SHORT = 12  # digits of a fingerprint that people compare by eye
FEW = 20  # names that are listed one by one

Document = Mapping[str, Any] | Sequence[Any]


class SaidError(Exception):
    """A command that failed after it had shown its document: the sentence is still to be said.

    Parameters
    ----------
    error : BaseException
        Why, as `main` would have caught it.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class Screen:
    """Where one command speaks.

    Parameters
    ----------
    as_json : bool
        One document on standard output, and nothing else there.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._bars: Bars | None = None

    def show(self, document: Document, lines: Iterable[str], failure: BaseException | None = None) -> None:
        """Show what came out, once; with a failure, the command ends with its exit code."""
        if self.as_json:
            failed = {} if failure is None else failed_as(failure)
            out(written({**document, **failed} if isinstance(document, Mapping) else document))
        else:
            self.say(*lines)
        if failure is not None:
            raise SaidError(failure) from failure

    def say(self, *lines: str) -> None:
        """Lines for people; nothing with ``--json``."""
        if self._bars is not None:
            self._bars.stop()
        if not self.as_json and lines:
            out("\n".join(map(clean, lines)))

    def pour(self, part: str) -> None:
        """Lines for a program, a part of many, as they are."""
        if self._bars is not None:
            self._bars.stop()
        out(part.removesuffix("\n"))

    @contextmanager
    def progress(self) -> Iterator[Tick]:
        """Bars on standard error while work goes on, where somebody can see them."""
        if self.as_json or sys.stderr is None or not sys.stderr.isatty():
            from expunge.protocol import silent

            yield silent
            return
        self._bars = Bars(sys.stderr)
        try:
            yield self._bars
        finally:
            self._bars.stop()
            self._bars = None


class Bars:
    """Progress bars, one for each kind of work; they appear with the first tick and leave no trace."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._done: dict[str, int] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """So much of it is done."""
        if self._progress is None:
            self._progress = _progress(self._file)
            self._progress.start()
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(clean(what), total=total)
        elif done < self._done[what]:  # the next slice begins: its clock, too
            self._progress.reset(self._tasks[what], total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)
        self._done[what] = done

    def stop(self) -> None:
        """Take them away; the next tick brings them back."""
        if self._progress is not None:
            self._progress.stop()
        self._progress, self._tasks = None, {}


def _progress(file: IO[str]) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Standard output is not the bars' business: it may be a pipe.
    return Progress(*columns, console=Console(file=file), transient=True, redirect_stdout=False, redirect_stderr=False)


# -- the two streams ---------------------------------------------------------------------------------------------------


def out(text: str) -> None:
    """A line, or several, on standard output; a reader who has gone away ends the command without a word."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        hushed()
        raise SystemExit(PIPE_CLOSED) from None


def complain(sentence: str) -> None:
    """A line on standard error; where nobody can hear it, nothing."""
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"{clean(sentence)}\n")
        sys.stderr.flush()


def hushed() -> None:
    """Let what is still in the buffer go nowhere, so that the interpreter does not stumble over it at the end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def written(document: Any) -> str:
    """JSON as every reader takes it: a number that is none is null.

    >>> written({"auc": float("nan"), "rows": [1, 2.5]})
    '{"auc": null, "rows": [1, 2.5]}'
    """
    try:
        return json.dumps(document, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(document), allow_nan=False)


def _finite(held: Any) -> Any:
    if isinstance(held, Mapping):
        return {name: _finite(value) for name, value in held.items()}
    if isinstance(held, list | tuple):
        return [_finite(value) for value in held]
    return None if isinstance(held, float) and not math.isfinite(held) else held


def failed_as(error: BaseException) -> dict[str, Any]:
    """A failure as a document has it."""
    code, kind, sentence = ending(error)
    return {"error": sentence, "code": code, "kind": kind}


# -- words -------------------------------------------------------------------------------------------------------------


def clean(text: str) -> str:
    """Text that a terminal prints as itself: what would move its cursor or change its colours is replaced.

    >>> clean(f"row {chr(27)}[31m7") == f"row {chr(0xFFFD)}[31m7"
    True
    """
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def pairs(held: Iterable[tuple[str, str]], indent: str = "") -> list[str]:
    """A table of two columns."""
    rows = list(held)
    wide = max((len(name) for name, _ in rows), default=0)
    return [f"{indent}{name:<{wide}}  {said}".rstrip() for name, said in rows]


def short(fingerprint: str | None) -> str:
    """The first digits of a fingerprint."""
    return "none" if fingerprint is None else fingerprint[:SHORT]


def many(count: int, noun: str) -> str:
    """A number and its noun.

    >>> many(1, "row"), many(2000, "row")
    ('1 row', '2,000 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def some(names: Sequence[str], say: Callable[[int], str] = lambda left: f"and {left:,} more") -> list[str]:
    """Names, the first of them where they are many."""
    return [*names[:FEW], *([say(len(names) - FEW)] if len(names) > FEW else [])]
