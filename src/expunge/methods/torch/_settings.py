"""Settings of methods, checked: whole numbers, positive numbers, shares; else a sentence."""

from __future__ import annotations

import math
from typing import Any

from expunge.data.table import Table
from expunge.errors import ParameterError


def check_count(method: Any, *names: str, least: int = 1) -> None:
    """Raise unless these settings are whole numbers of at least ``least``."""
    for name in names:
        value = getattr(method, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            msg = f"{type(method).__name__} needs {name} to be a whole number of at least {least}, got {value!r}"
            raise ParameterError(msg)


def check_positive(method: Any, *names: str) -> None:
    """Raise unless these settings are numbers above 0."""
    for name in names:
        value = getattr(method, name)
        if not _number(value) or value <= 0:
            msg = f"{type(method).__name__} needs {name} to be a number above 0, got {value!r}"
            raise ParameterError(msg)


def check_number(method: Any, *names: str) -> None:
    """Raise unless these settings are numbers of at least 0."""
    for name in names:
        value = getattr(method, name)
        if not _number(value) or value < 0:
            msg = f"{type(method).__name__} needs {name} to be a number of at least 0, got {value!r}"
            raise ParameterError(msg)


def check_share(method: Any, *names: str) -> None:
    """Raise unless these settings are numbers in [0, 1]."""
    for name in names:
        value = getattr(method, name)
        if not _number(value) or not 0 <= value <= 1:
            msg = f"{type(method).__name__} needs {name} to be a share in [0, 1], got {value!r}"
            raise ParameterError(msg)


def check_held_out(method: Any) -> None:
    """Raise unless ``held_out`` is a table with labels, or None."""
    given = method.held_out
    if given is not None and (not isinstance(given, Table) or given.label is None):
        msg = f"{type(method).__name__} needs held_out to be a Table with labels, got {given!r}"
        raise ParameterError(msg)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
