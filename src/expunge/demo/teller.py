"""How the demo speaks: steps, commands, what is to be seen, and what has to hold, which is counted.

Examples
--------
>>> from rich.console import Console
>>> teller = Teller(Console(width=80, color_system=None))
>>> teller.type("expunge forget --records patient-417")
<BLANKLINE>
$ expunge forget --records patient-417
>>> teller.check("two and two are four", holds=2 + 2 == 4)
  ok      two and two are four
>>> teller.check("one is two", holds=1 == 2)
  FAILED  one is two
>>> teller.count, teller.failed
(2, ['one is two'])
"""

from __future__ import annotations

import re
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.table import Table as Grid

WIDTH = 78


class Teller:
    """Speaks to a terminal of 80 columns or more, and keeps what did not hold.

    Attributes
    ----------
    console : Console
    count : int
        Checks made.
    failed : list of str
        Those that did not hold.
    steps : int
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.count, self.failed, self.steps = 0, list[str](), 0
        self._apart = False  # from what stands above

    def step(self, title: str) -> None:
        """Begin the next step."""
        self.steps += 1
        head = f"{self.steps}. {title} "
        self._line("")
        self._line(head + "-" * (WIDTH - len(head)), style="bold")
        self._apart = False

    def type(self, *commands: str) -> None:
        """What a user would type for what comes next."""
        self._line("")
        for command in commands:
            together = re.sub(r"(--[a-z-]+) ", "\\1\0", command)  # an option stays on the line of its value
            first, *rest = textwrap.wrap(together, WIDTH - 6, break_long_words=False, break_on_hyphens=False)
            for place, part in enumerate([f"$ {first}", *(f"    {each}" for each in rest)]):
                end = " \\" if place < len(rest) else ""
                self._line(part.replace("\0", " ") + end, style="bold cyan")

    def say(self, *sentences: str) -> None:
        """A paragraph, apart from what stands above it; a heading or a table aside."""
        if self._apart:
            self._line("")
        for line in textwrap.wrap(" ".join(sentences), WIDTH, break_on_hyphens=False):
            self._line(line)

    def points(self, sentences: list[str]) -> None:
        """One point each."""
        for sentence in sentences:
            for line in textwrap.wrap(
                sentence, WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
            ):
                self._line(line)

    def pairs(self, rows: list[tuple[str, str]]) -> None:
        """What is to be seen: a name and what it is, line by line."""
        wide = max(len(name) for name, _ in rows) + 4
        for name, said in rows:
            for place, line in enumerate(textwrap.wrap(said, WIDTH - wide, break_on_hyphens=False)):
                self._line(f"  {name if place == 0 else '':<{wide - 2}}{line}")

    def show(self, shown: Grid) -> None:
        """A table."""
        self._line("")
        self.console.print(shown)
        self._apart = False

    def verbatim(self, text: str) -> None:
        """Lines as they are, however long."""
        self._line(text)

    def check(self, said: str, *, holds: bool) -> None:
        """What has to hold, and whether it does."""
        self.count += 1
        if not holds:
            self.failed.append(said)
        lines = textwrap.wrap(said, WIDTH - 10, break_on_hyphens=False)
        for place, line in enumerate(lines):
            word = "" if place else "ok" if holds else "FAILED"
            self._line(f"  {word:<8}{line}", style="green" if holds else "bold red")

    @contextmanager
    def busy(self, doing: str) -> Iterator[None]:
        """Say what takes a while, where somebody can see it; nothing of it stays."""
        with self.console.status(doing):
            yield

    def _line(self, text: str, style: str | None = None) -> None:
        self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
        self._apart = True
