"""`Table`: rows of features with an id, an owner and a label each, from arrays or from a frame.

A table is a view: `take` and `after` share the columns of the table they come from and select rows of it, so that a
shard of ten million rows copies nothing until an estimator asks for its features. Rows that come are written behind
the others (`storage`). The arrays given are not copied either and must not be changed afterwards.

Examples
--------
>>> import numpy as np
>>> table = Table.from_arrays(np.eye(4), ["ham", "spam", "ham", "spam"], owners=["ann", "bob", "ann", "bob"])
>>> from expunge.values import Batch, Owners, Records
>>> table.after(Owners(["bob"])).label.tolist()
['ham', 'ham']
>>> table.change(Batch([Records([0]), Records([0, 3])])).out
array([0, 3])
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from expunge.data import columns as cols
from expunge.data import digests, items, labels, places, targets
from expunge.data import features as feats
from expunge.data.changing import Changing
from expunge.data.storage import Columns
from expunge.errors import DataError, ParameterError
from expunge.protocol import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from expunge.data.features import Features
    from expunge.data.labels import Labels, Task
    from expunge.keyed import Secret
    from expunge.protocol import Ids, Rows
    from expunge.values import Scalar, Target

SPARSE = 0.75  # columns of which a view shows a smaller part are copied when rows are appended: the others go


@dataclass(frozen=True, eq=False)
class Table(Changing):
    """Records with stable ids, from `Table.from_arrays` or `Table.from_frame`.

    Attributes
    ----------
    classes : tuple or None
        Declared classes: public knowledge, not learned from the data. None: the classes are whatever the labels hold.
        Of multi-label data: the columns of the labels, in their order.
    """

    columns: Columns = field(repr=False)
    rows: NDArray[np.intp] | None = field(default=None, repr=False)
    classes: tuple[Scalar, ...] | None = None

    # -- from what people have -----------------------------------------------------------------------------------------

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        y: Any = None,
        ids: Any = None,
        owners: Any = None,
        *,
        columns: Sequence[str] | None = None,
        classes: Sequence[Any] | None = None,
    ) -> Table:
        """Make a table of arrays.

        Parameters
        ----------
        X : (n, d) array of numbers or objects, (n, ...) array of numbers, or a pandas, polars or Arrow frame
            A sparse matrix of scipy stays sparse, for learners that take one.
            In an array of three dimensions or more (images, sequences) a record is one thing: one feature, ``x0``.
            A memory-mapped array is read some rows at a time, when they are asked for.
        y : (n,) or (n, k) labels, optional
            Classes (bool, int or text) or numbers for regression. Needed for learning, not for predicting. In several
            columns, truth values say which of k classes a record carries, and floats are k targets of a regression.
        ids : (n,) int or str, optional
            Unique and stable; the positions 0 to n - 1 when there are none.
        owners : (n,) int or str, optional
            Whose record it is: all records of an owner stay together.
        columns : d names, optional
            Names of the features; ``x0, x1, ...`` when there are none.
        classes : optional
            Declared classes: public knowledge, not learned from the data. Of multi-label data the k names of the
            columns; those of the frame, else 0 to k - 1, when there are none.

        Raises
        ------
        DataError
            With the first offending row: a repeated or missing id, a missing label, mixed types.
        """
        features, names, kind = feats.as_features(X, columns)
        count = features.shape[0]
        named = np.arange(count) if ids is None else cols.as_names(ids, "ids", count)
        cols.refuse_repeated(named, "ids")
        label = None if y is None else labels.as_labels(y, count)
        owned = None if owners is None else cols.as_names(owners, "owners", count)
        shared = Columns(named, owned, features, label, names, kind)
        return cls(shared, None, labels.as_classes(classes, label, labels.names_of(y)))

    @classmethod
    def from_dataset(
        cls,
        dataset: Any,
        ids: Any = None,
        owners: Any = None,
        *,
        y: Any = None,
        classes: Sequence[Any] | None = None,
    ) -> Table:
        """Make a table of a map-style dataset, whose items are read when they are asked for.

        Parameters
        ----------
        dataset : object with ``__len__`` and ``__getitem__``
            Items are ``x`` or ``(x, y)``; each ``x`` is an array or tensor of numbers, all of one type and shape, and
            the same at each reading: random augmentation is the learner's, as its ``augment``.
        ids, owners, classes : as in `from_arrays`
        y : optional
            Labels, in place of those of the items; these are read in one pass when there are none.

        Raises
        ------
        DataError
            As `from_arrays`, and with the first item that was found to be another thing.
        """
        features, label = items.of_dataset(dataset, labelled=y is None)
        return cls.from_arrays(features, label if y is None else y, ids, owners, classes=classes)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        label: str | Sequence[str] | None = None,
        id: str | None = None,  # noqa: A002  (the column's everyday name)
        owner: str | None = None,
        classes: Sequence[Any] | None = None,
        ignore: Sequence[str] = (),
    ) -> Table:
        """Make a table of a pandas, polars or Arrow frame; columns that are not named here are the features.

        Several columns as ``label`` are labels side by side (`from_arrays`), even if the sequence names only one.

        Raises
        ------
        DataError
            As `from_arrays`, and when the frame lacks a column that is named.
        """
        if not feats.is_frame(frame):
            msg = f"from_frame takes a pandas, polars or Arrow table, not a {type(frame).__name__}: use from_arrays"
            raise DataError(msg)
        held = nw.from_native(frame, eager_only=True)
        many = labels.as_several(label)
        special = [name for name in (id, owner, *(many or (label,)), *ignore) if name is not None]
        for name in special:
            if name not in held.columns:
                msg = f"the frame has no column {name!r}; it has {', '.join(map(repr, held.columns))}"
                raise DataError(msg)
        parts = [None if name is None else held[name].to_native() for name in (many or label, id, owner)]
        return cls.from_arrays(held.drop(special).to_native(), *parts, classes=classes)

    # -- what a record has ---------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        owners = "no owners" if self.columns.owners is None else "owners"
        return f"Table({len(self)} records, {len(self.names)} features, {labels.said(self.columns.label)}, {owners})"

    def __len__(self) -> int:
        return len(self.columns.ids) if self.rows is None else len(self.rows)

    @property
    def ids(self) -> Ids:
        """(n,) int64 or Arrow strings."""
        return self._view(self.columns.ids)

    @property
    def owners(self) -> Ids | None:
        """(n,) int64 or Arrow strings, or None."""
        return None if self.columns.owners is None else self._view(self.columns.owners)

    @property
    def units(self) -> Ids:
        """(n,) what stays together: the owner, else the record."""
        owners = self.owners
        return self.ids if owners is None else owners

    @property
    def label(self) -> Labels | None:
        """(n,) bool, int64, float64 or text, or (n, k) bool or float64; None in a table to predict for."""
        held = self.columns.label
        return held if held is None or self.rows is None else labels.take(held, self.rows)

    @property
    def present(self) -> tuple[Scalar, ...]:
        """Distinct labels of these records, sorted; of multi-label data its classes, of several numbers none."""
        label = self.columns.label
        if label is None:
            return ()
        if label.ndim > 1:
            return self.classes or ()
        names, codes = self.columns.coded
        held = codes if self.rows is None else codes[self.rows]
        return tuple(names[np.bincount(held, minlength=len(names)) > 0].tolist())

    @property
    def task(self) -> Task | None:
        """What the labels ask for: ``classification``, ``multilabel`` or ``regression``; None without labels."""
        return labels.task_of(self.columns.label, self.classes)

    @property
    def features(self) -> Any:
        """(n, d) or (n, ...), as what they came as: an array or a frame; what is to be read is read, all of it."""
        return feats.handed(self.stored, self.columns.kind)

    @property
    def stored(self) -> Features:
        """(n, d) or (n, ...), as they are kept: an array, an Arrow table, or `Items` that ``np.asarray`` reads."""
        return self.columns.features if self.rows is None else feats.take(self.columns.features, self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return self.columns.names

    def column(self, name: str) -> NDArray[Any]:
        """(n,) one feature, for reading."""
        self._known(name)
        return feats.column(self.columns.features, self.names.index(name), self.rows)

    def schema(self) -> str:
        """Names and types of all that a record has, and the declared classes: the public part."""
        label = labels.schema(self.columns.label)
        kinds = [None if names is None else type(names).__name__ for names in (self.columns.ids, self.columns.owners)]
        return repr((self.names, feats.schema(self.columns.features), self.columns.kind, label, kinds, self.classes))

    def digests(self, key: Secret, *, named: bool = True) -> NDArray[np.uint8]:
        """(n, 16) keyed digests of the records, without ids and owners when not ``named``; made once for all views."""
        made = self.columns.digest(key, named=named)
        return made if self.rows is None else made[self.rows]

    def draws(self, key: Secret) -> NDArray[np.uint64]:
        """(n, 2) keyed random numbers of the unit of each record; made once for all views."""
        drawn = self.columns.draws(key)
        return drawn if self.rows is None else drawn[self.rows]

    # -- what becomes of them ------------------------------------------------------------------------------------------

    def take(self, rows: Rows) -> Table:
        """Some of the records, in the order of ``rows``: a view."""
        if self.rows is not None:
            return Table(self.columns, self.rows[rows], self.classes)
        if isinstance(rows, slice):
            return Table(self.columns, np.arange(*rows.indices(len(self))), self.classes)
        picked: NDArray[Any] = np.asarray(rows)
        few = picked.dtype.kind in "iu" and picked.ndim == 1 and len(picked) < len(self) >> 3
        held = places.wrapped(picked, len(self)) if few else np.arange(len(self))[rows]  # a few need no list of all
        return Table(self.columns, held, self.classes)

    def without(self, rows: NDArray[np.intp]) -> Table:
        """All records but some, in their order: a view."""
        if not len(rows):
            return self
        held = np.arange(len(self)) if self.rows is None else self.rows
        return self._like(Table(self.columns, np.delete(held, rows if len(rows) != 1 else rows[0]), self.classes))

    def drop(self, name: str) -> Table:
        """All records without one feature; the table itself where there is no such feature."""
        if name not in self.names:
            return self
        return self.select([held for held in self.names if held != name])

    def select(self, names: Sequence[str]) -> Table:
        """All records with these features, in this order."""
        if tuple(names) == self.names:
            return self
        for name in names:
            self._known(name)
        places = [self.names.index(name) for name in names]
        held = replace(self.columns, features=feats.select(self.columns.features, places), names=tuple(names))
        return replace(self, columns=held)

    def owned(self, owners: Ids | None) -> Table:
        """The same records with other owners."""
        return Table(replace(self.gathered().columns, owners=owners), None, self.classes)

    def joined(self, then: Table) -> Table:
        """These records and those, in the types of these; ids must not repeat.

        Where the features are an array, what is held is not copied each time: the rows are written behind it.
        """
        held, rows = self.columns, self.rows
        if rows is not None and not (isinstance(held.features, np.ndarray) and len(rows) > SPARSE * len(held.ids)):
            held, rows = held.take(rows), None
        new = held.part(slice(0, 0)).beside(then.gathered().columns, self.classes, then.classes)
        self._refuse_held(new.ids)
        labels.as_classes(self.classes, new.label)
        merged = held.appended(new)
        if rows is None:
            return Table(merged, None, self.classes)
        behind = np.arange(len(held.ids), len(merged.ids))
        return self._like(Table(merged, np.concatenate([rows, behind]), self.classes))

    def gathered(self) -> Table:
        """The same records with columns of their own."""
        if self.rows is None:
            return self
        made = Table(self.columns.take(self.rows), None, self.classes)
        made.__dict__["tallies"] = self.tallies  # of the same records
        return made

    def twins(self, target: Target) -> NDArray[np.intp]:
        """Positions of records that stay although a forgotten one is the same in all features and label."""
        return digests.twins(self, target)

    def remarks(self, target: Target) -> tuple[str, ...]:
        """What a requester should know of this target in these data, in sentences."""
        return targets.remarks(self, target)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle only the rows of this view: a worker is handed its shard and nothing else."""
        own = self.columns.take(
            slice(None) if self.rows is None else self.rows
        )  # gathered: Arrow pickles what it slices
        return Table, (replace(own), None, self.classes)  # without what was remembered of them

    def _known(self, name: str) -> None:
        if name not in self.names:
            msg = f"there is no column {name!r}; there are {', '.join(map(repr, self.names))}"
            raise DataError(msg)

    def _like(self, made: Table) -> Table:
        """A table made of this one, with rows in the same order and others behind, which knows whether they ascend."""
        if self.__dict__.get("_ascending"):
            made.__dict__["_ascending"] = True
        return made

    def _refuse_held(self, new: Ids) -> None:
        """Raise the sentence that names the first row whose id an earlier row has, of these and new ones behind."""
        places = self.places(new.tolist()) if isinstance(new, np.ndarray) else None
        free = places is not None and not len(places) and len(np.unique(new)) == len(new)
        if not free:
            cols.refuse_repeated(cols.joined_names(self.ids, new, "ids"), "ids")

    def _view(self, names: Ids) -> Ids:
        return names if self.rows is None else cols.take_names(names, self.rows)


def expect(data: object, *runs: object) -> None:
    """Raise a sentence when a method is given something else than a table, or than a run."""
    if not isinstance(data, Table):
        msg = f"data must be a Table (Table.from_arrays and Table.from_frame make one), got a {type(data).__name__}"
        raise DataError(msg)
    for run in runs:
        if not isinstance(run, Run):
            msg = f"what a method may use is a Run, e.g. Run(key=...); got a {type(run).__name__}"
            raise ParameterError(msg)
