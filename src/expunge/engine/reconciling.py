"""The source as it is today against the snapshot: rows that are gone become erasures, rows that changed corrections.

A row that the source now gives to somebody, or to a class, that was forgotten must not stay either: reading the source
again leaves it out, so it goes with those that are gone.

Deleting a customer in the shop's database is then enough. The difference is looked at before anything is done: a source
that was truncated, or is empty, must not erase everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from expunge import keyed
from expunge.data.schema import arrow_of, table_of
from expunge.engine import line
from expunge.engine.fence import row_tokens, tokens
from expunge.engine.intake import receive
from expunge.engine.learning import batches_of
from expunge.engine.paper import RECONCILE
from expunge.errors import ConfirmationError
from expunge.values import Correction, Records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.table import Table
    from expunge.engine.evidence import Done
    from expunge.engine.project import Project
    from expunge.engine.root import Root
    from expunge.protocol import Ids

MUCH = 0.01  # share of the rows above which a difference needs to be confirmed


@dataclass(frozen=True)
class Difference:
    """What the source says otherwise than the snapshot.

    Attributes
    ----------
    rows : int
        In the snapshot.
    gone : Ids
        Ids that the source no longer has.
    given : Ids
        Ids of rows that the source now gives to somebody, or to a class, that was forgotten: they go, too.
    changed : Table or None
        Rows of the source that say something else.
    stale : int
        Rows that were put right by a request, and that the source still has as they were wrong: left as they are.
    new : int
        Rows that the snapshot does not hold: `expunge learn --update` learns them.
    fenced : int
        Rows that were forgotten and that the source still has: they stay out.
    """

    rows: int
    gone: Ids
    given: Ids
    changed: Table | None
    stale: int
    new: int
    fenced: int

    @property
    def share(self) -> float:
        """Of the rows that would be forgotten or changed."""
        changed = 0 if self.changed is None else len(self.changed)
        return (len(self.gone) + len(self.given) + changed) / max(self.rows, 1)

    def lines(self) -> list[str]:
        """The difference in words."""
        changed = 0 if self.changed is None else len(self.changed)
        return [
            f"{len(self.gone)} of {self.rows} rows are gone from the source and would be forgotten",
            f"{len(self.given)} rows are now of somebody, or of a class, that was forgotten and would be forgotten",
            f"{changed} rows say something else and would be corrected",
            f"{self.stale} rows were corrected here and are still wrong in the source: mend them there",
            f"{self.fenced} rows were forgotten here and are still in the source: delete them there",
            f"{self.new} rows are new: `expunge learn --update` learns them",
        ]


def difference(project: Project) -> Difference:
    """Compare; nothing is changed. The source is read once, in batches."""
    return project.look(lambda root: _difference(project, root))


def _difference(project: Project, root: Root) -> Difference:
    data, fence, schema = project.table(root), project.fence(root), root.snapshot.schema
    key, secret = project.keyring.fence, keyed.subkey(project.keyring.fence, "reconcile")
    known = _Known(data, secret)
    stale = new = fenced = 0
    theirs = np.zeros(len(data), bool)
    changed: list[pa.Table] = []
    for batch in batches_of(project, schema, schema):
        rows = table_of(batch, schema)
        held = known.seen(rows.ids)
        strangers = rows.take(~held)
        out = fence.covers(key, strangers) | fence.stale(key, strangers)
        fenced, new = fenced + int(out.sum()), new + int((~out).sum())
        others = known.others(rows.take(held))
        wrong = fence.stale(key, others)
        given = fence.covers(key, others) & ~wrong  # to somebody, or to a class, that was forgotten
        theirs |= known.among(others.take(given).ids)
        stale += int(wrong.sum())
        left = wrong | given
        if not left.all():
            changed.append(arrow_of(others.take(~left), schema))
    gone, given_ids = data.take(~known.found).ids, data.take(theirs).ids
    rows_changed = table_of(pa.concat_tables(changed), schema) if changed else None
    return Difference(len(data), gone, given_ids, rows_changed, stale, new, fenced)


def reconcile(project: Project, found: Difference, *, yes: bool = False) -> list[Done]:
    """Forget what is gone, or is a forgotten one's now, and correct what changed, as requests like any other.

    Raises
    ------
    ConfirmationError
        When more than 1 % of the rows would go or change and ``yes`` was not said.
    """
    if found.share > MUCH and not yes:
        msg = (
            f"{found.share:.0%} of the {found.rows} rows would be forgotten or changed, more than {MUCH:.0%}: if the"
            " source is whole, say so with --yes; nothing was changed"
        )
        raise ConfirmationError(msg)
    asked = False
    for target in (_erasure(found), _correction(found)):
        if target is not None:
            receive(project, target, requester=RECONCILE)
            asked = True
    return line.work(project) if asked else []


def _erasure(found: Difference) -> Records | None:
    names = Records(found.gone).ids | Records(found.given).ids
    return Records(names) if names else None


def _correction(found: Difference) -> Correction | None:
    return None if found.changed is None else Correction(found.changed)


class _Known:
    """The snapshot's ids and digests of rows, sorted, and which of them the source was seen to have."""

    def __init__(self, data: Table, secret: bytes) -> None:
        names = tokens(secret, "record", data.ids)
        self.order = np.argsort(_half(names), kind="stable")
        self.names = _half(names)[self.order]
        self.secret, self.rows = secret, row_tokens(secret, data)[self.order]
        self._found = np.zeros(len(data), bool)

    @property
    def found(self) -> NDArray[np.bool_]:
        """(n,) whether each record of the snapshot was seen, in its order."""
        return self._back(self._found)

    def among(self, ids: Ids) -> NDArray[np.bool_]:
        """(n,) whether each record of the snapshot, in its order, is one of these."""
        places, held = self.places(ids)
        mine = np.zeros_like(self._found)
        mine[places[held]] = True
        return self._back(mine)

    def _back(self, marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        back = np.empty_like(marked)
        back[self.order] = marked
        return back

    def places(self, ids: Ids) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Where each id is tokens_among the sorted ones, and whether it is there."""
        sought = _half(tokens(self.secret, "record", ids))
        places = np.minimum(np.searchsorted(self.names, sought), max(len(self.names) - 1, 0))
        held = self.names[places] == sought if len(self.names) else np.zeros(len(sought), bool)
        return places, held

    def seen(self, ids: Ids) -> NDArray[np.bool_]:
        """(n,) whether the snapshot holds each id; those that it holds count as seen."""
        places, held = self.places(ids)
        self._found[places[held]] = True
        return held

    def others(self, rows: Table) -> Table:
        """Those of the rows that say something else than the snapshot's row of the same id."""
        places, _ = self.places(rows.ids)
        return rows.take(row_tokens(self.secret, rows) != self.rows[places])


def _half(held: NDArray[np.void]) -> NDArray[np.uint64]:
    """Half of each token: enough to tell millions apart, and quick to sort."""
    return np.ascontiguousarray(held).view("<u8").reshape(-1, 2)[:, 0].copy()
