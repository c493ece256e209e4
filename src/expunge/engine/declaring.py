"""What may be declared otherwise once somebody was forgotten: all but what the fence knows them by.

The fence holds keyed tokens of ids, owners and classes, each of its type: 7 is not "7". Under another declaration they
would match nothing, and whoever was forgotten would be learned again.

Examples
--------
>>> from expunge.data.schema import Schema
>>> from expunge.engine.fence import Fence
>>> before, after = Schema("row", "found", None, ()), Schema("row", "found", None, (), "text")
>>> refuse_redeclared(before, after, Fence())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expunge.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expunge.data.schema import Schema
    from expunge.engine.fence import Fence


def refuse_redeclared(before: Schema, after: Schema, fence: Fence) -> None:
    """Raise the sentence that says which declaration must stay while the fence knows somebody by it."""
    for names, needed in _needed(before, fence).items():
        held, asked = ({name: getattr(schema, name) for name in names} for schema in (before, after))
        if needed and held != asked:
            was, now = (_declaration(said) for said in (held, asked))
            msg = (
                f"expunge.toml declares {now}, and what was forgotten or put right was {was}: the fence knows it by"
                " that, and would let it come back; declare it as it was, or begin a new project from a clean source"
            )
            raise ProjectError(msg)


def _needed(before: Schema, fence: Fence) -> dict[tuple[str, str], bool]:
    """Which declarations the fence's tokens are made by; an owner where there was none takes nobody's id away."""
    owners = bool(len(fence.owners) or len(fence.owned) or len(fence.superseded)) and before.owner is not None
    classes = bool(len(fence.classes) or len(fence.classed) or len(fence.superseded))
    return {
        ("id", "id_type"): fence.names_anybody,
        ("owner", "owner_type"): owners,
        ("label", "label_type"): classes and before.label is not None,
    }


def _declaration(said: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in said.items())
