"""A request while it is pending: its target in clear, for the store to seal, and gone when the request ends.

Ledger and certificates name subjects by salted commitments only; this is where the names themselves wait.

Examples
--------
>>> from expunge import Owners
>>> paper = Paper(b"salt", Owners(["alice"]), requester="shop", reference="ticket 12")
>>> Paper.read(paper.written()).target
Owners(names=frozenset({'alice'}))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from expunge import keyed
from expunge.codec import decode, encode
from expunge.data.schema import Schema, arrow_of, table_of
from expunge.data.snapshot import bytes_of
from expunge.values import Addition, Batch, Column, Correction, Label, Owners, Records

if TYPE_CHECKING:
    from expunge.data.table import Table
    from expunge.keyed import Secret
    from expunge.values import Name, Scalar, Target

Subject = tuple[str, "Name"]
"""What a target names: ``("owner", "alice")``."""

RECONCILE = "reconcile"
"""Who asks where the source says otherwise: what is corrected then may be so again when the source says so again."""

NAMING: dict[str, Any] = {kind.__name__: kind for kind in (Records, Owners, Label, Column)}


@dataclass(frozen=True)
class Paper:
    """What a request asks, in clear.

    Attributes
    ----------
    salt : bytes
        Of the commitments; the requester gets it, and with it can show which certificate is about whom.
    target : Target
    requester, reference : str or None
        Who asks, and under which name of their own.
    schema : Schema or None
        Of the rows that a correction or addition brings.
    """

    salt: bytes
    target: Target
    requester: str | None = None
    reference: str | None = None
    schema: Schema | None = None

    def written(self) -> bytes:
        """Canonical bytes."""
        return encode(
            {
                "salt": self.salt,
                "target": _plain(self.target, self.schema),
                "requester": self.requester,
                "reference": self.reference,
                "schema": None if self.schema is None else self.schema.written(),
            }
        )

    @classmethod
    def read(cls, content: bytes) -> Paper:
        """What `written` wrote."""
        held = decode(content)
        schema = None if held["schema"] is None else Schema.from_written(held["schema"])
        return cls(held["salt"], _target(held["target"], schema), held["requester"], held["reference"], schema)


def subjects(target: Target) -> tuple[Subject, ...]:
    """Everyone and everything that a target names, sorted: what a certificate commits to, one by one."""
    match target:
        case Records(ids):
            found: list[Subject] = [("record", name) for name in ids]
        case Owners(names):
            found = [("owner", name) for name in names]
        case Label(value):
            found = [("class", class_name(value))]
        case Column(name):
            found = [("column", name)]
        case Correction(rows) | Addition(rows):
            found = [("record", name) for name in rows.ids.tolist()]
        case Batch(steps):
            found = [subject for step in steps for subject in subjects(step)]
    return tuple(sorted(set(found), key=lambda subject: (subject[0], str(type(subject[1])), subject[1])))


def corrections(target: Target) -> tuple[Correction, ...]:
    """The corrections in a target."""
    if isinstance(target, Batch):
        return tuple(found for step in target.targets for found in corrections(step))
    return (target,) if isinstance(target, Correction) else ()


def class_name(value: Scalar) -> str:
    """A class as the name of a subject: of two types, two names."""
    return f"{type(value).__name__} {value!r}"


def token(key: Secret, target: Target, requester: str | None, reference: str | None) -> str:
    """What makes a request the same request: who asks, and their reference or, without one, what is asked."""
    secret = keyed.subkey(key, "request token")
    asked = f"reference {reference}".encode() if reference is not None else b"target " + content_of(key, target)
    return keyed.digest(secret, (requester or "").encode(), asked)


def content_of(key: Secret, target: Target) -> bytes:
    """Bytes that are equal for equal targets; rows enter by keyed digest, in any order."""
    match target:
        case Batch(steps):
            return encode(["batch", [content_of(key, step) for step in steps]])
        case Correction(rows) | Addition(rows):
            digests = sorted(map(bytes, rows.digests(keyed.subkey(key, "request rows"))))
            return encode([type(target).__name__, digests])
    return encode(_plain(target, None))


def _plain(target: Target, schema: Schema | None) -> dict[str, Any]:
    match target:
        case Records(names) | Owners(names):
            return {type(target).__name__: set(names)}
        case Label(held) | Column(held):
            return {type(target).__name__: held}
        case Batch(steps):
            return {"Batch": [_plain(step, schema) for step in steps]}
        case Correction(rows) | Addition(rows):
            return {type(target).__name__: _rows(rows, schema)}


def _target(plain: dict[str, Any], schema: Schema | None) -> Target:
    ((kind, held),) = plain.items()
    if kind in NAMING:
        named: Target = NAMING[kind](held)
        return named
    if kind == "Batch":
        return Batch([_target(step, schema) for step in held])
    assert schema is not None  # noqa: S101  (rows are always written with their schema)
    table = table_of(pa.ipc.open_stream(held).read_all(), schema)
    return Correction(table) if kind == "Correction" else Addition(table)


def _rows(rows: Table, schema: Schema | None) -> bytes:
    assert schema is not None  # noqa: S101  (who makes a paper of rows knows their schema)
    return bytes_of(arrow_of(rows, schema))
