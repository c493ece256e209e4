"""The journal of erasures, beside the secrets: what a restored backup does not know.

One line a request, of keyed tokens and no names (`expunge.engine.fence`), written before its publication (``begun``)
and again with its certificate (``done``). It lies outside the project folder and in no backup of the keys. A project
whose ledger lacks what its journal has was brought back from before; it owes these erasures, and nothing is done with
it until `expunge restore` has replayed them. Where the journal itself is not whole (`gap`), nobody knows what was
erased, and nothing is done either before somebody says so: the anchor knows how many lines it had and their digest, the
ledger which requests it must have, and keys that came back without it left a line (``lost``).

A line is written before the anchor, and that before the event that it is about. A process killed in between leaves a
journal that is a little longer than its anchor, which is fine, and never one that is shorter.

Examples
--------
>>> from expunge.ledger.book import Book
>>> owed([{"request": "r1", "kind": "erase"}, {"request": "readmit-9", "kind": "readmit"}], Book())
['r1']
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from expunge.errors import LedgerError
from expunge.ledger.anchor import Journaled, read_whole
from expunge.store.files import append_lines, read_lines
from expunge.store.files import read as read_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from expunge.ledger.book import Book

SILENT = ("backup", "ended", "lost")  # kinds of lines that keep nobody out
_UNKNOWN = (
    "what was forgotten may be in a folder again that comes from a backup, and nobody knows what;"
    " `expunge restore --without-journal` goes on all the same, on the record: then forget again whoever was forgotten"
    " since the backup"
)
SETTLED = ("readmit", "replayed", "backup", "ended")  # kinds of lines that ask for nothing


def read(path: Path) -> list[dict[str, Any]]:
    """All lines, in order; of a request that has several, the last one, in the place of the first.

    Raises
    ------
    LedgerError
        When a line is none that we write.
    """
    entries: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        try:
            entry = json.loads(line)
            entries[entry["request"]] = {"kind": entry["kind"], **entry}
        except (ValueError, TypeError, KeyError) as damage:
            msg = f"line {number} of the journal {path} was altered: it is no entry of a finished erasure"
            raise LedgerError(msg) from damage
    return list(entries.values())


def write(path: Path, entries: Iterable[tuple[str, str, Mapping[str, Any]]], *, state: str = "done") -> None:
    """Add a line for each: the request's number, its kind, its tokens."""
    lines = [{**tokens, "request": number, "kind": kind, "state": state} for number, kind, tokens in entries]
    append_lines(path, [json.dumps(line, sort_keys=True) for line in lines], mode=0o600)


def note(path: Path, kind: str) -> None:
    """Add a line that is about no request: a backup of the keys was made (``backup``), or the journal is ``lost``."""
    write(path, [(f"{kind}-{token_hex(8)}", kind, {})])


def state(path: Path, lines: int | None = None) -> Journaled:
    """How many whole lines there are, and their digest; of so many of the first, where ``lines`` says it."""
    whole = (read_bytes(path) or b"").split(b"\n")[:-1][:lines]
    return Journaled(len(whole), sha256(b"".join(each + b"\n" for each in whole)).hexdigest())


def shortened(path: Path, known: Journaled | None) -> str | None:
    """What is wrong with a journal that does not begin with the lines that its anchor knows; None where it does."""
    found = None if known is None else state(path, known.lines)
    if known is None or found == known:
        return None
    if not path.exists():
        return f"the journal of erasures {path} is missing"
    if found is not None and found.lines < known.lines:
        return f"the journal of erasures {path} has {found.lines} lines, and its anchor says {known.lines}"
    return f"the journal of erasures {path} is not the one that its anchor knows: a line was altered or taken out"


def gap(path: Path, anchor: Path, entries: Iterable[Mapping[str, Any]], book: Book) -> str | None:
    """Why it is not known what was erased: a sentence for whoever has to decide; None where the journal is whole.

    Parameters
    ----------
    path, anchor : Path
        The journal, and what knows its end. An anchor of an older version knows of no journal: then all that is held
        against it is the ledger.
    entries : iterable of mappings
        What `read` read.
    book : Book
        Every request that it has as published must be in the journal.
    """
    held = {str(entry["request"]): entry["kind"] for entry in entries}
    if "lost" in held.values():
        return (
            "the keys of this project came back from a backup without the journal of erasures, or it was lost here and"
            f" going on without it was not finished: {_UNKNOWN}"
        )
    known = read_whole(anchor)  # before the journal: it may grow in between
    why = shortened(path, None if known is None else known.journal)
    if known is None and not path.exists() and book.number > 1:
        why = f"neither the journal of erasures nor the ledger's anchor is in {path.parent}"
    if why is None and lacking(held, book):
        missing = lacking({entry["request"] for entry in read(path)}, book)  # it was read before the ledger was
        why = f"the journal of erasures {path} lacks {len(missing)} requests that this ledger has" if missing else None
    return None if why is None else f"{why}: {_UNKNOWN}"


def lacking(held: Container[str], book: Book) -> list[str]:
    """Requests that were published and of which the journal says nothing, although it is told first."""
    return [request for request in book.carried_out if request not in held]


def owed(entries: Iterable[Mapping[str, Any]], book: Book) -> list[str]:
    """Requests that were finished, that the ledger does not know as done, and that were not replayed."""
    return [entry["request"] for entry in entries if entry["kind"] not in SETTLED and _missing(entry, book)]


def settle(path: Path, book: Book) -> list[str]:
    """Note that all that is owed was replayed, and that a lost journal was gone on without; the requests."""
    entries = read(path)
    missing = owed(entries, book)
    kinds = {"lost": "ended"}  # what was lost cannot be replayed: somebody decided to go on without it
    lines = [
        (entry["request"], kinds.get(entry["kind"], "replayed"), entry)
        for entry in entries
        if entry["request"] in set(missing)
    ]
    if lines:
        write(path, lines)
    return missing


def refuse(path: Path, anchor: Path, entries: Iterable[Mapping[str, Any]], book: Book) -> None:
    """Raise the sentence that asks for `expunge restore`: where the journal is not whole, or has what the ledger lacks.

    The entries are read before the ledger is: an erasure that another process finishes meanwhile is in both then.
    """
    entries = list(entries)
    why = gap(path, anchor, entries, book)
    if why is not None:
        raise LedgerError(why)
    missing = owed(entries, book)
    if missing:
        many = "1 finished erasure" if len(missing) == 1 else f"{len(missing)} finished erasures"
        msg = (
            f"the journal beside the secrets has {many} that this ledger does not know: the folder comes from a backup,"
            " and what was erased since is in it again; run `expunge restore`"
        )
        raise LedgerError(msg)


def _missing(entry: Mapping[str, Any], book: Book) -> bool:
    """Whether the ledger knows less of a request than the journal does; one that was begun and waits is just killed."""
    request = book.requests.get(entry["request"])
    if request is None:
        return True
    return request.state == "received" and entry.get("state", "done") == "done"
