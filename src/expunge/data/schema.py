"""`Schema`: which column is the id, the owner, the label, and what each feature is. Declared, hence public.

Rows become records by it: Arrow batches in the declared types, a `Table` of them, and back.

Examples
--------
>>> import pyarrow as pa
>>> schema = Schema("id", "class", None, (("size", "number"), ("note", "ignore")), label_type="boolean")
>>> raw = pa.table({"note": ["x", "y"], "class": ["yes", "no"], "size": ["1.5", ""], "id": ["7", "8"]})
>>> table = table_of(typed(raw, schema.kinds, "the example"), schema)
>>> table.ids, table.label, table.names
(array([7, 8]), array([ True, False]), ('size',))
>>> Schema.from_written(schema.written()) == schema
True
"""

from __future__ import annotations

import difflib
import re
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expunge.data import columns as cols
from expunge.data.kinds import TYPES, Kind, UnfitError, converted, one_array, shown
from expunge.data.labels import as_labels
from expunge.data.storage import Columns
from expunge.data.table import Table
from expunge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from expunge.data.labels import Labels
    from expunge.values import Name, Scalar

WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?", re.ASCII)
NameType: TypeAlias = Literal["integer", "text"]
LabelType: TypeAlias = Literal["integer", "number", "text", "boolean"]


@dataclass(frozen=True)
class Schema:
    """What the columns of a source mean.

    Parameters
    ----------
    id, label, owner : str
        Columns that name the record, what is to be predicted, and whose record it is; the last two may be None.
    columns : tuple of (name, kind)
        The features, in the order in which estimators see them; those of kind ``ignore`` are never read.
    id_type, owner_type : {"integer", "text"}
    label_type : {"integer", "number", "text", "boolean"}

    Raises
    ------
    DataError
        If a column has two roles, or a kind or type is none.
    """

    id: str
    label: str | None
    owner: str | None
    columns: tuple[tuple[str, Kind], ...]
    id_type: NameType = "integer"
    owner_type: NameType = "text"
    label_type: LabelType = "text"

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple((str(name), kind) for name, kind in self.columns))
        for what, got, allowed in (
            ("id_type", self.id_type, get_args(NameType)),
            ("owner_type", self.owner_type, get_args(NameType)),
            ("label_type", self.label_type, get_args(LabelType)),
            *((f"column {name!r}", kind, get_args(Kind)) for name, kind in self.columns),
        ):
            if got not in allowed:
                msg = f"{what} must be one of {', '.join(allowed)}; got {got!r}"
                raise DataError(msg)
        names = [self.id, self.owner, self.label, *(name for name, _ in self.columns)]
        given = [name for name in names if name is not None]
        if len(set(given)) < len(given):
            twice = next(name for place, name in enumerate(given) if name in given[:place])
            msg = f"column {twice!r} has two roles; a column is the id, the owner, the label or a feature, once"
            raise DataError(msg)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns that are learned from."""
        return tuple(name for name, kind in self.columns if kind != "ignore")

    @property
    def kinds(self) -> dict[str, Kind]:
        """Kind of every column that is read: id, owner, label, features."""
        special = ((self.id, self.id_type), (self.owner, self.owner_type), (self.label, self.label_type))
        read: dict[str, Kind] = {name: kind for name, kind in special if name is not None}
        return read | {name: kind for name, kind in self.columns if kind != "ignore"}

    @property
    def arrow(self) -> pa.Schema:
        """Types of all columns that are read, in the order of `kinds`."""
        return pa.schema([(name, TYPES[kind]) for name, kind in self.kinds.items()])

    def without(self, *names: str) -> Schema:
        """The schema less some features."""
        left = tuple((name, kind) for name, kind in self.columns if name not in names)
        return Schema(**{**self._fields(), "columns": left})

    def written(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "columns": [list(column) for column in self.columns]}

    @classmethod
    def from_written(cls, written: Mapping[str, Any]) -> Self:
        """What `written` wrote."""
        columns = tuple((name, kind) for name, kind in written["columns"])
        return cls(**{**written, "columns": columns})

    def named(self, words: Iterable[str], *, owners: bool = False) -> list[Name]:
        """Ids (or owners) that somebody typed, in the declared type.

        Raises
        ------
        DataError
            If one is not of that type; it is the user's own word, so the sentence repeats it.
        """
        kind, what = (self.owner_type, "owner") if owners and self.owner else (self.id_type, "id")
        return [_typed_word(word, kind, what) for word in words]

    def labelled(self, word: str) -> Scalar:
        """A label that somebody typed, in the declared type."""
        label: Scalar = _typed_word(word, self.label_type, "label")
        return label

    def _fields(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


# -- rows in the declared types ----------------------------------------------------------------------------------------


def typed(raw: pa.RecordBatch | pa.Table, kinds: Mapping[str, Kind], said: str, start: int = 0) -> pa.RecordBatch:
    """The declared columns of some rows in the declared types; ``start`` rows came before, rows are counted from 1.

    Raises
    ------
    DataError
        Naming source, row and column of the first value that does not fit.
    """
    parts = []
    for name, kind in kinds.items():
        try:
            parts.append(converted(raw.column(name), kind))
        except UnfitError as unfit:
            row = "" if unfit.row is None else f"row {start + unfit.row + 1}, "
            msg = f"{said}: {row}column {name!r}: {unfit.reason}"
            raise DataError(msg) from None
    return pa.record_batch(parts, schema=pa.schema([(name, TYPES[kind]) for name, kind in kinds.items()]))


def complete(batch: pa.RecordBatch | pa.Table, schema: Schema, start: int = 0) -> None:
    """Raise the sentence that names the first row without id, owner or label, or with one that cannot be.

    A column that is not there at all is not asked for.
    """
    for name, what in ((schema.id, "id"), (schema.owner, "owner"), (schema.label, "label")):
        if name is None or name not in batch.schema.names:
            continue
        column = one_array(batch.column(name))
        if column.null_count:
            row = start + pc.index(pc.is_null(column), value=True).as_py() + 1
            msg = f"row {row}, column {name!r}: there is no {what}; every record needs one"
            raise DataError(msg)
        if pa.types.is_large_string(column.type):
            wrong = (
                pc.ends_with(column, "\0") if what == "label" else pc.greater(pc.binary_length(column), cols.LONGEST)
            )
            row = pc.index(wrong, value=True).as_py()
            if row >= 0:
                problem = "ends in a NUL character" if what == "label" else f"has more than {cols.LONGEST} bytes"
                msg = f"row {start + row + 1}, column {name!r}: the {what} {shown(column[row].as_py())} {problem}"
                raise DataError(msg)


def refuse_absent(wanted: Iterable[str], held: Iterable[str], said: str) -> None:
    """Raise the sentence that names a column that a source lacks, and the nearest that it has."""
    there = list(held)
    for name in wanted:
        if name not in there:
            near = difflib.get_close_matches(name, there, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(repr, there)) or 'none'}"
            msg = f"{said} has no column {name!r}; {hint}"
            raise DataError(msg)


def table_of(rows: pa.RecordBatch | pa.Table, schema: Schema) -> Table:
    """Rows in the declared types, all different records, as a table; a column of owner or label may be absent."""
    columns = {name: one_array(rows.column(name)) for name in rows.schema.names}
    names = tuple(name for name in schema.features if name in columns)
    count = rows.num_rows
    ids = cols.as_names(columns[schema.id], "ids", count)
    owners = cols.as_names(columns[schema.owner], "owners", count) if schema.owner in columns else None
    label = _labels(columns[schema.label]) if schema.label in columns else None
    features = pa.table([columns[name] for name in names], names=list(names))
    return Table(Columns(ids, owners, features, label, names, "arrow"))


def arrow_of(table: Table, schema: Schema) -> pa.Table:
    """A table's records as rows in the declared types.

    Raises
    ------
    DataError
        If the table lacks what the schema declares.
    """
    refuse_absent(schema.features, table.names, "the table")
    parts: dict[str, Any] = {schema.id: table.ids, schema.owner or "": table.owners, schema.label or "": table.label}
    stored = table.stored
    if isinstance(stored, pa.Table):
        parts |= {name: stored.column(name) for name in schema.features}
    else:
        parts |= {name: table.column(name) for name in schema.features}
    absent = next((name for name in schema.kinds if parts[name] is None), None)
    if absent is not None:
        msg = f"the table has no {'owners' if absent == schema.owner else 'label'}; the schema declares {absent!r}"
        raise DataError(msg)
    raw = pa.table({name: cols.as_arrow(parts[name], f"column {name!r}") for name in schema.kinds})
    made = typed(raw, schema.kinds, "the table")
    return pa.Table.from_batches([made])


def _typed_word(word: str, kind: Kind, what: str) -> Any:
    spelled = kind != "integer" or WHOLE.fullmatch(word.strip())  # of a hexadecimal number nobody says whom it means
    try:
        (made,) = converted(pa.array([word], pa.large_string()), kind).to_pylist()
    except (UnfitError, UnicodeEncodeError):
        made = None
    if made is None or not spelled:
        msg = f"the {what} {shown(word)} does not fit: the column is declared as {kind}"
        raise DataError(msg)
    return made


def _labels(column: pa.Array) -> Labels:
    """Labels as numpy has them; each distinct text is made once."""
    if not pa.types.is_large_string(column.type):
        return as_labels(column, len(column))
    cols.refuse_missing(column, "label")
    coded = column.dictionary_encode()
    labels: Labels = np.array(coded.dictionary.to_pylist(), dtype=np.str_)[coded.indices.to_numpy()]
    return labels
