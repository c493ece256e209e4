"""The anchor: what the secrets know of the ledger's end, so that cutting the end off shows; and of the journal's.

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


class Journaled(NamedTuple):
    """The journal of erasures as it was last: how many lines it had, and their digest."""

    lines: int
    digest: str


class Anchor(NamedTuple):
    """What the file says; of the journal nothing before its first line, or where an older version wrote it."""

    head: Head
    journal: Journaled | None = None


_NUMBER, _DIGEST = rb"([1-9][0-9]{0,17})", rb'"([0-9a-f]{64})"'
_JOURNAL = rb'"journal":\{"digest":' + _DIGEST + rb',"lines":' + _NUMBER + rb"\},"
_ANCHOR = re.compile(rb"\{(?:" + _JOURNAL + rb')?"mac":' + _DIGEST + rb',"number":' + _NUMBER + rb"\}\n")


def read_anchor(path: Path) -> Head | None:
    """What the anchor knows of the ledger; None where there is none."""
    anchor = read_whole(path)
    return None if anchor is None else anchor.head


def read_whole(path: Path) -> Anchor | None:
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
    digest, lines, mac, number = (None if word is None else word.decode() for word in found.groups())
    journal = None if digest is None else Journaled(int(str(lines)), digest)
    return Anchor(Head(int(str(number)), str(mac)), journal)


def write_anchor(path: Path, head: Head, journal: Journaled | None = None) -> None:
    """Let the anchor know this event, and this state of the journal, atomically."""
    known = {} if journal is None else {"journal": journal._asdict()}
    write_atomically(path, canonical({**head._asdict(), **known}) + b"\n", mode=0o600)
