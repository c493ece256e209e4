"""Numbers come in blocks of rows from whatever a table holds, in the order of its view."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from expunge import Table
from expunge.errors import DataError
from expunge.sums.blocks import blocks

X = np.arange(35.0).reshape(7, 5)
FORMS: dict[str, Any] = {
    "array": X,
    "whole": X.astype(int),
    "sparse": sparse.csr_array(X),
    "arrow": pa.table({f"x{place}": X[:, place] for place in range(5)}),
    "objects": X.astype(object),
}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_form_gives_the_same_numbers(form: str) -> None:
    table = Table.from_arrays(FORMS[form]).take(np.array([6, 2, 3, 0]))
    made = list(blocks(table, 3))
    assert [rows for rows, _ in made] == [slice(0, 3), slice(3, 4)]
    assert np.concatenate([block for _, block in made]).tolist() == X[[6, 2, 3, 0]].tolist()


def test_a_mapped_file_is_read_some_rows_at_a_time(tmp_path: Any) -> None:
    np.save(tmp_path / "x.npy", X)
    table = Table.from_arrays(np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert np.concatenate([block for _, block in blocks(table, 2)]).tolist() == X.tolist()


def test_what_is_no_row_of_numbers_is_refused() -> None:
    with pytest.raises(DataError, match=r"a record of these data has shape \(2, 2\)"):
        list(blocks(Table.from_arrays(np.zeros((3, 2, 2)))))
    with pytest.raises(DataError, match="column 'b' holds large_string"):
        list(blocks(Table.from_arrays(pa.table({"a": [1], "b": ["x"]}))))


def test_an_empty_table_has_no_block() -> None:
    assert list(blocks(Table.from_arrays(X).take(slice(0, 0)))) == []
    assert next(blocks(Table.from_arrays(X).select([])))[1].shape == (7, 0)
