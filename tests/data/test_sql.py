"""Tables, views and queries of SQLite and of a real PostgreSQL."""

from __future__ import annotations

import builtins
import datetime as dt
import sqlite3
import uuid
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from expunge.data.schema import Schema
from expunge.data.sql import SqlSource
from expunge.errors import DataError, ExpungeError, MissingExtraError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCHEMA = Schema(
    "id",
    "paid",
    "who",
    (("size", "number"), ("count", "integer"), ("day", "date"), ("note", "category")),
    label_type="boolean",
)
NAMES = [
    "plain",
    "select",
    "Order",
    "a b",
    'quo"te',
    "per%cent",
    "co:lon",
    "dot.ted",
    "\u00e9t\u00e9",
    "'; DROP TABLE x; --",
]


def sqlite(folder: Path, *statements: str, rows: list[tuple[Any, ...]] | None = None) -> str:
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        if rows:
            connection.executemany(f"INSERT INTO shop VALUES ({','.join('?' * len(rows[0]))})", rows)  # noqa: S608
        connection.commit()
    return f"sqlite:///{folder / 'shop.db'}"


def run(url: str, *statements: str) -> str:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
    return url


def read(source: SqlSource, schema: Schema, rows: int = 65_536) -> list[dict[str, Any]]:
    return pa.Table.from_batches(list(source.batches(schema, rows)), schema.arrow).to_pylist()  # type: ignore[no-any-return]


# -- SQLite ------------------------------------------------------------------------------------------------------------


def test_a_table_of_sqlite_with_all_that_it_allows(tmp_path: Path) -> None:
    url = sqlite(
        tmp_path,
        "CREATE TABLE shop (id INTEGER PRIMARY KEY, who TEXT, paid BOOLEAN, size DECIMAL(9,2), count, day DATE, note)",
        rows=[
            (1, "ann", 1, 2.5, 3, "2024-01-31", "x"),
            (2, "bob", 0, "7.25", "4", None, 7),
            (3, "ann", True, None, 5.0, "2024-01-31 10:00:00.5", 2.0),
            (4, "cid", "no", "NA", None, "2024-02-01T00:00:00Z", None),
        ],
    )
    source = SqlSource(url, table="shop")
    midnight = dt.datetime(2024, 1, 31)  # noqa: DTZ001
    assert [tuple(row.values()) for row in read(source, SCHEMA, 2)] == [
        (1, "ann", True, 2.5, 3, midnight, "x"),
        (2, "bob", False, 7.25, 4, None, "7"),
        (3, "ann", True, None, 5, midnight.replace(hour=10, microsecond=500_000), "2"),
        (4, "cid", False, None, None, midnight + dt.timedelta(1), None),
    ]
    assert source.rows() == 4
    assert source.columns()["id"] == pa.int64()
    assert source.peek(3).num_rows == 3
    assert source.peek().column_names == ["id", "who", "paid", "size", "count", "day", "note"]
    assert source.said == f"the table 'shop' of {url}"


def test_a_query_and_a_view(tmp_path: Path) -> None:
    url = sqlite(
        tmp_path,
        "CREATE TABLE shop (a INTEGER, b TEXT)",
        "CREATE VIEW seen AS SELECT a AS id, b || '%' AS word FROM shop WHERE a > 1",
        rows=[(1, "x"), (2, "y"), (3, ":z")],
    )
    schema = Schema("id", None, None, (("word", "text"),))
    expected = [{"id": 2, "word": "y%"}, {"id": 3, "word": ":z%"}]
    assert read(SqlSource(url, table="seen"), schema) == expected
    query = "WITH s AS (SELECT * FROM shop WHERE b <> ':x') SELECT b || '%' AS word, a AS id FROM s WHERE a > 1;"
    source = SqlSource(url, query=query)
    assert read(source, schema) == expected
    with pytest.raises(DataError, match=r"a query of .* has no column 'wort'; did you mean 'word'"):
        read(source, Schema("id", None, None, (("wort", "text"),)))
    with pytest.raises(DataError, match=r"the table 'seen' of .* has no column 'wort'; did you mean 'word'"):
        read(SqlSource(url, table="seen"), Schema("id", None, None, (("wort", "text"),)))
    assert source.rows() == 2
    assert source.holds("id", [1, 3], "integer") == {3}
    assert list(source.columns()) == ["word", "id"]
    assert source.said == f"a query of {url}"
    with pytest.raises(SourceError, match="two columns called 'a'"):
        list(SqlSource(url, query="SELECT a, a FROM shop").raw(["a"]))


@pytest.mark.parametrize("name", NAMES)
def test_names_of_tables_and_columns_are_quoted(tmp_path: Path, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    filled = f"INSERT INTO {quoted} VALUES (5, 1)"  # noqa: S608
    url = sqlite(tmp_path, f"CREATE TABLE {quoted} ({quoted} INTEGER, id INTEGER)", filled)
    source = SqlSource(url, table=name)
    assert read(source, Schema("id", None, None, ((name, "integer"),))) == [{"id": 1, name: 5}]
    assert source.rows() == 1
    assert source.holds(name, [5, 6], "integer") == {5}
    assert source.peek().column_names == [name, "id"]


def test_only_the_ids_are_asked_for(tmp_path: Path) -> None:
    url = sqlite(
        tmp_path, "CREATE TABLE shop (id INTEGER, name TEXT, loose)", rows=[(k, f"n{k}", str(k)) for k in range(3000)]
    )
    source = SqlSource(url, table="shop")
    assert source.holds("id", range(2990, 5000), "integer") == set(range(2990, 3000))
    assert source.holds("name", {"n1", "N2", "x", "\ud800"}, "text") == {"n1"}
    assert source.holds("loose", {1, 4000}, "integer") == {1}
    assert source.holds("id", {"1", "4000"}, "text") == {"1"}
    assert source.holds("id", set(), "integer") == set()
    with pytest.raises(DataError, match="has no column 'x'"):
        source.holds("x", [1], "integer")


def test_a_source_is_never_changed_and_never_created(tmp_path: Path) -> None:
    url = sqlite(tmp_path, "CREATE TABLE shop (id INTEGER)", rows=[(1,)])
    for statement in ("DELETE FROM shop", "DROP TABLE shop", "INSERT INTO shop VALUES (2)"):
        with pytest.raises(SourceError):
            SqlSource(url, query=statement).peek()
    assert SqlSource(url, table="shop").rows() == 1
    with pytest.raises(SourceError, match=r"there is no file .*nothing.db; it is not created"):
        SqlSource("sqlite:///nothing.db", table="shop", folder=tmp_path)
    for memory in ("sqlite://", "sqlite:///:memory:", "sqlite:///file::memory:?uri=true"):
        with pytest.raises(SourceError, match="a database in memory is empty"):
            SqlSource(memory, table="shop")
    assert [path.name for path in tmp_path.iterdir()] == ["shop.db"]
    assert SqlSource("sqlite:///shop.db", table="shop", folder=tmp_path).rows() == 1


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"table": "shopp"}, "the table 'shopp' of .* is not there; the database has 'shop'"),
        ({"query": "SELECT colour FROM shop"}, "a query of .* cannot be read: no such column: colour"),
        ({"query": "SELEKT"}, "cannot be read: near"),
        ({"query": "CREATE TABLE x (a)"}, "cannot be read: attempt to write a readonly database"),
        ({"query": "PRAGMA temp_store = 1"}, "gives no rows; a source is a SELECT"),
        ({"query": ""}, "cannot be read|gives no rows"),
        ({}, "give exactly one of them"),
        ({"table": "shop", "query": "SELECT 1"}, "give exactly one of them"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, more: dict[str, Any], sentence: str) -> None:
    url = sqlite(tmp_path, "CREATE TABLE shop (id INTEGER)")
    with pytest.raises(SourceError, match=sentence) as caught:
        list(SqlSource(url, **more).batches(Schema("id", None, None, ())))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_bytes(b"no database, " * 100)
    with pytest.raises(SourceError, match="cannot be read: file is not a database"):
        SqlSource("sqlite:///shop.db", table="shop", folder=tmp_path)


def test_values_that_are_none_are_named(tmp_path: Path) -> None:
    url = sqlite(tmp_path, "CREATE TABLE shop (id, x)", rows=[(1, 1), (2, b"\x00\xff"), (3, 1)])
    schema = Schema("id", None, None, (("x", "text"),))
    with pytest.raises(SourceError, match=r"row 2, column 'x' holds a bytes, b'.x00.xff'; a value is a number, text"):
        read(SqlSource(url, table="shop"), schema)
    sqlite(tmp_path, "UPDATE shop SET x = 'many' WHERE id = 2")
    with pytest.raises(DataError, match="row 2, column 'x': 'many' is not a whole number"):
        read(SqlSource(url, table="shop"), Schema("id", None, None, (("x", "integer"),)), 1)
    sqlite(tmp_path, "UPDATE shop SET x = CAST(x'ff' AS TEXT) WHERE id = 2")
    with pytest.raises(SourceError, match=r"cannot be read: .*UTF-8"):
        read(SqlSource(url, table="shop"), schema)


def test_hostile_ids_come_through(tmp_path: Path) -> None:
    ids = ["\u00e9\U0001f600", "a'b\"c", "line\nbreak", "../..", "x" * 1024, "", "a,b", "%s", ":id"]
    url = sqlite(tmp_path, "CREATE TABLE shop (id TEXT)", rows=[(name,) for name in ids])
    source = SqlSource(url, table="shop")
    assert [row["id"] for row in read(source, Schema("id", None, None, (), "text"))] == ids
    assert source.holds("id", [*ids, "other"], "text") == set(ids)


def test_what_a_value_becomes_does_not_depend_on_the_others_of_its_batch(tmp_path: Path) -> None:
    values = [1, 1.0, "1", 2.5, "2.5", 2**40, -0.0, 1e22, 1e-7, True, None]
    url = sqlite(tmp_path, "CREATE TABLE shop (id, x)", rows=list(enumerate(values)))
    source = SqlSource(url, table="shop")
    for kind in ("category", "number"):
        schema = Schema("id", None, None, (("x", kind),))
        assert read(source, schema, 1) == read(source, schema)
    assert [row["x"] for row in read(source, Schema("id", None, None, (("x", "category"),)))][:3] == ["1", "1", "1"]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("no url at all", "the url of the source is none"),
        ("postgresql://me:SECRET@host:port/x", "the url of the source is none"),
        ("nosuch://me:SECRET@host/x", "there is no driver for 'nosuch'; sqlite and postgresql work"),
        ("mysql+pymysql://me:SECRET@host/x", "needs the package pymysql"),
        ("postgresql://me:SECRET@127.0.0.1:1/x?connect_timeout=2&password=SECRET", "cannot be read: .*refused"),
        ("postgresql://me:SECRET@/x?host=/nowhere/SECRET", "cannot be read"),
    ],
)
def test_no_message_holds_a_password(url: str, sentence: str) -> None:
    with pytest.raises(ExpungeError, match=sentence) as caught:
        SqlSource(url, table="shop")
    assert "SECRET" not in str(caught.value).replace("/nowhere/SECRET", "")
    assert "SECRET" not in repr(caught.value).replace("/nowhere/SECRET", "")
    assert caught.value.__cause__ is None


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    plain: Callable[..., Any] = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "psycopg":
            msg = "No module named 'psycopg'"
            raise ModuleNotFoundError(msg, name="psycopg")
        return plain(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"needs the package psycopg: pip install 'expunge\[postgresql\]'"):
        SqlSource("postgres://me@host/x", table="shop")


# -- PostgreSQL --------------------------------------------------------------------------------------------------------

SHOP = """CREATE TABLE "Shop" (id bigint PRIMARY KEY, who varchar, paid boolean, size numeric(20, 4), count smallint,
          day date, note uuid, moment timestamptz, more double precision)"""


def test_a_table_of_postgresql(postgres: str) -> None:
    run(
        postgres,
        SHOP,
        """INSERT INTO "Shop" VALUES
        (1, 'ann', true, 2.5, 3, '2024-01-31', '00000000-0000-0000-0000-000000000007', '2024-01-31 10:00+02', 'NaN'),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (3, 'bob', false, 'NaN', -1, '0001-01-01', NULL, '2024-01-31 10:00+00', 1e308)""",
    )
    source = SqlSource(postgres, table="Shop")
    kinds = {"who": "text", "paid": "boolean", "size": "number", "count": "integer", "day": "date", "note": "category"}
    schema = Schema("id", None, None, (*kinds.items(), ("moment", "date"), ("more", "number")))  # type: ignore[arg-type]
    first, second, third = (tuple(row.values()) for row in read(source, schema, 2))
    moment = dt.datetime(2024, 1, 31, 8)  # noqa: DTZ001
    assert first == (1, "ann", True, 2.5, 3, moment.replace(hour=0), str(uuid.UUID(int=7)), moment, None)
    assert second == (2, *[None] * 8)
    assert third == (3, "bob", False, None, -1, dt.datetime(1, 1, 1), None, moment.replace(hour=10), 1e308)  # noqa: DTZ001
    assert source.rows() == 3
    assert source.columns()["size"] == pa.float64()
    assert source.columns()["paid"] == pa.bool_()
    assert source.peek(2).column("size").to_pylist() == [2.5, None]
    assert source.holds("id", [1, 3, 4, 2**70], "integer") == {1, 3}
    assert source.holds("who", ["ann", "cid"], "text") == {"ann"}


def test_numbers_keep_their_nearest_float(postgres: str) -> None:
    values = [Decimal("0.1"), Decimal("12345678901234567890.12345"), Decimal("-1e-30"), Decimal(3)]
    run(postgres, "CREATE TABLE t (id int, x numeric)")
    run(postgres, *(f"INSERT INTO t VALUES ({k}, {v})" for k, v in enumerate(values)))  # noqa: S608
    for rows in (1, 100):
        read_back = read(SqlSource(postgres, table="t"), Schema("id", None, None, (("x", "number"),)), rows)
        assert [row["x"] for row in read_back] == [float(value) for value in values]


@pytest.mark.parametrize("name", ["user", "Gro\u00dfe Tabelle", "per%cent (x)", 'quo"te', "dot.ted"])
def test_odd_names_in_a_schema_and_a_view(postgres: str, name: str) -> None:
    quoted = '"' + name.replace('"', '""').replace("%", "%%") + '"'
    run(
        postgres,
        f"CREATE SCHEMA {quoted}",
        f"CREATE TABLE {quoted}.{quoted} ({quoted} text, id int)",
        f"INSERT INTO {quoted}.{quoted} VALUES ('x%%y', 1)",  # noqa: S608
        f"CREATE VIEW {quoted} AS SELECT id + 1 AS id, {quoted} FROM {quoted}.{quoted}",  # noqa: S608
    )
    schema = Schema("id", None, None, ((name, "text"),))
    assert read(SqlSource(postgres, table=name), schema)[0]["id"] == 2
    if "." not in name:
        source = SqlSource(postgres, table=f"{name}.{name}")
        (row,) = read(source, schema)
        assert row["id"] == 1
        assert source.rows() == 1
        assert list(source.columns()) == [name, "id"]


def test_a_query_is_sent_as_it_is(postgres: str) -> None:
    query = (
        "SELECT k::int AS id, '50%' AS note, '12:30 :x' AS t FROM generate_series(1, 3000) AS k WHERE 'a' LIKE '%a'; "
    )
    source = SqlSource(postgres, query=query)
    schema = Schema("id", None, None, (("note", "text"), ("t", "text")))
    sizes = [batch.num_rows for batch in source.batches(schema, 1000)]
    assert sizes == [1000] * 3
    assert read(source, schema)[-1] == {"id": 3000, "note": "50%", "t": "12:30 :x"}
    assert source.rows() == 3000


def test_rows_stream_from_the_server(postgres: str) -> None:
    """The first batch arrives without the others: the last row would raise."""
    query = "SELECT k AS id, 1 / (100000 - k) AS x FROM generate_series(1, 100000) AS k"
    batches = SqlSource(postgres, query=query).batches(Schema("id", None, None, (("x", "integer"),)), 1000)
    first = next(batches)
    assert first.num_rows == 1000
    with pytest.raises(SourceError, match="cannot be read: division by zero"):
        list(batches)


def test_postgresql_is_only_read(postgres: str) -> None:
    run(postgres, "CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    run(postgres, "CREATE FUNCTION f() RETURNS SETOF int AS 'DELETE FROM t RETURNING id' LANGUAGE sql")
    for query in ("DELETE FROM t RETURNING id", "CREATE TABLE u (id int)", "SELECT 1; DELETE FROM t"):
        with pytest.raises(SourceError, match="cannot be read"):
            SqlSource(postgres, query=query).peek()
    with pytest.raises(SourceError, match="read-only transaction"):
        SqlSource(postgres, query="SELECT f()").peek()
    assert SqlSource(postgres, table="t").rows() == 1


def test_values_that_no_column_holds_are_said(postgres: str) -> None:
    run(
        postgres,
        "CREATE TABLE t (id int, j jsonb, d date, i interval)",
        """INSERT INTO t VALUES (1, '{"a": 1}', 'infinity', '1 day')""",
    )
    for name in "jdi":
        with pytest.raises(ExpungeError, match="the table 't' of"):
            read(SqlSource(postgres, table="t"), Schema("id", None, None, ((name, "text"),)))
    with pytest.raises(SourceError, match=r"the table 'nothing' of .* is not there; the database has 't'"):
        SqlSource(postgres, table="nothing")


def test_a_url_without_a_driver_means_psycopg(postgres: str) -> None:
    run(postgres, "CREATE TABLE t (id int)")
    for name in ("postgresql", "postgres"):
        assert SqlSource(postgres.replace("postgresql+psycopg", name), table="t").rows() == 0
