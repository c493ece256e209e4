"""What columns mean, and rows that become records by it and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expunge.data.kinds import TYPES
from expunge.data.schema import Schema, arrow_of, complete, refuse_absent, table_of, typed
from expunge.data.table import Table
from expunge.errors import DataError

SCHEMA = Schema(
    "id",
    "class",
    "person",
    (("size", "number"), ("shop", "category"), ("when", "date"), ("junk", "ignore"), ("count", "integer")),
    id_type="integer",
    owner_type="text",
    label_type="boolean",
)
RAW: dict[str, list[Any]] = {
    "count": ["1", "", "3"],
    "when": ["2024-01-31", "NA", "2024-01-31 10:00"],
    "junk": ["a", "b", "c"],
    "shop": ["x", "y", None],
    "size": ["1.5", "nan", "-2"],
    "class": ["yes", "no", "yes"],
    "person": ["ann", "bob", "ann"],
    "id": ["7", "8", "9"],
}


def raw(**more: list[Any]) -> pa.Table:
    return pa.table({name: pa.array(values, pa.large_string()) for name, values in (RAW | more).items()})


def test_the_schema_says_what_is_read_and_in_which_order() -> None:
    assert SCHEMA.features == ("size", "shop", "when", "count")
    assert list(SCHEMA.kinds) == ["id", "person", "class", "size", "shop", "when", "count"]
    assert SCHEMA.arrow.types == [TYPES[kind] for kind in SCHEMA.kinds.values()]
    assert Schema("id", None, None, ()).arrow.names == ["id"]


def test_rows_become_records() -> None:
    batch = typed(raw(), SCHEMA.kinds, "the test")
    complete(batch, SCHEMA)
    assert batch.schema == SCHEMA.arrow
    table = table_of(batch, SCHEMA)
    assert table.ids.tolist() == [7, 8, 9]
    assert table.owners is not None
    assert table.owners.tolist() == ["ann", "bob", "ann"]
    assert table.label is not None
    assert table.label.tolist() == [True, False, True]
    assert table.names == SCHEMA.features
    assert table.features.column("size").to_pylist() == [1.5, None, -2.0]
    assert arrow_of(table, SCHEMA).equals(pa.Table.from_batches([batch]))


def test_a_table_is_as_one_made_of_a_frame() -> None:
    batch = typed(raw(), SCHEMA.kinds, "the test")
    mine = table_of(batch, SCHEMA)
    other = Table.from_frame(pa.Table.from_batches([batch]), id="id", owner="person", label="class")
    assert mine.schema() == other.schema()
    assert (mine.digests(b"k") == other.digests(b"k")).all()
    assert (mine.draws(b"k") == other.draws(b"k")).all()


@pytest.mark.parametrize(
    ("label_type", "words", "labels"),
    [
        ("integer", ["1", "2.0", "-3"], [1, 2, -3]),
        ("number", ["1", "2.5", "1e3"], [1.0, 2.5, 1000.0]),
        ("text", ["1", "NA", "\u00e9"], ["1", "NA", "\u00e9"]),
        ("boolean", ["1", "no", "T"], [True, False, True]),
    ],
)
def test_labels_have_the_declared_type(label_type: Any, words: list[str], labels: list[Any]) -> None:
    schema = Schema("id", "class", None, (("size", "number"),), label_type=label_type)
    table = table_of(typed(raw(**{"class": words}), schema.kinds, "the test"), schema)
    assert table.label is not None
    assert table.label.tolist() == labels
    assert [type(label) for label in table.label.tolist()] == [type(label) for label in labels]
    assert table.label.dtype == Table.from_arrays(np.zeros((3, 1)), labels).columns.label.dtype  # type: ignore[union-attr]
    assert [schema.labelled(word) for word in words] == labels


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5).filter(lambda s: not s.endswith("\0")), min_size=1
    )
)
def test_text_labels_are_those_that_a_table_has(labels: list[str]) -> None:
    schema = Schema("id", "class", None, (("size", "number"),))
    rows = pa.table(
        {"id": np.arange(len(labels)), "class": pa.array(labels, pa.large_string()), "size": np.zeros(len(labels))}
    )
    mine = table_of(rows, schema).label
    other = Table.from_arrays(np.zeros((len(labels), 1)), labels).label
    assert mine is not None
    assert other is not None
    assert mine.dtype == other.dtype
    assert (mine == other).all()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"size": ["1", "2", "x"]}, "the test: row 13, column 'size': 'x' is not a finite number"),
        ({"id": ["1", "b", "3"]}, "the test: row 12, column 'id': 'b' is not a whole number"),
        ({"class": ["yes", "no", "so-so"]}, "row 13, column 'class': 'so-so' is not one of true"),
    ],
)
def test_the_first_value_that_does_not_fit_is_named(more: dict[str, list[Any]], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        typed(raw(**more), SCHEMA.kinds, "the test", 10)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"id": ["1", None, "3"]}, "row 12, column 'id': there is no id"),
        ({"person": ["a", "b", None]}, "row 13, column 'person': there is no owner"),
        ({"class": [None, "no", "no"]}, "row 11, column 'class': there is no label"),
        (
            {"person": ["a", "b" * 1025, "c"]},
            r"row 12, column 'person': the owner 'bbb[b]*\.\.\. has more than 1024 bytes",
        ),
        ({"person": ["\u00e9" * 513, "b", "c"]}, "row 11, column 'person': the owner .* has more than 1024 bytes"),
    ],
)
def test_every_record_needs_its_names(more: dict[str, list[Any]], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        complete(typed(raw(**more), SCHEMA.kinds, "the test"), SCHEMA, 10)


def test_a_label_must_not_end_in_nul() -> None:
    schema = Schema("id", "class", None, ())
    batch = typed(raw(**{"class": ["a\0b", "a\0", "c"]}), schema.kinds, "the test")
    with pytest.raises(DataError, match=r"row 2, column 'class': the label .* ends in a NUL"):
        complete(batch, schema)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id_type": "number"}, "id_type must be one of integer, text; got 'number'"),
        ({"owner_type": "date"}, "owner_type must be one of"),
        ({"label_type": "category"}, "label_type must be one of integer, number, text, boolean"),
        ({"columns": (("size", "float"),)}, "column 'size' must be one of number, integer"),
        ({"columns": (("size", "number"), ("size", "text"))}, "column 'size' has two roles"),
        ({"label": "id"}, "column 'id' has two roles"),
        ({"columns": (("person", "text"),)}, "column 'person' has two roles"),
    ],
)
def test_a_schema_that_contradicts_itself_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        Schema(**{"id": "id", "label": "class", "owner": "person", "columns": (), **change})


@given(
    st.lists(st.tuples(st.text(), st.sampled_from(["number", "date", "ignore", "text"])), unique_by=lambda c: c[0]),
    st.sampled_from(["integer", "text"]),
)
def test_a_schema_survives_json(columns: list[Any], id_type: Any) -> None:
    schema = Schema("\0id", None, None, tuple(columns), id_type)
    assert Schema.from_written(json.loads(json.dumps(schema.written()))) == schema
    assert schema.without(*(name for name, _ in columns)).columns == ()


def test_an_erased_column_leaves_the_schema() -> None:
    assert SCHEMA.without("shop").features == ("size", "when", "count")
    assert SCHEMA.features == ("size", "shop", "when", "count")


def test_what_somebody_typed_is_read_with_the_type_of_the_column() -> None:
    assert SCHEMA.named(["7", " 8", "9.0"]) == [7, 8, 9]
    assert SCHEMA.named(["7", " 8"], owners=True) == ["7", " 8"]
    assert SCHEMA.labelled("yes") is True
    for word in ("x", "", "7.5", "1e30", "0x7", "\ud800", "'; DROP TABLE"):
        with pytest.raises(DataError, match=r"the id .* does not fit: the column is declared as integer"):
            SCHEMA.named([word])
    without_owners = Schema("id", None, None, (), id_type="integer")
    assert without_owners.named(["7"], owners=True) == [7]


def test_a_column_that_is_not_there_is_named_with_its_nearest() -> None:
    with pytest.raises(DataError, match="the test has no column 'sise'; did you mean 'size'"):
        refuse_absent(["id", "sise"], ["id", "size"], "the test")
    with pytest.raises(DataError, match="the test has no column 'x'; it has 'id', 'size'"):
        refuse_absent(["x"], ["id", "size"], "the test")


def test_a_table_of_numbers_becomes_rows_too() -> None:
    schema = Schema("id", "class", None, (("x1", "number"), ("x0", "number")))
    rows = arrow_of(Table.from_arrays(np.eye(2), ["a", "b"], ids=[3, 4]), schema)
    assert rows.to_pydict() == {"id": [3, 4], "class": ["a", "b"], "x1": [0.0, 1.0], "x0": [1.0, 0.0]}
    with pytest.raises(DataError, match="the table has no owners; the schema declares 'person'"):
        arrow_of(Table.from_arrays(np.eye(2), ["a", "b"]), Schema("id", "class", "person", ()))
    with pytest.raises(DataError, match="the table has no label; the schema declares 'class'"):
        arrow_of(Table.from_arrays(np.eye(2)), schema)
    with pytest.raises(DataError, match="the table has no column 'x2'"):
        arrow_of(Table.from_arrays(np.eye(2)), Schema("id", None, None, (("x2", "number"),)))
    for images in (Table.from_arrays(np.ones((2, 3, 4))), Table.from_dataset(np.ones((2, 3, 4)))):
        with pytest.raises(DataError, match=r"column 'x0' must be one value for each row, got an array of shape"):
            arrow_of(images, Schema("id", None, None, (("x0", "number"),)))
