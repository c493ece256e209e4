"""Figures as plain text that lines up, for people who read a report and not a program."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 100


def laid_out(rows: Sequence[Sequence[str]]) -> list[str]:
    r"""Rows of cells as lines: the first column to the left, the others to the right, each as wide as it must be.

    Examples
    --------
    >>> print(*laid_out([["model", "loss"], ["oracle", "0.5"]]), sep="|\n")
      model   loss|
      oracle   0.5
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append("  " + "  ".join([first.ljust(widths[0]), *cells]).rstrip())
    return lines


def shown(figure: float | None) -> str:
    """A figure in three digits after the point, or four significant digits; a dash where there is none.

    Examples
    --------
    >>> shown(0.98765), shown(12345.6), shown(-0.0001), shown(None)
    ('0.988', '1.235e+04', '0.000', '-')
    """
    if figure is None:
        return "-"
    if abs(figure) >= 1000:
        return f"{figure:.4g}"
    return f"{figure:.3f}".replace("-0.000", "0.000")


def said(sentence: str) -> list[str]:
    """A sentence as indented lines that are not too long."""
    return textwrap.wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
