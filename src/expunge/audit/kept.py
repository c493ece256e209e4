"""Ids that a model keeps beside what it learned, such as the log of a network's training: read out of its bytes.

A small whole number cannot be told from chance among the bytes of a model. Where one of our own values has a field
``ids``, each number in it is an id, and 417 is nobody else's. Nothing is imported, constructed or called for it.

Examples
--------
>>> import numpy as np
>>> from expunge import Addition, Table
>>> from expunge.codec import encode
>>> from expunge.values import Records
>>> ids_in(encode({"log": Records([417, 7]), "ids": [9]}))
[array([  7, 417])]
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from safetensors.numpy import load

from expunge.audit.facts import among
from expunge.audit.residue import Part
from expunge.codec import CHECK, MAGIC, _Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from expunge.audit.needles import Needles
    from expunge.protocol import Ids

FIELD = "ids"
SPELLED = b'["s","ids"]'  # as the codec writes it


def ids_in(blob: bytes) -> list[Ids]:
    """All ids in fields of that name; none in bytes that our codec did not write."""
    if not blob.startswith(MAGIC) or SPELLED not in blob:
        return []
    content = blob[len(MAGIC) + CHECK :]
    end = 8 + int.from_bytes(content[:8], "little")
    look = _Look(load(content[end:]))
    look.value(json.loads(content[8:end]))
    return look.kept


def in_kept(
    name: str, kept: Sequence[Ids], sought: Needles, retained: Callable[[Ids], NDArray[np.bool_]]
) -> Part | None:
    """Search ids that models keep, by value; None where there are none, or no id has to be gone.

    Parameters
    ----------
    name : str
    kept : sequence of ids
        What `ids_in` gave.
    sought : Needles
    retained : callable
        Of ids, which of them the data still have: some of every model's must be, or it was not seen right.
    """
    held = [ids for ids in kept if len(ids)]
    if not held or not len(sought.values.ids):
        return None
    found = sum(int(among(ids, sought.values.ids).sum()) for ids in held)
    seen = all(bool(retained(ids).any()) for ids in held)
    count = sum(map(len, held))
    return Part(name, count, found, "found" if seen else "blind", len(sought.values.ids), "records")


class _Look(_Reader):
    """Walks over a value without making anything of it; what it was made of is left as text."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        super().__init__(arrays, trusted=False)
        self.kept: list[Ids] = []

    def own(self, path: str, pairs: list[list[Any]]) -> Any:
        """One of our own values: its ids are taken."""
        held = {self.value(key): self.value(item) for key, item in pairs}
        if FIELD in held:
            self.kept.append(_as_ids(held[FIELD]))
        return f"{path} {len(self.seen)}"

    def named(self, path: str) -> Any:
        """A class or function, not looked up."""
        return path

    def rebuilt(self, *parts: Any) -> Any:
        """A foreign object: its parts, in the order in which they were written."""
        for part in parts:
            self.value(part)
        return f"object {len(self.seen)}"


def _as_ids(held: Any) -> Ids:
    """Ids as a table has them: integers, or text."""
    names = held.tolist() if isinstance(held, np.ndarray) else held
    names = list(names) if isinstance(names, list | tuple | set | frozenset) else []
    if all(isinstance(name, int) for name in names):
        return np.array(sorted(names), np.int64)
    return pa.array(sorted(map(str, names)), pa.large_string())
