"""Rows in a database: a table, a view or a query, by a SQLAlchemy URL; SQLite needs nothing, PostgreSQL an extra.

Rows come through a cursor of the server, a batch at a time, in a transaction that can only read. Values are taken as
the driver gives them, one by one where a column mixes types (SQLite allows that), and mean what the schema says.
"""

from __future__ import annotations

import datetime as dt
import uuid
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import pool
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from expunge.data.kinds import converted, decimal_text, shown
from expunge.data.schema import refuse_absent
from expunge.data.streams import ROWS, Source, askable, refuse_twins
from expunge.errors import MissingExtraError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from expunge.data.schema import NameType
    from expunge.values import Name

SOME = 500  # ids of one question
POSTGRESQL = ("postgres", "postgresql")
SAME = {int, float, str, bool, dt.date, dt.datetime}  # a column of one of these goes into Arrow at once
RAW: tuple[tuple[type[Any], pa.DataType], ...] = (
    (sa.Boolean, pa.bool_()),
    (sa.Integer, pa.int64()),
    (sa.Numeric, pa.float64()),
    (sa.DateTime, pa.timestamp("us")),
    (sa.Date, pa.date32()),
)


class SqlSource(Source):
    """A table, view or query of a database.

    Parameters
    ----------
    url : str
        As SQLAlchemy has it: ``sqlite:///shop.db``, ``postgresql://user@host/shop``. It never shows its password.
    table : str, optional
        With its schema before a dot, where it has one. It is quoted: any name is safe.
    query : str, optional
        Sent as it is.
    folder : Path, optional
        What the file of SQLite is relative to.

    Raises
    ------
    SourceError
        If the database cannot be reached, or there is no such table; a missing SQLite file is not created.
    MissingExtraError
        If the driver is not installed.
    """

    def __init__(
        self, url: str, *, table: str | None = None, query: str | None = None, folder: Path | None = None
    ) -> None:
        if (table is None) == (query is None):
            msg = "a source in a database is a table or a query: give exactly one of them"
            raise SourceError(msg)
        self._url = _parsed(url)
        self._secrets = {text for text in (self._url.password, url.rpartition("@")[0]) if text}
        plain = self._url.set(query={}).render_as_string(hide_password=True)
        self.said = f"{'a query' if table is None else f'the table {table!r}'} of {plain}"
        self._engine = self._made(folder or Path())
        self._query = query
        self._table = None if table is None else self._found(table)

    # -- what a source is ----------------------------------------------------------------------------------------------

    def columns(self) -> dict[str, pa.DataType]:
        """Names and types of the columns: as the table declares them, or as the first rows of a query have them."""
        if self._table is None:
            return {field.name: field.type for field in self.peek(1000).schema}
        with self._talking() as connection:
            held = sa.inspect(connection).get_columns(self._table.name, self._table.schema)
        return {column["name"]: _raw_type(column["type"]) for column in held}

    def rows(self) -> int | None:
        """How many there are now."""
        try:
            with self._talking() as connection:
                if self._table is not None:
                    counted = connection.execute(sa.select(sa.func.count()).select_from(self._table))
                else:
                    counted = _sent(connection, f"SELECT count(*) FROM ({_bare(self._query)}) AS counted")  # noqa: S608
                return int(counted.scalar_one())
        except SourceError:
            return None

    def peek(self, rows: int = 10_000) -> pa.Table:
        """The first rows."""
        statement = None if self._table is None else sa.select(sa.text("*")).select_from(self._table).limit(rows)
        with self._running(statement, rows) as result:
            names = list(result.keys())
            refuse_twins(names, self.said)
            columns = list(zip(*result.fetchmany(rows), strict=True)) or [()] * len(names)
        return pa.table([_peeked(values) for values in columns], names=names)

    def raw(self, names: Sequence[str], rows: int = ROWS) -> Iterator[pa.RecordBatch]:
        """These columns, through a cursor of the server."""
        statement: sa.Executable | None = None
        if self._table is not None:
            refuse_absent(names, self.columns(), self.said)
            statement = sa.select(*(sa.column(name) for name in names)).select_from(self._table)
        start = 0
        with self._running(statement, rows) as result:
            held = list(result.keys())
            refuse_twins(held, self.said)
            refuse_absent(names, held, self.said)
            places = [place if statement is not None else held.index(name) for place, name in enumerate(names)]
            for part in result.partitions(rows):
                columns = list(zip(*part, strict=True))
                arrays = [self._array(columns[at], held[at], start) for at in places]
                yield pa.record_batch(arrays, names=list(names))
                start += len(part)

    def holds(self, column: str, names: Collection[Name], kind: NameType) -> set[Name]:
        """Those of these ids that are still there; the database is asked for them where the column has their type."""
        wanted = askable(names, kind)
        fits = {"integer": pa.int64(), "text": pa.large_string()}[kind]
        if self._table is None or self.columns().get(column) != fits:
            return super().holds(column, names, kind)
        found: set[Name] = set()
        asked: sa.ColumnClause[Any] = sa.column(column)
        with self._talking() as connection:
            for start in range(0, len(wanted), SOME):
                some = wanted.slice(start, SOME).to_pylist()
                rows = connection.execute(sa.select(asked).select_from(self._table).where(asked.in_(some)).distinct())
                values = self._array([row[0] for row in rows], column, 0)
                found.update(converted(values, kind).to_pylist())
        return found & set(wanted.to_pylist())  # a collation may find more than was asked for

    # -- the database --------------------------------------------------------------------------------------------------

    def _made(self, folder: Path) -> sa.Engine:
        """An engine that connects when it is asked to."""
        more: dict[str, Any] = {"poolclass": pool.NullPool, "hide_parameters": True}
        if self._url.get_backend_name() == "sqlite":
            more["creator"] = _sqlite(self._url.database, folder, self.said)
        try:
            return sa.create_engine(self._url, **more)
        except NoSuchModuleError:
            msg = f"{self.said}: there is no driver for {self._url.drivername!r}; sqlite and postgresql work"
            raise SourceError(msg) from None
        except ModuleNotFoundError as missing:
            extra = "expunge[postgresql]" if missing.name == "psycopg" else missing.name
            msg = f"{self.said} needs the package {missing.name}: pip install '{extra}'"
            raise MissingExtraError(msg) from None
        except SQLAlchemyError as refusal:
            raise self._sentence(refusal) from None

    def _found(self, name: str) -> sa.TableClause:
        """The table or view of this name, with a schema before the dot or without one."""
        schema, _, plain = name.rpartition(".")
        with self._talking() as connection:
            inspector = sa.inspect(connection)
            if inspector.has_table(name):
                return sa.table(name)
            if schema and inspector.has_table(plain, schema):
                return sa.table(plain, schema=schema)
            held = sorted({*inspector.get_table_names(), *inspector.get_view_names()})
        msg = f"{self.said} is not there; the database has {', '.join(map(repr, held[:20])) or 'no tables'}"
        raise SourceError(msg)

    @contextmanager
    def _talking(self) -> Iterator[sa.Connection]:
        """A connection that can only read, and sentences for what goes wrong."""
        try:
            with self._engine.connect() as connection:
                if self._url.get_backend_name() == "postgresql":
                    connection = connection.execution_options(postgresql_readonly=True)  # noqa: PLW2901
                yield connection
        except SQLAlchemyError as refusal:
            raise self._sentence(refusal) from None

    @contextmanager
    def _running(self, statement: sa.Executable | None, rows: int) -> Iterator[sa.CursorResult[Any]]:
        """A statement, or the query as it was given."""
        with self._talking() as connection:
            streamed = connection.execution_options(stream_results=True, max_row_buffer=rows)
            result = _sent(streamed, _bare(self._query)) if statement is None else streamed.execute(statement)
            with closing(result):
                if not result.returns_rows:
                    msg = f"{self.said} gives no rows; a source is a SELECT"
                    raise SourceError(msg)
                yield result

    def _sentence(self, refusal: Exception) -> SourceError:
        """What the database said, in one line and without the password."""
        said = str(getattr(refusal, "orig", None) or refusal).strip().partition("\n")[0]
        for secret in self._secrets:
            said = said.replace(secret, "***").replace(quote(secret, safe=""), "***")
        return SourceError(f"{self.said} cannot be read: {said}")

    def _array(self, values: Sequence[Any], name: str, start: int) -> pa.Array:
        """Values of one column, in Arrow; those of several types as text."""
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) <= 1 and kinds <= SAME:
            try:
                return pa.array(values)
            except (pa.ArrowInvalid, OverflowError):  # an integer of more than 64 bits, a date far away
                pass
        made = []
        for row, value in enumerate(values, start + 1):
            try:
                made.append(None if value is None else _text(value))
            except TypeError:
                msg = f"{self.said}: row {row}, column {name!r} holds a {type(value).__name__}, {shown(value)}"
                raise SourceError(f"{msg}; a value is a number, text, a truth value or a date") from None
        return pa.array(made, pa.large_string())


def _parsed(url: str) -> sa.URL:
    try:
        made = make_url(url)
    except (ArgumentError, ValueError):
        msg = "the url of the source is none: it reads like sqlite:///shop.db or postgresql://user:password@host/name"
        raise SourceError(msg) from None
    return made.set(drivername="postgresql+psycopg") if made.drivername in POSTGRESQL else made


def _sqlite(database: str | None, folder: Path, said: str) -> Callable[[], Any]:
    """How to connect to a file of SQLite that exists."""
    import sqlite3

    name = (database or ":memory:").removeprefix("file:").partition("?")[0]
    path = folder / name
    if name == ":memory:":
        msg = f"{said}: a database in memory is empty; name the file, as in sqlite:///shop.db"
        raise SourceError(msg)
    if not path.is_file():
        msg = f"{said}: there is no file {path}; it is not created"
        raise SourceError(msg)

    def connect() -> Any:
        made = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=rw", uri=True)
        made.execute("PRAGMA query_only = ON")
        return made

    return connect


def _sent(connection: sa.Connection, query: str) -> sa.CursorResult[Any]:
    """A query without parameters, so that % and : in it mean what they mean to the database."""
    return connection.execution_options(no_parameters=True).exec_driver_sql(query)


def _bare(query: str | None) -> str:
    return (query or "").strip().rstrip(";")


def _raw_type(declared: Any) -> pa.DataType:
    return next((kind for of, kind in RAW if isinstance(declared, of)), pa.large_string())


def _peeked(values: Sequence[Any]) -> pa.Array:
    """A column as Arrow guesses it; decimals as numbers, mixed and strange ones as text."""
    if any(isinstance(value, Decimal) for value in values):
        values = [float(value) if isinstance(value, Decimal) else value for value in values]
    values = [str(value) if isinstance(value, uuid.UUID) else value for value in values]  # Arrow has a type of its own
    try:
        made = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        made = pa.array([None if value is None else str(value) for value in values])
    return made.cast(pa.large_string()) if pa.types.is_null(made.type) else made


def _text(value: Any) -> str:
    """A value as text, the same as Arrow's text of it."""
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case int() | dt.datetime() | dt.date() | dt.time() | uuid.UUID():
            return str(value)
        case float():
            return str(converted(pa.array([value]), "text")[0].as_py() or "nan")
        case Decimal():
            return decimal_text(value) if value.is_finite() else str(value)
    raise TypeError
