"""What a value becomes depends on that value alone."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from expunge import Table
from expunge.errors import DataError, LearnError
from expunge.methods.trees._coded import codes_of, fixed, refuse_heavy, schema_of, spread_out, values, weights


def test_a_code_belongs_to_its_name_whoever_else_is_there() -> None:
    some, others = codes_of(pa.array(["b", "a", None, "b"])), codes_of(pa.array(["zz", "a", "b"]))
    assert some[1] == others[1]
    assert some[0] == some[3] == others[2]
    assert some[2] == 0
    assert (some >= 0).all()
    assert (some <= 2**30).all()


def test_columns_of_every_type_are_read() -> None:
    frame = pa.table(
        {
            "number": pa.array([1, None]),
            "truth": pa.array([True, False]),
            "date": pa.array([dt.date(1970, 1, 3), None]),
            "text": pa.array(["a", None]),
        }
    )
    data = Table.from_arrays(frame, [0, 1])
    schema = schema_of(data, (), (), None)
    assert schema.coded.tolist() == [False, False, False, True]
    X = values(data, schema)
    assert X[0, :3].tolist() == [1.0, 1.0, 2.0]
    assert np.isnan(X[1, [0, 2]]).all()
    assert X[1, 3] == 0


def test_spreading_keeps_the_order() -> None:
    x = np.sort(np.random.default_rng(0).normal(size=500) * 10.0 ** np.arange(500) ** 0.5)
    assert (np.diff(spread_out(np.sort(x))) >= 0).all()


def test_weights_and_targets_that_do_not_fit_are_sentences() -> None:
    data = Table.from_arrays([[0.5], [1.0]], [0, 1], columns=["w"])
    with pytest.raises(DataError, match=r"row 0 weighs 0\.5"):
        weights(data, "w")
    assert weights(data, None).tolist() == [1, 1]
    with pytest.raises(LearnError, match="counts up to"):
        refuse_heavy(1 << 29)
    with pytest.raises(DataError, match="row 1"):
        fixed(np.array([0.0, 1e300]), 2.0**-20)
    with pytest.raises(DataError, match="rows of columns"):
        schema_of(Table.from_arrays(np.zeros((2, 3, 3)), [0, 1]), (), (), None)
