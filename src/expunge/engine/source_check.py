"""Whether the user's own source still holds what a request named: asked once for a batch, answered for each request.

Ids and owners can be asked for. A class, a column or a corrected row cannot: they may rightly be there.

Examples
--------
>>> from expunge.data.schema import Schema
>>> from expunge.values import Label, Owners, Records
>>> schema = Schema("row", "class", "person", ())
>>> question(schema, Owners(["ann"]))
{'person': ['ann']}
>>> question(schema, Records([7])), question(schema, Label("spam"))
({'row': [7]}, {})
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expunge.data.sources import open_source
from expunge.errors import ExpungeError
from expunge.values import Batch, Owners, Records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expunge.data.schema import Schema
    from expunge.engine.outcome import Asking
    from expunge.engine.project import Project
    from expunge.values import Target


def question(schema: Schema, target: Target) -> dict[str, list[Any]]:
    """Which names to look for in which column of the source."""
    asked: dict[str, set[Any]] = {}
    for step in target.targets if isinstance(target, Batch) else (target,):
        if isinstance(step, Owners):
            asked.setdefault(schema.owner or schema.id, set()).update(step.names)
        elif isinstance(step, Records):
            asked.setdefault(schema.id, set()).update(step.ids)
    return {column: sorted(names, key=str) for column, names in asked.items()}


def answers(project: Project, asked: Mapping[str, Asking]) -> dict[str, str]:
    """For each request: ``holds``, ``no longer``, or ``not read`` where it cannot be asked or did not answer."""
    wanted: dict[str, set[Any]] = {}
    for asking in asked.values():
        for column, names in asking.source.items():
            wanted.setdefault(column, set()).update(names)
    held = {column: _held(project, column, names) for column, names in wanted.items()}
    return {number: _answer(asking.source, held) for number, asking in asked.items()}


def _held(project: Project, column: str, names: set[Any]) -> set[Any] | None:
    """Those of the names that the source still has; None where it does not answer."""
    schema = project.published().snapshot.schema
    kind = schema.id_type if column == schema.id else schema.owner_type
    try:
        source = open_source(vars(project.settings.source), project.folder)
        return set(source.holds(column, sorted(names, key=str), kind))
    except ExpungeError:
        return None


def _answer(question: Mapping[str, list[Any]], held: Mapping[str, set[Any] | None]) -> str:
    found = [held[column] for column in question]
    if not question or None in found:
        return "not read"
    there = any(set(names) & (held[column] or set()) for column, names in question.items())
    return "holds" if there else "no longer"
