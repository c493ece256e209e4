"""The journal of finished erasures, beside the secrets: what a restored backup does not know.

One line a request, of keyed tokens and no names (`expunge.engine.fence`). It lies outside the project folder and in no
backup of the keys. A project whose ledger lacks what its journal has was brought back from before; it owes these
erasures, and nothing is done with it until `expunge restore` has replayed them.

Examples
--------
>>> from expunge.ledger.book import Book
>>> owed([{"request": "r1", "kind": "erase"}, {"request": "readmit-9", "kind": "readmit"}], Book())
['r1']
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from expunge.errors import LedgerError
from expunge.store.files import append_lines, read_lines

if TYPE_CHECKING:
    from pathlib import Path

    from expunge.ledger.book import Book

SETTLED = ("readmit", "replayed")  # kinds of lines that ask for nothing
DONE = ("published", "certified")  # states of a request whose erasure is done


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


def write(path: Path, finished: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
    """Add a line for each: the request's number, its kind, its tokens."""
    lines = [
        json.dumps({**tokens, "request": number, "kind": kind}, sort_keys=True) for number, kind, tokens in finished
    ]
    append_lines(path, lines, mode=0o600)


def owed(entries: Iterable[Mapping[str, Any]], book: Book) -> list[str]:
    """Requests that were finished, that the ledger does not know as done, and that were not replayed."""
    asked = (entry["request"] for entry in entries if entry["kind"] not in SETTLED)
    return [number for number in asked if number not in book.requests or book.requests[number].state not in DONE]


def settle(path: Path, book: Book) -> list[str]:
    """Note that all that is owed was replayed; the requests."""
    entries = read(path)
    missing = owed(entries, book)
    lines = [(entry["request"], "replayed", entry) for entry in entries if entry["request"] in set(missing)]
    if lines:
        write(path, lines)
    return missing


def refuse_owed(entries: Iterable[Mapping[str, Any]], book: Book) -> None:
    """Raise the sentence that asks for `expunge restore` where the ledger lacks finished erasures.

    The entries are read before the ledger is: an erasure that another process finishes meanwhile is in both then.
    """
    missing = owed(entries, book)
    if missing:
        many = "1 finished erasure" if len(missing) == 1 else f"{len(missing)} finished erasures"
        msg = (
            f"the journal beside the secrets has {many} that this ledger does not know: the folder comes from a backup,"
            " and what was erased since is in it again; run `expunge restore`"
        )
        raise LedgerError(msg)
