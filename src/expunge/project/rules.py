"""What each field of ``expunge.toml`` must be, and the sentence for one that is not.

A field's rule stands in its type: ``threads: Count`` is an int to a type checker, a whole number of at least 1 here.

Examples
--------
>>> @dataclass(frozen=True)
... class Work:
...     threads: Count = 1
>>> made(Work, {"threads": 2}, "[work]")
Work(threads=2)
>>> made(Work, {"threads": 0}, "[work]")
Traceback (most recent call last):
...
expunge.errors.ProjectError: expunge.toml: threads in [work] must be a whole number of at least 1; got 0
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from expunge.errors import ProjectError

FILE = "expunge.toml"
PLAIN = ("exact", "empirical", "suppressed")  # promises that need no numbers
LONGEST = 100  # characters of a name of a project or model: it stands in every list

T = TypeVar("T")


@dataclass(frozen=True)
class Rule:
    """What a value must be, as a sentence says it, and how that is seen."""

    said: str
    fits: Callable[[Any], bool]


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)


def _is_plain(given: Any) -> bool:
    """Whether it is made of text, numbers, truth values, lists and tables."""
    if isinstance(given, dict):
        return all(map(_is_plain, given.values()))
    return all(map(_is_plain, given)) if isinstance(given, list) else isinstance(given, bool | int | float | str)


def _is_promise(given: Any) -> bool:
    """Whether these are the numbers of a claim: a distance, or an epsilon and a delta."""
    if not isinstance(given, dict) or not all(_is_number(held) and held > 0 for held in given.values()):
        return False
    return set(given) == {"distance"} or (set(given) == {"epsilon", "delta"} and given["delta"] < 1)


Text: TypeAlias = Annotated[str, Rule("a text", lambda given: isinstance(given, str) and bool(given))]
Title: TypeAlias = Annotated[
    str,
    Rule(
        f"a text of one line and at most {LONGEST} characters",
        lambda given: (
            isinstance(given, str) and 0 < len(given) <= LONGEST and given.isprintable() and bool(given.strip())
        ),
    ),
]
Hex: TypeAlias = Annotated[
    str,
    Rule(
        "32 digits of 0-9 and a-f, as `expunge init` wrote it",
        lambda given: isinstance(given, str) and bool(re.fullmatch("[0-9a-f]{32}", given)),
    ),
]
Truth: TypeAlias = Annotated[bool, Rule("true or false", lambda given: isinstance(given, bool))]
Count: TypeAlias = Annotated[
    int, Rule("a whole number of at least 1", lambda given: type(given) is int and 1 <= given < 2**31)
]
Share: TypeAlias = Annotated[
    float, Rule("a share from 0 to 0.9, such as 0.2", lambda given: _is_number(given) and 0 <= given <= 0.9)
]
Options: TypeAlias = Annotated[
    dict[str, Any],
    Rule(
        "a table of texts, numbers, truth values and lists", lambda given: isinstance(given, dict) and _is_plain(given)
    ),
]


Promise: TypeAlias = Annotated[
    str | dict[str, float],
    Rule(
        f"one of {', '.join(PLAIN)}, a table {{distance = 1e-6}}, or a table {{epsilon = 1.0, delta = 1e-5}}",
        lambda given: given in PLAIN if isinstance(given, str) else _is_promise(given),
    ),
]


def made(kind: type[T], given: Mapping[str, Any], where: str) -> T:
    """A section as a dataclass: every field known, present where needed, and as its rule wants it."""
    hints = get_type_hints(kind, include_extras=True)
    refuse_unknown(given, tuple(hints), where)
    for of in fields(kind):  # type: ignore[arg-type]  # all that come here are dataclasses
        if of.name not in given:
            if of.default is MISSING and of.default_factory is MISSING:
                msg = f"{FILE}: {where} lacks {of.name}, {_rule(hints[of.name]).said}"
                raise ProjectError(msg)
            continue
        rule = _rule(hints[of.name])
        if given[of.name] is None and of.default is None:
            continue
        if not rule.fits(given[of.name]):
            msg = f"{FILE}: {of.name} in {where} must be {rule.said}; got {shown(given[of.name])}"
            raise ProjectError(msg)
    floats = {name: float(given[name]) for name, hint in hints.items() if hint == Share and name in given}
    return kind(**{**given, **floats})


def _rule(hint: Any) -> Rule:
    """The rule of a field's type; that of the part that is not None."""
    if get_origin(hint) is Literal:
        allowed = get_args(hint)
        return Rule(f"one of {', '.join(allowed)}", lambda given: isinstance(given, str) and given in allowed)
    if get_origin(hint) is Annotated:
        rule: Rule = hint.__metadata__[0]
        return rule
    return _rule(get_args(hint)[0])


def refuse_unknown(given: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Raise the sentence that names a key which a section does not have, and the nearest that it has."""
    for name in given:
        if name not in known:
            msg = f"{FILE}: {where} has no {name!r}{near(name, known)}; it has {', '.join(known)}"
            raise ProjectError(msg)


def near(got: Any, known: Collection[str]) -> str:
    """A question after the nearest name, for a sentence; nothing where none is near."""
    found = difflib.get_close_matches(str(got), known, n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


def shown(given: Any) -> str:
    """A value in a sentence; a long one is cut."""
    said = repr(given)
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}..."
