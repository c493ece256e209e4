"""The anchor: what the secrets know of the ledger's end, so that cutting the end off shows.

Examples
--------
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     write_anchor(Path(folder, "anchor.json"), Head(12, "0" * 64))
...     read_anchor(Path(folder, "anchor.json")).number
12
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from expunge.certificate.canonical import canonical
from expunge.errors import LedgerError
from expunge.store.files import write_atomically


class Head(NamedTuple):
    """The last event, by number and MAC: all events before it follow."""

    number: int
    mac: str


_ANCHOR = re.compile(rb'\{"mac":"([0-9a-f]{64})","number":([1-9][0-9]{0,17})\}\n')


def read_anchor(path: Path) -> Head | None:
    """What the anchor knows; None where there is none.

    Raises
    ------
    LedgerError
        If it cannot be read, or is not as `write_anchor` writes it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as refusal:
        raise LedgerError(f"the ledger's anchor {path} cannot be read: {refusal.strerror}") from refusal
    found = _ANCHOR.fullmatch(content)
    if found is None:
        raise LedgerError(f"the ledger's anchor {path} was altered: it is not a number and a MAC as we write them")
    return Head(int(found[2]), found[1].decode())


def write_anchor(path: Path, head: Head) -> None:
    """Let the anchor know this event, atomically."""
    write_atomically(path, canonical(head._asdict()) + b"\n", mode=0o600)
