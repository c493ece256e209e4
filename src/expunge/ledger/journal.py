"""The journal of erasures, beside the secrets: what a restored backup does not know.

One line a request, of keyed tokens and no names (`expunge.engine.fence`), written before its publication (``begun``)
and again with its certificate (``done``). It lies outside the project folder and in no backup of the keys. A project
whose ledger lacks what its journal has was brought back from before; it owes these erasures, and nothing is done with
it until `expunge restore` has replayed them. So does one whose keys came back without their journal (``lost``): nobody
knows then what was erased.

Examples
--------
>>> from expunge.ledger.book import Book
>>> owed([{"request": "r1", "kind": "erase"}, {"request": "readmit-9", "kind": "readmit"}], Book())
['r1']
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from expunge.errors import LedgerError
from expunge.store.files import append_lines, read_lines

if TYPE_CHECKING:
    from pathlib import Path

    from expunge.ledger.book import Book

SILENT = ("backup", "ended", "lost")  # kinds of lines that keep nobody out
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


def owed(entries: Iterable[Mapping[str, Any]], book: Book) -> list[str]:
    """Requests that were finished, that the ledger does not know as done, and that were not replayed."""
    return [entry["request"] for entry in entries if entry["kind"] not in SETTLED and _missing(entry, book)]


def settle(path: Path, book: Book) -> list[str]:
    """Note that all that is owed was replayed; the requests."""
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


def refuse_owed(entries: Iterable[Mapping[str, Any]], book: Book) -> None:
    """Raise the sentence that asks for `expunge restore` where the ledger lacks finished erasures.

    The entries are read before the ledger is: an erasure that another process finishes meanwhile is in both then.
    """
    entries = list(entries)
    if any(entry["kind"] == "lost" for entry in entries):
        msg = (
            "the keys of this project came back from a backup without the journal of erasures: what was forgotten since"
            " may be in it again, and nobody knows what; `expunge restore --without-journal` goes on all the same, on"
            " the record: then forget again whoever was forgotten since the backup"
        )
        raise LedgerError(msg)
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
