"""Records in keyed order without a copy for each request: what is made of a table's rows serves all its views.

A sum of floats depends on the order of its terms, so a linear model adds its records in the order of keyed hashes of
their ids. The order of some of the records is the order of all of them with the others left out: it is made once for
the columns that all views share, with the lengths of the records, and a view picks its own. What a view is handed is
the same, bit for bit, as if it had been gathered for it alone.

Examples
--------
>>> import numpy as np
>>> from expunge import Records, Run, Table
>>> table, run = Table.from_arrays(np.arange(8.0)[:, None], np.zeros(8)), Run(key=b"example")
>>> whole = arranged(table, run, bias=True)
>>> rest = arranged(table.after(Records([3])), run, bias=True)
>>> whole.X.gathered().ravel().tolist()
[6.0, 0.0, 1.0, 2.0, 7.0, 3.0, 5.0, 4.0]
>>> rest.X.gathered().ravel().tolist()
[6.0, 0.0, 1.0, 2.0, 7.0, 5.0, 4.0]
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from expunge import keyed
from expunge.linear.design import ROWS, Picked, as_matrix, counts, fullest, is_sparse, norms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from expunge.data.storage import Columns
    from expunge.data.table import Table
    from expunge.linear.design import Matrix
    from expunge.protocol import Run

    Floats = NDArray[np.float64]

HELD = 1 << 30  # bytes of a matrix up to which a copy in keyed order is kept, for whoever passes over it many times


@dataclass(frozen=True, eq=False)
class Arranged:
    """The records of a view in keyed order.

    Attributes
    ----------
    table : Table
        The view in that order.
    X : Picked
        Its numbers, which are finite.
    norms : (n,)
        Lengths of the records.
    fullest : int
        Most numbers other than zero in a record.
    """

    table: Table
    X: Picked
    norms: Floats
    fullest: int


@dataclass(eq=False)
class Standing:
    """All rows of some columns in keyed order.

    Attributes
    ----------
    X : (n, d)
        As they lie.
    order : (n,)
        Which of them stands at each place.
    copy : (n, d) or None
        The rows in that order.
    """

    X: Matrix
    order: NDArray[np.intp]
    copy: Matrix | None = None
    lengths: dict[bool, Floats] = field(default_factory=dict)

    @cached_property
    def counts(self) -> NDArray[np.int32]:
        """(n,) numbers other than zero, by place."""
        return counts(self.X)[self.order]

    def norms(self, *, bias: bool) -> Floats:
        """(n,) lengths, by place."""
        if bias not in self.lengths:
            self.lengths[bias] = norms(self.X, bias=bias)[self.order]
        return self.lengths[bias]

    def places(self, rows: NDArray[np.intp] | None) -> NDArray[np.intp] | None:
        """Where these rows stand, in order; None when a row is asked for twice."""
        if rows is None:
            return np.arange(len(self.order))
        asked = np.zeros(len(self.order), bool)
        asked[rows] = True
        places: NDArray[np.intp] = np.flatnonzero(asked[self.order])
        return places if len(places) == len(rows) else None

    def picked(self, places: NDArray[np.intp]) -> Picked:
        """The numbers at these places."""
        return Picked(self.X, self.order[places]) if self.copy is None else Picked(self.copy, places)

    def fullest(self, places: NDArray[np.intp]) -> int:
        """The most numbers other than zero of those at these places."""
        first = fullest(self.picked(places[:ROWS]))
        return first if first == self.X.shape[1] else int(self.counts[places].max(initial=0))


def arranged(data: Table, run: Run, *, bias: bool, lasting: bool = False) -> Arranged | None:
    """A view of columns of numbers in keyed order; None of columns that are something else.

    Parameters
    ----------
    bias : bool
        Whether a record's length counts a constant feature of 1.
    lasting : bool
        Keep a copy in that order, which passes are faster over, unless it is large; the second who asks gets one, too.
    """
    standing = _standing(data.columns, run, lasting=lasting)
    places = None if standing is None else standing.places(data.rows)
    if standing is None or places is None:
        return None
    view = replace(data, rows=standing.order[places])
    return Arranged(view, standing.picked(places), standing.norms(bias=bias)[places], standing.fullest(places))


def _standing(columns: Columns, run: Run, *, lasting: bool) -> Standing | None:
    held = columns.made
    asked_before = run.key in held
    if not asked_before:
        held.clear()  # of one key only
        held[run.key] = _made(columns, run)
    standing: Standing | None = held[run.key]
    if standing is not None and standing.copy is None and (lasting or asked_before) and _size(standing.X) <= HELD:
        standing.copy = Picked(standing.X, standing.order).gathered()
    return standing


def _made(columns: Columns, run: Run) -> Standing | None:
    X: Any = columns.features
    if not (is_sparse(X) or (isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "biuf")):
        return None
    finite = np.isfinite(X.data if is_sparse(X) else X).all() if len(columns.ids) else True
    return Standing(as_matrix(X), keyed.order(run.key, columns.ids, "fit")) if finite else None


def _size(X: Matrix) -> int:
    return int(X.data.nbytes + X.indices.nbytes if is_sparse(X) else X.nbytes)
