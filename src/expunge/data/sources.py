r"""Which source a project names, and the rows that a person hands in beside it (corrections, rows to predict for).

Examples
--------
>>> import pathlib, tempfile
>>> from expunge.data.schema import Schema
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = (pathlib.Path(folder) / "mail.csv").write_text("id,words,spam\n7,12,yes\n8,,no\n")
...     source = open_source({"path": "mail.csv"}, pathlib.Path(folder))
...     table = read_rows(source, Schema("id", "spam", None, (("words", "number"),)))
>>> source.said, table.ids.tolist(), table.label.tolist()
('the file mail.csv', [7, 8], ['yes', 'no'])
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expunge.data.columns import refuse_repeated
from expunge.data.files import CsvSource, ParquetSource
from expunge.data.schema import complete, refuse_absent, table_of
from expunge.data.streams import Source
from expunge.errors import DataError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from expunge.data.schema import Schema
    from expunge.data.table import Table

__all__ = ["CsvSource", "ParquetSource", "Source", "expanded", "open_source", "read_rows"]

CSV = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".csv.bz2")
PARQUET = (".parquet", ".pq")
VARIABLE = re.compile(r"\$\{([^}]*)\}")


def open_source(settings: Mapping[str, object], folder: Path) -> Source:
    """The source that a project's settings name.

    Parameters
    ----------
    settings : mapping
        ``path`` of a file, or ``url`` of a database with ``table`` or ``query``; ``${NAME}`` stands for a variable of
        the environment. Other keys mean nothing here.
    folder : Path
        What a path is relative to: the project's folder.

    Raises
    ------
    SourceError
        If they name none, or one that is not there.
    """
    given = {name: _said(settings, name) for name in ("path", "url", "table", "query")}
    path, url = given["path"], given["url"]
    if (path is None) == (url is None):
        msg = "a source is named by path (a CSV or Parquet file) or by url (a database), by exactly one of them"
        raise SourceError(msg)
    if url is not None:
        from expunge.data.sql import SqlSource

        return SqlSource(expanded(url), table=given["table"], query=given["query"], folder=folder)
    for name in ("table", "query"):
        if given[name] is not None:
            msg = f"{name} belongs to a database, named by url; this source is a file, named by path"
            raise SourceError(msg)
    return file_source(folder.joinpath(expanded(path or "")).expanduser())


def file_source(path: Path) -> Source:
    """A CSV or Parquet file, by its ending."""
    name = path.name.lower()
    if name.endswith(PARQUET):
        return ParquetSource(path)
    if name.endswith(CSV):
        return CsvSource(path, delimiter="\t" if ".tsv" in name else None)
    msg = f"the file {path.name} is none that can be read; these can: {', '.join(CSV + PARQUET)}"
    raise SourceError(msg)


def expanded(text: str) -> str:
    """Text with ``${NAME}`` replaced by the variable of the environment.

    Before the ``@`` of a URL the value is taken as it is (a password with an ``@`` or ``/`` in it needs no care).
    """
    userinfo = range(text.find("://") + 3, text.rfind("@")) if "://" in text else range(0)

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name not in os.environ:
            msg = f"the source needs the environment variable {name}, which is not set"
            raise SourceError(msg)
        return quote(os.environ[name], safe="") if found.start() in userinfo else os.environ[name]

    return VARIABLE.sub(value, text)


def read_rows(source: Source, schema: Schema, *, need_label: bool = True) -> Table:
    """All rows of a small source as a table: corrections, additions, rows to predict for.

    A column of owners may be absent. Without ``need_label`` labels are not read, and ids may be absent: the rows are
    then counted from 0.

    Raises
    ------
    SourceError
        If the source cannot be read.
    DataError
        If it lacks a column, a value does not fit, or an id is missing or repeated.
    """
    there, kinds = source.columns(), schema.kinds
    optional = {schema.owner} if need_label else {schema.owner, schema.id}
    if not need_label and schema.label is not None:
        del kinds[schema.label]
    kinds = {name: kind for name, kind in kinds.items() if name in there or name not in optional}
    refuse_absent(kinds, there, source.said)
    types = pa.schema([field for field in schema.arrow if field.name in kinds])
    rows = pa.Table.from_batches(list(source.converted(kinds)), types)
    if schema.id not in kinds:
        names = pa.array(np.arange(rows.num_rows)) if schema.id_type == "integer" else _counted(rows.num_rows)
        rows = rows.append_column(schema.id, names)
    try:
        complete(rows, schema)
    except DataError as incomplete:
        msg = f"{source.said}: {incomplete}"
        raise DataError(msg) from None
    table = table_of(rows, schema)
    refuse_repeated(table.ids, f"{source.said}: ids")
    return table


def _said(settings: Mapping[str, object], name: str) -> str | None:
    value = settings.get(name)
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    msg = f"{name} of the source must be text, got {value!r}"
    raise SourceError(msg)


def _counted(rows: int) -> pa.Array:
    return pc.cast(pa.array(np.arange(rows)), pa.large_string())
