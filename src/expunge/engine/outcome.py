"""What a publication leaves to be done: purge, scan and certificates, sealed so that a killed process can go on.

Written together with the publication, and unreachable, hence swept, once the last certificate is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from expunge.codec import decode, encode


@dataclass(frozen=True)
class Asking:
    """One request's own part: nobody else's names are in it.

    Attributes
    ----------
    salt : bytes
    outcomes : tuple of (kind, name, outcome)
        For each name asked: erased, already erased, corrected or unknown.
    tokens : mapping
        What the journal keeps, so that a restored backup forgets it again.
    reference : str or None
        Commitment to the requester's own name for the request.
    source : mapping
        What to look for in the user's own source: names, by column.
    """

    salt: bytes
    outcomes: tuple[tuple[str, int | str, str], ...]
    tokens: Mapping[str, Any]
    reference: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What scan and certificates need to know.

    Attributes
    ----------
    asked : mapping of request to Asking
    models : tuple of mappings
        What changed in each model, as certificates say it.
    needles : tuple of mappings
        What to look for.
    superseded : tuple of str
        File names that must not open any more.
    """

    asked: Mapping[str, Asking]
    models: tuple[Mapping[str, Any], ...]
    needles: tuple[Mapping[str, Any], ...]
    superseded: tuple[str, ...]

    def written(self) -> bytes:
        """Canonical bytes."""
        asked = {number: vars(asking) for number, asking in self.asked.items()}
        return encode({**vars(self), "asked": asked})

    @classmethod
    def read(cls, content: bytes) -> Outcome:
        """What `written` wrote."""
        held = decode(content)
        return cls(**{**held, "asked": {number: Asking(**asking) for number, asking in held["asked"].items()}})
